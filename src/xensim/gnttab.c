/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxengnttab, the using side: /dev/xen/gntdev's answers.
 *
 * A mapping is an mmap of the granting domain's file and a record in the host's table. A copy is
 * checked word by word against the other domain's grant table and done by memcpy to or from this
 * process' mapping of all of that domain's pages: no lock, and one system call whatever the count.
 */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xengnttab.h>

struct mapping {
	uint8_t *at;
	uint32_t count;
	uint32_t *records; /* count indices of the host's table of mappings */
	struct mapping *next;
};

struct xengntdev_handle {
	struct sim_device device;
	struct mapping *mappings;
};

SIM_EXPORT xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return sim_device_create(SIM_GNTTAB, SIM_CALL_GNTTAB_OPEN, sizeof(xengnttab_handle));
}

static void mapping_destroy(struct mapping *m)
{
	if (m) {
		free(m->records);
		free(m);
	}
}

static struct mapping *mapping_create(uint32_t count)
{
	struct mapping *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->records = calloc(count, sizeof(*m->records));
	if (m->records)
		return m;
	free(m);
	return NULL;
}

/* Ends the first n records of a mapping (locked) */
static void records_end(struct mapping *m, uint32_t n)
{
	while (n--)
		sim_map_end(&sim.host->maps[m->records[n]]);
}

SIM_EXPORT int xengnttab_close(xengnttab_handle *h)
{
	struct mapping *m;

	if (!h)
		return 0;
	while ((m = h->mappings)) {
		h->mappings = m->next;
		munmap(m->at, (size_t)m->count * SIM_PAGE);
		mapping_destroy(m);
	}
	sim_device_destroy(&h->device);
	return 0;
}

SIM_EXPORT int xengnttab_fd(xengnttab_handle *h)
{
	return h->device.fd;
}

/* Linux no longer knows such a limit; the library's call succeeds */
SIM_EXPORT int xengnttab_set_max_grants(xengnttab_handle *h, uint32_t nr_grants)
{
	sim_nudge(h->device.fd);
	return 0;
}

/* Records all pages of a mapping, or none. 0 or -errno. */
static int records_begin(xengnttab_handle *h, struct mapping *m, const uint32_t *domids,
			 uint32_t stride, const uint32_t *refs, bool write)
{
	struct sim_dom *dom;
	uint32_t i;
	int rc = 0;

	sim_lock();
	for (i = 0; i < m->count; i++) {
		dom = sim_view_find(&h->device.view, domids[i * stride]);
		rc = dom ? sim_map_begin(dom, refs[i], write, h->device.hid) : -EINVAL;
		if (rc < 0)
			break;
		m->records[i] = rc;
	}
	if (rc < 0)
		records_end(m, i);
	sim_unlock();
	return rc < 0 ? rc : 0;
}

/* One page of a domain's file at a fixed address, or anywhere */
static void *page_map(struct sim_dom *dom, uint32_t ref, int prot, void *at)
{
	return mmap(at, SIM_PAGE, prot, MAP_SHARED | (at ? MAP_FIXED : 0), dom->fd,
		    SIM_PAGES_AT + (off_t)ref * SIM_PAGE);
}

static int pages_map(xengnttab_handle *h, struct mapping *m, const uint32_t *domids,
		     uint32_t stride, const uint32_t *refs, int prot)
{
	size_t size = (size_t)m->count * SIM_PAGE;
	struct sim_dom *dom;
	uint32_t i;

	m->at = NULL;
	if (m->count > 1)
		m->at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (i = 0; m->at != MAP_FAILED && i < m->count; i++) {
		void *at;

		dom = sim_view_find(&h->device.view, domids[i * stride]);
		at = dom ? page_map(dom, refs[i], prot, m->at ? m->at + i * SIM_PAGE : NULL)
			 : MAP_FAILED;
		if (at == MAP_FAILED && m->at)
			munmap(m->at, size);
		if (at == MAP_FAILED || m->count == 1)
			m->at = at;
		if (at == MAP_FAILED)
			break;
	}
	return m->at == MAP_FAILED ? -ENOMEM : 0;
}

static void *map_refs(xengnttab_handle *h, uint32_t count, const uint32_t *domids, uint32_t stride,
		      const uint32_t *refs, int prot)
{
	struct mapping *m = count ? mapping_create(count) : NULL;
	int rc = !count ? -EINVAL : !m ? -ENOMEM : -sim_fault_take(SIM_CALL_MAP_GRANT);

	if (!rc) {
		m->count = count;
		rc = records_begin(h, m, domids, stride, refs, prot & PROT_WRITE);
	}
	if (!rc) {
		rc = pages_map(h, m, domids, stride, refs, prot);
		if (rc) {
			sim_lock();
			records_end(m, count);
			sim_unlock();
		}
	}
	if (rc) {
		mapping_destroy(m);
		errno = -rc;
		return NULL;
	}
	m->next = h->mappings;
	h->mappings = m;
	return m->at;
}

SIM_EXPORT void *xengnttab_map_grant_ref(xengnttab_handle *h, uint32_t domid, uint32_t ref,
					 int prot)
{
	return map_refs(h, 1, &domid, 0, &ref, prot);
}

SIM_EXPORT void *xengnttab_map_grant_refs(xengnttab_handle *h, uint32_t count, uint32_t *domids,
					  uint32_t *refs, int prot)
{
	return map_refs(h, count, domids, 1, refs, prot);
}

SIM_EXPORT void *xengnttab_map_domain_grant_refs(xengnttab_handle *h, uint32_t count,
						 uint32_t domid, uint32_t *refs, int prot)
{
	return map_refs(h, count, &domid, 0, refs, prot);
}

/* Without a notification it is a plain map; with one, see "not reproduced" in sim.h */
SIM_EXPORT void *xengnttab_map_grant_ref_notify(xengnttab_handle *h, uint32_t domid, uint32_t ref,
						int prot, uint32_t notify_offset,
						evtchn_port_t notify_port)
{
	if (notify_offset == UINT32_MAX && notify_port == UINT32_MAX)
		return map_refs(h, 1, &domid, 0, &ref, prot);
	errno = ENOSYS;
	return NULL;
}

SIM_EXPORT int xengnttab_unmap(xengnttab_handle *h, void *start_address, uint32_t count)
{
	struct mapping **link, *m;

	for (link = &h->mappings; (m = *link); link = &m->next)
		if (m->at == start_address)
			break;
	if (!m || m->count != count) {
		errno = EINVAL;
		return -1;
	}
	munmap(m->at, (size_t)m->count * SIM_PAGE);
	sim_lock();
	records_end(m, m->count);
	sim_unlock();
	*link = m->next;
	mapping_destroy(m);
	return 0;
}

/* A gref side of a copy: where its bytes are in this process, or the status that it fails with */
static int copy_side(xengnttab_handle *h, const union xengnttab_copy_ptr *side, bool write,
		     uint8_t **at)
{
	uint32_t domid = side->foreign.domid;
	struct sim_dom *dom = sim_view_find(&h->device.view, domid == SIM_SELF ? sim.domid : domid);
	int status;

	if (!dom)
		return GNTST_bad_domain;
	status = sim_grant_check(dom, side->foreign.ref, write);
	*at = dom->pages + (size_t)side->foreign.ref * SIM_PAGE + side->foreign.offset;
	return status;
}

static int copy_segment(xengnttab_handle *h, const xengnttab_grant_copy_segment_t *seg)
{
	uint8_t *from = seg->source.virt, *to = seg->dest.virt;
	int status = GNTST_okay;

	if (!seg->len)
		return GNTST_okay; /* gntdev makes no operation of it, so Xen checks nothing */
	if (__builtin_expect(sim.host->faults_armed, 0))
		status = sim_fault_take(SIM_CALL_GRANT_COPY);
	if (status == GNTST_okay && (seg->flags & GNTCOPY_source_gref))
		status = copy_side(h, &seg->source, false, &from);
	if (status == GNTST_okay && (seg->flags & GNTCOPY_dest_gref))
		status = copy_side(h, &seg->dest, true, &to);
	if (status == GNTST_okay)
		memcpy(to, from, seg->len);
	return status;
}

/* What gntdev refuses before Xen is asked: no gref side at all, or one that leaves its page */
static bool segment_sound(const xengnttab_grant_copy_segment_t *seg)
{
	if (!(seg->flags & (GNTCOPY_source_gref | GNTCOPY_dest_gref)))
		return false;
	if ((seg->flags & GNTCOPY_source_gref) && seg->source.foreign.offset + seg->len > SIM_PAGE)
		return false;
	return !(seg->flags & GNTCOPY_dest_gref) || seg->dest.foreign.offset + seg->len <= SIM_PAGE;
}

SIM_EXPORT int xengnttab_grant_copy(xengnttab_handle *h, uint32_t count,
				    xengnttab_grant_copy_segment_t *segs)
{
	uint32_t i;

	sim_nudge(h->device.fd);
	for (i = 0; i < count; i++) {
		if (!segment_sound(&segs[i])) {
			errno = EINVAL;
			return -1;
		}
		segs[i].status = copy_segment(h, &segs[i]);
	}
	return 0;
}
