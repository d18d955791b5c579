/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One vif's life.
 *
 * vif_update reads the facts anew each time, so it doesn't matter how many
 * changes a watch event stands for. Two things are remembered that xenstore
 * doesn't say: whether this process has the tap and the queues (ready,
 * attached), and that this connection of the frontend was refused.
 */
#include "control/vif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/probe.h"
#include "control/connect.h"
#include "control/keep.h"
#include "control/owner.h"
#include "control/vif_facts.h"
#include "control/vif_report.h"

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

void vif_mark_later(struct vif *vif)
{
	vif->later = true;
	control_retry_later(vif->control);
}

void vif_store_renewed(struct vif *vif)
{
	vif->watched = false;
	vif->unseen = true;
	vif_mark(vif);
}

bool vif_is_kept(const struct vif *vif)
{
	return vif->unseen && !vif->facts.exists && vif->facts.attached;
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

/* There is no tap: says why, once for each reason, and has it tried again. Returns error. */
static int prepare_failed(struct vif *vif, int error)
{
	char reason[VIF_REASON_SIZE];

	snprintf(reason, sizeof(reason), "can't make the tap %s: %s%s", vif->name, strerror(-error),
		 error == -EBUSY || error == -EINVAL
			 ? "; another program has an interface of this name"
			 : "");
	if (strcmp(reason, vif->reason) != 0) {
		snprintf(vif->reason, sizeof(vif->reason), "%s", reason);
		vif->trouble = VIF_TROUBLE_TAP;
		vif_log_event(vif, LOG_LEVEL_ERROR, MESSAGE_TAP_IMPOSSIBLE, VIF_NO_QUEUE,
			      "%s; trying again each second", reason);
		vif_report_error(vif);
	}
	vif_mark_later(vif);
	return error;
}

int vif_prepare(struct vif *vif)
{
	bool fresh = vif->facts.own_state == XENBUS_INITIALISING;
	bool carrier = vif->carrier == VIF_CARRIER_AUTO ? vif->facts.own_state == XENBUS_CONNECTED
							: vif->carrier == VIF_CARRIER_ON;
	unsigned offered = fresh ? 0 : vif_read_offered_queues(vif);
	int origin;

	vif->max_queues = offered ? offered : vif->control->settings.max_queues;
	origin = tap_get(vif, fresh, carrier);
	if (origin < 0)
		return prepare_failed(vif, origin);
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

/* Errors that pass: this host is short of something, which the frontend has no part in. */
static bool is_shortage(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -EAGAIN;
}

/*
 * A frontend that was Connected under an earlier daemon would be closed for good if it were
 * refused: Linux's does not come back from Closed by itself. So a shortage is waited for. One that
 * connects for the first time is told at once. -errno: tried again later.
 */
static int act_attach(struct vif *vif)
{
	bool said = vif->trouble == VIF_TROUBLE_SHORTAGE;
	int error = vif_attach(vif);

	if (error == 0)
		return 0;
	if (vif->facts.own_state == XENBUS_CONNECTED && is_shortage(error)) {
		vif->trouble = VIF_TROUBLE_SHORTAGE;
		if (!said)
			vif_log_event(vif, LOG_LEVEL_ERROR, MESSAGE_VIF_SHORTAGE, vif->reason_queue,
				      "%s; trying again each second", vif->reason);
		vif_mark_later(vif);
	} else {
		vif->facts.refused = true;
		error = 0;
		probe_vif_refused(vif->name, vif->reason);
		vif_log_event(vif, LOG_LEVEL_WARNING, MESSAGE_VIF_REFUSED, vif->reason_queue,
			      "refused: %s", vif->reason);
	}
	vif_report_error(vif);
	return error;
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
	vif_unwatch_frontend(vif);
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

/*
 * Xen's xenstored keeps no record, and comes back empty after it has died. A guest that is
 * connected needs nothing of it, so its vif is kept until xenstore knows it again. Were its domain
 * to die meanwhile, nobody could tell: its last pages stay with the worker until an administrator
 * drains the vif, or this daemon ends.
 */
static void vif_say_kept(struct vif *vif)
{
	vif_log_event(vif, LOG_LEVEL_WARNING, MESSAGE_VIF_KEPT, VIF_NO_QUEUE,
		      "xenstored came back without it: its guest is served until xenvifd ends, so "
		      "don't restart that; if the guest is dead: vifctl drain %s",
		      vif->name);
}

void vif_update(struct vif *vif)
{
	bool existed = vif->facts.exists;
	enum xenbus_action action;
	int error;

	vif->later = false;
	error = vif_read_facts(vif);
	if (error < 0) {
		vif_log(vif, LOG_LEVEL_ERROR, "xenstore does not answer: %s; left as it is",
			strerror(-error));
		vif_mark_later(vif);
		return;
	}
	if (vif_is_kept(vif)) {
		if (existed)
			vif_say_kept(vif);
		return;
	}
	vif->unseen = false;
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
