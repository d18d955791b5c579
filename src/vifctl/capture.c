/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vifctl capture: what the daemon sends, a pcapng file, is written as it comes.
 *
 * To end in good order, be it because of Ctrl-C or because the time is over,
 * this end of the connection is shut down; then the daemon sends the rest and
 * the statistics, and closes it. Only whole blocks are written, so the file can
 * be read whatever happens to the daemon.
 */
#include "vifctl/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/pcapng.h"
#include "vifctl/text.h"

#define COPY_SIZE (1u << 20) /* bytes; no block is as large */

struct copy {
	int from, to;
	const char *name; /* of the file */
	struct pcapng_tally tally;
	uint8_t *data;
	size_t used;
};

/* The connection that signals shut down, and whether one has. */
static volatile sig_atomic_t connection = -1;
static volatile sig_atomic_t ended;

static void end_on_signal(int number)
{
	int error = errno;

	ended = 1;
	shutdown(connection, SHUT_WR);
	errno = error;
}

/* The first signal ends the capture in good order; a second one ends the program. */
static void signals_take(int fd, double seconds)
{
	const struct sigaction action = { .sa_handler = end_on_signal, .sa_flags = SA_RESETHAND };
	struct itimerval timer = { .it_value = { .tv_sec = seconds } };

	connection = fd;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	timer.it_value.tv_usec = (seconds - timer.it_value.tv_sec) * 1000000;
	if (seconds > 0)
		setitimer(ITIMER_REAL, &timer, NULL);
}

static int usage_error(const char *text)
{
	fprintf(stderr, "vifctl: %s. Try \"vifctl --help\".\n", text);
	return EXIT_USAGE;
}

/* Adds a whole number to the request, if it was given. False: it is none within min .. max. */
static bool number_add(json_t *request, const char *key, const char *text, long long min,
		       long long max)
{
	char *end;
	long long value;

	if (!text)
		return true;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max)
		return false;
	return json_object_set_new(request, key, json_integer(value)) == 0;
}

static bool direction_add(json_t *request, const char *text)
{
	if (!text)
		return true;
	if (strcmp(text, "from-guest") != 0 && strcmp(text, "to-guest") != 0 &&
	    strcmp(text, "both") != 0)
		return false;
	return json_object_set_new(request, "direction", json_string(text)) == 0;
}

/* What is wrong with the command line; NULL: nothing, and the request is whole. */
static const char *request_fill(const struct call *call, json_t *request)
{
	const struct capture_options *options = &call->capture;
	const char *file = options->file;

	json_object_set_new(request, "verb", json_string("capture"));
	json_object_set_new(request, "vif", json_string(call->words[0]));
	if (!number_add(request, "queue", options->queue, 0, 63))
		return "a queue is a number from 0 to 63";
	if (!direction_add(request, options->direction))
		return "a direction is from-guest, to-guest or both";
	if (!number_add(request, "snaplen", options->snaplen, 1, 262144))
		return "a snaplen is 1 to 262144 bytes";
	if (!number_add(request, "count", options->count, 1, INT64_MAX))
		return "a count is a number of frames, 1 or more";
	if ((!file || strcmp(file, "-") == 0) && isatty(STDOUT_FILENO))
		return "a capture is for a file, -w FILE, or a pipe: "
		       "vifctl capture VIF | tcpdump -r -";
	if ((!file || strcmp(file, "-") == 0) && call->json)
		return "--json goes with -w FILE, which leaves standard output to it";
	return NULL;
}

/* Only its owner may read the file: it has guests' data. -1: said why not. */
static int output_open(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		fprintf(stderr, "vifctl: %s: %s\n", name, strerror(errno));
	return fd;
}

static int copy_write(const struct copy *copy, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(copy->to, copy->data + done, size - done);

		if (n < 0 && errno != EINTR) {
			fprintf(stderr, "vifctl: %s: %s; the capture has ended\n", copy->name,
				strerror(errno));
			return -1;
		}
		done += n > 0 ? n : 0;
	}
	return 0;
}

/* Bytes that came, 0 at the end; or -1: said why. */
static ssize_t copy_receive(struct copy *copy)
{
	for (;;) {
		ssize_t n = recv(copy->from, copy->data + copy->used, COPY_SIZE - copy->used, 0);

		if (n >= 0)
			return n;
		if (errno == EINTR || (errno == EAGAIN && !ended))
			continue;
		fprintf(stderr, "vifctl: the daemon %s\n",
			errno == EAGAIN ? "did not end the capture in time" : strerror(errno));
		return -1;
	}
}

/* Copies whole blocks until the end. 0, or -1: said why. */
static int copy_run(struct copy *copy)
{
	for (;;) {
		ssize_t n = copy_receive(copy);
		size_t whole;

		if (n <= 0)
			return (int)n;
		copy->used += n;
		whole = pcapng_count(&copy->tally, copy->data, copy->used);
		if (whole == (size_t)-1 || (whole == 0 && copy->used == COPY_SIZE)) {
			fprintf(stderr, "vifctl: what the daemon sends is no capture; is it of "
					"another version?\n");
			return -1;
		}
		if (copy_write(copy, whole) < 0)
			return -1;
		copy->used -= whole;
		memmove(copy->data, copy->data + whole, copy->used);
	}
}

/* What is said at the end: to *summary, or where that is in use to standard error. */
static int copy_tell(const struct copy *copy, const json_t *answer, json_t **summary)
{
	const char *vif = text_of(answer, "vif");
	const struct pcapng_tally *tally = &copy->tally;

	if (tally->statistics < (uint64_t)count_of(answer, "queues")) {
		fprintf(stderr,
			"vifctl: the daemon has ended, and so has the capture; it has %llu "
			"frames, and does not say how many it missed\n",
			(unsigned long long)tally->frames);
		return EXIT_FAILURE;
	}
	if (copy->to == STDOUT_FILENO)
		fprintf(stderr, "%s: %llu frames captured, %llu missed; %s\n", vif,
			(unsigned long long)tally->frames, (unsigned long long)tally->dropped,
			tally->comment);
	else
		*summary = json_pack("{si ss sI sI ss}", "schema", CLIENT_SCHEMA, "vif", vif,
				     "frames", (json_int_t)tally->frames, "missed",
				     (json_int_t)tally->dropped, "end", tally->comment);
	return EXIT_SUCCESS;
}

/* Copies what comes to the file, and closes it. The exit status. */
static int capture_copy(const struct call *call, int fd, const json_t *answer, json_t **summary)
{
	const char *name = call->capture.file ? call->capture.file : "-";
	bool standard = strcmp(name, "-") == 0;
	CLEANUP_FREE uint8_t *data = malloc(COPY_SIZE);
	struct copy copy = { .from = fd,
			     .name = standard ? "standard output" : name,
			     .data = data };
	int status = EXIT_FAILURE;

	if (!data) {
		fprintf(stderr, "vifctl: no memory\n");
		return EXIT_FAILURE;
	}
	copy.to = standard ? STDOUT_FILENO : output_open(name);
	if (copy.to < 0)
		return EXIT_FAILURE;
	signals_take(fd, call->capture.seconds);
	if (copy_run(&copy) == 0)
		status = copy_tell(&copy, answer, summary);
	if (!standard && close(copy.to) < 0) {
		fprintf(stderr, "vifctl: %s: %s\n", name, strerror(errno));
		status = EXIT_FAILURE;
	}
	return status;
}

int capture_run(const struct call *call, json_t **summary)
{
	CLEANUP_CLOSE int fd = -1;
	json_t *request = json_object(), *answer;
	const char *wrong = request_fill(call, request);
	int status;

	if (wrong) {
		json_decref(request);
		return usage_error(wrong);
	}
	answer = client_open(&call->client, request, &fd);
	if (!answer)
		return EXIT_FAILURE;
	status = capture_copy(call, fd, answer, summary);
	json_decref(answer);
	return status;
}
