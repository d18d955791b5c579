/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture: a buffer for each queue of one vif that is looked at, and the
 * order of their frames. Who reads them is another room's business.
 *
 * It is of one connection: when the vif's queues end, for whatever reason, so
 * does it, and what its buffers hold can still be read. It keeps no vif, and a
 * worker only as long as that has a buffer of it, so it may outlive both.
 *
 * Owner of a struct capture: control.
 */
#ifndef XENVIFD_CONTROL_CAPTURE_H
#define XENVIFD_CONTROL_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/capture.h"

struct capture;
struct vif;

struct capture_wish {
	int queue;	  /* the one that is captured; -1: all */
	unsigned ways;	  /* CAPTURE_FROM_GUEST, CAPTURE_TO_GUEST, or both */
	uint32_t snaplen; /* bytes of a frame that are kept, at least 1 */
};

/* What became of a queue's frames. */
struct capture_count {
	unsigned queue;
	uint64_t delivered; /* by capture_done */
	uint64_t missed;    /* that found no room before the last one that was delivered */
	uint64_t dropped;   /* that found no room at all */
};

/*
 * Begins to capture. 0 and *capture; or -ENOTCONN: the vif has no queues, or not
 * this one; -EBUSY: some of its queues are captured already; -ENOMEM.
 */
int capture_create(struct capture **capture, const struct vif *vif,
		   const struct capture_wish *wish);

/* Has the workers let go, if they haven't: soon, capture_is_over. */
void capture_stop(struct capture *capture);

/* Whether no worker has a part in it any more: what is in it now is all that will be. */
bool capture_is_over(const struct capture *capture);

/* Frees it. It must be over. NULL is fine. */
void capture_destroy(struct capture *capture);

/* The frame that came first of those that are there, and its place among the queues; or NULL. */
const struct capture_record *capture_next(struct capture *capture, unsigned *place);

/* The frame that capture_next gave is delivered: the next one is wanted. */
void capture_done(struct capture *capture, unsigned place, const struct capture_record *record);

/* Queues that are captured, places 0 .. n - 1; and the counts of one. */
unsigned capture_queues(const struct capture *capture);
struct capture_count capture_counts(const struct capture *capture, unsigned place);

#endif
