/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vif's multi-queue tap, over /dev/net/tun. */
#include "tap/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef IFF_NO_CARRIER
#define IFF_NO_CARRIER 0x0040 /* Linux 6.0; older headers on older hosts don't name it */
#endif

#define TAP_DEVICE "/dev/net/tun"
#define TAP_FLAGS  (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE)

static const uint8_t tap_mac[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };

static int queue_open(const char *name, bool exclusive, bool carrier)
{
	struct ifreq request = { .ifr_flags = TAP_FLAGS };
	int header = sizeof(struct virtio_net_hdr);
	int fd, error;

	fd = open(TAP_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	if (exclusive)
		request.ifr_flags |= IFF_TUN_EXCL;
	if (!carrier)
		request.ifr_flags |= IFF_NO_CARRIER;
	if (ioctl(fd, TUNSETIFF, &request) == 0 && ioctl(fd, TUNSETVNETHDRSZ, &header) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int queues_open(struct tap *tap, const char *name, unsigned n_queues, bool exclusive,
		       bool carrier)
{
	for (tap->n_queues = 0; tap->n_queues < n_queues; tap->n_queues++) {
		int fd = queue_open(name, exclusive && tap->n_queues == 0, carrier);

		if (fd < 0) {
			tap_close(tap);
			return fd;
		}
		tap->fd[tap->n_queues] = fd;
	}
	tap->n_active = n_queues;
	return 0;
}

static int tap_make(struct tap *tap, struct link_socket *link, const char *name, const char *alias,
		    unsigned n_queues)
{
	int error = queues_open(tap, name, n_queues, true, false);

	if (error < 0)
		return error;
	tap->ifindex = if_nametoindex(name);
	error = tap->ifindex ? 0 : -errno;
	if (error == 0)
		error = link_setup(link, tap->ifindex, tap_mac, TAP_VIF_FRAMES, alias);
	if (error == 0 && ioctl(tap->fd[0], TUNSETPERSIST, 1ul) < 0)
		error = -errno;
	if (error < 0) {
		tap_destroy(tap, link);
		return error;
	}
	return TAP_MADE;
}

/* Whether the alias is of another vif. Any other text is somebody's who doesn't know what it is. */
static bool alias_is_of_another(const struct link_identity *found, const char *alias)
{
	return link_alias_is_ours(found->alias) && strcmp(found->alias, alias) != 0;
}

/*
 * Whether the tap of this name has our flags and is persistent. The kernel tells
 * it to whoever has a queue of the tap, so one is opened for that moment; of a
 * tap of one queue it gives none.
 */
static bool flags_are_ours(const char *name)
{
	struct ifreq request = { 0 };
	int fd = queue_open(name, false, false);
	bool ours;

	if (fd < 0)
		return false;
	ours = ioctl(fd, TUNGETIFF, &request) == 0 &&
	       (request.ifr_flags & (TAP_FLAGS | IFF_PERSIST)) == (TAP_FLAGS | IFF_PERSIST);
	close(fd);
	return ours;
}

/* The tap of the plain name, whose alias somebody has changed: its ifindex; 0: none; or -errno. */
static int tap_find_name(struct link_socket *link, const char *name, const char *alias)
{
	struct link_identity found;
	int error = link_identify(link, name, &found);

	if (error < 0)
		return error == -ENODEV ? 0 : error;
	if (!found.is_tun || memcmp(found.mac, tap_mac, sizeof(tap_mac)) != 0 ||
	    alias_is_of_another(&found, alias) || !flags_are_ours(name))
		return 0;
	error = link_set_alias(link, found.ifindex, alias);
	return error < 0 ? error : found.ifindex;
}

int tap_open(struct tap *tap, struct link_socket *link, const char *name, const char *alias,
	     unsigned n_queues, bool fresh, bool carrier)
{
	char old_name[IFNAMSIZ];
	int old = link_find_alias(link, alias, old_name);
	int error;

	memset(tap, 0, sizeof(*tap));
	if (old < 0)
		return old;
	if (old > 0 && fresh) {
		error = link_delete(link, old);
		if (error < 0)
			return error;
		old = 0;
	}
	if (old == 0 && !fresh) {
		old = tap_find_name(link, name, alias);
		if (old < 0)
			return old;
		snprintf(old_name, sizeof(old_name), "%s", name);
	}
	if (old == 0)
		return tap_make(tap, link, name, alias, n_queues);
	error = queues_open(tap, old_name, n_queues, false, carrier);
	if (error < 0)
		return error;
	tap->ifindex = old;
	return TAP_ADOPTED;
}

/* Whether fd is a queue of the tap with this name; *attached: or a detached one. */
static bool queue_is_of(int fd, const char *name, bool *attached)
{
	struct ifreq request = { 0 };

	if (ioctl(fd, TUNGETIFF, &request) < 0 || strcmp(request.ifr_name, name) != 0)
		return false;
	*attached = !(request.ifr_flags & IFF_DETACH_QUEUE);
	return (request.ifr_flags & TAP_FLAGS) == TAP_FLAGS;
}

int tap_take_over(struct tap *tap, struct link_socket *link, const char *alias, const int *fd,
		  unsigned n_queues, bool carrier)
{
	struct tap taken = { .n_queues = n_queues };
	struct ifreq request = { 0 };
	struct link_identity found;
	bool attached, hole = false;
	int error;

	if (ioctl(fd[0], TUNGETIFF, &request) < 0)
		return -ENODEV;
	error = link_identify(link, request.ifr_name, &found);
	if (error < 0)
		return error;
	if (!found.is_tun || alias_is_of_another(&found, alias))
		return -ENODEV;
	for (unsigned i = 0; i < n_queues; i++) {
		if (!queue_is_of(fd[i], request.ifr_name, &attached) || (attached && hole))
			return -ENODEV;
		hole = !attached;
		taken.n_active += attached;
		taken.fd[i] = fd[i];
	}
	if (taken.n_active == 0)
		return -ENODEV;
	if (strcmp(found.alias, alias) != 0)
		link_set_alias(link, found.ifindex, alias); /* the next daemon finds it, too */
	taken.ifindex = found.ifindex;
	*tap = taken;
	tap_set_carrier(tap, carrier);
	return TAP_KEPT;
}

void tap_close(struct tap *tap)
{
	for (unsigned i = 0; i < tap->n_queues; i++)
		close(tap->fd[i]);
	memset(tap, 0, sizeof(*tap));
}

void tap_destroy(struct tap *tap, struct link_socket *link)
{
	if (tap->n_queues > 0)
		ioctl(tap->fd[0], TUNSETPERSIST, 0ul);
	if (tap->ifindex)
		link_delete(link, tap->ifindex);
	tap_close(tap);
}

int tap_set_queues(struct tap *tap, struct link_socket *link, unsigned n)
{
	unsigned frames = TAP_VIF_FRAMES / n;

	while (tap->n_active != n) {
		bool attach = tap->n_active < n;
		struct ifreq request = { .ifr_flags =
						 attach ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };
		unsigned queue = attach ? tap->n_active : tap->n_active - 1;

		if (ioctl(tap->fd[queue], TUNSETQUEUE, &request) < 0)
			return -errno;
		tap->n_active = attach ? queue + 1 : queue;
	}
	return link_set_txqlen(link, tap->ifindex,
			       frames < TAP_QUEUE_FRAMES_MIN ? TAP_QUEUE_FRAMES_MIN : frames);
}

int tap_set_offload(struct tap *tap, unsigned flags)
{
	return ioctl(tap->fd[0], TUNSETOFFLOAD, (unsigned long)flags) < 0 ? -errno : 0;
}

int tap_set_carrier(struct tap *tap, bool on)
{
	int value = on;

	return ioctl(tap->fd[0], TUNSETCARRIER, &value) < 0 ? -errno : 0;
}

void tap_discard(struct tap *tap)
{
	char some[64]; /* the kernel drops what of a frame doesn't fit */

	/* Bounded: frames may come as fast as they go. */
	for (unsigned i = 0; i < tap->n_active; i++)
		for (unsigned n = 0; n < TAP_VIF_FRAMES; n++)
			if (read(tap->fd[i], some, sizeof(some)) < 0)
				break;
}

void tap_name(const struct tap *tap, char name[IFNAMSIZ])
{
	if (!tap->ifindex || !if_indextoname(tap->ifindex, name))
		name[0] = '\0';
}

ssize_t tap_read(int fd, void *buf, size_t size)
{
	ssize_t n = read(fd, buf, size);

	return n < 0 ? -errno : n;
}

int tap_write(int fd, const void *buf, size_t size)
{
	return write(fd, buf, size) < 0 ? -errno : 0;
}
