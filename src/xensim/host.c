/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host file, its lock, and this process' view of the domains.
 *
 * A process attaches to its host at its first call and stays attached. Domains' files are mapped
 * when first needed, once a process, and let go with the last handle that used them; a handle
 * keeps its own short list of them (struct sim_view), so that the calls of the data path find a
 * domain without a lock. A domain's word in the host file carries a generation, so a new domain
 * under an old number is never mistaken for the old one.
 */
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xen/sys/gntdev.h>

struct sim_self sim = { .dir = -1 };

static pthread_mutex_t attach_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t doms_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sim_dom *doms_mapped;

/*
 * Maps size bytes of fd shared and writable, past the sanitizers: their shadow of hundreds of
 * megabytes of other processes' memory would cost much and could find nothing.
 */
int sim_raw_map(int fd, size_t size, void **out)
{
	/* Whole registers: what C promotes to int leaves their upper halves to chance */
	long prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_NORESERVE;
	long at = syscall(SYS_mmap, NULL, size, prot, flags, (long)fd, 0L);

	if (at == -1)
		return -errno;
	madvise((void *)at, size, MADV_DONTDUMP);
	*out = (void *)at;
	return 0;
}

void sim_raw_unmap(void *at, size_t size)
{
	syscall(SYS_munmap, at, size);
}

/*
 * The one system call of a call that has nothing else to ask of the kernel: a request that real
 * devices get, so that it costs as much and passes where theirs do. No file here knows it.
 */
void sim_nudge(int fd)
{
	ioctl(fd, IOCTL_GNTDEV_GRANT_COPY, NULL);
}

static int host_map(int dir, struct sim_host **out)
{
	struct sim_host *host = NULL;
	int fd = openat(dir, "host", O_RDWR | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0)
		return -errno;
	rc = fstat(fd, &st) < 0 ? -errno : 0;
	if (!rc && (size_t)st.st_size != sizeof(*host))
		rc = -EPROTO;
	if (!rc)
		rc = sim_raw_map(fd, sizeof(*host), (void **)&host);
	close(fd);
	if (!rc && (host->magic != SIM_MAGIC || host->version != SIM_VERSION)) {
		sim_raw_unmap(host, sizeof(*host));
		rc = -EPROTO;
	}
	*out = host;
	return rc;
}

/*
 * Makes this process domain domid of the host in the directory path, even if it was attached
 * before (a forked test child changes sides this way). -ENODEV: no such domain.
 */
int sim_attach_dir(const char *path, uint32_t domid)
{
	struct sim_host *host = NULL;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t word = 0;
	int rc;

	if (dir < 0)
		return -errno;
	rc = host_map(dir, &host);
	if (!rc) {
		word = domid < SIM_DOMAINS ? host->doms[domid] : 0;
		if (SIM_DOM_STATE(word) != SIM_DOM_ALIVE) {
			sim_raw_unmap(host, sizeof(*host));
			rc = -ENODEV;
		}
	}
	if (rc) {
		close(dir);
		return rc;
	}
	if (sim.dir >= 0)
		close(sim.dir);
	sim.dir = dir;
	sim.domid = domid;
	sim.dom_gen = SIM_DOM_GEN(word);
	__atomic_store_n(&sim.host, host, __ATOMIC_RELEASE);
	return 0;
}

/* Attaches as XENSIM_DIR and XENSIM_DOMID say, once. 0 or -errno; any thread. */
int sim_attach(void)
{
	const char *path, *id;
	int rc = 0;

	if (__atomic_load_n(&sim.host, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&attach_lock);
	if (!sim.host) {
		path = getenv("XENSIM_DIR");
		id = getenv("XENSIM_DOMID");
		rc = path ? sim_attach_dir(path, id ? strtoul(id, NULL, 10) : 0) : -ENOENT;
		if (rc)
			fprintf(stderr, "xensim: can't join host %s as domain %s: %s\n",
				path ? path : "(XENSIM_DIR unset)", id ? id : "0", strerror(-rc));
	}
	pthread_mutex_unlock(&attach_lock);
	return rc;
}

/* After a process was killed with the lock held: make the tables whole again (locked) */
static void sim_host_mend(void)
{
	uint32_t id;

	for (id = 0; id < sim.host->dom_top; id++) {
		struct sim_dom *dom = sim_dom_get(id);

		if (dom)
			sim_port_mend(dom->t);
		sim_dom_put(dom);
	}
	sim_map_mend();
	sim_handle_reap_all();
	for (id = 0; id < sim.host->dom_top; id++) {
		struct sim_dom *dom =
			SIM_DOM_STATE(sim.host->doms[id]) == SIM_DOM_DYING ? sim_dom_get(id) : NULL;

		if (dom)
			sim_dom_strip(dom);
		sim_dom_put(dom);
	}
}

void sim_lock(void)
{
	if (pthread_mutex_lock(&sim.host->lock) == EOWNERDEAD) {
		pthread_mutex_consistent(&sim.host->lock);
		sim.host->mended++;
		sim_host_mend();
	}
}

void sim_unlock(void)
{
	pthread_mutex_unlock(&sim.host->lock);
}

static struct sim_dom *dom_map(uint32_t domid, uint32_t word)
{
	struct sim_dom *dom = calloc(1, sizeof(*dom));
	char name[32];
	void *at = NULL;

	if (!dom)
		return NULL;
	snprintf(name, sizeof(name), "dom.%u.%u", domid, SIM_DOM_GEN(word));
	dom->fd = openat(sim.dir, name, O_RDWR | O_CLOEXEC);
	if (dom->fd < 0 || sim_raw_map(dom->fd, SIM_DOM_SIZE, &at) < 0) {
		if (dom->fd >= 0)
			close(dom->fd);
		free(dom);
		return NULL;
	}
	dom->domid = domid;
	dom->word = word;
	dom->t = at;
	dom->pages = (uint8_t *)at + SIM_PAGES_AT;
	return dom;
}

/* A domain that is alive or dying, or NULL; give it back with sim_dom_put. Any thread. */
struct sim_dom *sim_dom_get(uint32_t domid)
{
	uint32_t word = domid < SIM_DOMAINS ? sim.host->doms[domid] : 0;
	struct sim_dom *dom;

	if (SIM_DOM_STATE(word) == SIM_DOM_NONE)
		return NULL;
	pthread_mutex_lock(&doms_lock);
	for (dom = doms_mapped; dom; dom = dom->next)
		if (dom->domid == domid && SIM_DOM_GEN(dom->word) == SIM_DOM_GEN(word))
			break;
	if (!dom) {
		dom = dom_map(domid, word);
		if (dom) {
			dom->next = doms_mapped;
			doms_mapped = dom;
		}
	}
	if (dom)
		dom->refs++;
	pthread_mutex_unlock(&doms_lock);
	return dom;
}

void sim_dom_put(struct sim_dom *dom)
{
	struct sim_dom **at;

	if (!dom)
		return;
	pthread_mutex_lock(&doms_lock);
	if (--dom->refs) {
		dom = NULL;
	} else {
		for (at = &doms_mapped; *at != dom; at = &(*at)->next)
			;
		*at = dom->next;
	}
	pthread_mutex_unlock(&doms_lock);
	if (!dom)
		return;
	sim_raw_unmap(dom->t, SIM_DOM_SIZE);
	close(dom->fd);
	free(dom);
}

static struct sim_dom *view_renew(struct sim_view *view, unsigned int i)
{
	struct sim_dom *dom = sim_dom_get(view->dom[i]->domid);

	if (dom) {
		sim_dom_put(view->dom[i]);
		view->dom[i] = dom;
	}
	return dom && SIM_DOM_STATE(sim.host->doms[dom->domid]) == SIM_DOM_ALIVE ? dom : NULL;
}

static struct sim_dom *view_add(struct sim_view *view, uint32_t domid)
{
	struct sim_dom **grown;
	struct sim_dom *dom;

	if (domid >= SIM_DOMAINS || SIM_DOM_STATE(sim.host->doms[domid]) != SIM_DOM_ALIVE)
		return NULL;
	dom = sim_dom_get(domid);
	if (!dom)
		return NULL;
	grown = realloc(view->dom, (view->count + 1) * sizeof(*grown));
	if (!grown) {
		sim_dom_put(dom);
		return NULL;
	}
	view->dom = grown;
	view->dom[view->count++] = dom;
	return dom;
}

/* The living domain of that number, or NULL. The handle's thread; no lock once it is known. */
struct sim_dom *sim_view_find(struct sim_view *view, uint32_t domid)
{
	unsigned int i;

	for (i = 0; i < view->count; i++) {
		if (view->dom[i]->domid != domid)
			continue;
		if (__builtin_expect(sim.host->doms[domid] == view->dom[i]->word, 1))
			return view->dom[i];
		return view_renew(view, i);
	}
	return view_add(view, domid);
}

void sim_view_fini(struct sim_view *view)
{
	while (view->count)
		sim_dom_put(view->dom[--view->count]);
	free(view->dom);
	view->dom = NULL;
}
