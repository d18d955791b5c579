/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated host for unit tests: the test is domain 0, and forked children are other domains.
 *
 * A child does one step after the other as the test tells it: child_ask sends it a number and
 * returns its answer. It ends with the test, or when the test kills it.
 */
#ifndef TEST_XENSIM_H
#define TEST_XENSIM_H

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "xensim/sim.h"

static char host_dir[64];

static inline int host_end(void **state)
{
	DIR *dir = opendir(host_dir);
	struct dirent *e;
	char path[512];

	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", host_dir, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	return rmdir(host_dir);
}

/* An interrupted test leaves nothing behind */
static inline void host_interrupted(int sig)
{
	host_end(NULL);
	_exit(128 + sig);
}

static inline int host_begin(void **state)
{
	strcpy(host_dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/xensim-unit.XXXXXX"
						       : "/tmp/xensim-unit.XXXXXX");
	if (!mkdtemp(host_dir) || sim_host_make(host_dir) || sim_attach_dir(host_dir, 0))
		return -1;
	signal(SIGINT, host_interrupted);
	signal(SIGTERM, host_interrupted);
	return sim_dom_make(1) < 0 || sim_dom_make(2) < 0 ? -1 : 0;
}

struct child {
	pid_t pid;
	int fd;
};

/* A forked process ends with its parent, and by whatever it does wrong */
static inline void child_begin(pid_t parent)
{
	int sig;

	for (sig = 1; sig < SIGRTMIN; sig++) /* cmocka's handlers are for the test itself */
		signal(sig, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

/* A process of domain domid that answers with step(number) to each number it is sent */
static inline struct child child_start(uint32_t domid, uint32_t (*step)(uint32_t number))
{
	pid_t parent = getpid();
	struct child c;
	uint32_t number;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	c.fd = pair[c.pid == 0];
	close(pair[c.pid != 0]);
	if (c.pid)
		return c;
	child_begin(parent);
	if (sim_attach_dir(host_dir, domid))
		_exit(1);
	while (read(c.fd, &number, sizeof(number)) == sizeof(number)) {
		number = step(number);
		if (write(c.fd, &number, sizeof(number)) != sizeof(number))
			break;
	}
	_exit(0);
}

static inline uint32_t child_ask(struct child *c, uint32_t number)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	uint32_t answer = 0;

	assert_int_equal(write(c->fd, &number, sizeof(number)), sizeof(number));
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(read(c->fd, &answer, sizeof(answer)), sizeof(answer));
	return answer;
}

static inline void child_kill(struct child *c)
{
	kill(c->pid, SIGKILL);
	assert_int_equal(waitpid(c->pid, NULL, 0), c->pid);
	close(c->fd);
}

/* Whether the descriptor becomes readable within ms milliseconds */
static inline bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && (p.revents & POLLIN);
}

#endif
