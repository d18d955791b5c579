/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the offloads in both directions: 16 bytes of flags, features and
 * virtio_net_hdr, then the frame, which is put into an allocation of its own
 * length. The model finds the headers with a cursor that only ever moves
 * forward, and sums checksums byte by byte.
 */
#include <stdbool.h>
#include <string.h>

#include "../unit/packet.h"
#include "fuzz.h"
#include "proto/offload.h"

#define CONTROL 16u

/* What the model finds: 0 or the offsets. */
struct model {
	bool found;
	unsigned tags, version, protocol;
	uint32_t network, transport, end, csum;
};

struct cursor {
	const uint8_t *bytes;
	uint32_t at, len;
	bool lost; /* something was asked for beyond the end */
};

static unsigned cursor_byte(struct cursor *cursor, uint32_t ahead)
{
	if (cursor->at + ahead >= cursor->len) {
		cursor->lost = true;
		return 0;
	}
	return cursor->bytes[cursor->at + ahead];
}

static unsigned cursor_word(struct cursor *cursor, uint32_t ahead)
{
	return cursor_byte(cursor, ahead) * 256 + cursor_byte(cursor, ahead + 1);
}

static void cursor_skip(struct cursor *cursor, uint32_t n)
{
	cursor->at += n;
	if (cursor->at > cursor->len)
		cursor->lost = true;
}

/* Steps over the IP header; the protocol, or 256 when it can't be told. */
static unsigned model_ip(struct cursor *cursor, struct model *model, unsigned type)
{
	unsigned first = cursor_byte(cursor, 0), next, size;

	model->version = first / 16;
	if (type == 0x0800 && model->version == 4) {
		unsigned fragment = cursor_word(cursor, 6), protocol = cursor_byte(cursor, 9);

		if (first % 16 < 5 || fragment & 0x2000 || fragment & 0x1fff)
			return 256;
		cursor_skip(cursor, first % 16 * 4);
		return protocol;
	}
	if (type != 0x86dd || model->version != 6)
		return 256;
	next = cursor_byte(cursor, 6);
	cursor_skip(cursor, 40);
	for (unsigned n = 0; n < 8 && !cursor->lost; n++) {
		unsigned after = 0;

		if (next != 0 && next != 43 && next != 51 && next != 60)
			break;
		after = cursor_byte(cursor, 0);
		size = cursor_byte(cursor, 1);
		cursor_skip(cursor, next == 51 ? 4 * size + 8 : 8 * size + 8);
		next = after;
	}
	return next;
}

static struct model model_find(const uint8_t *frame, uint32_t len)
{
	struct cursor cursor = { .bytes = frame, .at = 12, .len = len };
	struct model model = { 0 };
	unsigned type = cursor_word(&cursor, 0), size;

	while ((type == 0x8100 || type == 0x88a8) && model.tags < 3) {
		model.tags++;
		cursor_skip(&cursor, 4);
		type = cursor_word(&cursor, 0);
	}
	cursor_skip(&cursor, 2);
	model.network = cursor.at;
	model.protocol = model_ip(&cursor, &model, type);
	model.transport = cursor.at;
	size = model.protocol == 17 ? 8 : cursor_byte(&cursor, 12) / 16 * 4;
	if (model.protocol == 6 && size < 20)
		return model;
	model.csum = model.transport + (model.protocol == 6 ? 16 : 6);
	cursor_skip(&cursor, size);
	model.end = cursor.at;
	model.found =
		!cursor.lost && model.tags <= 2 && (model.protocol == 6 || model.protocol == 17);
	return model;
}

static uint32_t model_pseudo(const struct model *model, uint8_t *frame, uint32_t len)
{
	const struct packet packet = { .bytes = frame,
				       .len = len,
				       .network = model->network,
				       .transport = model->transport,
				       .csum = model->csum };

	return packet_pseudo(&packet);
}

/* Bytes [0, len) of both are equal but for the two at `but` (0: no exception). */
static void check_untouched(const uint8_t *before, const uint8_t *after, uint32_t len, uint32_t but)
{
	if (!but)
		but = len;
	FUZZ_CHECK(memcmp(before, after, but) == 0);
	if (but + 2 < len)
		FUZZ_CHECK(memcmp(before + but + 2, after + but + 2, len - but - 2) == 0);
}

static void run_from_guest(const uint8_t *control, const uint8_t *before, uint8_t *frame,
			   uint32_t len)
{
	struct from_guest_plan plan = { .len = len,
					.csum_blank = control[1] & 1,
					.data_validated = control[1] & 2,
					.gso_type = control[2] % 3,
					.gso_size = control[2] % 3 ? control[3] + 1 : 0 };
	struct model model = model_find(frame, len);
	bool needs = plan.csum_blank || plan.gso_type, refused, fixed;
	struct virtio_net_hdr vnet;
	int ret;

	memset(&vnet, 0xee, sizeof(vnet));
	ret = offload_from_guest(&plan, frame, &vnet, &fixed);
	refused = (needs && !model.found) ||
		  (plan.gso_type &&
		   (model.protocol != 6 || model.version != (plan.gso_type == 1 ? 4u : 6u)));
	FUZZ_CHECK((ret != 0) == refused);
	FUZZ_CHECK(fixed == (!refused && plan.gso_type && !plan.csum_blank));
	check_untouched(before, frame, len, fixed ? model.csum : 0);
	if (refused)
		return;
	if (fixed)
		FUZZ_CHECK(packet_get16(frame + model.csum) == model_pseudo(&model, frame, len));
	FUZZ_CHECK(vnet.flags == (needs ? 1 : plan.data_validated ? 2 : 0));
	FUZZ_CHECK(vnet.gso_size == plan.gso_size);
	FUZZ_CHECK(vnet.gso_type == (plan.gso_type == 2 ? 4 : plan.gso_type));
	FUZZ_CHECK(vnet.csum_start == (needs ? model.transport : 0));
	FUZZ_CHECK(vnet.csum_offset == (needs ? model.csum - model.transport : 0));
	FUZZ_CHECK(vnet.hdr_len == (needs ? model.end : 0) && vnet.hdr_len <= len);
}

struct expected {
	enum offload_verdict verdict;
	bool blank, computed, mended;
};

static struct expected model_to_guest(const struct vif_features *f,
				      const struct virtio_net_hdr *vnet, const struct model *model,
				      uint32_t len)
{
	struct expected expected = { .verdict = OFFLOAD_BAD_VNET };
	unsigned gso = vnet->gso_type & 0x7f;
	bool needs = vnet->flags & 1, four = model->version == 4;
	bool same = model->found && vnet->csum_start == model->transport &&
		    vnet->csum_start + vnet->csum_offset == (int)model->csum;
	bool csum = four ? f->csum_ipv4 : f->csum_ipv6;

	if (vnet->hdr_len > len)
		return expected;
	if (needs && (vnet->csum_start < 14 || vnet->csum_start + vnet->csum_offset + 2u > len))
		return expected;
	if (gso != 0 && gso != 1 && gso != 4) {
		expected.verdict = OFFLOAD_UNSUPPORTED;
		return expected;
	}
	if (gso == 0) {
		expected.verdict = OFFLOAD_OK;
		expected.blank = needs && same && csum && model->tags == 0;
		expected.computed = needs && !expected.blank;
		return expected;
	}
	if (!model->found || model->protocol != 6 || four != (gso == 1) || vnet->gso_size == 0 ||
	    (needs && !same))
		return expected;
	expected.verdict = OFFLOAD_SEGMENT;
	if (f->sg && csum && (four ? f->gso_tcpv4 : f->gso_tcpv6) && model->tags == 0) {
		expected.verdict = OFFLOAD_OK;
		expected.blank = true;
		expected.mended = !needs;
	}
	return expected;
}

static void check_computed(const struct virtio_net_hdr *vnet, const uint8_t *before,
			   const uint8_t *after, uint32_t len)
{
	uint32_t at = (uint32_t)vnet->csum_start + vnet->csum_offset;
	uint32_t sum = 0xffff - packet_sum(before, vnet->csum_start, len, 0);

	FUZZ_CHECK(packet_get16(after + at) == (sum ? sum : 0xffff));
	check_untouched(before, after, len, at);
}

static void run_to_guest(const uint8_t *control, const uint8_t *before, uint8_t *frame,
			 uint32_t len)
{
	const struct vif_features features = { control[1] & 1, control[1] & 2,	control[1] & 4,
					       control[1] & 8, control[1] & 16, false,
					       false };
	struct model model = model_find(frame, len);
	struct to_guest_plan plan = { .len = len };
	struct expected expected;
	struct virtio_net_hdr vnet;
	bool computed, gso;

	memcpy(&vnet, control + 6, sizeof(vnet));
	expected = model_to_guest(&features, &vnet, &model, len);
	FUZZ_CHECK(offload_to_guest(&features, &vnet, frame, &plan, &computed) == expected.verdict);
	FUZZ_CHECK(computed == expected.computed);
	if (computed)
		check_computed(&vnet, before, frame, len);
	else
		check_untouched(before, frame, len, expected.mended ? model.csum : 0);
	if (expected.verdict != OFFLOAD_OK)
		return;
	gso = vnet.gso_type & 0x7f;
	if (expected.mended)
		FUZZ_CHECK(packet_get16(frame + model.csum) == model_pseudo(&model, frame, len));
	FUZZ_CHECK(plan.csum_blank == expected.blank);
	FUZZ_CHECK(plan.data_validated == (expected.blank || ((vnet.flags & 3) == 2)));
	FUZZ_CHECK(plan.gso_size == (gso ? vnet.gso_size : 0));
	FUZZ_CHECK(plan.gso_type == (!gso ? 0 : model.version == 4 ? 1 : 2));
	FUZZ_CHECK(plan.slots == (len + 4095) / 4096 + gso);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	uint32_t len = (uint32_t)size - CONTROL,
		 max = bytes && size && bytes[0] & 1 ? FROM_GUEST_FRAME_MAX : TO_GUEST_FRAME_MAX;
	uint8_t *frame;

	if (size < CONTROL + 14)
		return 0;
	len = len > max ? max : len;
	frame = malloc(len);
	FUZZ_CHECK(frame);
	memcpy(frame, bytes + CONTROL, len);
	if (bytes[0] & 1)
		run_from_guest(bytes, bytes + CONTROL, frame, len);
	else
		run_to_guest(bytes, bytes + CONTROL, frame, len);
	free(frame);
	return 0;
}

/* Seed n: a shape, and what is said of it. */
size_t fuzz_seed(unsigned n, uint8_t *bytes)
{
	static const struct packet_shape shapes[] = {
		{ "tcp4", 0, 4, 0, 0, 0, 6, 12, 101 },
		{ "udp4", 0, 4, 8, 0, 0, 17, 0, 40 },
		{ "tcp6", 0, 6, 0, 0, 0, 6, 0, 101 },
		{ "udp6", 0, 6, 2, 60, 0, 17, 0, 40 },
		{ "tcp6 ah", 1, 6, 1, 51, 0, 6, 0, 30 },
		{ "tcp4 tags", 2, 4, 0, 0, 0, 6, 0, 30 },
		{ "tcp6 routing", 0, 6, 8, 43, 0, 6, 0, 9 },
		{ "tcp4 fragment", 0, 4, 0, 0, 1, 6, 0, 9 },
		{ "icmp", 0, 4, 0, 0, 0, 1, 0, 56 },
		{ "arp", 0, 0, 0, 0, 0, 0, 0, 46 },
	};
	static uint8_t scratch[PACKET_MAX];
	unsigned shape = n / 8, kind = n % 8;
	struct virtio_net_hdr vnet = { 0 };
	struct packet packet;

	if (shape >= sizeof(shapes) / sizeof(shapes[0]))
		return 0;
	packet = packet_build(&shapes[shape], scratch);
	memset(bytes, 0, CONTROL);
	bytes[0] = kind & 1;
	bytes[1] = kind & 4 ? 0x1f : 3;
	bytes[2] = kind & 2 ? (shapes[shape].ip_version == 4 ? 1 : 2) : 0;
	bytes[3] = 99;
	vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vnet.gso_type = bytes[2] == 2 ? 4 : bytes[2];
	vnet.gso_size = bytes[2] ? 100 : 0;
	vnet.hdr_len = (uint16_t)packet.end;
	vnet.csum_start = (uint16_t)packet.transport;
	vnet.csum_offset = (uint16_t)(packet.csum ? packet.csum - packet.transport : 2);
	memcpy(bytes + 6, &vnet, sizeof(vnet));
	memcpy(bytes + CONTROL, packet.bytes, packet.len);
	return CONTROL + packet.len;
}
