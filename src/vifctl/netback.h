/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of moving a vif that takes root and is not the daemon's: xen-netback,
 * told over sysfs to take a vif or let go of it, and the hotplug script, run as
 * the toolstack runs it. What goes wrong is said on standard error.
 */
#ifndef XENVIFD_VIFCTL_NETBACK_H
#define XENVIFD_VIFCTL_NETBACK_H

#include <stdbool.h>

/* A vif, as far as this is about it. */
struct netback_vif {
	const char *name; /* vif<domid>.<devid> */
	unsigned domid, devid;
	const char *path;    /* backend/vif/<domid>/<devid> */
	const char *script;  /* an absolute path */
	const char *gateway; /* gatewaydev; "" without one */
	const char *vifname; /* what its script calls the interface; "": it keeps its name */
	bool ioemu;	     /* QEMU has an interface vif<domid>.<devid>-emu beside it */
};

/* Whether it has the vif. */
bool netback_has(const struct netback_vif *vif);

/* It takes the vif, or lets go of it, and has done so on return. 0, or -1. */
int netback_bind(const struct netback_vif *vif);
int netback_unbind(const struct netback_vif *vif);

/* Whether the vif's hotplug script can be run; if not, that is said. */
bool script_is_there(const struct netback_vif *vif);

/* Runs it with "online" or "offline", for at most 40 seconds as libxl does. 0, or -1. */
int script_run(const struct netback_vif *vif, const char *action);

/*
 * Its interface bears its first name again, and is down: Xen's scripts rename it at
 * "online", not back at "offline", and fail at the next "online" where the new name is
 * there already. 0, also where it is not renamed; or -1.
 */
int script_undo_name(const struct netback_vif *vif);

#endif
