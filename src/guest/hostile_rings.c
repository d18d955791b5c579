/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Misdeeds of ring indices, and bad behaviour over some time: kicks without
 * work, slots that change after they were published, buffers that never come,
 * a state that never rests.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "hostile_kit.h"

void hostile_tx_prod(struct hostile *h)
{
	netif_tx_front_ring_t *ring = &h->queue->tx.ring;

	__atomic_store_n(&ring->sring->req_prod, ring->rsp_cons + h->number, __ATOMIC_RELEASE);
	front_kick_tx(h->queue);
	hostile_collect(h, 1, HOSTILE_WAIT_MS);
}

void hostile_rx_prod(struct hostile *h)
{
	netif_rx_front_ring_t *ring = &h->queue->rx.ring;

	__atomic_store_n(&ring->sring->req_prod, ring->sring->rsp_prod + h->number,
			 __ATOMIC_RELEASE);
	front_kick_rx(h->queue);
	hostile_collect(h, 1, HOSTILE_WAIT_MS);
}

void hostile_event_storm(struct hostile *h)
{
	uint64_t end = hostile_now_ms() + h->number * 1000ull;

	while (hostile_now_ms() < end) {
		for (unsigned i = 0; i < 100; i++) {
			front_kick_tx(h->queue);
			front_kick_rx(h->queue);
		}
		h->count += 200;
	}
	hostile_is_closed(h);
}

/* The thread that rewrites slots behind the backend's back. */
struct flipper {
	uint16_t mask; /* of sizes and offsets: 0x7ff keeps their sum within the page */
	netif_tx_sring_t *shared;
	atomic_bool stop;
	uint64_t count;
};

/* A data race is the very point; ThreadSanitizer need not say so. */
__attribute__((no_sanitize("thread"))) static void *flipper_main(void *argument)
{
	struct flipper *flipper = argument;
	uint32_t random = 2463534242u;

	while (!atomic_load_explicit(&flipper->stop, memory_order_relaxed)) {
		volatile netif_tx_request_t *request;

		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		request = &flipper->shared->ring[random % FRONT_SLOTS].req;
		switch (random >> 30) {
		case 0:
			request->size = (uint16_t)(random >> 8) & flipper->mask;
			break;
		case 1:
			request->offset = (uint16_t)(random >> 8) & flipper->mask;
			break;
		case 2:
			request->gref = random;
			break;
		default: /* something that could be right, so that some get through */
			request->offset = 0;
			request->size = 60;
		}
		flipper->count++;
	}
	return NULL;
}

/* Frames flow all the while. */
static void hostile_flip_masked(struct hostile *h, uint16_t mask)
{
	struct flipper flipper = { .shared = h->queue->tx.ring.sring, .mask = mask };
	uint64_t end = hostile_now_ms() + h->number * 1000ull;
	pthread_t thread;

	if (pthread_create(&thread, NULL, flipper_main, &flipper))
		return;
	while (hostile_now_ms() < end && !hostile_is_closed(h)) {
		for (unsigned i = 0; i < 64 && front_tx_room(h->queue) > 0; i++)
			hostile_put(h, i, 0, 60, 0);
		hostile_push(h);
		hostile_take(h);
	}
	atomic_store(&flipper.stop, true);
	pthread_join(thread, NULL);
	h->count = flipper.count;
	if (!h->closed)
		hostile_collect(h, h->queue->tx.ring.req_prod_pvt - h->queue->tx.ring.rsp_cons,
				HOSTILE_WAIT_MS);
	/* What was overwritten after it was answered is no answer of the backend's. */
	h->wrong_ids = 0;
}

void hostile_flip(struct hostile *h)
{
	hostile_flip_masked(h, 0xffff);
}

void hostile_flip_valid(struct hostile *h)
{
	hostile_flip_masked(h, 0x7ff);
}

/* Nothing is posted, or only so much, while whoever runs the test floods the tap. */
static void hostile_starve(struct hostile *h, uint32_t buffers)
{
	h->queue->rx.limit = buffers;
	front_rx_post(h->queue);
	front_kick_rx(h->queue);
	for (uint64_t end = hostile_now_ms() + h->number * 1000ull; hostile_now_ms() < end;)
		hostile_collect(h, UINT32_MAX, 500);
}

void hostile_never_take_rx(struct hostile *h)
{
	hostile_starve(h, 0);
}

void hostile_one_rx_slot(struct hostile *h)
{
	hostile_starve(h, 1);
}

/*
 * Closing, Closed, Initialising, Connected, again and again, Connected at the
 * end. A backend that has followed any of it may have forgotten the rings, so
 * when it isn't Connected in the end the frontend rewinds and connects anew.
 */
void hostile_toggle_state(struct hostile *h)
{
	static const enum front_state states[] = { FRONT_CLOSING, FRONT_CLOSED, FRONT_INITIALISING,
						   FRONT_CONNECTED };
	struct front *front = h->front;

	for (; h->count < h->number; h->count++)
		front_store_set_state(&front->store, states[h->count % 4]);
	front_store_set_state(&front->store, FRONT_CONNECTED);
	hostile_collect(h, UINT32_MAX, HOSTILE_WAIT_MS);
	h->queue = NULL;
	if (front_rewind(front) || front_connect(front) || front_wait_connected(front))
		return;
	h->queue = front->queue[0];
	h->reconnected = true;
	hostile_is_closed(h);
}
