/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng).
 *
 * A block is its type and its length, a body, options (a code, a length, a
 * value, padded to 4 bytes each), and its length once more. The length is known
 * once all has been appended, and is then put in both places.
 */
#include "base/pcapng.h"

#include <stdbool.h>
#include <string.h>

#define BLOCK_SECTION	 0x0a0d0d0au
#define BLOCK_INTERFACE	 1u
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET	 6u
#define BLOCK_EDGE	 12u /* bytes of a block without body: type, length, length */

#define BYTE_ORDER_MAGIC  0x1a2b3c4du
#define LINKTYPE_ETHERNET 1u
#define TIME_IN_NS	  9u /* of if_tsresol: 10^-9 */
#define STATISTICS_BODY	  12u

enum option {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_SHB_USERAPPL = 4,
	OPTION_IF_NAME = 2,
	OPTION_IF_TSRESOL = 9,
	OPTION_EPB_FLAGS = 2,
	OPTION_EPB_DROPCOUNT = 4,
	OPTION_ISB_STARTTIME = 2,
	OPTION_ISB_ENDTIME = 3,
	OPTION_ISB_IFRECV = 4,
	OPTION_ISB_IFDROP = 5,
	OPTION_ISB_USRDELIV = 8,
};

/* A block that is being written. */
struct block {
	uint8_t *to;
	size_t room, used;
	bool full; /* something did not fit */
};

static size_t padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

/* Appends bytes, and zeros up to the next multiple of 4. */
static void put(struct block *block, const void *data, size_t size)
{
	if (block->full || padded(size) > block->room - block->used) {
		block->full = true;
		return;
	}
	if (size > 0)
		memcpy(block->to + block->used, data, size);
	memset(block->to + block->used + size, 0, padded(size) - size);
	block->used += padded(size);
}

static void put_u32(struct block *block, uint32_t value)
{
	put(block, &value, sizeof(value));
}

/* Times are two words, the higher first, whatever the byte order. */
static void put_time(struct block *block, uint64_t time)
{
	put_u32(block, time >> 32);
	put_u32(block, (uint32_t)time);
}

static void put_option(struct block *block, enum option option, const void *value, size_t size)
{
	uint16_t head[2] = { option, size };

	put(block, head, sizeof(head));
	put(block, value, size);
}

static void put_option_text(struct block *block, enum option option, const char *text)
{
	put_option(block, option, text, strnlen(text, PCAPNG_TEXT_MAX));
}

static void put_option_u64(struct block *block, enum option option, uint64_t value)
{
	put_option(block, option, &value, sizeof(value));
}

static void put_option_time(struct block *block, enum option option, uint64_t time)
{
	uint32_t words[2] = { time >> 32, (uint32_t)time };

	put_option(block, option, words, sizeof(words));
}

static struct block block_begin(uint8_t *to, size_t room, uint32_t type)
{
	struct block block = { .to = to, .room = room };

	put_u32(&block, type);
	put_u32(&block, 0); /* its length, see block_end */
	return block;
}

/* Ends the options, and the block. Its bytes, or 0: it did not fit. */
static size_t block_end(struct block *block)
{
	uint32_t size;

	put_option(block, OPTION_END, NULL, 0);
	size = block->used + sizeof(size);
	put_u32(block, size);
	if (block->full)
		return 0;
	memcpy(block->to + sizeof(uint32_t), &size, sizeof(size));
	return size;
}

size_t pcapng_write_section(uint8_t *to, size_t room, const char *application)
{
	struct block block = block_begin(to, room, BLOCK_SECTION);
	const uint16_t version[2] = { 1, 0 };
	const uint64_t size_unknown = UINT64_MAX;

	put_u32(&block, BYTE_ORDER_MAGIC);
	put(&block, version, sizeof(version));
	put(&block, &size_unknown, sizeof(size_unknown));
	put_option_text(&block, OPTION_SHB_USERAPPL, application);
	return block_end(&block);
}

size_t pcapng_write_interface(uint8_t *to, size_t room, const char *name, uint32_t snaplen)
{
	struct block block = block_begin(to, room, BLOCK_INTERFACE);
	const uint16_t link[2] = { LINKTYPE_ETHERNET, 0 };
	const uint8_t resolution = TIME_IN_NS;

	put(&block, link, sizeof(link));
	put_u32(&block, snaplen);
	put_option_text(&block, OPTION_IF_NAME, name);
	put_option(&block, OPTION_IF_TSRESOL, &resolution, sizeof(resolution));
	return block_end(&block);
}

size_t pcapng_write_packet(uint8_t *to, size_t room, const struct pcapng_packet *packet)
{
	struct block block = block_begin(to, room, BLOCK_PACKET);

	put_u32(&block, packet->interface);
	put_time(&block, packet->time);
	put_u32(&block, packet->captured);
	put_u32(&block, packet->len);
	put(&block, packet->data, packet->captured);
	put_option_text(&block, OPTION_COMMENT, packet->comment);
	put_option(&block, OPTION_EPB_FLAGS, &packet->flags, sizeof(packet->flags));
	if (packet->missed > 0)
		put_option_u64(&block, OPTION_EPB_DROPCOUNT, packet->missed);
	return block_end(&block);
}

size_t pcapng_write_statistics(uint8_t *to, size_t room, const struct pcapng_statistics *statistics)
{
	struct block block = block_begin(to, room, BLOCK_STATISTICS);

	put_u32(&block, statistics->interface);
	put_time(&block, statistics->end);
	put_option_text(&block, OPTION_COMMENT, statistics->comment);
	put_option_time(&block, OPTION_ISB_STARTTIME, statistics->begin);
	put_option_time(&block, OPTION_ISB_ENDTIME, statistics->end);
	put_option_u64(&block, OPTION_ISB_IFRECV, statistics->delivered + statistics->dropped);
	put_option_u64(&block, OPTION_ISB_IFDROP, statistics->dropped);
	put_option_u64(&block, OPTION_ISB_USRDELIV, statistics->delivered);
	return block_end(&block);
}

static void count_option(struct pcapng_tally *tally, unsigned code, const uint8_t *value,
			 size_t size)
{
	uint64_t number;

	if (code == OPTION_ISB_IFDROP && size == sizeof(number)) {
		memcpy(&number, value, sizeof(number));
		tally->dropped += number;
	} else if (code == OPTION_COMMENT && size <= PCAPNG_TEXT_MAX) {
		memcpy(tally->comment, value, size);
		tally->comment[size] = '\0';
	}
}

/* The options of a block of statistics; false: they reach beyond its end. */
static bool count_statistics(struct pcapng_tally *tally, const uint8_t *data, size_t size)
{
	uint16_t head[2];

	while (size >= sizeof(head)) {
		memcpy(head, data, sizeof(head));
		data += sizeof(head);
		size -= sizeof(head);
		if (head[0] == OPTION_END)
			break;
		if (padded(head[1]) > size)
			return false;
		count_option(tally, head[0], data, head[1]);
		data += padded(head[1]);
		size -= padded(head[1]);
	}
	tally->statistics++;
	return true;
}

/* Counts one block of `size` bytes, its head and length included. */
static bool count_block(struct pcapng_tally *tally, const uint8_t *data, uint32_t type,
			uint32_t size)
{
	uint32_t again;

	memcpy(&again, data + size - sizeof(again), sizeof(again));
	if (again != size)
		return false;
	if (type == BLOCK_PACKET)
		tally->frames++;
	if (type != BLOCK_STATISTICS)
		return true;
	return size >= BLOCK_EDGE + STATISTICS_BODY &&
	       count_statistics(tally, data + 8 + STATISTICS_BODY,
				size - BLOCK_EDGE - STATISTICS_BODY);
}

size_t pcapng_count(struct pcapng_tally *tally, const uint8_t *data, size_t size)
{
	size_t used = 0;
	uint32_t head[2];

	while (size - used >= sizeof(head)) {
		memcpy(head, data + used, sizeof(head));
		if (head[1] < BLOCK_EDGE || head[1] % 4 != 0)
			return (size_t)-1;
		if (head[1] > size - used)
			break;
		if (!count_block(tally, data + used, head[0], head[1]))
			return (size_t)-1;
		used += head[1];
	}
	return used;
}
