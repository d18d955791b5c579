# SPDX-License-Identifier: GPL-2.0-or-later
"""A vif's whole life, in every order that toolstacks and frontends are known for.

xenstored's journal has every value that a state was given, in order, however short it lasted.
"""
import json
import signal
import time

from kit import (PATIENCE, Frontend, Journal, bridge_addresses, check, connected, losses,
                 queues, same, show, start, test, until)
from traffic import Pinger, TcpLoad, ping

FEATURES = {"feature-rx-copy": "1", "feature-rx-flip": "0", "feature-sg": "1",
            "feature-gso-tcpv4": "1", "feature-gso-tcpv6": "1", "feature-ipv6-csum-offload": "1",
            "feature-split-event-channels": "1", "multi-queue-max-queues": "8"}


def link(host, name):
    return json.loads(host.run(["ip", "-d", "-j", "link", "show", "dev", name]))[0]


def never_skipped(states):
    """No state follows that the protocol does not allow, such as 6 straight after 4."""
    allowed = {("1", "2"), ("2", "4"), ("2", "5"), ("4", "5"), ("5", "6"), ("6", "2"), ("6", "5")}
    bad = [pair for pair in zip(states, states[1:]) if pair not in allowed]
    same(bad, [], f"steps that must not be, of {states}")


@test(cost=2, brief=True)
def first_connect(host):
    """Tap and features are there before state 2; Connected comes after the script, then carrier."""
    bridge_addresses(host)
    start(host)
    journal = Journal(host)
    vif = host.domain(1).vif().plug(bridge="xenbr0")
    vif.wait_backend("2")
    tap = link(host, vif.name)
    same((tap["address"], tap["mtu"], tap["txqlen"], "UP" in tap["flags"], "master" in tap),
         ("fe:ff:ff:ff:ff:ff", 1500, 2048, False, False), "the tap before the script")
    same(tap["linkinfo"]["info_data"], {**tap["linkinfo"]["info_data"], "type": "tap",
                                        "multi_queue": True, "vnet_hdr": True, "persist": True},
         "the kind of tap")
    writes = [w for w in journal.writes() if w[0].startswith(vif.be)]
    at = writes.index((f"{vif.be}/state", "2"))
    for key, value in FEATURES.items():
        check((f"{vif.be}/{key}", value) in writes[:at], f"{key}={value} is not there before 2")
    mark = journal.mark()
    guest = vif.guest(queues=2)
    vif.wait_frontend("4", 10 * PATIENCE)
    until(lambda: len(queues(vif)) == 2, 10 * PATIENCE, "it to attach")
    check("waiting for the hotplug script" in show(vif)["reason"], show(vif)["reason"])
    host.store.write(f"{vif.be}/hotplug-status", "error")
    time.sleep(0.2)
    same(vif.states(), ("2", "4"), "states without the script's word")
    host.ip("link", "set", "dev", vif.name, "up")
    check("NO-CARRIER" in link(host, vif.name)["flags"], "carrier before Connected")
    vif.hotplug()
    vif.wait_connected()
    check("LOWER_UP" in link(host, vif.name)["flags"], "no carrier when Connected")
    guest.address("10.0.1.2/16")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    ours = [w for w in journal.writes(mark) if w[0].startswith(vif.be) and "hotplug" not in w[0]]
    same(ours, [(f"{vif.be}/state", "4")], "what is written after state 2")
    check(vif.unplug(), "it did not close")
    until(lambda: vif.name not in host.links(), 5, "the tap to go")
    never_skipped(journal.states(vif))


@test(cost=2)
def tap_is_first(host):
    """Whoever sees state 2 sees the tap: 30 times, looking as fast as can be."""
    start(host)
    for n in range(30):
        vif = host.domain(1).vif(n).plug(bridge="xenbr0")
        vif.wait_backend("2")
        with open(f"/proc/{host.daemon.pid}/net/dev") as devices:
            check(f"{vif.name}:" in devices.read(), f"state 2 without {vif.name}")


@test(cost=3)
def closing(host):
    """Closed by the frontend, by the toolstack, by a frontend that skips Closing."""
    start(host)
    journal = Journal(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    front = Frontend(vif, vif.parts())
    mark = journal.mark()
    front.connect()
    vif.wait_backend("4")
    front.close()
    front.state(1)
    vif.wait_backend("2")
    front.connect()
    vif.wait_backend("4")
    front.state(6)  # iPXE: from 4 to 6 at once
    vif.wait_backend("6")
    same(journal.states(vif, mark), ["4", "5", "6", "2", "4", "5", "6"], "states")
    front.state(1)
    vif.wait_backend("2")
    front.connect()
    vif.wait_backend("4")
    mark = journal.mark()
    host.store.write_all(vif.be, {"online": 0, "state": 5})  # the toolstack unplugs
    time.sleep(0.2)
    same(vif.backend("state"), "5", "what the toolstack wrote is left")
    front.state(5)
    front.state(6)
    vif.wait_backend("6")
    same(journal.states(vif, mark), ["5", "6"], "states while it is unplugged")
    front.state(1)  # too late: it is offline
    time.sleep(0.2)
    same(vif.backend("state"), "6", "state when offline")
    vif.forget()
    until(lambda: vif.name not in host.links(), 5, "the tap to go")


@test(cost=3)
def unplugged(host):
    """Unplugged before anybody connected, with a guest that follows, with one that hangs."""
    bridge_addresses(host)
    start(host)
    journal = Journal(host)
    fresh = host.domain(1).vif(0).add(bridge="xenbr0")
    check(fresh.unplug(5), "a vif without a frontend did not close")
    followed, guest = connected(host, 2, queues=2)
    check(followed.unplug(10 * PATIENCE), "a vif with a guest did not close")
    same(guest.wait(20 * PATIENCE), 0, f"the guest's exit status: {guest.log}")
    hung = host.domain(3).vif().add(bridge="xenbr0")
    front = Frontend(hung, hung.parts())
    front.connect()
    hung.wait_backend("4")
    check(not hung.unplug(1), "a vif whose guest hangs closed by itself")
    until(lambda: not [n for n in host.links() if n.startswith("vif")], 5, "the taps to go")
    held = host.held()
    same((held["maps"], held["interdomain"]), (0, 0), "what the daemon holds")
    never_skipped(journal.states(fresh))
    never_skipped(journal.states(followed))


@test(cost=4, brief=True)
def destroyed(host):
    """A domain is destroyed in the middle of TCP: nothing is left, others don't notice."""
    bridge_addresses(host)
    start(host)
    connected(host, 1)
    neighbour = Pinger(host.netns, "10.0.1.2")
    for _ in range(3):
        vif, guest = connected(host, 2, queues=4)
        load = TcpLoad(host.netns, guest.netns, "10.0.0.1", flows=4)
        load.wait_progress(20 * PATIENCE)
        host.tool("destroy", 2)
        guest.wait(10)
        vif.forget()
        load.abandon()
        host.domains.pop(2)
        until(lambda: "vif2.0" not in host.links(), 5 * PATIENCE, "the tap to go")
    held = host.held()
    same((held["maps"], held["interdomain"]), (2, 2), "what the daemon holds: one guest's queue")
    neighbour.must_be_good(0.5 * PATIENCE)


@test(cost=3)
def reconnect(host):
    """kexec's dance, with other queues each time; the tap, its bridge port and address stay."""
    bridge_addresses(host)
    start(host)
    journal = Journal(host)
    vif, guest = connected(host, 1, queues=4)
    index = link(host, vif.name)["ifindex"]
    guest.signal(signal.SIGUSR1)
    until(lambda: guest.log.count("is connected") == 2, 20 * PATIENCE, "it to be back")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    same(journal.states(vif)[-4:], ["5", "6", "2", "4"], "states")
    guest.terminate(20 * PATIENCE)
    for number, (n_queues, combined) in enumerate(((1, True), (8, False), (2, True))):
        guest = vif.guest(queues=n_queues, combined=combined,
                          netns=host.namespace(f"again{number}"))
        vif.wait_connected(20 * PATIENCE)
        same(len(queues(vif)), n_queues, "queues")
        guest.address("10.0.1.2/16")
        same(ping(guest.netns, "10.0.0.1"), 3, "pings")
        same(losses(vif), {}, "lost frames")
        guest.terminate(20 * PATIENCE)
    same(link(host, vif.name)["ifindex"], index, "the tap's index")
    same(link(host, vif.name)["master"], "xenbr0", "its bridge")
    never_skipped(journal.states(vif))


@test(cost=3)
def odd_starts(host):
    """Frontends that begin in another state: Closed (Windows), Connected at once (Mini-OS)."""
    start(host)
    journal = Journal(host)
    domain = host.domain(1)
    windows = domain.vif(0).plug(bridge="xenbr0")
    host.store.write(f"{windows.fe}/state", 5)
    host.store.write(f"{windows.fe}/state", 6)
    windows.wait_backend("6")
    host.store.write(f"{windows.fe}/state", 1)
    windows.wait_backend("2")
    windows.hotplug()
    front = Frontend(windows, windows.parts())
    front.connect()
    windows.wait_backend("4")
    never_skipped(journal.states(windows))

    host.daemon.kill()
    mini = domain.vif(1).plug(bridge="xenbr0")
    early = Frontend(mini, mini.parts(), split=False)
    early.connect()  # before there is a backend at all
    closed = domain.vif(2).plug(bridge="xenbr0")
    host.store.write(f"{closed.fe}/state", 6)
    start(host)
    until(lambda: queues(mini), 5 * PATIENCE, "it to attach")
    same(mini.backend("state"), "2", "state before the script")
    mini.hotplug()
    mini.wait_backend("4")
    same(journal.states(mini), ["1", "2", "4"], "states of the early one")
    host.store.write(f"{closed.fe}/state", 1)
    closed.wait_backend("2")
    never_skipped(journal.states(closed))
    same(windows.states(), ("4", "4"), "the one that was connected all the while")


@test(cost=2)
def tap_removed(host):
    """Somebody removes the tap of a connected vif: it closes, says so, and can connect again."""
    bridge_addresses(host)
    start(host)
    vif = host.domain(1).vif().add()
    guest = vif.guest()
    vif.wait_connected()
    host.ip("link", "del", "dev", vif.name)
    vif.wait_backend(lambda state: state in ("5", "6"), 10 * PATIENCE)
    check("the tap was removed" in show(vif)["reason"], show(vif)["reason"])
    check(guest.wait() != 0, "the guest was not told")
    vif.wait_backend("6", 10 * PATIENCE)
    again = vif.guest()
    vif.wait_connected()
    same(show(vif)["reason"], None, "the reason of a vif that is connected again")
    vif.hotplug()
    again.address("10.0.1.2/16")
    same(ping(again.netns, "10.0.0.1"), 3, "pings")


@test(cost=2)
def strange_nodes(host):
    """Paths outside the guest's directory, states that are none, nodes that are missing."""
    bridge_addresses(host)
    start(host)
    _, guest = connected(host, 9)
    domain = host.domain(1)
    outside = domain.vif(0)
    host.store.write_many({f"{outside.be}/{key}": value for key, value in {
        "frontend": "/local/domain/9/device/vif/0", "frontend-id": 1, "online": 1, "state": 1,
        "mac": "00:16:3e:00:00:01", "hotplug-status": "connected"}.items()})
    until(lambda: show(outside), 5, "it to be known")
    time.sleep(0.2)
    same(outside.backend("state"), "1", "state of the one that points outside")
    check("does not name a directory of domain 1" in show(outside)["reason"],
          show(outside)["reason"])
    check(outside.name not in host.links() or not queues(outside), "it got queues")
    half = domain.vif(1)
    host.store.write(f"{half.be}/online", 1)  # no frontend, no state: the toolstack is writing
    time.sleep(0.2)
    same(host.store.list(half.be), ["online"], "what is in the half-written directory")
    for path in ("backend/vif/1/x", "backend/vif/x/0", "backend/vif/1/4294967296",
                 "backend/vif/40000/0", "backend/vif/-1/0", "backend/vif/1/2/3/4"):
        host.store.write(f"/local/domain/0/{path}/state", 1)
    front_vif = domain.vif(5).add(bridge="xenbr0")
    front = Frontend(front_vif, front_vif.parts())
    for state in ("", "x", "9", "-1", "44", "4 ", "0"):
        host.store.write(f"{front_vif.fe}/state", state)
    front.state(1)
    front_vif.wait_backend("2")
    front.connect()
    front_vif.wait_backend("4")
    for state in (7, 8, 7):  # Reconfiguring, which was never offered
        host.store.write(f"{front_vif.fe}/state", state)
    time.sleep(0.1)
    same(front_vif.backend("state"), "4", "state while it reconfigures")
    host.store.remove(f"{front_vif.fe}/state")
    front_vif.wait_backend("6")
    front.state(1)
    front_vif.wait_backend("2")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings of another")
    same(host.store.list("/local/domain/0/backend/vif/1/7"), [], "nodes made up")


@test(cost=2)
def toolstack_writes(host):
    """The toolstack may start a vif over at any time, and nodes removed never come back."""
    start(host)
    domain = host.domain(1)
    parts = domain.vif().parts()
    for n in range(10):
        vif = domain.vif().add(bridge="xenbr0")
        front = Frontend(vif, parts)
        front.connect()
        vif.wait_backend("4")
        vif.plug(bridge="xenbr0")  # the same number anew, over what is there
        vif.wait_backend("2", 5 * PATIENCE)
        tap = link(host, vif.name)
        same(("master" in tap, "UP" in tap["flags"]), (False, False), "the tap of the new one")
        front.connect()
        vif.hotplug()
        vif.wait_backend("4")
        host.store.remove(vif.be)
        host.store.remove(vif.fe)
        time.sleep(0.01 * n)
        same(host.store.list(vif.be), [], "a removed directory")
        host.vifs.clear()
    until(lambda: not [n for n in host.links() if n.startswith("vif")], 5, "the taps to go")
