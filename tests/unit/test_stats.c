/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Into which bucket of a histogram a value goes: include/stats.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stats.h"

static unsigned count_bucket(uint64_t value)
{
	return stats_bucket(value, STATS_COUNTS_SHIFT, STATS_COUNTS_BUCKETS);
}

static unsigned time_bucket(uint64_t ns)
{
	return stats_bucket(ns, STATS_TIMES_SHIFT, STATS_TIMES_BUCKETS);
}

static void counts_have_a_bucket_of_their_own_for_none(void **state)
{
	assert_int_equal(count_bucket(0), 0);
	assert_int_equal(count_bucket(1), 1);
	assert_int_equal(count_bucket(2), 2);
	assert_int_equal(count_bucket(3), 3);
	assert_int_equal(count_bucket(4), 3);
	assert_int_equal(count_bucket(5), 4);
	assert_int_equal(count_bucket(64), 7);
	assert_int_equal(count_bucket(65), 8);
	assert_int_equal(count_bucket(256), 9);
	assert_int_equal(count_bucket(257), 10);
}

static void times_begin_at_a_microsecond(void **state)
{
	assert_int_equal(time_bucket(0), 0);
	assert_int_equal(time_bucket(1024), 0);
	assert_int_equal(time_bucket(1025), 1);
	assert_int_equal(time_bucket(2048), 1);
	assert_int_equal(time_bucket(1u << 28), 18);
	assert_int_equal(time_bucket((1u << 28) + 1), 19);
}

static void what_has_no_bound_goes_into_the_last(void **state)
{
	for (unsigned bit = 29; bit < 63; bit++) {
		assert_int_equal(count_bucket(1ull << bit), STATS_COUNTS_BUCKETS - 1);
		assert_int_equal(time_bucket(1ull << bit), STATS_TIMES_BUCKETS - 1);
	}
	assert_int_equal(count_bucket(INT64_MAX), STATS_COUNTS_BUCKETS - 1);
	assert_int_equal(time_bucket(INT64_MAX), STATS_TIMES_BUCKETS - 1);
}

/* A bucket's bound is the last value that is in it, for every bucket that has one. */
static void bounds_are_where_buckets_end(void **state)
{
	for (unsigned i = 0; i + 1 < STATS_COUNTS_BUCKETS; i++) {
		assert_int_equal(count_bucket(stats_bound(i, STATS_COUNTS_SHIFT)), i);
		assert_int_equal(count_bucket(stats_bound(i, STATS_COUNTS_SHIFT) + 1), i + 1);
	}
	for (unsigned i = 0; i + 1 < STATS_TIMES_BUCKETS; i++) {
		assert_int_equal(time_bucket(stats_bound(i, STATS_TIMES_SHIFT)), i);
		assert_int_equal(time_bucket(stats_bound(i, STATS_TIMES_SHIFT) + 1), i + 1);
	}
}

static void a_sample_counts_once_and_adds_to_the_sum(void **state)
{
	static struct stats stats;
	uint64_t count = 0;

	stats_sample_count(stats.from_guest.batch_frames, 64);
	stats_sample_count(stats.from_guest.batch_frames, 3);
	stats_sample_count(stats.from_guest.batch_frames, UINT32_MAX);
	stats_sample_time(stats.to_guest.wake_to_notify, 5000);
	assert_int_equal(stats_read(&stats.from_guest.batch_frames[0]), 64ull + 3 + UINT32_MAX);
	assert_int_equal(stats_read(&stats.from_guest.batch_frames[1 + 7]), 1);
	assert_int_equal(stats_read(&stats.from_guest.batch_frames[1 + 3]), 1);
	assert_int_equal(stats_read(&stats.from_guest.batch_frames[STATS_COUNTS_BUCKETS]), 1);
	assert_int_equal(stats_read(&stats.to_guest.wake_to_notify[0]), 5000);
	assert_int_equal(stats_read(&stats.to_guest.wake_to_notify[1 + 3]), 1);
	for (size_t i = 0; i < sizeof(stats) / sizeof(uint64_t); i++)
		count += ((const uint64_t *)&stats)[i];
	assert_int_equal(count, 64ull + 3 + UINT32_MAX + 3 + 5000 + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_have_a_bucket_of_their_own_for_none),
		cmocka_unit_test(times_begin_at_a_microsecond),
		cmocka_unit_test(what_has_no_bound_goes_into_the_last),
		cmocka_unit_test(bounds_are_where_buckets_end),
		cmocka_unit_test(a_sample_counts_once_and_adds_to_the_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
