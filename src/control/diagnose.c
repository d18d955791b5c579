/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is looked at when somebody asks what is wrong with a vif. */
#include "control/diagnose.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "control/rival.h"

static void key_read(const struct vif *vif, const char *key, char *value, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", vif->path, key);
	if (store_read(vif->control->store, STORE_NO_TRANSACTION, path, value, size) < 0)
		value[0] = '\0';
}

/*
 * What would keep the toolstack, which is root, from running the script. This
 * daemon may see less of the host than the toolstack does: what it may not look
 * at is taken for good.
 */
static const char *script_flaw(const char *script)
{
	struct stat status;

	if (script[0] != '/')
		return NULL;
	if (stat(script, &status) < 0)
		return errno == ENOENT || errno == ENOTDIR ? "does not exist" : NULL;
	if (!S_ISREG(status.st_mode))
		return "is not a file";
	return status.st_mode & 0111 ? NULL : "is not executable";
}

static void look_at_links(const struct vif *vif, struct diagnosis *diagnosis)
{
	struct link_socket *link = vif->control->link;

	tap_name(&vif->tap, diagnosis->tap_name);
	if (diagnosis->tap_name[0] && link_read(link, vif->tap.ifindex, &diagnosis->tap) < 0)
		diagnosis->tap_name[0] = '\0';
	if (diagnosis->tap.master)
		link_read(link, diagnosis->tap.master, &diagnosis->master);
	diagnosis->bridge_exists = diagnosis->bridge[0] && if_nametoindex(diagnosis->bridge) != 0;
}

void diagnose(const struct vif *vif, struct diagnosis *diagnosis)
{
	memset(diagnosis, 0, sizeof(*diagnosis));
	key_read(vif, "script", diagnosis->script, sizeof(diagnosis->script));
	diagnosis->script_flaw = script_flaw(diagnosis->script);
	key_read(vif, "bridge", diagnosis->bridge, sizeof(diagnosis->bridge));
	key_read(vif, "hotplug-error", diagnosis->hotplug_error, sizeof(diagnosis->hotplug_error));
	diagnosis->peer_seconds = (clock_now_ns() - vif->peer_since) / (1000 * CLOCK_MS_IN_NS);
	look_at_links(vif, diagnosis);
	diagnosis->netback_loaded = rival_is_loaded();
	diagnosis->netback_bound = rival_has(vif->domid, vif->devid);
}
