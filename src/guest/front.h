/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A netfront: what one vif's frontend is, and the verbs on it.
 *
 * front_store.c speaks with xenstore, front.c walks through the states of
 * xenbus, front_ring.c owns rings, grants and event channels, tx.c and rx.c
 * put frames into slots and back. Values of the backend are checked wherever
 * they are read: this frontend is also the judge of a backend. What it finds
 * is a fault: a text, and -EPROTO.
 *
 * Threads: the main thread opens, connects and closes. Between connect and
 * close each queue belongs to one worker; a queue shares nothing with others.
 */
#ifndef XENVIFD_GUEST_FRONT_H
#define XENVIFD_GUEST_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>
/* The barriers that <xen/io/ring.h> wants. */
#define mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/netif.h>

#define FRONT_PAGE  4096u /* bytes of a granted page */
#define FRONT_SLOTS 256u  /* of each ring: what fits into one page */
/*
 * Pages of a queue's pool for frames to the backend. A little less than the ring has slots, so that
 * two queues stay below gntalloc's usual limit of 1024 pages.
 */
#define FRONT_POOL	 240u
#define FRONT_QUEUES_MAX 64u
#define FRONT_FRAME_MAX	 65535u /* bytes: `size` of a TX slot has 16 bits */
#define FRONT_PIECES_MAX 18u	/* data slots of a received frame */
#define FRONT_SLOTS_MAX	 18u	/* slots that the largest frame takes: 17 pages and a GSO extra */
#define FRONT_FAULT_SIZE 256u

/* Values of a `state` node, <xen/io/xenbus.h>; 0 when there is none. */
enum front_state {
	FRONT_UNKNOWN = 0,
	FRONT_INITIALISING = 1,
	FRONT_INIT_WAIT = 2,
	FRONT_INITIALISED = 3,
	FRONT_CONNECTED = 4,
	FRONT_CLOSING = 5,
	FRONT_CLOSED = 6,
};

/* A set of states, for front_store_wait. */
#define FRONT_STATES(state) (1u << (state))

/* What this frontend may use, if the backend offers it too. */
struct front_wishes {
	unsigned queues; /* 1 .. FRONT_QUEUES_MAX */
	bool split;	 /* a channel for each direction */
	bool sg, gso4, gso6, csum4, csum6;
	bool rx_notify; /* announce, and give, kicks for new RX buffers */
	bool odd_ids;	/* request ids that aren't slot numbers, as NetBSD and Windows use them */
};

/* What the backend wrote before InitWait. */
struct front_offers {
	unsigned max_queues; /* 1 when it says nothing */
	bool multi_queue;    /* it does say something */
	bool rx_copy, sg, gso4, gso6, csum4, csum6, split;
};

/* Offloads of one direction, as agreed. */
struct front_caps {
	bool sg, gso4, gso6, csum4, csum6;
};

struct front_store {
	struct xs_handle *xs;
	char dir[192];	   /* of the frontend */
	char backend[192]; /* of the backend */
	unsigned domid, devid, backend_id;
	unsigned mtu; /* bytes; 1500 when the toolstack wrote none */
	uint8_t mac[6];
};

/* Counters of one queue. Owner: its worker; read by others after it was joined. */
struct front_stats {
	uint64_t tx_frames, tx_bytes, tx_gso; /* put into the ring */
	uint64_t tx_okay, tx_error, tx_dropped;
	uint64_t tx_refused; /* not put there: too large, or needs what was not negotiated */
	uint64_t rx_frames, rx_bytes, rx_gso, rx_blank;
	uint64_t rx_error;   /* the backend said that it failed to deliver this frame */
	uint64_t tap_errors; /* the tap did not take a received frame */
	uint64_t kicks, events;
};

/* How a slot of the TX ring was used; it decides what its response must be. */
struct front_slot {
	bool extra; /* an extra: its response is RSP_NULL */
	bool page;  /* it holds one page of the pool */
	bool last;  /* of its frame */
	uint16_t id;
};

struct front_tx {
	netif_tx_front_ring_t ring;
	uint32_t ring_ref;
	uint32_t seen; /* the last rsp_prod that was read */
	/* A pool of read-only granted pages, used in a circle: frames complete in order, so do
	 * pages. */
	uint8_t *pages;
	uint32_t refs[FRONT_POOL];
	uint64_t page_prod, page_cons;
	struct front_slot slot[FRONT_SLOTS];
	union netif_tx_sring_entry shadow[FRONT_SLOTS]; /* what was put into each slot */
	bool frame_failed;				/* a slot of the frame being answered was */
	int16_t frame_status;
};

struct front_rx {
	netif_rx_front_ring_t ring;
	uint32_t ring_ref;
	uint32_t seen;
	uint8_t *pages; /* page n belongs to slot n */
	uint32_t refs[FRONT_SLOTS];
	uint32_t limit; /* buffers kept posted, 0 .. FRONT_SLOTS */
};

struct front_queue {
	unsigned index;
	/* Immutable while connected */
	xengntshr_handle *gntshr;
	xenevtchn_handle *evtchn;
	evtchn_port_t tx_port, rx_port; /* the same when combined */
	struct front_caps tx_caps, rx_caps;
	bool rx_notify, odd_ids;
	/* Owner: worker */
	struct front_tx tx;
	struct front_rx rx;
	struct front_stats stats;
	char fault[FRONT_FAULT_SIZE]; /* how the backend broke the protocol; "" if it didn't */
};

struct front {
	struct front_store store;
	struct front_wishes wishes;
	struct front_offers offers;
	unsigned wait_ms;  /* how long each step of the dance may take */
	int cancel_fd;	   /* readable: give up waiting */
	unsigned n_queues; /* 0 when not connected */
	bool split;
	struct front_queue *queue[FRONT_QUEUES_MAX];
};

/* A received frame: pieces point into the RX pages until front_rx_post. */
struct front_frame {
	uint32_t len; /* bytes */
	unsigned n_pieces;
	struct iovec piece[FRONT_PIECES_MAX + 1]; /* from 1: 0 is left for a header */
	bool failed;				  /* a slot came back with a negative status */
	bool csum_blank, data_validated;
	uint8_t gso_type; /* XEN_NETIF_GSO_TYPE_* */
	uint16_t gso_size;
};

/* front_store.c: xenstore. All: main thread only; 0 or -errno unless they say otherwise. */
int front_store_open(struct front_store *store, int domid, unsigned devid, const char *dir);
void front_store_close(struct front_store *store);
int front_store_fd(const struct front_store *store);
void front_store_drain(struct front_store *store);		/* forgets watch events that came */
int front_store_own_state(const struct front_store *store);	/* FRONT_UNKNOWN if absent */
int front_store_backend_state(const struct front_store *store); /* the same */
/* 0: the device is there; -ENODEV: it was removed; another -errno: xenstored is gone. */
int front_store_look(const struct front_store *store);
int front_store_set_state(struct front_store *store, enum front_state state);
/* Waits until the backend's state is in the set. Gives it; -ETIMEDOUT; -ECANCELED by cancel_fd. */
int front_store_wait(struct front_store *store, unsigned states, unsigned timeout_ms,
		     int cancel_fd);
int front_store_read_offers(struct front_store *store, struct front_offers *offers);
int front_store_write_keys(const struct front *front);
/* The backend's explanation in its error node, or "". */
void front_store_read_error(const struct front_store *store, char *text, size_t size);
const char *front_state_name(int state);

/* front.c: the dance. Main thread. 0, -ETIMEDOUT, -ECANCELED, or another -errno; they say why. */
int front_open(struct front *front, const struct front_wishes *wishes, int domid, unsigned devid,
	       const char *dir);
int front_connect(struct front *front);
int front_wait_connected(struct front *front);
int front_disconnect(struct front *front); /* as Linux removes a device; keeps the queues */
int front_rewind(
	struct front *front); /* release, and 5, 6, 1 and InitWait again, as kexec and iPXE do */
void front_release(struct front *front); /* frees the queues, writes nothing */
void front_close(struct front *front);

/* front_ring.c: rings, grants, channels. */
int front_queue_create(struct front_queue **queue, unsigned index, unsigned backend_id, bool split);
void front_queue_destroy(struct front_queue *queue);
/* Notes the first fault of a queue and gives -EPROTO. Worker. */
int front_fault(struct front_queue *queue, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void front_kick_tx(struct front_queue *queue);
void front_kick_rx(struct front_queue *queue);
/* Takes one pending event off the channel; call when its descriptor is readable. */
void front_take_event(struct front_queue *queue);
/* Asks for events about new responses; true when there are some already: don't sleep. */
bool front_arm(struct front_queue *queue);
int front_check_prod(struct front_queue *queue, const char *ring, uint32_t prod, uint32_t cons,
		     uint32_t *seen, uint32_t req_prod);

/* tx.c: to the backend. Worker. */
uint32_t front_tx_room(const struct front_queue *queue);  /* free slots */
uint32_t front_tx_pages(const struct front_queue *queue); /* free pages of the pool */
/* Fills the next slot; the caller has looked for room. It is seen after front_tx_push. */
void front_tx_put(struct front_queue *queue, uint32_t gref, uint16_t offset, uint16_t size,
		  uint16_t flags);
void front_tx_put_extra(struct front_queue *queue, const netif_extra_info_t *extra);
/*
 * Puts a frame of len bytes (14 .. 65535) that lies in the pool from this page
 * (0 .. FRONT_POOL - 1) on, wrapping around; the caller has looked for room.
 */
void front_tx_put_frame(struct front_queue *queue, uint32_t page, uint32_t len, uint16_t flags,
			uint8_t gso_type, uint16_t gso_size);
void front_tx_push(struct front_queue *queue);
/* Takes responses and checks each. -EPROTO when the backend broke the protocol. */
int front_tx_reap(struct front_queue *queue);

/* rx.c: from the backend. Worker. */
/* 1 and a frame, 0 when there is none, -EPROTO when the backend broke the protocol. */
int front_rx_take(struct front_queue *queue, struct front_frame *frame);
/* Posts all buffers that were taken, up to rx.limit. */
void front_rx_post(struct front_queue *queue);

/* The id that a request at free-running index gets. */
static inline uint16_t front_tx_id(const struct front_queue *queue, uint32_t at)
{
	return queue->odd_ids ? at * 40503u % 1024 : at % FRONT_SLOTS;
}

static inline uint16_t front_rx_id(const struct front_queue *queue, uint32_t at)
{
	return queue->odd_ids ? at * 40503u : at % FRONT_SLOTS;
}

#endif
