/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's answers, for people, on standard output; and the JSON documents
 * of those verbs that show a part of what the daemon's "show" says. What takes
 * an `answer` returns a new reference.
 */
#ifndef XENVIFD_VIFCTL_RENDER_H
#define XENVIFD_VIFCTL_RENDER_H

#include <stdbool.h>

#include <jansson.h>

/* show: a paragraph a vif, with the sums of its queues, or with each. */
void render_show(const json_t *answer);
void render_show_whole(const json_t *answer);
/* The same as render_show on one screen: of more vifs than fit, the sums of all queues, and a
 * paragraph for those only that want a look. */
void render_overview(const json_t *answer);

/* queues: a row a queue and direction, of counters and then of histograms. */
json_t *queues_document(const json_t *answer);
void render_queues(const json_t *document);

/* The histograms of an array of queues: a row each. */
void render_histograms(const json_t *queues);

/* list: a line a vif. */
json_t *list_document(const json_t *answer);
void render_list(const json_t *document);

/* dump: a line a vif, columns separated by tabs, for scripts. */
json_t *dump_document(const json_t *answer);
void render_dump(const json_t *document);

/* stats: the sums of a vif's queues; or what changed between two of these, a second. */
json_t *stats_document(const json_t *answer);
json_t *stats_rates(const json_t *before, const json_t *now, double seconds);
void render_stats(const json_t *document);

/* rings, explain, and owners. */
void render_rings(const json_t *answer);
void render_owners(const json_t *answer);
void render_explain(const json_t *answer);

/* Prints the answer to "rate": "vif1.0: 10 Mb/s (62500 bytes each 50 ms)". */
void render_rate(const json_t *answer);

#endif
