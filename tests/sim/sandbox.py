# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon's sandbox, looked at from outside. That all works in it, every other test shows."""
import os
import re
import subprocess

from kit import (BUILD, PATIENCE, bridge_addresses, check, connected, same, show, skip, start, test,
                 until)
from traffic import ping

CAP_NET_ADMIN = 1 << 12
BUILT = "libseccomp" in subprocess.run(["ldd", os.path.join(BUILD, "src/daemon/xenvifd")],
                                       text=True, capture_output=True).stdout


def threads(pid):
    """{name: {key: value}} of each thread's status, of which these keys are numbers."""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        name = status["Name"] if int(task) != pid else "main"
        found[f"{name} {task}"] = {
            **{key: int(status[key], 16) for key in status if key.startswith("Cap")},
            **{key: int(status[key]) for key in ("NoNewPrivs", "Seccomp", "Seccomp_filters")}}
    return found


def connect_two(host, *options):
    bridge_addresses(host)
    start(host, *options)
    vif, guest = connected(host, 1, queues=2)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    return vif, guest


@test(cost=2)
def status(host):
    """Every thread has no capability but one, can get none, and is behind its filters."""
    if not BUILT:
        skip("this build has no sandbox")  # and says so: next test
    connect_two(host)
    # A worker's thread is named by the control thread, when it has begun already.
    until(lambda: any(re.match(r"vif1\.0-q1 ", name) for name in threads(host.daemon.pid)), 5,
          "the workers' names")
    found = threads(host.daemon.pid)
    same(len(found), 4, f"threads (main, libxenstore's, two workers): {sorted(found)}")
    for name, seen in found.items():
        same({key: seen[key] for key in ("CapPrm", "CapEff")},
             {"CapPrm": CAP_NET_ADMIN, "CapEff": CAP_NET_ADMIN}, f"{name}: capabilities")
        same([seen["CapInh"], seen["CapBnd"], seen["CapAmb"]], [0, 0, 0], f"{name}: what it may get")
        same((seen["NoNewPrivs"], seen["Seccomp"]), (1, 2), f"{name}: no new rights, filtered")
        same(seen["Seccomp_filters"], 2 if name.startswith("vif") else 1, f"{name}: filters")


def workers_filters(host):
    """How many filters each worker has. Its thread has its name before it enters the sandbox."""
    return [seen["Seccomp_filters"] for name, seen in threads(host.daemon.pid).items()
            if name.startswith("vif")]


@test(cost=2)
def modes(host):
    """Off is off and log only logs, and both are said; as is a build that has no sandbox."""
    if not BUILT:
        connect_two(host)
        check("this build has no sandbox" in host.daemon.log, host.daemon.log)
        return
    vif, _ = connect_two(host)
    check("sandbox" not in host.daemon.log, f"it speaks of the sandbox: {host.daemon.log}")
    for mode, filters, words in (("off", 0, "warning: the sandbox is off"),
                                 ("log", 2, "warning: the sandbox only logs")):
        host.daemon.restart("--sandbox", mode)
        until(lambda: show(vif)["queues"], 10, "the queues to be back")
        until(lambda: workers_filters(host) == [filters] * 2, 5 * PATIENCE,
              f"{mode}: {filters} filters on each of two workers")
        check(words in host.daemon.log, f"{mode}: {host.daemon.log}")
        for name, seen in threads(host.daemon.pid).items():
            wanted = filters if name.startswith("vif") else filters // 2
            same(seen["Seccomp_filters"], wanted, f"{mode}: {name}: filters")
            same(seen["CapEff"] == CAP_NET_ADMIN, mode != "off", f"{mode}: {name}: capabilities")


@test(cost=2)
def without_setpcap(host):
    """Started by somebody who has left it CAP_NET_ADMIN alone, as the systemd unit does."""
    if not BUILT:
        skip("this build has no sandbox")
    bridge_addresses(host)
    program = host.program("xenvifd")
    host.daemon.process = host.spawn("xenvifd", [
        "setpriv", "--bounding-set", "-all,+net_admin", "--no-new-privs", program, "--control",
        host.daemon.control])
    until(lambda: "ready in domain" in host.daemon.log, 10, "it to be ready")
    _, guest = connected(host, 1, queues=2)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    for name, seen in threads(host.daemon.pid).items():
        same((seen["CapEff"], seen["CapBnd"]), (CAP_NET_ADMIN, CAP_NET_ADMIN), f"{name}: rights")
        check(seen["Seccomp_filters"] > 0, f"{name}: no filter")
