/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the histograms cost a round of a worker that has been woken: prints nanoseconds.
 *
 * Every sample of both directions is taken, which is more than most rounds do,
 * with values that go into any bucket; and the clock is read as often as the
 * worker does it. Of several measurements the median.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "stats.h"

#define ROUNDS	     1000000u
#define MEASUREMENTS 9

static struct stats stats;

static void round_sample(unsigned n)
{
	uint32_t value = n * 2654435761u >> 23; /* 0 to 511, and no predictable row of them */
	uint64_t woken = n % STATS_TIMED_WAKEUPS == 1 ? clock_now_ns() : 0;

	stats_sample_count(stats.from_guest.ring_pending, value);
	stats_sample_count(stats.from_guest.batch_frames, value & 63);
	if (woken)
		stats_sample_time(stats.from_guest.wake_to_notify, clock_now_ns() - woken);
	stats_sample_count(stats.to_guest.ring_pending, value ^ 255);
	stats_sample_count(stats.to_guest.batch_frames, value >> 3);
	if (woken)
		stats_sample_time(stats.to_guest.wake_to_notify, clock_now_ns() - woken);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	double each[MEASUREMENTS];

	for (unsigned i = 0; i < MEASUREMENTS; i++) {
		uint64_t begin = clock_now_ns();

		for (unsigned n = 0; n < ROUNDS; n++)
			round_sample(n);
		each[i] = (double)(clock_now_ns() - begin) / ROUNDS;
	}
	qsort(each, MEASUREMENTS, sizeof(each[0]), compare);
	printf("%.1f\n", each[MEASUREMENTS / 2]);
	return 0;
}
