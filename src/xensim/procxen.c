/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/xen for xenstored: its two files are served from the host's directory.
 *
 * open() is the one function of libc that xensim stands before; every other path goes straight on
 * to the kernel. It is no part of the library that the unit tests and the xensim tool link.
 */
#undef _FILE_OFFSET_BITS /* it would make both functions one */
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_here(const char *path, int flags, mode_t mode)
{
	int dir = AT_FDCWD;

	if (strncmp(path, "/proc/xen/xsd_", 14) == 0 && sim_attach() == 0) {
		path += strlen("/proc/xen/");
		dir = sim.dir;
	}
	return syscall(SYS_openat, dir, path, flags, mode);
}

static mode_t open_mode(int flags, va_list ap)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

SIM_EXPORT int open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = open_mode(flags, ap);
	va_end(ap);
	return open_here(path, flags, mode);
}

SIM_EXPORT int open64(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = open_mode(flags, ap);
	va_end(ap);
	return open_here(path, flags, mode);
}
