/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer to "show": every vif with its queues and counters, as JSON. */
#include "daemon/ctl_verbs.h"

#include "control/vif.h"
#include "control/vif_report.h"
#include "daemon/counters.h"

static json_t *show_queue(unsigned index, const struct stats *stats)
{
	json_t *object = json_object();

	json_object_set_new(object, "queue", json_integer(index));
	counters_write(object, stats);
	return object;
}

static json_t *show_queues(const struct vif *vif)
{
	json_t *queues = json_array();

	for (unsigned i = 0; i < vif->n_workers; i++)
		json_array_append_new(queues, show_queue(i, worker_stats(vif->worker[i])));
	return queues;
}

static json_t *show_features(const struct vif_features *features)
{
	return json_pack("{sb sb sb sb sb sb sb}", "sg", features->sg, "gso_tcpv4",
			 features->gso_tcpv4, "gso_tcpv6", features->gso_tcpv6, "csum_ipv4",
			 features->csum_ipv4, "csum_ipv6", features->csum_ipv6, "rx_notify",
			 features->rx_notify, "split_event_channels", features->split_evtchn);
}

static json_t *show_tap(const struct vif *vif)
{
	char name[IFNAMSIZ];

	tap_name(&vif->tap, name);
	if (!name[0])
		return json_null();
	return json_pack("{ss si sb ss}", "name", name, "ifindex", vif->tap.ifindex, "carrier",
			 vif_has_carrier(vif), "carrier_set", ctl_carrier_name(vif->carrier));
}

static json_t *show_vif(const struct vif *vif)
{
	json_t *object = json_object();
	char why[VIF_REASON_SIZE];

	vif_explain(vif, why, sizeof(why));
	json_object_set_new(object, "name", json_string(vif->name));
	json_object_set_new(object, "domid", json_integer(vif->domid));
	json_object_set_new(object, "devid", json_integer(vif->devid));
	json_object_set_new(object, "state", json_string(xenbus_state_name(vif->facts.own_state)));
	json_object_set_new(object, "peer_state",
			    json_string(xenbus_state_name(vif->facts.peer_state)));
	json_object_set_new(object, "online", json_boolean(vif->facts.online));
	json_object_set_new(object, "hotplug", ctl_text(vif->hotplug_status));
	json_object_set_new(object, "mac", ctl_text(vif->mac));
	json_object_set_new(object, "rate", ctl_rate_of(vif));
	json_object_set_new(object, "rate_wrong",
			    vif->rate_wrong ? ctl_text(vif->rate_text) : json_null());
	json_object_set_new(object, "tap", show_tap(vif));
	json_object_set_new(object, "max_queues", json_integer(vif->max_queues));
	json_object_set_new(object, "features",
			    vif->n_workers ? show_features(&vif->config.features) : json_null());
	json_object_set_new(object, "reason", why[0] ? ctl_text(why) : json_null());
	json_object_set_new(object, "log_withheld",
			    json_integer((json_int_t)vif->log_limit.withheld_in_all));
	json_object_set_new(object, "queues", show_queues(vif));
	return object;
}

json_t *ctl_show(struct control *control, const json_t *request)
{
	json_t *vifs = json_array();
	struct vif *vif;

	cds_list_for_each_entry(vif, &control->vifs, in_all)
		json_array_append_new(vifs, show_vif(vif));
	return json_pack("{si ss so}", "schema", CTL_SCHEMA, "version", XENVIFD_VERSION, "vifs",
			 vifs);
}
