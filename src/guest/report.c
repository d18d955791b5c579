/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was counted, as one line of JSON: the sum over all queues and, when it
 * reconnected, over all connections. The counters' names are those of struct
 * front_stats.
 */
#include <inttypes.h>

#include "report.h"

#define REPORT_COUNTERS(X) \
	X(tx_frames)       \
	X(tx_bytes)        \
	X(tx_gso)          \
	X(tx_okay)         \
	X(tx_error)        \
	X(tx_dropped)      \
	X(tx_refused)      \
	X(rx_frames)       \
	X(rx_bytes)        \
	X(rx_gso)          \
	X(rx_blank)        \
	X(rx_error)        \
	X(tap_errors)      \
	X(kicks)           \
	X(events)

#define REPORT_COUNT(name) +1
_Static_assert(sizeof(struct front_stats) == sizeof(uint64_t) * (0 REPORT_COUNTERS(REPORT_COUNT)),
	       "every counter is reported");

void report_add(struct report *report, const struct front_queue *queue)
{
#define REPORT_ADD(name) report->sum.name += queue->stats.name;
	REPORT_COUNTERS(REPORT_ADD)
#undef REPORT_ADD
	if (queue->fault[0] && !report->fault[0])
		snprintf(report->fault, sizeof(report->fault), "queue %u: %.200s", queue->index,
			 queue->fault);
}

void report_string(FILE *file, const char *text)
{
	fputc('"', file);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(file, "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			fprintf(file, "\\u%04x", (unsigned char)*text);
		else
			fputc(*text, file);
	}
	fputc('"', file);
}

void report_print(const struct report *report)
{
	double seconds = (double)report->busy_ns / 1e9;
	double rate = seconds > 0 ? 1 / seconds : 0;

	printf("{\"mode\": \"%s\", \"queues\": %u, \"split\": %s, \"size\": %u, \"gso\": %u, "
	       "\"reconnects\": %u, \"seconds\": %.6f, ",
	       report->mode, report->queues, report->split ? "true" : "false", report->size,
	       report->gso, report->reconnects, seconds);
#define REPORT_PRINT(name) printf("\"" #name "\": %" PRIu64 ", ", report->sum.name);
	REPORT_COUNTERS(REPORT_PRINT)
#undef REPORT_PRINT
	printf("\"tx_unanswered\": %" PRIu64 ", ", report->sum.tx_frames - report->sum.tx_okay -
							   report->sum.tx_error -
							   report->sum.tx_dropped);
	printf("\"tx_frames_per_second\": %.0f, \"tx_gbit_per_second\": %.3f, "
	       "\"rx_frames_per_second\": %.0f, \"rx_gbit_per_second\": %.3f, \"fault\": ",
	       (double)report->sum.tx_okay * rate, (double)report->sum.tx_bytes * rate * 8e-9,
	       (double)report->sum.rx_frames * rate, (double)report->sum.rx_bytes * rate * 8e-9);
	report_string(stdout, report->fault);
	printf(", \"error\": ");
	report_string(stdout, report->error);
	puts("}");
	fflush(stdout);
}
