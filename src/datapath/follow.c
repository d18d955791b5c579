/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A queue's interrupts follow its worker. */
#include "datapath/follow.h"

#include <sched.h>
#include <stdatomic.h>

/* Sleeps between two looks. */
#define FOLLOW_SLEEPS 64

void follow_init(struct follow *follow)
{
	follow->irq_cpu = -1;
	atomic_init(&follow->cpu, -1);
}

bool follow_look(struct follow *follow)
{
	int cpu;

	if (++follow->sleeps % FOLLOW_SLEEPS ||
	    atomic_load_explicit(&follow->irqs_stay, memory_order_relaxed))
		return false;
	cpu = sched_getcpu();
	if (cpu < 0 || cpu == atomic_load_explicit(&follow->cpu, memory_order_relaxed))
		return false;
	atomic_store_explicit(&follow->cpu, cpu, memory_order_relaxed);
	return true;
}

void follow_move(struct follow *follow, const char *name)
{
	int cpu = atomic_load_explicit(&follow->cpu, memory_order_relaxed);
	int error = 0;

	if (cpu == follow->irq_cpu)
		return;
	if (follow->irqs.count == 0)
		error = irq_find(&follow->irqs, IRQ_ROOT, name);
	if (error == 0)
		error = irq_move(&follow->irqs, IRQ_ROOT, cpu);
	if (error < 0)
		atomic_store_explicit(&follow->irqs_stay, true, memory_order_relaxed);
	follow->irq_cpu = cpu;
}
