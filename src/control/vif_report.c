/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What people are told of a vif: in the log, in xenstore's error node, and when they ask.
 *
 * The error node (error/backend/vif/D/N/error) is where toolstacks look for
 * why a device doesn't work. It says what vif->reason says, and goes with it.
 */
#include "control/vif_report.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

void vif_log_event(struct vif *vif, int level, const char *message_id, int queue,
		   const char *format, ...)
{
	struct log_about about = { message_id, vif->name, vif->domid, vif->devid, queue };
	struct log_about flaps = { MESSAGE_VIF_FLAPS, vif->name, vif->domid, vif->devid,
				   VIF_NO_QUEUE };
	char text[512];
	unsigned withheld;
	va_list args;

	if ((int)log_get_level() < level)
		return;
	if (level < LOG_LEVEL_DEBUG && !ratelimit_take(&vif->log_limit, &withheld))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (level < LOG_LEVEL_DEBUG && withheld > 0)
		log_write_about(level, &flaps, "%s: %u lines withheld: this vif changes too often",
				vif->name, withheld);
	log_write_about(level, &about, "%s: %s", vif->name, text);
}

void vif_report_error(struct vif *vif)
{
	char path[128];

	snprintf(path, sizeof(path), "error/%s/error", vif->path);
	if (vif->reason[0])
		store_write(vif->control->store, STORE_NO_TRANSACTION, path, vif->reason);
}

void vif_clear_error(struct vif *vif)
{
	char path[128];

	vif->trouble = VIF_TROUBLE_NONE;
	vif->reason[0] = '\0';
	snprintf(path, sizeof(path), "error/%s", vif->path);
	store_remove(vif->control->store, STORE_NO_TRANSACTION, path);
}

void vif_recall_error(struct vif *vif, bool fresh)
{
	char path[128];

	snprintf(path, sizeof(path), "error/%s/error", vif->path);
	if (store_read(vif->control->store, STORE_NO_TRANSACTION, path, vif->reason,
		       sizeof(vif->reason)) < 0)
		vif->reason[0] = '\0';
	else if (fresh)
		vif_clear_error(vif);
	else
		vif->trouble = VIF_TROUBLE_INHERITED;
}

static void explain_wait(const struct vif *vif, char *text, size_t size)
{
	const struct xenbus_facts *facts = &vif->facts;

	if (facts->own_state == XENBUS_CLOSING)
		snprintf(text, size, "closing: waiting for the guest to close (its state is %s)",
			 xenbus_state_name(facts->peer_state));
	else if (facts->own_state == XENBUS_CLOSED)
		snprintf(text, size,
			 facts->online ? "closed by the guest; it may connect again"
				       : "closed; waiting for the toolstack to remove it");
	else if (!facts->ready)
		snprintf(text, size, "waiting for the toolstack to set it up");
	else if (facts->attached && !facts->hotplug_done)
		snprintf(text, size,
			 "waiting for the hotplug script: hotplug-status is \"%s\", not "
			 "\"connected\"",
			 vif->hotplug_status);
	else
		snprintf(text, size,
			 "waiting for the guest's netfront to connect (its state is %s)",
			 xenbus_state_name(facts->peer_state));
}

void vif_explain(const struct vif *vif, char *text, size_t size)
{
	if (vif->reason[0])
		snprintf(text, size, "%s", vif->reason);
	else if (vif->facts.exists && !vif->frontend[0])
		snprintf(text, size, "its frontend node does not name a directory of domain %u",
			 vif->domid);
	else if (vif->facts.attached && vif->facts.own_state == XENBUS_CONNECTED)
		text[0] = '\0';
	else
		explain_wait(vif, text, size);
}
