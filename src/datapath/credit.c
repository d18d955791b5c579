/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The credit of one vif.
 *
 * Whoever finds that periods are over moves `since` on by as many whole ones,
 * and who succeeds in that pays for them: so none is paid for twice, none is
 * forgotten, and nothing is rounded.
 *
 * When control sets another rate, a worker may still pay once by the former, or
 * take what it sent by it. That is less than a burst and happens once.
 */
#include "datapath/credit.h"

#define CREDIT_US_IN_NS 1000ull

/* A limit, as it is reckoned with. */
struct terms {
	uint64_t period; /* ns */
	int64_t bytes;	 /* of a period */
	int64_t burst;	 /* the most credit there is */
};

/* `word` is not 0. All fits: bytes have 32 bits, and 13 more where the period is made longer. */
static struct terms credit_terms(uint64_t word)
{
	struct rate rate = rate_unpack(word);
	uint64_t times = 1;
	struct terms terms;

	if (rate.usec < CREDIT_PERIOD_MIN_US)
		times = (CREDIT_PERIOD_MIN_US + rate.usec - 1) / rate.usec;
	terms.period = times * rate.usec * CREDIT_US_IN_NS;
	terms.bytes = (int64_t)(times * rate.bytes);
	terms.burst = terms.bytes > CREDIT_BURST_MIN ? terms.bytes : CREDIT_BURST_MIN;
	return terms;
}

void credit_init(struct credit *credit, unsigned queues)
{
	credit->queues = queues;
	atomic_init(&credit->rate, 0);
	atomic_init(&credit->since, 0);
	atomic_init(&credit->balance, 0);
}

void credit_set(struct credit *credit, const struct rate *rate, uint64_t now)
{
	uint64_t word = rate_pack(rate);

	if (word != 0) {
		atomic_store(&credit->since, now);
		atomic_store(&credit->balance, credit_terms(word).bytes);
	}
	atomic_store_explicit(&credit->rate, word, memory_order_release);
}

/* Adds the bytes of so many periods, up to the burst. */
static void credit_pay(struct credit *credit, const struct terms *terms, uint64_t periods)
{
	int64_t now = atomic_load_explicit(&credit->balance, memory_order_relaxed);
	int64_t next;

	do {
		int64_t room = terms->burst - now;

		if (room <= 0 || periods > (uint64_t)(room / terms->bytes))
			next = terms->burst;
		else
			next = now + (int64_t)periods * terms->bytes;
	} while (!atomic_compare_exchange_weak_explicit(
		&credit->balance, &now, next, memory_order_relaxed, memory_order_relaxed));
}

int64_t credit_look(struct credit *credit, uint64_t now)
{
	uint64_t word = atomic_load_explicit(&credit->rate, memory_order_acquire);
	uint64_t since = atomic_load_explicit(&credit->since, memory_order_relaxed);
	struct terms terms;
	int64_t balance, share;

	if (word == 0)
		return INT64_MAX;
	terms = credit_terms(word);
	/* `since` may be later than `now`: another worker's clock was read after ours. */
	if (now > since && now - since >= terms.period) {
		uint64_t periods = (now - since) / terms.period;

		if (atomic_compare_exchange_strong_explicit(
			    &credit->since, &since, since + periods * terms.period,
			    memory_order_relaxed, memory_order_relaxed))
			credit_pay(credit, &terms, periods);
	}
	balance = atomic_load_explicit(&credit->balance, memory_order_relaxed);
	share = terms.bytes / credit->queues;
	if (balance <= 0)
		return 0;
	if (share == 0)
		return 1;
	return balance < share ? balance : share;
}

void credit_spend(struct credit *credit, uint64_t bytes)
{
	atomic_fetch_sub_explicit(&credit->balance, (int64_t)bytes, memory_order_relaxed);
}

uint64_t credit_wait(const struct credit *credit, uint64_t now)
{
	uint64_t word = atomic_load_explicit(&credit->rate, memory_order_acquire);
	uint64_t since = atomic_load_explicit(&credit->since, memory_order_relaxed);
	uint64_t due;

	if (word == 0)
		return 0;
	due = since + credit_terms(word).period;
	return due > now ? due - now : 0;
}
