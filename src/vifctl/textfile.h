/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters as a file for the textfile collector of Prometheus's node_exporter. */
#ifndef XENVIFD_VIFCTL_TEXTFILE_H
#define XENVIFD_VIFCTL_TEXTFILE_H

/*
 * Writes OpenMetrics text to a file as Prometheus text, under another name
 * first, so that who reads it sees all of it or what was there before. The mode
 * is 0644. 0, or -errno, said on standard error; then the file is as it was.
 */
int textfile_write(const char *path, const char *openmetrics);

#endif
