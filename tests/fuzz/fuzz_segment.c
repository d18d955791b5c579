/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the cutting of GSO frames: 4 bytes of segment size and limit, then the
 * frame, which is put into an allocation of its own length, as each segment is.
 * Where the headers are is taken from headers.h, which fuzz_offload holds
 * against a model; the model here is a receiver: it puts the payload together
 * by sequence numbers, undoes what a segment may change, and sums byte by byte.
 */
#include <stdbool.h>
#include <string.h>

#include "../unit/packet.h"
#include "fuzz.h"
#include "proto/segment.h"
#include "proto/to_guest.h"

#define CONTROL 4u
/* Segments of a run that are written: the sums are slow. */
#define WRITTEN_MAX 40u

struct input {
	const uint8_t *frame;
	uint32_t len, gso_size, max;
	struct headers headers;
};

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)packet_get16(at) << 16 | packet_get16(at + 2);
}

static bool is_ipv4(const struct input *input)
{
	return input->headers.ip_version == 4;
}

/* How many segments there must be; 0 when the frame must be refused. */
static uint32_t model_count(struct input *input)
{
	uint32_t longest, count = 1;

	if (!input->gso_size || headers_find(input->frame, input->len, &input->headers) ||
	    input->headers.protocol != 6)
		return 0;
	longest = input->len - input->headers.end;
	for (uint32_t left = longest; left > input->gso_size; left -= input->gso_size)
		count++;
	longest = longest > input->gso_size ? input->gso_size : longest;
	longest += input->headers.end - input->headers.network - (is_ipv4(input) ? 0 : 40);
	return count > input->max || longest > 65535 ? 0 : count;
}

/* The header bytes that a segment has of its own are given back the frame's. */
static void model_undo(const struct input *input, uint8_t *bytes)
{
	uint32_t ip = input->headers.network, tcp = input->headers.transport;

	memcpy(bytes + ip + 4, input->frame + ip + 4, 2);
	if (is_ipv4(input)) {
		memcpy(bytes + ip + 2, input->frame + ip + 2, 2);
		memcpy(bytes + ip + 10, input->frame + ip + 10, 2);
	}
	memcpy(bytes + tcp + 4, input->frame + tcp + 4, 4);
	bytes[tcp + 13] = input->frame[tcp + 13];
	memcpy(bytes + tcp + 16, input->frame + tcp + 16, 2);
}

static void check_headers(const struct input *input, uint8_t *bytes, uint32_t len, uint32_t n,
			  bool last)
{
	const struct headers *h = &input->headers;
	const struct packet packet = { .bytes = bytes,
				       .len = len,
				       .network = h->network,
				       .transport = h->transport,
				       .csum = h->transport + 16 };
	const uint8_t *ip = bytes + h->network, *was = input->frame + h->network;
	unsigned flags = input->frame[h->transport + 13];

	if (is_ipv4(input)) {
		FUZZ_CHECK(packet_get16(ip + 2) == len - h->network);
		FUZZ_CHECK(packet_get16(ip + 4) == ((packet_get16(was + 4) + n) & 0xffff));
		FUZZ_CHECK(packet_sum(ip, 0, h->transport - h->network, 0) == 0xffff);
	} else {
		FUZZ_CHECK(packet_get16(ip + 4) == len - h->network - 40);
	}
	FUZZ_CHECK(bytes[h->transport + 13] == (flags & (last ? 0xff : 0xf6) & (n ? 0x7f : 0xff)));
	FUZZ_CHECK(packet_verifies(&packet));
}

/* Checks segment n; returns the bytes of payload that it brought. */
static uint32_t check_segment(const struct input *input, const struct segment_cut *cut, uint32_t n)
{
	const struct headers *h = &input->headers;
	uint32_t len = segment_len(cut, n), payload, at;
	uint8_t *bytes;

	FUZZ_CHECK(len >= h->end && len <= h->end + input->gso_size);
	bytes = malloc(len);
	FUZZ_CHECK(bytes);
	memset(bytes, 0xa5, len);
	segment_write(cut, n, bytes);
	payload = len - h->end;
	at = get32(bytes + h->transport + 4) - get32(input->frame + h->transport + 4);
	FUZZ_CHECK(at == n * input->gso_size && at + payload <= input->len - h->end);
	FUZZ_CHECK(memcmp(bytes + h->end, input->frame + h->end + at, payload) == 0);
	check_headers(input, bytes, len, n, n + 1 == cut->count);
	model_undo(input, bytes);
	FUZZ_CHECK(memcmp(bytes, input->frame, h->end) == 0);
	free(bytes);
	return payload;
}

static void run(struct input *input)
{
	uint32_t count = model_count(input), total = 0;
	struct segment_cut cut;
	int ret =
		segment_init(&cut, input->frame, input->len, (uint16_t)input->gso_size, input->max);

	FUZZ_CHECK((ret == 0) == (count > 0));
	if (ret)
		return;
	FUZZ_CHECK(cut.count == count);
	for (uint32_t n = 0; n < count; n++) {
		if (n < WRITTEN_MAX || n + 1 == count)
			total += check_segment(input, &cut, n);
		else
			total += segment_len(&cut, n) - input->headers.end;
	}
	FUZZ_CHECK(total == input->len - input->headers.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { 0 };
	uint8_t *frame;

	if (size < CONTROL + 14)
		return 0;
	input.gso_size = packet_get16(bytes);
	input.max = packet_get16(bytes + 2);
	input.len = (uint32_t)size - CONTROL;
	if (input.len > TO_GUEST_FRAME_MAX)
		input.len = TO_GUEST_FRAME_MAX;
	frame = malloc(input.len);
	FUZZ_CHECK(frame);
	memcpy(frame, bytes + CONTROL, input.len);
	input.frame = frame;
	run(&input);
	FUZZ_CHECK(memcmp(frame, bytes + CONTROL, input.len) == 0);
	free(frame);
	return 0;
}

/* Seed n: a shape, and a segment size. */
size_t fuzz_seed(unsigned n, uint8_t *bytes)
{
	static const struct packet_shape shapes[] = {
		{ "tcp4", 1, 4, 0, 0, 0, 6, 12, 400 },
		{ "tcp4 options", 0, 4, 40, 0, 0, 6, 40, 90 },
		{ "tcp6", 1, 6, 0, 0, 0, 6, 12, 400 },
		{ "tcp6 ah", 2, 6, 2, 51, 0, 6, 0, 99 },
		{ "tcp4 long", 2, 4, 0, 0, 0, 6, 0, 65480 },
		{ "tcp6 none", 0, 6, 0, 0, 0, 6, 0, 0 },
		{ "udp4", 1, 4, 0, 0, 0, 17, 0, 200 },
	};
	static const uint16_t sizes[] = { 1, 33, 1448, 65535 };
	static uint8_t scratch[PACKET_MAX];
	struct packet packet;

	if (n / 4 >= sizeof(shapes) / sizeof(shapes[0]))
		return 0;
	packet = packet_build(&shapes[n / 4], scratch);
	if (packet.len > packet.transport + 13)
		scratch[packet.transport + 13] = 0x99;
	packet_put16(bytes, sizes[n % 4]);
	packet_put16(bytes + 2, 256);
	memcpy(bytes + CONTROL, packet.bytes, packet.len);
	return CONTROL + packet.len;
}
