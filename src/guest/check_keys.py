#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What xenvif-guest writes in xenstore, and how it dances, with no backend but this script.

Usage: check_keys.py BUILD-FOLDER      (status 77: no xenstored there, run scripts/xensim fetch)

The script plays toolstack and backend on a simulated host: it writes what a backend
offers, reads what the frontend makes of it, and answers its states.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FE = "/local/domain/1/device/vif/0"
BE = "/local/domain/0/backend/vif/1/0"
ALL_OFFERS = {
    "feature-rx-copy": "1", "feature-sg": "1", "feature-gso-tcpv4": "1", "feature-gso-tcpv6": "1",
    "feature-ipv6-csum-offload": "1", "feature-split-event-channels": "1",
    "multi-queue-max-queues": "4",
}
ALL_FLAGS = {
    "request-rx-copy": "1", "feature-rx-notify": "1", "feature-sg": "1",
    "feature-gso-tcpv4": "1", "feature-gso-tcpv6": "1", "feature-ipv6-csum-offload": "1",
}
SPLIT = {"tx-ring-ref", "rx-ring-ref", "event-channel-tx", "event-channel-rx"}
COMBINED = {"tx-ring-ref", "rx-ring-ref", "event-channel"}
failures = 0


def check(what, got, want):
    global failures
    if got != want:
        failures += 1
        print(f"not ok: {what}: {got!r} instead of {want!r}")


class Host:
    def __init__(self, build):
        self.build = build
        self.dir = tempfile.mkdtemp(prefix="guest-keys.", dir="/dev/shm")
        shutil.rmtree(self.dir)
        self.env = dict(os.environ, XENSIM_BUILD=build,
                        XENSTORED_PATH=self.dir + "/xenstored/socket",
                        XENSTORED_RUNDIR=self.dir + "/xenstored")
        self.guests = []
        self.xensim("start", self.dir)
        self.xensim("create", self.dir, "1")

    def xensim(self, *args):
        subprocess.run([ROOT + "/scripts/xensim", *args], env=self.env, check=True, timeout=60)

    def stop(self):
        for guest in self.guests:
            guest.kill()
            guest.wait()
        subprocess.run([ROOT + "/scripts/xensim", "stop", self.dir], env=self.env, timeout=60)

    def store(self, command, *args):
        return subprocess.run(["xenstore-" + command, *args], env=self.env, timeout=10,
                              capture_output=True, text=True).stdout.strip()

    def write(self, **nodes):
        for path, values in nodes.items():
            for key, value in values.items():
                self.store("write", {"be": BE, "fe": FE}[path] + "/" + key, value)

    def plug(self, offers):
        """A fresh vif whose backend is at InitWait."""
        self.store("rm", FE)
        self.store("rm", BE)
        self.write(be=dict(offers, frontend=FE, online="1"), fe={
            "backend": BE, "mac": "00:16:3e:00:00:01", "handle": "0"})
        self.write(fe={"backend-id": "0", "state": "1"}, be={"state": "2"})

    def keys(self):
        """The frontend's keys, as a dict of paths."""
        found = {}
        for line in self.store("ls", "-f", FE).splitlines():
            path, _, value = line.partition(" = ")
            found[path.removeprefix(FE + "/")] = value.strip('"')
        return found

    def wait(self, what, path, value):
        for _ in range(500):
            if self.store("read", path) == value:
                return
            time.sleep(0.01)
        check(what, self.store("read", path), value)

    def guest(self, *args):
        guest = subprocess.Popen(
            [ROOT + "/scripts/xensim", "run", self.dir, "1", self.build + "/src/guest/xenvif-guest",
             "--domid", "1", "--sink", "--wait", "5", *args],
            env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.guests.append(guest)
        return guest


def check_connection(host, keys, queues, channel, flags, multi=True):
    check("multi-queue-num-queues", keys.get("multi-queue-num-queues"),
          str(queues) if multi else None)
    check("flags", {k: v for k, v in keys.items() if k.startswith(("feature", "request"))}, flags)
    dirs = [""] if queues == 1 else [f"queue-{i}/" for i in range(queues)]
    values = []
    for folder in dirs:
        found = {k.removeprefix(folder) for k in keys
                 if k.startswith(folder) and ("ring-ref" in k or "event-channel" in k)}
        check(f"keys in \"{folder}\"", found, channel)
        values += [(key, keys.get(folder + key)) for key in channel]
    check("no flat keys beside queue-N", any(k in keys for k in SPLIT | COMBINED), queues == 1)
    refs = [v for k, v in values if "ref" in k]
    ports = [v for k, v in values if "event" in k]
    check("distinct references and ports", (len(set(refs)), len(set(ports))),
          (len(refs), len(ports)))


def close(host, guest, what):
    """Closing, Closed, each answered as a backend does it."""
    guest.send_signal(signal.SIGTERM)
    host.wait(what + ": Closing", FE + "/state", "5")
    host.write(be={"state": "5"})
    host.wait(what + ": Closed", FE + "/state", "6")
    host.write(be={"state": "6"})
    check(what + ": exit status", guest.wait(10), 0)


def without(*names, **more):
    return dict({k: v for k, v in ALL_FLAGS.items() if k not in names}, **more)


CASES = [
    # what, options, offers, queues, channel, flags
    ("one queue", [], ALL_OFFERS, 1, SPLIT, ALL_FLAGS),
    ("two queues", ["--queues", "2"], ALL_OFFERS, 2, SPLIT, ALL_FLAGS),
    ("more queues than offered", ["--queues", "8"], ALL_OFFERS, 4, SPLIT, ALL_FLAGS),
    ("combined", ["--combined"], ALL_OFFERS, 1, COMBINED, ALL_FLAGS),
    ("two queues, combined", ["--queues", "2", "--combined"], ALL_OFFERS, 2, COMBINED, ALL_FLAGS),
    ("a backend that offers little", ["--queues", "2"], {"feature-rx-copy": "1"}, 1, COMBINED,
     ALL_FLAGS),
    ("--no-sg", ["--no-sg"], ALL_OFFERS, 1, SPLIT, without("feature-sg")),
    ("--no-gso", ["--no-gso4", "--no-gso6"], ALL_OFFERS, 1, SPLIT,
     without("feature-gso-tcpv4", "feature-gso-tcpv6")),
    ("--no-csum", ["--no-csum4", "--no-csum6"], ALL_OFFERS, 1, SPLIT,
     without("feature-ipv6-csum-offload", **{"feature-no-csum-offload": "1"})),
    ("--no-rx-notify", ["--no-rx-notify"], ALL_OFFERS, 1, SPLIT, without("feature-rx-notify")),
]


def run_case(host, what, options, offers, queues, channel, flags):
    before = failures
    host.plug(offers)
    host.write(fe={"event-channel": "99"} if channel is SPLIT and queues == 1 else {})  # left over
    guest = host.guest(*options)
    host.wait(what + ": Connected", FE + "/state", "4")
    check_connection(host, host.keys(), queues, channel, flags,
                     multi="multi-queue-max-queues" in offers)
    host.write(be={"state": "4"})
    while "is connected" not in (line := guest.stderr.readline()) and line:
        pass
    close(host, guest, what)
    print(("ok" if failures == before else "not ok") + ": " + what)


def run_refusals(host):
    """What ends a guest, and with which status and words."""
    for what, offers, state, words in [
            ("no rx-copy", {}, "2", "feature-rx-copy"),
            ("a backend that never comes", ALL_OFFERS, "1", "still Initialising")]:
        host.plug(offers)
        host.write(be={"state": state})
        guest = host.guest("--wait", "1")
        _, err = guest.communicate(timeout=20)
        check(what + ": exit status", guest.returncode, 2)
        check(what + ": says why", words in err, True)
        print("ok: " + what if words in err else err)


def main():
    build = os.path.abspath(sys.argv[1])
    xenstored = build + "/xen-root/usr/lib/xen-4.17/bin/xenstored"
    if not os.path.exists(os.environ.get("XENSIM_XENSTORED", xenstored)):
        print("no xenstored: run scripts/xensim fetch")
        return 77
    host = Host(build)
    try:
        for case in CASES:
            run_case(host, *case)
        run_refusals(host)
    finally:
        host.stop()
    return 1 if failures else 0


sys.exit(main())
