/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxenevtchn: /dev/xen/evtchn's answers.
 *
 * The program's descriptor is the handle's FIFO: a read takes one token, which names a port. To
 * notify, a handle keeps one end of each peer's FIFO (a wire), opened at the first need and again
 * when the peer's port has a new owner. Each of notify, pending and unmask makes one system call,
 * also where there is nothing to tell (then it writes zero bytes).
 */
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <xenevtchn.h>
#include <xen/xen.h>

struct wire {
	uint32_t port; /* the local port; 0 = free entry */
	sim_hid peer;
	int fd;
};

struct xenevtchn_handle {
	struct sim_device device;
	uint32_t restricted; /* the only peer allowed, or SIM_SELF for any */
	struct sim_dom *self;
	struct wire *wires; /* hashed by port, open addressing, never removed */
	uint32_t wire_mask, wire_count;
};

static int fail(int err)
{
	errno = err < 0 ? -err : err;
	return -1;
}

static int done(int rc)
{
	return rc < 0 ? fail(rc) : rc;
}

static struct wire *wire_slot(struct wire *wires, uint32_t mask, uint32_t port)
{
	uint32_t i = port & mask;

	while (wires[i].port && wires[i].port != port)
		i = (i + 1) & mask;
	return &wires[i];
}

static int wire_grow(xenevtchn_handle *h)
{
	uint32_t mask = h->wires ? h->wire_mask * 2 + 1 : 7;
	struct wire *wires = calloc(mask + 1, sizeof(*wires));
	uint32_t i;

	if (!wires)
		return -ENOMEM;
	for (i = 0; h->wires && i <= h->wire_mask; i++)
		if (h->wires[i].port)
			*wire_slot(wires, mask, h->wires[i].port) = h->wires[i];
	free(h->wires);
	h->wires = wires;
	h->wire_mask = mask;
	return 0;
}

/* One end of the FIFO of peer, which holds the other end of a local port; or -errno, and -ENOENT
 * if there is nobody to tell */
static int wire_get(xenevtchn_handle *h, uint32_t port, sim_hid peer)
{
	struct wire *w;

	if ((!h->wires || h->wire_count * 2 > h->wire_mask) && wire_grow(h) < 0)
		return -ENOMEM;
	w = wire_slot(h->wires, h->wire_mask, port);
	if (!w->port) {
		h->wire_count++;
		w->port = port;
		w->fd = -ENOENT;
	}
	/* A file that was gone stays gone: no other handle ever bears that name */
	if (w->peer == peer && (w->fd >= 0 || w->fd == -ENOENT))
		return w->fd;
	if (w->fd >= 0)
		close(w->fd);
	w->peer = peer;
	w->fd = peer == SIM_NOBODY || peer == SIM_BUILDER ? -ENOENT : sim_handle_file(peer);
	return w->fd;
}

static void wire_cut(xenevtchn_handle *h, uint32_t port)
{
	if (h->wires && wire_slot(h->wires, h->wire_mask, port)->port)
		wire_get(h, port, SIM_NOBODY);
}

/* The table entry of a port that this handle owns, or NULL */
static struct sim_port *port_own(xenevtchn_handle *h, evtchn_port_t port)
{
	struct sim_port *p = port < SIM_PORTS ? &h->self->t->ports[port] : NULL;

	return p && p->owner == h->device.hid ? p : NULL;
}

static xenevtchn_handle *handle_create(int fd, sim_hid hid)
{
	xenevtchn_handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->device.fd = fd;
	h->device.hid = hid;
	h->restricted = SIM_SELF;
	h->self = sim_view_find(&h->device.view, sim.domid);
	if (h->self)
		return h;
	free(h);
	return NULL;
}

SIM_EXPORT xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
	int rc = flags & ~XENEVTCHN_NO_CLOEXEC ? -EINVAL : 0;
	xenevtchn_handle *h = NULL;
	sim_hid hid;

	if (!rc)
		rc = sim_device_open(SIM_EVTCHN, SIM_CALL_EVTCHN_OPEN,
				     !(flags & XENEVTCHN_NO_CLOEXEC), &hid);
	if (rc >= 0) {
		h = handle_create(rc, hid);
		if (!h)
			close(rc);
		rc = -ENOMEM;
	}
	if (!h)
		fail(rc);
	return h;
}

SIM_EXPORT xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd,
					      unsigned int flags)
{
	int rc = flags ? -EINVAL : sim_attach();
	xenevtchn_handle *h = NULL;
	sim_hid hid;

	if (!rc)
		rc = sim_handle_adopt(fd, &hid);
	if (!rc) {
		h = handle_create(fd, hid);
		rc = -ENOMEM;
	}
	if (!h)
		fail(rc);
	return h;
}

SIM_EXPORT int xenevtchn_close(xenevtchn_handle *h)
{
	uint32_t i;

	if (!h)
		return 0;
	for (i = 0; h->wires && i <= h->wire_mask; i++)
		if (h->wires[i].port && h->wires[i].fd >= 0)
			close(h->wires[i].fd);
	free(h->wires);
	sim_device_destroy(&h->device);
	return 0;
}

SIM_EXPORT int xenevtchn_fd(xenevtchn_handle *h)
{
	return h->device.fd;
}

SIM_EXPORT int xenevtchn_restrict(xenevtchn_handle *h, domid_t domid)
{
	if (h->restricted != SIM_SELF)
		return fail(EACCES);
	h->restricted = domid;
	return 0;
}

SIM_EXPORT int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
	struct sim_handle *slot = &sim.host->handles[SIM_SLOT(h->device.hid)];
	struct sim_port *p = port_own(h, port);
	struct sim_dom *peer;
	uint64_t link;
	uint32_t there;
	int fd, rc;

	if (!p)
		return fail(ENOTCONN);
	link = p->link;
	there = SIM_LINK_PORT(link);
	if (SIM_LINK_STATE(link) == SIM_PORT_VIRQ)
		return fail(EINVAL);
	peer = SIM_LINK_STATE(link) == SIM_PORT_INTERDOMAIN
		       ? sim_view_find(&h->device.view, SIM_LINK_DOMID(link))
		       : NULL;
	fd = peer ? wire_get(h, port, peer->t->ports[there].owner) : -ENOENT;
	if (fd == -ENOENT) {
		if (peer)
			sim_port_mark(&peer->t->ports[there]);
		return done(sim_port_signal(h->device.fd, 0, false));
	}
	if (fd < 0)
		return fail(fd);
	slot->notifying = link;
	rc = sim_port_signal(fd, there, sim_port_mark(&peer->t->ports[there]));
	slot->notifying = 0;
	return done(rc);
}

SIM_EXPORT xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
	evtchn_port_t port;

	if (read(h->device.fd, &port, sizeof(port)) != sizeof(port))
		return -1;
	if (port_own(h, port))
		sim_port_take(&h->self->t->ports[port]);
	return port;
}

SIM_EXPORT int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
	struct sim_port *p = port_own(h, port);

	return done(sim_port_signal(h->device.fd, port, p && sim_port_unmask(p)));
}

/* A free port; dead handles' ports are looked through when there seems to be none (locked) */
static int port_take(xenevtchn_handle *h, uint64_t link)
{
	int port = sim_port_alloc(h->self->t, h->device.hid, link);

	if (port != -ENOSPC)
		return port;
	sim_handle_reap_all();
	return sim_port_alloc(h->self->t, h->device.hid, link);
}

SIM_EXPORT xenevtchn_port_or_error_t xenevtchn_bind_unbound_port(xenevtchn_handle *h,
								 uint32_t domid)
{
	int rc = sim_fault_take(SIM_CALL_BIND_UNBOUND);

	if (rc)
		return fail(rc);
	if (h->restricted != SIM_SELF && h->restricted != domid)
		return fail(EACCES);
	sim_nudge(sim.dir);
	sim_lock();
	rc = port_take(h, SIM_LINK(SIM_PORT_UNBOUND, domid == SIM_SELF ? sim.domid : domid, 0));
	sim_unlock();
	return done(rc);
}

/* Whether the remote port waits for this domain, now that the dead have been cleared away */
static bool port_awaits(struct sim_port *there)
{
	struct sim_dom *dom;
	uint64_t link;
	sim_hid holder = SIM_NOBODY;

	sim_handle_reap(there->owner);
	link = there->link;
	if (SIM_LINK_STATE(link) == SIM_PORT_INTERDOMAIN) {
		dom = sim_dom_get(SIM_LINK_DOMID(link));
		if (dom)
			holder = dom->t->ports[SIM_LINK_PORT(link)].owner;
		sim_dom_put(dom);
		if (holder != SIM_NOBODY)
			sim_handle_reap(holder);
	}
	return there->link == SIM_LINK(SIM_PORT_UNBOUND, sim.domid, 0);
}

/* Joins a new local port and the remote one; the local one has an event at once (locked) */
static int bind_remote(xenevtchn_handle *h, struct sim_dom *peer, evtchn_port_t remote)
{
	struct sim_port *there;
	int port;

	if (remote == 0 || remote >= SIM_PORTS)
		return -EINVAL;
	there = &peer->t->ports[remote];
	if (!port_awaits(there))
		return -EINVAL;
	port = port_take(h, SIM_LINK(SIM_PORT_INTERDOMAIN, peer->domid, remote));
	if (port < 0)
		return port;
	there->link = SIM_LINK(SIM_PORT_INTERDOMAIN, sim.domid, port);
	return port;
}

SIM_EXPORT xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid,
								evtchn_port_t remote_port)
{
	int rc = sim_fault_take(SIM_CALL_BIND_INTERDOMAIN);
	struct sim_dom *peer;
	uint32_t port;

	if (rc)
		return fail(rc);
	if (h->restricted != SIM_SELF && h->restricted != domid)
		return fail(EACCES);
	sim_lock();
	peer = sim_view_find(&h->device.view, domid == SIM_SELF ? sim.domid : domid);
	rc = peer ? bind_remote(h, peer, remote_port) : -ESRCH;
	sim_unlock();
	if (rc < 0)
		return fail(rc);
	port = rc;
	wire_get(h, port, peer->t->ports[remote_port].owner);
	rc = sim_port_signal(h->device.fd, port, sim_port_mark(&h->self->t->ports[port]));
	return rc < 0 ? fail(rc) : (int)port;
}

/* A virtual interrupt of the host: one port in the world has it (locked) */
static int bind_virq(xenevtchn_handle *h, unsigned int virq)
{
	struct sim_tables *t = h->self->t;
	uint32_t i;

	for (i = 1; i < t->port_top; i++)
		if (t->ports[i].link == SIM_LINK(SIM_PORT_VIRQ, sim.domid, virq) &&
		    !sim_handle_reap(t->ports[i].owner))
			return -EEXIST;
	return port_take(h, SIM_LINK(SIM_PORT_VIRQ, sim.domid, virq));
}

SIM_EXPORT xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *h, unsigned int virq)
{
	int rc;

	if (h->restricted != SIM_SELF)
		return fail(EACCES);
	if (virq != VIRQ_DOM_EXC || sim.domid != 0)
		return fail(EINVAL);
	sim_nudge(sim.dir);
	sim_lock();
	rc = bind_virq(h, virq);
	sim_unlock();
	return done(rc);
}

SIM_EXPORT int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port)
{
	sim_nudge(sim.dir);
	if (!port_own(h, port))
		return fail(ENOTCONN);
	sim_lock();
	sim_port_close(h->self->t, port);
	sim_unlock();
	wire_cut(h, port);
	return 0;
}
