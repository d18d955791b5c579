/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one list of counters and histograms, from which the datapath, the control
 * tool, the metrics, the documentation and the tests are all fed.
 *
 * Each counter belongs to one direction of one queue, is written by that
 * queue's worker alone and read by anybody: relaxed load, add, relaxed store,
 * no locked instruction. "drop" counters count well-formed frames that were
 * not delivered, "error" counters frames that the frontend (or the kernel)
 * made wrongly; each frame is counted once, in packets or in exactly one of
 * them. Of a frame that was cut up (segmented) the segments are the packets, and
 * drop_offload counts it when some of them found no room.
 *
 * X(name, unit and meaning for people)
 *
 * A histogram is a row of such counters. Each counts the values that lie above
 * the bound of the one before it and not above its own; bounds are powers of
 * two, so that to find a value's bucket is two instructions, and a row of a few
 * covers all that can come at the same relative error. The last bucket has no
 * bound. Before them stands the sum of all values, for their mean.
 *
 * X(name, kind, unit and meaning for people)
 *
 *   COUNTS  of slots or frames: bounds 0, 1, 2, 4 ... 256 (a ring's slots)
 *   TIMES   in nanoseconds: bounds 1024, 2048 ... 2^28 (268 ms)
 */
#ifndef XENVIFD_INCLUDE_STATS_H
#define XENVIFD_INCLUDE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#define STATS_FROM_GUEST(X)                                                                   \
	X(packets, "frames from the guest written to the tap")                                \
	X(bytes, "bytes of these frames, Ethernet header included")                           \
	X(gso_packets, "of these, frames to be segmented later (GSO)")                        \
	X(csum_fixups, "GSO frames whose blank checksum the guest had not announced, mended") \
	X(drop_tap_down, "dropped: the tap is down (its bridge port is not up)")              \
	X(drop_tap_full, "dropped: the kernel had no room or memory for the frame")           \
	X(drop_tap_refused, "dropped: the kernel refused the frame")                          \
	X(error_size,                                                                         \
	  "answered with error: shorter than an Ethernet header, or slots add up to more")    \
	X(error_slots, "answered with error: more slots than the protocol allows")            \
	X(error_extra, "answered with error: an extra that was not negotiated")               \
	X(error_offload, "answered with error: checksum or GSO flags do not fit the packet")  \
	X(error_grant, "answered with error: a grant reference could not be copied from")     \
	X(rate_waits, "times that frames waited because the vif's rate was used up")          \
	X(copy_calls, "grant-copy calls")                                                     \
	X(copy_segments, "grant-copy segments in these calls")                                \
	X(notify_sent, "event-channel notifications sent to the guest")                       \
	X(notify_suppressed, "batches that needed no notification of their own")

#define STATS_TO_GUEST(X)                                                                     \
	X(packets, "frames from the tap put into the guest's buffers")                        \
	X(bytes, "bytes of these frames, Ethernet header included")                           \
	X(gso_packets, "of these, frames to be segmented later (GSO)")                        \
	X(csum_computed, "frames whose checksum was computed here, for a guest that can't")   \
	X(segmented, "frames cut into segments here, for a guest that can't take them whole") \
	X(drop_stalled, "dropped: the guest has posted too few buffers for too long")         \
	X(drop_too_big, "dropped: larger than this guest's buffers can take")                 \
	X(drop_offload, "dropped: needs an offload that the guest has not negotiated, or "    \
			"segments found no room")                                             \
	X(error_vnet, "dropped: the kernel's virtio_net_hdr does not fit the frame")          \
	X(error_grant, "lost: a buffer's grant reference could not be copied to")             \
	X(stalls, "times that the guest left frames waiting beyond the limit")                \
	X(copy_calls, "grant-copy calls")                                                     \
	X(copy_segments, "grant-copy segments in these calls")                                \
	X(notify_sent, "event-channel notifications sent to the guest")                       \
	X(notify_suppressed, "batches that needed no notification of their own")

#define STATS_QUEUE(X)                                      \
	X(wakeups, "times that the worker woke from sleep") \
	X(events, "event-channel events received from the guest")

#define STATS_FROM_GUEST_HISTOGRAMS(X)                                                           \
	X(batch_frames, COUNTS, "frames taken from the ring in one batch")                       \
	X(ring_pending, COUNTS, "requests pending in the ring when a round begins")              \
	X(wake_to_notify, TIMES,                                                                 \
	  "time from waking to the answers of the round's batch, notification included, of one " \
	  "wake-up in 7")

#define STATS_TO_GUEST_HISTOGRAMS(X)                                                             \
	X(batch_frames, COUNTS, "frames put into the guest's buffers in one batch")              \
	X(ring_pending, COUNTS, "buffers of the guest pending in the ring when a round begins")  \
	X(wake_to_notify, TIMES,                                                                 \
	  "time from waking to the answers of the round's batch, notification included, of one " \
	  "wake-up in 7")

/*
 * Of the wake-ups, one in so many has its time taken: to read a clock may cost as much as
 * a system call. No traffic's own rhythm is likely to go along with this number.
 */
#define STATS_TIMED_WAKEUPS 7

/* Of each kind: the first bound above 0 is 1 << SHIFT, and there are so many BUCKETS. */
#define STATS_COUNTS_SHIFT   0
#define STATS_COUNTS_BUCKETS 11
#define STATS_TIMES_SHIFT    10
#define STATS_TIMES_BUCKETS  20

#define STATS_MEMBER(name, help) _Atomic uint64_t name;
/* The sum, and the buckets. */
#define STATS_HISTOGRAM_MEMBER(name, kind, help) _Atomic uint64_t name[1 + STATS_##kind##_BUCKETS];

struct stats_from_guest {
	STATS_FROM_GUEST(STATS_MEMBER)
	STATS_FROM_GUEST_HISTOGRAMS(STATS_HISTOGRAM_MEMBER)
};

struct stats_to_guest {
	STATS_TO_GUEST(STATS_MEMBER)
	STATS_TO_GUEST_HISTOGRAMS(STATS_HISTOGRAM_MEMBER)
};

struct stats_queue {
	STATS_QUEUE(STATS_MEMBER)
};

/*
 * The counters of a queue. Owner: the queue's worker writes. Any thread reads.
 */
struct stats {
	struct stats_from_guest from_guest;
	struct stats_to_guest to_guest;
	struct stats_queue queue;
};

/* Adds n to a counter. For the one thread that writes it. */
static inline void stats_add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

/* Reads a counter, from any thread. */
static inline uint64_t stats_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/*
 * The bucket of a value, below 2^63, in a histogram of a kind with this shift and so many
 * buckets. Without a shift, 0 has a bucket of its own, and each other value's is one further.
 */
static inline unsigned stats_bucket(uint64_t value, unsigned shift, unsigned buckets)
{
	uint64_t above = ((shift == 0 ? 2 * value : value) - (value > 0)) >> shift;
	unsigned bucket = 63 - __builtin_clzll(2 * above | 1);

	return bucket < buckets ? bucket : buckets - 1;
}

/* The largest value of a bucket, which is not the last. */
static inline uint64_t stats_bound(unsigned bucket, unsigned shift)
{
	if (shift > 0)
		return 1ull << (shift + bucket);
	return bucket ? 1ull << (bucket - 1) : 0;
}

/* Adds a value to a histogram of COUNTS, and of TIMES (ns). For the one thread that writes it. */
static inline void stats_sample_count(_Atomic uint64_t *histogram, uint64_t value)
{
	stats_add(&histogram[0], value);
	stats_add(&histogram[1 + stats_bucket(value, STATS_COUNTS_SHIFT, STATS_COUNTS_BUCKETS)], 1);
}

static inline void stats_sample_time(_Atomic uint64_t *histogram, uint64_t ns)
{
	stats_add(&histogram[0], ns);
	stats_add(&histogram[1 + stats_bucket(ns, STATS_TIMES_SHIFT, STATS_TIMES_BUCKETS)], 1);
}

#endif
