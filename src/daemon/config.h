/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's settings: one table of them, fed by the configuration file and
 * by the command line, which wins.
 */
#ifndef XENVIFD_DAEMON_CONFIG_H
#define XENVIFD_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/log.h"
#include "control/control.h"
#include "daemon/sandbox.h"

#define CONFIG_DEFAULT_FILE    "/etc/xenvifd/xenvifd.conf"
#define CONFIG_DEFAULT_CONTROL "/run/xenvifd/control.sock"

#define CONFIG_TEXT_SIZE 128 /* of the longest setting, as text */

struct config {
	struct control_settings vifs;
	enum log_level log_level;
	enum sandbox_mode sandbox;
	char control_path[108]; /* a UNIX socket's address holds no more */
};

/* The defaults: min(8, online CPUs) queues, and so on. */
void config_init(struct config *config);

/*
 * Sets one setting by its name in the file ("max-queues"). 0; -ENOENT: there is
 * none of this name; -EINVAL: a bad value, *allowed says what would be good.
 */
int config_set(struct config *config, const char *name, const char *value, const char **allowed);

/*
 * The setting number `number`, 0 and up, as it would stand in the file, into
 * text. Its name; NULL when there are not so many.
 */
const char *config_text(const struct config *config, size_t number, char *text, size_t size);

/*
 * Reads an INI file: section [global] and the settings' names, section [claim]
 * and the rules of control/claim.h. Each fault is
 * written to `complaints`, a line with file and line number: an unknown section or key is
 * a warning, a bad value or line an error. An absent file is one when `must_exist`.
 * 0, or -EINVAL.
 */
int config_read_file(struct config *config, const char *path, bool must_exist, FILE *complaints);

#endif
