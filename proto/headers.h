/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the TCP or UDP header of a frame: Ethernet, up to two VLAN tags, IPv4
 * with options or IPv6 with extension headers. Every byte is hostile, every
 * length is checked against the frame. Pure.
 */
#ifndef XENVIFD_PROTO_HEADERS_H
#define XENVIFD_PROTO_HEADERS_H

#include <stdint.h>

/* Extension headers that are followed before a packet is given up (a limit of ours). */
#define HEADERS_IPV6_EXTENSIONS_MAX 8

#define HEADERS_TCP 6u
#define HEADERS_UDP 17u

struct headers {
	unsigned vlan_tags;   /* 0 .. 2 */
	unsigned ip_version;  /* 4 or 6 */
	uint32_t network;     /* where the IP header begins, bytes into the frame */
	uint32_t transport;   /* where the TCP or UDP header begins */
	uint32_t end;	      /* where the TCP or UDP header ends, options included; <= len */
	uint32_t csum_offset; /* of the checksum field, bytes into the TCP or UDP header */
	uint8_t protocol;     /* HEADERS_TCP or HEADERS_UDP */
};

/*
 * Returns 0 when frame[0 .. len) begins with the headers of an unfragmented
 * TCP or UDP packet, all of them whole; else -EINVAL. The length fields of IP
 * and UDP are not looked at (VIF-8.3).
 */
int headers_find(const uint8_t *frame, uint32_t len, struct headers *headers);

/*
 * The folded sum of the pseudo-header, in memory order, for a frame of len
 * bytes whose TCP or UDP part reaches to the end of the frame: what a blank
 * checksum field must hold.
 */
uint16_t headers_pseudo_sum(const uint8_t *frame, uint32_t len, const struct headers *headers);

#endif
