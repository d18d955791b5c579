/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much a guest may send: the backend's `rate` node, and the words that
 * people say it in (VIF-2.14, VIF-2.15).
 */
#ifndef XENVIFD_PROTO_RATE_H
#define XENVIFD_PROTO_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest node, two numbers of 64 and 32 bits with leading zeros to spare, with its NUL. */
#define RATE_TEXT_SIZE 48

/* So many bytes in each interval; bytes or usec 0: no limit, and then both are 0. */
struct rate {
	uint64_t bytes;
	uint32_t usec;
};

static inline bool rate_is_limit(const struct rate *rate)
{
	return rate->bytes != 0;
}

/*
 * The node's text, "<bytes>,<usec>": two decimal numbers, of 64 and 32 bits,
 * and nothing else. A zero in either is no limit. Returns 0; or -EINVAL, and
 * then *rate is no limit. Pure.
 */
int rate_parse(const char *text, struct rate *rate);

/*
 * What people write, as xl-network-configuration(5) has it: a number, G, M or K
 * (powers of 1000) if wanted, "B/s" or "b/s" for bytes or bits; then, if
 * wanted, "@" and the interval: a number and "s", "ms" or "us" (the default is
 * "@50ms"). Returns 0 and a limit; -EINVAL; -ERANGE when the interval is
 * longer than 4294 s, or the rate less than a byte each interval or more than
 * 64 bits hold. Pure.
 */
int rate_parse_words(const char *text, struct rate *rate);

/*
 * In one word of 64 bits, for handing it to another thread: 0 is no limit. What
 * is beyond 32 bits is halved together with its interval. Pure.
 */
uint64_t rate_pack(const struct rate *rate);
struct rate rate_unpack(uint64_t word);

#endif
