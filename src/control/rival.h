/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's xen-netback, which claims the same vifs. What it has is left to
 * it: two backends on one vif would cost the guest its network.
 *
 * It takes a vif when its module is loaded, from all vifs that are there, and
 * then whenever a new one comes, before anybody else can. Of a vif that it was
 * made to let go (unbind), it takes no notice any more until it is told to
 * (bind), or its module is loaded anew. sysfs.
 */
#ifndef XENVIFD_CONTROL_RIVAL_H
#define XENVIFD_CONTROL_RIVAL_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the module is loaded. */
bool rival_is_loaded(void);

/* Whether it has this vif. */
bool rival_has(uint16_t domid, uint32_t devid);

/* Whether the kernel knows this vif, so that it can be given to xen-netback. */
bool rival_knows(uint16_t domid, uint32_t devid);

/* Queues that it would serve of one vif; 0: it doesn't say. */
unsigned rival_max_queues(void);

#endif
