/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking into packets, making some, and their checksums.
 *
 * netif says of a packet only that its checksum is blank; where TCP or UDP
 * begins is found by reading the packet. virtio_net_hdr says it in numbers.
 * Here one is turned into the other.
 */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "packet.h"

static uint16_t packet_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void packet_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* IPv4's header at ETH_HLEN: sets l4->start. */
static bool packet_skip_ipv4(const uint8_t *frame, size_t len, struct packet_l4 *l4)
{
	const uint8_t *ip = frame + ETH_HLEN;
	unsigned header = (ip[0] & 15u) * 4;

	if (len < ETH_HLEN + sizeof(struct iphdr) || ip[0] >> 4 != 4 ||
	    header < sizeof(struct iphdr))
		return false;
	if (packet_get16(ip + 6) & (IP_MF | IP_OFFMASK))
		return false;
	l4->family = 4;
	l4->protocol = ip[9];
	l4->start = (uint16_t)(ETH_HLEN + header);
	return true;
}

static bool packet_skip_ipv6(const uint8_t *frame, size_t len, struct packet_l4 *l4)
{
	size_t at = ETH_HLEN + sizeof(struct ip6_hdr);
	uint8_t next;

	if (len < at || frame[ETH_HLEN] >> 4 != 6)
		return false;
	next = frame[ETH_HLEN + 6];
	while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
		if (at + 8 > len)
			return false;
		next = frame[at];
		at += (frame[at + 1] + 1u) * 8;
	}
	l4->family = 6;
	l4->protocol = next;
	l4->start = (uint16_t)at;
	return at <= len;
}

bool packet_find_l4(const uint8_t *frame, size_t len, struct packet_l4 *l4)
{
	uint16_t type = len >= ETH_HLEN + 1 ? packet_get16(frame + 12) : 0;
	size_t need;

	if (!(type == ETHERTYPE_IP && packet_skip_ipv4(frame, len, l4)) &&
	    !(type == ETHERTYPE_IPV6 && packet_skip_ipv6(frame, len, l4)))
		return false;
	if (l4->protocol != PACKET_TCP && l4->protocol != PACKET_UDP)
		return false;
	need = l4->protocol == PACKET_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	if (l4->start + need > len)
		return false;
	if (l4->protocol == PACKET_TCP)
		need = (frame[l4->start + 12] >> 4) * 4u;
	l4->header_len = (uint16_t)(l4->start + need);
	l4->csum_offset = l4->protocol == PACKET_TCP ? offsetof(struct tcphdr, th_sum)
						     : offsetof(struct udphdr, uh_sum);
	return true;
}

static uint16_t packet_fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/*
 * The sum of len bytes as big-endian words; `odd` says that they begin at an
 * odd place of what is summed up. Words are added as they lie in memory, since
 * swapping the bytes of each word swaps those of the sum (RFC 1071).
 */
static uint64_t packet_sum(const uint8_t *at, size_t len, bool odd)
{
	uint64_t sum = 0;
	uint32_t word = 0;
	uint16_t result;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, at, len);
	result = packet_fold(sum + word);
	return odd ? __builtin_bswap16(ntohs(result)) : ntohs(result);
}

void packet_fill_checksum(const struct iovec *pieces, unsigned n, size_t start, size_t offset)
{
	uint8_t *high = NULL, *low = NULL;
	uint64_t sum = 0;
	size_t at = 0;
	uint16_t result;

	for (unsigned i = 0; i < n; at += pieces[i++].iov_len) {
		uint8_t *base = pieces[i].iov_base;
		size_t len = pieces[i].iov_len;
		size_t skip = start > at ? start - at : 0;

		if (skip < len)
			sum += packet_sum(base + skip, len - skip, (at + skip - start) & 1);
		if (start + offset >= at && start + offset < at + len)
			high = base + (start + offset - at);
		if (start + offset + 1 >= at && start + offset + 1 < at + len)
			low = base + (start + offset + 1 - at);
	}
	if (!high || !low)
		return;
	result = (uint16_t)~packet_fold(sum);
	*high = (uint8_t)((result ? result : 0xffff) >> 8);
	*low = (uint8_t)(result ? result : 0xffff);
}

static void packet_make_ipv4(const struct packet_spec *spec, uint8_t *ip, size_t len)
{
	memset(ip, 0, sizeof(struct iphdr));
	ip[0] = 0x45;
	packet_put16(ip + 2, (uint16_t)len);
	packet_put16(ip + 6, IP_DF);
	ip[8] = 64;
	ip[9] = spec->protocol;
	memcpy(ip + 12, &spec->from_ip, 4);
	memcpy(ip + 16, &spec->to_ip, 4);
	packet_put16(ip + 10, (uint16_t)~packet_fold(packet_sum(ip, sizeof(struct iphdr), false)));
}

void packet_make(const struct packet_spec *spec, uint8_t *frame, size_t len)
{
	uint8_t *ip = frame + ETH_HLEN, *l4 = ip + sizeof(struct iphdr);
	size_t l4_len = len - ETH_HLEN - sizeof(struct iphdr);
	bool tcp = spec->protocol == PACKET_TCP;
	size_t header = tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	uint16_t pseudo;

	memcpy(frame, spec->to_mac, 6);
	memcpy(frame + 6, spec->from_mac, 6);
	packet_put16(frame + 12, ETHERTYPE_IP);
	packet_make_ipv4(spec, ip, len - ETH_HLEN);
	memset(l4, 0, header);
	packet_put16(l4, spec->from_port);
	packet_put16(l4 + 2, spec->to_port);
	if (tcp) {
		l4[12] = (sizeof(struct tcphdr) / 4) << 4;
		l4[13] = TH_ACK;
		packet_put16(l4 + 14, 0xffff);
	} else {
		packet_put16(l4 + 4, (uint16_t)l4_len);
	}
	for (size_t i = header; i < l4_len; i++)
		l4[i] = (uint8_t)(i - header);
	pseudo = packet_fold(packet_sum(ip + 12, 8, false) + spec->protocol + l4_len);
	packet_put16(l4 + (tcp ? offsetof(struct tcphdr, th_sum) : offsetof(struct udphdr, uh_sum)),
		     pseudo);
}
