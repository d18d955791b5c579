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
 * When the guest has posted too few buffers, the tap is left alone but for
 * learning that a frame waits there; from then the guest has stall_ns to post
 * more (looked at every few milliseconds if it is one that doesn't say so).
 * After that what the tap holds is dropped, until the guest takes frames again.
 * Room beyond the largest frame's, for the segments of one that is cut up, is
 * waited for much less: the guest may be one that never posts so many.
 *
 * When the vif's credit is used up, the TX ring is left alone until there is
 * some again: the worker sleeps until then, and what comes from the tap wakes
 * it as ever.
 */
#include "datapath/worker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "datapath/queue.h"
#include "xen/irq.h"

/* Sleeps between two looks at where the interrupts should go. */
#define WORKER_FOLLOW_SLEEPS 64
/* How often a ring is looked at whose frontend doesn't say when it has posted buffers. */
#define WORKER_LOOK_NS (5 * CLOCK_MS_IN_NS)
/* One turn of the timer for what is held back (tell.c), which waits for two of them at most. */
#define WORKER_HOLD_NS (3 * CLOCK_MS_IN_NS / 2)
/* How long a frame waits for more room than it may need itself (queue->room_wanted). */
#define WORKER_ROOM_NS (10 * CLOCK_MS_IN_NS)

/* How long one sleep is at most while frames wait for credit: the rate may have been changed. */
#define WORKER_CREDIT_NS (100 * CLOCK_MS_IN_NS)

/* What the worker does about a ring that has no room. */
enum stall_state {
	STALL_NONE,	/* there is room, or no frame waits */
	STALL_WAITING,	/* a frame waits, until queue->stall_ns are over */
	STALL_DROPPING, /* frames are read and dropped */
};

/* What can end the sleep. */
enum wake {
	WAKE_STOP,
	WAKE_TAP,
	WAKE_EVTCHN,
	WAKE_HOLD,
	WAKE_COUNT,
};

struct worker {
	/* Immutable after connect */
	int epoll_fd;
	int stop_fd;
	int hold_fd; /* a timer, for tell.c */
	int call_fd;
	int (*enter)(void);

	/* Owner: control */
	pthread_t thread;
	bool started;
	int irq_cpu; /* where the interrupts were sent; -1: nowhere yet */
	struct irq_set irqs;

	/* Owner: control writes, worker reads */
	_Atomic bool irqs_stay; /* they can't be moved */

	/* Owner: worker */
	enum stall_state stall;
	uint64_t stall_begin;	   /* of STALL_WAITING, clock_now_ns */
	bool tap_watched;	   /* frames in the tap end the sleep */
	bool masked_tx, masked_rx; /* the port has fired and is masked */
	bool hold_timed;	   /* hold_fd will fire */
	unsigned sleeps;	   /* so far; wraps */

	/* Owner: worker writes, any thread reads */
	_Atomic(const char *) fault;
	_Atomic uint64_t progress; /* at each falling asleep and waking; odd: it sleeps, or ended */
	_Atomic int stall_seen;	   /* enum stall_state, of the end of the last round */
	_Atomic int cpu;	   /* where the thread was last seen; -1: nowhere yet */

	/* Owner: control writes before it writes to stop_fd, worker reads */
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

/* How long a frame has waited, in ns, in STALL_WAITING; how long frames have, in STALL_DROPPING. */
static uint64_t worker_waited(const struct worker *worker)
{
	return clock_now_ns() - worker->stall_begin;
}

static void worker_stall_end(struct worker *worker)
{
	const struct queue *queue = &worker->queue;

	if (worker->stall != STALL_NONE && probe_stall_ended_wanted())
		probe_stall_ended(queue->name, worker_waited(worker), ring_rx_pending(&queue->rx));
	worker->stall = STALL_NONE;
}

/* Whether the room that a frame waits for is one that the guest may never give. */
static bool worker_waits_for_more(const struct worker *worker)
{
	return worker->stall == STALL_WAITING && worker->queue.room_wanted > worker->queue.room;
}

/* Follows what the stall has come to; whether the tap is to be polled. */
static bool worker_stall_update(struct worker *worker)
{
	struct queue *queue = &worker->queue;

	if (worker_waits_for_more(worker) && worker_waited(worker) >= WORKER_ROOM_NS)
		queue->room_wanted = queue->room;
	if (to_guest_has_room(queue)) {
		worker_stall_end(worker);
	} else if (worker->stall == STALL_NONE && queue->tap_readable) {
		worker->stall = STALL_WAITING;
		worker->stall_begin = clock_now_ns();
		probe_stall_begun(queue->name, ring_rx_pending(&queue->rx), queue->room_wanted);
	} else if (worker->stall == STALL_WAITING && worker_waited(worker) >= queue->stall_ns) {
		worker->stall = STALL_DROPPING;
		stats_add(&queue->stats.to_guest.stalls, 1);
		if (probe_stall_dropping_wanted())
			probe_stall_dropping(queue->name, worker_waited(worker));
	}
	return worker->stall != STALL_WAITING;
}

/* How long the worker may sleep in STALL_WAITING, in ns. */
static uint64_t worker_stall_left(const struct worker *worker)
{
	const struct queue *queue = &worker->queue;
	uint64_t waited = worker_waited(worker);
	uint64_t left = waited < queue->stall_ns ? queue->stall_ns - waited : 0;

	if ((!queue->features.rx_notify || worker_waits_for_more(worker)) && left > WORKER_LOOK_NS)
		left = WORKER_LOOK_NS;
	return left;
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

	if (worker->stall == STALL_WAITING)
		left = worker_stall_left(worker);
	if (worker->queue.starved) {
		uint64_t credit = worker_credit_left(worker);

		left = credit < left ? credit : left;
	}
	return left == UINT64_MAX ? -1 : (int)((left + CLOCK_MS_IN_NS - 1) / CLOCK_MS_IN_NS);
}

/* Says whether frames in the tap are to end the sleep. */
static void worker_watch_tap(struct worker *worker, bool watch)
{
	struct epoll_event event = { .events = watch ? EPOLLIN : 0, .data.u32 = WAKE_TAP };

	if (watch == worker->tap_watched)
		return;
	epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, worker->queue.tap_fd, &event);
	worker->tap_watched = watch;
}

/* Sleeps for timeout ms. The set of what has something, 1 << enum wake. */
static unsigned worker_sleep(struct worker *worker, int timeout)
{
	struct epoll_event events[WAKE_COUNT];
	unsigned woken = 0;
	int n;

	stats_add(&worker->progress, 1);
	n = epoll_wait(worker->epoll_fd, events, WAKE_COUNT, timeout);
	stats_add(&worker->progress, 1);
	for (int i = 0; i < n; i++)
		woken |= 1u << events[i].data.u32;
	return woken;
}

static void worker_call(struct worker *worker)
{
	uint64_t one = 1;

	if (write(worker->call_fd, &one, sizeof(one)) < 0)
		return; /* full: the control thread has been called already */
}

/*
 * Once in a while, looks at where the scheduler has put this thread, for the
 * interrupts to follow (worker_serve): that takes files, which this thread may
 * not open.
 */
static void worker_follow(struct worker *worker)
{
	int cpu;

	if (++worker->sleeps % WORKER_FOLLOW_SLEEPS ||
	    atomic_load_explicit(&worker->irqs_stay, memory_order_relaxed))
		return;
	cpu = sched_getcpu();
	if (cpu < 0 || cpu == atomic_load_explicit(&worker->cpu, memory_order_relaxed))
		return;
	atomic_store_explicit(&worker->cpu, cpu, memory_order_relaxed);
	worker_call(worker);
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

/*
 * The control thread has written to stop_fd: to stop (then false), to have a
 * kick carried on, or about a capture.
 */
static bool worker_told(struct worker *worker)
{
	uint64_t count;

	if (read(worker->stop_fd, &count, sizeof(count)) < 0)
		return true; /* nothing after all */
	if (atomic_exchange(&worker->kick, false))
		worker_notify(&worker->queue);
	worker_take_capture(worker, false);
	return !atomic_load(&worker->stop);
}

/* Sees to it that what is held back is looked at in time. */
static void worker_time_hold(struct worker *worker)
{
	static const struct itimerspec turn = { .it_value.tv_nsec = WORKER_HOLD_NS };

	if (worker->queue.hold == 0 || worker->hold_timed)
		return;
	worker->hold_timed = timerfd_settime(worker->hold_fd, 0, &turn, NULL) == 0;
	if (!worker->hold_timed)
		from_guest_tell_rest(&worker->queue);
}

static void worker_hold_is_over(struct worker *worker)
{
	uint64_t count;

	if (read(worker->hold_fd, &count, sizeof(count)) < 0)
		return; /* nothing after all */
	worker->hold_timed = false;
	from_guest_tell_late(&worker->queue);
}

/* Sleeps as long as the worker may. The set of what has something, as worker_sleep's. */
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
	worker_watch_tap(worker, worker_stall_update(worker));
	queue_show(queue);
	atomic_store_explicit(&worker->stall_seen, worker->stall, memory_order_relaxed);
	worker_time_hold(worker);
	if (!busy && !worker_arm(queue)) {
		worker_unmask(worker);
		woken = worker_doze(worker);
		worker_follow(worker);
		if (woken & 1u << WAKE_EVTCHN)
			worker_take_event(worker);
	} else {
		woken = worker_sleep(worker, 0);
	}
	if (woken & 1u << WAKE_HOLD)
		worker_hold_is_over(worker);
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
	return queue->tap_readable && (to_guest_has_room(queue) || worker->stall == STALL_DROPPING);
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
		worker_stall_end(worker);
	if (worker->stall == STALL_DROPPING && queue->tap_readable && !to_guest_has_room(queue))
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

int worker_fail(struct worker_error *error, int code, const char *what, unsigned queue,
		uint32_t value)
{
	snprintf(error->reason, sizeof(error->reason), "queue %u: %s %u: %s", queue, what, value,
		 strerror(-code));
	return code;
}

static int epoll_add(int epoll_fd, int fd, enum wake wake)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = wake };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int wake_init(struct worker *worker)
{
	int code;

	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->hold_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (worker->epoll_fd < 0 || worker->stop_fd < 0 || worker->hold_fd < 0)
		return -errno;
	code = epoll_add(worker->epoll_fd, worker->stop_fd, WAKE_STOP);
	if (code == 0)
		code = epoll_add(worker->epoll_fd, worker->queue.tap_fd, WAKE_TAP);
	if (code == 0)
		code = epoll_add(worker->epoll_fd, evtchn_fd(worker->queue.evtchn), WAKE_EVTCHN);
	if (code == 0)
		code = epoll_add(worker->epoll_fd, worker->hold_fd, WAKE_HOLD);
	worker->tap_watched = true;
	return code;
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
	worker->epoll_fd = worker->stop_fd = worker->hold_fd = worker->irq_cpu = -1;
	atomic_init(&worker->cpu, -1);
	if (setup->counted)
		memcpy(&worker->queue.stats, setup->counted, sizeof(worker->queue.stats));
	code = queue_open(&worker->queue, setup, error);
	if (code == 0) {
		code = wake_init(worker);
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

static void worker_tell(struct worker *worker)
{
	uint64_t one = 1;

	while (write(worker->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void worker_kick(struct worker *worker)
{
	atomic_store(&worker->kick, true);
	worker_tell(worker);
}

void worker_stop(struct worker *worker)
{
	if (!worker->started)
		return;
	atomic_store(&worker->stop, true);
	worker_tell(worker);
	pthread_join(worker->thread, NULL);
	worker->started = false;
	worker_take_capture(worker, true);
}

void worker_capture(struct worker *worker, struct capture_buffer *buffer)
{
	atomic_store(&worker->capture, buffer);
	worker_tell(worker);
}

void worker_capture_end(struct worker *worker)
{
	struct capture_buffer *buffer = atomic_load(&worker->capture);

	if (!buffer)
		return;
	capture_end_soon(buffer);
	worker_tell(worker);
}

bool worker_is_captured(const struct worker *worker)
{
	return atomic_load(&worker->capture) != NULL;
}

void worker_destroy(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
	queue_close(&worker->queue);
	if (worker->stop_fd >= 0)
		close(worker->stop_fd);
	if (worker->hold_fd >= 0)
		close(worker->hold_fd);
	free(worker);
}

void worker_serve(struct worker *worker)
{
	int cpu = atomic_load_explicit(&worker->cpu, memory_order_relaxed);
	int error = 0;

	if (cpu == worker->irq_cpu)
		return;
	if (worker->irqs.count == 0)
		error = irq_find(&worker->irqs, IRQ_ROOT, worker->queue.name);
	if (error == 0)
		error = irq_move(&worker->irqs, IRQ_ROOT, cpu);
	if (error < 0)
		atomic_store_explicit(&worker->irqs_stay, true, memory_order_relaxed);
	worker->irq_cpu = cpu;
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
