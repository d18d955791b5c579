/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket: clients, requests, answers. */
#include "daemon/ctl.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/capture_stream.h"
#include "daemon/ctl_verbs.h"

#define CTL_CLIENTS_MAX	 16
#define CTL_REQUEST_SIZE 4096
#define CTL_REST_SECONDS 1
#define CTL_GROUP	 "xenvifd"

struct ctl_client {
	struct loop_source source;
	struct ctl *ctl;
	uid_t uid;			 /* who asks */
	struct cds_list_head in_clients; /* oldest first */
	char request[CTL_REQUEST_SIZE];
	size_t received;
	char *answer; /* NULL while the request is not complete */
	size_t answer_size;
	size_t sent;
};

struct ctl {
	struct loop_source source;
	struct loop_source rest; /* a timer: nobody is accepted until it fires */
	bool rested;		 /* since a client was accepted */
	struct loop *loop;
	struct control *control;
	struct cds_list_head clients;
	unsigned n_clients;
	char path[108];
};

static void client_end(struct ctl_client *client)
{
	if (client->source.fd >= 0) {
		loop_remove(client->ctl->loop, &client->source);
		close(client->source.fd);
	}
	cds_list_del(&client->in_clients);
	client->ctl->n_clients--;
	free(client->answer);
	free(client);
}

/* A capture has the connection from now on; what is left of the client ends. */
static int client_hand_over(struct ctl_client *client, struct capture_stream *stream)
{
	int fd = client->source.fd;

	loop_remove(client->ctl->loop, &client->source);
	client->source.fd = -1;
	capture_stream_begin(stream, fd, client->answer, client->answer_size);
	return -EPIPE;
}

static int client_answer(struct ctl_client *client)
{
	struct capture_stream *stream;
	json_t *answer = ctl_answer(client->ctl->control, client->request, client->uid, &stream);
	char *text = json_dumps(answer, JSON_COMPACT);

	json_decref(answer);
	if (!text) {
		if (stream)
			capture_stream_give_up(stream);
		return -ENOMEM;
	}
	client->answer = text;
	client->answer_size = strlen(text);
	text[client->answer_size++] = '\n'; /* in the place of the NUL */
	if (stream)
		return client_hand_over(client, stream);
	return loop_modify(client->ctl->loop, &client->source, EPOLLOUT);
}

/* Whether nobody is there to hear an answer, so that what was asked is not wanted any more. One
 * that only says no more (a half-close) is there. */
static bool client_is_gone(const struct ctl_client *client)
{
	struct pollfd end = { .fd = client->source.fd };

	return poll(&end, 1, 0) == 1 && (end.revents & (POLLHUP | POLLERR));
}

/* 1: an answer is ready; 0: more to come; or -errno. */
static int client_receive(struct ctl_client *client)
{
	size_t room = sizeof(client->request) - 1 - client->received;
	ssize_t n = recv(client->source.fd, client->request + client->received, room, 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	client->received += n;
	client->request[client->received] = '\0';
	if (!memchr(client->request, '\n', client->received) &&
	    client->received < sizeof(client->request) - 1)
		return 0;
	return client_is_gone(client) || client_answer(client) < 0 ? -EPIPE : 1;
}

static int client_send(struct ctl_client *client)
{
	ssize_t n = send(client->source.fd, client->answer + client->sent,
			 client->answer_size - client->sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	client->sent += n;
	return client->sent == client->answer_size ? -EPIPE : 0; /* all is said */
}

static void client_ready(struct loop_source *source, uint32_t events)
{
	struct ctl_client *client = (struct ctl_client *)source;
	int result = client->answer ? 1 : client_receive(client);

	if (result > 0)
		result = client_send(client);
	if (result < 0)
		client_end(client);
}

/* Who is at the other end, by the kernel's word; somebody without rights if it doesn't say. */
static uid_t peer_uid(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? (uid_t)-1 : peer.uid;
}

/* Nobody can be accepted now (no descriptor is free, say), and who waits would wake us for ever. */
static void ctl_rest(struct ctl *ctl, int error)
{
	const struct itimerspec once = { .it_value.tv_sec = CTL_REST_SECONDS };

	if (!ctl->rested)
		log_warning("can't take one more client: %s; trying again each second",
			    strerror(error));
	ctl->rested = true;
	if (timerfd_settime(ctl->rest.fd, 0, &once, NULL) == 0)
		loop_modify(ctl->loop, &ctl->source, 0);
}

static void rest_over(struct loop_source *source, uint32_t events)
{
	struct ctl *ctl = (struct ctl *)((char *)source - offsetof(struct ctl, rest));
	uint64_t times;

	if (read(source->fd, &times, sizeof(times)) == sizeof(times))
		loop_modify(ctl->loop, &ctl->source, EPOLLIN);
}

static void ctl_accept(struct loop_source *source, uint32_t events)
{
	struct ctl *ctl = (struct ctl *)source;
	int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ctl_client *client;

	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			ctl_rest(ctl, errno);
		return;
	}
	ctl->rested = false;
	client = calloc(1, sizeof(*client));
	if (!client) {
		close(fd);
		return;
	}
	client->source = (struct loop_source){ .fd = fd, .ready = client_ready };
	client->ctl = ctl;
	client->uid = peer_uid(fd);
	if (ctl->n_clients == CTL_CLIENTS_MAX)
		client_end(cds_list_first_entry(&ctl->clients, struct ctl_client, in_clients));
	cds_list_add_tail(&client->in_clients, &ctl->clients);
	ctl->n_clients++;
	if (loop_add(ctl->loop, &client->source, EPOLLIN) < 0)
		client_end(client);
}

static void directory_make(const char *path)
{
	char copy[108];

	snprintf(copy, sizeof(copy), "%s", path);
	mkdir(dirname(copy), 0755); /* bind says what is wrong if this didn't help */
}

/* Members of the group may ask; without such a group, root's. What they may change: ctl_verbs.c. */
static void socket_give_to_group(const char *path)
{
	const struct group *group = getgrnam(CTL_GROUP);

	if (group && chown(path, (uid_t)-1, group->gr_gid) < 0)
		log_warning("%s: can't be given to group %s: %s; only root can use vifctl", path,
			    CTL_GROUP, strerror(errno));
}

static int rest_open(struct ctl *ctl)
{
	ctl->rest.ready = rest_over;
	ctl->rest.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return ctl->rest.fd < 0 ? -errno : loop_add(ctl->loop, &ctl->rest, EPOLLIN);
}

static int socket_bind(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int error;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	directory_make(path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return -EADDRINUSE;
	if (errno == ECONNREFUSED)
		unlink(path); /* nobody listens there any more */
	mask = umask(0117);
	error = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	if (error == 0)
		socket_give_to_group(path);
	if (error == 0 && listen(fd, CTL_CLIENTS_MAX) < 0)
		error = -errno;
	return error;
}

int ctl_open(struct ctl **result, struct loop *loop, struct control *control, const char *path)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int error;

	if (!ctl)
		return -ENOMEM;
	CDS_INIT_LIST_HEAD(&ctl->clients);
	ctl->loop = loop;
	ctl->control = control;
	ctl->rest.fd = -1;
	ctl->source.ready = ctl_accept;
	ctl->source.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	error = ctl->source.fd < 0 ? -errno : socket_bind(ctl->source.fd, path);
	if (error == 0) {
		snprintf(ctl->path, sizeof(ctl->path), "%s", path);
		error = loop_add(loop, &ctl->source, EPOLLIN);
	}
	if (error == 0)
		error = rest_open(ctl);
	if (error < 0) {
		log_error("can't listen at %s: %s", path,
			  error == -EADDRINUSE ? "another xenvifd answers there"
					       : strerror(-error));
		ctl_close(ctl);
		return error;
	}
	*result = ctl;
	return 0;
}

void ctl_close(struct ctl *ctl)
{
	if (!ctl)
		return;
	capture_stream_close_all();
	while (!cds_list_empty(&ctl->clients))
		client_end(cds_list_first_entry(&ctl->clients, struct ctl_client, in_clients));
	if (ctl->path[0])
		unlink(ctl->path);
	if (ctl->source.fd >= 0)
		close(ctl->source.fd);
	if (ctl->rest.fd >= 0)
		close(ctl->rest.fd);
	free(ctl);
}
