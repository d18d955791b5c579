/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rings, explain, owners: who waits for whom, why, and who serves. */
#include "vifctl/render.h"

#include <stdio.h>
#include <string.h>

#include "vifctl/text.h"

static void render_ring(const char *queue, const char *name, const json_t *ring)
{
	printf("  %5s  %-10s %10lld %10lld %10lld %10lld %10lld %5lld  %s\n", queue, name,
	       count_of(ring, "req_prod"), count_of(ring, "taken"), count_of(ring, "rsp_prod"),
	       count_of(ring, "req_event"), count_of(ring, "rsp_event"), count_of(ring, "room"),
	       text_of(ring, "says"));
}

static void render_vif_rings(const json_t *vif)
{
	json_t *queues = json_object_get(vif, "queues"), *queue;
	char number[24];
	size_t index;

	printf("%s%s%s:\n", text_colour(TEXT_BOLD), text_of(vif, "name"), text_colour(TEXT_PLAIN));
	if (json_array_size(queues) == 0) {
		printf("  no rings: it is not connected (\"vifctl explain %s\" says why)\n",
		       text_of(vif, "name"));
		return;
	}
	printf("  queue  %-10s %10s %10s %10s %10s %10s %5s\n", "ring", "requests", "taken",
	       "responses", "we ask", "it asks", "room");
	json_array_foreach(queues, index, queue) {
		snprintf(number, sizeof(number), "%lld", count_of(queue, "queue"));
		render_ring(number, "from guest", json_object_get(queue, "from_guest"));
		render_ring("", "to guest", json_object_get(queue, "to_guest"));
	}
}

void render_rings(const json_t *answer)
{
	size_t index;
	json_t *vif;

	json_array_foreach(json_object_get(answer, "vifs"), index, vif) {
		if (index > 0)
			printf("\n");
		render_vif_rings(vif);
	}
}

/* What the kernel's backend has may well be connected. */
static bool is_rivals(const json_t *causes)
{
	return strcmp(text_of(json_array_get(causes, 0), "cause"), "netback-bound") == 0;
}

void render_explain(const json_t *answer)
{
	json_t *causes = json_object_get(answer, "causes"), *cause, *party;
	bool connected = json_is_true(json_object_get(answer, "connected"));
	size_t index;

	printf("%s%s%s: %s%s%s", text_colour(TEXT_BOLD), text_of(answer, "name"),
	       text_colour(TEXT_PLAIN), text_colour(connected ? TEXT_GOOD : TEXT_BAD),
	       connected	   ? "connected"
	       : is_rivals(causes) ? "not served by xenvifd"
				   : "not connected",
	       text_colour(TEXT_PLAIN));
	printf("%s\n", json_array_size(causes) == 0 ? ", and nothing is in the way"
		       : connected		    ? ", but"
						    : ", because");
	json_array_foreach(causes, index, cause)
		printf("  %s%s%s\n      -> %s\n", text_colour(TEXT_WARN), text_of(cause, "text"),
		       text_colour(TEXT_PLAIN), text_of(cause, "do"));
	printf("What each party says:\n");
	json_array_foreach(json_object_get(answer, "parties"), index, party)
		printf("  %-15s %s\n", text_of(party, "who"), text_of(party, "says"));
}

void render_owners(const json_t *answer)
{
	size_t index;
	json_t *vif;

	printf("%-13s %-15s %-13s %-11s  %s\n", "vif", "domain", "state", "served by",
	       "claimed by");
	json_array_foreach(json_object_get(answer, "vifs"), index, vif) {
		const char *claimed = json_string_value(json_object_get(vif, "claimed"));

		printf("%-13s %-15s %-13s %-11s  %s\n", text_of(vif, "name"),
		       text_of(vif, "domain"), text_of(vif, "state"), text_of(vif, "owner"),
		       claimed ? claimed : "-");
	}
	if (!json_is_true(json_object_get(answer, "xen_netback")))
		printf("xen-netback is not loaded: all vifs are xenvifd's\n");
}
