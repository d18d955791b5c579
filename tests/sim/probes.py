# SPDX-License-Identifier: GPL-2.0-or-later
"""The probes of src/base/probe.h: in the binary as they are documented, and seen by the scripts."""
import glob
import json
import os
import platform
import re
import signal
import struct
import subprocess

from hostile import hostile
from kit import BUILD, PATIENCE, bridge_addresses, check, connected, same, skip, test, until
from simhost import ROOT
from stall import start_with_timeout
from traffic import flood, ping

DAEMON = os.path.join(BUILD, "src/daemon/xenvifd")
USED = re.compile(r"\barg(\d)\b")
NOP = {"x86_64": b"\x90", "aarch64": b"\x1f\x20\x03\xd5"}


def built_in():
    """Whether this build was to have probes: sys/sdt.h is of the packages that scripts/setup names."""
    with open(os.path.join(BUILD, "meson-info", "intro-buildoptions.json")) as file:
        return next(o["value"] for o in json.load(file) if o["name"] == "usdt") != "disabled"


def listed():
    """{probe: its arguments} of the header's one list."""
    with open(os.path.join(ROOT, "src/base/probe.h")) as header:
        body = re.search(r"#define PROBES\(X\)(.*?[^\\])\n\n", header.read(), re.S).group(1)
    return {name: names.split(", ") for name, names in re.findall(
        r"X\(\s*(\w+),\s*\([^()]*\),\s*\(([^()]*)\)\)", body.replace("\\\n", " "))}


def notes():
    """[(probe, number of arguments, address of its semaphore)] of the binary's notes."""
    out = subprocess.run(["readelf", "-nW", DAEMON], text=True, capture_output=True, check=True)
    return [(name, len(arguments.split()), int(semaphore, 16)) for name, semaphore, arguments in
            re.findall(r"Provider: xenvifd\n\s+Name: (\w+)\n\s+Location:.*Semaphore: (0x\w+)\n"
                       r"\s+Arguments:(.*)", out.stdout)]


def instructions():
    """[(probe, the bytes at its place)] of the binary's notes: as many as a nop has."""
    notes_, headers = (subprocess.run(["readelf", f"-{what}W", DAEMON], text=True, capture_output=True,
                                      check=True).stdout for what in "nl")
    loads = [[int(n, 16) for n in load] for load in
             re.findall(r"^  LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+)", headers, re.M)]
    size, found = len(NOP[platform.machine()]), []
    with open(DAEMON, "rb") as file:
        for name, where in re.findall(r"Provider: xenvifd\n\s+Name: (\w+)\n\s+Location: (0x\w+)", notes_):
            offset = next(int(where, 16) - address + offset for offset, address, length in loads
                          if address <= int(where, 16) < address + length)
            file.seek(offset)
            found.append((name, file.read(size)))
    return found


def scripts():
    """{name: text} of the scripts that are installed, for this build's daemon."""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "system/trace/*.bt.in"))):
        with open(path) as file:
            found[os.path.basename(path)[:-len(".in")]] = file.read().replace(
                "@sbindir@/xenvifd", DAEMON)
    return found


@test()
def in_the_binary(host):
    """The binary has a note of each probe of the list, and no other, with its number of arguments."""
    wanted = listed()
    check(len(wanted) > 20, f"the list: {wanted}")
    seen = notes()
    if not built_in():
        same(seen, [], "notes of a build without probes")
        return
    same({name: {n for other, n, _ in seen if other == name} for name, _, _ in seen},
         {name: {len(arguments)} for name, arguments in wanted.items()}, "probes and arguments")
    places = {(name, semaphore) for name, _, semaphore in seen}
    same(len(places), len(wanted), "semaphores, one a probe")
    check(all(semaphore for _, semaphore in places), f"a probe without a semaphore: {places}")
    at = instructions()
    same(len(at), len(seen), "places of probes")
    same([each for each in at if each[1] != NOP[platform.machine()]], [], "probes that are no nop")


@test()
def in_the_scripts(host):
    """The scripts name probes that there are, and arguments that these have."""
    wanted, known = scripts(), listed()
    check(len(wanted) >= 3, f"the scripts: {list(wanted)}")
    for name, text in wanted.items():
        clauses = re.findall(r"^usdt:(\S+):xenvifd:(\w+)\n(.*?)^\}", text, re.M | re.S)
        check(clauses, f"{name} names no probe")
        same(len(clauses), text.count("usdt:"), f"{name}: probes that were understood")
        for path, probe, body in clauses:
            same(path, DAEMON, f"{name}: the program")
            check(probe in known, f"{name}: there is no probe {probe}")
            beyond = {int(n) for n in USED.findall(body) if int(n) >= len(known[probe])}
            check(not beyond, f"{name}: {probe} has only {known[probe]}, not {beyond}")


class Tracer:
    """bpftrace with one of the scripts, outside of the simulated host. Its output is .text()."""

    def __init__(self, host, name, text):
        self.path = os.path.join(host.directory, name)
        with open(self.path, "w") as file:
            file.write(text)
        self.process = host.spawn(name, ["bpftrace", "-B", "line", self.path], None, None)

    def text(self):
        return self.process.log

    def end(self):
        """Ends it as Ctrl-C does: then it prints its histograms."""
        self.process.signal(signal.SIGINT)
        self.process.wait(90 * PATIENCE)
        return self.text()


def needs_bpftrace():
    """It must be able to put probes into a program on this machine; its first probe is such a one."""
    try:
        done = subprocess.run(["bpftrace", "-e", "BEGIN { printf(\"good\\n\"); exit(); }"], text=True,
                              capture_output=True, timeout=60)
    except FileNotFoundError:
        skip("no bpftrace here")
    if "good" not in done.stdout:
        skip(f"bpftrace does not run here: {done.stderr.strip()}")


def listeners(pid):
    """{probe: how many listen to it}, as the running daemon's semaphores say."""
    with open(f"/proc/{pid}/maps") as maps:
        base = next(int(line.split("-")[0], 16) for line in maps if line.strip().endswith("/xenvifd"))
    counts = {}
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for name, _, semaphore in notes():
            memory.seek(base + semaphore)
            counts[name] = struct.unpack("H", memory.read(2))[0]
    return counts


@test(cost=8)
def traced(host):
    """bpftrace runs the scripts on the sandboxed daemon: they say what happened, and leave nothing."""
    if not built_in():
        skip("this build has no probes")
    needs_bpftrace()
    for name, text in scripts().items():
        path = os.path.join(host.directory, f"dry-{name}")
        with open(path, "w") as file:
            file.write(text)
        done = subprocess.run(["bpftrace", "-d", path], text=True, capture_output=True, timeout=60)
        same(done.returncode, 0, f"bpftrace -d {name}: {done.stderr}")
    start_with_timeout(host)
    vif, guest = connected(host, 1, queues=2)
    pid = host.daemon.pid
    same({n for n in listeners(pid).values()}, {0}, "listeners before")
    tracers = {name: Tracer(host, name, text) for name, text in scripts().items()}
    probes = set(re.findall(r"xenvifd:(\w+)\n", "".join(scripts().values())))
    until(lambda: {p for p, n in listeners(pid).items() if n} == probes, 30 * PATIENCE,
          "all probes to be listened to")
    same(ping(guest.netns, "10.0.0.1", count=5), 5, "pings")
    guest.signal(signal.SIGSTOP)
    flood(host.netns, "xenbr0", vif.mac, 1)
    until(lambda: re.search(r"vif1\.0-q\d +frames are dropped, after \d{3}", tracers["slow-guests.bt"].text()),
          10 * PATIENCE, "the slow guest to be named")
    guest.signal(signal.SIGCONT)
    until(lambda: "has buffers again" in tracers["slow-guests.bt"].text(), 10 * PATIENCE, "its end")
    rogue = host.domain(2).vif().add(bridge="xenbr0")
    hostile(rogue, "tx-prod-ahead")
    until(lambda: "vif2.0 closed: queue 0: TX ring" in tracers["drops.bt"].text(), 20 * PATIENCE,
          "the rogue to be named")
    said = {name: tracer.end() for name, tracer in tracers.items()}
    for name, pattern in (
            ("drops.bt", r"@lost\[vif1\.0-q\d, to guest, drop_stalled\]: \d+"),
            ("slow-guests.bt", r"@waited_us\[vif1\.0-q\d\]: *\n.*\|@"),
            *(("wake-latency.bt", rf"@{way}_guest_{what}_us\[vif1\.0-q\d\]: *\n(.*\n)*?.*\|@")
              for way, what in (("to", "answered"), ("to", "notified"), ("from", "answered")))):
        check(re.search(pattern, said[name]), f"{name} does not say {pattern}: {said[name][-2000:]}")
    until(lambda: {n for n in listeners(pid).values()} == {0}, 10 * PATIENCE, "them to be gone")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings afterwards")
