/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes pcapng_count: the input is one byte that says how the rest arrives, in
 * pieces of so many bytes, and the rest. The model reads the whole of it as
 * words of four bytes, first as a list of blocks, then the options of each.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/pcapng.h"
#include "fuzz.h"

struct model {
	struct pcapng_tally tally;
	size_t used;
	bool wrong;
};

static uint32_t word(const uint8_t *bytes, size_t n)
{
	uint32_t value;

	memcpy(&value, bytes + 4 * n, sizeof(value));
	return value;
}

/* The options from this word to the end. False: one says that it reaches beyond. */
static bool model_options(struct pcapng_tally *tally, const uint8_t *bytes, size_t at, size_t end)
{
	while (at < end) {
		uint32_t code = word(bytes, at) & 0xffff, len = word(bytes, at) >> 16;
		size_t next = at + 1 + len / 4 + (len % 4 != 0);

		if (code == 0)
			return true;
		if (next > end)
			return false;
		if (code == 5 && len == 8)
			tally->dropped += word(bytes, at + 1) | (uint64_t)word(bytes, at + 2) << 32;
		if (code == 1 && len < 256) {
			memset(tally->comment, 0, sizeof(tally->comment));
			memcpy(tally->comment, bytes + 4 * at + 4, len);
		}
		at = next;
	}
	return true;
}

static struct model model_count(const uint8_t *bytes, size_t size)
{
	struct model model = { 0 };
	size_t at = 0, words = size / 4;

	while (at + 2 <= words && !model.wrong) {
		uint32_t type = word(bytes, at), len = word(bytes, at + 1);

		model.wrong = len < 12 || len & 3;
		if (model.wrong || at + len / 4 > words)
			break;
		model.wrong = word(bytes, at + len / 4 - 1) != len;
		if (!model.wrong && type == 6)
			model.tally.frames++;
		if (!model.wrong && type == 5) {
			model.wrong = len < 24 ||
				      !model_options(&model.tally, bytes, at + 5, at + len / 4 - 1);
			model.tally.statistics++;
		}
		at += len / 4;
	}
	model.used = 4 * at;
	return model;
}

/* The input as it comes from a socket: whole blocks are taken off its beginning. */
static size_t count_in_pieces(struct pcapng_tally *tally, const uint8_t *bytes, size_t size,
			      size_t piece)
{
	size_t begin = 0, end = 0;

	while (end < size) {
		uint8_t *copy;
		size_t used;

		end = size - end < piece ? size : end + piece;
		copy = malloc(end - begin); /* of just that length, for the sanitizer */
		FUZZ_CHECK(copy);
		memcpy(copy, bytes + begin, end - begin);
		used = pcapng_count(tally, copy, end - begin);
		free(copy);
		if (used == (size_t)-1)
			return used;
		FUZZ_CHECK(used <= end - begin);
		begin += used;
	}
	return begin;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct pcapng_tally tally = { 0 };
	struct model model;
	size_t used;

	if (size < 2 || size > FUZZ_INPUT_MAX)
		return 0;
	/* Few pieces: each copies what is left, and is counted from its beginning. */
	used = count_in_pieces(&tally, bytes + 1, size - 1, (size - 1) / (1 + bytes[0] % 8) + 1);
	model = model_count(bytes + 1, size - 1);
	FUZZ_CHECK((used == (size_t)-1) == model.wrong);
	if (model.wrong)
		return 0;
	FUZZ_CHECK(used == model.used);
	FUZZ_CHECK(tally.frames == model.tally.frames);
	FUZZ_CHECK(tally.dropped == model.tally.dropped);
	FUZZ_CHECK(tally.statistics == model.tally.statistics);
	FUZZ_CHECK(strcmp(tally.comment, model.tally.comment) == 0);
	return 0;
}

/*
 * Seed n: a file of n / 2 frames, with the statistics of one interface or of two; the last has the
 * longest comment.
 */
size_t fuzz_seed(unsigned n, uint8_t *bytes)
{
	char text[PCAPNG_TEXT_MAX + 1] = "asked to end";
	static const uint8_t data[] = "a frame";
	const struct pcapng_packet packet = { .captured = n % sizeof(data),
					      .len = 1500,
					      .flags = PCAPNG_INBOUND,
					      .comment = n % 3 ? "slots 2" : "",
					      .data = data };
	struct pcapng_statistics statistics = { .begin = 1, .end = 2, .dropped = 7 * n };
	size_t used = 1, room = 4096;

	if (n > 8)
		return 0;
	if (n == 8)
		memset(text, 'x', PCAPNG_TEXT_MAX);
	bytes[0] = (uint8_t)n;
	used += pcapng_write_section(bytes + used, room - used, "xenvifd");
	used += pcapng_write_interface(bytes + used, room - used, "vif1.0-q0", 128);
	for (unsigned i = 0; i < n / 2; i++)
		used += pcapng_write_packet(bytes + used, room - used, &packet);
	for (; statistics.interface <= n % 2; statistics.interface++) {
		statistics.comment = statistics.interface ? "the guest went" : text;
		used += pcapng_write_statistics(bytes + used, room - used, &statistics);
	}
	return used;
}
