/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xen-netback over sysfs, and hotplug scripts.
 *
 * The environment of a script is that of libxl, and one variable more: it tells
 * vif-xenvifd, the script that claims vifs, that this one is being moved.
 */
#include "vifctl/netback.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define NETBACK_DRIVER	     "/sys/bus/xen-backend/drivers/vif/"
#define NETBACK_DEVICE	     "/sys/bus/xen-backend/devices/vif-%u-%u/driver"
#define NETBACK_WAIT_MS	     1000
#define SCRIPT_TIMEOUT_MS    40000
#define SCRIPT_LOOK_MS	     5
#define SCRIPT_VARIABLE_MOVE "XENVIFD_MOVE"

static void sleep_ms(unsigned ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * CLOCK_MS_IN_NS };

	nanosleep(&time, NULL);
}

bool netback_has(const struct netback_vif *vif)
{
	char driver[96];

	snprintf(driver, sizeof(driver), NETBACK_DEVICE, vif->domid, vif->devid);
	return access(driver, F_OK) == 0;
}

/* Writes the device's name to the driver's file. 0, or -errno. */
static int driver_tell(const struct netback_vif *vif, const char *file)
{
	char path[96], device[32];
	int fd, length, error = 0;

	snprintf(path, sizeof(path), NETBACK_DRIVER "%s", file);
	length = snprintf(device, sizeof(device), "vif-%u-%u", vif->domid, vif->devid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, device, length) != length)
		error = errno ? -errno : -EIO;
	close(fd);
	return error;
}

/* Tells it, and waits until it is so: the kernel is done when the write returns. */
static int driver_change(const struct netback_vif *vif, const char *file, bool has)
{
	uint64_t end = clock_now_ns() + NETBACK_WAIT_MS * CLOCK_MS_IN_NS;
	int error = driver_tell(vif, file);

	while (error == 0 && netback_has(vif) != has && clock_now_ns() < end)
		sleep_ms(SCRIPT_LOOK_MS);
	if (error == 0 && netback_has(vif) == has)
		return 0;
	fprintf(stderr, "vifctl: %s: " NETBACK_DRIVER "%s: %s (the kernel's log may say more)\n",
		vif->name, file, error ? strerror(-error) : "it had no effect");
	return -1;
}

int netback_bind(const struct netback_vif *vif)
{
	char link[64];

	snprintf(link, sizeof(link), "/sys/class/net/%s", vif->name);
	if (!netback_has(vif) && access(link, F_OK) == 0) {
		fprintf(stderr,
			"vifctl: %s: there is an interface of that name, so xen-netback could not "
			"serve it\n",
			vif->name);
		return -1;
	}
	return driver_change(vif, "bind", true);
}

int netback_unbind(const struct netback_vif *vif)
{
	return driver_change(vif, "unbind", false);
}

bool script_is_there(const struct netback_vif *vif)
{
	if (vif->script[0] == '/' && access(vif->script, X_OK) == 0)
		return true;
	fprintf(stderr,
		"vifctl: %s: its hotplug script (%s) can't be run, and has to be: mend that "
		"first\n",
		vif->name, vif->script[0] ? vif->script : "none is named");
	return false;
}

static void script_environment(const struct netback_vif *vif)
{
	char tap[32];

	setenv("script", vif->script, 1);
	setenv("XENBUS_TYPE", "vif", 1);
	setenv("XENBUS_PATH", vif->path, 1);
	setenv("XENBUS_BASE_PATH", "backend", 1);
	setenv("netdev", vif->gateway, 1);
	setenv("vif", vif->name, 1);
	setenv(SCRIPT_VARIABLE_MOVE, "1", 1);
	snprintf(tap, sizeof(tap), "%s-emu", vif->name);
	if (vif->ioemu)
		setenv("INTERFACE", tap, 1);
}

/* The child's part. Standard output is ours alone. */
static void script_become(const struct netback_vif *vif, const char *action)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	script_environment(vif);
	execl(vif->script, vif->script, action, "type_if=vif", (char *)NULL);
	perror(vif->script);
	_exit(127);
}

/* Waits for it. 0, and its wait status; -ETIMEDOUT: it was ended as it took too long; or -errno. */
static int script_wait(pid_t pid, int *status)
{
	uint64_t end = clock_now_ns() + SCRIPT_TIMEOUT_MS * CLOCK_MS_IN_NS;
	pid_t done;

	while ((done = waitpid(pid, status, WNOHANG)) == 0) {
		if (clock_now_ns() >= end) {
			kill(-pid, SIGKILL);
			waitpid(pid, status, 0);
			return -ETIMEDOUT;
		}
		sleep_ms(SCRIPT_LOOK_MS);
	}
	return done < 0 ? -errno : 0;
}

int script_run(const struct netback_vif *vif, const char *action)
{
	char how[64] = "it took longer than 40 s, and was ended";
	int error, status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		script_become(vif, action);
	error = pid < 0 ? -errno : script_wait(pid, &status);
	if (error == 0 && status == 0)
		return 0;
	if (error == 0)
		snprintf(how, sizeof(how), WIFEXITED(status) ? "exit status %d" : "signal %d",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	else if (error != -ETIMEDOUT)
		snprintf(how, sizeof(how), "can't be run and waited for: %s", strerror(-error));
	fprintf(stderr, "vifctl: %s: %s %s: %s; see /var/log/xen/xen-hotplug.log\n", vif->name,
		vif->script, action, how);
	return -1;
}

/* Down, as only such an interface can be renamed by every kernel. 0, or -errno. */
static int netdev_rename(int fd, const char *from, const char *to)
{
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", from);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return errno == ENODEV ? 0 : -errno;
	request.ifr_flags &= ~IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return -errno;
	snprintf(request.ifr_newname, sizeof(request.ifr_newname), "%s", to);
	return ioctl(fd, SIOCSIFNAME, &request) < 0 ? -errno : 0;
}

int script_undo_name(const struct netback_vif *vif)
{
	CLEANUP_CLOSE int fd = -1;
	int error;

	if (!vif->vifname[0])
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	error = fd < 0 ? -errno : netdev_rename(fd, vif->vifname, vif->name);
	if (error < 0)
		fprintf(stderr, "vifctl: %s: can't rename %s: %s\n", vif->name, vif->vifname,
			strerror(-error));
	return error < 0 ? -1 : 0;
}
