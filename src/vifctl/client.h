/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request to the daemon's control socket. */
#ifndef XENVIFD_VIFCTL_CLIENT_H
#define XENVIFD_VIFCTL_CLIENT_H

#include <jansson.h>

#define CLIENT_SCHEMA	       1
#define CLIENT_TIMEOUT_SECONDS 20
#define CLIENT_DEFAULT_CONTROL "/run/xenvifd/control.sock"

/* Where the daemon is, and how long it may take. */
struct client {
	const char *path;
	double timeout; /* seconds, above 0 */
};

/*
 * Sends a request, whose reference it takes, and waits for the answer. A new
 * reference; or NULL, with what is wrong and what to do printed to standard
 * error: the daemon can't be asked, or refuses.
 */
json_t *client_ask(const struct client *client, json_t *request);

/*
 * The same, but asks again while there is no answer, for the whole timeout: a daemon may be on its
 * way back. For what may be asked twice.
 */
json_t *client_insist(const struct client *client, json_t *request);

/*
 * The same, where more than the answer comes: *fd is the connection, from which
 * nothing was read behind the answer's line, and which has the client's timeout.
 */
json_t *client_open(const struct client *client, json_t *request, int *fd);

#endif
