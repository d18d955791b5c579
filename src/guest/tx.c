/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames to the backend: pages of the pool -> slots of the TX ring -> responses.
 *
 * The first slot's `size` is that of the whole frame, the later ones carry
 * their own; a GSO extra follows the first. The backend has to answer each
 * request in order, an extra with RSP_NULL, and to publish answers to whole
 * frames only: that is what lets a restarted backend carry on from the ring
 * alone. It may store an answer's id and status and nothing beside them. All
 * of this is checked here, against a private copy of what was asked.
 */
#include <string.h>

#include "front.h"

_Static_assert(sizeof(union netif_tx_sring_entry) == 12, "a TX slot has 12 bytes");

uint32_t front_tx_room(const struct front_queue *queue)
{
	return RING_FREE_REQUESTS(&queue->tx.ring);
}

uint32_t front_tx_pages(const struct front_queue *queue)
{
	return FRONT_POOL - (uint32_t)(queue->tx.page_prod - queue->tx.page_cons);
}

static void tx_put(struct front_queue *queue, const union netif_tx_sring_entry *entry,
		   struct front_slot slot)
{
	struct front_tx *tx = &queue->tx;
	uint32_t at = tx->ring.req_prod_pvt++;

	tx->shadow[at % FRONT_SLOTS] = *entry;
	tx->slot[at % FRONT_SLOTS] = slot;
	tx->ring.sring->ring[at % FRONT_SLOTS] = *entry;
}

void front_tx_put(struct front_queue *queue, uint32_t gref, uint16_t offset, uint16_t size,
		  uint16_t flags)
{
	uint16_t id = front_tx_id(queue, queue->tx.ring.req_prod_pvt);
	union netif_tx_sring_entry entry = {
		.req = { .gref = gref, .offset = offset, .flags = flags, .id = id, .size = size },
	};
	bool more = flags & (NETTXF_more_data | NETTXF_extra_info);

	tx_put(queue, &entry, (struct front_slot){ .id = id, .last = !more });
}

void front_tx_put_extra(struct front_queue *queue, const netif_extra_info_t *extra)
{
	union netif_tx_sring_entry entry = { .req = { .gref = 0 } };

	memcpy(&entry, extra, sizeof(*extra));
	tx_put(queue, &entry, (struct front_slot){ .extra = true });
}

/* The slot just put holds the next page of the pool. */
static void tx_hold_page(struct front_tx *tx)
{
	tx->slot[(tx->ring.req_prod_pvt - 1) % FRONT_SLOTS].page = true;
	tx->page_prod++;
}

void front_tx_put_frame(struct front_queue *queue, uint32_t page, uint32_t len, uint16_t flags,
			uint8_t gso_type, uint16_t gso_size)
{
	struct front_tx *tx = &queue->tx;
	const netif_extra_info_t gso = {
		.type = XEN_NETIF_EXTRA_TYPE_GSO,
		.u.gso = { .size = gso_size, .type = gso_type },
	};

	for (uint32_t done = 0; done < len;) {
		uint32_t piece = len - done < FRONT_PAGE ? len - done : FRONT_PAGE;
		uint16_t own = done == 0 ? flags : 0;
		bool extra = done == 0 && gso_type != XEN_NETIF_GSO_TYPE_NONE;

		own |= extra ? NETTXF_extra_info : 0;
		own |= done + piece < len ? NETTXF_more_data : 0;
		front_tx_put(queue, tx->refs[page++ % FRONT_POOL], 0,
			     (uint16_t)(done == 0 ? len : piece), own);
		tx_hold_page(tx);
		if (extra)
			front_tx_put_extra(queue, &gso);
		done += piece;
	}
	/* With one data slot and an extra, the frame's last slot is the extra. */
	tx->slot[(tx->ring.req_prod_pvt - 1) % FRONT_SLOTS].last = true;
	queue->stats.tx_frames++;
	queue->stats.tx_bytes += len;
	queue->stats.tx_gso += gso_type != XEN_NETIF_GSO_TYPE_NONE;
}

void front_tx_push(struct front_queue *queue)
{
	netif_tx_front_ring_t *ring = &queue->tx.ring;
	bool notify;

	if (ring->sring->req_prod == ring->req_prod_pvt)
		return;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(ring, notify);
	if (notify)
		front_kick_tx(queue);
}

/* Says what is wrong with an id: the backend answered twice, too early, or made it up. */
static int tx_fault_id(struct front_queue *queue, uint32_t at, uint16_t id)
{
	struct front_tx *tx = &queue->tx;
	uint16_t want = tx->slot[at % FRONT_SLOTS].id;
	const char *what = "an unknown id";

	for (uint32_t i = at + 1; i != tx->ring.req_prod_pvt; i++)
		if (!tx->slot[i % FRONT_SLOTS].extra && tx->slot[i % FRONT_SLOTS].id == id)
			what = "out of order";
	if (at != 0 && !tx->slot[(at - 1) % FRONT_SLOTS].extra &&
	    tx->slot[(at - 1) % FRONT_SLOTS].id == id)
		what = "a duplicate";
	return front_fault(queue, "TX response %u has id %u instead of %u: %s", at, id, want, what);
}

static int tx_check_response(struct front_queue *queue, uint32_t at, int16_t *status)
{
	struct front_tx *tx = &queue->tx;
	const struct front_slot *slot = &tx->slot[at % FRONT_SLOTS];
	union netif_tx_sring_entry entry =
		*(volatile union netif_tx_sring_entry *)&tx->ring.sring->ring[at % FRONT_SLOTS];

	*status = entry.rsp.status;
	if (memcmp((char *)&entry + sizeof(entry.rsp),
		   (char *)&tx->shadow[at % FRONT_SLOTS] + sizeof(entry.rsp),
		   sizeof(entry) - sizeof(entry.rsp)) != 0)
		return front_fault(queue, "TX response %u: bytes beside id and status were written",
				   at);
	if (slot->extra)
		return *status == NETIF_RSP_NULL
			       ? 0
			       : front_fault(queue, "TX response %u to an extra has status %d", at,
					     *status);
	if (entry.rsp.id != slot->id)
		return tx_fault_id(queue, at, entry.rsp.id);
	if (*status > NETIF_RSP_OKAY || *status < NETIF_RSP_DROPPED)
		return front_fault(queue, "TX response %u has status %d", at, *status);
	return 0;
}

static void tx_count_frame(struct front_queue *queue)
{
	struct front_tx *tx = &queue->tx;

	if (tx->frame_status == NETIF_RSP_OKAY)
		queue->stats.tx_okay++;
	else if (tx->frame_status == NETIF_RSP_DROPPED)
		queue->stats.tx_dropped++;
	else
		queue->stats.tx_error++;
	tx->frame_status = NETIF_RSP_OKAY;
}

int front_tx_reap(struct front_queue *queue)
{
	struct front_tx *tx = &queue->tx;
	netif_tx_front_ring_t *ring = &tx->ring;
	uint32_t prod = __atomic_load_n(&ring->sring->rsp_prod, __ATOMIC_ACQUIRE);
	const struct front_slot *slot = NULL;
	int rc;

	rc = front_check_prod(queue, "TX", prod, ring->rsp_cons, &tx->seen, ring->req_prod_pvt);
	for (; !rc && ring->rsp_cons != prod; ring->rsp_cons++) {
		int16_t status;

		slot = &tx->slot[ring->rsp_cons % FRONT_SLOTS];
		rc = tx_check_response(queue, ring->rsp_cons, &status);
		if (status < NETIF_RSP_OKAY)
			tx->frame_status = status;
		tx->page_cons += slot->page;
		if (slot->last)
			tx_count_frame(queue);
	}
	if (!rc && slot && !slot->last)
		rc = front_fault(queue, "TX ring: rsp_prod %u ends within a frame", prod);
	return rc;
}
