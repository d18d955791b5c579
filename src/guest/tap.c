/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's eth0 is a multi-queue tap behind virtio_net_hdr.
 *
 * A tap's descriptors work from any namespace once the interface is made, so
 * only the making happens inside the guest's: everything else of this program,
 * xenstore and event channels above all, stays outside. The tap isn't
 * persistent: a guest that is killed takes its eth0 along.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "say.h"
#include "tap.h"

#define TAP_TX_QUEUE_LEN 4096 /* frames: one burst of TCP on every queue and more */

/* Enters the namespace; *back leads out again, or is -1 when there is none to enter. */
static int tap_enter_netns(const char *netns, int *back)
{
	char path[96];
	int fd, rc = 0;

	*back = -1;
	if (!netns)
		return 0;
	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		say("network namespace %s: %s; make it with: ip netns add %s", netns,
		    strerror(errno), netns);
		return rc;
	}
	*back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (*back < 0 || setns(fd, CLONE_NEWNET) < 0) {
		rc = -errno;
		say("entering network namespace %s: %s; this needs root", netns, strerror(errno));
	}
	close(fd);
	return rc;
}

static void tap_leave_netns(int back)
{
	if (back < 0)
		return;
	if (setns(back, CLONE_NEWNET) < 0)
		say("leaving the network namespace: %s", strerror(errno));
	close(back);
}

static int tap_open_queue(struct tap *tap)
{
	struct ifreq request = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE,
	};
	int rc, fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		rc = -errno;
		say("/dev/net/tun: %s", strerror(errno));
		return rc;
	}
	memcpy(request.ifr_name, tap->name, sizeof(request.ifr_name));
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		rc = -errno;
		say("making interface %s: %s%s", tap->name, strerror(errno),
		    rc == -EPERM ? "; this needs root" : "");
		close(fd);
		return rc;
	}
	tap->fd[tap->n_queues++] = fd;
	return 0;
}

static int tap_request(int sock, unsigned long what, struct ifreq *request, const char *text)
{
	int rc = 0;

	if (ioctl(sock, what, request) < 0) {
		rc = -errno;
		say("%s: setting its %s: %s", request->ifr_name, text, strerror(errno));
	}
	return rc;
}

static int tap_configure(struct tap *tap, const uint8_t mac[6], unsigned mtu)
{
	struct ifreq request = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };
	int rc, sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return -errno;
	memcpy(request.ifr_name, tap->name, sizeof(request.ifr_name));
	memcpy(request.ifr_hwaddr.sa_data, mac, 6);
	rc = tap_request(sock, SIOCSIFHWADDR, &request, "MAC address");
	request.ifr_mtu = (int)mtu;
	if (!rc)
		rc = tap_request(sock, SIOCSIFMTU, &request, "MTU");
	request.ifr_qlen = TAP_TX_QUEUE_LEN;
	if (!rc)
		rc = tap_request(sock, SIOCSIFTXQLEN, &request, "queue length");
	request.ifr_flags = IFF_UP;
	if (!rc)
		rc = tap_request(sock, SIOCSIFFLAGS, &request, "flags");
	close(sock);
	return rc;
}

static void tap_set_carrier(struct tap *tap, int on)
{
	if (ioctl(tap->fd[0], TUNSETCARRIER, &on) < 0)
		say("%s: setting its carrier: %s", tap->name, strerror(errno));
}

int tap_open(struct tap *tap, const char *netns, const char *name, const uint8_t mac[6],
	     unsigned mtu, unsigned n)
{
	int back, rc;

	*tap = (struct tap){ .n_queues = 0 };
	snprintf(tap->name, sizeof(tap->name), "%s", name);
	rc = tap_enter_netns(netns, &back);
	while (!rc && tap->n_queues < n)
		rc = tap_open_queue(tap);
	tap->attached = tap->n_queues;
	if (!rc) {
		tap_set_carrier(tap, 0);
		rc = tap_configure(tap, mac, mtu);
	}
	tap_leave_netns(back);
	if (rc)
		tap_close(tap);
	return rc;
}

void tap_close(struct tap *tap)
{
	while (tap->n_queues > 0)
		close(tap->fd[--tap->n_queues]);
}

static int tap_set_queue(int fd, short flag)
{
	struct ifreq request = { .ifr_flags = flag };

	return ioctl(fd, TUNSETQUEUE, &request) < 0 ? -errno : 0;
}

int tap_start(struct tap *tap, unsigned n, const struct front_caps *caps)
{
	unsigned offloads = 0;
	int rc = 0;

	for (; !rc && tap->attached > n; tap->attached--)
		rc = tap_set_queue(tap->fd[tap->attached - 1], IFF_DETACH_QUEUE);
	for (; !rc && tap->attached < n; tap->attached++)
		rc = tap_set_queue(tap->fd[tap->attached], IFF_ATTACH_QUEUE);
	/* One flag serves both families; a blank checksum of the wrong one is filled in here. */
	offloads |= caps->csum4 || caps->csum6 ? TUN_F_CSUM : 0;
	offloads |= caps->gso4 ? TUN_F_TSO4 | TUN_F_TSO_ECN : 0;
	offloads |= caps->gso6 ? TUN_F_TSO6 | TUN_F_TSO_ECN : 0;
	if (!rc && ioctl(tap->fd[0], TUNSETOFFLOAD, offloads) < 0)
		rc = -errno;
	if (rc)
		say("%s: using %u queues: %s", tap->name, n, strerror(-rc));
	else
		tap_set_carrier(tap, 1);
	return rc;
}

void tap_stop(struct tap *tap)
{
	if (tap->n_queues)
		tap_set_carrier(tap, 0);
}
