/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Misdeeds of single slots and chains. Each puts what is wrong into the ring
 * beside what is right, publishes it whole, and waits for the answers that a
 * backend may give.
 */
#include <string.h>

#include "hostile_kit.h"
#include "packet.h"

#define GREF_NEVER 0x3fffff00u /* beyond any grant table */

/* A frame that may arrive: its bytes belong to the report. */
static void hostile_expect(struct hostile *h, const uint8_t *frame, uint32_t len)
{
	h->frame = frame;
	h->frame_len = len;
}

/* A TCP frame with a blank checksum, as segmentation needs it, in page 0. */
static void hostile_fill_tcp(struct hostile *h, uint32_t len)
{
	struct packet_spec spec = { .protocol = PACKET_TCP, .from_port = 1024, .to_port = 9 };

	memset(spec.to_mac, 0xff, 6);
	memcpy(spec.from_mac, h->front->store.mac, 6);
	memcpy(&spec.to_ip, "\xc0\x00\x02\x02", 4);
	memcpy(&spec.from_ip, "\xc0\x00\x02\x01", 4);
	packet_make(&spec, hostile_page(h, 0), len);
}

void hostile_good(struct hostile *h)
{
	hostile_expect(h, hostile_fill(h, 0, 60), 60);
	hostile_put(h, 0, 0, 60, 0);
	hostile_push(h);
	hostile_collect(h, 1, HOSTILE_WAIT_MS);
}

void hostile_offset_over_page(struct hostile *h)
{
	bool first = h->number == 0;

	hostile_fill(h, 0, 1000);
	if (first) {
		hostile_put(h, 0, 4000, 200, 0);
	} else {
		hostile_put(h, 0, 0, 1000 + 200 * h->number, NETTXF_more_data);
		for (unsigned i = 1; i < h->number; i++)
			hostile_put(h, i, 0, 200, NETTXF_more_data);
		hostile_put(h, h->number, 4000, 200, 0);
	}
	hostile_push(h);
	hostile_collect(h, h->number + 1, HOSTILE_WAIT_MS);
}

void hostile_chain_past_ring(struct hostile *h)
{
	hostile_fill(h, 0, 60);
	hostile_put(h, 0, 0, 160, NETTXF_more_data);
	hostile_push(h);
	hostile_collect(h, 1, HOSTILE_WAIT_MS);
}

void hostile_chain_too_long(struct hostile *h)
{
	const uint32_t each = 100;

	hostile_fill(h, 0, each);
	for (unsigned i = 0; i < h->number; i++)
		hostile_put(h, i, 0, i == 0 ? each * h->number : each,
			    i + 1 < h->number ? NETTXF_more_data : 0);
	hostile_push(h);
	hostile_collect(h, h->number, HOSTILE_WAIT_MS);
}

void hostile_size_underflow(struct hostile *h)
{
	hostile_fill(h, 0, 100);
	hostile_put(h, 0, 0, 100, NETTXF_more_data);
	hostile_put(h, 1, 0, 200, 0);
	hostile_push(h);
	hostile_collect(h, 2, HOSTILE_WAIT_MS);
}

void hostile_zero_size(struct hostile *h)
{
	hostile_put(h, 0, 0, 0, 0);
	hostile_push(h);
	hostile_collect(h, 1, HOSTILE_WAIT_MS);
}

void hostile_zero_tail(struct hostile *h)
{
	hostile_expect(h, hostile_fill(h, 0, 60), 60);
	hostile_put(h, 0, 0, 60, NETTXF_more_data);
	hostile_put(h, 1, 0, 0, NETTXF_more_data);
	hostile_put(h, 2, 0, 0, 0);
	hostile_push(h);
	hostile_collect(h, 3, HOSTILE_WAIT_MS);
}

/* 60 bytes of one page: 40 in the first slot, none in the second, 20 in the third. */
void hostile_zero_middle(struct hostile *h)
{
	hostile_expect(h, hostile_fill(h, 0, 60), 60);
	hostile_put(h, 0, 0, 60, NETTXF_more_data);
	hostile_put(h, 1, 0, 0, NETTXF_more_data);
	hostile_put(h, 0, 40, 20, 0);
	hostile_push(h);
	hostile_collect(h, 3, HOSTILE_WAIT_MS);
}

void hostile_extra_unknown_type(struct hostile *h)
{
	hostile_fill(h, 0, 60);
	hostile_put(h, 0, 0, 60, NETTXF_extra_info);
	hostile_put_extra(h, (uint8_t)h->number, 0, 0, 0);
	hostile_push(h);
	hostile_collect(h, 2, HOSTILE_WAIT_MS);
}

void hostile_extra_chain_to_end(struct hostile *h)
{
	hostile_fill_tcp(h, 1000);
	hostile_put(h, 0, 0, 1000, NETTXF_extra_info | NETTXF_csum_blank | NETTXF_data_validated);
	while (front_tx_room(h->queue) > 0)
		hostile_put_extra(h, XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE,
				  XEN_NETIF_GSO_TYPE_TCPV4, 500);
	hostile_push(h);
	hostile_collect(h, FRONT_SLOTS, HOSTILE_WAIT_MS);
}

static void hostile_send_gso(struct hostile *h, uint8_t type, uint16_t size)
{
	hostile_fill_tcp(h, 2000);
	hostile_put(h, 0, 0, 2000, NETTXF_extra_info | NETTXF_csum_blank | NETTXF_data_validated);
	hostile_put_extra(h, XEN_NETIF_EXTRA_TYPE_GSO, 0, type, size);
	hostile_push(h);
	hostile_collect(h, 2, HOSTILE_WAIT_MS);
}

void hostile_gso_size_zero(struct hostile *h)
{
	hostile_send_gso(h, XEN_NETIF_GSO_TYPE_TCPV4, 0);
}

void hostile_gso_bad_type(struct hostile *h)
{
	hostile_send_gso(h, (uint8_t)h->number, 500);
}

void hostile_bad_gref(struct hostile *h)
{
	front_tx_put(h->queue, GREF_NEVER, 0, 60, 0);
	hostile_push(h);
	hostile_collect(h, 1, HOSTILE_WAIT_MS);
}

/* Slots 2, 5, 8 and so on are bad. */
void hostile_bad_gref_batch(struct hostile *h)
{
	for (unsigned i = 0; i < h->number; i++) {
		hostile_fill(h, i, 60);
		if (i % 3 == 2)
			front_tx_put(h->queue, GREF_NEVER + i, 0, 60, 0);
		else
			hostile_put(h, i, 0, 60, 0);
	}
	hostile_push(h);
	hostile_collect(h, h->number, HOSTILE_WAIT_MS);
}

void hostile_runt(struct hostile *h)
{
	hostile_fill(h, 0, 14);
	hostile_put(h, 0, 0, h->number, 0);
	hostile_push(h);
	hostile_collect(h, 1, HOSTILE_WAIT_MS);
}

/* Odd while the slots are made and no longer: the buffers posted before have ids as usual. */
void hostile_big_ids(struct hostile *h)
{
	h->queue->odd_ids = true;
	for (unsigned i = 0; i < h->number; i++) {
		hostile_fill(h, i, 60);
		hostile_put(h, i, 0, 60, 0);
	}
	h->queue->odd_ids = false;
	hostile_push(h);
	hostile_collect(h, h->number, HOSTILE_WAIT_MS);
}

void hostile_csum_garbage(struct hostile *h)
{
	hostile_fill(h, 0, 60);
	hostile_put(h, 0, 0, 60, NETTXF_csum_blank | NETTXF_data_validated);
	hostile_push(h);
	hostile_collect(h, 1, HOSTILE_WAIT_MS);
}

/* 14 bytes in the first slot, then one byte a slot: N slots in all, one frame. */
void hostile_split_headers(struct hostile *h)
{
	uint32_t len = 14 + h->number - 1;

	hostile_expect(h, hostile_fill(h, 0, len), len);
	hostile_put(h, 0, 0, len, NETTXF_more_data);
	for (unsigned i = 1; i < h->number; i++)
		hostile_put(h, 0, 14 + i - 1, 1, i + 1 < h->number ? NETTXF_more_data : 0);
	hostile_push(h);
	hostile_collect(h, h->number, HOSTILE_WAIT_MS);
}
