/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What misdeeds are made of. Answers are taken here without the judgement of
 * tx.c, because after a misdeed any of them is news; only their ids are
 * compared. Waiting ends when the backend leaves Connected, since that is what
 * it does with a rogue.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hostile_kit.h"
#include "packet.h"

#define HOSTILE_QUIET_MS 200 /* after the last answer: may the backend close nevertheless? */

uint8_t *hostile_page(struct hostile *h, uint32_t page)
{
	return h->queue->tx.pages + page % FRONT_POOL * FRONT_PAGE;
}

uint8_t *hostile_fill(struct hostile *h, uint32_t page, uint32_t len)
{
	uint8_t *frame = hostile_page(h, page);

	memset(frame, 0xff, 6);
	memcpy(frame + 6, h->front->store.mac, 6);
	frame[12] = HOSTILE_ETHERTYPE >> 8;
	frame[13] = HOSTILE_ETHERTYPE & 0xff;
	for (uint32_t i = 14; i < len; i++)
		frame[i] = (uint8_t)('a' + (i - 14) % 26);
	return frame;
}

void hostile_put(struct hostile *h, uint32_t page, uint32_t offset, uint32_t size, uint16_t flags)
{
	front_tx_put(h->queue, h->queue->tx.refs[page % FRONT_POOL], (uint16_t)offset,
		     (uint16_t)size, flags);
}

void hostile_put_extra(struct hostile *h, uint8_t type, uint8_t flags, uint8_t gso_type,
		       uint16_t gso_size)
{
	const netif_extra_info_t extra = {
		.type = type,
		.flags = flags,
		.u.gso = { .size = gso_size, .type = gso_type },
	};

	front_tx_put_extra(h->queue, &extra);
}

void hostile_push(struct hostile *h)
{
	RING_PUSH_REQUESTS(&h->queue->tx.ring);
	front_kick_tx(h->queue);
}

static void hostile_note(struct hostile *h, const netif_tx_response_t *response, uint32_t at)
{
	const struct front_slot *slot = &h->queue->tx.slot[at % FRONT_SLOTS];

	if (h->answers < HOSTILE_ANSWERS_MAX)
		h->answer[h->answers] = (struct hostile_answer){ response->id, response->status };
	h->answers++;
	h->wrong_ids += !slot->extra && response->id != slot->id;
	switch (response->status) {
	case NETIF_RSP_OKAY:
		h->okay++;
		break;
	case NETIF_RSP_ERROR:
		h->error++;
		break;
	case NETIF_RSP_DROPPED:
		h->dropped++;
		break;
	case NETIF_RSP_NULL:
		h->null++;
		break;
	default:
		h->other++;
	}
}

/* Received frames are taken and counted, so that the ring stays alive. */
static void hostile_take_rx(struct hostile *h)
{
	struct front_frame frame;
	int rc;

	while ((rc = front_rx_take(h->queue, &frame)) > 0)
		h->rx_frames++;
	if (rc < 0)
		snprintf(h->fault, sizeof(h->fault), "%s", h->queue->fault);
	front_rx_post(h->queue);
}

bool hostile_take(struct hostile *h)
{
	netif_tx_front_ring_t *ring = &h->queue->tx.ring;
	uint32_t prod = __atomic_load_n(&ring->sring->rsp_prod, __ATOMIC_ACQUIRE);
	bool any = prod != ring->rsp_cons;

	if (prod - ring->rsp_cons > FRONT_SLOTS) {
		snprintf(h->fault, sizeof(h->fault), "TX rsp_prod went from %u to %u",
			 ring->rsp_cons, prod);
		return false;
	}
	for (; ring->rsp_cons != prod; ring->rsp_cons++) {
		netif_tx_response_t response =
			*(volatile netif_tx_response_t *)RING_GET_RESPONSE(ring, ring->rsp_cons);

		hostile_note(h, &response, ring->rsp_cons);
	}
	if (!(h->misdeed->flags & HOSTILE_QUIET_RX) && !h->fault[0])
		hostile_take_rx(h);
	return any;
}

bool hostile_is_closed(struct hostile *h)
{
	front_store_drain(&h->front->store);
	h->backend_state = front_store_backend_state(&h->front->store);
	h->closed = h->backend_state != FRONT_CONNECTED;
	return h->closed;
}

uint64_t hostile_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void hostile_collect(struct hostile *h, uint32_t expected, unsigned timeout_ms)
{
	uint64_t now = hostile_now_ms(), end = now + timeout_ms, quiet = now;
	uint32_t before = h->answers;

	for (;; now = hostile_now_ms()) {
		struct pollfd fds[2] = {
			{ .fd = xenevtchn_fd(h->queue->evtchn), .events = POLLIN },
			{ .fd = front_store_fd(&h->front->store), .events = POLLIN },
		};

		if (hostile_take(h))
			quiet = now;
		if (hostile_is_closed(h) || now >= end)
			break;
		if (h->answers - before >= expected && now >= quiet + HOSTILE_QUIET_MS)
			break;
		if (!front_arm(h->queue) || (h->misdeed->flags & HOSTILE_QUIET_RX))
			poll(fds, 2, 20);
		if (fds[0].revents)
			front_take_event(h->queue);
	}
	hostile_take(h);
}
