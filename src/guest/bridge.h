/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The work of a queue that has a tap: frames from the tap into the ring, and back. */
#ifndef XENVIFD_GUEST_BRIDGE_H
#define XENVIFD_GUEST_BRIDGE_H

#include "worker.h"

/* Runs until it is stopped (0) or the backend breaks the protocol (-EPROTO). */
int bridge_run(struct worker *worker);

#endif
