/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare loop that the daemon is measured against: it writes one frame to a
 * tap of the kind that the daemon makes (multi-queue, virtio_net_hdr, one
 * queue attached), over and over, and does nothing else. With "copy" it first
 * copies each frame, from one of as many as a load generator has, page by page:
 * what a grant copy costs where a memcpy stands in for it.
 *
 * Usage: tap_loop NAME SIZE SECONDS [MSS [copy]]
 *
 * The tap NAME is made, brought up, and gone at the end; run this in a network
 * namespace of its own. With MSS the frame is a TCP one to be segmented,
 * without it a UDP one; its checksum is blank, as the load generator's are.
 * Prints {"frames": N, "seconds": S}.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "guest/packet.h"

#define LOOP_FRAME_MAX	 65535u
#define LOOP_CLOCK_EVERY 64 /* frames between two looks at the clock */
#define LOOP_ETHERNET_IP 34 /* bytes of both headers */
#define LOOP_PAGE	 4096u
#define LOOP_POOL	 256u /* pages that frames are copied from */

static int loop_fail(const char *what)
{
	fprintf(stderr, "tap_loop: %s: %s\n", what, strerror(errno));
	return -1;
}

static int tap_up(const char *name)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result;

	if (fd < 0)
		return loop_fail("socket");
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	result = ioctl(fd, SIOCGIFFLAGS, &request);
	request.ifr_flags |= IFF_UP;
	if (result == 0)
		result = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return result < 0 ? loop_fail("can't bring the tap up") : 0;
}

static int tap_make(const char *name)
{
	struct ifreq request = { .ifr_flags =
					 IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return loop_fail("/dev/net/tun");
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0 || tap_up(name) < 0) {
		loop_fail(name);
		close(fd);
		return -1;
	}
	return fd;
}

/* The frame with its virtio_net_hdr. Returns their bytes. */
static size_t frame_make(uint8_t *buffer, size_t size, unsigned mss)
{
	struct packet_spec spec = {
		.to_mac = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		.from_mac = { 0x00, 0x16, 0x3e, 0, 0, 1 },
		.from_ip = htonl(0x0a000001),
		.to_ip = htonl(0x0a000002),
		.from_port = 9,
		.to_port = 9,
		.protocol = mss ? PACKET_TCP : PACKET_UDP,
	};
	struct virtio_net_hdr vnet = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = mss ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE,
		.gso_size = mss,
		.hdr_len = mss ? PACKET_TCP_MIN : PACKET_UDP_MIN,
		.csum_start = LOOP_ETHERNET_IP,
		.csum_offset = mss ? 16 : 6,
	};

	memcpy(buffer, &vnet, sizeof(vnet));
	packet_make(&spec, buffer + sizeof(vnet), size);
	return sizeof(vnet) + size;
}

/* The next frame of the pool, into `frame`. */
static void loop_copy(uint8_t *frame, size_t size)
{
	static uint8_t pool[LOOP_POOL * LOOP_PAGE] __attribute__((aligned(LOOP_PAGE)));
	static size_t next;
	size_t pages = (size + LOOP_PAGE - 1) / LOOP_PAGE;
	const uint8_t *from = pool + next * LOOP_PAGE;

	if (pool[0] == 0)
		for (size_t i = 0; i + pages <= LOOP_POOL; i += pages)
			memcpy(pool + i * LOOP_PAGE, frame, size);
	for (size_t done = 0; done < size; done += LOOP_PAGE)
		memcpy(frame + done, from + done,
		       size - done < LOOP_PAGE ? size - done : LOOP_PAGE);
	next += pages;
	if (next + pages > LOOP_POOL)
		next = 0;
}

static void loop_run(int fd, uint8_t *frame, size_t size, bool copy, double seconds)
{
	uint64_t begin = clock_now_ns(), now = begin;
	uint64_t end = begin + (uint64_t)(seconds * 1e9);
	uint64_t frames = 0;

	while (now < end) {
		for (int i = 0; i < LOOP_CLOCK_EVERY; i++) {
			if (copy)
				loop_copy(frame + sizeof(struct virtio_net_hdr),
					  size - sizeof(struct virtio_net_hdr));
			frames += write(fd, frame, size) == (ssize_t)size;
		}
		now = clock_now_ns();
	}
	printf("{\"frames\": %llu, \"seconds\": %.6f}\n", (unsigned long long)frames,
	       (double)(now - begin) / 1e9);
}

int main(int argc, char **argv)
{
	static uint8_t frame[sizeof(struct virtio_net_hdr) + LOOP_FRAME_MAX];
	unsigned long size = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
	double seconds = argc > 3 ? strtod(argv[3], NULL) : 0;
	unsigned long mss = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
	bool copy = argc > 5 && strcmp(argv[5], "copy") == 0;
	size_t bytes;
	int fd;

	if (size < PACKET_TCP_MIN || size > LOOP_FRAME_MAX || seconds <= 0 || mss > UINT16_MAX) {
		fputs("usage: tap_loop NAME SIZE SECONDS [MSS [copy]]\n", stderr);
		return 2;
	}
	fd = tap_make(argv[1]);
	if (fd < 0)
		return EXIT_FAILURE;
	bytes = frame_make(frame, size, mss);
	loop_run(fd, frame, bytes, copy, seconds);
	close(fd);
	return EXIT_SUCCESS;
}
