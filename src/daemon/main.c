/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xenvifd: a Xen network backend in user space.
 *
 * One thread, this one, controls; each queue of each connected vif has a
 * worker of its own. Ending leaves xenstore, the taps and the guests as they
 * are: a daemon that starts finds its vifs Connected and goes on.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/moving.h"
#include "base/service.h"
#include "control/control.h"
#include "control/vif.h"
#include "daemon/daemon.h"
#include "daemon/options.h"
#include "daemon/reload.h"
#include "daemon/sandbox.h"

#define EXIT_USAGE 2

static void signals_ready(struct loop_source *source, uint32_t events)
{
	struct daemon *daemon =
		(struct daemon *)((char *)source - offsetof(struct daemon, signals));
	struct signalfd_siginfo info;

	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		json_decref(reload(daemon));
		return;
	}
	log_event(LOG_LEVEL_INFO, MESSAGE_STOPPING, "ending on signal %s; guests stay connected",
		  strsignal(info.ssi_signo));
	daemon->loop.stop = true;
}

/* Before any thread is started: all of them inherit the mask. */
static int signals_open(struct daemon *daemon)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	daemon->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	daemon->signals.ready = signals_ready;
	return daemon->signals.fd < 0 ? -errno : loop_add(&daemon->loop, &daemon->signals, EPOLLIN);
}

/* Each queue needs some six descriptors: allow as many as may be. */
static void limits_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void tell_ready(struct daemon *daemon)
{
	struct control_count count = control_count(&daemon->control);

	log_event(
		LOG_LEVEL_INFO, MESSAGE_READY,
		"ready in domain %u: %u vifs found, %u queues carry traffic; up to %u queues a vif",
		daemon->control.domid, count.vifs, count.queues, daemon->config.vifs.max_queues);
	service_notify("READY=1\nSTATUS=%u vifs, %u queues", count.vifs, count.queues);
}

static int daemon_run(struct daemon *daemon)
{
	int error;

	tell_ready(daemon);
	while (!daemon->loop.stop) {
		error = loop_turn(&daemon->loop);
		if (error < 0) {
			log_error("epoll: %s", strerror(-error));
			return error;
		}
		control_update(&daemon->control);
	}
	return 0;
}

/* Opens what is opened once. On failure what was opened is left to the exit. 0, or -errno, logged.
 */
static int daemon_open(struct daemon *daemon)
{
	struct control_memory memory;
	int error = loop_open(&daemon->loop);

	if (error == 0)
		error = signals_open(daemon);
	if (error < 0) {
		log_error("can't set up the event loop: %s", strerror(-error));
		return error;
	}
	error = ctl_open(&daemon->ctl, &daemon->loop, &daemon->control,
			 daemon->config.control_path);
	if (error < 0)
		return error;
	daemon->state = state_open();
	if (!daemon->state) {
		log_error("no memory");
		return -ENOMEM;
	}
	/* From here on threads are started and guests are listened to. */
	error = sandbox_enter_control(daemon->config.sandbox);
	if (error < 0)
		return error;
	daemon->config.vifs.worker_enter = sandbox_enter_worker;
	moving_path(daemon->config.control_path, daemon->moving);
	daemon->config.vifs.moving = daemon->moving;
	memory = state_memory(daemon->state);
	error = control_open(&daemon->control, &daemon->loop, &daemon->config.vifs, &memory);
	if (error < 0) {
		control_close(&daemon->control);
		return error;
	}
	/* It was about the vifs and connections found at the start. */
	daemon->control.memory = (struct control_memory){ 0 };
	state_forget(daemon->state);
	service_discard();
	error = watchdog_open(&daemon->watchdog, &daemon->loop, &daemon->control, daemon->state);
	if (error < 0)
		log_error("can't set a timer for the watchdog: %s", strerror(-error));
	return error;
}

static void daemon_close(struct daemon *daemon)
{
	service_notify("STOPPING=1");
	control_stop(&daemon->control);
	state_save(daemon->state, &daemon->control);
	watchdog_close(&daemon->watchdog);
	control_close(&daemon->control);
	state_close(daemon->state);
	ctl_close(daemon->ctl);
	close(daemon->signals.fd);
	loop_close(&daemon->loop);
}

int main(int argc, char **argv)
{
	static struct daemon daemon;
	int error;

	switch (options_parse(argc, argv, &daemon.config, stderr)) {
	case OPTIONS_RUN:
		break;
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_ERROR:
		return EXIT_USAGE;
	}
	daemon.argc = argc;
	daemon.argv = argv;
	log_init();
	log_set_level(daemon.config.log_level);
	limits_raise();
	service_open();
	if (daemon_open(&daemon) < 0) {
		ctl_close(daemon.ctl);
		return EXIT_FAILURE;
	}
	error = daemon_run(&daemon);
	daemon_close(&daemon);
	return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
