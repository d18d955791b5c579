/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * On which CPU the interrupts of a queue's event channels arrive.
 *
 * The kernel gives each bound event channel to the next CPU in turn. A thread
 * that sleeps on another CPU is then woken by an interrupt from CPU to CPU,
 * and in a PV dom0 that makes the hypervisor schedule another vCPU: about a
 * twentieth of all that one round trip of a small packet costs. Interrupts
 * that follow their thread avoid it and leave its place to the scheduler.
 *
 * The kernel names such an interrupt after the thread that opened
 * /dev/xen/evtchn, as /proc/interrupts shows: evtchn_open sees to that name.
 */
#ifndef XENVIFD_XEN_IRQ_H
#define XENVIFD_XEN_IRQ_H

#define IRQ_ROOT "/proc/irq"
#define IRQ_MAX	 2 /* event channels of a queue */

/* The interrupts of one queue. One thread at a time; {0} is an empty set. */
struct irq_set {
	unsigned count;
	unsigned irq[IRQ_MAX];
};

/*
 * Finds under root (IRQ_ROOT) the interrupts of the event channels that were
 * opened by the name. 0, or -errno: -ENOENT where there is none. Reads a whole
 * folder: not for every wake.
 */
int irq_find(struct irq_set *set, const char *root, const char *name);

/* Sends them to a CPU. 0, or -errno: -EROFS or -EACCES where that is not allowed. */
int irq_move(const struct irq_set *set, const char *root, unsigned cpu);

#endif
