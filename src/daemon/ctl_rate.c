/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verb "rate": what a vif's guest may send, and the setting of it. */
#include "daemon/ctl_verbs.h"

#include "control/rate.h"

json_t *ctl_rate_of(const struct vif *vif)
{
	if (!rate_is_limit(&vif->rate))
		return json_null();
	return json_pack("{sI sI}", "bytes", (json_int_t)vif->rate.bytes, "usec",
			 (json_int_t)vif->rate.usec);
}

json_t *ctl_rate(struct control *control, const json_t *request)
{
	const json_t *value = json_object_get(request, "value");
	json_t *error = NULL;
	struct vif *vif = ctl_vif(control, request, &error);
	char why[RATE_REASON_SIZE];

	if (!vif)
		return error;
	if (value && !json_is_string(value))
		return ctl_error("a rate is a text, such as \"10Mb/s\" or \"off\"");
	if (value && rate_set(vif, json_string_value(value), why) < 0)
		return ctl_error("%s", why);
	return json_pack("{si ss so}", "schema", CTL_SCHEMA, "vif", vif->name, "rate",
			 ctl_rate_of(vif));
}
