# SPDX-License-Identifier: GPL-2.0-or-later
"""Connecting that fails at each of its steps: nothing stays behind, and the next try succeeds."""
import errno
import os
import subprocess
import time

import xswire
from kit import (PATIENCE, Background, Frontend, Journal, check, refused, same, show, start, test,
                 until)

QUEUES = 4
NEVER = 0x3fffff00  # beyond any grant table, and any port


def footprint(host):
    """All that a connection could leave behind in the daemon and on the host."""
    process = host.daemon.process
    with open(f"/proc/{process.pid}/maps") as maps:
        mapped = sum("grant" in line or "xensim" in line for line in maps)
    return {"held": host.held(), "descriptors": process.descriptors(),
            "threads": process.threads(), "links": sorted(host.links()), "mapped": mapped}


def bad_keys():
    """(what, changes of keys, words of the reason) at each queue, for each thing it needs."""
    for q in range(QUEUES):
        for key in ("tx-ring-ref", "rx-ring-ref"):
            yield (f"queue {q} {key}", {f"queue-{q}/{key}": NEVER + 2 * q},
                   f"queue {q}: can't map {key}")
        for key in ("event-channel-tx", "event-channel-rx"):
            yield (f"queue {q} {key}", {f"queue-{q}/{key}": 4000 + q},
                   f"queue {q}: can't bind event channel {4000 + q}")


def faults():
    """(call, the how manieth, errno, words of the reason)"""
    for q in range(QUEUES):
        yield "evtchn_open", q + 1, errno.EMFILE, f"queue {q}: can't open /dev/xen/evtchn"
        yield "gnttab_open", q + 1, errno.ENOMEM, f"queue {q}: can't open /dev/xen/gntdev"
        for n, ring in enumerate(("tx", "rx")):
            yield ("map_grant_ref", 2 * q + n + 1, errno.EINVAL,
                   f"queue {q}: can't map {ring}-ring-ref")
            yield ("bind_interdomain", 2 * q + n + 1, errno.ENOSPC,
                   f"queue {q}: can't bind event channel")


def setting(host, vifs=1):
    """Some vifs of one domain, the first of which has been connected once; a frontend for each."""
    start(host)
    domain = host.domain(1)
    parts = domain.vif(0).parts(2 * QUEUES, 2 * QUEUES)
    fronts = [Frontend(domain.vif(n), parts, 0, QUEUES) for n in range(vifs)]
    host.add_vifs([front.vif for front in fronts], bridge="xenbr0")
    fronts[0].connect()  # once as it must be: what comes first of all is no leak
    fronts[0].vif.wait_backend("4", 10 * PATIENCE)
    up = footprint(host)
    fronts[0].rewind()
    return fronts, up, footprint(host)


def fail_then_succeed(host, front, up, down, provoke, words):
    """provoke() is to be refused for the reason given; then it connects as if nothing had been."""
    provoke()
    reason = refused(host, front.vif, words)
    same(footprint(host), down, f"what is left after {reason!r}")
    host.clear_faults()
    front.rewind()
    front.connect()
    front.vif.wait_backend("4", 10 * PATIENCE)
    same(footprint(host), up, "what is there after it connected")
    front.rewind()


@test(cost=4)
def bad_references(host):
    """A ring reference or a port that does not exist, at each queue."""
    cases = list(bad_keys())
    fronts, up, down = setting(host, len(cases))
    for front, (what, changes, words) in zip(fronts, cases):
        print(what)
        fail_then_succeed(host, front, up, down, lambda f=front, c=changes: f.connect_with(c),
                          words)


@test(cost=4)
def injected(host):
    """Each call of libxengnttab and libxenevtchn that connecting makes fails, at each queue."""
    cases = list(faults())
    fronts, up, down = setting(host, len(cases))
    for front, (call, nth, value, words) in zip(fronts, cases):
        print(call, nth)
        host.fault(call, nth=nth, value=value)
        fail_then_succeed(host, front, up, down, front.connect, words)


@test()
def read_only_ring(host):
    """Rings in pages that the guest granted for reading only."""
    (front,), up, down = setting(host)
    parts = front.vif.parts
    for bad in (parts(2, 2, readonly=True), parts(2, 2, domid=7)):  # 7: granted to somebody else
        fail_then_succeed(host, front, up, down, Frontend(front.vif, bad).connect,
                          "queue 0: can't map tx-ring-ref")


@test(cost=3)
def another_mind(host):
    """A frontend that starts anew while its rings are mapped is told nothing that answers its
    word of before: it waits for InitWait, finds it, and that stays true."""
    (front,), _, down = setting(host)
    vif, journal = front.vif, Journal(host)
    for changes in ({}, {"queue-1/rx-ring-ref": NEVER}):  # it would be served, or refused
        host.fault("map_grant_ref", nth=4, hang=1)
        mark = journal.mark()
        front.connect_with(changes)
        time.sleep(0.5)
        front.state(1)
        until(lambda: footprint(host) == down, 5 * PATIENCE, "its rings to be let go")
        time.sleep(0.3)
        same([value for path, value in journal.writes(mark) if path.endswith("backend/vif/1/0/state")],
             [], f"what it was told, with {changes}")
        host.clear_faults()
        front.connect()
        vif.wait_backend("4", 10 * PATIENCE)
        same(vif.error(), None, "the error node afterwards")
        front.rewind()


@test(cost=2)
def tap_refused(host):
    """An interface of the tap's name is there: a reason, and its turn once the name is free."""
    start(host)
    taken = host.domain(1).vif(0)
    for name in ("vif1.0", "vif1.1"):
        host.ip("link", "add", name, "type", "bridge")
    also = host.domain(1).vif(1)
    taken.plug(bridge="xenbr0")
    also.plug(bridge="xenbr0")
    for vif in (taken, also):
        until(lambda v=vif: v.error() is not None, 5 * PATIENCE, "an error node")
        check("can't make the tap" in vif.error() and vif.name in vif.error(), vif.error())
        same(show(vif)["reason"], vif.error(), "the reason in vifctl")
        check(vif.error() in host.daemon.log, "the reason is not in the log")
        same(vif.backend("state"), "1", "its state")
    third = host.domain(2).vif().add(bridge="xenbr0")  # somebody else is not held up
    same(third.backend("state"), "2", "the state of another vif")
    check(third.unplug(), "the other vif did not close")
    host.ip("link", "del", "vif1.0")
    taken.wait_backend("2", 5 * PATIENCE)
    same(taken.error(), None, "the error node afterwards")
    same(also.backend("state"), "1", "the state of the one whose name is still taken")
    host.ip("link", "del", "vif1.1")
    also.wait_backend("2", 5 * PATIENCE)
    parts = taken.parts()
    left = []
    for vif in (taken, also):
        vif.hotplug()
        front = Frontend(vif, parts)
        front.connect()
        vif.wait_backend("4")
        front.close()
        check(vif.unplug(), "it did not close")
        until(lambda v=vif: v.name not in host.links(), 5, "its tap to go")
        left.append(host.daemon.process.descriptors())
    check(left[1] < left[0], f"descriptors after each: {left}, and it had a tap's")
    same([n for n in host.links() if n.startswith("vif")], [], "taps left")


@test(cost=3)
def tap_refused_beside_a_busy_one(host):
    """A frontend that has its vif looked at all the time does not put off another one's next try."""
    start(host)
    busy, waits = (host.domain(n).vif() for n in (1, 2))
    for vif in (busy, waits):
        host.ip("link", "add", vif.name, "type", "bridge")
        vif.plug(bridge="xenbr0")
        until(lambda v=vif: v.error() is not None, 5 * PATIENCE, "an error node")
    store = xswire.connect(host.directory)  # of that thread
    rewrites = Background(lambda: store.write(f"{busy.fe}/state", 1), 0.2)
    time.sleep(1.5)
    host.ip("link", "del", waits.name)
    waits.wait_backend("2", 4 * PATIENCE)
    rewrites.stop()
    store.close()
    same(busy.backend("state"), "1", "the state of the busy one")
    host.ip("link", "del", busy.name)
    busy.wait_backend("2", 4 * PATIENCE)


@test(cost=2)
def store_fails_once(host):
    """xenstored can't answer what the daemon asks when a frontend comes: it is asked again."""
    relay = xswire.Relay(f"{host.directory}/relay", f"{host.directory}/xenstored/socket")
    script = os.path.join(host.directory, "with-relay")
    with open(script, "w") as file:  # ip netns exec has given it mounts of its own
        file.write(f"mount --bind {host.directory}/relay {host.directory}/xenstored/socket && "
                   "exec \"$@\"\n")
    host.daemon.start(wrap=["sh", script])
    vif = host.domain(1).vif().add(bridge="xenbr0")
    front, refused_reads = Frontend(vif, vif.parts()), []
    time.sleep(0.5)  # until it has looked at all that was written

    def refuse(kind, path):
        if kind != xswire.READ or path != "backend/vif/1/0/state" or len(refused_reads) == 2:
            return None
        refused_reads.append(path)
        return "EIO"

    relay.refuse = refuse
    front.connect()
    vif.wait_backend("4", 5 * PATIENCE)
    same(len(refused_reads), 2, "reads that failed")
    check("xenstore does not answer" in host.daemon.log, host.daemon.log)


@test(cost=2)
def closes_without_a_tap(host):
    """While its tap can't be made, a frontend that closes is followed; it is served again later."""
    start(host)
    waits, served = (host.domain(1).vif(n).add(bridge="xenbr0") for n in range(2))
    fronts = [Frontend(vif, vif.parts()) for vif in (waits, served)]
    fronts[1].connect()
    served.wait_backend("4")
    host.daemon.kill()
    for vif in (waits, served):
        host.ip("link", "del", vif.name)
        host.ip("link", "add", vif.name, "type", "bridge")
    start(host)
    for vif, front in zip((waits, served), fronts):
        until(lambda v=vif: v.error() is not None, 5 * PATIENCE, "an error node")
        front.close()
        check("can't make the tap" in vif.error(), vif.error())
        front.state(1)
        time.sleep(1.2)
        same(vif.backend("state"), "6", "its state before there is a tap")
        host.ip("link", "del", vif.name)
        vif.wait_backend("2", 5 * PATIENCE)
        vif.hotplug()
        front.connect()
        vif.wait_backend("4", 5 * PATIENCE)
        same(vif.error(), None, "the error node afterwards")


@test(cost=2)
def taken_by_a_tap(host):
    """A tap of that name which is not ours is neither taken over nor removed."""
    start(host)
    host.ip("tuntap", "add", "dev", "vif1.0", "mode", "tap", "multi_queue", "vnet_hdr")
    vif = host.domain(1).vif().plug(bridge="xenbr0")
    until(lambda: vif.error() is not None, 5 * PATIENCE, "an error node")
    check("can't make the tap" in vif.error(), vif.error())
    host.daemon.restart("--max-queues", "8")
    check("vif1.0" in host.links(), "somebody else's tap was removed by the next daemon")
    same(vif.backend("state"), "1", "its state")
    host.ip("link", "del", "vif1.0")
    vif.wait_backend("2", 5 * PATIENCE)


@test(cost=2)
def too_few_descriptors(host):
    """When the daemon runs out of descriptors, a vif is refused, no more; later it connects."""
    (front,), _, _ = setting(host)
    vif, pid = front.vif, host.daemon.pid
    used = os.listdir(f"/proc/{pid}/fd")
    refusals = 0
    for spare in range(0, 40, 2):
        limit = max(map(int, used)) + 1 + spare
        subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={limit}:"], check=True)
        front.connect()
        state = host.store.wait(f"{vif.be}/state", lambda s: s in ("4", "5"), 10 * PATIENCE)
        subprocess.run(["prlimit", f"--pid={pid}", "--nofile=4096:"], check=True)
        if state == "5":
            refusals += 1
            check((vif.error() or "").startswith("queue "), f"the reason: {vif.error()!r}")
        front.rewind()
        same(len(os.listdir(f"/proc/{pid}/fd")), len(used), f"descriptors after limit +{spare}")
    check(3 < refusals < 20, f"{refusals} refusals: the limits tried don't reach from end to end")
    front.connect()
    vif.wait_backend("4")
