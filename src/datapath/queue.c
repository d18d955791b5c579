/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A queue comes and goes: its rings mapped, its event channels bound, its memory. */
#include "datapath/queue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"

int worker_fail(struct worker_error *error, int code, const char *what, unsigned queue,
		uint32_t value)
{
	snprintf(error->reason, sizeof(error->reason), "queue %u: %s %u: %s", queue, what, value,
		 strerror(-code));
	return code;
}

static int queue_map(struct queue *queue, const struct worker_setup *setup,
		     struct worker_error *error)
{
	const struct vif_queue_config *config = setup->config;

	queue->tx.shared = grants_map(queue->grants, config->tx_ring_ref);
	if (!queue->tx.shared)
		return worker_fail(error, errno ? -errno : -EIO, "can't map tx-ring-ref",
				   setup->index, config->tx_ring_ref);
	queue->rx.shared = grants_map(queue->grants, config->rx_ring_ref);
	if (!queue->rx.shared)
		return worker_fail(error, errno ? -errno : -EIO, "can't map rx-ring-ref",
				   setup->index, config->rx_ring_ref);
	if (ring_tx_attach(&queue->tx, queue->tx.shared) < 0)
		return worker_fail(error, -EPROTO, "bad indices in the ring of tx-ring-ref",
				   setup->index, config->tx_ring_ref);
	if (ring_rx_attach(&queue->rx, queue->rx.shared) < 0)
		return worker_fail(error, -EPROTO, "bad indices in the ring of rx-ring-ref",
				   setup->index, config->rx_ring_ref);
	return 0;
}

static int queue_bind(struct queue *queue, const struct worker_setup *setup,
		      struct worker_error *error)
{
	const struct vif_queue_config *config = setup->config;
	int port = evtchn_bind(queue->evtchn, setup->domid, config->evtchn_tx);

	if (port < 0)
		return worker_fail(error, port, "can't bind event channel", setup->index,
				   config->evtchn_tx);
	queue->port_tx = queue->port_rx = port;
	if (config->evtchn_rx == config->evtchn_tx)
		return 0;
	port = evtchn_bind(queue->evtchn, setup->domid, config->evtchn_rx);
	if (port < 0)
		return worker_fail(error, port, "can't bind event channel", setup->index,
				   config->evtchn_rx);
	queue->port_rx = port;
	return 0;
}

/* The segments' memory, and a page that nobody may touch: others' memory must not come next. */
#define SEGMENTS_MAPPED (QUEUE_SEGMENTS_SIZE + TO_GUEST_PAGE)

static uint8_t *segments_map(void)
{
	uint8_t *memory = mmap(NULL, SEGMENTS_MAPPED, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	mprotect(memory + QUEUE_SEGMENTS_SIZE, TO_GUEST_PAGE, PROT_NONE);
	return memory;
}

int queue_open(struct queue *queue, const struct worker_setup *setup, struct worker_error *error)
{
	int code;

	queue->features = *setup->features;
	vif_queue_name(queue->name, sizeof(queue->name), setup->vif, setup->index);
	queue->room = queue->room_wanted = to_guest_room(setup->features);
	queue->stall_ns = setup->stall_ms * CLOCK_MS_IN_NS;
	queue->tap_fd = setup->tap_fd;
	queue->credit = setup->credit;
	queue->segments = segments_map();
	if (!queue->segments)
		return worker_fail(error, -errno, "can't get memory, bytes:", setup->index,
				   SEGMENTS_MAPPED);
	code = evtchn_open(&queue->evtchn, queue->name);
	if (code < 0)
		return worker_fail(error, code, "can't open /dev/xen/evtchn for domain",
				   setup->index, setup->domid);
	code = grants_open(&queue->grants, setup->domid, QUEUE_BATCH_COPIES);
	if (code < 0)
		return worker_fail(error, code, "can't open /dev/xen/gntdev for domain",
				   setup->index, setup->domid);
	queue->staging = grants_buffer(queue->grants, setup->self, QUEUE_STAGING_SIZE);
	if (!queue->staging)
		return worker_fail(error, -ENOMEM, "can't get memory, bytes:", setup->index,
				   QUEUE_STAGING_SIZE);
	code = queue_map(queue, setup, error);
	if (code == 0)
		code = queue_bind(queue, setup, error);
	queue_show(queue);
	return code;
}

static void seen_store(_Atomic uint32_t *seen, uint32_t value)
{
	atomic_store_explicit(seen, value, memory_order_relaxed);
}

static uint32_t seen_load(const _Atomic uint32_t *seen)
{
	return atomic_load_explicit(seen, memory_order_relaxed);
}

void queue_show(struct queue *queue)
{
	seen_store(&queue->seen.tx_fetched, queue->tx.mirrored);
	seen_store(&queue->seen.tx_taken, queue->tx.cons);
	seen_store(&queue->seen.rx_fetched, queue->rx.mirrored);
	seen_store(&queue->seen.rx_taken, queue->rx.cons);
	seen_store(&queue->seen.room, queue->room_wanted);
}

void queue_look(const struct queue *queue, struct worker_rings *rings)
{
	const netif_tx_sring_t *tx = queue->tx.shared;
	const netif_rx_sring_t *rx = queue->rx.shared;

	rings->tx = (struct worker_ring){
		.fetched = seen_load(&queue->seen.tx_fetched),
		.taken = seen_load(&queue->seen.tx_taken),
		.req_event = RING_LOAD_RELAXED(tx->req_event),
		.rsp_prod = RING_LOAD_RELAXED(tx->rsp_prod),
		.rsp_event = RING_LOAD_RELAXED(tx->rsp_event),
		.req_prod = RING_LOAD_RELAXED(tx->req_prod),
	};
	rings->rx = (struct worker_ring){
		.fetched = seen_load(&queue->seen.rx_fetched),
		.taken = seen_load(&queue->seen.rx_taken),
		.req_event = RING_LOAD_RELAXED(rx->req_event),
		.rsp_prod = RING_LOAD_RELAXED(rx->rsp_prod),
		.rsp_event = RING_LOAD_RELAXED(rx->rsp_event),
		.req_prod = RING_LOAD_RELAXED(rx->req_prod),
	};
	rings->room = seen_load(&queue->seen.room);
}

void queue_close(struct queue *queue)
{
	evtchn_close(queue->evtchn);
	if (queue->tx.shared)
		grants_unmap(queue->grants, queue->tx.shared);
	if (queue->rx.shared)
		grants_unmap(queue->grants, queue->rx.shared);
	grants_close(queue->grants);
	if (queue->segments)
		munmap(queue->segments, SEGMENTS_MAPPED);
}
