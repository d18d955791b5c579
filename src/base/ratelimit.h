/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many log lines something that a guest can repeat may cause. One thread at a time. */
#ifndef XENVIFD_BASE_RATELIMIT_H
#define XENVIFD_BASE_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define RATELIMIT_BURST	    20u
#define RATELIMIT_REFILL_NS (3000 * CLOCK_MS_IN_NS) /* one line each */

struct ratelimit {
	uint64_t since;	   /* clock_now_ns up to which `tokens` is counted; 0 at first */
	unsigned tokens;   /* lines that may be written now */
	unsigned withheld; /* lines not written since the last that was */
	uint64_t withheld_in_all;
};

/* Whether a line may be written now. *withheld: how many were not, before it. */
static inline bool ratelimit_take(struct ratelimit *limit, unsigned *withheld)
{
	uint64_t now = clock_now_ns();
	uint64_t earned = (now - limit->since) / RATELIMIT_REFILL_NS;

	if (limit->since == 0 || earned >= RATELIMIT_BURST - limit->tokens) {
		limit->tokens = RATELIMIT_BURST;
		limit->since = now;
	} else {
		limit->tokens += earned;
		limit->since += earned * RATELIMIT_REFILL_NS;
	}
	if (limit->tokens == 0) {
		limit->withheld++;
		limit->withheld_in_all++;
		return false;
	}
	limit->tokens--;
	*withheld = limit->withheld;
	limit->withheld = 0;
	return true;
}

#endif
