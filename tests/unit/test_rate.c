/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest may send, out of text: proto/rate.c. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rate.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void expect_node(const char *text, uint64_t bytes, uint32_t usec)
{
	struct rate rate = { 1, 1 };

	print_message("%s\n", text);
	assert_int_equal(rate_parse(text, &rate), 0);
	assert_int_equal(rate.bytes, bytes);
	assert_int_equal(rate.usec, usec);
	assert_int_equal(rate_is_limit(&rate), bytes != 0);
}

static void what_libxl_writes_is_read(void **state)
{
	expect_node("62500,50000", 62500, 50000);
	expect_node("1,1", 1, 1);
	expect_node("18446744073709551615,4294967295", UINT64_MAX, UINT32_MAX);
	expect_node("0000000000000000000000062500,0000050000", 62500, 50000);
}

static void a_zero_is_no_limit(void **state)
{
	expect_node("0,0", 0, 0);
	expect_node("0,50000", 0, 0);
	expect_node("62500,0", 0, 0);
}

static void a_bad_node_is_no_limit_and_wrong(void **state)
{
	static const char *const bad[] = { "",
					   ",",
					   "1",
					   "1,",
					   ",1",
					   "1,1,",
					   "1,1 ",
					   " 1,1",
					   "1, 1",
					   "-1,1",
					   "+1,1",
					   "1,-1",
					   "0x10,1",
					   "1,1\n",
					   "1;1",
					   "1.5,1",
					   "18446744073709551616,1",
					   "99999999999999999999999,1",
					   "1,4294967296",
					   "10Mb/s" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct rate rate = { 1, 1 };

		print_message("\"%s\"\n", bad[i]);
		assert_int_equal(rate_parse(bad[i], &rate), -EINVAL);
		assert_false(rate_is_limit(&rate));
		assert_int_equal(rate.usec, 0);
	}
}

static void expect_words(const char *text, uint64_t bytes, uint32_t usec)
{
	struct rate rate;

	print_message("%s\n", text);
	assert_int_equal(rate_parse_words(text, &rate), 0);
	assert_int_equal(rate.bytes, bytes);
	assert_int_equal(rate.usec, usec);
}

/* The examples of xl-network-configuration(5), and each unit. */
static void words_mean_what_they_mean_to_xl(void **state)
{
	expect_words("10Mb/s", 62500, 50000);
	expect_words("250KB/s", 12500, 50000);
	expect_words("1MB/s@20ms", 20000, 20000);
	expect_words("1000B/s", 50, 50000);
	expect_words("8000b/s", 50, 50000);
	expect_words("1GB/s", 50000000, 50000);
	expect_words("1Gb/s", 6250000, 50000);
	expect_words("2Kb/s@2s", 500, 2000000);
	expect_words("2Kb/s@2", 500, 2000000);
	expect_words("1MB/s@20m", 20000, 20000);
	expect_words("1MB/s@1us", 1, 1);
	expect_words("1MB/s@300u", 300, 300);
	expect_words("368934GB/s", 18446700000000, 50000);
	expect_words("8b/s@4294s", 4294, 4294000000);
}

static void wrong_words_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   "off",
					   "10",
					   "10M",
					   "10Mb",
					   "10Mb/",
					   "10Mb/S",
					   "10mb/s",
					   "Mb/s",
					   "-10Mb/s",
					   " 10Mb/s",
					   "10 Mb/s",
					   "10Mb/s ",
					   "10TB/s",
					   "10KMb/s",
					   "1.5Mb/s",
					   "10Mb/s@",
					   "10Mb/s@ms",
					   "10Mb/s@1ns",
					   "10Mb/s@1mss",
					   "10Mb/s@1ms@",
					   "4294967296B/s",
					   "1B/s@4294967296us",
					   "62500,50000" };
	static const char *const odd[] = { "0Mb/s",	   "0B/s",	"1B/s@1ms",
					   "7b/s",	   "10Mb/s@0s", "10Mb/s@4295s",
					   "1B/s@999999u", "1b/s",	"4294967295GB/s@60s" };
	struct rate rate;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		print_message("\"%s\"\n", bad[i]);
		assert_int_equal(rate_parse_words(bad[i], &rate), -EINVAL);
		assert_false(rate_is_limit(&rate));
	}
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		print_message("\"%s\"\n", odd[i]);
		assert_int_equal(rate_parse_words(odd[i], &rate), -ERANGE);
		assert_false(rate_is_limit(&rate));
	}
}

static void a_word_keeps_the_rate(void **state)
{
	static const struct rate rates[] = { { 1, 1 },
					     { 62500, 50000 },
					     { UINT32_MAX, UINT32_MAX } };
	struct rate large = { 40ull << 32, 64000 }, none = { 0 }, vast = { UINT64_MAX, 1 }, back;

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		back = rate_unpack(rate_pack(&rates[i]));
		assert_int_equal(back.bytes, rates[i].bytes);
		assert_int_equal(back.usec, rates[i].usec);
	}
	back = rate_unpack(rate_pack(&large));
	assert_true(back.bytes <= UINT32_MAX);
	assert_int_equal(back.bytes * 64000, (40ull << 32) * back.usec); /* in proportion */
	assert_int_equal(rate_pack(&none), 0);
	assert_int_equal(rate_pack(&vast), 0); /* nothing is that fast: no limit */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_libxl_writes_is_read),
		cmocka_unit_test(a_zero_is_no_limit),
		cmocka_unit_test(a_bad_node_is_no_limit_and_wrong),
		cmocka_unit_test(words_mean_what_they_mean_to_xl),
		cmocka_unit_test(wrong_words_are_refused),
		cmocka_unit_test(a_word_keeps_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
