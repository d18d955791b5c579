/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channel ports, as the hypervisor keeps them.
 *
 * A port has two bits, PENDING and MASKED. The descriptor of the handle that owns it becomes
 * readable through a token, its number written into the handle's FIFO, and a token is owed exactly
 * when a port becomes pending and unmasked. One atomic operation makes that so, hence one caller
 * sees it happen, and that caller writes the token: there is never a second one, and never none.
 * (A caller that is killed between the two has left a note in its handle's slot, see
 * notify_finish.) Taking the token masks the port, which is what Linux's driver does; unmasking it
 * with an event due owes the next token.
 */
#include "sim.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

/* Takes the lowest free port. Its number, or -ENOSPC. (locked) */
int sim_port_alloc(struct sim_tables *t, sim_hid owner, uint64_t link)
{
	uint32_t i;

	for (i = 1; i < SIM_PORTS; i++)
		if (SIM_LINK_STATE(t->ports[i].link) == SIM_PORT_FREE)
			break;
	if (i == SIM_PORTS)
		return -ENOSPC;
	if (i >= t->port_top)
		t->port_top = i + 1;
	t->ports[i].event = 0;
	t->ports[i].owner = owner;
	t->ports[i].link = link;
	return i;
}

static bool port_reciprocal(struct sim_tables *t, uint32_t port, struct sim_dom *peer)
{
	uint64_t link = t->ports[port].link;

	return peer && SIM_LINK_PORT(link) < SIM_PORTS &&
	       peer->t->ports[SIM_LINK_PORT(link)].link ==
		       SIM_LINK(SIM_PORT_INTERDOMAIN, t->domid, port);
}

/* Closes a port. Its peer waits again, for the same domain. (locked) */
void sim_port_close(struct sim_tables *t, uint32_t port)
{
	uint64_t link = t->ports[port].link;

	if (SIM_LINK_STATE(link) == SIM_PORT_FREE)
		return;
	if (SIM_LINK_STATE(link) == SIM_PORT_INTERDOMAIN) {
		struct sim_dom *peer = sim_dom_get(SIM_LINK_DOMID(link));

		if (port_reciprocal(t, port, peer))
			peer->t->ports[SIM_LINK_PORT(link)].link =
				SIM_LINK(SIM_PORT_UNBOUND, t->domid, 0);
		sim_dom_put(peer);
	}
	t->ports[port].owner = SIM_NOBODY;
	t->ports[port].event = 0;
	t->ports[port].link = 0;
}

/* Marks an event; true if the caller now owes the owner a token. Any process, no lock. */
bool sim_port_mark(struct sim_port *p)
{
	return atomic_fetch_or(&p->event, SIM_EVENT_PENDING) == 0;
}

/* Unmasks; true if an event was due, and the caller owes a token */
bool sim_port_unmask(struct sim_port *p)
{
	return atomic_fetch_and(&p->event, ~SIM_EVENT_MASKED) ==
	       (SIM_EVENT_PENDING | SIM_EVENT_MASKED);
}

/* The token has been read: the event is taken, and the port masked until its owner is done */
void sim_port_take(struct sim_port *p)
{
	uint32_t due = SIM_EVENT_PENDING;

	atomic_compare_exchange_strong(&p->event, &due, SIM_EVENT_MASKED);
}

/*
 * Writes a port's token into its owner's FIFO, or nothing if none is owed; one system call either
 * way. A FIFO holds a token for each port that a domain can have, so it is never full.
 */
int sim_port_signal(int fd, uint32_t port, bool owed)
{
	return write(fd, &port, owed ? sizeof(port) : 0) < 0 ? -errno : 0;
}

/* Signals a port's owner, for those who have no end of it open (locked) */
void sim_port_token(struct sim_tables *t, uint32_t port)
{
	sim_hid owner = t->ports[port].owner;
	int fd = owner == SIM_NOBODY || owner == SIM_BUILDER ? -1 : sim_handle_file(owner);

	if (fd < 0)
		return;
	sim_port_signal(fd, port, true);
	close(fd);
}

/* A virtual interrupt of domain 0 (locked) */
void sim_virq_raise(uint32_t virq)
{
	struct sim_dom *dom = sim_dom_get(0);
	uint32_t i;

	for (i = 1; dom && i < dom->t->port_top; i++)
		if (dom->t->ports[i].link == SIM_LINK(SIM_PORT_VIRQ, 0, virq) &&
		    sim_port_mark(&dom->t->ports[i]))
			sim_port_token(dom->t, i);
	sim_dom_put(dom);
}

/* A bind or a close that was cut short left one end pointing at a port that knows nothing of it:
 * that end waits again. If its owner is dead the reaping that follows frees it. (locked) */
void sim_port_mend(struct sim_tables *t)
{
	uint32_t i;

	for (i = 1; i < t->port_top; i++) {
		uint64_t link = t->ports[i].link;
		struct sim_dom *peer;

		if (SIM_LINK_STATE(link) != SIM_PORT_INTERDOMAIN)
			continue;
		peer = sim_dom_get(SIM_LINK_DOMID(link));
		if (!port_reciprocal(t, i, peer))
			t->ports[i].link = SIM_LINK(SIM_PORT_UNBOUND, SIM_LINK_DOMID(link), 0);
		sim_dom_put(peer);
	}
}
