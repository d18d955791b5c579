/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One vif: what xenstore says of it, what is set up for it, and its life.
 *
 * The life is proto/xenbus_fsm: vif_update reads the facts, asks for the next
 * action, carries it out, and so on until there is none. Beside it are
 * vif_facts.h, what is read of and written to xenstore, and vif_report.h, what
 * people are told.
 *
 * Owner of a struct vif: control.
 */
#ifndef XENVIFD_CONTROL_VIF_H
#define XENVIFD_CONTROL_VIF_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <urcu/list.h>

#include "base/ratelimit.h"
#include "control/control.h"
#include "datapath/credit.h"
#include "datapath/worker.h"
#include "proto/rate.h"
#include "proto/xenbus_fsm.h"
#include "tap/tap.h"
#include "vif_config.h"

#define VIF_REASON_SIZE 256
#define VIF_NO_QUEUE	(-1)

/* What kind of thing vif->reason tells of. */
enum vif_trouble {
	VIF_TROUBLE_NONE,
	VIF_TROUBLE_TAP,       /* the tap can't be made or set up */
	VIF_TROUBLE_KEYS,      /* the frontend's keys are wrong */
	VIF_TROUBLE_ATTACH,    /* what the keys name can't be mapped, bound or served */
	VIF_TROUBLE_SHORTAGE,  /* nor now, for want of memory and the like: tried again */
	VIF_TROUBLE_ROGUE,     /* the frontend broke the protocol */
	VIF_TROUBLE_TAP_GONE,  /* somebody removed the tap */
	VIF_TROUBLE_DRAINED,   /* an administrator closed it */
	VIF_TROUBLE_INHERITED, /* an earlier daemon reported it */
};

/* What an administrator wants the tap's carrier to be. */
enum vif_carrier {
	VIF_CARRIER_AUTO, /* on while the vif is connected */
	VIF_CARRIER_ON,
	VIF_CARRIER_OFF,
};

struct vif {
	/* Immutable */
	struct control *control;
	uint16_t domid;
	uint32_t devid;
	char name[IFNAMSIZ]; /* vif<domid>.<devid>: ours, whatever the tap is called by now */
	char path[64];	     /* backend/vif/<domid>/<devid>, relative to our domain */
	char alias[LINK_ALIAS_SIZE];

	/* Owner: control */
	struct cds_list_head in_all;
	struct cds_list_head in_dirty;
	bool dirty;
	bool later;			/* to be looked at when the control thread tries again */
	bool watched;			/* the frontend's state */
	bool unseen;			/* not found in xenstore since xenstored came back */
	bool rival;			/* xen-netback has it, or had: it is left alone */
	uint64_t nobody_since;		/* clock_now_ns when it was first without driver; 0 */
	char frontend[STORE_PATH_SIZE]; /* its directory; "" until known */
	char hotplug_status[16];	/* as read */
	char mac[18];			/* as read */
	char rate_text[RATE_TEXT_SIZE]; /* as read; "" without one */
	struct rate rate;		/* that it means */
	bool rate_wrong;		/* it means nothing */
	struct xenbus_facts facts;
	uint64_t peer_since;	  /* clock_now_ns when facts.peer_state was first seen as it is */
	enum vif_carrier carrier; /* until the vif goes */
	unsigned max_queues;	  /* what this vif was or will be offered */
	struct tap tap;
	struct vif_config config; /* of the connection; n_queues 0 without one */
	struct credit *credit;	  /* of the connection; NULL without one */
	unsigned n_workers;
	struct worker *worker[VIF_QUEUES_MAX];
	uint64_t progress[VIF_QUEUES_MAX]; /* of the workers, when last looked at */
	char reason[VIF_REASON_SIZE];	   /* why it was refused or can't be made ready; "" */
	enum vif_trouble trouble;
	int reason_queue; /* which it is about, or VIF_NO_QUEUE */
	struct ratelimit log_limit;
};

/* The vif with this number, or NULL. */
struct vif *vif_find(struct control *control, uint16_t domid, uint32_t devid);

/* Makes an entry in the registry; nothing of the host is touched. NULL: no memory. */
struct vif *vif_create(struct control *control, uint16_t domid, uint32_t devid);

/* Takes the entry out. What it holds open is closed; the tap and xenstore stay. */
void vif_destroy(struct vif *vif);

/* Marks the vif to be looked at by control_update. */
void vif_mark(struct vif *vif);

/* Has it looked at within a second: something stands in the way that no event tells the end of. */
void vif_mark_later(struct vif *vif);

/*
 * The connection to xenstored is a new one: what was watched must be watched again, and what it
 * does not know need not be gone.
 */
void vif_store_renewed(struct vif *vif);

/* Reads the facts and does what they ask for. May destroy the vif. */
void vif_update(struct vif *vif);

/* A worker gave up: closes the vif with the worker's reason. */
void vif_check_workers(struct vif *vif);

/* The queue whose worker is stuck since the last call, or -1. */
int vif_find_stuck(struct vif *vif);

/* Whether it is served although xenstored came back without it. */
bool vif_is_kept(const struct vif *vif);

/* Whether the tap has carrier, as far as it is ours to say. */
bool vif_has_carrier(const struct vif *vif);

/* Sets what the carrier is to be. 0, or -errno: it can't be set. */
int vif_set_carrier(struct vif *vif, enum vif_carrier carrier);

/*
 * Closes an attached vif in good order: Closing, and Closed once the frontend
 * has followed. It stays so until the frontend connects again. 0, or -ENOTCONN.
 */
int vif_drain(struct vif *vif);

/* What control/owner.c needs to move a vif to and from the kernel. */

/* Makes the tap, or picks it up. 0, or -errno with vif->reason. */
int vif_prepare(struct vif *vif);

/* Brings up the queues that the frontend asks for. 0, or -errno with vif->reason. */
int vif_attach(struct vif *vif);

/* Takes down what vif_attach brought up. Fine when nothing is up. */
void vif_detach(struct vif *vif);

/* Takes down what vif_prepare made, and what the service manager keeps of it. */
void vif_unprepare(struct vif *vif);

#endif
