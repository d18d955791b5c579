/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netif flags <-> virtio_net_hdr (VIF.md, section 8), over frames of every
 * shape that a guest or the kernel may send, and over the same frames cut short
 * at every byte. Frames lie at the end of their allocation, so that a sanitizer
 * sees a read beyond them.
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

#include <linux/if_tun.h>

#include "packet.h"
#include "proto/checksum.h"
#include "proto/headers.h"
#include "proto/offload.h"

/* Packets whose headers can be found. */
static const struct packet_shape found[] = {
	{ "tcp4", 0, 4, 0, 0, 0, 6, 0, 100 },
	{ "tcp4, no payload", 0, 4, 0, 0, 0, 6, 0, 0 },
	{ "tcp4, odd payload", 0, 4, 0, 0, 0, 6, 12, 1447 },
	{ "tcp4, all options", 0, 4, 40, 0, 0, 6, 40, 1000 },
	{ "tcp4, don't fragment", 0, 4, 0, 0, 0x4000, 6, 12, 9 },
	{ "tcp4, one tag", 1, 4, 0, 0, 0, 6, 12, 500 },
	{ "tcp4, two tags", 2, 4, 8, 0, 0, 6, 12, 500 },
	{ "udp4", 0, 4, 0, 0, 0, 17, 0, 33 },
	{ "udp4, nothing in it", 0, 4, 0, 0, 0, 17, 0, 0 },
	{ "udp4, tag", 1, 4, 4, 0, 0, 17, 0, 8 },
	{ "tcp6", 0, 6, 0, 0, 0, 6, 12, 1001 },
	{ "tcp6, tags", 2, 6, 0, 0, 0, 6, 0, 5 },
	{ "tcp6, hop-by-hop", 0, 6, 1, 0, 0, 6, 0, 50 },
	{ "tcp6, routing", 0, 6, 2, 43, 0, 6, 0, 50 },
	{ "tcp6, destination", 0, 6, 8, 60, 0, 6, 40, 50 },
	{ "udp6, authentication", 0, 6, 1, 51, 0, 17, 0, 50 },
	{ "udp6", 0, 6, 0, 0, 0, 17, 0, 1472 },
};

/* Packets in which there is nothing to be found. */
static const struct packet_shape lost[] = {
	{ "arp", 0, 0, 0, 0, 0, 0, 0, 46 },
	{ "three tags", 3, 4, 0, 0, 0, 6, 0, 100 },
	{ "icmp", 0, 4, 0, 0, 0, 1, 0, 100 },
	{ "icmp6", 0, 6, 0, 0, 0, 58, 0, 100 },
	{ "sctp", 0, 4, 0, 0, 0, 132, 0, 100 },
	{ "gre", 0, 4, 0, 0, 0, 47, 0, 100 },
	{ "tcp4, first fragment", 0, 4, 0, 0, 0x2000, 6, 0, 100 },
	{ "tcp4, later fragment", 0, 4, 0, 0, 0x0010, 6, 0, 100 },
	{ "tcp6, fragment", 0, 6, 0, 0, 1, 6, 0, 100 },
	{ "udp6, fragment after hop-by-hop", 0, 6, 1, 0, 1, 17, 0, 100 },
	{ "tcp6, nine extension headers", 0, 6, 9, 60, 0, 6, 0, 100 },
	{ "ipv6 without a next header", 0, 6, 0, 0, 0, 59, 0, 100 },
};

#define COUNT(array)   ((sizeof(array) / sizeof((array)[0])))
#define EACH(i, array) for (size_t i = 0; i < COUNT(array); i++)
#define ALL_FEATURES                                     \
	{                                                \
		true, true, true, true, true, true, true \
	}

static uint8_t scratch[PACKET_MAX];
static uint8_t *heap;

/* The packet in an allocation of exactly len bytes (at least one). */
static struct packet build(const struct packet_shape *shape)
{
	struct packet packet = packet_build(shape, scratch);

	free(heap);
	heap = malloc(packet.len);
	assert_non_null(heap);
	memcpy(heap, scratch, packet.len);
	packet.bytes = heap;
	return packet;
}

static struct from_guest_plan plan_from(const struct packet *packet, bool blank, uint8_t gso)
{
	return (struct from_guest_plan){ .len = packet->len,
					 .csum_blank = blank,
					 .data_validated = blank,
					 .gso_type = gso,
					 .gso_size = gso ? 100 : 0 };
}

static bool is_tcp(const struct packet_shape *shape)
{
	return shape->protocol == 6;
}

static void checksums_are_the_simple_ones(void **state)
{
	static const size_t sizes[] = { 0,  1,	2,  3,	7,  8,	 9,    15,   16,
					17, 20, 63, 64, 65, 100, 1499, 1500, 65535 };
	uint32_t seed = 1;

	for (unsigned round = 0; round < 4; round++) {
		for (size_t i = 0; i < sizeof(scratch); i++) {
			seed = seed * 1664525 + 1013904223;
			/* All ones make the most carries. */
			scratch[i] = round == 0 ? 0xff : round == 1 ? 0 : (uint8_t)(seed >> 24);
		}
		EACH(i, sizes)
		{
			for (uint32_t at = 0; at < 9; at++) {
				uint16_t sum =
					checksum_fold(checksum_add(0, scratch + at, sizes[i]));
				uint32_t simple =
					packet_sum(scratch, at, at + (uint32_t)sizes[i], 0);

				assert_int_equal(packet_get16((uint8_t *)&sum), simple);
			}
		}
	}
	assert_int_equal(checksum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(checksum_fold(0x10000), 1);
}

static void headers_are_found(void **state)
{
	EACH(i, found)
	{
		struct packet packet = build(&found[i]);
		struct headers headers;

		if (headers_find(packet.bytes, packet.len, &headers))
			fail_msg("%s: not found", found[i].name);
		assert_int_equal(headers.vlan_tags, found[i].vlan_tags);
		assert_int_equal(headers.ip_version, found[i].ip_version);
		assert_int_equal(headers.protocol, found[i].protocol);
		assert_int_equal(headers.network, packet.network);
		assert_int_equal(headers.transport, packet.transport);
		assert_int_equal(headers.end, packet.end);
		assert_int_equal(headers.transport + headers.csum_offset, packet.csum);
	}
	EACH(i, lost)
	{
		struct packet packet = build(&lost[i]);
		struct headers headers;

		if (!headers_find(packet.bytes, packet.len, &headers))
			fail_msg("%s: found", lost[i].name);
	}
}

/* Every header cut short at every byte. */
static void cut_headers_are_not_found(void **state)
{
	EACH(i, found)
	{
		uint32_t end = build(&found[i]).end;

		for (uint32_t len = 14; len < end; len++) {
			uint8_t *cut = malloc(len);
			struct headers headers;
			int ret;

			memcpy(cut, heap, len);
			ret = headers_find(cut, len, &headers);
			free(cut);
			if (ret != -EINVAL)
				fail_msg("%s: found in %u of %u bytes", found[i].name, len, end);
		}
	}
}

/* Lengths inside the headers that don't fit: header too short, or longer than the frame. */
static void lying_headers_are_not_found(void **state)
{
	static const struct {
		size_t shape;
		uint32_t at; /* bytes after the beginning of the frame */
		uint8_t value;
	} lies[] = {
		{ 0, 14, 0x44 },	  { 0, 14, 0x40 },	     { 0, 14, 0x55 },
		{ 0, 14, 0x65 },	  { 1, 14, 0x46 },	     { 0, 14 + 20 + 12, 0x40 },
		{ 0, 14 + 20 + 12, 0 },	  { 1, 14 + 20 + 12, 0x60 }, { 10, 14, 0x50 },
		{ 10, 14, 0x40 },	  { 12, 14 + 40 + 1, 255 },  { 15, 14 + 40 + 1, 255 },
		{ 13, 14 + 40 + 17, 20 },
	};

	EACH(i, lies)
	{
		struct packet packet = build(&found[lies[i].shape]);
		struct headers headers;

		packet.bytes[lies[i].at] = lies[i].value;
		if (!headers_find(packet.bytes, packet.len, &headers))
			fail_msg("lie %zu is believed", i);
	}
}

static void plain_frames_from_the_guest_are_not_looked_into(void **state)
{
	static const struct virtio_net_hdr zero;
	uint8_t frame[14] = { 0 };

	for (unsigned validated = 0; validated < 2; validated++) {
		struct from_guest_plan plan = { .len = 14, .data_validated = validated };
		struct virtio_net_hdr vnet, expected = zero;
		bool fixed = true;

		expected.flags = validated ? VIRTIO_NET_HDR_F_DATA_VALID : 0;
		memset(&vnet, 0xee, sizeof(vnet));
		assert_int_equal(offload_from_guest(&plan, frame, &vnet, &fixed), 0);
		assert_memory_equal(&vnet, &expected, sizeof(vnet));
		assert_false(fixed);
	}
}

static void blank_checksums_from_the_guest_get_their_offsets(void **state)
{
	EACH(i, found)
	{
		struct packet packet = build(&found[i]);
		struct from_guest_plan plan = plan_from(&packet, true, 0);
		struct virtio_net_hdr vnet;
		bool fixed = true;

		packet_blank(&packet);
		memcpy(scratch, packet.bytes, packet.len);
		assert_int_equal(offload_from_guest(&plan, packet.bytes, &vnet, &fixed), 0);
		assert_int_equal(vnet.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(vnet.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		assert_int_equal(vnet.gso_size, 0);
		assert_int_equal(vnet.hdr_len, packet.end);
		assert_int_equal(vnet.csum_start, packet.transport);
		assert_int_equal(vnet.csum_start + vnet.csum_offset, packet.csum);
		assert_false(fixed);
		assert_memory_equal(scratch, packet.bytes, packet.len);
	}
}

static void blank_checksums_that_cannot_be_are_refused(void **state)
{
	EACH(i, lost)
	{
		for (uint8_t gso = 0; gso <= 2; gso++) {
			struct packet packet = build(&lost[i]);
			struct from_guest_plan plan = plan_from(&packet, true, gso);
			struct virtio_net_hdr vnet;
			bool fixed;

			assert_int_equal(offload_from_guest(&plan, packet.bytes, &vnet, &fixed),
					 -EINVAL);
			assert_false(fixed);
		}
	}
}

/* GSO of each type with each packet: only TCP over the version that it says. */
static void gso_from_the_guest_is_tcp_over_what_it_says(void **state)
{
	EACH(i, found)
	{
		for (uint8_t gso = 1; gso <= 2; gso++) {
			struct packet packet = build(&found[i]);
			struct from_guest_plan plan = plan_from(&packet, true, gso);
			bool fits =
				is_tcp(&found[i]) && found[i].ip_version == (gso == 1 ? 4u : 6u);
			struct virtio_net_hdr vnet;
			bool fixed;
			int ret = offload_from_guest(&plan, packet.bytes, &vnet, &fixed);

			if (ret != (fits ? 0 : -EINVAL))
				fail_msg("%s as GSO type %u: %d", found[i].name, gso, ret);
			assert_false(fixed);
			if (!fits)
				continue;
			assert_int_equal(vnet.gso_type, gso == 1 ? VIRTIO_NET_HDR_GSO_TCPV4
								 : VIRTIO_NET_HDR_GSO_TCPV6);
			assert_int_equal(vnet.gso_size, 100);
			assert_int_equal(vnet.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
			assert_int_equal(vnet.hdr_len, packet.end);
			assert_int_equal(vnet.csum_start, packet.transport);
		}
	}
}

static void gso_without_a_blank_checksum_is_mended(void **state)
{
	EACH(i, found)
	{
		struct packet packet = build(&found[i]);
		struct from_guest_plan plan =
			plan_from(&packet, false, found[i].ip_version == 4 ? 1 : 2);
		struct virtio_net_hdr vnet;
		bool fixed;

		if (!is_tcp(&found[i]))
			continue;
		packet_put16(packet.bytes + packet.csum, 0xdead);
		assert_int_equal(offload_from_guest(&plan, packet.bytes, &vnet, &fixed), 0);
		assert_true(fixed);
		assert_int_equal(vnet.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(packet_get16(packet.bytes + packet.csum), packet_pseudo(&packet));
	}
}

static enum offload_verdict to_guest(const struct vif_features *features, struct packet *packet,
				     const struct virtio_net_hdr *vnet, struct to_guest_plan *plan,
				     bool *computed)
{
	memset(plan, 0xee, sizeof(*plan));
	plan->len = packet->len;
	*computed = true;
	return offload_to_guest(features, vnet, packet->bytes, plan, computed);
}

static struct virtio_net_hdr vnet_of(const struct packet *packet, uint8_t flags, uint8_t gso)
{
	return (struct virtio_net_hdr){
		.flags = flags,
		.gso_type = gso,
		.hdr_len = (uint16_t)packet->end,
		.gso_size = (gso & ~VIRTIO_NET_HDR_GSO_ECN) ? 100 : 0,
		.csum_start = (uint16_t)packet->transport,
		.csum_offset = (uint16_t)(packet->csum - packet->transport),
	};
}

static void assert_plain(const struct to_guest_plan *plan)
{
	assert_int_equal(plan->gso_type, XEN_NETIF_GSO_TYPE_NONE);
	assert_int_equal(plan->gso_size, 0);
	assert_int_equal(plan->slots, (plan->len + 4095) / 4096);
}

static void complete_frames_pass_as_they_are(void **state)
{
	const struct vif_features features = { 0 };

	EACH(i, found)
	{
		for (unsigned valid = 0; valid < 2; valid++) {
			struct packet packet = build(&found[i]);
			struct virtio_net_hdr vnet = { .flags = valid ? VIRTIO_NET_HDR_F_DATA_VALID
								      : 0 };
			struct to_guest_plan plan;
			bool computed;

			memcpy(scratch, packet.bytes, packet.len);
			assert_int_equal(to_guest(&features, &packet, &vnet, &plan, &computed),
					 OFFLOAD_OK);
			assert_false(plan.csum_blank || computed);
			assert_int_equal(plan.data_validated, valid);
			assert_plain(&plan);
			assert_memory_equal(scratch, packet.bytes, packet.len);
		}
	}
}

/* A blank checksum stays blank exactly where the guest can take it, and is right elsewhere. */
static void blank_checksums_stay_blank_or_become_right(void **state)
{
	EACH(i, found)
	{
		for (unsigned bits = 0; bits < 4; bits++) {
			const struct vif_features features = { .csum_ipv4 = bits & 1,
							       .csum_ipv6 = bits & 2 };
			bool takes = found[i].vlan_tags == 0 &&
				     (bits & (found[i].ip_version == 4 ? 1 : 2));
			struct packet packet = build(&found[i]);
			struct virtio_net_hdr vnet =
				vnet_of(&packet, VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
			struct to_guest_plan plan;
			bool computed;

			packet_blank(&packet);
			memcpy(scratch, packet.bytes, packet.len);
			assert_int_equal(to_guest(&features, &packet, &vnet, &plan, &computed),
					 OFFLOAD_OK);
			if (plan.csum_blank != takes || computed == takes)
				fail_msg("%s, features %u: blank %d", found[i].name, bits,
					 plan.csum_blank);
			assert_int_equal(plan.data_validated, takes);
			assert_plain(&plan);
			if (takes)
				assert_memory_equal(scratch, packet.bytes, packet.len);
			else
				assert_true(packet_verifies(&packet));
		}
	}
}

/* The kernel's offsets are not where the guest would look: SCTP, tunnels, fragments. */
static void what_the_guest_would_not_find_is_computed(void **state)
{
	const struct vif_features features = ALL_FEATURES;

	EACH(i, lost)
	{
		struct packet packet = build(&lost[i]);
		struct virtio_net_hdr vnet = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					       .csum_start = (uint16_t)(packet.len - 40),
					       .csum_offset = 6 };
		struct to_guest_plan plan;
		bool computed;

		packet_put16(packet.bytes + packet.len - 34, 0);
		assert_int_equal(to_guest(&features, &packet, &vnet, &plan, &computed), OFFLOAD_OK);
		assert_true(computed);
		assert_false(plan.csum_blank || plan.data_validated);
		/* The field was 0, so that all of it now sums to all ones. */
		assert_int_equal(packet_sum(packet.bytes, packet.len - 40, packet.len, 0), 0xffff);
	}
}

static void an_inner_checksum_is_computed_in_place(void **state)
{
	static const struct packet_shape outer = { "udp4 tunnel", 0, 4, 0, 0, 0, 17, 0, 200 };
	const struct vif_features features = ALL_FEATURES;
	struct packet packet = build(&outer);
	struct virtio_net_hdr vnet = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .csum_start = 142,
				       .csum_offset = 16 };
	uint32_t before, after;
	struct to_guest_plan plan;
	bool computed;

	packet_put16(packet.bytes + 142 + 16, 0x1234);
	before = packet_sum(packet.bytes, 142, packet.len, 0);
	memcpy(scratch, packet.bytes, packet.len);
	assert_int_equal(to_guest(&features, &packet, &vnet, &plan, &computed), OFFLOAD_OK);
	assert_true(computed);
	after = packet_get16(packet.bytes + 142 + 16);
	assert_int_equal(after, 0xffff - before);
	packet_put16(packet.bytes + 142 + 16, 0x1234);
	assert_memory_equal(scratch, packet.bytes, packet.len);
}

/* 0 means "no checksum" in UDP: its other form is written. */
static void a_zero_checksum_is_written_as_all_ones(void **state)
{
	static const struct packet_shape udp4 = { "udp4", 0, 4, 0, 0, 0, 17, 0, 2 };
	static const struct packet_shape udp6 = { "udp6", 0, 6, 0, 0, 0, 17, 0, 2 };
	const struct packet_shape *const shapes[] = { &udp4, &udp6 };

	EACH(i, shapes)
	{
		const struct vif_features features = { 0 };
		struct packet packet = build(shapes[i]);
		struct virtio_net_hdr vnet = vnet_of(&packet, VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
		struct to_guest_plan plan;
		bool computed;

		/* Payload that brings the sum to all ones. */
		packet_put16(packet.bytes + packet.end, 0);
		packet_blank(&packet);
		packet_put16(packet.bytes + packet.end,
			     0xffff - packet_sum(packet.bytes, packet.transport, packet.len, 0));
		assert_int_equal(to_guest(&features, &packet, &vnet, &plan, &computed), OFFLOAD_OK);
		assert_int_equal(packet_get16(packet.bytes + packet.csum), 0xffff);
		assert_true(packet_verifies(&packet));
	}
}

/* Offsets that do not fit the frame, with and without GSO. */
static void headers_that_do_not_fit_the_frame_are_refused(void **state)
{
	static const struct packet_shape shape = { "tcp4", 0, 4, 0, 0, 0, 6, 0, 46 };
	static const struct {
		uint16_t start, offset, hdr_len;
		bool fits;
	} cases[] = {
		{ 34, 16, 54, true },	 { 34, 16, 0, true },	   { 34, 16, 100, true },
		{ 34, 16, 101, false },	 { 34, 16, 65535, false }, { 13, 16, 0, false },
		{ 0, 0, 0, false },	 { 14, 84, 0, true },	   { 14, 85, 0, false },
		{ 98, 0, 0, true },	 { 99, 0, 0, false },	   { 100, 0, 0, false },
		{ 101, 0, 0, false },	 { 65535, 0, 0, false },   { 65535, 65535, 0, false },
		{ 20, 65520, 0, false }, { 34, 65535, 0, false },
	};
	const struct vif_features features = ALL_FEATURES;

	EACH(i, cases)
	{
		struct packet packet = build(&shape);
		struct virtio_net_hdr vnet = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					       .csum_start = cases[i].start,
					       .csum_offset = cases[i].offset,
					       .hdr_len = cases[i].hdr_len };
		struct to_guest_plan plan;
		enum offload_verdict verdict;
		bool computed;

		assert_int_equal(packet.len, 100);
		verdict = to_guest(&features, &packet, &vnet, &plan, &computed);
		if (verdict != (cases[i].fits ? OFFLOAD_OK : OFFLOAD_BAD_VNET))
			fail_msg("case %zu: %d", i, verdict);
		if (!cases[i].fits)
			assert_false(computed);
	}
}

static void gso_to_the_guest_is_what_it_negotiated(void **state)
{
	EACH(i, found)
	{
		for (unsigned bits = 0; bits < 64; bits++) {
			const struct vif_features features = {
				.sg = bits & 1,
				.gso_tcpv4 = bits & 2,
				.gso_tcpv6 = bits & 4,
				.csum_ipv4 = bits & 8,
				.csum_ipv6 = bits & 16,
			};
			bool ipv4 = found[i].ip_version == 4;
			unsigned need = ipv4 ? 1 | 2 | 8 : 1 | 4 | 16;
			bool takes = (bits & need) == need && found[i].vlan_tags == 0;
			uint8_t type = ipv4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
			struct packet packet = build(&found[i]);
			struct virtio_net_hdr vnet = vnet_of(&packet, VIRTIO_NET_HDR_F_NEEDS_CSUM,
							     bits & 32 ? type | 0x80 : type);
			enum offload_verdict verdict, expected;
			struct to_guest_plan plan;
			bool computed;

			packet_blank(&packet);
			memcpy(scratch, packet.bytes, packet.len);
			verdict = to_guest(&features, &packet, &vnet, &plan, &computed);
			expected = !is_tcp(&found[i]) ? OFFLOAD_BAD_VNET
				   : takes	      ? OFFLOAD_OK
						      : OFFLOAD_SEGMENT;
			if (verdict != expected)
				fail_msg("%s, features %u: %d", found[i].name, bits, verdict);
			assert_false(computed);
			assert_memory_equal(scratch, packet.bytes, packet.len);
			if (verdict != OFFLOAD_OK)
				continue;
			assert_true(plan.csum_blank && plan.data_validated);
			assert_int_equal(plan.gso_size, 100);
			assert_int_equal(plan.gso_type, ipv4 ? 1 : 2);
			assert_int_equal(plan.slots, (plan.len + 4095) / 4096 + 1);
			assert_int_equal(packet_get16(packet.bytes + packet.csum),
					 packet_pseudo(&packet));
		}
	}
}

/* A GSO frame that the kernel holds for complete: netif has no words for that but a blank one. */
static void gso_to_the_guest_always_has_a_blank_checksum(void **state)
{
	const struct vif_features features = ALL_FEATURES;
	struct packet packet = build(&found[0]);
	struct virtio_net_hdr vnet =
		vnet_of(&packet, VIRTIO_NET_HDR_F_DATA_VALID, VIRTIO_NET_HDR_GSO_TCPV4);
	struct to_guest_plan plan;
	bool computed;

	assert_int_equal(to_guest(&features, &packet, &vnet, &plan, &computed), OFFLOAD_OK);
	assert_true(plan.csum_blank && plan.data_validated);
	assert_int_equal(packet_get16(packet.bytes + packet.csum), packet_pseudo(&packet));
}

static void wrong_gso_to_the_guest_is_refused(void **state)
{
	static const struct {
		uint8_t gso;
		uint16_t gso_size;
		int shift; /* of csum_start */
		enum offload_verdict verdict;
	} cases[] = {
		{ VIRTIO_NET_HDR_GSO_TCPV4, 0, 0, OFFLOAD_BAD_VNET },
		{ VIRTIO_NET_HDR_GSO_TCPV4, 100, 2, OFFLOAD_BAD_VNET },
		{ VIRTIO_NET_HDR_GSO_TCPV4, 100, -20, OFFLOAD_BAD_VNET },
		{ VIRTIO_NET_HDR_GSO_TCPV6, 100, 0, OFFLOAD_BAD_VNET },
		{ VIRTIO_NET_HDR_GSO_UDP, 100, 0, OFFLOAD_UNSUPPORTED },
		{ 5, 100, 0, OFFLOAD_UNSUPPORTED },
		{ 2, 100, 0, OFFLOAD_UNSUPPORTED },
		{ 0x7f, 100, 0, OFFLOAD_UNSUPPORTED },
		{ 0xff, 100, 0, OFFLOAD_UNSUPPORTED },
		{ VIRTIO_NET_HDR_GSO_TCPV4, 1, 0, OFFLOAD_OK },
		{ VIRTIO_NET_HDR_GSO_TCPV4, 65535, 0, OFFLOAD_OK },
	};
	const struct vif_features features = ALL_FEATURES;

	EACH(i, cases)
	{
		struct packet packet = build(&found[0]);
		struct virtio_net_hdr vnet =
			vnet_of(&packet, VIRTIO_NET_HDR_F_NEEDS_CSUM, cases[i].gso);
		struct to_guest_plan plan;
		bool computed;

		vnet.gso_size = cases[i].gso_size;
		vnet.csum_start = (uint16_t)(vnet.csum_start + cases[i].shift);
		if (to_guest(&features, &packet, &vnet, &plan, &computed) != cases[i].verdict)
			fail_msg("case %zu", i);
	}
}

/* netif -> virtio -> netif: what one guest says is what another guest hears. */
static void guest_to_guest_says_the_same(void **state)
{
	const struct vif_features features = ALL_FEATURES;

	EACH(i, found)
	{
		for (unsigned kind = 0; kind < 4; kind++) {
			struct packet packet = build(&found[i]);
			struct from_guest_plan from = plan_from(&packet, kind >= 2, 0);
			struct virtio_net_hdr vnet;
			struct to_guest_plan to;
			bool fixed, computed;

			if (kind == 3)
				from.gso_type = found[i].ip_version == 4 ? 1 : 2;
			if (kind == 1)
				from.data_validated = true;
			if (found[i].vlan_tags || (kind == 3 && !is_tcp(&found[i])))
				continue;
			from.gso_size = kind == 3 ? 1448 : 0;
			assert_int_equal(offload_from_guest(&from, packet.bytes, &vnet, &fixed), 0);
			assert_int_equal(to_guest(&features, &packet, &vnet, &to, &computed),
					 OFFLOAD_OK);
			assert_int_equal(to.csum_blank, from.csum_blank);
			assert_int_equal(to.data_validated, from.data_validated);
			assert_int_equal(to.gso_type, from.gso_type);
			assert_int_equal(to.gso_size, from.gso_size);
			assert_false(fixed || computed);
		}
	}
}

static void the_largest_frame_is_computed(void **state)
{
	static const struct packet_shape shape = { "largest", 0, 4,
						   0,	      0, 0,
						   6,	      0, TO_GUEST_FRAME_MAX - 54 };
	const struct vif_features features = { 0 };
	struct packet packet = build(&shape);
	struct virtio_net_hdr vnet = vnet_of(&packet, VIRTIO_NET_HDR_F_NEEDS_CSUM, 0);
	struct to_guest_plan plan;
	bool computed;

	assert_int_equal(packet.len, TO_GUEST_FRAME_MAX);
	packet_blank(&packet);
	assert_int_equal(to_guest(&features, &packet, &vnet, &plan, &computed), OFFLOAD_OK);
	assert_true(computed && packet_verifies(&packet));
	assert_int_equal(plan.slots, 17);
}

static void the_tap_offers_what_the_guest_takes(void **state)
{
	for (unsigned bits = 0; bits < 32; bits++) {
		const struct vif_features features = {
			.sg = bits & 1,
			.gso_tcpv4 = bits & 2,
			.gso_tcpv6 = bits & 4,
			.csum_ipv4 = bits & 8,
			.csum_ipv6 = bits & 16,
		};
		unsigned flags = offload_tap_flags(&features);

		assert_int_equal(flags & ~(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), 0);
		assert_int_equal(!!(flags & TUN_F_CSUM), (bits & 24) != 0);
		assert_int_equal(!!(flags & TUN_F_TSO4), (bits & 11) == 11);
		assert_int_equal(!!(flags & TUN_F_TSO6), (bits & 21) == 21);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_are_the_simple_ones),
		cmocka_unit_test(headers_are_found),
		cmocka_unit_test(cut_headers_are_not_found),
		cmocka_unit_test(lying_headers_are_not_found),
		cmocka_unit_test(plain_frames_from_the_guest_are_not_looked_into),
		cmocka_unit_test(blank_checksums_from_the_guest_get_their_offsets),
		cmocka_unit_test(blank_checksums_that_cannot_be_are_refused),
		cmocka_unit_test(gso_from_the_guest_is_tcp_over_what_it_says),
		cmocka_unit_test(gso_without_a_blank_checksum_is_mended),
		cmocka_unit_test(complete_frames_pass_as_they_are),
		cmocka_unit_test(blank_checksums_stay_blank_or_become_right),
		cmocka_unit_test(what_the_guest_would_not_find_is_computed),
		cmocka_unit_test(an_inner_checksum_is_computed_in_place),
		cmocka_unit_test(a_zero_checksum_is_written_as_all_ones),
		cmocka_unit_test(headers_that_do_not_fit_the_frame_are_refused),
		cmocka_unit_test(gso_to_the_guest_is_what_it_negotiated),
		cmocka_unit_test(gso_to_the_guest_always_has_a_blank_checksum),
		cmocka_unit_test(wrong_gso_to_the_guest_is_refused),
		cmocka_unit_test(guest_to_guest_says_the_same),
		cmocka_unit_test(the_largest_frame_is_computed),
		cmocka_unit_test(the_tap_offers_what_the_guest_takes),
	};
	int ret = cmocka_run_group_tests_name("offload", tests, NULL, NULL);

	free(heap);
	return ret;
}
