/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs that change something: log, kick, carrier, drain. */
#include "daemon/ctl_verbs.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/vif_report.h"
#include "daemon/daemon.h"

static const char *const carrier_names[] = {
	[VIF_CARRIER_AUTO] = "auto",
	[VIF_CARRIER_ON] = "on",
	[VIF_CARRIER_OFF] = "off",
};

const char *ctl_carrier_name(enum vif_carrier carrier)
{
	return carrier_names[carrier];
}

static const char *value_of(const json_t *request)
{
	const char *value = json_string_value(json_object_get(request, "value"));

	return value ? value : "";
}

json_t *ctl_log(struct control *control, const json_t *request)
{
	enum log_level level;

	if (json_object_get(request, "value")) {
		if (log_parse_level(value_of(request), &level) < 0)
			return ctl_error(
				"a log level is error, warning, info or debug, and not \"%.64s\"",
				value_of(request));
		log_set_level(level);
		log_info("log level is now %s", log_level_name(level));
	}
	return json_pack("{si ss}", "schema", CTL_SCHEMA, "level", log_level_name(log_get_level()));
}

json_t *ctl_kick(struct control *control, const json_t *request)
{
	const json_t *which = json_object_get(request, "queue");
	json_t *error = NULL;
	struct vif *vif = ctl_vif(control, request, &error);
	json_int_t queue = json_integer_value(which);
	unsigned kicked = 0;

	if (!vif)
		return error;
	if (vif->n_workers == 0)
		return ctl_error("%s has no queues now; \"vifctl explain %s\" says why", vif->name,
				 vif->name);
	if (which && (!json_is_integer(which) || queue < 0 || queue >= vif->n_workers))
		return ctl_error("%s has queues 0 to %u", vif->name, vif->n_workers - 1);
	for (unsigned i = 0; i < vif->n_workers; i++) {
		if (which && queue != i)
			continue;
		worker_kick(vif->worker[i]);
		kicked++;
	}
	return json_pack("{si ss si}", "schema", CTL_SCHEMA, "vif", vif->name, "kicked", kicked);
}

json_t *ctl_carrier(struct control *control, const json_t *request)
{
	const char *value = value_of(request);
	json_t *error = NULL;
	struct vif *vif = ctl_vif(control, request, &error);

	if (!vif)
		return error;
	for (unsigned i = 0; i < ARRAY_SIZE(carrier_names); i++) {
		int code;

		if (strcmp(value, carrier_names[i]) != 0)
			continue;
		code = vif_set_carrier(vif, i);
		if (code < 0)
			return ctl_error("%s: the tap's carrier can't be set: %s", vif->name,
					 strerror(-code));
		state_save(daemon_of(control)->state, control); /* a kill would forget it */
		vif_log_event(vif, LOG_LEVEL_INFO, MESSAGE_VIF_CARRIER, VIF_NO_QUEUE,
			      "carrier set to %s by an administrator", value);
		return json_pack("{si ss ss sb}", "schema", CTL_SCHEMA, "vif", vif->name,
				 "carrier_set", value, "carrier", vif_has_carrier(vif));
	}
	return ctl_error("a carrier is set on, off or auto, and not \"%.64s\"", value);
}

json_t *ctl_drain(struct control *control, const json_t *request)
{
	json_t *error = NULL;
	struct vif *vif = ctl_vif(control, request, &error);

	if (!vif)
		return error;
	if (vif_drain(vif) < 0)
		return ctl_error("%s is not connected (its state is %s): nothing is to be drained",
				 vif->name, xenbus_state_name(vif->facts.own_state));
	return json_pack("{si ss}", "schema", CTL_SCHEMA, "vif", vif->name);
}
