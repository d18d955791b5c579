/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vif's multi-queue tap: made so that toolstacks and hotplug scripts find in
 * it what they know from the kernel's netback.
 *
 * It is made down (a script may rename it), with the address
 * fe:ff:ff:ff:ff:ff that bridges put last, without carrier until the frontend
 * is connected, and persistent, so that it keeps its bridge port while no
 * daemon runs. All queues that the frontend could ask for are opened at once,
 * because a queue is opened by the name that the tap has at that moment; those
 * not in use are detached, and the kernel then spreads flows over the rest.
 *
 * The tap is told by ifindex. Frames cross with a virtio_net_hdr in front
 * (10 bytes, host byte order).
 *
 * The control thread owns a struct tap; a worker reads and writes one of its
 * queues' descriptors.
 */
#ifndef XENVIFD_TAP_TAP_H
#define XENVIFD_TAP_TAP_H

#include <net/if.h>
#include <stdbool.h>
#include <sys/types.h>

#include "tap/link.h"
#include "vif_config.h"

/*
 * Frames that the kernel keeps for a vif whose workers are busy, its active
 * queues sharing them. Long enough for a full-size TCP window of ordinary
 * frames; and a bound of what a guest that takes nothing can make the kernel
 * keep, which knows frames only: at 64 KiB each, 128 MiB with up to 8 queues.
 */
#define TAP_VIF_FRAMES 2048
/* As many as a ring has slots; no queue has less. */
#define TAP_QUEUE_FRAMES_MIN 256

struct tap {
	int ifindex; /* 0: not open */
	unsigned n_queues;
	unsigned n_active; /* queues 0 .. n_active - 1 are attached */
	int fd[VIF_QUEUES_MAX];
};

/* How a tap came to be open. */
enum tap_origin {
	TAP_MADE,    /* there was none */
	TAP_ADOPTED, /* one from an earlier daemon, with its bridge port and settings */
	TAP_KEPT,    /* the same, and its descriptors: with its carrier and waiting frames, too */
};

/*
 * Makes the tap `name`, or picks up the one with `alias`; if somebody has given
 * it another, the one of this name that has all other signs of ours, and `alias`
 * again. With `fresh`, one with `alias` that is left over is removed first. `carrier`: what an
 * adopted tap's carrier is to be; a new one has none. Returns an enum tap_origin, or -errno: -EBUSY
 * when another program holds the name, -EPERM without CAP_NET_ADMIN. On failure nothing is left
 * behind.
 */
int tap_open(struct tap *tap, struct link_socket *link, const char *name, const char *alias,
	     unsigned n_queues, bool fresh, bool carrier);

/*
 * Takes over descriptors of all n_queues (1 or more) queues of a tap, which an
 * earlier daemon has opened: queue i's is fd[i]. They say which tap it is; it is
 * given `alias` if it has it no longer. `carrier`: what it is to be.
 * TAP_KEPT, and the descriptors are the tap's; or -errno, -ENODEV when they are
 * not one tap's or the alias is another vif's, and they stay the caller's.
 */
int tap_take_over(struct tap *tap, struct link_socket *link, const char *alias, const int *fd,
		  unsigned n_queues, bool carrier);

/* Leaves the tap to the next daemon. */
void tap_close(struct tap *tap);

/* Removes the tap, whoever else holds descriptors of it. */
void tap_destroy(struct tap *tap, struct link_socket *link);

/*
 * Attaches queues 0 .. n - 1 and detaches the others, whose frames are dropped; each
 * keeps its share of TAP_VIF_FRAMES. 0, or -errno.
 */
int tap_set_queues(struct tap *tap, struct link_socket *link, unsigned n);

/* Sets which unfinished frames (TUN_F_*) may be read from the tap. 0, or -errno. */
int tap_set_offload(struct tap *tap, unsigned flags);

/* Sets the carrier. 0, or -errno. */
int tap_set_carrier(struct tap *tap, bool on);

/* Drops the frames that wait in the attached queues. */
void tap_discard(struct tap *tap);

/* The name that the tap has now; "" when it is gone. */
void tap_name(const struct tap *tap, char name[IFNAMSIZ]);

/*
 * Reads one frame and its header into buf. Its length, header included;
 * -EAGAIN: none; -EINVAL: one that virtio_net_hdr has no words for, and it is dropped (from
 * NICs that merge frames and don't say of what kind); another -errno: the tap is gone. Never waits.
 */
ssize_t tap_read(int fd, void *buf, size_t size);

/*
 * Writes one frame and its header. 0, or -errno: -EIO when the tap is down,
 * -EAGAIN, -ENOBUFS or -ENOMEM when there is no room, -EBADFD when the tap is
 * gone, another when the frame was refused. Never waits.
 */
int tap_write(int fd, const void *buf, size_t size);

#endif
