/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a frontend wrote in xenstore -> a whole vif_config, or the reason why not.
 *
 * Three small readers (a value, a flag, a number) know what a value may look
 * like and write the reason when it doesn't; above them the keys are read in
 * the order in which they depend on each other: transfer mode, features, number
 * of queues, then each queue; last come the checks that need all of them
 * (no page and no channel is used twice). The first fault ends it.
 *
 * Rules: VIF.md, section 2.
 */
#include "proto/keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The longest key, "queue-63/event-channel-rx", and some. */
#define KEYS_NAME_SIZE 40

struct keys_reader {
	const struct keys_source *source;
	struct keys_error *error;
};

__attribute__((format(printf, 3, 4))) static int keys_fail(const struct keys_reader *reader,
							   int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reader->error->reason, sizeof(reader->error->reason), format, args);
	va_end(args);
	return status;
}

int keys_parse_u32(const char *text, uint32_t max, uint32_t *value)
{
	uint64_t number = 0;
	size_t n;

	for (n = 0; text[n] >= '0' && text[n] <= '9' && n < 10; n++)
		number = number * 10 + (uint64_t)(text[n] - '0');
	if (n == 0 || text[n] != '\0' || number > max)
		return -EINVAL;
	*value = (uint32_t)number;
	return 0;
}

/* A value is guest-written: what a terminal could choke on becomes '?'. */
static void keys_make_printable(char *value)
{
	for (; *value != '\0'; value++) {
		if (*value < ' ' || *value > '~' || *value == '"')
			*value = '?';
	}
}

static int keys_refuse(const struct keys_reader *reader, const char *key, char *value,
		       const char *allowed)
{
	keys_make_printable(value);
	return keys_fail(reader, -EINVAL, "%s is \"%s\", must be %s", key, value, allowed);
}

/* Returns 0 and the value, -ENOENT (without a reason) when absent, else -errno and the reason. */
static int keys_get(const struct keys_reader *reader, const char *key, const char *allowed,
		    char value[KEYS_VALUE_SIZE])
{
	int len = reader->source->get(reader->source->ctx, key, value, KEYS_VALUE_SIZE);

	if (len == -ENOENT)
		return -ENOENT;
	if (len == -E2BIG || len >= KEYS_VALUE_SIZE)
		return keys_fail(reader, -EINVAL,
				 "%s is longer than %d bytes or holds a NUL byte, must be %s", key,
				 KEYS_VALUE_SIZE - 1, allowed);
	if (len < 0)
		return keys_fail(reader, len, "%s could not be read: %s", key, strerror(-len));
	return 0;
}

static int keys_get_flag(const struct keys_reader *reader, const char *key, bool *flag)
{
	char value[KEYS_VALUE_SIZE];
	int ret = keys_get(reader, key, "0 or 1", value);

	*flag = false;
	if (ret == -ENOENT)
		return 0;
	if (ret)
		return ret;
	if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
		return keys_refuse(reader, key, value, "0 or 1");
	*flag = value[0] == '1';
	return 0;
}

/* -ENOENT, without a reason, when the key is absent. */
static int keys_get_number(const struct keys_reader *reader, const char *key, uint32_t min,
			   uint32_t max, uint32_t *number)
{
	char value[KEYS_VALUE_SIZE], allowed[48];
	int ret;

	snprintf(allowed, sizeof(allowed), "a decimal number from %u to %u", min, max);
	ret = keys_get(reader, key, allowed, value);
	if (ret)
		return ret;
	if (keys_parse_u32(value, max, number) || *number < min)
		return keys_refuse(reader, key, value, allowed);
	return 0;
}

static int keys_need_number(const struct keys_reader *reader, const char *key, uint32_t min,
			    uint32_t *number)
{
	int ret = keys_get_number(reader, key, min, UINT32_MAX, number);

	if (ret == -ENOENT)
		return keys_fail(reader, -EINVAL,
				 "%s is absent, must be a decimal number from %u to %u", key, min,
				 UINT32_MAX);
	return ret;
}

static int keys_read_transfer(const struct keys_reader *reader)
{
	bool rx_copy;
	int ret = keys_get_flag(reader, "request-rx-copy", &rx_copy);

	if (ret)
		return ret;
	if (!rx_copy)
		return keys_fail(reader, -EINVAL, "request-rx-copy is absent or 0, must be 1");
	return 0;
}

static int keys_read_features(const struct keys_reader *reader, struct vif_features *features)
{
	bool no_csum_ipv4 = false;
	const struct {
		const char *key;
		bool *flag;
	} flags[] = {
		{ "feature-sg", &features->sg },
		{ "feature-gso-tcpv4", &features->gso_tcpv4 },
		{ "feature-gso-tcpv6", &features->gso_tcpv6 },
		{ "feature-no-csum-offload", &no_csum_ipv4 },
		{ "feature-ipv6-csum-offload", &features->csum_ipv6 },
		{ "feature-rx-notify", &features->rx_notify },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		int ret = keys_get_flag(reader, flags[i].key, flags[i].flag);

		if (ret)
			return ret;
	}
	features->csum_ipv4 = !no_csum_ipv4;
	/* A frame above the MTU takes more than one slot (VIF-2.10). */
	features->gso_tcpv4 = features->gso_tcpv4 && features->sg;
	features->gso_tcpv6 = features->gso_tcpv6 && features->sg;
	return 0;
}

static int keys_read_n_queues(const struct keys_reader *reader, unsigned max_queues,
			      unsigned *n_queues)
{
	uint32_t number = 1;
	int ret = keys_get_number(reader, "multi-queue-num-queues", 1, max_queues, &number);

	if (ret && ret != -ENOENT)
		return ret;
	*n_queues = number;
	return 0;
}

/* One queue's keys lie flat, those of several under queue-N/. */
static const char *keys_name(char name[KEYS_NAME_SIZE], unsigned n_queues, unsigned queue,
			     const char *key)
{
	if (n_queues == 1)
		snprintf(name, KEYS_NAME_SIZE, "%s", key);
	else
		snprintf(name, KEYS_NAME_SIZE, "queue-%u/%s", queue, key);
	return name;
}

static int keys_read_rings(const struct keys_reader *reader, struct vif_config *config,
			   unsigned queue)
{
	char name[KEYS_NAME_SIZE];
	int ret = keys_need_number(reader, keys_name(name, config->n_queues, queue, "tx-ring-ref"),
				   0, &config->queue[queue].tx_ring_ref);

	if (ret)
		return ret;
	return keys_need_number(reader, keys_name(name, config->n_queues, queue, "rx-ring-ref"), 0,
				&config->queue[queue].rx_ring_ref);
}

static int keys_read_channels(const struct keys_reader *reader, struct vif_config *config,
			      unsigned queue)
{
	char tx[KEYS_NAME_SIZE], rx[KEYS_NAME_SIZE], both[KEYS_NAME_SIZE];
	struct vif_queue_config *q = &config->queue[queue];
	int ret_tx, ret_rx, ret;

	keys_name(tx, config->n_queues, queue, "event-channel-tx");
	keys_name(rx, config->n_queues, queue, "event-channel-rx");
	ret_tx = keys_get_number(reader, tx, 1, UINT32_MAX, &q->evtchn_tx);
	if (ret_tx && ret_tx != -ENOENT)
		return ret_tx;
	ret_rx = keys_get_number(reader, rx, 1, UINT32_MAX, &q->evtchn_rx);
	if (ret_rx && ret_rx != -ENOENT)
		return ret_rx;
	if (ret_tx != ret_rx)
		return keys_fail(reader, -EINVAL, "%s is absent, must be there together with %s",
				 ret_tx ? tx : rx, ret_tx ? rx : tx);
	if (queue == 0)
		config->features.split_evtchn = !ret_tx;
	if (!ret_tx)
		return 0;

	keys_name(both, config->n_queues, queue, "event-channel");
	ret = keys_need_number(reader, both, 1, &q->evtchn_tx);
	q->evtchn_rx = q->evtchn_tx;
	return ret;
}

static uint32_t keys_ring_ref(const struct vif_config *config, unsigned i)
{
	return i % 2 ? config->queue[i / 2].rx_ring_ref : config->queue[i / 2].tx_ring_ref;
}

static uint32_t keys_port(const struct vif_config *config, unsigned i)
{
	return i % 2 ? config->queue[i / 2].evtchn_rx : config->queue[i / 2].evtchn_tx;
}

/* No page is two rings. */
static int keys_check_rings(const struct keys_reader *reader, const struct vif_config *config)
{
	static const char *const keys[] = { "tx-ring-ref", "rx-ring-ref" };
	char a[KEYS_NAME_SIZE], b[KEYS_NAME_SIZE];

	for (unsigned i = 1; i < 2 * config->n_queues; i++) {
		for (unsigned k = 0; k < i; k++) {
			if (keys_ring_ref(config, i) != keys_ring_ref(config, k))
				continue;
			keys_name(a, config->n_queues, k / 2, keys[k % 2]);
			keys_name(b, config->n_queues, i / 2, keys[i % 2]);
			return keys_fail(
				reader, -EINVAL,
				"%s and %s are both \"%u\", must be a page of its own each", a, b,
				keys_ring_ref(config, i));
		}
	}
	return 0;
}

static const char *keys_port_key(const struct vif_config *config, unsigned i)
{
	const struct vif_queue_config *q = &config->queue[i / 2];

	if (q->evtchn_tx == q->evtchn_rx)
		return "event-channel";
	return i % 2 ? "event-channel-rx" : "event-channel-tx";
}

/* No channel serves two queues; within one it may serve both rings. */
static int keys_check_channels(const struct keys_reader *reader, const struct vif_config *config)
{
	char a[KEYS_NAME_SIZE], b[KEYS_NAME_SIZE];

	for (unsigned i = 2; i < 2 * config->n_queues; i++) {
		for (unsigned k = 0; k < i / 2 * 2; k++) {
			if (keys_port(config, i) != keys_port(config, k))
				continue;
			keys_name(a, config->n_queues, k / 2, keys_port_key(config, k));
			keys_name(b, config->n_queues, i / 2, keys_port_key(config, i));
			return keys_fail(
				reader, -EINVAL,
				"%s and %s are both \"%u\", must be a port of its own each", a, b,
				keys_port(config, i));
		}
	}
	return 0;
}

static int keys_read_all(const struct keys_reader *reader, unsigned max_queues,
			 struct vif_config *config)
{
	int ret = keys_read_transfer(reader);

	if (!ret)
		ret = keys_read_features(reader, &config->features);
	if (!ret)
		ret = keys_read_n_queues(reader, max_queues, &config->n_queues);
	for (unsigned i = 0; !ret && i < config->n_queues; i++) {
		ret = keys_read_rings(reader, config, i);
		if (!ret)
			ret = keys_read_channels(reader, config, i);
		if (ret)
			reader->error->queue = (int)i;
	}
	if (!ret)
		ret = keys_check_rings(reader, config);
	if (!ret)
		ret = keys_check_channels(reader, config);
	return ret;
}

int keys_parse(const struct keys_source *source, unsigned max_queues, struct vif_config *config,
	       struct keys_error *error)
{
	struct keys_reader reader = { .source = source, .error = error };
	int ret;

	if (max_queues > VIF_QUEUES_MAX)
		max_queues = VIF_QUEUES_MAX;
	memset(config, 0, sizeof(*config));
	error->reason[0] = '\0';
	error->queue = -1;
	ret = keys_read_all(&reader, max_queues, config);
	if (ret)
		memset(config, 0, sizeof(*config));
	return ret;
}
