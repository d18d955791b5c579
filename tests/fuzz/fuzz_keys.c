/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes keys_parse: the input is a store, as lines "key=value" (the first line
 * of a key counts; a line without '=' is a key at which the store fails). The
 * model says what a frontend's keys mean from lists of strings, and both must
 * agree on verdict and configuration.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "proto/keys.h"

#define N_ENTRIES 512

struct entry {
	const char *key, *value;
	size_t key_len, value_len;
	bool fails;
};

static struct entry entries[N_ENTRIES];
static size_t n_entries;
static unsigned max_queues;

static void store_load(const char *text, size_t size)
{
	const char *end = text + size;

	n_entries = 0;
	while (text < end && n_entries < N_ENTRIES) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));
		const char *equals;

		if (!line_end)
			line_end = end;
		equals = memchr(text, '=', (size_t)(line_end - text));
		entries[n_entries++] = (struct entry){
			.key = text,
			.key_len = (size_t)((equals ? equals : line_end) - text),
			.value = equals ? equals + 1 : NULL,
			.value_len = equals ? (size_t)(line_end - equals - 1) : 0,
			.fails = !equals,
		};
		text = line_end + 1;
	}
}

static const struct entry *store_find(const char *key)
{
	for (size_t i = 0; i < n_entries; i++) {
		if (entries[i].key_len == strlen(key) &&
		    memcmp(entries[i].key, key, entries[i].key_len) == 0)
			return &entries[i];
	}
	return NULL;
}

static int store_get(void *ctx, const char *key, char *buf, size_t size)
{
	const struct entry *entry = store_find(key);

	if (!entry)
		return -ENOENT;
	if (entry->fails)
		return -EIO;
	if (entry->value_len >= size || memchr(entry->value, '\0', entry->value_len))
		return -E2BIG;
	memcpy(buf, entry->value, entry->value_len);
	buf[entry->value_len] = '\0';
	return (int)entry->value_len;
}

/* The model: 1 and the number, 0 when absent, -1 when the whole frontend is wrong. */
static int model_number(const char *key, double min, double max, uint32_t *number)
{
	const struct entry *entry = store_find(key);
	double value = 0;

	if (!entry)
		return 0;
	if (entry->fails || entry->value_len < 1 || entry->value_len > 10)
		return -1;
	for (size_t i = 0; i < entry->value_len; i++) {
		const char *digit = memchr("0123456789", entry->value[i], 10);

		if (!digit)
			return -1;
		value = 10 * value + (entry->value[i] - '0');
	}
	if (value < min || value > max)
		return -1;
	*number = (uint32_t)value;
	return 1;
}

/* 0 or 1, -1 when wrong. */
static int model_flag(const char *key)
{
	const struct entry *entry = store_find(key);

	if (!entry)
		return 0;
	if (entry->fails || entry->value_len != 1 || !memchr("01", entry->value[0], 2))
		return -1;
	return entry->value[0] == '1';
}

static bool model_features(struct vif_features *features)
{
	int sg = model_flag("feature-sg"), gso4 = model_flag("feature-gso-tcpv4"),
	    gso6 = model_flag("feature-gso-tcpv6"), no4 = model_flag("feature-no-csum-offload"),
	    csum6 = model_flag("feature-ipv6-csum-offload"), rx = model_flag("feature-rx-notify");

	if (sg < 0 || gso4 < 0 || gso6 < 0 || no4 < 0 || csum6 < 0 || rx < 0)
		return false;
	features->sg = sg;
	features->gso_tcpv4 = sg && gso4;
	features->gso_tcpv6 = sg && gso6;
	features->csum_ipv4 = !no4;
	features->csum_ipv6 = csum6;
	features->rx_notify = rx;
	return true;
}

static bool model_queue(struct vif_config *config, unsigned queue)
{
	struct vif_queue_config *q = &config->queue[queue];
	char prefix[24] = "", key[5][48];
	int tx, rx;

	if (config->n_queues > 1)
		snprintf(prefix, sizeof(prefix), "queue-%u/", queue);
	snprintf(key[0], sizeof(key[0]), "%stx-ring-ref", prefix);
	snprintf(key[1], sizeof(key[1]), "%srx-ring-ref", prefix);
	snprintf(key[2], sizeof(key[2]), "%sevent-channel-tx", prefix);
	snprintf(key[3], sizeof(key[3]), "%sevent-channel-rx", prefix);
	snprintf(key[4], sizeof(key[4]), "%sevent-channel", prefix);

	if (model_number(key[0], 0, UINT32_MAX, &q->tx_ring_ref) != 1 ||
	    model_number(key[1], 0, UINT32_MAX, &q->rx_ring_ref) != 1)
		return false;
	tx = model_number(key[2], 1, UINT32_MAX, &q->evtchn_tx);
	rx = model_number(key[3], 1, UINT32_MAX, &q->evtchn_rx);
	if (tx < 0 || rx < 0 || tx != rx)
		return false;
	if (queue == 0)
		config->features.split_evtchn = tx;
	if (tx)
		return true;
	if (model_number(key[4], 1, UINT32_MAX, &q->evtchn_tx) != 1)
		return false;
	q->evtchn_rx = q->evtchn_tx;
	return true;
}

static bool model_shares(const struct vif_queue_config *a, const struct vif_queue_config *b)
{
	return a->tx_ring_ref == b->tx_ring_ref || a->tx_ring_ref == b->rx_ring_ref ||
	       a->rx_ring_ref == b->tx_ring_ref || a->rx_ring_ref == b->rx_ring_ref ||
	       a->evtchn_tx == b->evtchn_tx || a->evtchn_tx == b->evtchn_rx ||
	       a->evtchn_rx == b->evtchn_tx || a->evtchn_rx == b->evtchn_rx;
}

static bool model_parse(struct vif_config *config)
{
	config->n_queues = 1;
	if (model_flag("request-rx-copy") != 1 || !model_features(&config->features) ||
	    model_number("multi-queue-num-queues", 1, max_queues, &config->n_queues) < 0)
		return false;
	for (unsigned i = 0; i < config->n_queues; i++) {
		if (!model_queue(config, i))
			return false;
	}
	for (unsigned i = 0; i < config->n_queues; i++) {
		if (config->queue[i].tx_ring_ref == config->queue[i].rx_ring_ref)
			return false;
		for (unsigned k = 0; k < i; k++) {
			if (model_shares(&config->queue[i], &config->queue[k]))
				return false;
		}
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct keys_source source = { .get = store_get };
	static struct vif_config config, expected, zero;
	struct keys_error error;
	bool right;
	int ret;

	if (size < 1 || size > FUZZ_INPUT_MAX)
		return 0;
	max_queues = 1 + bytes[0] % VIF_QUEUES_MAX;
	store_load((const char *)bytes + 1, size - 1);
	memset(&error, 0x5a, sizeof(error));
	memset(&config, 0x5a, sizeof(config));
	memset(&expected, 0, sizeof(expected));

	ret = keys_parse(&source, max_queues, &config, &error);
	right = model_parse(&expected);
	FUZZ_CHECK((ret == 0) == right);
	FUZZ_CHECK(memcmp(&config, right ? &expected : &zero, sizeof(config)) == 0);
	FUZZ_CHECK(memchr(error.reason, '\0', sizeof(error.reason)));
	FUZZ_CHECK((error.reason[0] == '\0') == right);
	for (const char *c = error.reason; *c; c++)
		FUZZ_CHECK(*c >= ' ' && *c <= '~');
	return 0;
}

size_t fuzz_seed(unsigned n, uint8_t *bytes)
{
	static const char *const seeds[] = {
		"\x07"
		"multi-queue-num-queues=1\ntx-ring-ref=1032\nrx-ring-ref=1033\n"
		"event-channel-tx=15\nevent-channel-rx=16\nrequest-rx-copy=1\nfeature-rx-notify=1\n"
		"feature-sg=1\nfeature-gso-tcpv4=1\nfeature-gso-tcpv6=1\nfeature-ipv6-csum-offload="
		"1\n",
		"\x01"
		"multi-queue-num-queues=2\nqueue-0/tx-ring-ref=1032\nqueue-0/rx-ring-ref=1033\n"
		"queue-0/event-channel-tx=15\nqueue-0/event-channel-rx=16\nqueue-1/"
		"tx-ring-ref=1034\n"
		"queue-1/rx-ring-ref=1035\nqueue-1/event-channel-tx=17\nqueue-1/"
		"event-channel-rx=18\n"
		"request-rx-copy=1\nfeature-sg=1\nfeature-gso-tcpv4=1\n",
		"\x03"
		"multi-queue-num-queues=3\nqueue-0/tx-ring-ref=1\nqueue-0/rx-ring-ref=2\n"
		"queue-0/event-channel=15\nqueue-1/event-channel=16\nqueue-1/"
		"tx-ring-ref=4294967295\n"
		"queue-1/rx-ring-ref=3\nqueue-2/event-channel-tx=17\nqueue-2/event-channel-rx=17\n"
		"queue-2/tx-ring-ref=5\nqueue-2/rx-ring-ref=6\nrequest-rx-copy=1\n"
		"feature-no-csum-offload=1\n",
		"\x01"
		"tx-ring-ref=8\nrx-ring-ref=9\nevent-channel=3\nrequest-rx-copy=1\n",
		"\x01"
		"tx-ring-ref\nrx-ring-ref=9\nevent-channel=3\nrequest-rx-copy=1\nfeature-sg=2\n",
	};
	size_t len;

	if (n >= sizeof(seeds) / sizeof(seeds[0]))
		return 0;
	len = strlen(seeds[n]);
	memcpy(bytes, seeds[n], len);
	return len;
}
