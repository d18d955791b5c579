/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xenstore, for the control thread.
 *
 * Paths without a leading slash are relative to the daemon's own domain, so
 * the same code serves dom0 and a driver domain; watch events for relative
 * watches come back relative.
 *
 * Values longer than the caller's buffer, or with a NUL byte inside, are
 * -E2BIG: no key that matters here is ever that long. When the connection to
 * xenstored is lost, every call fails with something else than -ENOENT, and
 * store_alive_fd hangs up.
 *
 * libxenstore starts a thread of its own at the first watch.
 */
#ifndef XENVIFD_XEN_STORE_H
#define XENVIFD_XEN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

#define STORE_PATH_SIZE	     256 /* longer ones are none of ours */
#define STORE_TOKEN_SIZE     64
#define STORE_NO_TRANSACTION 0u

/*
 * 0, or -errno. With a socket of xenstored's here, nobody else is asked: an error says that nobody
 * listens at it. Without one, the kernel is (/dev/xen/xenbus), as in a driver domain, unless
 * has_socket says that xenstored did have one here.
 */
int store_open(struct store **store, bool has_socket);
void store_close(struct store *store);

/* Readable while there may be watch events. */
int store_fd(struct store *store);

/*
 * Hangs up (EPOLLHUP) when xenstored dies, which store_fd does not tell; negative
 * where xenstored runs in another domain and can't be watched so.
 */
int store_alive_fd(struct store *store);

/* The domain that this daemon runs in: 0, or -errno. */
int store_own_domid(struct store *store, uint16_t *domid);

/* A transaction's id (never 0), or 0 and errno. */
uint32_t store_begin(struct store *store);
/* 0; -EAGAIN: somebody else wrote what was read or written, do it all again; another -errno. */
int store_commit(struct store *store, uint32_t transaction);
void store_abort(struct store *store, uint32_t transaction);

/*
 * Makes `change` in a transaction that is all or nothing, and makes it anew, at
 * most 16 times, when somebody else wrote what it read or wrote. Returns 0; the
 * -errno that change returned, of which nothing is written; -EAGAIN: somebody
 * wrote each time; or another -errno.
 */
typedef int (*store_change)(void *ctx, uint32_t transaction);
int store_transact(struct store *store, store_change change, void *ctx);

/* Copies a value and a NUL into buf. Its length; -ENOENT; -E2BIG; another -errno. */
int store_read(struct store *store, uint32_t transaction, const char *path, char *buf, size_t size);

/* A value as an unsigned decimal up to max. 0; -ENOENT; -EINVAL; another -errno. */
int store_read_u32(struct store *store, uint32_t transaction, const char *path, uint32_t max,
		   uint32_t *value);

/* 0, or -errno: -ENOENT when the parent isn't there and may not be made. */
int store_write(struct store *store, uint32_t transaction, const char *path, const char *value);

int store_remove(struct store *store, uint32_t transaction, const char *path);

/* The names in a directory: *names is one block for free(), of *count pointers. 0, or -errno. */
int store_list(struct store *store, const char *path, char ***names, unsigned *count);

/* 0, or -errno (-EEXIST: watched already). Fires once at once. */
int store_watch(struct store *store, const char *path, const char *token);
void store_unwatch(struct store *store, const char *path, const char *token);

struct store_event {
	char path[STORE_PATH_SIZE];
	char token[STORE_TOKEN_SIZE];
};

/* Takes one watch event, without waiting: 0, or -EAGAIN: none. */
int store_next_event(struct store *store, struct store_event *event);

#endif
