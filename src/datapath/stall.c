/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ring without room, and how long it is waited for. */
#include "datapath/stall.h"

/* How often a ring is looked at whose frontend doesn't say when it has posted buffers. */
#define STALL_LOOK_NS (5 * CLOCK_MS_IN_NS)
/* How long a frame waits for more room than it may need itself (queue->room_wanted). */
#define STALL_ROOM_NS (10 * CLOCK_MS_IN_NS)

/* How long a frame has waited, in ns, in STALL_WAITING; how long frames have, in STALL_DROPPING. */
static uint64_t stall_waited(const struct stall *stall)
{
	return clock_now_ns() - stall->begin;
}

/* Whether the room that a frame waits for is one that the guest may never give. */
static bool stall_is_for_more(const struct stall *stall, const struct queue *queue)
{
	return stall->state == STALL_WAITING && queue->room_wanted > queue->room;
}

void stall_note_end(const struct stall *stall, const struct queue *queue)
{
	if (probe_stall_ended_wanted())
		probe_stall_ended(queue->name, stall_waited(stall), ring_rx_pending(&queue->rx));
}

bool stall_follow(struct stall *stall, struct queue *queue)
{
	if (stall_is_for_more(stall, queue) && stall_waited(stall) >= STALL_ROOM_NS)
		queue->room_wanted = queue->room;
	if (to_guest_has_room(queue)) {
		stall_end(stall, queue);
	} else if (stall->state == STALL_NONE && queue->tap_readable) {
		stall->state = STALL_WAITING;
		stall->begin = clock_now_ns();
		probe_stall_begun(queue->name, ring_rx_pending(&queue->rx), queue->room_wanted);
	} else if (stall->state == STALL_WAITING && stall_waited(stall) >= queue->stall_ns) {
		stall->state = STALL_DROPPING;
		stats_add(&queue->stats.to_guest.stalls, 1);
		if (probe_stall_dropping_wanted())
			probe_stall_dropping(queue->name, stall_waited(stall));
	}
	return stall->state != STALL_WAITING;
}

uint64_t stall_left(const struct stall *stall, const struct queue *queue)
{
	uint64_t waited = stall_waited(stall);
	uint64_t left = waited < queue->stall_ns ? queue->stall_ns - waited : 0;

	if ((!queue->features.rx_notify || stall_is_for_more(stall, queue)) && left > STALL_LOOK_NS)
		left = STALL_LOOK_NS;
	return left;
}
