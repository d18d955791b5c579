/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture of a vif's queues.
 *
 * A part's worker is there as long as its buffer is not released: a worker
 * that is stopped, which must be before it is destroyed, releases it.
 */
#include "control/capture.h"

#include <errno.h>
#include <stdlib.h>

#include "control/vif.h"

/* Bytes of all buffers of a capture, unless it has so many queues that the least is more. */
#define CAPTURE_BYTES (16ull * 1024 * 1024)

struct part {
	struct worker *worker;
	struct capture_buffer *buffer;
	unsigned queue;
	uint64_t delivered, missed;
};

struct capture {
	unsigned n;
	struct part part[];
};

/* Bytes of each of n buffers, a power of 2. */
static uint64_t buffer_bytes(unsigned n)
{
	uint64_t bytes = CAPTURE_BUFFER_MAX;

	while (bytes > CAPTURE_BUFFER_MIN && bytes * n > CAPTURE_BYTES)
		bytes /= 2;
	return bytes;
}

static bool is_captured(const struct vif *vif, unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++)
		if (worker_is_captured(vif->worker[i]))
			return true;
	return false;
}

/* With all its memory, and no worker has it yet. NULL: there is not so much. */
static struct capture *capture_alloc(unsigned n, const struct capture_wish *wish)
{
	struct capture *capture = calloc(1, sizeof(*capture) + n * sizeof(capture->part[0]));

	if (!capture)
		return NULL;
	capture->n = n;
	for (unsigned i = 0; i < n; i++) {
		struct part *part = &capture->part[i];

		part->buffer = capture_buffer_create(buffer_bytes(n), wish->ways, wish->snaplen);
		if (part->buffer)
			continue;
		capture_destroy(capture);
		return NULL;
	}
	return capture;
}

int capture_create(struct capture **result, const struct vif *vif, const struct capture_wish *wish)
{
	unsigned first = wish->queue < 0 ? 0 : wish->queue;
	unsigned n = wish->queue < 0 ? vif->n_workers : 1;
	struct capture *capture;

	if (n == 0 || first >= vif->n_workers)
		return -ENOTCONN;
	if (is_captured(vif, first, n))
		return -EBUSY;
	capture = capture_alloc(n, wish);
	if (!capture)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		capture->part[i].queue = first + i;
		capture->part[i].worker = vif->worker[first + i];
		worker_capture(capture->part[i].worker, capture->part[i].buffer);
	}
	*result = capture;
	return 0;
}

void capture_stop(struct capture *capture)
{
	for (unsigned i = 0; i < capture->n; i++)
		if (!capture_is_released(capture->part[i].buffer))
			worker_capture_end(capture->part[i].worker);
}

bool capture_is_over(const struct capture *capture)
{
	for (unsigned i = 0; i < capture->n; i++)
		if (!capture_is_released(capture->part[i].buffer))
			return false;
	return true;
}

void capture_destroy(struct capture *capture)
{
	if (!capture)
		return;
	for (unsigned i = 0; i < capture->n; i++)
		capture_buffer_destroy(capture->part[i].buffer);
	free(capture);
}

const struct capture_record *capture_next(struct capture *capture, unsigned *place)
{
	const struct capture_record *first = NULL;

	for (unsigned i = 0; i < capture->n; i++) {
		const struct capture_record *record = capture_first(capture->part[i].buffer);

		if (record && (!first || record->time < first->time)) {
			first = record;
			*place = i;
		}
	}
	return first;
}

void capture_done(struct capture *capture, unsigned place, const struct capture_record *record)
{
	struct part *part = &capture->part[place];

	part->delivered++;
	part->missed += record->missed;
	capture_take(part->buffer, record);
}

unsigned capture_queues(const struct capture *capture)
{
	return capture->n;
}

struct capture_count capture_counts(const struct capture *capture, unsigned place)
{
	const struct part *part = &capture->part[place];

	return (struct capture_count){
		.queue = part->queue,
		.delivered = part->delivered,
		.missed = part->missed,
		.dropped = capture_dropped(part->buffer),
	};
}
