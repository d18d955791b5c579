/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xensim, the command: makes hosts and domains, ends them, counts what they hold, orders faults.
 *
 * It plays the parts that a real host gives to the hypervisor's own tools and to the toolstack.
 * Processes of the host (scripts/xensim start, run) are not its business.
 */
#include "sim.h"
#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xenstore.h>

static const char usage[] =
	"usage: xensim init DIR                     make a host, with domain 0\n"
	"       xensim create DIR DOMID [NAME]      a domain comes to life, and xenstored knows "
	"it\n"
	"       xensim destroy DIR DOMID            a domain dies, and its processes\n"
	"       xensim counts DIR [--json]          ports, granted pages and mappings of each "
	"domain\n"
	"       xensim fault DIR DOMID CALL [nth=1] [times=1] [value=errno or GNTST_*] "
	"[hang=seconds]\n"
	"       xensim fault DIR clear              forget all faults\n"
	"       xensim vif-add DIR DOMID DEVID [mac= bridge= script= ip= rate= mtu= vifname=\n"
	"                                       gatewaydev= type= trusted=]\n"
	"       xensim vif-script DIR DOMID DEVID online|offline\n"
	"       xensim vif-remove DIR DOMID DEVID\n";

int tool_fail(const char *what, int err)
{
	fprintf(stderr, "xensim: %s: %s\n", what, strerror(err < 0 ? -err : err));
	return 1;
}

/* A decimal number from 0 to max, and nothing after it */
bool tool_number(const char *text, uint32_t max, uint32_t *value)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || n > max)
		return false;
	*value = n;
	return true;
}

struct xs_handle *tool_store(void)
{
	struct xs_handle *xs = xs_open(0);

	if (!xs)
		tool_fail("can't reach xenstored (XENSTORED_PATH)", errno);
	return xs;
}

static bool store_put(struct xs_handle *xs, xs_transaction_t t, uint32_t domid, const char *key,
		      const char *value, unsigned int owner)
{
	struct xs_permissions perms[2] = { { owner, XS_PERM_NONE },
					   { owner ? 0 : domid, XS_PERM_READ } };
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u%s", domid, key);
	return xs_write(xs, t, path, value, strlen(value)) &&
	       xs_set_permissions(xs, t, path, perms, 2);
}

/* The nodes that a new domain finds of itself, as libxl leaves them */
static bool store_domain(struct xs_handle *xs, uint32_t domid, const char *name)
{
	char number[16];
	bool ok, again = true;
	int tries;

	snprintf(number, sizeof(number), "%u", domid);
	for (tries = 0; again && tries < 100; tries++) {
		xs_transaction_t t = xs_transaction_start(xs);

		ok = t && store_put(xs, t, domid, "", "", 0) &&
		     store_put(xs, t, domid, "/domid", number, 0) &&
		     store_put(xs, t, domid, "/name", name, 0) &&
		     store_put(xs, t, domid, "/device", "", domid) &&
		     store_put(xs, t, domid, "/device/vif", "", domid) &&
		     store_put(xs, t, domid, "/data", "", domid);
		ok = xs_transaction_end(xs, t, !ok) && ok;
		again = !ok && errno == EAGAIN;
	}
	return ok;
}

static int cmd_create(uint32_t domid, const char *name)
{
	struct xs_handle *xs = tool_store();
	char fallback[16];
	int port, rc = 0;

	if (!xs)
		return 1;
	snprintf(fallback, sizeof(fallback), "guest%u", domid);
	port = sim_dom_make(domid);
	if (port < 0)
		rc = tool_fail("create", port);
	else if (!xs_introduce_domain(xs, domid, 0, port))
		rc = tool_fail("introduce to xenstored", errno);
	else if (!store_domain(xs, domid, name ? name : fallback))
		rc = tool_fail("write the domain's nodes", errno);
	if (port >= 0 && rc)
		sim_dom_destroy(domid);
	xs_close(xs);
	return rc;
}

/* Kills the process behind a living handle of the domain, and waits until it is gone */
static void handle_kill(struct sim_handle *h, sim_hid hid)
{
	struct pollfd p = { .events = POLLIN };

	p.fd = syscall(SYS_pidfd_open, h->pid, 0);
	if (p.fd < 0)
		return;
	sim_lock();
	/* The handle is still open, so its process lives, and the number was not used again */
	if (sim_handle_alive(hid) && h->pid != getpid())
		syscall(SYS_pidfd_send_signal, p.fd, SIGKILL, NULL, 0);
	sim_unlock();
	poll(&p, 1, 2000);
	close(p.fd);
}

static int cmd_destroy(uint32_t domid)
{
	struct xs_handle *xs = tool_store();
	char path[64];
	uint32_t slot;
	int rc;

	if (!xs)
		return 1;
	for (slot = 1; domid && slot < sim.host->handle_top; slot++) {
		struct sim_handle *h = &sim.host->handles[slot];

		if (h->kind != SIM_FREE && h->domid == domid)
			handle_kill(h, SIM_HID(slot, h->turn));
	}
	rc = sim_dom_destroy(domid);
	if (!rc) {
		snprintf(path, sizeof(path), "/local/domain/%u", domid);
		xs_rm(xs, XBT_NULL, path);
		snprintf(path, sizeof(path), "/libxl/%u", domid);
		xs_rm(xs, XBT_NULL, path);
	}
	xs_close(xs);
	return rc ? tool_fail("destroy", rc) : 0;
}

static const char *option(int argc, char **argv, const char *name, const char *fallback)
{
	size_t len = strlen(name);
	int i;

	for (i = 0; i < argc; i++)
		if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=')
			return argv[i] + len + 1;
	return fallback;
}

static int cmd_fault(int argc, char **argv)
{
	uint32_t domid, nth, times, call, hang;
	int value, rc;

	if (argc == 1 && strcmp(argv[0], "clear") == 0) {
		sim_fault_clear();
		return 0;
	}
	if (argc < 2 || !tool_number(argv[0], SIM_DOMAINS - 1, &domid))
		return tool_fail("fault", EINVAL);
	for (call = 1; call < SIM_CALL_COUNT && strcmp(argv[1], sim_call_name[call]); call++)
		;
	if (call == SIM_CALL_COUNT || !tool_number(option(argc, argv, "nth", "1"), 1 << 30, &nth) ||
	    !tool_number(option(argc, argv, "times", "1"), UINT32_MAX, &times) || !nth || !times)
		return tool_fail("fault", EINVAL);
	value = atoi(option(argc, argv, "value", call == SIM_CALL_GRANT_COPY ? "-1" : "22"));
	if (!tool_number(option(argc, argv, "hang", "0"), 3600, &hang))
		return tool_fail("fault", EINVAL);
	if (hang)
		value = SIM_FAULT_HANG | (int)hang;
	rc = sim_fault_arm(call, domid, nth - 1, times, value);
	return rc ? tool_fail("fault", rc) : 0;
}

/* The commands whose third word is a domain */
static int run_domain(const char *cmd, int argc, char **argv)
{
	uint32_t domid, devid = 0;

	if (argc < 1 || !tool_number(argv[0], SIM_DOMAINS - 1, &domid))
		return tool_fail(cmd, EINVAL);
	if (strcmp(cmd, "create") == 0)
		return cmd_create(domid, argc > 1 ? argv[1] : NULL);
	if (strcmp(cmd, "destroy") == 0)
		return cmd_destroy(domid);
	if (argc < 2 || !tool_number(argv[1], UINT32_MAX, &devid))
		return tool_fail(cmd, EINVAL);
	if (strcmp(cmd, "vif-add") == 0)
		return tool_vif_add(domid, devid, argc - 2, argv + 2);
	if (strcmp(cmd, "vif-remove") == 0)
		return tool_vif_remove(domid, devid);
	if (strcmp(cmd, "vif-script") == 0 && argc == 3)
		return tool_vif_script(domid, devid, argv[2]);
	fputs(usage, stderr);
	return 2;
}

int main(int argc, char **argv)
{
	char socket[4096];
	int rc;

	if (argc < 3) {
		fputs(usage, stderr);
		return 2;
	}
	if (strcmp(argv[1], "init") == 0) {
		rc = sim_host_make(argv[2]);
		return rc ? tool_fail(argv[2], rc) : 0;
	}
	rc = sim_attach_dir(argv[2], 0);
	if (rc)
		return tool_fail(argv[2], rc);
	snprintf(socket, sizeof(socket), "%s/xenstored/socket", argv[2]);
	setenv("XENSTORED_PATH", socket, 1);
	if (strcmp(argv[1], "counts") == 0)
		return tool_counts(argc > 3 && strcmp(argv[3], "--json") == 0);
	if (strcmp(argv[1], "fault") == 0)
		return cmd_fault(argc - 3, argv + 3);
	return run_domain(argv[1], argc - 3, argv + 3);
}
