/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The regular look at everything, asked for by the service manager's watchdog:
 * twice in its time the daemon says that it is alive, if the control thread
 * turns and every worker moves. A daemon with a stuck worker says so in the
 * log and is not fed any longer, so that it is restarted: a guest stays
 * connected, and is served again. It says, too, how many vifs and queues there
 * are, for systemctl status. Then the state is saved.
 *
 * Without a watchdog (WatchdogSec=) there is no timer and no look.
 */
#ifndef XENVIFD_DAEMON_WATCHDOG_H
#define XENVIFD_DAEMON_WATCHDOG_H

#include "control/control.h"
#include "daemon/state.h"

struct watchdog {
	struct control *control;
	struct state *state;
	struct loop_source timer; /* fd -1: nobody watches */
};

/* 0, or -errno. */
int watchdog_open(struct watchdog *watchdog, struct loop *loop, struct control *control,
		  struct state *state);
void watchdog_close(struct watchdog *watchdog);

#endif
