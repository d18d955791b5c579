/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters and carriers, kept over a restart. */
#include "daemon/state.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/service.h"
#include "control/vif.h"
#include "daemon/counters.h"
#include "daemon/ctl_verbs.h"

#define STATE_NAME "state"
/* 4096 queues, with their counters' and histograms' names and numbers. */
#define STATE_SIZE_MAX (16u * 1024 * 1024)

/*
 * The file has two places for the JSON text, and at its beginning says which one is good. What
 * is saved goes to the other one first: a daemon that is killed meanwhile leaves the one before.
 */
struct state_head {
	char magic[8]; /* STATE_MAGIC */
	uint64_t at;   /* STATE_PLACE(0 or 1) */
	uint64_t size; /* 0 .. STATE_SIZE_MAX */
};
#define STATE_MAGIC    "xenvifd"
#define STATE_PLACE(n) (4096u + (uint64_t)(n)*STATE_SIZE_MAX)

struct state {
	int fd;	      /* -1: there is no file, and nothing is kept */
	uint64_t at;  /* of the place that is good */
	json_t *read; /* of the daemon before; NULL: nothing */
};

/* What tells one connection of a queue from another. */
static json_t *connection_of(const struct vif_queue_config *config)
{
	return json_pack("[I,I,I,I]", (json_int_t)config->tx_ring_ref,
			 (json_int_t)config->rx_ring_ref, (json_int_t)config->evtchn_tx,
			 (json_int_t)config->evtchn_rx);
}

static bool state_recall(void *ctx, const char *vif, unsigned queue,
			 const struct vif_queue_config *config, struct stats *stats)
{
	const struct state *state = ctx;
	json_t *connection = connection_of(config);
	char key[VIF_QUEUE_NAME_SIZE];
	json_t *entry = json_object_get(json_object_get(state->read, "queues"),
					vif_queue_name(key, sizeof(key), vif, queue));
	bool same = json_equal(json_object_get(entry, "connection"), connection);

	json_decref(connection);
	memset(stats, 0, sizeof(*stats));
	if (same)
		counters_read(stats, entry);
	return same;
}

static int state_recall_carrier(void *ctx, const char *vif)
{
	const struct state *state = ctx;
	json_t *entry = json_object_get(json_object_get(state->read, "vifs"), vif);
	const char *name = json_string_value(json_object_get(entry, "carrier"));

	for (int carrier = VIF_CARRIER_AUTO; name && carrier <= VIF_CARRIER_OFF; carrier++)
		if (strcmp(name, ctl_carrier_name(carrier)) == 0)
			return carrier;
	return VIF_CARRIER_AUTO;
}

static bool head_is_good(const struct state_head *head)
{
	return memcmp(head->magic, STATE_MAGIC, sizeof(head->magic)) == 0 &&
	       (head->at == STATE_PLACE(0) || head->at == STATE_PLACE(1)) &&
	       head->size <= STATE_SIZE_MAX;
}

/* The text that head tells of, parsed; NULL and a reason. */
static json_t *place_parse(int fd, const struct state_head *head, json_error_t *error)
{
	char *text = malloc(head->size + 1);
	json_t *json = NULL;

	snprintf(error->text, sizeof(error->text), "it can't be read");
	if (text && pread(fd, text, head->size, head->at) == (ssize_t)head->size)
		json = json_loadb(text, head->size, 0, error);
	free(text);
	if (json && json_integer_value(json_object_get(json, "version")) != STATE_VERSION) {
		json_decref(json);
		json = NULL;
		snprintf(error->text, sizeof(error->text), "it is of another version");
	}
	return json;
}

static void file_read(struct state *state)
{
	struct state_head head;
	json_error_t error = { .text = "it does not begin as it should" };
	ssize_t n = pread(state->fd, &head, sizeof(head), 0);

	if (n == 0)
		return; /* no daemon came so far as to save something */
	if (n == sizeof(head) && head_is_good(&head)) {
		state->at = head.at;
		state->read = place_parse(state->fd, &head, &error);
	}
	if (!state->read)
		log_event(LOG_LEVEL_WARNING, MESSAGE_STATE_LOST,
			  "the counters begin anew, and carriers are as at first: the state that "
			  "was kept is no good: %s",
			  error.text);
}

struct state *state_open(void)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	state->fd = service_take(STATE_NAME);
	if (state->fd >= 0) {
		file_read(state);
		return state;
	}
	state->fd = memfd_create("xenvifd-" STATE_NAME, MFD_CLOEXEC);
	if (state->fd < 0)
		log_warning("counters and carriers will not survive a restart: memfd_create: %s",
			    strerror(errno));
	else
		service_keep(STATE_NAME, state->fd);
	return state;
}

struct control_memory state_memory(struct state *state)
{
	return (struct control_memory){ .recall = state_recall,
					.recall_carrier = state_recall_carrier,
					.ctx = state };
}

void state_forget(struct state *state)
{
	json_decref(state->read);
	state->read = NULL;
}

static void vif_write(json_t *vifs, json_t *queues, const struct vif *vif)
{
	char key[VIF_QUEUE_NAME_SIZE];

	if (vif->carrier != VIF_CARRIER_AUTO)
		json_object_set_new(vifs, vif->name,
				    json_pack("{ss}", "carrier", ctl_carrier_name(vif->carrier)));

	for (unsigned i = 0; i < vif->n_workers; i++) {
		json_t *entry = json_object();

		json_object_set_new(entry, "connection", connection_of(&vif->config.queue[i]));
		counters_write(entry, worker_stats(vif->worker[i]));
		json_object_set_new(queues, vif_queue_name(key, sizeof(key), vif->name, i), entry);
	}
}

static int file_write(struct state *state, const char *text, size_t size)
{
	struct state_head head = { STATE_MAGIC, STATE_PLACE(state->at == STATE_PLACE(0)), size };

	if (size > STATE_SIZE_MAX)
		return -EFBIG;
	errno = ENOSPC; /* of one that came to its end before all was written */
	if (pwrite(state->fd, text, size, head.at) != (ssize_t)size ||
	    pwrite(state->fd, &head, sizeof(head), 0) != sizeof(head))
		return -errno;
	state->at = head.at;
	return 0;
}

void state_save(struct state *state, const struct control *control)
{
	json_t *vifs, *queues, *json;
	const struct vif *vif;
	char *text;
	int error;

	if (state->fd < 0)
		return;
	vifs = json_object();
	queues = json_object();
	cds_list_for_each_entry(vif, &control->vifs, in_all)
		vif_write(vifs, queues, vif);
	json = json_pack("{si so so}", "version", STATE_VERSION, "vifs", vifs, "queues", queues);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!text)
		return; /* what was saved last stays */
	error = file_write(state, text, strlen(text));
	if (error < 0)
		log_warning("counters and carriers were not saved: %s", strerror(-error));
	free(text);
}

void state_close(struct state *state)
{
	if (!state)
		return;
	json_decref(state->read);
	if (state->fd >= 0)
		close(state->fd);
	free(state);
}
