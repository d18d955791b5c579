/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture on its way to the client that asked for it: after the answer, the
 * connection carries a pcapng file one way, until the client shuts down its
 * side of it, as many frames were sent as it asked for, or the vif's queues
 * end; then come the statistics, and the end.
 *
 * A client that reads too slowly loses frames, which are counted; one that is
 * gone ends its capture. Neither is waited for. Control thread.
 */
#ifndef XENVIFD_DAEMON_CAPTURE_STREAM_H
#define XENVIFD_DAEMON_CAPTURE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "control/capture.h"
#include "control/vif.h"

/* The most of them at a time. */
#define CAPTURE_STREAMS_MAX 4

struct capture_stream;

struct capture_asked {
	struct capture_wish wish;
	uint64_t count; /* frames after which it ends, at least 1 */
};

/*
 * Begins to capture. Its client is to follow, or it is to be given up. 0, or
 * -errno: as capture_create, -EUSERS: there are as many as may be, or what a
 * timer may fail with.
 */
int capture_stream_create(struct capture_stream **stream, const struct vif *vif,
			  const struct capture_asked *asked);

/* Queues that are captured. */
unsigned capture_stream_queues(const struct capture_stream *stream);

/* Takes over the client's descriptor; the answer, a line, is the first to be sent. */
void capture_stream_begin(struct capture_stream *stream, int fd, const char *answer, size_t size);

/* There is no client, or none any more. */
void capture_stream_give_up(struct capture_stream *stream);

/* Ends all of them, with what their clients take at once. After the workers have ended. */
void capture_stream_close_all(void);

#endif
