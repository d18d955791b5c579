/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all that is printed for people has in common. */
#include "vifctl/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static bool colours_wanted(void)
{
	static int wanted = -1;

	if (wanted < 0) {
		const char *no = getenv("NO_COLOR");
		const char *terminal = getenv("TERM");

		wanted = isatty(STDOUT_FILENO) && (!no || !no[0]) &&
			 (!terminal || strcmp(terminal, "dumb") != 0);
	}
	return wanted;
}

const char *text_colour(enum text_colour colour)
{
	static const char *const sequences[] = {
		[TEXT_PLAIN] = "\033[0m", [TEXT_BOLD] = "\033[1m", [TEXT_GOOD] = "\033[32m",
		[TEXT_WARN] = "\033[33m", [TEXT_BAD] = "\033[31m",
	};

	return colours_wanted() ? sequences[colour] : "";
}

enum text_colour text_state_colour(const char *state)
{
	if (strcmp(state, "Connected") == 0)
		return TEXT_GOOD;
	if (strcmp(state, "Closing") == 0 || strcmp(state, "Closed") == 0 ||
	    strcmp(state, "Unknown") == 0)
		return TEXT_BAD;
	return TEXT_WARN;
}

const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

json_int_t count_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void text_scaled(double value, double step, const char *const *units, size_t n, char *text,
			size_t size)
{
	size_t unit = 0;

	while (value >= step && unit + 1 < n) {
		value /= step;
		unit++;
	}
	snprintf(text, size, unit == 0 || value >= 100 ? "%.0f%s%s" : "%.1f%s%s", value,
		 units[unit][0] ? " " : "", units[unit]);
}

void text_bytes(double bytes, char *text, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };

	text_scaled(bytes, 1024, units, ARRAY_SIZE(units), text, size);
}

void text_number(double number, char *text, size_t size)
{
	static const char *const units[] = { "", "k", "M", "G", "T" };

	text_scaled(number, 1000, units, ARRAY_SIZE(units), text, size);
}

void text_time(double ns, char *text, size_t size)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };

	text_scaled(ns, 1000, units, ARRAY_SIZE(units), text, size);
}

bool counts_loss(const char *name)
{
	return strncmp(name, "drop_", 5) == 0 || strncmp(name, "error_", 6) == 0;
}

json_int_t lost_of(const json_t *direction)
{
	json_int_t lost = 0;
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)direction, name, value)
		if (counts_loss(name))
			lost += json_integer_value(value);
	return lost;
}

json_t *direction_sum(const json_t *queues, const char *direction)
{
	json_t *sum = json_object(), *queue, *value;
	const char *name;
	size_t index;

	json_array_foreach((json_t *)queues, index, queue) {
		json_object_foreach(json_object_get(queue, direction), name, value)
			json_object_set_new(
				sum, name,
				json_integer(count_of(sum, name) + json_integer_value(value)));
	}
	return sum;
}

json_t *vif_named(const json_t *vifs, const char *name)
{
	size_t index;
	json_t *vif;

	json_array_foreach((json_t *)vifs, index, vif) {
		if (strcmp(text_of(vif, "name"), name) == 0)
			return vif;
	}
	return NULL;
}

json_t *vifs_document(const json_t *answer, json_t *(*of)(const json_t *vif))
{
	json_t *vifs = json_array(), *vif;
	size_t index;

	json_array_foreach(json_object_get(answer, "vifs"), index, vif)
		json_array_append_new(vifs, of(vif));
	return json_pack("{sO so}", "schema", json_object_get(answer, "schema"), "vifs", vifs);
}
