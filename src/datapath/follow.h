/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue's interrupts follow its worker: once in a while the worker looks at
 * where the scheduler has put it, and the control thread sends the interrupts
 * there, which takes files that a worker may not open. Inside the datapath room
 * only.
 */
#ifndef XENVIFD_DATAPATH_FOLLOW_H
#define XENVIFD_DATAPATH_FOLLOW_H

#include <stdbool.h>

#include "xen/irq.h"

struct follow {
	/* Owner: control */
	int irq_cpu; /* where the interrupts were sent; -1: nowhere yet */
	struct irq_set irqs;

	/* Owner: control writes, worker reads */
	_Atomic bool irqs_stay; /* they can't be moved */

	/* Owner: worker */
	unsigned sleeps; /* so far; wraps */

	/* Owner: worker writes, any thread reads */
	_Atomic int cpu; /* where the thread was last seen; -1: nowhere yet */
};

void follow_init(struct follow *follow);

/* Worker, after a sleep. Whether it has moved: the control thread is to be called. */
bool follow_look(struct follow *follow);

/* Control thread: sends the interrupts of the queue of this name to where the worker was seen. */
void follow_move(struct follow *follow, const char *name);

#endif
