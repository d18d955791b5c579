/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Histograms for people: of each, how many values there were, and where half of
 * them, 99 of 100 and all lie. A value is known by its bucket only, so what is
 * printed is that bucket's bound: "half of the batches had at most so many".
 */
#include "vifctl/render.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "stats.h"
#include "vifctl/text.h"

#define BOUND_SIZE 24

#define HISTOGRAM(name, kind, help) { #name, STATS_##kind##_SHIFT > 0 },

static const struct histogram {
	const char *name;
	bool is_time;
} from_guest[] = { STATS_FROM_GUEST_HISTOGRAMS(HISTOGRAM) },
  to_guest[] = { STATS_TO_GUEST_HISTOGRAMS(HISTOGRAM) };

/* The bucket in which the value of this rank lies, 1 for the least of them. */
static size_t bucket_of(const json_t *buckets, json_int_t rank)
{
	json_int_t seen = 0;
	size_t index;
	json_t *bucket;

	json_array_foreach((json_t *)buckets, index, bucket) {
		seen += json_integer_value(bucket);
		if (seen >= rank)
			break;
	}
	return index;
}

/* "64", "131 us"; of the last bucket, which has no bound, ">256". "-": there is no value. */
static const char *bound_format(const struct histogram *histogram, const json_t *object,
				json_int_t rank, char text[BOUND_SIZE])
{
	const json_t *bounds = json_object_get(object, "le");
	size_t bucket = bucket_of(json_object_get(object, "buckets"), rank);
	bool last = json_is_null(json_array_get(bounds, bucket));
	json_int_t bound = json_integer_value(json_array_get(bounds, last ? bucket - 1 : bucket));
	char number[BOUND_SIZE - 1];

	if (rank <= 0)
		return "-";
	if (histogram->is_time)
		text_time(bound, number, sizeof(number));
	else
		snprintf(number, sizeof(number), "%lld", (long long)bound);
	snprintf(text, BOUND_SIZE, "%s%s", last ? ">" : "", number);
	return text;
}

static void render_histogram(const char *queue, const char *direction,
			     const struct histogram *histogram, const json_t *object)
{
	json_int_t count = count_of(object, "count");
	json_int_t p99 = count - count / 100;
	char half[BOUND_SIZE], most[BOUND_SIZE], all[BOUND_SIZE];

	printf("  %5s  %-10s  %-16s %12lld %10s %10s %10s\n", queue, direction, histogram->name,
	       (long long)count, bound_format(histogram, object, (count + 1) / 2, half),
	       bound_format(histogram, object, p99, most),
	       bound_format(histogram, object, count, all));
}

static void render_direction(const char *queue, const char *direction, const json_t *object,
			     const struct histogram *histograms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		render_histogram(i ? "" : queue, i ? "" : direction, &histograms[i],
				 json_object_get(object, histograms[i].name));
}

void render_histograms(const json_t *queues)
{
	size_t index;
	json_t *queue;
	char name[24];

	printf("  queue  direction   histogram              values     p50 <=     p99 <="
	       "     max <=\n");
	json_array_foreach((json_t *)queues, index, queue) {
		const json_t *histograms = json_object_get(queue, "histograms");

		snprintf(name, sizeof(name), "%lld", count_of(queue, "queue"));
		render_direction(name, "from guest", json_object_get(histograms, "from_guest"),
				 from_guest, ARRAY_SIZE(from_guest));
		render_direction("", "to guest", json_object_get(histograms, "to_guest"), to_guest,
				 ARRAY_SIZE(to_guest));
	}
}
