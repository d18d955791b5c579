/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * show and queues: a paragraph a vif, a row a queue and direction, or of all
 * queues together; and vifctl alone, on one screen. Counters that tell of lost frames are named
 * only when they are not zero, with what they mean.
 */
#include "vifctl/render.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "stats.h"
#include "vifctl/text.h"

/* A connected vif takes so many lines, without losses and with the empty one before the next. */
#define VIF_LINES 7
/* In a pipe or a file: some fifty lines. */
#define VIFS_WITHOUT_TERMINAL 8

#define COUNTER_HELP(name, help) { #name, help },

struct counter_help {
	const char *name;
	const char *help;
};

static const struct counter_help from_guest_help[] = { STATS_FROM_GUEST(COUNTER_HELP){ NULL,
										       NULL } };
static const struct counter_help to_guest_help[] = { STATS_TO_GUEST(COUNTER_HELP){ NULL, NULL } };

static void render_direction(const char *queue, const char *name, const json_t *direction)
{
	char bytes[32];

	text_bytes(count_of(direction, "bytes"), bytes, sizeof(bytes));
	printf("  %5s  %-10s %12lld %10s %11lld %9lld %10lld %10lld %10lld %11lld\n", queue, name,
	       count_of(direction, "packets"), bytes, count_of(direction, "gso_packets"),
	       lost_of(direction), count_of(direction, "notify_sent"),
	       count_of(direction, "notify_suppressed"), count_of(direction, "copy_calls"),
	       count_of(direction, "copy_segments"));
}

static void render_losses(const char *queue, const char *name, const json_t *direction,
			  const struct counter_help *help)
{
	for (; help->name; help++) {
		json_int_t count = count_of(direction, help->name);

		if (count > 0 && counts_loss(help->name))
			printf("  %s%s, %s: %lld %s (%s)%s\n", text_colour(TEXT_WARN), queue, name,
			       (long long)count, help->name, help->help, text_colour(TEXT_PLAIN));
	}
}

static void render_head(const char *first)
{
	printf("  %5s  direction        frames      bytes         GSO      lost   notified"
	       "     spared     copies    segments\n",
	       first);
}

static void render_sums(const json_t *queues)
{
	json_t *from_guest = direction_sum(queues, "from_guest");
	json_t *to_guest = direction_sum(queues, "to_guest");

	render_head("");
	render_direction("all", "from guest", from_guest);
	render_direction("", "to guest", to_guest);
	render_losses("all queues", "from guest", from_guest, from_guest_help);
	render_losses("all queues", "to guest", to_guest, to_guest_help);
	json_decref(from_guest);
	json_decref(to_guest);
}

static void render_each(const json_t *queues)
{
	size_t index;
	json_t *queue;
	char name[24];

	render_head("queue");
	json_array_foreach((json_t *)queues, index, queue) {
		snprintf(name, sizeof(name), "%lld", count_of(queue, "queue"));
		render_direction(name, "from guest", json_object_get(queue, "from_guest"));
		render_direction("", "to guest", json_object_get(queue, "to_guest"));
	}
	json_array_foreach((json_t *)queues, index, queue) {
		snprintf(name, sizeof(name), "queue %lld", count_of(queue, "queue"));
		render_losses(name, "from guest", json_object_get(queue, "from_guest"),
			      from_guest_help);
		render_losses(name, "to guest", json_object_get(queue, "to_guest"), to_guest_help);
	}
	printf("  woken:");
	json_array_foreach((json_t *)queues, index, queue)
		printf("%s %lld times (queue %zu)", index ? "," : "", count_of(queue, "wakeups"),
		       index);
	printf("\n");
}

static void render_features(const json_t *features)
{
	const char *name;
	json_t *value;

	if (!json_is_object(features))
		return;
	printf("  the guest takes:");
	json_object_foreach((json_t *)features, name, value)
		if (json_is_true(value))
			printf(" %s", name);
	printf("\n");
}

/* "10 Mb/s (62500 bytes each 50 ms)" */
static void rate_format(const json_t *rate, char *text, size_t size)
{
	static const char *const units[] = { "b/s", "Kb/s", "Mb/s", "Gb/s", "Tb/s" };
	double bytes = count_of(rate, "bytes"), usec = count_of(rate, "usec");
	double speed = usec > 0 ? bytes * 8 * 1e6 / usec : 0;
	size_t unit = 0;

	for (; speed >= 1000 && unit + 1 < ARRAY_SIZE(units); unit++)
		speed /= 1000;
	snprintf(text, size, "%.4g %s (%.0f bytes each %g ms)", speed, units[unit], bytes,
		 usec / 1000);
}

/* What the guest may send, and how often it had to wait for it. */
static void render_limit(const json_t *vif)
{
	const json_t *rate = json_object_get(vif, "rate");
	const json_t *wrong = json_object_get(vif, "rate_wrong");
	json_int_t waits = 0;
	char text[96];
	size_t index;
	json_t *queue;

	if (json_is_string(wrong))
		printf("  rate: no limit, because its rate node is \"%s\", not "
		       "\"<bytes>,<microseconds>\"\n",
		       json_string_value(wrong));
	if (!json_is_object(rate))
		return;
	rate_format(rate, text, sizeof(text));
	json_array_foreach(json_object_get(vif, "queues"), index, queue)
		waits += count_of(json_object_get(queue, "from_guest"), "rate_waits");
	printf("  rate: the guest may send %s; it had to wait %lld times\n", text, waits);
}

void render_rate(const json_t *answer)
{
	const json_t *rate = json_object_get(answer, "rate");
	char text[96] = "no limit";

	if (json_is_object(rate))
		rate_format(rate, text, sizeof(text));
	printf("%s: %s\n", text_of(answer, "vif"), text);
}

/* "vif1.0: Connected, 2 queues, MAC ..., tap vif1.0", and why if it isn't. */
static void render_line(const json_t *vif)
{
	const json_t *tap = json_object_get(vif, "tap");
	const json_t *reason = json_object_get(vif, "reason");
	size_t n = json_array_size(json_object_get(vif, "queues"));
	const char *state = text_of(vif, "state");

	printf("%s%s%s: %s%s%s", text_colour(TEXT_BOLD), text_of(vif, "name"),
	       text_colour(TEXT_PLAIN), text_colour(text_state_colour(state)), state,
	       text_colour(TEXT_PLAIN));
	if (n > 0)
		printf(", %zu queue%s", n, n == 1 ? "" : "s");
	printf(", MAC %s", text_of(vif, "mac"));
	if (json_is_object(tap))
		printf(", tap %s", text_of(tap, "name"));
	if (json_is_object(tap) && strcmp(text_of(tap, "carrier_set"), "auto") != 0)
		printf(", carrier set %s", text_of(tap, "carrier_set"));
	printf("\n");
	if (json_is_string(reason))
		printf("  %s%s%s\n", text_colour(TEXT_BAD), json_string_value(reason),
		       text_colour(TEXT_PLAIN));
}

static void render_vif(const json_t *vif, bool whole)
{
	const json_t *queues = json_object_get(vif, "queues");

	render_line(vif);
	render_features(json_object_get(vif, "features"));
	render_limit(vif);
	if (json_array_size(queues) > 0)
		(whole ? render_each : render_sums)(queues);
}

static void render_vifs(const json_t *answer, bool whole)
{
	const json_t *vifs = json_object_get(answer, "vifs");
	size_t index;
	json_t *vif;

	if (json_array_size(vifs) == 0)
		printf("No vifs. One appears here as soon as a guest is created that has a vif.\n");
	json_array_foreach((json_t *)vifs, index, vif) {
		if (index > 0)
			printf("\n");
		render_vif(vif, whole);
	}
}

void render_show(const json_t *answer)
{
	render_vifs(answer, false);
}

void render_show_whole(const json_t *answer)
{
	render_vifs(answer, true);
}

/* How many connected vifs fit on the terminal, or in what is no terminal. */
static size_t vifs_that_fit(void)
{
	struct winsize size;

	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row)
		return size.ws_row < VIF_LINES ? 1 : size.ws_row / VIF_LINES;
	return VIFS_WITHOUT_TERMINAL;
}

static bool is_connected(const json_t *vif)
{
	return strcmp(text_of(vif, "state"), "Connected") == 0;
}

static bool is_fine(const json_t *vif)
{
	return is_connected(vif) && !json_is_string(json_object_get(vif, "reason")) &&
	       !json_is_string(json_object_get(vif, "rate_wrong")) &&
	       json_is_true(json_object_get(json_object_get(vif, "tap"), "carrier"));
}

static void render_totals(const json_t *vifs)
{
	json_t *queues = json_array(), *vif;
	size_t index, connected = 0;

	json_array_foreach((json_t *)vifs, index, vif) {
		json_array_extend(queues, json_object_get(vif, "queues"));
		connected += is_connected(vif);
	}
	printf("%zu vifs, %zu of them connected, %zu queue%s\n", json_array_size(vifs), connected,
	       json_array_size(queues), json_array_size(queues) == 1 ? "" : "s");
	if (json_array_size(queues) > 0)
		render_sums(queues);
	json_decref(queues);
}

void render_overview(const json_t *answer)
{
	const json_t *vifs = json_object_get(answer, "vifs");
	size_t index, fine = 0, all = json_array_size(vifs);
	json_t *vif;

	if (all <= vifs_that_fit()) {
		render_show(answer);
		return;
	}
	render_totals(vifs);
	json_array_foreach((json_t *)vifs, index, vif) {
		fine += is_fine(vif);
		if (is_fine(vif))
			continue;
		printf("\n");
		render_vif(vif, false);
	}
	if (fine == 0)
		return;
	printf("\n");
	if (fine == all)
		printf("All are fine");
	else
		printf("%zu other%s fine", fine, fine == 1 ? " is" : "s are");
	printf(": \"vifctl list\" has a line for each, \"vifctl show\" has everything\n");
}

static json_t *queues_vif(const json_t *vif)
{
	return json_pack("{sO sO}", "name", json_object_get(vif, "name"), "queues",
			 json_object_get(vif, "queues"));
}

json_t *queues_document(const json_t *answer)
{
	return vifs_document(answer, queues_vif);
}

void render_queues(const json_t *document)
{
	size_t index;
	json_t *vif;

	json_array_foreach(json_object_get(document, "vifs"), index, vif) {
		const json_t *queues = json_object_get(vif, "queues");

		printf("%s%s:\n", index ? "\n" : "", text_of(vif, "name"));
		if (json_array_size(queues) > 0) {
			render_each(queues);
			render_histograms(queues);
		} else {
			printf("  no queues: it is not connected\n");
		}
	}
}
