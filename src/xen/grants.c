/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants of one queue, over libxengnttab. */
#include "xen/grants.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/xen.h> /* before what uses its types */
#include <xengnttab.h>
#include <xen/grant_table.h>

#include "base/log.h"
#include "xen/xenlog.h"

#define GRANTS_PAGE 4096u

struct grants {
	/* Immutable after grants_buffer */
	xengnttab_handle *handle;
	uint16_t domid;
	unsigned capacity;
	uint8_t *buffer;
	size_t buffer_size;	  /* bytes */
	xengntshr_handle *shared; /* with refs */
	uint32_t *refs; /* of the buffer's pages, granted to ourselves; NULL: plain memory */

	/* Owner: worker */
	unsigned count;
	xengnttab_grant_copy_segment_t copy[];
};

int grants_open(struct grants **result, uint16_t domid, unsigned copies)
{
	struct grants *grants;
	int error;

	grants = calloc(1, sizeof(*grants) + copies * sizeof(grants->copy[0]));
	if (!grants)
		return -ENOMEM;
	grants->domid = domid;
	grants->capacity = copies;
	grants->handle = xengnttab_open(xenlog_get(), 0);
	if (!grants->handle) {
		error = errno ? -errno : -EIO;
		free(grants);
		return error;
	}
	*result = grants;
	return 0;
}

void grants_close(struct grants *grants)
{
	if (!grants)
		return;
	if (grants->refs) {
		xengntshr_unshare(grants->shared, grants->buffer,
				  grants->buffer_size / GRANTS_PAGE);
		xengntshr_close(grants->shared);
		free(grants->refs);
	} else if (grants->buffer) {
		munmap(grants->buffer, grants->buffer_size);
	}
	xengnttab_close(grants->handle);
	free(grants);
}

/* The buffer's pages, granted by this domain to itself; NULL and errno. */
static void *buffer_share(struct grants *grants, uint16_t self, uint32_t *refs, size_t pages)
{
	xengntshr_handle *shared = xengntshr_open(xenlog_get(), 0);
	void *buffer;
	int error;

	if (!shared)
		return NULL;
	buffer = xengntshr_share_pages(shared, self, pages, refs, 1);
	if (buffer) {
		grants->shared = shared;
		return buffer;
	}
	error = errno;
	xengntshr_close(shared);
	errno = error;
	return NULL;
}

static void buffer_say_plain(int error)
{
	static bool said;

	if (said)
		return;
	said = true;
	log_event(LOG_LEVEL_INFO, MESSAGE_NO_SHARED_PAGES,
		  "copies cost more than they need: no pages from /dev/xen/gntalloc: %s; "
		  "modprobe xen-gntalloc, or raise its parameter limit",
		  strerror(error));
}

void *grants_buffer(struct grants *grants, uint16_t self, size_t size)
{
	uint32_t *refs = calloc(size / GRANTS_PAGE, sizeof(*refs));
	void *buffer;

	if (!refs)
		return NULL;
	buffer = buffer_share(grants, self, refs, size / GRANTS_PAGE);
	if (buffer) {
		grants->refs = refs;
	} else {
		buffer_say_plain(errno);
		free(refs);
		buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			      0);
		if (buffer == MAP_FAILED)
			return NULL;
	}
	grants->buffer = buffer;
	grants->buffer_size = size;
	return buffer;
}

void *grants_map(struct grants *grants, uint32_t gref)
{
	return xengnttab_map_grant_ref(grants->handle, grants->domid, gref, PROT_READ | PROT_WRITE);
}

void grants_unmap(struct grants *grants, void *page)
{
	xengnttab_unmap(grants->handle, page, 1);
}

void grants_copy_begin(struct grants *grants)
{
	grants->count = 0;
}

/* Adds one copy of len bytes between a page of the guest's and local memory. */
static void copy_add(struct grants *grants, const union xengnttab_copy_ptr *guest,
		     const union xengnttab_copy_ptr *local, bool local_is_gref, bool to_guest,
		     uint16_t len)
{
	xengnttab_grant_copy_segment_t *copy = &grants->copy[grants->count++];

	assert(grants->count <= grants->capacity);
	copy->source = to_guest ? *local : *guest;
	copy->dest = to_guest ? *guest : *local;
	copy->len = len;
	copy->flags = local_is_gref ? GNTCOPY_source_gref | GNTCOPY_dest_gref
		      : to_guest    ? GNTCOPY_dest_gref
				    : GNTCOPY_source_gref;
}

/* The same for any local memory: one copy, or one for each page of the buffer that it lies in. */
static void copies_add(struct grants *grants, uint32_t gref, uint16_t offset, uint8_t *local,
		       uint16_t len, bool to_guest)
{
	union xengnttab_copy_ptr guest = {
		.foreign = { .ref = gref, .offset = offset, .domid = grants->domid },
	};
	union xengnttab_copy_ptr own = { .virt = local };
	size_t at = (uintptr_t)local - (uintptr_t)grants->buffer;

	if (!grants->refs || at >= grants->buffer_size) {
		copy_add(grants, &guest, &own, false, to_guest, len);
		return;
	}
	while (len > 0) {
		uint16_t part = GRANTS_PAGE - at % GRANTS_PAGE;

		if (part > len)
			part = len;
		own = (union xengnttab_copy_ptr){
			.foreign = { .ref = grants->refs[at / GRANTS_PAGE],
				     .offset = at % GRANTS_PAGE,
				     .domid = DOMID_SELF },
		};
		copy_add(grants, &guest, &own, true, to_guest, part);
		guest.foreign.offset += part;
		at += part;
		len -= part;
	}
}

unsigned grants_copy_from(struct grants *grants, uint32_t gref, uint16_t offset, void *to,
			  uint16_t len)
{
	copies_add(grants, gref, offset, to, len, false);
	return grants->count;
}

unsigned grants_copy_to(struct grants *grants, uint32_t gref, const void *from, uint16_t len)
{
	copies_add(grants, gref, 0, (void *)from, len, true);
	return grants->count;
}

unsigned grants_copy_count(const struct grants *grants)
{
	return grants->count;
}

unsigned grants_copy_run(struct grants *grants)
{
	if (grants->count == 0)
		return 0;
	if (xengnttab_grant_copy(grants->handle, grants->count, grants->copy) < 0)
		for (unsigned i = 0; i < grants->count; i++)
			grants->copy[i].status = GNTST_general_error;
	return grants->count;
}

bool grants_copy_done(const struct grants *grants, unsigned number)
{
	return grants->copy[number].status == GNTST_okay;
}
