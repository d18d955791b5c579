#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""From the guest, one queue: the daemon against a bare loop that writes to the same kind of tap.

Usage: bench/from_guest.py [ROUNDS]       (XENSIM_BUILD: a release build)

Each round is a run of the bare loop (bench/tap_loop.c), one of the same loop that also copies each
frame, and one of a load generator in a guest, right after one another in the same network
namespace, so that a machine whose speed drifts says the same of all. What counts is the median of
the rounds' ratios.

On the simulated host a grant copy is a memcpy, made by the worker itself: so of 64 KiB frames the
copying loop is the most that a backend which copies can reach, and FLOOR, below which this fails,
is a part of it, less the spread of a shared machine. GOAL is of the bare loop. Prints a table, and ends with "N passed, N failed".
"""
import json
import os
import statistics
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "sim"))
from simhost import SimHost  # noqa: E402

GOAL = 0.7   # what the project wants, of the bare loop; whether it is reached is said
FLOOR = 0.55  # of the copying loop: below it something is wrong, whatever the machine does
SECONDS = 1
MSS = 1448
KINDS = {  # name: size in bytes, segment size
    "64-byte frames": (64, None),
    "64 KiB GSO frames": (54 + 45 * MSS, MSS),
}


def loop_rate(host, size, mss, *copy):
    """Frames a second of a loop that writes to a tap, and copies them first, or doesn't."""
    loop = os.path.join(host.build, "bench", "tap_loop")
    out = json.loads(host.run([loop, "bare0", str(size), str(SECONDS), str(mss or 0), *copy]))
    return out["frames"] / out["seconds"]


def daemon_rate(vif, size, mss):
    """Frames a second that the daemon took from a guest and wrote to its tap, none lost."""
    guest = vif.guest(netns=None, options=["--generate", f"{size}:{SECONDS}s",
                                           *(["--gso", str(mss)] if mss else [])])
    vif.wait_connected()
    before = vif.show()["queues"][0]["from_guest"]
    if guest.wait() != 0:
        raise RuntimeError(guest.log)
    out = json.loads(guest.log.strip().splitlines()[-1])
    if out["tx_okay"] != out["tx_frames"] or out["tx_frames"] == 0:
        raise RuntimeError(f"not all frames were taken: {out}")
    if any(before[name] for name in before if name.startswith(("drop", "error"))):
        raise RuntimeError(f"the daemon lost frames: {before}")
    return out["tx_okay"] / out["seconds"]


def ratio(ours, theirs):
    each = [o / t for o, t in zip(ours, theirs)]
    return statistics.median(each), f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


def main(rounds):
    failed = 0
    print(f"medians of {rounds} rounds, frames a second; of ratios also the least and most")
    with SimHost() as host:
        host.daemon.start("--max-queues", "1")
        vif = host.domain(1).vif().add(bridge=None)
        for name, (size, mss) in KINDS.items():
            bare, copying, ours = [], [], []
            for _ in range(rounds):
                bare.append(loop_rate(host, size, mss))
                copying.append(loop_rate(host, size, mss, "copy"))
                ours.append(daemon_rate(vif, size, mss))
            held_to, text = ratio(ours, copying)
            of_bare, of_bare_text = ratio(ours, bare)
            failed += held_to < FLOOR
            print(f"{name}: bare loop {statistics.median(bare):.0f}, copying loop "
                  f"{statistics.median(copying):.0f}, xenvifd {statistics.median(ours):.0f}: "
                  f"{of_bare_text} of the bare loop (goal of {GOAL} "
                  f"{'reached' if of_bare >= GOAL else 'NOT reached'}), {text} of the copying one"
                  + (f": below its floor of {FLOOR}" if held_to < FLOOR else ""), flush=True)
    print(f"{len(KINDS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
