/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread for each queue: started, told to stop, joined. */
#ifndef XENVIFD_GUEST_WORKER_H
#define XENVIFD_GUEST_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "front.h"

#define WORKER_FAULT (1ull << 32)

struct worker {
	/* Immutable while it runs */
	struct front_queue *queue;
	int tap_fd;	  /* -1 when this worker has no tap */
	const void *task; /* for run */
	int (*run)(struct worker *worker);
	int done_fd; /* eventfd, shared: gets 1 from a worker that is done, WORKER_FAULT from one
		      * that failed */
	int stop_fd; /* eventfd: wakes the worker that is to stop */
	pthread_t thread;
	/* Any thread */
	atomic_bool stop;
	/* Owner: worker */
	bool tap_ready; /* the tap may have a frame */
	/* Owner: worker; read after it was joined */
	int result;	  /* what run returned */
	uint64_t busy_ns; /* how long it worked, for a rate */
};

/* Main thread: 0 or -errno. */
int worker_start(struct worker *worker, struct front_queue *queue);
/* Main thread: stops the worker if it still runs, and waits for its end. */
void worker_join(struct worker *worker);

/* The monotonic clock. Any thread. */
uint64_t worker_now_ns(void);

/* Worker: it was told to stop. */
static inline bool worker_stopped(const struct worker *worker)
{
	return atomic_load_explicit(&worker->stop, memory_order_acquire);
}

/*
 * Worker: sleeps until its event channel or, when want_tap, its tap has
 * something, it is told to stop, or timeout_ms (-1: no limit) are over.
 */
void worker_sleep(struct worker *worker, bool want_tap, int timeout_ms);

/* Worker: sleeps again although it was told to stop; for what is left to do then. */
void worker_rearm(struct worker *worker);

#endif
