/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the guest is notified of its answered frames.
 *
 * A lone small frame is seldom the last one: it is a request, or an
 * acknowledgement, and the guest's next frame follows as soon as an answer has
 * come. Being told of each only costs the guest an interrupt to free one
 * buffer. So these events are moderated, as network cards do it: one tells of
 * sixteen such frames, or of fewer when eight milliseconds are over, and none is
 * sent when the guest has looked by itself. A frame in a batch with others, or
 * of several slots, is told of at once: somebody may be waiting for the room.
 *
 * When hardly anything came in that time, the wait was in vain: either the
 * guest had nothing more to send, and then it cost nothing, or it was waiting
 * for the buffer. So the next frame of the kind is told of at once, and after
 * each further wait in vain twice as many.
 *
 * Frames of the kind come at a rate of thousands a second, so the time is not
 * taken of each: the worker's timer runs while something is held back, unhurried
 * by what was held back and told of since it was set, and what was there for a
 * whole turn of it is old enough.
 */
#include "datapath/queue.h"

#include "xen/evtchn.h"

/* A frame of more slots than these is not small: headers, and some data. */
#define TELL_HOLD_SLOTS 2
/* The most frames that are held back together. */
#define TELL_HOLD_FRAMES 16
/* So few, when the time is over, and the wait was in vain. */
#define TELL_HOLD_FEW 3
/* The most frames that are told of at once after a wait in vain. */
#define TELL_AT_ONCE_MAX 1023

/* One event for so many batches. */
static void tell(struct queue *queue, unsigned batches)
{
	evtchn_notify(queue->evtchn, queue->port_tx);
	stats_add(&queue->stats.from_guest.notify_sent, 1);
	stats_add(&queue->stats.from_guest.notify_suppressed, batches - 1);
	probe_from_guest_notified(queue->name, batches);
	ring_tx_told(&queue->tx);
	queue->hold = 0;
}

static void tell_nothing(struct queue *queue, unsigned batches)
{
	stats_add(&queue->stats.from_guest.notify_suppressed, batches);
	ring_tx_told(&queue->tx);
	queue->hold = 0;
}

static void tell_in_vain(struct queue *queue)
{
	tell(queue, queue->hold);
	queue->hold_failed = 2 * queue->hold_failed + 1;
	if (queue->hold_failed > TELL_AT_ONCE_MAX)
		queue->hold_failed = TELL_AT_ONCE_MAX;
	queue->hold_not = queue->hold_failed;
}

void from_guest_tell_review(struct queue *queue)
{
	if (queue->hold == 0 || ring_tx_asks(&queue->tx))
		return;
	tell_nothing(queue, queue->hold);
	queue->hold_failed = 0;
}

/* A lone small frame that the guest asks to be told of. */
static void tell_lone(struct queue *queue)
{
	if (queue->hold_not > 0) {
		queue->hold_not--;
		tell(queue, 1);
		return;
	}
	if (queue->hold++ == 0)
		queue->hold_old = false;
	if (queue->hold < TELL_HOLD_FRAMES)
		return;
	tell(queue, queue->hold);
	queue->hold_failed = 0;
}

void from_guest_tell(struct queue *queue, unsigned frames, unsigned slots)
{
	if (!ring_tx_asks(&queue->tx))
		tell_nothing(queue, queue->hold + 1);
	else if (frames > 1 || slots > TELL_HOLD_SLOTS)
		tell(queue, queue->hold + 1);
	else
		tell_lone(queue);
}

void from_guest_tell_late(struct queue *queue)
{
	from_guest_tell_review(queue);
	if (queue->hold == 0)
		return;
	if (!queue->hold_old)
		queue->hold_old = true;
	else if (queue->hold <= TELL_HOLD_FEW)
		tell_in_vain(queue);
	else
		tell(queue, queue->hold);
}

void from_guest_tell_rest(struct queue *queue)
{
	from_guest_tell_review(queue);
	if (queue->hold > 0)
		tell(queue, queue->hold);
}
