/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One vif's life.
 *
 * vif_update reads the facts anew each time, so it doesn't matter how many
 * changes a watch event stands for. Two things are remembered that xenstore
 * doesn't say: whether this process has the tap and the queues (ready,
 * attached), and that this connection of the frontend was refused.
 *
 * A backend directory belongs to the toolstack, which may remove it or write
 * to it at any time. So our state is written in a transaction that first makes
 * sure that the directory is still there and the state is still the one that
 * the decision was made on; otherwise the vif is looked at again.
 */
#include "control/vif.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/probe.h"
#include "control/advertise.h"
#include "control/connect.h"
#include "control/keep.h"
#include "control/owner.h"
#include "control/rate.h"

/* More actions than any way through the table has. */
#define VIF_ACTIONS_MAX 16

struct vif *vif_find(struct control *control, uint16_t domid, uint32_t devid)
{
	struct vif *vif;

	cds_list_for_each_entry(vif, &control->vifs, in_all)
		if (vif->domid == domid && vif->devid == devid)
			return vif;
	return NULL;
}

struct vif *vif_create(struct control *control, uint16_t domid, uint32_t devid)
{
	struct vif *vif = calloc(1, sizeof(*vif));

	if (!vif)
		return NULL;
	vif->control = control;
	vif->domid = domid;
	vif->devid = devid;
	vif->max_queues = control->settings.max_queues;
	vif->peer_since = clock_now_ns();
	snprintf(vif->name, sizeof(vif->name), "vif%u.%u", domid, devid);
	snprintf(vif->path, sizeof(vif->path), "backend/vif/%u/%u", domid, devid);
	snprintf(vif->alias, sizeof(vif->alias), LINK_ALIAS_PREFIX "%s", vif->name);
	cds_list_add_tail(&vif->in_all, &control->vifs);
	return vif;
}

void vif_destroy(struct vif *vif)
{
	connect_down(vif);
	tap_close(&vif->tap);
	if (vif->dirty)
		cds_list_del(&vif->in_dirty);
	cds_list_del(&vif->in_all);
	free(vif);
}

void vif_mark(struct vif *vif)
{
	if (vif->dirty)
		return;
	vif->dirty = true;
	cds_list_add_tail(&vif->in_dirty, &vif->control->dirty);
}

void vif_log_event(struct vif *vif, int level, const char *message_id, int queue,
		   const char *format, ...)
{
	struct log_about about = { message_id, vif->name, vif->domid, vif->devid, queue };
	struct log_about flaps = { MESSAGE_VIF_FLAPS, vif->name, vif->domid, vif->devid,
				   VIF_NO_QUEUE };
	char text[512];
	unsigned withheld;
	va_list args;

	if ((int)log_get_level() < level)
		return;
	if (level < LOG_LEVEL_DEBUG && !ratelimit_take(&vif->log_limit, &withheld))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (level < LOG_LEVEL_DEBUG && withheld > 0)
		log_write_about(level, &flaps, "%s: %u lines withheld: this vif changes too often",
				vif->name, withheld);
	log_write_about(level, &about, "%s: %s", vif->name, text);
}

void vif_store_renewed(struct vif *vif)
{
	vif->watched = false;
	vif_mark(vif);
}

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

/*
 * Learns where the frontend is, once, and watches its state. The path is the
 * toolstack's word, but nothing outside the guest's own directory is believed
 * to be its frontend (XSA-175, XSA-178). -ENOENT: there is no such vif.
 */
static int frontend_learn(struct vif *vif)
{
	char path[STORE_PATH_SIZE], own[64], watch[STORE_PATH_SIZE + 8], token[STORE_TOKEN_SIZE];
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
	snprintf(token, sizeof(token), "%s", vif->name);
	if (vif->watched) {
		snprintf(watch, sizeof(watch), "%s/state", vif->frontend);
		store_unwatch(vif->control->store, watch, token);
	}
	snprintf(vif->frontend, sizeof(vif->frontend), "%s", path);
	snprintf(watch, sizeof(watch), "%s/state", vif->frontend);
	error = store_watch(vif->control->store, watch, token);
	vif->watched = error == 0;
	if (error < 0)
		vif_log(vif, LOG_LEVEL_ERROR, "can't watch %s: %s", watch, strerror(-error));
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

int vif_read_facts(struct vif *vif)
{
	struct xenbus_facts *facts = &vif->facts;
	char peer[STORE_PATH_SIZE + 8];
	uint32_t value = 0;
	int peer_before = facts->peer_state;
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
	facts->peer_state = XENBUS_UNKNOWN;
	if (!vif->frontend[0])
		return 0;
	snprintf(peer, sizeof(peer), "%s/state", vif->frontend);
	error = store_read_u32(vif->control->store, STORE_NO_TRANSACTION, peer, XENBUS_RECONFIGURED,
			       &value);
	error = state_read(error, value, &facts->peer_state);
	if (facts->peer_state != peer_before) {
		vif->peer_since = clock_now_ns();
		probe_vif_frontend_state(vif->name, peer_before, facts->peer_state);
	}
	return error;
}

static void vif_report_error(struct vif *vif)
{
	char path[128];

	snprintf(path, sizeof(path), "error/%s/error", vif->path);
	if (vif->reason[0])
		store_write(vif->control->store, STORE_NO_TRANSACTION, path, vif->reason);
}

void vif_clear_error(struct vif *vif)
{
	char path[128];

	vif->trouble = VIF_TROUBLE_NONE;
	vif->reason[0] = '\0';
	snprintf(path, sizeof(path), "error/%s", vif->path);
	store_remove(vif->control->store, STORE_NO_TRANSACTION, path);
}

/*
 * Takes over what a predecessor reported, so that vifctl still says it and the
 * node goes once it is true no more; of a former vif of this number, it goes now.
 */
static void vif_recall_error(struct vif *vif, bool fresh)
{
	char path[128];

	snprintf(path, sizeof(path), "error/%s/error", vif->path);
	if (store_read(vif->control->store, STORE_NO_TRANSACTION, path, vif->reason,
		       sizeof(vif->reason)) < 0)
		vif->reason[0] = '\0';
	else if (fresh)
		vif_clear_error(vif);
	else
		vif->trouble = VIF_TROUBLE_INHERITED;
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
	uint32_t now;
	int error = backend_read_u32(vif, transaction, "state", XENBUS_RECONFIGURED, &now);

	if (error < 0)
		return error;
	if ((int)now != vif->facts.own_state)
		return -ECANCELED; /* the toolstack wrote meanwhile: look again */
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

bool vif_has_carrier(const struct vif *vif)
{
	if (vif->carrier != VIF_CARRIER_AUTO)
		return vif->carrier == VIF_CARRIER_ON;
	return vif->facts.attached && vif->facts.own_state == XENBUS_CONNECTED;
}

static int carrier_update(struct vif *vif)
{
	return tap_set_carrier(&vif->tap, vif_has_carrier(vif));
}

int vif_set_carrier(struct vif *vif, enum vif_carrier carrier)
{
	vif->carrier = carrier;
	return vif->tap.n_queues > 0 ? carrier_update(vif) : 0;
}

/* The vif's tap: kept, picked up, or made; a fresh vif's is made. An enum tap_origin, or -errno. */
static int tap_get(struct vif *vif, bool fresh, bool carrier)
{
	int origin = fresh ? -ENOENT : keep_take_back(vif, carrier);

	if (origin >= 0)
		return origin;
	origin = tap_open(&vif->tap, vif->control->link, vif->name, vif->alias, vif->max_queues,
			  fresh, carrier);
	if (origin >= 0)
		keep_tap(vif);
	return origin;
}

int vif_prepare(struct vif *vif)
{
	bool fresh = vif->facts.own_state == XENBUS_INITIALISING;
	bool carrier = vif->carrier == VIF_CARRIER_AUTO ? vif->facts.own_state == XENBUS_CONNECTED
							: vif->carrier == VIF_CARRIER_ON;
	uint32_t advertised;
	int origin;

	vif->max_queues = vif->control->settings.max_queues;
	if (!fresh &&
	    backend_read_u32(vif, STORE_NO_TRANSACTION, "multi-queue-max-queues", VIF_QUEUES_MAX,
			     &advertised) == 0 &&
	    advertised > 0)
		vif->max_queues = advertised; /* by our predecessor; the frontend relies on it */
	origin = tap_get(vif, fresh, carrier);
	if (origin < 0) {
		char reason[VIF_REASON_SIZE];

		snprintf(reason, sizeof(reason), "can't make the tap %s: %s%s", vif->name,
			 strerror(-origin),
			 origin == -EBUSY || origin == -EINVAL
				 ? "; another program has an interface of this name"
				 : "");
		if (strcmp(reason, vif->reason) != 0) {
			snprintf(vif->reason, sizeof(vif->reason), "%s", reason);
			vif->trouble = VIF_TROUBLE_TAP;
			vif_log_event(vif, LOG_LEVEL_ERROR, MESSAGE_TAP_IMPOSSIBLE, VIF_NO_QUEUE,
				      "%s; trying again each second", reason);
			vif_report_error(vif);
		}
		control_retry_later(vif->control);
		return origin;
	}
	if (!vif->reason[0])
		vif_recall_error(vif, fresh);
	else if (!vif->facts.refused)
		vif_clear_error(vif);
	vif->facts.ready = true;
	if (vif->carrier != VIF_CARRIER_AUTO)
		carrier_update(vif);
	vif_log(vif, LOG_LEVEL_INFO,
		origin == TAP_MADE	? "tap made"
		: origin == TAP_ADOPTED ? "tap picked up again"
					: "tap kept");
	return 0;
}

int vif_attach(struct vif *vif)
{
	bool again = vif->facts.own_state == XENBUS_CONNECTED;
	int error = connect_up(vif);

	if (error < 0)
		return error;
	vif->facts.attached = true;
	probe_vif_attached(vif->name, vif->config.n_queues, again);
	if (vif->reason[0])
		vif_clear_error(vif);
	if (again)
		carrier_update(vif); /* a tap that was made anew has none */
	vif_log_event(vif, LOG_LEVEL_INFO, again ? MESSAGE_VIF_RESUMED : NULL, VIF_NO_QUEUE,
		      "%s %u queue%s, %s event channels%s",
		      again ? "attached again to" : "attached to", vif->config.n_queues,
		      vif->config.n_queues == 1 ? "" : "s",
		      vif->config.features.split_evtchn ? "split" : "combined",
		      vif->facts.hotplug_done ? "" : "; hotplug script still to come");
	return 0;
}

static int act_attach(struct vif *vif)
{
	if (vif_attach(vif) < 0) {
		vif->facts.refused = true;
		probe_vif_refused(vif->name, vif->reason);
		vif_log_event(vif, LOG_LEVEL_WARNING, MESSAGE_VIF_REFUSED, vif->reason_queue,
			      "refused: %s", vif->reason);
		vif_report_error(vif);
	}
	return 0;
}

void vif_detach(struct vif *vif)
{
	connect_down(vif);
	if (vif->facts.attached)
		probe_vif_detached(vif->name);
	vif->facts.attached = false;
	if (vif->tap.n_queues > 0)
		carrier_update(vif);
}

void vif_unprepare(struct vif *vif)
{
	keep_forget(vif);
	tap_destroy(&vif->tap, vif->control->link);
	vif->facts.ready = false;
}

static int act_connected(struct vif *vif)
{
	int error = tap_set_carrier(&vif->tap, vif->carrier != VIF_CARRIER_OFF);

	if (error < 0)
		vif_log(vif, LOG_LEVEL_ERROR, "can't switch the tap's carrier on: %s",
			strerror(-error));
	error = vif_write_state(vif, XENBUS_CONNECTED);
	if (error < 0)
		return error;
	probe_vif_connected(vif->name);
	vif_log_event(vif, LOG_LEVEL_INFO, MESSAGE_VIF_CONNECTED, VIF_NO_QUEUE, "connected");
	return 0;
}

static void act_forget(struct vif *vif)
{
	char watch[STORE_PATH_SIZE + 8];

	if (vif->watched) {
		snprintf(watch, sizeof(watch), "%s/state", vif->frontend);
		store_unwatch(vif->control->store, watch, vif->name);
	}
	if (vif->facts.ready) {
		vif_clear_error(vif);
		keep_forget(vif);
		tap_destroy(&vif->tap, vif->control->link);
		vif_log_event(vif, LOG_LEVEL_INFO, MESSAGE_VIF_GONE, VIF_NO_QUEUE, "gone");
	}
	probe_vif_gone(vif->name);
	vif_destroy(vif);
}

static int vif_act(struct vif *vif, enum xenbus_action action)
{
	switch (action) {
	case XENBUS_ACT_PREPARE:
		return vif_prepare(vif);
	case XENBUS_ACT_INIT_WAIT:
		vif->facts.refused = false;
		if (vif->trouble == VIF_TROUBLE_DRAINED)
			vif_clear_error(vif); /* it may come again */
		return vif_write_state(vif, XENBUS_INIT_WAIT);
	case XENBUS_ACT_ATTACH:
		return act_attach(vif);
	case XENBUS_ACT_CONNECTED:
		return act_connected(vif);
	case XENBUS_ACT_DETACH:
		vif_detach(vif);
		return 0;
	case XENBUS_ACT_CLOSING:
		return vif_write_state(vif, XENBUS_CLOSING);
	case XENBUS_ACT_CLOSED:
		if (vif_write_state(vif, XENBUS_CLOSED) < 0)
			return -ECANCELED;
		vif_log_event(vif, LOG_LEVEL_INFO, MESSAGE_VIF_CLOSED, VIF_NO_QUEUE, "closed");
		return 0;
	case XENBUS_ACT_ACCEPT:
		vif->facts.refused = false;
		return 0;
	default:
		return 0;
	}
}

/*
 * A backend directory that says Initialising is a new one, whatever we still
 * hold of the one before it: nobody but the toolstack writes that state.
 */
static void vif_start_over(struct vif *vif)
{
	vif_detach(vif);
	vif_unprepare(vif);
	vif_clear_error(vif);
	vif->carrier = VIF_CARRIER_AUTO;
	vif->facts.refused = false;
}

/* At the start: what an administrator has told an earlier daemon, of a vif that it knew. */
static void vif_recall_carrier(struct vif *vif)
{
	const struct control_memory *memory = &vif->control->memory;

	if (memory->recall_carrier && vif->facts.own_state != XENBUS_INITIALISING)
		vif->carrier = memory->recall_carrier(memory->ctx, vif->name);
}

void vif_update(struct vif *vif)
{
	enum xenbus_action action;
	int error;

	error = vif_read_facts(vif);
	if (error < 0) {
		vif_log(vif, LOG_LEVEL_ERROR, "xenstore does not answer: %s; left as it is",
			strerror(-error));
		return;
	}
	if (vif->facts.exists && vif->facts.ready && vif->facts.own_state == XENBUS_INITIALISING)
		vif_start_over(vif);
	vif_recall_carrier(vif);
	if (owner_is_rival(vif))
		return;
	for (int i = 0; i < VIF_ACTIONS_MAX; i++) {
		action = xenbus_fsm_next(&vif->facts);
		if (action == XENBUS_ACT_NONE)
			return;
		vif_log(vif, LOG_LEVEL_DEBUG, "own %s, peer %s: %s",
			xenbus_state_name(vif->facts.own_state),
			xenbus_state_name(vif->facts.peer_state), xenbus_action_name(action));
		if (action == XENBUS_ACT_FORGET) {
			act_forget(vif);
			return;
		}
		if (vif_act(vif, action) < 0)
			return; /* what stood in the way fires a watch, or is tried again later */
	}
	vif_log(vif, LOG_LEVEL_ERROR, "no end of actions at own %s, peer %s: this is a bug",
		xenbus_state_name(vif->facts.own_state), xenbus_state_name(vif->facts.peer_state));
}

/* A tap that somebody removed is made anew; what a script did to it is lost with it. */
static void vif_check_tap(struct vif *vif)
{
	char name[IFNAMSIZ];

	tap_name(&vif->tap, name);
	if (name[0])
		return;
	keep_forget(vif);
	tap_close(&vif->tap);
	vif->facts.ready = false;
	vif->trouble = VIF_TROUBLE_TAP_GONE;
}

void vif_check_workers(struct vif *vif)
{
	const char *fault = NULL;
	int queue = VIF_NO_QUEUE;

	for (unsigned i = 0; i < vif->n_workers && !fault; i++) {
		queue = (int)i;
		worker_serve(vif->worker[i]);
		fault = worker_fault(vif->worker[i]);
		if (fault) {
			snprintf(vif->reason, sizeof(vif->reason), "queue %u: %s", i, fault);
			probe_vif_rogue(vif->name, i, fault);
		}
	}
	if (!fault)
		return;
	vif_detach(vif);
	vif->facts.refused = true;
	vif->trouble = VIF_TROUBLE_ROGUE;
	vif_check_tap(vif);
	vif_log_event(vif, LOG_LEVEL_WARNING,
		      vif->trouble == VIF_TROUBLE_ROGUE ? MESSAGE_VIF_ROGUE : MESSAGE_TAP_GONE,
		      queue, "closing: %s", vif->reason);
	vif_report_error(vif);
	vif_mark(vif);
}

int vif_drain(struct vif *vif)
{
	if (!vif->facts.attached)
		return -ENOTCONN;
	vif_detach(vif);
	vif->facts.refused = true; /* this connection is over; the next one is welcome */
	vif->trouble = VIF_TROUBLE_DRAINED;
	snprintf(vif->reason, sizeof(vif->reason), "closed by an administrator (vifctl drain)");
	vif_log_event(vif, LOG_LEVEL_INFO, MESSAGE_VIF_DRAINED, VIF_NO_QUEUE,
		      "closing: drained by an administrator");
	vif_mark(vif);
	return 0;
}

int vif_find_stuck(struct vif *vif)
{
	int stuck = -1;

	for (unsigned i = 0; i < vif->n_workers; i++)
		if (worker_is_stuck(vif->worker[i], &vif->progress[i]))
			stuck = (int)i;
	return stuck;
}

static void explain_wait(const struct vif *vif, char *text, size_t size)
{
	const struct xenbus_facts *facts = &vif->facts;

	if (facts->own_state == XENBUS_CLOSING)
		snprintf(text, size, "closing: waiting for the guest to close (its state is %s)",
			 xenbus_state_name(facts->peer_state));
	else if (facts->own_state == XENBUS_CLOSED)
		snprintf(text, size,
			 facts->online ? "closed by the guest; it may connect again"
				       : "closed; waiting for the toolstack to remove it");
	else if (!facts->ready)
		snprintf(text, size, "waiting for the toolstack to set it up");
	else if (facts->attached && !facts->hotplug_done)
		snprintf(text, size,
			 "waiting for the hotplug script: hotplug-status is \"%s\", not "
			 "\"connected\"",
			 vif->hotplug_status);
	else
		snprintf(text, size,
			 "waiting for the guest's netfront to connect (its state is %s)",
			 xenbus_state_name(facts->peer_state));
}

void vif_explain(const struct vif *vif, char *text, size_t size)
{
	if (vif->reason[0])
		snprintf(text, size, "%s", vif->reason);
	else if (vif->facts.exists && !vif->frontend[0])
		snprintf(text, size, "its frontend node does not name a directory of domain %u",
			 vif->domid);
	else if (vif->facts.attached && vif->facts.own_state == XENBUS_CONNECTED)
		text[0] = '\0';
	else
		explain_wait(vif, text, size);
}
