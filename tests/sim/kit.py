# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests are made of: a registry of them, checks, and what is looked at again and again.

A test is a function of a started SimHost, registered with @test. It fails by raising; whatever it
leaves running is ended here in good order, and then must have left nothing: no sanitizer's report,
no mapping, no bound port.
"""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import traceback

import xswire
from simhost import SimHost, until

TESTS = []
BUILD = os.environ.get("XENSIM_BUILD") or os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "build")


def _sanitized():
    out = subprocess.run(["ldd", os.path.join(BUILD, "src/daemon/xenvifd")], text=True,
                         capture_output=True).stdout
    return "libtsan" in out and "tsan" or "libasan" in out and "asan" or ""


SANITIZED = _sanitized()
PATIENCE = 4 if SANITIZED else 1  # how much longer things may take
SKIPPED = 77  # exit status of a test that can't be tried here


class Test:
    def __init__(self, function, name, brief, cost, alone, expect_dead):
        self.function, self.name, self.brief, self.cost = function, name, brief, cost
        self.alone, self.expect_dead = alone, expect_dead
        self.help = (function.__doc__ or "").strip().split("\n")[0]


def test(name=None, brief=False, cost=1, alone=False, expect_dead=False, **given):
    """Registers a test. cost: about its seconds; alone: nothing else runs beside it."""

    def register(function):
        module = os.path.splitext(os.path.basename(function.__code__.co_filename))[0]
        full = f"{module}.{name or function.__name__.removeprefix('test_')}"

        def run(host):
            return function(host, **given)

        run.__doc__ = function.__doc__
        TESTS.append(Test(run, full, brief, cost, alone, expect_dead))
        return function

    return register


class Failed(AssertionError):
    pass


class Skipped(Exception):
    """What the test is about can't be tried here."""


def skip(why):
    raise Skipped(why)


def check(good, *what):
    """Fails the test, saying what was seen, unless good."""
    if not good:
        raise Failed(" ".join(map(str, what)))


def same(seen, wanted, what):
    check(seen == wanted, f"{what}: {seen!r}, wanted {wanted!r}")


# Running one test.

def finish(host, test_):
    """Ends all programs as an administrator would, and looks at what they leave."""
    for process in [p for p in host.processes if p.name.startswith("guest")]:
        process.terminate(60)
    daemon = host.daemon.process
    if daemon and not test_.expect_dead:
        check(daemon.running(), f"xenvifd has ended with {daemon.popen.poll()}")
        same(daemon.terminate(60), 0, "the daemon's exit status")
        held = host.held()
        same((held["interdomain"], held["maps"]), (0, 0), "ports and maps after the daemon")
    complaints = host.complaints()
    check(not complaints, f"sanitizers complain: {complaints}")


def run_test(name):
    test_ = next(t for t in TESTS if t.name == name)
    host = SimHost(BUILD)
    try:
        host.start()
        try:
            test_.function(host)
            status = 0
        except Skipped as skipped:
            print(skipped)
            status = SKIPPED
        finish(host, test_)
        return status
    except BaseException:  # pylint: disable=broad-except
        # SystemExit too: that is how a SIGTERM comes here, when it has taken too long
        traceback.print_exc()
        sys.stderr.flush()
        logs(host)
        return 1
    finally:
        host.stop()


def logs(host, lines=40):
    """The end of what the host's programs said; of sanitizers' reports, the whole."""
    for process in host.ended[-6:] + host.processes[-6:]:
        text = process.log.splitlines()
        keep = 400 if process.complaints() else lines
        print(f"--- {process.name} (pid {process.pid}):", *text[-keep:], sep="\n",
              file=sys.stderr)


# Vifs and guests.

def connected(host, domid, devid=0, address=True, add=None, **guest):
    """A guest on a vif of its own, connected and addressed 10.0.D.N+2; returns (vif, guest)."""
    vif = host.domain(domid).vif(devid).add(bridge="xenbr0", **(add or {}))
    front = vif.guest(**guest)
    vif.wait_connected(20 * PATIENCE)
    if address:
        give_addresses(front)
    return vif, front


def address_of(vif):
    return f"10.0.{vif.domid}.{vif.devid + 2}"


def address6_of(vif):
    return f"fd00::{vif.domid}:{vif.devid + 2}"


def give_addresses(front):
    front.address(address_of(front.vif) + "/16")
    front.host.ip("addr", "add", address6_of(front.vif) + "/64", "dev", front.ifname,
                  "nodad", netns=front.netns)


def bridge_addresses(host):
    """The host's end: 10.0.0.1 and fd00::1 on xenbr0."""
    host.ip_batch(["addr add 10.0.0.1/16 dev xenbr0", "addr add fd00::1/64 dev xenbr0 nodad"])


def ask(host, request='{"verb": "show"}'):
    """What the daemon answers on its control socket. Quicker than vifctl, which asks the same."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20 * PATIENCE)
        sock.connect(host.daemon.control)
        sock.sendall(request.encode() + b"\n")
        answer = b""
        while data := sock.recv(1 << 20):
            answer += data
    return json.loads(answer)


def show(vif):
    """What vifctl shows of a vif, or None."""
    return next((v for v in ask(vif.host)["vifs"] if v["name"] == vif.name), None)


def queues(vif):
    return show(vif)["queues"]


def total(vif, direction, counter):
    return sum(q[direction][counter] for q in queues(vif))


def losses(vif):
    """{"queue 0 from_guest error_size": 1}: counters of lost frames that are not 0."""
    return {f"queue {q['queue']} {way} {name}": count for q in queues(vif)
            for way in ("from_guest", "to_guest") for name, count in q[way].items()
            if name.startswith(("drop_", "error_")) and count}


def start(host, *options):
    """The daemon, with what each test wants to have anyway."""
    return host.daemon.start("--max-queues", "8", *options)


def refused(host, vif, words, timeout=10):
    """The vif is to be refused: Closing, and these words in the log, the error node and vifctl."""
    vif.wait_backend("5", timeout * PATIENCE)
    error = host.store.wait(
        f"/local/domain/0/error/backend/vif/{vif.domid}/{vif.devid}/error",
        lambda text: text is not None, timeout * PATIENCE)
    check(words in error, f"the error node says {error!r}, not {words!r}")
    shown = show(vif)
    same(shown["state"], "Closing", "state in vifctl")
    same(shown["reason"], error, "reason in vifctl")
    lines = [line for line in host.daemon.log.splitlines() if f"{vif.name}:" in line]
    check(any(error in line for line in lines), f"{error!r} is not in the log: {lines[-3:]}")
    return error


# A frontend by hand, over pages and ports of its domain (Vif.parts).

class Frontend:
    """Writes the keys and states that a frontend would."""

    def __init__(self, vif, parts, first=0, queues=1, split=True):
        self.vif, self.store = vif, vif.host.store
        self.keys = {"multi-queue-num-queues": queues, "request-rx-copy": 1,
                     "feature-rx-notify": 1, "feature-sg": 1, "feature-gso-tcpv4": 1,
                     "feature-gso-tcpv6": 1, "feature-ipv6-csum-offload": 1}
        for q in range(queues):
            at = f"queue-{q}/" if queues > 1 else ""
            n = 2 * (first + q)
            self.keys |= {f"{at}tx-ring-ref": parts.refs[n], f"{at}rx-ring-ref": parts.refs[n + 1]}
            if split:
                self.keys |= {f"{at}event-channel-tx": parts.ports[n],
                              f"{at}event-channel-rx": parts.ports[n + 1]}
            else:
                self.keys[f"{at}event-channel"] = parts.ports[n]

    def state(self, state):
        self.store.write(f"{self.vif.fe}/state", state)

    def connect(self, **changes):
        """Writes the keys, with changes (None: without it, _ for - and / for __), and state 4."""
        self.store.write_all(self.vif.fe, {**self.keys, **changes, "state": 4})

    def connect_with(self, changes):
        self.connect(**changes)

    def close(self):
        """5, wait for 5; 6, wait for 6."""
        self.state(5)
        self.vif.wait_backend("5", 10 * PATIENCE)
        self.state(6)
        self.vif.wait_backend("6", 10 * PATIENCE)

    def rewind(self):
        """From wherever it is to the start: backend InitWait, frontend Initialising."""
        self.state(6)
        self.vif.wait_backend("6", 10 * PATIENCE)
        self.state(1)
        self.vif.wait_backend("2", 10 * PATIENCE)


# What goes on in xenstore.

class Journal:
    """xenstored's own trace of requests: every write there was, in order, none merged."""

    LINE = re.compile(r"^IN (\S+) \S+ \S+ (WRITE|RM|MKDIR|SET_PERMS|TRANSACTION_START|"
                      r"TRANSACTION_END) \((.*)\)\s*$")

    def __init__(self, host):
        self.path = os.path.join(host.directory, "xenstored.trace")
        self.store = xswire.connect(host.directory)
        # XS_CONTROL, 0 on the wire
        self.store._ask(0, "logfile", self.path)
        self.store._ask(0, "log", "on")

    def mark(self):
        """Where the journal is now, for writes(since)."""
        return os.path.getsize(self.path)

    def writes(self, since=0):
        """[(path, value)] of writes, (path, None) of removals. Those of failed attempts too."""
        found = []
        with open(self.path, errors="replace") as trace:
            trace.seek(since)
            for line in trace:
                match = self.LINE.match(line)
                if not match or match.group(2).startswith("TRANSACTION"):
                    continue
                words = match.group(3).split(" ", 1)
                value = words[1].strip() if len(words) > 1 and match.group(2) == "WRITE" else None
                path = words[0] if words[0].startswith("/") else f"/local/domain/0/{words[0]}"
                found.append((path.rstrip(), value))
        return found

    def states(self, vif, since=0):
        """All values that the backend's state was given, in order."""
        return [value for path, value in self.writes(since) if path == f"{vif.be}/state"]


# Traffic that goes on beside a test.

class Background:
    """Runs step(self) in a thread until stop()."""

    def __init__(self, step, every=0.005):
        self.stopped = threading.Event()
        self.error = None
        self.step, self.every = step, every
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.stopped.is_set():
                self.step()
                time.sleep(self.every)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def stop(self):
        self.stopped.set()
        self.thread.join(60)
        if self.error:
            raise self.error


def names_in_stats():
    """The names of include/stats.h: {"from_guest": [...], "to_guest": [...], "queue": [...],
    "from_guest_histograms": [...], "to_guest_histograms": [...]}."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "include", "stats.h")) as header:
        text = header.read()
    return {way.lower(): re.findall(r"\bX\(\s*(\w+),", body) for way, body in
            re.findall(r"#define STATS_(\w+)\(X\)((?:.*\\\n)+.*\n)", text)}


__all__ = ["BUILD", "Background", "Failed", "Frontend", "Journal", "PATIENCE", "SANITIZED", "address6_of",
           "address_of", "ask", "bridge_addresses", "check", "connected", "give_addresses",
           "logs", "losses", "names_in_stats", "queues", "refused", "same", "show", "skip", "start", "test",
           "total", "until"]
