/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings, read again while the daemon runs. */
#ifndef XENVIFD_DAEMON_RELOAD_H
#define XENVIFD_DAEMON_RELOAD_H

#include "daemon/daemon.h"

#include <jansson.h>

/*
 * Reads the settings as at the start, and puts all of them in force, or, when
 * something is wrong, none. Tells the log and the service manager. The answer
 * to "reload", a new reference; NULL: no memory, and nothing was changed.
 */
json_t *reload(struct daemon *daemon);

#endif
