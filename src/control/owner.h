/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who serves a vif where the kernel's xen-netback is loaded, and how a vif goes
 * from one backend to the other while its guest runs.
 *
 * Nobody keeps a list. sysfs says which vifs xen-netback is bound to; a vif that
 * has no driver is served here, by this daemon and by any that comes after it.
 * Only while a vif is on its way is that not the whole truth, and then whoever
 * moves it (vifctl, as root: the daemon can't write to sysfs) holds a lock
 * (base/moving.h), which ends with its holder however it ends. What is left
 * without a backend after that, is taken by the daemon.
 *
 * To the guest a move is a restart of its backend: xenstore says Connected all
 * the time, and the next backend goes on at rsp_prod.
 */
#ifndef XENVIFD_CONTROL_OWNER_H
#define XENVIFD_CONTROL_OWNER_H

#include <stdbool.h>

#include "control/claim.h"
#include "control/vif.h"

enum owner {
	OWNER_US,
	OWNER_KERNEL,
	OWNER_NOBODY, /* it is on its way from one to the other */
};

/* Whether the vif is to be left alone, as sysfs is now. Sets vif->rival and says why. */
bool owner_is_rival(struct vif *vif);

enum owner owner_of(const struct vif *vif);

/* Why the vif can't go to us, or to the kernel, now: a text for people, or "" when it can. */
void owner_obstacle(const struct vif *vif, enum owner to, char *text, size_t size);

/*
 * Takes a vif that has no backend, at rsp_prod if its guest is connected. 0; or -errno, with `why`,
 * and then nothing of the vif is touched: neither its state in xenstore nor a netdev. Fine when it
 * is served here already.
 */
int owner_adopt(struct vif *vif, char *why, size_t size);

/*
 * Lets go of a vif for xen-netback: as after its own unbind, state stays as it is, and
 * hotplug-status and the netdev are gone. 0; or -errno, with `why`, and nothing is changed.
 */
int owner_release(struct vif *vif, char *why, size_t size);

/* What an administrator knows the vif by. */
struct owner_names {
	char domain[128];
	char uuid[64];
	char bridge[64];
	char script[256];
	char gateway[64]; /* the gatewaydev of vif-route and vif-nat */
	char vifname[64]; /* what the script is to call the interface */
	bool ioemu;	  /* type is vif_ioemu: QEMU has an interface beside it */
};

/* Reads them; what isn't there is "". */
void owner_names(const struct vif *vif, struct owner_names *names);

/* The rule by which it is claimed, or NULL. */
const struct claim_rule *owner_claim(const struct vif *vif, const struct owner_names *names);

#endif
