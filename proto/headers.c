/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the TCP or UDP header of a frame.
 *
 * Each layer is a step that checks that its header is whole, and says where
 * the next one begins and what it is. A step never reads beyond what it has
 * checked, and the chain of IPv6 extension headers is bounded.
 */
#include "proto/headers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <linux/if_ether.h>

#include "proto/checksum.h"

#define HEADERS_ETHERNET    14u
#define HEADERS_VLAN	    4u
#define HEADERS_VLAN_MAX    2u
#define HEADERS_IPV4	    20u
#define HEADERS_IPV6	    40u
#define HEADERS_UDP_SIZE    8u
#define HEADERS_TCP_SIZE    20u
#define HEADERS_IPV4_OFFSET 0x3fffu /* more-fragments bit and fragment offset */

/* IPv6 extension headers that say their length. */
#define HEADERS_HOP_BY_HOP  0u
#define HEADERS_ROUTING	    43u
#define HEADERS_AH	    51u
#define HEADERS_DESTINATION 60u

static uint16_t headers_get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static int headers_find_network(const uint8_t *frame, uint32_t len, struct headers *headers,
				uint16_t *type)
{
	headers->network = HEADERS_ETHERNET;
	headers->vlan_tags = 0;
	if (len < headers->network)
		return -EINVAL;
	*type = headers_get16(frame + headers->network - 2);
	while (*type == ETH_P_8021Q || *type == ETH_P_8021AD) {
		headers->network += HEADERS_VLAN;
		if (++headers->vlan_tags > HEADERS_VLAN_MAX || len < headers->network)
			return -EINVAL;
		*type = headers_get16(frame + headers->network - 2);
	}
	return 0;
}

static int headers_find_ipv4(const uint8_t *frame, uint32_t len, struct headers *headers)
{
	const uint8_t *ip = frame + headers->network;
	uint32_t size;

	if (len - headers->network < HEADERS_IPV4 || ip[0] >> 4 != 4)
		return -EINVAL;
	size = (ip[0] & 0xfu) * 4;
	if (size < HEADERS_IPV4 || len - headers->network < size)
		return -EINVAL;
	if (headers_get16(ip + 6) & HEADERS_IPV4_OFFSET)
		return -EINVAL;
	headers->ip_version = 4;
	headers->protocol = ip[9];
	headers->transport = headers->network + size;
	return 0;
}

/* Bytes of an IPv6 extension header; 0 when it is none that can be stepped over. */
static uint32_t headers_extension_size(uint8_t kind, uint8_t size)
{
	switch (kind) {
	case HEADERS_HOP_BY_HOP:
	case HEADERS_ROUTING:
	case HEADERS_DESTINATION:
		return (size + 1u) * 8;
	case HEADERS_AH:
		return (size + 2u) * 4;
	default:
		return 0;
	}
}

static int headers_find_ipv6(const uint8_t *frame, uint32_t len, struct headers *headers)
{
	uint32_t at = headers->network + HEADERS_IPV6;
	uint8_t kind;

	if (len < at || frame[headers->network] >> 4 != 6)
		return -EINVAL;
	kind = frame[headers->network + 6];
	for (unsigned n = 0; kind != HEADERS_TCP && kind != HEADERS_UDP; n++) {
		uint32_t size;

		if (n == HEADERS_IPV6_EXTENSIONS_MAX || len - at < 2)
			return -EINVAL;
		size = headers_extension_size(kind, frame[at + 1]);
		if (size == 0 || len - at < size)
			return -EINVAL;
		kind = frame[at];
		at += size;
	}
	headers->ip_version = 6;
	headers->protocol = kind;
	headers->transport = at;
	return 0;
}

static int headers_find_end(const uint8_t *frame, uint32_t len, struct headers *headers)
{
	uint32_t room = len - headers->transport, size;

	if (headers->protocol == HEADERS_UDP) {
		headers->csum_offset = 6;
		headers->end = headers->transport + HEADERS_UDP_SIZE;
		return room < HEADERS_UDP_SIZE ? -EINVAL : 0;
	}
	if (headers->protocol != HEADERS_TCP || room < HEADERS_TCP_SIZE)
		return -EINVAL;
	size = (frame[headers->transport + 12] >> 4) * 4u;
	if (size < HEADERS_TCP_SIZE || room < size)
		return -EINVAL;
	headers->csum_offset = 16;
	headers->end = headers->transport + size;
	return 0;
}

int headers_find(const uint8_t *frame, uint32_t len, struct headers *headers)
{
	uint16_t type;
	int ret = headers_find_network(frame, len, headers, &type);

	if (ret)
		return ret;
	if (type == ETH_P_IP)
		ret = headers_find_ipv4(frame, len, headers);
	else if (type == ETH_P_IPV6)
		ret = headers_find_ipv6(frame, len, headers);
	else
		ret = -EINVAL;
	return ret ? ret : headers_find_end(frame, len, headers);
}

uint16_t headers_pseudo_sum(const uint8_t *frame, uint32_t len, const struct headers *headers)
{
	const uint8_t *ip = frame + headers->network;
	uint32_t rest[2] = { htonl(len - headers->transport), htonl(headers->protocol) };
	uint64_t sum = checksum_add(0, (const uint8_t *)rest, sizeof(rest));

	/* Source and destination lie together in both headers. */
	if (headers->ip_version == 4)
		return checksum_fold(checksum_add(sum, ip + 12, 8));
	return checksum_fold(checksum_add(sum, ip + 8, 32));
}
