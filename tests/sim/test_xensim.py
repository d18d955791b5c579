#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The simulated host itself: Debian's xenstored runs on it, and its tools do what they say."""
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

import xswire
from simhost import ROOT, SimHost, until

FETCHED = "etc/xen/scripts/vif-bridge"

host = None


def setUpModule():
    global host
    host = SimHost().start()


def tearDownModule():
    host.stop()


class Xenstored(unittest.TestCase):
    def test_a_watch_fires_when_another_writes(self):
        other = xswire.connect(host.directory)
        timer = threading.Timer(0.2, other.write, ("/test/watched", "there"))
        timer.start()
        begin = time.monotonic()
        self.assertEqual(host.store.wait("/test/watched", "there", 5), "there")
        self.assertGreater(time.monotonic() - begin, 0.1)
        timer.join()
        other.close()

    def test_a_watch_that_nothing_fires_times_out(self):
        with self.assertRaises(TimeoutError):
            host.store.wait("/test/never", "there", 0.2)

    def test_of_two_transactions_that_meet_one_is_told_to_try_again(self):
        tries = []

        def change(tx):
            tries.append(tx)
            value = int(host.store.read("/test/sum", tx))
            if len(tries) == 1:  # someone else, in between
                subprocess.run(["xenstore-write", "/test/sum", "10"], check=True, env={
                    **os.environ, "XENSTORED_PATH": f"{host.directory}/xenstored/socket"})
            host.store.write("/test/sum", value + 1, tx)

        host.store.write("/test/sum", 1)
        host.store.atomically(change)
        self.assertEqual(len(tries), 2)
        self.assertEqual(host.store.read("/test/sum"), "11")

    def test_two_hundred_writes_of_one_transaction_appear_together(self):
        host.store.write_all("/test/many", {f"key{i}": i for i in range(200)})
        self.assertEqual(len(host.store.list("/test/many")), 200)
        with self.assertRaises(ZeroDivisionError):
            host.store.atomically(lambda tx: host.store.write("/test/no", 1 / 0, tx))
        self.assertIsNone(host.store.read("/test/no"))


class Domains(unittest.TestCase):
    def test_a_domain_comes_and_goes_and_xenstored_is_told(self):
        watch = host.spawn("watch", ["xenstore-watch", "@introduceDomain", "@releaseDomain"],
                           domid=None)
        until(lambda: watch.log.count("@") == 2, 5, "both watches")  # each fires once at once
        host.domain(7)
        self.assertEqual(host.store.read("/local/domain/7/domid"), "7")
        self.assertEqual(host.counts()[7]["state"], "alive")
        until(lambda: watch.log.count("@introduceDomain") == 2, 5, "@introduceDomain")
        host.domains[7].destroy()
        until(lambda: watch.log.count("@releaseDomain") == 2, 5, "@releaseDomain")
        self.assertNotIn(7, host.counts())
        self.assertIsNone(host.store.read("/local/domain/7/domid"))
        watch.kill()

    def test_a_domain_number_can_be_used_again(self):
        for _ in range(20):
            parts = host.domain(8).vif().parts(pages=4, ports=3)
            self.assertEqual(len(set(parts.refs)), 4)
            self.assertEqual(len(set(parts.ports)), 3)
            self.assertEqual(host.held(8)["pages"], 4)
            self.assertEqual(host.held(8)["unbound"], 3)
            host.domains[8].destroy()
            self.assertEqual(parts.wait(), -signal.SIGKILL)

    def test_a_killed_program_holds_nothing(self):
        parts = host.domain(9).vif().parts()
        self.assertNotEqual(host.held(9), dict.fromkeys(host.held(9), 0))
        parts.kill()
        self.assertEqual(host.held(9), dict.fromkeys(host.held(9), 0))
        host.domains[9].destroy()

    def test_a_domain_is_made_once(self):
        host.domain(10)
        with self.assertRaisesRegex(RuntimeError, "File exists"):
            host.tool("create", 10)
        host.domains[10].destroy()
        with self.assertRaisesRegex(RuntimeError, "No such process"):
            host.tool("destroy", 10)

    def test_faults_come_on_order(self):
        host.fault("share_pages", domid=11, value=errno.ENOMEM)
        with self.assertRaisesRegex(RuntimeError, "AssertionError"):
            host.domain(11).vif().parts()
        host.domain(11).vif().parts().kill()
        host.domains[11].destroy()

    def test_a_program_of_no_domain_is_refused(self):
        out = host.run(["xenstore-ls"], domid=None, check=False)
        self.assertIn("local", out)
        nobody = host.spawn("nobody", [sys.executable, "-c", "import ctypes, os\n"
                                       "lib = ctypes.CDLL(os.environ['LD_PRELOAD'])\n"
                                       "print(lib.xenevtchn_open(None, 0))"], domid=99)
        nobody.wait()
        self.assertIn("can't join", nobody.log)
        self.assertIn("0", nobody.log.splitlines()[-1])


class Toolstack(unittest.TestCase):
    """Against a backend of three lines, and a tap that leads nowhere."""

    def backend(self, vif, states):
        def serve():
            store = xswire.connect(host.directory)
            for seen, state in states:
                store.wait(f"{vif.be}/state", seen, 10)
                store.write(f"{vif.be}/state", state)
            store.close()

        host.ip("tuntap", "add", vif.name, "mode", "tap")
        self.addCleanup(lambda: vif.name in host.links() and host.ip("link", "del", vif.name))
        thread = threading.Thread(target=serve)
        thread.start()
        return thread

    def check_add_and_remove(self, domid, *keys):
        vif = host.domain(domid).vif()
        thread = self.backend(vif, [("1", "2"), ("5", "6")])
        inside = [host.program("xensim"), "vif-add", host.directory, str(domid), "0"]
        host.run(inside + ["bridge=xenbr0", *keys])
        self.assertEqual(vif.backend("hotplug-status"), "connected")
        self.assertEqual(vif.frontend("state"), "1")
        self.assertEqual(vif.frontend("mac"), vif.backend("mac"))
        self.assertEqual(vif.frontend("backend"), vif.be)
        bridged = host.run(["ip", "-o", "link", "show", "master", "xenbr0"])
        inside[1] = "vif-remove"
        host.run(inside)
        thread.join()
        self.assertEqual(host.store.list(vif.fe) + host.store.list(vif.be), [])
        host.domains[domid].destroy()
        return bridged

    def test_the_command_adds_and_removes_a_vif(self):
        self.assertIn("vif12.0", self.check_add_and_remove(12))

    def test_the_library_writes_the_nodes_that_the_command_writes(self):
        one, two = host.domain(13).vif(0), host.domain(13).vif(1)
        thread = self.backend(one, [("1", "2")])
        host.run([host.program("xensim"), "vif-add", host.directory, "13", "0", "bridge=xenbr0",
                  "mtu=9000", "ip=10.0.0.1"])
        thread.join()
        two.plug(mtu=9000, ip="10.0.0.1")
        two.mac = one.mac
        for path in "be", "fe", "libxl":
            nodes = [sorted(host.store.tree(getattr(vif, path))) for vif in (one, two)]
            self.assertEqual(*nodes)
        for key in "script", "mtu", "ip", "bridge", "type", "online":
            self.assertEqual(one.backend(key), two.backend(key), key)
        one.forget()
        two.forget()
        host.domains[13].destroy()

    def test_debians_script_runs_unmodified(self):
        for root in host.build, os.path.join(ROOT, "build"):
            script = os.path.join(root, "xen-root", FETCHED)
            if os.path.exists(script):
                break
        self.assertIn("vif14.0", self.check_add_and_remove(14, f"script={script}"))
        self.assertFalse(os.path.exists("/run/xen-hotplug"))

    def test_unknown_keys_are_refused(self):
        with self.assertRaisesRegex(RuntimeError, "knows no key 'mca=1'"):
            host.tool("vif-add", 1, 0, "mca=1")


class Leftovers(unittest.TestCase):
    def test_a_killed_test_is_cleared_away_by_the_next_one(self):
        child = subprocess.Popen(
            [sys.executable, "-c", "from simhost import SimHost; import time\n"
             "h = SimHost().start(); h.domain(1).vif().parts(); print(h.directory, flush=True)\n"
             "time.sleep(60)"], cwd=os.path.dirname(os.path.abspath(__file__)), text=True,
            stdout=subprocess.PIPE, env={**os.environ, "XENSIM_BUILD": host.build})
        directory = child.stdout.readline().strip()
        child.kill()
        child.wait()
        child.stdout.close()
        self.assertTrue(os.path.isdir(directory))
        with open(f"{directory}/xenstored.pid") as pid:
            xenstored = pid.read().strip()
        SimHost(host.build).start().stop()
        self.assertFalse(os.path.exists(directory))
        # It may wait to be buried, which is not ours to do; but it runs no program any more.
        self.assertFalse(os.path.exists(f"/proc/{xenstored}/exe"))
        netns = subprocess.run(["ip", "netns", "list"], text=True, capture_output=True).stdout
        self.assertNotIn(f"xs{child.pid}-", netns)


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class SystemCalls(unittest.TestCase):
    def test_each_call_makes_one(self):
        trace = os.path.join(host.directory, "trace")
        parts = host.domain(15).vif().parts(pages=16, ports=1)
        program = f"""
import ctypes, os, sys
lib = ctypes.CDLL(os.environ["LD_PRELOAD"])
lib.xengnttab_open.restype = lib.xenevtchn_open.restype = ctypes.c_void_p
class Segment(ctypes.Structure):
    _fields_ = [("ref", ctypes.c_uint32), ("offset", ctypes.c_uint16), ("domid", ctypes.c_uint16),
                ("to", ctypes.c_void_p), ("len", ctypes.c_uint16), ("flags", ctypes.c_uint16),
                ("status", ctypes.c_int16)]
g, e = ctypes.c_void_p(lib.xengnttab_open(None, 0)), ctypes.c_void_p(lib.xenevtchn_open(None, 0))
buf = ctypes.create_string_buffer(4096)
segs = (Segment * 16)(*[Segment({parts.refs[0]} + i, 0, 15, ctypes.addressof(buf), 4096, 1, 9)
                        for i in range(16)])
port = lib.xenevtchn_bind_interdomain(e, 15, {parts.ports[0]})
lib.xengnttab_grant_copy(g, 16, segs)  # the first maps the domain
assert lib.xenevtchn_notify(e, port) == 0
os.write(2, b"begin")
assert lib.xengnttab_grant_copy(g, 16, segs) == 0
os.write(2, b"1")
assert lib.xenevtchn_notify(e, port) == 0
os.write(2, b"2")
assert lib.xenevtchn_pending(e) == port
os.write(2, b"3")
assert lib.xenevtchn_unmask(e, port) == 0
os.write(2, b"end")
assert all(s.status == 0 for s in segs)
"""
        command = host.command([sys.executable, "-c", program])
        done = subprocess.run(["strace", "-f", "-o", trace, *command], text=True,
                              capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(trace) as lines:
            calls = [line.split(None, 1)[1] for line in lines]
        first = next(i for i, call in enumerate(calls) if '"begin"' in call)
        last = next(i for i, call in enumerate(calls) if '"end"' in call)
        names = [call.split("(")[0] for call in calls[first + 1:last]
                 if not call.startswith("write(2,")]
        self.assertEqual(names, ["ioctl", "write", "read", "write"])
        host.domains[15].destroy()


if __name__ == "__main__":
    unittest.main()
