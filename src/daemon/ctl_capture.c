/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verb that shows what guests send: capture. What it begins goes on in capture_stream.c. */
#include "daemon/ctl_verbs.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/capture_stream.h"

#define SNAPLEN_MAX 262144 /* more than any frame has */

/* A whole number within min .. max, or `absent` without one. False: it is something else. */
static bool number_read(const json_t *request, const char *key, json_int_t min, json_int_t max,
			json_int_t absent, json_int_t *value)
{
	const json_t *number = json_object_get(request, key);

	*value = number ? json_integer_value(number) : absent;
	return !number || (json_is_integer(number) && *value >= min && *value <= max);
}

static bool ways_read(const json_t *request, unsigned *ways)
{
	const json_t *direction = json_object_get(request, "direction");
	const char *name = direction ? json_string_value(direction) : "both";

	*ways = 0;
	if (name && (strcmp(name, "both") == 0 || strcmp(name, "from-guest") == 0))
		*ways |= CAPTURE_FROM_GUEST;
	if (name && (strcmp(name, "both") == 0 || strcmp(name, "to-guest") == 0))
		*ways |= CAPTURE_TO_GUEST;
	return *ways != 0;
}

/* Reads what is wanted of a vif that has queues. NULL, or the answer that refuses it. */
static json_t *asked_read(const struct vif *vif, const json_t *request, struct capture_asked *asked)
{
	json_int_t queue, snaplen, count;

	if (!number_read(request, "queue", 0, vif->n_workers - 1, -1, &queue))
		return ctl_error("%s has queues 0 to %u", vif->name, vif->n_workers - 1);
	if (!ways_read(request, &asked->wish.ways))
		return ctl_error("a direction is from-guest, to-guest or both");
	if (!number_read(request, "snaplen", 1, SNAPLEN_MAX, SNAPLEN_MAX, &snaplen))
		return ctl_error("a snaplen is 1 to %d bytes", SNAPLEN_MAX);
	if (!number_read(request, "count", 1, INT64_MAX, INT64_MAX, &count))
		return ctl_error("a count is of 1 or more frames");
	asked->wish.queue = (int)queue;
	asked->wish.snaplen = (uint32_t)snaplen;
	asked->count = (uint64_t)count;
	return NULL;
}

static json_t *capture_refuse(const struct vif *vif, const struct capture_asked *asked, int error)
{
	if (error == -EUSERS)
		return ctl_error("there are %d captures, and no more may be at a time: end one "
				 "first",
				 CAPTURE_STREAMS_MAX);
	if (error == -EBUSY && asked->wish.queue >= 0)
		return ctl_error("queue %d of %s is captured already: end that capture first",
				 asked->wish.queue, vif->name);
	if (error == -EBUSY)
		return ctl_error("%s is captured already, or one of its queues: end that capture "
				 "first, or name another queue",
				 vif->name);
	return ctl_error("%s can't be captured: %s", vif->name, strerror(-error));
}

json_t *ctl_capture(struct control *control, const json_t *request, struct capture_stream **stream)
{
	json_t *error = NULL;
	struct vif *vif = ctl_vif(control, request, &error);
	struct capture_asked asked = { 0 };
	unsigned queues;
	int code;

	if (!vif)
		return error;
	if (vif->n_workers == 0)
		return ctl_error("%s has no queues now; \"vifctl explain %s\" says why", vif->name,
				 vif->name);
	error = asked_read(vif, request, &asked);
	if (error)
		return error;
	code = capture_stream_create(stream, vif, &asked);
	if (code < 0)
		return capture_refuse(vif, &asked, code);
	queues = capture_stream_queues(*stream);
	log_info("%s: capture of %u queue%s begins", vif->name, queues, queues == 1 ? "" : "s");
	return json_pack("{si ss si}", "schema", CTL_SCHEMA, "vif", vif->name, "queues", queues);
}
