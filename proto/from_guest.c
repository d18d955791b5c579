/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots and extras of the TX ring -> a plan of one frame, or "drop it", or
 * "this frontend is rogue".
 *
 * A frame is a chain: the first slot, which carries the flags and the length
 * of the whole frame; the extras, if the first slot announces any; then the
 * other data slots, each with its own length. The first slot's own length is
 * what remains. The chain is always walked to its end, because a frame that
 * is only wrong must still be answered slot by slot; what can't be a mistake
 * of an honest frontend ends the walk.
 *
 * Rules: VIF.md, section 6.
 */
#include "proto/from_guest.h"

#include <string.h>

struct from_guest_walk {
	const struct ring_tx *ring;
	uint32_t at;
	uint32_t available;
	uint32_t n_data; /* data slots so far, those that are not planned included */
	struct from_guest_plan *plan;
};

static enum from_guest_verdict from_guest_rogue(struct from_guest_plan *plan, const char *reason)
{
	plan->reason = reason;
	return FROM_GUEST_ROGUE;
}

/* The next slot of the chain, or NULL when it was not published. */
static const union ring_tx_slot *from_guest_next(struct from_guest_walk *walk)
{
	struct from_guest_plan *plan = walk->plan;

	if (plan->slots >= walk->available)
		return NULL;
	return ring_tx_slot(walk->ring, walk->at + plan->slots++);
}

static enum from_guest_verdict from_guest_take_gso(struct from_guest_plan *plan,
						   const netif_extra_info_t *extra)
{
	if (extra->u.gso.size == 0)
		return from_guest_rogue(plan, "GSO extra with segment size 0");
	if (extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
	    extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6)
		return from_guest_rogue(plan, "GSO extra of an unknown GSO type");
	plan->gso_type = extra->u.gso.type;
	plan->gso_size = extra->u.gso.size;
	return FROM_GUEST_FRAME;
}

static enum from_guest_verdict from_guest_take_extra(struct from_guest_plan *plan,
						     const netif_extra_info_t *extra)
{
	switch (extra->type) {
	case XEN_NETIF_EXTRA_TYPE_GSO:
		return from_guest_take_gso(plan, extra);
	case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
	case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
		plan->fault = FROM_GUEST_FAULT_EXTRA;
		return FROM_GUEST_FRAME;
	case XEN_NETIF_EXTRA_TYPE_HASH:
		return FROM_GUEST_FRAME;
	default:
		return from_guest_rogue(plan, "extra of an unknown type");
	}
}

static enum from_guest_verdict from_guest_take_extras(struct from_guest_walk *walk)
{
	const union ring_tx_slot *slot;
	enum from_guest_verdict verdict;

	do {
		slot = from_guest_next(walk);
		if (!slot)
			return from_guest_rogue(walk->plan,
						"extras go on after the last published slot");
		walk->plan->n_extras++;
		verdict = from_guest_take_extra(walk->plan, &slot->extra);
		if (verdict != FROM_GUEST_FRAME)
			return verdict;
	} while (slot->extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	return FROM_GUEST_FRAME;
}

static void from_guest_add_piece(struct from_guest_plan *plan, const netif_tx_request_t *request,
				 uint32_t len)
{
	struct from_guest_piece *piece = &plan->piece[plan->n_pieces];

	if (len == 0)
		return;
	piece->gref = request->gref;
	piece->offset = request->offset;
	piece->len = (uint16_t)len;
	plan->n_pieces++;
}

/* A data slot after the first: its length is taken from what the first slot announced. */
static enum from_guest_verdict from_guest_take_slot(struct from_guest_walk *walk,
						    const netif_tx_request_t *request,
						    uint32_t *left)
{
	struct from_guest_plan *plan = walk->plan;

	if (++walk->n_data >= FROM_GUEST_SLOTS_ROGUE)
		return from_guest_rogue(plan, "frame of too many slots");
	if ((uint32_t)request->offset + request->size > FROM_GUEST_PAGE)
		return from_guest_rogue(plan, "slot crosses the end of its page");
	if (walk->n_data > FROM_GUEST_SLOTS_MAX && plan->fault == FROM_GUEST_FAULT_NONE)
		plan->fault = FROM_GUEST_FAULT_SLOTS;
	if (request->size > *left && plan->fault == FROM_GUEST_FAULT_NONE)
		plan->fault = FROM_GUEST_FAULT_SIZE;
	if (plan->fault != FROM_GUEST_FAULT_NONE)
		return FROM_GUEST_FRAME;
	*left -= request->size;
	from_guest_add_piece(plan, request, request->size);
	return FROM_GUEST_FRAME;
}

static enum from_guest_verdict from_guest_take_slots(struct from_guest_walk *walk, uint32_t *left)
{
	const union ring_tx_slot *slot;
	enum from_guest_verdict verdict;

	do {
		slot = from_guest_next(walk);
		if (!slot)
			return from_guest_rogue(walk->plan,
						"frame goes on after the last published slot");
		verdict = from_guest_take_slot(walk, &slot->request, left);
		if (verdict != FROM_GUEST_FRAME)
			return verdict;
	} while (slot->request.flags & NETTXF_more_data);
	return FROM_GUEST_FRAME;
}

static void from_guest_plan_init(struct from_guest_plan *plan, const netif_tx_request_t *first)
{
	memset(plan, 0, offsetof(struct from_guest_plan, piece));
	plan->csum_blank = first->flags & NETTXF_csum_blank;
	plan->data_validated = first->flags & NETTXF_data_validated;
	plan->gso_type = XEN_NETIF_GSO_TYPE_NONE;
}

/* Puts the first slot's piece, whose length is only known now, before the others. */
static enum from_guest_verdict from_guest_finish(struct from_guest_plan *plan,
						 const netif_tx_request_t *first, uint32_t left)
{
	if (plan->fault == FROM_GUEST_FAULT_NONE &&
	    (uint32_t)first->offset + left > FROM_GUEST_PAGE)
		return from_guest_rogue(plan, "first slot crosses the end of its page");
	if (plan->fault == FROM_GUEST_FAULT_NONE && first->size < FROM_GUEST_FRAME_MIN)
		plan->fault = FROM_GUEST_FAULT_SIZE;
	if (plan->fault != FROM_GUEST_FAULT_NONE) {
		plan->n_pieces = 0;
		return FROM_GUEST_DROP;
	}
	plan->len = first->size;
	if (left == 0) {
		memmove(&plan->piece[0], &plan->piece[1],
			(plan->n_pieces - 1) * sizeof(plan->piece[0]));
		plan->n_pieces--;
		return FROM_GUEST_FRAME;
	}
	plan->piece[0].gref = first->gref;
	plan->piece[0].offset = first->offset;
	plan->piece[0].len = (uint16_t)left;
	return FROM_GUEST_FRAME;
}

enum from_guest_verdict from_guest_plan(const struct ring_tx *ring, uint32_t at, uint32_t available,
					struct from_guest_plan *plan)
{
	const netif_tx_request_t *first = &ring_tx_slot(ring, at)->request;
	struct from_guest_walk walk = {
		.ring = ring, .at = at, .available = available, .n_data = 1, .plan = plan
	};
	enum from_guest_verdict verdict = FROM_GUEST_FRAME;
	uint32_t left = first->size;

	from_guest_plan_init(plan, first);
	plan->slots = 1;
	plan->n_pieces = 1;
	if (first->flags & NETTXF_extra_info)
		verdict = from_guest_take_extras(&walk);
	if (verdict == FROM_GUEST_FRAME && (first->flags & NETTXF_more_data))
		verdict = from_guest_take_slots(&walk, &left);
	if (verdict == FROM_GUEST_FRAME)
		verdict = from_guest_finish(plan, first, left);
	return verdict;
}
