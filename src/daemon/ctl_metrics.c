/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to "metrics": every counter and histogram of every queue as
 * OpenMetrics text.
 *
 * Names and help come from the one list, include/stats.h. A counter that both
 * directions have is one family, xenvifd_<name>, whose label `direction` tells
 * them apart; its help says both meanings. All samples of a family stand
 * together, so the vifs are gone through once a family. Histograms, which both
 * directions have, likewise; those of times are in seconds and named so, as all
 * times are there.
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
	/* Of a histogram; 0 otherwise */
	unsigned shift, buckets;
};

#define COUNTER_FROM_GUEST(name, help) \
	{ #name, help, offsetof(struct stats, from_guest.name), 0, 0 },
#define COUNTER_TO_GUEST(name, help) { #name, help, offsetof(struct stats, to_guest.name), 0, 0 },
#define COUNTER_QUEUE(name, help)    { #name, help, offsetof(struct stats, queue.name), 0, 0 },

#define HISTOGRAM_OF(way, name, kind, help)                                    \
	{ #name, help, offsetof(struct stats, way.name), STATS_##kind##_SHIFT, \
	  STATS_##kind##_BUCKETS },
#define HISTOGRAM_FROM_GUEST(name, kind, help) HISTOGRAM_OF(from_guest, name, kind, help)
#define HISTOGRAM_TO_GUEST(name, kind, help)   HISTOGRAM_OF(to_guest, name, kind, help)

static const struct counter from_guest[] = { STATS_FROM_GUEST(
	COUNTER_FROM_GUEST) STATS_FROM_GUEST_HISTOGRAMS(HISTOGRAM_FROM_GUEST) };
static const struct counter to_guest[] = { STATS_TO_GUEST(COUNTER_TO_GUEST)
						   STATS_TO_GUEST_HISTOGRAMS(HISTOGRAM_TO_GUEST) };
static const struct counter of_queue[] = { STATS_QUEUE(COUNTER_QUEUE) };

static const struct counter *counter_named(const struct counter *counters, size_t n,
					   const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(counters[i].name, name) == 0)
			return &counters[i];
	return NULL;
}

/* Whether it is a histogram of times, which a shift tells. */
static bool is_time(const struct counter *counter)
{
	return counter->shift > 0;
}

static void name_write(FILE *out, const struct counter *counter)
{
	fprintf(out, "xenvifd_%s%s", counter->name, is_time(counter) ? "_seconds" : "");
}

/* "xenvifd_packets_total{domid="1",...", for further labels, and the end, to follow. */
static void sample_begin(FILE *out, const struct counter *counter, const char *suffix,
			 const struct vif *vif, unsigned queue, const char *direction)
{
	name_write(out, counter);
	fprintf(out, "%s{domid=\"%u\",vif=\"%s\",queue=\"%u\"", suffix, vif->domid, vif->name,
		queue);
	if (direction)
		fprintf(out, ",direction=\"%s\"", direction);
}

/* The label of a bucket, as floating point numbers are to be written. */
static void bound_write(FILE *out, const struct counter *counter, unsigned bucket)
{
	uint64_t bound = stats_bound(bucket, counter->shift);

	if (bucket + 1 == counter->buckets)
		fprintf(out, ",le=\"+Inf\"");
	else if (is_time(counter))
		fprintf(out, ",le=\"%.9g\"", bound / 1e9);
	else
		fprintf(out, ",le=\"%llu.0\"", (unsigned long long)bound);
}

/* The buckets, each with those before it, as many as there are values, and their sum. */
static void histogram_sample(FILE *out, const struct vif *vif, unsigned queue,
			     const struct counter *counter, const char *direction,
			     const _Atomic uint64_t *histogram)
{
	unsigned long long sum = stats_read(&histogram[0]), count = 0;

	for (unsigned i = 0; i < counter->buckets; i++) {
		count += stats_read(&histogram[1 + i]);
		sample_begin(out, counter, "_bucket", vif, queue, direction);
		bound_write(out, counter, i);
		fprintf(out, "} %llu\n", count);
	}
	sample_begin(out, counter, "_count", vif, queue, direction);
	fprintf(out, "} %llu\n", count);
	sample_begin(out, counter, "_sum", vif, queue, direction);
	if (is_time(counter))
		fprintf(out, "} %.9f\n", sum / 1e9);
	else
		fprintf(out, "} %llu\n", sum);
}

static void sample(FILE *out, const struct vif *vif, unsigned queue, const struct counter *counter,
		   const char *direction)
{
	const char *stats = (const char *)worker_stats(vif->worker[queue]);
	const _Atomic uint64_t *value = (const _Atomic uint64_t *)(stats + counter->offset);

	if (counter->buckets > 0) {
		histogram_sample(out, vif, queue, counter, direction, value);
		return;
	}
	sample_begin(out, counter, "_total", vif, queue, direction);
	fprintf(out, "} %llu\n", (unsigned long long)stats_read(value));
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

static void family_begin(FILE *out, const struct counter *counter)
{
	fprintf(out, "# TYPE ");
	name_write(out, counter);
	fprintf(out, counter->buckets > 0 ? " histogram\n" : " counter\n");
	if (is_time(counter)) {
		fprintf(out, "# UNIT ");
		name_write(out, counter);
		fprintf(out, " seconds\n");
	}
	fprintf(out, "# HELP ");
	name_write(out, counter);
	fprintf(out, " ");
}

/* A counter of one direction or both; the other is NULL. */
static void family(FILE *out, const struct control *control, const struct counter *from,
		   const struct counter *to)
{
	family_begin(out, from ? from : to);
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
		family_begin(out, &of_queue[i]);
		fprintf(out, "%s\n", of_queue[i].help);
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
	fprintf(out, "# TYPE xenvifd_log_withheld counter\n"
		     "# HELP xenvifd_log_withheld log lines about the vif that were withheld, as "
		     "there were too many\n");
	cds_list_for_each_entry(vif, &control->vifs, in_all)
		fprintf(out, "xenvifd_log_withheld_total{domid=\"%u\",vif=\"%s\"} %llu\n",
			vif->domid, vif->name, (unsigned long long)vif->log_limit.withheld_in_all);
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
