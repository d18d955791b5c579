# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon under a service manager: what it tells it, what it leaves with it and finds again."""
import fcntl
import json
import os
import signal
import struct
import time

from kit import (PATIENCE, address_of, ask, bridge_addresses, check, connected, losses, queues, same,
                 show, test, total, until)
from manager import ServiceManager
from restart import EVERY, port
from traffic import Frames, TcpLoad, UdpStream, frame, ping

QUEUES = "8"
TUNSETVNETHDRSZ, VNET_SIZE = 0x400454d8, 10


def carrier_changes(host, name):
    return int(host.run(["cat", f"/sys/class/net/{name}/carrier_changes"]))


def counters(vif):
    """Each counter, and of each histogram the sum, the count and the buckets."""
    seen = queues(vif)
    flat = {(q["queue"], way, name): n for q in seen for way in ("from_guest", "to_guest")
            for name, n in q[way].items()}
    for q in seen:
        for way, histograms in q["histograms"].items():
            for name, histogram in histograms.items():
                flat |= {(q["queue"], way, name, key): histogram[key] for key in ("sum", "count")}
                flat |= {(q["queue"], way, name, i): n for i, n in enumerate(histogram["buckets"])}
    return flat


class State:
    """The memory file in which the daemon keeps what it knows: a head says where the text is."""
    HEAD = struct.Struct("=8sQQ")
    PLACES = (4096, 4096 + (16 << 20))

    def __init__(self, manager):
        self.file = os.fdopen(os.dup(manager.fd("state")), "r+b", buffering=0)

    def where(self):
        """(place, size) of the text that is good."""
        magic, at, size = self.HEAD.unpack(os.pread(self.file.fileno(), self.HEAD.size, 0))
        check(magic == b"xenvifd\0" and at in self.PLACES, f"head: {magic}, {at}, {size}")
        return at, size

    def read(self):
        at, size = self.where()
        return json.loads(os.pread(self.file.fileno(), size, at))

    def write(self, text):
        os.ftruncate(self.file.fileno(), 0)
        os.pwrite(self.file.fileno(), self.HEAD.pack(b"xenvifd", self.PLACES[0], len(text)), 0)
        os.pwrite(self.file.fileno(), text, self.PLACES[0])

    def write_file(self, data):
        """The whole of it."""
        os.ftruncate(self.file.fileno(), 0)
        os.pwrite(self.file.fileno(), data, 0)

    def tear(self):
        """As a daemon leaves it that is killed while it saves."""
        at, size = self.where()
        os.pwrite(self.file.fileno(), b"{" * size, next(p for p in self.PLACES if p != at))


@test(cost=3)
def kept_and_forgotten(host):
    """A vif's tap is kept while there is the vif, each queue under its name, and the state."""
    manager = ServiceManager(host)
    daemon = manager.start("--max-queues", "2", watchdog=0.4)
    check("STATUS=0 vifs, 0 queues" in manager.said, manager.said)
    same(manager.names(), ["state"], "what is kept")
    bridge_addresses(host)
    vif, guest = connected(host, 1, queues=2)
    until(lambda: "STATUS=1 vifs, 2 queues" in manager.said, 5 * PATIENCE, "the status to follow")
    manager.said.clear()
    same(manager.names(), ["state", "vif1.0-q0", "vif1.0-q1"], "what is kept")
    same(guest.terminate(20 * PATIENCE), 0, "the guest's end")
    vif.unplug(20 * PATIENCE)
    until(lambda: manager.names() == ["state"], 10 * PATIENCE, "the tap to be let go")
    check(not os.path.exists(f"/sys/class/net/{vif.name}"), "the tap is still there")
    until(lambda: vif.name not in host.run(["ip", "-o", "link"]), 5 * PATIENCE, "the tap to go")
    until(lambda: "STATUS=0 vifs, 0 queues" in manager.said, 5 * PATIENCE, "the status to follow")
    same(daemon.terminate(), 0, "the daemon's end")
    check("STOPPING=1" in manager.said, manager.said)
    manager.start("--max-queues", "2")


def restarted(host, number):
    """Under load: the carrier never goes, the counters go on; a planned restart loses nothing."""
    bridge_addresses(host)
    manager = ServiceManager(host)
    daemon = manager.start("--max-queues", QUEUES, watchdog=0.4)
    vif, guest = connected(host, 1, queues=2)
    load = TcpLoad(host.netns, guest.netns, "10.0.0.1", flows=2, timeout=60 * PATIENCE)
    load.wait_progress(20 * PATIENCE)
    load.stop()
    inward = UdpStream(guest.netns, host.netns, "10.0.0.1", EVERY)
    outward = UdpStream(host.netns, guest.netns, address_of(vif), EVERY)
    inward.wait_progress()
    before, changes, kept = port(host, vif.name), carrier_changes(host, vif.name), manager.names()
    gaps = []
    for _ in range(4):
        time.sleep(0.6)  # a look of the watchdog, at least
        counted = counters(vif)
        begin = time.monotonic()
        daemon.process.signal(number)
        daemon.process.wait(20 * PATIENCE)
        if number == signal.SIGKILL:
            time.sleep(100 * EVERY)  # more than may be lost is on its way when the next comes
        manager.start("--max-queues", QUEUES, watchdog=0.4)
        gaps.append(time.monotonic() - begin)
        check("STATUS=1 vifs, 2 queues" in manager.said, manager.said)
        check("tap kept" in daemon.log, daemon.log)
        inward.wait_progress()
        outward.wait_progress()
        now = counters(vif)
        if number == signal.SIGTERM:
            behind = {key: (n, now[key]) for key, n in counted.items() if now[key] < n}
            same(behind, {}, "counters that went back")
        else:  # as they were at the last look; few in a bucket may all be newer
            behind = {key: (n, now[key]) for key, n in counted.items()
                      if n > 20 and now[key] < 0.3 * n and not isinstance(key[-1], int)}
            same(behind, {}, "counters that went back far")
            check(max(counted.values()) > 1000000, f"counters: {counted}")
    same(carrier_changes(host, vif.name), changes, "changes of the carrier")
    same(port(host, vif.name), before, "what the bridge knows of the tap")
    same(manager.names(), kept, "what is kept")
    print("without a daemon: " + ", ".join(f"{1000 * gap:.0f} ms" for gap in gaps))
    for name, stream in (("from the guest", inward), ("to the guest", outward)):
        sent, lost, twice, wrong = stream.stop()
        print(f"{name}: {sent} sent, {lost} lost, {twice} twice")
        same(wrong, 0, f"datagrams {name} with other bytes than were sent")
        # What was in hand when it was killed: a batch at most. All others wait, in the ring and in
        # the tap; in a longer gap they may be too many for these.
        most = 4 * 64 if number == signal.SIGKILL else 0
        if max(gaps) >= 400 * EVERY:
            most += sum(gaps) / EVERY
        check(lost + twice <= most, f"{name}: {lost} lost, {twice} twice; gaps {gaps}")


test("restart", brief=True, cost=8, number=signal.SIGTERM)(restarted)
test("killed", cost=8, number=signal.SIGKILL)(restarted)


def quiet(host, vif):
    """The guest's namespace, before its interface is made: nothing sends by itself, here or there."""
    netns = host.namespace(f"g{vif.domid}-{vif.devid}")
    for where in (netns, host.netns):
        host.run(["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                  "net.ipv6.conf.default.disable_ipv6=1",
                  "net.ipv4.igmp_link_local_mcast_reports=0"], netns=where)


def sent_in_the_gap(host, inward):
    """The one frame that is sent while there is no daemon comes, with nothing else to wake anybody."""
    manager = ServiceManager(host)
    daemon = manager.start("--max-queues", "2")
    vif = host.domain(1).vif()
    quiet(host, vif)
    vif.add(bridge="xenbr0")
    guest = vif.guest()
    vif.wait_connected(20 * PATIENCE)
    host.ip("link", "set", "dev", "eth0", "up", netns=guest.netns)
    with Frames(host.netns, "xenbr0") as here, Frames(guest.netns, "eth0") as there:
        source, target, to = (there, here, "ff:ff:ff:ff:ff:ff") if inward else (here, there, vif.mac)
        for n in range(4):
            same(here.received(0.2) + there.received(), [], "frames before")
            daemon.process.signal(signal.SIGTERM if n % 2 else signal.SIGKILL)
            daemon.process.wait(20 * PATIENCE)
            data = frame(to, "02:00:00:00:00:01", b"%d" % n)
            source.send(data)
            same(here.received(0.2) + there.received(), [], "frames while there is no daemon")
            manager.start("--max-queues", "2")
            got = until(lambda: target.received(0.1), 5 * PATIENCE, f"the frame of gap {n}")
            same([what for _, what in got], [data], f"what came of gap {n}")


test("sent_in_the_gap.by_the_guest", cost=3, inward=True)(sent_in_the_gap)
test("sent_in_the_gap.to_the_guest", cost=3, inward=False)(sent_in_the_gap)


@test(cost=2)
def unreadable(host):
    """A frame that the kernel can't hand over, as of a NIC whose merged frames say of no kind that
    they are, is lost and counted; the tap is not taken for removed."""
    bridge_addresses(host)
    manager = ServiceManager(host)
    manager.start("--max-queues", "1")
    vif, guest = connected(host, 1)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    for size in (100000, VNET_SIZE):  # longer than what the daemon reads: -EINVAL for each frame
        fcntl.ioctl(manager.fd("vif1.0-q0"), TUNSETVNETHDRSZ, struct.pack("i", size))
        if size != VNET_SIZE:
            same(ping(guest.netns, "10.0.0.1", timeout=0.3), 0, "pings that can't come back")
    check(total(vif, "to_guest", "error_vnet") >= 3, f"{losses(vif)}")
    same(vif.states(), ("4", "4"), "states")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings afterwards")


@test(cost=4)
def kept_things_are_no_good(host):
    """Descriptors that are another's, too few or nothing's, and damaged state: nobody is harmed."""
    bridge_addresses(host)
    manager = ServiceManager(host)
    daemon = manager.start("--max-queues", "4")
    vif, guest = connected(host, 1, queues=4)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    state, places = State(manager), set()
    head = State.HEAD.pack
    # What is left for the next daemon; a text, or a file; whether it is no good.
    left = ((state.write, b"{", True), (state.write, b'{"version": 99, "queues": []}', True),
            (state.write, b'{"version": 1, "queues": 7}', False), (state.write_file, b"", False),
            (state.write_file, b"\0" * 100000, True), (state.write_file, b"xenvifd", True),
            (state.write_file, head(b"xenvifd", 4097, 2) + bytes(8000), True),
            (state.write_file, head(b"xenvifd", 4096, 1 << 40) + bytes(8000), True),
            (state.write_file, head(b"xenvifd", 4096, 9000) + bytes(8000), True))
    for number, (write, text, bad) in enumerate(left):
        daemon.terminate()
        saved = state.read()
        same((saved["version"], len(saved["queues"])), (1, 4), "what was saved")
        write(text)
        if number == 1:  # one of the queues is missing
            manager._take(["FDSTOREREMOVE=1", "FDNAME=vif1.0-q2"], [])
        if number == 2:  # one is no tap at all
            manager._take(["FDSTOREREMOVE=1", "FDNAME=vif1.0-q0"], [])
            manager._take(["FDSTORE=1", "FDNAME=vif1.0-q0"], [os.open("/dev/null", os.O_RDWR)])
        if number == 3:  # there is something of a vif that went
            manager._take(["FDSTORE=1", "FDNAME=vif9.0-q0"], [os.open("/dev/null", os.O_RDWR)])
        manager.start("--max-queues", "4")
        until(lambda: len(show(vif)["queues"]) == 4, 10 * PATIENCE, "the queues to be back")
        same(ping(guest.netns, "10.0.0.1"), 3, f"pings after {number}")
        check(("tap kept" in daemon.log) == (number not in (1, 2)), daemon.log)
        same("the counters begin anew" in daemon.log, bad, f"whether {text[:100]} is no good")
        names = ["state"] + [f"vif1.0-q{i}" for i in range(4)]
        until(lambda: manager.names() == names, 5, f"{names} to be kept, not {manager.names()}")
    for _ in range(3):  # killed while it saves, it has saved the time before
        daemon.terminate()
        places.add(state.where()[0])
        counted = {name: queue["from_guest"] for name, queue in state.read()["queues"].items()}
        state.tear()
        manager.start("--max-queues", "4")
        check("tap kept" in daemon.log and "begin anew" not in daemon.log, daemon.log)
        for queue in queues(vif):
            check(queue["from_guest"]["packets"] >= counted[f"vif1.0-q{queue['queue']}"]["packets"],
                  f"{queue} after {counted}")
    check(sum(counts["packets"] for counts in counted.values()) > 0, f"{counted}")
    same(places, set(State.PLACES), "places of what was saved")
    same(guest.running(), True, "the guest runs")


@test(cost=3)
def another_alias(host):
    """A tap that somebody gave another name and another alias is known by its descriptors."""
    bridge_addresses(host)
    manager = ServiceManager(host)
    daemon = manager.start("--max-queues", "2")
    vif, guest = connected(host, 1, queues=2)
    host.ip_batch(["link set dev vif1.0 down", "link set dev vif1.0 name office",
                   "link set dev office up"])
    before, kept = port(host, "office"), manager.names()
    for alias in ("customer-x", '""'):
        host.ip("link", "set", "dev", "office", "alias", alias)
        daemon.kill()
        manager.start("--max-queues", "2")
        check("tap kept" in daemon.log, daemon.log)
        same(port(host, "office"), before, f"the tap, after {alias}")
        same(manager.names(), kept, "what is kept")
        same(ping(guest.netns, "10.0.0.1"), 3, f"pings after {alias}")


@test(cost=6)
def carrier_stays(host):
    """What an administrator set a carrier to, over a restart and a kill; not to a vif that is new."""
    bridge_addresses(host)
    manager = ServiceManager(host)
    daemon = manager.start("--max-queues", "2")
    vifs = [connected(host, domid)[0] for domid in (1, 2)]
    waits = host.domain(3).vif().add(bridge="xenbr0")
    set_to = {"vif1.0": "off", "vif2.0": "auto", "vif3.0": "on"}
    for name, value in set_to.items():
        ask(host, json.dumps({"verb": "carrier", "vif": name, "value": value}))

    def carriers():
        return {name: int(host.run(["cat", f"/sys/class/net/{name}/carrier"])) for name in set_to}

    def is_set_to():
        return {vif.name: show(vif)["tap"]["carrier_set"] for vif in (*vifs, waits)}

    same(carriers(), {"vif1.0": 0, "vif2.0": 1, "vif3.0": 1}, "carriers")
    changes = [carrier_changes(host, name) for name in set_to]
    for number in (signal.SIGKILL, signal.SIGTERM):  # at once: no look of the watchdog between
        daemon.process.signal(number)
        daemon.process.wait(20 * PATIENCE)
        manager.start("--max-queues", "2")
        same(is_set_to(), set_to, f"what they are set to after signal {number}")
        same(carriers(), {"vif1.0": 0, "vif2.0": 1, "vif3.0": 1}, f"carriers after {number}")
    same([carrier_changes(host, name) for name in set_to], changes, "changes of carriers")
    ask(host, '{"verb": "carrier", "vif": "vif3.0", "value": "auto"}')
    daemon.kill()
    vifs[0].forget()  # and another takes its number while there is no daemon
    vifs[0].plug(bridge="xenbr0")
    manager.start("--max-queues", "2")
    vifs[0].wait_backend("2", 10 * PATIENCE)
    same(is_set_to(), dict.fromkeys(set_to, "auto"), "after another vif took the number")
    state = State(manager)
    for text, left in ((b'{"version": 1, "queues": {}}', "auto"),
                       (b'{"version": 1, "vifs": {"vif2.0": {"carrier": "off"}}}', "off"),
                       (b'{"version": 1, "vifs": {"vif2.0": {"carrier": "up"}}}', "auto"),
                       (b'{"version": 1, "vifs": [1], "queues": {}}', "auto"),
                       (b'{"version": 1, "vifs": {"vif2.0": 1}}', "auto")):
        daemon.terminate()
        state.write(text)
        manager.start("--max-queues", "2")
        same(show(vifs[1])["tap"]["carrier_set"], left, f"after {text}")
        same(vifs[1].states(), ("4", "4"), f"states after {text}")


@test(cost=3)
def reload(host):
    """SIGHUP reads the settings again, all or nothing, and says so to the service manager."""
    path = os.path.join(host.directory, "conf")

    def write(text):
        with open(path, "w") as file:
            file.write(text)

    write("[global]\nmax-queues = 1\n")
    manager = ServiceManager(host)
    daemon = manager.start("--config", path)
    bridge_addresses(host)
    vif, guest = connected(host, 1, queues=4)
    same(len(queues(vif)), 1, "queues")
    write("[global]\nmax-queues = 3\nlog-level = debug\ncontrol = /elsewhere\n")
    manager.said.clear()
    daemon.process.signal(signal.SIGHUP)
    until(lambda: "READY=1" in manager.said, 5 * PATIENCE, "READY=1")
    same([s for s in manager.said if "=" in s][:2], ["RELOADING=1", "READY=1"], "said")
    check("settings read again: up to 3 queues" in daemon.log, daemon.log)
    other, _ = connected(host, 2, queues=4)
    same((len(queues(other)), len(queues(vif))), (3, 1), "queues of a new vif and of the old")
    write("[global]\nmax-queues = many\n")
    daemon.process.signal(signal.SIGHUP)
    until(lambda: "settings not read again" in daemon.log, 5 * PATIENCE, "the complaint")
    check("conf:2: error: max-queues = many" in daemon.log, daemon.log)
    third, _ = connected(host, 3, queues=4)
    same(len(queues(third)), 3, "queues after a bad file")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")


@test(cost=4)
def watchdog(host):
    """It is fed while all move, and no longer when a worker does not come back from a call."""
    bridge_addresses(host)
    manager = ServiceManager(host)
    daemon = manager.start("--max-queues", "1", watchdog=0.5)
    vif, guest = connected(host, 1)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    manager.said.clear()
    time.sleep(1.2 * PATIENCE)
    check(manager.said.count("WATCHDOG=1") >= 3, manager.said)
    host.fault("grant_copy", hang=20)
    ping(guest.netns, "10.0.0.1", count=1)
    until(lambda: "does not come back from a call" in daemon.log, 5 * PATIENCE, "the complaint")
    manager.said.clear()
    time.sleep(0.7)
    same(manager.said.count("WATCHDOG=1"), 0, "feedings")
    daemon.kill()  # as the service manager does
    manager.start("--max-queues", "1")
    until(lambda: ping(guest.netns, "10.0.0.1", count=1) == 1, 20 * PATIENCE, "a ping")
