/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A captured frame as a block of a pcapng file. */
#include "daemon/capture_block.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "proto/ring.h"
#include "stats.h"

#define COUNTER_NAME(name, help) #name,

static const char *const from_guest_names[] = { STATS_FROM_GUEST(COUNTER_NAME) };
static const char *const to_guest_names[] = { STATS_TO_GUEST(COUNTER_NAME) };

/* The text so far is used bytes long. */
struct words {
	char *text;
	size_t size, used;
};

static void say(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *words, const char *format, ...)
{
	va_list args;
	size_t room = words->size - words->used;
	int n;

	va_start(args, format);
	n = vsnprintf(words->text + words->used, room, format, args);
	va_end(args);
	if (n > 0)
		words->used += (size_t)n < room ? (size_t)n : room - 1;
}

static const char *status_name(int16_t status)
{
	switch (status) {
	case NETIF_RSP_OKAY:
		return "okay";
	case NETIF_RSP_ERROR:
		return "error";
	case NETIF_RSP_DROPPED:
		return "dropped";
	default:
		return "null";
	}
}

static const char *lost_name(const struct capture_record *record)
{
	const char *const *names =
		record->way == CAPTURE_FROM_GUEST ? from_guest_names : to_guest_names;
	size_t n = record->way == CAPTURE_FROM_GUEST ? ARRAY_SIZE(from_guest_names)
						     : ARRAY_SIZE(to_guest_names);

	return record->lost <= n ? names[record->lost - 1] : "?";
}

static void say_slots(struct words *words, const struct capture_record *record)
{
	if (record->slots == 0) {
		say(words, " slots=0");
		return;
	}
	say(words, " index=%u slots=%u extras=%u", record->index, record->slots, record->extras);
	if (record->gso_type != XEN_NETIF_GSO_TYPE_NONE)
		say(words, " gso=%s:%u",
		    record->gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? "tcpv4" : "tcpv6",
		    record->gso_size);
	if (record->csum_blank)
		say(words, " csum_blank");
	if (record->data_validated)
		say(words, " data_validated");
	say(words, " response=%s", status_name(record->status));
}

void capture_block_comment(const struct capture_record *record, char *text, size_t size)
{
	struct words words = { text, size, 0 };

	say(&words, "%s", record->way == CAPTURE_FROM_GUEST ? "from-guest" : "to-guest");
	say_slots(&words, record);
	if (record->lost)
		say(&words, " lost=%s", lost_name(record));
}

size_t capture_block_write(uint8_t *to, size_t room, unsigned place,
			   const struct capture_record *record)
{
	char comment[PCAPNG_TEXT_MAX + 1];
	struct pcapng_packet packet = {
		.interface = place,
		.time = record->time,
		.captured = record->captured,
		.len = record->len,
		.flags = record->way == CAPTURE_FROM_GUEST ? PCAPNG_INBOUND : PCAPNG_OUTBOUND,
		.missed = record->missed,
		.comment = comment,
		.data = record->data,
	};

	capture_block_comment(record, comment, sizeof(comment));
	return pcapng_write_packet(to, room, &packet);
}
