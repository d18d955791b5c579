/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to "explain": why a vif is not connected, or moves nothing.
 *
 * Each party to a vif is asked what it says of itself; then each known way to
 * fail is looked for, those nearest to the toolstack first. What is found has
 * a name that stays the same, a sentence, and what to do about it.
 */
#include "daemon/ctl_verbs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/diagnose.h"
#include "control/vif_report.h"

/* A frontend that has not moved for so many seconds is not just booting. */
#define EXPLAIN_LONG_SECONDS 30

struct explanation {
	const struct vif *vif;
	struct diagnosis now;
	char attach_again[128]; /* advice that many causes have in common */
	char bind_anew[160];
	json_t *parties;
	json_t *causes;
};

static void say(json_t *object, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(json_t *object, const char *key, const char *format, ...)
{
	char text[640];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_object_set_new(object, key, ctl_text(text));
}

/* A new cause; its "text" and "do" are to be said. */
static json_t *cause(struct explanation *why, const char *name)
{
	json_t *object = json_pack("{ss}", "cause", name);

	json_array_append_new(why->causes, object);
	return object;
}

static json_t *party(struct explanation *why, const char *who)
{
	json_t *object = json_pack("{ss}", "who", who);

	json_array_append_new(why->parties, object);
	return object;
}

static bool is_connected(const struct vif *vif)
{
	return vif->facts.attached && vif->facts.own_state == XENBUS_CONNECTED;
}

static void ask_parties(struct explanation *why)
{
	const struct vif *vif = why->vif;
	const struct diagnosis *now = &why->now;

	say(party(why, "toolstack"), "says",
	    vif->facts.online ? "wants the vif (online is 1)"
			      : "removes the vif (online is not 1)");
	say(party(why, "hotplug script"), "says", "%s%s%s: hotplug-status is \"%s\"%s%s",
	    now->script[0] ? now->script : "none is named", now->script_flaw ? " " : "",
	    now->script_flaw ? now->script_flaw : "", vif->hotplug_status,
	    now->hotplug_error[0] ? ", " : "", now->hotplug_error);
	say(party(why, "backend"), "says", "%s", xenbus_state_name(vif->facts.own_state));
	say(party(why, "frontend"), "says", "%s, for %u s",
	    xenbus_state_name(vif->facts.peer_state), now->peer_seconds);
	if (now->tap_name[0])
		say(party(why, "tap"), "says", "%s is %s, carrier %s, %s%s", now->tap_name,
		    now->tap.up ? "up" : "down", now->tap.carrier ? "on" : "off",
		    now->tap.master ? "a port of " : "in no bridge", now->tap.master_name);
	else
		say(party(why, "tap"), "says", "there is none");
	say(party(why, "xen-netback"), "says", "%s",
	    now->netback_bound	  ? "has this vif"
	    : now->netback_loaded ? "loaded"
				  : "not loaded");
}

static void find_rivals(struct explanation *why)
{
	const struct vif *vif = why->vif;
	json_t *found;

	if (vif->control->store_lost) {
		found = cause(why, "xenstored-gone");
		say(found, "text", "xenstored is gone; what is said of states is old");
		say(found, "do",
		    "find out why it ended (journalctl -u xenstored); xenvifd goes on "
		    "by itself once it is back");
	}
	if (why->now.netback_bound) {
		found = cause(why, "netback-bound");
		say(found, "text",
		    "the kernel's xen-netback has taken this vif, and one backend at a time may "
		    "serve it");
		say(found, "do",
		    "to have it here, while its guest runs: vifctl takeover %s. To have all of "
		    "them here: vifctl takeover --all; then modprobe -r xen-netback",
		    vif->name);
	} else if (why->now.netback_loaded && !vif->facts.ready) {
		found = cause(why, "netback-loaded");
		say(found, "text",
		    "the kernel's xen-netback is loaded, and may take vifs before xenvifd does");
		say(found, "do",
		    "vifctl owners tells who has which; to have all of them here: vifctl takeover "
		    "--all, and then modprobe -r xen-netback");
	}
}

static void find_setup(struct explanation *why)
{
	const struct vif *vif = why->vif;
	const struct xenbus_facts *facts = &vif->facts;
	json_t *found;

	if (vif_is_kept(vif)) {
		found = cause(why, "not-in-xenstore");
		say(found, "text",
		    "xenstored came back without it: its guest is served as before until xenvifd "
		    "ends, and neither can the toolstack reach it nor the guest connect anew");
		say(found, "do",
		    "don't restart xenvifd; shut the guest down from within when it suits, then "
		    "reboot this host. If the guest is dead: vifctl drain %s",
		    vif->name);
	} else if (!vif->frontend[0]) {
		found = cause(why, "no-frontend-node");
		say(found, "text", "its frontend node does not name a directory of domain %u",
		    vif->domid);
		say(found, "do", "look at xenstore-ls %s; %s", vif->path, why->attach_again);
	} else if (!facts->online) {
		found = cause(why, "going");
		say(found, "text", "the toolstack is removing it");
		say(found, "do",
		    "nothing: it goes once the guest has closed, or by force after "
		    "some ten seconds");
	} else if (!facts->ready && !vif->reason[0]) {
		found = cause(why, "not-set-up");
		say(found, "text", "the toolstack has not set it up: the backend's state is %s",
		    xenbus_state_name(facts->own_state));
		say(found, "do", "look at xenstore-ls %s; %s", vif->path, why->attach_again);
	}
}

/* The name of a trouble, and what is to be done about it; of those that end with a reason. */
static const struct {
	const char *name;
	const char *advice;
	bool bind_anew; /* and then that */
} troubles[] = {
	[VIF_TROUBLE_NONE] = { "refused", "look at the daemon's log", false },
	[VIF_TROUBLE_TAP] = { "tap-impossible",
			      "look for another interface of this name (ip link), and whether "
			      "/dev/net/tun is there; it is tried again",
			      false },
	[VIF_TROUBLE_KEYS] = { "bad-key", "the guest's driver wrote that: mend or update it",
			       true },
	[VIF_TROUBLE_ATTACH] = { "not-attached",
				 "the guest named what isn't there, or another backend uses it, or "
				 "this host ran out of memory, descriptors or grants: see the log",
				 true },
	[VIF_TROUBLE_SHORTAGE] = { "host-short",
				   "this host ran out of memory, descriptors or threads: see that "
				   "there are some; it is tried again each second",
				   false },
	[VIF_TROUBLE_ROGUE] = { "rogue",
				"the guest broke the protocol: its driver is faulty, or hostile; "
				"mend that",
				true },
	[VIF_TROUBLE_TAP_GONE] = { "tap-removed",
				   "somebody removed the tap; detach the vif and attach it again, "
				   "so that the hotplug script runs on the new one",
				   false },
	[VIF_TROUBLE_DRAINED] = { "drained", "see who did that, and why", true },
	[VIF_TROUBLE_INHERITED] = { "reported-before", "an earlier xenvifd said so: see its log",
				    true },
};

static void find_trouble(struct explanation *why)
{
	const struct vif *vif = why->vif;
	json_t *found;

	if (!vif->reason[0] || (vif->rival && why->now.netback_loaded))
		return; /* of the rival, more was said */
	found = cause(why, troubles[vif->trouble].name);
	say(found, "text", "%s", vif->reason);
	if (troubles[vif->trouble].bind_anew)
		say(found, "do", "%s; then, %s", troubles[vif->trouble].advice, why->bind_anew);
	else
		say(found, "do", "%s", troubles[vif->trouble].advice);
}

/* hotplug-status is empty: the script was not run, or did not come to its end. */
static void find_script_silent(struct explanation *why, const char *script)
{
	const char *flaw = why->now.script_flaw;
	json_t *found = cause(why, flaw ? "hotplug-missing" : "hotplug-not-run");

	if (flaw) {
		say(found, "text", "the hotplug script %s %s", script, flaw);
		say(found, "do",
		    "install it, as an executable file, or correct script= in the guest's "
		    "configuration (ls -l /etc/xen/scripts shows what there is); then %s",
		    why->attach_again);
		return;
	}
	say(found, "text", "the hotplug script %s has not run, or not to its end", script);
	say(found, "do",
	    "see what the toolstack says (xl -vvv, /var/log/xen/); by hand: env vif=%s "
	    "XENBUS_PATH=%s XENBUS_TYPE=vif type_if=vif script=%s %s online",
	    why->now.tap_name[0] ? why->now.tap_name : why->vif->name, why->vif->path, script,
	    script);
}

static void find_script(struct explanation *why)
{
	const struct vif *vif = why->vif;
	const char *script = why->now.script[0] ? why->now.script : "(none is named)";
	bool failed = strcmp(vif->hotplug_status, "error") == 0 || why->now.hotplug_error[0];
	json_t *found;

	if (vif->facts.hotplug_done || !vif->facts.ready || !vif->facts.online)
		return;
	if (failed) {
		found = cause(why, "hotplug-failed");
		say(found, "text", "the hotplug script %s failed: %s", script,
		    why->now.hotplug_error[0] ? why->now.hotplug_error : "it does not say why");
		say(found, "do", "mend that (see /var/log/xen/xen-hotplug.log, too); then %s",
		    why->attach_again);
	} else if (!vif->hotplug_status[0]) {
		find_script_silent(why, script);
	} else {
		found = cause(why, "hotplug-odd");
		say(found, "text", "hotplug-status is \"%s\", and not \"connected\"",
		    vif->hotplug_status);
		say(found, "do", "see what %s does; it must write \"connected\" at its end",
		    script);
	}
}

static void frontend_starts(struct explanation *why)
{
	unsigned seconds = why->now.peer_seconds;
	json_t *found;

	if (why->vif->facts.peer_state == XENBUS_INITIALISING) {
		found = cause(why, "frontend-not-loaded");
		say(found, "text", "the guest's netfront has not started, for %u s%s", seconds,
		    seconds < EXPLAIN_LONG_SECONDS ? "; it may be booting" : "");
		say(found, "do",
		    "look at the guest (xl console %u): does it boot, and has it the "
		    "driver (modprobe xen-netfront)?",
		    why->vif->domid);
		return;
	}
	found = cause(why, "frontend-starts");
	say(found, "text", "the guest's netfront is on its way: %s, for %u s",
	    xenbus_state_name(why->vif->facts.peer_state), seconds);
	say(found, "do", "wait a moment; then look at the guest's kernel log (xl console %u)",
	    why->vif->domid);
}

static void frontend_leaves(struct explanation *why)
{
	int state = why->vif->facts.peer_state;
	json_t *found;

	if (state == XENBUS_UNKNOWN) {
		found = cause(why, "frontend-absent");
		say(found, "text", "the guest's half of the vif is not there (%s/state)",
		    why->vif->frontend);
		say(found, "do", "does the guest live (xl list %u)? Then %s", why->vif->domid,
		    why->attach_again);
		return;
	}
	found = cause(why, "frontend-closed");
	say(found, "text", "the guest has closed its interface: %s, for %u s",
	    xenbus_state_name(state), why->now.peer_seconds);
	say(found, "do", "load its driver in the guest (modprobe xen-netfront); if it is: %s",
	    why->bind_anew);
}

static void find_frontend(struct explanation *why)
{
	const struct vif *vif = why->vif;
	bool closing = vif->facts.own_state == XENBUS_CLOSING;
	json_t *found;

	if (vif->facts.attached || !vif->facts.ready || !vif->frontend[0])
		return;
	if (vif->reason[0] && !closing)
		return; /* that it has closed is only what comes of that */
	switch (vif->facts.peer_state) {
	case XENBUS_INITIALISING:
	case XENBUS_INIT_WAIT:
	case XENBUS_INITIALISED:
		frontend_starts(why);
		break;
	case XENBUS_CONNECTED:
		if (!closing)
			break;
		found = cause(why, "frontend-does-not-close");
		say(found, "text", "the guest was asked to close, and is still Connected");
		say(found, "do",
		    "%s; or detach the vif: the toolstack removes it by force if it must",
		    why->bind_anew);
		break;
	case XENBUS_RECONFIGURING:
	case XENBUS_RECONFIGURED:
		break;
	default:
		frontend_leaves(why);
		break;
	}
}

/* Scripts that route have no use for the bridge that the toolstack names all the same. */
static bool wants_bridge(const struct diagnosis *now)
{
	return now->bridge[0] && !strstr(now->script, "vif-route") &&
	       !strstr(now->script, "vif-nat");
}

static void find_bridge_missing(struct explanation *why)
{
	const char *bridge = why->now.bridge;
	json_t *found = cause(why, "bridge-missing");

	say(found, "text", "this host has no bridge %s, which the toolstack names", bridge);
	if (why->vif->facts.hotplug_done)
		say(found, "do",
		    "ip link add name %s type bridge; ip link set dev %s up; ip link set dev %s "
		    "master %s",
		    bridge, bridge, why->now.tap_name[0] ? why->now.tap_name : why->vif->name,
		    bridge);
	else
		say(found, "do",
		    "make it (ip link add name %s type bridge; ip link set dev %s up), or correct "
		    "bridge= in the guest's configuration; then %s",
		    bridge, bridge, why->attach_again);
}

static void find_bridge(struct explanation *why)
{
	const struct diagnosis *now = &why->now;
	json_t *found;

	if (!wants_bridge(now))
		return;
	if (!now->bridge_exists && !now->tap.master) {
		find_bridge_missing(why);
	} else if (why->vif->facts.hotplug_done && now->tap_name[0] && !now->tap.master) {
		found = cause(why, "not-in-bridge");
		say(found, "text", "the tap %s is in no bridge, and ought to be in %s",
		    now->tap_name, now->bridge);
		say(found, "do", "ip link set dev %s master %s", now->tap_name, now->bridge);
	} else if (now->tap.master && !now->master.up) {
		found = cause(why, "bridge-down");
		say(found, "text", "%s is down, of which the tap %s is a port",
		    now->tap.master_name, now->tap_name);
		say(found, "do", "ip link set dev %s up", now->tap.master_name);
	}
}

static void find_tap(struct explanation *why)
{
	const struct diagnosis *now = &why->now;
	json_t *found;

	if (why->vif->facts.hotplug_done && now->tap_name[0] && !now->tap.up) {
		found = cause(why, "tap-down");
		say(found, "text", "the tap %s is down: all that the guest sends is dropped",
		    now->tap_name);
		say(found, "do", "ip link set dev %s up", now->tap_name);
	}
	if (why->vif->carrier == VIF_CARRIER_OFF) {
		found = cause(why, "carrier-off");
		say(found, "text", "an administrator has switched its carrier off");
		say(found, "do", "vifctl carrier %s auto", why->vif->name);
	}
}

static void find_queue(struct explanation *why, unsigned index)
{
	const struct worker *worker = why->vif->worker[index];
	const struct stats *stats = worker_stats(worker);
	struct worker_rings rings;
	uint32_t buffers;
	char text[128];
	json_t *found;

	worker_look(worker, &rings);
	buffers = ctl_buffers(&rings);
	if (buffers >= rings.room || (buffers > 0 && !rings.drops && !rings.frame_waits))
		return;
	ctl_say_to_guest(&rings, text, sizeof(text));
	found = cause(why, rings.drops ? "guest-takes-nothing" : "guest-slow");
	say(found, "text", "queue %u: %s (%llu were dropped so)", index, text,
	    (unsigned long long)stats_read(&stats->to_guest.drop_stalled));
	say(found, "do",
	    "look at its state in \"xl list %u\": p is paused (xl unpause %u), c is crashed; "
	    "else see whether it is overloaded (xl console %u); \"vifctl kick %s\" helps if it "
	    "has missed an event",
	    why->vif->domid, why->vif->domid, why->vif->domid, why->vif->name);
}

static void find_causes(struct explanation *why)
{
	find_rivals(why);
	find_setup(why);
	find_trouble(why);
	find_bridge(why);
	find_script(why);
	find_frontend(why);
	find_tap(why);
	for (unsigned i = 0; i < why->vif->n_workers; i++)
		find_queue(why, i);
	if (json_array_size(why->causes) == 0 && !is_connected(why->vif)) {
		char text[VIF_REASON_SIZE];
		json_t *found = cause(why, "under-way");

		vif_explain(why->vif, text, sizeof(text));
		say(found, "text", "%s", text);
		say(found, "do", "wait a moment, and ask again; else look at the daemon's log");
	}
}

static void word_advice(struct explanation *why)
{
	const struct vif *vif = why->vif;

	snprintf(why->attach_again, sizeof(why->attach_again),
		 "detach the vif (xl network-detach %u %u) and attach it again (xl network-attach)",
		 vif->domid, vif->devid);
	snprintf(why->bind_anew, sizeof(why->bind_anew),
		 "in the guest, bind its driver anew (for i in unbind bind; do echo vif-%u > "
		 "/sys/bus/xen/drivers/vif/$i; done) or reboot it",
		 vif->devid);
}

json_t *ctl_explain(struct control *control, const json_t *request)
{
	json_t *error = NULL;
	struct explanation why = { .vif = ctl_vif(control, request, &error) };

	if (!why.vif)
		return error;
	why.parties = json_array();
	why.causes = json_array();
	diagnose(why.vif, &why.now);
	word_advice(&why);
	ask_parties(&why);
	find_causes(&why);
	return json_pack("{si ss sb so so}", "schema", CTL_SCHEMA, "name", why.vif->name,
			 "connected", is_connected(why.vif), "causes", why.causes, "parties",
			 why.parties);
}
