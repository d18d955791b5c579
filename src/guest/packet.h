/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking into packets, making some, and their checksums. Pure; any thread. */
#ifndef XENVIFD_GUEST_PACKET_H
#define XENVIFD_GUEST_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define PACKET_TCP 6
#define PACKET_UDP 17

struct packet_l4 {
	unsigned family;      /* 4 or 6 */
	uint8_t protocol;     /* PACKET_TCP or PACKET_UDP */
	uint16_t start;	      /* bytes from the frame's begin to the TCP or UDP header */
	uint16_t csum_offset; /* bytes from there to its checksum */
	uint16_t header_len;  /* bytes of all headers, TCP's or UDP's included */
};

/*
 * Finds the TCP or UDP header of an untagged, unfragmented IPv4 or IPv6 frame,
 * past IPv6 extension headers, as a backend does that gets no offset. `len` is
 * of what lies in one piece; false when it is something else or cut short.
 */
bool packet_find_l4(const uint8_t *frame, size_t len, struct packet_l4 *l4);

/* Completes a checksum whose field holds the pseudo-header's sum, as NEEDS_CSUM means it. */
void packet_fill_checksum(const struct iovec *pieces, unsigned n, size_t start, size_t offset);

struct packet_spec {
	uint8_t to_mac[6], from_mac[6];
	uint32_t to_ip, from_ip; /* IPv4, network byte order */
	uint16_t from_port, to_port;
	uint8_t protocol; /* PACKET_TCP or PACKET_UDP */
};

#define PACKET_UDP_MIN 42u /* bytes of headers */
#define PACKET_TCP_MIN 54u

/*
 * Writes an IPv4 frame of len bytes (PACKET_*_MIN .. 65535) into one piece of
 * memory; the payload counts up from 0. Its checksum field holds the
 * pseudo-header's sum (a blank checksum); packet_fill_checksum completes it.
 */
void packet_make(const struct packet_spec *spec, uint8_t *frame, size_t len);

#endif
