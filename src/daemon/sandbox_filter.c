/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sandbox's filters of system calls, over libseccomp.
 *
 * Lists of what is allowed, by purpose. Names and not numbers: a call that this
 * machine doesn't have is passed over. Where a call's argument says what it is
 * for, that is looked at too; what a pointer points to can't be.
 *
 * A worker's calls pass the control thread's filter first, so that one allows
 * whatever a worker may do.
 */
#include "daemon/sandbox_filter.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <seccomp.h>
#include <xen/xen.h> /* before what uses its types */
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>

#include "base/cleanup.h"

/* Compares an argument as the kernel takes it: as 32 bits, whatever the upper half holds. */
#define ARG_IS(number, value)	SCMP_CMP(number, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)(value))
#define ARG_HAS(number, bits)	SCMP_CMP(number, SCMP_CMP_MASKED_EQ, bits, bits)
#define ARG_LACKS(number, bits) SCMP_CMP(number, SCMP_CMP_MASKED_EQ, bits, 0)
/* A request to a device, by the letter of its driver. */
#define ARG_IS_OF_TYPE(number, letter) \
	SCMP_CMP(number, SCMP_CMP_MASKED_EQ, 0xff00u, (uint32_t)(letter) << 8)

/* What makes a thread of this process, and neither a process nor a namespace. */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

/* Every thread. */
static const char *const all_calls[] = {
	/* Frames, events, counters that wake another thread; the log */
	"read",
	"readv",
	"write",
	"writev",
	/* Waiting */
	"epoll_ctl",
	"epoll_pwait",
	"epoll_wait",
	"futex",
	"timerfd_settime",
	"restart_syscall", /* after SIGSTOP and SIGCONT */
	/* Where the C library can't do it without a call: under Xen's own clock, it can't */
	"clock_gettime",
	"getcpu",
	"gettimeofday",
	/* Memory, and none of it becomes code: see below for mmap and mprotect */
	"brk",
	"madvise",
	"mremap",
	"munmap",
	/* A thread's end; abort, which says more than a call that is not allowed */
	"close",
	"exit",
	"getpid",
	"gettid",
	"rt_sigprocmask",
};

/* The control thread, and the one by which libxenstore waits for watches. */
static const char *const control_calls[] = {
	/* Devices, /proc and /sys, the settings, the capture's file, memory kept for a successor */
	"access",
	"dup",
	"faccessat",
	"faccessat2",
	"fcntl",
	"fstat",
	"fstatfs",
	"ftruncate",
	"getdents64",
	"lseek",
	"memfd_create",
	"newfstatat",
	"openat",
	"pread64",
	"pwrite64",
	"readlink",
	"readlinkat",
	"stat",
	"statx",
	/* The control socket's place */
	"mkdir",
	"mkdirat",
	"umask",
	"unlink",
	"unlinkat",
	/* The event loop's sources */
	"epoll_create1",
	"eventfd2",
	"pipe",
	"pipe2",
	"poll",
	"ppoll",
	"signalfd4",
	"timerfd_create",
	"timerfd_gettime",
	/* vifctl, xenstored, netlink, systemd: see below for socket */
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"listen",
	"recvfrom",
	"recvmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	/* Threads: see below for clone */
	"rseq",
	"rt_sigaction",
	"rt_sigreturn",
	"sched_getaffinity",
	"sched_yield",
	"set_robust_list",
	/* Time to wait before something is tried again */
	"clock_getres",
	"clock_nanosleep",
	"nanosleep",
	/* What libraries ask about their process and machine */
	"getegid",
	"geteuid",
	"getgid",
	"getppid",
	"getrandom",
	"getuid",
	"sysinfo",
	"uname",
	/* The end */
	"exit_group",
};

struct call {
	const char *name;
	unsigned n_arguments;
	struct scmp_arg_cmp argument[2];
};

/* Every thread, with these arguments. */
static const struct call all_calls_so[] = {
	{ "mmap", 1, { ARG_LACKS(2, PROT_EXEC) } },
	{ "mprotect", 1, { ARG_LACKS(2, PROT_EXEC) } },
};

/* A worker's requests to devices: one each way, and all it may ask of a tap are frames. */
static const struct call worker_calls_so[] = {
	{ "ioctl", 1, { ARG_IS(1, IOCTL_EVTCHN_NOTIFY) } },
	{ "ioctl", 1, { ARG_IS(1, IOCTL_GNTDEV_GRANT_COPY) } },
};

static const struct call control_calls_so[] = {
	/* Event channels, and grants: /dev/xen/gntdev and gntalloc */
	{ "ioctl", 1, { ARG_IS_OF_TYPE(1, 'E') } },
	{ "ioctl", 1, { ARG_IS_OF_TYPE(1, 'G') } },
	/* Taps, and the names of links. Not by letter: that one is the terminals', too */
	{ "ioctl", 1, { ARG_IS(1, TUNGETIFF) } },
	{ "ioctl", 1, { ARG_IS(1, TUNSETCARRIER) } },
	{ "ioctl", 1, { ARG_IS(1, TUNSETIFF) } },
	{ "ioctl", 1, { ARG_IS(1, TUNSETOFFLOAD) } },
	{ "ioctl", 1, { ARG_IS(1, TUNSETPERSIST) } },
	{ "ioctl", 1, { ARG_IS(1, TUNSETQUEUE) } },
	{ "ioctl", 1, { ARG_IS(1, TUNSETVNETHDRSZ) } },
	{ "ioctl", 1, { ARG_IS(1, SIOCGIFINDEX) } },
	{ "ioctl", 1, { ARG_IS(1, SIOCGIFNAME) } },
	/* No network but the link's own */
	{ "socket", 1, { ARG_IS(0, AF_UNIX) } },
	{ "socket", 2, { ARG_IS(0, AF_NETLINK), ARG_IS(2, NETLINK_ROUTE) } },
	/* Threads, their names and their filters */
	{ "clone", 1, { ARG_HAS(0, THREAD_FLAGS) } },
	{ "prctl", 1, { ARG_IS(0, PR_GET_NAME) } },
	{ "prctl", 1, { ARG_IS(0, PR_SET_NAME) } },
	{ "prctl", 2, { ARG_IS(0, PR_SET_SECCOMP), ARG_IS(1, SECCOMP_MODE_FILTER) } },
	/* Limits are read, and no more set */
	{ "prlimit64", 2, { ARG_IS(0, 0), SCMP_CMP(2, SCMP_CMP_EQ, 0, 0) } },
};

static int call_allow(scmp_filter_ctx filter, const struct call *call)
{
	int number = seccomp_syscall_resolve_name(call->name);

	if (number == __NR_SCMP_ERROR)
		return 0; /* younger than this libseccomp; what is not known is not allowed */
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, call->n_arguments,
				      call->argument);
}

static int names_allow(scmp_filter_ctx filter, const char *const *names, size_t n)
{
	int error = 0;

	for (size_t i = 0; i < n && error == 0; i++)
		error = call_allow(filter, &(struct call){ .name = names[i] });
	return error;
}

static int calls_allow(scmp_filter_ctx filter, const struct call *calls, size_t n)
{
	int error = 0;

	for (size_t i = 0; i < n && error == 0; i++)
		error = call_allow(filter, &calls[i]);
	return error;
}

static int all_allow(scmp_filter_ctx filter)
{
	/* By this alone may a signal be sent: to ourselves, as abort and pthread_cancel do. */
	const struct call kill = { "tgkill", 1, { ARG_IS(0, getpid()) } };
	int error = names_allow(filter, all_calls, ARRAY_SIZE(all_calls));

	if (error == 0)
		error = calls_allow(filter, all_calls_so, ARRAY_SIZE(all_calls_so));
	return error < 0 ? error : call_allow(filter, &kill);
}

static int control_allow(scmp_filter_ctx filter)
{
	int error = names_allow(filter, control_calls, ARRAY_SIZE(control_calls));

	if (error == 0)
		error = calls_allow(filter, control_calls_so, ARRAY_SIZE(control_calls_so));
	/* Its flags can't be seen; glibc then takes clone. */
	if (error == 0)
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return error;
}

static int rules_add(scmp_filter_ctx filter, enum sandbox_kind kind)
{
	/* A program for another kind of processor is none of ours. */
	int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* The one call of each batch that the kernel must look at more closely than by number. */
	if (error == 0)
		error = seccomp_syscall_priority(filter, SCMP_SYS(ioctl), UINT8_MAX);
	if (error == 0)
		error = all_allow(filter);
	if (error < 0)
		return error;
	return kind == SANDBOX_CONTROL
		       ? control_allow(filter)
		       : calls_allow(filter, worker_calls_so, ARRAY_SIZE(worker_calls_so));
}

/* Reads what libseccomp has written there. */
static int program_read(int fd, struct sock_fprog *program)
{
	struct stat file;

	if (fstat(fd, &file) < 0)
		return -errno;
	program->len = file.st_size / sizeof(*program->filter);
	program->filter = malloc(file.st_size);
	if (!program->filter)
		return -ENOMEM;
	if (pread(fd, program->filter, file.st_size, 0) == file.st_size)
		return 0;
	free(program->filter);
	program->filter = NULL;
	return -EIO;
}

int sandbox_filter_make(enum sandbox_kind kind, bool log_only, struct sock_fprog *program)
{
	scmp_filter_ctx filter;
	int fd, error;

	/* What Linux 4.14 can; libseccomp would try it out by seccomp(2), see filter_load. */
	seccomp_api_set(3);
	filter = seccomp_init(log_only ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return -ENOMEM;
	fd = memfd_create("sandbox", MFD_CLOEXEC);
	error = fd < 0 ? -errno : rules_add(filter, kind);
	if (error == 0)
		error = seccomp_export_bpf(filter, fd);
	if (error == 0)
		error = program_read(fd, program);
	if (fd >= 0)
		close(fd);
	seccomp_release(filter);
	return error;
}
