/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants of one queue: ring pages mapped, packets copied in batches. A handle
 * of libxengnttab of its own.
 *
 * Copies between a granted page and any memory of the process work, but for
 * each page of that memory the kernel walks page tables and takes a reference:
 * in a PV dom0, about 1,700 instructions. The buffer of grants_buffer is made
 * of pages that this domain has granted to itself (/dev/xen/gntalloc), which
 * the hypervisor finds by their references, in about a tenth of that.
 *
 * A batch of copies is one call whatever its length. The copies of a batch
 * succeed or fail one by one: grants_copy_run says whether the call was made,
 * grants_copy_done whether a copy was.
 *
 * One thread at a time may use a handle and its batch.
 */
#ifndef XENVIFD_XEN_GRANTS_H
#define XENVIFD_XEN_GRANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grants;

/*
 * For domain domid, with room for `copies` copies a batch. 0, or -errno:
 * -ENOENT and -EACCES tell of /dev/xen/gntdev.
 */
int grants_open(struct grants **grants, uint16_t domid, unsigned copies);

/* All pages must be unmapped; the buffer goes. NULL is fine. */
void grants_close(struct grants *grants);

/*
 * The handle's buffer: size bytes (whole pages), page aligned and zeroed, for
 * a process of domain `self`. Once a handle, by the control thread. Where
 * pages can't be granted (no /dev/xen/gntalloc, or its limit is reached) it is
 * plain memory, which the log says once. NULL and errno: there is no memory.
 */
void *grants_buffer(struct grants *grants, uint16_t self, size_t size);

/* Maps one granted page, writable; NULL and errno when the domain has not granted it so. */
void *grants_map(struct grants *grants, uint32_t gref);
void grants_unmap(struct grants *grants, void *page);

/* Empties the batch. */
void grants_copy_begin(struct grants *grants);

/*
 * Adds a copy of len bytes (1 .. 4096 - offset) from a granted page: two where
 * `to` crosses from one page of the buffer into the next. Copies are numbered
 * from 0 on in the order of being added; returns how many have been.
 */
unsigned grants_copy_from(struct grants *grants, uint32_t gref, uint16_t offset, void *to,
			  uint16_t len);

/* The same, of len bytes (1 .. 4096) to the beginning of a granted page. */
unsigned grants_copy_to(struct grants *grants, uint32_t gref, const void *from, uint16_t len);

/* How many copies have been added: the next one's number. */
unsigned grants_copy_count(const struct grants *grants);

/*
 * Makes all copies of the batch, in one call. Returns how many there were (0:
 * no call was made). When the call itself fails, every copy has failed.
 */
unsigned grants_copy_run(struct grants *grants);

/* Whether copy `number` of the last batch was made. */
bool grants_copy_done(const struct grants *grants, unsigned number);

#endif
