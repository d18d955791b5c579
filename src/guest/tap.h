/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's eth0: a multi-queue tap in a network namespace, which dies with this process. */
#ifndef XENVIFD_GUEST_TAP_H
#define XENVIFD_GUEST_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "front.h"

struct tap {
	unsigned n_queues; /* descriptors */
	unsigned attached; /* of these, queues in use: the first ones */
	int fd[FRONT_QUEUES_MAX];
	char name[16];
};

/*
 * Makes the interface with n queues (1 .. FRONT_QUEUES_MAX), its carrier off,
 * brings it up. `mtu` is in bytes. Returns with the calling thread in the
 * namespace that it was in. 0 or -errno, having said why.
 */
int tap_open(struct tap *tap, const char *netns, const char *name, const uint8_t mac[6],
	     unsigned mtu, unsigned n);
void tap_close(struct tap *tap);

/* Uses the first n queues, hands the kernel the offloads of `caps`, sets the carrier. */
int tap_start(struct tap *tap, unsigned n, const struct front_caps *caps);
void tap_stop(struct tap *tap);

#endif
