/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much a vif's guest may send.
 *
 * The node `rate` of the backend directory is the one place where a rate lives,
 * whoever sets it: the toolstack when it makes the vif, the administrator while
 * the guest runs. The watch on the backend tree tells of each change.
 */
#include "control/rate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/printable.h"
#include "control/vif_report.h"

static void rate_path(const struct vif *vif, char *path, size_t size)
{
	snprintf(path, size, "%s/rate", vif->path);
}

static void rate_say(struct vif *vif, bool was_limit)
{
	if (vif->rate_wrong)
		vif_log(vif, LOG_LEVEL_WARNING,
			"its rate node is \"%s\", not \"<bytes>,<microseconds>\": no limit",
			vif->rate_text);
	else if (rate_is_limit(&vif->rate))
		vif_log(vif, LOG_LEVEL_INFO, "its guest may send %" PRIu64 " bytes each %u us",
			vif->rate.bytes, vif->rate.usec);
	else if (was_limit)
		vif_log(vif, LOG_LEVEL_INFO, "its guest may send without limit");
}

void rate_update(struct vif *vif)
{
	char path[128], text[RATE_TEXT_SIZE];
	bool was_limit = rate_is_limit(&vif->rate);
	int n;

	rate_path(vif, path, sizeof(path));
	n = store_read(vif->control->store, STORE_NO_TRANSACTION, path, text, sizeof(text));
	if (n == -ENOENT)
		text[0] = '\0';
	else if (n == -E2BIG)
		snprintf(text, sizeof(text), "(too long)");
	else if (n < 0)
		return;
	if (strcmp(text, vif->rate_text) == 0)
		return;
	vif->rate_wrong = rate_parse(text, &vif->rate) < 0 && n != -ENOENT;
	snprintf(vif->rate_text, sizeof(vif->rate_text), "%s", text);
	printable_make(vif->rate_text);
	rate_say(vif, was_limit);
	rate_apply(vif);
}

void rate_apply(struct vif *vif)
{
	if (vif->credit)
		credit_set(vif->credit, &vif->rate, clock_now_ns());
}

struct rate_change {
	struct vif *vif;
	const char *value; /* NULL: no node */
};

/* Writes or removes the node of a vif that is still there. */
static int rate_write(void *ctx, uint32_t transaction)
{
	const struct rate_change *change = ctx;
	struct vif *vif = change->vif;
	char path[128];
	uint32_t state;
	int error;

	snprintf(path, sizeof(path), "%s/state", vif->path);
	error = store_read_u32(vif->control->store, transaction, path, UINT32_MAX, &state);
	if (error < 0)
		return error;
	rate_path(vif, path, sizeof(path));
	if (change->value)
		return store_write(vif->control->store, transaction, path, change->value);
	error = store_remove(vif->control->store, transaction, path);
	return error == -ENOENT ? 0 : error;
}

int rate_set(struct vif *vif, const char *words, char *why)
{
	char value[RATE_TEXT_SIZE];
	bool off = strcmp(words, "off") == 0;
	struct rate rate = { 0 };
	int error = off ? 0 : rate_parse_words(words, &rate);

	if (error < 0) {
		snprintf(why, RATE_REASON_SIZE, "%s",
			 error == -ERANGE
				 ? "this rate is less than a byte each interval, or more than can "
				   "be reckoned with"
				 : "a rate is such as 10Mb/s, 250KB/s or 1MB/s@20ms, or off");
		return error;
	}
	snprintf(value, sizeof(value), "%" PRIu64 ",%u", rate.bytes, rate.usec);
	error = store_transact(vif->control->store, rate_write,
			       &(struct rate_change){ vif, off ? NULL : value });
	if (error < 0) {
		snprintf(why, RATE_REASON_SIZE, "%s: xenstore refuses: %s; try again", vif->name,
			 strerror(-error));
		return error;
	}
	rate_update(vif); /* what is shown next is this already */
	return 0;
}
