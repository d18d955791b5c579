/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines on standard error or for the journal. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_SIZE 1024

static const char *const level_names[] = { "error", "warning", "info", "debug" };
static const int level_priorities[] = { 3, 4, 6, 7 }; /* of syslog(3) */

static _Atomic int log_level = LOG_LEVEL_INFO;
static bool log_to_journal;

void log_init(void)
{
	log_to_journal = getenv("JOURNAL_STREAM") != NULL && !isatty(STDERR_FILENO);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
	return atomic_load_explicit(&log_level, memory_order_relaxed);
}

int log_parse_level(const char *text, enum log_level *level)
{
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*level = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

static int line_prefix(char *line, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm tm;

	if (log_to_journal)
		return snprintf(line, size, "<%d>", level_priorities[level]);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	return snprintf(line, size,
			"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ xenvifd %s: ", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
			now.tv_nsec / 1000000, level_names[level]);
}

/* A guest's text must not forge lines or move a terminal's cursor. */
static void line_make_printable(char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_SIZE];
	size_t len, room;
	va_list args;
	int n;

	if (level > log_get_level())
		return;
	len = line_prefix(line, sizeof(line), level);
	room = sizeof(line) - len - 1;
	va_start(args, format);
	n = vsnprintf(line + len, room, format, args);
	va_end(args);
	if (n < 0)
		return;
	n = (size_t)n < room ? n : (int)room - 1;
	line_make_printable(line + len, n);
	len += n;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere to complain */
}
