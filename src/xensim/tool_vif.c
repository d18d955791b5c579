/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The toolstack's part in a vif's life, in libxl's order and with libxl's nodes.
 *
 * Add: backend, frontend and the toolstack's own copy in one transaction; wait for the backend to
 * reach InitWait; run the hotplug script. Remove: online=0 and state=5 into the backend, wait for
 * Closed, run the script again, delete the nodes. Without script= a small one of its own brings
 * the tap up, and into bridge=.
 */
#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenstore.h>

#define PATH_MAX_STORE 256
#define SCRIPT_USUAL   "/etc/xen/scripts/vif-bridge"
#define WAIT_MS	       10000 /* libxl's patience with a backend */

static const char builtin_script[] =
	"set -e\n"
	"if [ \"$1\" = online ]; then\n"
	"	ip link set dev \"$vif\" address fe:ff:ff:ff:ff:ff\n"
	"	[ -z \"$sim_mtu\" ] || ip link set dev \"$vif\" mtu \"$sim_mtu\"\n"
	"	[ -z \"$sim_bridge\" ] || ip link set dev \"$vif\" master \"$sim_bridge\"\n"
	"	ip link set dev \"$vif\" up\n"
	"else\n"
	"	ip link set dev \"$vif\" down 2>/dev/null || :\n"
	"fi\n";

struct vif {
	struct xs_handle *xs;
	uint32_t domid, devid;
	char be[PATH_MAX_STORE], fe[PATH_MAX_STORE], libxl[PATH_MAX_STORE];
	char *script; /* NULL: the built-in one */
	char *bridge, *mtu;
};

/* The keys that may be given, where libxl puts each, and what it is when not given */
static const struct key {
	const char *name, *fallback;
	bool be, fe;
} keys_known[] = {
	{ "script", SCRIPT_USUAL, true, false },
	{ "vifname", NULL, true, false },
	{ "mac", NULL, true, true },
	{ "ip", NULL, true, false },
	{ "gatewaydev", NULL, true, false },
	{ "rate", NULL, true, false },
	{ "mtu", NULL, true, false },
	{ "bridge", "", true, false },
	{ "type", "vif", true, false },
	{ "trusted", "1", false, true },
};

static int vif_init(struct vif *v, uint32_t domid, uint32_t devid)
{
	memset(v, 0, sizeof(*v));
	v->domid = domid;
	v->devid = devid;
	v->xs = tool_store();
	snprintf(v->be, sizeof(v->be), "/local/domain/0/backend/vif/%u/%u", domid, devid);
	snprintf(v->fe, sizeof(v->fe), "/local/domain/%u/device/vif/%u", domid, devid);
	snprintf(v->libxl, sizeof(v->libxl), "/libxl/%u/device/vif/%u", domid, devid);
	return v->xs ? 0 : 1;
}

static bool put(struct vif *v, xs_transaction_t t, const char *dir, const char *key,
		const char *value)
{
	char path[PATH_MAX_STORE + 32];

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	return xs_write(v->xs, t, path, value, strlen(value));
}

static bool put_number(struct vif *v, xs_transaction_t t, const char *dir, const char *key,
		       uint32_t n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	return put(v, t, dir, key, text);
}

static bool make_dir(struct vif *v, xs_transaction_t t, const char *dir, uint32_t owner,
		     uint32_t reader)
{
	struct xs_permissions perms[2] = { { owner, XS_PERM_NONE }, { reader, XS_PERM_READ } };

	return xs_mkdir(v->xs, t, dir) && xs_set_permissions(v->xs, t, dir, perms, 2);
}

/* What was given for a known key, or its fallback */
static const char *key_value(const struct key *k, int nkeys, char **keys, char *mac)
{
	size_t len = strlen(k->name);
	int i;

	for (i = 0; i < nkeys; i++)
		if (strncmp(keys[i], k->name, len) == 0 && keys[i][len] == '=')
			return keys[i] + len + 1;
	return strcmp(k->name, "mac") == 0 ? mac : k->fallback;
}

static bool keys_valid(int nkeys, char **keys)
{
	size_t n = sizeof(keys_known) / sizeof(keys_known[0]);
	int i;

	for (i = 0; i < nkeys; i++) {
		size_t k, len = strcspn(keys[i], "=");

		for (k = 0; k < n; k++)
			if (strlen(keys_known[k].name) == len && keys[i][len] == '=' &&
			    strncmp(keys_known[k].name, keys[i], len) == 0)
				break;
		if (k == n) {
			fprintf(stderr, "xensim: vif-add knows no key '%s'\n", keys[i]);
			return false;
		}
	}
	return true;
}

/* One directory of backend keys: the backend's own, or libxl's copy of it */
static bool write_backend(struct vif *v, xs_transaction_t t, const char *dir, int nkeys,
			  char **keys, char *mac)
{
	bool ok = put(v, t, dir, "frontend", v->fe) &&
		  put_number(v, t, dir, "frontend-id", v->domid) && put(v, t, dir, "online", "1") &&
		  put(v, t, dir, "state", "1") && put_number(v, t, dir, "handle", v->devid) &&
		  put(v, t, dir, "hotplug-status", "");
	size_t i;

	for (i = 0; ok && i < sizeof(keys_known) / sizeof(keys_known[0]); i++) {
		const char *value = key_value(&keys_known[i], nkeys, keys, mac);

		/* libxl leaves the usual MTU out of the backend */
		if (!value || !keys_known[i].be ||
		    (strcmp(keys_known[i].name, "mtu") == 0 && strcmp(value, "1500") == 0))
			continue;
		ok = put(v, t, dir, keys_known[i].name, value);
	}
	return ok;
}

static const char *given(int nkeys, char **keys, const char *name, const char *fallback)
{
	const struct key k = { .name = name, .fallback = fallback };

	return key_value(&k, nkeys, keys, NULL);
}

static bool write_frontend(struct vif *v, xs_transaction_t t, int nkeys, char **keys, char *mac)
{
	struct xs_permissions ro[2] = { { 0, XS_PERM_NONE }, { v->domid, XS_PERM_READ } };
	char path[PATH_MAX_STORE + 32];
	bool ok = put(v, t, v->fe, "backend", v->be) && put_number(v, t, v->fe, "backend-id", 0) &&
		  put(v, t, v->fe, "state", "1") && put_number(v, t, v->fe, "handle", v->devid) &&
		  put(v, t, v->fe, "mtu", given(nkeys, keys, "mtu", "1500"));
	size_t i;

	for (i = 0; ok && i < sizeof(keys_known) / sizeof(keys_known[0]); i++)
		if (keys_known[i].fe)
			ok = put(v, t, v->fe, keys_known[i].name,
				 key_value(&keys_known[i], nkeys, keys, mac));
	snprintf(path, sizeof(path), "%s/mtu", v->fe);
	return ok && xs_set_permissions(v->xs, t, path, ro, 2);
}

static bool write_all(struct vif *v, int nkeys, char **keys)
{
	bool ok = false;
	char mac[32];
	int tries;

	snprintf(mac, sizeof(mac), "00:16:3e:%02x:%02x:%02x", v->domid >> 8 & 0x7f, v->domid & 0xff,
		 v->devid & 0xff);
	for (tries = 0; !ok && tries < 100; tries++) {
		xs_transaction_t t = xs_transaction_start(v->xs);

		ok = t && make_dir(v, t, v->fe, v->domid, 0) &&
		     make_dir(v, t, v->be, 0, v->domid) && make_dir(v, t, v->libxl, 0, 0) &&
		     write_backend(v, t, v->be, nkeys, keys, mac) &&
		     write_backend(v, t, v->libxl, nkeys, keys, mac) &&
		     put(v, t, v->libxl, "backend", v->be) &&
		     write_frontend(v, t, nkeys, keys, mac);
		ok = xs_transaction_end(v->xs, t, !ok) && ok;
		if (!ok && errno != EAGAIN)
			break;
	}
	return ok;
}

static char *backend_read(struct vif *v, const char *key)
{
	char path[PATH_MAX_STORE + 32];

	snprintf(path, sizeof(path), "%s/%s", v->be, key);
	return xs_read(v->xs, XBT_NULL, path, NULL);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until the backend's state is as wanted, or its node is gone */
static bool wait_state(struct vif *v, const char *wanted)
{
	struct pollfd p = { .fd = xs_fileno(v->xs), .events = POLLIN };
	long until = now_ms() + WAIT_MS, left;
	char path[PATH_MAX_STORE + 32];
	bool there = false;

	snprintf(path, sizeof(path), "%s/state", v->be);
	if (!xs_watch(v->xs, path, "state"))
		return false;
	while (!there && (left = until - now_ms()) > 0) {
		char *state = backend_read(v, "state");
		char **event;

		there = !state || strcmp(state, wanted) == 0;
		free(state);
		if (!there && poll(&p, 1, left) > 0) {
			event = xs_check_watch(v->xs);
			free(event);
		}
	}
	xs_unwatch(v->xs, path, "state");
	return there;
}

/*
 * Debian's scripts log to /var/log/xen and lock in /run/xen-hotplug, which only a dom0 has: they
 * get a /var/log and a /run of their own, and leave nothing in the machine's.
 */
static void script_rooms(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("xensim", "/run", "tmpfs", 0, NULL) < 0 ||
	    mount("xensim", "/var/log", "tmpfs", 0, NULL) < 0 || mkdir("/var/log/xen", 0755) < 0)
		tool_fail("private /run and /var/log for the hotplug script", errno);
}

static void script_exec(struct vif *v, const char *action)
{
	char path[64], name[64];

	snprintf(path, sizeof(path), "backend/vif/%u/%u", v->domid, v->devid);
	snprintf(name, sizeof(name), "vif%u.%u", v->domid, v->devid);
	setenv("XENBUS_TYPE", "vif", 1);
	setenv("XENBUS_PATH", path, 1);
	setenv("XENBUS_BASE_PATH", "backend", 1);
	setenv("netdev", "", 1);
	setenv("vif", name, 1);
	setenv("sim_bridge", v->bridge ? v->bridge : "", 1);
	setenv("sim_mtu", v->mtu ? v->mtu : "", 1);
	if (!v->script) {
		execl("/bin/sh", "sh", "-c", builtin_script, "xensim", action, NULL);
		_exit(127);
	}
	script_rooms();
	setenv("script", v->script, 1);
	execl(v->script, v->script, action, "type_if=vif", NULL);
	_exit(127);
}

static bool script_run(struct vif *v, const char *action)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		alarm(40); /* libxl's patience with a script; exec keeps it */
		script_exec(v, action);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What the vif was added with, as its backend nodes tell. The caller frees the vif's texts. */
static int vif_load(struct vif *v, uint32_t domid, uint32_t devid)
{
	char *script;

	if (vif_init(v, domid, devid))
		return 1;
	script = backend_read(v, "script");
	if (script && strcmp(script, SCRIPT_USUAL) != 0)
		v->script = script; /* not the built-in one */
	else
		free(script);
	v->bridge = backend_read(v, "bridge");
	v->mtu = backend_read(v, "mtu");
	return 0;
}

static void vif_unload(struct vif *v)
{
	free(v->script);
	free(v->bridge);
	free(v->mtu);
	xs_close(v->xs);
}

int tool_vif_script(uint32_t domid, uint32_t devid, const char *action)
{
	struct vif v;
	bool ok;

	if (vif_load(&v, domid, devid))
		return 1;
	ok = script_run(&v, action);
	if (ok && !v.script && strcmp(action, "online") == 0)
		ok = put(&v, XBT_NULL, v.be, "hotplug-status", "connected");
	vif_unload(&v);
	return ok ? 0 : tool_fail("the hotplug script failed", EIO);
}

int tool_vif_add(uint32_t domid, uint32_t devid, int nkeys, char **keys)
{
	struct vif v;
	int rc = 0;

	if (!keys_valid(nkeys, keys) || vif_init(&v, domid, devid))
		return 1;
	if (!write_all(&v, nkeys, keys))
		rc = tool_fail("write the vif's nodes", errno);
	else if (!wait_state(&v, "2"))
		rc = tool_fail("the backend did not reach InitWait", ETIMEDOUT);
	xs_close(v.xs);
	return rc ? rc : tool_vif_script(domid, devid, "online");
}

int tool_vif_remove(uint32_t domid, uint32_t devid)
{
	struct vif v;
	char *state;
	int rc = 0;

	if (vif_load(&v, domid, devid))
		return 1;
	state = backend_read(&v, "state");
	if (state &&
	    (!put(&v, XBT_NULL, v.be, "online", "0") || !put(&v, XBT_NULL, v.be, "state", "5")))
		rc = tool_fail("write the backend's state", errno);
	else if (state && !wait_state(&v, "6"))
		rc = tool_fail("the backend did not close; removing it by force", ETIMEDOUT);
	if (rc)
		xs_rm(v.xs, XBT_NULL, v.fe);
	script_run(&v, "offline");
	xs_rm(v.xs, XBT_NULL, v.fe);
	xs_rm(v.xs, XBT_NULL, v.be);
	xs_rm(v.xs, XBT_NULL, v.libxl);
	free(state);
	vif_unload(&v);
	return rc;
}
