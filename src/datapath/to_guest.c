/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * To the guest: one burst of frames read from the tap fills RX buffers.
 *
 * The tap is read only while the ring has room for the largest frame that this
 * guest may be sent, so every frame that was read can be delivered, and what
 * the guest has no buffers for waits in the kernel's queue, whose length is
 * bounded. A frame begins at a page of the staging buffer (its header lies
 * before it), so that each slot's copy has one page on either side.
 *
 * A failed copy patches only its own response: the frontend sees the error in
 * that slot and drops the frame.
 */
#include "datapath/queue.h"

#include <errno.h>
#include <string.h>

#include "proto/offload.h"
#include "proto/segment.h"
#include "tap/tap.h"

/* What a burst has gathered: frames.in[0 .. n), staging[0 .. used), segments[0 .. cut). */
struct burst {
	int n;
	size_t used, cut;
};

/* The next frame's place: a page with room for the header before it. */
static size_t staging_next(size_t used)
{
	return (used + QUEUE_VNET_SIZE + TO_GUEST_PAGE - 1) & ~(size_t)(TO_GUEST_PAGE - 1);
}

/* Captures a frame that was lost before it came to the ring. */
static void frame_capture_lost(struct queue *queue, const uint8_t *data, uint32_t len,
			       const _Atomic uint64_t *counter)
{
	struct capture_record *record;

	if (!queue_is_captured(queue, CAPTURE_TO_GUEST))
		return;
	record = capture_begin(queue->capture, CAPTURE_TO_GUEST, data, len, len);
	if (!record)
		return;
	record->lost = queue_lost_place(counter, &queue->stats.to_guest);
	capture_end(queue->capture, record);
}

/* So many bursts of one frame, and the next may be taken for one. */
#define TO_GUEST_LONE 8

/* Counts it, too. */
#define FRAME_LOSE(queue, data, len, counter)                                           \
	do {                                                                            \
		QUEUE_COUNT_LOSS(queue, to_guest, counter, len);                        \
		frame_capture_lost(queue, data, len, &(queue)->stats.to_guest.counter); \
	} while (0)

/* Reads a frame to data, its header before it. The frame's length, or 0 with tap_readable false. */
static uint32_t frame_read(struct queue *queue, uint8_t *data)
{
	ssize_t n = tap_read(queue->tap_fd, data - QUEUE_VNET_SIZE,
			     QUEUE_VNET_SIZE + TO_GUEST_FRAME_MAX);

	if (n >= (ssize_t)(QUEUE_VNET_SIZE + FROM_GUEST_FRAME_MIN))
		return n - QUEUE_VNET_SIZE;
	if (n < 0 && n != -EINVAL) {
		queue->tap_readable = false;
		queue->tap_gone = n != -EAGAIN && n != -EINTR;
		return 0;
	}
	FRAME_LOSE(queue, data, n > (ssize_t)QUEUE_VNET_SIZE ? n - QUEUE_VNET_SIZE : 0, error_vnet);
	return 0;
}

/* The index of plan's data slot n among its slots: a GSO extra takes slot 1. */
static uint32_t frame_data_slot(const struct to_guest_plan *plan, uint32_t n)
{
	return n == 0 || plan->gso_type == XEN_NETIF_GSO_TYPE_NONE ? n : n + 1;
}

static void frame_copy_add(struct queue *queue, struct queue_frame_in *frame, const uint8_t *data)
{
	uint32_t n = 0;

	frame->data = data;
	frame->first_copy = grants_copy_count(queue->grants);
	for (uint32_t done = 0; done < frame->plan.len; n++) {
		uint32_t left = frame->plan.len - done;
		uint16_t len = left < TO_GUEST_PAGE ? left : TO_GUEST_PAGE;
		uint32_t slot = queue->rx.cons + frame_data_slot(&frame->plan, n);

		grants_copy_to(queue->grants, ring_rx_slot(&queue->rx, slot)->gref, data + done,
			       len);
		done += len;
	}
	queue->rx.cons += frame->plan.slots;
}

/* Writes segment n as the burst's next frame. False: the ring has no room for it. */
static bool segment_gather(struct queue *queue, struct burst *burst, const struct segment_cut *cut,
			   uint32_t n)
{
	uint32_t len = segment_len(cut, n), slots = to_guest_slots(len, false);
	size_t start = to_guest_place(burst->cut, len);
	struct queue_frame_in *frame;

	if (slots > ring_rx_pending(&queue->rx))
		return false;
	frame = &queue->frames.in[burst->n];
	frame->plan = (struct to_guest_plan){ .len = len, .slots = slots };
	segment_write(cut, n, queue->segments + start);
	frame_copy_add(queue, frame, queue->segments + start);
	burst->cut = start + len;
	burst->n++;
	return true;
}

/* A frame was cut short: the next one shall find room for all of its segments. */
static void segment_want_room(struct queue *queue, const struct segment_cut *cut)
{
	uint32_t slots = cut->count * to_guest_slots(segment_len(cut, 0), false);

	if (slots > QUEUE_ROOM_MAX)
		slots = QUEUE_ROOM_MAX;
	if (slots > queue->room_wanted)
		queue->room_wanted = slots;
}

/* Cuts a GSO frame up; its segments go on instead of it, as many as there is room for. */
static void frame_segment(struct queue *queue, struct burst *burst, const uint8_t *data,
			  uint32_t len, uint16_t gso_size)
{
	struct stats_to_guest *stats = &queue->stats.to_guest;
	struct segment_cut cut;
	uint32_t n = 0;

	if (segment_init(&cut, data, len, gso_size, RING_SLOTS)) {
		FRAME_LOSE(queue, data, len, drop_offload);
		return;
	}
	if (to_guest_slots(segment_len(&cut, 0), false) > queue->room) {
		FRAME_LOSE(queue, data, len, drop_too_big);
		return;
	}
	while (n < cut.count && segment_gather(queue, burst, &cut, n))
		n++;
	stats_add(&stats->segmented, 1);
	if (n < cut.count) {
		segment_want_room(queue, &cut);
		FRAME_LOSE(queue, data, len, drop_offload);
	}
}

/* Whether the frame goes on as it is; fills its plan. Counts it, or cuts it up, otherwise. */
static bool frame_plan(struct queue *queue, struct burst *burst, uint8_t *data,
		       struct to_guest_plan *plan)
{
	struct stats_to_guest *stats = &queue->stats.to_guest;
	struct virtio_net_hdr vnet;
	bool computed = false;

	memcpy(&vnet, data - QUEUE_VNET_SIZE, QUEUE_VNET_SIZE);
	switch (offload_to_guest(&queue->features, &vnet, data, plan, &computed)) {
	case OFFLOAD_OK:
		break;
	case OFFLOAD_SEGMENT:
		frame_segment(queue, burst, data, plan->len, vnet.gso_size);
		return false;
	case OFFLOAD_BAD_VNET:
		FRAME_LOSE(queue, data, plan->len, error_vnet);
		return false;
	case OFFLOAD_UNSUPPORTED:
		FRAME_LOSE(queue, data, plan->len, drop_offload);
		return false;
	}
	if (plan->slots > queue->room) {
		FRAME_LOSE(queue, data, plan->len, drop_too_big);
		return false;
	}
	if (computed)
		stats_add(&stats->csum_computed, 1);
	return true;
}

/*
 * Whether a frame is taken for the last one without asking the tap, as all of the bursts
 * before it were of one frame: the sleep that follows asks anyway, and ends at once if
 * there is another. Each eighth time the tap is asked, for a flood to be seen.
 */
static bool burst_is_lone(const struct queue *queue)
{
	return queue->lone >= TO_GUEST_LONE && queue->lone % TO_GUEST_LONE != 0;
}

/* Reads frames while there is room for more. Returns the frames read. */
static int burst_gather(struct queue *queue, struct burst *burst)
{
	int reads = 0;

	*burst = (struct burst){ 0 };
	grants_copy_begin(queue->grants);
	while (reads < QUEUE_BATCH_FRAMES && burst->used < QUEUE_BATCH_BYTES &&
	       to_guest_has_room(queue)) {
		struct queue_frame_in *frame = &queue->frames.in[burst->n];
		size_t start = staging_next(burst->used);

		frame->plan.len = frame_read(queue, queue->staging + start);
		if (!queue->tap_readable)
			break;
		reads++;
		if (frame->plan.len == 0 ||
		    !frame_plan(queue, burst, queue->staging + start, &frame->plan))
			continue;
		frame_copy_add(queue, frame, queue->staging + start);
		burst->used = start + frame->plan.len;
		burst->n++;
		if (reads == 1 && burst_is_lone(queue)) {
			queue->tap_readable = false;
			break;
		}
	}
	if (reads > 0)
		queue->lone = reads == 1 ? queue->lone + 1 : 0;
	return reads;
}

static void frame_respond(struct queue *queue, const struct queue_frame_in *frame)
{
	const struct to_guest_plan *plan = &frame->plan;
	struct stats_to_guest *stats = &queue->stats.to_guest;
	bool gso = plan->gso_type != XEN_NETIF_GSO_TYPE_NONE;
	unsigned copy = frame->first_copy;
	bool whole = true;

	for (uint32_t i = 0; i < plan->slots; i++) {
		bool failed = !(gso && i == 1) && !grants_copy_done(queue->grants, copy++);
		netif_rx_response_t response;

		to_guest_response(plan, i, ring_rx_slot(&queue->rx, queue->rx.rsp_prod), failed,
				  &response);
		ring_rx_respond(&queue->rx, &response);
		whole = whole && !failed;
	}
	if (!whole) {
		QUEUE_COUNT_LOSS(queue, to_guest, error_grant, plan->len);
		return;
	}
	probe_to_guest_delivered(queue->name, plan->len, plan->gso_type);
	stats_add(&stats->packets, 1);
	stats_add(&stats->bytes, plan->len);
	if (gso)
		stats_add(&stats->gso_packets, 1);
}

/* Whether all copies of the frame into the guest's buffers were done. */
static bool frame_copied(const struct queue *queue, const struct queue_frame_in *frame)
{
	uint32_t n_copies = to_guest_slots(frame->plan.len, false);

	for (uint32_t i = 0; i < n_copies; i++)
		if (!grants_copy_done(queue->grants, frame->first_copy + i))
			return false;
	return true;
}

/* Captures a frame whose first slot is `first`, as the guest gets it. */
static void frame_capture(struct queue *queue, const struct queue_frame_in *frame, uint32_t first)
{
	const struct to_guest_plan *plan = &frame->plan;
	struct capture_record *record =
		capture_begin(queue->capture, CAPTURE_TO_GUEST, frame->data, plan->len, plan->len);
	struct stats_to_guest *stats = &queue->stats.to_guest;
	bool whole = frame_copied(queue, frame);

	if (!record)
		return;
	record->index = first;
	record->slots = plan->slots;
	record->extras = plan->gso_type != XEN_NETIF_GSO_TYPE_NONE;
	record->csum_blank = plan->csum_blank;
	record->data_validated = plan->data_validated;
	record->gso_type = plan->gso_type;
	record->gso_size = plan->gso_size;
	record->status = whole ? NETIF_RSP_OKAY : NETIF_RSP_ERROR;
	record->lost = queue_lost_place(whole ? NULL : &stats->error_grant, stats);
	capture_end(queue->capture, record);
}

static __attribute__((noinline, cold)) void burst_capture(struct queue *queue, int n)
{
	uint32_t first = queue->rx.rsp_prod;

	for (int i = 0; i < n; i++) {
		frame_capture(queue, &queue->frames.in[i], first);
		first += queue->frames.in[i].plan.slots;
	}
}

static void burst_copy(struct queue *queue, int n)
{
	struct stats_to_guest *stats = &queue->stats.to_guest;
	unsigned copies = grants_copy_run(queue->grants);

	stats_add(&stats->copy_calls, 1);
	stats_add(&stats->copy_segments, copies);
	probe_to_guest_copied(queue->name, n, copies);
}

static void burst_respond(struct queue *queue, int n)
{
	uint32_t before = queue->rx.rsp_prod;

	for (int i = 0; i < n; i++)
		frame_respond(queue, &queue->frames.in[i]);
	ring_rx_publish(&queue->rx);
	probe_to_guest_responded(queue->name, n, queue->rx.rsp_prod - before);
}

static void burst_tell(struct queue *queue)
{
	struct stats_to_guest *stats = &queue->stats.to_guest;

	if (ring_rx_asks(&queue->rx)) {
		evtchn_notify(queue->evtchn, queue->port_rx);
		stats_add(&stats->notify_sent, 1);
		probe_to_guest_notified(queue->name);
	} else {
		stats_add(&stats->notify_suppressed, 1);
	}
	ring_rx_told(&queue->rx);
}

/* Hands on the n frames that were gathered. */
static void burst_deliver(struct queue *queue, int n)
{
	probe_to_guest_gathered(queue->name, n, queue->rx.cons - queue->rx.rsp_prod,
				ring_rx_pending(&queue->rx));
	burst_copy(queue, n);
	if (queue_is_captured(queue, CAPTURE_TO_GUEST))
		burst_capture(queue, n);
	burst_respond(queue, n);
	burst_tell(queue);
}

int to_guest_run(struct queue *queue)
{
	struct stats_to_guest *stats = &queue->stats.to_guest;
	struct burst burst;
	int reads;

	if (ring_rx_fetch(&queue->rx) < 0) {
		queue->rogue = "RX ring: the request producer ran ahead of the ring, or back";
		return -EPROTO;
	}
	stats_sample_count(stats->ring_pending, ring_rx_pending(&queue->rx));
	if (!queue->tap_readable)
		return 0;
	if (queue_is_captured(queue, CAPTURE_TO_GUEST))
		capture_clock(queue->capture);
	reads = burst_gather(queue, &burst);
	if (burst.n > 0) {
		burst_deliver(queue, burst.n);
		stats_sample_count(stats->batch_frames, burst.n);
		queue_time_wake(queue, stats->wake_to_notify);
	}
	return reads;
}

int to_guest_drop(struct queue *queue)
{
	uint8_t *data = queue->staging + TO_GUEST_PAGE;
	int n = 0;

	if (queue_is_captured(queue, CAPTURE_TO_GUEST))
		capture_clock(queue->capture);
	while (n < QUEUE_BATCH_FRAMES) {
		uint32_t len = frame_read(queue, data);

		if (!queue->tap_readable)
			break;
		if (len > 0) /* else it is counted already */
			FRAME_LOSE(queue, data, len, drop_stalled);
		n++;
	}
	return n;
}
