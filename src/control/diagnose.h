/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is looked at when somebody asks what is wrong with a vif: things that
 * its life doesn't depend on, and that are therefore not kept.
 */
#ifndef XENVIFD_CONTROL_DIAGNOSE_H
#define XENVIFD_CONTROL_DIAGNOSE_H

#include <net/if.h>
#include <stdbool.h>

#include "control/vif.h"
#include "tap/link.h"

struct diagnosis {
	char script[128];	 /* the hotplug script; "" when the toolstack names none */
	const char *script_flaw; /* why it can't be run, after its name; NULL: as far as is seen, it
				    can */
	char bridge[64];	 /* the bridge that the toolstack names; "" without one */
	char hotplug_error[128]; /* what the script complained of; "" */
	unsigned peer_seconds;	 /* since when the frontend's state is what it is */
	char tap_name[IFNAMSIZ]; /* "" when there is no tap */
	struct link_state tap;
	bool bridge_exists;
	struct link_state master; /* of the tap, when it has one */
	bool netback_loaded;	  /* the kernel's backend is there */
	bool netback_bound;	  /* and has this vif */
};

/* Looks: xenstore, netlink, sysfs. What can't be read is as if it weren't there. */
void diagnose(const struct vif *vif, struct diagnosis *diagnosis);

#endif
