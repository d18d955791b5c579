/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line says. */
#ifndef XENVIFD_GUEST_OPTIONS_H
#define XENVIFD_GUEST_OPTIONS_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>

#include "front.h"

enum options_mode {
	OPTIONS_TAP,
	OPTIONS_GENERATE,
	OPTIONS_SINK,
	OPTIONS_HOSTILE,
	OPTIONS_DONE, /* --help and the like: all is said */
};

struct options {
	enum options_mode mode;
	int domid; /* -1: ask xenstore */
	unsigned devid;
	struct front_wishes wishes;
	const char *store_dir; /* NULL: /local/domain/DOMID/device/vif/DEVID */
	const char *netns, *ifname;
	unsigned mtu;		/* bytes; 0: what xenstore says */
	unsigned wait_s, run_s; /* run_s 0: until it is told to stop */
	/* --generate */
	unsigned size, gso; /* bytes */
	uint64_t count;	    /* frames, all queues together; 0: no limit */
	uint8_t to_mac[6];
	struct in_addr to_ip, from_ip;
	/* --hostile */
	const char *hostile;
};

/* 0, or -EINVAL, having said what is wrong and what to do. */
int options_parse(struct options *options, int argc, char **argv);

#endif
