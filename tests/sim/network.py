# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's side of the network: stock hotplug scripts, renamed taps, MTU."""
import json
import os

from kit import (BUILD, PATIENCE, bridge_addresses, check, connected, same, show, start, test, until)
from simhost import ROOT
from traffic import ping, tcp_both_ways

# A script may write where it likes but not on this machine: it has mounts of its own (ip netns exec
# gives it a mount namespace).
WRAPPER = """#!/bin/bash
mount -t tmpfs none /run && mount -t tmpfs none /var/log && mkdir /var/log/xen || exit 1
{script} "$@"
status=$?
cat /var/log/xen/* >>{log}
exit $status
"""


def stock_script(host, name):
    for build in (BUILD, os.path.join(ROOT, "build")):
        path = os.path.join(build, "xen-root/etc/xen/scripts", name)
        if os.path.exists(path):
            break
    else:
        raise RuntimeError(f"{name} is not there; run scripts/xensim fetch")
    return script(host, "stock", WRAPPER.format(script=path,
                                                log=os.path.join(host.directory, "log.script")))


def script(host, name, text):
    path = os.path.join(host.directory, name)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


def link(host, name):
    return json.loads(host.run(["ip", "-d", "-j", "link", "show", "dev", name]))[0]


@test(cost=4)
def vif_bridge(host):
    """Debian's own vif-bridge, unchanged: plugged, connected, unplugged, with an MTU and a name."""
    bridge_addresses(host)
    start(host)
    stock = stock_script(host, "vif-bridge")
    vif, guest = connected(host, 1, queues=2, add={"script": stock})
    same(link(host, vif.name)["master"], "xenbr0", "its bridge")
    same(vif.backend("hotplug-status"), "connected", "hotplug-status")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    named = host.domain(2).vif().add(bridge="xenbr0", script=stock, vifname="office", mtu=1400)
    front = named.guest(queues=2)
    named.wait_connected(20 * PATIENCE)
    front.address("10.0.2.2/16")
    same(ping(front.netns, "10.0.0.1"), 3, "pings of the one with a name")
    same((link(host, "office")["mtu"], link(host, "office")["master"]), (1400, "xenbr0"),
         "the one with a name")
    same(show(named)["tap"]["name"], "office", "its name in vifctl")
    host.daemon.restart("--max-queues", "8")
    until(lambda: show(named)["queues"], 10 * PATIENCE, "it to be attached again")
    same(show(named)["tap"]["name"], "office", "its name after a restart")
    same(ping(front.netns, "10.0.0.1"), 3, "pings after a restart")
    check(vif.unplug(10 * PATIENCE) and named.unplug(10 * PATIENCE), "they did not close")
    until(lambda: not {"office", "vif1.0", "vif2.0"} & set(host.links()), 5, "the taps to go")


@test(cost=3)
def renamed(host):
    """Renamed at any time, even while queues come and go: the tap is known by its index."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=4)
    host.ip_batch([f"link set dev {vif.name} down", f"link set dev {vif.name} name elsewhere",
                   "link set dev elsewhere up"])
    same(show(vif)["tap"]["name"], "elsewhere", "its name")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    guest.terminate(20 * PATIENCE)
    host.ip("link", "add", vif.name, "type", "bridge")  # and another takes its old name
    again = vif.guest(queues=8, netns=host.namespace("again"))
    vif.wait_connected(20 * PATIENCE)
    again.address("10.0.1.2/16")
    same(ping(again.netns, "10.0.0.1"), 3, "pings of the next guest")
    tcp_both_ways(host.netns, again.netns, "10.0.0.1", 8, 1 << 16)
    host.daemon.restart("--max-queues", "8")
    until(lambda: show(vif)["queues"], 10 * PATIENCE, "it to be attached again")
    same(ping(again.netns, "10.0.0.1"), 3, "pings after a restart")
    check(vif.unplug(10 * PATIENCE), "it did not close")
    until(lambda: "elsewhere" not in host.links(), 5, "the tap to go")
    check(vif.name in host.links(), "the other interface went too")


@test(cost=2)
def script_fails(host):
    """A script that says error, and one that says nothing: not Connected, and vifctl says why."""
    start(host)
    text = "#!/bin/bash\nxenstore-write $XENBUS_PATH/hotplug-status error\n"
    vif = host.domain(1).vif().add(script=script(host, "bad", text))
    guest = vif.guest()
    vif.wait_frontend("4", 10 * PATIENCE)
    until(lambda: 'hotplug-status is "error"' in (show(vif)["reason"] or ""), 5 * PATIENCE,
          "vifctl to say it")
    same(vif.backend("state"), "2", "its state")
    same(guest.running(), True, "the guest runs")
    check(vif.unplug(10 * PATIENCE), "it did not close")


@test(cost=2)
def tap_removed(host):
    """An administrator deletes the tap under a connected guest: the vif closes, saying why."""
    start(host)
    vif, _ = connected(host, 1, queues=2)
    other, guest = connected(host, 2)
    bridge_addresses(host)
    host.ip("link", "del", "dev", vif.name)
    until(lambda: "the tap was removed" in (vif.error() or ""), 10 * PATIENCE, "the reason")
    vif.wait_backend("6", 10 * PATIENCE)  # the guest has followed
    same(ping(guest.netns, "10.0.0.1"), 3, "pings of another")
    same(other.states(), ("4", "4"), "its states")
    vif.unplug(10 * PATIENCE)
    again, guest = connected(host, 1, queues=2)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings of the next")
    same(again.error(), None, "the error node")
