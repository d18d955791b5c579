/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif's queues, up and down: all or nothing, and down in exact reverse.
 */
#ifndef XENVIFD_CONTROL_CONNECT_H
#define XENVIFD_CONTROL_CONNECT_H

#include "control/vif.h"

/*
 * Reads what the frontend wrote, maps its rings, binds its event channels and
 * starts the workers. 0; or -errno with vif->reason set and nothing left over.
 */
int connect_up(struct vif *vif);

/* Stops the workers, joins them, unbinds and unmaps. Fine when nothing is up. */
void connect_down(struct vif *vif);

#endif
