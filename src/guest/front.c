/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frontend's half of the xenbus dance, step by step as Linux's netfront
 * does it.
 *
 *   connect:    backend InitWait -> read its offers, make queues, write keys -> Connected
 *   disconnect: Closing -> backend Closing -> Closed -> backend Closed
 *   rewind:     the same, then Initialising -> backend InitWait
 *
 * A frontend that starts and finds its own state other than Initialising has
 * inherited it (from a guest that was killed, or a boot loader), and rewinds
 * first. Each wait is bounded by wait_ms and ends early when cancel_fd is
 * readable. A backend that does not follow is reported, and then the frontend
 * goes on as it would have: there is nothing else that it could do.
 */
#include <errno.h>
#include <string.h>

#include "front.h"
#include "say.h"

int front_open(struct front *front, const struct front_wishes *wishes, int domid, unsigned devid,
	       const char *dir)
{
	front->wishes = *wishes;
	return front_store_open(&front->store, domid, devid, dir);
}

static int front_wait(struct front *front, unsigned states, const char *after)
{
	struct front_store *store = &front->store;
	int state = front_store_wait(store, states, front->wait_ms, front->cancel_fd);
	char error[256];

	if (state == -ETIMEDOUT) {
		state = front_store_backend_state(store);
		front_store_read_error(store, error, sizeof(error));
		say("%s, but after %u s the backend at %s is still %s%s%s", after,
		    front->wait_ms / 1000, store->backend, front_state_name(state),
		    error[0] ? ": " : "", error);
		return -ETIMEDOUT;
	}
	return state;
}

/* What may be sent is what both can; segmentation builds on checksums and on several slots. */
static struct front_caps front_tx_caps(const struct front *front)
{
	const struct front_wishes *w = &front->wishes;
	const struct front_offers *o = &front->offers;
	struct front_caps caps = {
		.sg = w->sg && o->sg,
		.csum4 = w->csum4 && o->csum4,
		.csum6 = w->csum6 && o->csum6,
	};

	caps.gso4 = w->gso4 && o->gso4 && caps.sg && caps.csum4;
	caps.gso6 = w->gso6 && o->gso6 && caps.sg && caps.csum6;
	return caps;
}

static int front_create_queues(struct front *front)
{
	const struct front_wishes *w = &front->wishes;
	unsigned want = w->queues;

	if (want > front->offers.max_queues) {
		say("the backend allows %u queues; using as many", front->offers.max_queues);
		want = front->offers.max_queues;
	}
	front->split = w->split && front->offers.split;
	for (; front->n_queues < want; front->n_queues++) {
		struct front_queue *queue;
		int rc = front_queue_create(&queue, front->n_queues, front->store.backend_id,
					    front->split);

		if (rc)
			return rc;
		queue->tx_caps = front_tx_caps(front);
		queue->rx_caps = (struct front_caps){ w->sg, w->gso4, w->gso6, w->csum4, w->csum6 };
		queue->rx_notify = w->rx_notify;
		queue->odd_ids = w->odd_ids;
		front->queue[front->n_queues] = queue;
	}
	return 0;
}

int front_connect(struct front *front)
{
	int rc = 0;

	if (front_store_own_state(&front->store) != FRONT_INITIALISING)
		rc = front_rewind(front);
	if (!rc)
		rc = front_wait(front, FRONT_STATES(FRONT_INIT_WAIT), "this frontend waits");
	if (rc < 0)
		return rc;
	rc = front_store_read_offers(&front->store, &front->offers);
	if (!rc)
		rc = front_create_queues(front);
	if (!rc)
		rc = front_store_write_keys(front);
	if (!rc)
		rc = front_store_set_state(&front->store, FRONT_CONNECTED);
	if (rc) {
		say("connecting failed: %s", strerror(-rc));
		front_release(front);
	}
	return rc;
}

int front_wait_connected(struct front *front)
{
	unsigned ends = FRONT_STATES(FRONT_CONNECTED) | FRONT_STATES(FRONT_CLOSING) |
			FRONT_STATES(FRONT_CLOSED) | FRONT_STATES(FRONT_UNKNOWN);
	int state = front_wait(front, ends, "this frontend is Connected");
	char error[256];

	if (state < 0 || state == FRONT_CONNECTED)
		return state < 0 ? state : 0;
	front_store_read_error(&front->store, error, sizeof(error));
	say("the backend refused this frontend: it is %s%s%s", front_state_name(state),
	    error[0] ? ": " : "", error);
	return -ECONNREFUSED;
}

/* Closing, then Closed. A cancelled or late step does not keep the next one from being taken. */
int front_disconnect(struct front *front)
{
	const unsigned gone = FRONT_STATES(FRONT_CLOSED) | FRONT_STATES(FRONT_UNKNOWN);
	int rc;

	if (front_store_own_state(&front->store) != FRONT_CLOSED) {
		if (front_store_set_state(&front->store, FRONT_CLOSING) == -ENOENT)
			return 0;
		rc = front_wait(front, FRONT_STATES(FRONT_CLOSING) | gone,
				"this frontend is Closing");
		if (rc < 0 && rc != -ETIMEDOUT)
			return rc;
	}
	if (front_store_set_state(&front->store, FRONT_CLOSED) == -ENOENT)
		return 0;
	rc = front_wait(front, FRONT_STATES(FRONT_INIT_WAIT) | gone, "this frontend is Closed");
	return rc < 0 ? rc : 0;
}

int front_rewind(struct front *front)
{
	int rc = front_disconnect(front);

	front_release(front);
	if (rc)
		return rc;
	rc = front_store_set_state(&front->store, FRONT_INITIALISING);
	if (!rc)
		rc = front_wait(front, FRONT_STATES(FRONT_INIT_WAIT),
				"this frontend is Initialising again");
	return rc < 0 ? rc : 0;
}

void front_release(struct front *front)
{
	while (front->n_queues > 0)
		front_queue_destroy(front->queue[--front->n_queues]);
}

void front_close(struct front *front)
{
	front_release(front);
	front_store_close(&front->store);
}
