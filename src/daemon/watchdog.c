/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The regular look, on a timer. */
#include "daemon/watchdog.h"

#include <errno.h>
#include <stddef.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/service.h"
#include "control/vif.h"
#include "control/vif_report.h"

#define WATCHDOG_NS_IN_S 1000000000ull

static bool all_move(struct control *control)
{
	struct vif *vif;
	bool moves = true;

	cds_list_for_each_entry(vif, &control->vifs, in_all) {
		int queue = vif_find_stuck(vif); /* cppcheck-suppress uninitvar; set by the loop */

		if (queue < 0)
			continue;
		vif_log_event(vif, LOG_LEVEL_ERROR, MESSAGE_WORKER_STUCK, queue,
			      "the worker of queue %d does not come back from a call; waiting to "
			      "be restarted by the service manager",
			      queue);
		moves = false;
	}
	return moves;
}

static void tell_alive(const struct control *control)
{
	struct control_count count = control_count(control);

	service_notify("WATCHDOG=1\nSTATUS=%u vifs, %u queues", count.vifs, count.queues);
}

static void timer_ready(struct loop_source *source, uint32_t events)
{
	struct watchdog *watchdog =
		(struct watchdog *)((char *)source - offsetof(struct watchdog, timer));
	uint64_t times;

	if (read(source->fd, &times, sizeof(times)) < 0)
		return;
	if (all_move(watchdog->control))
		tell_alive(watchdog->control);
	state_save(watchdog->state, watchdog->control);
}

int watchdog_open(struct watchdog *watchdog, struct loop *loop, struct control *control,
		  struct state *state)
{
	uint64_t every = service_watchdog_ns() / 2;
	struct itimerspec times = { .it_interval = { .tv_sec = every / WATCHDOG_NS_IN_S,
						     .tv_nsec = every % WATCHDOG_NS_IN_S } };

	*watchdog = (struct watchdog){ control, state, { .fd = -1, .ready = timer_ready } };
	if (every == 0)
		return 0;
	times.it_value = times.it_interval;
	watchdog->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (watchdog->timer.fd < 0 || timerfd_settime(watchdog->timer.fd, 0, &times, NULL) < 0)
		return -errno;
	return loop_add(loop, &watchdog->timer, EPOLLIN);
}

void watchdog_close(struct watchdog *watchdog)
{
	if (watchdog->timer.fd >= 0)
		close(watchdog->timer.fd);
}
