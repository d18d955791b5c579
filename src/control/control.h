/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control thread: it owns xenstore, netlink and the registry of vifs.
 *
 * Watch events say only that something has changed: each marks its vif, and
 * once all events of a turn are taken, each marked vif is looked at once
 * (vif_update). So a storm of events costs what reading them costs.
 *
 * Connected guests need no xenstore. Were xenstored to die, they are served as
 * before; it is looked for each second, and then the tree is read anew. What is
 * connected and not in it any more is kept (vif.c).
 */
#ifndef XENVIFD_CONTROL_CONTROL_H
#define XENVIFD_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include <urcu/list.h>

#include "control/claim.h"
#include "control/loop.h"
#include "stats.h"
#include "tap/link.h"
#include "vif_config.h"
#include "xen/store.h"

/*
 * What the administrator and the daemon chose. A vif that comes, or connects, goes by what is
 * chosen then.
 */
struct control_settings {
	unsigned max_queues;	   /* offered to each vif, 1 .. VIF_QUEUES_MAX */
	unsigned stall_timeout_ms; /* how long frames wait for a guest that takes none */
	int (*worker_enter)(void); /* of worker_setup */
	const char *moving;	   /* the lock of who moves vifs: base/moving.h */
	struct claims claims;	   /* what is to be here where xen-netback is loaded */
};

/* What an earlier daemon has left to this one. NULL functions: nothing is known. */
struct control_memory {
	/* The counters of a queue, if it is the one of that connection. */
	bool (*recall)(void *ctx, const char *vif, unsigned queue,
		       const struct vif_queue_config *config, struct stats *stats);
	/* What an administrator has set the carrier of a vif to: an enum vif_carrier. */
	int (*recall_carrier)(void *ctx, const char *vif);
	void *ctx;
};

struct control {
	struct control_settings settings;
	struct control_memory memory;
	struct loop *loop;
	struct store *store;
	struct link_socket *link;
	uint16_t domid; /* the domain we run in */

	struct cds_list_head vifs;  /* struct vif.in_all */
	struct cds_list_head dirty; /* struct vif.in_dirty: to be looked at */
	bool scan;		    /* the whole backend tree is to be looked at */
	bool store_lost;	    /* xenstored is gone; looked for each second */
	bool retry_armed;	    /* retry_source will fire */

	struct loop_source store_source; /* watch events */
	struct loop_source alive_source; /* hangs up when xenstored dies; fd may be negative */
	struct loop_source call_source;	 /* eventfd: a worker wants to be served, or gave up */
	struct loop_source retry_source; /* timerfd: a second, for what could not be done */
};

/*
 * Opens xenstore and netlink, watches the backend tree, takes in the vifs that
 * are there (those that are Connected carry traffic again afterwards) and
 * removes taps whose vif went while no daemon ran. 0, or -errno, logged.
 */
int control_open(struct control *control, struct loop *loop,
		 const struct control_settings *settings, const struct control_memory *memory);

/* Stops every worker once its batch is complete; their counters stand still. */
void control_stop(struct control *control);

/*
 * Detaches from every vif, completing the batches in hand. Xenstore and taps
 * stay as they are for the next daemon.
 */
void control_close(struct control *control);

/* Looks at each vif that was marked. After every turn of the loop. */
void control_update(struct control *control);

/*
 * Takes in what xenstore has become up to now, for who wrote there and then asks. May destroy vifs.
 */
void control_refresh(struct control *control);

struct control_count {
	unsigned vifs;	 /* in the registry, connected or not */
	unsigned queues; /* that carry traffic */
};
struct control_count control_count(const struct control *control);

/* Has xenstored, if it is gone, and vifs that want it (vif_mark_later) looked at within a second.
 */
void control_retry_later(struct control *control);

#endif
