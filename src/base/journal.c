/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines with fields, over libsystemd; without it, none can be sent. */
#include "base/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool journal_has_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat file;

	if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
		return false;
	return fstat(STDERR_FILENO, &file) == 0 && file.st_dev == device && file.st_ino == inode;
}

#ifdef HAVE_LIBSYSTEMD

/* Where a line was written is in the source, and no business of who reads it. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <stdarg.h>
#include <string.h>
#include <systemd/sd-journal.h>

#define JOURNAL_SOCKET	   "/run/systemd/journal/socket"
#define JOURNAL_FIELDS_MAX 8
#define JOURNAL_FIELD_SIZE 64

struct fields {
	unsigned n;
	struct iovec field[JOURNAL_FIELDS_MAX];
	char text[JOURNAL_FIELDS_MAX][JOURNAL_FIELD_SIZE];
};

static void __attribute__((format(printf, 2, 3)))
field_add(struct fields *fields, const char *format, ...)
{
	char *text = fields->text[fields->n];
	va_list args;

	va_start(args, format);
	vsnprintf(text, JOURNAL_FIELD_SIZE, format, args);
	va_end(args);
	fields->field[fields->n++] = (struct iovec){ text, strlen(text) };
}

static void about_add(struct fields *fields, const struct log_about *about)
{
	if (about->message_id)
		field_add(fields, "MESSAGE_ID=%s", about->message_id);
	if (!about->vif)
		return;
	field_add(fields, "XENVIFD_VIF=%s", about->vif);
	field_add(fields, "XENVIFD_DOMID=%u", about->domid);
	field_add(fields, "XENVIFD_DEVID=%u", about->devid);
	if (about->queue >= 0)
		field_add(fields, "XENVIFD_QUEUE=%d", about->queue);
}

int journal_send(int priority, const char *text, const struct log_about *about)
{
	struct fields fields = { 0 };
	char *message;
	int error, len;

	/* libsystemd says nothing of a line that is lost because there is no journal. */
	if (access(JOURNAL_SOCKET, F_OK) < 0)
		return -errno;
	len = asprintf(&message, "MESSAGE=%s", text);
	if (len < 0)
		return -ENOMEM;
	fields.field[fields.n++] = (struct iovec){ message, len };
	field_add(&fields, "PRIORITY=%d", priority);
	about_add(&fields, about);
	error = sd_journal_sendv(fields.field, fields.n);
	free(message);
	return error;
}

#else

int journal_send(int priority, const char *text, const struct log_about *about)
{
	return -ENOTSUP;
}

#endif
