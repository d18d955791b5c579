/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The work of a queue that generates load, or only receives. */
#ifndef XENVIFD_GUEST_GENERATE_H
#define XENVIFD_GUEST_GENERATE_H

#include "packet.h"
#include "worker.h"

/* Immutable while workers run; each queue has its own. */
struct generate_task {
	uint32_t size;	  /* bytes a frame; 0: send none, only receive */
	uint16_t gso;	  /* bytes a segment; 0: no segmentation */
	uint64_t count;	  /* frames; 0: no limit */
	uint64_t time_ns; /* how long to send; 0: no limit */
	struct packet_spec spec;
};

/* Whether this queue can send what the task asks for; says why not. */
int generate_check(const struct front_queue *queue, const struct generate_task *task);

/* worker->task is a struct generate_task. Ends when all is sent and answered, or when stopped. */
int generate_run(struct worker *worker);

#endif
