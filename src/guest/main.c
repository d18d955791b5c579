/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenvif-guest: a netfront in user space, on the frontend half of libxen*.
 *
 * main:     options -> the vif in xenstore -> the tap -> session -> report
 * session:  connect -> a worker for each queue -> wait for something to happen
 *           -> stop the workers -> close, or rewind and connect again
 *
 * The program knows no host but through libxenstore, libxenevtchn and
 * libxengnttab, and so runs in a real domain as on the simulated host.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "bridge.h"
#include "front.h"
#include "generate.h"
#include "hostile.h"
#include "options.h"
#include "report.h"
#include "say.h"
#include "tap.h"

enum {
	EXIT_DONE = 0,
	EXIT_HERE = 1,	     /* wrong use, or something failed here */
	EXIT_NO_CONNECT = 2, /* the backend did not connect */
	EXIT_BACKEND = 3,    /* the backend broke the protocol, or closed on an error */
};

/* Why a session's wait ended. */
enum session_event {
	SESSION_STOP,	   /* a signal, or the time is over */
	SESSION_RECONNECT, /* SIGUSR1 */
	SESSION_WORKERS,   /* workers ended by themselves */
	SESSION_CLOSED,	   /* the backend closes */
	SESSION_GONE,	   /* the device was removed */
};

struct session {
	const struct options *options;
	struct front front;
	struct tap tap;
	struct worker worker[FRONT_QUEUES_MAX];
	struct generate_task task[FRONT_QUEUES_MAX];
	unsigned n_workers;
	int signal_fd, done_fd;
	uint64_t end_ms; /* 0: no limit */
	bool announced;
	struct report report;
};

static uint64_t session_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int session_open_signals(struct session *session)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	session->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	session->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	session->front.cancel_fd = session->signal_fd;
	return session->signal_fd < 0 || session->done_fd < 0 ? -errno : 0;
}

/* The signal that came, or 0. */
static int session_take_signal(struct session *session)
{
	struct signalfd_siginfo info;

	return read(session->signal_fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo
									     : 0;
}

static void session_plan_task(struct session *session, unsigned i)
{
	const struct options *o = session->options;
	unsigned n = session->front.n_queues;
	struct generate_task *task = &session->task[i];

	*task = (struct generate_task){
		.size = o->mode == OPTIONS_GENERATE ? o->size : 0,
		.gso = (uint16_t)o->gso,
		.count = o->count / n + (i < o->count % n),
		.time_ns = o->run_s * 1000000000ull,
		.spec = { .to_ip = o->to_ip.s_addr,
			  .from_ip = o->from_ip.s_addr,
			  .from_port = (uint16_t)(1024 + i),
			  .to_port = 9,
			  .protocol = o->gso ? PACKET_TCP : PACKET_UDP },
	};
	memcpy(task->spec.to_mac, o->to_mac, 6);
	memcpy(task->spec.from_mac, session->front.store.mac, 6);
	/* A queue with no share in a small count must not take 0 for "no limit". */
	if (o->count && !task->count)
		task->time_ns = 1;
}

static int session_start_workers(struct session *session)
{
	bool tap = session->options->mode == OPTIONS_TAP;
	int rc = 0;

	if (tap)
		rc = tap_start(&session->tap, session->front.n_queues,
			       &session->front.queue[0]->tx_caps);
	for (unsigned i = 0; !rc && i < session->front.n_queues; i++) {
		struct worker *worker = &session->worker[i];

		*worker = (struct worker){
			.tap_fd = tap ? session->tap.fd[i] : -1,
			.task = &session->task[i],
			.run = tap ? bridge_run : generate_run,
			.done_fd = session->done_fd,
		};
		session_plan_task(session, i);
		if (!tap)
			rc = generate_check(session->front.queue[i], &session->task[i]);
		if (!rc)
			rc = worker_start(worker, session->front.queue[i]);
		session->n_workers += !rc;
	}
	return rc;
}

static void session_stop_workers(struct session *session)
{
	for (unsigned i = 0; i < session->n_workers; i++)
		worker_join(&session->worker[i]);
	tap_stop(&session->tap);
}

/* After the backend let go of the rings: takes its last answers, counts, frees the queues. */
static void session_settle(struct session *session)
{
	uint64_t longest = 0;

	for (unsigned i = 0; i < session->n_workers; i++) {
		struct worker *worker = &session->worker[i];

		front_tx_reap(worker->queue);
		report_add(&session->report, worker->queue);
		longest = worker->busy_ns > longest ? worker->busy_ns : longest;
	}
	session->report.busy_ns += longest;
	session->n_workers = 0;
	front_release(&session->front);
	if (session->report.fault[0])
		say("the backend broke the protocol: %s", session->report.fault);
}

/*
 * Looks at the states; true when they end the session. Without xenstored a guest goes on, as one
 * with a kernel does: it has its rings, and nobody can tell it anything.
 */
static bool session_look(struct session *session, enum session_event *event)
{
	struct front *front = &session->front;
	int error, state;

	front_store_drain(&front->store);
	error = front_store_look(&front->store);
	if (error) {
		*event = SESSION_GONE;
		return error == -ENODEV;
	}
	state = front_store_backend_state(&front->store);
	if (state == FRONT_CONNECTED && !session->announced) {
		say("vif %u.%u is connected: %u queue%s, %s event channels", front->store.domid,
		    front->store.devid, front->n_queues, front->n_queues > 1 ? "s" : "",
		    front->split ? "split" : "combined");
		session->announced = true;
	}
	*event = SESSION_CLOSED;
	return state == FRONT_CLOSING || state == FRONT_CLOSED ||
	       (state == FRONT_UNKNOWN && front_store_look(&front->store) == 0);
}

/* True when every worker has ended, or one found the backend at fault. */
static bool session_workers_done(struct session *session, uint64_t *ended)
{
	uint64_t n;

	if (read(session->done_fd, &n, sizeof(n)) == sizeof(n))
		*ended += n;
	return *ended >= session->n_workers;
}

static enum session_event session_wait(struct session *session)
{
	struct pollfd fds[3] = {
		{ .fd = session->signal_fd, .events = POLLIN },
		{ .fd = front_store_fd(&session->front.store), .events = POLLIN },
		{ .fd = session->done_fd, .events = POLLIN },
	};
	enum session_event event;
	uint64_t ended = 0;

	for (;;) {
		uint64_t now = session_now_ms();
		int signal = session_take_signal(session);

		if (signal)
			return signal == SIGUSR1 ? SESSION_RECONNECT : SESSION_STOP;
		if (session_look(session, &event))
			return event;
		if (session_workers_done(session, &ended))
			return SESSION_WORKERS;
		if (session->end_ms && now >= session->end_ms)
			return SESSION_STOP;
		poll(fds, 3, session->end_ms ? (int)(session->end_ms - now) : -1);
	}
}

/* The backend closed: Linux's netfront goes to Closed at once, and so does this. */
static int session_follow(struct session *session)
{
	struct front *front = &session->front;
	struct report *report = &session->report;

	front_store_read_error(&front->store, report->error, sizeof(report->error));
	say("the backend closed vif %u.%u%s%s", front->store.domid, front->store.devid,
	    report->error[0] ? ": " : "", report->error);
	front_store_set_state(&front->store, FRONT_CLOSED);
	front_store_wait(&front->store,
			 FRONT_STATES(FRONT_CLOSED) | FRONT_STATES(FRONT_INIT_WAIT) |
				 FRONT_STATES(FRONT_UNKNOWN),
			 front->wait_ms, front->cancel_fd);
	return report->error[0] ? EXIT_BACKEND : EXIT_DONE;
}

/* Closes after a session, each kind of end in its way. -1: connect again. Else the exit status. */
static int session_close(struct session *session, enum session_event event, int rc)
{
	struct front *front = &session->front;
	int status = rc ? EXIT_HERE : EXIT_DONE;

	if (event == SESSION_GONE)
		say("vif %u.%u was removed", front->store.domid, front->store.devid);
	if (event == SESSION_CLOSED)
		status = session_follow(session);
	else
		front_disconnect(front);
	session_settle(session);
	if (session->report.fault[0])
		return EXIT_BACKEND;
	if (event != SESSION_RECONNECT)
		return status;
	session->report.reconnects++;
	return front_rewind(front) ? EXIT_NO_CONNECT : -1;
}

/* One connection, from InitWait to its end. As session_close. */
static int session_run_once(struct session *session)
{
	struct front *front = &session->front;
	enum session_event event = SESSION_STOP;
	int rc = front_connect(front);

	session->announced = false;
	if (!rc && session->options->mode != OPTIONS_TAP)
		rc = front_wait_connected(front);
	if (rc) {
		if (front->n_queues)
			front_disconnect(front);
		return rc == -ECANCELED ? EXIT_DONE : EXIT_NO_CONNECT;
	}
	session->report.queues = front->n_queues;
	session->report.split = front->split;
	rc = session_start_workers(session);
	if (!rc)
		event = session_wait(session);
	session_stop_workers(session);
	return session_close(session, event, rc);
}

static int session_run(struct session *session)
{
	const struct options *o = session->options;
	static const char *const modes[] = { "tap", "generate", "sink" };
	int status;

	session->report.mode = modes[o->mode];
	session->report.size = o->size;
	session->report.gso = o->gso;
	if (o->mode == OPTIONS_TAP && o->run_s)
		session->end_ms = session_now_ms() + o->run_s * 1000ull;
	do {
		status = session_run_once(session);
	} while (status < 0);
	report_print(&session->report);
	return status;
}

static int session_run_hostile(struct session *session)
{
	struct front *front = &session->front;
	int status = EXIT_NO_CONNECT;
	int rc = front_connect(front);

	if (!rc)
		rc = front_wait_connected(front);
	if (!rc)
		status = hostile_run(front, session->options->hostile) ? EXIT_HERE : EXIT_DONE;
	if (front->n_queues)
		front_disconnect(front);
	return rc == -ECANCELED ? EXIT_HERE : status;
}

static int session_open(struct session *session)
{
	const struct options *o = session->options;
	struct front *front = &session->front;
	int rc = session_open_signals(session);

	front->wait_ms = o->wait_s * 1000;
	if (!rc)
		rc = front_open(front, &o->wishes, o->domid, o->devid, o->store_dir);
	if (!rc && o->mode == OPTIONS_TAP)
		rc = tap_open(&session->tap, o->netns, o->ifname, front->store.mac,
			      o->mtu ? o->mtu : front->store.mtu, o->wishes.queues);
	return rc;
}

int main(int argc, char **argv)
{
	static struct session session;
	struct options options;
	int status = EXIT_HERE;

	if (options_parse(&options, argc, argv))
		return EXIT_HERE;
	if (options.mode == OPTIONS_DONE)
		return EXIT_DONE;
	session.options = &options;
	if (!session_open(&session))
		status = options.mode == OPTIONS_HOSTILE ? session_run_hostile(&session)
							 : session_run(&session);
	tap_close(&session.tap);
	front_close(&session.front);
	return status;
}
