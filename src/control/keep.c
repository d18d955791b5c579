/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vif's tap in the service manager's keeping: queue Q of vifD.N is "vifD.N-qQ". */
#include "control/keep.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/service.h"
#include "control/vif.h"

#define KEEP_NAME_SIZE (IFNAMSIZ + 16)

static const char *keep_name(const struct vif *vif, unsigned queue, char name[KEEP_NAME_SIZE])
{
	snprintf(name, KEEP_NAME_SIZE, "%s-q%u", vif->name, queue);
	return name;
}

void keep_tap(const struct vif *vif)
{
	char name[KEEP_NAME_SIZE];

	for (unsigned i = 0; i < vif->tap.n_queues; i++)
		service_keep(keep_name(vif, i, name), vif->tap.fd[i]);
}

void keep_forget(const struct vif *vif)
{
	char name[KEEP_NAME_SIZE];

	for (unsigned i = 0; i < vif->tap.n_queues; i++)
		service_forget(keep_name(vif, i, name));
}

int keep_take_back(struct vif *vif, bool carrier)
{
	char name[KEEP_NAME_SIZE];
	int fd[VIF_QUEUES_MAX];
	unsigned n = 0; /* queues 0 .. n - 1 are there */
	int origin;

	/* All that bear its name: those of no use must not be kept beside others of the name. */
	for (unsigned i = 0; i < VIF_QUEUES_MAX; i++) {
		fd[i] = service_take(keep_name(vif, i, name));
		if (fd[i] >= 0 && n == i)
			n++;
	}
	origin = n == vif->max_queues
			 ? tap_take_over(&vif->tap, vif->control->link, vif->alias, fd, n, carrier)
			 : -ENOENT;
	for (unsigned i = origin < 0 ? 0 : n; i < VIF_QUEUES_MAX; i++) {
		if (fd[i] < 0)
			continue;
		service_forget(keep_name(vif, i, name));
		close(fd[i]);
	}
	return origin;
}
