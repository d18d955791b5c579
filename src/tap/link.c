/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network links over netlink. */
#include "tap/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

static struct nl_sock *socket_of(struct link_socket *link)
{
	return (struct nl_sock *)link;
}

static int link_errno(int nl_error)
{
	switch (-nl_error) {
	case 0:
		return 0;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	case NLE_EXIST:
		return -EEXIST;
	case NLE_BUSY:
		return -EBUSY;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_INVAL:
		return -EINVAL;
	case NLE_OPNOTSUPP:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

int link_open(struct link_socket **link)
{
	struct nl_sock *socket = nl_socket_alloc();
	int error;

	if (!socket)
		return -ENOMEM;
	error = nl_connect(socket, NETLINK_ROUTE);
	if (error < 0) {
		nl_socket_free(socket);
		return link_errno(error);
	}
	*link = (struct link_socket *)socket;
	return 0;
}

void link_close(struct link_socket *link)
{
	if (link)
		nl_socket_free(socket_of(link));
}

/* Has the kernel make the link what `change` holds, which is put; NULL: there was no memory for it.
 */
static int link_change(struct link_socket *link, int ifindex, struct rtnl_link *change)
{
	int error = -NLE_NOMEM;

	if (change) {
		rtnl_link_set_ifindex(change, ifindex);
		error = rtnl_link_change(socket_of(link), change, change, 0);
	}
	rtnl_link_put(change);
	return link_errno(error);
}

int link_setup(struct link_socket *link, int ifindex, const uint8_t *mac, unsigned txqlen,
	       const char *alias)
{
	struct nl_addr *address = nl_addr_build(AF_LLC, mac, 6);
	struct rtnl_link *change = address ? rtnl_link_alloc() : NULL;

	if (change) {
		rtnl_link_set_addr(change, address);
		rtnl_link_set_txqlen(change, txqlen);
		rtnl_link_set_ifalias(change, alias);
	}
	nl_addr_put(address);
	return link_change(link, ifindex, change);
}

int link_set_alias(struct link_socket *link, int ifindex, const char *alias)
{
	struct rtnl_link *change = rtnl_link_alloc();

	if (change)
		rtnl_link_set_ifalias(change, alias);
	return link_change(link, ifindex, change);
}

int link_set_txqlen(struct link_socket *link, int ifindex, unsigned txqlen)
{
	struct rtnl_link *change = rtnl_link_alloc();

	if (change)
		rtnl_link_set_txqlen(change, txqlen);
	return link_change(link, ifindex, change);
}

struct link_search {
	const char *alias;
	char *name;
	int ifindex;
};

static void search_found(void *ctx, int ifindex, const char *name, const char *alias)
{
	struct link_search *search = ctx;

	if (strcmp(alias, search->alias) != 0)
		return;
	search->ifindex = ifindex;
	snprintf(search->name, IFNAMSIZ, "%s", name);
}

int link_find_alias(struct link_socket *link, const char *alias, char name[IFNAMSIZ])
{
	struct link_search search = { .alias = alias, .name = name };
	int error = link_each_ours(link, search_found, &search);

	return error < 0 ? error : search.ifindex;
}

bool link_alias_is_ours(const char *alias)
{
	unsigned domid, devid;
	int length = 0;

	return sscanf(alias, LINK_ALIAS_PREFIX "vif%5u.%5u%n", &domid, &devid, &length) == 2 &&
	       alias[length] == '\0';
}

static bool link_is_tun(struct rtnl_link *link)
{
	const char *kind = rtnl_link_get_type(link);

	return kind && strcmp(kind, "tun") == 0;
}

int link_each_ours(struct link_socket *link,
		   void (*found)(void *ctx, int ifindex, const char *name, const char *alias),
		   void *ctx)
{
	struct nl_cache *links;
	int error = rtnl_link_alloc_cache(socket_of(link), AF_UNSPEC, &links);

	if (error < 0)
		return link_errno(error);
	for (struct nl_object *item = nl_cache_get_first(links); item;
	     item = nl_cache_get_next(item)) {
		struct rtnl_link *each = (struct rtnl_link *)item;
		const char *alias = rtnl_link_get_ifalias(each);

		if (alias && link_is_tun(each) && link_alias_is_ours(alias))
			found(ctx, rtnl_link_get_ifindex(each), rtnl_link_get_name(each), alias);
	}
	nl_cache_free(links);
	return 0;
}

int link_identify(struct link_socket *link, const char *name, struct link_identity *identity)
{
	struct rtnl_link *found;
	struct nl_addr *address;
	const char *alias;
	int error = rtnl_link_get_kernel(socket_of(link), 0, name, &found);

	memset(identity, 0, sizeof(*identity));
	if (error < 0)
		return link_errno(error);
	identity->ifindex = rtnl_link_get_ifindex(found);
	identity->is_tun = link_is_tun(found);
	address = rtnl_link_get_addr(found);
	if (address && nl_addr_get_len(address) == sizeof(identity->mac))
		memcpy(identity->mac, nl_addr_get_binary_addr(address), sizeof(identity->mac));
	alias = rtnl_link_get_ifalias(found);
	snprintf(identity->alias, sizeof(identity->alias), "%s", alias ? alias : "");
	rtnl_link_put(found);
	return 0;
}

int link_read(struct link_socket *link, int ifindex, struct link_state *state)
{
	struct rtnl_link *found;
	unsigned flags;
	int error = rtnl_link_get_kernel(socket_of(link), ifindex, NULL, &found);

	memset(state, 0, sizeof(*state));
	if (error < 0)
		return link_errno(error);
	flags = rtnl_link_get_flags(found);
	state->up = flags & IFF_UP;
	state->carrier = rtnl_link_get_carrier(found);
	state->master = rtnl_link_get_master(found);
	state->mtu = rtnl_link_get_mtu(found);
	rtnl_link_put(found);
	if (state->master && !if_indextoname(state->master, state->master_name))
		state->master_name[0] = '\0';
	return 0;
}

int link_delete(struct link_socket *link, int ifindex)
{
	struct rtnl_link *gone = rtnl_link_alloc();
	int error = -NLE_NOMEM;

	if (gone) {
		rtnl_link_set_ifindex(gone, ifindex);
		error = rtnl_link_delete(socket_of(link), gone);
	}
	rtnl_link_put(gone);
	return link_errno(error);
}
