/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the guest: one batch of TX slots becomes frames written to the tap.
 *
 * All slots are planned before anything is copied, all copies of a batch are
 * one call, and nothing is answered before its frame was written: the shared
 * ring never says more than what happened, so a successor can go on from it.
 * Responses overwrite the requests they answer; they are written last, in
 * request order, and published at once.
 *
 * A frame that fails is answered with an error and counted under its reason;
 * the others of its batch don't notice. Only a frontend whose ring makes no
 * sense is rogue, and then nothing more of it is touched.
 *
 * Where the vif has a rate and its credit is used up, the ring is left alone:
 * the guest's frames wait in it, and none is lost.
 */
#include "datapath/queue.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "proto/offload.h"
#include "tap/tap.h"

/*
 * Where the next frame begins: with room for its header before it, and so that
 * the first piece that fills a page of the guest's fills a page of staging,
 * as those that follow it then do too. A piece across two pages is two
 * operations for the hypervisor. Other frames begin on cache lines.
 */
static size_t staging_next(size_t used, const struct from_guest_plan *plan)
{
	size_t before = 0;

	for (uint32_t i = 0; i < plan->n_pieces; i++) {
		if (plan->piece[i].len == FROM_GUEST_PAGE)
			return ((used + QUEUE_VNET_SIZE + before + FROM_GUEST_PAGE - 1) &
				~(size_t)(FROM_GUEST_PAGE - 1)) -
			       before;
		before += plan->piece[i].len;
	}
	return (used + QUEUE_VNET_SIZE + 63) & ~(size_t)63;
}

/* Counts a frame as lost, and remembers where, for who captures it. */
#define FRAME_LOSE(queue, frame, counter)                                        \
	do {                                                                     \
		(frame)->lost = &(queue)->stats.from_guest.counter;              \
		QUEUE_COUNT_LOSS(queue, from_guest, counter, (frame)->plan.len); \
	} while (0)

/* It was counted: it is answered with an error, and goes no further. */
static void frame_drop(struct queue_frame_out *frame)
{
	frame->status = NETIF_RSP_ERROR;
	frame->data = NULL;
}

static void frame_count_fault(struct queue *queue, struct queue_frame_out *frame)
{
	switch (frame->plan.fault) {
	case FROM_GUEST_FAULT_SLOTS:
		FRAME_LOSE(queue, frame, error_slots);
		break;
	case FROM_GUEST_FAULT_EXTRA:
		FRAME_LOSE(queue, frame, error_extra);
		break;
	default:
		FRAME_LOSE(queue, frame, error_size);
		break;
	}
}

static void frame_copy_add(struct queue *queue, struct queue_frame_out *frame, uint8_t *data)
{
	const struct from_guest_plan *plan = &frame->plan;

	unsigned copies = grants_copy_count(queue->grants);

	frame->data = data;
	frame->status = NETIF_RSP_OKAY;
	frame->first_copy = copies;
	for (uint32_t i = 0; i < plan->n_pieces; i++) {
		copies = grants_copy_from(queue->grants, plan->piece[i].gref, plan->piece[i].offset,
					  data, plan->piece[i].len);
		data += plan->piece[i].len;
	}
	frame->n_copies = copies - frame->first_copy;
}

/* Plans as many whole frames as begin within so many bytes. The number of frames, or -EPROTO. */
static int batch_gather(struct queue *queue, size_t bytes)
{
	size_t used = 0;
	int n = 0;

	grants_copy_begin(queue->grants);
	while (n < QUEUE_BATCH_FRAMES && used < bytes && ring_tx_pending(&queue->tx)) {
		struct queue_frame_out *frame = &queue->frames.out[n];
		enum from_guest_verdict verdict;

		verdict = from_guest_plan(&queue->tx, queue->tx.cons, ring_tx_pending(&queue->tx),
					  &frame->plan);
		if (verdict == FROM_GUEST_ROGUE) {
			queue->rogue = frame->plan.reason;
			return n > 0 ? n : -EPROTO; /* what came before it is still good */
		}
		if (verdict == FROM_GUEST_DROP) {
			frame_count_fault(queue, frame);
			frame_drop(frame);
		} else {
			size_t start = staging_next(used, &frame->plan);

			frame_copy_add(queue, frame, queue->staging + start);
			used = start + frame->plan.len;
		}
		queue->tx.cons += frame->plan.slots;
		n++;
	}
	return n;
}

static void batch_copy(struct queue *queue, int n)
{
	unsigned copies = grants_copy_run(queue->grants);

	if (copies == 0)
		return;
	stats_add(&queue->stats.from_guest.copy_calls, 1);
	stats_add(&queue->stats.from_guest.copy_segments, copies);
	probe_from_guest_copied(queue->name, n, copies);
}

static bool frame_copied(const struct queue *queue, const struct queue_frame_out *frame)
{
	for (uint32_t i = 0; i < frame->n_copies; i++)
		if (!grants_copy_done(queue->grants, frame->first_copy + i))
			return false;
	return true;
}

static void frame_count_refusal(struct queue *queue, struct queue_frame_out *frame, int error)
{
	switch (-error) {
	case EIO:
		FRAME_LOSE(queue, frame, drop_tap_down);
		break;
	case EBADFD:
		queue->tap_gone = true;
		FRAME_LOSE(queue, frame, drop_tap_down);
		break;
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		FRAME_LOSE(queue, frame, drop_tap_full);
		break;
	default:
		FRAME_LOSE(queue, frame, drop_tap_refused);
		break;
	}
	/* The guest did nothing wrong: as on a wire, it learns nothing of a lost frame. */
	frame->status = NETIF_RSP_OKAY;
}

/* Inlined, as the loop that nobody captures is the one that counts. */
static inline __attribute__((always_inline)) void frame_write(struct queue *queue,
							      struct queue_frame_out *frame)
{
	struct stats_from_guest *stats = &queue->stats.from_guest;
	struct virtio_net_hdr vnet;
	uint32_t len = frame->plan.len;
	bool fixed = false;
	int error;

	if (!frame_copied(queue, frame)) {
		FRAME_LOSE(queue, frame, error_grant);
		frame_drop(frame);
		return;
	}
	if (offload_from_guest(&frame->plan, frame->data, &vnet, &fixed) < 0) {
		FRAME_LOSE(queue, frame, error_offload);
		frame_drop(frame);
		return;
	}
	memcpy(frame->data - QUEUE_VNET_SIZE, &vnet, QUEUE_VNET_SIZE);
	error = tap_write(queue->tap_fd, frame->data - QUEUE_VNET_SIZE, len + QUEUE_VNET_SIZE);
	if (error < 0) {
		frame_count_refusal(queue, frame, error);
		return;
	}
	probe_from_guest_written(queue->name, frame->plan.len, frame->plan.gso_type);
	stats_add(&stats->packets, 1);
	stats_add(&stats->bytes, len);
	if (vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE)
		stats_add(&stats->gso_packets, 1);
	if (fixed)
		stats_add(&stats->csum_fixups, 1);
}

static void batch_write(struct queue *queue, int n)
{
	for (int i = 0; i < n; i++)
		if (queue->frames.out[i].data)
			frame_write(queue, &queue->frames.out[i]);
}

/* Says of a frame, whose first slot is `first`, what came of it. */
static void frame_capture_end(struct queue *queue, const struct queue_frame_out *frame,
			      uint32_t first, struct capture_record *record)
{
	const struct from_guest_plan *plan = &frame->plan;

	record->index = first;
	record->slots = plan->slots;
	record->extras = plan->n_extras;
	record->csum_blank = plan->csum_blank;
	record->data_validated = plan->data_validated;
	record->gso_type = plan->gso_type;
	record->gso_size = plan->gso_size;
	record->status = frame->status;
	record->lost = queue_lost_place(frame->lost, &queue->stats.from_guest);
	if (frame->lost == &queue->stats.from_guest.error_grant)
		record->captured = 0; /* what lies in staging is not this frame */
	capture_end(queue->capture, record);
}

/* As batch_write; a frame is captured as it came, before what is mended in it. */
static __attribute__((noinline, cold)) void batch_write_captured(struct queue *queue, int n)
{
	uint32_t first = queue->tx.rsp_prod;

	capture_clock(queue->capture);
	for (int i = 0; i < n; i++) {
		struct queue_frame_out *frame = &queue->frames.out[i];
		/* A plan that is dropped has no length: what the first slot says is one. */
		uint32_t len = ring_tx_slot(&queue->tx, first)->request.size;
		struct capture_record *record =
			capture_begin(queue->capture, CAPTURE_FROM_GUEST, frame->data,
				      frame->data ? frame->plan.len : 0, len);

		if (frame->data) {
			frame->lost = NULL;
			frame_write(queue, frame);
		}
		if (record)
			frame_capture_end(queue, frame, first, record);
		first += frame->plan.slots;
	}
}

/* Slot 0 and the data slots carry the status; the extras right after slot 0 none. */
static void frame_respond(struct queue *queue, const struct queue_frame_out *frame)
{
	for (uint32_t i = 0; i < frame->plan.slots; i++) {
		bool extra = i >= 1 && i <= frame->plan.n_extras;

		ring_tx_respond(&queue->tx, extra ? NETIF_RSP_NULL : frame->status);
	}
}

static void batch_respond(struct queue *queue, int n)
{
	uint32_t before = queue->tx.rsp_prod;

	for (int i = 0; i < n; i++)
		frame_respond(queue, &queue->frames.out[i]);
	from_guest_tell_review(queue);
	ring_tx_publish(&queue->tx);
	probe_from_guest_responded(queue->name, n, queue->tx.rsp_prod - before);
	from_guest_tell(queue, n, queue->tx.rsp_prod - before);
}

/* Moves a batch of so many bytes, 1 to QUEUE_BATCH_BYTES, and what the last frame is longer. */
static int batch_run(struct queue *queue, size_t bytes)
{
	uint32_t before = queue->tx.cons;
	int n = batch_gather(queue, bytes);

	if (n <= 0)
		return n;
	probe_from_guest_gathered(queue->name, n, queue->tx.cons - before,
				  ring_tx_pending(&queue->tx));
	batch_copy(queue, n);
	if (queue_is_captured(queue, CAPTURE_FROM_GUEST))
		batch_write_captured(queue, n);
	else
		batch_write(queue, n);
	batch_respond(queue, n);
	return n;
}

/* The bytes of the frames that the batch of n handed on. */
static uint64_t batch_bytes(const struct queue *queue, int n)
{
	uint64_t bytes = 0;

	for (int i = 0; i < n; i++)
		if (queue->frames.out[i].data)
			bytes += queue->frames.out[i].plan.len;
	return bytes;
}

/* The same within what the vif may send now. */
static int batch_run_limited(struct queue *queue)
{
	bool starved = queue->starved;
	int64_t bytes;
	int n;

	queue->starved = false;
	if (ring_tx_pending(&queue->tx) == 0)
		return 0;
	bytes = credit_look(queue->credit, clock_now_ns());
	if (bytes == 0) {
		queue->starved = true;
		if (!starved) {
			stats_add(&queue->stats.from_guest.rate_waits, 1);
			probe_rate_waits(queue->name);
		}
		return 0;
	}
	n = batch_run(queue, bytes < QUEUE_BATCH_BYTES ? bytes : QUEUE_BATCH_BYTES);
	if (n > 0)
		credit_spend(queue->credit, batch_bytes(queue, n));
	return n;
}

int from_guest_run(struct queue *queue)
{
	struct stats_from_guest *stats = &queue->stats.from_guest;
	int n;

	if (ring_tx_fetch(&queue->tx) < 0) {
		queue->rogue = "TX ring: the request producer ran ahead of the ring, or back";
		return -EPROTO;
	}
	stats_sample_count(stats->ring_pending, ring_tx_pending(&queue->tx));
	if (credit_is_limited(queue->credit)) {
		n = batch_run_limited(queue);
	} else {
		queue->starved = false;
		n = batch_run(queue, QUEUE_BATCH_BYTES);
	}
	if (n > 0) {
		stats_sample_count(stats->batch_frames, n);
		queue_time_wake(queue, stats->wake_to_notify);
	}
	return n;
}
