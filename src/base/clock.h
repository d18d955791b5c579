/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monotonic clock, in nanoseconds. Any thread. */
#ifndef XENVIFD_BASE_CLOCK_H
#define XENVIFD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_MS_IN_NS 1000000ull

static inline uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

#endif
