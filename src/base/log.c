/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines on standard error or for the journal. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/printable.h"

#define LOG_LINE_SIZE 1024

static const char *const level_names[] = { "error", "warning", "info", "debug" };
static const int level_priorities[] = { 3, 4, 6, 7 }; /* of syslog(3) */

static _Atomic int log_level = LOG_LEVEL_INFO;
static bool log_to_journal;
static pthread_t log_control_thread;

void log_init(void)
{
	log_to_journal = journal_has_stderr();
	log_control_thread = pthread_self();
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

/* Standard error; for the journal, a line without fields. */
static void line_write(enum log_level level, const char *text)
{
	char line[LOG_LINE_SIZE];
	size_t prefix = line_prefix(line, sizeof(line), level);
	int len = snprintf(line + prefix, sizeof(line) - prefix, "%s", text);

	len = prefix + len < sizeof(line) ? (int)prefix + len : (int)sizeof(line) - 1;
	line[len++] = '\n'; /* in the place of the NUL */
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere to complain */
}

static void text_write(enum log_level level, const struct log_about *about, const char *format,
		       va_list args)
{
	char text[LOG_LINE_SIZE];

	if (vsnprintf(text, sizeof(text), format, args) < 0)
		return;
	printable_make(text);
	if (about && log_to_journal && pthread_equal(pthread_self(), log_control_thread) &&
	    journal_send(level_priorities[level], text, about) == 0)
		return;
	line_write(level, text);
}

void log_write(enum log_level level, const char *format, ...)
{
	va_list args;

	if (level > log_get_level())
		return;
	va_start(args, format);
	text_write(level, NULL, format, args);
	va_end(args);
}

void log_write_about(enum log_level level, const struct log_about *about, const char *format, ...)
{
	va_list args;

	if (level > log_get_level())
		return;
	va_start(args, format);
	text_write(level, about, format, args);
	va_end(args);
}
