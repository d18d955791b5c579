/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shared rings, seen from the backend: one shared slot is copied once, and
 * an index is bounded before it is believed.
 *
 * A shared ring page belongs to the guest, which may change any byte of it at
 * any time. So there are only three things one can do here with it:
 *  - read the producer index, which is refused when it runs ahead of what the
 *    ring holds (VIF-4.3);
 *  - copy new request slots, each exactly once, into a private mirror of the
 *    same size, where everything else reads them;
 *  - write responses and publish them.
 * Because unanswered requests never exceed the ring's size, the mirror of a
 * slot stays valid until its response is published.
 *
 * Private indices run free over 2^32, as the shared ones do. All of them can
 * be derived from the shared ring: a backend that attaches starts both the
 * request consumer and the response producer at rsp_prod, because it answers
 * in request order and only publishes whole answers.
 *
 * Owner of a struct ring_*: one worker. No function here blocks or allocates.
 */
#ifndef XENVIFD_PROTO_RING_H
#define XENVIFD_PROTO_RING_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/netif.h>

#define RING_SLOTS 256u /* of both netif rings: one page, a property of netif.h */

/* A TX slot in the mirror: a request, or an extra that follows one. */
union ring_tx_slot {
	netif_tx_request_t request;
	netif_extra_info_t extra;
};

/* The TX ring (frames from the guest). */
struct ring_tx {
	netif_tx_sring_t *shared;
	uint32_t mirrored;  /* requests before this index are in the mirror */
	uint32_t cons;	    /* requests before this index were taken */
	uint32_t rsp_prod;  /* responses before this index were written */
	uint32_t published; /* responses before this index were published */
	uint32_t told; /* of responses before this index the frontend knows, or it didn't ask */
	union ring_tx_slot mirror[RING_SLOTS];
};

/* The RX ring (frames to the guest). */
struct ring_rx {
	netif_rx_sring_t *shared;
	uint32_t mirrored;
	uint32_t cons;
	uint32_t rsp_prod;
	uint32_t published;
	uint32_t told;
	netif_rx_request_t mirror[RING_SLOTS];
};

#define RING_LOAD_RELAXED(field)	__atomic_load_n(&(field), __ATOMIC_RELAXED)
#define RING_LOAD_ACQUIRE(field)	__atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define RING_STORE(field, value, order) __atomic_store_n(&(field), (value), (order))

/*
 * Copies `size` bytes of shared memory once: the compiler may neither read
 * them twice nor leave them for later.
 */
static inline void ring_copy_shared(void *to, const volatile void *from, size_t size)
{
	const volatile uint32_t *source = from;
	uint32_t *target = to;

	for (size_t i = 0; i < size / sizeof(*target); i++)
		target[i] = source[i];
}

/*
 * The body of ring_tx_* and ring_rx_*: the two differ in the type of a slot.
 *
 * ring_X_attach: takes over a shared ring, new or half used. -EPROTO when the
 *   frontend's indices can't be (more requests outstanding than the ring has).
 * ring_X_fetch: looks for new requests and mirrors them. -EPROTO when the
 *   producer index ran ahead: the frontend is rogue, nothing was copied.
 * ring_X_pending: requests mirrored but not yet taken.
 * ring_X_has_more: whether requests were published that are not mirrored yet;
 *   only a hint, nothing is believed for it.
 * ring_X_publish: makes the responses written so far visible.
 * ring_X_asks: whether the frontend asks to be notified of one of the responses
 *   that were published since ring_X_told. It no longer does when it has found
 *   them by itself.
 * ring_X_told: the frontend was notified, or did not ask to be.
 * ring_X_arm: asks for an event when `more` further requests have come, and
 *   says whether they came already (then don't sleep).
 */
#define RING_DEFINE(kind)                                                                \
	static inline int ring_##kind##_attach(struct ring_##kind *ring,                 \
					       netif_##kind##_sring_t *shared)           \
	{                                                                                \
		uint32_t rsp_prod = RING_LOAD_RELAXED(shared->rsp_prod);                 \
		uint32_t req_prod = RING_LOAD_ACQUIRE(shared->req_prod);                 \
                                                                                         \
		ring->shared = shared;                                                   \
		ring->mirrored = ring->cons = rsp_prod;                                  \
		ring->rsp_prod = ring->published = ring->told = rsp_prod;                \
		return req_prod - rsp_prod > RING_SLOTS ? -EPROTO : 0;                   \
	}                                                                                \
                                                                                         \
	static inline int ring_##kind##_fetch(struct ring_##kind *ring)                  \
	{                                                                                \
		uint32_t prod = RING_LOAD_ACQUIRE(ring->shared->req_prod);               \
                                                                                         \
		if (prod - ring->published > RING_SLOTS ||                               \
		    prod - ring->published < ring->mirrored - ring->published)           \
			return -EPROTO;                                                  \
		for (; ring->mirrored != prod; ring->mirrored++) {                       \
			uint32_t slot = ring->mirrored % RING_SLOTS;                     \
                                                                                         \
			ring_copy_shared(&ring->mirror[slot], &ring->shared->ring[slot], \
					 sizeof(ring->mirror[slot]));                    \
		}                                                                        \
		return 0;                                                                \
	}                                                                                \
                                                                                         \
	static inline uint32_t ring_##kind##_pending(const struct ring_##kind *ring)     \
	{                                                                                \
		return ring->mirrored - ring->cons;                                      \
	}                                                                                \
                                                                                         \
	static inline bool ring_##kind##_has_more(const struct ring_##kind *ring)        \
	{                                                                                \
		return RING_LOAD_RELAXED(ring->shared->req_prod) != ring->mirrored;      \
	}                                                                                \
                                                                                         \
	static inline void ring_##kind##_publish(struct ring_##kind *ring)               \
	{                                                                                \
		RING_STORE(ring->shared->rsp_prod, ring->rsp_prod, __ATOMIC_RELEASE);    \
		ring->published = ring->rsp_prod;                                        \
	}                                                                                \
                                                                                         \
	static inline bool ring_##kind##_asks(const struct ring_##kind *ring)            \
	{                                                                                \
		uint32_t event;                                                          \
                                                                                         \
		__atomic_thread_fence(__ATOMIC_SEQ_CST);                                 \
		event = RING_LOAD_RELAXED(ring->shared->rsp_event);                      \
		return ring->published - event < ring->published - ring->told;           \
	}                                                                                \
                                                                                         \
	static inline void ring_##kind##_told(struct ring_##kind *ring)                  \
	{                                                                                \
		ring->told = ring->published;                                            \
	}                                                                                \
                                                                                         \
	static inline bool ring_##kind##_arm(struct ring_##kind *ring, uint32_t more)    \
	{                                                                                \
		uint32_t event = ring->mirrored + more;                                  \
		uint32_t prod;                                                           \
                                                                                         \
		RING_STORE(ring->shared->req_event, event, __ATOMIC_RELAXED);            \
		__atomic_thread_fence(__ATOMIC_SEQ_CST);                                 \
		prod = RING_LOAD_ACQUIRE(ring->shared->req_prod);                        \
		return prod - ring->mirrored >= more;                                    \
	}

RING_DEFINE(tx)
RING_DEFINE(rx)

/* The mirrored TX slot at free-running index i; mirrored, and not yet answered. */
static inline const union ring_tx_slot *ring_tx_slot(const struct ring_tx *ring, uint32_t i)
{
	return &ring->mirror[i % RING_SLOTS];
}

/* The mirrored RX request at free-running index i. */
static inline const netif_rx_request_t *ring_rx_slot(const struct ring_rx *ring, uint32_t i)
{
	return &ring->mirror[i % RING_SLOTS];
}

/*
 * Writes the next TX response. For an extra's slot only the status (RSP_NULL)
 * is written: were the process killed before it published, the next one would
 * still find the extra's type and flags whole (VIF-10.4).
 */
static inline void ring_tx_respond(struct ring_tx *ring, int16_t status)
{
	uint32_t slot = ring->rsp_prod % RING_SLOTS;
	netif_tx_response_t *response = &ring->shared->ring[slot].rsp;

	if (status != NETIF_RSP_NULL)
		response->id = ring->mirror[slot].request.id;
	response->status = status;
	ring->rsp_prod++;
}

/* Writes the next RX response, 8 bytes that take the place of the request at the same index. */
static inline void ring_rx_respond(struct ring_rx *ring, const netif_rx_response_t *response)
{
	ring->shared->ring[ring->rsp_prod % RING_SLOTS].rsp = *response;
	ring->rsp_prod++;
}

#endif
