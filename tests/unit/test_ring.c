/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shared rings (VIF.md, sections 4 and 5), with Xen's own macros of
 * <xen/io/ring.h> as the frontend and as the oracle for notifications. Every
 * test runs at several places of the 2^32 circle, the wrap among them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/ring.h"

/* The barriers that Xen's macros leave to their user. */
#define mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

static const uint32_t starts[] = { 0,		1,	     255,	  256,	      0x7fffff80u,
				   0x80000000u, 0xffffff00u, 0xffffff80u, 0xffffffffu };
#define EACH_START(start)                                                                        \
	for (size_t start##_i = 0;                                                               \
	     start##_i < sizeof(starts) / sizeof(starts[0]) && ((start = starts[start##_i]), 1); \
	     start##_i++)

static _Alignas(4096) uint8_t page[4096];

static netif_tx_sring_t *tx_at(uint32_t start)
{
	netif_tx_sring_t *shared = (netif_tx_sring_t *)page;

	memset(page, 0, sizeof(page));
	shared->req_prod = shared->rsp_prod = start;
	shared->req_event = shared->rsp_event = start + 1;
	return shared;
}

static netif_rx_sring_t *rx_at(uint32_t start)
{
	netif_rx_sring_t *shared = (netif_rx_sring_t *)page;

	memset(page, 0, sizeof(page));
	shared->req_prod = shared->rsp_prod = start;
	shared->req_event = shared->rsp_event = start + 1;
	return shared;
}

static void post(netif_tx_sring_t *shared, unsigned n)
{
	for (; n; n--, shared->req_prod++) {
		netif_tx_request_t *request = &shared->ring[shared->req_prod % RING_SLOTS].req;

		request->gref = shared->req_prod * 3;
		request->id = (uint16_t)shared->req_prod;
		request->size = 60;
	}
}

static void a_page_holds_256_slots(void **state)
{
	netif_tx_back_ring_t tx;
	netif_rx_back_ring_t rx;

	BACK_RING_INIT(&tx, tx_at(0), sizeof(page));
	assert_int_equal(RING_SIZE(&tx), RING_SLOTS);
	BACK_RING_INIT(&rx, rx_at(0), sizeof(page));
	assert_int_equal(RING_SIZE(&rx), RING_SLOTS);
}

static void attach_takes_over_at_rsp_prod(void **state)
{
	uint32_t start;

	EACH_START(start)
	{
		netif_tx_sring_t *shared = tx_at(start);
		struct ring_tx ring;

		post(shared, 5);
		assert_int_equal(ring_tx_attach(&ring, shared), 0);
		assert_int_equal(ring_tx_pending(&ring), 0);
		assert_int_equal(ring_tx_fetch(&ring), 0);
		assert_int_equal(ring_tx_pending(&ring), 5);
		assert_int_equal(ring_tx_slot(&ring, start)->request.gref, start * 3);
		assert_int_equal(ring_tx_slot(&ring, start + 4)->request.gref, (start + 4) * 3);
	}
}

/* XSA-39, on both rings: a producer that can't be is refused and nothing is copied. */
static void impossible_producers_are_refused(void **state)
{
	static const uint32_t ahead[] = { 257, 258, 512, 0x7fffffff, 0x80000000, 0xffffffff };
	uint32_t start;

	EACH_START(start)
	{
		for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
			netif_tx_sring_t *tx = tx_at(start);
			struct ring_tx ring_tx;
			netif_rx_sring_t *rx;
			struct ring_rx ring_rx;

			assert_int_equal(ring_tx_attach(&ring_tx, tx), 0);
			memset(ring_tx.mirror, 0x77, sizeof(ring_tx.mirror));
			tx->req_prod = start + ahead[i];
			assert_int_equal(ring_tx_fetch(&ring_tx), -EPROTO);
			assert_int_equal(ring_tx_pending(&ring_tx), 0);
			assert_int_equal(ring_tx.mirror[start % RING_SLOTS].request.gref,
					 0x77777777);
			assert_int_equal(ring_tx_attach(&ring_tx, tx), -EPROTO);

			rx = rx_at(start);
			assert_int_equal(ring_rx_attach(&ring_rx, rx), 0);
			rx->req_prod = start + ahead[i];
			assert_int_equal(ring_rx_fetch(&ring_rx), -EPROTO);
			assert_int_equal(ring_rx_pending(&ring_rx), 0);
			assert_int_equal(ring_rx_attach(&ring_rx, rx), -EPROTO);
		}
	}
}

static void a_full_ring_is_taken_and_no_more(void **state)
{
	uint32_t start;

	EACH_START(start)
	{
		netif_tx_sring_t *shared = tx_at(start);
		struct ring_tx ring;

		assert_int_equal(ring_tx_attach(&ring, shared), 0);
		post(shared, 256);
		assert_int_equal(ring_tx_fetch(&ring), 0);
		assert_int_equal(ring_tx_pending(&ring), 256);
		/* Taken but not answered: there is still no room for another request. */
		ring.cons += 256;
		shared->req_prod++;
		assert_int_equal(ring_tx_fetch(&ring), -EPROTO);
		/* Written but not published does not count either. */
		ring_tx_respond(&ring, NETIF_RSP_OKAY);
		assert_int_equal(ring_tx_fetch(&ring), -EPROTO);
		ring_tx_publish(&ring);
		assert_int_equal(ring_tx_fetch(&ring), 0);
		assert_int_equal(ring_tx_pending(&ring), 1);
	}
}

static void a_producer_going_backwards_is_refused(void **state)
{
	uint32_t start;

	EACH_START(start)
	{
		netif_tx_sring_t *shared = tx_at(start);
		struct ring_tx ring;

		assert_int_equal(ring_tx_attach(&ring, shared), 0);
		post(shared, 10);
		assert_int_equal(ring_tx_fetch(&ring), 0);
		for (uint32_t back = 1; back <= 11; back++) {
			shared->req_prod = start + 10 - back;
			assert_int_equal(ring_tx_fetch(&ring), -EPROTO);
			assert_int_equal(ring_tx_pending(&ring), 10);
		}
		shared->req_prod = start + 10;
		assert_int_equal(ring_tx_fetch(&ring), 0);
	}
}

/* XSA-155: what was fetched can't change any more. */
static void a_slot_is_copied_once(void **state)
{
	netif_tx_sring_t *shared = tx_at(0);
	union ring_tx_slot before[RING_SLOTS];
	struct ring_tx ring;

	assert_int_equal(ring_tx_attach(&ring, shared), 0);
	post(shared, 256);
	assert_int_equal(ring_tx_fetch(&ring), 0);
	memcpy(before, ring.mirror, sizeof(before));
	memset(shared->ring, 0xee, 256 * sizeof(shared->ring[0]));
	assert_int_equal(ring_tx_fetch(&ring), 0);
	assert_memory_equal(before, ring.mirror, sizeof(before));
	ring_tx_respond(&ring, NETIF_RSP_OKAY);
	assert_int_equal(shared->ring[0].rsp.id, before[0].request.id);
}

static void only_new_slots_are_fetched(void **state)
{
	netif_rx_sring_t *shared = rx_at(0xfffffff0u);
	struct ring_rx ring;

	assert_int_equal(ring_rx_attach(&ring, shared), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		netif_rx_request_t *request = &shared->ring[shared->req_prod % RING_SLOTS].req;
		netif_rx_response_t response = { .id = (uint16_t)i, .status = 60 };

		request->id = (uint16_t)i;
		request->gref = i;
		shared->req_prod++;
		assert_int_equal(ring_rx_fetch(&ring), 0);
		assert_int_equal(ring_rx_pending(&ring), 1);
		assert_int_equal(ring_rx_slot(&ring, ring.cons)->gref, i);
		ring.cons++;
		ring_rx_respond(&ring, &response);
		ring_rx_publish(&ring);
		assert_int_equal(shared->rsp_prod, 0xfffffff0u + i + 1);
		assert_int_equal(shared->ring[(shared->rsp_prod - 1) % RING_SLOTS].rsp.id, i);
	}
}

/* XSA-216's rule: an answer changes id and status only; that to an extra, status only. */
static void responses_write_no_more_than_they_say(void **state)
{
	netif_tx_sring_t *shared = tx_at(0);
	union netif_tx_sring_entry *slot = shared->ring, before[2];
	struct ring_tx ring;

	assert_int_equal(ring_tx_attach(&ring, shared), 0);
	memset(slot, 0xa5, sizeof(before));
	slot[0].req.id = 0x1234;
	slot[1].req.id = 0x5678;
	shared->req_prod = 2;
	assert_int_equal(ring_tx_fetch(&ring), 0);
	memcpy(before, slot, sizeof(before));
	ring_tx_respond(&ring, NETIF_RSP_ERROR);
	ring_tx_respond(&ring, NETIF_RSP_NULL);
	assert_int_equal(shared->rsp_prod, 0);

	before[0].rsp.id = 0x1234;
	before[0].rsp.status = NETIF_RSP_ERROR;
	before[1].rsp.status = NETIF_RSP_NULL;
	assert_memory_equal(slot, before, sizeof(before));
}

/* Against RING_PUSH_RESPONSES_AND_CHECK_NOTIFY for every distance of rsp_event. */
static void notifications_are_xens(void **state)
{
	uint32_t start;

	EACH_START(start)
	{
		for (uint32_t n = 0; n <= 256; n += n < 4 || n > 252 ? 1 : 31) {
			for (int32_t event = -3; event <= 260; event++) {
				netif_tx_sring_t *shared = tx_at(start);
				netif_tx_back_ring_t xen;
				struct ring_tx ring;
				int expected;

				post(shared, 256);
				shared->rsp_event = start + (uint32_t)event;
				BACK_RING_ATTACH(&xen, shared, start, sizeof(page));
				xen.rsp_prod_pvt += n;
				RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&xen, expected);
				shared->rsp_prod = start;

				assert_int_equal(ring_tx_attach(&ring, shared), 0);
				ring.rsp_prod += n;
				ring_tx_publish(&ring);
				assert_int_equal(shared->rsp_prod, start + n);
				/* Xen's macro never runs with n == 0. */
				assert_int_equal(ring_tx_asks(&ring), n ? expected : 0);
				ring_tx_told(&ring);
				assert_false(ring_tx_asks(&ring));
			}
		}
	}
}

/* What the frontend's own macro decides must agree with what was asked for. */
static void arming_asks_for_an_event_at_the_right_request(void **state)
{
	uint32_t start;

	EACH_START(start)
	{
		for (uint32_t more = 1; more <= 20; more++) {
			netif_rx_sring_t *shared = rx_at(start);
			netif_rx_front_ring_t front;
			struct ring_rx ring;

			assert_int_equal(ring_rx_attach(&ring, shared), 0);
			FRONT_RING_ATTACH(&front, shared, start, sizeof(page));
			assert_false(ring_rx_arm(&ring, more));
			for (uint32_t n = 1; n <= more; n++) {
				int notify;

				front.req_prod_pvt++;
				RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front, notify);
				assert_int_equal(notify, n == more);
			}
			/* They are there now: arming again says so before anyone sleeps. */
			assert_true(ring_rx_arm(&ring, more));
			assert_int_equal(ring_rx_fetch(&ring), 0);
			assert_int_equal(ring_rx_pending(&ring), more);
			assert_false(ring_rx_arm(&ring, 1));
		}
	}
}

/* A producer that went mad while we looked away wakes us, and then is refused. */
static void arming_never_sleeps_over_a_mad_producer(void **state)
{
	netif_tx_sring_t *shared = tx_at(100);
	struct ring_tx ring;

	post(shared, 10);
	shared->rsp_prod = 100;
	assert_int_equal(ring_tx_attach(&ring, shared), 0);
	assert_int_equal(ring_tx_fetch(&ring), 0);
	shared->req_prod = 105;
	assert_true(ring_tx_arm(&ring, 1));
	assert_int_equal(ring_tx_fetch(&ring), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_holds_256_slots),
		cmocka_unit_test(attach_takes_over_at_rsp_prod),
		cmocka_unit_test(impossible_producers_are_refused),
		cmocka_unit_test(a_full_ring_is_taken_and_no_more),
		cmocka_unit_test(a_producer_going_backwards_is_refused),
		cmocka_unit_test(a_slot_is_copied_once),
		cmocka_unit_test(only_new_slots_are_fetched),
		cmocka_unit_test(responses_write_no_more_than_they_say),
		cmocka_unit_test(notifications_are_xens),
		cmocka_unit_test(arming_asks_for_an_event_at_the_right_request),
		cmocka_unit_test(arming_never_sleeps_over_a_mad_producer),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
