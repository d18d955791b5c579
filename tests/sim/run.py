#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The suites over the simulated host: run.py [--brief] [--jobs N] [--list] [NAME...]

Each test has a process and a simulated host of its own; a few run at a time. A line a test, all
that its programs said when it failed, and at the end a plain count; what can't be tried on this
machine is said, and counted as skipped. NAME is a test, or a module
(matrix), or the beginning of a test's name. --brief leaves out what is too slow under
ThreadSanitizer. XENSIM_BUILD names the build folder (default: build).

A test that fails is run once more, by itself: on a machine of two cores a neighbour may have taken
the time that it gives. What a sanitizer finds, and what fails twice, has failed.
"""
import argparse
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import kit  # noqa: E402
from simhost import SANITIZER  # noqa: E402

MODULES = ("matrix", "keys", "connect", "many", "churn", "hostile", "stall", "restart", "life",
           "network", "vlan", "rate", "move", "tools", "verbs", "capture", "sandbox", "cost", "service",
           "journald", "schema", "probes")
TIME_LIMIT = 180  # seconds a test may take; sanitizers get more


class Job:
    """One test on its way."""

    def __init__(self, test):
        self.test = test
        self.begin = time.monotonic()
        self.output = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "run.py"), "--one", test.name],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT)

    def seconds(self):
        return time.monotonic() - self.begin

    def text(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def end(self):
        """SIGTERM lets it clear its host away; sweep() does if it can't."""
        self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


@kit.test(name="of_the_simulator", cost=20)
def own_suite(host):
    """test_xensim.py: what the simulated host and its tools themselves promise."""
    host.stop()
    done = subprocess.run([sys.executable, os.path.join(HERE, "test_xensim.py")], text=True,
                          capture_output=True, timeout=170)
    kit.check(done.returncode == 0, done.stdout + done.stderr)


def find_tests():
    for module in MODULES:
        if os.path.exists(os.path.join(HERE, f"{module}.py")):
            importlib.import_module(module)
    return kit.TESTS


def choose(names, brief):
    tests = [t for t in find_tests() if t.brief or not brief]
    if not names:
        return tests
    chosen = [t for t in tests if any(t.name.startswith(n) for n in names)]
    unknown = [n for n in names if not any(t.name.startswith(n) for t in tests)]
    if unknown:
        sys.exit(f"run.py: no test is called {', '.join(unknown)}; see --list")
    return chosen


def report(job, status):
    good = status in (0, kit.SKIPPED)
    text = job.text()
    word = "ok    " if status == 0 else "skipped" if good else "FAILED"
    print(f"{word} {job.test.name} ({job.seconds():.1f} s)", flush=True)
    if status != 0:
        print("    " + text.replace("\n", "\n    ").rstrip(), flush=True)
        if status < 0:
            print(f"    ended by {signal.Signals(-status).name}", flush=True)
    return good


def run_all(tests, jobs, limit):
    """Runs the tests, the long ones first, a few at a time. Returns (passed, skipped, jobs that failed)."""
    waiting = sorted(tests, key=lambda t: -t.cost)
    running, passed, skipped, failed = [], 0, 0, []
    try:
        while waiting or running:
            while waiting and len(running) < jobs and not any(j.test.alone for j in running):
                if waiting[0].alone and running:
                    break
                running.append(Job(waiting.pop(0)))
            time.sleep(0.02)
            for job in list(running):
                status = job.popen.poll()
                if status is None and job.seconds() > limit:
                    job.end()
                    job.output.seek(0, os.SEEK_END)
                    job.output.write(f"took more than {limit} s\n".encode())
                    status = 1
                if status is not None:
                    running.remove(job)
                    if not report(job, status):
                        failed.append(job)
                    elif status == 0:
                        passed += 1
                    else:
                        skipped += 1
    finally:
        for job in running:
            job.end()
    return passed, skipped, failed


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--brief", action="store_true")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        find_tests()
        return kit.run_test(args.one)
    tests = choose(args.names, args.brief)
    if args.list:
        print(*(f"{t.name:40s} {t.help}" for t in tests), sep="\n")
        return 0
    signal.signal(signal.SIGTERM, lambda n, frame: sys.exit(128 + n))
    limit = TIME_LIMIT * (3 if kit.SANITIZED else 1)
    passed, skipped, jobs = run_all(tests, args.jobs, limit)
    failed = len(jobs)
    again = [j.test for j in jobs if not SANITIZER.search(j.text())]
    if again and args.jobs > 1:
        print("once more, one at a time:")
        good, not_here, _ = run_all(again, 1, limit)
        passed, skipped, failed = passed + good, skipped + not_here, failed - good - not_here
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
