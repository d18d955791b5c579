/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum (RFC 1071): sums in host order over bytes in network
 * order, which works out the same after folding. Pure.
 */
#ifndef XENVIFD_PROTO_CHECKSUM_H
#define XENVIFD_PROTO_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Adds len bytes at data (any alignment; below 2^31) to a sum, as 16-bit words of memory
 * order; a last odd byte is padded with zero. Sums of pieces may only be
 * chained over pieces of even length.
 */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len);

/* Folds a sum to 16 bits, not inverted: what a blank checksum field holds, in memory order. */
uint16_t checksum_fold(uint64_t sum);

#endif
