/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of the control socket's verbs, who may use them, and what they share. */
#include "daemon/ctl_verbs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* What a verb does to the daemon. */
enum access {
	READS,
	CHANGES,
	CHANGES_WITH_VALUE, /* it reads when the request has no "value" */
	SHOWS_GUESTS,	    /* it shows their data */
};

static const struct {
	const char *name;
	enum access access;
	ctl_handler *answer; /* NULL: of ctl_capture */
} verbs[] = {
	{ "show", READS, ctl_show },
	{ "rings", READS, ctl_rings },
	{ "explain", READS, ctl_explain },
	{ "metrics", READS, ctl_metrics },
	{ "log", CHANGES_WITH_VALUE, ctl_log },
	{ "kick", CHANGES, ctl_kick },
	{ "carrier", CHANGES, ctl_carrier },
	{ "drain", CHANGES, ctl_drain },
	{ "reload", CHANGES, ctl_reload },
	{ "rate", CHANGES_WITH_VALUE, ctl_rate },
	{ "owners", READS, ctl_owners },
	{ "adopt", CHANGES, ctl_adopt },
	{ "release", CHANGES, ctl_release },
	{ "capture", SHOWS_GUESTS, NULL },
};

static bool request_is_roots(enum access access, const json_t *request)
{
	return access == CHANGES || access == SHOWS_GUESTS ||
	       (access == CHANGES_WITH_VALUE && json_object_get(request, "value"));
}

static json_t *verb_answer(struct control *control, const char *name, const json_t *request,
			   uid_t uid, struct capture_stream **stream)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, name) != 0)
			continue;
		if (uid != 0 && request_is_roots(verbs[i].access, request))
			return ctl_error("only root may do this (%s); you are user %u: try sudo",
					 name, (unsigned)uid);
		if (!verbs[i].answer)
			return ctl_capture(control, request, stream);
		return verbs[i].answer(control, request);
	}
	return ctl_error("this daemon does not know that verb; is it older than vifctl?");
}

json_t *ctl_answer(struct control *control, const char *line, uid_t uid,
		   struct capture_stream **stream)
{
	json_error_t error;
	json_t *request = json_loads(line, 0, &error);
	const char *name = json_string_value(json_object_get(request, "verb"));
	json_t *answer;

	*stream = NULL;
	if (name)
		answer = verb_answer(control, name, request, uid, stream);
	else
		answer = ctl_error("a request is one JSON object with a \"verb\", on one line");
	json_decref(request);
	return answer;
}

json_t *ctl_error(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return json_pack("{si so}", "schema", CTL_SCHEMA, "error", ctl_text(text));
}

json_t *ctl_text(const char *text)
{
	json_t *string = json_string(text);

	return string ? string : json_string("?");
}

bool ctl_names_vif(const json_t *request)
{
	return json_object_get(request, "vif") != NULL;
}

struct vif *ctl_vif(struct control *control, const json_t *request, json_t **error)
{
	const char *name = json_string_value(json_object_get(request, "vif"));
	struct vif *vif;

	if (!name) {
		*error = ctl_error("no \"vif\" is named, such as vif1.0");
		return NULL;
	}
	cds_list_for_each_entry(vif, &control->vifs, in_all)
		if (strcmp(vif->name, name) == 0) /* cppcheck-suppress uninitvar; set by the loop */
			return vif;
	*error = ctl_error("there is no %.64s; \"vifctl list\" names all", name);
	return NULL;
}
