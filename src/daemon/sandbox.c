/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sandbox: capabilities over libcap-ng, filters over prctl(2).
 *
 * Filters are made once. The control thread's is inherited by the threads that
 * it starts, and each worker adds its own: a call must pass both. Loading one
 * takes no privilege, as this process can gain none any more (no_new_privs).
 */
#include "daemon/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include <cap-ng.h>
#include <linux/seccomp.h>

#include "base/log.h"
#include "daemon/sandbox_filter.h"

/* Immutable after sandbox_enter_control, and kept for all workers to come. */
static struct sock_fprog worker_program;

/*
 * CAP_NET_ADMIN makes and changes taps and links. Nothing else is needed of
 * root but its name: it owns Xen's devices, xenstored's socket, the settings
 * and the interrupts' files.
 */
static int capabilities_drop(void)
{
	/* Only who may set capabilities can empty the bounding set; systemd did it for others. */
	capng_select_t what = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;

	if (capng_get_caps_process() < 0)
		return -EIO;
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what |= CAPNG_SELECT_BOUNDS;
	capng_clear(CAPNG_SELECT_ALL);
	capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
	return capng_apply(what) < 0 ? -EPERM : 0;
}

/*
 * Nothing that is executed could get more rights than this, and no core file
 * or debugger without CAP_SYS_PTRACE shows what guests have sent.
 */
static int rights_end(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0ul, 0ul, 0ul, 0ul) < 0)
		return -errno;
	return 0;
}

/*
 * What glibc would read at its first need, be it in a worker: code, for the
 * pthread_cancel by which libxenstore ends its thread (were it not there,
 * pthread_cancel would say so and end the process); the time zone, for
 * gmtime_r; how many CPUs there are, for an arena of malloc's for each thread.
 * No thread but the control thread allocates often: one arena is enough.
 */
static void library_settle(void)
{
	dlopen("libgcc_s.so.1", RTLD_NOW);
	tzset();
	mallopt(M_ARENA_MAX, 1);
}

/*
 * Not over libseccomp, which would make the filter anew for each thread; and not
 * by seccomp(2), which systemd's @system-service (of 252, Debian 12) lacks.
 */
static int filter_load(const struct sock_fprog *program)
{
	if (prctl(PR_SET_SECCOMP, (unsigned long)SECCOMP_MODE_FILTER, program, 0ul, 0ul) < 0)
		return -errno;
	return 0;
}

static int filters_enter(bool log_only)
{
	struct sock_fprog program;
	int error = sandbox_filter_make(SANDBOX_WORKER, log_only, &worker_program);

	if (error == 0)
		error = sandbox_filter_make(SANDBOX_CONTROL, log_only, &program);
	if (error < 0)
		return error;
	error = filter_load(&program); /* the kernel keeps a copy */
	free(program.filter);
	return error;
}

static int enter_fail(int error, const char *what)
{
	log_error("sandbox: can't %s: %s; start as root, on a kernel with seccomp filters, or "
		  "do without: --sandbox off",
		  what, strerror(-error));
	return error;
}

int sandbox_enter_control(enum sandbox_mode mode)
{
	int error;

	if (mode == SANDBOX_OFF) {
		log_event(LOG_LEVEL_WARNING, MESSAGE_NO_SANDBOX, "the sandbox is off");
		return 0;
	}
	library_settle();
	error = capabilities_drop();
	if (error < 0)
		return enter_fail(error, "keep CAP_NET_ADMIN and drop the other capabilities");
	error = rights_end();
	if (error < 0)
		return enter_fail(error, "give up new privileges");
	error = filters_enter(mode == SANDBOX_LOG);
	if (error < 0)
		return enter_fail(error, "filter system calls");
	if (mode == SANDBOX_LOG)
		log_event(LOG_LEVEL_WARNING, MESSAGE_NO_SANDBOX,
			  "the sandbox only logs: the kernel's log names system calls that it "
			  "would end the daemon for");
	return 0;
}

int sandbox_enter_worker(void)
{
	return worker_program.filter ? filter_load(&worker_program) : 0;
}
