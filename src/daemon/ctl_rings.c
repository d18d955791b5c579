/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to "rings": each ring's indices, and in words who waits for whom.
 *
 * The worker goes on meanwhile, so the numbers of one ring may be of slightly
 * different moments; and what the guest's page says is whatever the guest
 * wrote there. Nothing is done because of them.
 */
#include "daemon/ctl_verbs.h"

#include <stdio.h>

#include "proto/ring.h"

/* Requests that are not answered yet. More than RING_SLOTS: the guest's index is nonsense. */
static uint32_t ring_open(const struct worker_ring *ring)
{
	return ring->req_prod - ring->rsp_prod;
}

/* Requests that the worker has not used yet. */
static uint32_t ring_unused(const struct worker_ring *ring)
{
	uint32_t open = ring_open(ring), unused = ring->req_prod - ring->taken;

	return unused > open ? open : unused; /* it was answered between two looks */
}

uint32_t ctl_buffers(const struct worker_rings *rings)
{
	return ring_unused(&rings->rx);
}

void ctl_say_from_guest(const struct worker_rings *rings, char *text, size_t size)
{
	const struct worker_ring *ring = &rings->tx;
	uint32_t unused = ring_unused(ring);

	if (ring_open(ring) > RING_SLOTS)
		snprintf(text, size, "the guest's request index makes no sense");
	else if (unused > 0)
		snprintf(text, size, "the worker has %u request%s of the guest to take", unused,
			 unused == 1 ? "" : "s");
	else if (ring_open(ring) > 0)
		snprintf(text, size, "the worker is about to answer %u requests", ring_open(ring));
	else
		snprintf(text, size, "waits for the guest to send");
}

void ctl_say_to_guest(const struct worker_rings *rings, char *text, size_t size)
{
	const struct worker_ring *ring = &rings->rx;
	const char *then = rings->drops		? "; frames for it are dropped"
			   : rings->frame_waits ? "; a frame for it waits"
						: "";
	uint32_t unused = ctl_buffers(rings);

	if (ring_open(ring) > RING_SLOTS)
		snprintf(text, size, "the guest's request index makes no sense");
	else if (unused == 0)
		snprintf(text, size, "the guest has posted no buffers%s", then);
	else if (unused < rings->room)
		snprintf(text, size,
			 "waits for the guest to post buffers: it has %u, a frame may take %u%s",
			 unused, rings->room, then);
	else
		snprintf(text, size, "waits for a frame from the network");
}

static json_t *ring_json(const struct worker_ring *ring)
{
	return json_pack("{sI sI sI sI sI sI sI}", "req_prod", (json_int_t)ring->req_prod,
			 "req_event", (json_int_t)ring->req_event, "fetched",
			 (json_int_t)ring->fetched, "taken", (json_int_t)ring->taken, "rsp_prod",
			 (json_int_t)ring->rsp_prod, "rsp_event", (json_int_t)ring->rsp_event,
			 "unused", (json_int_t)ring_unused(ring));
}

static json_t *queue_json(const struct worker *worker, unsigned index)
{
	char from_guest[128], to_guest[128];
	struct worker_rings rings;
	json_t *tx, *rx;

	worker_look(worker, &rings);
	ctl_say_from_guest(&rings, from_guest, sizeof(from_guest));
	ctl_say_to_guest(&rings, to_guest, sizeof(to_guest));
	tx = ring_json(&rings.tx);
	rx = ring_json(&rings.rx);
	json_object_set_new(tx, "room",
			    json_integer(ring_open(&rings.tx) > RING_SLOTS
						 ? 0
						 : RING_SLOTS - ring_open(&rings.tx)));
	json_object_set_new(rx, "room", json_integer(ctl_buffers(&rings)));
	json_object_set_new(rx, "room_wanted", json_integer(rings.room));
	json_object_set_new(rx, "frame_waits", json_boolean(rings.frame_waits));
	json_object_set_new(rx, "drops", json_boolean(rings.drops));
	json_object_set_new(tx, "says", json_string(from_guest));
	json_object_set_new(rx, "says", json_string(to_guest));
	return json_pack("{si so so}", "queue", index, "from_guest", tx, "to_guest", rx);
}

static json_t *vif_json(const struct vif *vif)
{
	json_t *queues = json_array();

	for (unsigned i = 0; i < vif->n_workers; i++)
		json_array_append_new(queues, queue_json(vif->worker[i], i));
	return json_pack("{ss so}", "name", vif->name, "queues", queues);
}

json_t *ctl_rings(struct control *control, const json_t *request)
{
	json_t *vifs = json_array(), *error = NULL;
	struct vif *vif;

	if (ctl_names_vif(request)) {
		vif = ctl_vif(control, request, &error);
		if (!vif) {
			json_decref(vifs);
			return error;
		}
		json_array_append_new(vifs, vif_json(vif));
	} else {
		cds_list_for_each_entry(vif, &control->vifs, in_all)
			json_array_append_new(vifs, vif_json(vif));
	}
	return json_pack("{si so}", "schema", CTL_SCHEMA, "vifs", vifs);
}
