/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frontend as a judge: a backend that breaks the protocol must be found out.
 *
 * The test plays the backend on rings in plain memory. Each case makes
 * requests with the frontend's own verbs, answers them, in one way wrongly, and
 * expects the fault's text. Events are asked for far ahead, so nobody kicks.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "front.h"
#include "packet.h"

#define NO_EVENT 0x40000000u

static struct front_queue *queue;
static netif_tx_sring_t *tx;
static netif_rx_sring_t *rx;

static int setup(void **state)
{
	queue = calloc(1, sizeof(*queue));
	tx = aligned_alloc(FRONT_PAGE, FRONT_PAGE);
	rx = aligned_alloc(FRONT_PAGE, FRONT_PAGE);
	SHARED_RING_INIT(tx);
	SHARED_RING_INIT(rx);
	FRONT_RING_INIT(&queue->tx.ring, tx, FRONT_PAGE);
	FRONT_RING_INIT(&queue->rx.ring, rx, FRONT_PAGE);
	tx->req_event = rx->req_event = NO_EVENT;
	queue->tx.pages = calloc(FRONT_POOL, FRONT_PAGE);
	queue->rx.pages = calloc(FRONT_SLOTS, FRONT_PAGE);
	queue->rx.limit = FRONT_SLOTS;
	queue->rx_caps = (struct front_caps){ true, true, true, true, true };
	front_rx_post(queue);
	return 0;
}

static int teardown(void **state)
{
	free(queue->tx.pages);
	free(queue->rx.pages);
	free(tx);
	free(rx);
	free(queue);
	return 0;
}

/* The backend: answers the next TX request, and publishes when told. */
static void answer(uint32_t at, uint16_t id, int16_t status)
{
	tx->ring[at % FRONT_SLOTS].rsp = (netif_tx_response_t){ .id = id, .status = status };
}

static void expect_tx_fault(uint32_t rsp_prod, const char *text)
{
	tx->rsp_prod = rsp_prod;
	assert_int_equal(front_tx_reap(queue), -EPROTO);
	if (!strstr(queue->fault, text))
		fail_msg("\"%s\" does not say \"%s\"", queue->fault, text);
}

/* Two frames of one slot, and one of 9000 bytes with a GSO extra: slots 0, 1, 2 .. 5. */
static void send_frames(void)
{
	front_tx_put_frame(queue, 0, 60, 0, 0, 0);
	front_tx_put_frame(queue, 1, 60, 0, 0, 0);
	front_tx_put_frame(queue, 2, 9000, NETTXF_csum_blank | NETTXF_data_validated,
			   XEN_NETIF_GSO_TYPE_TCPV4, 1448);
	front_tx_push(queue);
	assert_int_equal(tx->req_prod, 6);
}

static void answer_all(void)
{
	for (uint16_t i = 0; i < 6; i++)
		answer(i, i, i == 3 ? NETIF_RSP_NULL : NETIF_RSP_OKAY);
}

static void test_tx_slots(void **state)
{
	const netif_tx_request_t *first, *second;
	netif_extra_info_t extra;

	send_frames();
	first = &tx->ring[2].req;
	second = &tx->ring[4].req;
	memcpy(&extra, &tx->ring[3], sizeof(extra));
	assert_int_equal(first->size, 9000);
	assert_int_equal(first->flags, NETTXF_csum_blank | NETTXF_data_validated |
					       NETTXF_extra_info | NETTXF_more_data);
	assert_int_equal(extra.type, XEN_NETIF_EXTRA_TYPE_GSO);
	assert_int_equal(extra.u.gso.size, 1448);
	assert_int_equal(second->size, 4096);
	assert_int_equal(second->flags, NETTXF_more_data);
	assert_int_equal(tx->ring[5].req.size, 9000 - 2 * 4096);
	assert_int_equal(tx->ring[5].req.flags, 0);
}

static void test_tx_good(void **state)
{
	send_frames();
	answer_all();
	answer(1, 1, NETIF_RSP_ERROR);
	tx->rsp_prod = 6;
	assert_int_equal(front_tx_reap(queue), 0);
	assert_int_equal(queue->stats.tx_okay, 2);
	assert_int_equal(queue->stats.tx_error, 1);
	assert_int_equal(front_tx_pages(queue), FRONT_POOL);
	assert_int_equal(front_tx_room(queue), FRONT_SLOTS);
}

static void test_tx_out_of_order(void **state)
{
	send_frames();
	answer_all();
	answer(0, 1, NETIF_RSP_OKAY);
	answer(1, 0, NETIF_RSP_OKAY);
	expect_tx_fault(6, "out of order");
}

static void test_tx_duplicate(void **state)
{
	send_frames();
	answer_all();
	answer(1, 0, NETIF_RSP_OKAY);
	expect_tx_fault(6, "duplicate");
}

static void test_tx_unknown_id(void **state)
{
	send_frames();
	answer_all();
	answer(0, 77, NETIF_RSP_OKAY);
	expect_tx_fault(6, "unknown id");
}

static void test_tx_bad_status(void **state)
{
	send_frames();
	answer_all();
	answer(0, 0, NETIF_RSP_NULL);
	expect_tx_fault(6, "status 1");
}

static void test_tx_extra_not_null(void **state)
{
	send_frames();
	answer_all();
	answer(3, 3, NETIF_RSP_OKAY);
	expect_tx_fault(6, "to an extra");
}

static void test_tx_bytes_beside(void **state)
{
	send_frames();
	answer_all();
	tx->ring[4].req.size ^= 1;
	expect_tx_fault(6, "bytes beside");
}

static void test_tx_ahead(void **state)
{
	send_frames();
	answer_all();
	expect_tx_fault(7, "ahead");
}

static void test_tx_back(void **state)
{
	send_frames();
	answer_all();
	tx->rsp_prod = 2;
	assert_int_equal(front_tx_reap(queue), 0);
	expect_tx_fault(1, "went back");
}

static void test_tx_half_frame(void **state)
{
	send_frames();
	answer_all();
	expect_tx_fault(4, "within a frame");
}

static void test_tx_odd_ids(void **state)
{
	queue->odd_ids = true;
	send_frames();
	answer_all();
	for (uint16_t i = 0; i < 6; i++)
		if (i != 3)
			answer(i, (uint16_t)(i * 40503u % 1024), NETIF_RSP_OKAY);
	tx->rsp_prod = 6;
	assert_int_equal(front_tx_reap(queue), 0);
}

/* The backend: puts one RX response where it belongs. */
static void deliver(uint32_t at, uint16_t flags, int16_t status)
{
	rx->ring[at % FRONT_SLOTS].rsp = (netif_rx_response_t){ .id = (uint16_t)(at % FRONT_SLOTS),
								.flags = flags,
								.status = status };
}

static void deliver_gso(uint32_t at, uint8_t type, uint16_t size)
{
	const netif_extra_info_t extra = { .type = XEN_NETIF_EXTRA_TYPE_GSO,
					   .u.gso = { .size = size, .type = type } };

	memcpy(&rx->ring[at % FRONT_SLOTS], &extra, sizeof(extra));
}

static void expect_rx_fault(uint32_t rsp_prod, const char *text)
{
	struct front_frame frame;

	rx->rsp_prod = rsp_prod;
	assert_int_equal(front_rx_take(queue, &frame), -EPROTO);
	if (!strstr(queue->fault, text))
		fail_msg("\"%s\" does not say \"%s\"", queue->fault, text);
}

/* A TCP frame of 9000 bytes in pages 0, 2 and 3, its GSO extra in slot 1. */
static void deliver_tcp(void)
{
	struct packet_spec spec = { .protocol = PACKET_TCP };
	static uint8_t bytes[9000];

	packet_make(&spec, bytes, sizeof(bytes));
	memcpy(queue->rx.pages, bytes, FRONT_PAGE);
	deliver(0, NETRXF_csum_blank | NETRXF_data_validated | NETRXF_more_data | NETRXF_extra_info,
		4096);
	deliver_gso(1, XEN_NETIF_GSO_TYPE_TCPV4, 1448);
	deliver(2, NETRXF_more_data, 4096);
	deliver(3, 0, 9000 - 8192);
}

static void test_rx_good(void **state)
{
	struct front_frame frame;

	deliver_tcp();
	rx->rsp_prod = 4;
	assert_int_equal(front_rx_take(queue, &frame), 1);
	assert_int_equal(frame.len, 9000);
	assert_int_equal(frame.n_pieces, 3);
	assert_int_equal(frame.gso_size, 1448);
	assert_ptr_equal(frame.piece[2].iov_base, queue->rx.pages + 2 * FRONT_PAGE);
	assert_int_equal(front_rx_take(queue, &frame), 0);
	front_rx_post(queue);
	assert_int_equal(rx->req_prod, FRONT_SLOTS + 4);
}

static void test_rx_failed_slot(void **state)
{
	struct front_frame frame;

	deliver_tcp();
	deliver(2, NETRXF_more_data, NETIF_RSP_ERROR);
	rx->rsp_prod = 4;
	assert_int_equal(front_rx_take(queue, &frame), 1);
	assert_true(frame.failed);
	assert_int_equal(queue->stats.rx_error, 1);
	assert_int_equal(queue->stats.rx_frames, 0);
}

static void test_rx_wrong_id(void **state)
{
	deliver(0, 0, 60);
	rx->ring[0].rsp.id = 9;
	expect_rx_fault(1, "id 9 instead of 0");
}

static void test_rx_over_page(void **state)
{
	deliver(0, 0, 4096);
	rx->ring[0].rsp.offset = 1;
	expect_rx_fault(1, "over the page");
}

static void test_rx_bad_status(void **state)
{
	deliver(0, 0, 0);
	expect_rx_fault(1, "status 0");
}

static void test_rx_ahead(void **state)
{
	deliver(0, 0, 60);
	expect_rx_fault(FRONT_SLOTS + 1, "ahead");
}

static void test_rx_half_frame(void **state)
{
	deliver_tcp();
	expect_rx_fault(3, "within a frame");
}

static void test_rx_half_extras(void **state)
{
	deliver_tcp();
	expect_rx_fault(1, "within extras");
}

static void test_rx_without_sg(void **state)
{
	queue->rx_caps.sg = false;
	deliver_tcp();
	expect_rx_fault(4, "without feature-sg");
}

static void test_rx_without_gso(void **state)
{
	queue->rx_caps.gso4 = false;
	deliver_tcp();
	expect_rx_fault(4, "GSO type 1 was not negotiated");
}

static void test_rx_without_csum(void **state)
{
	queue->rx_caps.csum4 = false;
	deliver_tcp();
	expect_rx_fault(4, "IPv4, which is off");
}

static void test_rx_not_validated(void **state)
{
	deliver_tcp();
	rx->ring[0].rsp.flags &= (uint16_t)~NETRXF_data_validated;
	expect_rx_fault(4, "without data_validated");
}

static void test_rx_gso_size_zero(void **state)
{
	deliver_tcp();
	deliver_gso(1, XEN_NETIF_GSO_TYPE_TCPV4, 0);
	expect_rx_fault(4, "GSO size 0");
}

static void test_rx_gso_wrong_family(void **state)
{
	deliver_tcp();
	deliver_gso(1, XEN_NETIF_GSO_TYPE_TCPV6, 1448);
	expect_rx_fault(4, "GSO type 2 is IPv4");
}

static void test_rx_late_extra(void **state)
{
	deliver_tcp();
	rx->ring[2].rsp.flags |= NETRXF_extra_info;
	expect_rx_fault(4, "RX extra after slot 1");
}

static void test_rx_too_many_slots(void **state)
{
	for (uint32_t i = 0; i < 20; i++)
		deliver(i, NETRXF_more_data, 100);
	expect_rx_fault(20, "more than 18 slots");
}

static void test_rx_blank_garbage(void **state)
{
	memset(queue->rx.pages, 0xff, 60);
	deliver(0, NETRXF_csum_blank | NETRXF_data_validated, 60);
	expect_rx_fault(1, "neither TCP nor UDP");
}

/* A completed checksum makes the sum of all words with the pseudo-header's 0xffff. */
static void test_packet_checksum(void **state)
{
	struct packet_spec spec = { .protocol = PACKET_UDP, .to_ip = 0x0100007f };
	uint8_t frame[101];
	struct iovec pieces[2] = { { frame, 47 }, { frame + 47, sizeof(frame) - 47 } };
	size_t udp = sizeof(frame) - 34;
	uint32_t sum = 0x7f00 + 0x0001 + PACKET_UDP + (uint32_t)udp;

	packet_make(&spec, frame, sizeof(frame));
	packet_fill_checksum(pieces, 2, 34, 6);
	for (size_t i = 34; i < sizeof(frame); i++)
		sum += i % 2 ? frame[i] : frame[i] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_tx_slots),	      CASE(test_tx_good),
		CASE(test_tx_out_of_order),   CASE(test_tx_duplicate),
		CASE(test_tx_unknown_id),     CASE(test_tx_bad_status),
		CASE(test_tx_extra_not_null), CASE(test_tx_bytes_beside),
		CASE(test_tx_ahead),	      CASE(test_tx_back),
		CASE(test_tx_half_frame),     CASE(test_tx_odd_ids),
		CASE(test_rx_good),	      CASE(test_rx_failed_slot),
		CASE(test_rx_wrong_id),	      CASE(test_rx_over_page),
		CASE(test_rx_bad_status),     CASE(test_rx_ahead),
		CASE(test_rx_half_frame),     CASE(test_rx_half_extras),
		CASE(test_rx_without_sg),     CASE(test_rx_without_gso),
		CASE(test_rx_without_csum),   CASE(test_rx_not_validated),
		CASE(test_rx_gso_size_zero),  CASE(test_rx_gso_wrong_family),
		CASE(test_rx_late_extra),     CASE(test_rx_too_many_slots),
		CASE(test_rx_blank_garbage),  CASE(test_packet_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
