/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The buffer between a worker and who captures its frames.
 *
 * Records lie one behind the other, each in one piece: what is left at the end
 * of the buffer and too small for a record is one of its own, a pad. head and
 * tail count bytes and never wrap in practice; each has one writer, and what is
 * before head was written before head was moved.
 */
#include "datapath/capture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "stats.h"

_Static_assert(sizeof(struct capture_record) <= CAPTURE_ALIGN, "a pad must fit anywhere");

struct capture_buffer *capture_buffer_create(uint64_t bytes, unsigned ways, uint32_t snaplen)
{
	struct capture_buffer *buffer = aligned_alloc(64, sizeof(*buffer));

	if (!buffer)
		return NULL;
	memset(buffer, 0, sizeof(*buffer));
	/* Populated, so that no worker is the first to touch a page. */
	buffer->data = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (buffer->data == MAP_FAILED) {
		free(buffer);
		return NULL;
	}
	buffer->bytes = bytes;
	buffer->ways = ways;
	buffer->snaplen = snaplen;
	return buffer;
}

void capture_buffer_destroy(struct capture_buffer *buffer)
{
	if (!buffer)
		return;
	munmap(buffer->data, buffer->bytes);
	free(buffer);
}

void capture_clock(struct capture_buffer *buffer)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	buffer->time = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static struct capture_record *record_at(const struct capture_buffer *buffer, uint64_t at)
{
	return (struct capture_record *)(buffer->data + (at & (buffer->bytes - 1)));
}

/* Whether bytes up to `end` are free. */
static bool buffer_has_room(struct capture_buffer *buffer, uint64_t end)
{
	if (end - buffer->tail_seen > buffer->bytes)
		buffer->tail_seen = atomic_load_explicit(&buffer->tail, memory_order_acquire);
	return end - buffer->tail_seen <= buffer->bytes;
}

/* Where a record of so many bytes begins, in one piece; true: there is room for it. */
static bool buffer_find(struct capture_buffer *buffer, uint32_t size, uint64_t *at)
{
	uint64_t head = atomic_load_explicit(&buffer->head, memory_order_relaxed);
	uint32_t left = buffer->bytes - (head & (buffer->bytes - 1));
	struct capture_record *pad;

	*at = size <= left ? head : head + left;
	if (!buffer_has_room(buffer, *at + size))
		return false;
	if (*at != head) {
		pad = record_at(buffer, head);
		pad->size = left;
		pad->pad = true;
	}
	return true;
}

struct capture_record *capture_begin(struct capture_buffer *buffer, unsigned way,
				     const uint8_t *data, uint32_t available, uint32_t len)
{
	uint32_t captured = available < buffer->snaplen ? available : buffer->snaplen;
	uint32_t size = (sizeof(struct capture_record) + captured + CAPTURE_ALIGN - 1) &
			~(CAPTURE_ALIGN - 1);
	struct capture_record *record;

	if (!buffer_find(buffer, size, &buffer->begun)) {
		stats_add(&buffer->dropped, 1);
		buffer->missed++;
		return NULL;
	}
	record = record_at(buffer, buffer->begun);
	*record = (struct capture_record){
		.time = buffer->time,
		.size = size,
		.captured = captured,
		.len = len,
		.missed = buffer->missed,
		.way = way,
	};
	if (captured > 0)
		memcpy(record->data, data, captured);
	return record;
}

void capture_end(struct capture_buffer *buffer, const struct capture_record *record)
{
	buffer->missed = 0;
	atomic_store_explicit(&buffer->head, buffer->begun + record->size, memory_order_release);
}

bool capture_is_to_end(const struct capture_buffer *buffer)
{
	return atomic_load(&buffer->to_end);
}

void capture_end_soon(struct capture_buffer *buffer)
{
	atomic_store(&buffer->to_end, true);
}

void capture_release(struct capture_buffer *buffer)
{
	atomic_store_explicit(&buffer->released, true, memory_order_release);
}

const struct capture_record *capture_first(struct capture_buffer *buffer)
{
	uint64_t head = atomic_load_explicit(&buffer->head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&buffer->tail, memory_order_relaxed);
	const struct capture_record *record;

	if (tail == head)
		return NULL;
	record = record_at(buffer, tail);
	if (!record->pad)
		return record;
	tail += record->size; /* and after a pad there always is a record */
	atomic_store_explicit(&buffer->tail, tail, memory_order_release);
	return record_at(buffer, tail);
}

void capture_take(struct capture_buffer *buffer, const struct capture_record *record)
{
	uint64_t tail = atomic_load_explicit(&buffer->tail, memory_order_relaxed);

	atomic_store_explicit(&buffer->tail, tail + record->size, memory_order_release);
}

bool capture_is_released(const struct capture_buffer *buffer)
{
	return atomic_load_explicit(&buffer->released, memory_order_acquire);
}

uint64_t capture_dropped(const struct capture_buffer *buffer)
{
	return stats_read(&buffer->dropped);
}
