/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a frontend wrote in xenstore -> a whole vif_config, or the reason why not.
 *
 * The caller reads the frontend's directory in one transaction and hands the
 * values over through keys_source, so that this room knows no store. Every
 * value is guest-written: numbers are plain decimal digits within their range,
 * flags are exactly "0" or "1"; an absent flag is 0 (VIF-2.2, VIF-2.3).
 */
#ifndef XENVIFD_PROTO_KEYS_H
#define XENVIFD_PROTO_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "vif_config.h"

/* The longest value that any key of the protocol can sensibly have, with its NUL. */
#define KEYS_VALUE_SIZE 16

struct keys_source {
	/*
	 * Copies the value of `key` (relative to the frontend's directory, such as
	 * "queue-1/tx-ring-ref") and a NUL into buf. Returns the value's length;
	 * -ENOENT when the key is absent; -E2BIG when the value is longer than
	 * size - 1 bytes or holds a NUL byte; another -errno when the store failed.
	 */
	int (*get)(void *ctx, const char *key, char *buf, size_t size);
	void *ctx;
};

/* Why a configuration was refused, for the log, the error node and vifctl. */
struct keys_error {
	char reason[160]; /* names the key, the value as far as it is printable, and what is allowed
			   */
	int queue;	  /* whose keys they are; -1: not those of a single one */
};

/*
 * Reads the keys of a frontend that is Connected.
 *
 * max_queues: what the backend advertised, 1 .. VIF_QUEUES_MAX.
 * Returns 0 and a whole config; -EINVAL and a reason when the frontend's keys
 * are wrong; another -errno (and a reason) when the source failed. On failure
 * *config is all zero. Pure.
 */
int keys_parse(const struct keys_source *source, unsigned max_queues, struct vif_config *config,
	       struct keys_error *error);

/*
 * Strict unsigned decimal: one to ten digits, nothing else, at most max.
 * Returns 0 and *value, or -EINVAL. Pure.
 */
int keys_parse_u32(const char *text, uint32_t max, uint32_t *value);

#endif
