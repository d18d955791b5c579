/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to "metrics": every counter of every queue as OpenMetrics text.
 *
 * Names and help come from the one list, include/stats.h. A counter that both
 * directions have is one family, xenvifd_<name>, whose label `direction` tells
 * them apart; its help says both meanings. All samples of a family stand
 * together, so the vifs are gone through once a family.
 */
#include "daemon/ctl_verbs.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "stats.h"

struct counter {
	const char *name;
	const char *help;
	size_t offset; /* in struct stats */
};

#define COUNTER_FROM_GUEST(name, help) { #name, help, offsetof(struct stats, from_guest.name) },
#define COUNTER_TO_GUEST(name, help)   { #name, help, offsetof(struct stats, to_guest.name) },
#define COUNTER_QUEUE(name, help)      { #name, help, offsetof(struct stats, queue.name) },

static const struct counter from_guest[] = { STATS_FROM_GUEST(COUNTER_FROM_GUEST) };
static const struct counter to_guest[] = { STATS_TO_GUEST(COUNTER_TO_GUEST) };
static const struct counter of_queue[] = { STATS_QUEUE(COUNTER_QUEUE) };

static const struct counter *counter_named(const struct counter *counters, size_t n,
					   const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(counters[i].name, name) == 0)
			return &counters[i];
	return NULL;
}

static void sample(FILE *out, const struct vif *vif, unsigned queue, const struct counter *counter,
		   const char *direction)
{
	const char *stats = (const char *)worker_stats(vif->worker[queue]);
	uint64_t value = stats_read((const _Atomic uint64_t *)(stats + counter->offset));

	fprintf(out, "xenvifd_%s_total{domid=\"%u\",vif=\"%s\",queue=\"%u\"", counter->name,
		vif->domid, vif->name, queue);
	if (direction)
		fprintf(out, ",direction=\"%s\"", direction);
	fprintf(out, "} %llu\n", (unsigned long long)value);
}

static void samples(FILE *out, const struct control *control, const struct counter *counter,
		    const char *direction)
{
	const struct vif *vif;

	if (!counter)
		return;
	cds_list_for_each_entry(vif, &control->vifs, in_all)
		for (unsigned i = 0; i < vif->n_workers; i++)
			sample(out, vif, i, counter, direction);
}

static void help_direction(FILE *out, const struct counter *counter, const char *direction,
			   const char *before)
{
	if (counter)
		fprintf(out, "%s%s: %s", before, direction, counter->help);
}

/* A counter of one direction or both; the other is NULL. */
static void family(FILE *out, const struct control *control, const struct counter *from,
		   const struct counter *to)
{
	const char *name = from ? from->name : to->name;

	fprintf(out, "# TYPE xenvifd_%s counter\n# HELP xenvifd_%s ", name, name);
	if (from && to && strcmp(from->help, to->help) == 0) {
		fprintf(out, "%s", from->help);
	} else {
		help_direction(out, from, "from the guest", "");
		help_direction(out, to, "to the guest", from ? "; " : "");
	}
	fprintf(out, "\n");
	samples(out, control, from, "from_guest");
	samples(out, control, to, "to_guest");
}

static void counters_write(FILE *out, const struct control *control)
{
	for (size_t i = 0; i < ARRAY_SIZE(from_guest); i++)
		family(out, control, &from_guest[i],
		       counter_named(to_guest, ARRAY_SIZE(to_guest), from_guest[i].name));
	for (size_t i = 0; i < ARRAY_SIZE(to_guest); i++)
		if (!counter_named(from_guest, ARRAY_SIZE(from_guest), to_guest[i].name))
			family(out, control, NULL, &to_guest[i]);
	for (size_t i = 0; i < ARRAY_SIZE(of_queue); i++) {
		fprintf(out, "# TYPE xenvifd_%s counter\n# HELP xenvifd_%s %s\n", of_queue[i].name,
			of_queue[i].name, of_queue[i].help);
		samples(out, control, &of_queue[i], NULL);
	}
}

static void vifs_write(FILE *out, const struct control *control)
{
	const struct vif *vif;

	fprintf(out, "# TYPE xenvifd_version gauge\n# HELP xenvifd_version always 1; the label is "
		     "the daemon's version\n"
		     "xenvifd_version{version=\"" XENVIFD_VERSION "\"} 1\n"
		     "# TYPE xenvifd_connected gauge\n"
		     "# HELP xenvifd_connected 1 while the vif is connected, else 0\n");
	cds_list_for_each_entry(vif, &control->vifs, in_all)
		fprintf(out, "xenvifd_connected{domid=\"%u\",vif=\"%s\"} %d\n", vif->domid,
			vif->name, vif->facts.attached && vif->facts.own_state == XENBUS_CONNECTED);
	fprintf(out, "# TYPE xenvifd_queues gauge\n"
		     "# HELP xenvifd_queues queues that the guest has connected\n");
	cds_list_for_each_entry(vif, &control->vifs, in_all)
		fprintf(out, "xenvifd_queues{domid=\"%u\",vif=\"%s\"} %u\n", vif->domid, vif->name,
			vif->n_workers);
}

json_t *ctl_metrics(struct control *control, const json_t *request)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	vifs_write(out, control);
	counters_write(out, control);
	fprintf(out, "# EOF\n");
	if (fclose(out) != 0)
		return NULL;
	return json_pack("{si ss}", "schema", CTL_SCHEMA, "text", text);
}
