/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vifctl can be told to do: one table. */
#ifndef XENVIFD_VIFCTL_VERBS_H
#define XENVIFD_VIFCTL_VERBS_H

#include <stdbool.h>

#include "vifctl/client.h"

#define EXIT_USAGE 2

/* The options of capture, as they were written; NULL, or 0: not given. */
struct capture_options {
	const char *queue, *direction, *snaplen, *count, *file;
	double seconds;
};

/* A command line, taken apart. */
struct call {
	struct client client;
	struct capture_options capture;
	bool bare;    /* no verb was given, and the first one is meant */
	bool json;    /* for programs */
	double watch; /* seconds between two looks; 0: one look */
	bool all;     /* takeover, giveback: every vif of the other backend's */
	bool claimed; /* takeover: those that a claim names */
	int n_words;  /* after the verb */
	char **words;
};

struct verb {
	const char *name;
	const char *args;		     /* how they are named in the usage; "" without any */
	const char *help;		     /* in one line */
	int min, max;			     /* words that it takes; max -1: any number */
	int (*run)(const struct call *call); /* the exit status; has printed what there is to say */
};

/* Those that move vifs between backends (move.c). */
int run_takeover(const struct call *call);
int run_giveback(const struct call *call);

/* The table ends with a name of NULL; its first verb is the one of an empty command line. */
extern const struct verb verbs[];

/*
 * Captures a vif's frames to a file or to standard output, until it ends. The
 * exit status; with EXIT_SUCCESS and a file, *summary is what there is to say.
 */
int capture_run(const struct call *call, json_t **summary);

/* The verb of this name, or NULL. */
const struct verb *verb_named(const char *name);

#endif
