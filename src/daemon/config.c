/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's settings and their file (INI, over libinih). */
#include "daemon/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "proto/keys.h"

#define CONFIG_STALL_MIN_MS 10u
#define CONFIG_STALL_MAX_MS 3600000u

static int set_max_queues(struct config *config, const char *value)
{
	uint32_t number;

	if (keys_parse_u32(value, VIF_QUEUES_MAX, &number) < 0 || number == 0)
		return -EINVAL;
	config->vifs.max_queues = number;
	return 0;
}

static int set_stall_timeout(struct config *config, const char *value)
{
	uint32_t number;

	if (keys_parse_u32(value, CONFIG_STALL_MAX_MS, &number) < 0 || number < CONFIG_STALL_MIN_MS)
		return -EINVAL;
	config->vifs.stall_timeout_ms = number;
	return 0;
}

static int set_control(struct config *config, const char *value)
{
	if (value[0] != '/' || strlen(value) >= sizeof(config->control_path))
		return -EINVAL;
	strcpy(config->control_path, value);
	return 0;
}

static int set_log_level(struct config *config, const char *value)
{
	return log_parse_level(value, &config->log_level);
}

static const char *const sandbox_modes[] = {
	[SANDBOX_ON] = "on",
	[SANDBOX_LOG] = "log",
	[SANDBOX_OFF] = "off",
};

static int set_sandbox(struct config *config, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(sandbox_modes); i++) {
		if (strcmp(sandbox_modes[i], value) == 0) {
			config->sandbox = i;
			return 0;
		}
	}
	return -EINVAL;
}

static void say_max_queues(const struct config *config, char *text, size_t size)
{
	snprintf(text, size, "%u", config->vifs.max_queues);
}

static void say_stall_timeout(const struct config *config, char *text, size_t size)
{
	snprintf(text, size, "%u", config->vifs.stall_timeout_ms);
}

static void say_control(const struct config *config, char *text, size_t size)
{
	snprintf(text, size, "%s", config->control_path);
}

static void say_log_level(const struct config *config, char *text, size_t size)
{
	snprintf(text, size, "%s", log_level_name(config->log_level));
}

static void say_sandbox(const struct config *config, char *text, size_t size)
{
	snprintf(text, size, "%s", sandbox_modes[config->sandbox]);
}

static const struct {
	const char *name;
	int (*set)(struct config *config, const char *value);
	void (*say)(const struct config *config, char *text, size_t size);
	const char *allowed;
} settings[] = {
	{ "max-queues", set_max_queues, say_max_queues, "a number from 1 to 64" },
	{ "stall-timeout-ms", set_stall_timeout, say_stall_timeout,
	  "a number of milliseconds from 10 to 3600000" },
	{ "control", set_control, say_control, "an absolute path shorter than 108 characters" },
	{ "log-level", set_log_level, say_log_level, "error, warning, info or debug" },
	{ "sandbox", set_sandbox, say_sandbox, "on, log or off" },
};

_Static_assert(VIF_QUEUES_MAX == 64, "settings[] says the limit in words");

void config_init(struct config *config)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*config = (struct config){
		.vifs = { .max_queues = cpus < 1   ? 1
					: cpus > 8 ? 8
						   : cpus,
			  .stall_timeout_ms = 10000 },
		.log_level = LOG_LEVEL_INFO,
		.sandbox = SANDBOX_ON,
		.control_path = CONFIG_DEFAULT_CONTROL,
	};
}

int config_set(struct config *config, const char *name, const char *value, const char **allowed)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strcmp(settings[i].name, name) == 0) {
			*allowed = settings[i].allowed;
			return settings[i].set(config, value);
		}
	}
	return -ENOENT;
}

/* The rules on one line, as far as there is room. */
static void claims_say(const struct claims *claims, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "no rule");
	for (unsigned i = 0; i < claims->n && used < size; i++)
		used += snprintf(text + used, size - used, "%s%s = %s", i ? ", " : "",
				 claim_key_name(claims->rule[i].key), claims->rule[i].pattern);
}

const char *config_text(const struct config *config, size_t number, char *text, size_t size)
{
	if (number > ARRAY_SIZE(settings))
		return NULL;
	if (number == ARRAY_SIZE(settings)) {
		claims_say(&config->vifs.claims, text, size);
		return "claim";
	}
	settings[number].say(config, text, size);
	return settings[number].name;
}

static int file_set_claim(struct config *config, const char *name, const char *value,
			  const char **allowed)
{
	int error = claim_add(&config->vifs.claims, name, value);

	*allowed = error == -ENOSPC ? "one of the 64 rules that there may be"
				    : "a pattern shorter than 128 characters";
	return error;
}

_Static_assert(CLAIM_RULES_MAX == 64 && CLAIM_PATTERN_SIZE == 128, "said in words");

struct file_reader {
	struct config *config;
	FILE *complaints;
	const char *path;
	FILE *file;
	unsigned line;
	int error;
};

/* libinih's own parser doesn't say which line it is at: count those it takes. */
static char *file_read_line(char *line, int size, void *stream)
{
	struct file_reader *reader = stream;

	reader->line++;
	return fgets(line, size, reader->file);
}

static void file_complain(struct file_reader *reader, const char *kind, const char *text,
			  const char *name)
{
	fprintf(reader->complaints, "%s:%u: %s: %s \"%s\"\n", reader->path, reader->line, kind,
		text, name);
}

static int file_set(void *user, const char *section, const char *name, const char *value)
{
	struct file_reader *reader = user;
	const char *allowed;
	int error;

	if (strcmp(section, "global") == 0) {
		error = config_set(reader->config, name, value, &allowed);
	} else if (strcmp(section, "claim") == 0) {
		error = file_set_claim(reader->config, name, value, &allowed);
	} else {
		file_complain(reader, "warning", "no setting is known in section", section);
		return 1;
	}
	if (error == -ENOENT) {
		file_complain(reader, "warning", "there is no setting", name);
	} else if (error < 0) {
		fprintf(reader->complaints, "%s:%u: error: %s = %s: must be %s\n", reader->path,
			reader->line, name, value, allowed);
		reader->error = -EINVAL;
	}
	return 1;
}

int config_read_file(struct config *config, const char *path, bool must_exist, FILE *complaints)
{
	struct file_reader reader = { .config = config, .complaints = complaints, .path = path };
	int line;

	reader.file = fopen(path, "re");
	if (!reader.file) {
		if (errno == ENOENT && !must_exist)
			return 0;
		fprintf(complaints, "%s: error: can't be read: %s\n", path, strerror(errno));
		return -EINVAL;
	}
	line = ini_parse_stream(file_read_line, &reader, file_set, &reader);
	fclose(reader.file);
	if (line != 0) {
		fprintf(complaints, "%s:%d: error: neither \"[section]\" nor \"name = value\"\n",
			path, line);
		return -EINVAL;
	}
	return reader.error;
}
