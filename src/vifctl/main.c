/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vifctl: looks into a running xenvifd, and tells it what to do. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vifctl/verbs.h"

#define SECONDS_MIN 0.01
#define SECONDS_MAX 3600.0

static const char usage_head[] = "Usage: vifctl [OPTION]... [VERB [WORD]...]\n"
				 "Looks into a running xenvifd, and tells it what to do.\n"
				 "\n";

static const char usage_tail[] =
	"\n"
	"  -j, --json             print JSON, for programs\n"
	"  -w, --watch SECONDS    stats: again and again, per second (0.01 to 3600)\n"
	"  -t, --timeout SECONDS  how long the daemon may take (0.01 to 3600; default: 20)\n"
	"  --control PATH         the daemon's socket\n"
	"                         (default: " CLIENT_DEFAULT_CONTROL ")\n"
	"  --version              print the version and end\n"
	"  --help                 print this and end\n"
	"\n"
	"Exit status: 0; 1 when the daemon can't be asked or refuses, or a vif isn't there; 2 for\n"
	"a wrong command line.\n";

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "watch", required_argument, NULL, 'w' },
	{ "timeout", required_argument, NULL, 't' },
	{ "control", required_argument, NULL, 'c' },
	{ "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void help(void)
{
	char usage[64];

	fputs(usage_head, stdout);
	for (const struct verb *verb = verbs; verb->name; verb++) {
		snprintf(usage, sizeof(usage), "%s %s", verb->name, verb->args);
		printf("  %-28s %s\n", usage, verb->help);
	}
	fputs(usage_tail, stdout);
}

static int complain(void)
{
	fputs("Try \"vifctl --help\".\n", stderr);
	return EXIT_USAGE;
}

/* Reads a number of seconds. 0, or -1: it is none, which was said. */
static int seconds_read(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (end != text && !*end && *seconds >= SECONDS_MIN && *seconds <= SECONDS_MAX)
		return 0;
	fprintf(stderr, "vifctl: a time is given in seconds, 0.01 to 3600, and not \"%s\". ", text);
	return -1;
}

static int call_run(const struct call *call, const char *name)
{
	const struct verb *verb = verb_named(name);

	if (!verb) {
		fprintf(stderr, "vifctl: what is \"%s\"? ", name);
		return complain();
	}
	if (call->n_words < verb->min || (verb->max >= 0 && call->n_words > verb->max)) {
		fprintf(stderr, "vifctl: it is \"vifctl %s%s%s\". ", verb->name,
			verb->args[0] ? " " : "", verb->args);
		return complain();
	}
	if (call->watch > 0 && strcmp(name, "stats") != 0) {
		fprintf(stderr, "vifctl: -w is for stats. ");
		return complain();
	}
	return verb->run(call);
}

int main(int argc, char **argv)
{
	struct call call = { .client = { CLIENT_DEFAULT_CONTROL, CLIENT_TIMEOUT_SECONDS } };
	const char *verb = verbs[0].name;
	int option;

	while ((option = getopt_long(argc, argv, "jw:t:", long_options, NULL)) != -1) {
		switch (option) {
		case 'j':
			call.json = true;
			break;
		case 'w':
			if (seconds_read(optarg, &call.watch) < 0)
				return complain();
			break;
		case 't':
			if (seconds_read(optarg, &call.client.timeout) < 0)
				return complain();
			break;
		case 'c':
			call.client.path = optarg;
			break;
		case 'v':
			printf("vifctl %s\n", XENVIFD_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			help();
			return EXIT_SUCCESS;
		default:
			return complain();
		}
	}
	if (optind < argc)
		verb = argv[optind++];
	call.words = argv + optind;
	call.n_words = argc - optind;
	return call_run(&call, verb);
}
