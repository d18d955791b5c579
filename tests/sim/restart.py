# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon is killed and started again in every state of a vif: guests don't notice.

xenstored's own journal proves that nothing was written meanwhile; streams with hashes and numbered
datagrams prove that no byte was lost which the wire would not have lost, and none came wrong.
"""
import errno
import json
import os
import re
import signal
import time

from kit import (PATIENCE, SANITIZED, Frontend, Journal, address_of, bridge_addresses, check,
                 connected, queues, same, show, start, test, until)
from simhost import ROOT
from traffic import Pinger, TcpLoad, UdpStream, ping, tcp_both_ways
from verbs import causes, has_cause, vifctl

TIMES = 5 if SANITIZED != "tsan" else 3
EVERY = 0.002  # seconds between datagrams


def dump(host):
    """The whole store, {path: value}."""
    return {path: host.store.tree(path) for path in ("/local", "/libxl", "/tool", "/vm")}


def port(host, name):
    """What the bridge and the kernel know of a tap, but for counters."""
    link = json.loads(host.run(["ip", "-d", "-j", "link", "show", "dev", name]))[0]
    bridge = link["linkinfo"].get("info_slave_data", {})
    return {"ifindex": link["ifindex"], "master": link.get("master"), "mtu": link["mtu"],
            "address": link["address"], "alias": link.get("ifalias"), "up": "UP" in link["flags"],
            "port": bridge.get("no"), "cost": bridge.get("cost"), "state": bridge.get("state")}


def last_report(guest):
    """What the guest counted, after its end."""
    same(guest.terminate(60 * PATIENCE), 0, f"the guest's exit status ({guest.log[-500:]})")
    return json.loads(guest.log.splitlines()[-1])


def under_load(host, number, combined=False, rx_notify=True):
    """Killed (or ended) again and again under TCP and UDP, both ways."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=2, combined=combined, rx_notify=rx_notify)
    journal = Journal(host)
    load = TcpLoad(host.netns, guest.netns, "10.0.0.1", flows=2, timeout=60 * PATIENCE)
    inward = UdpStream(guest.netns, host.netns, "10.0.0.1", EVERY)
    outward = UdpStream(host.netns, guest.netns, address_of(vif), EVERY)
    load.wait_progress(20 * PATIENCE)
    before, bridge, mark = dump(host), port(host, vif.name), journal.mark()
    gap = 0.0
    for _ in range(TIMES):
        begin = time.monotonic()
        host.daemon.process.signal(number)
        host.daemon.process.wait(20 * PATIENCE)
        start(host)
        until(lambda: show(vif)["queues"], 10 * PATIENCE, "the queues to be back")
        gap += time.monotonic() - begin
        load.wait_progress(30 * PATIENCE)
        inward.wait_progress()
        outward.wait_progress()
        same(port(host, vif.name), bridge, "what the bridge knows of the tap")
    same(journal.writes(mark), [], "writes to xenstore")
    same(dump(host), before, "xenstore")
    load.stop()
    sent, lost, twice, wrong = inward.stop()
    print(f"{gap:.1f} s without a daemon; from the guest: {sent} sent, {lost} lost, {twice} twice")
    same(wrong, 0, "datagrams from the guest with other bytes than were sent")
    if number == signal.SIGTERM:
        same(twice, 0, "datagrams from the guest that came twice")
    check(twice <= 2 * 64 * TIMES, f"{twice} datagrams came twice: more than the batches in hand")
    # They wait in the ring and in the guest's interface, which may overflow only if it takes long.
    check(lost <= max(0, gap / EVERY - 256 * TIMES), f"{lost} datagrams from the guest were lost")
    sent, lost, twice, wrong = outward.stop()
    print(f"to the guest: {sent} sent, {lost} lost, {twice} twice")
    same((twice, wrong), (0, 0), "datagrams to the guest that came twice, or wrong")
    check(lost <= gap / EVERY + 64 * TIMES, f"{lost} datagrams to the guest were lost in {gap} s")
    counted = last_report(guest)
    same((counted["tx_error"], counted["tx_dropped"], counted["rx_error"], counted["fault"]),
         (0, 0, 0, ""), "what the guest was answered")
    same(counted["reconnects"], 0, "reconnections")


test("killed", brief=True, cost=10, number=signal.SIGKILL)(under_load)
test("ended", brief=True, cost=10, number=signal.SIGTERM)(under_load)
test("killed_combined_without_notify", cost=10, number=signal.SIGKILL, combined=True,
     rx_notify=False)(under_load)


@test(cost=3)
def other_settings(host):
    """A successor that offers fewer queues leaves a connected guest those that it has."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=4)
    for options in (("--max-queues", "2"), ("--max-queues", "64"), ("--max-queues", "1")):
        host.daemon.restart(*options)
        until(lambda: len(show(vif)["queues"]) == 4, 10 * PATIENCE, "four queues")
        same(ping(guest.netns, "10.0.0.1"), 3, "pings")
        tcp_both_ways(host.netns, guest.netns, "10.0.0.1", 4, 1 << 16)
        same(vif.backend("multi-queue-max-queues"), "8", "the offer")
    other, second = connected(host, 2, queues=4)
    same((other.backend("multi-queue-max-queues"), len(queues(other))), ("1", 1), "a new vif's")
    same(ping(second.netns, "10.0.0.1"), 3, "pings of the new vif")


@test(cost=2)
def init_wait(host):
    """Killed while a vif waits for its frontend; the same tap serves it later."""
    bridge_addresses(host)
    start(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    before, journal = port(host, vif.name), Journal(host)
    mark = journal.mark()
    for _ in range(3):
        host.daemon.restart()
    same(journal.writes(mark), [], "writes to xenstore")
    same(port(host, vif.name), before, "the tap")
    guest = vif.guest(queues=2)
    vif.wait_connected(20 * PATIENCE)
    guest.address("10.0.1.2/16")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")


@test(cost=2)
def closing(host):
    """Killed while a vif is Closing; the dance goes on where it was."""
    start(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    front = Frontend(vif, vif.parts())
    journal = Journal(host)
    front.connect()
    vif.wait_backend("4")
    front.state(5)
    vif.wait_backend("5")
    host.daemon.restart()
    front.state(6)
    vif.wait_backend("6", 10 * PATIENCE)
    host.daemon.restart()
    front.state(1)
    vif.wait_backend("2", 10 * PATIENCE)
    host.daemon.restart()
    front.connect()
    vif.wait_backend("4", 10 * PATIENCE)
    same(journal.states(vif), ["4", "5", "6", "2", "4"], "the backend's states")


@test(cost=2)
def refused_before(host):
    """Killed while a frontend is refused: it stays Closing until the frontend moves."""
    start(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    front = Frontend(vif, vif.parts())
    front.connect_with({"tx-ring-ref": "x"})
    vif.wait_backend("5")
    host.daemon.restart()
    time.sleep(0.2)
    same(vif.states(), ("5", "4"), "states after the restart")
    same(show(vif)["reason"], vif.error(), "the reason in vifctl after the restart")
    front.rewind()
    front.connect()
    vif.wait_backend("4", 10 * PATIENCE)
    same(vif.error(), None, "the error node")


@test(cost=2)
def hotplug_pending(host):
    """Killed while the script has not said connected yet."""
    bridge_addresses(host)
    start(host)
    vif = host.domain(1).vif().plug(bridge="xenbr0")
    vif.wait_backend("2")
    guest = vif.guest(queues=2)
    vif.wait_frontend("4", 10 * PATIENCE)
    until(lambda: show(vif)["queues"], 5 * PATIENCE, "it to attach")
    host.daemon.restart()
    until(lambda: show(vif)["queues"], 5 * PATIENCE, "it to attach again")
    time.sleep(0.2)
    same(vif.backend("state"), "2", "its state before the script is done")
    host.daemon.kill()
    vif.hotplug()
    start(host)
    vif.wait_connected(10 * PATIENCE)
    guest.address("10.0.1.2/16")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")


@test(cost=3)
def vanished(host):
    """What went while no daemon ran: its tap goes, other vifs' and other people's stay."""
    bridge_addresses(host)
    start(host)
    gone = host.domain(1).vif(0).add(bridge="xenbr0")
    renamed = host.domain(1).vif(1).add(bridge="xenbr0")
    host.ip_batch(["link set dev vif1.1 down", "link set dev vif1.1 name other",
                   "tuntap add dev vif9.9 mode tap"])
    stays, guest = connected(host, 2, queues=2)
    host.daemon.kill()
    gone.forget()
    renamed.forget()
    start(host)
    until(lambda: not {"vif1.0", "other"} & set(host.links()), 5, "the taps to go")
    check({"vif2.0", "vif9.9"} <= set(host.links()), f"gone too: {host.links()}")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings of the one that stays")
    same(stays.states(), ("4", "4"), "its states")
    again = host.domain(1).vif(0).add(bridge="xenbr0")
    check(again.unplug(), "it did not close")


def refuses_netback(host):
    """Whether modprobe(8), told by what the package installs, would not load xen-netback now."""
    with open(os.path.join(ROOT, "system/modprobe.conf")) as file:
        line = re.search(r"^install xen-netback (.*)$", file.read(), re.M).group(1)
    out = host.run(["sh", "-c", line.replace("/sbin/modprobe", "echo loads"), "sh"], check=False)
    same(out, "loads --ignore-install xen-netback\n" if out else "", "what it does")
    return not out


@test(cost=3)
def another_alias(host):
    """Somebody gives a tap another alias: the next daemon finds it all the same. Not another's."""
    bridge_addresses(host)
    check(not refuses_netback(host), "xen-netback is not loaded without a guest")
    start(host)
    vif, guest = connected(host, 1, queues=2)
    waiting = host.domain(2).vif().add(bridge="xenbr0")
    before = port(host, vif.name), port(host, waiting.name)
    for alias in ("customer-x", '""', '"xenvifd customer-x"'):
        host.ip_batch([f"link set dev {name} alias {alias}" for name in ("vif1.0", "vif2.0")])
        check(refuses_netback(host), f"xen-netback would be loaded with the alias {alias}")
        host.daemon.restart("--max-queues", "8")
        until(lambda: len(show(vif)["queues"]) == 2, 10 * PATIENCE, f"the queues, after {alias}")
        same(host.daemon.log.count("tap picked up again"), 2, f"taps picked up, after {alias}")
        same((port(host, vif.name), port(host, waiting.name)), before, f"the taps, after {alias}")
        same(ping(guest.netns, "10.0.0.1"), 3, f"pings after {alias}")
    host.daemon.kill()
    waiting.forget()
    # Of the same name, but a program's that has nothing to do with us; and an alias that is no vif's.
    host.ip_batch(["link del dev vif2.0", "tuntap add dev vif2.0 mode tap multi_queue vnet_hdr",
                   "link set dev vif2.0 alias customer-y",
                   "tuntap add dev mine mode tap", "link set dev mine alias \"xenvifd mine\""])
    foreign = port(host, "vif2.0"), port(host, "mine")
    other = host.domain(2).vif().plug(bridge="xenbr0")
    host.store.write(f"{other.be}/state", 2)  # as one that a daemon has prepared
    start(host)
    until(lambda: len(show(vif)["queues"]) == 2, 10 * PATIENCE, "the queues")
    until(lambda: "another program" in (show(other)["reason"] or ""), 5 * PATIENCE, "the reason")
    same((port(host, "vif2.0"), port(host, "mine")), foreign, "other people's interfaces")
    host.ip("link", "del", "dev", "vif2.0")
    until(lambda: show(other)["tap"], 5 * PATIENCE, "its own tap")


@test(cost=3)
def guest_moved(host):
    """The guest closed, died or reconnected while no daemon ran."""
    bridge_addresses(host)
    start(host)
    one, two, three = (host.domain(1).vif(n).add(bridge="xenbr0") for n in range(3))
    fronts = [Frontend(vif, vif.parts()) for vif in (one, two, three)]
    for front in fronts:
        front.connect()
        front.vif.wait_backend("4")
    dead, _ = connected(host, 2)
    again, guest = connected(host, 3, queues=2)
    journal = Journal(host)
    host.daemon.kill()
    fronts[0].state(5)
    fronts[1].state(6)
    other = Frontend(three, three.parts())  # other rings, and never anything but Connected seen
    other.connect()
    host.tool("destroy", 2)
    dead.forget()
    guest.signal(signal.SIGUSR1)
    again.wait_frontend("5", 10 * PATIENCE)
    start(host)
    one.wait_backend("5", 10 * PATIENCE)
    two.wait_backend("6", 10 * PATIENCE)
    same(journal.states(two), ["5", "6"], "states of the one that went to Closed")
    again.wait_frontend("4", 20 * PATIENCE)
    again.wait_backend("4", 20 * PATIENCE)
    same(journal.states(again), ["5", "6", "2", "4"], "states of the one that reconnected")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings of the one that reconnected")
    until(lambda: "vif2.0" not in host.links(), 5, "the dead domain's tap to go")
    same((three.states(), len(queues(three))), (("4", "4"), 1), "the one with other rings")
    front = fronts[0]
    front.state(6)
    one.wait_backend("6", 10 * PATIENCE)
    front.rewind()
    front.connect()
    one.wait_backend("4", 10 * PATIENCE)


@test(cost=3)
def gone_bad(host):
    """Of what a successor finds Connected, one vif can't be attached again: the others are."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=2)
    bad = host.domain(2).vif().add(bridge="xenbr0")
    parts = bad.parts()
    Frontend(bad, parts).connect()
    bad.wait_backend("4")
    host.daemon.kill()
    parts.kill()  # its pages and ports are gone, its nodes are not
    start(host)
    bad.wait_backend("5", 10 * PATIENCE)
    check("queue 0" in bad.error(), bad.error())
    same(ping(guest.netns, "10.0.0.1"), 3, "pings of the other")
    same(vif.states(), ("4", "4"), "its states")


@test(cost=8)
def short_of_something(host):
    """The host runs out of something while a successor attaches again: the guest is not closed for
    it, but served once there is enough. What is the frontend's own fault is refused as ever."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=2)
    bad = host.domain(2).vif().add(bridge="xenbr0")
    Frontend(bad, bad.parts()).connect()
    bad.wait_backend("4")
    journal = Journal(host)
    mark = journal.mark()
    for call, value, words in (("gnttab_open", errno.ENOMEM, "can't open /dev/xen/gntdev"),
                               ("evtchn_open", errno.EMFILE, "can't open /dev/xen/evtchn"),
                               ("evtchn_open", errno.ENFILE, "can't open /dev/xen/evtchn"),
                               ("bind_interdomain", errno.EAGAIN, "can't bind event channel")):
        print(call, errno.errorcode[value])
        host.daemon.kill()
        host.fault(call, times=1000, value=value)
        start(host)
        error = host.store.wait("/local/domain/0/error/backend/vif/1/0/error",
                                lambda text: text is not None, 10 * PATIENCE)
        check(words in error, f"the error node says {error!r}, not {words!r}")
        same((show(vif)["state"], show(vif)["reason"]), ("Connected", error), "what vifctl shows")
        time.sleep(1.5)  # at least one more try
        same(vif.states(), ("4", "4"), "states while it can't be attached")
        same(host.daemon.log.count(f"vif1.0: {error}"), 1, "lines about it")
        host.clear_faults()
        until(lambda: show(vif)["queues"] and show(bad)["queues"], 5 * PATIENCE, "the queues")
        same(ping(guest.netns, "10.0.0.1"), 3, "pings afterwards")
        same((vif.error(), show(vif)["reason"]), (None, None), "what is said afterwards")
    same((journal.states(vif, mark), journal.states(bad, mark)), ([], []), "states written")
    host.daemon.kill()
    host.store.write(f"{bad.fe}/tx-ring-ref", "x")
    start(host)
    bad.wait_backend("5", 10 * PATIENCE)


@test(cost=10)
def of_xenstored(host):
    """xenstored dies and comes back empty, twice: connected guests are served on, until xenstore
    knows them again; others come and go. Whose domain died meanwhile is drained."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=2)
    dead, _ = connected(host, 2)
    waiting = host.domain(3).vif().add(bridge="xenbr0")
    kept = {path: host.store.tree(path) for path in (vif.be, vif.fe)}
    load = TcpLoad(host.netns, guest.netns, "10.0.0.1", flows=2, timeout=60 * PATIENCE)
    load.wait_progress(20 * PATIENCE)
    before = port(host, vif.name)
    for times in (1, 2):
        host.restart_xenstored()
        until(lambda n=times: host.daemon.log.count("info: xenstored is back") == n, 10 * PATIENCE,
              "the daemon to find it")
        time.sleep(0.5)
        load.wait_progress(20 * PATIENCE)
        same(port(host, vif.name), before, "the tap")
        same((show(vif)["state"], len(queues(vif))), ("Connected", 2), "what vifctl shows")
        same(host.daemon.log.count("vif1.0: xenstored came back without it"), 1, "lines about it")
        has_cause(host, "vif1.0", "not-in-xenstore", "came back without it")
    check(waiting.name not in host.links(), "the tap of one that was not connected is still there")
    other, second = connected(host, 4)
    same(ping(second.netns, "10.0.0.1"), 3, "pings of one that came afterwards")
    check(other.unplug(10 * PATIENCE), "it did not close")
    vifctl(host, "drain", dead.name)
    until(lambda: dead.name not in host.links(), 5, "the tap of the one that was drained to go")
    same(show(dead), None, "what vifctl shows of it")
    host.store.atomically(lambda tx: host.store.write_many(
        {f"{path}/{key}": value for path, tree in kept.items() for key, value in tree.items()}, tx))
    until(lambda: "not-in-xenstore" not in causes(host, "vif1.0"), 5 * PATIENCE, "it to be seen again")
    load.wait_progress(20 * PATIENCE)
    same((vif.states(), port(host, vif.name)), (("4", "4"), before), "it, once it is seen again")
    load.stop()
    host.store.write(f"{vif.fe}/state", "6")
    vif.wait_backend("6", 10 * PATIENCE)
    vif.forget()
    until(lambda: vif.name not in host.links(), 5, "its tap to go, as ever")


@test(cost=3)
def twice_in_a_row(host):
    """Killed again and again, as early as may be, under ping: it always comes back."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=2)
    pings = Pinger(guest.netns, "10.0.0.1", every=0.001, timeout=0.1)
    for n in range(20):
        host.daemon.kill()
        host.daemon.process = host.spawn(
            "xenvifd", [host.program("xenvifd"), "--control", host.daemon.control])
        time.sleep(0.004 * n)
    host.daemon.kill()
    start(host)
    until(lambda: show(vif)["queues"], 10 * PATIENCE, "the queues")
    pings.stop()
    same(ping(guest.netns, "10.0.0.1", count=10), 10, "pings")
    same(vif.states(), ("4", "4"), "states")
    same(last_report(guest)["fault"], "", "what the guest found wrong")
