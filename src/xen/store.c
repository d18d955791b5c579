/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xenstore, over libxenstore. */
#include "xen/store.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <xenstore.h>

#include "base/cleanup.h"
#include "proto/keys.h"

/* A guest that writes its state without end is not to keep us at it. */
#define TRANSACT_TRIES 16

struct store {
	struct xs_handle *handle;
	int alive_fd; /* a connection of which nothing is asked; negative: there is none */
};

static struct xs_handle *handle_of(struct store *store)
{
	return store->handle;
}

static int store_errno(void)
{
	return errno ? -errno : -EIO;
}

/* xenstored's socket, for connect. 0; -ENOENT: there is none here; another -errno. */
static int socket_address(struct sockaddr_un *address)
{
	const char *path = xs_daemon_socket();
	struct stat about;

	if (!path || strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	if (stat(path, &about) < 0)
		return -errno;
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	return S_ISSOCK(about.st_mode) ? 0 : -ENOENT; /* XENSTORED_PATH may name a device */
}

/*
 * libxenstore's reader thread ends when xenstored does, and tells nobody. The
 * kernel does, on a connection of our own: its descriptor, or -errno as above.
 */
static int alive_connect(void)
{
	struct sockaddr_un address = { 0 };
	int error = socket_address(&address);
	int fd;

	if (error < 0)
		return error;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Whether xenstored has died since alive_connect. */
static bool alive_ended(int fd)
{
	struct pollfd poll_for = { .fd = fd }; /* a negative one is passed over */

	return poll(&poll_for, 1, 0) > 0;
}

/*
 * Where xs_open finds nobody at the socket it turns to /dev/xen/xenbus. In the domain that
 * xenstored died in, that device can be opened, and then a first read waits for ever.
 */
int store_open(struct store **result, bool has_socket)
{
	struct store *store = calloc(1, sizeof(*store));
	int error;

	if (!store)
		return -ENOMEM;
	store->alive_fd = error = alive_connect();
	if (error >= 0 || (error == -ENOENT && !has_socket)) {
		store->handle = xs_open(0);
		error = store->handle ? 0 : store_errno();
	}
	if (error == 0 && alive_ended(store->alive_fd))
		error = -ECONNREFUSED; /* meanwhile: nobody knows what xs_open has found */
	if (error < 0) {
		store_close(store);
		return error;
	}
	*result = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->alive_fd >= 0)
		close(store->alive_fd);
	if (store->handle)
		xs_close(store->handle);
	free(store);
}

int store_fd(struct store *store)
{
	return xs_fileno(handle_of(store));
}

int store_alive_fd(struct store *store)
{
	return store->alive_fd;
}

int store_own_domid(struct store *store, uint16_t *domid)
{
	uint32_t value;
	int error = store_read_u32(store, STORE_NO_TRANSACTION, "domid", UINT16_MAX, &value);

	if (error == 0)
		*domid = value;
	return error;
}

uint32_t store_begin(struct store *store)
{
	return xs_transaction_start(handle_of(store));
}

int store_commit(struct store *store, uint32_t transaction)
{
	return xs_transaction_end(handle_of(store), transaction, false) ? 0 : store_errno();
}

void store_abort(struct store *store, uint32_t transaction)
{
	xs_transaction_end(handle_of(store), transaction, true);
}

int store_transact(struct store *store, store_change change, void *ctx)
{
	int error = -EAGAIN;

	for (int i = 0; i < TRANSACT_TRIES && error == -EAGAIN; i++) {
		uint32_t transaction = store_begin(store);

		if (!transaction)
			return store_errno();
		error = change(ctx, transaction);
		if (error < 0)
			store_abort(store, transaction);
		else
			error = store_commit(store, transaction);
	}
	return error;
}

int store_read(struct store *store, uint32_t transaction, const char *path, char *buf, size_t size)
{
	unsigned len;
	CLEANUP_FREE char *value = xs_read(handle_of(store), transaction, path, &len);

	if (!value)
		return store_errno();
	if (len >= size || memchr(value, '\0', len))
		return -E2BIG;
	memcpy(buf, value, len);
	buf[len] = '\0';
	return len;
}

int store_read_u32(struct store *store, uint32_t transaction, const char *path, uint32_t max,
		   uint32_t *value)
{
	char text[KEYS_VALUE_SIZE];
	int len = store_read(store, transaction, path, text, sizeof(text));

	if (len == -E2BIG)
		return -EINVAL;
	return len < 0 ? len : keys_parse_u32(text, max, value);
}

int store_write(struct store *store, uint32_t transaction, const char *path, const char *value)
{
	return xs_write(handle_of(store), transaction, path, value, strlen(value)) ? 0
										   : store_errno();
}

int store_remove(struct store *store, uint32_t transaction, const char *path)
{
	return xs_rm(handle_of(store), transaction, path) ? 0 : store_errno();
}

int store_list(struct store *store, const char *path, char ***names, unsigned *count)
{
	*names = xs_directory(handle_of(store), XBT_NULL, path, count);
	return *names ? 0 : store_errno();
}

int store_watch(struct store *store, const char *path, const char *token)
{
	return xs_watch(handle_of(store), path, token) ? 0 : store_errno();
}

void store_unwatch(struct store *store, const char *path, const char *token)
{
	xs_unwatch(handle_of(store), path, token);
}

static void event_copy(char *to, size_t size, const char *from)
{
	strncpy(to, from, size - 1);
	to[size - 1] = '\0';
}

int store_next_event(struct store *store, struct store_event *event)
{
	CLEANUP_FREE char **strings = xs_check_watch(handle_of(store));

	if (!strings)
		return -EAGAIN;
	event_copy(event->path, sizeof(event->path), strings[XS_WATCH_PATH]);
	event_copy(event->token, sizeof(event->token), strings[XS_WATCH_TOKEN]);
	return 0;
}
