/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many bytes a guest may still send: the credit of one vif, which grows by
 * so many bytes each period and is bounded.
 *
 * The kernel's backend gives each queue the whole rate. Who writes a rate
 * means the vif, however many queues its guest takes, and one flow, which has
 * one queue, should reach it. So the queues share one balance. It is
 * touched only where a rate is set; without one, all that a worker does is to
 * read `rate`, which nobody writes then: such a line lies in every CPU's cache.
 *
 * Credit is asked for before a batch and taken after it. What was taken too
 * much (a frame larger than what was left, queues that asked in the same
 * moment) is debt, and comes off the next periods': so each frame passes
 * sooner or later, and what passes in the long run is exact. A queue is offered
 * its share of a period at a time, so that none takes all before the others
 * have woken.
 *
 * Nothing here reads a clock, waits or takes a lock.
 */
#ifndef XENVIFD_DATAPATH_CREDIT_H
#define XENVIFD_DATAPATH_CREDIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/rate.h"

/* Credit gathers up to this many bytes, or those of a period if that is more (as in the kernel). */
#define CREDIT_BURST_MIN 131072
/* A shorter period is made this long, and its bytes as many more: sleep is no finer. */
#define CREDIT_PERIOD_MIN_US 5000

struct credit {
	/* Immutable after connect */
	unsigned queues;

	/* Owner: control writes */
	_Atomic uint64_t rate; /* rate_pack; 0: no limit */

	/* Owner: any worker, where there is a limit; control, when it changes */
	_Atomic uint64_t since;	 /* ns: the beginning of the period that was paid for last */
	_Atomic int64_t balance; /* bytes; below 0: debt */
} __attribute__((aligned(64)));

/* Begins without a limit, for this many queues. Control thread. */
void credit_init(struct credit *credit, unsigned queues);

/* Sets the limit, or none, from now (ns) on, with one period's credit and no debt. Control thread.
 */
void credit_set(struct credit *credit, const struct rate *rate, uint64_t now);

/* Whether there is a limit. Any thread. */
static inline bool credit_is_limited(const struct credit *credit)
{
	return atomic_load_explicit(&credit->rate, memory_order_relaxed) != 0;
}

/*
 * How many bytes a queue may send at `now` (ns, of one clock that all share), 0
 * or more: a frame that begins within them passes whole. Without a limit,
 * INT64_MAX. Any worker.
 */
int64_t credit_look(struct credit *credit, uint64_t now);

/* Takes what was sent. Any worker. */
void credit_spend(struct credit *credit, uint64_t bytes);

/* The ns from `now` until credit is next added; 0: it is time, or there is no limit. Any worker. */
uint64_t credit_wait(const struct credit *credit, uint64_t now);

#endif
