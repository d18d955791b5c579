/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xensim counts: what each domain holds, so that a test can compare before and after.
 *
 * What belongs to the domain's own boot (its xenstore page and port, and xenstored's hold on them)
 * is counted apart, as "system", so that a domain without a device shows zeros.
 */
#include "sim.h"
#include "tool.h"

#include <stdio.h>
#include <string.h>

struct counts {
	uint32_t unbound, interdomain, virq; /* ports */
	uint32_t pages, deferred;	     /* granted; granted up to their last mapping */
	uint32_t mapped;		     /* mappings of this domain's pages by others */
	uint32_t maps;			     /* mappings of others' pages by this domain */
	uint32_t handles;
	uint32_t system;
};

/* A port between a domain's boot port and xenstored */
static bool port_system(const struct sim_tables *t, uint32_t port)
{
	uint64_t link = t->ports[port].link;
	struct sim_dom *peer;
	bool boot = t->ports[port].owner == SIM_BUILDER;

	if (boot || SIM_LINK_STATE(link) != SIM_PORT_INTERDOMAIN)
		return boot || SIM_LINK_STATE(link) == SIM_PORT_VIRQ;
	peer = sim_dom_get(SIM_LINK_DOMID(link));
	boot = peer && peer->t->ports[SIM_LINK_PORT(link)].owner == SIM_BUILDER;
	sim_dom_put(peer);
	return boot;
}

static void count_ports(const struct sim_tables *t, struct counts *c)
{
	uint32_t i;

	for (i = 1; i < t->port_top; i++) {
		enum sim_port_state state = SIM_LINK_STATE(t->ports[i].link);

		if (state != SIM_PORT_FREE && port_system(t, i))
			c->system++;
		else
			c->unbound += state == SIM_PORT_UNBOUND;
		if (!port_system(t, i))
			c->interdomain += state == SIM_PORT_INTERDOMAIN;
		c->virq += state == SIM_PORT_VIRQ;
	}
}

static void count_grants(const struct sim_tables *t, struct counts *c)
{
	uint32_t i;

	for (i = SIM_RESERVED; i < t->grant_top; i++) {
		c->pages += t->grants[i].owner != SIM_NOBODY;
		c->deferred += !!(t->grants[i].entry & SIM_GRANT_DEFERRED);
		c->mapped += t->grants[i].maps;
	}
}

static void count_maps(uint32_t domid, struct counts *c)
{
	struct sim_host *host = sim.host;
	uint32_t i;

	for (i = 0; i < host->map_top; i++) {
		struct sim_map *m = &host->maps[i];

		if (m->mapper == SIM_NOBODY || host->handles[SIM_SLOT(m->mapper)].domid != domid)
			continue;
		if (m->ref < SIM_RESERVED)
			c->system++;
		else
			c->maps++;
	}
	for (i = 1; i < host->handle_top; i++)
		c->handles += host->handles[i].kind != SIM_FREE && host->handles[i].domid == domid;
}

static void print_text(uint32_t domid, const char *state, const struct counts *c)
{
	printf("domain %u %s: ports %u interdomain %u unbound, pages granted %u (%u deferred) "
	       "mapped by others %u, maps %u, handles %u, system %u\n",
	       domid, state, c->interdomain, c->unbound, c->pages, c->deferred, c->mapped, c->maps,
	       c->handles, c->system);
}

static void print_json(uint32_t domid, const char *state, const struct counts *c, bool first)
{
	printf("%s\n  \"%u\": {\"state\": \"%s\", \"interdomain\": %u, \"unbound\": %u, "
	       "\"virq\": %u, \"pages\": %u, \"deferred\": %u, \"mapped\": %u, \"maps\": %u, "
	       "\"handles\": %u, \"system\": %u}",
	       first ? "" : ",", domid, state, c->interdomain, c->unbound, c->virq, c->pages,
	       c->deferred, c->mapped, c->maps, c->handles, c->system);
}

int tool_counts(bool json)
{
	bool first = true;
	uint32_t domid;

	if (json)
		printf("{");
	sim_lock();
	sim_handle_reap_all();
	for (domid = 0; domid < sim.host->dom_top; domid++) {
		struct sim_dom *dom = sim_dom_get(domid);
		struct counts c = { 0 };
		const char *state;

		if (!dom)
			continue;
		state = SIM_DOM_STATE(sim.host->doms[domid]) == SIM_DOM_ALIVE ? "alive" : "dying";
		count_ports(dom->t, &c);
		count_grants(dom->t, &c);
		count_maps(domid, &c);
		sim_dom_put(dom);
		if (json)
			print_json(domid, state, &c, first);
		else
			print_text(domid, state, &c);
		first = false;
	}
	sim_unlock();
	if (json)
		printf("\n}\n");
	return 0;
}
