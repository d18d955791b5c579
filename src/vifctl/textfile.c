/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * OpenMetrics text as Prometheus text (format 0.0.4), in a file.
 *
 * The collector reads the older format only. There, a counter's TYPE and HELP
 * lines bear the name that its samples have, with _total, where in OpenMetrics
 * they bear the family's; there are no units, and nothing marks the end.
 */
#include "vifctl/textfile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TEXTFILE_MODE 0644

/* "# TYPE name counter", which begins a family. */
static bool begins_counter(const char *line)
{
	char kind[16];

	return sscanf(line, "# TYPE %*s %15s", kind) == 1 && strcmp(kind, "counter") == 0;
}

/* "# HELP name text" or "# TYPE name kind", of a counter. */
static void counter_line(FILE *out, const char *line)
{
	size_t head = strlen("# TYPE "), name = strcspn(line + head, " ");

	fprintf(out, "%.*s_total%s\n", (int)(head + name), line, line + head + name);
}

static void line_convert(FILE *out, const char *line, bool *counter)
{
	bool type = strncmp(line, "# TYPE ", strlen("# TYPE ")) == 0;
	bool help = strncmp(line, "# HELP ", strlen("# HELP ")) == 0;

	if (strcmp(line, "# EOF") == 0 || strncmp(line, "# UNIT ", strlen("# UNIT ")) == 0)
		return;
	if (type)
		*counter = begins_counter(line);
	if (*counter && (type || help))
		counter_line(out, line);
	else
		fprintf(out, "%s\n", line);
}

static void text_convert(FILE *out, char *openmetrics)
{
	bool counter = false;
	char *rest = openmetrics;

	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		if (line[0])
			line_convert(out, line, &counter);
}

/* Into the open file, which is closed. 0, or -errno. */
static int file_fill(int fd, const char *openmetrics)
{
	CLEANUP_FREE char *copy = strdup(openmetrics);
	FILE *out = fdopen(fd, "w");
	int error = 0;

	if (!out || !copy) {
		error = -errno;
		if (out)
			fclose(out);
		else
			close(fd);
		return error;
	}
	text_convert(out, copy);
	if (ferror(out) || fchmod(fd, TEXTFILE_MODE) < 0)
		error = errno ? -errno : -EIO;
	if (fclose(out) != 0 && error == 0)
		error = -errno;
	return error;
}

int textfile_write(const char *path, const char *openmetrics)
{
	CLEANUP_FREE char *other = NULL;
	int fd, error;

	/* Not of the ending .prom, for which the collector looks. */
	if (asprintf(&other, "%s.XXXXXX", path) < 0) {
		other = NULL;
		fprintf(stderr, "vifctl: no memory\n");
		return -ENOMEM;
	}
	fd = mkstemp(other);
	error = fd < 0 ? -errno : file_fill(fd, openmetrics);
	if (error == 0 && rename(other, path) < 0)
		error = -errno;
	if (error < 0) {
		fprintf(stderr, "vifctl: %s: can't be written: %s\n", path, strerror(-error));
		if (fd >= 0)
			unlink(other);
	}
	return error;
}
