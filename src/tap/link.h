/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network links over netlink (libnl-route): what a tap's own file descriptors
 * can't say or set. Control thread only.
 *
 * A tap carries an alias, "xenvifd vif<domid>.<devid>", by which it is found
 * again after a restart whatever a hotplug script has renamed it to; `ip link`
 * shows it to people, who may change it (link_identify).
 */
#ifndef XENVIFD_TAP_LINK_H
#define XENVIFD_TAP_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct link_socket;

#define LINK_ALIAS_PREFIX "xenvifd "
#define LINK_ALIAS_SIZE	  64

/* 0, or -errno. */
int link_open(struct link_socket **link);
void link_close(struct link_socket *link);

/*
 * Sets MAC address (6 bytes), transmit queue length (frames a queue) and
 * alias of a link. 0, or -errno.
 */
int link_setup(struct link_socket *link, int ifindex, const uint8_t *mac, unsigned txqlen,
	       const char *alias);

/* Sets the alias alone. 0, or -errno. */
int link_set_alias(struct link_socket *link, int ifindex, const char *alias);

/* Sets the transmit queue length alone. 0, or -errno. */
int link_set_txqlen(struct link_socket *link, int ifindex, unsigned txqlen);

/* The link with this alias: its ifindex (above 0) and name; 0: none; or -errno. */
int link_find_alias(struct link_socket *link, const char *alias, char name[IFNAMSIZ]);

/* Calls back with each tap whose alias is that of a vif. 0, or -errno. */
int link_each_ours(struct link_socket *link,
		   void (*found)(void *ctx, int ifindex, const char *name, const char *alias),
		   void *ctx);

/* By what a link that lost its alias is known. */
struct link_identity {
	int ifindex;
	bool is_tun; /* /dev/net/tun has made it */
	uint8_t mac[6];
	char alias[LINK_ALIAS_SIZE]; /* cut short; "" without one */
};

/* Reads it of the link of this name: 0, or -errno (-ENODEV: there is no such link). */
int link_identify(struct link_socket *link, const char *name, struct link_identity *identity);

/* Whether an alias is that of some vif: LINK_ALIAS_PREFIX and a name such as vif1.0. */
bool link_alias_is_ours(const char *alias);

/* What a link is like now. */
struct link_state {
	bool up;		    /* an administrator, or a script, has set it up */
	bool carrier;		    /* and its other end is there */
	int master;		    /* ifindex of the bridge it is a port of; 0: none */
	char master_name[IFNAMSIZ]; /* "" without one */
	unsigned mtu;		    /* bytes */
};

/* Reads it: 0, or -errno (-ENODEV: there is no such link). */
int link_read(struct link_socket *link, int ifindex, struct link_state *state);

/* Removes a link. 0, or -errno. */
int link_delete(struct link_socket *link, int ifindex);

#endif
