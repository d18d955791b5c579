/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sandbox from inside. Each case is a process that enters it as the daemon
 * does and then makes one call, as the control thread or as a worker: it ends
 * by itself (what is allowed) or by SIGSYS (what is not).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <xen/xen.h> /* before what uses its types */
#include <xen/sys/evtchn.h>
#include <xen/sys/gntalloc.h>
#include <xen/sys/gntdev.h>

#include "base/cleanup.h"
#include "daemon/sandbox.h"

/* What a case does in the sandbox; 0: all of it was as it should be. */
typedef int (*act)(void);

static int some_fd; /* an ordinary file: it knows no request of any device */

static void *worker_run(void *arg)
{
	const act *what = arg;

	if (sandbox_enter_worker() != 0)
		return "no filter";
	return (*what)() == 0 ? NULL : "not as it should be";
}

static int worker_do(act what)
{
	pthread_t thread;
	void *fault;

	if (pthread_create(&thread, NULL, worker_run, &what) || pthread_join(thread, &fault))
		return 1;
	return fault != NULL;
}

/* The wait status of a process that does it in the sandbox. */
static int case_run(enum sandbox_mode mode, bool worker, act what)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sandbox_enter_control(mode) != 0)
			_exit(2);
		_exit(worker ? worker_do(what) : what());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

/* What no thread may do. */

static int do_execve(void)
{
	char *argv[] = { "true", NULL };

	return execv("/bin/true", argv);
}

static int do_fork(void)
{
	return fork();
}

static int do_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int do_process_vm_readv(void)
{
	return syscall(SYS_process_vm_readv, getppid(), NULL, 0ul, NULL, 0ul, 0ul);
}

static int do_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int do_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int do_netfilter(void)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
}

static int do_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static int do_code_later(void)
{
	static char page[8192];

	return mprotect((void *)(((uintptr_t)page + 4095) & ~4095ul), 4096, PROT_READ | PROT_EXEC);
}

static int do_mount(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static int do_setuid(void)
{
	return syscall(SYS_setuid, 0);
}

static int do_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}

static int do_terminal(void)
{
	return ioctl(some_fd, TIOCSTI, "x");
}

static int do_kill(void)
{
	return kill(getppid(), 0);
}

static int do_tgkill_other(void)
{
	return syscall(SYS_tgkill, 1, 1, 0);
}

static int do_limits(void)
{
	struct rlimit limit = { 16, 16 };

	return setrlimit(RLIMIT_NOFILE, &limit);
}

static int do_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1ul, 0ul, 0ul, 0ul);
}

static int do_chmod(void)
{
	return syscall(SYS_fchmod, some_fd, 0777);
}

static int do_unshare(void)
{
	return syscall(SYS_unshare, 0);
}

static const act forbidden[] = {
	do_execve,	 do_fork,   do_ptrace,	  do_process_vm_readv,
	do_inet,	 do_packet, do_netfilter, do_code,
	do_code_later,	 do_mount,  do_setuid,	  do_bpf,
	do_terminal,	 do_kill,   do_limits,	  do_dumpable,
	do_tgkill_other, do_chmod,  do_unshare,
};

static void no_thread_does_more_than_the_daemon(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
		for (int worker = 0; worker < 2; worker++)
			if (!killed(case_run(SANDBOX_ON, worker, forbidden[i])))
				fail_msg("number %zu passes in %s", i,
					 worker ? "a worker" : "the control thread");
	}
}

/* What the control thread does, and a worker may not. */

static int do_open(void)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	return fd < 0 || close(fd) < 0;
}

static int do_unlink(void)
{
	return unlink("/nonexistent/x") == 0 || errno != ENOENT;
}

static int do_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0;
}

static int do_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) < 0;
}

static int do_tap(void)
{
	return ioctl(some_fd, TUNSETIFF, NULL) == 0 || ioctl(some_fd, TUNSETPERSIST, 0ul) == 0 ||
	       ioctl(some_fd, TUNSETQUEUE, NULL) == 0 || ioctl(some_fd, TUNSETOFFLOAD, 0ul) == 0 ||
	       ioctl(some_fd, TUNSETCARRIER, NULL) == 0 ||
	       ioctl(some_fd, TUNSETVNETHDRSZ, NULL) == 0 || errno != ENOTTY;
}

static int do_bind_event_channel(void)
{
	return ioctl(some_fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, NULL) == 0 ||
	       ioctl(some_fd, IOCTL_EVTCHN_UNBIND, NULL) == 0 || errno != ENOTTY;
}

static int do_map_grant(void)
{
	return ioctl(some_fd, IOCTL_GNTDEV_MAP_GRANT_REF, NULL) == 0 ||
	       ioctl(some_fd, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, NULL) == 0 ||
	       ioctl(some_fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, NULL) == 0 ||
	       ioctl(some_fd, IOCTL_GNTALLOC_ALLOC_GREF, NULL) == 0 ||
	       ioctl(some_fd, IOCTL_GNTALLOC_DEALLOC_GREF, NULL) == 0 || errno != ENOTTY;
}

static void *thread_nothing(void *arg)
{
	return arg;
}

static int do_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, thread_nothing, NULL) || pthread_join(thread, NULL);
}

static int do_keep_memory(void)
{
	int fd = memfd_create("x", MFD_CLOEXEC);

	return fd < 0 || ftruncate(fd, 4096) < 0 || pwrite(fd, "x", 1, 0) != 1 ||
	       fcntl(fd, F_GETFD) < 0;
}

static const act control_alone[] = {
	do_open,      do_unlink, do_socket,	 do_netlink, do_tap, do_bind_event_channel,
	do_map_grant, do_thread, do_keep_memory,
};

static void a_worker_does_not_what_control_does(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(control_alone); i++) {
		int status = case_run(SANDBOX_ON, false, control_alone[i]);

		if (status != 0)
			fail_msg("number %zu in the control thread: wait status %#x", i, status);
		if (!killed(case_run(SANDBOX_ON, true, control_alone[i])))
			fail_msg("number %zu passes in a worker", i);
	}
}

/* What every thread does. */

static int do_requests(void)
{
	return ioctl(some_fd, IOCTL_EVTCHN_NOTIFY, NULL) == 0 || errno != ENOTTY ||
	       ioctl(some_fd, IOCTL_GNTDEV_GRANT_COPY, NULL) == 0 || errno != ENOTTY;
}

static int do_memory(void)
{
	for (size_t size = 16; size < 64u << 20; size *= 2) {
		char *memory = malloc(size);

		if (!memory)
			return 1;
		memset(memory, 1, size);
		memory = realloc(memory, size * 3);
		if (!memory)
			return 1;
		free(memory);
	}
	return 0;
}

static int do_read_write(void)
{
	char text[4];
	struct iovec part = { text, 1 };

	return write(some_fd, "ab", 2) != 2 || read(some_fd, text, 0) != 0 ||
	       writev(some_fd, &part, 1) != 1 || readv(some_fd, &part, 1) < 0;
}

static int do_clock(void)
{
	struct timespec now;

	/* Past the vDSO, as it is where the clock can't be read without the kernel */
	return syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) < 0 ||
	       syscall(SYS_getcpu, NULL, NULL, NULL) < 0 || sched_getcpu() < 0;
}

static int epoll_fd;

static int do_wait(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_fd, &event, 1, 1) != 0;
}

static const act allowed[] = { do_requests, do_memory, do_read_write, do_clock, do_wait };

static void every_thread_does_its_work(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		for (int worker = 0; worker < 2; worker++) {
			int status = case_run(SANDBOX_ON, worker, allowed[i]);

			if (status != 0)
				fail_msg("number %zu in %s: wait status %#x", i,
					 worker ? "a worker" : "the control thread", status);
		}
	}
}

static void *arena_use(void *arg)
{
	pthread_barrier_t *all = arg;
	void *memory = sandbox_enter_worker() == 0 ? malloc(100) : NULL;

	pthread_barrier_wait(all);
	free(memory);
	return memory ? NULL : all;
}

/* glibc gives each of many threads an arena for malloc, and then counts the CPUs in /sys. */
static int do_many(void)
{
	pthread_t thread[24];
	pthread_barrier_t all;
	void *fault = NULL;
	int faults = 0;

	pthread_barrier_init(&all, NULL, ARRAY_SIZE(thread));
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		faults += pthread_create(&thread[i], NULL, arena_use, &all) != 0;
	for (size_t i = 0; i < ARRAY_SIZE(thread); i++)
		faults += pthread_join(thread[i], &fault) != 0 || fault;
	return faults;
}

static void many_workers_can_allocate(void **state)
{
	assert_int_equal(case_run(SANDBOX_ON, false, do_many), 0);
}

static int do_abort(void)
{
	abort();
}

static void an_assertion_is_told_from_a_forbidden_call(void **state)
{
	for (int worker = 0; worker < 2; worker++) {
		int status = case_run(SANDBOX_ON, worker, do_abort);

		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

static void *thread_sleep(void *arg)
{
	uint64_t count;

	return read(*(int *)arg, &count, sizeof(count)) < 0 ? NULL : arg;
}

/* As libxenstore ends its thread, for which glibc must have loaded code before. */
static int do_cancel(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	pthread_t thread;
	void *result = NULL;

	return fd < 0 || pthread_create(&thread, NULL, thread_sleep, &fd) ||
	       pthread_cancel(thread) || pthread_join(thread, &result) ||
	       result != PTHREAD_CANCELED;
}

static void a_thread_can_be_cancelled(void **state)
{
	assert_int_equal(case_run(SANDBOX_ON, false, do_cancel), 0);
}

/* Not dumpable, no new privileges: asked for by a call that is only logged. */
static int do_ask(void)
{
	return prctl(PR_GET_DUMPABLE, 0ul, 0ul, 0ul, 0ul) != 0 ||
	       prctl(PR_GET_NO_NEW_PRIVS, 0ul, 0ul, 0ul, 0ul) != 1;
}

static void log_lets_pass_and_off_is_off(void **state)
{
	assert_true(killed(case_run(SANDBOX_ON, false, do_ask)));
	for (int worker = 0; worker < 2; worker++) {
		assert_int_equal(case_run(SANDBOX_LOG, worker, do_ask), 0);
		assert_int_equal(case_run(SANDBOX_OFF, worker, do_inet) & 0xff, 0);
	}
}

static int setup(void **state)
{
	some_fd = memfd_create("some", MFD_CLOEXEC);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return some_fd < 0 || epoll_fd < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_thread_does_more_than_the_daemon),
		cmocka_unit_test(a_worker_does_not_what_control_does),
		cmocka_unit_test(every_thread_does_its_work),
		cmocka_unit_test(many_workers_can_allocate),
		cmocka_unit_test(an_assertion_is_told_from_a_forbidden_call),
		cmocka_unit_test(a_thread_can_be_cancelled),
		cmocka_unit_test(log_lets_pass_and_off_is_off),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
