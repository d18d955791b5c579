/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xenstore, over libxenstore. */
#include "xen/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <xenstore.h>

#include "base/cleanup.h"
#include "proto/keys.h"

/* A guest that writes its state without end is not to keep us at it. */
#define TRANSACT_TRIES 16

struct store {
	struct xs_handle *handle;
	int alive_fd; /* a connection of which nothing is asked */
};

static struct xs_handle *handle_of(struct store *store)
{
	return store->handle;
}

static int store_errno(void)
{
	return errno ? -errno : -EIO;
}

/*
 * libxenstore's reader thread ends when xenstored does, and tells nobody. The
 * kernel does, on a connection of our own.
 */
static int alive_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = xs_daemon_socket();
	int fd;

	if (!path || strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int store_open(struct store **result)
{
	struct store *store = calloc(1, sizeof(*store));
	int error;

	if (!store)
		return -ENOMEM;
	store->handle = xs_open(0);
	if (!store->handle) {
		error = store_errno();
		free(store);
		return error;
	}
	store->alive_fd = alive_connect();
	*result = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->alive_fd >= 0)
		close(store->alive_fd);
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
