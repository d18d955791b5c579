/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the libxen* libraries have to say goes to our log, at level debug. */
#ifndef XENVIFD_XEN_XENLOG_H
#define XENVIFD_XEN_XENLOG_H

#include <xentoollog.h>

/* The one logger that all handles of libxen* are opened with. Any thread. Never NULL. */
xentoollog_logger *xenlog_get(void);

#endif
