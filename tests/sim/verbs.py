# SPDX-License-Identifier: GPL-2.0-or-later
"""vifctl's verbs: what each shows and does, for people and programs, and who may use it."""
import contextlib
import fcntl
import itertools
import json
import os
import pty
import re
import select
import shutil
import socket
import struct
import subprocess
import termios
import time

from hostile import hostile
from kit import (PATIENCE, SANITIZED, Background, Frontend, ask, bridge_addresses, check, connected,
                 names_in_stats, queues, same, show, start, test, total, until)
from simhost import ROOT
from stall import TIMEOUT_MS, start_with_timeout
from tools import run
from traffic import flood, ping

READING = {"show": [], "list": [], "stats": [], "queues": [], "rings": [], "explain": ["vif1.0"],
           "log": [], "metrics": [], "dump": [], "owners": [],
           "list-commands": []}
NOBODY = 65534


def vifctl(host, *args, status=0, **more):
    """What vifctl prints. It is to end with this status, and complain only if that is not 0."""
    got, out, err = run(host, "vifctl", "--control", host.daemon.control, *args, **more)
    same(got, status, f"status of vifctl {args}: {out}{err}")
    check(bool(err) == (status != 0), f"vifctl {args} complains: {err!r}")
    return out if status == 0 else err


def in_json(host, *args):
    document = json.loads(vifctl(host, *args, "--json"))
    same(document["schema"], 1, f"schema of {args}")
    return document


def causes(host, name):
    """{cause: text} of explain; text and JSON agree, and each says what to do."""
    for _ in range(10):  # things go on between two looks, and counters all the time
        answer = in_json(host, "explain", name)
        text = vifctl(host, "explain", name)
        wanted = [re.sub(r"\d+", "N", c[key]) for c in answer["causes"] for key in ("text", "do")]
        if all(words and words in re.sub(r"\d+", "N", text) for words in wanted):
            break
    else:
        check(False, f"as JSON {wanted}, as text {text}")
    same([p["who"] for p in answer["parties"]],
         ["toolstack", "hotplug script", "backend", "frontend", "tap", "xen-netback"], "parties")
    return {cause["cause"]: cause["text"] for cause in answer["causes"]}


def has_cause(host, name, cause, words, timeout=10):
    found = {}

    def there():
        found.clear()
        found.update(causes(host, name))
        return cause in found

    try:
        until(there, timeout * PATIENCE, cause, 0.1)
    except TimeoutError:
        check(False, f"explain {name} finds {found}, and not {cause}")
    check(words in found[cause], f"{cause}: {found[cause]!r}, wanted {words!r}")
    return found


def advice(host, name, cause):
    """What explain says is to be done about it."""
    return {c["cause"]: c["do"] for c in in_json(host, "explain", name)["causes"]}[cause]


def one_vif(host, queues=2):
    bridge_addresses(host)
    start(host)
    return connected(host, 1, queues=queues)


@test(cost=4)
def reading(host):
    """list, stats, queues, dump: all of it is what show says."""
    vif, guest = one_vif(host)
    waiting = host.domain(2).vif().plug(bridge="xenbr0")
    waiting.wait_backend("2")
    same(ping(guest.netns, "10.0.0.1", count=5), 5, "pings")
    for name, args in READING.items():
        in_json(host, name, *args)
    listed = in_json(host, "list")["vifs"]
    same([tuple(v[k] for k in ("name", "domid", "state", "queues", "tap")) for v in listed],
         [("vif1.0", 1, "Connected", 2, "vif1.0"), ("vif2.0", 2, "InitWait", 0, "vif2.0")], "list")
    lines = vifctl(host, "list").splitlines()
    same([line.split()[:4] for line in lines[1:]],
         [["vif1.0", "1", "Connected", "2"], ["vif2.0", "2", "InitWait", "0"]], "list as text")
    check(listed[1]["reason"] in lines[2] and lines[1].endswith(" -"), lines)
    names = names_in_stats()
    stats = in_json(host, "stats", "vif1.0")["vifs"]
    same(len(stats), 1, "vifs that were named")
    same(sorted(stats[0]["from_guest"]), sorted(names["from_guest"]), "counters")
    check(5 <= stats[0]["to_guest"]["packets"] <= total(vif, "to_guest", "packets"), stats)
    check(re.search(r"^vif1\.0 +from guest +\d+ ", vifctl(host, "stats"), re.M), "stats as text")
    each = in_json(host, "queues")["vifs"]
    same([len(v["queues"]) for v in each], [2, 0], "queues")
    same(set(each[0]["queues"][0]),
         {"queue", "from_guest", "to_guest", "histograms", *names["queue"]}, "a queue")
    text = vifctl(host, "queues")
    check("vif2.0:\n  no queues" in text and "queue 1)" in text, text)


@test(cost=3)
def dump(host):
    """dump: a line a vif, the columns that the man page names, in that order."""
    vif, _ = one_vif(host)
    host.domain(2).vif().plug(bridge="xenbr0").wait_backend("2")
    document = in_json(host, "dump")
    with open(os.path.join(ROOT, "src/vifctl/vifctl.8")) as page:
        section = re.search(r"\.SS dump\n.*?\.PP\n(.*?)\n\.S", page.read(), re.S).group(1)
    same(re.findall(r"^\.B(?:R)? (\w+)", section, re.M), document["columns"], "the man page's columns")
    lines = vifctl(host, "dump").splitlines()
    same([len(line.split("\t")) for line in lines], [len(document["columns"])] * 2, "columns")
    row = dict(zip(document["columns"], lines[0].split("\t")))
    same((row["name"], row["domid"], row["state"], row["mac"], row["tap"], row["carrier"],
          row["queues"], row["reason"]),
         ("vif1.0", "1", "Connected", vif.mac, "vif1.0", "on", "2", "-"), "the first vif")
    check("waiting for" in lines[1].split("\t")[-1], lines[1])
    check("" not in "\t".join(lines).split("\t"), "an empty column")


@test(cost=4)
def watch(host):
    """stats -w: per second, of both directions; a reconnection does not make it negative."""
    vif, guest = one_vif(host)
    command = host.command([host.program("vifctl"), "--control", host.daemon.control, "stats",
                            "-w", "0.3", "--json", "vif1.0"], 0, host.netns)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        try:
            first = json.loads(watching.stdout.readline())
            check(0.25 < first["seconds"] < 1 * PATIENCE, f"seconds: {first}")
            pings = guest.start("ping", ["ping", "-i", "0.01", "-q", "10.0.0.1"])
            rates = {}

            def moving():
                rates.update(json.loads(watching.stdout.readline())["vifs"][0])
                return all(rates[way]["packets"] > 15 / PATIENCE and
                           rates[way]["bytes"] > 1000 / PATIENCE
                           for way in ("from_guest", "to_guest"))

            until(moving, 10 * PATIENCE, "the pings to be seen")
            check(rates["from_guest"]["packets"] < 250, f"more than there are: {rates}")
            pings.kill()
            guest.terminate(30 * PATIENCE)
            vif.guest(queues=2)
            until(lambda: json.loads(watching.stdout.readline())["vifs"][0]["queues"] == 2,
                  20 * PATIENCE, "the next connection")
            for _ in range(3):
                now = json.loads(watching.stdout.readline())["vifs"][0]
                check(all(rate >= 0 for way in ("from_guest", "to_guest")
                          for rate in now[way].values()), f"negative: {now}")
        finally:
            watching.kill()
    text = b""
    command.remove("--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as watching:
        while text.count(b"vif1.0") < 3:
            text += watching.stdout.readline()
        watching.stdout.close()  # as head(1) does: it ends by itself
        watching.wait(20 * PATIENCE)
    check(text.count(b"per second") == 3 and b"\033" not in text, text)
    for wrong in (["stats", "-w", "0"], ["stats", "-w", "x"], ["stats", "-w", "1x"],
                  ["list", "-w", "1"], ["-w", "nan", "stats"]):
        vifctl(host, *wrong, status=2)


def ring(host, way, queue=0, name="vif1.0"):
    return in_json(host, "rings", name)["vifs"][0]["queues"][queue][way]


def at_rest(vif, queue):
    """Whether a connected queue's rings are as they must be while nothing moves."""
    counted = queues(vif)[queue]["from_guest"]["packets"]
    tx, rx = (ring(vif.host, way, queue) for way in ("from_guest", "to_guest"))
    print(counted, tx, rx)
    return (tx["says"] == "waits for the guest to send" and
            rx["says"] == "waits for a frame from the network" and
            tx["req_prod"] == tx["fetched"] == tx["taken"] == tx["rsp_prod"] >= counted > 0 and
            tx["req_event"] > tx["req_prod"] and tx["room"] == 256 and
            rx["taken"] == rx["rsp_prod"] and rx["req_prod"] - rx["taken"] == rx["room"] and
            rx["room"] >= rx["room_wanted"] > 0)


@test(cost=4)
def rings(host):
    """rings: the indices of both rings, and who waits for whom."""
    bridge_addresses(host)
    start(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    front = Frontend(vif, vif.parts())
    front.connect()
    vif.wait_backend("4", 10 * PATIENCE)
    until(lambda: "has posted no buffers" in ring(host, "to_guest")["says"], 5 * PATIENCE,
          "the empty ring to be noticed")
    same({k: v for k, v in ring(host, "from_guest").items() if k != "req_event"},
         {"req_prod": 0, "rsp_prod": 0, "rsp_event": 1, "fetched": 0, "taken": 0, "unused": 0,
          "room": 256, "says": "waits for the guest to send"}, "an unused ring from the guest")
    same(ring(host, "to_guest")["room"], 0, "buffers")
    has_cause(host, "vif1.0", "guest-slow", "queue 0: the guest has posted no buffers")
    front.rewind()
    same(in_json(host, "rings")["vifs"], [{"name": "vif1.0", "queues": []}], "without a connection")
    check("no rings" in vifctl(host, "rings"), "rings as text")
    guest = vif.guest(queues=2)
    vif.wait_connected(20 * PATIENCE)
    guest.address("10.0.1.2/16")
    same(ping(guest.netns, "10.0.0.1", count=5), 5, "pings")
    for q in range(2):
        until(lambda q=q: at_rest(vif, q), 5 * PATIENCE, f"queue {q} to be at rest")
    text = vifctl(host, "rings", "vif1.0")
    check(text.count("waits for the guest to send") == 2 and "responses" in text, text)


@test(cost=7)
def starved(host):
    """rings and explain tell of a guest that posts too few buffers."""
    start_with_timeout(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    hostile(vif, f"one-rx-slot:{6 * PATIENCE}")
    vif.wait_connected(20 * PATIENCE)
    flood(host.netns, "xenbr0", vif.mac, 2 * TIMEOUT_MS / 1000)
    until(lambda: total(vif, "to_guest", "drop_stalled") > 0, 10 * PATIENCE, "drops")
    has_cause(host, "vif1.0", "guest-takes-nothing", "frames for it are dropped")
    seen = ring(host, "to_guest")
    check(seen["drops"] and seen["room"] < seen["room_wanted"], seen)
    check("waits for the guest to post buffers: it has 1, a frame may take" in seen["says"], seen)


@test(cost=3, brief=True)
def kick(host):
    """kick: notifies the guest's queues, each or one, and the worker goes a round."""
    vif, guest = one_vif(host)

    def kicked(*args):
        before = queues(vif)
        out = vifctl(host, "kick", "vif1.0", *args)
        until(lambda: any(now["wakeups"] > old["wakeups"] for now, old in zip(queues(vif), before)),
              5 * PATIENCE, "a worker to wake")
        return out

    same(kicked(), "vif1.0: 2 queues kicked\n", "kick")
    same(kicked("1"), "vif1.0: 1 queue kicked\n", "kick of a queue")
    for _ in range(200):
        ask(host, '{"verb": "kick", "vif": "vif1.0"}')
    same(ping(guest.netns, "10.0.0.1", count=5), 5, "pings after so many kicks")
    check("queues 0 to 1" in vifctl(host, "kick", "vif1.0", "2", status=1), "a wrong queue")
    for wrong in (["kick"], ["kick", "vif1.0", "-1"], ["kick", "vif1.0", "x"],
                  ["kick", "vif1.0", ""], ["kick", "vif1.0", "1", "2"]):
        vifctl(host, *wrong, status=2)
    for wrong in ("-1", "2", "1.5", '"0"', "null", "4294967296"):
        answer = ask(host, f'{{"verb": "kick", "vif": "vif1.0", "queue": {wrong}}}')
        check("queues 0 to 1" in answer.get("error", ""), f"queue {wrong}: {answer}")
    guest.terminate(30 * PATIENCE)
    check("no queues" in vifctl(host, "kick", "vif1.0", status=1), "without a connection")


KICKED = """
import ctypes, os, select, sys
lib = ctypes.CDLL(os.environ["LD_PRELOAD"].split(":")[-1])
lib.xengntshr_open.restype = lib.xengntshr_share_pages.restype = ctypes.c_void_p
lib.xenevtchn_open.restype = ctypes.c_void_p
refs = (ctypes.c_uint32 * 2)()
at = lib.xengntshr_share_pages(ctypes.c_void_p(lib.xengntshr_open(None, 0)), 0, 2, refs, 1)
for page in range(2):
    ctypes.memmove(at + page * 4096, bytes([0, 0, 0, 0, 1, 0, 0, 0] * 2), 16)
evtchn = ctypes.c_void_p(lib.xenevtchn_open(None, 0))
ports = [lib.xenevtchn_bind_unbound_port(evtchn, 0) for _ in range(2)]
print(*refs, *ports, flush=True)
while True:
    select.select([lib.xenevtchn_fd(evtchn)], [], [])
    port = lib.xenevtchn_pending(evtchn)
    if port in ports:
        print("event", ports.index(port), flush=True)
        lib.xenevtchn_unmask(evtchn, port)
"""


class Ears:
    """A frontend's pages and ports, and what events come there (.log). As simhost's Parts."""

    def __init__(self, host, domid):
        self.process = host.spawn("ears", ["python3", "-c", KICKED], domid, None)
        line = until(lambda: self.process.log.splitlines()[:1], 10 * PATIENCE, "pages and ports")
        numbers = [int(n) for n in line[0].split()]
        self.refs, self.ports = numbers[:2], numbers[2:]

    def events(self):
        return [self.process.log.count(f"event {n}\n") for n in (0, 1)]


@test(cost=2)
def kick_is_heard(host):
    """A kicked queue's guest gets an event on both channels, though nothing moved."""
    start(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    ears = Ears(host, 1)
    Frontend(vif, ears).connect()
    vif.wait_backend("4", 10 * PATIENCE)
    until(lambda: min(ears.events()) > 0, 5 * PATIENCE, "the events of the connection")
    time.sleep(0.2)
    before = ears.events()
    vifctl(host, "kick", "vif1.0")
    until(lambda: [a - b for a, b in zip(ears.events(), before)] == [1, 1], 5 * PATIENCE,
          "an event on each")


def link(host, name):
    out = subprocess.run(["ip", "-j", "-n", host.netns, "link", "show", "dev", name], text=True,
                         capture_output=True, check=True).stdout
    return json.loads(out)[0]


@test(cost=4)
def carrier(host):
    """carrier: off, on and auto, through a reconnection; without a service manager, forgotten with the daemon."""
    vif, guest = one_vif(host)

    def has_carrier():
        return "NO-CARRIER" not in link(host, vif.name)["flags"]

    check(has_carrier(), "a connected vif has no carrier")
    check("is off" in vifctl(host, "carrier", "vif1.0", "off"), "carrier off")
    check(not has_carrier(), "it is still there")
    same((show(vif)["tap"]["carrier"], show(vif)["tap"]["carrier_set"]), (False, "off"), "in JSON")
    check("carrier set off" in vifctl(host), "show does not say it")
    has_cause(host, "vif1.0", "carrier-off", "administrator")
    guest.terminate(30 * PATIENCE)
    guest = vif.guest(queues=2)
    vif.wait_connected(20 * PATIENCE)
    check(not has_carrier(), "a reconnection has switched it on")
    vifctl(host, "carrier", "vif1.0", "auto")
    check(has_carrier(), "auto, and connected")
    vifctl(host, "carrier", "vif1.0", "on")
    guest.terminate(30 * PATIENCE)
    vif.wait_backend("6", 10 * PATIENCE)
    check(has_carrier(), "on, and not connected")
    vifctl(host, "carrier", "vif1.0", "auto")
    check(not has_carrier(), "auto, and not connected")
    vif.guest()
    vif.wait_connected(20 * PATIENCE)
    vifctl(host, "carrier", "vif1.0", "off")
    host.daemon.restart("--max-queues", "8")
    until(lambda: (show(vif) or {}).get("state") == "Connected", 10 * PATIENCE, "the vif")
    check(has_carrier(), "a daemon that was told nothing keeps it off")
    same(show(vif)["tap"]["carrier_set"], "auto", "after a restart")
    for wrong in (["carrier", "vif1.0"], ["carrier", "vif1.0", "up"], ["carrier", "vif1.0", "ON"]):
        vifctl(host, *wrong, status=2)
    answer = ask(host, '{"verb": "carrier", "vif": "vif1.0", "value": "up"}')
    check("on, off or auto" in answer["error"], answer)


@test(cost=2)
def log(host):
    """log: shows the level, and sets it for what comes."""
    start(host)
    same(vifctl(host, "log"), "info\n", "the level")
    same(vifctl(host, "log", "debug"), "debug\n", "the level that was set")
    vif = host.domain(1).vif().add(bridge="xenbr0")
    until(lambda: " debug: vif1.0: " in host.daemon.log, 5 * PATIENCE, "a line of debug")
    same(in_json(host, "log", "error")["level"], "error", "the level in JSON")
    size = len(host.daemon.log)
    check(vif.unplug(10 * PATIENCE), "it did not close")
    time.sleep(0.2)
    same(host.daemon.log[size:], "", "the log at level error")
    vifctl(host, "log", "loud", status=2)
    check("log level" in ask(host, '{"verb": "log", "value": 7}')["error"], "a level of 7")


@test(cost=4)
def drain(host):
    """drain: Closing, then Closed, and so it stays until the frontend connects again."""
    bridge_addresses(host)
    start(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    front = Frontend(vif, vif.parts())
    error = vifctl(host, "drain", "vif1.0", status=1)
    check("InitWait" in error and "nothing is to be drained" in error, error)
    front.connect()
    vif.wait_backend("4", 10 * PATIENCE)
    error = vifctl(host, "-t", "1", "drain", "vif1.0", status=1)  # it does not follow
    check("has not closed yet; its state is Connected" in error, error)
    same(vif.backend("state"), "5", "its state")
    has_cause(host, "vif1.0", "frontend-does-not-close", "still Connected")
    front.state(6)
    vif.wait_backend("6", 10 * PATIENCE)
    time.sleep(0.3)
    same((vif.states(), vif.error()), (("6", "6"), None), "states, and no error node")
    same(list(causes(host, "vif1.0")), ["drained"], "causes")
    check("vifctl drain" in show(vif)["reason"], show(vif)["reason"])
    front.state(1)
    vif.wait_backend("2", 10 * PATIENCE)
    check("drain" not in show(vif)["reason"], show(vif)["reason"])
    guest = vif.guest()
    vif.wait_connected(20 * PATIENCE)
    guest.address("10.0.1.2/16")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings after it connected again")
    same(vifctl(host, "drain", "vif1.0"), "vif1.0: Closed\n", "drain, and a guest that follows")
    same(vif.backend("state"), "6", "its state")


@test(cost=3)
def reload(host):
    """reload: says what has changed and what takes a restart; of a bad file, the line, all staying."""
    path = os.path.join(host.directory, "conf")

    def write(text):
        with open(path, "w") as file:
            file.write("[global]\n" + text)

    write("max-queues = 2\nlog-level = info\n")
    host.daemon.start("--config", path)
    same(vifctl(host, "reload"), "settings read again: nothing has changed\n", "nothing")
    write("max-queues = 3\nsandbox = log\nstall-timeout-ms = 500\nno-such = 1\n")
    vifctl(host, "log", "debug")
    answer = in_json(host, "reload")
    same({c["setting"]: (c["before"], c["after"], c["applied"]) for c in answer["changes"]},
         {"max-queues": ("2", "3", True), "stall-timeout-ms": ("10000", "500", True),
          "log-level": ("debug", "info", True), "sandbox": ("on", "log", False)}, "changes")
    same(answer["warnings"], [f'{path}:5: warning: there is no setting "no-such"'], "warnings")
    same(vifctl(host, "log"), "info\n", "the level")
    out = vifctl(host, "reload")
    check("no-such" in out and "sandbox: on -> log, after a restart\n" in out, out)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    same(vif.backend("multi-queue-max-queues"), "3", "queues of a vif that comes")
    for text, words in (("max-queues = 5\nstall-timeout-ms = never\n", ":3: error: stall-timeout-ms"),
                        ("max-queues = 0\nlog-level = loud\n", ":2: error: max-queues"),
                        ("max-queues = 5\nrubbish\n", ":3: error: neither")):
        write(text)
        error = vifctl(host, "reload", status=1)
        check(path + words in error and "nothing was changed" in error and error.count("\n") == 1,
              error)
    os.unlink(path)
    check("can't be read" in vifctl(host, "reload", status=1), "a file that is gone")
    other = host.domain(1).vif(1).add(bridge="xenbr0")
    same(other.backend("multi-queue-max-queues"), "3", "queues after bad files")
    check("settings not read again" in host.daemon.log and "max-queues: 3, and was 2" in
          host.daemon.log, host.daemon.log)


# metrics

SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="[^"\\\n]*",?)*)\} (\d+(?:\.\d+)?)')
FIRST = {"domid": r"\d+", "vif": r"vif\d+\.\d+", "queue": r"\d+",
         "direction": "from_guest|to_guest", "version": r"\d+\.\d+\.\d+",
         "le": r"\d+\.\d+(e-\d+)?|\+Inf"}
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}


def openmetrics_histogram(name, samples):
    """{labels: {"le": [], "buckets": [], "count", "sum"}} of a histogram's samples, in order."""
    found, now = {}, None
    for suffix, labels, value in samples:
        labels = dict(labels)
        le = labels.pop("le", None)
        check((le is not None) == (suffix == "_bucket"), f"{name}{suffix}: le {le}")
        whose = tuple(labels.items())
        if whose != now:
            check(whose not in found, f"{name}: the samples of {labels} are not in one piece")
            now, found[whose] = whose, {"le": [], "buckets": []}
        if suffix == "_bucket":
            found[whose]["le"].append(float(le))
            found[whose]["buckets"].append(int(value))
        else:
            check(suffix not in found[whose], f"twice: {name}{suffix} {labels}")
            found[whose][suffix[1:]] = float(value)
    for whose, seen in found.items():
        same(seen["le"], sorted(set(seen["le"])), f"{name} {whose}: bounds")
        same(seen["le"][-1:], [float("inf")], f"{name} {whose}: the last bound")
        same(seen["buckets"], sorted(seen["buckets"]), f"{name} {whose}: buckets, each with the last")
        same(seen["buckets"][-1], seen["count"], f"{name} {whose}: the last bucket, and the count")
        check("sum" in seen, f"{name} {whose} has no sum")
    return found


def openmetrics(text):
    """{family: {labels: value}} of an OpenMetrics text, read by the rules that concern it."""
    check(text.endswith("# EOF\n") and text.count("# EOF") == 1, "it does not end with # EOF")
    families, kinds, kind, name, helped = {}, {}, None, None, False
    for line in text.splitlines()[:-1]:
        if line.startswith("# TYPE "):
            name, kind = line[len("# TYPE "):].split(" ")
            check(re.fullmatch(r"[a-z][a-z_]*", name), f"name of a family: {name}")
            check(name not in families, f"family {name} is there twice, or not in one piece")
            check(kind in SUFFIXES, f"type {kind}")
            check(not re.search(r"_(total|info|created|count|sum|bucket)$", name), name)
            families[name], kinds[name], helped = {}, kind, False
        elif line.startswith("# UNIT "):
            whose, unit = line[len("# UNIT "):].split(" ")
            check(whose == name and not families[name] and name.endswith(f"_{unit}"), line)
        elif line.startswith("# HELP "):
            whose, text_ = line[len("# HELP "):].split(" ", 1)
            check(whose == name and not helped and not families[name] and text_, line)
            check("\\" not in text_ and '"' not in text_, f"it would need an escape: {line}")
            helped = True
        else:
            match = SAMPLE.fullmatch(line)
            check(match, f"no sample: {line!r}")
            suffix = match[1].removeprefix(name)
            check(match[1].startswith(name) and suffix in SUFFIXES[kind], f"the sample {line}")
            labels = re.findall(r'([a-z_]+)="([^"]*)"', match[2])
            same(len(dict(labels)), len(labels), f"labels of {line}")
            for label, value in labels:
                check(re.fullmatch(FIRST[label], value), line)
            check((suffix, *labels) not in families[name], f"twice: {line}")
            families[name][(suffix, *labels)] = match[3]
        check(helped or line.startswith(("# TYPE ", "# UNIT ")), f"no help before {line}")
    return {name: openmetrics_histogram(name, [(k[0], k[1:], v) for k, v in samples.items()])
            if kinds[name] == "histogram" else {k[1:]: int(v) for k, v in samples.items()}
            for name, samples in families.items()}


GOOD_HISTOGRAM = ("# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n# HELP a_seconds b\n"
                  'a_seconds_bucket{domid="1",le="1.024e-06"} 1\n'
                  'a_seconds_bucket{domid="1",le="2.0"} 1\n'
                  'a_seconds_bucket{domid="1",le="+Inf"} 3\n'
                  'a_seconds_count{domid="1"} 3\na_seconds_sum{domid="1"} 7.5\n# EOF\n')
BAD_HISTOGRAMS = [('} 1\na_seconds_bucket{domid="1",le="2', '} 2\na_seconds_bucket{domid="1",le="2'),
                  ('le="2.0"', 'le="1e-07"'), ('le="2.0"', 'le="2"'), ("+Inf", "9.0"),
                  ("} 3\na_seconds_sum", "} 4\na_seconds_sum"), ("_sum", "_total"),
                  ('_sum{domid="1"', '_sum{domid="1",le="1.0"'), ("UNIT a_seconds s", "UNIT a_seconds m"),
                  ('a_seconds_sum{domid="1"} 7.5\n', ""), ('a_seconds_count{domid="1"} 3\n', "")]


def as_metrics(name, histogram):
    """The family's name and what openmetrics makes of it, of a histogram as show has it."""
    unit = 1e9 if name == "wake_to_notify" else 1
    return f"xenvifd_{name}" + ("_seconds" if unit > 1 else ""), {
        "le": [b / unit if b is not None else float("inf") for b in histogram["le"]],
        "buckets": list(itertools.accumulate(histogram["buckets"])),
        "count": histogram["count"], "sum": histogram["sum"] / unit}


@test(cost=4)
def metrics(host):
    """metrics: every counter and histogram of the one list, by the rules of OpenMetrics, and as show has them."""
    same(set(openmetrics('# TYPE a counter\n# HELP a b\na_total{domid="1"} 1\n# EOF\n')), {"a"},
         "the checker, on what is good")
    same(openmetrics(GOOD_HISTOGRAM)["a_seconds"][(("domid", "1"),)]["sum"], 7.5, "a good histogram")
    for wrong in ('# TYPE a counter\n# HELP a b\na{domid="1"} 1\n# EOF\n', "# TYPE a counter\n",
                  '# TYPE a counter\na_total{domid="1"} 1\n# EOF\n', "# EOF\n# EOF\n", "\n# EOF\n",
                  *[GOOD_HISTOGRAM.replace(*change) for change in BAD_HISTOGRAMS]):
        check(wrong != GOOD_HISTOGRAM, "a change that changes nothing")
        with contextlib.suppress(AssertionError, KeyError, TypeError, AttributeError):
            openmetrics(wrong)
            raise RuntimeError(f"the checker takes {wrong!r}")
    start(host)
    openmetrics(vifctl(host, "metrics"))  # without vifs
    bridge_addresses(host)
    vif, guest = connected(host, 1, queues=2)
    host.domain(2).vif(3).plug(bridge="xenbr0").wait_backend("2")
    same(ping(guest.netns, "10.0.0.1", count=5), 5, "pings")
    for netns, name in ((guest.netns, "eth0"), (host.netns, vif.name)):
        host.ip("link", "set", "dev", name, "down", netns=netns)  # so that nothing moves
    until(lambda: queues(vif) == (time.sleep(0.3), queues(vif))[1], 10 * PATIENCE, "quiet")
    shown, text = queues(vif), vifctl(host, "metrics")
    found = openmetrics(text)
    wanted = {}
    for q in shown:
        first = (("domid", "1"), ("vif", "vif1.0"), ("queue", str(q["queue"])))
        for way in ("from_guest", "to_guest"):
            for name, value in q[way].items():
                wanted.setdefault(f"xenvifd_{name}", {})[(*first, ("direction", way))] = value
        for name in names_in_stats()["queue"]:
            wanted.setdefault(f"xenvifd_{name}", {})[first] = q[name]
        for way, histograms in q["histograms"].items():
            for name, histogram in histograms.items():
                family, seen = as_metrics(name, histogram)
                wanted.setdefault(family, {})[(*first, ("direction", way))] = seen
    others = {"xenvifd_version", "xenvifd_connected", "xenvifd_queues", "xenvifd_log_withheld"}
    same(set(found) - set(wanted), others, "families that are no counters")
    same({n: v for n, v in found.items() if n not in others}, wanted, "the counters")
    same(found["xenvifd_connected"], {(("domid", "1"), ("vif", "vif1.0")): 1,
                                      (("domid", "2"), ("vif", "vif2.3")): 0}, "connected")
    check(in_json(host, "metrics")["text"] == text, "metrics in JSON are others")


def prometheus(text):
    """{family: {labels: value}} of a text of Prometheus's older format, read by its rules."""
    families, kind, name = {}, None, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line[len("# TYPE "):].split(" ")
            check(name not in families and kind in ("counter", "gauge", "histogram"), line)
            families[name] = {}
        elif line.startswith("# HELP "):
            same(line.split(" ", 3)[2], name, "whose help it is")
        else:
            match = SAMPLE.fullmatch(line)
            check(match, f"no sample: {line!r}")
            whose = re.sub("_(bucket|sum|count)$", "", match[1]) if kind == "histogram" else match[1]
            same(whose, name, "the sample's family")
            labels = (match[1], *re.findall(r'([a-z_]+)="([^"]*)"', match[2]))
            check(labels not in families[name], f"twice: {line}")
            families[name][labels] = match[3]
    return families


@test(cost=3)
def textfile(host):
    """metrics FILE: the same in Prometheus's older format, whole or not at all; gone with the daemon."""
    one_vif(host)
    folder = os.path.join(host.directory, "textfiles")
    os.mkdir(folder)
    path = os.path.join(folder, "xenvifd.prom")
    same(vifctl(host, "metrics", path), "", "what it prints")
    same((os.listdir(folder), oct(os.stat(path).st_mode & 0o7777)), (["xenvifd.prom"], "0o644"), "it")
    with open(path) as file:
        text = file.read()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", vifctl(host, "metrics"), re.M))
    same({name: len(samples) > 0 for name, samples in prometheus(text).items()},
         {name + ("_total" if kind == "counter" else ""): True for name, kind in kinds.items()},
         "families, all with samples")
    check("# EOF" not in text and "# UNIT" not in text and text.endswith("\n"), text[-100:])
    seen = []

    def look():
        with open(path) as file:
            seen.append(prometheus(file.read()).keys())

    looking = Background(look, 0)
    for _ in range(30):
        vifctl(host, "metrics", path)
    looking.stop()
    check(len(seen) > 10 and all(keys == seen[0] for keys in seen), "it was seen half written")
    vifctl(host, "metrics", path, "--json", status=2)
    check("can't be written" in vifctl(host, "metrics", "/nowhere/file", status=1), "no directory")
    os.mkdir(os.path.join(folder, "taken"))
    vifctl(host, "metrics", os.path.join(folder, "taken"), status=1)
    same(sorted(os.listdir(folder)), ["taken", "xenvifd.prom"], "what failures leave")
    host.daemon.kill()
    vifctl(host, "metrics", path, status=1)
    same(os.listdir(folder), ["taken"], "without a daemon")
    start(host)


# explain

@test(cost=4)
def explain_setup(host):
    """explain: the script that isn't there, has not run, failed; the bridge; the frontend."""
    start(host)
    vif = host.domain(1).vif().plug(bridge="xenbr7")
    vif.wait_backend("2")
    script = os.path.join(host.directory, "vif-script")
    host.store.write(f"{vif.be}/script", script)
    seen = has_cause(host, "vif1.0", "hotplug-missing", f"{script} does not exist")
    same(list(seen), ["bridge-missing", "hotplug-missing", "frontend-not-loaded"], "all causes")
    again = "(xl network-detach 1 0) and attach it again"
    check(again in advice(host, "vif1.0", "bridge-missing"), "what to do about the bridge")
    check(again in advice(host, "vif1.0", "hotplug-missing"), "what to do about the script")
    with open(script, "w") as file:
        file.write("#!/bin/sh\n")
    os.chmod(script, 0o644)
    has_cause(host, "vif1.0", "hotplug-missing", f"{script} is not executable")
    os.chmod(script, 0o755)
    seen = has_cause(host, "vif1.0", "hotplug-not-run", f"{script} has not run")
    same(list(seen), ["bridge-missing", "hotplug-not-run", "frontend-not-loaded"], "all causes")
    check("no bridge xenbr7" in seen["bridge-missing"], seen)
    check("it may be booting" in seen["frontend-not-loaded"], seen)
    host.store.write(f"{vif.be}/hotplug-error", "ip link set vif1.0 master xenbr7 failed")
    host.store.write(f"{vif.be}/hotplug-status", "error")
    has_cause(host, "vif1.0", "hotplug-failed", "failed: ip link set vif1.0 master xenbr7 failed")
    host.store.remove(f"{vif.be}/hotplug-error")
    has_cause(host, "vif1.0", "hotplug-failed", "does not say why")
    host.store.write(f"{vif.be}/hotplug-status", "maybe")
    has_cause(host, "vif1.0", "hotplug-odd", '"maybe"')
    host.bridge("xenbr7")
    host.store.write(f"{vif.be}/hotplug-status", "connected")
    seen = has_cause(host, "vif1.0", "not-in-bridge", "vif1.0 is in no bridge, and ought to be in "
                                                      "xenbr7")
    same(list(seen), ["not-in-bridge", "frontend-not-loaded", "tap-down"], "all causes")
    host.store.write(f"{vif.be}/script", "/etc/xen/scripts/vif-route")
    check("not-in-bridge" not in causes(host, "vif1.0"), "a routed vif wants no bridge")
    host.store.write(f"{vif.fe}/state", "3")
    has_cause(host, "vif1.0", "frontend-starts", "Initialised")
    host.store.remove(f"{vif.fe}/state")
    has_cause(host, "vif1.0", "frontend-absent", f"{vif.fe}/state")
    host.store.write(f"{vif.be}/online", "0")
    has_cause(host, "vif1.0", "going", "removing it")
    stray = host.domain(2).vif()
    stray.fe = "/local/domain/9/device/vif/0"
    stray.plug(bridge="xenbr0")
    until(lambda: show(stray), 10 * PATIENCE, "the daemon to see vif2.0")
    has_cause(host, "vif2.0", "no-frontend-node", "does not name a directory of domain 2")


@test(cost=4)
def explain_connected(host):
    """explain: nothing; a tap that is down, out of its bridge, and a bridge that is down."""
    vif, guest = one_vif(host)
    same(causes(host, "vif1.0"), {}, "causes of a good vif")
    check("connected, and nothing is in the way" in vifctl(host, "explain", "vif1.0"), "as text")
    host.ip("link", "set", "dev", vif.name, "nomaster")
    same(list(has_cause(host, "vif1.0", "not-in-bridge", "xenbr0")), ["not-in-bridge"], "causes")
    host.ip("link", "set", "dev", vif.name, "master", "xenbr0")
    host.ip("link", "set", "dev", vif.name, "down")
    same(list(has_cause(host, "vif1.0", "tap-down", vif.name)), ["tap-down"], "causes")
    host.ip("link", "set", "dev", vif.name, "up")
    host.ip("link", "set", "dev", "xenbr0", "down")
    same(list(has_cause(host, "vif1.0", "bridge-down", "xenbr0")), ["bridge-down"], "causes")
    host.ip("link", "set", "dev", "xenbr0", "up")
    same(causes(host, "vif1.0"), {}, "causes once all is mended")
    guest.terminate(30 * PATIENCE)
    host.store.write(f"{vif.fe}/state", "6")
    has_cause(host, "vif1.0", "frontend-closed", "has closed its interface")
    check("echo vif-0 > /sys/bus/xen/drivers/vif/$i" in advice(host, "vif1.0", "frontend-closed"),
          "how a driver is bound anew")
    check("there is no vif7.7" in vifctl(host, "explain", "vif7.7", status=1), "an unknown vif")
    check("no \"vif\" is named" in ask(host, '{"verb": "explain"}')["error"], "no vif")


@test(cost=5)
def explain_refused(host):
    """explain: a bad key, a reference to nothing, a rogue ring, a taken name, a removed tap."""
    start(host)
    domain = host.domain(1)
    vifs = [domain.vif(n) for n in range(4)]
    host.add_vifs(vifs, bridge="xenbr0")
    parts = vifs[0].parts()
    Frontend(vifs[0], parts).connect(**{"tx-ring-ref": "none"})
    has_cause(host, "vif1.0", "bad-key", "tx-ring-ref")
    Frontend(vifs[1], parts).connect(**{"tx-ring-ref": 0x3fffff00})
    has_cause(host, "vif1.1", "not-attached", "can't map tx-ring-ref")
    hostile(vifs[2], "tx-prod-ahead")
    has_cause(host, "vif1.2", "rogue", "queue 0: TX ring: the request producer")
    check("echo vif-2 > /sys/bus/xen/drivers/vif/$i" in advice(host, "vif1.2", "rogue"),
          "how it is served again")
    vifs[2].wait_backend("6", 10 * PATIENCE)  # the guest has followed
    same(list(causes(host, "vif1.2")), ["rogue"], "all causes")
    host.ip("link", "add", "vif2.0", "type", "bridge")
    host.domain(2).vif().plug(bridge="xenbr0")
    has_cause(host, "vif2.0", "tap-impossible", "can't make the tap vif2.0")
    vifs[3].guest()
    vifs[3].wait_connected(20 * PATIENCE)
    host.ip("link", "del", "dev", "vif1.3")
    has_cause(host, "vif1.3", "tap-removed", "the tap was removed")
    host.daemon.restart("--max-queues", "8")
    has_cause(host, "vif1.0", "reported-before", "tx-ring-ref")


@test(cost=3)
def explain_netback(host):
    """explain: the kernel's backend is loaded; and it has the vif (in a sysfs of our own making)."""
    script = os.path.join(host.directory, "with-netback")
    with open(script, "w") as file:
        file.write("mount -t tmpfs none /sys/module && mkdir /sys/module/xen_netback &&\n"
                   "mount -t tmpfs none /sys/bus && mkdir -p /sys/bus/xen-backend/drivers/vif "
                   "/sys/bus/xen-backend/devices/vif-1-0 &&\n"
                   "ln -s ../../drivers/vif /sys/bus/xen-backend/devices/vif-1-0/driver &&\n"
                   'exec "$@"\n')
    # A vif that is here already stays here, though the module comes.
    host.daemon.start()
    held, guest = connected(host, 3)
    # ip netns exec has given it mounts of its own
    host.daemon.kill()
    host.daemon.start(wrap=["sh", script])
    until(lambda: len(queues(held)) == 1, 10 * PATIENCE, "the vif that was here before")
    bridge_addresses(host)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    vifs = [host.domain(domid).vif().plug(bridge="xenbr0") for domid in (1, 2)]
    for vif in vifs:
        until(lambda: "served by the kernel" in (vif.show() or {}).get("reason", ""), 5 * PATIENCE,
              "the vif to be left to the kernel")
    host.store.write(f"{vifs[0].be}/state", "4")  # as the kernel does
    time.sleep(0.5)
    same([vif.backend("state") for vif in vifs], ["4", "1"], "states, which are not ours")
    check("vif1.0" not in host.run(["ip", "-o", "link"]), "a tap was made")
    seen = has_cause(host, "vif1.0", "netback-bound", "one backend at a time")
    same(list(seen), ["netback-bound"], "all causes of a vif that the kernel serves")
    check("vif1.0: not served by xenvifd, because" in vifctl(host, "explain", "vif1.0"), "as text")
    seen = has_cause(host, "vif2.0", "netback-loaded", "xen-netback is loaded")
    check("netback-bound" not in seen and "refused" not in seen, seen)
    check(not os.path.exists("/sys/module/xen_netback"), "the machine's own sysfs was touched")


# Who may.

def as_user(host, uid, gid, *args):
    """(status, out, err) of vifctl as another user, from a place that he may enter."""
    program = os.path.join(host.directory, "vifctl")
    if not os.path.exists(program):
        shutil.copy(host.program("vifctl"), program)
    os.chmod(host.directory, 0o711)
    done = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups",
                           program, "--control", host.daemon.control, *args], text=True,
                          capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@test(cost=4)
def permissions(host):
    """Who may open the socket may read; root may change; others may nothing."""
    vif, _ = one_vif(host)
    same(oct(os.stat(host.daemon.control).st_mode & 0o7777), "0o660", "the socket's mode")
    same(os.stat(host.daemon.control).st_gid, 0, "the socket's group without group xenvifd")
    before = vif.show()
    for name, args in READING.items():
        status, out, err = as_user(host, NOBODY, 0, name, *args)
        check(status == 0 and out and not err, f"{name} as a member of the group: {status} {err}")
    for args in (["kick", "vif1.0"], ["rate", "vif1.0", "off"], ["carrier", "vif1.0", "off"],
                 ["drain", "vif1.0"], ["takeover", "vif1.0"], ["giveback", "--all"],
                 ["log", "debug"], ["reload"]):
        status, out, err = as_user(host, NOBODY, 0, *args)
        check(status == 1 and not out and "only root" in err and str(NOBODY) in err,
              f"{args} as a member of the group: {status} {out} {err}")
    # Nor past vifctl, straight at the socket.
    asks = "import json, socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); " \
           "s.sendall(json.dumps({'verb': sys.argv[2], 'vif': 'vif1.0'}).encode() + b'\\n'); " \
           "print(s.recv(65536).decode())"
    for verb in ("adopt", "release"):
        out = subprocess.run(["setpriv", f"--reuid={NOBODY}", "--regid=0", "--clear-groups",
                              "/usr/bin/python3", "-c", asks, host.daemon.control, verb],
                             text=True, capture_output=True, timeout=60).stdout
        check("only root" in out, f"{verb} as a member of the group: {out}")
    status, out, err = as_user(host, NOBODY, NOBODY, "show")
    check(status == 1 and not out and "try again as root" in err, f"a stranger: {status} {err}")
    after = vif.show()
    same((after["state"], after["tap"], vifctl(host, "log")),
         (before["state"], before["tap"], "info\n"), "what should not have changed")


@test(cost=2)
def group(host):
    """Where there is a group xenvifd, the socket is its."""
    groups = os.path.join(host.directory, "group")
    with open(groups, "w") as file:
        file.write("root:x:0:\nxenvifd:x:4711:\n")
    host.daemon.start(wrap=["sh", "-c", f'mount --bind {groups} /etc/group && exec "$@"', "sh"])
    state = os.stat(host.daemon.control)
    same((state.st_uid, state.st_gid, oct(state.st_mode & 0o7777)), (0, 4711, "0o660"), "the socket")
    status, out, err = as_user(host, NOBODY, 4711, "list")
    check(status == 0 and not err, f"a member: {status} {err}")
    same(as_user(host, NOBODY, 0, "list")[0], 1, "status of a member of root's group")


# The command line.

@test(cost=3)
def wrong_words(host):
    """Verbs, vifs and numbers of words that there are not: 2 for the command line, 1 for the rest."""
    start(host)
    for wrong, words in ((["dance"], 'what is "dance"'), (["list", "vif1.0"], '"vifctl list"'),
                         (["explain"], '"vifctl explain VIF"'), (["drain"], '"vifctl drain VIF"'),
                         (["carrier", "vif1.0"], "on|off|auto"), (["rings", "a", "b"], "[VIF]"),
                         (["-t", "0", "list"], "seconds"), (["-t", "4000", "list"], "seconds"),
                         (["dump", "x"], '"vifctl dump"')):
        error = vifctl(host, *wrong, status=2)
        check(words in error and "--help" in error and error.count("\n") == 1, f"{wrong}: {error}")
    for verb in ("show", "stats", "queues", "rings", "explain", "kick", "drain", "owners",
                 "takeover", "giveback"):
        error = vifctl(host, verb, "vif7.7", status=1)
        check("there is no vif7.7" in error and error.count("\n") == 1, f"{verb}: {error}")
    check("there is no" in vifctl(host, "carrier", "vif7.7", "on", status=1), "carrier")
    check("does not know that verb" in ask(host, '{"verb": "dance"}')["error"], "the daemon")
    usage = vifctl(host, "--help")
    commands = in_json(host, "list-commands")["commands"]
    same([c["usage"] for c in commands], vifctl(host, "list-commands").splitlines(), "both forms")
    changing = {"kick", "carrier", "drain", "rate", "reload", "capture", "takeover", "giveback"}
    check(set(READING) | changing == {c["name"] for c in commands}, commands)
    for command in commands:
        check(f"  {command['usage']} " in usage and command["help"] in usage, command)


@test(cost=2)
def timeout(host):
    """-t: a daemon that takes a connection and never answers."""
    path = os.path.join(host.directory, "deaf.sock")
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(path)
        deaf.listen(5)
        for seconds in (0.2, 1):
            begin = time.monotonic()
            status, out, err = run(host, "vifctl", "--control", path, "-t", str(seconds), "list")
            took = time.monotonic() - begin
            check(status == 1 and not out and "did not answer in time" in err, f"{status} {err}")
            check(seconds <= took < seconds + 2 * PATIENCE, f"-t {seconds} took {took:.2f} s")


def on_terminal(host, words=("show",), rows=0, **env):
    """What vifctl writes to a terminal of so many rows (0: it doesn't know)."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", rows, 120, 0, 0))
    args = [host.program("vifctl"), "--control", host.daemon.control, *words]
    words = {"TERM": "xterm", "NO_COLOR": "", **env}
    with subprocess.Popen(host.command(args, 0, host.netns, words), stdin=slave, stdout=slave,
                          stderr=slave) as program:
        os.close(slave)
        program.wait(20 * PATIENCE)
    text = b""
    with contextlib.suppress(OSError):
        while select.select([master], [], [], 0.5)[0]:
            text += os.read(master, 65536)
    os.close(master)
    return text


@test(cost=3)
def colour(host):
    """Colour is for terminals, and not where NO_COLOR is set or TERM is dumb."""
    one_vif(host)
    text = on_terminal(host)
    check(b"\033[32mConnected\033[0m" in text, text)
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        text = on_terminal(host, **env)
        check(b"Connected" in text and b"\033" not in text, f"{env}: {text}")
    check("\033" not in vifctl(host, "show"), "colour in a pipe")


@test(cost=5)
def overview(host):
    """vifctl alone: of more vifs than fit, totals, those in trouble, and how many others there are."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=2)
    same(ping(guest.netns, "10.0.0.1", count=5), 5, "pings")
    vifs = [host.domain(2).vif(n) for n in range(7)]
    host.add_vifs(vifs, bridge="xenbr0")
    for other in vifs[1:]:
        Frontend(other, other.parts()).connect()
    for other in vifs[1:]:
        other.wait_backend("4", 10 * PATIENCE)
    names = [vif.name, *(v.name for v in vifs)]
    heads = re.compile(r"^(vif\d+\.\d+): ", re.M)

    def shown(text):
        return heads.findall(re.sub(r"\x1b\[\d+m", "", text))

    same(shown(vifctl(host)), names, "eight vifs")
    more = host.domain(3).vif().add(bridge="xenbr0", rate="nonsense")
    front = Frontend(more, more.parts())
    front.connect()
    more.wait_backend("4", 10 * PATIENCE)
    names.append(more.name)
    text = vifctl(host)
    check(text.startswith("9 vifs, 8 of them connected, 9 queues\n"), text)
    same(shown(text), ["vif2.0", "vif3.0"], "those that want a look")
    check(show(vifs[0])["reason"] in text and "no limit, because" in text, text)
    check(text.endswith('\n7 others are fine: "vifctl list" has a line for each, "vifctl show" has '
                        'everything\n'), text)
    sums = re.search(r"^ +all +from guest +(\d+) ", text, re.M)
    check(sums and 5 <= int(sums[1]) <= sum(total(v, "from_guest", "packets")
                                            for v in (vif, *vifs, more)), text)
    check(len(text.splitlines()) <= 24, text)
    same(shown(vifctl(host, "show")), names, "show")
    same(len(in_json(host)["vifs"]), 9, "JSON")
    for rows, whole in ((0, False), (24, False), (61, False), (63, True)):
        text = on_terminal(host, [], rows).decode().replace("\r\n", "\n")
        same(shown(text) == names, whole, f"whether all are shown on {rows} rows: {text}")
    same(shown(on_terminal(host, ["show"], 24).decode()), names, "show on 24 rows")
    host.store.remove(f"{more.be}/rate")
    Frontend(vifs[0], vifs[0].parts()).connect()
    vifs[0].wait_backend("4", 10 * PATIENCE)
    until(lambda: 'All are fine: "vifctl list"' in vifctl(host), 5 * PATIENCE, "all to be fine")
    same(shown(vifctl(host)), [], "those that want a look")
    ask(host, '{"verb": "carrier", "vif": "vif2.1", "value": "off"}')
    same(shown(vifctl(host)), ["vif2.1"], "one without carrier")


COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_vifctl && printf '%s\\n' "${COMPREPLY[@]}"
"""


@test(cost=3)
def completion(host):
    """Bash completes verbs, vifs, and what else a verb takes."""
    start(host)
    host.add_vifs([host.domain(d).vif() for d in (1, 2)], bridge="xenbr0")
    script = os.path.join(ROOT, "src/vifctl/vifctl.bash")

    def complete(*words):
        args = ["bash", "-c", COMPLETE, "bash", script, host.program("vifctl"), "--control",
                host.daemon.control, *words]
        done = subprocess.run(args, text=True, capture_output=True, timeout=60)
        same((done.returncode, done.stderr), (0, ""), f"completing {words}")
        return done.stdout.split()

    same(complete(""), [c["name"] for c in in_json(host, "list-commands")["commands"]], "verbs")
    same(complete("dr"), ["drain"], "the beginning of a verb")
    for verb in ("explain", "kick", "carrier", "drain", "rings", "show", "stats", "queues",
                 "owners", "takeover", "giveback"):
        same(complete(verb, ""), ["vif1.0", "vif2.0"], f"vifs after {verb}")
    same(complete("show", "vif1.0", "vif2"), ["vif2.0"], "a second vif")
    same(complete("-t", "3", "--json", "explain", "vif1"), ["vif1.0"], "a vif after options")
    same(complete("carrier", "vif1.0", "o"), ["on", "off"], "the carrier")
    same(complete("log", ""), ["error", "warning", "info", "debug"], "levels")
    same(complete("rate", ""), ["vif1.0", "vif2.0"], "vifs after rate")
    same(complete("rate", "vif1.0", ""), ["off"], "a rate")
    same(complete("metrics", script[:-2]), [script], "a file for metrics")
    same(complete("explain", "vif1.0", ""), [], "nothing more")
    same(complete("--js"), ["--json"], "an option")
    same(complete("--watch", ""), [], "a number")
    same(complete("-w", "3", "stats", "vif1"), ["vif1.0"], "a vif after -w")
    same(complete("capture", "-c", "3", "vif2"), ["vif2.0"], "a vif to capture")
    same(complete("capture", "vif1.0", "--direction", ""), ["from-guest", "to-guest", "both"], "ways")
    same(complete("capture", "vif1.0", "--dir"), ["--direction"], "an option of capture")
    same(complete("capture", "vif1.0", "-w", script), [script], "a file")
    same(complete("kick", "vif1.0", ""), [], "queues of a vif that is not connected")
    host.domain(2).vif().guest(queues=3)
    until(lambda: len(queues(host.domain(2).vif())) == 3, 20 * PATIENCE, "the queues")
    same(complete("kick", "vif2.0", ""), ["0", "1", "2"], "queues to kick")
    given = {}  # each option's word and help, as --help has them
    for line in vifctl(host, "--help").split("\n\n")[2].splitlines():
        if names := re.match(r"  (?:(-\w), )?(--[\w-]+)( [A-Z]+)?  +(.*)", line):
            given |= {name: names.groups()[2:] for name in names.groups()[:2] if name}
    check({"-t", "--queue", "--all"} <= set(given), given)
    for option, (word, _) in given.items():
        same(complete(option, "3", "dra"), ["drain"] if word else [], f"a verb after {option} 3")
    given = {name: about for name, (_, about) in given.items() if name[1] == "-"}
    same(set(complete("capture", "-")), set(given), "options of capture")
    same(set(complete("-")), {name for name in given if not given[name].startswith("capture:")},
         "options")


@test(cost=3, brief=True)
def asked_all_the_time(host):
    """rings, explain and kick while vifs connect, carry traffic and go: nobody is disturbed."""
    bridge_addresses(host)
    start(host)
    about = [Background(lambda v=v: ask(host, f'{{"verb": "{v}", "vif": "vif1.0"}}'), 0.002)
             for v in ("rings", "explain", "kick", "metrics")]
    for _ in range(2 if SANITIZED else 4):
        vif, guest = connected(host, 1, queues=4)
        same(ping(guest.netns, "10.0.0.1", count=5), 5, "pings")
        guest.terminate(20 * PATIENCE)
        check(vif.unplug(10 * PATIENCE), "it did not close")
    for each in about:
        each.stop()
