/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sandbox: what the daemon can no longer do once it has started.
 *
 * Whoever takes over a thread of it through a flaw finds a process without
 * capabilities but CAP_NET_ADMIN, that can't start a program, make code or
 * trace another process, and where each thread makes only the system calls
 * that its kind needs (sandbox_filter.c). Another call ends the whole process;
 * the kernel's log names it, and the guests stay connected for the next one.
 *
 * The threads of one address space are not safe from each other: the control
 * thread's filter is the wall, and the worker's keeps what comes straight from
 * a guest two steps away from it.
 *
 * A sanitizer makes calls of its own, and a build may lack the libraries: such
 * a daemon has no sandbox (sandbox_none.c).
 */
#ifndef XENVIFD_DAEMON_SANDBOX_H
#define XENVIFD_DAEMON_SANDBOX_H

enum sandbox_mode {
	SANDBOX_ON,
	SANDBOX_LOG, /* calls that would end the daemon are only logged by the kernel */
	SANDBOX_OFF,
};

/*
 * Puts this thread, and every thread that it starts, into the sandbox, and
 * makes the workers' filter. Once, before there is any other thread, and after
 * what needs more: the descriptors' limit, the control socket. 0; or -errno,
 * logged, and then the daemon must end.
 */
int sandbox_enter_control(enum sandbox_mode mode);

/* Narrows this thread's to the worker's. First thing in each worker. 0, or -errno. */
int sandbox_enter_worker(void);

#endif
