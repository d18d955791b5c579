#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the histograms of a queue cost, of the CPU time that its worker takes.

Usage: bench/histograms.py       (XENSIM_BUILD: a release build)

bench/histograms.c says what all samples of a round cost. A worker's CPU time, the kernel's part
included, is what the scheduler counts for its thread; a round of it is measured where one moves least,
at lone pings, and where it has least to do for each frame, in a flood of small ones. MOST is the part
that the samples may have of it. Prints a table, and ends with "N passed, N failed".
"""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "sim"))
from kit import BUILD, bridge_addresses, connected  # noqa: E402
from simhost import SimHost  # noqa: E402
from traffic import ping  # noqa: E402

MOST = 0.01
PINGS = 3000


def worker_ns(host, name):
    """CPU time of a thread of the daemon so far."""
    tasks = f"/proc/{host.daemon.pid}/task"
    for task in os.listdir(tasks):
        with open(f"{tasks}/{task}/comm") as comm:
            if comm.read().strip() == name:
                with open(f"{tasks}/{task}/schedstat") as stat:
                    return int(stat.read().split()[0])
    raise RuntimeError(f"no thread {name}")


def rounds(vif):
    """Rounds so far: in each the pending slots of the TX ring are looked at."""
    return vif.show()["queues"][0]["histograms"]["from_guest"]["ring_pending"]["count"]


def round_ns(host, vif, traffic):
    """CPU time of a round, while there is this traffic."""
    before = worker_ns(host, f"{vif.name}-q0"), rounds(vif)
    traffic()
    after = worker_ns(host, f"{vif.name}-q0"), rounds(vif)
    return (after[0] - before[0]) / (after[1] - before[1])


def main():
    samples = float(subprocess.run([os.path.join(BUILD, "bench", "histograms")], text=True, check=True,
                                   capture_output=True).stdout)
    found = {}
    with SimHost(BUILD) as host:
        bridge_addresses(host)
        host.daemon.start("--max-queues", "1")
        vif, guest = connected(host, 1)
        found["lone pings"] = round_ns(host, vif, lambda: ping(guest.netns, "10.0.0.1", count=PINGS))
        other = host.domain(2).vif().add(bridge=None)
        flood = other.guest(netns=None, options=["--generate", "64:2s"])
        other.wait_connected()
        found["a flood of 64-byte frames"] = round_ns(host, other, lambda: flood.running() and
                                                      subprocess.run(["sleep", "1"], check=True))
        flood.wait()
    failed = sum(samples > MOST * ns for ns in found.values())
    for name, ns in found.items():
        print(f"{name}: {ns:.0f} ns a round, of which samples {samples:.1f}: {100 * samples / ns:.2f} %"
              + (f", more than {100 * MOST:.0f} %" if samples > MOST * ns else ""))
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
