/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vifctl: looks into a running xenvifd, and tells it what to do. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vifctl/verbs.h"

#define SECONDS_MIN 0.01
#define SECONDS_MAX 3600.0

static const char usage_head[] =
	"Usage: vifctl [OPTION]... [VERB [WORD]...]\n"
	"Looks into a running xenvifd, and tells it what to do. Without a "
	"VERB it\n"
	"shows every vif; of more than fit on a screen, totals and those in "
	"trouble.\n"
	"\n";

static const char usage_tail[] =
	"\n"
	"  -j, --json             print JSON, for programs\n"
	"  -w, --watch SECONDS    stats: again and again, per second (0.01 to 3600)\n"
	"  -w, --write FILE       capture: the file, or - for standard output\n"
	"  --queue N              capture: this queue only\n"
	"  --direction WAY        capture: from-guest, to-guest or both (default)\n"
	"  -s, --snaplen BYTES    capture: of each frame so many (default: all)\n"
	"  -c, --count N          capture: ends after so many frames\n"
	"  --seconds S            capture: ends after so many seconds (0.01 to 3600)\n"
	"  -t, --timeout SECONDS  how long the daemon may take (0.01 to 3600; default: 20)\n"
	"  --all                  takeover, giveback: every vif that the other backend serves\n"
	"  --claimed              takeover: only what a [claim] rule of xenvifd.conf names\n"
	"  --control PATH         the daemon's socket\n"
	"                         (default: " CLIENT_DEFAULT_CONTROL ")\n"
	"  --version              print the version and end\n"
	"  --help                 print this and end\n"
	"\n"
	"Exit status: 0; 1 when the daemon can't be asked or refuses, or a vif isn't there; 2 for\n"
	"a wrong command line. takeover and giveback: 1 nothing was done; 3 it failed, and all is "
	"as\n"
	"before; 4 it failed, and a guest is without network.\n";

/* Options that have no letter of their own. */
enum {
	OPTION_CONTROL = 256,
	OPTION_ALL,
	OPTION_CLAIMED,
	OPTION_WATCH,
	OPTION_WRITE,
	OPTION_QUEUE,
	OPTION_DIRECTION,
	OPTION_SECONDS,
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "watch", required_argument, NULL, OPTION_WATCH },
	{ "write", required_argument, NULL, OPTION_WRITE },
	{ "queue", required_argument, NULL, OPTION_QUEUE },
	{ "direction", required_argument, NULL, OPTION_DIRECTION },
	{ "snaplen", required_argument, NULL, 's' },
	{ "count", required_argument, NULL, 'c' },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "timeout", required_argument, NULL, 't' },
	{ "all", no_argument, NULL, OPTION_ALL },
	{ "claimed", no_argument, NULL, OPTION_CLAIMED },
	{ "control", required_argument, NULL, OPTION_CONTROL },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
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

static bool is_capture(const char *name)
{
	return strcmp(name, "capture") == 0;
}

static bool capture_is_given(const struct capture_options *capture)
{
	return capture->queue || capture->direction || capture->snaplen || capture->count ||
	       capture->seconds > 0 || capture->file;
}

/* -w is a capture's file, and else the seconds of --watch. 0, or -1: they are none, as was said. */
static int w_read(struct call *call, const char *name, const char *w, const char *watch)
{
	if (w && is_capture(name))
		call->capture.file = w;
	else if (w)
		watch = w;
	return watch ? seconds_read(watch, &call->watch) : 0;
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
	if ((call->all && verb->run != run_takeover && verb->run != run_giveback) ||
	    (call->claimed && verb->run != run_takeover)) {
		fprintf(stderr, "vifctl: --all is for takeover and giveback, --claimed for "
				"takeover. ");
		return complain();
	}
	if (capture_is_given(&call->capture) && !is_capture(name)) {
		fprintf(stderr, "vifctl: --queue, --direction, -s, -c, --seconds and --write are "
				"for capture. ");
		return complain();
	}
	return verb->run(call);
}

/* An option of capture's. False: it is none, or no good, as was said. */
static bool capture_option(struct capture_options *capture, int option, const char *text)
{
	switch (option) {
	case OPTION_WRITE:
		capture->file = text;
		return true;
	case OPTION_QUEUE:
		capture->queue = text;
		return true;
	case OPTION_DIRECTION:
		capture->direction = text;
		return true;
	case OPTION_SECONDS:
		return seconds_read(text, &capture->seconds) == 0;
	case 's':
		capture->snaplen = text;
		return true;
	case 'c':
		capture->count = text;
		return true;
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	struct call call = { .client = { CLIENT_DEFAULT_CONTROL, CLIENT_TIMEOUT_SECONDS } };
	const char *verb = verbs[0].name, *w = NULL, *watch = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "jw:t:s:c:", long_options, NULL)) != -1) {
		switch (option) {
		case 'j':
			call.json = true;
			break;
		case 'w':
			w = optarg;
			break;
		case OPTION_WATCH:
			watch = optarg;
			break;
		case 't':
			if (seconds_read(optarg, &call.client.timeout) < 0)
				return complain();
			break;
		case OPTION_ALL:
			call.all = true;
			break;
		case OPTION_CLAIMED:
			call.claimed = true;
			break;
		case OPTION_CONTROL:
			call.client.path = optarg;
			break;
		case OPTION_VERSION:
			printf("vifctl %s\n", XENVIFD_VERSION);
			return EXIT_SUCCESS;
		case OPTION_HELP:
			help();
			return EXIT_SUCCESS;
		default:
			if (!capture_option(&call.capture, option, optarg))
				return complain();
		}
	}
	call.bare = optind == argc;
	if (!call.bare)
		verb = argv[optind++];
	call.words = argv + optind;
	call.n_words = argc - optind;
	if (w_read(&call, verb, w, watch) < 0)
		return complain();
	return call_run(&call, verb);
}
