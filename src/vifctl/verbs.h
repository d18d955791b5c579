/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vifctl can be told to do: one table. */
#ifndef XENVIFD_VIFCTL_VERBS_H
#define XENVIFD_VIFCTL_VERBS_H

#include <stdbool.h>

#include "vifctl/client.h"

#define EXIT_USAGE 2

/* A command line, taken apart. */
struct call {
	struct client client;
	bool json;    /* for programs */
	double watch; /* seconds between two looks; 0: one look */
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

/* The table ends with a name of NULL; its first verb is the one of an empty command line. */
extern const struct verb verbs[];

/* The verb of this name, or NULL. */
const struct verb *verb_named(const char *name);

#endif
