/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A queue's counters and histograms as JSON, by the one list of include/stats.h. */
#ifndef XENVIFD_DAEMON_COUNTERS_H
#define XENVIFD_DAEMON_COUNTERS_H

#include <jansson.h>

#include "stats.h"

/*
 * Adds to an object "from_guest" and "to_guest", objects of each direction's
 * counters, the queue's own beside them, and "histograms", with an object of
 * each direction's: {"le": bounds, the last null, "buckets": values in each,
 * "count": in all, "sum": of them}.
 */
void counters_write(json_t *object, const struct stats *all);

/*
 * The reverse: adds what is there to the counters. What is missing, or no
 * number, adds nothing; nor does a histogram of other buckets.
 */
void counters_read(struct stats *all, const json_t *object);

#endif
