/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: a client sends one request, a JSON object on one line,
 * gets one JSON object on one line, and the connection ends, unless it is a
 * capture's (capture_stream.h). What may be asked for, and by whom, is in
 * ctl_verbs.h.
 *
 * Clients can't hold up the control thread or each other: nothing waits for
 * one, and when there are too many the oldest is sent away.
 */
#ifndef XENVIFD_DAEMON_CTL_H
#define XENVIFD_DAEMON_CTL_H

#include "control/control.h"

struct ctl;

/*
 * Listens at `path`, whose directory is made if it isn't there. The socket is
 * for root, and for group xenvifd if there is one. A socket left over from a
 * dead daemon is replaced. 0, or -errno, logged: -EADDRINUSE when another
 * daemon answers there.
 */
int ctl_open(struct ctl **ctl, struct loop *loop, struct control *control, const char *path);

/* Ends all connections and removes the socket. NULL is fine. */
void ctl_close(struct ctl *ctl);

#endif
