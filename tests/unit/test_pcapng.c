/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pcapng blocks, byte by byte, and the counting of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/pcapng.h"

#define ROOM 4096

static uint8_t out[ROOM];

/* Blocks as words in this machine's order, which is what the format wants. */
static void assert_words(const uint8_t *data, size_t size, const uint32_t *words, size_t n)
{
	assert_int_equal(size, n * 4);
	for (size_t i = 0; i < n; i++) {
		uint32_t word;

		memcpy(&word, data + 4 * i, 4);
		if (word != words[i])
			fail_msg("word %zu is %#x, and not %#x", i, word, words[i]);
	}
}

static uint32_t option(unsigned code, unsigned size)
{
	uint16_t head[2] = { code, size };
	uint32_t word;

	memcpy(&word, head, 4);
	return word;
}

static uint32_t text(const char *four)
{
	uint32_t word;

	memcpy(&word, four, 4);
	return word;
}

static void test_section(void **state)
{
	const uint32_t words[] = {
		0x0a0d0d0a, 44,		  0x1a2b3c4d,	option(1, 0),	UINT32_MAX,
		UINT32_MAX, option(4, 6), text("prog"), text(" 1\0\0"), 0,
		44
	};

	assert_words(out, pcapng_write_section(out, ROOM, "prog 1"), words, 11);
}

static void test_interface(void **state)
{
	const uint32_t words[] = { 1,
				   48,
				   option(1, 0),
				   262144,
				   option(2, 9),
				   text("vif1"),
				   text(".0-q"),
				   text("0\0\0\0"),
				   option(9, 1),
				   text("\x09\0\0\0"),
				   0,
				   48 };

	assert_words(out, pcapng_write_interface(out, ROOM, "vif1.0-q0", 262144), words, 12);
}

static void test_packet(void **state)
{
	const struct pcapng_packet packet = {
		.interface = 3,
		.time = 0x0123456789abcdefull,
		.captured = 5,
		.len = 70000,
		.flags = PCAPNG_OUTBOUND,
		.comment = "ab",
		.data = (const uint8_t *)"12345",
	};
	const uint32_t words[] = { 6,
				   60,
				   3,
				   0x01234567,
				   0x89abcdef,
				   5,
				   70000,
				   text("1234"),
				   text("5\0\0\0"),
				   option(1, 2),
				   text("ab\0\0"),
				   option(2, 4),
				   2,
				   0,
				   60 };

	memset(out, 0xff, sizeof(out)); /* so that padding shows */
	assert_words(out, pcapng_write_packet(out, ROOM, &packet), words, 15);
}

static void test_packet_missed(void **state)
{
	const struct pcapng_packet packet = { .flags = PCAPNG_INBOUND, .missed = 7, .comment = "" };
	const uint32_t words[] = { 6, 60,	    0, 0, 0, 0, 0, option(1, 0), option(2, 4),
				   1, option(4, 8), 7, 0, 0, 60 };

	assert_words(out, pcapng_write_packet(out, ROOM, &packet), words, 15);
}

static void test_statistics(void **state)
{
	const struct pcapng_statistics statistics = {
		.interface = 1,
		.begin = 0x100000002ull,
		.end = 0x300000004ull,
		.delivered = 5,
		.dropped = 6,
		.comment = "bye!",
	};
	/* clang-format off */
	const uint32_t words[] = {
		5, 96, 1, 3, 4,
		option(1, 4), text("bye!"),
		option(2, 8), 1, 2,
		option(3, 8), 3, 4,
		option(4, 8), 11, 0,
		option(5, 8), 6, 0,
		option(8, 8), 5, 0,
		0, 96,
	};
	/* clang-format on */

	assert_words(out, pcapng_write_statistics(out, ROOM, &statistics), words, 24);
}

/* Every room that is too small is refused, and nothing is written beyond it. */
static void test_no_room(void **state)
{
	const struct pcapng_packet packet = { .captured = 9,
					      .len = 9,
					      .comment = "word",
					      .missed = 1,
					      .data = (const uint8_t *)"123456789" };
	size_t size = pcapng_write_packet(out, ROOM, &packet);

	for (size_t room = 0; room < size; room++) {
		memset(out, 0xee, sizeof(out));
		assert_int_equal(pcapng_write_packet(out, room, &packet), 0);
		for (size_t i = room; i < size; i++)
			assert_int_equal(out[i], 0xee);
	}
	assert_int_equal(pcapng_write_packet(out, size, &packet), size);
}

/* The largest of everything stays within what is promised. */
static void test_overhead(void **state)
{
	static uint8_t data[65561];
	static uint8_t large[sizeof(data) + PCAPNG_PACKET_OVERHEAD];
	char words[1000];
	struct pcapng_packet packet = { .captured = sizeof(data),
					.len = sizeof(data),
					.missed = 1,
					.comment = words,
					.data = data };

	memset(words, 'x', sizeof(words));
	words[sizeof(words) - 1] = '\0';
	assert_true(pcapng_write_packet(large, sizeof(large), &packet) > sizeof(data));
}

/* A small file: the blocks' bytes. */
static size_t file_write(uint64_t frames, uint64_t dropped)
{
	const struct pcapng_packet packet = {
		.captured = 3, .len = 100, .comment = "c", .data = (const uint8_t *)"abc"
	};
	struct pcapng_statistics statistics = { .dropped = dropped, .comment = "the end" };
	size_t used = pcapng_write_section(out, ROOM, "test");

	used += pcapng_write_interface(out + used, ROOM - used, "if0", 100);
	for (uint64_t i = 0; i < frames; i++)
		used += pcapng_write_packet(out + used, ROOM - used, &packet);
	return used + pcapng_write_statistics(out + used, ROOM - used, &statistics);
}

static void test_count(void **state)
{
	size_t size = file_write(5, 8);
	struct pcapng_tally tally = { 0 };

	assert_int_equal(pcapng_count(&tally, out, size), size);
	assert_int_equal(tally.frames, 5);
	assert_int_equal(tally.dropped, 8);
	assert_int_equal(tally.statistics, 1);
	assert_string_equal(tally.comment, "the end");
}

/* However it comes in pieces, each block is counted once, when it is whole. */
static void test_count_in_pieces(void **state)
{
	size_t size = file_write(5, 8);

	for (size_t piece = 1; piece < size; piece++) {
		struct pcapng_tally tally = { 0 };
		size_t begin = 0;

		for (size_t end = 0; end < size;) {
			end = end + piece < size ? end + piece : size;
			begin += pcapng_count(&tally, out + begin, end - begin);
		}
		assert_int_equal(begin, size);
		assert_int_equal(tally.frames, 5);
		assert_int_equal(tally.statistics, 1);
	}
}

static void test_count_nonsense(void **state)
{
	struct pcapng_tally tally = { 0 };
	size_t size = file_write(1, 0);
	uint32_t wrong[] = { 0, 11, 13, 8 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(out + 4, &wrong[i], 4);
		assert_true(pcapng_count(&tally, out, size) == (size_t)-1);
	}
	size = file_write(0, 0);
	out[size - 4] ^= 4; /* the length at the end is another one */
	assert_true(pcapng_count(&tally, out, size) == (size_t)-1);
	size = file_write(0, 0);
	out[size - 4 - 4 - 12 + 2] = 200; /* the last option is longer than its block */
	assert_true(pcapng_count(&tally, out, size) == (size_t)-1);
	assert_int_equal(pcapng_count(&tally, out, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_section),		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_packet),		cmocka_unit_test(test_packet_missed),
		cmocka_unit_test(test_statistics),	cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_overhead),	cmocka_unit_test(test_count),
		cmocka_unit_test(test_count_in_pieces), cmocka_unit_test(test_count_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
