/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The facts about Linux taps that the tap room leans on, and the room itself,
 * in a network namespace of this program's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tap/tap.h"

#define ALIAS LINK_ALIAS_PREFIX "vif1.0"

static const uint8_t vif_mac[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };

struct fixture {
	struct link_socket *link;
	struct tap tap;
	int control; /* a socket for interface ioctls */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(link_open(&f->link), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tap_destroy(&f->tap, f->link);
	assert_int_equal(link_find_alias(f->link, ALIAS, (char[IFNAMSIZ]){ 0 }), 0);
	link_close(f->link);
	close(f->control);
	free(f);
	return 0;
}

static void tap_make_queues(struct fixture *f, unsigned n)
{
	assert_int_equal(tap_open(&f->tap, f->link, "vif1.0", ALIAS, n, false, false), TAP_MADE);
}

static unsigned flags_of(struct fixture *f)
{
	struct ifreq request = { 0 };

	tap_name(&f->tap, request.ifr_name);
	assert_int_equal(ioctl(f->control, SIOCGIFFLAGS, &request), 0);
	return (unsigned short)request.ifr_flags;
}

static void set_up(struct fixture *f, bool up)
{
	struct ifreq request = { 0 };

	tap_name(&f->tap, request.ifr_name);
	request.ifr_flags = (flags_of(f) & ~IFF_UP) | (up ? IFF_UP : 0);
	assert_int_equal(ioctl(f->control, SIOCSIFFLAGS, &request), 0);
}

/* The kernel publishes a change of the carrier a moment later. */
static bool runs_soon(struct fixture *f, bool runs)
{
	for (int i = 0; i < 100; i++) {
		if (!!(flags_of(f) & IFF_RUNNING) == runs)
			return true;
		usleep(20000);
	}
	return false;
}

static int rename_to(struct fixture *f, const char *name)
{
	struct ifreq request = { 0 };

	tap_name(&f->tap, request.ifr_name);
	snprintf(request.ifr_newname, IFNAMSIZ, "%s", name);
	return ioctl(f->control, SIOCSIFNAME, &request) < 0 ? -errno : 0;
}

/* A broadcast frame of some unused type, with an empty header. */
static int write_frame(int fd, size_t size)
{
	uint8_t frame[2048] = { 0 };

	memset(frame + sizeof(struct virtio_net_hdr), 0xff, 6);
	memset(frame + sizeof(struct virtio_net_hdr) + 12, 0x88, 2);
	return tap_write(fd, frame, sizeof(struct virtio_net_hdr) + size);
}

/* How many frames the kernel keeps for each queue. */
static int frames_of(struct fixture *f)
{
	struct ifreq request = { .ifr_name = "vif1.0" };

	assert_int_equal(ioctl(f->control, SIOCGIFTXQLEN, &request), 0);
	return request.ifr_qlen;
}

/* What scripts and toolstacks find before the frontend connects (USERS: down, MAC, queue). */
static void test_is_made_as_scripts_expect(void **state)
{
	struct fixture *f = *state;
	struct ifreq request = { .ifr_name = "vif1.0" };

	tap_make_queues(f, 4);
	assert_false(flags_of(f) & (IFF_UP | IFF_RUNNING));
	assert_int_equal(ioctl(f->control, SIOCGIFHWADDR, &request), 0);
	assert_memory_equal(request.ifr_hwaddr.sa_data, vif_mac, sizeof(vif_mac));
	assert_int_equal(frames_of(f), TAP_VIF_FRAMES);
	set_up(f, true);
	assert_true(runs_soon(f, false));
}

static void test_carrier_follows(void **state)
{
	struct fixture *f = *state;

	tap_make_queues(f, 2);
	set_up(f, true);
	assert_int_equal(tap_set_carrier(&f->tap, true), 0);
	assert_true(runs_soon(f, true));
	assert_int_equal(tap_set_carrier(&f->tap, false), 0);
	assert_true(runs_soon(f, false));
}

/* What explain asks of a link: up, carrier, master, and whether it is there at all. */
static void test_is_read_over_netlink(void **state)
{
	struct fixture *f = *state;
	struct link_state seen;

	tap_make_queues(f, 1);
	assert_int_equal(link_read(f->link, f->tap.ifindex, &seen), 0);
	assert_false(seen.up);
	assert_false(seen.carrier);
	assert_int_equal(seen.master, 0);
	assert_string_equal(seen.master_name, "");
	assert_int_equal(seen.mtu, 1500);
	set_up(f, true);
	assert_int_equal(tap_set_carrier(&f->tap, true), 0);
	assert_int_equal(link_read(f->link, f->tap.ifindex, &seen), 0);
	assert_true(seen.up);
	assert_true(seen.carrier);
	assert_int_equal(link_read(f->link, 4711, &seen), -ENODEV);
}

/* A daemon's death: the tap stays, keeps what was set, and is found under any name. */
static void test_outlives_its_descriptors(void **state)
{
	struct fixture *f = *state;
	char name[IFNAMSIZ];
	int ifindex;

	tap_make_queues(f, 3);
	assert_int_equal(rename_to(f, "guest-eth"), 0);
	set_up(f, true);
	assert_int_equal(tap_set_carrier(&f->tap, true), 0);
	ifindex = f->tap.ifindex;
	tap_close(&f->tap);
	assert_int_equal(link_find_alias(f->link, ALIAS, name), ifindex);
	assert_string_equal(name, "guest-eth");
	assert_int_equal(tap_open(&f->tap, f->link, "vif1.0", ALIAS, 3, false, true), TAP_ADOPTED);
	assert_int_equal(f->tap.ifindex, ifindex);
	assert_true(flags_of(f) & IFF_UP);
	assert_true(runs_soon(f, true));
}

/* A left-over tap of an older vif of the same number is not picked up for a new one. */
static void test_fresh_removes_the_old(void **state)
{
	struct fixture *f = *state;
	int ifindex;

	tap_make_queues(f, 1);
	ifindex = f->tap.ifindex;
	tap_close(&f->tap);
	assert_int_equal(tap_open(&f->tap, f->link, "vif1.0", ALIAS, 1, true, false), TAP_MADE);
	assert_int_not_equal(f->tap.ifindex, ifindex);
}

static void test_name_in_use_is_refused(void **state)
{
	struct fixture *f = *state;
	struct tap other;

	tap_make_queues(f, 1);
	assert_int_equal(
		tap_open(&other, f->link, "vif1.0", LINK_ALIAS_PREFIX "vif2.0", 1, false, false),
		-EBUSY);
	assert_int_equal(
		tap_open(&other, f->link, "lo", LINK_ALIAS_PREFIX "vif2.0", 1, false, false),
		-EBUSY);
}

/* What somebody does with "ip link set alias": the address stays. */
static void alias_set(struct fixture *f, int ifindex, const uint8_t *mac, const char *alias)
{
	assert_int_equal(link_setup(f->link, ifindex, mac, TAP_VIF_FRAMES, alias), 0);
}

/* Without descriptors: the alias is another, and the tap is known by its name, kind and address. */
static void test_is_found_without_its_alias(void **state)
{
	struct fixture *f = *state;
	char name[IFNAMSIZ];
	int ifindex;

	tap_make_queues(f, 2);
	set_up(f, true);
	ifindex = f->tap.ifindex;
	alias_set(f, ifindex, vif_mac, "customer-x");
	tap_close(&f->tap);
	assert_int_equal(tap_open(&f->tap, f->link, "vif1.0", ALIAS, 2, false, true), TAP_ADOPTED);
	assert_int_equal(f->tap.ifindex, ifindex);
	assert_true(flags_of(f) & IFF_UP);
	assert_true(runs_soon(f, true));
	assert_int_equal(link_find_alias(f->link, ALIAS, name), ifindex);
	assert_string_equal(name, "vif1.0");
}

/* With them: whatever its name and its alias are. */
static void test_descriptors_tell_the_tap(void **state)
{
	struct fixture *f = *state;
	struct tap before, other;
	char name[IFNAMSIZ];
	int mixed[2];

	tap_make_queues(f, 2);
	before = f->tap;
	assert_int_equal(rename_to(f, "guest-eth"), 0);
	alias_set(f, before.ifindex, vif_mac, "customer-x");
	memset(&f->tap, 0, sizeof(f->tap));
	assert_int_equal(tap_take_over(&f->tap, f->link, ALIAS, before.fd, 2, true), TAP_KEPT);
	assert_int_equal(f->tap.ifindex, before.ifindex);
	assert_int_equal(link_find_alias(f->link, ALIAS, name), before.ifindex);
	assert_string_equal(name, "guest-eth");

	/* Those of two taps are neither's, and those of another vif's are not this one's. */
	assert_int_equal(
		tap_open(&other, f->link, "vif2.0", LINK_ALIAS_PREFIX "vif2.0", 1, false, false),
		TAP_MADE);
	before = f->tap;
	mixed[0] = before.fd[0];
	mixed[1] = other.fd[0];
	memset(&f->tap, 0, sizeof(f->tap));
	assert_int_equal(tap_take_over(&f->tap, f->link, ALIAS, mixed, 2, true), -ENODEV);
	assert_int_equal(tap_take_over(&f->tap, f->link, ALIAS, other.fd, 1, true), -ENODEV);
	assert_int_equal(f->tap.ifindex, 0);
	f->tap = before;
	assert_int_equal(link_find_alias(f->link, LINK_ALIAS_PREFIX "vif2.0", name), other.ifindex);
	tap_destroy(&other, f->link);
}

/* An interface of the vif's name that lacks one sign of ours is another's, and left as it is. */
static void test_foreign_interfaces_are_left_alone(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, 1 };
	struct fixture *f = *state;
	struct ifreq request = { .ifr_name = "vif1.0", .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct tap other;
	char name[IFNAMSIZ];
	int fd;

	tap_make_queues(f, 1);
	other = f->tap;
	memset(&f->tap, 0, sizeof(f->tap));
	alias_set(f, other.ifindex, mac, "customer-x"); /* another address */
	assert_int_equal(tap_open(&f->tap, f->link, "vif1.0", ALIAS, 1, false, true), -EBUSY);
	alias_set(f, other.ifindex, vif_mac, LINK_ALIAS_PREFIX "vif2.0"); /* another vif's */
	assert_int_equal(tap_open(&f->tap, f->link, "vif1.0", ALIAS, 1, false, true), -EBUSY);
	alias_set(f, other.ifindex, vif_mac, "customer-x"); /* to go with its program */
	assert_int_equal(ioctl(other.fd[0], TUNSETPERSIST, 0ul), 0);
	assert_int_equal(tap_open(&f->tap, f->link, "vif1.0", ALIAS, 1, false, true), -EBUSY);
	assert_true(if_nametoindex("vif1.0") == (unsigned)other.ifindex);
	tap_destroy(&other, f->link);

	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC); /* of one queue */
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1ul), 0);
	alias_set(f, (int)if_nametoindex("vif1.0"), vif_mac, "customer-x");
	assert_int_equal(tap_open(&f->tap, f->link, "vif1.0", ALIAS, 1, false, true), -EBUSY);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 0ul), 0);
	close(fd);

	/* No tap at all: a bridge. */
	assert_int_equal(ioctl(f->control, SIOCBRADDBR, "vif1.0"), 0);
	alias_set(f, (int)if_nametoindex("vif1.0"), vif_mac, "customer-x");
	assert_int_equal(tap_open(&f->tap, f->link, "vif1.0", ALIAS, 1, false, true), -EBUSY);
	assert_int_equal(link_find_alias(f->link, ALIAS, name), 0);
	assert_int_equal(ioctl(f->control, SIOCBRDELBR, "vif1.0"), 0);
}

/* Only what says whole that it is a vif's counts as such. */
static void ours_found(void *ctx, int ifindex, const char *name, const char *alias)
{
	++*(int *)ctx;
}

static void test_only_vifs_are_ours(void **state)
{
	static const char *const not_ours[] = { "xenvifd",	   "xenvifd customer",
						"xenvifd vif1.",   "xenvifd vif1.0 ",
						"xenvifd vif1.0x", "Xenvifd vif1.0" };
	struct fixture *f = *state;
	int n = 0;

	tap_make_queues(f, 1);
	assert_int_equal(link_each_ours(f->link, ours_found, &n), 0);
	assert_int_equal(n, 1);
	for (size_t i = 0; i < sizeof(not_ours) / sizeof(*not_ours); i++) {
		alias_set(f, f->tap.ifindex, vif_mac, not_ours[i]);
		assert_int_equal(link_each_ours(f->link, ours_found, &n), 0);
		assert_int_equal(n, 1);
	}
	tap_destroy(&f->tap, f->link);
	assert_int_equal(ioctl(f->control, SIOCBRADDBR, "vif1.0"), 0);
	alias_set(f, (int)if_nametoindex("vif1.0"), vif_mac, ALIAS);
	assert_int_equal(link_each_ours(f->link, ours_found, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(ioctl(f->control, SIOCBRDELBR, "vif1.0"), 0);
}

static void test_queues_attach_and_detach(void **state)
{
	struct fixture *f = *state;

	tap_make_queues(f, 8);
	set_up(f, true);
	for (unsigned n = 8; n > 0; n--) {
		assert_int_equal(tap_set_queues(&f->tap, f->link, n), 0);
		assert_int_equal(frames_of(f), n < 8 ? 2048 / (int)n : 256);
	}
	assert_int_equal(tap_set_carrier(&f->tap, true), 0);
	assert_int_equal(write_frame(f->tap.fd[0], 60), 0);
	for (unsigned n = 1; n <= 8; n++)
		assert_int_equal(tap_set_queues(&f->tap, f->link, n), 0);
	assert_int_equal(write_frame(f->tap.fd[7], 60), 0);
}

/* The errors that the datapath tells apart. */
static void test_write_errors(void **state)
{
	struct fixture *f = *state;
	struct virtio_net_hdr bad = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 9999 };
	uint8_t frame[sizeof(bad) + 60] = { 0 };

	tap_make_queues(f, 1);
	assert_int_equal(write_frame(f->tap.fd[0], 60), -EIO); /* down */
	set_up(f, true);
	assert_int_equal(tap_set_carrier(&f->tap, true), 0);
	assert_int_equal(write_frame(f->tap.fd[0], 60), 0);
	assert_int_equal(write_frame(f->tap.fd[0], 13), -EINVAL); /* no Ethernet header */
	memcpy(frame, &bad, sizeof(bad));
	assert_int_equal(tap_write(f->tap.fd[0], frame, sizeof(frame)), -EINVAL);
	assert_int_equal(link_delete(f->link, f->tap.ifindex), 0);
	assert_int_equal(write_frame(f->tap.fd[0], 60), -EBADFD); /* gone */
	assert_true(tap_read(f->tap.fd[0], frame, sizeof(frame)) < 0);
	tap_close(&f->tap);
}

/* Frames that wait when a queue is detached, or is discarded, are not seen afterwards. */
static void test_waiting_frames_are_discarded(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[2048];
	ssize_t n = 0;

	tap_make_queues(f, 1);
	set_up(f, true); /* IPv6 and others send frames of their own when the carrier comes */
	assert_int_equal(tap_set_carrier(&f->tap, true), 0);
	for (int i = 0; i < 100; i++) {
		n = tap_read(f->tap.fd[0], frame, sizeof(frame));
		if (n > 0)
			break;
		usleep(50000);
	}
	assert_true(n > (ssize_t)sizeof(struct virtio_net_hdr)); /* frames do come */
	usleep(100000);
	tap_discard(&f->tap);
	assert_int_equal(tap_read(f->tap.fd[0], frame, sizeof(frame)), -EAGAIN);
}

static void test_offloads_are_accepted(void **state)
{
	struct fixture *f = *state;

	tap_make_queues(f, 2);
	assert_int_equal(tap_set_offload(&f->tap, 0), 0);
	assert_int_equal(tap_set_offload(&f->tap, TUN_F_CSUM), 0);
	assert_int_equal(tap_set_offload(&f->tap, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), 0);
	assert_int_equal(tap_set_offload(&f->tap, 1u << 30), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(test_is_made_as_scripts_expect),
		CASE(test_carrier_follows),
		CASE(test_is_read_over_netlink),
		CASE(test_outlives_its_descriptors),
		CASE(test_fresh_removes_the_old),
		CASE(test_name_in_use_is_refused),
		CASE(test_is_found_without_its_alias),
		CASE(test_descriptors_tell_the_tap),
		CASE(test_foreign_interfaces_are_left_alone),
		CASE(test_only_vifs_are_ours),
		CASE(test_queues_attach_and_detach),
		CASE(test_write_errors),
		CASE(test_waiting_frames_are_discarded),
		CASE(test_offloads_are_accepted),
	};

	if (unshare(CLONE_NEWNET) < 0) {
		perror("a network namespace of our own (run as root)");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
