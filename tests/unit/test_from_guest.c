/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TX slots -> frame plan, drop or rogue (VIF.md, section 6).
 *
 * Each case is a chain of slots as a frontend would write it, and what is to
 * become of it. All of them are tried at several places of the ring, the wrap
 * of slots and of indices among them, and with more slots of another frame
 * behind, which must make no difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/from_guest.h"

#define MORE  NETTXF_more_data
#define EXTRA NETTXF_extra_info
#define BLANK NETTXF_csum_blank
#define VALID NETTXF_data_validated

#define GSO_V4(size_)                                                                  \
	{                                                                              \
		.extra = {                                                             \
			.type = XEN_NETIF_EXTRA_TYPE_GSO,                              \
			.u.gso = { .size = (size_), .type = XEN_NETIF_GSO_TYPE_TCPV4 } \
		}                                                                      \
	}
#define SLOT(offset_, size_, flags_)                                                             \
	{                                                                                        \
		.request = {.gref = 7, .offset = (offset_), .size = (size_), .flags = (flags_) } \
	}

#define CHAIN_MAX 32

struct chain_case {
	const char *name;
	union ring_tx_slot slot[CHAIN_MAX];
	uint32_t n; /* slots of the chain that are published */
	enum from_guest_verdict verdict;
	enum from_guest_fault fault;
	uint32_t slots, n_extras, n_pieces, len;
	const char *reason; /* of a rogue: part of it */
};

static struct ring_tx ring;

static enum from_guest_verdict plan_at(uint32_t at, const struct chain_case *c, uint32_t behind,
				       struct from_guest_plan *plan)
{
	memset(plan, 0xee, sizeof(*plan));
	memset(ring.mirror, 0xff, sizeof(ring.mirror));
	for (uint32_t i = 0; i < c->n; i++)
		ring.mirror[(at + i) % RING_SLOTS] = c->slot[i];
	for (uint32_t i = c->n; i < c->n + behind; i++)
		ring.mirror[(at + i) % RING_SLOTS] = (union ring_tx_slot)SLOT(0, 60, 0);
	return from_guest_plan(&ring, at, c->n + behind, plan);
}

static void check_pieces(const struct from_guest_plan *plan)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < plan->n_pieces; i++) {
		assert_int_not_equal(plan->piece[i].len, 0);
		assert_true(plan->piece[i].offset + plan->piece[i].len <= FROM_GUEST_PAGE);
		sum += plan->piece[i].len;
	}
	assert_int_equal(sum, plan->len);
}

static void check(const struct chain_case *c, uint32_t at, uint32_t behind)
{
	struct from_guest_plan plan;
	enum from_guest_verdict verdict = plan_at(at, c, behind, &plan);

	if (verdict != c->verdict)
		fail_msg("%s at %u: verdict %d, should be %d (%s)", c->name, at, verdict,
			 c->verdict, verdict == FROM_GUEST_ROGUE ? plan.reason : "");
	if (verdict == FROM_GUEST_ROGUE) {
		assert_non_null(plan.reason);
		if (!strstr(plan.reason, c->reason))
			fail_msg("%s: reason \"%s\"", c->name, plan.reason);
		return;
	}
	if (plan.fault != c->fault || plan.slots != c->slots || plan.n_extras != c->n_extras)
		fail_msg("%s at %u: fault %d, slots %u, extras %u", c->name, at, plan.fault,
			 plan.slots, plan.n_extras);
	if (verdict == FROM_GUEST_DROP) {
		assert_int_equal(plan.n_pieces, 0);
		return;
	}
	if (plan.n_pieces != c->n_pieces || plan.len != c->len)
		fail_msg("%s at %u: %u pieces, %u bytes", c->name, at, plan.n_pieces, plan.len);
	check_pieces(&plan);
}

/* A chain going on after the last published slot is another matter: no slots behind there. */
static bool runs_past_the_end(const struct chain_case *c)
{
	return c->verdict == FROM_GUEST_ROGUE && strstr(c->reason, "last published");
}

static void check_everywhere(const struct chain_case *cases, size_t n)
{
	static const uint32_t places[] = { 0, 200, 255, 256, 0x7ffffffe, 0xfffffff0, 0xffffffff };

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
			check(&cases[i], places[k], 0);
			if (!runs_past_the_end(&cases[i]))
				check(&cases[i], places[k], 256 - cases[i].n);
		}
	}
}

#define CHECK_ALL(cases) check_everywhere(cases, sizeof(cases) / sizeof((cases)[0]))

static void good_frames_are_planned(void **state)
{
	static const struct chain_case cases[] = {
		{ .name = "one slot, least",
		  .slot = { SLOT(0, 14, 0) },
		  .n = 1,
		  .slots = 1,
		  .n_pieces = 1,
		  .len = 14 },
		{ .name = "one slot to the end of its page",
		  .slot = { SLOT(4036, 60, 0) },
		  .n = 1,
		  .slots = 1,
		  .n_pieces = 1,
		  .len = 60 },
		{ .name = "a whole page",
		  .slot = { SLOT(0, 4096, 0) },
		  .n = 1,
		  .slots = 1,
		  .n_pieces = 1,
		  .len = 4096 },
		{ .name = "two slots",
		  .slot = { SLOT(0, 5000, MORE), SLOT(0, 1000, 0) },
		  .n = 2,
		  .slots = 2,
		  .n_pieces = 2,
		  .len = 5000 },
		{ .name = "GSO extra between",
		  .slot = { SLOT(0, 5000, MORE | EXTRA | BLANK), GSO_V4(1448), SLOT(0, 1000, 0) },
		  .n = 3,
		  .slots = 3,
		  .n_extras = 1,
		  .n_pieces = 2,
		  .len = 5000 },
		{ .name = "flags of later slots mean nothing but more",
		  .slot = { SLOT(0, 5000, MORE), SLOT(0, 1000, EXTRA | BLANK | VALID | 0xfff0) },
		  .n = 2,
		  .slots = 2,
		  .n_pieces = 2,
		  .len = 5000 },
		{ .name = "hash extra is ignored",
		  .slot = { SLOT(0, 60, EXTRA),
			    { .extra = { .type = XEN_NETIF_EXTRA_TYPE_HASH } } },
		  .n = 2,
		  .slots = 2,
		  .n_extras = 1,
		  .n_pieces = 1,
		  .len = 60 },
		{ .name = "header of 14 bytes, rest in bytes (XSA-423)",
		  .slot = { SLOT(0, 18, MORE), SLOT(9, 1, MORE), SLOT(9, 1, MORE), SLOT(9, 1, MORE),
			    SLOT(9, 1, 0) },
		  .n = 5,
		  .slots = 5,
		  .n_pieces = 5,
		  .len = 18 },
	};

	CHECK_ALL(cases);
}

/* XSA-448: a slot of no bytes is taken and answered, and never copied. */
static void empty_slots_are_taken_and_not_copied(void **state)
{
	static const struct chain_case cases[] = {
		{ .name = "empty tail",
		  .slot = { SLOT(0, 60, MORE), SLOT(0, 0, MORE), SLOT(4096, 0, 0) },
		  .n = 3,
		  .slots = 3,
		  .n_pieces = 1,
		  .len = 60 },
		{ .name = "empty middle",
		  .slot = { SLOT(0, 60, MORE), SLOT(0, 0, MORE), SLOT(0, 20, 0) },
		  .n = 3,
		  .slots = 3,
		  .n_pieces = 2,
		  .len = 60 },
		{ .name = "empty first",
		  .slot = { SLOT(4096, 60, MORE), SLOT(0, 60, 0) },
		  .n = 2,
		  .slots = 2,
		  .n_pieces = 1,
		  .len = 60 },
		{ .name = "empty first of three",
		  .slot = { SLOT(0, 60, MORE), SLOT(0, 30, MORE), SLOT(0, 30, 0) },
		  .n = 3,
		  .slots = 3,
		  .n_pieces = 2,
		  .len = 60 },
		{ .name = "nothing but empty",
		  .slot = { SLOT(0, 0, MORE), SLOT(0, 0, 0) },
		  .n = 2,
		  .verdict = FROM_GUEST_DROP,
		  .fault = FROM_GUEST_FAULT_SIZE,
		  .slots = 2 },
		{ .name = "one empty slot",
		  .slot = { SLOT(0, 0, 0) },
		  .n = 1,
		  .verdict = FROM_GUEST_DROP,
		  .fault = FROM_GUEST_FAULT_SIZE,
		  .slots = 1 },
	};

	CHECK_ALL(cases);
}

static void wrong_sizes_are_dropped(void **state)
{
	static const struct chain_case cases[] = {
		{ .name = "13 bytes",
		  .slot = { SLOT(0, 13, 0) },
		  .n = 1,
		  .verdict = FROM_GUEST_DROP,
		  .fault = FROM_GUEST_FAULT_SIZE,
		  .slots = 1 },
		{ .name = "13 bytes in two",
		  .slot = { SLOT(0, 13, MORE), SLOT(0, 6, 0) },
		  .n = 2,
		  .verdict = FROM_GUEST_DROP,
		  .fault = FROM_GUEST_FAULT_SIZE,
		  .slots = 2 },
		{ .name = "rest above total",
		  .slot = { SLOT(0, 60, MORE), SLOT(0, 61, 0) },
		  .n = 2,
		  .verdict = FROM_GUEST_DROP,
		  .fault = FROM_GUEST_FAULT_SIZE,
		  .slots = 2 },
		{ .name = "rest above total, more behind",
		  .slot = { SLOT(0, 60, MORE), SLOT(0, 40, MORE), SLOT(0, 40, MORE),
			    SLOT(0, 1, 0) },
		  .n = 4,
		  .verdict = FROM_GUEST_DROP,
		  .fault = FROM_GUEST_FAULT_SIZE,
		  .slots = 4 },
		{ .name = "with an extra to be answered",
		  .slot = { SLOT(0, 10, EXTRA), GSO_V4(5) },
		  .n = 2,
		  .verdict = FROM_GUEST_DROP,
		  .fault = FROM_GUEST_FAULT_SIZE,
		  .slots = 2,
		  .n_extras = 1 },
	};

	CHECK_ALL(cases);
}

static void crossing_a_page_is_rogue(void **state)
{
	static const struct chain_case cases[] = {
		{ .name = "only slot",
		  .slot = { SLOT(4037, 60, 0) },
		  .n = 1,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "first slot crosses" },
		{ .name = "only slot above a page",
		  .slot = { SLOT(0, 4097, 0) },
		  .n = 1,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "first slot crosses" },
		{ .name = "first with its own length",
		  .slot = { SLOT(1, 4196, MORE), SLOT(0, 100, 0) },
		  .n = 2,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "first slot crosses" },
		{ .name = "first, empty, beyond its page",
		  .slot = { SLOT(4097, 60, MORE), SLOT(0, 60, 0) },
		  .n = 2,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "first slot crosses" },
		{ .name = "second",
		  .slot = { SLOT(0, 5000, MORE), SLOT(4000, 100, 0) },
		  .n = 2,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "slot crosses" },
		{ .name = "second, empty, beyond its page",
		  .slot = { SLOT(0, 60, MORE), SLOT(4097, 0, 0) },
		  .n = 2,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "slot crosses" },
		{ .name = "sum wraps 16 bits",
		  .slot = { SLOT(0, 60, MORE), SLOT(65535, 1, 0) },
		  .n = 2,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "slot crosses" },
		{ .name = "in a frame that was wrong already",
		  .slot = { SLOT(0, 60, MORE), SLOT(0, 61, MORE), SLOT(4096, 1, 0) },
		  .n = 3,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "slot crosses" },
	};

	CHECK_ALL(cases);
}

static void chains_past_the_published_slots_are_rogue(void **state)
{
	static const struct chain_case cases[] = {
		{ .name = "more data",
		  .slot = { SLOT(0, 60, MORE) },
		  .n = 1,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "frame goes on after the last published" },
		{ .name = "more data after an extra",
		  .slot = { SLOT(0, 60, MORE | EXTRA), GSO_V4(5) },
		  .n = 2,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "frame goes on after the last published" },
		{ .name = "extra",
		  .slot = { SLOT(0, 60, EXTRA) },
		  .n = 1,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "extras go on after the last published" },
		{ .name = "second extra",
		  .slot = { SLOT(0, 60, EXTRA),
			    { .extra = { .type = 4, .flags = XEN_NETIF_EXTRA_FLAG_MORE } } },
		  .n = 2,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "extras go on after the last published" },
	};

	CHECK_ALL(cases);
}

static void extras_are_known_or_rogue(void **state)
{
	struct chain_case c = { .name = "extra type",
				.slot = { SLOT(0, 60, EXTRA),
					  { .extra = { .u.gso = { .size = 1, .type = 1 } } } },
				.n = 2,
				.slots = 2,
				.n_extras = 1,
				.reason = "extra of an unknown type" };

	for (unsigned type = 0; type < 256; type++) {
		c.slot[1].extra.type = (uint8_t)type;
		c.verdict = FROM_GUEST_ROGUE;
		c.fault = FROM_GUEST_FAULT_NONE;
		c.n_pieces = 1;
		c.len = 60;
		if (type == XEN_NETIF_EXTRA_TYPE_GSO || type == XEN_NETIF_EXTRA_TYPE_HASH) {
			c.verdict = FROM_GUEST_FRAME;
		} else if (type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD ||
			   type == XEN_NETIF_EXTRA_TYPE_MCAST_DEL) {
			c.verdict = FROM_GUEST_DROP;
			c.fault = FROM_GUEST_FAULT_EXTRA;
		}
		check_everywhere(&c, 1);
	}
}

static void gso_extras_have_a_size_and_a_known_type(void **state)
{
	static const struct chain_case wrong[] = {
		{ .name = "size 0",
		  .slot = { SLOT(0, 60, EXTRA), GSO_V4(0) },
		  .n = 2,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "segment size 0" },
		{ .name = "a later one with size 0",
		  .slot = { SLOT(0, 60, EXTRA),
			    { .extra = { .type = 1,
					 .flags = 1,
					 .u.gso = { .size = 9, .type = 1 } } },
			    GSO_V4(0) },
		  .n = 3,
		  .verdict = FROM_GUEST_ROGUE,
		  .reason = "segment size 0" },
	};
	struct chain_case c = { .name = "GSO type",
				.slot = { SLOT(0, 60, EXTRA), GSO_V4(9) },
				.n = 2,
				.slots = 2,
				.n_extras = 1,
				.n_pieces = 1,
				.len = 60,
				.reason = "unknown GSO type" };

	CHECK_ALL(wrong);
	for (unsigned type = 0; type < 256; type++) {
		c.slot[1].extra.u.gso.type = (uint8_t)type;
		c.verdict = type == 1 || type == 2 ? FROM_GUEST_FRAME : FROM_GUEST_ROGUE;
		check_everywhere(&c, 1);
	}
}

static void the_last_gso_extra_counts(void **state)
{
	const struct chain_case c = {
		.slot = { SLOT(0, 60, EXTRA | BLANK),
			  { .extra = { .type = 1, .flags = 1, .u.gso = { .size = 9, .type = 1 } } },
			  { .extra = { .type = 4, .flags = 1 } },
			  { .extra = { .type = 1,
				       .flags = 0xfe,
				       .u.gso = { .size = 1400, .type = 2 } } } },
		.n = 4,
	};
	struct from_guest_plan plan;

	assert_int_equal(plan_at(254, &c, 0, &plan), FROM_GUEST_FRAME);
	assert_int_equal(plan.slots, 4);
	assert_int_equal(plan.n_extras, 3);
	assert_int_equal(plan.gso_type, XEN_NETIF_GSO_TYPE_TCPV6);
	assert_int_equal(plan.gso_size, 1400);
}

/* 19 data slots pass, 20 and 21 are a mistake, from 22 on the frontend is rogue; extras don't
 * count. */
static void slots_are_limited(void **state)
{
	for (unsigned extras = 0; extras <= 3; extras++) {
		for (unsigned n = 1; n <= 24; n++) {
			struct chain_case c = { .name = "slots", .reason = "too many slots" };

			for (unsigned i = 0; i < extras; i++)
				c.slot[1 + i].extra =
					(netif_extra_info_t){ .type = 4, .flags = i + 1 < extras };
			for (unsigned i = 1; i < n; i++)
				c.slot[extras + i].request =
					(netif_tx_request_t){ .size = 2,
							      .flags = i + 1 < n ? MORE : 0 };
			c.slot[0].request = (netif_tx_request_t){ .size = (uint16_t)(20 + 2 * n),
								  .flags = (n > 1 ? MORE : 0) |
									   (extras ? EXTRA : 0) };
			c.n = c.slots = extras + n;
			c.n_extras = extras;
			c.n_pieces = n;
			c.len = 20 + 2 * n;
			c.verdict = n <= 19   ? FROM_GUEST_FRAME
				    : n <= 21 ? FROM_GUEST_DROP
					      : FROM_GUEST_ROGUE;
			c.fault =
				n == 20 || n == 21 ? FROM_GUEST_FAULT_SLOTS : FROM_GUEST_FAULT_NONE;
			check(&c, 250, 0);
			check(&c, 0xfffffff8u, 5);
		}
	}
}

/* XSA-432: as many slots as there may be, hardly any bytes in them. */
static void many_slots_of_few_bytes_are_a_frame(void **state)
{
	struct chain_case c = {
		.name = "60 bytes in 18 slots", .n = 18, .slots = 18, .n_pieces = 18, .len = 60
	};

	c.slot[0].request = (netif_tx_request_t){ .size = 60, .flags = MORE };
	for (unsigned i = 1; i < 18; i++)
		c.slot[i].request = (netif_tx_request_t){ .size = 3, .flags = i < 17 ? MORE : 0 };
	check_everywhere(&c, 1);
}

static void the_largest_frame_is_planned_in_order(void **state)
{
	struct chain_case c = { .n = 17 };
	struct from_guest_plan plan;

	c.slot[0].request =
		(netif_tx_request_t){ .gref = 100, .size = 65535, .flags = MORE | BLANK };
	for (unsigned i = 1; i < 17; i++)
		c.slot[i].request = (netif_tx_request_t){
			.gref = 100 + i, .offset = 1, .size = 4090, .flags = i < 16 ? MORE : 0
		};
	assert_int_equal(plan_at(0xfffffff0u, &c, 0, &plan), FROM_GUEST_FRAME);
	assert_int_equal(plan.len, 65535);
	assert_int_equal(plan.n_pieces, 17);
	assert_int_equal(plan.piece[0].len, 65535 - 16 * 4090);
	for (unsigned i = 0; i < 17; i++)
		assert_int_equal(plan.piece[i].gref, 100 + i);
	check_pieces(&plan);
}

static void flags_come_from_the_first_slot(void **state)
{
	for (unsigned flags = 0; flags < 4; flags++) {
		const struct chain_case c = { .slot = { SLOT(5, 60, flags | 0xfff0) }, .n = 1 };
		struct from_guest_plan plan;

		assert_int_equal(plan_at(3, &c, 10, &plan), FROM_GUEST_FRAME);
		assert_int_equal(plan.csum_blank, flags & BLANK ? 1 : 0);
		assert_int_equal(plan.data_validated, flags & VALID ? 1 : 0);
		assert_int_equal(plan.gso_type, XEN_NETIF_GSO_TYPE_NONE);
		assert_int_equal(plan.gso_size, 0);
		assert_int_equal(plan.piece[0].gref, 7);
		assert_int_equal(plan.piece[0].offset, 5);
		assert_null(plan.reason);
	}
}

/* A ring full of one chain, of data or of extras, ends where the ring ends. */
static void a_chain_over_the_whole_ring_ends(void **state)
{
	struct from_guest_plan plan;

	for (unsigned i = 0; i < RING_SLOTS; i++)
		ring.mirror[i].request = (netif_tx_request_t){ .size = 100, .flags = MORE };
	assert_int_equal(from_guest_plan(&ring, 77, RING_SLOTS, &plan), FROM_GUEST_ROGUE);
	for (unsigned i = 0; i < RING_SLOTS; i++)
		ring.mirror[i].extra = (netif_extra_info_t){ .type = 4, .flags = 1 };
	ring.mirror[77].request = (netif_tx_request_t){ .size = 100, .flags = EXTRA };
	assert_int_equal(from_guest_plan(&ring, 77, RING_SLOTS, &plan), FROM_GUEST_ROGUE);
	assert_string_equal(plan.reason, "extras go on after the last published slot");
	ring.mirror[76].extra.flags = 0;
	assert_int_equal(from_guest_plan(&ring, 77, RING_SLOTS, &plan), FROM_GUEST_FRAME);
	assert_int_equal(plan.slots, RING_SLOTS);
	assert_int_equal(plan.n_extras, RING_SLOTS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_frames_are_planned),
		cmocka_unit_test(empty_slots_are_taken_and_not_copied),
		cmocka_unit_test(wrong_sizes_are_dropped),
		cmocka_unit_test(crossing_a_page_is_rogue),
		cmocka_unit_test(chains_past_the_published_slots_are_rogue),
		cmocka_unit_test(extras_are_known_or_rogue),
		cmocka_unit_test(gso_extras_have_a_size_and_a_known_type),
		cmocka_unit_test(the_last_gso_extra_counts),
		cmocka_unit_test(slots_are_limited),
		cmocka_unit_test(many_slots_of_few_bytes_are_a_frame),
		cmocka_unit_test(the_largest_frame_is_planned_in_order),
		cmocka_unit_test(flags_come_from_the_first_slot),
		cmocka_unit_test(a_chain_over_the_whole_ring_ends),
	};

	return cmocka_run_group_tests_name("from_guest", tests, NULL, NULL);
}
