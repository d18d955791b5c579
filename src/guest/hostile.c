/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hostile guest.
 *
 * It connects as any guest does, does one misdeed on queue 0, and reports what
 * the backend made of it: the answers, that it closed the vif and why, or
 * nothing. A vif that is still there then has to carry one good frame, so that
 * a test sees whether it lives. The table below is both the list for people
 * and what is run; NAME:N gives a misdeed another number than its usual one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "hostile_kit.h"
#include "report.h"
#include "say.h"

static const struct hostile_misdeed hostile_misdeeds[] = {
	{ "good", 0, 0, 0, "no misdeed: one good frame of 60 bytes", hostile_good },
	{ "tx-prod-ahead", 257, UINT32_MAX, HOSTILE_RUINS,
	  "TX req_prod N ahead of what was answered", hostile_tx_prod },
	{ "tx-prod-huge", 0x80000000u, 0, HOSTILE_RUINS, "the same, 2^31 ahead", hostile_tx_prod },
	{ "rx-prod-ahead", 257, UINT32_MAX, HOSTILE_RUINS | HOSTILE_QUIET_RX,
	  "RX req_prod N ahead of what was answered", hostile_rx_prod },
	{ "offset-over-page", 0, 17, 0, "slot N (0: the first) has offset 4000 and size 200",
	  hostile_offset_over_page },
	{ "chain-past-ring", 0, 0, 0, "the last slot published has more_data",
	  hostile_chain_past_ring },
	{ "chain-too-long", 20, 256, 0, "a frame of N slots: 20 is a mistake, 22 is rogue",
	  hostile_chain_too_long },
	{ "size-underflow", 0, 0, 0, "the first slot's size is less than the second's",
	  hostile_size_underflow },
	{ "zero-size", 0, 0, 0, "a frame of one slot of 0 bytes", hostile_zero_size },
	{ "zero-tail", 0, 0, 0, "60 good bytes, then two slots of 0 bytes", hostile_zero_tail },
	{ "zero-middle", 0, 0, 0, "a slot of 0 bytes between two good ones", hostile_zero_middle },
	{ "extra-unknown-type", 0, 255, 0, "an extra of type N: 0, or 7, is unknown to anybody",
	  hostile_extra_unknown_type },
	{ "extra-chain-to-end", 0, 0, 0, "255 extras, each announcing another",
	  hostile_extra_chain_to_end },
	{ "gso-size-zero", 0, 0, 0, "a GSO extra with size 0", hostile_gso_size_zero },
	{ "gso-bad-type", 3, 255, 0, "a GSO extra of type N, which is neither TCPv4 nor TCPv6",
	  hostile_gso_bad_type },
	{ "bad-gref", 0, 0, 0, "a grant reference that does not exist", hostile_bad_gref },
	{ "bad-gref-batch", 64, 256, 0, "N frames, every third with a bad grant reference",
	  hostile_bad_gref_batch },
	{ "runt", 13, 13, 0, "a frame of N bytes", hostile_runt },
	{ "event-storm", 5, 3600, 0, "kicks for N seconds, without work", hostile_event_storm },
	{ "flip", 5, 3600, 0, "a thread rewrites published slots for N seconds", hostile_flip },
	{ "flip-valid", 5, 3600, 0, "the same within bounds: the vif has no reason to close",
	  hostile_flip_valid },
	{ "never-take-rx", 10, 3600, HOSTILE_QUIET_RX, "no RX buffers for N seconds",
	  hostile_never_take_rx },
	{ "one-rx-slot", 10, 3600, HOSTILE_QUIET_RX, "exactly one RX buffer for N seconds",
	  hostile_one_rx_slot },
	{ "big-ids", 64, 256, 0, "N good frames whose ids go up to 1023", hostile_big_ids },
	{ "csum-garbage", 0, 0, 0, "csum_blank on a frame that is neither TCP nor UDP",
	  hostile_csum_garbage },
	{ "split-headers", 18, 256, 0, "a 14-byte slot, then slots of 1 byte, N in all",
	  hostile_split_headers },
	{ "toggle-state", 100000, 100000000, 0, "the frontend's state toggled N times",
	  hostile_toggle_state },
};

#define MISDEEDS (sizeof(hostile_misdeeds) / sizeof(hostile_misdeeds[0]))

void hostile_list(void)
{
	for (size_t i = 0; i < MISDEEDS; i++) {
		const struct hostile_misdeed *misdeed = &hostile_misdeeds[i];
		char name[40];

		snprintf(name, sizeof(name), misdeed->max ? "%s:%u" : "%s", misdeed->name,
			 misdeed->number);
		printf("%-21s %s\n", name, misdeed->help);
	}
}

/* What stands after the colon, a number up to max. */
static bool hostile_parse_number(const char *text, unsigned max, unsigned *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*number = (unsigned)value;
	return end != text && !*end && text[0] != '-' && value <= max;
}

/* NAME or NAME:N -> the row, and N. NULL when there is none. */
static const struct hostile_misdeed *hostile_find(const char *text, unsigned *number)
{
	const char *colon = strchrnul(text, ':');

	for (size_t i = 0; i < MISDEEDS; i++) {
		const struct hostile_misdeed *misdeed = &hostile_misdeeds[i];

		if (strlen(misdeed->name) != (size_t)(colon - text) ||
		    strncmp(misdeed->name, text, (size_t)(colon - text)) != 0)
			continue;
		*number = misdeed->number;
		if (*colon && !hostile_parse_number(colon + 1, misdeed->max, number))
			return NULL;
		return misdeed;
	}
	return NULL;
}

int hostile_check(const char *text)
{
	unsigned number;

	if (hostile_find(text, &number))
		return 0;
	say("--hostile %s: no such misdeed, or its number is too high; see them with --hostile "
	    "list",
	    text);
	return -EINVAL;
}

/* Its whole life is one good frame: OKAY, or the vif is dead. */
static void hostile_try_alive(struct hostile *h)
{
	struct hostile probe = { .front = h->front,
				 .queue = h->queue,
				 .misdeed = &hostile_misdeeds[0] };

	hostile_good(&probe);
	h->alive = probe.answers == 1 && probe.okay == 1 && probe.wrong_ids == 0;
	hostile_is_closed(h);
}

static const char *hostile_outcome(const struct hostile *h)
{
	if (h->closed)
		return "closed";
	return h->answers ? "answered" : "nothing";
}

static void hostile_print_answers(const struct hostile *h)
{
	printf("\"answers\": %u, \"okay\": %u, \"error\": %u, \"dropped\": %u, \"null\": %u, "
	       "\"other\": %u, \"wrong_ids\": %u, \"responses\": [",
	       h->answers, h->okay, h->error, h->dropped, h->null, h->other, h->wrong_ids);
	for (uint32_t i = 0; i < h->answers && i < HOSTILE_ANSWERS_MAX; i++)
		printf("%s{\"id\": %u, \"status\": %d}", i ? ", " : "", h->answer[i].id,
		       h->answer[i].status);
	printf("], ");
}

static void hostile_print(const struct hostile *h)
{
	printf("{\"misdeed\": \"%s\", \"number\": %u, \"outcome\": \"%s\", "
	       "\"backend_state\": \"%s\", \"error_text\": ",
	       h->misdeed->name, h->number, hostile_outcome(h), front_state_name(h->backend_state));
	report_string(stdout, h->text);
	printf(", ");
	hostile_print_answers(h);
	printf("\"rx_frames\": %u, \"count\": %" PRIu64 ", \"frame\": \"", h->rx_frames, h->count);
	for (uint32_t i = 0; i < h->frame_len; i++)
		printf("%02x", h->frame[i]);
	printf("\", \"reconnected\": %s, \"alive\": %s, \"fault\": ",
	       h->reconnected ? "true" : "false", h->alive ? "true" : "false");
	report_string(stdout, h->fault);
	puts("}");
	fflush(stdout);
}

/* The frame's bytes are copied out before another good frame is written over them. */
static int hostile_finish(struct hostile *h)
{
	uint8_t frame[FRONT_PAGE];

	if (h->frame) {
		memcpy(frame, h->frame, h->frame_len);
		h->frame = frame;
	}
	if (h->closed)
		front_store_read_error(&h->front->store, h->text, sizeof(h->text));
	else if (!(h->misdeed->flags & HOSTILE_RUINS) && h->queue)
		hostile_try_alive(h);
	hostile_print(h);
	return 0;
}

int hostile_run(struct front *front, const char *text)
{
	struct hostile *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return -ENOMEM;
	h->front = front;
	h->queue = front->queue[0];
	h->misdeed = hostile_find(text, &h->number);
	for (unsigned i = 0; i < front->n_queues; i++)
		if (i > 0 || !(h->misdeed->flags & HOSTILE_QUIET_RX))
			front_rx_post(front->queue[i]);
	h->misdeed->run(h);
	rc = hostile_finish(h);
	free(h);
	return rc;
}
