/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lock of who moves a vif between backends. */
#include "base/moving.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MOVING_NAME "moving.lock"

void moving_path(const char *control, char path[MOVING_PATH_SIZE])
{
	const char *slash = strrchr(control, '/');
	int length = slash ? (int)(slash - control) + 1 : 0;

	snprintf(path, MOVING_PATH_SIZE, "%.*s" MOVING_NAME, length, control);
}

int moving_say(int fd, const char *vif)
{
	size_t length = strlen(vif);

	if (ftruncate(fd, 0) < 0)
		return -errno;
	return pwrite(fd, vif, length, 0) == (ssize_t)length ? 0 : -EIO;
}

int moving_lock(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error;

	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		error = errno == EACCES ? -EAGAIN : -errno;
	else
		error = moving_say(fd, ""); /* not what the last holder said */
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

bool moving_is_moved(const char *path, const char *vif)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char text[32];
	ssize_t n;

	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	return strcmp(text, vif) == 0;
}
