/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backend tree: which vifs there are.
 *
 * An event on backend/vif/D/N or below is about that vif; one on a level above
 * (a domain's directory came or went) means that the tree is to be read again.
 * An entry that turns out not to exist is forgotten by vif_update.
 */
#include "control/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/vif.h"
#include "proto/keys.h"

#define SCAN_DEVID_MAX 65535u
#define SCAN_DOMID_MAX 32751u /* DOMID_FIRST_RESERVED - 1, <xen/xen.h> */

static void vif_take_in(struct control *control, uint16_t domid, uint32_t devid)
{
	struct vif *vif = vif_find(control, domid, devid);

	if (!vif)
		vif = vif_create(control, domid, devid);
	if (vif)
		vif_mark(vif);
	else
		log_error("vif%u.%u: no memory", domid, devid);
}

static void scan_domain(struct control *control, const char *name)
{
	CLEANUP_FREE char **devids = NULL;
	char path[64];
	uint32_t domid, devid;
	unsigned count;

	if (keys_parse_u32(name, SCAN_DOMID_MAX, &domid) < 0)
		return;
	snprintf(path, sizeof(path), SCAN_ROOT "/%u", domid);
	if (store_list(control->store, path, &devids, &count) < 0)
		return;
	for (unsigned i = 0; i < count; i++)
		if (keys_parse_u32(devids[i], SCAN_DEVID_MAX, &devid) == 0)
			vif_take_in(control, domid, devid);
}

void scan_all(struct control *control)
{
	CLEANUP_FREE char **domids = NULL;
	struct vif *vif;
	unsigned count;

	cds_list_for_each_entry(vif, &control->vifs, in_all)
		vif_mark(vif);
	if (store_list(control->store, SCAN_ROOT, &domids, &count) < 0)
		return;
	for (unsigned i = 0; i < count; i++)
		scan_domain(control, domids[i]);
}

/* "backend/vif/1/0/state" or the token "vif1.0" of a frontend's watch -> 1, 0. */
static bool event_names_vif(const struct store_event *event, uint32_t *domid, uint32_t *devid)
{
	return sscanf(event->token, "vif%5u.%5u", domid, devid) == 2 ||
	       sscanf(event->path, SCAN_ROOT "/%5u/%5u", domid, devid) == 2;
}

void scan_event(struct control *control, const struct store_event *event)
{
	uint32_t domid, devid;

	if (!event_names_vif(event, &domid, &devid))
		control->scan = true;
	else if (domid <= SCAN_DOMID_MAX && devid <= SCAN_DEVID_MAX)
		vif_take_in(control, domid, devid);
}

static void stray_check(void *ctx, int ifindex, const char *name, const char *alias)
{
	struct control *control = ctx;
	struct vif *vif;
	int error;

	cds_list_for_each_entry(vif, &control->vifs, in_all)
		if (strcmp(vif->alias, alias) == 0)
			return;
	error = link_delete(control->link, ifindex);
	if (error < 0)
		log_warning("can't remove %s, a tap left over from %s: %s", name,
			    alias + strlen(LINK_ALIAS_PREFIX), strerror(-error));
	else
		log_event(LOG_LEVEL_INFO, MESSAGE_TAP_REMOVED,
			  "removed %s, a tap left over from %s", name,
			  alias + strlen(LINK_ALIAS_PREFIX));
}

void scan_remove_stray_taps(struct control *control)
{
	link_each_ours(control->link, stray_check, control);
}
