/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif's queues, up and down.
 *
 * First everything that can fail is done (keys, tap, maps, binds), then the
 * threads start. A frontend's keys are read in one transaction, so they are
 * all of one moment.
 */
#include "control/connect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "control/rate.h"
#include "proto/keys.h"
#include "proto/offload.h"

struct frontend_reader {
	struct vif *vif;
	uint32_t transaction;
};

static int frontend_get(void *ctx, const char *key, char *buf, size_t size)
{
	struct frontend_reader *reader = ctx;
	char path[STORE_PATH_SIZE + 64];

	snprintf(path, sizeof(path), "%s/%s", reader->vif->frontend, key);
	return store_read(reader->vif->control->store, reader->transaction, path, buf, size);
}

static int config_read(struct vif *vif)
{
	struct frontend_reader reader = { .vif = vif };
	struct keys_source source = { .get = frontend_get, .ctx = &reader };
	struct keys_error error;
	int code;

	reader.transaction = store_begin(vif->control->store);
	if (!reader.transaction) {
		snprintf(vif->reason, sizeof(vif->reason), "xenstore: no transaction: %s",
			 strerror(errno));
		return errno ? -errno : -EIO;
	}
	code = keys_parse(&source, vif->max_queues, &vif->config, &error);
	store_abort(vif->control->store, reader.transaction); /* nothing was written */
	if (code < 0)
		snprintf(vif->reason, sizeof(vif->reason), "%s", error.reason);
	vif->reason_queue = error.queue;
	return code;
}

static int tap_shape(struct vif *vif)
{
	int code = tap_set_queues(&vif->tap, vif->control->link, vif->config.n_queues);

	if (code == 0)
		code = tap_set_offload(&vif->tap, offload_tap_flags(&vif->config.features));
	if (code == 0 && vif->facts.own_state != XENBUS_CONNECTED)
		tap_discard(&vif->tap); /* what waits there was for who was connected before */
	if (code < 0)
		snprintf(vif->reason, sizeof(vif->reason), "can't set the queues of the tap: %s",
			 strerror(-code));
	return code;
}

/* The credit that the workers share begins anew with each connection. */
static int credit_create(struct vif *vif)
{
	vif->credit = aligned_alloc(_Alignof(struct credit), sizeof(struct credit));
	if (!vif->credit) {
		snprintf(vif->reason, sizeof(vif->reason), "no memory");
		return -ENOMEM;
	}
	credit_init(vif->credit, vif->config.n_queues);
	rate_apply(vif);
	return 0;
}

static int workers_create(struct vif *vif)
{
	const struct control_memory *memory = &vif->control->memory;
	struct stats counted;

	for (unsigned i = 0; i < vif->config.n_queues; i++) {
		const struct vif_queue_config *queue = &vif->config.queue[i];
		bool known = vif->facts.own_state == XENBUS_CONNECTED && memory->recall &&
			     memory->recall(memory->ctx, vif->name, i, queue, &counted);
		struct worker_setup setup = {
			.vif = vif->name,
			.domid = vif->domid,
			.self = vif->control->domid,
			.index = i,
			.features = &vif->config.features,
			.config = queue,
			.tap_fd = vif->tap.fd[i],
			.stall_ms = vif->control->settings.stall_timeout_ms,
			.credit = vif->credit,
			.counted = known ? &counted : NULL,
			.call_fd = vif->control->call_source.fd,
			.enter = vif->control->settings.worker_enter,
		};
		struct worker_error error;
		int code = worker_create(&vif->worker[i], &setup, &error);

		if (code < 0) {
			snprintf(vif->reason, sizeof(vif->reason), "%s", error.reason);
			vif->reason_queue = (int)i;
			return code;
		}
		vif->progress[i] = UINT64_MAX; /* it was never looked at */
		vif->n_workers++;
	}
	return 0;
}

static int workers_start(struct vif *vif)
{
	for (unsigned i = 0; i < vif->n_workers; i++) {
		int code = worker_start(vif->worker[i]);

		if (code < 0) {
			snprintf(vif->reason, sizeof(vif->reason),
				 "can't start a thread for queue %u: %s", i, strerror(-code));
			vif->reason_queue = (int)i;
			return code;
		}
	}
	return 0;
}

int connect_up(struct vif *vif)
{
	static const struct {
		int (*make)(struct vif *vif);
		enum vif_trouble trouble; /* if it fails */
	} steps[] = {
		{ config_read, VIF_TROUBLE_KEYS },     { tap_shape, VIF_TROUBLE_TAP },
		{ credit_create, VIF_TROUBLE_ATTACH }, { workers_create, VIF_TROUBLE_ATTACH },
		{ workers_start, VIF_TROUBLE_ATTACH },
	};

	vif->reason_queue = VIF_NO_QUEUE;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int code = steps[i].make(vif);

		if (code < 0) {
			vif->trouble = steps[i].trouble;
			connect_down(vif);
			return code;
		}
	}
	return 0;
}

void connect_down(struct vif *vif)
{
	for (unsigned i = vif->n_workers; i-- > 0;)
		worker_stop(vif->worker[i]);
	while (vif->n_workers > 0)
		worker_destroy(vif->worker[--vif->n_workers]);
	free(vif->credit);
	vif->credit = NULL;
	memset(&vif->config, 0, sizeof(vif->config));
}
