/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A queue's counters as JSON. */
#include "daemon/counters.h"

#define COUNTER_WRITE(name, help) \
	json_object_set_new(object, #name, json_integer((json_int_t)stats_read(&stats->name)));
#define COUNTER_READ(name, help) \
	stats_add(&stats->name, (uint64_t)json_integer_value(json_object_get(object, #name)));

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

void counters_write(json_t *object, const struct stats *all)
{
	const struct stats_queue *stats = &all->queue;

	json_object_set_new(object, "from_guest", from_guest_write(&all->from_guest));
	json_object_set_new(object, "to_guest", to_guest_write(&all->to_guest));
	STATS_QUEUE(COUNTER_WRITE)
}

static void from_guest_read(struct stats_from_guest *stats, const json_t *object)
{
	STATS_FROM_GUEST(COUNTER_READ)
}

static void to_guest_read(struct stats_to_guest *stats, const json_t *object)
{
	STATS_TO_GUEST(COUNTER_READ)
}

void counters_read(struct stats *all, const json_t *object)
{
	struct stats_queue *stats = &all->queue;

	from_guest_read(&all->from_guest, json_object_get(object, "from_guest"));
	to_guest_read(&all->to_guest, json_object_get(object, "to_guest"));
	STATS_QUEUE(COUNTER_READ)
}
