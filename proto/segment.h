/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts a GSO frame into complete frames, for a guest that can't take it whole.
 * Pure.
 */
#ifndef XENVIFD_PROTO_SEGMENT_H
#define XENVIFD_PROTO_SEGMENT_H

#include <stdint.h>

#include "proto/headers.h"

/* A frame to be cut. The frame stays the caller's, and must stay as it is until all is written. */
struct segment_cut {
	const uint8_t *frame;
	uint32_t len; /* bytes of the frame */
	uint32_t gso_size;
	uint32_t count; /* segments, 1 .. max */
	struct headers headers;
};

/*
 * Finds out how frame[0 .. len), TCP over IPv4 or IPv6 behind up to two VLAN
 * tags, is cut into segments of gso_size bytes of payload (the last has the
 * rest; a frame without payload is one segment).
 *
 * Returns 0, or -EINVAL: no whole TCP header is found (VIF-8.1), gso_size is 0,
 * there would be more than max segments, or a segment longer than IP can say.
 * Source: VIF-8.14.
 */
int segment_init(struct segment_cut *cut, const uint8_t *frame, uint32_t len, uint16_t gso_size,
		 uint32_t max);

/* Bytes of segment n (0 .. cut->count - 1), headers included; none is longer than segment 0. */
uint32_t segment_len(const struct segment_cut *cut, uint32_t n);

/*
 * Writes segment n (0 .. cut->count - 1) to `to`, segment_len(cut, n) bytes that
 * do not overlap the frame: a complete frame with its own lengths, IPv4
 * identification, sequence number, flags, and full checksums. Source: VIF-8.14.
 */
void segment_write(const struct segment_cut *cut, uint32_t n, uint8_t *to);

#endif
