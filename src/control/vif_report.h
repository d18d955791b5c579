/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people are told of a vif: in the log, in xenstore's error node, and when they ask. Control
 * thread. */
#ifndef XENVIFD_CONTROL_VIF_REPORT_H
#define XENVIFD_CONTROL_VIF_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "control/vif.h"

/* Logs a line about the vif, within its limit. */
#define vif_log(vif, level, ...) vif_log_event(vif, level, NULL, VIF_NO_QUEUE, __VA_ARGS__)

/* The same: an event of base/message_ids.h, about this queue or VIF_NO_QUEUE. */
void vif_log_event(struct vif *vif, int level, const char *message_id, int queue,
		   const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Writes vif->reason, if there is one, to xenstore. */
void vif_report_error(struct vif *vif);

/* Forgets what was wrong, and removes what told of it from xenstore. */
void vif_clear_error(struct vif *vif);

/*
 * Takes over what a predecessor reported, so that vifctl still says it and the
 * node goes once it is true no more; of a former vif of this number (fresh), it
 * goes now.
 */
void vif_recall_error(struct vif *vif, bool fresh);

/* Why the vif is not connected, and what it waits for; "" when it is. */
void vif_explain(const struct vif *vif, char *text, size_t size);

#endif
