/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verbs about who serves a vif: owners, adopt, release. They do the
 * daemon's part of a move; whoever asks does the kernel's, and runs the hotplug
 * script with what "owners" tells of it.
 */
#include "daemon/ctl_verbs.h"

#include <stdio.h>

#include "control/owner.h"
#include "control/rival.h"

static const char *const owner_names_of[] = {
	[OWNER_US] = "xenvifd",
	[OWNER_KERNEL] = "xen-netback",
	[OWNER_NOBODY] = "nobody",
};

static json_t *claim_text(const struct vif *vif, const struct owner_names *names)
{
	const struct claim_rule *rule = owner_claim(vif, names);
	char text[CLAIM_PATTERN_SIZE + 16];

	if (!rule)
		return json_null();
	snprintf(text, sizeof(text), "%s = %s", claim_key_name(rule->key), rule->pattern);
	return ctl_text(text);
}

static json_t *obstacle_text(const struct vif *vif, enum owner to)
{
	char text[VIF_REASON_SIZE];

	owner_obstacle(vif, to, text, sizeof(text));
	return text[0] ? ctl_text(text) : json_null();
}

static json_t *owner_object(const struct vif *vif)
{
	json_t *object = json_object();
	struct owner_names names;

	owner_names(vif, &names);
	json_object_set_new(object, "name", json_string(vif->name));
	json_object_set_new(object, "domid", json_integer(vif->domid));
	json_object_set_new(object, "devid", json_integer(vif->devid));
	json_object_set_new(object, "domain", ctl_text(names.domain));
	json_object_set_new(object, "owner", json_string(owner_names_of[owner_of(vif)]));
	json_object_set_new(object, "claimed", claim_text(vif, &names));
	json_object_set_new(object, "takeover", obstacle_text(vif, OWNER_US));
	json_object_set_new(object, "giveback", obstacle_text(vif, OWNER_KERNEL));
	json_object_set_new(object, "state", json_string(xenbus_state_name(vif->facts.own_state)));
	json_object_set_new(object, "hotplug", ctl_text(vif->hotplug_status));
	json_object_set_new(object, "path", json_string(vif->path));
	json_object_set_new(object, "script", ctl_text(names.script));
	json_object_set_new(object, "gatewaydev", ctl_text(names.gateway));
	json_object_set_new(object, "vifname", ctl_text(names.vifname));
	json_object_set_new(object, "ioemu", json_boolean(names.ioemu));
	return object;
}

json_t *ctl_owners(struct control *control, const json_t *request)
{
	json_t *error = NULL, *vifs;
	struct vif *vif;

	control_refresh(control);
	vif = ctl_names_vif(request) ? ctl_vif(control, request, &error) : NULL;
	if (error)
		return error;
	vifs = json_array();
	if (vif)
		json_array_append_new(vifs, owner_object(vif));
	else
		cds_list_for_each_entry(vif, &control->vifs, in_all)
			json_array_append_new(vifs, owner_object(vif));
	return json_pack("{si sb so}", "schema", CTL_SCHEMA, "xen_netback", rival_is_loaded(),
			 "vifs", vifs);
}

static json_t *move(struct control *control, const json_t *request,
		    int (*step)(struct vif *vif, char *why, size_t size))
{
	json_t *error = NULL;
	char why[VIF_REASON_SIZE];
	struct vif *vif;

	control_refresh(control);
	vif = ctl_vif(control, request, &error);
	if (!vif)
		return error;
	if (step(vif, why, sizeof(why)) < 0)
		return ctl_error("%s: %s", vif->name, why);
	return json_pack("{si so}", "schema", CTL_SCHEMA, "vif", owner_object(vif));
}

json_t *ctl_adopt(struct control *control, const json_t *request)
{
	return move(control, request, owner_adopt);
}

json_t *ctl_release(struct control *control, const json_t *request)
{
	return move(control, request, owner_release);
}
