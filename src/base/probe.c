/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The probes' semaphores: how many listen to each. Only the kernel writes them,
 * when a tracer comes or goes, and workers read some: so they keep to cache
 * lines of their own, which every CPU then has.
 */
#include "base/probe.h"

#ifdef HAVE_USDT

#define PROBE_SEMAPHORE(name, parameters, arguments) \
	unsigned short xenvifd_##name##_semaphore __attribute__((section(".probes")));

static char before[64] __attribute__((section(".probes"), aligned(64), used));
PROBES(PROBE_SEMAPHORE)
static char after[64] __attribute__((section(".probes"), aligned(64), used));

#endif
