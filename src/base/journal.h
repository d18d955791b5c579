/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines with fields, for systemd's journal (sd_journal_sendv(3)).
 *
 * A line that is about a vif bears XENVIFD_VIF=, XENVIFD_DOMID= and
 * XENVIFD_DEVID=, about one of its queues XENVIFD_QUEUE=, too; an event that
 * people look for has a MESSAGE_ID= (base/message_ids.h).
 *
 * Such lines go to the journal's socket, which is opened at the first: so the
 * control thread alone may send them, as workers may not use sockets.
 */
#ifndef XENVIFD_BASE_JOURNAL_H
#define XENVIFD_BASE_JOURNAL_H

#include <stdbool.h>

/* What a line is about; what isn't known is left out. */
struct log_about {
	const char *message_id; /* of base/message_ids.h, or NULL */
	const char *vif;	/* its name, or NULL: then the rest means nothing */
	unsigned domid, devid;
	int queue; /* -1: no single one */
};

/* Whether standard error is the journal: systemd says which file it made it (JOURNAL_STREAM). */
bool journal_has_stderr(void);

/* Sends a line of this syslog(3) priority. 0, or -errno: it must be written elsewhere. */
int journal_send(int priority, const char *text, const struct log_about *about);

#endif
