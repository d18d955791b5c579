/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the guest is notified of its answered frames.
 *
 * A lone small frame is seldom the last one: it is a request, or an
 * acknowledgement, and the guest's next frame follows as soon as an answer has
 * come. A frontend looks for responses when it sends, and then the event of
 * the frame before only woke it for nothing. So that event is held back, for
 * three sleeps of a millisecond at most, and left out when the guest has
 * looked by itself in that time. When it did not, the wait was in vain: the
 * next frame of the kind is told of at once, and after each further wait in
 * vain twice as many. A frame in a batch with others, or of several slots, is never
 * held back: somebody may be waiting for the room.
 */
#include "datapath/queue.h"

#include "xen/evtchn.h"

/* The rounds that a notification is held back for at most: those of an answer, and one more. */
#define TELL_HOLD_ROUNDS 3
/* A frame of more slots than these is not small: headers, and some data. */
#define TELL_HOLD_SLOTS 2
/* The most frames that are told of at once after a wait in vain. */
#define TELL_AT_ONCE_MAX 1023

static void tell(struct queue *queue)
{
	evtchn_notify(queue->evtchn, queue->port_tx);
	stats_add(&queue->stats.from_guest.notify_sent, 1);
	ring_tx_told(&queue->tx);
	queue->hold = 0;
}

static void tell_nothing(struct queue *queue)
{
	stats_add(&queue->stats.from_guest.notify_suppressed, 1);
	ring_tx_told(&queue->tx);
	queue->hold = 0;
}

void from_guest_tell_review(struct queue *queue)
{
	if (queue->hold == 0 || ring_tx_asks(&queue->tx))
		return;
	tell_nothing(queue);
	queue->hold_failed = queue->hold_not = 0;
}

void from_guest_tell(struct queue *queue, unsigned frames, unsigned slots)
{
	if (!ring_tx_asks(&queue->tx)) {
		tell_nothing(queue);
	} else if (frames > 1 || slots > TELL_HOLD_SLOTS || queue->hold > 0) {
		tell(queue);
	} else if (queue->hold_not > 0) {
		queue->hold_not--;
		tell(queue);
	} else {
		queue->hold = TELL_HOLD_ROUNDS;
	}
}

void from_guest_tell_late(struct queue *queue, bool now)
{
	from_guest_tell_review(queue);
	if (queue->hold == 0 || (--queue->hold > 0 && !now))
		return;
	tell(queue);
	queue->hold_failed = 2 * queue->hold_failed + 1;
	if (queue->hold_failed > TELL_AT_ONCE_MAX)
		queue->hold_failed = TELL_AT_ONCE_MAX;
	queue->hold_not = queue->hold_failed;
}
