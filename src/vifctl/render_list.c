/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list and dump: a line a vif, for people and for scripts. */
#include "vifctl/render.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "vifctl/text.h"

static json_t *list_vif(const json_t *vif)
{
	json_t *tap = json_object_get(json_object_get(vif, "tap"), "name");
	size_t n = json_array_size(json_object_get(vif, "queues"));

	return json_pack("{sO sO sO si sO sO}", "name", json_object_get(vif, "name"), "domid",
			 json_object_get(vif, "domid"), "state", json_object_get(vif, "state"),
			 "queues", (int)n, "tap", tap ? tap : json_null(), "reason",
			 json_object_get(vif, "reason"));
}

json_t *list_document(const json_t *answer)
{
	return vifs_document(answer, list_vif);
}

static const char *text_or_dash(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && text[0] ? text : "-";
}

void render_list(const json_t *document)
{
	size_t index;
	json_t *vif;

	printf("%-13s %6s  %-13s %6s  %-15s %s\n", "vif", "domid", "state", "queues", "tap",
	       "reason");
	json_array_foreach(json_object_get(document, "vifs"), index, vif) {
		const char *state = text_of(vif, "state");

		printf("%-13s %6lld  %s%-13s%s %6lld  %-15s %s\n", text_of(vif, "name"),
		       count_of(vif, "domid"), text_colour(text_state_colour(state)), state,
		       text_colour(TEXT_PLAIN), count_of(vif, "queues"), text_or_dash(vif, "tap"),
		       text_or_dash(vif, "reason"));
	}
}

/* In this order for ever: a further one comes after the last. vifctl.8 tells what they hold. */
static const char *const dump_columns[] = {
	"name",
	"domid",
	"devid",
	"state",
	"peer_state",
	"hotplug",
	"mac",
	"tap",
	"ifindex",
	"carrier",
	"queues",
	"from_guest_packets",
	"from_guest_bytes",
	"from_guest_lost",
	"to_guest_packets",
	"to_guest_bytes",
	"to_guest_lost",
	"reason",
};

/* Text of a column: without what separates columns and lines, and never empty. */
static json_t *dump_text(const char *text)
{
	char clean[320];

	snprintf(clean, sizeof(clean), "%s", text && text[0] ? text : "-");
	for (char *at = clean; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	return json_string_nocheck(clean);
}

static void dump_direction(json_t *row, const json_t *queues, const char *direction)
{
	json_t *sum = direction_sum(queues, direction);

	json_array_append_new(row, json_integer(count_of(sum, "packets")));
	json_array_append_new(row, json_integer(count_of(sum, "bytes")));
	json_array_append_new(row, json_integer(lost_of(sum)));
	json_decref(sum);
}

static json_t *dump_row(const json_t *vif)
{
	const json_t *tap = json_object_get(vif, "tap");
	const json_t *queues = json_object_get(vif, "queues");
	bool carrier = json_is_true(json_object_get(tap, "carrier"));
	json_t *row = json_array();

	json_array_append_new(row, dump_text(text_of(vif, "name")));
	json_array_append_new(row, json_integer(count_of(vif, "domid")));
	json_array_append_new(row, json_integer(count_of(vif, "devid")));
	json_array_append_new(row, dump_text(text_of(vif, "state")));
	json_array_append_new(row, dump_text(text_of(vif, "peer_state")));
	json_array_append_new(row, dump_text(text_of(vif, "hotplug")));
	json_array_append_new(row, dump_text(text_of(vif, "mac")));
	json_array_append_new(row, dump_text(text_or_dash(tap, "name")));
	json_array_append_new(row, json_integer(count_of(tap, "ifindex")));
	json_array_append_new(row, json_string(carrier ? "on" : "off"));
	json_array_append_new(row, json_integer(json_array_size(queues)));
	dump_direction(row, queues, "from_guest");
	dump_direction(row, queues, "to_guest");
	json_array_append_new(row, dump_text(text_or_dash(vif, "reason")));
	return row;
}

json_t *dump_document(const json_t *answer)
{
	json_t *columns = json_array(), *rows = json_array(), *vif;
	size_t index;

	for (size_t i = 0; i < ARRAY_SIZE(dump_columns); i++)
		json_array_append_new(columns, json_string(dump_columns[i]));
	json_array_foreach(json_object_get(answer, "vifs"), index, vif)
		json_array_append_new(rows, dump_row(vif));
	return json_pack("{sO so so}", "schema", json_object_get(answer, "schema"), "columns",
			 columns, "rows", rows);
}

void render_dump(const json_t *document)
{
	size_t index, column;
	json_t *row, *cell;

	json_array_foreach(json_object_get(document, "rows"), index, row) {
		json_array_foreach(row, column, cell) {
			if (column > 0)
				printf("\t");
			if (json_is_integer(cell))
				printf("%lld", json_integer_value(cell));
			else
				printf("%s", json_string_value(cell));
		}
		printf("\n");
	}
}
