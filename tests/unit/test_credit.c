/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest may still send: credit.c, by a clock of the test's own. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "datapath/credit.h"

#define MS    1000000ull
#define FRAME 1514

static struct credit credit;
static uint64_t now;

static void begin(unsigned queues, uint64_t bytes, uint32_t usec)
{
	struct rate rate = { bytes, usec };

	now = 12345678901ull;
	credit_init(&credit, queues);
	credit_set(&credit, &rate, now);
}

/* Sends frames of a size for as long as there is credit at this moment. Their bytes. */
static uint64_t send_all(unsigned size)
{
	uint64_t sent = 0;

	while (credit_look(&credit, now) > 0) {
		credit_spend(&credit, size);
		sent += size;
	}
	return sent;
}

/* Sends all it may for so many ns, sleeping as long as it is told, rounded up to step. Bytes. */
static uint64_t send_for(uint64_t ns, unsigned size, uint64_t step)
{
	uint64_t end = now + ns, sent = 0;

	while (now < end) {
		uint64_t wait;

		sent += send_all(size);
		wait = credit_wait(&credit, now);
		assert_true(wait > 0); /* else a worker would turn in circles */
		now += (wait + step - 1) / step * step;
	}
	return sent;
}

static void without_a_limit_nothing_waits(void **state)
{
	credit_init(&credit, 4);
	assert_false(credit_is_limited(&credit));
	assert_true(credit_look(&credit, 5) == INT64_MAX);
	assert_int_equal(credit_wait(&credit, 5), 0);
	begin(4, 0, 0);
	assert_false(credit_is_limited(&credit));
}

static void credit_comes_by_the_period(void **state)
{
	begin(1, 60000, 50000);
	assert_true(credit_is_limited(&credit));
	assert_int_equal(credit_look(&credit, now), 60000);
	credit_spend(&credit, 60000);
	assert_int_equal(credit_look(&credit, now), 0);
	assert_int_equal(credit_wait(&credit, now), 50 * MS);
	now += 50 * MS - 1;
	assert_int_equal(credit_look(&credit, now), 0);
	assert_int_equal(credit_wait(&credit, now), 1);
	now += 1;
	assert_int_equal(credit_wait(&credit, now), 0);
	assert_int_equal(credit_look(&credit, now), 60000);
	assert_int_equal(credit_wait(&credit, now), 50 * MS);
	credit_spend(&credit, 100); /* what is left is kept, a burst at most */
	now += 50 * MS;
	credit_look(&credit, now);
	assert_int_equal(credit.balance, 119900);
	now += 50 * MS;
	credit_look(&credit, now);
	assert_int_equal(credit.balance, 131072);
}

static void credit_is_bounded_by_the_burst(void **state)
{
	begin(1, 1000, 50000);
	now += 86400000 * MS;
	assert_in_range(send_all(FRAME), CREDIT_BURST_MIN, CREDIT_BURST_MIN + FRAME);
	begin(1, 200000, 50000); /* a period's bytes, where they are more */
	now += 86400000 * MS;
	assert_in_range(send_all(FRAME), 200000, 200000 + FRAME);
	now += 125 * MS; /* two periods and a half: the half one is not lost */
	assert_in_range(send_all(FRAME), 200000 - FRAME, 200000 + FRAME);
	assert_int_equal(credit_wait(&credit, now), 25 * MS);
}

/* The sum is right to the frame after ten minutes, of all sizes, however the sleeps are rounded. */
static void nothing_drifts(void **state)
{
	static const unsigned sizes[] = { 60, FRAME, 65535 };
	static const uint64_t steps[] = { 1, MS, 7 * MS };

	for (size_t i = 0; i < 9; i++) {
		unsigned size = sizes[i % 3];
		uint64_t sent;

		begin(1, 62500, 50000);
		sent = send_for(600000 * MS, size, steps[i / 3]);
		assert_in_range(sent, 12000 * 62500ull - 62500, 12000 * 62500ull + 62500 + size);
	}
}

static void a_frame_larger_than_the_credit_passes_in_the_end(void **state)
{
	uint64_t sent;

	begin(1, 100, 50000);
	sent = send_for(3600000 * MS, 65535, MS); /* 7.2 MB: 109 frames of 64 KiB */
	assert_in_range(sent / 65535, 109, 111);
	begin(3, 1, 4294967295);
	assert_int_equal(credit_look(&credit, now), 1);
	credit_spend(&credit, 1514);
	assert_int_equal(credit_look(&credit, now), 0);
	now += 1513 * 4294967295000ull;
	assert_int_equal(credit_look(&credit, now), 0);
	now += 4294967295000ull;
	assert_int_equal(credit_look(&credit, now), 1);
}

static void short_periods_are_made_longer_in_proportion(void **state)
{
	static const uint32_t usec[] = { 1, 3, 999, 4999, 5001 };

	for (size_t i = 0; i < 5; i++) {
		uint64_t sent, right = 10000000ull * 1250 / usec[i];

		begin(1, 1250, usec[i]);
		credit_look(&credit, now);
		assert_in_range(credit_wait(&credit, now), 5 * MS, 10 * MS);
		sent = send_for(10000 * MS, FRAME, MS);
		assert_in_range(sent, right / 100 * 97, right / 100 * 103);
	}
}

static void queues_share_one_credit(void **state)
{
	uint64_t sent = 0;

	begin(4, 62500, 50000);
	/* All look at once: none is offered more than its share. */
	for (int i = 0; i < 4; i++)
		sent += credit_look(&credit, now);
	assert_in_range(sent, 62400, 62500);
	/* One alone gets all of it. */
	assert_in_range(send_for(10000 * MS, FRAME, MS), 12400000, 12600000);
	/* What all took too much in one moment comes off the next periods'. */
	begin(64, 6250, 50000);
	for (int i = 0; i < 64; i++)
		assert_int_equal(credit_look(&credit, now), 97);
	for (int i = 0; i < 64; i++)
		credit_spend(&credit, FRAME);
	now += 50 * MS * 14;
	assert_int_equal(credit_look(&credit, now), 0);
	now += 50 * MS;
	assert_true(credit_look(&credit, now) > 0);
}

/* Of test threads: a clock that one of them moves on, and what each has sent. */
static _Atomic uint64_t ticking;
static _Atomic bool over;

static void *worker(void *arg)
{
	uint64_t *sent = arg;

	while (!atomic_load(&over)) {
		if (credit_look(&credit, atomic_load(&ticking)) == 0)
			continue;
		credit_spend(&credit, FRAME);
		*sent += FRAME;
	}
	return NULL;
}

/* Nothing is paid for twice or forgotten, whoever looks: the books are right to the byte. */
static void threads_keep_exact_books(void **state)
{
	enum { PERIODS = 4000, THREADS = 3 };
	uint64_t sent[THREADS + 1] = { 0 }, sum = 0;
	pthread_t threads[THREADS];

	begin(THREADS + 1, 3000, 5000);
	atomic_store(&ticking, now);
	atomic_store(&over, false);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, worker, &sent[i]), 0);
	for (int i = 0; i < 5 * PERIODS; i++) {
		while (credit_look(&credit, now) > 0) {
			credit_spend(&credit, FRAME);
			sent[THREADS] += FRAME;
		}
		now += MS;
		atomic_store(&ticking, now);
	}
	atomic_store(&over, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	credit_look(&credit, now);
	for (int i = 0; i <= THREADS; i++)
		sum += sent[i];
	assert_int_equal((int64_t)sum + credit.balance, 3000 * (1 + PERIODS));
	assert_in_range(sum, 3000 * PERIODS, 3000 * (1 + PERIODS) + (THREADS + 1) * FRAME);
}

static void a_clock_of_another_cpu_does_no_harm(void **state)
{
	begin(2, 1000, 50000);
	credit_spend(&credit, 1000);
	assert_int_equal(credit_look(&credit, now - 1), 0);
	assert_int_equal(credit_look(&credit, 0), 0);
	assert_int_equal(credit_look(&credit, now + 50 * MS), 500);
	assert_int_equal(credit_look(&credit, now + 50 * MS - 1), 500); /* paid for once */
	assert_int_equal(credit.balance, 1000);
	assert_int_equal(credit_wait(&credit, now + 50 * MS - 1), 50 * MS + 1);
}

static void another_rate_begins_at_once_and_without_debt(void **state)
{
	struct rate fast = { 1000000, 50000 }, slow = { 1000, 1000000 }, none = { 0 };

	begin(1, 1, 4294967295);
	credit_spend(&credit, 1000000);
	credit_set(&credit, &fast, now);
	assert_int_equal(credit_look(&credit, now), 1000000);
	credit_set(&credit, &slow, now);
	assert_int_equal(credit_look(&credit, now), 1000);
	credit_spend(&credit, 1000);
	assert_int_equal(credit_wait(&credit, now), 1000 * MS);
	credit_set(&credit, &none, now);
	assert_false(credit_is_limited(&credit));
	assert_int_equal(credit_wait(&credit, now), 0);
}

static void nothing_overflows(void **state)
{
	static const struct rate rates[] = {
		{ UINT32_MAX, 1 }, { UINT32_MAX, UINT32_MAX },
		{ 1, 1 },	   { UINT64_MAX / 2, UINT32_MAX },
		{ 1, UINT32_MAX },
	};

	for (size_t i = 0; i < 5; i++) {
		begin(1, rates[i].bytes, rates[i].usec);
		assert_true(credit_is_limited(&credit));
		for (now = 1; now < UINT64_MAX / 2; now *= 3) {
			int64_t bytes = credit_look(&credit, now);

			assert_in_range(bytes, 1, 1ull << 45);
			assert_in_range(credit.balance, bytes, 1ull << 45);
			assert_true(credit_wait(&credit, now) <= 12345678901ull + 5000000000000ull);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_limit_nothing_waits),
		cmocka_unit_test(credit_comes_by_the_period),
		cmocka_unit_test(credit_is_bounded_by_the_burst),
		cmocka_unit_test(nothing_drifts),
		cmocka_unit_test(a_frame_larger_than_the_credit_passes_in_the_end),
		cmocka_unit_test(short_periods_are_made_longer_in_proportion),
		cmocka_unit_test(queues_share_one_credit),
		cmocka_unit_test(threads_keep_exact_books),
		cmocka_unit_test(a_clock_of_another_cpu_does_no_harm),
		cmocka_unit_test(another_rate_begins_at_once_and_without_debt),
		cmocka_unit_test(nothing_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
