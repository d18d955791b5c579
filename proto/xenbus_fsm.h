/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenbus dance of a vif's backend as a pure table:
 * (own state, peer's state, online, hotplug, what is set up) -> the next action.
 *
 * The control room gathers the facts, asks for an action, carries it out, and
 * asks again until the answer is XENBUS_ACT_NONE. The facts are read anew each
 * time, so coalesced or repeated watch events change nothing (VIF-3.1).
 */
#ifndef XENVIFD_PROTO_XENBUS_FSM_H
#define XENVIFD_PROTO_XENBUS_FSM_H

#include <stdbool.h>

/* Values of the `state` nodes: enum xenbus_state of <xen/io/xenbus.h>. */
enum {
	XENBUS_UNKNOWN = 0, /* node absent or unreadable */
	XENBUS_INITIALISING = 1,
	XENBUS_INIT_WAIT = 2,
	XENBUS_INITIALISED = 3,
	XENBUS_CONNECTED = 4,
	XENBUS_CLOSING = 5,
	XENBUS_CLOSED = 6,
	XENBUS_RECONFIGURING = 7,
	XENBUS_RECONFIGURED = 8,
};

struct xenbus_facts {
	int own_state;	/* what the backend's `state` node holds, XENBUS_*; a toolstack may write it
			   too */
	int peer_state; /* what the frontend's `state` node holds; XENBUS_UNKNOWN when it is gone */
	bool online;	/* backend `online` is 1 */
	bool exists;	/* the backend directory exists (its `frontend` node is there) */
	bool ready;	/* tap made and features advertised by this process */
	bool attached;	/* rings mapped, channels bound, workers running */
	bool hotplug_done; /* backend `hotplug-status` is "connected" */
	bool refused;	   /* this connection of the peer failed or was rogue; holds until the peer
			      leaves Connected */
};

enum xenbus_action {
	XENBUS_ACT_NONE,      /* nothing to do until a fact changes */
	XENBUS_ACT_PREPARE,   /* make or pick up the tap, advertise features; own state unchanged */
	XENBUS_ACT_INIT_WAIT, /* write own state 2; resets `refused` */
	XENBUS_ACT_ATTACH,    /* read keys, map, bind, start workers, all or nothing; failure sets
				 `refused`, or is tried later */
	XENBUS_ACT_CONNECTED, /* write own state 4, carrier on */
	XENBUS_ACT_DETACH,    /* carrier off, stop workers, unbind, unmap */
	XENBUS_ACT_CLOSING,   /* write own state 5 */
	XENBUS_ACT_CLOSED,    /* write own state 6 */
	XENBUS_ACT_FORGET,    /* the backend directory is gone: remove the tap, forget the vif */
	XENBUS_ACT_ACCEPT,    /* the peer left Connected: forget `refused` */
};

/* The next action for these facts. Pure. */
enum xenbus_action xenbus_fsm_next(const struct xenbus_facts *facts);

/* "InitWait" and so on; "Unknown" for anything else. */
const char *xenbus_state_name(int state);

/* "attach" and so on, for the log at level debug. */
const char *xenbus_action_name(enum xenbus_action action);

#endif
