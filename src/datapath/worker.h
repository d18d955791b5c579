/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker of one queue: a thread that moves frames between the ring pair
 * and the tap queue until it is stopped.
 *
 * Life: worker_create maps, binds and attaches (control thread; nothing runs
 * yet, so a vif whose third queue fails has served no frame); worker_start
 * starts the thread; worker_stop ends and joins it; worker_destroy undoes
 * worker_create. A worker that finds its frontend rogue or its tap gone says
 * so through the call eventfd and does nothing more until it is stopped.
 *
 * worker_stop completes the batch in hand, so nothing taken from the ring is
 * left unanswered and nothing taken from the tap undelivered.
 */
#ifndef XENVIFD_DATAPATH_WORKER_H
#define XENVIFD_DATAPATH_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats.h"
#include "vif_config.h"

struct capture_buffer;
struct credit;
struct worker;

struct worker_setup {
	const char *vif; /* its name, for the thread's */
	uint16_t domid;	 /* the frontend's */
	uint16_t self;	 /* the domain we run in */
	unsigned index;	 /* of the queue */
	const struct vif_features *features;
	const struct vif_queue_config *config;
	int tap_fd;	       /* the tap queue, non-blocking; stays the caller's */
	unsigned stall_ms;     /* how long frames may wait for a guest that posts no buffers */
	struct credit *credit; /* of the vif; outlives the worker */
	int call_fd; /* an eventfd, written when the worker wants to be served or gives up */
	/* Called in the worker's thread before all else; not 0: the worker gives up. NULL is fine.
	 */
	int (*enter)(void);
	const struct stats *counted; /* what the counters go on from; NULL: from 0 */
};

/* What went wrong in worker_create, for people. */
struct worker_error {
	char reason[160];
};

/* Control thread. 0 and *worker; or -errno and a reason, with nothing left mapped or bound. */
int worker_create(struct worker **worker, const struct worker_setup *setup,
		  struct worker_error *error);

/* Control thread. 0, or -errno. */
int worker_start(struct worker *worker);

/* Control thread; waits for the batch in hand. Fine when it was never started. */
void worker_stop(struct worker *worker);

/* Control thread, after worker_stop. Unbinds and unmaps. NULL is fine. */
void worker_destroy(struct worker *worker);

/*
 * Does for the worker what its thread may not do itself: sends the queue's
 * interrupts to the CPU that the thread has moved to, if it has. Control
 * thread, after the call eventfd was readable or at any time.
 */
void worker_serve(struct worker *worker);

/*
 * Why the worker gave up, a constant string; NULL while all is well. Any
 * thread, after the call eventfd was readable or at any time.
 */
const char *worker_fault(const struct worker *worker);

/*
 * Whether the worker is awake and has been in one place since the last call
 * with the same *seen: a call to the kernel or Xen does not return. Any thread.
 */
bool worker_is_stuck(const struct worker *worker, uint64_t *seen);

/*
 * Makes the worker notify the guest of both rings and look at them itself, as
 * if an event had come. Control thread; does not wait for it.
 */
void worker_kick(struct worker *worker);

/*
 * Has a worker that runs and is not captured put its frames in this buffer.
 * With _end, or when it is stopped, it lets go of the buffer (capture.h).
 * Control thread; does not wait for the worker.
 */
void worker_capture(struct worker *worker, struct capture_buffer *buffer);
void worker_capture_end(struct worker *worker);

/* Whether it was given a buffer, and has not let go of it. Control thread. */
bool worker_is_captured(const struct worker *worker);

/* One ring of a queue, as it was at some moment. Indices run free over 2^32. */
struct worker_ring {
	/* Of the page that the guest shares, read once each: hints, not to be believed */
	uint32_t req_prod;  /* requests before this index were sent by the guest */
	uint32_t req_event; /* we ask for an event when req_prod gets here */
	uint32_t rsp_prod;  /* responses before this index were published by us */
	uint32_t rsp_event; /* the guest asks for an event when rsp_prod gets here */
	/* The worker's own, of the end of its last round */
	uint32_t fetched; /* requests before this index were copied from the page */
	uint32_t taken;	  /* requests before this index were used */
};

struct worker_rings {
	struct worker_ring tx, rx; /* from the guest, to the guest */
	uint32_t room;		   /* RX requests that there must be before the tap is read */
	bool frame_waits;	   /* a frame is in the tap, and fewer are there */
	bool drops;		   /* for too long: frames from the tap are dropped */
};

/* Looks at a queue's rings without disturbing its worker. Control thread, before worker_destroy. */
void worker_look(const struct worker *worker, struct worker_rings *rings);

/* The queue's counters, which live as long as the worker. Any thread. */
const struct stats *worker_stats(const struct worker *worker);

#endif
