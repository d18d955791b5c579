/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A queue's counters and histograms as JSON. */
#include "daemon/counters.h"

#include <stdbool.h>

#define COUNTER_WRITE(name, help) \
	json_object_set_new(object, #name, json_integer((json_int_t)stats_read(&stats->name)));
#define COUNTER_READ(name, help) \
	stats_add(&stats->name, (uint64_t)json_integer_value(json_object_get(object, #name)));

#define HISTOGRAM_WRITE(name, kind, help) \
	json_object_set_new(              \
		object, #name,            \
		histogram_write(stats->name, STATS_##kind##_SHIFT, STATS_##kind##_BUCKETS));
#define HISTOGRAM_READ(name, kind, help)                                          \
	histogram_read(stats->name, STATS_##kind##_SHIFT, STATS_##kind##_BUCKETS, \
		       json_object_get(object, #name));

/* The bounds of the buckets, null of the last. */
static json_t *bounds_write(unsigned shift, unsigned buckets)
{
	json_t *bounds = json_array();

	for (unsigned i = 0; i + 1 < buckets; i++)
		json_array_append_new(bounds, json_integer((json_int_t)stats_bound(i, shift)));
	json_array_append_new(bounds, json_null());
	return bounds;
}

static json_t *histogram_write(const _Atomic uint64_t *histogram, unsigned shift, unsigned buckets)
{
	json_t *each = json_array();
	uint64_t count = 0;

	for (unsigned i = 0; i < buckets; i++) {
		uint64_t bucket = stats_read(&histogram[1 + i]);

		json_array_append_new(each, json_integer((json_int_t)bucket));
		count += bucket;
	}
	return json_pack("{so so sI sI}", "le", bounds_write(shift, buckets), "buckets", each,
			 "count", (json_int_t)count, "sum", (json_int_t)stats_read(&histogram[0]));
}

static void histogram_read(_Atomic uint64_t *histogram, unsigned shift, unsigned buckets,
			   const json_t *object)
{
	const json_t *each = json_object_get(object, "buckets");
	json_t *bounds = bounds_write(shift, buckets);
	bool same = json_equal(json_object_get(object, "le"), bounds);

	json_decref(bounds);
	if (!same)
		return;
	stats_add(&histogram[0], (uint64_t)json_integer_value(json_object_get(object, "sum")));
	for (unsigned i = 0; i < buckets; i++)
		stats_add(&histogram[1 + i], (uint64_t)json_integer_value(json_array_get(each, i)));
}

static json_t *from_guest_write(const struct stats_from_guest *stats)
{
	json_t *object = json_object();

	STATS_FROM_GUEST(COUNTER_WRITE)
	return object;
}

static json_t *to_guest_write(const struct stats_to_guest *stats)
{
	json_t *object = json_object();

	STATS_TO_GUEST(COUNTER_WRITE)
	return object;
}

static json_t *from_guest_histograms(const struct stats_from_guest *stats)
{
	json_t *object = json_object();

	STATS_FROM_GUEST_HISTOGRAMS(HISTOGRAM_WRITE)
	return object;
}

static json_t *to_guest_histograms(const struct stats_to_guest *stats)
{
	json_t *object = json_object();

	STATS_TO_GUEST_HISTOGRAMS(HISTOGRAM_WRITE)
	return object;
}

void counters_write(json_t *object, const struct stats *all)
{
	const struct stats_queue *stats = &all->queue;

	json_object_set_new(object, "from_guest", from_guest_write(&all->from_guest));
	json_object_set_new(object, "to_guest", to_guest_write(&all->to_guest));
	STATS_QUEUE(COUNTER_WRITE)
	json_object_set_new(object, "histograms",
			    json_pack("{so so}", "from_guest",
				      from_guest_histograms(&all->from_guest), "to_guest",
				      to_guest_histograms(&all->to_guest)));
}

static void from_guest_read(struct stats_from_guest *stats, const json_t *object)
{
	STATS_FROM_GUEST(COUNTER_READ)
}

static void to_guest_read(struct stats_to_guest *stats, const json_t *object)
{
	STATS_TO_GUEST(COUNTER_READ)
}

static void from_guest_histograms_read(struct stats_from_guest *stats, const json_t *object)
{
	STATS_FROM_GUEST_HISTOGRAMS(HISTOGRAM_READ)
}

static void to_guest_histograms_read(struct stats_to_guest *stats, const json_t *object)
{
	STATS_TO_GUEST_HISTOGRAMS(HISTOGRAM_READ)
}

void counters_read(struct stats *all, const json_t *object)
{
	const json_t *histograms = json_object_get(object, "histograms");
	struct stats_queue *stats = &all->queue;

	from_guest_read(&all->from_guest, json_object_get(object, "from_guest"));
	to_guest_read(&all->to_guest, json_object_get(object, "to_guest"));
	STATS_QUEUE(COUNTER_READ)
	from_guest_histograms_read(&all->from_guest, json_object_get(histograms, "from_guest"));
	to_guest_histograms_read(&all->to_guest, json_object_get(histograms, "to_guest"));
}
