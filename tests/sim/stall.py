# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that does not take its packets: they wait, are dropped and counted; memory is bounded."""
import os
import signal
import time

from hostile import hostile, report
from kit import (PATIENCE, SANITIZED, bridge_addresses, check, connected, queues, same, show, test,
                 total, until)
from traffic import Frames, Pinger, UdpStream, flood, frame, ping

TIMEOUT_MS = 200
GROWTH = 1024 if not SANITIZED else 1 << 16  # KiB


def start_with_timeout(host):
    config = os.path.join(host.directory, "stall.conf")
    with open(config, "w") as file:
        file.write(f"[global]\nmax-queues = 2\nstall-timeout-ms = {TIMEOUT_MS}\n")
    host.daemon.start("--config", config)
    host.ip("addr", "add", "10.0.0.1/16", "dev", "xenbr0")


def quiet(host, netns):
    for which in ("all", "default"):
        host.run(["sysctl", "-qw", f"net.ipv6.conf.{which}.disable_ipv6=1"], netns=netns)


def dropped(vif):
    return total(vif, "to_guest", "drop_stalled")


def starve(host, misdeed, *options):
    """A guest that posts too few buffers is flooded. The frames wait, then are dropped."""
    for name in ("host", "g1-0"):  # no multicast but what is meant
        quiet(host, host.namespace(name))
    # A bridge to itself, without snooping from the first: one that snoops, or stops to, reports
    # so by IGMP on every port, and that frame would be counted here too.
    host.ip_batch(["link add starved type bridge mcast_snooping 0", "link set dev starved up"])
    start_with_timeout(host)
    vif, guest = connected(host, 1, address=False)
    guest.address("10.0.1.2/16")
    neighbour = Pinger(host.netns, "10.0.1.2")
    vif = host.domain(2).vif().add(bridge="starved")
    guest = hostile(vif, f"{misdeed}:5", *options)
    vif.wait_connected(20 * PATIENCE)
    with Frames(host.netns, "starved") as bridge:
        bridge.send(frame(vif.mac, "02:00:00:00:00:01"))
        time.sleep(TIMEOUT_MS / 1000 / 4)
        same((dropped(vif), total(vif, "to_guest", "stalls")), (0, 0), "drops within the time")
        until(lambda: dropped(vif) == 1, 5 * PATIENCE, "the first frame to be dropped")
        same(total(vif, "to_guest", "stalls"), 1, "stalls")
    before = host.daemon.process.memory()
    sent = flood(host.netns, "starved", vif.mac, 2)
    until(lambda: dropped(vif) > min(sent, 1000), 5 * PATIENCE, "the flood to be dropped")
    grown = host.daemon.process.memory() - before
    check(grown < GROWTH, f"its memory grew by {grown} KiB with {sent} frames")
    same(total(vif, "to_guest", "packets"), 0, "frames that it got without room for the largest")
    seen = report(guest)
    check(seen["alive"] and seen["rx_frames"] == 0, f"the guest: {seen}")
    neighbour.must_be_good(0.5 * PATIENCE)


test("never_take_rx", cost=7, misdeed="never-take-rx")(
    lambda host, misdeed: starve(host, misdeed))
test("one_rx_slot", cost=7, misdeed="one-rx-slot")(
    lambda host, misdeed: starve(host, misdeed))
test("one_rx_slot_without_notify", cost=7, misdeed="one-rx-slot")(
    lambda host, misdeed: starve(host, misdeed, "--no-rx-notify"))


def pause(host, rx_notify):
    """A guest stands still for longer than the time, and takes frames again afterwards."""
    start_with_timeout(host)
    vif, guest = connected(host, 1, queues=2, rx_notify=rx_notify)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings before")
    before = host.daemon.process.memory()
    for _ in range(2):
        was = dropped(vif)
        guest.signal(signal.SIGSTOP)
        flood(host.netns, "xenbr0", vif.mac, 1.5)
        until(lambda: dropped(vif) > was, 5 * PATIENCE, "drops")
        guest.signal(signal.SIGCONT)
        until(lambda: ping(guest.netns, "10.0.0.1", count=1) == 1, 10, "the guest to be back")
        same(ping(guest.netns, "10.0.0.1", count=20), 20, "pings afterwards")
    grown = host.daemon.process.memory() - before
    check(grown < GROWTH, f"its memory grew by {grown} KiB")
    was = dropped(vif)
    stream = UdpStream(host.netns, guest.netns, "10.0.1.2")
    stream.wait_progress(100)
    sent, lost, twice, wrong = stream.stop()
    same((lost, twice, wrong, dropped(vif) - was), (0, 0, 0, 0), f"of {sent} datagrams afterwards")


test("pause", cost=7, brief=True, rx_notify=True)(pause)
test("pause_without_notify", cost=7, rx_notify=False)(pause)


@test(cost=3)
def short_pause(host):
    """A pause that is shorter than the time costs nothing but the wait."""
    host.daemon.start("--max-queues", "2")
    bridge_addresses(host)
    vif, guest = connected(host, 1)
    stream = UdpStream(host.netns, guest.netns, "10.0.1.2", every=0.01)
    stream.wait_progress(10)
    guest.signal(signal.SIGSTOP)
    time.sleep(1)
    guest.signal(signal.SIGCONT)
    stream.wait_progress(10)
    sent, lost, twice, wrong = stream.stop()
    same((lost, twice, wrong), (0, 0, 0), f"of {sent} datagrams")
    same(show(vif)["queues"][0]["to_guest"]["stalls"], 0, "stalls")


@test(cost=2)
def unconnected(host):
    """Frames for a vif that is not connected are the kernel's affair; then it works as ever."""
    host.daemon.start("--max-queues", "2")
    bridge_addresses(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    host.ip("neigh", "replace", "10.0.1.2", "lladdr", vif.mac, "dev", "xenbr0")
    before = host.daemon.process.memory()
    flood(host.netns, "xenbr0", vif.mac, 1)
    check(host.daemon.process.memory() - before < GROWTH, "its memory grew")
    guest = vif.guest()
    vif.wait_connected()
    guest.address("10.0.1.2/16")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    same(len(queues(vif)), 1, "queues")
