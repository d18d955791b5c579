/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One queue: its two rings, its granted pages, its event channels.
 *
 * Everything is granted once, when the queue is made, and stays granted until
 * it is destroyed: two ring pages, a pool of read-only pages for frames to the
 * backend, and one page for each slot of the RX ring. Frames are copied into
 * and out of them, so no packet costs a grant operation.
 *
 * Each queue has handles of its own, because a handle of libxenevtchn belongs
 * to the one thread that sleeps on it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "front.h"
#include "say.h"

static void *queue_share(struct front_queue *queue, unsigned domid, unsigned count, uint32_t *refs,
			 bool writable)
{
	void *pages =
		xengntshr_share_pages(queue->gntshr, domid, (int)count, refs, writable ? 1 : 0);

	if (!pages)
		say("granting %u pages to domain %u: %s; in a real domain look at "
		    "/sys/module/xen_gntalloc/parameters/limit (a queue takes %u)",
		    count, domid, strerror(errno), FRONT_SLOTS + FRONT_POOL + 2);
	return pages;
}

static int queue_share_pages(struct front_queue *queue, unsigned domid)
{
	struct front_tx *tx = &queue->tx;
	struct front_rx *rx = &queue->rx;
	netif_tx_sring_t *tx_shared;
	netif_rx_sring_t *rx_shared;

	queue->gntshr = xengntshr_open(NULL, 0);
	if (!queue->gntshr) {
		say("/dev/xen/gntalloc: %s; in a real domain: modprobe xen-gntalloc",
		    strerror(errno));
		return -ENODEV;
	}
	tx_shared = queue_share(queue, domid, 1, &tx->ring_ref, true);
	rx_shared = queue_share(queue, domid, 1, &rx->ring_ref, true);
	tx->pages = queue_share(queue, domid, FRONT_POOL, tx->refs, false);
	rx->pages = queue_share(queue, domid, FRONT_SLOTS, rx->refs, true);
	if (tx_shared) {
		SHARED_RING_INIT(tx_shared);
		FRONT_RING_INIT(&tx->ring, tx_shared, FRONT_PAGE);
	}
	if (rx_shared) {
		SHARED_RING_INIT(rx_shared);
		FRONT_RING_INIT(&rx->ring, rx_shared, FRONT_PAGE);
	}
	return tx_shared && rx_shared && tx->pages && rx->pages ? 0 : -ENOMEM;
}

static int queue_bind_channels(struct front_queue *queue, unsigned domid, bool split)
{
	xenevtchn_port_or_error_t tx, rx;

	queue->evtchn = xenevtchn_open(NULL, 0);
	if (!queue->evtchn) {
		say("/dev/xen/evtchn: %s; in a real domain: modprobe xen-evtchn", strerror(errno));
		return -ENODEV;
	}
	tx = xenevtchn_bind_unbound_port(queue->evtchn, domid);
	rx = split && tx >= 0 ? xenevtchn_bind_unbound_port(queue->evtchn, domid) : tx;
	if (tx < 0 || rx < 0) {
		say("an event channel to domain %u: %s", domid, strerror(errno));
		return -errno;
	}
	queue->tx_port = (evtchn_port_t)tx;
	queue->rx_port = (evtchn_port_t)rx;
	return 0;
}

int front_queue_create(struct front_queue **result, unsigned index, unsigned backend_id, bool split)
{
	struct front_queue *queue = calloc(1, sizeof(*queue));
	int rc;

	if (!queue)
		return -ENOMEM;
	queue->index = index;
	queue->rx.limit = FRONT_SLOTS;
	rc = queue_share_pages(queue, backend_id);
	if (!rc)
		rc = queue_bind_channels(queue, backend_id, split);
	if (rc) {
		front_queue_destroy(queue);
		return rc;
	}
	*result = queue;
	return 0;
}

void front_queue_destroy(struct front_queue *queue)
{
	if (!queue)
		return;
	if (queue->evtchn)
		xenevtchn_close(queue->evtchn);
	if (queue->gntshr) {
		if (queue->tx.ring.sring)
			xengntshr_unshare(queue->gntshr, queue->tx.ring.sring, 1);
		if (queue->rx.ring.sring)
			xengntshr_unshare(queue->gntshr, queue->rx.ring.sring, 1);
		if (queue->tx.pages)
			xengntshr_unshare(queue->gntshr, queue->tx.pages, FRONT_POOL);
		if (queue->rx.pages)
			xengntshr_unshare(queue->gntshr, queue->rx.pages, FRONT_SLOTS);
		xengntshr_close(queue->gntshr);
	}
	free(queue);
}

int front_fault(struct front_queue *queue, const char *format, ...)
{
	va_list args;

	if (queue->fault[0])
		return -EPROTO;
	va_start(args, format);
	vsnprintf(queue->fault, sizeof(queue->fault), format, args);
	va_end(args);
	return -EPROTO;
}

void front_kick_tx(struct front_queue *queue)
{
	xenevtchn_notify(queue->evtchn, queue->tx_port);
	queue->stats.kicks++;
}

void front_kick_rx(struct front_queue *queue)
{
	xenevtchn_notify(queue->evtchn, queue->rx_port);
	queue->stats.kicks++;
}

void front_take_event(struct front_queue *queue)
{
	xenevtchn_port_or_error_t port = xenevtchn_pending(queue->evtchn);

	if (port < 0)
		return;
	xenevtchn_unmask(queue->evtchn, (evtchn_port_t)port);
	queue->stats.events++;
}

/*
 * TX: an event when half of what is outstanding was answered, as Linux asks
 * for it; RX: at the first new response. The barrier stands between our asking
 * and the backend's not having heard: it publishes, then reads rsp_event.
 */
bool front_arm(struct front_queue *queue)
{
	netif_tx_front_ring_t *tx = &queue->tx.ring;
	netif_rx_front_ring_t *rx = &queue->rx.ring;
	uint32_t outstanding = tx->req_prod_pvt - tx->rsp_cons;
	uint32_t event = tx->rsp_cons + outstanding / 2 + 1;

	__atomic_store_n(&tx->sring->rsp_event, event, __ATOMIC_RELAXED);
	__atomic_store_n(&rx->sring->rsp_event, rx->rsp_cons + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&tx->sring->rsp_prod, __ATOMIC_ACQUIRE) - tx->rsp_cons >=
		       event - tx->rsp_cons ||
	       __atomic_load_n(&rx->sring->rsp_prod, __ATOMIC_ACQUIRE) != rx->rsp_cons;
}

/* An index of responses may only grow, and never beyond the requests that were made. */
int front_check_prod(struct front_queue *queue, const char *ring, uint32_t prod, uint32_t cons,
		     uint32_t *seen, uint32_t req_prod)
{
	if ((int32_t)(prod - *seen) < 0)
		return front_fault(queue, "%s ring: rsp_prod went back from %u to %u", ring, *seen,
				   prod);
	if (prod - cons > req_prod - cons)
		return front_fault(queue, "%s ring: rsp_prod %u is ahead of the %u requests made",
				   ring, prod, req_prod);
	*seen = prod;
	return 0;
}
