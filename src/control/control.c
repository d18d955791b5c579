/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control thread's state: what it opens, watches and looks at. */
#include "control/control.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/rival.h"
#include "control/scan.h"
#include "control/vif.h"

#define CONTROL_RETRY_SECONDS 1

#define control_of(source, member) \
	((struct control *)((char *)(source)-offsetof(struct control, member)))

static void store_ready(struct loop_source *source, uint32_t events)
{
	struct control *control = control_of(source, store_source);
	struct store_event event;

	while (store_next_event(control->store, &event) == 0)
		scan_event(control, &event);
}

static void alive_ready(struct loop_source *source, uint32_t events)
{
	struct control *control = control_of(source, alive_source);

	log_event(LOG_LEVEL_ERROR, MESSAGE_STORE_LOST,
		  "xenstored is gone; connected guests are served as before, and no vif can come, "
		  "change or go until xenstored is back");
	loop_remove(control->loop, &control->store_source);
	loop_remove(control->loop, &control->alive_source);
	control->store_lost = true; /* the handle stays: its calls fail, which all expect */
	control_retry_later(control);
}

static void drain_counter(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return; /* somebody else's turn took it */
}

static void call_ready(struct loop_source *source, uint32_t events)
{
	struct control *control = control_of(source, call_source);
	struct vif *vif;

	drain_counter(source->fd);
	cds_list_for_each_entry(vif, &control->vifs, in_all)
		vif_check_workers(vif);
}

static int source_open(struct control *control, struct loop_source *source, int fd,
		       void (*ready)(struct loop_source *source, uint32_t events))
{
	source->fd = fd;
	source->ready = ready;
	return fd < 0 ? -errno : loop_add(control->loop, source, EPOLLIN);
}

/* Opens xenstore and watches the backend tree, all or nothing; replaces a dead handle. */
static int store_attach(struct control *control)
{
	struct store *store;
	int error = store_open(&store, control->store_lost); /* seen by its socket's end */

	if (error < 0)
		return error;
	error = store_own_domid(store, &control->domid);
	if (error == 0)
		error = store_watch(store, SCAN_ROOT, "backend");
	if (error < 0) {
		store_close(store);
		return error;
	}
	store_close(control->store);
	control->store = store;
	control->scan = true;
	error = source_open(control, &control->store_source, store_fd(store), store_ready);
	control->alive_source.fd = store_alive_fd(store);
	if (error == 0 && control->alive_source.fd >= 0)
		error = source_open(control, &control->alive_source, control->alive_source.fd,
				    alive_ready);
	return error;
}

static void store_look_again(struct control *control)
{
	struct vif *vif;

	if (store_attach(control) < 0) {
		control_retry_later(control);
		return;
	}
	log_event(LOG_LEVEL_INFO, MESSAGE_STORE_BACK, "xenstored is back");
	control->store_lost = false;
	cds_list_for_each_entry(vif, &control->vifs, in_all)
		vif_store_renewed(vif);
}

static void retry_ready(struct loop_source *source, uint32_t events)
{
	struct control *control = control_of(source, retry_source);
	struct vif *vif;

	drain_counter(source->fd);
	control->retry_armed = false;
	if (control->store_lost) {
		store_look_again(control);
		return;
	}
	cds_list_for_each_entry(vif, &control->vifs, in_all)
		if (vif->later)
			vif_mark(vif);
}

void control_retry_later(struct control *control)
{
	struct itimerspec once = { .it_value.tv_sec = CONTROL_RETRY_SECONDS };

	/* Who asks again and again is not to put off the others. */
	if (control->retry_armed)
		return;
	control->retry_armed = true;
	timerfd_settime(control->retry_source.fd, 0, &once, NULL);
}

void control_update(struct control *control)
{
	struct cds_list_head batch;
	struct vif *vif;

	if (control->store_lost)
		return;
	if (control->scan) {
		control->scan = false;
		scan_all(control);
	}
	/* A vif that is marked again while it is looked at has its turn next time. */
	CDS_INIT_LIST_HEAD(&batch);
	cds_list_splice(&control->dirty, &batch);
	CDS_INIT_LIST_HEAD(&control->dirty);
	while (!cds_list_empty(&batch)) {
		vif = cds_list_first_entry(&batch, struct vif, in_dirty);
		cds_list_del(&vif->in_dirty);
		vif->dirty = false;
		vif_update(vif);
	}
}

struct control_count control_count(const struct control *control)
{
	struct control_count count = { 0 };
	struct vif *vif;

	cds_list_for_each_entry(vif, &control->vifs, in_all) {
		count.vifs++;
		count.queues += vif->n_workers; /* cppcheck-suppress uninitvar; set by the loop */
	}
	return count;
}

void control_refresh(struct control *control)
{
	uint16_t self;

	if (control->store_lost || store_own_domid(control->store, &self) < 0)
		return;
	/* Xenstored keeps the order: what was written before it answered, has fired by now. */
	store_ready(&control->store_source, 0);
	control_update(control);
}

static int sources_open(struct control *control)
{
	int error = source_open(control, &control->call_source,
				eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), call_ready);

	if (error < 0)
		return error;
	return source_open(control, &control->retry_source,
			   timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
			   retry_ready);
}

static int control_fail(int error, const char *what)
{
	log_error("%s: %s", what, strerror(-error));
	return error;
}

int control_open(struct control *control, struct loop *loop,
		 const struct control_settings *settings, const struct control_memory *memory)
{
	int error;

	memset(control, 0, sizeof(*control));
	control->settings = *settings;
	control->memory = *memory;
	control->loop = loop;
	control->call_source.fd = control->retry_source.fd = -1;
	CDS_INIT_LIST_HEAD(&control->vifs);
	CDS_INIT_LIST_HEAD(&control->dirty);
	error = sources_open(control);
	if (error < 0)
		return control_fail(error, "can't set up the event loop");
	error = link_open(&control->link);
	if (error < 0)
		return control_fail(error, "can't open a netlink socket");
	error = store_attach(control);
	if (error < 0)
		return control_fail(error,
				    "can't use xenstore; is this a Xen domain, does xenstored "
				    "run, and (in dom0) has xen-init-dom0 run?");
	if (rival_is_loaded())
		log_event(
			LOG_LEVEL_WARNING, MESSAGE_NETBACK_LOADED,
			"xen-netback is loaded: the vifs that it has, and those that come, stay "
			"with it, but for those that are moved here (vifctl takeover). To have all "
			"of them here: vifctl takeover --all, then modprobe -r xen-netback; see "
			"xenvifd(8), ONE BACKEND");
	control_update(control);
	scan_remove_stray_taps(control);
	return 0;
}

void control_stop(struct control *control)
{
	struct vif *vif;

	cds_list_for_each_entry(vif, &control->vifs, in_all)
		for (unsigned i = 0; i < vif->n_workers; i++)
			worker_stop(vif->worker[i]);
}

void control_close(struct control *control)
{
	struct vif *vif, *next;

	cds_list_for_each_entry_safe(vif, next, &control->vifs, in_all)
		vif_destroy(vif);
	if (control->retry_source.fd >= 0)
		close(control->retry_source.fd);
	if (control->call_source.fd >= 0)
		close(control->call_source.fd);
	link_close(control->link);
	store_close(control->store);
}
