/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claims: rules are taken or refused, and match what they ought to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/claim.h"

static const char *const a_vif[CLAIM_KEYS] = {
	[CLAIM_DOMAIN] = "web1",
	[CLAIM_UUID] = "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	[CLAIM_BRIDGE] = "xenbr1",
	[CLAIM_MAC] = "00:16:3e:77:0a:00",
	[CLAIM_SCRIPT] = "/etc/xen/scripts/vif-bridge",
};

static void rules_match(void **state)
{
	static const struct {
		const char *key, *pattern;
		bool matches;
	} rules[] = {
		{ "domain", "web*", true },
		{ "domain", "web", false },
		{ "domain", "WEB?", true },
		{ "uuid", "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", true },
		{ "uuid", "web1", false },
		{ "bridge", "xenbr[12]", true },
		{ "bridge", "xenbr0", false },
		{ "mac", "00:16:3E:77:*", true },
		{ "mac", "00:16:3e:78:*", false },
		{ "script", "*/vif-bridge", true },
		{ "script", "vif-bridge", false },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct claims claims = { 0 };
		const struct claim_rule *found;

		assert_int_equal(claim_add(&claims, rules[i].key, rules[i].pattern), 0);
		found = claim_match(&claims, a_vif);
		if (!!found != rules[i].matches)
			fail_msg("%s = %s", rules[i].key, rules[i].pattern);
		if (found)
			assert_string_equal(claim_key_name(found->key), rules[i].key);
	}
}

static void any_rule_claims(void **state)
{
	struct claims claims = { 0 };

	assert_int_equal(claim_add(&claims, "domain", "mail"), 0);
	assert_int_equal(claim_add(&claims, "bridge", "xenbr1"), 0);
	assert_ptr_equal(claim_match(&claims, a_vif), &claims.rule[1]);
}

static void without_rules_the_script_claims(void **state)
{
	const char *value[CLAIM_KEYS];
	struct claims claims = { 0 };

	memcpy(value, a_vif, sizeof(value));
	assert_null(claim_match(&claims, value));
	value[CLAIM_SCRIPT] = "/etc/xen/scripts/vif-route-xenvifd";
	assert_non_null(claim_match(&claims, value));
	/* With one, the rules alone do. */
	assert_int_equal(claim_add(&claims, "domain", "mail"), 0);
	assert_null(claim_match(&claims, value));
}

static void what_is_not_there_matches_nothing(void **state)
{
	const char *const nothing[CLAIM_KEYS] = { "", "", "", "", "" };
	struct claims claims = { 0 };

	assert_int_equal(claim_add(&claims, "domain", "*"), 0);
	assert_null(claim_match(&claims, nothing));
}

static void wrong_rules_are_refused(void **state)
{
	struct claims claims = { 0 };
	char pattern[CLAIM_PATTERN_SIZE + 1];

	assert_int_equal(claim_add(&claims, "colour", "red"), -ENOENT);
	assert_int_equal(claim_add(&claims, "domain", ""), -EINVAL);
	memset(pattern, 'x', sizeof(pattern));
	pattern[CLAIM_PATTERN_SIZE] = '\0';
	assert_int_equal(claim_add(&claims, "domain", pattern), -EINVAL);
	pattern[CLAIM_PATTERN_SIZE - 1] = '\0';
	for (unsigned i = 0; i < CLAIM_RULES_MAX; i++)
		assert_int_equal(claim_add(&claims, "domain", pattern), 0);
	assert_int_equal(claim_add(&claims, "domain", "one-more"), -ENOSPC);
	assert_int_equal(claims.n, CLAIM_RULES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_match),
		cmocka_unit_test(any_rule_claims),
		cmocka_unit_test(without_rules_the_script_claims),
		cmocka_unit_test(what_is_not_there_matches_nothing),
		cmocka_unit_test(wrong_rules_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
