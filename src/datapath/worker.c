/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker of one queue: the thread, and the one place that sleeps.
 *
 * A round moves one batch each way, then waits: not at all while more is known
 * of, until somebody has something otherwise. Before sleeping it asks both
 * rings for an event and looks at them once more, and unmasks the ports that
 * have fired; while it is busy neither is done, so a guest that keeps it busy
 * causes no events.
 *
 * How long it sleeps is said by what waits: frames for a guest that takes none
 * (stall.h), and frames of a guest whose credit is used up. What can end the
 * sleep is a set of descriptors (wake.h).
 *
 * When the vif's credit is used up, the TX ring is left alone until there is
 * some again: the worker sleeps until then, and what comes from the tap wakes
 * it as ever.
 */
#include "datapath/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "datapath/follow.h"
#include "datapath/queue.h"
#include "datapath/stall.h"
#include "datapath/wake.h"

/* How long one sleep is at most while frames wait for credit: the rate may have been changed. */
#define WORKER_CREDIT_NS (100 * CLOCK_MS_IN_NS)

struct worker {
	/* Immutable after connect */
	int call_fd;
	int (*enter)(void);

	/* Owner: control */
	pthread_t thread;
	bool started;

	/* Each says whose its members are */
	struct wake_set wake;
	struct follow follow;

	/* Owner: worker */
	struct stall stall;
	bool masked_tx, masked_rx; /* the port has fired and is masked */

	/* Owner: worker writes, any thread reads */
	_Atomic(const char *) fault;
	_Atomic uint64_t progress; /* at each falling asleep and waking; odd: it sleeps, or ended */
	_Atomic int stall_seen;	   /* enum stall_state, of the end of the last round */

	/* Owner: control writes before wake_tell, worker reads */
	_Atomic bool stop, kick;
	_Atomic(struct capture_buffer *) capture; /* until the worker has let go of it */

	struct queue queue;
};

/* Takes one event; were there another, the next wait would not sleep. */
static void worker_take_event(struct worker *worker)
{
	struct queue *queue = &worker->queue;
	int port = evtchn_pending(queue->evtchn);

	if (port < 0)
		return;
	stats_add(&queue->stats.queue.events, 1);
	worker->masked_tx |= (uint32_t)port == queue->port_tx;
	worker->masked_rx |= (uint32_t)port == queue->port_rx;
}

static void worker_unmask(struct worker *worker)
{
	struct queue *queue = &worker->queue;

	if (worker->masked_tx)
		evtchn_unmask(queue->evtchn, queue->port_tx);
	if (worker->masked_rx && queue->port_rx != queue->port_tx)
		evtchn_unmask(queue->evtchn, queue->port_rx);
	worker->masked_tx = worker->masked_rx = false;
}

/* Asks both rings for an event. Whether there is something to do already. */
static bool worker_arm(struct queue *queue)
{
	bool more = !queue->starved && ring_tx_arm(&queue->tx, 1);

	if (!to_guest_has_room(queue))
		more |= ring_rx_arm(&queue->rx, queue->room_wanted - ring_rx_pending(&queue->rx));
	return more;
}

/* How long the worker may sleep while frames wait for credit, in ns. */
static uint64_t worker_credit_left(const struct worker *worker)
{
	uint64_t left = credit_wait(worker->queue.credit, clock_now_ns());

	return left < WORKER_CREDIT_NS ? left : WORKER_CREDIT_NS;
}

/* How long the worker may sleep, in milliseconds, rounded up; -1: for ever. */
static int worker_patience(const struct worker *worker)
{
	uint64_t left = UINT64_MAX;

	if (worker->stall.state == STALL_WAITING)
		left = stall_left(&worker->stall, &worker->queue);
	if (worker->queue.starved) {
		uint64_t credit = worker_credit_left(worker);

		left = credit < left ? credit : left;
	}
	return left == UINT64_MAX ? -1 : (int)((left + CLOCK_MS_IN_NS - 1) / CLOCK_MS_IN_NS);
}

/* As wake_wait, and lets others see that the worker goes on. */
static unsigned worker_sleep(struct worker *worker, int timeout)
{
	unsigned woken;

	stats_add(&worker->progress, 1);
	woken = wake_wait(&worker->wake, timeout);
	stats_add(&worker->progress, 1);
	return woken;
}

static void worker_call(struct worker *worker)
{
	uint64_t one = 1;

	if (write(worker->call_fd, &one, sizeof(one)) < 0)
		return; /* full: the control thread has been called already */
}

static void worker_notify(struct queue *queue)
{
	evtchn_notify(queue->evtchn, queue->port_tx);
	if (queue->port_rx != queue->port_tx)
		evtchn_notify(queue->evtchn, queue->port_rx);
}

/* Begins to capture to the buffer that was given, or lets go of it. */
static void worker_take_capture(struct worker *worker, bool end)
{
	struct capture_buffer *buffer = atomic_load(&worker->capture);

	worker->queue.capture = buffer;
	if (!buffer || (!end && !capture_is_to_end(buffer)))
		return;
	worker->queue.capture = NULL;
	atomic_store(&worker->capture, NULL);
	capture_release(buffer); /* and now it may be gone */
}

/* The control thread says to stop (then false), to carry on a kick, or something of a capture. */
static bool worker_told(struct worker *worker)
{
	if (!wake_take_word(&worker->wake))
		return true; /* nothing after all */
	if (atomic_exchange(&worker->kick, false))
		worker_notify(&worker->queue);
	worker_take_capture(worker, false);
	return !atomic_load(&worker->stop);
}

/* Sleeps as long as the worker may. As wake_wait. */
static unsigned worker_doze(struct worker *worker)
{
	struct queue *queue = &worker->queue;
	int timeout = worker_patience(worker);
	unsigned woken;

	probe_sleep(queue->name, timeout);
	woken = worker_sleep(worker, timeout);
	probe_wake(queue->name, woken);
	stats_add(&queue->stats.queue.wakeups, 1);
	if (stats_read(&queue->stats.queue.wakeups) % STATS_TIMED_WAKEUPS == 1)
		queue->woken_ns = clock_now_ns();
	return woken;
}

/*
 * Waits until there is something to do; `busy` says that there is, and then
 * this only learns of the tap and of being stopped. False: stop.
 */
static bool worker_wait(struct worker *worker, bool busy)
{
	struct queue *queue = &worker->queue;
	unsigned woken;

	queue->woken_ns = 0;
	wake_watch_tap(&worker->wake, stall_update(&worker->stall, queue));
	queue_show(queue);
	atomic_store_explicit(&worker->stall_seen, worker->stall.state, memory_order_relaxed);
	if (queue->hold > 0 && !wake_time_hold(&worker->wake))
		from_guest_tell_rest(queue);
	if (!busy && !worker_arm(queue)) {
		worker_unmask(worker);
		woken = worker_doze(worker);
		if (follow_look(&worker->follow))
			worker_call(worker);
		if (woken & 1u << WAKE_EVTCHN)
			worker_take_event(worker);
	} else {
		woken = worker_sleep(worker, 0);
	}
	if (woken & 1u << WAKE_HOLD && wake_take_hold(&worker->wake))
		from_guest_tell_late(queue);
	queue->tap_readable |= (woken & 1u << WAKE_TAP) != 0;
	return woken & 1u << WAKE_STOP ? worker_told(worker) : true;
}

static void worker_give_up(struct worker *worker, const char *reason)
{
	atomic_store_explicit(&worker->fault, reason, memory_order_release);
	worker_call(worker);
}

/* Whether there is something to do that is known of already. */
static bool worker_has_more(const struct worker *worker)
{
	const struct queue *queue = &worker->queue;

	if (!queue->starved && (ring_tx_pending(&queue->tx) > 0 || ring_tx_has_more(&queue->tx)))
		return true;
	return queue->tap_readable &&
	       (to_guest_has_room(queue) || worker->stall.state == STALL_DROPPING);
}

/* One batch each way. Whether there is more to do at once. */
static bool worker_round(struct worker *worker)
{
	struct queue *queue = &worker->queue;

	from_guest_run(queue);
	if (queue->rogue)
		return false;
	/* There was room, even if it is all used again: the guest is slow and not stalled. */
	if (to_guest_run(queue) > 0)
		stall_end(&worker->stall, queue);
	if (worker->stall.state == STALL_DROPPING && queue->tap_readable &&
	    !to_guest_has_room(queue))
		to_guest_drop(queue);
	return worker_has_more(worker);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct queue *queue = &worker->queue;
	bool busy = true;

	if (worker->enter && worker->enter() != 0) {
		worker_give_up(worker, "its thread can't enter the sandbox");
		stats_add(&worker->progress, 1);
		return NULL;
	}
	/* The frontend may have missed the last notification of a predecessor. */
	worker_notify(queue);
	while (worker_wait(worker, busy)) {
		busy = worker_round(worker);
		if (queue->rogue) {
			worker_give_up(worker, queue->rogue);
			break;
		}
		if (queue->tap_gone) {
			worker_give_up(worker, "the tap was removed");
			break;
		}
	}
	from_guest_tell_rest(queue);
	stats_add(&worker->progress, 1);
	return NULL;
}

int worker_create(struct worker **result, const struct worker_setup *setup,
		  struct worker_error *error)
{
	struct worker *worker = aligned_alloc(64, (sizeof(*worker) + 63) & ~(size_t)63);
	int code;

	if (!worker)
		return worker_fail(error, -ENOMEM, "no memory for domain", setup->index,
				   setup->domid);
	memset(worker, 0, sizeof(*worker));
	worker->call_fd = setup->call_fd;
	worker->enter = setup->enter;
	wake_init(&worker->wake);
	follow_init(&worker->follow);
	if (setup->counted)
		memcpy(&worker->queue.stats, setup->counted, sizeof(worker->queue.stats));
	code = queue_open(&worker->queue, setup, error);
	if (code == 0) {
		code = wake_open(&worker->wake, setup->tap_fd, evtchn_fd(worker->queue.evtchn));
		if (code < 0)
			worker_fail(error, code, "can't wait for events of domain", setup->index,
				    setup->domid);
	}
	if (code < 0) {
		worker_destroy(worker);
		return code;
	}
	*result = worker;
	return 0;
}

int worker_start(struct worker *worker)
{
	int error = pthread_create(&worker->thread, NULL, worker_main, worker);

	if (error)
		return -error;
	worker->started = true;
	pthread_setname_np(worker->thread, worker->queue.name);
	return 0;
}

void worker_kick(struct worker *worker)
{
	atomic_store(&worker->kick, true);
	wake_tell(&worker->wake);
}

void worker_stop(struct worker *worker)
{
	if (!worker->started)
		return;
	atomic_store(&worker->stop, true);
	wake_tell(&worker->wake);
	pthread_join(worker->thread, NULL);
	worker->started = false;
	worker_take_capture(worker, true);
}

void worker_capture(struct worker *worker, struct capture_buffer *buffer)
{
	atomic_store(&worker->capture, buffer);
	wake_tell(&worker->wake);
}

void worker_capture_end(struct worker *worker)
{
	struct capture_buffer *buffer = atomic_load(&worker->capture);

	if (!buffer)
		return;
	capture_end_soon(buffer);
	wake_tell(&worker->wake);
}

bool worker_is_captured(const struct worker *worker)
{
	return atomic_load(&worker->capture) != NULL;
}

void worker_destroy(struct worker *worker)
{
	if (!worker)
		return;
	wake_close(&worker->wake);
	queue_close(&worker->queue);
	free(worker);
}

void worker_serve(struct worker *worker)
{
	follow_move(&worker->follow, worker->queue.name);
}

const char *worker_fault(const struct worker *worker)
{
	return atomic_load_explicit(&worker->fault, memory_order_acquire);
}

bool worker_is_stuck(const struct worker *worker, uint64_t *seen)
{
	uint64_t now = stats_read(&worker->progress), before = *seen;

	*seen = now;
	return worker->started && now % 2 == 0 && now == before;
}

void worker_look(const struct worker *worker, struct worker_rings *rings)
{
	int stall = atomic_load_explicit(&worker->stall_seen, memory_order_relaxed);

	queue_look(&worker->queue, rings);
	rings->frame_waits = stall == STALL_WAITING;
	rings->drops = stall == STALL_DROPPING;
}

const struct stats *worker_stats(const struct worker *worker)
{
	return &worker->queue.stats;
}
