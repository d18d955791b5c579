/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines on standard error, one write each, or for the journal: when
 * systemd holds standard error, every line begins with its level as <N> and
 * has no time stamp, which the journal adds itself.
 *
 * Any thread may log, but no worker does so for anything that a guest can
 * repeat: those are counters (include/stats.h).
 */
#ifndef XENVIFD_BASE_LOG_H
#define XENVIFD_BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,   /* somebody must act */
	LOG_LEVEL_WARNING, /* something is wrong that the daemon works around, or a guest is at
			      fault */
	LOG_LEVEL_INFO,	   /* vifs come, connect, go */
	LOG_LEVEL_DEBUG,   /* each step of a vif's life */
};

/* Chooses the form of the lines; call once, before the first thread. */
void log_init(void);

/* Lines above this level are not written. Any thread. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warning", "info", "debug" -> level. 0, or -EINVAL. */
int log_parse_level(const char *text, enum log_level *level);

/* The reverse. */
const char *log_level_name(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                           \
	do {                                                     \
		if (log_get_level() >= LOG_LEVEL_DEBUG)          \
			log_write(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
