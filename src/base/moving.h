/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock of who moves a vif between backends: a file beside the control
 * socket. vifctl holds it for as long as a vif may be without a backend, and the
 * daemon looks whether it is held. It is let go with the process that holds it.
 *
 * fcntl(2), open file description locks.
 */
#ifndef XENVIFD_BASE_MOVING_H
#define XENVIFD_BASE_MOVING_H

#include <stdbool.h>
#include <stddef.h>

#define MOVING_PATH_SIZE 128

/* The file's name for a daemon whose control socket is at `control` (at most 107 characters). */
void moving_path(const char *control, char path[MOVING_PATH_SIZE]);

/* Takes the lock, made if need be: a descriptor to be kept open; -EAGAIN: held; another -errno.
 * Nothing is said to be moved yet. */
int moving_lock(const char *path);

/* Says which vif is moved under the lock that is taken; "": none. 0, or -errno. */
int moving_say(int fd, const char *vif);

/* Whether somebody else holds it, and moves this vif. */
bool moving_is_moved(const char *path, const char *vif);

#endif
