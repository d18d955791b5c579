/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frontend's side of xenstore.
 *
 * The toolstack made the frontend's directory: `backend` says where the
 * backend's is, and the two watch each other's `state`. Before it goes to
 * Connected, the frontend writes all its keys in one transaction, in the form
 * that Linux's netfront uses: flat for one queue, queue-N/ from two. Keys that
 * must be absent are removed, since a former frontend may have left them.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "front.h"
#include "say.h"

/* Reads dir/key as text; of a dir "", this domain's own key. The value's length, or -errno. */
static int store_read(const struct front_store *store, const char *dir, const char *key,
		      char *value, size_t size)
{
	char path[256];
	unsigned len;
	char *data;

	if (snprintf(path, sizeof(path), "%s%s%s", dir, dir[0] ? "/" : "", key) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	data = xs_read(store->xs, XBT_NULL, path, &len);
	if (!data)
		return -errno;
	snprintf(value, size, "%s", data);
	free(data);
	return (int)strlen(value);
}

static unsigned store_read_number(const struct front_store *store, const char *dir, const char *key,
				  unsigned absent)
{
	char text[32];

	return store_read(store, dir, key, text, sizeof(text)) > 0 ? strtoul(text, NULL, 10)
								   : absent;
}

static bool store_read_flag(const struct front_store *store, const char *key)
{
	return store_read_number(store, store->backend, key, 0) == 1;
}

static int store_find_dir(struct front_store *store, int domid, const char *dir)
{
	char text[32];

	if (domid < 0) {
		if (store_read(store, "", "domid", text, sizeof(text)) <= 0) {
			say("this domain's id is not in xenstore; give it with --domid N");
			return -ENOENT;
		}
		domid = atoi(text);
	}
	store->domid = (unsigned)domid;
	if (dir)
		snprintf(store->dir, sizeof(store->dir), "%s", dir);
	else
		snprintf(store->dir, sizeof(store->dir), "/local/domain/%u/device/vif/%u",
			 store->domid, store->devid);
	return 0;
}

static int store_read_nodes(struct front_store *store)
{
	char text[64];
	uint8_t *mac = store->mac;

	if (store_read(store, store->dir, "backend", store->backend, sizeof(store->backend)) <= 0) {
		say("%s/backend: %s; the toolstack must have attached the vif first", store->dir,
		    strerror(errno));
		return -ENOENT;
	}
	store->backend_id = store_read_number(store, store->dir, "backend-id", 0);
	store->mtu = store_read_number(store, store->dir, "mtu", 1500);
	if (store_read(store, store->dir, "mac", text, sizeof(text)) <= 0 ||
	    sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6) {
		say("%s/mac holds no MAC address; the toolstack must write it", store->dir);
		return -EINVAL;
	}
	return 0;
}

static int store_watch(struct front_store *store)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/state", store->backend);
	if (!xs_watch(store->xs, path, "backend"))
		return -errno;
	return xs_watch(store->xs, store->dir, "frontend") ? 0 : -errno;
}

int front_store_open(struct front_store *store, int domid, unsigned devid, const char *dir)
{
	int rc;

	store->devid = devid;
	store->xs = xs_open(0);
	if (!store->xs) {
		rc = -errno;
		say("xenstore can't be reached: %s; is xenstored running, is XENSTORED_PATH right?",
		    strerror(errno));
		return rc;
	}
	rc = store_find_dir(store, domid, dir);
	if (!rc)
		rc = store_read_nodes(store);
	if (!rc)
		rc = store_watch(store);
	if (rc)
		front_store_close(store);
	return rc;
}

void front_store_close(struct front_store *store)
{
	if (store->xs)
		xs_close(store->xs);
	store->xs = NULL;
}

int front_store_fd(const struct front_store *store)
{
	return xs_fileno(store->xs);
}

void front_store_drain(struct front_store *store)
{
	char **event;

	while ((event = xs_check_watch(store->xs)))
		free(event);
}

int front_store_own_state(const struct front_store *store)
{
	return (int)store_read_number(store, store->dir, "state", FRONT_UNKNOWN);
}

int front_store_backend_state(const struct front_store *store)
{
	return (int)store_read_number(store, store->backend, "state", FRONT_UNKNOWN);
}

int front_store_look(const struct front_store *store)
{
	char text[32];
	int rc = store_read(store, store->dir, "state", text, sizeof(text));

	if (rc >= 0)
		return 0;
	return rc == -ENOENT || rc == -EACCES ? -ENODEV : rc;
}

int front_store_set_state(struct front_store *store, enum front_state state)
{
	char path[256], text[8];
	int len = snprintf(text, sizeof(text), "%d", state);

	/* A device that the toolstack has removed must not come back to life by its state. */
	if (front_store_own_state(store) == FRONT_UNKNOWN)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/state", store->dir);
	return xs_write(store->xs, XBT_NULL, path, text, (unsigned)len) ? 0 : -errno;
}

static uint64_t store_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int front_store_wait(struct front_store *store, unsigned states, unsigned timeout_ms, int cancel_fd)
{
	uint64_t now, end = store_now_ms() + timeout_ms;
	struct pollfd fds[2] = {
		{ .fd = front_store_fd(store), .events = POLLIN },
		{ .fd = cancel_fd, .events = POLLIN },
	};

	for (;;) {
		int state;

		front_store_drain(store);
		state = front_store_backend_state(store);
		if (state < 32 && states & FRONT_STATES(state))
			return state;
		now = store_now_ms();
		if (now >= end)
			return -ETIMEDOUT;
		if (poll(fds, 2, (int)(end - now)) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			return -ECANCELED;
	}
}

int front_store_read_offers(struct front_store *store, struct front_offers *offers)
{
	unsigned queues = store_read_number(store, store->backend, "multi-queue-max-queues", 0);

	*offers = (struct front_offers){
		.max_queues = queues ? queues : 1,
		.multi_queue = queues > 0,
		.rx_copy = store_read_flag(store, "feature-rx-copy"),
		.sg = store_read_flag(store, "feature-sg"),
		.gso4 = store_read_flag(store, "feature-gso-tcpv4"),
		.gso6 = store_read_flag(store, "feature-gso-tcpv6"),
		.csum4 = !store_read_flag(store, "feature-no-csum-offload"),
		.csum6 = store_read_flag(store, "feature-ipv6-csum-offload"),
		.split = store_read_flag(store, "feature-split-event-channels"),
	};
	if (!offers->rx_copy) {
		say("the backend at %s does not offer feature-rx-copy; nothing else is possible",
		    store->backend);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* The keys of one connection: the first failure sticks, so that callers just write on. */
struct store_keys {
	const struct front_store *store;
	xs_transaction_t tx;
	int rc;
};

static void keys_write(struct store_keys *keys, const char *dir, const char *key, uint32_t value)
{
	char path[256], text[16];
	int len = snprintf(text, sizeof(text), "%" PRIu32, value);

	snprintf(path, sizeof(path), "%s/%s%s", keys->store->dir, dir, key);
	if (!keys->rc && !xs_write(keys->store->xs, keys->tx, path, text, (unsigned)len))
		keys->rc = -errno;
}

static void keys_remove(struct store_keys *keys, const char *dir, const char *key)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s%s", keys->store->dir, dir, key);
	if (!keys->rc && !xs_rm(keys->store->xs, keys->tx, path) && errno != ENOENT)
		keys->rc = -errno;
}

static void keys_write_flag(struct store_keys *keys, const char *key, bool set)
{
	if (set)
		keys_write(keys, "", key, 1);
	else
		keys_remove(keys, "", key);
}

static void keys_write_queue(struct store_keys *keys, const char *dir,
			     const struct front_queue *queue, bool split)
{
	keys_write(keys, dir, "tx-ring-ref", queue->tx.ring_ref);
	keys_write(keys, dir, "rx-ring-ref", queue->rx.ring_ref);
	if (split) {
		keys_write(keys, dir, "event-channel-tx", queue->tx_port);
		keys_write(keys, dir, "event-channel-rx", queue->rx_port);
		keys_remove(keys, dir, "event-channel");
	} else {
		keys_write(keys, dir, "event-channel", queue->tx_port);
		keys_remove(keys, dir, "event-channel-tx");
		keys_remove(keys, dir, "event-channel-rx");
	}
}

static void keys_write_all(struct store_keys *keys, const struct front *front)
{
	const struct front_wishes *wishes = &front->wishes;

	if (front->offers.multi_queue)
		keys_write(keys, "", "multi-queue-num-queues", front->n_queues);
	else
		keys_remove(keys, "", "multi-queue-num-queues");
	for (unsigned i = 0; i < front->n_queues; i++) {
		char dir[24] = "";

		if (front->n_queues > 1)
			snprintf(dir, sizeof(dir), "queue-%u/", i);
		keys_write_queue(keys, dir, front->queue[i], front->split);
	}
	keys_write_flag(keys, "request-rx-copy", true);
	keys_write_flag(keys, "feature-rx-notify", wishes->rx_notify);
	keys_write_flag(keys, "feature-sg", wishes->sg);
	keys_write_flag(keys, "feature-gso-tcpv4", wishes->gso4);
	keys_write_flag(keys, "feature-gso-tcpv6", wishes->gso6);
	keys_write_flag(keys, "feature-ipv6-csum-offload", wishes->csum6);
	keys_write_flag(keys, "feature-no-csum-offload", !wishes->csum4);
}

int front_store_write_keys(const struct front *front)
{
	for (;;) {
		struct store_keys keys = { .store = &front->store };

		keys.tx = xs_transaction_start(front->store.xs);
		if (keys.tx == XBT_NULL)
			return -errno;
		keys_write_all(&keys, front);
		if (xs_transaction_end(front->store.xs, keys.tx, keys.rc != 0))
			return keys.rc;
		if (errno != EAGAIN)
			return -errno;
	}
}

void front_store_read_error(const struct front_store *store, char *text, size_t size)
{
	char dir[256];
	const char *node = strstr(store->backend, "backend/");

	text[0] = '\0';
	if (store_read(store, store->backend, "error", text, size) > 0 || !node)
		return;
	snprintf(dir, sizeof(dir), "/local/domain/%u/error/%s", store->backend_id, node);
	store_read(store, dir, "error", text, size);
}

const char *front_state_name(int state)
{
	static const char *const names[] = { "Unknown",	    "Initialising",  "InitWait",
					     "Initialised", "Connected",     "Closing",
					     "Closed",	    "Reconfiguring", "Reconfigured" };

	return state >= 0 && state <= 8 ? names[state] : "Unknown";
}
