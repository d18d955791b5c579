/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sandbox's filters of system calls. */
#ifndef XENVIFD_DAEMON_SANDBOX_FILTER_H
#define XENVIFD_DAEMON_SANDBOX_FILTER_H

#include <stdbool.h>

#include <linux/filter.h>

enum sandbox_kind {
	SANDBOX_CONTROL, /* also libxenstore's reader thread */
	SANDBOX_WORKER,
};

/*
 * Makes the filter of a kind of thread, for this process: log_only lets a call
 * that is not allowed pass, logged. 0, and program->filter is the caller's to
 * free; or -errno.
 */
int sandbox_filter_make(enum sandbox_kind kind, bool log_only, struct sock_fprog *program);

#endif
