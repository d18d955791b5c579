/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's command line. */
#ifndef XENVIFD_DAEMON_OPTIONS_H
#define XENVIFD_DAEMON_OPTIONS_H

#include <stdio.h>

#include "daemon/config.h"

enum options_result {
	OPTIONS_RUN,   /* config is complete: go on */
	OPTIONS_DONE,  /* what was asked for was printed: end with success */
	OPTIONS_ERROR, /* what is wrong was printed: end with exit status 2 */
};

/*
 * Reads the command line and the configuration file that it names. What is
 * wrong is written to `complaints`, a line each.
 */
enum options_result options_parse(int argc, char **argv, struct config *config, FILE *complaints);

#endif
