/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts of event channels, over /proc/irq. */
#include "xen/irq.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int irq_find(struct irq_set *set, const char *root, const char *name)
{
	DIR *dir = opendir(root);
	struct dirent *entry;
	char path[280];

	set->count = 0;
	if (!dir)
		return -errno;
	while (set->count < IRQ_MAX && (entry = readdir(dir))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "%s/evtchn:%s", entry->d_name, name);
		if (faccessat(dirfd(dir), path, F_OK, 0) == 0)
			set->irq[set->count++] = strtoul(entry->d_name, NULL, 10);
	}
	closedir(dir);
	return set->count > 0 ? 0 : -ENOENT;
}

int irq_move(const struct irq_set *set, const char *root, unsigned cpu)
{
	char path[280];
	int error = 0;

	for (unsigned i = 0; i < set->count && error == 0; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%u/smp_affinity_list", root, set->irq[i]);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		/* Not pwrite: the kernel's files of this kind refuse it. */
		error = dprintf(fd, "%u\n", cpu) < 0 ? -errno : 0;
		close(fd);
	}
	return error;
}
