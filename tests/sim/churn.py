# SPDX-License-Identifier: GPL-2.0-or-later
"""Connecting and disconnecting again and again leaks nothing.

Under AddressSanitizer the daemon's end also tells of each byte that was lost (kit.finish).
"""
import re
import signal
import time

from kit import (PATIENCE, SANITIZED, Frontend, address_of, bridge_addresses, check, connected,
                 same, show, start, test, until)
from traffic import Pinger, ping

CYCLES = 1000
GROWTH = 256 if not SANITIZED else 1 << 20  # KiB; a sanitizer keeps what was freed for a while


def cycle(vif, front):
    front.state(1)
    vif.wait_backend("2", 10 * PATIENCE)
    front.connect()
    vif.wait_backend("4", 10 * PATIENCE)
    front.state(5)
    vif.wait_backend("5", 10 * PATIENCE)
    front.state(6)
    vif.wait_backend("6", 10 * PATIENCE)


def footprint(host):
    process = host.daemon.process
    return {"held": host.held(), "descriptors": process.descriptors(),
            "threads": process.threads()}


@test(cost=20)
def thousand_cycles(host):
    """1,000 connections: mappings, ports, descriptors, threads and memory stay as they were."""
    start(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    front = Frontend(vif, vif.parts(4, 4), 0, 2)
    for _ in range(100):
        cycle(vif, front)
    before, memory = footprint(host), host.daemon.process.memory()
    for n in range(CYCLES - 100):
        cycle(vif, front)
        if n % 100 == 0:
            same(footprint(host), before, f"after {n + 101} cycles")
    same(footprint(host), before, "after the last cycle")
    grown = host.daemon.process.memory() - memory
    check(grown < GROWTH, f"its memory grew by {grown} KiB")


def few_lines(vif, seconds, events):
    """The log has at most 20 lines about a vif at once, and one each 3 s; it counts the others."""
    lines = [line for line in vif.host.daemon.log.splitlines() if f"{vif.name}:" in line]
    withheld = [int(n) for n in re.findall(r": (\d+) lines withheld", "\n".join(lines))]
    said = len(lines) - len(withheld)
    check(said <= 20 + seconds / 3 + 1, f"{said} lines in {seconds:.1f} s: {lines[-30:]}")
    check(len(withheld) <= seconds / 3 + 1, f"{len(withheld)} words of withheld lines")
    counted = show(vif)["log_withheld"]  # those since the last line, too
    check(sum(withheld) <= counted <= sum(withheld) + 5, f"{withheld} withheld; counted: {counted}")
    check(0 <= said + counted - events <= 10, f"of {events} lines {said} were said, and withheld {withheld}")


@test(cost=10)
def refusals(host):
    """300 connections that fail at their last queue, each followed by a good one; the log is short."""
    start(host)
    begin = time.monotonic()
    vif = host.domain(1).vif().add(bridge="xenbr0")
    front = Frontend(vif, vif.parts(8, 8), 0, 4)
    before = memory = None
    for n in range(300):
        front.connect_with({"queue-3/rx-ring-ref": 0x3fffff00})
        vif.wait_backend("5", 10 * PATIENCE)
        front.rewind()
        front.connect()
        vif.wait_backend("4", 10 * PATIENCE)
        front.rewind()
        if n == 50:
            before, memory = footprint(host), host.daemon.process.memory()
    same(footprint(host), before, "after the last one")
    grown = host.daemon.process.memory() - memory
    check(grown < GROWTH, f"its memory grew by {grown} KiB")
    time.sleep(3.1)  # the next line may be said: it tells of those before it
    front.connect()
    vif.wait_backend("4", 10 * PATIENCE)
    # refused, closed, attached, connected, closed
    few_lines(vif, time.monotonic() - begin, events=300 * 5)


@test(cost=12, brief=True)
def reconnects(host):
    """A guest reconnects 40 times, under ping from outside, and works after each."""
    bridge_addresses(host)
    start(host)
    _, other = connected(host, 2)
    pings = Pinger(host.netns, "10.0.2.2")
    vif, guest = connected(host, 1, queues=2)
    load = Pinger(host.netns, address_of(vif), every=0.001, timeout=0.05)
    before = None
    for n in range(40 if SANITIZED != "tsan" else 15):
        words = "vif 1.0 is connected"
        count = guest.log.count(words)
        guest.signal(signal.SIGUSR1)
        until(lambda: guest.log.count(words) > count, 20 * PATIENCE, "the guest to be back")
        vif.wait_connected(20 * PATIENCE)
        same(ping(guest.netns, "10.0.0.1"), 3, f"pings after reconnecting {n + 1} times")
        before = before or footprint(host)
    load.stop()
    same(footprint(host), before, "after the last one")
    pings.must_be_good()
    check(guest.running() and other.running(), "a guest has ended")


@test(cost=10)
def vifs_come_and_go(host):
    """A vif is removed and added again with the same number, at once, 50 times."""
    start(host)
    domain = host.domain(1)
    parts = domain.vif().parts()
    memory = 0
    for n in range(50):
        vif = domain.vif().add(bridge="xenbr0")
        front = Frontend(vif, parts)
        front.connect()
        vif.wait_backend("4", 10 * PATIENCE)
        if n % 2:
            unplug(host, vif, front)
        else:
            vif.forget()  # by force: all nodes vanish
        if n == 10:
            memory = host.daemon.process.memory()
    until(lambda: not [n for n in host.links() if n.startswith("vif")], 10, "the taps to go")
    same({k: v for k, v in host.held().items() if k in ("maps", "interdomain")},
         {"maps": 0, "interdomain": 0}, "what the daemon holds")
    check(host.daemon.process.memory() - memory < GROWTH, "its memory grew")


def unplug(host, vif, front):
    """As libxl does it, with the frontend's part by hand."""
    host.store.write_all(vif.be, {"online": 0, "state": 5})
    front.state(5)
    front.state(6)
    vif.wait_backend("6", 10 * PATIENCE)
    vif.forget()
