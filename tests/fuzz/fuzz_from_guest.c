/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes from_guest_plan: the input is where in the ring the frame begins (4
 * bytes) and the slots that are published from there (12 bytes each). The model
 * first takes the chain apart into lists, then judges the lists.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "proto/from_guest.h"

struct model {
	netif_tx_request_t data[RING_SLOTS];
	netif_extra_info_t extra[RING_SLOTS];
	uint32_t n_data, n_extras;
	bool whole; /* the chain ends within the published slots */
};

static union ring_tx_slot slots[RING_SLOTS];
static struct ring_tx ring;

static struct model model_take_apart(uint32_t n)
{
	struct model model = { 0 };
	bool extras = slots[0].request.flags & NETTXF_extra_info;
	bool more = slots[0].request.flags & NETTXF_more_data;
	uint32_t i = 1;

	model.data[model.n_data++] = slots[0].request;
	for (; extras && i < n; i++) {
		model.extra[model.n_extras++] = slots[i].extra;
		extras = slots[i].extra.flags & XEN_NETIF_EXTRA_FLAG_MORE;
	}
	for (; !extras && more && i < n; i++) {
		model.data[model.n_data++] = slots[i].request;
		more = slots[i].request.flags & NETTXF_more_data;
	}
	model.whole = !extras && !more;
	return model;
}

static bool model_has_bad_extra(const struct model *model)
{
	for (uint32_t i = 0; i < model->n_extras; i++) {
		const netif_extra_info_t *extra = &model->extra[i];

		if (extra->type < 1 || extra->type > 4)
			return true;
		if (extra->type == 1 &&
		    (extra->u.gso.size == 0 || extra->u.gso.type < 1 || extra->u.gso.type > 2))
			return true;
	}
	return false;
}

static bool model_has_multicast(const struct model *model)
{
	for (uint32_t i = 0; i < model->n_extras; i++) {
		if (model->extra[i].type == 2 || model->extra[i].type == 3)
			return true;
	}
	return false;
}

/* The fault, and the first slot's own length when there is none. */
static enum from_guest_fault model_fault(const struct model *model, uint32_t *first_len)
{
	int64_t left = model->data[0].size;

	if (model_has_multicast(model))
		return FROM_GUEST_FAULT_EXTRA;
	for (uint32_t i = 1; i < model->n_data; i++) {
		if (i >= 19)
			return FROM_GUEST_FAULT_SLOTS;
		left -= model->data[i].size;
		if (left < 0)
			return FROM_GUEST_FAULT_SIZE;
	}
	*first_len = (uint32_t)left;
	return FROM_GUEST_FAULT_NONE;
}

static enum from_guest_verdict model_judge(const struct model *model, enum from_guest_fault *fault,
					   uint32_t *first_len)
{
	bool crosses = false;

	for (uint32_t i = 1; i < model->n_data; i++)
		crosses = crosses || model->data[i].offset + model->data[i].size > 4096;
	if (!model->whole || model->n_data >= 22 || crosses || model_has_bad_extra(model))
		return FROM_GUEST_ROGUE;
	*fault = model_fault(model, first_len);
	if (*fault == FROM_GUEST_FAULT_NONE && model->data[0].offset + *first_len > 4096)
		return FROM_GUEST_ROGUE;
	if (*fault == FROM_GUEST_FAULT_NONE && model->data[0].size < 14)
		*fault = FROM_GUEST_FAULT_SIZE;
	return *fault == FROM_GUEST_FAULT_NONE ? FROM_GUEST_FRAME : FROM_GUEST_DROP;
}

static void check_pieces(const struct model *model, uint32_t first_len,
			 const struct from_guest_plan *plan)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < model->n_data; i++) {
		uint32_t len = i ? model->data[i].size : first_len;

		if (len == 0)
			continue;
		FUZZ_CHECK(plan->piece[n].gref == model->data[i].gref);
		FUZZ_CHECK(plan->piece[n].offset == model->data[i].offset);
		FUZZ_CHECK(plan->piece[n].len == len);
		n++;
	}
	FUZZ_CHECK(plan->n_pieces == n);
}

static void check_frame(const struct model *model, uint32_t first_len,
			const struct from_guest_plan *plan)
{
	uint16_t gso_size = 0;
	uint8_t gso_type = 0;

	for (uint32_t i = 0; i < model->n_extras; i++) {
		if (model->extra[i].type == 1) {
			gso_type = model->extra[i].u.gso.type;
			gso_size = model->extra[i].u.gso.size;
		}
	}
	FUZZ_CHECK(plan->len == model->data[0].size);
	FUZZ_CHECK(plan->gso_type == gso_type && plan->gso_size == gso_size);
	FUZZ_CHECK(plan->csum_blank == (model->data[0].flags & 1));
	FUZZ_CHECK(plan->data_validated == (model->data[0].flags >> 1 & 1));
	check_pieces(model, first_len, plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct from_guest_plan plan;
	enum from_guest_fault fault = FROM_GUEST_FAULT_NONE;
	enum from_guest_verdict verdict;
	uint32_t at, n, first_len = 0;
	struct model model;

	if (size < 16)
		return 0;
	memcpy(&at, bytes, sizeof(at));
	n = (uint32_t)(size - 4) / 12;
	n = n > RING_SLOTS ? RING_SLOTS : n;
	memcpy(slots, bytes + 4, n * 12);
	memset(ring.mirror, 0xff, sizeof(ring.mirror));
	for (uint32_t i = 0; i < n; i++)
		ring.mirror[(at + i) % RING_SLOTS] = slots[i];
	memset(&plan, 0xee, sizeof(plan));

	model = model_take_apart(n);
	verdict = from_guest_plan(&ring, at, n, &plan);
	FUZZ_CHECK(verdict == model_judge(&model, &fault, &first_len));
	if (verdict == FROM_GUEST_ROGUE) {
		FUZZ_CHECK(plan.reason && plan.reason[0]);
		return 0;
	}
	FUZZ_CHECK(plan.fault == fault);
	FUZZ_CHECK(plan.slots == model.n_data + model.n_extras);
	FUZZ_CHECK(plan.n_extras == model.n_extras);
	if (verdict == FROM_GUEST_FRAME)
		check_frame(&model, first_len, &plan);
	return 0;
}

static void seed_slot(union ring_tx_slot *slot, uint16_t offset, uint16_t size, uint16_t flags)
{
	slot->request =
		(netif_tx_request_t){ .gref = 8, .offset = offset, .size = size, .flags = flags };
}

/* Seed n: n / 4 further data slots, with no extra, a GSO extra, two extras, a multicast one. */
size_t fuzz_seed(unsigned n, uint8_t *bytes)
{
	uint32_t at = n * 61 + 0xffffff80u, more = n / 4, extras = n % 4 == 2 ? 2 : n % 4 ? 1 : 0;
	union ring_tx_slot *slot = (union ring_tx_slot *)(void *)(bytes + 4);

	if (more > 23)
		return 0;
	memcpy(bytes, &at, sizeof(at));
	seed_slot(&slot[0], 16, (uint16_t)(100 + 1000 * more),
		  (more ? NETTXF_more_data : 0) | (extras ? NETTXF_extra_info : 0) | (n & 3));
	for (uint32_t i = 0; i < extras; i++) {
		slot[1 + i].extra = (netif_extra_info_t){
			.type = n % 4 == 3 ? 2
				: i	   ? 4
					   : 1,
			.flags = i + 1 < extras,
			.u.gso = { .size = 1448, .type = 1 + n / 4 % 2 },
		};
	}
	for (uint32_t i = 1; i <= more; i++)
		seed_slot(&slot[extras + i], 0, i % 5 == 4 ? 0 : 1000,
			  i < more ? NETTXF_more_data : 0);
	return 4 + 12 * (1 + extras + more);
}
