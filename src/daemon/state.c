/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters and carriers, kept over a restart. */
#include "daemon/state.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/service.h"
#include "control/vif.h"
#include "daemon/counters.h"
#include "daemon/ctl_verbs.h"

#define STATE_NAME "state"
/* 4096 queues, with their counters' and histograms' names and numbers. */
#define STATE_SIZE_MAX (16u * 1024 * 1024)

struct state {
	int fd;	      /* -1: there is no file, and nothing is kept */
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

/* The whole file as text; NULL and a reason. */
static char *file_read(int fd, size_t *size, const char **why)
{
	struct stat stat;
	char *text;

	*why = "too large";
	if (fstat(fd, &stat) < 0 || stat.st_size > (off_t)STATE_SIZE_MAX)
		return NULL;
	*size = stat.st_size;
	text = malloc(*size + 1);
	*why = "can't be read";
	if (text && pread(fd, text, *size, 0) == (ssize_t)*size)
		return text;
	free(text);
	return NULL;
}

static json_t *file_parse(int fd)
{
	const char *why;
	json_error_t error;
	json_t *json = NULL;
	size_t size;
	char *text = file_read(fd, &size, &why);

	if (text && size > 0) {
		json = json_loadb(text, size, 0, &error);
		why = error.text;
	}
	if (json && json_integer_value(json_object_get(json, "version")) != STATE_VERSION) {
		json_decref(json);
		json = NULL;
		why = "of another version";
	}
	if (!json && !(text && size == 0)) /* empty: no daemon came so far as to save something */
		log_event(LOG_LEVEL_WARNING, MESSAGE_STATE_LOST,
			  "the counters begin anew, and carriers are as at first: the state that "
			  "was kept is no good: %s",
			  why);
	free(text);
	return json;
}

struct state *state_open(void)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	state->fd = service_take(STATE_NAME);
	if (state->fd >= 0) {
		state->read = file_parse(state->fd);
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

void state_save(struct state *state, const struct control *control)
{
	json_t *vifs, *queues, *json;
	const struct vif *vif;
	char *text;
	size_t size;

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
	size = strlen(text);
	if (ftruncate(state->fd, 0) < 0 || pwrite(state->fd, text, size, 0) != (ssize_t)size)
		log_warning("counters and carriers were not saved: %s", strerror(errno));
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
