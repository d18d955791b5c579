/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's xen-netback, which claims the same vifs. What it has is left to
 * it: two backends on one vif would cost the guest its network.
 *
 * It takes a vif when its module is loaded, from all vifs that are there, and
 * then whenever a new one comes, before anybody else can. sysfs.
 */
#ifndef XENVIFD_CONTROL_RIVAL_H
#define XENVIFD_CONTROL_RIVAL_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the module is loaded. */
bool rival_is_loaded(void);

/* Whether it has this vif. */
bool rival_has(uint16_t domid, uint32_t devid);

#endif
