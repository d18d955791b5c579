/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to "reload", which SIGHUP has the daemon give to itself.
 *
 * The file and the command line are made into a new struct config; only once
 * all of it is good does it replace the old one. What can't change in a
 * running daemon (the control socket, the sandbox) stays, and the answer says
 * so of each.
 */
#include "daemon/reload.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/service.h"
#include "daemon/ctl_verbs.h"
#include "daemon/options.h"

/* The lines of a text, which is taken apart, as an array. */
static json_t *lines_of(char *text)
{
	json_t *lines = json_array();
	char *rest = text;

	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		if (line[0])
			json_array_append_new(lines, ctl_text(line));
	return lines;
}

static void change_log(const char *name, const char *before, const char *after, bool applied)
{
	if (applied)
		log_info("setting %s: %s, and was %s", name, after, before);
	else
		log_warning("setting %s: %s, and is to be %s; that takes a restart", name, before,
			    after);
}

/* What differs between the settings before and those wanted, and whether it is in force now. */
static json_t *changes_of(const struct config *before, const struct config *wanted,
			  const struct config *now)
{
	char was[CONFIG_TEXT_SIZE], is[CONFIG_TEXT_SIZE], in_force[CONFIG_TEXT_SIZE];
	json_t *changes = json_array();
	const char *name;

	for (size_t i = 0; (name = config_text(before, i, was, sizeof(was))); i++) {
		bool applied;

		config_text(wanted, i, is, sizeof(is));
		config_text(now, i, in_force, sizeof(in_force));
		if (strcmp(was, is) == 0)
			continue;
		applied = strcmp(is, in_force) == 0;
		change_log(name, was, is, applied);
		json_array_append_new(changes, json_pack("{ss so so sb}", "setting", name, "before",
							 ctl_text(was), "after", ctl_text(is),
							 "applied", applied));
	}
	return changes;
}

/* Puts the settings in force, but for those that need a restart. */
static void settings_take(struct daemon *daemon, const struct config *wanted)
{
	struct config config = *wanted;

	strcpy(config.control_path, daemon->config.control_path);
	config.sandbox = daemon->config.sandbox;
	config.vifs.worker_enter = daemon->config.vifs.worker_enter;
	config.vifs.moving = daemon->config.vifs.moving;
	daemon->config = config;
	daemon->control.settings = config.vifs;
	log_set_level(config.log_level);
}

static json_t *settings_change(struct daemon *daemon, const struct config *wanted, char *said)
{
	struct config before = daemon->config;
	json_t *warnings = lines_of(said), *warning, *changes;
	size_t index;

	before.log_level = log_get_level(); /* "vifctl log" may have set another */
	settings_take(daemon, wanted);
	json_array_foreach(warnings, index, warning)
		log_warning("%s", json_string_value(warning));
	changes = changes_of(&before, wanted, &daemon->config);
	log_event(LOG_LEVEL_INFO, MESSAGE_RELOADED,
		  "settings read again: up to %u queues for a vif that comes, frames wait %u ms "
		  "for a guest that connects",
		  wanted->vifs.max_queues, wanted->vifs.stall_timeout_ms);
	return json_pack("{si so so}", "schema", CTL_SCHEMA, "changes", changes, "warnings",
			 warnings);
}

static json_t *settings_refuse(char *said)
{
	for (char *end = strchr(said, '\n'); end; end = strchr(end, '\n'))
		*end = end[1] ? ';' : '\0';
	log_event(LOG_LEVEL_ERROR, MESSAGE_RELOAD_REFUSED,
		  "settings not read again, those from before stay: %s", said);
	return ctl_error("nothing was changed: %s", said);
}

json_t *reload(struct daemon *daemon)
{
	CLEANUP_FREE char *said = NULL;
	struct config wanted;
	size_t size;
	bool good;
	json_t *answer;
	FILE *complaints = open_memstream(&said, &size);

	if (!complaints)
		return NULL;
	service_notify("RELOADING=1");
	good = options_parse(daemon->argc, daemon->argv, &wanted, complaints) == OPTIONS_RUN;
	if (fclose(complaints) != 0)
		answer = NULL;
	else
		answer = good ? settings_change(daemon, &wanted, said) : settings_refuse(said);
	service_notify("READY=1");
	return answer;
}

json_t *ctl_reload(struct control *control, const json_t *request)
{
	return reload(daemon_of(control));
}
