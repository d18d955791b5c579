/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts a GSO frame into complete frames.
 *
 * Each segment is a copy of all headers and a piece of the payload, and then
 * the headers are mended layer by layer: the length and (IPv4) identification
 * and checksum of IP, the sequence number, flags and checksum of TCP. The
 * checksum comes last and is summed over the finished segment, so nothing of
 * what the frame's own checksum fields held is needed or believed.
 *
 * Rules: VIF.md, section 8.
 */
#include "proto/segment.h"

#include <errno.h>
#include <string.h>

#include "proto/checksum.h"

#define SEGMENT_IP_MAX	    65535u
#define SEGMENT_IPV6_HEADER 40u

#define SEGMENT_TCP_FIN 0x01u
#define SEGMENT_TCP_PSH 0x08u
#define SEGMENT_TCP_CWR 0x80u

static void segment_put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void segment_put32(uint8_t *at, uint32_t value)
{
	segment_put16(at, value >> 16);
	segment_put16(at + 2, value);
}

static uint32_t segment_get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t segment_get32(const uint8_t *at)
{
	return segment_get16(at) << 16 | segment_get16(at + 2);
}

/* What the length field of IP says of a segment of len bytes: without IPv6's own header. */
static uint32_t segment_ip_len(const struct headers *headers, uint32_t len)
{
	return len - headers->network - (headers->ip_version == 6 ? SEGMENT_IPV6_HEADER : 0);
}

int segment_init(struct segment_cut *cut, const uint8_t *frame, uint32_t len, uint16_t gso_size,
		 uint32_t max)
{
	uint32_t payload;

	if (gso_size == 0 || headers_find(frame, len, &cut->headers) ||
	    cut->headers.protocol != HEADERS_TCP)
		return -EINVAL;
	payload = len - cut->headers.end;
	cut->frame = frame;
	cut->len = len;
	cut->gso_size = gso_size;
	cut->count = payload ? (payload - 1) / gso_size + 1 : 1;
	if (cut->count > max || segment_ip_len(&cut->headers, segment_len(cut, 0)) > SEGMENT_IP_MAX)
		return -EINVAL;
	return 0;
}

uint32_t segment_len(const struct segment_cut *cut, uint32_t n)
{
	if (n + 1 < cut->count)
		return cut->headers.end + cut->gso_size;
	return cut->len - n * cut->gso_size;
}

static void segment_mend_ip(const struct segment_cut *cut, uint32_t n, uint8_t *ip)
{
	uint32_t size = cut->headers.transport - cut->headers.network;
	uint32_t len = segment_ip_len(&cut->headers, segment_len(cut, n));
	uint16_t sum;

	if (cut->headers.ip_version == 6) {
		segment_put16(ip + 4, len);
		return;
	}
	segment_put16(ip + 2, len);
	segment_put16(ip + 4, segment_get16(ip + 4) + n);
	segment_put16(ip + 10, 0);
	sum = (uint16_t)~checksum_fold(checksum_add(0, ip, size));
	memcpy(ip + 10, &sum, sizeof(sum));
}

static void segment_mend_tcp(const struct segment_cut *cut, uint32_t n, uint8_t *tcp)
{
	segment_put32(tcp + 4, segment_get32(tcp + 4) + n * cut->gso_size);
	if (n > 0)
		tcp[13] &= (uint8_t)~SEGMENT_TCP_CWR;
	if (n + 1 < cut->count)
		tcp[13] &= (uint8_t) ~(SEGMENT_TCP_FIN | SEGMENT_TCP_PSH);
}

static void segment_complete_csum(const struct segment_cut *cut, uint8_t *to, uint32_t len)
{
	uint8_t *tcp = to + cut->headers.transport;
	uint64_t pseudo = headers_pseudo_sum(to, len, &cut->headers);
	uint16_t sum;

	segment_put16(tcp + cut->headers.csum_offset, 0);
	sum = (uint16_t)~checksum_fold(checksum_add(pseudo, tcp, len - cut->headers.transport));
	if (sum == 0)
		sum = 0xffff; /* VIF-8.9 */
	memcpy(tcp + cut->headers.csum_offset, &sum, sizeof(sum));
}

void segment_write(const struct segment_cut *cut, uint32_t n, uint8_t *to)
{
	const struct headers *headers = &cut->headers;
	uint32_t len = segment_len(cut, n);

	memcpy(to, cut->frame, headers->end);
	memcpy(to + headers->end, cut->frame + headers->end + n * cut->gso_size,
	       len - headers->end);
	segment_mend_ip(cut, n, to + headers->network);
	segment_mend_tcp(cut, n, to + headers->transport);
	segment_complete_csum(cut, to, len);
}
