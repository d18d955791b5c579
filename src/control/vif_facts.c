/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What xenstore says of a vif, and the state that we write there.
 *
 * A backend directory belongs to the toolstack, which may remove it or write
 * to it at any time, and the frontend's state is the guest's. So our state is
 * written in a transaction that first makes sure that both are still what the
 * decision was made on; otherwise the vif is looked at again. A frontend that
 * writes its state and then reads ours thus never finds an answer to its word
 * of before.
 */
#include "control/vif_facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/probe.h"
#include "control/advertise.h"
#include "control/rate.h"
#include "control/vif_report.h"

/* Reads `key` of the backend directory. */
static int backend_read(struct vif *vif, uint32_t transaction, const char *key, char *buf,
			size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", vif->path, key);
	return store_read(vif->control->store, transaction, path, buf, size);
}

static int backend_read_u32(struct vif *vif, uint32_t transaction, const char *key, uint32_t max,
			    uint32_t *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", vif->path, key);
	return store_read_u32(vif->control->store, transaction, path, max, value);
}

static void frontend_watch(struct vif *vif)
{
	char path[STORE_PATH_SIZE + 8];
	int error;

	snprintf(path, sizeof(path), "%s/state", vif->frontend);
	error = store_watch(vif->control->store, path, vif->name);
	vif->watched = error == 0;
	if (error < 0)
		vif_log(vif, LOG_LEVEL_ERROR, "can't watch %s: %s", path, strerror(-error));
}

void vif_unwatch_frontend(struct vif *vif)
{
	char path[STORE_PATH_SIZE + 8];

	if (!vif->watched)
		return;
	snprintf(path, sizeof(path), "%s/state", vif->frontend);
	store_unwatch(vif->control->store, path, vif->name);
	vif->watched = false;
}

/*
 * Learns where the frontend is, once, and watches its state. The path is the
 * toolstack's word, but nothing outside the guest's own directory is believed
 * to be its frontend (XSA-175, XSA-178). -ENOENT: there is no such vif.
 */
static int frontend_learn(struct vif *vif)
{
	char path[STORE_PATH_SIZE], own[64];
	int error = backend_read(vif, STORE_NO_TRANSACTION, "frontend", path, sizeof(path));

	if (error < 0)
		return error;
	snprintf(own, sizeof(own), "/local/domain/%u/", vif->domid);
	if (strncmp(path, own, strlen(own)) != 0) {
		vif_log(vif, LOG_LEVEL_WARNING, "its frontend node is \"%.100s\", not below %s",
			path, own);
		return 0;
	}
	if (vif->watched && strcmp(path, vif->frontend) == 0)
		return 0;
	vif_unwatch_frontend(vif);
	snprintf(vif->frontend, sizeof(vif->frontend), "%s", path);
	frontend_watch(vif);
	return 0;
}

/*
 * An absent or senseless state is Unknown; when the store failed, nothing is known.
 * To a driver domain xenstored denies what is below another domain's directory, and
 * a frontend that the toolstack has removed, as xl destroy does first, is denied, too:
 * it isn't told that there is nothing.
 */
static int state_read(int error, uint32_t value, int *state)
{
	*state = error < 0 ? XENBUS_UNKNOWN : (int)value;
	return error == -ENOENT || error == -EINVAL || error == -EACCES ? 0 : error;
}

static void text_read(struct vif *vif, const char *key, char *text, size_t size)
{
	if (backend_read(vif, STORE_NO_TRANSACTION, key, text, size) < 0)
		text[0] = '\0';
}

static int peer_state_read(struct vif *vif, uint32_t transaction, int *state)
{
	char path[STORE_PATH_SIZE + 8];
	uint32_t value = 0;
	int error;

	*state = XENBUS_UNKNOWN;
	if (!vif->frontend[0])
		return 0;
	snprintf(path, sizeof(path), "%s/state", vif->frontend);
	error = store_read_u32(vif->control->store, transaction, path, XENBUS_RECONFIGURED, &value);
	return state_read(error, value, state);
}

/* Notes, too, when the frontend has come to its state. */
static int frontend_look(struct vif *vif)
{
	struct xenbus_facts *facts = &vif->facts;
	int before = facts->peer_state;
	int error = peer_state_read(vif, STORE_NO_TRANSACTION, &facts->peer_state);

	if (facts->peer_state != before) {
		vif->peer_since = clock_now_ns();
		probe_vif_frontend_state(vif->name, before, facts->peer_state);
	}
	return error;
}

int vif_read_facts(struct vif *vif)
{
	struct xenbus_facts *facts = &vif->facts;
	uint32_t value = 0;
	int error = frontend_learn(vif);

	facts->exists = error == 0;
	if (error < 0)
		return error == -ENOENT ? 0 : error;
	error = backend_read_u32(vif, STORE_NO_TRANSACTION, "state", XENBUS_RECONFIGURED, &value);
	error = state_read(error, value, &facts->own_state);
	if (error < 0)
		return error;
	error = backend_read_u32(vif, STORE_NO_TRANSACTION, "online", UINT32_MAX, &value);
	facts->online = error == 0 && value == 1;
	text_read(vif, "hotplug-status", vif->hotplug_status, sizeof(vif->hotplug_status));
	facts->hotplug_done = strcmp(vif->hotplug_status, "connected") == 0;
	text_read(vif, "mac", vif->mac, sizeof(vif->mac));
	rate_update(vif);
	return frontend_look(vif);
}

unsigned vif_read_offered_queues(struct vif *vif)
{
	uint32_t queues;

	return backend_read_u32(vif, STORE_NO_TRANSACTION, "multi-queue-max-queues", VIF_QUEUES_MAX,
				&queues) == 0
		       ? queues
		       : 0;
}

struct state_change {
	struct vif *vif;
	int state;
};

static int state_write(void *ctx, uint32_t transaction)
{
	const struct state_change *change = ctx;
	struct vif *vif = change->vif;
	int state = change->state;
	char path[128], text[4];
	uint32_t now = XENBUS_UNKNOWN;
	int peer = XENBUS_UNKNOWN,
	    error = backend_read_u32(vif, transaction, "state", XENBUS_RECONFIGURED, &now);

	if (error == 0)
		error = peer_state_read(vif, transaction, &peer);
	if (error < 0)
		return error;
	if ((int)now != vif->facts.own_state || peer != vif->facts.peer_state)
		return -ECANCELED; /* somebody wrote meanwhile: look again */
	snprintf(path, sizeof(path), "%s/state", vif->path);
	snprintf(text, sizeof(text), "%d", state);
	error = state == XENBUS_INIT_WAIT ? advertise_write(vif->control->store, transaction,
							    vif->path, vif->max_queues)
					  : 0;
	if (error == 0 && state == XENBUS_INIT_WAIT && now != XENBUS_INITIALISING)
		error = advertise_withdraw(vif->control->store, transaction, vif->path);
	return error < 0 ? error : store_write(vif->control->store, transaction, path, text);
}

int vif_write_state(struct vif *vif, int state)
{
	int error = store_transact(vif->control->store, state_write,
				   &(struct state_change){ vif, state });

	if (error < 0) {
		vif_log(vif, LOG_LEVEL_DEBUG, "state %s not written: %s", xenbus_state_name(state),
			strerror(-error));
		return error;
	}
	probe_vif_state(vif->name, vif->facts.own_state, state);
	vif->facts.own_state = state;
	return 0;
}
