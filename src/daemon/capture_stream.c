/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Captures and the clients that read them.
 *
 * Workers make no system call to say that there are frames, so a timer looks
 * for them, each few milliseconds. What is found becomes blocks in `out`, and
 * only when the client has taken those are more made: so what a slow client
 * holds up are the queues' buffers, and what these have no room for is lost to
 * the capture alone.
 *
 * An end takes two steps: the workers are told to let go, and once all of them
 * have, which the timer finds too, the rest is sent and the statistics with it.
 */
#include "daemon/capture_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "control/vif.h"
#include "daemon/capture_block.h"

#define CAPTURE_LOOK_NS	 5000000
#define CAPTURE_OUT_SIZE (4u * CAPTURE_BLOCK_MAX)
/* Fillings of `out` in one go, so that other clients get their turn. */
#define CAPTURE_ROUNDS 16

#define END_ASKED  "it was told to end"
#define END_COUNT  "it has as many frames as were asked for"
#define END_QUEUE  "the queues of the vif have ended"
#define END_DAEMON "xenvifd has ended"
#define END_CLIENT "the client is gone"

struct capture_stream {
	struct loop_source client; /* fd -1: there is none (yet, or any more) */
	struct loop_source timer;
	struct loop *loop;
	struct cds_list_head in_all;
	struct capture *capture;
	char vif[IFNAMSIZ];
	uint64_t begin;	   /* ns since 1970 */
	uint64_t left;	   /* frames until it ends */
	const char *end;   /* why it ends; NULL: it goes on */
	bool told;	   /* the statistics are in `out`, or sent */
	uint32_t interest; /* EPOLL*, in the client */
	uint32_t snaplen;
	size_t used, sent; /* of `out` */
	uint8_t out[CAPTURE_OUT_SIZE];
};

static CDS_LIST_HEAD(streams); /* struct capture_stream.in_all. Owner: control */
static unsigned n_streams;

static uint64_t wall_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void client_close(struct capture_stream *stream)
{
	if (stream->client.fd < 0)
		return;
	loop_remove(stream->loop, &stream->client);
	close(stream->client.fd);
	stream->client.fd = -1;
}

/* When no worker has a part in it any more. */
static void stream_free(struct capture_stream *stream)
{
	client_close(stream);
	loop_remove(stream->loop, &stream->timer);
	close(stream->timer.fd);
	capture_destroy(stream->capture);
	cds_list_del(&stream->in_all);
	n_streams--;
	free(stream);
}

static void stream_finish(struct capture_stream *stream, const char *why)
{
	if (stream->end)
		return;
	stream->end = why;
	capture_stop(stream->capture);
	log_info("%s: capture ends: %s", stream->vif, why);
}

void capture_stream_give_up(struct capture_stream *stream)
{
	client_close(stream);
	stream_finish(stream, END_CLIENT);
}

/* Makes blocks of what the queues have, as many as there is room for. */
static void out_fill(struct capture_stream *stream)
{
	const struct capture_record *record;
	unsigned place;

	while (stream->left > 0 && sizeof(stream->out) - stream->used >= CAPTURE_BLOCK_MAX) {
		record = capture_next(stream->capture, &place);
		if (!record)
			break;
		stream->used +=
			capture_block_write(stream->out + stream->used,
					    sizeof(stream->out) - stream->used, place, record);
		capture_done(stream->capture, place, record);
		stream->left--;
	}
}

/* The last blocks: the statistics of each queue. */
static void out_tell(struct capture_stream *stream)
{
	for (unsigned i = 0; i < capture_queues(stream->capture); i++) {
		struct capture_count count = capture_counts(stream->capture, i);
		const struct pcapng_statistics statistics = {
			.interface = i,
			.begin = stream->begin,
			.end = wall_clock_ns(),
			.delivered = count.delivered,
			.dropped = stream->left == 0 ? count.missed : count.dropped,
			.comment = stream->end,
		};

		stream->used +=
			pcapng_write_statistics(stream->out + stream->used,
						sizeof(stream->out) - stream->used, &statistics);
	}
	stream->told = true;
}

/* Sends what is in `out`. 0: all of it; -EAGAIN: the client takes no more; or -errno. */
static int out_send(struct capture_stream *stream)
{
	ssize_t n;

	while (stream->sent < stream->used) {
		n = send(stream->client.fd, stream->out + stream->sent, stream->used - stream->sent,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EINTR)
			return -errno;
		stream->sent += n > 0 ? n : 0;
	}
	stream->used = stream->sent = 0;
	return 0;
}

/* What is wanted of the client: to say that it has enough, and to take what there is. */
static void client_watch(struct capture_stream *stream)
{
	uint32_t interest =
		(stream->end ? 0 : EPOLLIN) | (stream->sent < stream->used ? EPOLLOUT : 0);

	if (interest == stream->interest)
		return;
	loop_modify(stream->loop, &stream->client, interest);
	stream->interest = interest;
}

/* Sends on for a while. Whether the client takes more, or there is no more; else it is gone. */
static bool stream_send(struct capture_stream *stream, bool over)
{
	for (unsigned i = 0; i < CAPTURE_ROUNDS; i++) {
		int error = out_send(stream);

		if (error == -EAGAIN)
			return true;
		if (error < 0)
			return false;
		out_fill(stream);
		if (stream->used == 0 && over && !stream->told)
			out_tell(stream);
		if (stream->used == 0)
			return true;
	}
	return true;
}

/* Goes on as far as can be without waiting. False: it has come to its end, and is freed. */
static bool stream_step(struct capture_stream *stream)
{
	bool over = capture_is_over(stream->capture); /* before what is left is looked for */

	if (over)
		stream_finish(stream, END_QUEUE);
	if (stream->client.fd >= 0 && !stream_send(stream, over))
		capture_stream_give_up(stream);
	if (stream->left == 0)
		stream_finish(stream, END_COUNT);
	if (over && (stream->client.fd < 0 || (stream->told && stream->used == 0))) {
		stream_free(stream);
		return false;
	}
	if (stream->client.fd >= 0)
		client_watch(stream);
	return true;
}

static void timer_ready(struct loop_source *source, uint32_t events)
{
	struct capture_stream *stream =
		(struct capture_stream *)((char *)source - offsetof(struct capture_stream, timer));
	uint64_t times;

	if (read(source->fd, &times, sizeof(times)) < 0)
		return;
	stream_step(stream);
}

static void client_ready(struct loop_source *source, uint32_t events)
{
	struct capture_stream *stream = (struct capture_stream *)source;
	char ignored[256];
	ssize_t n = 1;

	if (events & EPOLLIN)
		n = recv(source->fd, ignored, sizeof(ignored), MSG_DONTWAIT);
	if (events & (EPOLLHUP | EPOLLERR))
		capture_stream_give_up(stream);
	else if (n == 0)
		stream_finish(stream, END_ASKED);
	stream_step(stream);
}

static int timer_open(struct capture_stream *stream)
{
	const struct itimerspec times = { .it_interval = { .tv_nsec = CAPTURE_LOOK_NS },
					  .it_value = { .tv_nsec = CAPTURE_LOOK_NS } };
	int error = 0;

	stream->timer.ready = timer_ready;
	stream->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (stream->timer.fd < 0)
		return -errno;
	if (timerfd_settime(stream->timer.fd, 0, &times, NULL) < 0)
		error = -errno;
	if (error == 0)
		error = loop_add(stream->loop, &stream->timer, EPOLLIN);
	if (error < 0)
		close(stream->timer.fd);
	return error;
}

static int stream_open(struct capture_stream *stream, const struct vif *vif,
		       const struct capture_asked *asked)
{
	int error = timer_open(stream);

	if (error < 0)
		return error;
	error = capture_create(&stream->capture, vif, &asked->wish);
	if (error == 0)
		return 0;
	loop_remove(stream->loop, &stream->timer);
	close(stream->timer.fd);
	return error;
}

int capture_stream_create(struct capture_stream **result, const struct vif *vif,
			  const struct capture_asked *asked)
{
	struct capture_stream *stream;
	int error;

	if (n_streams == CAPTURE_STREAMS_MAX)
		return -EUSERS;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	stream->client.fd = -1;
	stream->loop = vif->control->loop;
	stream->left = asked->count;
	stream->begin = wall_clock_ns();
	stream->snaplen = asked->wish.snaplen;
	snprintf(stream->vif, sizeof(stream->vif), "%s", vif->name);
	error = stream_open(stream, vif, asked);
	if (error < 0) {
		free(stream);
		return error;
	}
	cds_list_add_tail(&stream->in_all, &streams);
	n_streams++;
	*result = stream;
	return 0;
}

unsigned capture_stream_queues(const struct capture_stream *stream)
{
	return capture_queues(stream->capture);
}

/* The first blocks: the section, and an interface for each queue. */
static void out_begin(struct capture_stream *stream)
{
	char name[VIF_QUEUE_NAME_SIZE];

	stream->used +=
		pcapng_write_section(stream->out + stream->used, sizeof(stream->out) - stream->used,
				     "xenvifd " XENVIFD_VERSION);
	for (unsigned i = 0; i < capture_queues(stream->capture); i++) {
		vif_queue_name(name, sizeof(name), stream->vif,
			       capture_counts(stream->capture, i).queue);
		stream->used += pcapng_write_interface(stream->out + stream->used,
						       sizeof(stream->out) - stream->used, name,
						       stream->snaplen);
	}
}

void capture_stream_begin(struct capture_stream *stream, int fd, const char *answer, size_t size)
{
	stream->client = (struct loop_source){ .fd = fd, .ready = client_ready };
	if (size > CAPTURE_BLOCK_MAX || loop_add(stream->loop, &stream->client, 0) < 0) {
		capture_stream_give_up(stream);
		return;
	}
	memcpy(stream->out, answer, size);
	stream->used = size;
	out_begin(stream);
	stream_step(stream);
}

void capture_stream_close_all(void)
{
	struct capture_stream *stream, *next;

	cds_list_for_each_entry_safe(stream, next, &streams, in_all) {
		/* cppcheck-suppress uninitvar; set by the loop */
		stream_finish(stream, END_DAEMON);
		if (stream_step(stream))
			stream_free(stream);
	}
}
