/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What misdeeds are made of: raw slots, waiting for what the backend does, and
 * the one table of misdeeds. Internal to hostile*.c.
 */
#ifndef XENVIFD_GUEST_HOSTILE_KIT_H
#define XENVIFD_GUEST_HOSTILE_KIT_H

#include "front.h"

#define HOSTILE_ANSWERS_MAX 256u
#define HOSTILE_WAIT_MS	    3000u  /* for an answer, or for the backend to close */
#define HOSTILE_ETHERTYPE   0x88b5 /* for local experiments, IEEE 802 */

struct hostile_answer {
	uint16_t id;
	int16_t status;
};

struct hostile;

/* What to know of a misdeed beside what it does. */
#define HOSTILE_RUINS	 1u /* afterwards the rings can't be used any more */
#define HOSTILE_QUIET_RX 2u /* post no RX buffers, leave RX responses alone */

/* One row of the table: the list for people and the code come from it. */
struct hostile_misdeed {
	const char *name;
	unsigned number;  /* when none is given after a colon */
	unsigned max;	  /* the highest that may be given; 0: it takes no number */
	unsigned flags;	  /* HOSTILE_* */
	const char *help; /* N stands for the number */
	void (*run)(struct hostile *h);
};

struct hostile {
	struct front *front;
	struct front_queue *queue;
	const struct hostile_misdeed *misdeed;
	unsigned number;
	/* What came back */
	struct hostile_answer answer[HOSTILE_ANSWERS_MAX]; /* the first ones */
	uint32_t answers, okay, error, dropped, null, other;
	uint32_t wrong_ids; /* answers whose id is not that of the request in their place */
	uint32_t rx_frames;
	uint64_t count;	      /* kicks, toggles, frames: what the misdeed repeats */
	const uint8_t *frame; /* that should arrive whole, or NULL */
	uint32_t frame_len;   /* bytes */
	bool closed;
	int backend_state;
	bool reconnected, alive;
	char fault[FRONT_FAULT_SIZE];
	char text[256]; /* the backend's error node */
};

/* hostile_kit.c */
/* A page of the pool (taken modulo FRONT_POOL), and a broadcast frame of len bytes in it. */
uint8_t *hostile_page(struct hostile *h, uint32_t page);
uint8_t *hostile_fill(struct hostile *h, uint32_t page, uint32_t len);
/* A TX slot from that page. */
void hostile_put(struct hostile *h, uint32_t page, uint32_t offset, uint32_t size, uint16_t flags);
void hostile_put_extra(struct hostile *h, uint8_t type, uint8_t flags, uint8_t gso_type,
		       uint16_t gso_size);
/* Publishes and kicks, asked or not. */
void hostile_push(struct hostile *h);
/* Takes answers until `expected` came and no more, the backend closed, or the time is over. */
void hostile_collect(struct hostile *h, uint32_t expected, unsigned timeout_ms);
/* Takes what is there; true when there was something. */
bool hostile_take(struct hostile *h);
uint64_t hostile_now_ms(void);
/* Reads the backend's state; true, and notes why, when it isn't Connected any more. */
bool hostile_is_closed(struct hostile *h);

/* hostile_slots.c: bad slots */
void hostile_offset_over_page(struct hostile *h);
void hostile_chain_past_ring(struct hostile *h);
void hostile_chain_too_long(struct hostile *h);
void hostile_size_underflow(struct hostile *h);
void hostile_zero_size(struct hostile *h);
void hostile_zero_tail(struct hostile *h);
void hostile_zero_middle(struct hostile *h);
void hostile_extra_unknown_type(struct hostile *h);
void hostile_extra_chain_to_end(struct hostile *h);
void hostile_gso_size_zero(struct hostile *h);
void hostile_gso_bad_type(struct hostile *h);
void hostile_bad_gref(struct hostile *h);
void hostile_bad_gref_batch(struct hostile *h);
void hostile_runt(struct hostile *h);
void hostile_big_ids(struct hostile *h);
void hostile_csum_garbage(struct hostile *h);
void hostile_split_headers(struct hostile *h);
void hostile_good(struct hostile *h);

/* hostile_rings.c: bad indices, bad behaviour over time */
void hostile_tx_prod(struct hostile *h);
void hostile_rx_prod(struct hostile *h);
void hostile_event_storm(struct hostile *h);
void hostile_flip(struct hostile *h);
void hostile_flip_valid(struct hostile *h);
void hostile_never_take_rx(struct hostile *h);
void hostile_one_rx_slot(struct hostile *h);
void hostile_toggle_state(struct hostile *h);

#endif
