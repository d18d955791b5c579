/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif's tap in the service manager's keeping: the descriptors of its queues
 * outlive the daemon, and with them the tap's carrier (so its bridge port) and
 * the frames that wait in it. Without a service manager only the tap itself
 * stays, without carrier until the next daemon is there.
 */
#ifndef XENVIFD_CONTROL_KEEP_H
#define XENVIFD_CONTROL_KEEP_H

#include <stdbool.h>

struct vif;

/* The tap's descriptors are to be kept. */
void keep_tap(const struct vif *vif);

/* They are not, any longer. */
void keep_forget(const struct vif *vif);

/*
 * Gives the vif the tap of the daemon before, with all vif->max_queues queues.
 * TAP_KEPT; or -errno, -ENOENT when nothing was kept, and then nothing is
 * any longer.
 */
int keep_take_back(struct vif *vif, bool carrier);

#endif
