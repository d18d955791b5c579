/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control thread's event loop, over epoll. */
#include "control/loop.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"

int loop_open(struct loop *loop)
{
	loop->stop = false;
	loop->n_events = 0;
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->fd < 0 ? -errno : 0;
}

void loop_close(struct loop *loop)
{
	close(loop->fd);
}

static int loop_control(struct loop *loop, int operation, struct loop_source *source,
			uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(loop->fd, operation, source->fd, &event) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	return loop_control(loop, EPOLL_CTL_ADD, source, events);
}

int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events)
{
	return loop_control(loop, EPOLL_CTL_MOD, source, events);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	loop_control(loop, EPOLL_CTL_DEL, source, 0);
	for (int i = 0; i < loop->n_events; i++)
		if (loop->events[i].data.ptr == source)
			loop->events[i].data.ptr = NULL; /* not served yet, and never to be */
}

int loop_turn(struct loop *loop)
{
	loop->n_events = epoll_wait(loop->fd, loop->events, ARRAY_SIZE(loop->events), -1);
	if (loop->n_events < 0) {
		loop->n_events = 0;
		return errno == EINTR ? 0 : -errno;
	}
	for (int i = 0; i < loop->n_events; i++) {
		struct loop_source *source = loop->events[i].data.ptr;

		if (source)
			source->ready(source, loop->events[i].events);
	}
	loop->n_events = 0;
	return 0;
}
