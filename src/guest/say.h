/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines for people, on standard error; standard output is for the JSON line. */
#ifndef XENVIFD_GUEST_SAY_H
#define XENVIFD_GUEST_SAY_H

#include <stdio.h>

#define say(format, ...) fprintf(stderr, "xenvif-guest: " format "\n", ##__VA_ARGS__)

#endif
