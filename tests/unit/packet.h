/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames for the tests of the offloads, and a checksum that shares nothing
 * with proto/checksum.c: byte by byte, in network order, as RFC 1071 explains it.
 */
#ifndef XENVIFD_TESTS_PACKET_H
#define XENVIFD_TESTS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PACKET_MAX 66000u

struct packet_shape {
	const char *name;
	unsigned vlan_tags;   /* 0 .. 2, or 3 for one too many */
	unsigned ip_version;  /* 4, 6, or 0 for ARP */
	unsigned options;     /* bytes of IPv4 options, or number of IPv6 extension headers */
	uint8_t extension;    /* kind of these extension headers; 0 is hop-by-hop */
	uint16_t fragment;    /* IPv4: flags and offset field; IPv6: 1 adds a fragment header */
	uint8_t protocol;     /* 6, 17, or another */
	unsigned tcp_options; /* bytes */
	uint32_t payload;     /* bytes */
};

struct packet {
	uint8_t *bytes;
	uint32_t len;
	uint32_t network, transport, end;
	uint32_t csum; /* where the checksum field is, 0 when there is none */
};

static inline void packet_put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline unsigned packet_get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* The sum of bytes [from, to) as big-endian words, folded. */
static inline uint32_t packet_sum(const uint8_t *bytes, uint32_t from, uint32_t to, uint32_t sum)
{
	for (uint32_t i = from; i < to; i++) {
		sum += (i - from) % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline uint32_t packet_pseudo(const struct packet *packet)
{
	const uint8_t *ip = packet->bytes + packet->network;
	uint32_t len = packet->len - packet->transport;
	bool ipv4 = ip[0] >> 4 == 4;
	uint32_t sum = ipv4 ? packet_sum(ip, 12, 20, 0) : packet_sum(ip, 8, 40, 0);
	bool tcp = packet->csum - packet->transport == 16;

	sum += (len >> 16) + (len & 0xffff) + (tcp ? 6 : 17);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* What a receiver does: the sum over pseudo-header and all of the rest must be all ones. */
static inline bool packet_verifies(const struct packet *packet)
{
	return packet_sum(packet->bytes, packet->transport, packet->len, packet_pseudo(packet)) ==
	       0xffff;
}

static inline void packet_blank(struct packet *packet)
{
	packet_put16(packet->bytes + packet->csum, packet_pseudo(packet));
}

static inline uint32_t packet_put_vlan(uint8_t *bytes, unsigned tags)
{
	uint32_t at = 12;

	for (unsigned i = 0; i < tags; i++, at += 4) {
		packet_put16(bytes + at, i + 1 < tags ? 0x88a8 : 0x8100);
		packet_put16(bytes + at + 2, 100 + i);
	}
	return at;
}

static inline uint32_t packet_put_ipv4(const struct packet_shape *shape, uint8_t *ip)
{
	uint32_t size = 20 + shape->options;

	ip[0] = (uint8_t)(0x40 | size / 4);
	packet_put16(ip + 6, shape->fragment);
	ip[8] = 64;
	ip[9] = shape->protocol;
	memcpy(ip + 12, "\x0a\x00\x00\x01\xc0\xa8\xfe\xff", 8);
	memset(ip + 20, 1, shape->options);
	return size;
}

static inline uint32_t packet_put_ipv6(const struct packet_shape *shape, uint8_t *ip)
{
	uint32_t at = 40;
	uint8_t *next = &ip[6];

	ip[0] = 0x60;
	ip[7] = 64;
	for (unsigned i = 0; i < 32; i++)
		ip[8 + i] = (uint8_t)(0xf0 + 7 * i);
	for (unsigned i = 0; i < shape->options; i++) {
		*next = shape->extension;
		next = &ip[at];
		/* 16 bytes each: AH counts in words less two, the others in double words less one.
		 */
		ip[at + 1] = shape->extension == 51 ? 2 : 1;
		at += 16;
	}
	if (shape->fragment) {
		*next = 44;
		next = &ip[at];
		at += 8;
	}
	*next = shape->protocol;
	return at;
}

/* Builds the frame that a shape describes into bytes, which has room for PACKET_MAX. */
static inline struct packet packet_build(const struct packet_shape *shape, uint8_t *bytes)
{
	struct packet packet = { .bytes = bytes };
	uint32_t at;

	memset(bytes, 0, 400);
	memcpy(bytes, "\xfe\xff\xff\xff\xff\xff\x00\x16\x3e\x01\x02\x03", 12);
	at = packet_put_vlan(bytes, shape->vlan_tags);
	packet_put16(bytes + at, shape->ip_version == 4	  ? 0x0800
				 : shape->ip_version == 6 ? 0x86dd
							  : 0x0806);
	packet.network = at + 2;
	packet.transport = packet.network;
	if (shape->ip_version == 4)
		packet.transport += packet_put_ipv4(shape, bytes + packet.network);
	else if (shape->ip_version == 6)
		packet.transport += packet_put_ipv6(shape, bytes + packet.network);

	packet.end = packet.transport;
	if (shape->ip_version && shape->protocol == 6) {
		packet.end += 20 + shape->tcp_options;
		bytes[packet.transport + 12] = (uint8_t)((20 + shape->tcp_options) / 4 << 4);
		packet.csum = packet.transport + 16;
	} else if (shape->ip_version && shape->protocol == 17) {
		packet.end += 8;
		packet.csum = packet.transport + 6;
	}
	for (uint32_t i = 0; i < shape->payload; i++)
		bytes[packet.end + i] = (uint8_t)(i * 31 + (i >> 8));
	packet.len = packet.end + shape->payload;
	return packet;
}

#endif
