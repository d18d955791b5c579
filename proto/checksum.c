/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum.
 *
 * Carries go round in one's complement, so words of any width may be added
 * into a wide accumulator and folded at the end (RFC 1071, section 2). 32-bit
 * halves added into 64 bits can't overflow below 2^31 bytes, which leaves the
 * loop without carries: the compiler is free to unroll it.
 */
#include "proto/checksum.h"

#include <string.h>

uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len)
{
	uint8_t tail[8] = { 0 };
	uint64_t word, low = 0, high = 0;

	for (; len >= sizeof(word); data += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		low += word & 0xffffffffu;
		high += word >> 32;
	}
	memcpy(tail, data, len);
	memcpy(&word, tail, sizeof(word));
	low += word & 0xffffffffu;
	high += word >> 32;
	/* Folding here keeps room for any number of calls. */
	return sum + checksum_fold(low) + checksum_fold(high);
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffffu) + (sum >> 32);
	sum = (sum & 0xffffu) + (sum >> 16);
	sum = (sum & 0xffffu) + (sum >> 16);
	return (uint16_t)((sum & 0xffffu) + (sum >> 16));
}
