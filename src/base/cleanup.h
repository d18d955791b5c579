/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scope-exit helpers: a variable marked with one is released when its scope ends. */
#ifndef XENVIFD_BASE_CLEANUP_H
#define XENVIFD_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define CLEANUP_FREE  __attribute__((cleanup(cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close)))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
