/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Load without a guest in the way: frames are written into the granted pages
 * once, and then only described by slots again and again, as fast as the
 * backend answers. What comes from the backend is checked, counted and given
 * back at once. So the backend is the bottleneck, and what is measured.
 */
#include <errno.h>

#include "generate.h"
#include "say.h"

#define GENERATE_BATCH	     64		   /* frames between two publications */
#define GENERATE_LAST_NS     5000000000ull /* how long the last frames may take to be answered */
#define GENERATE_LOOK_NS     1000000ull	   /* how long it looks for answers before it sleeps */
#define GENERATE_LOOK_PAUSES 64		   /* between two looks: some microseconds */

/* Owner: worker. */
struct generate {
	const struct generate_task *task;
	uint32_t pages;	   /* of one frame */
	uint32_t slots;	   /* of one frame, extra included */
	uint32_t n_frames; /* frames that lie in the pool */
	uint32_t next;	   /* the one to be sent next */
	uint64_t sent;	   /* frames */
	uint64_t end_ns;   /* stop sending; 0: no limit */
	uint16_t flags;
	uint8_t gso_type;
};

int generate_check(const struct front_queue *queue, const struct generate_task *task)
{
	if (task->size > FRONT_PAGE && !queue->tx_caps.sg) {
		say("frames of %u bytes need feature-sg, which is off", task->size);
		return -EOPNOTSUPP;
	}
	if (task->gso && !queue->tx_caps.gso4) {
		say("--gso needs feature-gso-tcpv4, which is off");
		return -EOPNOTSUPP;
	}
	return 0;
}

static void generate_fill(struct generate *gen, struct front_queue *queue)
{
	const struct generate_task *task = gen->task;
	bool tcp = task->spec.protocol == PACKET_TCP;

	for (uint32_t i = 0; i < gen->n_frames; i++) {
		uint8_t *frame = queue->tx.pages + i * gen->pages * FRONT_PAGE;
		struct iovec piece = { frame, task->size };

		packet_make(&task->spec, frame, task->size);
		if (!queue->tx_caps.csum4)
			packet_fill_checksum(&piece, 1, 34, tcp ? 16 : 6);
	}
}

static void generate_init(struct generate *gen, struct worker *worker)
{
	const struct generate_task *task = worker->task;

	*gen = (struct generate){ .task = task };
	gen->end_ns = task->time_ns ? worker_now_ns() + task->time_ns : 0;
	if (task->size == 0)
		return;
	gen->pages = (task->size + FRONT_PAGE - 1) / FRONT_PAGE;
	gen->slots = gen->pages + (task->gso ? 1 : 0);
	gen->n_frames = FRONT_POOL / gen->pages;
	gen->gso_type = task->gso ? XEN_NETIF_GSO_TYPE_TCPV4 : XEN_NETIF_GSO_TYPE_NONE;
	gen->flags = worker->queue->tx_caps.csum4 ? NETTXF_csum_blank | NETTXF_data_validated : 0;
	generate_fill(gen, worker->queue);
}

/* Frames of the pool that are not with the backend. They come back in order. */
static bool generate_can_send(const struct generate *gen, const struct front_queue *queue)
{
	uint32_t used = FRONT_POOL - front_tx_pages(queue);

	return front_tx_room(queue) >= gen->slots && used / gen->pages < gen->n_frames;
}

static bool generate_finished(const struct generate *gen, const struct worker *worker)
{
	if (worker_stopped(worker))
		return true;
	if (gen->task->count && gen->sent == gen->task->count)
		return true;
	return gen->end_ns && worker_now_ns() >= gen->end_ns;
}

static unsigned generate_send(struct generate *gen, struct front_queue *queue)
{
	const struct generate_task *task = gen->task;
	unsigned n = 0;

	for (; task->size && n < GENERATE_BATCH && generate_can_send(gen, queue); n++) {
		if (task->count && gen->sent == task->count)
			break;
		front_tx_put_frame(queue, 0, task->size, gen->flags, gen->gso_type, task->gso);
		gen->next = (gen->next + 1) % gen->n_frames;
		gen->sent++;
	}
	front_tx_push(queue);
	return n;
}

/* Takes what the backend sent. Frames, or -EPROTO. */
static int generate_receive(struct front_queue *queue)
{
	struct front_frame frame;
	int rc, n = 0;

	while ((rc = front_rx_take(queue, &frame)) > 0)
		n++;
	if (rc < 0)
		return rc;
	front_rx_post(queue);
	return n;
}

/*
 * Looks whether the backend answers half of what is outstanding. A generator
 * that slept at once would be woken for each batch, and what was measured would
 * be how fast it wakes.
 */
static bool generate_look(const struct front_queue *queue)
{
	const netif_tx_front_ring_t *ring = &queue->tx.ring;
	uint32_t half = (ring->req_prod_pvt - ring->rsp_cons + 1) / 2;
	uint64_t end = worker_now_ns() + GENERATE_LOOK_NS;

	do {
		for (int i = 0; i < GENERATE_LOOK_PAUSES; i++)
			__builtin_ia32_pause();
		if (__atomic_load_n(&ring->sring->rsp_prod, __ATOMIC_ACQUIRE) - ring->rsp_cons >=
		    half)
			return true;
	} while (worker_now_ns() < end);
	return false;
}

static int generate_step(struct worker *worker, struct generate *gen, bool send)
{
	struct front_queue *queue = worker->queue;
	int rc = front_tx_reap(queue);
	int got = rc ? rc : generate_receive(queue);

	if (got < 0)
		return got;
	if (!send && front_tx_room(queue) == FRONT_SLOTS)
		return 0;
	if ((!send || !generate_send(gen, queue)) && got == 0 && !generate_look(queue) &&
	    !front_arm(queue))
		worker_sleep(worker, false, 100);
	return 0;
}

int generate_run(struct worker *worker)
{
	struct front_queue *queue = worker->queue;
	struct generate gen;
	uint64_t end;
	int rc = 0;

	generate_init(&gen, worker);
	front_rx_post(queue);
	while (!rc && !generate_finished(&gen, worker))
		rc = generate_step(worker, &gen, true);
	worker_rearm(worker);
	end = worker_now_ns() + GENERATE_LAST_NS;
	while (!rc && front_tx_room(queue) < FRONT_SLOTS && worker_now_ns() < end)
		rc = generate_step(worker, &gen, false);
	return rc;
}
