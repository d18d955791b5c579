/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one list of counters, from which the datapath, the control tool, the
 * documentation and the tests are all fed.
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

#define STATS_MEMBER(name, help) _Atomic uint64_t name;

struct stats_from_guest {
	STATS_FROM_GUEST(STATS_MEMBER)
};

struct stats_to_guest {
	STATS_TO_GUEST(STATS_MEMBER)
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

#endif
