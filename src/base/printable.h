/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that others wrote, made fit to be shown: it can neither forge lines nor
 * move a terminal's cursor, and it is UTF-8 whatever it was.
 */
#ifndef XENVIFD_BASE_PRINTABLE_H
#define XENVIFD_BASE_PRINTABLE_H

/* What is not printable ASCII becomes '?'. */
static inline void printable_make(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

#endif
