/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants of the simulated host behave as Xen's behind /dev/xen/gntdev and /dev/xen/gntalloc. */
#include "test_xensim.h"

#include <sys/mman.h>

#include <xengnttab.h>

/* What a guest does when asked; each answers with a reference or a result */
enum {
	SHARE_RW = 0,	/* one page for domain 0, filled with 'w' */
	SHARE_RO,	/* the same, read-only, filled with 'r' */
	SHARE_OTHER,	/* for domain 2 */
	SHARE_MANY,	/* 600 pages, each beginning with its index; the first reference */
	UNSHARE = 100,	/* + index of the share, in the order they were made */
	PEEK = 1000000, /* + ref: the first byte of the page, as the owner sees it */
};

static uint32_t guest(uint32_t n)
{
	static xengntshr_handle *h;
	static struct {
		uint8_t *at;
		uint32_t count, ref;
	} made[16];
	static uint32_t top;
	uint32_t refs[600], i, count = n == SHARE_MANY ? 600 : 1;

	if (!h)
		h = xengntshr_open(NULL, 0);
	if (n >= PEEK) {
		for (i = 0; i < top; i++)
			if (made[i].ref == n - PEEK)
				return made[i].at[0];
		return UINT32_MAX;
	}
	if (n >= UNSHARE)
		return xengntshr_unshare(h, made[n - UNSHARE].at, made[n - UNSHARE].count);
	made[top].at =
		xengntshr_share_pages(h, n == SHARE_OTHER ? 2 : 0, count, refs, n != SHARE_RO);
	if (!made[top].at)
		return UINT32_MAX;
	for (i = 0; i < count; i++) {
		memset(made[top].at + i * 4096, n == SHARE_RO ? 'r' : 'w', 4096);
		if (n == SHARE_MANY)
			memcpy(made[top].at + i * 4096, &refs[i], 4);
	}
	made[top].count = count;
	made[top++].ref = refs[0];
	return refs[0];
}

struct grants {
	xengnttab_handle *h;
	struct child g;
};

static void begin(struct grants *t)
{
	t->h = xengnttab_open(NULL, 0);
	assert_non_null(t->h);
	t->g = child_start(1, guest);
}

static void end(struct grants *t)
{
	assert_int_equal(xengnttab_close(t->h), 0);
	child_kill(&t->g);
}

static struct sim_grant *grant(uint32_t domid, uint32_t ref)
{
	struct sim_dom *dom = sim_dom_get(domid);

	assert_non_null(dom); /* and kept mapped to the end of the test */
	return &dom->t->grants[ref];
}

static void reap(void)
{
	sim_lock();
	sim_handle_reap_all();
	sim_unlock();
}

static xengnttab_grant_copy_segment_t from_guest(uint32_t domid, uint32_t ref, uint16_t offset,
						 void *to, uint16_t len)
{
	xengnttab_grant_copy_segment_t seg = { .len = len,
					       .flags = GNTCOPY_source_gref,
					       .status = 77 };

	seg.source.foreign.domid = domid;
	seg.source.foreign.ref = ref;
	seg.source.foreign.offset = offset;
	seg.dest.virt = to;
	return seg;
}

static xengnttab_grant_copy_segment_t to_guest(uint32_t domid, uint32_t ref, uint16_t offset,
					       void *from, uint16_t len)
{
	xengnttab_grant_copy_segment_t seg = { .len = len,
					       .flags = GNTCOPY_dest_gref,
					       .status = 77 };

	seg.dest.foreign.domid = domid;
	seg.dest.foreign.ref = ref;
	seg.dest.foreign.offset = offset;
	seg.source.virt = from;
	return seg;
}

static void a_mapped_page_is_shared(void **state)
{
	struct grants t;
	uint32_t ref;
	uint8_t *page;

	begin(&t);
	ref = child_ask(&t.g, SHARE_RW);
	assert_in_range(ref, 8, SIM_GRANTS - 1);
	page = xengnttab_map_grant_ref(t.h, 1, ref, PROT_READ | PROT_WRITE);
	assert_non_null(page);
	assert_int_equal(page[0], 'w');
	assert_int_equal(grant(1, ref)->maps, 1);
	page[0] = 'x';
	assert_int_equal(child_ask(&t.g, PEEK + ref), 'x');
	assert_int_equal(xengnttab_unmap(t.h, page, 2), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(xengnttab_unmap(t.h, page, 1), 0);
	assert_int_equal(xengnttab_unmap(t.h, page, 1), -1);
	assert_int_equal(grant(1, ref)->maps, 0);
	end(&t);
}

static void many_pages_map_in_a_row(void **state)
{
	uint32_t refs[600], first, i;
	struct grants t;
	uint8_t *pages;

	begin(&t);
	first = child_ask(&t.g, SHARE_MANY);
	for (i = 0; i < 600; i++)
		refs[i] = first + 599 - i;
	pages = xengnttab_map_domain_grant_refs(t.h, 600, 1, refs, PROT_READ);
	assert_non_null(pages);
	for (i = 0; i < 600; i++)
		assert_int_equal(*(uint32_t *)(pages + i * 4096), refs[i]);
	assert_int_equal(xengnttab_unmap(t.h, pages, 600), 0);
	refs[599] = 31000; /* one bad reference: nothing is mapped */
	assert_null(xengnttab_map_domain_grant_refs(t.h, 600, 1, refs, PROT_READ));
	assert_int_equal(errno, EINVAL);
	for (i = 0; i < 600; i++)
		assert_int_equal(grant(1, first + i)->maps, 0);
	end(&t);
}

static void wrong_maps_are_refused(void **state)
{
	uint32_t ro, other, gone;
	struct grants t;

	begin(&t);
	ro = child_ask(&t.g, SHARE_RO);
	other = child_ask(&t.g, SHARE_OTHER);
	gone = child_ask(&t.g, SHARE_RW);
	assert_int_equal(child_ask(&t.g, UNSHARE + 2), 0);
	assert_null(xengnttab_map_grant_ref(t.h, 1, ro, PROT_READ | PROT_WRITE));
	assert_int_equal(errno, EINVAL);
	assert_null(xengnttab_map_grant_ref(t.h, 1, other, PROT_READ));
	assert_null(xengnttab_map_grant_ref(t.h, 1, gone, PROT_READ));
	assert_null(xengnttab_map_grant_ref(t.h, 1, UINT32_MAX, PROT_READ));
	assert_null(xengnttab_map_grant_ref(t.h, 77, ro, PROT_READ));
	assert_int_equal(errno, EINVAL);
	assert_null(xengnttab_map_grant_ref_notify(t.h, 1, ro, PROT_READ, 0, -1));
	assert_int_equal(errno, ENOSYS);
	assert_int_equal(sim_fault_arm(SIM_CALL_MAP_GRANT, 0, 0, 1, ENOMEM), 0);
	assert_null(xengnttab_map_grant_ref(t.h, 1, ro, PROT_READ));
	assert_int_equal(errno, ENOMEM);
	assert_non_null(xengnttab_map_grant_ref(t.h, 1, ro, PROT_READ));
	end(&t);
}

static void a_page_given_up_lives_while_mapped(void **state)
{
	struct grants t;
	uint8_t *page;
	uint32_t ref;

	begin(&t);
	ref = child_ask(&t.g, SHARE_RW);
	page = xengnttab_map_grant_ref(t.h, 1, ref, PROT_READ);
	assert_int_equal(child_ask(&t.g, UNSHARE), 0);
	assert_true(child_ask(&t.g, SHARE_RW) != ref);
	assert_int_equal(page[100], 'w');
	assert_true(grant(1, ref)->entry & SIM_GRANT_DEFERRED);
	assert_int_equal(xengnttab_unmap(t.h, page, 1), 0);
	assert_int_equal(grant(1, ref)->entry, 0);
	assert_int_equal(child_ask(&t.g, SHARE_RO), ref); /* free again */
	end(&t);
}

static void a_killed_owner_leaves_what_is_mapped(void **state)
{
	struct grants t;
	uint32_t ref, other;
	uint8_t *page;

	begin(&t);
	ref = child_ask(&t.g, SHARE_RW);
	other = child_ask(&t.g, SHARE_RW);
	page = xengnttab_map_grant_ref(t.h, 1, ref, PROT_READ | PROT_WRITE);
	child_kill(&t.g);
	assert_null(xengnttab_map_grant_ref(t.h, 1, other, PROT_READ));
	assert_int_equal(page[0], 'w');
	page[0] = 'x';
	assert_int_equal(grant(1, other)->entry, 0);
	assert_true(grant(1, ref)->entry & SIM_GRANT_DEFERRED);
	assert_int_equal(xengnttab_unmap(t.h, page, 1), 0);
	assert_int_equal(grant(1, ref)->entry, 0);
	t.g = child_start(1, guest);
	end(&t);
}

static void *mapper_page;

/* A backend that maps the reference it is told */
static uint32_t mapper(uint32_t ref)
{
	static xengnttab_handle *h;

	if (!h)
		h = xengnttab_open(NULL, 0);
	mapper_page = xengnttab_map_grant_ref(h, 1, ref, PROT_READ | PROT_WRITE);
	return mapper_page ? 0 : errno;
}

static void a_killed_mapper_lets_go(void **state)
{
	struct grants t;
	uint32_t ref;
	int i;

	begin(&t);
	ref = child_ask(&t.g, SHARE_RW);
	assert_non_null(xengnttab_map_grant_ref(t.h, 1, ref, PROT_READ));
	for (i = 0; i < 20; i++) {
		struct child b = child_start(0, mapper);

		assert_int_equal(child_ask(&b, ref), 0);
		assert_int_equal(child_ask(&b, ref), 0);
		assert_int_equal(grant(1, ref)->maps, 3);
		child_kill(&b);
		reap();
		assert_int_equal(grant(1, ref)->maps, 1);
	}
	end(&t);
}

static void an_owner_need_not_wait_for_a_dead_mapper(void **state)
{
	struct grants t;
	struct child b;
	uint32_t ref;

	begin(&t);
	b = child_start(0, mapper);
	ref = child_ask(&t.g, SHARE_RW);
	assert_int_equal(child_ask(&b, ref), 0);
	child_kill(&b);
	assert_int_equal(child_ask(&t.g, UNSHARE), 0);
	assert_int_equal(child_ask(&t.g, SHARE_RO), ref);
	end(&t);
}

static void copies_go_both_ways_and_between_grants(void **state)
{
	xengnttab_grant_copy_segment_t segs[3];
	uint32_t ref, ro;
	uint8_t buf[8192];
	struct grants t;

	begin(&t);
	ref = child_ask(&t.g, SHARE_RW);
	ro = child_ask(&t.g, SHARE_RO);
	memset(buf, 'n', sizeof(buf));
	segs[0] = from_guest(1, ref, 1000, buf + 4000, 200); /* the local side crosses a page */
	segs[1] = to_guest(1, ref, 0, "hello", 5);
	segs[2] = from_guest(1, ro, 4095, NULL, 1); /* grant to grant */
	segs[2].flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
	segs[2].dest.foreign.domid = 1;
	segs[2].dest.foreign.ref = ref;
	segs[2].dest.foreign.offset = 1;
	assert_int_equal(xengnttab_grant_copy(t.h, 3, segs), 0);
	assert_int_equal(segs[0].status, GNTST_okay);
	assert_int_equal(segs[1].status, GNTST_okay);
	assert_int_equal(segs[2].status, GNTST_okay);
	assert_int_equal(buf[3999], 'n');
	assert_int_equal(buf[4000], 'w');
	assert_int_equal(buf[4199], 'w');
	assert_int_equal(buf[4200], 'n');
	segs[0] = from_guest(1, ref, 0, buf, 5);
	assert_int_equal(xengnttab_grant_copy(t.h, 1, segs), 0);
	assert_memory_equal(buf, "hrllo", 5);
	end(&t);
}

static void each_segment_has_its_own_status(void **state)
{
	xengnttab_grant_copy_segment_t segs[8];
	uint32_t rw, ro, other, gone, i;
	struct grants t;
	uint8_t buf[16];

	begin(&t);
	rw = child_ask(&t.g, SHARE_RW);
	ro = child_ask(&t.g, SHARE_RO);
	other = child_ask(&t.g, SHARE_OTHER);
	gone = child_ask(&t.g, SHARE_RW);
	assert_int_equal(child_ask(&t.g, UNSHARE + 3), 0);
	segs[0] = from_guest(1, UINT32_MAX, 0, buf, 1);
	segs[1] = from_guest(77, rw, 0, buf, 1);
	segs[2] = from_guest(1, other, 0, buf, 1);
	segs[3] = from_guest(1, gone, 0, buf, 1);
	segs[4] = to_guest(1, ro, 0, buf, 1);
	segs[5] = from_guest(1, gone, 0, buf, 0); /* nothing to copy: nothing is checked */
	segs[6] = from_guest(1, ro, 0, buf, 1);
	segs[7] = from_guest(1, 1, 0, buf, 1); /* the xenstore page, granted to domain 0 */
	assert_int_equal(xengnttab_grant_copy(t.h, 8, segs), 0);
	assert_int_equal(segs[0].status, GNTST_bad_gntref);
	assert_int_equal(segs[1].status, GNTST_bad_domain);
	for (i = 2; i < 5; i++)
		assert_int_equal(segs[i].status, GNTST_general_error);
	for (i = 5; i < 8; i++)
		assert_int_equal(segs[i].status, GNTST_okay);
	assert_int_equal(sim_fault_arm(SIM_CALL_GRANT_COPY, 0, 1, 1, GNTST_eagain), 0);
	segs[0] = segs[1] = segs[2] = from_guest(1, rw, 0, buf, 1);
	assert_int_equal(xengnttab_grant_copy(t.h, 3, segs), 0);
	assert_int_equal(segs[0].status, GNTST_okay);
	assert_int_equal(segs[1].status, GNTST_eagain);
	assert_int_equal(segs[2].status, GNTST_okay);
	end(&t);
}

/* gntdev never passes these to Xen, but fails the call */
static void unsound_segments_fail_the_call(void **state)
{
	xengnttab_grant_copy_segment_t seg;
	struct grants t;
	uint8_t buf[64];
	uint32_t ref;

	begin(&t);
	ref = child_ask(&t.g, SHARE_RW);
	seg = from_guest(1, ref, 4090, buf, 7);
	assert_int_equal(xengnttab_grant_copy(t.h, 1, &seg), -1);
	assert_int_equal(errno, EINVAL);
	seg = to_guest(1, ref, 0xffff, buf, 1);
	assert_int_equal(xengnttab_grant_copy(t.h, 1, &seg), -1);
	assert_int_equal(errno, EINVAL);
	seg.flags = 0;
	assert_int_equal(xengnttab_grant_copy(t.h, 1, &seg), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(child_ask(&t.g, PEEK + ref), 'w');
	end(&t);
}

static void pages_come_zeroed_and_part_by_part(void **state)
{
	xengntshr_handle *h = xengntshr_open(NULL, 0);
	uint32_t refs[4], again[4], i;
	uint8_t *pages;

	assert_non_null(h);
	pages = xengntshr_share_pages(h, 1, 4, refs, 1);
	assert_non_null(pages);
	memset(pages, 0xff, 4 * 4096);
	assert_int_equal(xengntshr_unshare(h, pages + 4096, 2), 0);
	assert_int_equal(grant(0, refs[0])->owner != SIM_NOBODY, 1);
	assert_int_equal(grant(0, refs[1])->owner, SIM_NOBODY);
	assert_int_equal(xengntshr_unshare(h, pages, 5), -1);
	assert_int_equal(errno, EINVAL);
	pages = xengntshr_share_pages(h, 1, 2, again, 1);
	assert_int_equal(again[0], refs[1]);
	for (i = 0; i < 2 * 4096; i++)
		assert_int_equal(pages[i], 0);
	assert_null(xengntshr_share_pages(h, 1, SIM_GRANTS, NULL, 1));
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(xengntshr_close(h), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(grant(0, refs[i])->owner, SIM_NOBODY);
}

static void a_destroyed_domain_dies_with_its_last_mapping(void **state)
{
	struct child g = child_start(2, guest);
	xengnttab_grant_copy_segment_t seg;
	uint32_t ref = child_ask(&g, SHARE_RW);
	xengnttab_handle *h = xengnttab_open(NULL, 0);
	uint8_t *page = xengnttab_map_grant_ref(h, 2, ref, PROT_READ);
	char byte;

	assert_non_null(page);
	child_kill(&g);
	assert_int_equal(sim_dom_destroy(2), 0);
	assert_int_equal(page[0], 'w');
	assert_int_equal(sim_dom_make(2), -EEXIST); /* dying */
	seg = from_guest(2, ref, 0, &byte, 1);
	assert_int_equal(xengnttab_grant_copy(h, 1, &seg), 0);
	assert_int_equal(seg.status, GNTST_bad_domain);
	assert_int_equal(xengnttab_unmap(h, page, 1), 0);
	assert_true(sim_dom_make(2) > 0);
	seg.status = 77;
	assert_int_equal(xengnttab_grant_copy(h, 1, &seg), 0);
	assert_int_equal(seg.status, GNTST_general_error); /* the new domain granted nothing */
	xengnttab_close(h);
}

/* Maps and unmaps, shares and unshares without end */
static uint32_t churn(uint32_t ref)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	child_begin(parent);
	for (;;) {
		xengntshr_handle *s = xengntshr_open(NULL, 0);
		xengnttab_handle *h = xengnttab_open(NULL, 0);
		uint32_t refs[8];
		void *page = xengnttab_map_grant_ref(h, 1, ref, PROT_READ);
		void *own = xengntshr_share_pages(s, 1, 8, refs, 1);

		if (page)
			xengnttab_unmap(h, page, 1);
		if (own)
			xengntshr_unshare(s, own, 8);
		xengnttab_close(h);
		xengntshr_close(s);
	}
}

static void kills_amid_changes_leave_nothing(void **state)
{
	struct grants t;
	uint32_t ref, i, n;

	begin(&t);
	ref = child_ask(&t.g, SHARE_RW);
	assert_non_null(xengnttab_map_grant_ref(t.h, 1, ref, PROT_READ));
	for (i = 0; i < 200; i++) {
		struct child b = child_start(0, churn);

		child_ask(&b, ref);
		usleep(i * 13 % 900);
		child_kill(&b);
	}
	for (i = 0, n = 0; i < 500; i++) { /* the last one's death may still be under way */
		reap();
		n = 0;
		for (uint32_t k = 8; k < SIM_GRANTS; k++)
			n += grant(0, k)->owner != SIM_NOBODY;
		if (!n && grant(1, ref)->maps == 1)
			break;
		usleep(1000);
	}
	print_message("killed with the lock held: %u of 200\n", sim.host->mended);
	assert_int_equal(n, 0);
	assert_int_equal(grant(1, ref)->maps, 1);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mapped_page_is_shared),
		cmocka_unit_test(many_pages_map_in_a_row),
		cmocka_unit_test(wrong_maps_are_refused),
		cmocka_unit_test(a_page_given_up_lives_while_mapped),
		cmocka_unit_test(a_killed_owner_leaves_what_is_mapped),
		cmocka_unit_test(a_killed_mapper_lets_go),
		cmocka_unit_test(an_owner_need_not_wait_for_a_dead_mapper),
		cmocka_unit_test(copies_go_both_ways_and_between_grants),
		cmocka_unit_test(each_segment_has_its_own_status),
		cmocka_unit_test(unsound_segments_fail_the_call),
		cmocka_unit_test(pages_come_zeroed_and_part_by_part),
		cmocka_unit_test(a_destroyed_domain_dies_with_its_last_mapping),
		cmocka_unit_test(kills_amid_changes_leave_nothing),
	};

	return cmocka_run_group_tests_name("xensim grants", tests, host_begin, host_end);
}
