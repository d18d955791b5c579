/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this backend offers to every frontend: the feature keys of its directory. */
#ifndef XENVIFD_CONTROL_ADVERTISE_H
#define XENVIFD_CONTROL_ADVERTISE_H

#include <stdint.h>

#include "xen/store.h"

/*
 * Writes the feature keys below `path` (a backend directory) within a
 * transaction. max_queues: 1 .. VIF_QUEUES_MAX. 0, or -errno.
 * Never while a frontend is connected: it may read them again (VIF-2.13).
 */
int advertise_write(struct store *store, uint32_t transaction, const char *path,
		    unsigned max_queues);

/*
 * Removes, likewise, what another backend has offered there and this one does not: a frontend
 * that connects anew would wait for it. 0, or -errno.
 */
int advertise_withdraw(struct store *store, uint32_t transaction, const char *path);

#endif
