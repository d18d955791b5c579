/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was counted, as one line of JSON on standard output. Main thread. */
#ifndef XENVIFD_GUEST_REPORT_H
#define XENVIFD_GUEST_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "front.h"

struct report {
	const char *mode; /* "tap", "generate", "sink" */
	unsigned queues;
	bool split;
	unsigned size, gso;  /* of generated frames, bytes */
	unsigned reconnects; /* after SIGUSR1 */
	uint64_t busy_ns;    /* of each connection's queue that worked longest */
	struct front_stats sum;
	char fault[FRONT_FAULT_SIZE]; /* how the backend broke the protocol, or "" */
	char error[256];	      /* why the backend closed the vif, or "" */
};

void report_add(struct report *report, const struct front_queue *queue);
void report_print(const struct report *report);

/* text as a JSON string, quotes included. */
void report_string(FILE *file, const char *text);

#endif
