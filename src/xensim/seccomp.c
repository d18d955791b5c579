/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program's filter of system calls, on a host whose hypervisor is in the program's own process.
 *
 * A real hypervisor's and its drivers' work is out of sight of such a filter; xensim's is not. So
 * what xensim calls, and no device's user does, is added to each filter that libseccomp writes
 * down: the program needs to know nothing of it, and everything else in its filter stays as it is.
 * It is no part of the library that the unit tests and the xensim tool link.
 */
#include "sim.h"

#include <dlfcn.h>
#include <errno.h>

#include <seccomp.h>

/* Of handle.c, by threads that open and close handles; and of a fault that hangs (fault.c) */
static const char *const own_calls[] = { "flock", "mknodat", "clock_nanosleep" };

SIM_EXPORT int seccomp_export_bpf(const scmp_filter_ctx ctx, int fd)
{
	int (*next)(const scmp_filter_ctx ctx, int fd) = dlsym(RTLD_NEXT, "seccomp_export_bpf");
	int (*resolve)(const char *name) = dlsym(RTLD_NEXT, "seccomp_syscall_resolve_name");
	int (*add)(scmp_filter_ctx ctx, uint32_t action, int number, unsigned int count,
		   const struct scmp_arg_cmp *args) = dlsym(RTLD_NEXT, "seccomp_rule_add_array");
	unsigned int i;

	if (!next || !resolve || !add)
		return -ENOSYS;
	for (i = 0; i < sizeof(own_calls) / sizeof(own_calls[0]); i++) {
		int rc = add((scmp_filter_ctx)ctx, SCMP_ACT_ALLOW, resolve(own_calls[i]), 0, NULL);

		if (rc < 0)
			return rc;
	}
	return next(ctx, fd);
}
