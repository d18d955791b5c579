/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon as a whole: what main.c opens, runs and closes. Control thread. */
#ifndef XENVIFD_DAEMON_DAEMON_H
#define XENVIFD_DAEMON_DAEMON_H

#include <stddef.h>

#include "base/moving.h"
#include "control/control.h"
#include "daemon/config.h"
#include "daemon/ctl.h"
#include "daemon/state.h"
#include "daemon/watchdog.h"

struct daemon {
	int argc;
	char **argv;
	struct config config; /* as it is in force */
	struct loop loop;
	struct control control;
	struct ctl *ctl;
	struct state *state;
	struct watchdog watchdog;
	struct loop_source signals;
	char moving[MOVING_PATH_SIZE]; /* the lock of who moves vifs */
};

/* The daemon whose control thread's state this is. */
static inline struct daemon *daemon_of(struct control *control)
{
	return (struct daemon *)((char *)control - offsetof(struct daemon, control));
}

#endif
