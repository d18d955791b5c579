/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One queue of a connected vif: the ring pair, the tap queue, and what its
 * worker needs to move frames between them. Inside the datapath room only.
 */
#ifndef XENVIFD_DATAPATH_QUEUE_H
#define XENVIFD_DATAPATH_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#include "base/clock.h"
#include "base/probe.h"
#include "datapath/capture.h"
#include "datapath/credit.h"
#include "datapath/worker.h"
#include "proto/from_guest.h"
#include "proto/ring.h"
#include "proto/to_guest.h"
#include "stats.h"
#include "vif_config.h"
#include "xen/evtchn.h"
#include "xen/grants.h"

/* A batch ends at this many frames or bytes: enough to share a hypercall, and to stay in the cache.
 */
#define QUEUE_BATCH_FRAMES 64
#define QUEUE_BATCH_BYTES  (128u * 1024)

/* Copies of the largest batch: for each slot of a ring one, or two across pages of staging. */
#define QUEUE_BATCH_COPIES (2 * RING_SLOTS)

#define QUEUE_VNET_SIZE sizeof(struct virtio_net_hdr)

/* Frames to the guest of the largest batch: each takes a slot, and cut ones become many. */
#define QUEUE_BATCH_SEGMENTS RING_SLOTS

/* The most RX requests that are waited for: meanwhile the guest works on the other half. */
#define QUEUE_ROOM_MAX (RING_SLOTS / 2)

/*
 * A batch that is not full yet takes one more frame of the largest size, its
 * header and alignment: 51 pages. All of it is memory that the hypervisor
 * copies to and from (grants_buffer), so it is no larger than it must be.
 */
#define QUEUE_STAGING_SIZE \
	((QUEUE_BATCH_BYTES + TO_GUEST_FRAME_MAX + 3 * TO_GUEST_PAGE) & ~(TO_GUEST_PAGE - 1))

/*
 * Where segments are written, which few queues ever have to cut: at most one
 * page for each slot of a ring. Plain memory, which is there once it is used.
 */
#define QUEUE_SEGMENTS_SIZE (RING_SLOTS * TO_GUEST_PAGE)

/* What the worker last said of its private indices, for people to look at. */
struct queue_seen {
	_Atomic uint32_t tx_fetched, tx_taken;
	_Atomic uint32_t rx_fetched, rx_taken;
	_Atomic uint32_t room;
};

/* A frame from the guest, from gathering it to its response. */
struct queue_frame_out {
	struct from_guest_plan plan;
	uint8_t *data; /* in staging, its virtio_net_hdr just before it; NULL when dropped */
	unsigned first_copy, n_copies;
	int16_t status;		/* the response's, NETIF_RSP_* */
	_Atomic uint64_t *lost; /* the counter of its loss; NULL: none. Only while captured */
};

/* A frame for the guest, from reading it to its responses. */
struct queue_frame_in {
	struct to_guest_plan plan;
	const uint8_t *data;
	unsigned first_copy;
};

struct queue {
	/* Immutable after connect */
	/* vif<domid>.<devid>-q<n>, of its thread, its interrupts and in probes. First, so that its
	 * address is at hand wherever the queue's is: a probe then costs nothing for it */
	char name[16];
	struct vif_features features;
	uint32_t room;	   /* RX requests that the largest frame takes */
	uint64_t stall_ns; /* how long frames may wait for a guest that posts no buffers */
	int tap_fd;
	struct evtchn *evtchn;
	uint32_t port_tx, port_rx; /* local; equal when combined */
	struct grants *grants;
	struct credit *credit; /* what the guest may send, of all queues together */
	uint8_t *staging;      /* QUEUE_STAGING_SIZE bytes, page aligned; both directions in turn */
	uint8_t *segments;     /* QUEUE_SEGMENTS_SIZE bytes, page aligned */

	/* Owner: worker */
	bool tap_readable; /* the tap had a frame when last asked, or may have */
	unsigned lone;	   /* bursts in a row, the last included, that found one frame; wraps */
	bool tap_gone;	   /* the tap was removed under us */
	bool starved;	   /* frames from the guest wait for credit */
	uint64_t woken_ns; /* when this round's sleep ended, clock_now_ns; 0: no time is taken */
	/* As room, or more: while frames come that are cut up, as many as one of them needs */
	uint32_t room_wanted;
	unsigned hold;	      /* batches, of a lone frame each, not told of yet */
	bool hold_old;	      /* they were there when the timer last fired */
	unsigned hold_failed; /* frames that were told of at once after the last wait in vain */
	unsigned hold_not;    /* frames to be told of at once before the next may wait */
	const char *rogue;    /* why the frontend is not to be served any more */
	struct capture_buffer *capture; /* who captures frames; NULL: nobody */
	struct ring_tx tx __attribute__((aligned(64)));
	struct ring_rx rx;
	union {
		struct queue_frame_out out[QUEUE_BATCH_FRAMES];
		struct queue_frame_in in[QUEUE_BATCH_SEGMENTS];
	} frames;

	/* Owner: worker writes, any thread reads */
	struct stats stats __attribute__((aligned(64)));
	struct queue_seen seen;
};

/* Counts a lost frame in the counter of its direction that says why; the probe says its name. */
#define QUEUE_COUNT_LOSS(queue, direction, counter, bytes)                     \
	do {                                                                   \
		stats_add(&(queue)->stats.direction.counter, 1);               \
		probe_##direction##_dropped((queue)->name, #counter, (bytes)); \
	} while (0)

/* Says what went wrong: "queue <q>: <what> <value>: <code as words>". Returns code, a -errno. */
int worker_fail(struct worker_error *error, int code, const char *what, unsigned queue,
		uint32_t value);

/*
 * Opens, maps and binds all that setup names; the thread is the worker's.
 * Control thread. 0, or -errno and a reason; queue_close either way, later.
 */
int queue_open(struct queue *queue, const struct worker_setup *setup, struct worker_error *error);

/* Says where the rings are: a few plain stores, once a round. Worker. */
void queue_show(struct queue *queue);

/* What queue_show said, and the shared indices of this moment. Control thread. */
void queue_look(const struct queue *queue, struct worker_rings *rings);

/* Undoes queue_open, whatever of it was done. Control thread. */
void queue_close(struct queue *queue);

/*
 * Moves one batch of frames from the guest to the tap: gather, copy, write,
 * respond in request order, publish once, notify at most once. Returns the
 * frames that were taken (0: there were none, or they wait for credit, and then
 * queue->starved is set), or -EPROTO with queue->rogue set.
 */
int from_guest_run(struct queue *queue);

/*
 * After a batch of `frames` frames of together `slots` slots was published:
 * notifies the guest if it asks for it, now or, of a lone small frame, later
 * (queue->hold). Before one is published, _review leaves out what is held back
 * and no longer asked for. _late, at each turn of the timer that runs while
 * something is held back, notifies of what was there a turn before. _rest
 * notifies of all of it.
 */
void from_guest_tell(struct queue *queue, unsigned frames, unsigned slots);
void from_guest_tell_review(struct queue *queue);
void from_guest_tell_late(struct queue *queue);
void from_guest_tell_rest(struct queue *queue);

/*
 * Moves one batch of frames from the tap to the guest: read while the ring has
 * room for the largest frame, copy, respond, publish once, notify at most
 * once. Returns the frames that were read, or -EPROTO with queue->rogue set.
 */
int to_guest_run(struct queue *queue);

/* Whether the ring has room for the largest frame that the guest may be sent: the tap is read. */
static inline bool to_guest_has_room(const struct queue *queue)
{
	return ring_rx_pending(&queue->rx) >= queue->room_wanted;
}

/* A round that began with waking has answered a batch: its time goes into this histogram. */
static inline void queue_time_wake(const struct queue *queue, _Atomic uint64_t *histogram)
{
	if (queue->woken_ns)
		stats_sample_time(histogram, clock_now_ns() - queue->woken_ns);
}

/* Reads one batch of frames from the tap and drops them, counted. Returns how many. */
int to_guest_drop(struct queue *queue);

/* Whether frames of a direction (CAPTURE_*) are captured. Asked once a batch. */
static inline bool queue_is_captured(const struct queue *queue, unsigned way)
{
	return queue->capture && (queue->capture->ways & way);
}

/* What a record says of a lost frame (capture_record.lost) by its counter among `counters`. */
static inline uint8_t queue_lost_place(const _Atomic uint64_t *counter, const void *counters)
{
	return counter ? 1 + (counter - (const _Atomic uint64_t *)counters) : 0;
}

#endif
