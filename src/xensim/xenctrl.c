/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The little of libxenctrl that a backend's host asks for: who is alive, and what a port is doing.
 *
 * Only the functions here may be called with the handle that xc_interface_open gives on xensim;
 * the real library's others would look for a hypervisor behind it.
 */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>

struct xc_interface_core {
	struct sim_view view;
};

SIM_EXPORT xc_interface *xc_interface_open(xentoollog_logger *logger,
					   xentoollog_logger *dombuild_logger, unsigned int flags)
{
	int rc = sim_attach();
	struct xc_interface_core *xch = rc ? NULL : calloc(1, sizeof(*xch));

	if (!xch)
		errno = rc ? -rc : ENOMEM;
	return xch;
}

SIM_EXPORT int xc_interface_close(xc_interface *xch)
{
	if (xch)
		sim_view_fini(&xch->view);
	free(xch);
	return 0;
}

SIM_EXPORT int xc_domain_getinfo(xc_interface *xch, uint32_t first_domid, unsigned int max_doms,
				 xc_dominfo_t *info)
{
	unsigned int n = 0;
	uint32_t domid;

	sim_nudge(sim.dir);
	for (domid = first_domid; domid < SIM_DOMAINS && n < max_doms; domid++) {
		enum sim_dom_state state = SIM_DOM_STATE(sim.host->doms[domid]);

		if (state == SIM_DOM_NONE)
			continue;
		memset(&info[n], 0, sizeof(info[n]));
		info[n].domid = domid;
		info[n].dying = state == SIM_DOM_DYING;
		info[n].running = state == SIM_DOM_ALIVE;
		info[n].nr_online_vcpus = 1;
		n++;
	}
	return n;
}

SIM_EXPORT int xc_evtchn_status(xc_interface *xch, xc_evtchn_status_t *status)
{
	uint32_t domid = status->dom == DOMID_SELF ? sim.domid : status->dom;
	struct sim_dom *dom = sim_view_find(&xch->view, domid);
	uint64_t link;

	sim_nudge(sim.dir);
	if (!dom || status->port == 0 || status->port >= SIM_PORTS) {
		errno = dom ? EINVAL : ESRCH;
		return -1;
	}
	link = dom->t->ports[status->port].link;
	status->vcpu = 0;
	switch (SIM_LINK_STATE(link)) {
	case SIM_PORT_FREE:
		status->status = EVTCHNSTAT_closed;
		break;
	case SIM_PORT_UNBOUND:
		status->status = EVTCHNSTAT_unbound;
		status->u.unbound.dom = SIM_LINK_DOMID(link);
		break;
	case SIM_PORT_INTERDOMAIN:
		status->status = EVTCHNSTAT_interdomain;
		status->u.interdomain.dom = SIM_LINK_DOMID(link);
		status->u.interdomain.port = SIM_LINK_PORT(link);
		break;
	case SIM_PORT_VIRQ:
		status->status = EVTCHNSTAT_virq;
		status->u.virq = SIM_LINK_PORT(link);
		break;
	}
	return 0;
}
