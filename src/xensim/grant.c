/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant tables and mappings, as the hypervisor keeps them.
 *
 * Grant reference N of a domain stands for page N of its file, so a grant is one word: permitted,
 * read-only, for whom. Whoever maps it has a record in the host's table of mappings; how many
 * records name a grant is kept beside the grant, and can be counted again from the records.
 * A grant that its owner gives up while it is mapped is deferred, as Linux does: it stays whole
 * until the last mapping goes.
 */
#include "sim.h"

#include <errno.h>
#include <string.h>

#include <xen/grant_table.h>

static bool grant_free(struct sim_tables *t, uint32_t ref)
{
	return t->grants[ref].owner == SIM_NOBODY;
}

/* The first run of count free references, or the lowest free ones where there is no such run */
static int refs_find(struct sim_tables *t, uint32_t count, uint32_t *refs)
{
	uint32_t ref, run = 0, n = 0;

	for (ref = SIM_RESERVED; ref < SIM_GRANTS && run < count; ref++) {
		run = grant_free(t, ref) ? run + 1 : 0;
		if (run && n < count)
			refs[n++] = ref;
	}
	if (run == count)
		for (n = 0; n < count; n++)
			refs[n] = ref - count + n;
	return n == count ? 0 : -ENOSPC;
}

/*
 * Allocates count zeroed pages and grants them as entry says; their references go to refs.
 * 0 or -ENOSPC, and then nothing was taken. (locked)
 */
int sim_grant_alloc(struct sim_dom *dom, sim_hid owner, uint64_t entry, uint32_t count,
		    uint32_t *refs)
{
	uint32_t i;
	int rc = refs_find(dom->t, count, refs);

	if (rc) {
		sim_handle_reap_all();
		rc = refs_find(dom->t, count, refs);
	}
	if (rc)
		return rc;
	for (i = 0; i < count; i++) {
		struct sim_grant *g = &dom->t->grants[refs[i]];

		if (refs[i] >= dom->t->grant_top)
			dom->t->grant_top = refs[i] + 1;
		memset(dom->pages + (size_t)refs[i] * SIM_PAGE, 0, SIM_PAGE);
		g->maps = 0;
		g->owner = owner;
		g->entry = entry;
	}
	return 0;
}

/* Ends mappings of dead processes, so that a grant's count is of the living (locked) */
static void maps_reap(struct sim_dom *dom, uint32_t ref)
{
	uint32_t i;

	for (i = 0; i < sim.host->map_top && dom->t->grants[ref].maps; i++) {
		struct sim_map *m = &sim.host->maps[i];

		if (m->mapper != SIM_NOBODY && m->domid == dom->domid &&
		    m->dom_gen == dom->t->gen && m->ref == ref)
			sim_handle_reap(m->mapper);
	}
}

/* The owner gives the page up: at once, or when its last mapping ends (locked) */
void sim_grant_end(struct sim_dom *dom, uint32_t ref)
{
	struct sim_grant *g = &dom->t->grants[ref];

	if (g->owner == SIM_NOBODY)
		return;
	if (g->maps)
		maps_reap(dom, ref);
	if (g->maps) {
		g->entry |= SIM_GRANT_DEFERRED;
		g->owner = SIM_BUILDER;
		return;
	}
	g->entry = 0;
	g->owner = SIM_NOBODY;
}

/* What Xen says to this domain's wish to use the grant: GNTST_okay or why not. No lock. */
int sim_grant_check(struct sim_dom *dom, uint32_t ref, bool write)
{
	uint64_t entry;

	/* A grant table grows by frames of 512 entries; beyond the last one there is nothing */
	if (ref >= SIM_GRANTS || ref >= (dom->t->grant_top + 511) / 512 * 512)
		return GNTST_bad_gntref;
	entry = dom->t->grants[ref].entry;
	if (!(entry & SIM_GRANT_PERMIT) || SIM_GRANT_DOMID(entry) != sim.domid)
		return GNTST_general_error;
	return write && (entry & SIM_GRANT_READONLY) ? GNTST_general_error : GNTST_okay;
}

static struct sim_map *map_find_free(void)
{
	uint32_t i;

	for (i = 0; i < SIM_MAPS; i++)
		if (sim.host->maps[i].mapper == SIM_NOBODY)
			break;
	if (i == SIM_MAPS)
		return NULL;
	if (i >= sim.host->map_top)
		sim.host->map_top = i + 1;
	return &sim.host->maps[i];
}

/* Records a mapping. Its index in the host's table, or -EINVAL, -ENOSPC. (locked) */
int sim_map_begin(struct sim_dom *dom, uint32_t ref, bool write, sim_hid mapper)
{
	struct sim_map *m;

	if (ref < SIM_GRANTS && !grant_free(dom->t, ref))
		sim_handle_reap(dom->t->grants[ref].owner);
	if (sim_grant_check(dom, ref, write) != GNTST_okay)
		return -EINVAL;
	m = map_find_free();
	if (!m)
		return -ENOSPC;
	m->domid = dom->domid;
	m->dom_gen = dom->t->gen;
	m->ref = ref;
	m->mapper = mapper;
	dom->t->grants[ref].maps++;
	return m - sim.host->maps;
}

/* Ends a mapping, and with the last one what was only kept for it (locked) */
void sim_map_end(struct sim_map *m)
{
	struct sim_dom *dom = sim_dom_get(m->domid);
	uint32_t ref = m->ref;

	m->mapper = SIM_NOBODY;
	if (dom && dom->t->gen == m->dom_gen) {
		struct sim_grant *g = &dom->t->grants[ref];

		g->maps--;
		if (!g->maps && (g->entry & SIM_GRANT_DEFERRED))
			sim_grant_end(dom, ref);
		sim_dom_settle(dom->domid);
	}
	sim_dom_put(dom);
}

static void maps_forget(struct sim_tables *t)
{
	uint32_t i;

	for (i = 0; i < t->grant_top; i++)
		t->grants[i].maps = 0;
}

static void deferred_end(struct sim_dom *dom)
{
	uint32_t i;

	for (i = 0; i < dom->t->grant_top; i++)
		if (!dom->t->grants[i].maps && (dom->t->grants[i].entry & SIM_GRANT_DEFERRED))
			sim_grant_end(dom, i);
}

/* Counts every grant's mappings again (locked) */
void sim_map_mend(void)
{
	struct sim_dom *dom;
	uint32_t i;

	for (i = 0; i < sim.host->dom_top; i++) {
		dom = sim_dom_get(i);
		if (dom)
			maps_forget(dom->t);
		sim_dom_put(dom);
	}
	for (i = 0; i < sim.host->map_top; i++) {
		struct sim_map *m = &sim.host->maps[i];

		dom = m->mapper == SIM_NOBODY ? NULL : sim_dom_get(m->domid);
		if (dom && dom->t->gen == m->dom_gen)
			dom->t->grants[m->ref].maps++;
		sim_dom_put(dom);
	}
	for (i = 0; i < sim.host->dom_top; i++) {
		dom = sim_dom_get(i);
		if (dom)
			deferred_end(dom);
		sim_dom_put(dom);
	}
}
