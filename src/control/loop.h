/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control thread's event loop, over epoll. A source is a descriptor and
 * what to do when it is ready; it may be removed while any source's callback
 * runs.
 */
#ifndef XENVIFD_CONTROL_LOOP_H
#define XENVIFD_CONTROL_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop_source {
	int fd;
	/* events: EPOLL*. */
	void (*ready)(struct loop_source *source, uint32_t events);
};

struct loop {
	int fd;
	bool stop;    /* leave loop_run after this turn */
	int n_events; /* of this turn */
	struct epoll_event events[64];
};

/* 0, or -errno. */
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);

/* 0, or -errno. The source stays the caller's and must not move. */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);
void loop_remove(struct loop *loop, struct loop_source *source);

/* Waits for one turn's events and serves them. 0, or -errno. */
int loop_turn(struct loop *loop);

#endif
