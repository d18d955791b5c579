/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Faults on order: the Nth call of a kind, by a domain, fails with a given errno, or hangs.
 *
 * Faults are armed in the host's tables from outside (xensim fault), so the program under test
 * needs no seam for them. An unarmed host costs a call one load.
 */
#include "sim.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

const char *const sim_call_name[SIM_CALL_COUNT] = {
	[SIM_CALL_NONE] = "",
	[SIM_CALL_EVTCHN_OPEN] = "evtchn_open",
	[SIM_CALL_BIND_UNBOUND] = "bind_unbound_port",
	[SIM_CALL_BIND_INTERDOMAIN] = "bind_interdomain",
	[SIM_CALL_GNTTAB_OPEN] = "gnttab_open",
	[SIM_CALL_MAP_GRANT] = "map_grant_ref",
	[SIM_CALL_GRANT_COPY] = "grant_copy",
	[SIM_CALL_GNTSHR_OPEN] = "gntshr_open",
	[SIM_CALL_SHARE_PAGES] = "share_pages",
};

/* Lets skip calls of domain domid through, then fails times of them with value. 0 or -ENOSPC. */
int sim_fault_arm(enum sim_call call, uint32_t domid, uint32_t skip, uint32_t times, int value)
{
	struct sim_host *host = sim.host;
	uint32_t i;

	sim_lock();
	for (i = 0; i < SIM_FAULTS && host->faults[i].call != SIM_CALL_NONE; i++)
		;
	if (i < SIM_FAULTS) {
		host->faults[i] = (struct sim_fault){ call, domid, skip, times, value };
		host->faults_armed++;
	}
	sim_unlock();
	return i < SIM_FAULTS ? 0 : -ENOSPC;
}

void sim_fault_clear(void)
{
	sim_lock();
	memset(sim.host->faults, 0, sizeof(sim.host->faults));
	sim.host->faults_armed = 0;
	sim_unlock();
}

static void fault_spend(struct sim_fault *f)
{
	if (f->times == UINT32_MAX || --f->times)
		return;
	f->call = SIM_CALL_NONE;
	sim.host->faults_armed--;
}

/* What this call must fail with, or 0 for "go on". Not under the lock. */
int sim_fault_take(enum sim_call call)
{
	struct sim_fault *f;
	int value = 0;

	if (!sim.host->faults_armed)
		return 0;
	sim_lock();
	for (f = sim.host->faults; f < sim.host->faults + SIM_FAULTS; f++) {
		if (f->call != (uint32_t)call || f->domid != sim.domid)
			continue;
		if (f->skip) {
			f->skip--;
			continue;
		}
		if (value)
			continue;
		value = f->value;
		fault_spend(f);
	}
	sim_unlock();
	if (!(value & SIM_FAULT_HANG) || value < 0)
		return value;
	sleep(value & ~SIM_FAULT_HANG);
	return 0;
}
