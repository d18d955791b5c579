# SPDX-License-Identifier: GPL-2.0-or-later
"""200 vifs at once, some of which hang: the others connect within seconds, and each works."""
import time

from kit import (PATIENCE, Frontend, check, connected, same, show, start, test, until)
from simhost import Guest
from traffic import ETHERTYPE, Frames, Pinger, frame

COUNT = 200
VIFS_OF_A_DOMAIN = 10


def plug_all(host, count):
    vifs = [host.domain(2 + n // VIFS_OF_A_DOMAIN).vif(n % VIFS_OF_A_DOMAIN) for n in range(count)]
    host.add_vifs(vifs, bridge="xenbr0")
    return vifs


def frames_from_each(host, guests, netns):
    """Each guest sends a frame; all must come to the bridge. Again for those lost in the crowd."""
    missing = {bytes.fromhex(g.vif.mac.replace(":", "")): g for g in guests}
    with Frames(host.netns, "xenbr0", ETHERTYPE) as bridge, Frames(netns) as out:
        for _ in range(20):
            for guest in missing.values():
                out.send(frame("fe:ff:ff:ff:ff:ff", guest.vif.mac), guest.ifname)
            for _, data in bridge.received(0.2):
                missing.pop(data[6:12], None)
            if not missing:
                break
    check(not missing, f"no frame came from {[g.vif.name for g in missing.values()]}")


def frames_to_each(host, guests, netns):
    missing = {g.ifname: g for g in guests}
    with Frames(host.netns, "xenbr0") as bridge, \
            Frames(netns, ethertype=ETHERTYPE) as eth:
        for _ in range(20):
            for guest in missing.values():
                bridge.send(frame(guest.vif.mac, "02:00:00:00:00:01"))
            for ifname, data in eth.received(0.2):
                if ifname in missing and data[0:6].hex(":") == missing[ifname].vif.mac:
                    missing.pop(ifname)
            if not missing:
                break
    check(not missing, f"no frame came to {[g.vif.name for g in missing.values()]}")


@test(cost=30)
def two_hundred(host):
    """200 guests connect at once while three others hang, each in its own way."""
    # The link-local chatter of 200 interfaces is not what is tested here.
    netns = host.namespace("guests")
    for space in (netns, host.netns):
        host.run(["sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1",
                  "net.ipv6.conf.all.disable_ipv6=1"], netns=space)
    host.ip("link", "set", "dev", "xenbr0", "address", "fe:ff:ff:ff:ff:ff")
    host.ip("addr", "add", "10.0.0.1/16", "dev", "xenbr0")
    host.daemon.start("--max-queues", "2")
    connected(host, 1)
    pings = Pinger(host.netns, "10.0.1.2", every=0.02)

    begin = time.monotonic()
    vifs = plug_all(host, COUNT + 3)
    silent, unscripted, deaf = vifs[-3:]
    host.store.write(f"{silent.fe}/state", 3)  # Initialised, and then no more
    host.store.write(f"{unscripted.be}/hotplug-status", "")
    plugged = time.monotonic() - begin

    begin = time.monotonic()
    guests = [Guest(vif, ["--queues", "1"], netns, f"e{n}") for n, vif in enumerate(vifs[:COUNT])]
    spawned = time.monotonic() - begin
    waiting = [Guest(unscripted, ["--queues", "1"], netns, "e998")]
    deaf_front = Frontend(deaf, deaf.parts())  # posts no buffer, reads nothing
    deaf_front.connect()
    for vif in (*vifs[:COUNT], deaf):
        vif.wait_connected(30 * PATIENCE)
    spent = time.monotonic() - begin
    print(f"plugged in {plugged:.1f} s, started in {spawned:.1f} s, connected in {spent:.1f} s")

    same(silent.states(), ("2", "3"), "the states of the one that stopped")
    until(lambda: show(unscripted)["queues"], 5 * PATIENCE, "the one without a script to attach")
    same(unscripted.backend("state"), "2", "the state of the one without a script")
    check("hotplug script" in show(unscripted)["reason"], show(unscripted)["reason"])

    host.ip_batch([f"link set dev {g.ifname} up" for g in guests], netns)
    frames_from_each(host, guests, netns)
    frames_to_each(host, guests, netns)
    host.store.write(f"{unscripted.be}/hotplug-status", "connected")
    unscripted.wait_backend("4")
    pings.must_be_good()

    for guest in (*guests, *waiting):
        guest.signal(15)
    for guest in (*guests, *waiting):
        guest.wait(60 * PATIENCE)
    begin = time.monotonic()
    for vif in vifs:
        host.store.write_all(vif.be, {"online": 0, "state": 5})
    deaf_front.state(6)
    silent.host.store.write(f"{silent.fe}/state", 6)
    for vif in vifs:
        vif.wait_backend("6", 30 * PATIENCE)
    host.store.remove("/local/domain/0/backend/vif/2")  # and the others singly
    for vif in vifs:
        host.store.remove(vif.be)
    until(lambda: [n for n in host.links() if n.startswith("vif")] == ["vif1.0"], 20 * PATIENCE,
          "the taps to go")
    print(f"gone in {time.monotonic() - begin:.1f} s")
    check(spent - spawned < 40 * PATIENCE, f"too slow: connected {spent - spawned:.1f} s after "
          "the last guest was started")


@test(cost=3, brief=True)
def one_by_one_with_a_hanging_one(host):
    """While one vif hangs in each place where it can, another one's whole life takes no longer."""
    start(host)
    domain = host.domain(1)
    hanging = [domain.vif(n) for n in range(4)]
    host.add_vifs(hanging[:2], bridge="xenbr0")
    hanging[2].plug()
    hanging[2].wait_backend("2")  # and its script never says anything
    hanging[3].plug()
    fronts = [Frontend(vif, vif.parts()) for vif in hanging]
    fronts[0].connect(**{"tx-ring-ref": 4294967295})  # refused, and it never closes
    hanging[0].wait_backend("5")
    fronts[2].connect()
    fronts[1].connect()
    hanging[1].wait_backend("4")
    host.store.write(f"{hanging[1].fe}/state", 5)  # never says 6
    hanging[1].wait_backend("5")
    for n in range(10):
        begin = time.monotonic()
        vif = host.domain(2).vif(n).add(bridge="xenbr0")
        front = Frontend(vif, vif.parts())
        front.connect()
        vif.wait_backend("4")
        front.close()
        check(vif.unplug(), "it did not close")
        spent = time.monotonic() - begin
        check(spent < 2 * PATIENCE, f"a vif's life took {spent:.1f} s")
    same([vif.backend("state") for vif in hanging], ["5", "5", "2", "2"], "those that hang")
