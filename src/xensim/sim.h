/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xensim: a Xen host without Xen, as a preloaded library.
 *
 * Programs linked with libxenevtchn, libxengnttab and libxenctrl run unmodified: libxensim.so is
 * loaded before those libraries and answers their calls. A host is a directory (XENSIM_DIR, best
 * on a tmpfs); a process is told by XENSIM_DOMID which domain it belongs to. There is no server:
 * the "hypervisor" is a set of tables in files that all processes of the host map.
 *
 *   host            struct sim_host: the lock, which domains are alive, the table of open handles,
 *                   the table of grant mappings, armed faults
 *   dom.<id>.<gen>  struct sim_tables and behind it the domain's grantable memory: its event
 *                   channels, its grant table, and page N of the file for grant reference N
 *   h.<hid>         one file per open handle. An event channel handle's file is a FIFO, and the
 *                   handle's descriptor is its open end: what others write into it makes the
 *                   descriptor readable, and each four bytes read are one port number
 *   xsd_port, xsd_kva   served to xenstored in place of the files in /proc/xen
 *
 * Life and death. A handle holds a flock on its own file. The kernel drops that lock when the last
 * copy of the descriptor is closed, however the process ended, so "is this handle alive" is a
 * question that anyone can ask and nobody must remember to answer. What a dead handle owned (ports,
 * grants, mappings) is taken back by whoever next meets it: a bind that finds a port taken, a map,
 * an unshare, a full table, and every count. Nobody can tell this from the kernel having done it at
 * once, but for a reader of the raw tables.
 *
 * Locks. Whatever changes ownership takes one robust mutex in the host file. A process killed
 * inside leaves it to the next one, which first mends the tables (sim_host_mend): each change is
 * ordered so that one store makes it true, and what is derived can be counted again.
 * notify, pending, unmask and grant copy take no lock. Each makes exactly one system call.
 *
 * What xensim does not reproduce
 *  - the cost of anything: a hypercall, a TLB flush, an exit, pinning, a world switch
 *  - interrupts and vCPUs: an event is a token in a pipe, delivered by the host's scheduler
 *  - protection: every process can write all tables. A domain that plays by the interface is
 *    checked as Xen checks it; one that opens the files itself is not contained
 *  - a grant is not pinned for the length of a copy: a domain that revokes a page under a copy
 *    gets the bytes that were under way (in its own memory, never another domain's)
 *  - a killed process' ports and grants go when somebody next looks, not at the instant; so a copy
 *    to a page whose owner has just been killed may still succeed, and the unmap notifications of
 *    gntdev and gntalloc, which need that instant, are refused (ENOSYS)
 *  - grants of a domain are granted by page allocation alone (gntalloc): no foreign memory, no
 *    transfer, no dma-buf, no transitive and no sub-page grants. gntalloc's limit (1024 pages
 *    unless its module parameter says more) is not kept: a domain has 32760 pages to grant
 *  - a domain has no xenstore ring of its own: all clients use xenstored's socket, and so all are
 *    privileged there. Permissions of nodes are stored but stop nobody
 *  - domains have no memory, no vCPUs and no console beside that: they exist, or are dying, or not
 *
 * What it does reproduce beyond the obvious: numbers (lowest free port first, references from 8),
 * errno and GNTST_* values as Xen 4.17 and Linux 6.1 give them, a copy's refusal as a whole
 * (EINVAL) when a segment leaves its page or names no grant, because gntdev does that before Xen
 * sees it.
 */
#ifndef XENSIM_SIM_H
#define XENSIM_SIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SIM_MAGIC      0x584d4953u
#define SIM_VERSION    1
#define SIM_PAGE       4096u
#define SIM_DOMAINS    0x7ff0u /* domids below the reserved ones */
#define SIM_SELF       0x7ff0u /* DOMID_SELF */
#define SIM_PORTS      16384u  /* a domain; number 0 is never given out */
#define SIM_GRANTS     32768u  /* a domain; the first 8 are Xen's */
#define SIM_RESERVED   8u      /* grant references kept for console and xenstore */
#define SIM_HANDLES    16384u  /* a host, evtchn and grant handles together */
#define SIM_MAPS       65536u  /* a host, pages mapped */
#define SIM_FAULTS     16u     /* armed at once */
#define SIM_FAULT_HANG 0x10000 /* flag of a fault's value, whose rest are seconds */
#define SIM_EXPORT     __attribute__((visibility("default")))

/* A handle's name in the tables: slot number in the low 14 bits, how often the slot was used above
 */
typedef uint32_t sim_hid;
#define SIM_NOBODY     0u
#define SIM_BUILDER    0xffffffffu /* owned by the domain itself, as its boot pages are */
#define SIM_SLOT(hid)  ((hid) & (SIM_HANDLES - 1))
#define SIM_HID(s, g)  (((g) << 14) | (s))
#define SIM_SLOT_TURNS 0x3ffffu

enum sim_kind {
	SIM_FREE = 0,
	SIM_EVTCHN,
	SIM_GNTTAB,
	SIM_GNTSHR,
};

struct sim_handle {
	_Atomic uint32_t kind; /* enum sim_kind; the store that opens and frees the slot */
	uint32_t turn;	       /* which use of this slot */
	uint32_t domid;
	uint32_t dom_gen;
	int32_t pid;
	uint32_t unused;
	uint64_t ino;		    /* of its file, to find it again by descriptor */
	_Atomic uint64_t notifying; /* peer port being signalled right now, see notify_finish */
};

/* A port's two life lines: who is at the other end (link), and what is due here (event) */
enum sim_port_state {
	SIM_PORT_FREE = 0,
	SIM_PORT_UNBOUND,
	SIM_PORT_INTERDOMAIN,
	SIM_PORT_VIRQ, /* the number of the virq takes the peer port's place */
};
#define SIM_LINK(state, domid, port) \
	((uint64_t)(state) << 56 | (uint64_t)(domid) << 32 | (uint64_t)(port))
#define SIM_LINK_STATE(l) ((enum sim_port_state)((l) >> 56))
#define SIM_LINK_DOMID(l) ((uint32_t)((l) >> 32) & 0xffff)
#define SIM_LINK_PORT(l)  ((uint32_t)(l))

#define SIM_EVENT_PENDING 1u
#define SIM_EVENT_MASKED  2u

struct sim_port {
	_Atomic uint32_t event; /* SIM_EVENT_*; changed by anyone */
	_Atomic uint32_t owner; /* sim_hid; under the lock */
	_Atomic uint64_t link;	/* SIM_LINK; under the lock */
} __attribute__((aligned(64)));

#define SIM_GRANT_PERMIT   (1ull << 32)
#define SIM_GRANT_READONLY (1ull << 33)
#define SIM_GRANT_DEFERRED (1ull << 34) /* given up by its owner, lives for who mapped it */
#define SIM_GRANT_DOMID(e) ((uint32_t)((e)&0xffff))

struct sim_grant {
	_Atomic uint64_t entry; /* SIM_GRANT_* and the domain it is for; under the lock */
	uint32_t owner;		/* sim_hid */
	uint32_t maps;		/* mapping records that name it: derived, counted again in a mend */
};

struct sim_tables {
	uint32_t domid, gen;
	uint32_t port_top;  /* no port at or above was ever used */
	uint32_t grant_top; /* the same for grant references */
	struct sim_port ports[SIM_PORTS];
	struct sim_grant grants[SIM_GRANTS];
};
#define SIM_PAGES_AT ((sizeof(struct sim_tables) + SIM_PAGE - 1) / SIM_PAGE * SIM_PAGE)
#define SIM_DOM_SIZE (SIM_PAGES_AT + (size_t)SIM_GRANTS * SIM_PAGE)

/* One page mapped by one handle */
struct sim_map {
	_Atomic uint32_t mapper; /* sim_hid; SIM_NOBODY = free. The store that makes or ends it */
	uint32_t domid;
	uint32_t dom_gen;
	uint32_t ref;
};

enum sim_call {
	SIM_CALL_NONE = 0,
	SIM_CALL_EVTCHN_OPEN,
	SIM_CALL_BIND_UNBOUND,
	SIM_CALL_BIND_INTERDOMAIN,
	SIM_CALL_GNTTAB_OPEN,
	SIM_CALL_MAP_GRANT,
	SIM_CALL_GRANT_COPY, /* one segment; the fault's value is the GNTST_* status */
	SIM_CALL_GNTSHR_OPEN,
	SIM_CALL_SHARE_PAGES,
	SIM_CALL_COUNT,
};

struct sim_fault {
	uint32_t call;	/* enum sim_call; 0 = free */
	uint32_t domid; /* calls of this domain only */
	uint32_t skip;	/* calls still let through */
	uint32_t times; /* calls still to fail after that; 0xffffffff = all */
	int32_t value;	/* errno, or a GNTST_* status for a copy */
};

enum sim_dom_state {
	SIM_DOM_NONE = 0,
	SIM_DOM_ALIVE,
	SIM_DOM_DYING, /* destroyed, but others still map its pages */
};
#define SIM_DOM(state, gen) ((uint32_t)(state) << 30 | (gen))
#define SIM_DOM_STATE(d)    ((enum sim_dom_state)((d) >> 30))
#define SIM_DOM_GEN(d)	    ((d)&0x3fffffff)

struct sim_host {
	uint32_t magic, version;
	_Atomic uint32_t faults_armed;
	uint32_t handle_top, map_top, dom_top;
	uint32_t fresh;	 /* generation of the last domain made */
	uint32_t mended; /* how often a process was killed with the lock held */
	pthread_mutex_t lock;
	struct sim_fault faults[SIM_FAULTS];
	_Atomic uint32_t doms[SIM_DOMAINS]; /* SIM_DOM() */
	struct sim_handle handles[SIM_HANDLES];
	struct sim_map maps[SIM_MAPS];
};

/* One domain's file as this process maps it; shared by the handles that use it */
struct sim_dom {
	uint32_t domid, word; /* word: host->doms[domid] when it was mapped */
	int fd, refs;
	struct sim_tables *t;
	uint8_t *pages;
	struct sim_dom *next;
};

/* The domains that one handle deals with; its own thread's, so looked up without a lock */
struct sim_view {
	struct sim_dom **dom;
	unsigned int count;
};

/* What each library's handle begins with */
struct sim_device {
	int fd; /* what the program gets, and holds the handle by */
	sim_hid hid;
	struct sim_view view;
};

/* This process' place in the host: set once by sim_attach */
struct sim_self {
	struct sim_host *host;
	int dir;
	uint32_t domid;
	uint32_t dom_gen;
};
extern struct sim_self sim;

/* host.c: the host file, its lock, and the domains as this process sees them */
int sim_attach(void);
int sim_attach_dir(const char *path, uint32_t domid);
void sim_lock(void);
void sim_unlock(void);
int sim_raw_map(int fd, size_t size, void **out);
void sim_raw_unmap(void *at, size_t size);
void sim_nudge(int fd);
struct sim_dom *sim_dom_get(uint32_t domid);
void sim_dom_put(struct sim_dom *dom);
struct sim_dom *sim_view_find(struct sim_view *view, uint32_t domid);
void sim_view_fini(struct sim_view *view);

/* domain.c */
int sim_host_make(const char *path);
int sim_dom_make(uint32_t domid);
int sim_dom_destroy(uint32_t domid);
void sim_dom_settle(uint32_t domid);
void sim_dom_strip(struct sim_dom *dom);

/* handle.c: handles come, are asked after, and are taken back */
int sim_device_open(enum sim_kind kind, enum sim_call call, bool cloexec, sim_hid *hid);
void *sim_device_create(enum sim_kind kind, enum sim_call call, size_t size);
void sim_device_destroy(struct sim_device *device);
int sim_handle_adopt(int fd, sim_hid *hid);
int sim_handle_file(sim_hid hid);
bool sim_handle_alive(sim_hid hid);
void sim_handle_release(sim_hid hid);
bool sim_handle_reap(sim_hid hid);
void sim_handle_reap_all(void);

/* port.c */
int sim_port_alloc(struct sim_tables *t, sim_hid owner, uint64_t link);
void sim_port_close(struct sim_tables *t, uint32_t port);
bool sim_port_mark(struct sim_port *p);
bool sim_port_unmask(struct sim_port *p);
void sim_port_take(struct sim_port *p);
int sim_port_signal(int fd, uint32_t port, bool owed);
void sim_port_token(struct sim_tables *t, uint32_t port);
void sim_virq_raise(uint32_t virq);
void sim_port_mend(struct sim_tables *t);

/* grant.c */
int sim_grant_alloc(struct sim_dom *dom, sim_hid owner, uint64_t entry, uint32_t count,
		    uint32_t *refs);
void sim_grant_end(struct sim_dom *dom, uint32_t ref);
int sim_grant_check(struct sim_dom *dom, uint32_t ref, bool write);
int sim_map_begin(struct sim_dom *dom, uint32_t ref, bool write, sim_hid mapper);
void sim_map_end(struct sim_map *map);
void sim_map_mend(void);

/* fault.c */
extern const char *const sim_call_name[SIM_CALL_COUNT];
int sim_fault_arm(enum sim_call call, uint32_t domid, uint32_t skip, uint32_t times, int value);
void sim_fault_clear(void);
int sim_fault_take(enum sim_call call);

#endif
