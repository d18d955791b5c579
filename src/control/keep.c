/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vif's tap in the service manager's keeping, by the names of its queues. */
#include "control/keep.h"

#include <errno.h>
#include <unistd.h>

#include "base/service.h"
#include "control/vif.h"

void keep_tap(const struct vif *vif)
{
	char name[VIF_QUEUE_NAME_SIZE];

	for (unsigned i = 0; i < vif->tap.n_queues; i++)
		service_keep(vif_queue_name(name, sizeof(name), vif->name, i), vif->tap.fd[i]);
}

void keep_forget(const struct vif *vif)
{
	char name[VIF_QUEUE_NAME_SIZE];

	for (unsigned i = 0; i < vif->tap.n_queues; i++)
		service_forget(vif_queue_name(name, sizeof(name), vif->name, i));
}

int keep_take_back(struct vif *vif, bool carrier)
{
	char name[VIF_QUEUE_NAME_SIZE];
	int fd[VIF_QUEUES_MAX];
	unsigned n = 0; /* queues 0 .. n - 1 are there */
	int origin;

	/* All that bear its name: those of no use must not be kept beside others of the name. */
	for (unsigned i = 0; i < VIF_QUEUES_MAX; i++) {
		fd[i] = service_take(vif_queue_name(name, sizeof(name), vif->name, i));
		if (fd[i] >= 0 && n == i)
			n++;
	}
	origin = n == vif->max_queues
			 ? tap_take_over(&vif->tap, vif->control->link, vif->alias, fd, n, carrier)
			 : -ENOENT;
	for (unsigned i = origin < 0 ? 0 : n; i < VIF_QUEUES_MAX; i++) {
		if (fd[i] < 0)
			continue;
		service_forget(vif_queue_name(name, sizeof(name), vif->name, i));
		close(fd[i]);
	}
	return origin;
}
