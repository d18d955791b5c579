/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's command line.
 *
 * It is gone through twice: once to learn which configuration file to read,
 * and again to set what stands above the file.
 */
#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"Usage: xenvifd [OPTION]...\n"
	"Serves Xen guests' virtual network interfaces (vifs) from user space.\n"
	"Stays in the foreground; logs to standard error, or to the journal under systemd.\n"
	"\n"
	"  --config FILE      read FILE instead of " CONFIG_DEFAULT_FILE "\n"
	"  --check-config     check the configuration and end\n"
	"  --max-queues N     offer each vif up to N queues, 1 to 64\n"
	"                     (default: as many as CPUs are online, at most 8)\n"
	"  --control PATH     listen for vifctl at PATH\n"
	"                     (default: " CONFIG_DEFAULT_CONTROL ")\n"
	"  --log-level LEVEL  error, warning, info (the default) or debug\n"
	"  --sandbox MODE     on (the default), log (what it would end the daemon for), or off\n"
	"  --version          print the version and end\n"
	"  --help             print this and end\n"
	"\n"
	"SIGTERM ends the daemon and leaves every guest connected: the next one goes on.\n";

enum { OPTION_CONFIG = 256, OPTION_CHECK, OPTION_VERSION, OPTION_HELP, OPTION_SETTING };

static const struct option long_options[] = {
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "check-config", no_argument, NULL, OPTION_CHECK },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
	/* These bear the names that they have in the file. */
	{ "max-queues", required_argument, NULL, OPTION_SETTING },
	{ "control", required_argument, NULL, OPTION_SETTING },
	{ "log-level", required_argument, NULL, OPTION_SETTING },
	{ "sandbox", required_argument, NULL, OPTION_SETTING },
	{ NULL, 0, NULL, 0 },
};

struct command_line {
	const char *config_file;
	bool check_only;
};

static enum options_result setting_take(struct config *config, const char *name, FILE *complaints)
{
	const char *allowed = "";

	if (config_set(config, name, optarg, &allowed) == 0)
		return OPTIONS_RUN;
	fprintf(complaints, "xenvifd: --%s %s: must be %s\n", name, optarg, allowed);
	return OPTIONS_ERROR;
}

static enum options_result options_pass(int argc, char **argv, struct config *config,
					struct command_line *line, FILE *complaints)
{
	int option, index = 0;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		switch (option) {
		case OPTION_CONFIG:
			line->config_file = optarg;
			break;
		case OPTION_CHECK:
			line->check_only = true;
			break;
		case OPTION_VERSION:
			printf("xenvifd %s\n", XENVIFD_VERSION);
			return OPTIONS_DONE;
		case OPTION_HELP:
			fputs(usage, stdout);
			return OPTIONS_DONE;
		case OPTION_SETTING:
			if (setting_take(config, long_options[index].name, complaints) ==
			    OPTIONS_ERROR)
				return OPTIONS_ERROR;
			break;
		default:
			fputs("Try \"xenvifd --help\".\n", complaints);
			return OPTIONS_ERROR;
		}
	}
	if (optind < argc) {
		fprintf(complaints, "xenvifd: what is \"%s\"? Try \"xenvifd --help\".\n",
			argv[optind]);
		return OPTIONS_ERROR;
	}
	return OPTIONS_RUN;
}

enum options_result options_parse(int argc, char **argv, struct config *config, FILE *complaints)
{
	struct command_line line = { 0 };
	enum options_result result;

	config_init(config);
	result = options_pass(argc, argv, config, &line, complaints);
	if (result != OPTIONS_RUN)
		return result;
	config_init(config);
	if (config_read_file(config, line.config_file ? line.config_file : CONFIG_DEFAULT_FILE,
			     line.config_file != NULL, complaints) < 0)
		return OPTIONS_ERROR;
	result = options_pass(argc, argv, config, &line, complaints);
	if (result == OPTIONS_RUN && line.check_only) {
		puts("The configuration is good.");
		return OPTIONS_DONE;
	}
	return result;
}
