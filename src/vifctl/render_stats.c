/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stats: each vif's counters, its queues together; or how much they grow in a second. */
#include "vifctl/render.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "vifctl/text.h"

static const char *const directions[] = { "from_guest", "to_guest" };

static json_t *stats_vif(const json_t *vif)
{
	const json_t *queues = json_object_get(vif, "queues");

	return json_pack("{sO sO si so so}", "name", json_object_get(vif, "name"), "state",
			 json_object_get(vif, "state"), "queues", (int)json_array_size(queues),
			 "from_guest", direction_sum(queues, "from_guest"), "to_guest",
			 direction_sum(queues, "to_guest"));
}

json_t *stats_document(const json_t *answer)
{
	return vifs_document(answer, stats_vif);
}

/* Counters that are less than they were began anew, with a connection, since then. */
static json_t *direction_rates(const json_t *before, const json_t *now, double seconds)
{
	json_t *rates = json_object(), *value;
	const char *name;

	json_object_foreach((json_t *)now, name, value) {
		json_int_t count = json_integer_value(value), was = count_of(before, name);

		json_object_set_new(rates, name,
				    json_real((count < was ? count : count - was) / seconds));
	}
	return rates;
}

json_t *stats_rates(const json_t *before, const json_t *now, double seconds)
{
	json_t *vifs = json_array(), *vif;
	size_t index;

	json_array_foreach(json_object_get(now, "vifs"), index, vif) {
		const json_t *was =
			vif_named(json_object_get(before, "vifs"), text_of(vif, "name"));
		json_t *rates;

		if (!was)
			continue; /* it has just come: next time */
		rates = json_copy(vif);
		for (size_t i = 0; i < ARRAY_SIZE(directions); i++)
			json_object_set_new(rates, directions[i],
					    direction_rates(json_object_get(was, directions[i]),
							    json_object_get(vif, directions[i]),
							    seconds));
		json_array_append_new(vifs, rates);
	}
	return json_pack("{sO sf so}", "schema", json_object_get(now, "schema"), "seconds", seconds,
			 "vifs", vifs);
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static double lost_rate(const json_t *direction)
{
	const char *name;
	json_t *value;
	double lost = 0;

	json_object_foreach((json_t *)direction, name, value)
		if (counts_loss(name))
			lost += json_number_value(value);
	return lost;
}

static void render_number(double value, bool rates)
{
	char text[32];

	text_number(value, text, sizeof(text));
	if (rates)
		printf(" %11s", text);
	else
		printf(" %11.0f", value);
}

static void render_stats_direction(const char *vif, const char *name, const json_t *direction,
				   bool rates)
{
	char bytes[32];

	text_bytes(number_of(direction, "bytes"), bytes, sizeof(bytes));
	printf("%-13s %-10s", vif, name);
	render_number(number_of(direction, "packets"), rates);
	printf(" %11s", bytes);
	render_number(number_of(direction, "gso_packets"), rates);
	render_number(lost_rate(direction), rates);
	render_number(number_of(direction, "notify_sent"), rates);
	render_number(number_of(direction, "notify_suppressed"), rates);
	render_number(number_of(direction, "copy_calls"), rates);
	printf("\n");
}

void render_stats(const json_t *document)
{
	bool rates = json_object_get(document, "seconds") != NULL;
	size_t index;
	json_t *vif;

	printf("%-13s %-10s %11s %11s %11s %11s %11s %11s %11s\n", rates ? "per second" : "vif",
	       "direction", "frames", "bytes", "GSO", "lost", "notified", "spared", "copies");
	json_array_foreach(json_object_get(document, "vifs"), index, vif) {
		render_stats_direction(text_of(vif, "name"), "from guest",
				       json_object_get(vif, "from_guest"), rates);
		render_stats_direction("", "to guest", json_object_get(vif, "to_guest"), rates);
	}
}
