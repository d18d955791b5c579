/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claims: rules, and whether one of them matches. */
#include "control/claim.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char *const key_names[CLAIM_KEYS] = {
	[CLAIM_DOMAIN] = "domain", [CLAIM_UUID] = "uuid",     [CLAIM_BRIDGE] = "bridge",
	[CLAIM_MAC] = "mac",	   [CLAIM_SCRIPT] = "script",
};

static const struct claim_rule by_script = { CLAIM_SCRIPT, "*-xenvifd" };

const char *claim_key_name(enum claim_key key)
{
	return key_names[key];
}

int claim_add(struct claims *claims, const char *key, const char *pattern)
{
	struct claim_rule *rule = &claims->rule[claims->n];
	enum claim_key i = 0;

	while (i < CLAIM_KEYS && strcmp(key_names[i], key) != 0)
		i++;
	if (i == CLAIM_KEYS)
		return -ENOENT;
	if (!pattern[0] || strlen(pattern) >= CLAIM_PATTERN_SIZE)
		return -EINVAL;
	if (claims->n == CLAIM_RULES_MAX)
		return -ENOSPC;
	rule->key = i;
	strcpy(rule->pattern, pattern);
	claims->n++;
	return 0;
}

static bool rule_matches(const struct claim_rule *rule, const char *const value[CLAIM_KEYS])
{
	const char *text = value[rule->key];

	return text[0] && fnmatch(rule->pattern, text, FNM_CASEFOLD) == 0;
}

const struct claim_rule *claim_match(const struct claims *claims,
				     const char *const value[CLAIM_KEYS])
{
	if (claims->n == 0)
		return rule_matches(&by_script, value) ? &by_script : NULL;
	for (unsigned i = 0; i < claims->n; i++)
		if (rule_matches(&claims->rule[i], value))
			return &claims->rule[i];
	return NULL;
}
