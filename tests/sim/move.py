# SPDX-License-Identifier: GPL-2.0-or-later
"""A vif moves between xenvifd and xen-netback: takeover, giveback, claims.

The kernel's part is played by a thread over a sysfs of our own making: it binds and unbinds as it
is told, writes to xenstore what xen-netback writes, and moves no frame.
"""
import json
import os
import subprocess
import threading
import time

import xswire
from kit import PATIENCE, ask, bridge_addresses, check, connected, queues, same, show, test, until
from network import script
from schema import Strict
from simhost import ROOT
from tools import config
from traffic import ping

# Other people's programs, and what they leave unfreed, are not for our sanitizers.
SCRIPT = """#!/bin/sh
unset LD_PRELOAD
echo "$1 $XENBUS_PATH $vif $script $XENVIFD_MOVE" >>{log}
[ "$1" = online ] || exit 0
[ ! -e {log}.fails ] || exit 1
dev=$vif
if name=$(xenstore-read "$XENBUS_PATH/vifname" 2>/dev/null); then # as Xen's own vif-common.sh
	[ ! -e "/sys/class/net/$name" ] || exit 1
	ip link set dev "$dev" name "$name" || exit 1
	dev=$name
fi
ip link set dev "$dev" master xenbr0 && ip link set dev "$dev" up
[ -e "/sys/class/net/$dev/master" ] || exit 1
xenstore-write "$XENBUS_PATH/hotplug-status" connected
"""


class Netback:
    """The kernel's backend, as far as sysfs and xenstore show it."""

    def __init__(self, host):
        self.host = host
        self.top = os.path.join(host.directory, "sys")
        self.bus = os.path.join(self.top, "bus/xen-backend")
        self.module = os.path.join(self.top, "module/xen_netback")
        os.makedirs(os.path.join(self.bus, "drivers/vif"))
        os.makedirs(os.path.join(self.bus, "devices"))
        os.makedirs(os.path.join(self.module, "parameters"))
        self.parameter("max_queues", "8")
        for name in ("bind", "unbind"):
            open(os.path.join(self.bus, "drivers/vif", name), "w").close()
        self.wrap = ["sh", os.path.join(host.directory, "with-sys")]
        with open(self.wrap[1], "w") as file:
            file.write(f"mount --bind {self.top}/bus /sys/bus && "
                       f"mount --bind {self.top}/module /sys/module && exec \"$@\"\n")
        self.deaf = False
        self.said = []  # what it was told
        self.stopped = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def parameter(self, name, value):
        with open(os.path.join(self.module, "parameters", name), "w") as file:
            file.write(value + "\n")

    def link(self, vif):
        return os.path.join(self.bus, f"devices/vif-{vif.domid}-{vif.devid}/driver")

    def knows(self, vif):
        os.makedirs(os.path.dirname(self.link(vif)), exist_ok=True)

    def has(self, vif):
        return os.path.islink(self.link(vif))

    def take(self, vif):
        """As from the vif's first day."""
        self.knows(vif)
        os.symlink("../../drivers/vif", self.link(vif))

    def _run(self):
        while not self.stopped.is_set():
            for action in ("bind", "unbind"):
                self._look(action)
            time.sleep(0.005)

    def _look(self, action):
        path = os.path.join(self.bus, "drivers/vif", action)
        try:
            with open(path, "r+") as file:
                text = file.read()
                if not text:
                    return
                file.truncate(0)
        except OSError:
            return  # the host is going
        self.said.append(f"{action} {text}")
        if self.deaf:
            return
        domid, devid = text.split("-")[1:]
        link = os.path.join(self.bus, f"devices/{text}/driver")
        backend = f"/local/domain/0/backend/vif/{domid}/{devid}"
        netdev = f"vif{domid}.{devid}"
        store = xswire.connect(self.host.directory)  # of this thread
        if action == "unbind":
            store.remove(f"{backend}/hotplug-status")
            self.host.ip("link", "del", "dev", store.read(f"{backend}/vifname") or netdev)
            os.remove(link)  # last, as the kernel is done when the write returns, and this is not
        else:
            store.write_all(backend, {"feature-ctrl-ring": 1, "state": 2})
            self.host.ip("tuntap", "add", "dev", netdev, "mode", "tap")
            os.symlink("../../drivers/vif", link)
            threading.Thread(target=self._connect, args=(backend,), daemon=True).start()

    def _connect(self, backend):
        store = xswire.connect(self.host.directory)
        store.wait(f"{backend}/hotplug-status", "connected", 10)
        store.write(f"{backend}/state", "4")

    def probe(self, vif):
        """A new vif: taken at once, as its driver is there."""
        self.take(vif)
        self.host.ip("tuntap", "add", "dev", vif.name, "mode", "tap")
        self.host.store.write_all(vif.be, {"feature-ctrl-ring": 1, "multi-queue-max-queues": 8,
                                           "state": 2})

    def stop(self):
        self.stopped.set()


def begin(host, *options):
    """(xen-netback, the script): the bridge and a daemon that sees them."""
    bridge_addresses(host)
    netback = Netback(host)
    host.daemon.start("--max-queues", "8", *options, wrap=netback.wrap)
    log = os.path.join(host.directory, "log.moves")
    return netback, script(host, "vif-test", SCRIPT.format(log=log))


def vifctl(host, netback, *args, wrap=()):
    """(exit status, what it printed, what it complained) with that sysfs"""
    done = subprocess.run(
        host.command([host.program("vifctl"), "--control", host.daemon.control, *args], 0,
                     host.netns, wrap=[*netback.wrap, *wrap]),
        text=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    check("Sanitizer" not in done.stderr, done.stderr)
    return done.returncode, done.stdout, done.stderr


def owner(host, vif):
    return next(v for v in ask(host, '{"verb": "owners"}')["vifs"] if v["name"] == vif.name)


def script_calls(host):
    with open(os.path.join(host.directory, "log.moves")) as file:
        return [line.split() for line in file]


def given_back(host, netback, domid=1, keys=None, **guest):
    """A guest whose vif was made here and then given to xen-netback: (vif, guest)."""
    path = os.path.join(host.directory, "vif-test")
    os.rename(netback.module, netback.module + ".gone")  # or the new vif would be left to it
    vif, front = connected(host, domid, add={"script": path, **(keys or {})}, **guest)
    os.rename(netback.module + ".gone", netback.module)
    netback.knows(vif)
    status, out, err = vifctl(host, netback, "giveback", vif.name)
    check(status == 0 and "served by xen-netback" in out and not err, f"{status} {out!r} {err!r}")
    return vif, front


@test(cost=4)
def there_and_back(host):
    """giveback and takeover of a running guest: it notices nothing, and what it sends arrives."""
    netback, path = begin(host)
    vif, guest = given_back(host, netback, queues=2)
    same((vif.states(), netback.has(vif)), (("4", "4"), True), "after giveback")
    check("alias xenvifd" not in host.run(["ip", "-o", "link"]), "the tap is still there")
    same(vif.backend("hotplug-status"), "connected", "hotplug-status, from the script's second run")
    seen = owner(host, vif)
    same((seen["owner"], seen["takeover"]), ("xen-netback", None), "owners")
    check("already" in seen["giveback"], seen)

    status, out, err = vifctl(host, netback, "takeover", vif.name)
    check(status == 0 and "served by xenvifd" in out and not err, f"{status} {out!r} {err!r}")
    same((vif.states(), netback.has(vif)), (("4", "4"), False), "after takeover")
    same(len(queues(vif)), 2, "queues")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    check(show(vif)["tap"]["carrier"], "no carrier")
    same(show(vif)["reason"], None, "reason")
    calls = script_calls(host)
    same([c[0] for c in calls], ["online", *["offline", "online"] * 2], "calls of the script")
    same(calls[-1], ["online", f"backend/vif/{vif.domid}/0", vif.name, path, "1"], "environment")
    same(netback.said, ["bind vif-1-0", "unbind vif-1-0"], "what the kernel was told")
    same(os.path.getsize(os.path.join(host.directory, "moving.lock")), 0, "what the lock says")

    # It is ours without anybody's list: also for a daemon that knows nothing.
    host.daemon.kill()
    host.daemon.start("--max-queues", "8", wrap=netback.wrap)
    until(lambda: len(queues(vif)) == 2, 10 * PATIENCE, "the next daemon to serve it")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings after SIGKILL")
    same(owner(host, vif)["owner"], "xenvifd", "owner after SIGKILL")
    # A frontend that connects anew is not offered what only xen-netback has.
    same(vif.backend("feature-ctrl-ring"), "1", "left by the kernel")
    guest.terminate()
    again = vif.guest(queues=2)
    vif.wait_connected(20 * PATIENCE)
    same(vif.backend("feature-ctrl-ring"), None, "withdrawn")
    again.terminate()
    netback.stop()


@test(cost=3)
def all_of_them(host):
    """--all and --claimed: by rules of the configuration; JSON; what is left alone is left alone."""
    rules = config(host, "[claim]\nmac = 00:16:3E:00:02:*\nbridge = elsewhere\n")
    netback, _ = begin(host, "--config", rules)
    vifs = [given_back(host, netback, domid)[0] for domid in (1, 2)]
    same([owner(host, vif)["claimed"] for vif in vifs], [None, "mac = 00:16:3E:00:02:*"], "claims")
    status, out, err = vifctl(host, netback, "takeover", "--claimed", vifs[0].name)
    check(status == 1 and "no [claim] rule" in err, f"{status} {out!r} {err!r}")
    status, out, err = vifctl(host, netback, "takeover", "--claimed", "--json")
    same((status, [v["name"] for v in json.loads(out)["vifs"]], err), (0, ["vif2.0"], ""), "claimed")
    Strict(host).check("takeover", json.loads(out))
    Strict(host).check("owners", json.loads(vifctl(host, netback, "owners", "--json")[1]))
    same([owner(host, vif)["owner"] for vif in vifs], ["xen-netback", "xenvifd"], "owners")
    status, out, err = vifctl(host, netback, "owners")
    check(status == 0 and "xen-netback" in out and "mac = 00:16" in out, out)
    status, out, err = vifctl(host, netback, "takeover", "--all")
    check(status == 0 and "vif1.0" in out and "vif2.0" not in out, f"{status} {out!r} {err!r}")
    # Without any rule, the name of the script claims.
    config(host, "[global]\n")
    os.kill(host.daemon.pid, 1)
    until(lambda: owner(host, vifs[1])["claimed"] is None, 5 * PATIENCE, "the rules to go")
    host.store.write(f"{vifs[0].be}/script", "/etc/xen/scripts/vif-bridge-xenvifd")
    same(owner(host, vifs[0])["claimed"], "script = *-xenvifd", "by its script")
    netback.stop()


# Each rule matches the first of two vifs and not the second; what stands behind it matches none.
RULES = {
    "domain": ("WEB-*", "web-?1"),
    "uuid": ("4c1a6f3e-0b1d-4a77-9d59-0a2b6c0d1e2f", "4c1a6f3e"),
    "bridge": ("xenbr[0-3]", "xenbr"),
    "mac": ("00:16:3E:00:01:*", "00:16:3e:00:01"),
    "script": ("*/vif-test", "vif-test"),
}


@test(cost=4)
def claimed(host):
    """Rules of each kind, by what xenstore says of a running guest: name, uuid, bridge, MAC, script."""
    rules = config(host, "[global]\n")
    netback, path = begin(host, "--config", rules)
    os.symlink(path, path + "-2")
    vifs = [given_back(host, netback, domid)[0] for domid in (1, 2)]
    host.store.write_many({
        "/local/domain/1/name": "web-1", "/local/domain/1/vm": f"/vm/{RULES['uuid'][0].upper()}",
        "/local/domain/2/name": "db-1", "/local/domain/2/vm": "/vm/11111111-0b1d-4a77-9d59-0a2b6c0d1e2f",
        f"{vifs[1].be}/bridge": "xenbr7", f"{vifs[1].be}/script": path + "-2"})

    def rule(kind, pattern):
        """Reads this one rule: (which vifs it claims, which takeover --claimed takes)."""
        config(host, f"[claim]\n{kind} = {pattern}\n")
        done = vifctl(host, netback, "reload")
        same(done[0], 0, f"reload: {done}")
        seen = json.loads(vifctl(host, netback, "owners", "--json")[1])["vifs"]
        for vif in seen:
            check(vif["claimed"] in (None, f"{kind} = {pattern}"), vif)
        status, out, err = vifctl(host, netback, "takeover", "--claimed", "--json")
        same((status, err), (0, ""), f"takeover by {kind} = {pattern}")
        return [v["name"] for v in seen if v["claimed"]], [v["name"] for v in json.loads(out)["vifs"]]

    for kind, (good, bad) in RULES.items():
        same(rule(kind, bad), ([], []), f"{kind} = {bad}")
        same(rule(kind, good), (["vif1.0"], ["vif1.0"]), f"{kind} = {good}")
        same([netback.has(vif) for vif in vifs], [False, True], f"whom the kernel has by {kind}")
        same(vifctl(host, netback, "giveback", "vif1.0")[0], 0, "giveback")
    host.store.write("/local/domain/2/name", "web-2")  # xl rename
    same(rule("domain", "web-2"), (["vif2.0"], ["vif2.0"]), "after xl rename")
    same(vifctl(host, netback, "takeover", "--all")[0], 0, "all of them, so that they can close")
    netback.stop()


@test(cost=4)
def all_that_are_left(host):
    """--all: what went or came here by itself while another was moved is passed over, with a word."""
    netback, path = begin(host)
    vifs = [given_back(host, netback, domid)[0] for domid in (1, 2, 3, 4)]
    hold = os.path.join(host.directory, "hold")
    slow = script(host, "vif-slow", f"#!/bin/sh\nwhile [ -e {hold} ]; do sleep 0.05; done\n"
                                    f"exec {path} \"$@\"\n")
    host.store.write(f"{vifs[0].be}/script", slow)
    open(hold, "w").close()
    moving = subprocess.Popen(
        host.command([host.program("vifctl"), "--control", host.daemon.control, "takeover", "--all"],
                     0, host.netns, wrap=netback.wrap),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lock = os.path.join(host.directory, "moving.lock")
    until(lambda: open(lock).read() == "vif1.0", 10 * PATIENCE, "the first to be moved")
    calls = len(script_calls(host))
    gone, here = vifs[1], vifs[2]
    host.tool("destroy", gone.domid)  # its guest ends: the kernel lets go, the toolstack clears away
    os.remove(netback.link(gone))
    host.ip("link", "del", "dev", gone.name)
    gone.forget()
    os.remove(netback.link(here))  # and somebody unbinds one by hand
    host.ip("link", "del", "dev", here.name)
    host.store.remove(f"{here.be}/hotplug-status")  # as xen-netback does, and all that tells of it
    until(lambda: owner(host, here)["owner"] == "xenvifd", 10 * PATIENCE, "xenvifd to take it")
    os.remove(hold)
    out, err = moving.communicate(timeout=60)
    same((moving.returncode, [line.split(":")[0] for line in out.splitlines()]),
         (0, ["vif1.0", "vif4.0"]), f"what was moved: {err}")
    same([line.split(" ")[1] for line in err.splitlines()], ["vif2.0:", "vif3.0:"], f"words: {err}")
    same(host.store.read(gone.be), None, "the directory of the one that is gone")
    same({c[2] for c in script_calls(host)[calls:]}, {"vif1.0", "vif4.0"}, "whose script has run")
    same([owner(host, vif)["owner"] for vif in (vifs[0], here, vifs[3])], ["xenvifd"] * 3, "owners")
    netback.stop()


@test(cost=4)
def from_the_first_day(host):
    """vif-xenvifd, the script that claims: a new vif is here before its guest runs, or the kernel's."""
    netback, path = begin(host)
    claims = path + "-xenvifd"
    os.symlink(os.path.join(ROOT, "system/vif-xenvifd"), claims)
    shipped = host.command([host.program("vifctl"), "--control", host.daemon.control], 0, None)
    script(host, "vifctl", f"#!/bin/sh\nexec {' '.join(shipped)} \"$@\"\n")

    def online(vif):
        """As libxl runs it."""
        env = {"PATH": f"{host.directory}:{os.environ['PATH']}", "script": claims, "vif": vif.name,
               "XENBUS_PATH": f"backend/vif/{vif.domid}/{vif.devid}", "XENBUS_TYPE": "vif"}
        done = subprocess.run(host.command([claims, "online", "type_if=vif"], 0, host.netns, env,
                                           netback.wrap),
                              text=True, capture_output=True, timeout=60)
        same((done.returncode, done.stdout), (0, ""), f"the script: {done.stderr}")
        same(vif.backend("hotplug-status"), "connected", "hotplug-status")

    vif = host.domain(1).vif().plug(bridge="xenbr0", script=claims)
    netback.probe(vif)
    online(vif)
    same((owner(host, vif)["owner"], netback.has(vif)), ("xenvifd", False), "who has it")
    same((vif.backend("state"), vif.backend("feature-ctrl-ring")), ("2", None), "what its guest finds")
    guest = vif.guest(queues=2)
    vif.wait_connected(20 * PATIENCE)
    guest.address("10.0.1.2/16")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    same([c[0] for c in script_calls(host)], ["online"], "calls of the script")

    host.daemon.kill()
    left = host.domain(2).vif().plug(bridge="xenbr0", script=claims)
    netback.probe(left)
    online(left)
    same((netback.has(left), left.backend("state")), (True, "2"), "who has it without a daemon")
    same([c[0] for c in script_calls(host)], ["online", "online"], "calls of the script")
    host.daemon.start("--max-queues", "8", wrap=netback.wrap)
    status, _, err = vifctl(host, netback, "takeover", "--claimed")
    same((status, err, netback.has(left)), (0, "", False), "later")
    netback.stop()


@test(cost=5)
def refusals(host):
    """What can't be moved is left as it is, and it is said why."""
    netback, path = begin(host)
    vif, guest = given_back(host, netback, queues=2)

    def refused(verb, *words, name=vif.name, status=1):
        got, out, err = vifctl(host, netback, verb, name)
        check(got == status and not out and all(w in err for w in words), f"{verb}: {got} {err!r}")

    refused("giveback", "xen-netback serves it already")
    refused("takeover", "there is no vif9.0", name="vif9.0")
    status, _, err = vifctl(host, netback, "takeover")
    check(status == 2 and "--all" in err, err)
    status, _, err = vifctl(host, netback, "show", "--all")
    check(status == 2 and "--all is for" in err, err)
    host.store.write(f"{vif.fe}/ctrl-ring-ref", "8")
    refused("takeover", "control ring")
    host.store.remove(f"{vif.fe}/ctrl-ring-ref")
    host.store.write(f"{vif.fe}/xdp-headroom", "192")
    refused("takeover", "XDP")
    host.store.write(f"{vif.fe}/xdp-headroom", "0")
    os.chmod(path, 0o644)
    refused("takeover", "hotplug script", "can't be run")
    os.chmod(path, 0o755)
    netback.deaf = True
    refused("takeover", "no effect", "left where it is", status=3)
    netback.deaf = False
    same((vif.states(), netback.has(vif)), (("4", "4"), True), "after the refusals")
    said = len(netback.said)

    same(vifctl(host, netback, "takeover", vif.name)[0], 0, "takeover")
    refused("takeover", "xenvifd serves it already")
    netback.parameter("max_queues", "1")
    refused("giveback", "2 queues", "serves 1")
    netback.parameter("max_queues", "8")
    device = os.path.join(netback.bus, "devices/vif-1-0")
    os.rename(device, device + ".gone")
    refused("giveback", "the kernel does not know it")
    os.rename(device + ".gone", device)
    os.rename(netback.module, netback.module + ".gone")
    refused("giveback", "xen-netback is not loaded")
    os.rename(netback.module + ".gone", netback.module)
    same(netback.said[said:], ["unbind vif-1-0"], "what the kernel was told")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    answer = ask(host, '{"verb": "adopt", "vif": "vif7.7"}')
    check("there is no vif7.7" in answer["error"], answer)
    netback.stop()


@test(cost=8)
def failures(host):
    """Whatever fails on the way, the guest is served again by who served it."""
    netback, path = begin(host)
    vif, guest = given_back(host, netback, queues=2)
    fails = os.path.join(host.directory, "log.moves.fails")

    # The kernel does not take it: back here.
    same(vifctl(host, netback, "takeover", vif.name)[0], 0, "takeover")
    netback.deaf = True
    status, out, err = vifctl(host, netback, "giveback", vif.name)
    check(status == 3 and "serves it as before" in err and not out, f"{status} {out!r} {err!r}")
    netback.deaf = False
    same((vif.states(), owner(host, vif)["owner"]), (("4", "4"), "xenvifd"), "after a deaf kernel")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")

    # Its rings can't be had here: back there, and nothing of it is ours.
    same(vifctl(host, netback, "giveback", vif.name)[0], 0, "giveback")
    ref = vif.frontend("queue-1/tx-ring-ref")
    host.store.write(f"{vif.fe}/queue-1/tx-ring-ref", "99999")
    status, out, err = vifctl(host, netback, "takeover", vif.name)
    check(status == 3 and "serves it as before" in err, f"{status} {out!r} {err!r}")
    host.store.write(f"{vif.fe}/queue-1/tx-ring-ref", ref)
    same((vif.states(), netback.has(vif), vif.error()), (("4", "4"), True, None), "after a bad key")
    check("alias xenvifd" not in host.run(["ip", "-o", "link"]), "a tap was left")

    # The script fails on both sides: said loudly, and xenvifd takes what nobody has.
    open(fails, "w").close()
    status, out, err = vifctl(host, netback, "takeover", vif.name)
    check(status == 4 and "HAS NO NETWORK" in err, f"{status} {out!r} {err!r}")
    os.remove(fails)
    netback.stop()
    if netback.has(vif):
        os.remove(netback.link(vif))
        host.ip("link", "del", "dev", vif.name)
    host.store.remove(f"{vif.be}/hotplug-status")
    until(lambda: owner(host, vif)["owner"] == "xenvifd", 10 * PATIENCE, "xenvifd to take it")
    until(lambda: len(queues(vif)) == 2, 5 * PATIENCE, "its queues")
    check("nobody served it" in host.daemon.log, host.daemon.log[-500:])


@test(cost=3)
def children_not_waited_for(host):
    """Started by a program that ignores SIGCHLD, vifctl knows all the same how its script ended."""
    netback, path = begin(host)
    vif, guest = given_back(host, netback)
    with open(path) as file:
        good = file.read()
    script(host, "vif-test", good.replace("exit 0", "exit 7"))  # offline fails
    status, out, err = vifctl(host, netback, "takeover", vif.name,
                              wrap=["env", "--ignore-signal=CHLD"])
    check(status == 0 and "served by xenvifd" in out, f"{status} {out!r} {err!r}")
    check("offline: exit status 7" in err, f"it does not know how its script ended: {err!r}")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    netback.stop()


@test(cost=5)
def renamed(host):
    """A vif with vifname= moves both ways, and stays where it is when it can't be let go of."""
    netback, _ = begin(host)
    vif, guest = given_back(host, netback, keys={"vifname": "office"})

    def named():
        links = [line.split(":")[1].strip() for line in host.run(["ip", "-o", "link"]).splitlines()]
        return [name for name in links if name in ("office", vif.name)]

    same((named(), owner(host, vif)["vifname"]), (["office"], "office"), "given back")
    netback.deaf = True
    status, _, err = vifctl(host, netback, "takeover", vif.name)
    check(status == 3 and "left where it is" in err, f"{status} {err!r}")
    netback.deaf = False
    same((named(), owner(host, vif)["hotplug"]), (["office"], "connected"), "with a deaf kernel")
    same(vifctl(host, netback, "takeover", vif.name)[0], 0, "takeover")
    same((named(), ping(guest.netns, "10.0.0.1")), (["office"], 3), "taken over")
    netback.stop()


def lock_held(host, name):
    """A process that holds the lock, as vifctl does, and moves the vif of this name."""
    path = os.path.join(host.directory, "moving.lock")
    holder = subprocess.Popen(["python3", "-c", f"""
import fcntl, os, struct, time
fd = os.open({path!r}, os.O_RDWR | os.O_CREAT)
fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
os.ftruncate(fd, 0)
os.pwrite(fd, {name!r}.encode(), 0)
print("held", flush=True)
time.sleep(100)
"""], stdout=subprocess.PIPE, text=True)
    same(holder.stdout.readline(), "held\n", "the lock")
    return holder


@test(cost=3)
def killed_before_it_let_go(host):
    """The daemon is killed as it is told to let go: the next one does so, its tap not open."""
    netback, _ = begin(host)
    vif, guest = given_back(host, netback, queues=2)
    same(vifctl(host, netback, "takeover", vif.name)[0], 0, "takeover")
    holder = lock_held(host, vif.name)
    host.daemon.kill()
    host.daemon.start("--max-queues", "8", wrap=netback.wrap)
    same(owner(host, vif)["owner"], "nobody", "owner while it is moved")
    check("error" not in ask(host, '{"verb": "release", "vif": "vif1.0"}'), "release")
    check(vif.name not in host.links(), "the tap is still there, and xen-netback can't make its own")
    holder.kill()
    holder.wait()
    until(lambda: owner(host, vif)["owner"] == "xenvifd", 10 * PATIENCE, "xenvifd to take it")
    host.ip_batch(vif.tap_up())
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    netback.stop()


@test(cost=8)
def on_the_way(host):
    """A vif that somebody moves just now is left alone by a new daemon, and taken when he dies."""
    netback, _ = begin(host)
    vif, guest = given_back(host, netback, queues=2)
    same(vifctl(host, netback, "takeover", vif.name)[0], 0, "takeover")
    holder = lock_held(host, "vif1.0")  # this one has let go of it here, and hangs
    check("error" not in ask(host, '{"verb": "release", "vif": "vif1.0"}'), "release")
    status, _, err = vifctl(host, netback, "-t", "0.3", "takeover", vif.name)
    check(status == 1 and "another vifctl" in err, err)
    host.daemon.kill()
    host.daemon.start("--max-queues", "8", wrap=netback.wrap)
    same(owner(host, vif)["owner"], "nobody", "owner while it is moved")
    time.sleep(1.5)
    same((owner(host, vif)["owner"], vif.states()), ("nobody", ("4", "4")), "a while later")
    holder.kill()
    holder.wait()
    until(lambda: owner(host, vif)["owner"] == "xenvifd", 10 * PATIENCE, "xenvifd to take it")
    host.ip_batch(vif.tap_up() if vif.bridge else [])
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    netback.stop()
