/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines on standard error, one write each, or for the journal: when
 * systemd holds standard error, every line begins with its level as <N> and
 * has no time stamp, which the journal adds itself. What is about a vif, or
 * is an event that people look for, then goes to the journal with fields that
 * say so (base/journal.h); should that fail, it is a plain line, too.
 *
 * Any thread may log, but no worker does so for anything that a guest can
 * repeat: those are counters (include/stats.h).
 */
#ifndef XENVIFD_BASE_LOG_H
#define XENVIFD_BASE_LOG_H

#include "base/journal.h"
#include "base/message_ids.h"

enum log_level {
	LOG_LEVEL_ERROR,   /* somebody must act */
	LOG_LEVEL_WARNING, /* something is wrong that the daemon works around, or a guest is at
			      fault */
	LOG_LEVEL_INFO,	   /* vifs come, connect, go */
	LOG_LEVEL_DEBUG,   /* each step of a vif's life */
};

/* Chooses the form of the lines; call once, before the first thread, from the control thread. */
void log_init(void);

/* Lines above this level are not written. Any thread. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warning", "info", "debug" -> level. 0, or -EINVAL. */
int log_parse_level(const char *text, enum log_level *level);

/* The reverse. */
const char *log_level_name(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, saying what it is about; NULL: nothing. */
void log_write_about(enum log_level level, const struct log_about *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* An event of base/message_ids.h that is about no single vif. */
#define log_event(level, id, ...) \
	log_write_about(level, &(struct log_about){ .message_id = (id) }, __VA_ARGS__)

#define log_error(...)	 log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                           \
	do {                                                     \
		if (log_get_level() >= LOG_LEVEL_DEBUG)          \
			log_write(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
