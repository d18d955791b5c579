/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's xen-netback, seen in sysfs. */
#include "control/rival.h"

#include <stdio.h>
#include <unistd.h>

#define RIVAL_MODULE "/sys/module/xen_netback"
#define RIVAL_DRIVER "/sys/bus/xen-backend/devices/vif-%u-%u/driver"

bool rival_is_loaded(void)
{
	return access(RIVAL_MODULE, F_OK) == 0;
}

bool rival_has(uint16_t domid, uint32_t devid)
{
	char driver[96];

	snprintf(driver, sizeof(driver), RIVAL_DRIVER, domid, devid);
	return access(driver, F_OK) == 0;
}
