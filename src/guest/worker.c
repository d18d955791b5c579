/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread for each queue. A worker shares nothing with other workers; main
 * stops it through a flag and an eventfd, and learns through another that one
 * has ended by itself, because its work is done or the backend is at fault.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

static void worker_signal(int fd, uint64_t value)
{
	ssize_t written = write(fd, &value, sizeof(value));

	(void)written; /* an eventfd that is full is readable, which is all that matters */
}

uint64_t worker_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	uint64_t begin = worker_now_ns();

	worker->result = worker->run(worker);
	worker->busy_ns = worker_now_ns() - begin;
	if (!worker_stopped(worker))
		worker_signal(worker->done_fd, worker->result ? WORKER_FAULT : 1);
	return NULL;
}

int worker_start(struct worker *worker, struct front_queue *queue)
{
	int rc;

	worker->queue = queue;
	worker->result = 0;
	worker->tap_ready = worker->tap_fd >= 0;
	atomic_store(&worker->stop, false);
	worker->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->stop_fd < 0)
		return -errno;
	rc = pthread_create(&worker->thread, NULL, worker_main, worker);
	if (rc)
		close(worker->stop_fd);
	return -rc;
}

void worker_join(struct worker *worker)
{
	atomic_store_explicit(&worker->stop, true, memory_order_release);
	worker_signal(worker->stop_fd, 1);
	pthread_join(worker->thread, NULL);
	close(worker->stop_fd);
}

void worker_sleep(struct worker *worker, bool want_tap, int timeout_ms)
{
	struct pollfd fds[3] = {
		{ .fd = xenevtchn_fd(worker->queue->evtchn), .events = POLLIN },
		{ .fd = worker->stop_fd, .events = POLLIN },
		{ .fd = want_tap ? worker->tap_fd : -1, .events = POLLIN },
	};

	if (poll(fds, 3, timeout_ms) <= 0)
		return;
	if (fds[0].revents & POLLIN)
		front_take_event(worker->queue);
	if (fds[2].revents)
		worker->tap_ready = true;
}

void worker_rearm(struct worker *worker)
{
	uint64_t count;
	ssize_t got = read(worker->stop_fd, &count, sizeof(count));

	(void)got; /* empty when nobody told it to stop */
}
