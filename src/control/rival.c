/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's xen-netback, seen in sysfs. */
#include "control/rival.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proto/keys.h"

#define RIVAL_MODULE	 "/sys/module/xen_netback"
#define RIVAL_MAX_QUEUES RIVAL_MODULE "/parameters/max_queues"
#define RIVAL_DEVICE	 "/sys/bus/xen-backend/devices/vif-%u-%u"
#define RIVAL_DRIVER	 RIVAL_DEVICE "/driver"

bool rival_is_loaded(void)
{
	return access(RIVAL_MODULE, F_OK) == 0;
}

static bool device_has(const char *format, uint16_t domid, uint32_t devid)
{
	char path[96];

	snprintf(path, sizeof(path), format, domid, devid);
	return access(path, F_OK) == 0;
}

bool rival_has(uint16_t domid, uint32_t devid)
{
	return device_has(RIVAL_DRIVER, domid, devid);
}

bool rival_knows(uint16_t domid, uint32_t devid)
{
	return device_has(RIVAL_DEVICE, domid, devid);
}

unsigned rival_max_queues(void)
{
	CLEANUP_CLOSE int fd = open(RIVAL_MAX_QUEUES, O_RDONLY | O_CLOEXEC);
	char text[16];
	uint32_t number;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (text[n - 1] == '\n')
		text[n - 1] = '\0';
	return keys_parse_u32(text, UINT32_MAX, &number) < 0 ? 0 : number;
}
