/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can end a worker's sleep. */
#include "datapath/wake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

/* One turn of the timer for what is held back, which waits for two of them at most. */
#define WAKE_HOLD_NS (4 * CLOCK_MS_IN_NS)

void wake_init(struct wake_set *set)
{
	*set = (struct wake_set){ .epoll_fd = -1, .stop_fd = -1, .hold_fd = -1, .tap_fd = -1 };
}

static int set_add(struct wake_set *set, int fd, enum wake wake)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = wake };

	return epoll_ctl(set->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int wake_open(struct wake_set *set, int tap_fd, int evtchn_fd)
{
	int code;

	set->tap_fd = tap_fd;
	set->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	set->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	set->hold_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (set->epoll_fd < 0 || set->stop_fd < 0 || set->hold_fd < 0)
		return -errno;
	code = set_add(set, set->stop_fd, WAKE_STOP);
	if (code == 0)
		code = set_add(set, tap_fd, WAKE_TAP);
	if (code == 0)
		code = set_add(set, evtchn_fd, WAKE_EVTCHN);
	if (code == 0)
		code = set_add(set, set->hold_fd, WAKE_HOLD);
	set->tap_watched = true;
	return code;
}

void wake_close(struct wake_set *set)
{
	if (set->epoll_fd >= 0)
		close(set->epoll_fd);
	if (set->stop_fd >= 0)
		close(set->stop_fd);
	if (set->hold_fd >= 0)
		close(set->hold_fd);
	wake_init(set);
}

unsigned wake_wait(struct wake_set *set, int timeout)
{
	struct epoll_event events[WAKE_COUNT];
	int n = epoll_wait(set->epoll_fd, events, WAKE_COUNT, timeout);
	unsigned woken = 0;

	for (int i = 0; i < n; i++)
		woken |= 1u << events[i].data.u32;
	return woken;
}

void wake_change_tap(struct wake_set *set, bool watch)
{
	struct epoll_event event = { .events = watch ? EPOLLIN : 0, .data.u32 = WAKE_TAP };

	epoll_ctl(set->epoll_fd, EPOLL_CTL_MOD, set->tap_fd, &event);
	set->tap_watched = watch;
}

bool wake_time_hold(struct wake_set *set)
{
	static const struct itimerspec turn = { .it_value.tv_nsec = WAKE_HOLD_NS };

	if (!set->hold_timed)
		set->hold_timed = timerfd_settime(set->hold_fd, 0, &turn, NULL) == 0;
	return set->hold_timed;
}

bool wake_take_hold(struct wake_set *set)
{
	uint64_t count;

	if (read(set->hold_fd, &count, sizeof(count)) < 0)
		return false;
	set->hold_timed = false;
	return true;
}

void wake_tell(struct wake_set *set)
{
	uint64_t one = 1;

	while (write(set->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

bool wake_take_word(struct wake_set *set)
{
	uint64_t count;

	return read(set->stop_fd, &count, sizeof(count)) >= 0;
}
