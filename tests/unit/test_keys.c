/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frontend's keys: what each may hold, what follows from it, and the reason
 * when it is wrong (VIF.md, section 2).
 *
 * A store is a table of overrides over a table of a frontend that is right;
 * each case changes what it is about and nothing else.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/keys.h"

#define ABSENT	NULL
#define FAILING "\x01"

struct entry {
	const char *key;
	const char *value; /* ABSENT, or FAILING: the store fails with -EIO */
};

struct store {
	const struct entry *base;
	const struct entry *changes;
	unsigned gets;
};

/* What Linux 6.1's netfront writes with one queue. */
static const struct entry linux_one_queue[] = {
	{ "multi-queue-num-queues", "1" },
	{ "tx-ring-ref", "1032" },
	{ "rx-ring-ref", "1033" },
	{ "event-channel-tx", "15" },
	{ "event-channel-rx", "16" },
	{ "request-rx-copy", "1" },
	{ "feature-rx-notify", "1" },
	{ "feature-sg", "1" },
	{ "feature-gso-tcpv4", "1" },
	{ "feature-gso-tcpv6", "1" },
	{ "feature-ipv6-csum-offload", "1" },
	{ NULL, NULL },
};

/* The same with two. */
static const struct entry linux_two_queues[] = {
	{ "multi-queue-num-queues", "2" },    { "queue-0/tx-ring-ref", "1032" },
	{ "queue-0/rx-ring-ref", "1033" },    { "queue-0/event-channel-tx", "15" },
	{ "queue-0/event-channel-rx", "16" }, { "queue-1/tx-ring-ref", "1034" },
	{ "queue-1/rx-ring-ref", "1035" },    { "queue-1/event-channel-tx", "17" },
	{ "queue-1/event-channel-rx", "18" }, { "request-rx-copy", "1" },
	{ "feature-rx-notify", "1" },	      { "feature-sg", "1" },
	{ "feature-gso-tcpv4", "1" },	      { "feature-gso-tcpv6", "1" },
	{ "feature-ipv6-csum-offload", "1" }, { NULL, NULL },
};

/* The least that a frontend can write: Mini-OS. */
static const struct entry mini_os[] = {
	{ "tx-ring-ref", "8" },	    { "rx-ring-ref", "9" }, { "event-channel", "3" },
	{ "request-rx-copy", "1" }, { NULL, NULL },
};

static const struct entry *store_find(const struct entry *table, const char *key)
{
	for (; table && table->key; table++) {
		if (strcmp(table->key, key) == 0)
			return table;
	}
	return NULL;
}

static int store_get(void *ctx, const char *key, char *buf, size_t size)
{
	struct store *store = ctx;
	const struct entry *entry = store_find(store->changes, key);

	store->gets++;
	if (!entry)
		entry = store_find(store->base, key);
	if (!entry || entry->value == ABSENT)
		return -ENOENT;
	if (strcmp(entry->value, FAILING) == 0)
		return -EIO;
	if (strlen(entry->value) >= size)
		return -E2BIG;
	strcpy(buf, entry->value);
	return (int)strlen(buf);
}

static int parse(const struct entry *base, const struct entry *changes, unsigned max_queues,
		 struct vif_config *config, struct keys_error *error)
{
	struct store store = { .base = base, .changes = changes };
	const struct keys_source source = { .get = store_get, .ctx = &store };

	memset(config, 0x5a, sizeof(*config));
	memset(error, 0x5a, sizeof(*error));
	return keys_parse(&source, max_queues, config, error);
}

static void assert_refused(const struct entry *base, const struct entry *changes, int status,
			   const char *reason)
{
	static const struct vif_config zero;
	struct vif_config config;
	struct keys_error error;

	assert_int_equal(parse(base, changes, 8, &config, &error), status);
	assert_memory_equal(&config, &zero, sizeof(zero));
	assert_non_null(memchr(error.reason, '\0', sizeof(error.reason)));
	if (!strstr(error.reason, reason))
		fail_msg("reason is \"%s\", should have \"%s\"", error.reason, reason);
	for (const char *c = error.reason; *c; c++)
		assert_in_range(*c, ' ', '~');
}

static void linux_with_one_queue_is_read_whole(void **state)
{
	struct vif_config config;
	struct keys_error error;

	assert_int_equal(parse(linux_one_queue, NULL, 8, &config, &error), 0);
	assert_string_equal(error.reason, "");
	assert_int_equal(config.n_queues, 1);
	assert_true(config.features.sg && config.features.gso_tcpv4 && config.features.gso_tcpv6);
	assert_true(config.features.csum_ipv4 && config.features.csum_ipv6);
	assert_true(config.features.rx_notify && config.features.split_evtchn);
	assert_int_equal(config.queue[0].tx_ring_ref, 1032);
	assert_int_equal(config.queue[0].rx_ring_ref, 1033);
	assert_int_equal(config.queue[0].evtchn_tx, 15);
	assert_int_equal(config.queue[0].evtchn_rx, 16);
	assert_int_equal(config.queue[1].tx_ring_ref, 0);
}

static void linux_with_two_queues_is_read_whole(void **state)
{
	struct vif_config config;
	struct keys_error error;

	assert_int_equal(parse(linux_two_queues, NULL, 2, &config, &error), 0);
	assert_int_equal(config.n_queues, 2);
	assert_int_equal(config.queue[1].tx_ring_ref, 1034);
	assert_int_equal(config.queue[1].rx_ring_ref, 1035);
	assert_int_equal(config.queue[1].evtchn_tx, 17);
	assert_int_equal(config.queue[1].evtchn_rx, 18);
}

static void absent_keys_have_their_defaults(void **state)
{
	struct vif_config config;
	struct keys_error error;

	assert_int_equal(parse(mini_os, NULL, 8, &config, &error), 0);
	assert_int_equal(config.n_queues, 1);
	assert_false(config.features.sg || config.features.gso_tcpv4 || config.features.gso_tcpv6);
	assert_true(config.features.csum_ipv4);
	assert_false(config.features.csum_ipv6 || config.features.rx_notify);
	assert_false(config.features.split_evtchn);
	assert_int_equal(config.queue[0].evtchn_tx, 3);
	assert_int_equal(config.queue[0].evtchn_rx, 3);
}

/* Each flag moves its own feature and no other. */
static void each_flag_is_its_own(void **state)
{
	static const struct {
		const char *key;
		size_t feature;
		bool value_of_1;
	} flags[] = {
		{ "feature-sg", offsetof(struct vif_features, sg), true },
		{ "feature-gso-tcpv4", offsetof(struct vif_features, gso_tcpv4), true },
		{ "feature-gso-tcpv6", offsetof(struct vif_features, gso_tcpv6), true },
		{ "feature-no-csum-offload", offsetof(struct vif_features, csum_ipv4), false },
		{ "feature-ipv6-csum-offload", offsetof(struct vif_features, csum_ipv6), true },
		{ "feature-rx-notify", offsetof(struct vif_features, rx_notify), true },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		/* Scatter-gather stays on where GSO needs it. */
		const char *sg = i == 1 || i == 2 ? "1" : "0";
		struct entry zero[] = { { flags[i].key, "0" },
					{ "feature-sg", sg },
					{ NULL, NULL } };
		struct entry one[] = { { flags[i].key, "1" },
				       { "feature-sg", sg },
				       { NULL, NULL } };
		struct vif_config without, with;
		struct keys_error error;
		bool *feature = (bool *)((char *)&with.features + flags[i].feature);

		assert_int_equal(parse(mini_os, zero, 8, &without, &error), 0);
		assert_int_equal(parse(mini_os, one, 8, &with, &error), 0);
		assert_int_equal(*feature, flags[i].value_of_1);
		*feature = !*feature;
		assert_memory_equal(&with, &without, sizeof(with));
	}
}

static void gso_without_sg_is_ignored(void **state)
{
	static const struct entry changes[] = { { "feature-sg", "0" }, { NULL, NULL } };
	struct vif_config config;
	struct keys_error error;

	assert_int_equal(parse(linux_one_queue, changes, 8, &config, &error), 0);
	assert_false(config.features.sg || config.features.gso_tcpv4 || config.features.gso_tcpv6);
}

static const char *const never_a_number[] = {
	"",	      " ",	    "1 ",	  " 1",		 "+1",		"-1",
	"0x1",	      "1x",	    "x",	  "1.0",	 "1,2",		"1\n",
	"4294967296", "4294967297", "9999999999", "10000000000", "00000000001", "123456789012345",
};

static char huge[4097];

static void every_flag_refuses_every_wrong_value(void **state)
{
	static const char *const keys[] = {
		"request-rx-copy",	   "feature-sg",
		"feature-gso-tcpv4",	   "feature-gso-tcpv6",
		"feature-no-csum-offload", "feature-ipv6-csum-offload",
		"feature-rx-notify",
	};
	static const char *const wrong[] = { "2",    "01",	    "00",    "10",
					     "true", "\xff\x1b[2J", "\"1\"", "\x7f" };

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		struct entry changes[] = { { keys[k], huge }, { NULL, NULL } };

		assert_refused(linux_one_queue, changes, -EINVAL, keys[k]);
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			changes[0].value = wrong[i];
			assert_refused(linux_one_queue, changes, -EINVAL, keys[k]);
		}
		for (size_t i = 0; i < sizeof(never_a_number) / sizeof(never_a_number[0]); i++) {
			changes[0].value = never_a_number[i];
			assert_refused(linux_one_queue, changes, -EINVAL, keys[k]);
		}
		changes[0].value = FAILING;
		assert_refused(linux_one_queue, changes, -EIO, keys[k]);
	}
}

static void every_number_refuses_every_wrong_value(void **state)
{
	static const struct {
		const char *key;
		bool zero_too;
	} keys[] = {
		{ "multi-queue-num-queues", true },   { "queue-0/tx-ring-ref", false },
		{ "queue-1/rx-ring-ref", false },     { "queue-0/event-channel-tx", true },
		{ "queue-1/event-channel-rx", true },
	};

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		struct entry changes[] = { { keys[k].key, huge }, { NULL, NULL } };

		assert_refused(linux_two_queues, changes, -EINVAL, keys[k].key);
		for (size_t i = 0; i < sizeof(never_a_number) / sizeof(never_a_number[0]); i++) {
			changes[0].value = never_a_number[i];
			assert_refused(linux_two_queues, changes, -EINVAL, keys[k].key);
		}
		if (keys[k].zero_too) {
			changes[0].value = "0";
			assert_refused(linux_two_queues, changes, -EINVAL, keys[k].key);
		}
		changes[0].value = FAILING;
		assert_refused(linux_two_queues, changes, -EIO, keys[k].key);
	}
}

static void a_combined_channel_refuses_every_wrong_value(void **state)
{
	struct entry changes[] = { { "event-channel", "0" }, { NULL, NULL } };

	assert_refused(mini_os, changes, -EINVAL, "event-channel is \"0\"");
	for (size_t i = 0; i < sizeof(never_a_number) / sizeof(never_a_number[0]); i++) {
		changes[0].value = never_a_number[i];
		assert_refused(mini_os, changes, -EINVAL, "event-channel");
	}
	changes[0].value = FAILING;
	assert_refused(mini_os, changes, -EIO, "event-channel");
}

/* One change each that makes a right frontend a wrong one, and the words that say so. */
static void reasons_name_key_value_and_what_is_allowed(void **state)
{
	static const struct {
		const struct entry *base;
		struct entry change;
		const char *reason;
	} cases[] = {
		{ linux_one_queue,
		  { "request-rx-copy", ABSENT },
		  "request-rx-copy is absent or 0, must be 1" },
		{ linux_one_queue,
		  { "request-rx-copy", "0" },
		  "request-rx-copy is absent or 0, must be 1" },
		{ linux_one_queue,
		  { "feature-sg", "yes" },
		  "feature-sg is \"yes\", must be 0 or 1" },
		{ linux_one_queue,
		  { "feature-sg", "\x1b[2J" },
		  "feature-sg is \"?[2J\", must be 0 or 1" },
		{ linux_one_queue,
		  { "multi-queue-num-queues", "9" },
		  "multi-queue-num-queues is \"9\", must be a decimal number from 1 to 8" },
		{ linux_one_queue,
		  { "multi-queue-num-queues", "0" },
		  "is \"0\", must be a decimal number from 1 to 8" },
		{ linux_one_queue,
		  { "tx-ring-ref", ABSENT },
		  "tx-ring-ref is absent, must be a decimal number from 0 to 4294967295" },
		{ linux_one_queue, { "rx-ring-ref", ABSENT }, "rx-ring-ref is absent" },
		{ linux_one_queue,
		  { "event-channel-rx", ABSENT },
		  "event-channel-rx is absent, must be there together with event-channel-tx" },
		{ linux_one_queue,
		  { "event-channel-tx", ABSENT },
		  "event-channel-tx is absent, must be there together with event-channel-rx" },
		{ linux_two_queues,
		  { "queue-1/event-channel-tx", ABSENT },
		  "queue-1/event-channel-tx is absent, must be there together with "
		  "queue-1/event-channel-rx" },
		{ linux_two_queues,
		  { "queue-1/tx-ring-ref", ABSENT },
		  "queue-1/tx-ring-ref is absent" },
		{ linux_two_queues,
		  { "queue-1/rx-ring-ref", ABSENT },
		  "queue-1/rx-ring-ref is absent" },
		{ linux_two_queues,
		  { "multi-queue-num-queues", "3" },
		  "queue-2/tx-ring-ref is absent" },
		{ linux_two_queues, { "multi-queue-num-queues", "1" }, "tx-ring-ref is absent" },
		{ mini_os,
		  { "event-channel", ABSENT },
		  "event-channel is absent, must be a decimal number from 1" },
		{ linux_one_queue,
		  { "rx-ring-ref", "1032" },
		  "tx-ring-ref and rx-ring-ref are both \"1032\"" },
		{ linux_two_queues,
		  { "queue-1/tx-ring-ref", "1033" },
		  "queue-0/rx-ring-ref and queue-1/tx-ring-ref are both \"1033\"" },
		{ linux_two_queues,
		  { "queue-1/rx-ring-ref", "1032" },
		  "queue-0/tx-ring-ref and queue-1/rx-ring-ref are both \"1032\"" },
		{ linux_two_queues,
		  { "queue-1/event-channel-tx", "15" },
		  "queue-0/event-channel-tx and queue-1/event-channel-tx are both \"15\"" },
		{ linux_two_queues,
		  { "queue-1/event-channel-rx", "15" },
		  "queue-0/event-channel-tx and queue-1/event-channel-rx are both \"15\"" },
		{ linux_two_queues,
		  { "queue-1/event-channel-tx", "16" },
		  "queue-0/event-channel-rx and queue-1/event-channel-tx are both \"16\"" },
		{ linux_one_queue,
		  { "tx-ring-ref", huge },
		  "tx-ring-ref is longer than 15 bytes or holds a NUL byte, must be" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct entry changes[] = { cases[i].change, { NULL, NULL } };

		assert_refused(cases[i].base, changes, -EINVAL, cases[i].reason);
	}
}

static void queues_share_no_combined_channel(void **state)
{
	struct entry changes[] = {
		{ "queue-0/event-channel-tx", ABSENT },
		{ "queue-0/event-channel-rx", ABSENT },
		{ "queue-1/event-channel-tx", ABSENT },
		{ "queue-1/event-channel-rx", ABSENT },
		{ "queue-0/event-channel", "21" },
		{ "queue-1/event-channel", "21" },
		{ NULL, NULL },
	};
	struct vif_config config;
	struct keys_error error;

	assert_refused(linux_two_queues, changes, -EINVAL,
		       "queue-0/event-channel and queue-1/event-channel are both \"21\"");
	changes[5].value = "22";
	assert_int_equal(parse(linux_two_queues, changes, 8, &config, &error), 0);
	assert_int_equal(config.queue[0].evtchn_tx, 21);
	assert_int_equal(config.queue[0].evtchn_rx, 21);
	assert_int_equal(config.queue[1].evtchn_rx, 22);
	assert_false(config.features.split_evtchn);
}

/* Split keys with one port are a combined channel; channels are chosen per queue. */
static void channels_are_chosen_per_queue(void **state)
{
	static const struct entry changes[] = {
		{ "queue-0/event-channel-tx", "16" },
		{ "queue-1/event-channel-tx", ABSENT },
		{ "queue-1/event-channel-rx", ABSENT },
		{ "queue-1/event-channel", "30" },
		{ NULL, NULL },
	};
	struct vif_config config;
	struct keys_error error;

	assert_int_equal(parse(linux_two_queues, changes, 8, &config, &error), 0);
	assert_int_equal(config.queue[0].evtchn_tx, config.queue[0].evtchn_rx);
	assert_int_equal(config.queue[1].evtchn_tx, 30);
	assert_true(config.features.split_evtchn);
}

static void flat_keys_are_not_read_with_several_queues(void **state)
{
	static const struct entry changes[] = {
		{ "tx-ring-ref", "x" },
		{ "rx-ring-ref", "x" },
		{ "event-channel", "x" },
		{ NULL, NULL },
	};
	struct vif_config config;
	struct keys_error error;

	assert_int_equal(parse(linux_two_queues, changes, 8, &config, &error), 0);
}

static void numbers_reach_their_limits(void **state)
{
	static const struct entry changes[] = {
		{ "tx-ring-ref", "4294967295" },
		{ "rx-ring-ref", "0" },
		{ "event-channel-tx", "4294967295" },
		{ "event-channel-rx", "0000000001" },
		{ NULL, NULL },
	};
	struct vif_config config;
	struct keys_error error;
	uint32_t value = 7;

	assert_int_equal(parse(linux_one_queue, changes, 1, &config, &error), 0);
	assert_int_equal(config.queue[0].tx_ring_ref, 4294967295u);
	assert_int_equal(config.queue[0].rx_ring_ref, 0);
	assert_int_equal(config.queue[0].evtchn_tx, 4294967295u);
	assert_int_equal(config.queue[0].evtchn_rx, 1);
	assert_int_equal(keys_parse_u32("10", 9, &value), -EINVAL);
	assert_int_equal(value, 7);
	assert_int_equal(keys_parse_u32("9", 9, &value), 0);
	assert_int_equal(value, 9);
}

/* As many queues as there can be, each with pages and ports of its own. */
static int many_get(void *ctx, const char *key, char *buf, size_t size)
{
	unsigned queue;
	int at = 0;

	if (strcmp(key, "multi-queue-num-queues") == 0)
		return snprintf(buf, size, "%u", VIF_QUEUES_MAX);
	if (strcmp(key, "request-rx-copy") == 0)
		return snprintf(buf, size, "1");
	if (sscanf(key, "queue-%u/%n", &queue, &at) != 1)
		return -ENOENT;
	if (strcmp(key + at, "event-channel") == 0)
		return snprintf(buf, size, "%u", queue + 1);
	if (strcmp(key + at, "tx-ring-ref") == 0)
		return snprintf(buf, size, "%u", 2 * queue);
	if (strcmp(key + at, "rx-ring-ref") == 0)
		return snprintf(buf, size, "%u", 2 * queue + (ctx && queue == 63 ? 0 : 1));
	return -ENOENT;
}

static void the_most_queues_are_read_and_compared(void **state)
{
	struct keys_source source = { .get = many_get };
	struct vif_config config;
	struct keys_error error;

	assert_int_equal(keys_parse(&source, VIF_QUEUES_MAX, &config, &error), 0);
	assert_int_equal(config.n_queues, VIF_QUEUES_MAX);
	assert_int_equal(config.queue[63].rx_ring_ref, 127);
	assert_int_equal(keys_parse(&source, VIF_QUEUES_MAX - 1, &config, &error), -EINVAL);
	source.ctx = &source;
	assert_int_equal(keys_parse(&source, VIF_QUEUES_MAX, &config, &error), -EINVAL);
	assert_non_null(strstr(error.reason, "queue-63/tx-ring-ref and queue-63/rx-ring-ref"));
}

/* A source that says more than it may is not believed. */
static int boasting_get(void *ctx, const char *key, char *buf, size_t size)
{
	memset(buf, '1', size);
	return (int)size;
}

static void a_value_longer_than_its_buffer_is_refused(void **state)
{
	const struct keys_source source = { .get = boasting_get };
	struct vif_config config;
	struct keys_error error;

	assert_int_equal(keys_parse(&source, 1, &config, &error), -EINVAL);
	assert_non_null(strstr(error.reason, "request-rx-copy is longer than 15 bytes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(linux_with_one_queue_is_read_whole),
		cmocka_unit_test(linux_with_two_queues_is_read_whole),
		cmocka_unit_test(absent_keys_have_their_defaults),
		cmocka_unit_test(each_flag_is_its_own),
		cmocka_unit_test(gso_without_sg_is_ignored),
		cmocka_unit_test(every_flag_refuses_every_wrong_value),
		cmocka_unit_test(every_number_refuses_every_wrong_value),
		cmocka_unit_test(a_combined_channel_refuses_every_wrong_value),
		cmocka_unit_test(reasons_name_key_value_and_what_is_allowed),
		cmocka_unit_test(queues_share_no_combined_channel),
		cmocka_unit_test(channels_are_chosen_per_queue),
		cmocka_unit_test(flat_keys_are_not_read_with_several_queues),
		cmocka_unit_test(numbers_reach_their_limits),
		cmocka_unit_test(the_most_queues_are_read_and_compared),
		cmocka_unit_test(a_value_longer_than_its_buffer_is_refused),
	};

	memset(huge, '1', sizeof(huge) - 1);
	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
