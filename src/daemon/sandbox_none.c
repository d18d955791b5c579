/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sandbox of a build that has none: with a sanitizer, or without libseccomp or libcap-ng. */
#include "daemon/sandbox.h"

#include "base/log.h"

int sandbox_enter_control(enum sandbox_mode mode)
{
	if (mode != SANDBOX_OFF)
		log_event(LOG_LEVEL_INFO, MESSAGE_NO_SANDBOX,
			  "this build has no sandbox: it was made with a sanitizer, or without "
			  "libseccomp or libcap-ng");
	return 0;
}

int sandbox_enter_worker(void)
{
	return 0;
}
