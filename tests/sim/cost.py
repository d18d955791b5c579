# SPDX-License-Identifier: GPL-2.0-or-later
"""What it costs, in counts: an idle vif costs nothing, a busy one a bounded number of calls a batch."""
import os
import re
import subprocess
import time

from kit import (PATIENCE, SANITIZED, ask, bridge_addresses, check, connected, queues, same, test, until)
from simhost import Guest
from traffic import TcpLoad, ping


def switches(pid):
    """Context switches of each thread, wanted and unwanted."""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as status:
            found[task] = [int(n) for n in re.findall(r"^\w*voluntary_ctxt_switches:\s*(\d+)",
                                                      status.read(), re.M)]
    return found


def cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


@test(cost=5)
def idle(host):
    """Connected vifs without traffic cause no wake-up, no system call, no context switch in 2 s."""
    for name in ("host", "g1-0", "g2-0", "g3-0"):  # no chatter of IPv6 either
        for which in ("all", "default"):
            host.run(["sysctl", "-qw", f"net.ipv6.conf.{which}.disable_ipv6=1"],
                     netns=host.namespace(name))
    host.ip("addr", "add", "10.0.0.1/16", "dev", "xenbr0")
    host.daemon.start("--max-queues", "4")
    vifs = []
    for domid, features in ((1, {"queues": 4}), (2, {"queues": 1, "rx_notify": False}),
                            (3, {"queues": 2, "combined": True})):
        vif, guest = connected(host, domid, address=False, **features)
        guest.address(f"10.0.{domid}.2/16")
        same(ping(guest.netns, "10.0.0.1"), 3, "pings")
        # no ARP of its own will disturb: the neighbours are told once for ever
        host.ip("neigh", "replace", f"10.0.{domid}.2", "lladdr", vif.mac, "dev", "xenbr0")
        vifs.append(vif)
    time.sleep(0.5)
    pid, seen = host.daemon.pid, []
    # What the kernel itself sends now and then, as when a neighbour gets old, wakes a queue
    # rightly; a daemon that looks around by itself is never found asleep.
    while len(seen) < 4 and not (seen and still(seen[-1])):
        seen.append(looked_on(host, pid, vifs))
    check(still(seen[-1]), f"no 2 s of peace: {seen}")


def looked_on(host, pid, vifs, seconds=2):
    """What a process did meanwhile: context switches, ticks of CPU time, wake-ups, system calls."""
    def woken():
        return [q["wakeups"] for vif in vifs for q in queues(vif)]

    counted = woken()
    time.sleep(0.2)
    before, ticks = switches(pid), cpu(pid)
    time.sleep(seconds)
    after, ticks = switches(pid), cpu(pid) - ticks
    seen = {"wake-ups": [n - m for n, m in zip(woken(), counted)]}
    if SANITIZED != "tsan":  # whose own thread looks around
        seen["ticks"] = ticks
        seen["switches"] = {t: (before.get(t), after[t]) for t in after if before.get(t) != after[t]}
    if not SANITIZED:
        seen["calls"] = calls_of(host, pid)
    return seen


def still(seen):
    return not any(seen["wake-ups"]) and not any(seen.get(k) for k in ("ticks", "switches", "calls"))


class Trace:
    """strace of a process, its threads included; options say of which calls."""

    def __init__(self, host, pid, *options):
        self.path = os.path.join(host.directory, "strace.out")
        self.tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", self.path, *options, "-p", str(pid)])
        time.sleep(0.5)
        self.begin = os.path.getsize(self.path)

    def lines(self):
        """Ends it. What came since it has settled."""
        self.tracer.terminate()
        self.tracer.wait(10)
        with open(self.path) as trace:
            trace.seek(self.begin)
            return [line for line in trace if "<detached" not in line]


def calls_of(host, pid, seconds=2):
    """What strace sees of a process once it has settled."""
    trace = Trace(host, pid)
    time.sleep(seconds)
    return "".join(trace.lines())


def sums(vif, way):
    total = {}
    for queue in queues(vif):
        for name, count in queue[way].items():
            total[name] = total.get(name, 0) + count
    return total


@test(cost=6)
def batches(host):
    """Under load: at most one copy call and one notification a batch, frames share batches."""
    host.daemon.start("--max-queues", "1")
    vif = host.domain(1).vif().add(bridge="xenbr0")
    Guest(vif, ["--generate", "64:400000"], None, None).wait(60 * PATIENCE)
    host.daemon.restart("--max-queues", "1")  # its counters went with the connection
    guest = Guest(vif, ["--generate", "64:5s"], None, None)
    vif.wait_connected(10 * PATIENCE)
    time.sleep(2)
    seen = sums(vif, "from_guest")
    guest.terminate(30 * PATIENCE)
    done = seen["notify_sent"] + seen["notify_suppressed"]  # one of them a batch
    check(seen["packets"] > 10000, f"only {seen['packets']} frames")
    check(abs(seen["copy_calls"] - done) <= 2, f"copy calls and batches: {seen}")
    check(abs(seen["copy_segments"] - seen["packets"]) <= 128, f"segments and frames: {seen}")
    check(seen["packets"] / done > 16, f"{seen['packets'] / done:.1f} frames a batch")
    print(f"{seen['packets'] / done:.1f} frames a batch")


def pings_told_of(host, vif, *options):
    """Pings the guest; how many frames it sent, and of how many it was notified, held back or not."""
    time.sleep(0.1)
    before, woken = sums(vif, "from_guest"), queues(vif)[0]["wakeups"]
    host.run(["ping", "-q", *options, "10.0.1.2"], netns=host.netns)
    time.sleep(0.1)
    seen = {k: v - before[k] for k, v in sums(vif, "from_guest").items()}
    # nothing is held back for long
    same(seen["notify_sent"] + seen["notify_suppressed"], seen["copy_calls"], "batches told of")
    return seen["packets"], seen["notify_sent"], queues(vif)[0]["wakeups"] - woken


@test(cost=5)
def lone_frames(host):
    """One event tells of several lone frames, and waiting for more costs little when none come."""
    host.ip("addr", "add", "10.0.0.1/16", "dev", "xenbr0")
    host.daemon.start("--max-queues", "1")
    vif, guest = connected(host, 1, address=False)
    guest.address("10.0.1.2/16")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    # one follows the other at once
    frames, told, _ = pings_told_of(host, vif, "-f", "-c", "1000")
    check(frames >= 1000 and told < frames / 4, f"{frames} frames in a row, told of {told}")
    print(f"{frames} frames in a row: told of {told}")
    # far apart: no harm (some the guest finds by itself, still awake from what it received)
    frames, told, woken = pings_told_of(host, vif, "-i", "0.02", "-c", "60")
    check(frames >= 60 and told > frames / 4, f"{frames} lone frames, told of {told}")
    check(woken <= 3 * frames, f"{woken} wake-ups for {frames} frames each way")
    print(f"{frames} frames far apart: told of {told}, woken {woken} times")
    # the tap is not asked again after each
    trace = Trace(host, host.daemon.pid, "-e", "trace=read")
    frames, _, _ = pings_told_of(host, vif, "-f", "-c", "400")
    vain = sum("EAGAIN" in line for line in trace.lines())
    check(vain < frames / 3, f"{frames} lone frames, {vain} reads in vain")
    print(f"{frames} lone frames, {vain} reads in vain")


def quiet(vif):
    """The one queue of a vif at which nothing moves any more."""
    def still():
        before = queues(vif)
        time.sleep(0.2)
        return queues(vif) == before and before[0]

    return until(still, 10 * PATIENCE, "quiet")


def above(histogram, bound):
    """How many values lay above a bucket's bound."""
    return sum(histogram["buckets"][histogram["le"].index(bound) + 1:])


def slow_wakeup(host, vif):
    """A wake-up of those that are timed finds a copy of a second: it is in the last bucket."""
    def slowest():
        return queues(vif)[0]["histograms"]["to_guest"]["wake_to_notify"]["buckets"][-1]

    before = slowest()
    for _ in range(5):  # a wake-up may come between
        while quiet(vif)["wakeups"] % 7:
            ask(host, '{"verb": "kick", "vif": "vif1.0"}')
        host.fault("grant_copy", hang=1)
        same(ping(host.netns, "10.0.1.2", count=1), 1, "a slow ping")
        if slowest() > before:
            return
    check(False, f"no wake-up of a second: {queues(vif)}")


@test(cost=6)
def histograms(host):
    """Histograms count each batch and round, and know a lone frame, a flood and a slow copy."""
    bridge_addresses(host)
    host.daemon.start("--max-queues", "1")
    vif, guest = connected(host, 1)
    same(ping(guest.netns, "10.0.0.1", count=20), 20, "pings")
    queue = quiet(vif)
    for way in ("from_guest", "to_guest"):
        seen, moved = queue["histograms"][way], queue[way]
        same((seen["batch_frames"]["count"], seen["batch_frames"]["sum"]),
             (moved["notify_sent"] + moved["notify_suppressed"], moved["packets"]),
             f"{way}: batches and their frames, of {moved}")
        check(above(seen["batch_frames"], 4) <= 2, f"{way}: batches of a ping each: {seen}")
        timed = seen["wake_to_notify"]["count"]
        check(1 <= timed <= queue["wakeups"] / 7 + 1, f"{way}: {timed} timed of {queue}")
        check(seen["wake_to_notify"]["sum"] / timed > 500, f"{way}: {seen} takes no time")
    rounds = [queue["histograms"][way]["ring_pending"] for way in ("from_guest", "to_guest")]
    same(rounds[0]["count"], rounds[1]["count"], "rounds, as either ring has seen them")
    check(rounds[0]["count"] >= queue["wakeups"] and rounds[0]["buckets"][0] > 0, f"{rounds}")
    same(rounds[1]["sum"] > 100 * rounds[1]["count"], True, f"buffers pending: {rounds[1]}")
    slow_wakeup(host, vif)
    guest.terminate(30 * PATIENCE)
    Guest(vif, ["--generate", "64:400000"], None, None)
    vif.wait_connected(10 * PATIENCE)
    seen = {}

    def flooded():
        seen.update(queues(vif)[0]["histograms"]["from_guest"])
        return seen["batch_frames"]["sum"] > 20000

    until(flooded, 30 * PATIENCE, "a flood")
    for name in ("batch_frames", "ring_pending"):
        check(above(seen[name], 16) > seen[name]["count"] / 3, f"a flood's {name}: {seen[name]}")


@test(cost=5)
def large_frames(host):
    """TCP with GSO: 64 KiB frames cross as one, in one copy call with others of their batch."""
    bridge_addresses(host)
    host.daemon.start("--max-queues", "2")
    vif, guest = connected(host, 1, queues=2)
    load = TcpLoad(host.netns, guest.netns, "10.0.0.1", flows=2)
    load.wait_progress(30 * PATIENCE, 8 << 20)
    load.stop()
    for way in ("from_guest", "to_guest"):
        seen = sums(vif, way)
        batches_ = seen["notify_sent"] + seen["notify_suppressed"]
        check(seen["copy_calls"] <= batches_ + 2, f"copy calls and batches: {seen}")
        check(seen["bytes"] / seen["copy_calls"] > 2048, f"bytes a copy call: {seen}")
        check(seen["gso_packets"] > 50, f"GSO frames: {seen}")


@test(cost=5)
def system_calls(host):
    """strace counts a worker's calls under load: one write a frame, the rest by the batch."""
    host.daemon.start("--max-queues", "1")
    vif = host.domain(1).vif().add(bridge="xenbr0")
    guest = Guest(vif, ["--generate", "64:6s"], None, None)
    vif.wait_connected(10 * PATIENCE)
    time.sleep(0.5)
    trace = os.path.join(host.directory, "strace.sum")
    before = sums(vif, "from_guest")
    tracer = subprocess.Popen(["strace", "-f", "-c", "-qq", "-o", trace, "-p",
                               str(host.daemon.pid)])
    time.sleep(2)
    tracer.terminate()
    tracer.wait(20)
    seen = {k: v - before[k] for k, v in sums(vif, "from_guest").items()}
    guest.terminate(30 * PATIENCE)
    with open(trace) as file:
        calls = {words[-1]: int(words[3]) for words in map(str.split, file)
                 if len(words) >= 5 and words[3].isdigit() and words[-1] != "total"}
    check(seen["packets"] > 500 and calls.get("write"), f"{seen['packets']} frames, {calls}")
    others = sum(n for name, n in calls.items() if name not in ("write", "total"))
    check(others / seen["packets"] < 0.6, f"{others} calls beside writes for {seen['packets']} "
          f"frames: {calls}")
    print(f"{others / seen['packets']:.2f} calls a frame beside its write")
