/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a worker does about a ring that has no room for what the tap holds.
 *
 * When the guest has posted too few buffers, the tap is left alone but for
 * learning that a frame waits there; from then the guest has queue->stall_ns to
 * post more. After that what the tap holds is dropped, until the guest takes
 * frames again. Room beyond the largest frame's, for the segments of one that
 * is cut up, is waited for much less: the guest may be one that never posts so
 * many.
 *
 * Owner of a struct stall: worker. Inside the datapath room only.
 */
#ifndef XENVIFD_DATAPATH_STALL_H
#define XENVIFD_DATAPATH_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/queue.h"

enum stall_state {
	STALL_NONE,	/* there is room, or no frame waits */
	STALL_WAITING,	/* a frame waits, until queue->stall_ns are over */
	STALL_DROPPING, /* frames are read and dropped */
};

struct stall {
	enum stall_state state;
	uint64_t begin; /* of STALL_WAITING, clock_now_ns */
};

/* The inside of stall_update. */
bool stall_follow(struct stall *stall, struct queue *queue);

/* Follows what the stall has come to, once a round; whether the tap is to be polled. */
static inline bool stall_update(struct stall *stall, struct queue *queue)
{
	if (stall->state == STALL_NONE && (!queue->tap_readable || to_guest_has_room(queue)))
		return true;
	return stall_follow(stall, queue);
}

/* How long the worker may sleep in STALL_WAITING, in ns. */
uint64_t stall_left(const struct stall *stall, const struct queue *queue);

/* The inside of stall_end. */
void stall_note_end(const struct stall *stall, const struct queue *queue);

/* The guest has taken frames, or has room again. */
static inline void stall_end(struct stall *stall, const struct queue *queue)
{
	if (stall->state == STALL_NONE)
		return;
	stall_note_end(stall, queue);
	stall->state = STALL_NONE;
}

#endif
