/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much a vif's guest may send: from the backend's `rate` node to the workers. */
#ifndef XENVIFD_CONTROL_RATE_H
#define XENVIFD_CONTROL_RATE_H

#include "control/vif.h"

/* Why a rate could not be set, for people. */
#define RATE_REASON_SIZE 160

/*
 * Reads the node, and when it says something new, hands it to the workers. A
 * senseless one is no limit, and said in the log. When xenstore does not
 * answer, the rate stays.
 */
void rate_update(struct vif *vif);

/* Gives what was read to a connection that is being made, before its workers start. */
void rate_apply(struct vif *vif);

/*
 * Writes the node, so that everybody sees the same, and the watch on it does the
 * rest. words: as rate_parse_words, or "off" for no limit. 0; or -errno with the
 * reason and what to do written to why[RATE_REASON_SIZE].
 */
int rate_set(struct vif *vif, const char *words, char *why);

#endif
