/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rings and xenstore don't say, for the next daemon: the counters, and
 * the carriers that an administrator has set.
 *
 * It is JSON in a memory file that the service manager keeps. Queues are told
 * by vif, number, ring references and ports, counters by their names, so a
 * daemon of another version takes what it knows; members that it doesn't know
 * it passes over, and the version is raised only when one changes its meaning.
 * A file that is missing, damaged or of another version costs the counters and
 * carriers, and nothing else.
 *
 * Control thread.
 */
#ifndef XENVIFD_DAEMON_STATE_H
#define XENVIFD_DAEMON_STATE_H

#include "control/control.h"

struct state;

#define STATE_VERSION 1

/* Opens the kept file, or a new one to be kept, and reads what is in it. NULL: no memory. */
struct state *state_open(void);

/* What was read, for control_open. */
struct control_memory state_memory(struct state *state);

/* What was read is needed no longer. */
void state_forget(struct state *state);

/* Writes down how things are now. Cheap enough to be done every few seconds. */
void state_save(struct state *state, const struct control *control);

/* NULL is fine. */
void state_close(struct state *state);

#endif
