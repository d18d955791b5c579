# SPDX-License-Identifier: GPL-2.0-or-later
"""Queues, channels and offloads: every combination carries every kind of traffic whole."""
import errno
import itertools

from kit import (PATIENCE, SANITIZED, address6_of, address_of, bridge_addresses, check, connected,
                 losses, queues, same, start, test, total)
from traffic import Frames, l4_checksum_good, ping, tcp_both_ways, udp_echo

OFFLOADS = ({}, {"sg": False}, {"gso4": False}, {"gso6": False}, {"csum4": False},
            {"csum6": False}, {"rx_notify": False})
WAYS = ("from_guest", "to_guest")
SIZE = (1 << 17) if SANITIZED else (1 << 18)  # bytes a flow and direction


def gso_wanted(features, family):
    sg, csum = features.get("sg", True), features.get(f"csum{family}", True)
    return sg and csum and features.get(f"gso{family}", True)


def pings(host, vif, guest):
    for size in (56, 1472, 8000, 60000):
        same(ping(guest.netns, "10.0.0.1", size), 3, f"IPv4 pings of {size} bytes")
    for size in (56, 60000):
        same(ping(guest.netns, "fd00::1", size), 3, f"IPv6 pings of {size} bytes")
        same(ping(host.netns, address6_of(vif), size), 3, f"IPv6 pings of {size} bytes to it")
    same(ping(host.netns, address_of(vif), 60000), 3, "IPv4 pings of 60000 bytes to it")


def tcp(host, vif, guest, features, family):
    """Data both ways over one family; GSO frames are counted where they were negotiated only."""
    before = [total(vif, way, "gso_packets") for way in WAYS]
    ours, theirs = {4: ("10.0.0.1", address_of(vif)), 6: ("fd00::1", address6_of(vif))}[family]
    tcp_both_ways(host.netns, guest.netns, ours, 4, SIZE, 60 * PATIENCE)
    tcp_both_ways(guest.netns, host.netns, theirs, 4, SIZE, 60 * PATIENCE)
    moved = [total(vif, way, "gso_packets") - was for way, was in zip(WAYS, before)]
    for way, count in zip(WAYS, moved):
        check((count > 0) == gso_wanted(features, family),
              f"{count} GSO frames {way} over IPv{family} with {features}")


def checksums(host, vif, guest, family):
    """Where a checksum can't be left blank, it is there, and right, both ways."""
    ours = {4: "10.0.0.1", 6: "fd00::1"}[family]
    kind = {4: b"\x08\x00", 6: b"\x86\xdd"}[family]
    with Frames(host.netns, vif.name) as tap, Frames(guest.netns, guest.ifname) as eth0:
        tcp_both_ways(host.netns, guest.netns, ours, 2, 1 << 15)
        udp_echo(host.netns, guest.netns, ours, 8)
        for side, frames in (("from the guest", tap), ("to the guest", eth0)):
            seen = [l4_checksum_good(data) for _, data in frames.received(0.05)
                    if data[12:14] == kind]
            check(seen.count(True) > 10, f"only {seen.count(True)} packets were seen {side}")
            same(seen.count(False), 0, f"wrong checksums {side} over IPv{family}")


def one(host, domid, n_queues, combined, features):
    vif, guest = connected(host, domid, queues=n_queues, combined=combined, **features)
    shown = vif.show()
    same(len(shown["queues"]), n_queues, "queues")
    same(shown["features"]["split_event_channels"], not combined, "split channels")
    pings(host, vif, guest)
    same(udp_echo(host.netns, guest.netns, "10.0.0.1", 32 * n_queues), 32 * n_queues, "datagrams")
    for family in (4, 6):
        tcp(host, vif, guest, features, family)
        if not features.get(f"csum{family}", True):
            checksums(host, vif, guest, family)
    for queue, way in itertools.product(queues(vif), WAYS):
        check(queue[way]["packets"] > 0, f"queue {queue['queue']} moved nothing {way}")
    same(losses(vif), {}, "lost frames")
    same(guest.terminate(20 * PATIENCE), 0, f"the guest's exit status ({guest.log})")
    check(vif.unplug(10 * PATIENCE), "the vif did not close")


def combinations(host, n_queues, features):
    """Every combination in turn, on one daemon."""
    bridge_addresses(host)
    start(host)
    before = None
    for domid, (combined, chosen) in enumerate(itertools.product((False, True), features), 1):
        try:
            one(host, domid, n_queues, combined, chosen)
        except BaseException:
            print(f"with {n_queues} queues, combined={combined}, {chosen}:")
            raise
        held = host.held()
        same(held, before or held, "what the daemon holds after the vif is gone")
        before = held


for _queues in (1, 2, 4, 8):
    test(f"{_queues}_queues", cost=14, n_queues=_queues, features=OFFLOADS)(combinations)
test("brief", brief=True, cost=3, n_queues=2, features=({},))(combinations)


@test(cost=3)
def large_mtu(host):
    """At an MTU of 9000, and with 100-byte writes, all offloads on and all off."""
    bridge_addresses(host)
    host.ip("link", "add", "big", "type", "bridge")
    host.ip("addr", "add", "10.9.0.1/16", "dev", "big")
    host.ip("link", "set", "dev", "big", "up")
    start(host)
    none = {"gso4": False, "gso6": False, "csum4": False, "csum6": False}
    for domid, features in enumerate(({}, none), 1):
        vif = host.domain(domid).vif().add(bridge="big", mtu=9000)
        guest = vif.guest(queues=2, **features)
        vif.wait_connected(20 * PATIENCE)
        guest.address(f"10.9.0.{domid + 1}/16")
        same(ping(guest.netns, "10.9.0.1", 8972), 3, "pings of the MTU's size")
        with Frames(host.netns, vif.name) as tap:
            tcp_both_ways(host.netns, guest.netns, "10.9.0.1", 2, SIZE)
            longest = max(len(data) for _, data in tap.received(0.05))
        check(longest > 9014 if not features else longest == 9014, f"longest frame: {longest}")
        tcp_both_ways(host.netns, guest.netns, "10.9.0.1", 2, 1 << 14, write=100 / 1024)
        same(losses(vif), {}, "lost frames")


@test(cost=2, brief=True)
def two_guests(host):
    """Two guests talk through the bridge, and a guest with two vifs uses both."""
    bridge_addresses(host)
    start(host)
    one_vif, one_guest = connected(host, 1, queues=2)
    two_vif, two_guest = connected(host, 2, queues=1, combined=True)
    other_vif, other_guest = connected(host, 2, 1, queues=2)
    for vif, guest in ((two_vif, two_guest), (other_vif, other_guest)):
        before = [total(v, "from_guest", "gso_packets") for v in (one_vif, vif)]
        tcp_both_ways(one_guest.netns, guest.netns, address_of(one_vif), 4, SIZE, 60 * PATIENCE)
        for v, was in zip((one_vif, vif), before):
            check(total(v, "from_guest", "gso_packets") > was, f"{v.name} sent no large frame")
            same(losses(v), {}, f"lost frames of {v.name}")


@test(cost=6)
def plain_staging(host):
    """Queues without pages from /dev/xen/gntalloc carry everything too; the log says so once."""
    bridge_addresses(host)
    start(host)
    host.fault("share_pages", value=errno.ENOSPC)  # one queue has them, its neighbour has not
    one(host, 1, 2, False, {})
    host.fault("gntshr_open", times=2, value=errno.ENOENT)
    one(host, 2, 2, True, {})
    same(host.daemon.log.count("no pages from /dev/xen/gntalloc: No space left on device"), 1,
         "lines in the log")
    same(host.daemon.log.count("no pages from"), 1, "lines in the log, of both reasons")
