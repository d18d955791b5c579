/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service manager (systemd): what it is told, and what it keeps for us.
 *
 * Descriptors that are given to it outlive this process, however it ends, and
 * come back to the next one under their names. Without a service manager, or
 * built without libsystemd, everything here does nothing and nothing is kept.
 *
 * sd_notify(3), sd_pid_notify_with_fds(3), sd_listen_fds(3). Control thread.
 */
#ifndef XENVIFD_BASE_SERVICE_H
#define XENVIFD_BASE_SERVICE_H

#include <stdint.h>

/* Takes in what was kept for us. Once, before anything else opens a descriptor. */
void service_open(void);

/* "READY=1" and so on, one assignment a line. */
void service_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * The time within which service_notify("WATCHDOG=1") is expected again and
 * again, in ns; 0: nobody watches.
 */
uint64_t service_watchdog_ns(void);

/* Gives a copy of fd away to be kept under this name (letters, digits, '.', '-'). */
void service_keep(const char *name, int fd);

/* What is kept under this name is not to be kept any longer. Fine when nothing is. */
void service_forget(const char *name);

/* The descriptor that was kept under this name, the caller's now; -ENOENT. */
int service_take(const char *name);

/* Closes what was kept and nobody took, and lets the service manager forget it. */
void service_discard(void);

#endif
