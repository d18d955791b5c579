/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handles: opened, asked after, and taken back from the dead.
 *
 * An open handle is a slot of the host's table and a file of its own, locked (flock) through the
 * descriptor that the program gets. Anyone who finds that file unlocked knows that the kernel has
 * closed the handle, and may release what it owned. All of it happens under the host's lock, so
 * two who ask at once don't take each other's trial for a sign of life.
 */
#include "sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static struct sim_handle *handle_find(sim_hid hid)
{
	struct sim_handle *h = &sim.host->handles[SIM_SLOT(hid)];

	return h->kind != SIM_FREE && SIM_HID(SIM_SLOT(hid), h->turn) == hid ? h : NULL;
}

static void handle_name(char name[16], sim_hid hid)
{
	snprintf(name, 16, "h.%x", hid);
}

/* Another end of the handle's file, non-blocking: a way to signal it, if it has a FIFO. */
int sim_handle_file(sim_hid hid)
{
	char name[16];
	int fd;

	handle_name(name, hid);
	fd = openat(sim.dir, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Whether the handle is open in some process; when in doubt (no descriptor left to ask with), yes.
 * (locked) */
bool sim_handle_alive(sim_hid hid)
{
	bool alive;
	int fd;

	if (hid == SIM_BUILDER)
		return true;
	if (!handle_find(hid))
		return false;
	fd = sim_handle_file(hid);
	if (fd < 0)
		return fd != -ENOENT;
	alive = flock(fd, LOCK_SH | LOCK_NB) < 0;
	close(fd);
	return alive;
}

static sim_hid slot_find(void)
{
	struct sim_host *host = sim.host;
	uint32_t slot;

	for (slot = 1; slot < SIM_HANDLES - 1; slot++)
		if (host->handles[slot].kind == SIM_FREE)
			break;
	if (slot == SIM_HANDLES - 1)
		return SIM_NOBODY;
	if (slot >= host->handle_top)
		host->handle_top = slot + 1;
	host->handles[slot].turn = host->handles[slot].turn % SIM_SLOT_TURNS + 1;
	return SIM_HID(slot, host->handles[slot].turn);
}

static int handle_file_make(sim_hid hid, enum sim_kind kind, bool cloexec)
{
	int flags = O_RDWR | (cloexec ? O_CLOEXEC : 0);
	char name[16];
	int fd;

	handle_name(name, hid);
	unlinkat(sim.dir, name, 0);
	if (kind == SIM_EVTCHN && mkfifoat(sim.dir, name, 0600) < 0)
		return -errno;
	fd = openat(sim.dir, name, flags | (kind == SIM_EVTCHN ? 0 : O_CREAT | O_EXCL), 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

/* Opens a handle of this process' domain. Its descriptor, or -errno. */
static int handle_open(enum sim_kind kind, bool cloexec, sim_hid *hid)
{
	struct sim_handle *h;
	struct stat st;
	int fd = -ENFILE;

	sim_lock();
	if (sim.host->doms[sim.domid] != SIM_DOM(SIM_DOM_ALIVE, sim.dom_gen)) {
		sim_unlock();
		return -ESRCH;
	}
	*hid = slot_find();
	if (*hid == SIM_NOBODY) {
		sim_handle_reap_all();
		*hid = slot_find();
	}
	if (*hid != SIM_NOBODY)
		fd = handle_file_make(*hid, kind, cloexec);
	if (fd >= 0) {
		h = &sim.host->handles[SIM_SLOT(*hid)];
		h->domid = sim.domid;
		h->dom_gen = sim.dom_gen;
		h->pid = getpid();
		h->ino = fstat(fd, &st) == 0 ? st.st_ino : 0;
		h->notifying = 0;
		h->kind = kind;
	}
	sim_unlock();
	return fd;
}

/* What opening a device is to a program: it joins the host, and may be told to fail. As above. */
int sim_device_open(enum sim_kind kind, enum sim_call call, bool cloexec, sim_hid *hid)
{
	int rc = sim_attach();

	if (!rc)
		rc = -sim_fault_take(call);
	return rc ? rc : handle_open(kind, cloexec, hid);
}

/*
 * The handle that a library gives to a program which opens a device: `size` zero bytes, which
 * begin with an open struct sim_device. NULL and errno.
 */
void *sim_device_create(enum sim_kind kind, enum sim_call call, size_t size)
{
	sim_hid hid;
	int fd = sim_device_open(kind, call, true, &hid);
	struct sim_device *device = fd < 0 ? NULL : calloc(1, size);

	if (!device) {
		errno = fd < 0 ? -fd : ENOMEM;
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	device->fd = fd;
	device->hid = hid;
	return device;
}

/* Closes and frees it. What it owned goes, unless another process holds a copy of the descriptor.
 */
void sim_device_destroy(struct sim_device *device)
{
	close(device->fd);
	sim_lock();
	sim_handle_reap(device->hid);
	sim_unlock();
	sim_view_fini(&device->view);
	free(device);
}

/* The event channel handle that descriptor fd belongs to, as left by an earlier program. */
int sim_handle_adopt(int fd, sim_hid *hid)
{
	struct stat st;
	uint32_t slot;
	int rc = -EINVAL;

	if (fstat(fd, &st) < 0)
		return -errno;
	sim_lock();
	for (slot = 1; slot < sim.host->handle_top && rc; slot++) {
		struct sim_handle *h = &sim.host->handles[slot];

		if (h->kind != SIM_EVTCHN || h->ino != st.st_ino || h->domid != sim.domid)
			continue;
		h->pid = getpid();
		*hid = SIM_HID(slot, h->turn);
		rc = 0;
	}
	sim_unlock();
	return rc;
}

static void release_ports(struct sim_dom *dom, sim_hid hid)
{
	uint32_t i;

	for (i = 1; i < dom->t->port_top; i++)
		if (dom->t->ports[i].owner == hid)
			sim_port_close(dom->t, i);
}

static void release_grants(struct sim_dom *dom, sim_hid hid)
{
	uint32_t i;

	for (i = SIM_RESERVED; i < dom->t->grant_top; i++)
		if (dom->t->grants[i].owner == hid)
			sim_grant_end(dom, i);
}

static void release_maps(sim_hid hid)
{
	uint32_t i;

	for (i = 0; i < sim.host->map_top; i++)
		if (sim.host->maps[i].mapper == hid)
			sim_map_end(&sim.host->maps[i]);
}

/* Takes back all that the handle owns, and its slot (locked) */
void sim_handle_release(sim_hid hid)
{
	struct sim_handle *h = handle_find(hid);
	struct sim_dom *dom;
	char name[16];

	if (!h)
		return;
	dom = sim_dom_get(h->domid);
	if (dom && dom->t->gen == h->dom_gen) {
		if (h->kind == SIM_EVTCHN)
			release_ports(dom, hid);
		if (h->kind == SIM_GNTSHR)
			release_grants(dom, hid);
	}
	sim_dom_put(dom);
	if (h->kind == SIM_GNTTAB)
		release_maps(hid);
	handle_name(name, hid);
	unlinkat(sim.dir, name, 0);
	h->kind = SIM_FREE;
}

/* A process killed between marking an event and signalling it never did signal: do it now */
static void notify_finish(struct sim_handle *h)
{
	uint64_t link = h->notifying;
	struct sim_dom *dom;

	if (!link)
		return;
	dom = sim_dom_get(SIM_LINK_DOMID(link));
	if (dom && dom->t->ports[SIM_LINK_PORT(link)].event == SIM_EVENT_PENDING)
		sim_port_token(dom->t, SIM_LINK_PORT(link));
	sim_dom_put(dom);
	h->notifying = 0;
}

/* Releases the handle if nobody has it open any more; true if it is gone (locked) */
bool sim_handle_reap(sim_hid hid)
{
	struct sim_handle *h = handle_find(hid);

	if (!h)
		return hid != SIM_BUILDER;
	if (sim_handle_alive(hid))
		return false;
	notify_finish(h);
	sim_handle_release(hid);
	return true;
}

void sim_handle_reap_all(void)
{
	uint32_t slot;

	for (slot = 1; slot < sim.host->handle_top; slot++)
		if (sim.host->handles[slot].kind != SIM_FREE)
			sim_handle_reap(SIM_HID(slot, sim.host->handles[slot].turn));
}
