/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request to the daemon's control socket. */
#include "vifctl/client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define CLIENT_AGAIN_MS 100

static const char *connect_hint(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return "; is xenvifd running? (systemctl status xenvifd)";
	case EACCES:
	case EPERM:
		return "; try again as root";
	default:
		return "";
	}
}

/* A descriptor; or -1, with why unless `quiet`: nobody may be listening yet. */
static int client_connect(const struct client *client, bool quiet)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = client->timeout };
	const char *path = client->path;
	int fd;

	timeout.tv_usec = (client->timeout - timeout.tv_sec) * 1000000;

	if (strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "vifctl: %s: longer than a socket's path may be\n", path);
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		perror("vifctl: socket");
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (!quiet)
		fprintf(stderr, "vifctl: %s: %s%s\n", path, strerror(errno), connect_hint(errno));
	close(fd);
	return -1;
}

struct answer_reader {
	int fd;
	size_t step; /* bytes that are read at a time, at most */
	int error;   /* errno of what went wrong, or 0 */
};

static size_t answer_read(void *buffer, size_t size, void *data)
{
	struct answer_reader *reader = data;
	ssize_t n = recv(reader->fd, buffer, size < reader->step ? size : reader->step, 0);

	if (n < 0)
		reader->error = errno;
	return n < 0 ? (size_t)-1 : (size_t)n;
}

/* Reads `step` bytes at a time; 1: and none that is not the answer's. `quiet`: as below. */
static json_t *answer_receive(int fd, size_t step, bool quiet)
{
	struct answer_reader reader = { .fd = fd, .step = step };
	json_error_t error;
	json_t *answer = json_load_callback(answer_read, &reader, JSON_DISABLE_EOF_CHECK, &error);

	if (answer || quiet)
		return answer;
	if (reader.error == EAGAIN)
		fprintf(stderr, "vifctl: the daemon did not answer in time; is it just starting? "
				"(-t SECONDS waits longer)\n");
	else
		fprintf(stderr, "vifctl: no whole answer from the daemon: %s\n",
			reader.error ? strerror(reader.error) : error.text);
	return NULL;
}

static json_t *answer_check(json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "error"));

	if (json_integer_value(json_object_get(answer, "schema")) != CLIENT_SCHEMA)
		fprintf(stderr, "vifctl: the daemon is of another version; upgrade both\n");
	else if (text)
		fprintf(stderr, "vifctl: %s\n", text);
	else
		return answer;
	json_decref(answer);
	return NULL;
}

/* Connects and sends the request. The connection; or -1, and unless `quiet` it was said why. */
static int request_send(const struct client *client, const json_t *request, bool quiet)
{
	CLEANUP_FREE char *text = json_dumps(request, JSON_COMPACT);
	CLEANUP_FREE char *line = NULL;
	int fd, len = text ? asprintf(&line, "%s\n", text) : -1;

	if (len < 0) {
		line = NULL;
		fprintf(stderr, "vifctl: no memory\n");
		return -1;
	}
	fd = client_connect(client, quiet);
	if (fd < 0 || send(fd, line, len, MSG_NOSIGNAL) == len)
		return fd;
	if (!quiet)
		perror("vifctl: can't send the request");
	close(fd);
	return -1;
}

/* The answer, as it came; NULL: there was none, and unless `quiet` it was said why. */
static json_t *ask_once(const struct client *client, const json_t *request, bool quiet)
{
	CLEANUP_CLOSE int fd = request_send(client, request, quiet);

	return fd < 0 ? NULL : answer_receive(fd, SIZE_MAX, quiet);
}

json_t *client_ask(const struct client *client, json_t *request)
{
	json_t *answer = ask_once(client, request, false);

	json_decref(request);
	return answer ? answer_check(answer) : NULL;
}

json_t *client_insist(const struct client *client, json_t *request)
{
	static const struct timespec pause = { .tv_nsec = CLIENT_AGAIN_MS * CLOCK_MS_IN_NS };
	uint64_t end = clock_now_ns() + (uint64_t)(client->timeout * 1e9);
	json_t *answer;

	while (!(answer = ask_once(client, request, true)) && clock_now_ns() < end)
		nanosleep(&pause, NULL);
	if (!answer)
		return client_ask(client, request); /* once more, and it says why not */
	json_decref(request);
	return answer_check(answer);
}

json_t *client_open(const struct client *client, json_t *request, int *result)
{
	int fd = request_send(client, request, false);
	json_t *answer = fd < 0 ? NULL : answer_receive(fd, 1, false);
	char newline;

	json_decref(request);
	if (answer)
		answer = answer_check(answer);
	if (answer && recv(fd, &newline, 1, 0) == 1) {
		*result = fd;
		return answer;
	}
	if (answer)
		fprintf(stderr, "vifctl: no whole answer from the daemon\n");
	json_decref(answer);
	if (fd >= 0)
		close(fd);
	return NULL;
}
