/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes the shared ring: the input is where its indices begin (4 bytes), then
 * steps of 6 bytes, of a guest that writes to its page whatever it likes and a
 * backend that goes about its work. The model has indices of 64 bits, which
 * never wrap: what the guest writes stands for any number that ends so.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "proto/ring.h"

enum step { GUEST_PROD, GUEST_EVENT, GUEST_SLOT, FETCH, ANSWER, TELL, ARM, N_STEPS };

struct model {
	uint64_t mirrored, cons, published, told;
	uint8_t slot[RING_SLOTS][sizeof(union ring_tx_slot)]; /* as each was when it was fetched */
};

static union {
	netif_tx_sring_t ring;
	uint8_t page[4096];
} shared;
static struct ring_tx ring;

/* Whether there are between `from` and `to` (not included) numbers that end as value does. */
static bool between(uint32_t value, uint64_t from, uint64_t to, uint64_t *found)
{
	for (*found = from; *found < to; ++*found)
		if ((uint32_t)*found == value)
			return true;
	return false;
}

/* New requests are those up to the producer, if the ring could hold them and they are more. */
static void check_fetch(struct model *model)
{
	uint64_t prod;
	bool good = between(shared.ring.req_prod, model->mirrored,
			    model->published + RING_SLOTS + 1, &prod);

	FUZZ_CHECK(ring_tx_fetch(&ring) == (good ? 0 : -EPROTO));
	for (; good && model->mirrored < prod; model->mirrored++) {
		uint32_t i = model->mirrored % RING_SLOTS;

		memcpy(model->slot[i], &shared.ring.ring[i], sizeof(model->slot[i]));
	}
}

/* Takes and answers so many requests. The slots' contents are what was fetched, whatever was
 * written there since. */
static void check_answer(struct model *model, uint32_t n)
{
	for (; n > 0 && model->cons < model->mirrored; n--, model->cons++) {
		FUZZ_CHECK(memcmp(ring_tx_slot(&ring, ring.cons),
				  model->slot[model->cons % RING_SLOTS],
				  sizeof(union ring_tx_slot)) == 0);
		ring.cons++;
		ring_tx_respond(&ring, n % 3 ? NETIF_RSP_OKAY : NETIF_RSP_NULL);
	}
	ring_tx_publish(&ring);
	model->published = model->cons;
	FUZZ_CHECK(shared.ring.rsp_prod == (uint32_t)model->published);
}

/* It asks when the response at its rsp_event is one of those that it wasn't told of. */
static void check_tell(struct model *model, bool told)
{
	uint64_t event;
	bool asks = between(shared.ring.rsp_event, model->told + 1, model->published + 1, &event);

	FUZZ_CHECK(ring_tx_asks(&ring) == asks);
	if (!told)
		return;
	ring_tx_told(&ring);
	model->told = model->published;
}

/* Only a producer that says plainly that too few came lets the backend sleep. */
static void check_arm(const struct model *model, uint32_t more)
{
	uint64_t prod;
	bool too_few =
		between(shared.ring.req_prod, model->mirrored, model->mirrored + more, &prod);

	FUZZ_CHECK(ring_tx_arm(&ring, more) == !too_few);
	FUZZ_CHECK(shared.ring.req_event == (uint32_t)(model->mirrored + more));
}

static void step_run(struct model *model, const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes + 2, sizeof(value));
	/* Near the indices, or anywhere. */
	if (bytes[1] & 1)
		value = (uint32_t)model->published + (value & 0x1ff) - (bytes[1] & 2 ? 64 : 0);
	switch (bytes[0] % N_STEPS) {
	case GUEST_PROD:
		shared.ring.req_prod = value;
		break;
	case GUEST_EVENT:
		shared.ring.rsp_event = value;
		break;
	case GUEST_SLOT:
		memset(&shared.ring.ring[value % RING_SLOTS], bytes[1], sizeof(ring.mirror[0]));
		break;
	case FETCH:
		check_fetch(model);
		break;
	case ANSWER:
		check_answer(model, value & 0x1ff);
		break;
	case TELL:
		check_tell(model, bytes[1] & 4);
		break;
	default:
		check_arm(model, 1 + bytes[1] % RING_SLOTS);
		break;
	}
	FUZZ_CHECK(ring_tx_pending(&ring) == model->mirrored - model->cons);
	FUZZ_CHECK(ring_tx_has_more(&ring) == (shared.ring.req_prod != (uint32_t)model->mirrored));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct model model;
	uint32_t begin[2];
	uint64_t prod;

	if (size < sizeof(begin))
		return 0;
	memcpy(begin, bytes, sizeof(begin));
	memset(&shared, 0, sizeof(shared));
	shared.ring.rsp_prod = begin[0];
	shared.ring.req_prod = begin[1] & 1 ? begin[0] + (begin[1] >> 1 & 0x1ff) : begin[1];
	model.mirrored = model.cons = model.published = model.told = (1ull << 32) + begin[0];
	FUZZ_CHECK((ring_tx_attach(&ring, &shared.ring) == 0) ==
		   between(shared.ring.req_prod, model.published, model.published + RING_SLOTS + 1,
			   &prod));
	for (size_t at = sizeof(begin); at + 6 <= size; at += 6)
		step_run(&model, bytes + at);
	return 0;
}

/* Seed n: rounds of a guest that posts n more requests and a backend that answers them. */
size_t fuzz_seed(unsigned n, uint8_t *bytes)
{
	static const uint8_t steps[] = { GUEST_SLOT, GUEST_PROD, FETCH, GUEST_SLOT,
					 ANSWER,     TELL,	 ARM,	GUEST_EVENT };
	uint32_t begin[2] = { n * 0x1fffffffu - 100, 1 };
	size_t used = sizeof(begin);

	if (n > 8)
		return 0;
	memcpy(bytes, begin, sizeof(begin));
	for (unsigned round = 0; round < 40; round++) {
		for (size_t i = 0; i < sizeof(steps); i++, used += 6) {
			bytes[used] = steps[i];
			bytes[used + 1] = (uint8_t)(steps[i] == GUEST_SLOT ? round | 1 : 5);
			memcpy(bytes + used + 2, &(uint32_t){ n * 32 }, 4);
		}
	}
	return used;
}
