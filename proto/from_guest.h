/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Slots and extras of the TX ring -> a plan of one frame, or "drop it", or
 * "this frontend is rogue". Reads the private mirror only; pure.
 */
#ifndef XENVIFD_PROTO_FROM_GUEST_H
#define XENVIFD_PROTO_FROM_GUEST_H

#include <stdint.h>

#include "proto/ring.h"

/* Data slots that a frame may have: the first and 18 that follow it, as Linux's netback allows. */
#define FROM_GUEST_SLOTS_MAX 19
/* A frame with this many data slots or more is no mistake: the frontend is rogue. */
#define FROM_GUEST_SLOTS_ROGUE 22
#define FROM_GUEST_FRAME_MIN   14u    /* bytes: an Ethernet header */
#define FROM_GUEST_FRAME_MAX   65535u /* bytes: the field is 16 bits wide */
#define FROM_GUEST_PAGE	       4096u  /* bytes: grants are of 4 KiB pages on every architecture */

enum from_guest_verdict {
	FROM_GUEST_FRAME, /* plan is whole: copy, write, answer OKAY */
	FROM_GUEST_DROP,  /* plan->slots are to be answered ERROR; plan->fault says why */
	FROM_GUEST_ROGUE, /* nothing can be answered; plan->reason says why */
};

enum from_guest_fault {
	FROM_GUEST_FAULT_NONE,
	FROM_GUEST_FAULT_SIZE,	/* total below 14 bytes, or the first slot's total is less than the
				   rest */
	FROM_GUEST_FAULT_SLOTS, /* 20 or 21 data slots */
	FROM_GUEST_FAULT_EXTRA, /* a known extra that this backend has not offered */
};

struct from_guest_piece {
	uint32_t gref;
	uint16_t offset; /* bytes into the page */
	uint16_t len;	 /* bytes, never 0; offset + len <= 4096 */
};

struct from_guest_plan {
	uint32_t slots;	     /* ring slots it takes, extras included: answer as many */
	uint32_t n_extras;   /* of these, slots 1 .. n_extras are extras (answered RSP_NULL) */
	uint32_t n_pieces;   /* copies to be made; zero-length slots have none */
	uint32_t len;	     /* bytes of the frame: the sum of the pieces */
	bool csum_blank;     /* NETTXF_csum_blank */
	bool data_validated; /* NETTXF_data_validated */
	uint8_t gso_type;    /* XEN_NETIF_GSO_TYPE_*, NONE without a GSO extra */
	uint16_t gso_size;   /* bytes of payload a segment; never 0 with a GSO extra */
	enum from_guest_fault fault;
	const char *reason; /* of a rogue: a constant string */
	struct from_guest_piece piece[FROM_GUEST_SLOTS_MAX];
};

/*
 * Plans the frame that begins at free-running index `at` of the ring's mirror,
 * of which `available` slots (1 .. 256) are mirrored and not yet taken.
 *
 * A frame whose chain of slots or extras runs past what was published is
 * rogue: whole packets are published, never parts (VIF-6.2).
 * The ring itself is not changed: the caller moves ring->cons by plan->slots.
 */
enum from_guest_verdict from_guest_plan(const struct ring_tx *ring, uint32_t at, uint32_t available,
					struct from_guest_plan *plan);

#endif
