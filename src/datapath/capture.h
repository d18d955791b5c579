/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of one queue on their way to somebody who captures them.
 *
 * A buffer has one writer, the queue's worker, and one reader, the control
 * thread. The worker copies the beginning of each frame and what the ring said
 * of it, and never waits: a frame that finds no room is counted and left out.
 *
 * Life: the control thread makes a buffer and gives it to a worker, by the
 * mailbox that its kicks go through too (worker_capture). When it wants it
 * back, it asks for that the same way (worker_capture_end); the worker lets go
 * between two rounds, or is stopped, and then the buffer is released: its last
 * record is in it, and it belongs to the control thread alone. So neither ever
 * waits for the other.
 */
#ifndef XENVIFD_DATAPATH_CAPTURE_H
#define XENVIFD_DATAPATH_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Directions, as bits. */
#define CAPTURE_FROM_GUEST 1u
#define CAPTURE_TO_GUEST   2u

/* Bytes of a buffer: a power of 2, and enough for three of the largest frames. */
#define CAPTURE_BUFFER_MIN (256u * 1024)
#define CAPTURE_BUFFER_MAX (4u * 1024 * 1024)

/* Where a record begins; its head fits before the end of the buffer. */
#define CAPTURE_ALIGN 64u

struct capture_record {
	uint64_t time;	   /* ns since 1970; of all frames of a batch the same */
	uint32_t size;	   /* bytes from this record to the next; 0 bytes of a frame when `pad` */
	uint32_t captured; /* bytes of data */
	uint32_t len;	   /* bytes that the frame has */
	uint32_t missed;   /* frames that found no room since the record before */
	uint32_t index;	   /* of its first slot in the ring; runs free over 2^32 */
	uint16_t slots;	   /* of the ring, extras included; 0: it never came to the ring */
	uint16_t extras;   /* of these */
	uint16_t gso_size;
	int16_t status;	  /* the response's, NETIF_RSP_* */
	uint8_t gso_type; /* XEN_NETIF_GSO_TYPE_* */
	uint8_t way;	  /* CAPTURE_FROM_GUEST or _TO_GUEST */
	/* Of a frame that was not handed on: 1 + the place in STATS_*_GUEST of its counter */
	uint8_t lost;
	bool csum_blank, data_validated;
	bool pad; /* no frame: the rest of the buffer, that was too small for the next */
	uint8_t data[];
};

struct capture_buffer {
	/* Immutable */
	unsigned ways;	  /* that are captured */
	uint32_t snaplen; /* bytes of a frame that are kept */
	uint64_t bytes;	  /* of data */
	uint8_t *data;

	/* Owner: worker */
	uint64_t time __attribute__((aligned(64))); /* of the batch, see capture_clock */
	uint64_t tail_seen;			    /* tail, when last looked at */
	uint64_t begun;				    /* where the record in hand is */
	uint32_t missed;			    /* since the last record */

	/* Owner: worker writes, control reads */
	_Atomic uint64_t head; /* bytes that were written; runs free */
	_Atomic uint64_t dropped;
	_Atomic bool released; /* the worker has let go of it */

	/* Owner: control writes, worker reads */
	_Atomic bool to_end;
	_Atomic uint64_t tail __attribute__((aligned(64))); /* bytes that were read */
};

/* A buffer of so many bytes, all of it there already; NULL: no memory. Control thread. */
struct capture_buffer *capture_buffer_create(uint64_t bytes, unsigned ways, uint32_t snaplen);

/* Once it is released, or was never given to a worker. NULL is fine. Control thread. */
void capture_buffer_destroy(struct capture_buffer *buffer);

/* The worker's side. */

/* Notes the time for the records of a batch. */
void capture_clock(struct capture_buffer *buffer);

/*
 * Begins the record of a frame of len bytes, of which the first `available` are
 * at data, and copies as many of them as are wanted. `way`, `time` and all that
 * is about bytes is filled in, the rest is 0. NULL: there is no room, which is
 * counted.
 */
struct capture_record *capture_begin(struct capture_buffer *buffer, unsigned way,
				     const uint8_t *data, uint32_t available, uint32_t len);

/* The record is whole: the reader may have it. */
void capture_end(struct capture_buffer *buffer, const struct capture_record *record);

/* Whether the worker is to let go of it. */
bool capture_is_to_end(const struct capture_buffer *buffer);

/* The worker will not touch it again. */
void capture_release(struct capture_buffer *buffer);

/* The control thread's side. */

/* The oldest record, which stays until it is taken; NULL: there is none. */
const struct capture_record *capture_first(struct capture_buffer *buffer);
void capture_take(struct capture_buffer *buffer, const struct capture_record *record);

/* The worker is to let go of it, once it is told to look (worker_capture_end). */
void capture_end_soon(struct capture_buffer *buffer);

/* Whether the worker has let go: what is in it now is all that will be. */
bool capture_is_released(const struct capture_buffer *buffer);

/* Frames that found no room so far. */
uint64_t capture_dropped(const struct capture_buffer *buffer);

#endif
