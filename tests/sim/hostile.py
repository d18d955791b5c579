# SPDX-License-Identifier: GPL-2.0-or-later
"""Every misdeed of the hostile guest, and what has to come of it.

Either its frame is answered with an error and counted, or its vif is closed and three places say
why. Another guest of the same host is pinged all the while, and loses nothing.
"""
import json
import time

from kit import (PATIENCE, SANITIZED, Background, bridge_addresses, check, connected, losses, same,
                 show, start, test)
from simhost import Guest
from traffic import Frames, Pinger, ping

SECONDS = 1 if SANITIZED else 2

# Misdeeds that close the vif, and a part of the reason.
CLOSED = {
    "tx-prod-ahead": "TX ring: the request producer",
    "tx-prod-ahead:258": "TX ring: the request producer",
    "tx-prod-ahead:4294967295": "TX ring: the request producer",
    "tx-prod-huge": "TX ring: the request producer",
    "rx-prod-ahead": "RX ring: the request producer",
    "rx-prod-ahead:2147483648": "RX ring: the request producer",
    "offset-over-page:0": "first slot crosses the end of its page",
    "offset-over-page:3": "slot crosses the end of its page",
    "chain-past-ring": "frame goes on after the last published slot",
    "chain-too-long:22": "frame of too many slots",
    "chain-too-long:200": "frame of too many slots",
    "extra-unknown-type:0": "extra of an unknown type",
    "extra-unknown-type:7": "extra of an unknown type",
    "extra-chain-to-end": "extras go on after the last published slot",
    "gso-size-zero": "GSO extra with segment size 0",
    "gso-bad-type:3": "GSO extra of an unknown GSO type",
}

# Misdeeds that are answered: statuses, what is counted as lost.
ANSWERED = {
    "good": ({"okay": 1}, {}),
    "chain-too-long:20": ({"error": 20}, {"error_slots": 1}),
    "chain-too-long:18": ({"okay": 18}, {}),
    "chain-too-long:19": ({"okay": 19}, {}),  # as Linux takes them: 18 after the first
    "chain-too-long:21": ({"error": 21}, {"error_slots": 1}),
    "size-underflow": ({"error": 2}, {"error_size": 1}),
    "zero-size": ({"error": 1}, {"error_size": 1}),
    "zero-tail": ({"okay": 3}, {}),
    "zero-middle": ({"okay": 3}, {}),
    "extra-unknown-type:2": ({"error": 1, "null": 1}, {"error_extra": 1}),
    "bad-gref": ({"error": 1}, {"error_grant": 1}),
    "bad-gref-batch:64": ({"okay": 43, "error": 21}, {"error_grant": 21}),
    "runt:13": ({"error": 1}, {"error_size": 1}),
    "runt:1": ({"error": 1}, {"error_size": 1}),
    "big-ids:64": ({"okay": 64}, {}),
    "csum-garbage": ({"error": 1}, {"error_offload": 1}),
    "split-headers:18": ({"okay": 18}, {}),
}
NAMES = ("okay", "error", "dropped", "null", "other", "wrong_ids")


def hostile(vif, misdeed, *options):
    return Guest(vif, ["--hostile", misdeed, *options], None, None)


def report(guest, timeout=60):
    status = guest.wait(timeout * PATIENCE)
    lines = [line for line in guest.log.splitlines() if line.startswith("{")]
    check(status == 0 and lines, f"the hostile guest ended with {status}: {guest.log}")
    return json.loads(lines[-1])


def listed(host):
    """The misdeeds that there are."""
    out = host.run([host.program("xenvif-guest"), "--hostile", "list"], netns=None)
    return {line.split()[0] for line in out.splitlines()}


def with_neighbour(host):
    bridge_addresses(host)
    start(host)
    connected(host, 1)
    return Pinger(host.netns, "10.0.1.2")


def must_reconnect(host, vif, number):
    """A guest in good order can use the vif afterwards."""
    guest = vif.guest(queues=2, netns=host.namespace(f"after{number}"))
    vif.wait_connected(20 * PATIENCE)
    guest.address(f"10.0.100.{number + 1}/16")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings of the guest that came after")
    same(losses(vif), {}, "what it lost")
    guest.terminate(30 * PATIENCE)


@test(cost=12)
def closed(host):
    """What makes no sense closes the vif, with the reason in the log, the error node and vifctl."""
    neighbour = with_neighbour(host)
    domain = host.domain(2)
    vifs = [domain.vif(n) for n in range(len(CLOSED))]
    host.add_vifs(vifs, bridge="xenbr0")
    for number, (vif, (misdeed, words)) in enumerate(zip(vifs, CLOSED.items())):
        print(misdeed)
        seen = report(hostile(vif, misdeed))
        same((seen["outcome"], seen["backend_state"]), ("closed", "Closing"), "what came of it")
        reason = vif.error() or ""
        check(words in reason and reason.startswith("queue 0: "), f"the error node: {reason!r}")
        same(seen["error_text"], reason, "what the guest read")
        same(show(vif)["reason"], reason, "the reason in vifctl")
        check(f"{vif.name}: closing: {reason}" in host.daemon.log, "the reason is not in the log")
        same((seen["fault"], seen["other"], seen["wrong_ids"]), ("", 0, 0), "what it was answered")
        if number % 4 == 0:
            must_reconnect(host, vif, number)
    neighbour.must_be_good(0.5 * PATIENCE)


@test(cost=10)
def answered(host):
    """What is only wrong is answered slot by slot, and counted under its name, once."""
    neighbour = with_neighbour(host)
    domain = host.domain(2)
    vifs = [domain.vif(n) for n in range(len(ANSWERED))]
    host.add_vifs(vifs, bridge="xenbr0")
    for vif, (misdeed, (statuses, counted)) in zip(vifs, ANSWERED.items()):
        print(misdeed)
        kept = {}

        def keep(vif=vif, kept=kept):
            shown = show(vif)
            if shown and shown["queues"]:
                kept.update(shown["queues"][0]["from_guest"])

        watcher = Background(keep, 0.002)
        with Frames(host.netns, vif.name) as tap:
            seen = report(hostile(vif, misdeed))
            watcher.stop()
            arrived = [data for _, data in tap.received()]
        same({n: seen[n] for n in NAMES if seen[n]}, statuses, "answers")
        same((seen["outcome"], seen["fault"], seen["alive"]), ("answered", "", True), "outcome")
        lost = {n: c for n, c in kept.items() if n.startswith(("drop_", "error_")) and c}
        same(lost, counted, "what was counted")
        if seen["frame"]:
            check(bytes.fromhex(seen["frame"]) in arrived, "its frame did not arrive whole")
        same(vif.error(), None, "the error node")
    neighbour.must_be_good(0.5 * PATIENCE)


@test(cost=6, brief=True)
def storms(host):
    """Kicks without work, and a state that never rests: others go on, memory stays, the last wins."""
    neighbour = with_neighbour(host)
    storm = host.domain(2).vif().add(bridge="xenbr0")
    toggle = host.domain(3).vif().add(bridge="xenbr0")
    before = host.daemon.process.memory()
    first = hostile(storm, f"event-storm:{SECONDS}")
    second = hostile(toggle, f"toggle-state:{100000 if not SANITIZED else 3000}")
    most = 0
    while second.running():
        most = max(most, host.daemon.process.memory())
        time.sleep(0.05)
    seen = report(first)
    check(seen["count"] > 1000 and seen["alive"], f"the storm: {seen}")
    seen = report(second, 120)
    check(seen["reconnected"] and seen["alive"], f"toggling: {seen}")
    check(most - before < (4096 if not SANITIZED else 1 << 16), f"its memory grew from {before} to "
          f"{most} KiB")
    toggle.wait_backend("6", 10 * PATIENCE)
    neighbour.must_be_good(1.0 * PATIENCE)
    lines = [line for line in host.daemon.log.splitlines() if "vif3.0" in line]
    check(len(lines) < 200, f"{len(lines)} lines in the log")


@test(cost=8, brief=True)
def flips(host):
    """Slots that change after they were published, under load: what is copied once can't hurt."""
    neighbour = with_neighbour(host)
    vif = host.domain(2).vif().add(bridge="xenbr0")
    seen = report(hostile(vif, f"flip-valid:{SECONDS}"))
    check(seen["outcome"] == "answered" and seen["alive"], f"flip-valid: {seen}")
    check(seen["okay"] > 100 and seen["count"] > 1000, f"flip-valid: {seen}")
    wild = host.domain(3).vif().add(bridge="xenbr0")
    for _ in range(3):
        seen = report(hostile(wild, f"flip:{SECONDS}"))
        check(seen["outcome"] in ("closed", "answered"), f"flip: {seen}")
        if seen["outcome"] == "closed":
            check("queue 0: " in seen["error_text"], f"flip: {seen}")
    must_reconnect(host, wild, 0)
    neighbour.must_be_good(0.5 * PATIENCE)


@test(cost=10, brief=True)
def churn(host):
    """Rogues come and go for a while on three vifs at once; then a good guest uses each."""
    neighbour = with_neighbour(host)
    vifs = [host.domain(2).vif(n) for n in range(3)]
    host.add_vifs(vifs, bridge="xenbr0")
    for misdeeds in zip(*[iter(list(CLOSED)[:9 if SANITIZED else 15])] * 3):
        for vif, guest in [(v, hostile(v, m)) for v, m in zip(vifs, misdeeds)]:
            same(report(guest)["outcome"], "closed", f"outcome on {vif.name}")
    before = host.daemon.process.descriptors()
    for number, vif in enumerate(vifs):
        must_reconnect(host, vif, number)
    check(host.daemon.process.descriptors() <= before, "descriptors grew")
    neighbour.must_be_good(0.5 * PATIENCE)


@test()
def complete(host):
    """Each misdeed that the guest knows is tried somewhere in these suites."""
    tried = {name.split(":")[0] for name in (*CLOSED, *ANSWERED)} | {
        "event-storm", "toggle-state", "flip", "flip-valid",  # here
        "never-take-rx", "one-rx-slot"}  # stall.py
    same({name.split(":")[0] for name in listed(host)} - tried, set(), "misdeeds never tried")
