/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The work of a queue that has a tap.
 *
 * To the backend, the kernel's frame is read from the tap straight into pages
 * of the granted pool, virtio_net_hdr aside, and then described by slots. From
 * the backend, the granted pages themselves are written to the tap. So each
 * frame is copied once, by the kernel. A frame is only read from the tap when
 * the largest possible one has room in the ring.
 *
 * What netif can't say is done here in software: a checksum that is neither
 * TCP's nor UDP's, or of a family whose offload is off.
 */
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "bridge.h"
#include "packet.h"

#define BRIDGE_BATCH  32   /* frames between two publications */
#define BRIDGE_PAGES  17u  /* pages of the largest frame */
#define GSO_TYPE_MASK 0x7f /* virtio's GSO type without the ECN bit */

static bool bridge_has_room(const struct front_queue *queue)
{
	return front_tx_room(queue) >= FRONT_SLOTS_MAX && front_tx_pages(queue) >= BRIDGE_PAGES;
}

/* Points two pieces at the free pages that come next in the circular pool. */
static void bridge_point(struct front_queue *queue, struct iovec pieces[2])
{
	uint32_t first = queue->tx.page_prod % FRONT_POOL;
	uint32_t n = FRONT_POOL - first < BRIDGE_PAGES ? FRONT_POOL - first : BRIDGE_PAGES;

	pieces[0] = (struct iovec){ queue->tx.pages + first * FRONT_PAGE, n * FRONT_PAGE };
	pieces[1] = (struct iovec){ queue->tx.pages, (BRIDGE_PAGES - n) * FRONT_PAGE };
}

static void bridge_trim(struct iovec pieces[2], size_t len)
{
	if (pieces[0].iov_len > len)
		pieces[0].iov_len = len;
	pieces[1].iov_len = len - pieces[0].iov_len;
}

static bool bridge_blank_possible(const struct front_queue *queue, const struct iovec *piece,
				  const struct virtio_net_hdr *hdr)
{
	struct packet_l4 l4;
	size_t len = piece->iov_len < FRONT_PAGE ? piece->iov_len : FRONT_PAGE;

	return packet_find_l4(piece->iov_base, len, &l4) && l4.start == hdr->csum_start &&
	       l4.csum_offset == hdr->csum_offset &&
	       (l4.family == 4 ? queue->tx_caps.csum4 : queue->tx_caps.csum6);
}

/* virtio's flags -> netif's; fills in a checksum that can't be left blank. */
static uint16_t bridge_flags(struct front_queue *queue, const struct iovec pieces[2],
			     const struct virtio_net_hdr *hdr)
{
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (bridge_blank_possible(queue, &pieces[0], hdr))
			return NETTXF_csum_blank | NETTXF_data_validated;
		packet_fill_checksum(pieces, 2, hdr->csum_start, hdr->csum_offset);
	}
	return hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID ? NETTXF_data_validated : 0;
}

static uint8_t bridge_gso_type(const struct virtio_net_hdr *hdr)
{
	switch (hdr->gso_type & GSO_TYPE_MASK) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return XEN_NETIF_GSO_TYPE_TCPV4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return XEN_NETIF_GSO_TYPE_TCPV6;
	default:
		return XEN_NETIF_GSO_TYPE_NONE;
	}
}

/* One frame from the tap to the ring: false when the tap has none. */
static bool bridge_send(struct worker *worker)
{
	struct front_queue *queue = worker->queue;
	struct virtio_net_hdr hdr;
	struct iovec pieces[3] = { { &hdr, sizeof(hdr) } };
	ssize_t len;
	uint32_t page = queue->tx.page_prod % FRONT_POOL;
	uint8_t gso_type;
	uint16_t flags;

	bridge_point(queue, &pieces[1]);
	len = readv(worker->tap_fd, pieces, 3);
	if (len < 0) {
		worker->tap_ready = errno == EINTR;
		return false;
	}
	len -= (ssize_t)sizeof(hdr);
	if (len < 14 || len > (ssize_t)FRONT_FRAME_MAX ||
	    (len > (ssize_t)FRONT_PAGE && !queue->tx_caps.sg)) {
		queue->stats.tx_refused++;
		return true;
	}
	bridge_trim(&pieces[1], (size_t)len);
	flags = bridge_flags(queue, &pieces[1], &hdr);
	gso_type = bridge_gso_type(&hdr);
	if (gso_type && !(flags & NETTXF_csum_blank))
		queue->stats.tx_refused++;
	else
		front_tx_put_frame(queue, page, (uint32_t)len, flags, gso_type, hdr.gso_size);
	return true;
}

static unsigned bridge_transmit(struct worker *worker)
{
	unsigned sent = 0;

	while (sent < BRIDGE_BATCH && worker->tap_ready && bridge_has_room(worker->queue) &&
	       bridge_send(worker))
		sent++;
	front_tx_push(worker->queue);
	return sent;
}

/* netif's flags -> virtio's. front_rx_take has seen that they fit the frame. */
static struct virtio_net_hdr bridge_header(const struct front_frame *frame)
{
	struct virtio_net_hdr hdr = { .flags = 0 };
	struct packet_l4 l4;

	if (!frame->csum_blank) {
		hdr.flags = frame->data_validated ? VIRTIO_NET_HDR_F_DATA_VALID : 0;
		return hdr;
	}
	if (!packet_find_l4(frame->piece[1].iov_base, frame->piece[1].iov_len, &l4))
		return hdr;
	hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr.csum_start = l4.start;
	hdr.csum_offset = l4.csum_offset;
	if (frame->gso_type) {
		hdr.gso_type = frame->gso_type == XEN_NETIF_GSO_TYPE_TCPV4
				       ? VIRTIO_NET_HDR_GSO_TCPV4
				       : VIRTIO_NET_HDR_GSO_TCPV6;
		hdr.gso_size = frame->gso_size;
		hdr.hdr_len = l4.header_len;
	}
	return hdr;
}

static void bridge_deliver(struct worker *worker, struct front_frame *frame)
{
	struct virtio_net_hdr hdr = bridge_header(frame);

	frame->piece[0] = (struct iovec){ &hdr, sizeof(hdr) };
	if (writev(worker->tap_fd, frame->piece, (int)frame->n_pieces + 1) < 0)
		worker->queue->stats.tap_errors++;
}

/* Frames delivered, or -EPROTO. */
static int bridge_receive(struct worker *worker)
{
	struct front_frame frame;
	int got = 0, rc = 1;

	while (got < BRIDGE_BATCH && rc > 0) {
		rc = front_rx_take(worker->queue, &frame);
		if (rc > 0 && !frame.failed)
			bridge_deliver(worker, &frame);
		got += rc > 0;
	}
	if (rc < 0)
		return rc;
	front_rx_post(worker->queue);
	return got;
}

int bridge_run(struct worker *worker)
{
	struct front_queue *queue = worker->queue;
	int received = 0;

	front_rx_post(queue);
	while (!worker_stopped(worker)) {
		int rc = front_tx_reap(queue);

		if (!rc)
			received = bridge_receive(worker);
		if (rc < 0 || received < 0)
			return rc < 0 ? rc : received;
		if (bridge_transmit(worker) || received || front_arm(queue))
			continue;
		if (worker->tap_ready && bridge_has_room(queue))
			continue;
		worker_sleep(worker, bridge_has_room(queue), -1);
	}
	return 0;
}
