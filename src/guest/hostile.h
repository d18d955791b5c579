/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hostile guest: one misdeed on queue 0 of a connected vif, and what came of it. */
#ifndef XENVIFD_GUEST_HOSTILE_H
#define XENVIFD_GUEST_HOSTILE_H

#include "front.h"

/* Prints every misdeed with one line. */
void hostile_list(void);

/* 0 if NAME or NAME:N is a misdeed; else -EINVAL, having said what to do. */
int hostile_check(const char *text);

/* Does it, and prints the outcome as one line of JSON. 0, or -errno of a failure here. */
int hostile_run(struct front *front, const char *text);

#endif
