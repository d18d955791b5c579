/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The feature keys of a backend directory. */
#include "control/advertise.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"

static const struct {
	const char *key;
	const char *value;
} features[] = {
	{ "feature-rx-copy", "1" },
	{ "feature-rx-flip", "0" },
	{ "feature-sg", "1" },
	{ "feature-gso-tcpv4", "1" },
	{ "feature-gso-tcpv6", "1" },
	{ "feature-ipv6-csum-offload", "1" },
	{ "feature-split-event-channels", "1" },
};

/* xen-netback's. */
static const char *const others[] = {
	"feature-ctrl-ring",
	"feature-multicast-control",
	"feature-dynamic-multicast-control",
	"feature-xdp-headroom",
};

static int key_write(struct store *store, uint32_t transaction, const char *directory,
		     const char *key, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, key);
	return store_write(store, transaction, path, value);
}

int advertise_write(struct store *store, uint32_t transaction, const char *path,
		    unsigned max_queues)
{
	char queues[12];

	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		int error = key_write(store, transaction, path, features[i].key, features[i].value);

		if (error < 0)
			return error;
	}
	snprintf(queues, sizeof(queues), "%u", max_queues);
	return key_write(store, transaction, path, "multi-queue-max-queues", queues);
}

int advertise_withdraw(struct store *store, uint32_t transaction, const char *path)
{
	char key[128], value[16];

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		int error;

		snprintf(key, sizeof(key), "%s/%s", path, others[i]);
		if (store_read(store, transaction, key, value, sizeof(value)) == -ENOENT)
			continue;
		error = store_remove(store, transaction, key);
		if (error < 0)
			return error;
	}
	return 0;
}
