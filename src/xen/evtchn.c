/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels of one queue, over libxenevtchn. */
#include "xen/evtchn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>

#include <xenevtchn.h>

#include "xen/xenlog.h"

static xenevtchn_handle *handle_of(struct evtchn *evtchn)
{
	return (xenevtchn_handle *)evtchn;
}

/* The kernel keeps the name of the thread that opens /dev/xen/evtchn. */
static xenevtchn_handle *handle_open_as(const char *name)
{
	char own[16] = "";
	xenevtchn_handle *handle;

	prctl(PR_GET_NAME, own);
	prctl(PR_SET_NAME, name);
	handle = xenevtchn_open(xenlog_get(), 0);
	prctl(PR_SET_NAME, own);
	return handle;
}

int evtchn_open(struct evtchn **evtchn, const char *name)
{
	xenevtchn_handle *handle = handle_open_as(name);
	int flags, error;

	if (!handle)
		return errno ? -errno : -EIO;
	flags = fcntl(xenevtchn_fd(handle), F_GETFL);
	if (flags < 0 || fcntl(xenevtchn_fd(handle), F_SETFL, flags | O_NONBLOCK) < 0) {
		error = -errno;
		xenevtchn_close(handle);
		return error;
	}
	*evtchn = (struct evtchn *)handle;
	return 0;
}

void evtchn_close(struct evtchn *evtchn)
{
	if (evtchn)
		xenevtchn_close(handle_of(evtchn));
}

int evtchn_fd(struct evtchn *evtchn)
{
	return xenevtchn_fd(handle_of(evtchn));
}

int evtchn_bind(struct evtchn *evtchn, uint16_t domid, uint32_t remote_port)
{
	int port = xenevtchn_bind_interdomain(handle_of(evtchn), domid, remote_port);

	return port < 0 ? -errno : port;
}

int evtchn_notify(struct evtchn *evtchn, uint32_t local_port)
{
	return xenevtchn_notify(handle_of(evtchn), local_port) < 0 ? -errno : 0;
}

int evtchn_pending(struct evtchn *evtchn)
{
	int port = xenevtchn_pending(handle_of(evtchn));

	return port < 0 ? -errno : port;
}

int evtchn_unmask(struct evtchn *evtchn, uint32_t local_port)
{
	return xenevtchn_unmask(handle_of(evtchn), local_port) < 0 ? -errno : 0;
}
