/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames from the backend: responses of the RX ring -> pieces of a frame.
 *
 * Each response stands in the slot of the request that it consumed, echoes its
 * id and carries its own bytes; extras take a slot too and follow the first.
 * The backend publishes whole frames only. It may send nothing that this
 * frontend did not ask for: several slots without feature-sg, a GSO type that
 * was not announced, a blank checksum of a family that was switched off. And
 * what segmentation needs (a blank checksum, said to be valid) must come with
 * it, for Windows frontends insist on that.
 */
#include "front.h"
#include "packet.h"

#define RX_FLAGS (NETRXF_data_validated | NETRXF_csum_blank | NETRXF_more_data | NETRXF_extra_info)

static int rx_check_data(struct front_queue *queue, uint32_t at, const netif_rx_response_t *rsp)
{
	if (rsp->id != front_rx_id(queue, at))
		return front_fault(queue, "RX response %u has id %u instead of %u", at, rsp->id,
				   front_rx_id(queue, at));
	if (rsp->flags & ~RX_FLAGS)
		return front_fault(queue, "RX response %u has flags 0x%x", at, rsp->flags);
	if (rsp->status == 0 || rsp->status < NETIF_RSP_DROPPED)
		return front_fault(queue, "RX response %u has status %d", at, rsp->status);
	if (rsp->status > 0 && rsp->offset + (uint32_t)rsp->status > FRONT_PAGE)
		return front_fault(queue, "RX response %u: offset %u + status %d is over the page",
				   at, rsp->offset, rsp->status);
	return 0;
}

static void rx_add_piece(struct front_queue *queue, uint32_t at, const netif_rx_response_t *rsp,
			 struct front_frame *frame)
{
	if (rsp->status < 0) {
		frame->failed = true;
		return;
	}
	frame->piece[1 + frame->n_pieces++] = (struct iovec){
		.iov_base = queue->rx.pages + at % FRONT_SLOTS * FRONT_PAGE + rsp->offset,
		.iov_len = (size_t)rsp->status,
	};
	frame->len += (uint32_t)rsp->status;
}

static netif_rx_response_t rx_copy_response(const struct front_queue *queue, uint32_t at)
{
	netif_rx_sring_t *shared = queue->rx.ring.sring;

	return *(volatile netif_rx_response_t *)&shared->ring[at % FRONT_SLOTS].rsp;
}

static int rx_take_extra(struct front_queue *queue, uint32_t at, struct front_frame *frame,
			 bool *more)
{
	netif_rx_response_t response = rx_copy_response(queue, at);
	const netif_extra_info_t *extra = (const netif_extra_info_t *)&response;
	uint8_t type = extra->u.gso.type;

	if (extra->type != XEN_NETIF_EXTRA_TYPE_GSO || frame->gso_type)
		return front_fault(queue, "RX extra %u has type %u, which was not negotiated", at,
				   extra->type);
	if (!(type == XEN_NETIF_GSO_TYPE_TCPV4 && queue->rx_caps.gso4) &&
	    !(type == XEN_NETIF_GSO_TYPE_TCPV6 && queue->rx_caps.gso6))
		return front_fault(queue, "RX extra %u: GSO type %u was not negotiated", at, type);
	if (extra->u.gso.size == 0)
		return front_fault(queue, "RX extra %u: GSO size 0", at);
	frame->gso_type = type;
	frame->gso_size = extra->u.gso.size;
	*more = extra->flags & XEN_NETIF_EXTRA_FLAG_MORE;
	return 0;
}

/* Extras from *at on, which end before prod. */
static int rx_take_extras(struct front_queue *queue, uint32_t *at, uint32_t prod,
			  struct front_frame *frame)
{
	bool more = true;
	int rc = 0;

	while (!rc && more) {
		if (*at == prod)
			return front_fault(queue, "RX ring: rsp_prod %u ends within extras", prod);
		rc = rx_take_extra(queue, (*at)++, frame, &more);
	}
	return rc;
}

static int rx_check_offloads(struct front_queue *queue, const struct front_frame *frame)
{
	struct packet_l4 l4;

	if (frame->n_pieces > 1 && !queue->rx_caps.sg)
		return front_fault(queue, "RX frame of %u slots without feature-sg",
				   frame->n_pieces);
	if (frame->gso_type && !frame->csum_blank)
		return front_fault(queue, "RX frame with GSO and without csum_blank");
	if (!frame->csum_blank)
		return 0;
	if (!frame->data_validated)
		return front_fault(queue, "RX frame with csum_blank and without data_validated");
	if (!packet_find_l4(frame->piece[1].iov_base, frame->piece[1].iov_len, &l4))
		return front_fault(queue, "RX frame with csum_blank is neither TCP nor UDP");
	if (l4.family == 4 ? !queue->rx_caps.csum4 : !queue->rx_caps.csum6)
		return front_fault(queue, "RX frame with csum_blank over IPv%u, which is off",
				   l4.family);
	if (frame->gso_type && (l4.protocol != PACKET_TCP ||
				(frame->gso_type == XEN_NETIF_GSO_TYPE_TCPV4) != (l4.family == 4)))
		return front_fault(queue, "RX frame with GSO type %u is IPv%u, protocol %u",
				   frame->gso_type, l4.family, l4.protocol);
	return 0;
}

static int rx_take_slots(struct front_queue *queue, uint32_t *at, uint32_t prod,
			 struct front_frame *frame)
{
	netif_rx_response_t rsp;
	int rc = 0;

	for (unsigned n = 0;; n++) {
		if (*at == prod)
			return front_fault(queue, "RX ring: rsp_prod %u ends within a frame", prod);
		if (n == FRONT_PIECES_MAX)
			return front_fault(queue, "RX frame of more than %u slots",
					   FRONT_PIECES_MAX);
		rsp = rx_copy_response(queue, *at);
		rc = rx_check_data(queue, *at, &rsp);
		if (rc)
			return rc;
		rx_add_piece(queue, (*at)++, &rsp, frame);
		if (n == 0) {
			frame->csum_blank = rsp.flags & NETRXF_csum_blank;
			frame->data_validated = rsp.flags & NETRXF_data_validated;
		}
		if (rsp.flags & NETRXF_extra_info)
			rc = n == 0 ? rx_take_extras(queue, at, prod, frame)
				    : front_fault(queue, "RX extra after slot %u of a frame", n);
		if (rc || !(rsp.flags & NETRXF_more_data))
			return rc;
	}
}

int front_rx_take(struct front_queue *queue, struct front_frame *frame)
{
	netif_rx_front_ring_t *ring = &queue->rx.ring;
	uint32_t at = ring->rsp_cons;
	uint32_t prod = __atomic_load_n(&ring->sring->rsp_prod, __ATOMIC_ACQUIRE);
	int rc;

	rc = front_check_prod(queue, "RX", prod, at, &queue->rx.seen, ring->req_prod_pvt);
	if (rc || at == prod)
		return rc;
	*frame = (struct front_frame){ .len = 0 };
	rc = rx_take_slots(queue, &at, prod, frame);
	if (rc)
		return rc;
	ring->rsp_cons = at;
	if (frame->failed) {
		queue->stats.rx_error++;
		return 1;
	}
	queue->stats.rx_frames++;
	queue->stats.rx_bytes += frame->len;
	queue->stats.rx_gso += frame->gso_type != 0;
	queue->stats.rx_blank += frame->csum_blank;
	rc = rx_check_offloads(queue, frame);
	return rc ? rc : 1;
}

void front_rx_post(struct front_queue *queue)
{
	netif_rx_front_ring_t *ring = &queue->rx.ring;
	bool notify;

	if (ring->req_prod_pvt - ring->rsp_cons >= queue->rx.limit)
		return;
	for (; ring->req_prod_pvt - ring->rsp_cons < queue->rx.limit; ring->req_prod_pvt++) {
		uint32_t slot = ring->req_prod_pvt % FRONT_SLOTS;

		ring->sring->ring[slot].req = (netif_rx_request_t){
			.id = front_rx_id(queue, ring->req_prod_pvt),
			.gref = queue->rx.refs[slot],
		};
	}
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(ring, notify);
	if (notify && queue->rx_notify)
		front_kick_rx(queue);
}
