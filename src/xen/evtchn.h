/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels of one queue: a handle of libxenevtchn of its own.
 *
 * A port that has delivered an event stays masked until evtchn_unmask: what
 * comes meanwhile is remembered and delivered then, so a guest that kicks
 * without end costs at most what one worker does (XSA-332).
 *
 * One thread at a time may use a handle.
 */
#ifndef XENVIFD_XEN_EVTCHN_H
#define XENVIFD_XEN_EVTCHN_H

#include <stdint.h>

struct evtchn; /* = xenevtchn_handle */

/*
 * The kernel will name the interrupts "evtchn:<name>" (of name, 15 bytes; see
 * xen/irq.h). 0, or -errno: -ENOENT and -EACCES tell of /dev/xen/evtchn.
 */
int evtchn_open(struct evtchn **evtchn, const char *name);

/* Unbinds all that is bound. NULL is fine. */
void evtchn_close(struct evtchn *evtchn);

/* Readable while an unmasked port has an event. */
int evtchn_fd(struct evtchn *evtchn);

/*
 * Binds the port that domain domid offered to us. Returns the local port
 * (above 0), or -errno: -EINVAL when there is no such port, or it is not
 * ours, or it is bound already. A bound port starts with an event pending.
 */
int evtchn_bind(struct evtchn *evtchn, uint16_t domid, uint32_t remote_port);

int evtchn_notify(struct evtchn *evtchn, uint32_t local_port);

/* Takes one event: the local port, now masked; or -errno (-EAGAIN: none). */
int evtchn_pending(struct evtchn *evtchn);

int evtchn_unmask(struct evtchn *evtchn, uint32_t local_port);

#endif
