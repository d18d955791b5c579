/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The xenbus dance of a vif's backend as a pure table.
 *
 * What comes before any state: is the vif still there, is its state readable.
 * Then the peer's state chooses a row, and each row is a short list of "if this
 * is so, then that next", in which the teardown comes before the answer: nothing
 * is ever said to the peer that is not done yet. While there is no tap, making
 * it takes the place of all but letting go.
 *
 * Own states 3, 7 and 8 are never written by this backend; found in a store
 * (another backend left them) they count as open, like 4.
 *
 * Rules: VIF.md, section 3, where the table is drawn.
 */
#include "proto/xenbus_fsm.h"

#include <stddef.h>

/* The backend's state says that a connection is there or may come. */
static bool fsm_is_open(int state)
{
	return state == XENBUS_INIT_WAIT || state == XENBUS_INITIALISED ||
	       state == XENBUS_CONNECTED || state == XENBUS_RECONFIGURING ||
	       state == XENBUS_RECONFIGURED;
}

/* The peer wants a connection. */
static enum xenbus_action fsm_peer_connected(const struct xenbus_facts *facts)
{
	if (facts->attached && (facts->refused || facts->own_state == XENBUS_CLOSED))
		return XENBUS_ACT_DETACH;
	if (facts->own_state == XENBUS_CLOSED)
		return facts->online && !facts->refused ? XENBUS_ACT_INIT_WAIT : XENBUS_ACT_NONE;
	if (facts->own_state == XENBUS_CLOSING)
		return XENBUS_ACT_NONE;
	if (facts->refused)
		return XENBUS_ACT_CLOSING;
	if (!facts->attached)
		return XENBUS_ACT_ATTACH;
	if (facts->own_state == XENBUS_CONNECTED || !facts->hotplug_done)
		return XENBUS_ACT_NONE;
	return XENBUS_ACT_CONNECTED;
}

/* The peer says "wait": nothing of that is offered, so nothing changes but what must. */
static enum xenbus_action fsm_peer_reconfigures(const struct xenbus_facts *facts)
{
	if (facts->attached && (facts->refused || facts->own_state == XENBUS_CLOSED))
		return XENBUS_ACT_DETACH;
	if (facts->refused && fsm_is_open(facts->own_state))
		return XENBUS_ACT_CLOSING;
	return XENBUS_ACT_NONE;
}

/* The peer (a new kernel, a driver that starts again) is on its way to Connected. */
static enum xenbus_action fsm_peer_initialises(const struct xenbus_facts *facts)
{
	if (facts->attached)
		return XENBUS_ACT_DETACH;
	if (facts->refused)
		return XENBUS_ACT_ACCEPT;
	switch (facts->own_state) {
	case XENBUS_INIT_WAIT:
		return XENBUS_ACT_NONE;
	case XENBUS_CLOSING:
		return facts->online || facts->peer_state == XENBUS_INITIALISING ? XENBUS_ACT_CLOSED
										 : XENBUS_ACT_NONE;
	case XENBUS_CLOSED:
		return facts->online ? XENBUS_ACT_INIT_WAIT : XENBUS_ACT_NONE;
	default:
		return XENBUS_ACT_CLOSING;
	}
}

/* The peer is closing, closed or gone: `closed` says whether it is done with it. */
static enum xenbus_action fsm_peer_leaves(const struct xenbus_facts *facts, bool closed)
{
	if (facts->attached)
		return XENBUS_ACT_DETACH;
	if (facts->refused)
		return XENBUS_ACT_ACCEPT;
	if (fsm_is_open(facts->own_state))
		return XENBUS_ACT_CLOSING;
	if (facts->own_state == XENBUS_CLOSING && closed)
		return XENBUS_ACT_CLOSED;
	return XENBUS_ACT_NONE;
}

static enum xenbus_action fsm_by_peer(const struct xenbus_facts *facts)
{
	switch (facts->peer_state) {
	case XENBUS_INITIALISING:
	case XENBUS_INIT_WAIT:
	case XENBUS_INITIALISED:
		return fsm_peer_initialises(facts);
	case XENBUS_CONNECTED:
		return fsm_peer_connected(facts);
	case XENBUS_RECONFIGURING:
	case XENBUS_RECONFIGURED:
		return fsm_peer_reconfigures(facts);
	case XENBUS_CLOSING:
		return fsm_peer_leaves(facts, false);
	default:
		return fsm_peer_leaves(facts, true);
	}
}

static bool fsm_is_known(int state)
{
	return state >= XENBUS_INITIALISING && state <= XENBUS_RECONFIGURED;
}

/* What needs no tap: a peer that closes is answered even while none can be made. */
static bool fsm_lets_go(enum xenbus_action action)
{
	return action == XENBUS_ACT_DETACH || action == XENBUS_ACT_ACCEPT ||
	       action == XENBUS_ACT_CLOSING || action == XENBUS_ACT_CLOSED;
}

enum xenbus_action xenbus_fsm_next(const struct xenbus_facts *facts)
{
	enum xenbus_action action;

	if (!facts->exists)
		return facts->attached ? XENBUS_ACT_DETACH : XENBUS_ACT_FORGET;

	/* Without a state node there is no state to write: it would bring back a removed vif. */
	if (!fsm_is_known(facts->own_state)) {
		bool serve = facts->peer_state == XENBUS_CONNECTED && !facts->refused;

		return facts->attached && !serve ? XENBUS_ACT_DETACH : XENBUS_ACT_NONE;
	}

	/* Initialising is the toolstack's word for a new vif; whatever was, is over. */
	if (facts->own_state == XENBUS_INITIALISING && facts->attached)
		return XENBUS_ACT_DETACH;
	if (facts->own_state == XENBUS_INITIALISING && fsm_is_known(facts->peer_state))
		action = XENBUS_ACT_INIT_WAIT;
	else
		action = fsm_by_peer(facts);
	return facts->ready || fsm_lets_go(action) ? action : XENBUS_ACT_PREPARE;
}

const char *xenbus_state_name(int state)
{
	static const char *const names[] = {
		[XENBUS_UNKNOWN] = "Unknown",
		[XENBUS_INITIALISING] = "Initialising",
		[XENBUS_INIT_WAIT] = "InitWait",
		[XENBUS_INITIALISED] = "Initialised",
		[XENBUS_CONNECTED] = "Connected",
		[XENBUS_CLOSING] = "Closing",
		[XENBUS_CLOSED] = "Closed",
		[XENBUS_RECONFIGURING] = "Reconfiguring",
		[XENBUS_RECONFIGURED] = "Reconfigured",
	};

	return fsm_is_known(state) ? names[state] : names[XENBUS_UNKNOWN];
}

const char *xenbus_action_name(enum xenbus_action action)
{
	static const char *const names[] = {
		[XENBUS_ACT_NONE] = "none",	      [XENBUS_ACT_PREPARE] = "prepare",
		[XENBUS_ACT_INIT_WAIT] = "init-wait", [XENBUS_ACT_ATTACH] = "attach",
		[XENBUS_ACT_CONNECTED] = "connected", [XENBUS_ACT_DETACH] = "detach",
		[XENBUS_ACT_CLOSING] = "closing",     [XENBUS_ACT_CLOSED] = "closed",
		[XENBUS_ACT_FORGET] = "forget",	      [XENBUS_ACT_ACCEPT] = "accept",
	};

	if ((unsigned)action >= sizeof(names) / sizeof(names[0]))
		return "unknown";
	return names[action];
}
