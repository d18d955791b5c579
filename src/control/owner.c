/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who serves a vif, and its way from one backend to the other.
 *
 * The way is made of steps that can each be taken back: let go (owner_release
 * here, unbind there), take (owner_adopt here, bind there), run the hotplug
 * script. So taking must not harm what it can't take: a frontend is not refused
 * here, as it is when it connects, but left for the kernel to have again.
 */
#include "control/owner.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/moving.h"
#include "control/rival.h"
#include "control/vif_facts.h"
#include "control/vif_report.h"

/* A vif is nobody's while the kernel lets go of it, and while somebody binds it by hand again. */
#define OWNER_GRACE_NS (3000 * CLOCK_MS_IN_NS)

static void say(char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(char *text, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, size, format, args);
	va_end(args);
}

static bool is_moved(const struct vif *vif)
{
	const char *lock = vif->control->settings.moving;

	return lock && moving_is_moved(lock, vif->name);
}

/* It has no driver. Whether it is still to be left alone; was: it was the kernel's, or left alone.
 */
static bool is_on_its_way(struct vif *vif, bool was)
{
	uint64_t now = clock_now_ns();
	bool moved = is_moved(vif);
	char why[VIF_REASON_SIZE];

	if (!was && !moved)
		return false; /* found so, and nobody is at work on it: ours */
	if (moved || vif->nobody_since == 0)
		vif->nobody_since = now;
	vif_mark_later(vif);
	if (now - vif->nobody_since < OWNER_GRACE_NS || !vif->facts.online)
		return true;
	if (owner_adopt(vif, why, sizeof(why)) < 0) {
		vif_log(vif, LOG_LEVEL_ERROR, "nobody serves it, and it can't be taken: %s", why);
		return true;
	}
	vif_log(vif, LOG_LEVEL_WARNING,
		"nobody served it, so it is taken; its hotplug script may have to be run (vifctl "
		"explain %s)",
		vif->name);
	return false;
}

bool owner_is_rival(struct vif *vif)
{
	bool was = vif->rival;

	if (!vif->facts.exists || vif->facts.ready) {
		vif->rival = false;
	} else if (rival_has(vif->domid, vif->devid) ||
		   (vif->facts.own_state == XENBUS_INITIALISING && rival_is_loaded())) {
		vif->rival = true;
		vif->nobody_since = 0;
	} else {
		vif->rival = is_on_its_way(vif, was);
	}
	if (!vif->rival) {
		if (was)
			vif->reason[0] = '\0';
		vif->nobody_since = 0;
		return false;
	}
	say(vif->reason, sizeof(vif->reason),
	    vif->nobody_since ? "on its way from one backend to the other"
			      : "served by the kernel's xen-netback, which is loaded; see "
				"xenvifd(8), ONE BACKEND");
	if (!was)
		vif_log_event(vif, LOG_LEVEL_WARNING, MESSAGE_VIF_NETBACK, VIF_NO_QUEUE, "%s",
			      vif->reason);
	return true;
}

enum owner owner_of(const struct vif *vif)
{
	return !vif->rival ? OWNER_US : vif->nobody_since ? OWNER_NOBODY : OWNER_KERNEL;
}

static bool frontend_has(const struct vif *vif, const char *key, char *value, size_t size)
{
	char path[STORE_PATH_SIZE + 64];

	snprintf(path, sizeof(path), "%s/%s", vif->frontend, key);
	return store_read(vif->control->store, STORE_NO_TRANSACTION, path, value, size) >= 0;
}

/* What both backends ask of a vif that changes hands. True: text says what is in the way. */
static bool states_forbid(const struct vif *vif, char *text, size_t size)
{
	int own = vif->facts.own_state, peer = vif->facts.peer_state;
	bool movable = (own == XENBUS_INIT_WAIT && peer <= XENBUS_CONNECTED) ||
		       (own == XENBUS_CONNECTED && peer == XENBUS_CONNECTED);

	if (movable && vif->facts.online)
		return false;
	say(text, size,
	    "the backend's state is %s, the guest's %s: only a vif that is connected, or waits for "
	    "its guest, can change hands",
	    xenbus_state_name(own), xenbus_state_name(peer));
	return true;
}

static void find_obstacle_here(const struct vif *vif, char *text, size_t size)
{
	char value[16];

	if (frontend_has(vif, "ctrl-ring-ref", value, sizeof(value)))
		say(text, size,
		    "its guest uses the control ring (hashing), which xenvifd does not offer: it "
		    "can come here when its guest boots anew");
	else if (frontend_has(vif, "xdp-headroom", value, sizeof(value)) && strcmp(value, "0") != 0)
		say(text, size,
		    "its guest runs an XDP program with headroom, which xenvifd does not offer: "
		    "take that off first");
}

static void find_obstacle_there(const struct vif *vif, char *text, size_t size)
{
	unsigned most = rival_max_queues();

	if (!rival_is_loaded())
		say(text, size,
		    "xen-netback is not loaded, and must not be loaded while guests are on "
		    "xenvifd: it would close the vifs of all of them; see xenvifd(8), ONE BACKEND");
	else if (!rival_knows(vif->domid, vif->devid))
		say(text, size,
		    "the kernel does not know it (no /sys/bus/xen-backend/devices/vif-%u-%u); "
		    "detach it and attach it again, then it is the kernel's",
		    vif->domid, vif->devid);
	else if (most > 0 && vif->config.n_queues > most)
		say(text, size,
		    "its guest uses %u queues, and xen-netback serves %u: echo %u > "
		    "/sys/module/xen_netback/parameters/max_queues",
		    vif->config.n_queues, most, vif->config.n_queues);
}

void owner_obstacle(const struct vif *vif, enum owner to, char *text, size_t size)
{
	text[0] = '\0';
	if (owner_of(vif) == to)
		say(text, size, "%s",
		    to == OWNER_US ? "xenvifd serves it already" : "xen-netback serves it already");
	else if (states_forbid(vif, text, size))
		return;
	else if (to == OWNER_US)
		find_obstacle_here(vif, text, size);
	else
		find_obstacle_there(vif, text, size);
}

/* What stands before any attempt to take it. 0, or -errno. */
static int adopt_check(struct vif *vif, char *why, size_t size)
{
	int error = vif_read_facts(vif);

	if (error < 0)
		say(why, size, "xenstore does not answer: %s", strerror(-error));
	else if (!vif->facts.exists)
		say(why, size, "it is gone");
	else if (rival_has(vif->domid, vif->devid))
		say(why, size, "xen-netback has it, and must let go of it first (vifctl takeover)");
	else
		return 0;
	return error < 0 ? error : -EBUSY;
}

/* The tap; our features, if the frontend is still to read them; and the queues of one that is
 * connected. */
static int adopt_try(struct vif *vif)
{
	int own = vif->facts.own_state, peer = vif->facts.peer_state;
	int error = vif_prepare(vif);

	if (error == 0 && own == XENBUS_INIT_WAIT && peer <= XENBUS_INITIALISING)
		error = vif_write_state(vif, XENBUS_INIT_WAIT);
	if (error == 0 && peer == XENBUS_CONNECTED &&
	    (own == XENBUS_INIT_WAIT || own == XENBUS_CONNECTED))
		error = vif_attach(vif);
	return error;
}

int owner_adopt(struct vif *vif, char *why, size_t size)
{
	int error;

	if (vif->facts.ready)
		return 0; /* whoever asks has not heard our first answer */
	error = adopt_check(vif, why, size);
	if (error < 0)
		return error;
	vif->reason[0] = '\0';
	error = adopt_try(vif);
	if (error < 0) {
		say(why, size, "%s", vif->reason[0] ? vif->reason : strerror(-error));
		vif_detach(vif);
		vif_unprepare(vif);
		vif_clear_error(vif);
		vif->rival = true;
		vif->nobody_since = clock_now_ns();
		vif_mark_later(vif);
		return error;
	}
	vif->rival = false;
	vif->nobody_since = 0;
	vif_log(vif, LOG_LEVEL_INFO, "taken over from xen-netback");
	vif_mark(vif);
	return 0;
}

/*
 * The tap that a daemon has left which was killed on the way; this one has not opened it, as the
 * vif is left alone. It has the name that xen-netback's interface is to have. 0, or -errno.
 */
static int left_tap_delete(struct vif *vif)
{
	char name[IFNAMSIZ];
	int ifindex = link_find_alias(vif->control->link, vif->alias, name);

	return ifindex > 0 ? link_delete(vif->control->link, ifindex) : ifindex;
}

int owner_release(struct vif *vif, char *why, size_t size)
{
	char path[128];
	int error;

	owner_obstacle(vif, OWNER_KERNEL, why, size);
	if (why[0])
		return -EBUSY;
	error = vif->tap.ifindex == 0 ? left_tap_delete(vif) : 0;
	if (error < 0) {
		say(why, size, "can't remove its tap: %s", strerror(-error));
		return error;
	}
	vif_detach(vif);
	vif_unprepare(vif);
	vif_clear_error(vif);
	vif->rival = true;
	vif->nobody_since = clock_now_ns();
	snprintf(path, sizeof(path), "%s/hotplug-status", vif->path);
	store_remove(vif->control->store, STORE_NO_TRANSACTION, path);
	vif_log(vif, LOG_LEVEL_INFO, "let go, for xen-netback");
	vif_mark(vif);
	return 0;
}

static void name_read(const struct vif *vif, const char *path, char *text, size_t size)
{
	if (store_read(vif->control->store, STORE_NO_TRANSACTION, path, text, size) < 0)
		text[0] = '\0';
}

static void key_read(const struct vif *vif, const char *key, char *text, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", vif->path, key);
	name_read(vif, path, text, size);
}

void owner_names(const struct vif *vif, struct owner_names *names)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/local/domain/%u/name", vif->domid);
	name_read(vif, path, names->domain, sizeof(names->domain));
	snprintf(path, sizeof(path), "/local/domain/%u/vm", vif->domid);
	name_read(vif, path, text, sizeof(text)); /* "/vm/<uuid>" */
	snprintf(names->uuid, sizeof(names->uuid), "%s",
		 strncmp(text, "/vm/", 4) == 0 ? text + 4 : "");
	key_read(vif, "bridge", names->bridge, sizeof(names->bridge));
	key_read(vif, "script", names->script, sizeof(names->script));
	key_read(vif, "gatewaydev", names->gateway, sizeof(names->gateway));
	key_read(vif, "vifname", names->vifname, sizeof(names->vifname));
	key_read(vif, "type", text, sizeof(text));
	names->ioemu = strcmp(text, "vif_ioemu") == 0;
}

const struct claim_rule *owner_claim(const struct vif *vif, const struct owner_names *names)
{
	const char *const value[CLAIM_KEYS] = {
		[CLAIM_DOMAIN] = names->domain, [CLAIM_UUID] = names->uuid,
		[CLAIM_BRIDGE] = names->bridge, [CLAIM_MAC] = vif->mac,
		[CLAIM_SCRIPT] = names->script,
	};

	return claim_match(&vif->control->settings.claims, value);
}
