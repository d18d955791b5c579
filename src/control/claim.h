/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Claims: which of the vifs that xen-netback takes first an administrator wants
 * to have here, by what they are rather than by their numbers.
 *
 * A claim takes nothing by itself: whoever may move vifs (vifctl takeover
 * --claimed, or the hotplug script that calls it) asks whether it holds.
 */
#ifndef XENVIFD_CONTROL_CLAIM_H
#define XENVIFD_CONTROL_CLAIM_H

#define CLAIM_RULES_MAX	   64
#define CLAIM_PATTERN_SIZE 128

/* What a rule looks at. */
enum claim_key {
	CLAIM_DOMAIN, /* the guest's name */
	CLAIM_UUID,   /* and its uuid */
	CLAIM_BRIDGE,
	CLAIM_MAC,
	CLAIM_SCRIPT, /* as xenstore has it: an absolute path */
	CLAIM_KEYS,
};

struct claims {
	unsigned n; /* 0 .. CLAIM_RULES_MAX */
	struct claim_rule {
		enum claim_key key;
		char pattern[CLAIM_PATTERN_SIZE]; /* of fnmatch(3), whatever the case */
	} rule[CLAIM_RULES_MAX];
};

/* "domain", "uuid" and so on. */
const char *claim_key_name(enum claim_key key);

/* Adds a rule. 0; -ENOENT: there is no such key; -EINVAL: no pattern, or too long; -ENOSPC. */
int claim_add(struct claims *claims, const char *key, const char *pattern);

/*
 * The first rule that one of the values matches, or NULL. Where there is no rule at all, a vif is
 * claimed by the name of its script: *-xenvifd. value[key] may be "". Pure.
 */
const struct claim_rule *claim_match(const struct claims *claims,
				     const char *const value[CLAIM_KEYS]);

#endif
