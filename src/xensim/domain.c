/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains come and go, and the host itself is made.
 *
 * What Xen's domain builder does for a guest is here: a new domain has one page granted to domain
 * 0 (reference 1, its xenstore ring) and one event channel for it, which xenstored takes when the
 * domain is introduced. A destroyed domain loses its ports and grants at once; while others still
 * map its pages it stays "dying", as in Xen, and the last of them to let go ends it.
 */
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xen/grant_table.h>
#include <xen/xen.h>

static int file_make(int dir, const char *name, off_t size)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, size) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

static int host_init(struct sim_host *host)
{
	pthread_mutexattr_t attr;
	int rc;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	rc = -pthread_mutex_init(&host->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	host->version = SIM_VERSION;
	host->doms[0] = SIM_DOM(SIM_DOM_ALIVE, 1);
	host->dom_top = 1;
	host->fresh = 1;
	__atomic_store_n(&host->magic, SIM_MAGIC, __ATOMIC_RELEASE);
	return rc;
}

/* The builder's part of a domain's tables: the way to its xenstore. Its port or -errno. */
static int dom_build(struct sim_tables *t, uint32_t domid, uint32_t gen)
{
	struct sim_grant *g = &t->grants[GNTTAB_RESERVED_XENSTORE];

	t->domid = domid;
	t->gen = gen;
	t->port_top = 1;
	t->grant_top = SIM_RESERVED;
	g->owner = SIM_BUILDER;
	g->entry = SIM_GRANT_PERMIT; /* for domain 0 */
	return sim_port_alloc(t, SIM_BUILDER, SIM_LINK(SIM_PORT_UNBOUND, 0, 0));
}

static int dom_file_make(int dir, uint32_t domid, uint32_t gen)
{
	struct sim_tables *t;
	char name[32];
	int fd, port;

	snprintf(name, sizeof(name), "dom.%u.%u", domid, gen);
	fd = file_make(dir, name, SIM_DOM_SIZE);
	if (fd < 0)
		return fd;
	port = sim_raw_map(fd, SIM_DOM_SIZE, (void **)&t);
	close(fd);
	if (port < 0)
		return port;
	port = dom_build(t, domid, gen);
	sim_raw_unmap(t, SIM_DOM_SIZE);
	return port;
}

/* What xenstored reads of /proc/xen: the port to domain 0's kernel, and its ring page */
static int proc_make(int dir, int port)
{
	int page = file_make(dir, "xsd_kva", SIM_PAGE);
	int fd = file_make(dir, "xsd_port", 0);
	int rc = page < 0 ? page : fd < 0 ? fd : 0;

	if (!rc && dprintf(fd, "%d", port) < 0)
		rc = -errno;
	if (page >= 0)
		close(page);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Makes a new host, with domain 0, in the directory path, which is made too if it isn't there. */
int sim_host_make(const char *path)
{
	struct sim_host *host = NULL;
	int dir, fd, rc;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	rc = dom_file_make(dir, 0, 1);
	if (rc >= 0)
		rc = proc_make(dir, rc);
	if (!rc) {
		fd = file_make(dir, "host", sizeof(*host));
		rc = fd < 0 ? fd : sim_raw_map(fd, sizeof(*host), (void **)&host);
		if (fd >= 0)
			close(fd);
	}
	close(dir);
	if (!rc) {
		rc = host_init(host);
		sim_raw_unmap(host, sizeof(*host));
	}
	return rc;
}

/*
 * A new domain comes to life. Returns the number of its port for xenstored, -EEXIST if a domain
 * of that number lives or is still dying, or another -errno.
 */
int sim_dom_make(uint32_t domid)
{
	struct sim_host *host = sim.host;
	uint32_t gen;
	int port;

	if (domid >= SIM_DOMAINS)
		return -EINVAL;
	sim_lock();
	if (SIM_DOM_STATE(host->doms[domid]) == SIM_DOM_DYING)
		sim_handle_reap_all();
	if (SIM_DOM_STATE(host->doms[domid]) != SIM_DOM_NONE) {
		sim_unlock();
		return -EEXIST;
	}
	gen = ++host->fresh & 0x3fffffff;
	port = dom_file_make(sim.dir, domid, gen);
	if (port >= 0) {
		if (domid >= host->dom_top)
			host->dom_top = domid + 1;
		host->doms[domid] = SIM_DOM(SIM_DOM_ALIVE, gen);
	}
	sim_unlock();
	return port;
}

/* Ends a dying domain that nobody maps any more (locked) */
void sim_dom_settle(uint32_t domid)
{
	uint32_t word = sim.host->doms[domid];
	char name[32];
	uint32_t i;

	if (SIM_DOM_STATE(word) != SIM_DOM_DYING)
		return;
	for (i = 0; i < sim.host->map_top; i++) {
		struct sim_map *m = &sim.host->maps[i];

		if (m->mapper != SIM_NOBODY && m->domid == domid && m->dom_gen == SIM_DOM_GEN(word))
			return;
	}
	sim.host->doms[domid] = SIM_DOM(SIM_DOM_NONE, SIM_DOM_GEN(word));
	snprintf(name, sizeof(name), "dom.%u.%u", domid, SIM_DOM_GEN(word));
	unlinkat(sim.dir, name, 0);
}

/* Takes a dying domain's ports and grants, and ends it if nobody maps its pages (locked) */
void sim_dom_strip(struct sim_dom *dom)
{
	uint32_t i;

	for (i = 1; i < dom->t->port_top; i++)
		sim_port_close(dom->t, i);
	for (i = 0; i < dom->t->grant_top; i++)
		sim_grant_end(dom, i);
	sim_dom_settle(dom->domid);
}

/*
 * The domain dies: its ports are closed (their peers are unbound again), its grants end, and
 * xenstored is told by VIRQ_DOM_EXC. Its processes are the caller's to kill, before.
 */
int sim_dom_destroy(uint32_t domid)
{
	struct sim_dom *dom;

	if (domid == 0 || domid >= SIM_DOMAINS)
		return -EINVAL;
	sim_lock();
	dom = SIM_DOM_STATE(sim.host->doms[domid]) == SIM_DOM_ALIVE ? sim_dom_get(domid) : NULL;
	if (!dom) {
		sim_unlock();
		return -ESRCH;
	}
	sim.host->doms[domid] = SIM_DOM(SIM_DOM_DYING, SIM_DOM_GEN(dom->word));
	sim_handle_reap_all();
	sim_dom_strip(dom);
	sim_dom_put(dom);
	sim_virq_raise(VIRQ_DOM_EXC);
	sim_unlock();
	return 0;
}
