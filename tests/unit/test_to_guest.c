/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frame -> RX slots (VIF.md, section 7), read back as a frontend reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/to_guest.h"

static const uint32_t lengths[] = { 14,	  60,	1514,  4095,  4096,  4097,  8191,
				    8192, 8193, 61440, 65535, 65536, 65537, TO_GUEST_FRAME_MAX };
#define N_LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static void slots_are_pages_and_an_extra(void **state)
{
	for (uint32_t len = 14; len <= TO_GUEST_FRAME_MAX; len++) {
		uint32_t slots = to_guest_slots(len, false);

		assert_true((slots - 1) * 4096 < len && len <= slots * 4096);
		assert_int_equal(to_guest_slots(len, true), slots + 1);
	}
	assert_int_equal(to_guest_slots(TO_GUEST_FRAME_MAX, true), TO_GUEST_SLOTS_MAX);
}

/* Puts a frame behind `used`; what is in use then. It crosses no more pages than it takes slots. */
static size_t put(size_t used, uint32_t len, size_t *slots)
{
	size_t start = to_guest_place(used, len), end = start + len;

	assert_true(start >= used && start < used + TO_GUEST_PAGE);
	assert_true((end - 1) / TO_GUEST_PAGE - start / TO_GUEST_PAGE < to_guest_slots(len, false));
	assert_true(start / TO_GUEST_PAGE == (end - 1) / TO_GUEST_PAGE ||
		    start % TO_GUEST_PAGE == 0);
	*slots += to_guest_slots(len, false);
	if (end > *slots * TO_GUEST_PAGE)
		fail_msg("%u bytes end at %zu, beyond the pages of %zu slots", len, end, *slots);
	return end;
}

/* As many as a ring has slots for: of one length, which is any, and of lengths that differ. */
static void frames_end_within_their_slots(void **state)
{
	size_t used, slots;
	uint32_t len, random = 1;

	for (uint32_t each = 1; each <= TO_GUEST_FRAME_MAX; each++)
		for (used = slots = 0; slots < RING_SLOTS;)
			used = put(used, each, &slots);
	for (unsigned times = 0; times < 1000; times++) {
		for (used = slots = 0; slots < RING_SLOTS;) {
			random = random * 1664525 + 1013904223;
			len = (random >> 16) % (3 * TO_GUEST_PAGE) + 1;
			if (random & 0x100) /* often up to the end of a page */
				len = (len + TO_GUEST_PAGE - 1) & ~(TO_GUEST_PAGE - 1);
			used = put(used, len, &slots);
		}
	}
}

static void room_is_what_the_largest_frame_needs(void **state)
{
	for (unsigned bits = 0; bits < 8; bits++) {
		struct vif_features features = { .sg = bits & 1,
						 .gso_tcpv4 = bits & 2,
						 .gso_tcpv6 = bits & 4 };
		uint32_t expected = !features.sg ? 1 : bits & 6 ? 18 : 17;

		assert_int_equal(to_guest_room(&features), expected);
	}
}

/* Reads the responses of a frame as a frontend does; returns its length. */
static uint32_t read_back(const struct to_guest_plan *plan, const netif_rx_response_t *responses)
{
	uint32_t n = 0, len = 0;
	uint16_t flags = responses[0].flags;
	bool more;

	do {
		const netif_rx_response_t *response = &responses[n];

		more = response->flags & NETRXF_more_data;
		assert_int_equal(response->id, 1000 + n);
		assert_int_equal(response->offset, 0);
		assert_in_range(response->status, 1, 4096);
		assert_int_equal(response->flags & ~NETRXF_more_data,
				 n == 0 ? flags & ~NETRXF_more_data : 0);
		len += (uint32_t)response->status;
		n++;
		if (n == 1 && (flags & NETRXF_extra_info)) {
			netif_extra_info_t extra;

			memcpy(&extra, &responses[n++], sizeof(extra));
			assert_int_equal(extra.type, XEN_NETIF_EXTRA_TYPE_GSO);
			assert_int_equal(extra.flags, 0);
			assert_int_equal(extra.u.gso.type, plan->gso_type);
			assert_int_equal(extra.u.gso.size, plan->gso_size);
			assert_int_equal(extra.u.gso.pad, 0);
			assert_int_equal(extra.u.gso.features, 0);
		}
	} while (more);
	assert_int_equal(n, plan->slots);
	return len;
}

static void a_frontend_reads_back_the_frame(void **state)
{
	for (size_t i = 0; i < N_LENGTHS; i++) {
		for (unsigned bits = 0; bits < 8; bits++) {
			netif_rx_response_t responses[TO_GUEST_SLOTS_MAX];
			struct to_guest_plan plan = { .len = lengths[i],
						      .csum_blank = bits & 1,
						      .data_validated = bits & 2 };

			if (bits & 4) {
				plan.gso_type = XEN_NETIF_GSO_TYPE_TCPV6;
				plan.gso_size = 1448;
			}
			plan.slots = to_guest_slots(plan.len, bits & 4);
			memset(responses, 0xee, sizeof(responses));
			for (uint32_t n = 0; n < plan.slots; n++) {
				netif_rx_request_t request = { .id = (uint16_t)(1000 + n) };

				to_guest_response(&plan, n, &request, false, &responses[n]);
			}
			assert_int_equal(read_back(&plan, responses), plan.len);
			/* RX swaps the bits of TX: validated is 0, blank is 1. */
			assert_int_equal(responses[0].flags & 2, bits & 1 ? 2 : 0);
			assert_int_equal(responses[0].flags & 1, bits & 2 ? 1 : 0);
			assert_int_equal(responses[0].flags & 8, bits & 4 ? 8 : 0);
		}
	}
}

/* XSA-361's rule: a failed copy marks its own slot; the chain stays whole. */
static void a_failed_slot_marks_only_itself(void **state)
{
	const struct to_guest_plan plan = {
		.len = 10000, .slots = 4, .gso_size = 1448, .gso_type = XEN_NETIF_GSO_TYPE_TCPV4
	};
	const netif_rx_request_t request = { .id = 65535 };

	for (uint32_t n = 0; n < plan.slots; n++) {
		netif_rx_response_t good, bad;

		to_guest_response(&plan, n, &request, false, &good);
		to_guest_response(&plan, n, &request, true, &bad);
		if (n != 1) {
			assert_int_equal(bad.status, NETIF_RSP_ERROR);
			assert_int_not_equal(good.status, NETIF_RSP_ERROR);
			bad.status = good.status;
		}
		assert_memory_equal(&good, &bad, sizeof(good));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_are_pages_and_an_extra),
		cmocka_unit_test(frames_end_within_their_slots),
		cmocka_unit_test(room_is_what_the_largest_frame_needs),
		cmocka_unit_test(a_frontend_reads_back_the_frame),
		cmocka_unit_test(a_failed_slot_marks_only_itself),
	};

	return cmocka_run_group_tests_name("to_guest", tests, NULL, NULL);
}
