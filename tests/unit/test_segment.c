/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cutting GSO frames (VIF-8.14): what a receiver makes of the segments must be
 * what the sender meant, and each must be right by itself. Frame and segments
 * lie in allocations of their exact lengths, so that a sanitizer sees a byte
 * read or written beyond them; sums are those of packet.h.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet.h"
#include "proto/segment.h"
#include "proto/to_guest.h"

#define EACH(i, array) for (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

#define FIN_PSH 0x09u
#define CWR	0x80u
#define IP_ID	0xfffeu	    /* goes round at the third segment */
#define SEQ	0xfffff000u /* goes round after 4096 bytes */

static const struct packet_shape shapes[] = {
	{ "tcp4", 0, 4, 0, 0, 0, 6, 0, 20000 },
	{ "tcp4, timestamps", 0, 4, 0, 0, 0x4000, 6, 12, 64000 },
	{ "tcp4, all options", 0, 4, 40, 0, 0, 6, 40, 5001 },
	{ "tcp4, one tag", 1, 4, 0, 0, 0, 6, 12, 64000 },
	{ "tcp4, two tags", 2, 4, 8, 0, 0, 6, 12, 9999 },
	{ "tcp6", 0, 6, 0, 0, 0, 6, 12, 65000 },
	{ "tcp6, one tag", 1, 6, 0, 0, 0, 6, 12, 20001 },
	{ "tcp6, two tags, extensions", 2, 6, 8, 60, 0, 6, 40, 7777 },
	{ "tcp4, one byte", 1, 4, 0, 0, 0, 6, 0, 1 },
	{ "tcp6, nothing", 1, 6, 0, 0, 0, 6, 0, 0 },
};

static uint8_t scratch[PACKET_MAX];
static uint8_t *heap;

/* The packet in an allocation of its length, with numbers and flags that tell. */
static struct packet build(const struct packet_shape *shape, uint8_t flags)
{
	struct packet packet = packet_build(shape, scratch);

	if (shape->ip_version == 4)
		packet_put16(scratch + packet.network + 4, IP_ID);
	packet_put16(scratch + packet.transport + 4, SEQ >> 16);
	packet_put16(scratch + packet.transport + 6, SEQ & 0xffff);
	scratch[packet.transport + 13] = flags;
	packet_blank(&packet);
	free(heap);
	heap = malloc(packet.len);
	assert_non_null(heap);
	memcpy(heap, scratch, packet.len);
	packet.bytes = heap;
	return packet;
}

/* Segment n in an allocation of its length; the caller frees its bytes. */
static struct packet written(const struct segment_cut *cut, const struct packet *whole, uint32_t n)
{
	struct packet segment = *whole;

	segment.len = segment_len(cut, n);
	segment.bytes = malloc(segment.len);
	assert_non_null(segment.bytes);
	memset(segment.bytes, 0xa5, segment.len);
	segment_write(cut, n, segment.bytes);
	return segment;
}

static void check_ip(const struct packet *segment, const struct packet *whole, uint32_t n)
{
	const uint8_t *ip = segment->bytes + segment->network;
	uint32_t size = segment->transport - segment->network;

	if (ip[0] >> 4 == 6) {
		assert_int_equal(packet_get16(ip + 4), segment->len - segment->network - 40);
		return;
	}
	assert_int_equal(packet_get16(ip + 2), segment->len - segment->network);
	assert_int_equal(packet_get16(ip + 4), (IP_ID + n) & 0xffff);
	assert_int_equal(packet_get16(ip + 6), packet_get16(whole->bytes + whole->network + 6));
	assert_int_equal(packet_sum(ip, 0, size, 0), 0xffff);
}

/* All of the headers but lengths, numbers, flags and sums is the frame's. */
static void check_kept(const struct packet *segment, const struct packet *whole)
{
	uint8_t ours[512], theirs[512];
	uint32_t ip = whole->network, tcp = whole->transport;
	bool ipv4 = whole->bytes[ip] >> 4 == 4;

	assert_true(whole->end <= sizeof(ours));
	memcpy(ours, segment->bytes, whole->end);
	memcpy(theirs, whole->bytes, whole->end);
	memcpy(ours + ip + (ipv4 ? 2 : 4), theirs + ip + (ipv4 ? 2 : 4), ipv4 ? 4 : 2);
	if (ipv4)
		memcpy(ours + ip + 10, theirs + ip + 10, 2);
	memcpy(ours + tcp + 4, theirs + tcp + 4, 4);
	ours[tcp + 13] = theirs[tcp + 13];
	memcpy(ours + tcp + 16, theirs + tcp + 16, 2);
	assert_memory_equal(ours, theirs, whole->end);
}

static void check_segment(const struct segment_cut *cut, const struct packet *whole, uint32_t n,
			  uint32_t gso_size)
{
	struct packet segment = written(cut, whole, n);
	const uint8_t *tcp = segment.bytes + segment.transport;
	uint8_t flags = whole->bytes[whole->transport + 13];
	uint32_t at = n * gso_size, payload = segment.len - segment.end;

	if (n + 1 < cut->count)
		flags &= (uint8_t)~FIN_PSH;
	if (n > 0)
		flags &= (uint8_t)~CWR;
	check_kept(&segment, whole);
	check_ip(&segment, whole, n);
	assert_int_equal((uint32_t)packet_get16(tcp + 4) << 16 | packet_get16(tcp + 6),
			 (uint32_t)(SEQ + at));
	assert_int_equal(tcp[13], flags);
	assert_true(packet_verifies(&segment));
	assert_int_equal(payload, n + 1 < cut->count ? gso_size : whole->len - whole->end - at);
	assert_true(payload <= gso_size);
	assert_memory_equal(segment.bytes + segment.end, whole->bytes + whole->end + at, payload);
	free(segment.bytes);
}

static void segments_are_right_and_make_up_the_frame(void **state)
{
	static const uint16_t sizes[] = { 1, 7, 88, 536, 1220, 1447, 1448, 4096, 8948, 65535 };
	static const uint8_t flags[] = { 0x10, 0x18, 0x11, 0xd9, 0xff };

	EACH(i, shapes)
	{
		EACH(j, sizes)
		{
			struct packet whole =
				build(&shapes[i], flags[j % (sizeof(flags) / sizeof(flags[0]))]);
			uint32_t payload = whole.len - whole.end, total = 0;
			struct segment_cut cut;

			assert_int_equal(
				segment_init(&cut, whole.bytes, whole.len, sizes[j], 65535), 0);
			assert_int_equal(cut.count,
					 payload ? (payload + sizes[j] - 1) / sizes[j] : 1);
			/* Small segments are many, and each is summed: the ends will do. */
			for (uint32_t n = 0; n < cut.count; n++) {
				total += segment_len(&cut, n) - whole.end;
				assert_true(segment_len(&cut, n) <= segment_len(&cut, 0));
				if (n < 50 || n + 10 > cut.count)
					check_segment(&cut, &whole, n, sizes[j]);
			}
			assert_int_equal(total, payload);
			/* The frame itself is left alone. */
			assert_memory_equal(whole.bytes, scratch, whole.len);
		}
	}
}

static void the_sum_of_a_segment_is_its_own(void **state)
{
	static const uint16_t fields[] = { 0, 1, 0x7fff, 0xffff };

	/* Whatever the frame's checksums held: blank, complete or rubbish. */
	EACH(i, fields)
	{
		struct packet whole = build(&shapes[3], 0x10);
		struct segment_cut cut;

		packet_put16(whole.bytes + whole.csum, fields[i]);
		packet_put16(whole.bytes + whole.network + 10, fields[i]);
		packet_put16(whole.bytes + whole.network + 2, fields[i]);
		assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 1448, 256), 0);
		for (uint32_t n = 0; n < cut.count; n++)
			check_segment(&cut, &whole, n, 1448);
	}
}

/* A sum of 0 has two forms; ours is all ones, as everywhere here (VIF-8.9). */
static void a_zero_checksum_is_written_as_all_ones(void **state)
{
	static const struct packet_shape shape = { "tcp4", 1, 4, 0, 0, 0, 6, 0, 64 };
	struct packet whole = build(&shape, 0x10), segment;
	struct segment_cut cut;
	uint32_t sum;

	/* The urgent pointer takes what the first segment's sum lacks of all ones. */
	assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 32, 256), 0);
	segment = written(&cut, &whole, 0);
	sum = packet_get16(segment.bytes + segment.csum);
	free(segment.bytes);
	packet_put16(whole.bytes + whole.transport + 18, sum);
	segment = written(&cut, &whole, 0);
	assert_int_equal(packet_get16(segment.bytes + segment.csum), 0xffff);
	assert_true(packet_verifies(&segment));
	free(segment.bytes);
}

static void what_cannot_be_cut_is_refused(void **state)
{
	static const struct packet_shape udp = { "udp4", 1, 4, 0, 0, 0, 17, 0, 3000 };
	static const struct packet_shape arp = { "arp", 1, 0, 0, 0, 0, 0, 0, 46 };
	static const struct packet_shape fragment = { "fragment", 0, 4, 0, 0, 0x2000, 6, 0, 3000 };
	static const struct packet_shape *const wrong[] = { &udp, &arp, &fragment };
	struct segment_cut cut;

	EACH(i, wrong)
	{
		struct packet packet = packet_build(wrong[i], scratch);

		assert_int_equal(segment_init(&cut, packet.bytes, packet.len, 1000, 256), -EINVAL);
	}
	EACH(i, shapes)
	{
		struct packet whole = build(&shapes[i], 0x10);
		uint8_t *cut_off;

		assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 0, 256), -EINVAL);
		assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 1448, 0), -EINVAL);
		/* Options longer than the frame. */
		for (uint32_t len = 0; len < whole.end; len++) {
			cut_off = malloc(len + !len);
			assert_non_null(cut_off);
			memcpy(cut_off, whole.bytes, len);
			assert_int_equal(segment_init(&cut, cut_off, len, 1448, 256), -EINVAL);
			free(cut_off);
		}
		whole.bytes[whole.transport + 12] = 0x40;
		assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 1448, 256), -EINVAL);
	}
}

static void no_more_segments_than_allowed(void **state)
{
	static const struct packet_shape shape = { "tcp4", 1, 4, 0, 0, 0, 6, 12, 1000 };
	struct packet whole = build(&shape, 0x10);
	struct segment_cut cut;

	assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 100, 10), 0);
	assert_int_equal(cut.count, 10);
	assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 100, 9), -EINVAL);
	assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 99, 10), -EINVAL);
	assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 99, 11), 0);
	assert_int_equal(cut.count, 11);
	assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 1000, 1), 0);
	assert_int_equal(segment_init(&cut, whole.bytes, whole.len, 999, 1), -EINVAL);
}

/* IP counts its length in 16 bits; IPv6 leaves its own header out. */
static void no_segment_longer_than_ip_can_say(void **state)
{
	static const struct {
		struct packet_shape shape;
		uint16_t gso_size;
		int ret;
	} cases[] = {
		{ { "v4", 0, 4, 0, 0, 0, 6, 0, 65495 }, 65535, 0 },
		{ { "v4", 0, 4, 0, 0, 0, 6, 0, 65496 }, 65535, -EINVAL },
		{ { "v4", 0, 4, 0, 0, 0, 6, 0, 65496 }, 65495, 0 },
		{ { "v4", 0, 4, 0, 0, 0, 6, 0, 65496 }, 65496, -EINVAL },
		{ { "v6", 0, 6, 0, 0, 0, 6, 0, 65515 }, 65535, 0 },
		{ { "v6", 0, 6, 0, 0, 0, 6, 0, 65516 }, 65535, -EINVAL },
		{ { "v6", 0, 6, 0, 0, 0, 6, 0, 65516 }, 65515, 0 },
	};

	EACH(i, cases)
	{
		struct packet whole = build(&cases[i].shape, 0x10);
		struct segment_cut cut;
		int ret = segment_init(&cut, whole.bytes, whole.len, cases[i].gso_size, 256);

		if (ret != cases[i].ret)
			fail_msg("case %zu: %d", i, ret);
		for (uint32_t n = 0; !ret && n < cut.count; n++)
			check_segment(&cut, &whole, n, cases[i].gso_size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_right_and_make_up_the_frame),
		cmocka_unit_test(the_sum_of_a_segment_is_its_own),
		cmocka_unit_test(a_zero_checksum_is_written_as_all_ones),
		cmocka_unit_test(what_cannot_be_cut_is_refused),
		cmocka_unit_test(no_more_segments_than_allowed),
		cmocka_unit_test(no_segment_longer_than_ip_can_say),
	};
	int ret = cmocka_run_group_tests_name("segment", tests, NULL, NULL);

	free(heap);
	return ret;
}
