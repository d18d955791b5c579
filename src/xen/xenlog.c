/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the libxen* libraries have to say goes to our log.
 *
 * They complain for themselves about each call that fails, and a guest can
 * make calls fail; we report every failure in our own words, so theirs are
 * only of use when debugging.
 */
#include "xen/xenlog.h"

#include <stdio.h>

#include "base/log.h"

static void xenlog_message(xentoollog_logger *logger, xentoollog_level level, int errnoval,
			   const char *context, const char *format, va_list al)
{
	char text[256];

	if (log_get_level() < LOG_LEVEL_DEBUG)
		return;
	vsnprintf(text, sizeof(text), format, al);
	log_debug("%s: %s", context ? context : "libxen", text);
}

static void xenlog_progress(xentoollog_logger *logger, const char *context, const char *doing_what,
			    int percent, unsigned long done, unsigned long total)
{
}

static void xenlog_destroy(xentoollog_logger *logger)
{
}

xentoollog_logger *xenlog_get(void)
{
	static xentoollog_logger logger = {
		.vmessage = xenlog_message,
		.progress = xenlog_progress,
		.destroy = xenlog_destroy,
	};

	return &logger;
}
