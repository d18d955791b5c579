/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxengnttab, the granting side: /dev/xen/gntalloc's answers.
 *
 * Pages are allocated and granted in one step, and given up by unmapping them, singly or together.
 * A page that another domain still maps outlives that, and its owner too (grant.c).
 */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xengnttab.h>

struct share {
	uint8_t *at;
	uint32_t count, left;
	uint32_t *refs; /* 0 where the page was given up already */
	struct share *next;
};

/* gntshr and gnttab handles have one type name in xengnttab.h, and no program mixes them */
struct gntshr {
	struct sim_device device;
	struct share *shares;
};

static struct gntshr *gntshr(xengntshr_handle *h)
{
	return (struct gntshr *)h;
}

SIM_EXPORT xengntshr_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned int flags)
{
	return sim_device_create(SIM_GNTSHR, SIM_CALL_GNTSHR_OPEN, sizeof(struct gntshr));
}

static void share_destroy(struct share *s)
{
	if (s) {
		free(s->refs);
		free(s);
	}
}

static struct share *share_create(uint32_t count)
{
	struct share *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->count = s->left = count;
	s->refs = calloc(count, sizeof(*s->refs));
	if (s->refs)
		return s;
	free(s);
	return NULL;
}

/* Only what is still shared: where pages were given up, something else may be mapped by now */
static void share_unmap(struct share *s)
{
	uint32_t i;

	for (i = 0; i < s->count; i++)
		if (s->refs[i])
			munmap(s->at + (size_t)i * SIM_PAGE, SIM_PAGE);
}

SIM_EXPORT int xengntshr_close(xengntshr_handle *handle)
{
	struct gntshr *h = gntshr(handle);
	struct share *s;

	if (!h)
		return 0;
	while ((s = h->shares)) {
		h->shares = s->next;
		share_unmap(s);
		share_destroy(s);
	}
	sim_device_destroy(&h->device);
	return 0;
}

SIM_EXPORT int xengntshr_fd(xengntshr_handle *h)
{
	return gntshr(h)->device.fd;
}

static int share_map(struct share *s, struct sim_dom *dom)
{
	size_t size = (size_t)s->count * SIM_PAGE;
	uint32_t i, run;

	s->at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->at == MAP_FAILED)
		return -ENOMEM;
	for (i = 0; i < s->count; i += run) {
		for (run = 1; i + run < s->count && s->refs[i + run] == s->refs[i] + run; run++)
			;
		if (mmap(s->at + (size_t)i * SIM_PAGE, (size_t)run * SIM_PAGE,
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, dom->fd,
			 SIM_PAGES_AT + (off_t)s->refs[i] * SIM_PAGE) == MAP_FAILED) {
			munmap(s->at, size);
			return -ENOMEM;
		}
	}
	return 0;
}

static int share_begin(struct gntshr *h, struct share *s, uint32_t domid, bool writable)
{
	uint64_t entry = SIM_GRANT_PERMIT | (writable ? 0 : SIM_GRANT_READONLY) | domid;
	struct sim_dom *self = sim_view_find(&h->device.view, sim.domid);
	uint32_t i;
	int rc;

	if (!self)
		return -ESRCH;
	sim_lock();
	rc = sim_grant_alloc(self, h->device.hid, entry, s->count, s->refs);
	sim_unlock();
	if (rc)
		return rc;
	rc = share_map(s, self);
	if (rc) {
		sim_lock();
		for (i = 0; i < s->count; i++)
			sim_grant_end(self, s->refs[i]);
		sim_unlock();
	}
	return rc;
}

SIM_EXPORT void *xengntshr_share_pages(xengntshr_handle *handle, uint32_t domid, int count,
				       uint32_t *refs, int writable)
{
	struct gntshr *h = gntshr(handle);
	struct share *s = count > 0 ? share_create(count) : NULL;
	int rc = count <= 0 ? -EINVAL : !s ? -ENOMEM : -sim_fault_take(SIM_CALL_SHARE_PAGES);

	if (!rc)
		rc = share_begin(h, s, domid == SIM_SELF ? sim.domid : domid & 0xffff, writable);
	if (rc) {
		share_destroy(s);
		errno = -rc;
		return NULL;
	}
	memcpy(refs, s->refs, count * sizeof(*refs));
	s->next = h->shares;
	h->shares = s;
	return s->at;
}

/* Without a notification it is a plain share; with one, see "not reproduced" in sim.h */
SIM_EXPORT void *xengntshr_share_page_notify(xengntshr_handle *h, uint32_t domid, uint32_t *ref,
					     int writable, uint32_t notify_offset,
					     evtchn_port_t notify_port)
{
	if (notify_offset == UINT32_MAX && notify_port == UINT32_MAX)
		return xengntshr_share_pages(h, domid, 1, ref, writable);
	errno = ENOSYS;
	return NULL;
}

static void refs_end(struct sim_dom *self, struct share *s, uint32_t first, uint32_t count)
{
	uint32_t i;

	sim_lock();
	for (i = first; i < first + count; i++) {
		if (!s->refs[i])
			continue;
		if (self)
			sim_grant_end(self, s->refs[i]);
		s->refs[i] = 0;
		s->left--;
	}
	sim_unlock();
}

SIM_EXPORT int xengntshr_unshare(xengntshr_handle *handle, void *start_address, uint32_t count)
{
	struct gntshr *h = gntshr(handle);
	uint8_t *at = start_address;
	struct share **link, *s;

	for (link = &h->shares; (s = *link); link = &s->next)
		if (at >= s->at &&
		    at + (size_t)count * SIM_PAGE <= s->at + (size_t)s->count * SIM_PAGE)
			break;
	if (!s || !count || (at - s->at) % SIM_PAGE) {
		errno = EINVAL;
		return -1;
	}
	munmap(at, (size_t)count * SIM_PAGE);
	refs_end(sim_view_find(&h->device.view, sim.domid), s, (at - s->at) / SIM_PAGE, count);
	if (!s->left) {
		*link = s->next;
		share_destroy(s);
	}
	return 0;
}
