/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service manager, over libsystemd. */
#include "base/service.h"

#include <errno.h>

#ifdef HAVE_LIBSYSTEMD

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"

#define SERVICE_USEC_IN_NS 1000u

/* What was kept: descriptor SD_LISTEN_FDS_START + i has name[i], NULL once it was taken. */
static struct {
	char **name;
	int count;
} kept;

void service_open(void)
{
	kept.count = sd_listen_fds_with_names(1, &kept.name);
	if (kept.count >= 0)
		return;
	log_warning("what the service manager kept is lost: %s", strerror(-kept.count));
	kept.count = 0;
}

void service_notify(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sd_notify(0, text);
}

uint64_t service_watchdog_ns(void)
{
	uint64_t usec;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec * SERVICE_USEC_IN_NS : 0;
}

void service_keep(const char *name, int fd)
{
	char text[128];
	int error;

	/* A tap that is down is "in error" to poll, and is to be kept all the same. */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	error = sd_pid_notify_with_fds(0, 0, text, &fd, 1);
	if (error < 0)
		log_warning("the service manager does not keep %s: %s; a restart will be noticed",
			    name, strerror(-error));
}

void service_forget(const char *name)
{
	service_notify("FDSTOREREMOVE=1\nFDNAME=%s", name);
}

int service_take(const char *name)
{
	for (int i = 0; i < kept.count; i++) {
		if (kept.name[i] && strcmp(kept.name[i], name) == 0) {
			free(kept.name[i]);
			kept.name[i] = NULL;
			return SD_LISTEN_FDS_START + i;
		}
	}
	return -ENOENT;
}

void service_discard(void)
{
	for (int i = 0; i < kept.count; i++) {
		if (!kept.name[i])
			continue;
		log_info("%s, kept by the service manager, belongs to nothing any more",
			 kept.name[i]);
		service_forget(kept.name[i]);
		close(SD_LISTEN_FDS_START + i);
		free(kept.name[i]);
	}
	free(kept.name);
	kept.name = NULL;
	kept.count = 0;
}

#else

void service_open(void)
{
}

void service_notify(const char *format, ...)
{
}

uint64_t service_watchdog_ns(void)
{
	return 0;
}

void service_keep(const char *name, int fd)
{
}

void service_forget(const char *name)
{
}

int service_take(const char *name)
{
	return -ENOENT;
}

void service_discard(void)
{
}

#endif
