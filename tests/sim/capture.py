# SPDX-License-Identifier: GPL-2.0-or-later
"""vifctl capture: the frames of both rings as a pcapng file, of which a reader of our own believes
nothing that the format doesn't say."""
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import time

from hostile import hostile, report
from kit import (PATIENCE, SANITIZED, ask, bridge_addresses, check, connected, queues, same, show,
                 start, test, total, until)
from stall import TIMEOUT_MS, quiet, start_with_timeout
from traffic import Frames, TcpLoad, flood, frame, ping, tcp_pairs
from verbs import NOBODY, as_user, vifctl

BY = "02:00:00:00:00:01"


# A strict reader.

def padded(size):
    return size + 3 & ~3


def read_options(data):
    """[(code, value)] of an options list, which must end with opt_endofopt and nothing after it."""
    found = []
    while True:
        check(len(data) >= 4, "options without their end")
        code, size = struct.unpack_from("=HH", data)
        check(4 + padded(size) <= len(data), f"option {code} reaches beyond its block")
        value, rest = data[4:4 + size], data[4 + size:4 + padded(size)]
        check(not any(rest), f"padding of option {code}: {rest}")
        data = data[4 + padded(size):]
        if code == 0:
            same((size, data), (0, b""), "what comes with the end of options")
            return found
        found.append((code, value))


def option(options, code, form=None):
    values = [value for c, value in options if c == code]
    check(len(values) <= 1, f"option {code} is there {len(values)} times")
    if not values:
        return None
    return struct.unpack("=" + form, values[0]) if form else values[0].decode()


class Packet:
    def __init__(self, body, interfaces):
        number, high, low, caplen, self.len = struct.unpack_from("=IIIII", body)
        check(number < len(interfaces), f"interface {number} was not described")
        self.interface = interfaces[number]
        check(caplen <= self.len and caplen <= self.interface["snaplen"], "captured length")
        self.time = (high << 32 | low) / 1e9
        check(20 + padded(caplen) <= len(body), "data reaches beyond its block")
        self.data = body[20:20 + caplen]
        check(not any(body[20 + caplen:20 + padded(caplen)]), "padding of data")
        options = read_options(body[20 + padded(caplen):])
        check({code for code, _ in options} <= {1, 2, 4}, f"options {options}")
        self.comment = option(options, 1)
        self.inbound = {1: True, 2: False}[option(options, 2, "I")[0]]
        self.missed = (option(options, 4, "Q") or (0,))[0]
        words = self.comment.split(" ")
        same(words[0], "from-guest" if self.inbound else "to-guest", f"way of {self.comment}")
        self.says = {key: value or True for key, _, value in (w.partition("=") for w in words[1:])}

    def is_of(self, data):
        return self.data == data and self.len == len(data)


class Capture:
    """A whole file. ended: with the statistics of each interface, as a file must be that does."""

    def __init__(self, data, ended=True):
        self.interfaces, self.packets, self.statistics, self.blocks = [], [], {}, 0
        check(len(data) % 4 == 0, f"{len(data)} bytes")
        at = 0
        while at < len(data):
            kind, size = struct.unpack_from("=II", data, at)
            check(12 <= size <= len(data) - at and size % 4 == 0,
                  f"block {self.blocks} has {size} bytes")
            same(struct.unpack_from("=I", data, at + size - 4), (size,), "length at a block's end")
            self._block(kind, data[at + 8:at + size - 4])
            at += size
            self.blocks += 1
        if ended:
            same(sorted(self.statistics), list(range(len(self.interfaces))), "statistics")

    def _block(self, kind, body):
        same(kind == 0x0a0d0d0a, self.blocks == 0, "place of the section's header")
        if kind == 0x0a0d0d0a:
            magic, major, minor, size = struct.unpack_from("=IHHq", body)
            same((magic, major, minor, size), (0x1a2b3c4d, 1, 0, -1), "section")
            self.application = option(read_options(body[16:]), 4)
        elif kind == 1:
            check(not self.packets, "an interface after packets")
            link, zero, snaplen = struct.unpack_from("=HHI", body)
            options = read_options(body[8:])
            same((link, zero, option(options, 9, "B")), (1, 0, (9,)), "Ethernet, in ns")
            self.interfaces.append({"name": option(options, 2), "snaplen": snaplen})
        elif kind == 5:
            self._statistics(body)
        else:
            same(kind, 6, "kind of block")
            check(not self.statistics, "a packet after the statistics")
            self.packets.append(Packet(body, self.interfaces))

    def _statistics(self, body):
        number = struct.unpack_from("=I", body)[0]
        check(number < len(self.interfaces) and number not in self.statistics, "statistics")
        options = read_options(body[12:])
        begin, end = ((high << 32 | low) / 1e9
                      for high, low in (option(options, code, "II") for code in (2, 3)))
        check(begin <= end, f"from {begin} to {end}")
        seen, dropped, delivered = (option(options, code, "Q")[0] for code in (4, 5, 8))
        mine = [p for p in self.packets if p.interface is self.interfaces[number]]
        same((delivered, seen), (len(mine), len(mine) + dropped), "statistics, and what there is")
        check(sum(p.missed for p in mine) <= dropped, "more were missed than were dropped")
        self.statistics[number] = {"begin": begin, "end": end, "dropped": dropped,
                                   "why": option(options, 1)}

    def dropped(self):
        return sum(s["dropped"] for s in self.statistics.values())

    def why(self):
        reasons = {s["why"] for s in self.statistics.values()}
        same(len(reasons), 1, f"reasons: {reasons}")
        return reasons.pop()

    def of(self, inbound):
        return [p for p in self.packets if p.inbound == inbound]


def read_file(path, ended=True):
    with open(path, "rb") as file:
        return Capture(file.read(), ended)


def read_by_tcpdump(path):
    """The lines that tcpdump makes of it. It is to have nothing to complain of."""
    done = subprocess.run(["tcpdump", "-nn", "-e", "-r", path], text=True, capture_output=True,
                          timeout=60)
    same(done.returncode, 0, f"tcpdump: {done.stderr}")
    same(re.sub(r"reading from file .*\n", "", done.stderr), "", "what tcpdump complains of")
    return [line for line in done.stdout.splitlines() if not line.startswith("\t")]


# A capture that goes on.

class Capturing:
    """vifctl capture, beside the test. A file, unless there are words of where to write."""

    def __init__(self, host, *args, name="one", where=None):
        self.host = host
        self.path = os.path.join(host.directory, f"{name}.pcapng")
        where = ["-w", self.path] if where is None else where
        before = host.daemon.log.count(": capture of ")
        self.process = host.spawn(f"capture-{name}", [
            host.program("vifctl"), "--control", host.daemon.control, "capture", *args, *where])
        until(lambda: host.daemon.log.count(": capture of ") > before or
              not self.process.running(), 10 * PATIENCE, "the capture to begin")
        until(lambda: not where or os.path.exists(self.path) or not self.process.running(),
              10 * PATIENCE, "the file")

    def size(self):
        return os.path.getsize(self.path)

    def end(self, status=0):
        """Waits for its end: (the file, what it said)."""
        same(self.process.wait(20 * PATIENCE), status, f"vifctl capture: {self.process.log}")
        return read_file(self.path, ended=status == 0), self.process.log

    def interrupt(self):
        """Ctrl-C."""
        time.sleep(0.05)
        self.process.signal(signal.SIGINT)
        return self.end()


def until_still(vif):
    """Until its counters stand still."""
    def look():
        return [{way: q[way] for way in ("from_guest", "to_guest")} for q in queues(vif)]
    until(lambda: look() == (time.sleep(0.15), look())[1], 10 * PATIENCE, "quiet")


def one_quiet_vif(host, queues=1, **guest):
    """A vif on which nothing moves but what the test sends."""
    for name in ("host", "g1-0"):
        quiet(host, host.namespace(name))
    host.ip_batch(["link set dev xenbr0 type bridge mcast_snooping 0",
                   "addr add 10.0.0.1/16 dev xenbr0"])
    vif, front = connected(host, 1, queues=queues, address=False, **guest)
    front.address("10.0.1.2/16")
    return vif, front


def unlike(number, size):
    """A payload like no other."""
    return random.Random(number).randbytes(size)


@test(cost=4)
def frames(host):
    """Frames of either direction, whole, in order, with their place in the ring."""
    start(host)
    vif, guest = one_quiet_vif(host)
    capturing = Capturing(host, "vif1.0")
    out = [frame("02:00:00:00:00:99", vif.mac, unlike(n, 50 + 100 * n)) for n in range(10)]
    back = [frame(vif.mac, BY, unlike(n, 60 + 90 * n)) for n in range(10)]
    before = total(vif, "from_guest", "packets"), total(vif, "to_guest", "packets")
    with Frames(guest.netns, "eth0") as inside, Frames(host.netns, "xenbr0") as outside:
        for a, b in zip(out, back):
            inside.send(a)
            outside.send(b)
    until(lambda: total(vif, "from_guest", "packets") >= before[0] + 10 and
          total(vif, "to_guest", "packets") >= before[1] + 10, 5 * PATIENCE, "all of them")
    capture, said = capturing.interrupt()
    same((capture.application, capture.interfaces),
         (f"xenvifd {host.daemon.show()['version']}", [{"name": "vif1.0-q0", "snaplen": 262144}]),
         "what the file says of itself")
    check(re.fullmatch(rf"vif1\.0: {len(capture.packets)} frames captured, 0 missed; "
                       r"it was told to end\n", said), said)
    same((capture.dropped(), capture.why()), (0, "it was told to end"), "its statistics")
    for inbound, wanted in ((True, out), (False, back)):
        mine = [p for p in capture.of(inbound) if p.data[12:14] == b"\x88\xb5"]
        same([p.data for p in mine], wanted, f"frames, inbound {inbound}")
        same({p.len == len(p.data) for p in mine}, {True}, "lengths")
        places = [(int(p.says["index"]), int(p.says["slots"])) for p in capture.of(inbound)]
        for (at, slots), (then, _) in zip(places, places[1:]):
            same(then, at + slots, f"places in the ring: {places}")
        same({(p.says["response"], p.says["slots"], p.says["extras"], p.says.get("lost"))
              for p in mine}, {("okay", "1", "0", None)}, "what is said of them")
    times = [p.time for p in capture.packets]
    same(times, sorted(times), "times")
    stats = capture.statistics[0]
    check(stats["begin"] <= times[0] and times[-1] <= stats["end"] <= time.time() + 1, stats)
    same(len(read_by_tcpdump(capturing.path)), len(capture.packets), "packets that tcpdump reads")
    same(oct(os.stat(capturing.path).st_mode & 0o777), "0o600", "the file's mode")


def stream_of(packets, port):
    """The bytes of the TCP stream to this port, and the largest frame of it."""
    pieces, first, largest = {}, None, None
    for packet in packets:
        data = packet.data
        if data[12:14] != b"\x08\x00" or data[23] != 6:
            continue
        ip = 14 + (data[14] & 15) * 4
        to, seq = struct.unpack_from("!2xHI", data, ip)
        if to != port:
            continue
        if data[ip + 13] & 2:
            first = seq + 1
            continue
        size = struct.unpack_from("!H", data, 16)[0]
        payload = data[ip + (data[ip + 12] >> 4) * 4:14 + size]
        pieces[seq - first & 0xffffffff] = payload
        if not largest or packet.len > largest.len:
            largest = packet
    found = b""
    for at in sorted(pieces):
        if at <= len(found):
            found = found[:at] + pieces[at] if at + len(pieces[at]) > len(found) else found
    return found, largest


@test(cost=5, brief=True)
def streams(host):
    """A TCP stream each way, put together again from the capture; GSO frames are what they are."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=2)
    capturing = Capturing(host, "vif1.0")
    sent = [unlike(n, 300000) for n in range(2)]
    (client, server), = tcp_pairs(host.netns, guest.netns, "10.0.0.1", 1)
    ports = server.getsockname()[1], client.getsockname()[1]
    with client, server:
        for here, there, data in ((client, server, sent[0]), (server, client, sent[1])):
            here.settimeout(20 * PATIENCE)
            there.settimeout(20 * PATIENCE)
            got = b""
            for at in range(0, len(data), 60000):
                here.sendall(data[at:at + 60000])
                while len(got) < min(at + 60000, len(data)):
                    got += there.recv(1 << 17)
            same(got == data, True, "what arrived")
    capture, _ = capturing.interrupt()
    same((capture.dropped(), [i["name"] for i in capture.interfaces]),
         (0, ["vif1.0-q0", "vif1.0-q1"]), "queues")
    for inbound, port, data in ((True, ports[0], sent[0]), (False, ports[1], sent[1])):
        found, largest = stream_of(capture.of(inbound), port)
        check(found == data, f"inbound {inbound}: {len(found)} bytes of the stream are other ones")
        check(largest.len > 10000, f"inbound {inbound}: no GSO frame, {largest.comment}")
        kind, _, size = largest.says["gso"].partition(":")
        check(kind == "tcpv4" and 1300 < int(size) <= 1460, largest.comment)
        check(largest.says["csum_blank"] and largest.says["extras"] == "1", largest.comment)
        slots = int(largest.says["slots"])
        check(slots - 1 >= (largest.len + 4095) // 4096, largest.comment)
        if not inbound:
            same(slots, 1 + (largest.len + 4095) // 4096, largest.comment)
    check(len(read_by_tcpdump(capturing.path)) == len(capture.packets), "tcpdump")


@test(cost=4)
def losses(host):
    """Frames that are lost, with the counter that says so: for a tap, a grant, a guest that sleeps."""
    start_with_timeout(host)
    host.ip_batch(["addr del 10.0.0.1/16 dev xenbr0"])
    vif, guest = one_quiet_vif(host)
    capturing = Capturing(host, "vif1.0")
    data = [frame("02:00:00:00:00:99", vif.mac, unlike(n, 500)) for n in range(3)]
    with Frames(guest.netns, "eth0") as inside, Frames(host.netns, "xenbr0") as outside:
        host.ip("link", "set", "dev", vif.name, "down")
        inside.send(data[0])
        until(lambda: total(vif, "from_guest", "drop_tap_down") == 1, 5 * PATIENCE, "a tap down")
        host.ip("link", "set", "dev", vif.name, "up")
        host.fault("grant_copy", value=-3)
        inside.send(data[1])
        until(lambda: total(vif, "from_guest", "error_grant") == 1, 5 * PATIENCE, "a bad grant")
        host.clear_faults()
        guest.signal(signal.SIGSTOP)
        outside.send(frame(vif.mac, BY, data[2]))
        flood(host.netns, "xenbr0", vif.mac, TIMEOUT_MS / 1000 * 3, rate=3000)
        until(lambda: total(vif, "to_guest", "drop_stalled") > 0, 5 * PATIENCE, "stalled")
        guest.signal(signal.SIGCONT)
    until_still(vif)
    capture, _ = capturing.interrupt()
    same(capture.dropped(), 0, "missed")
    mine = {p.says.get("lost"): p for p in capture.of(True) if len(p.data) in (0, 514)}
    lost = mine["drop_tap_down"]
    check(lost.is_of(data[0]), "the frame that the tap did not take")
    same((lost.says["slots"], lost.says["response"]), ("1", "okay"), lost.comment)
    lost = mine["error_grant"]
    same((lost.len, lost.data, lost.says["response"]), (514, b"", "error"), lost.comment)
    stalled = [p for p in capture.of(False) if p.says.get("lost") == "drop_stalled"]
    same(len(stalled), total(vif, "to_guest", "drop_stalled"), "frames that were waited with")
    same({p.says["slots"] for p in stalled}, {"0"}, "what is said of them")
    check([p.data[:14] for p in stalled].count(frame(vif.mac, BY)[:14]) > 0, "those that were sent")


@test(cost=4)
def chosen(host):
    """--queue, --direction, --snaplen: no more than was asked for; and two at a time."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=2)
    before = queues(vif)
    only = [Capturing(host, "vif1.0", "--queue", "1", "--direction", "from-guest", "--snaplen", "60",
                      name="a"),
            Capturing(host, "vif1.0", "--queue", "0", "--direction", "to-guest", "-s", "14",
                      name="b")]
    begun = queues(vif)
    load = TcpLoad(host.netns, guest.netns, "10.0.0.1", flows=8)
    load.wait_progress(timeout=20 * PATIENCE)
    load.stop()
    until_still(vif)
    done = queues(vif)
    for capturing, queue, way, snaplen in zip(only, (1, 0), ("from_guest", "to_guest"), (60, 14)):
        capture, _ = capturing.interrupt()
        same(capture.interfaces, [{"name": f"vif1.0-q{queue}", "snaplen": snaplen}], "interfaces")
        same({p.inbound for p in capture.packets}, {way == "from_guest"}, "directions")
        check(all(len(p.data) == min(p.len, snaplen) for p in capture.packets), "lengths")
        after = queues(vif)
        least, most = ({key: late[queue][way][key] - early[queue][way][key]
                        for key in ("packets", "bytes")}
                       for early, late in ((begun, done), (before, after)))
        frames_ = len(capture.packets) + capture.dropped()
        check(least["packets"] <= frames_ <= most["packets"], f"{frames_} frames, of {least}, {most}")
        if capture.dropped() == 0:
            size = sum(p.len for p in capture.packets)
            check(least["bytes"] <= size <= most["bytes"], f"{size} bytes, of {least}, {most}")
        read_by_tcpdump(capturing.path)


@test(cost=4)
def ends(host):
    """A capture ends by --count, by --seconds, and with the vif's queues, and its file is whole."""
    start(host)
    vif, guest = one_quiet_vif(host)
    counted = Capturing(host, "vif1.0", "-c", "5", name="counted")
    flood(host.netns, "xenbr0", vif.mac, 0.2, size=200)
    capture, said = counted.end()
    same((len(capture.packets), capture.why()), (5, "it has as many frames as were asked for"), said)
    begin = time.monotonic()
    timed = Capturing(host, "vif1.0", "--seconds", "0.5", name="timed")
    capture, said = timed.end()
    check(0.5 <= time.monotonic() - begin < 0.5 + 5 * PATIENCE, "it took another time")
    same(capture.why(), "it was told to end", said)
    for number, leave in enumerate((lambda: guest.terminate(30 * PATIENCE),
                                    lambda: vifctl(host, "drain", "vif1.0"),
                                    lambda: vif.unplug(10 * PATIENCE))):
        if number > 0:
            guest = vif.guest(netns=guest.netns)
            vif.wait_connected(20 * PATIENCE)
        gone = Capturing(host, "vif1.0", name=f"gone{number}")
        with Frames(host.netns, "xenbr0") as outside:
            outside.send(frame(vif.mac, BY, unlike(number, 300)))
        until_still(vif)
        leave()
        capture, said = gone.end()
        same(capture.why(), "the queues of the vif have ended", said)
        check([p for p in capture.packets if p.data[14:314] == unlike(number, 300)], "the frame")
        check("no queues now" in vifctl(host, "capture", "vif1.0", "-w", gone.path, status=1)
              if number < 2 else True, "a vif without queues")
    same(gone.process.complaints(), [], "complaints")


@test(cost=4)
def daemon_ends(host):
    """The daemon ends, in good order and by SIGKILL: what there is can be read."""
    start(host)
    vif, _ = one_quiet_vif(host)
    for name, end in (("term", host.daemon.terminate), ("kill", host.daemon.kill)):
        capturing = Capturing(host, "vif1.0", name=name)
        until(lambda: flood(host.netns, "xenbr0", vif.mac, 0.02, size=1000) and
              capturing.size() > 20000, 20 * PATIENCE, "frames in the file")
        end()
        capture, said = capturing.end(status=name == "kill")
        check(len(capture.packets) >= 10, f"{len(capture.packets)} packets")
        same(capture.statistics == {}, name == "kill", "statistics")
        check(("xenvifd has ended" if name == "term" else "does not say how many it missed") in said,
              said)
        read_by_tcpdump(capturing.path)
        start(host)
        until(lambda: queues(vif), 10 * PATIENCE, "the queues to be back")
    same(ping(host.netns, "10.0.1.2"), 3, "pings afterwards")


class Reader:
    """A client by hand, that reads when it is told to."""

    def __init__(self, host, **request):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20 * PATIENCE)
        self.socket.connect(host.daemon.control)
        self.socket.sendall(json.dumps({"verb": "capture", **request}).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            line += self.socket.recv(1) or b"\n"
        self.answer = json.loads(line)

    def finish(self):
        """Says that it is enough, and reads all."""
        self.socket.shutdown(socket.SHUT_WR)
        return self.rest()

    def rest(self):
        data = b""
        while more := self.socket.recv(1 << 20):
            data += more
        self.socket.close()
        return Capture(data)


@test(cost=6, brief=True)
def slow_reader(host):
    """A reader that stalls costs the capture frames, each of them counted, and nobody else any."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1)
    until_still(vif)
    before = queues(vif)[0]
    reader = Reader(host, vif="vif1.0")
    same(reader.answer, {"schema": 1, "vif": "vif1.0", "queues": 1}, "the answer")
    memory = host.daemon.process.memory()
    load = TcpLoad(host.netns, guest.netns, "10.0.0.1")
    until(lambda: sum(queues(vif)[0][way]["bytes"] - before[way]["bytes"]
                      for way in ("from_guest", "to_guest")) > 40 << 20, 60 * PATIENCE, "40 MiB")
    load.stop()
    grown = host.daemon.process.memory() - memory
    check(grown < 2048 or SANITIZED, f"the daemon grew by {grown} KiB")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings while the reader stalls")
    until_still(vif)
    after = queues(vif)[0]
    capture = reader.finish()
    moved = sum(after[way]["packets"] - before[way]["packets"] for way in ("from_guest", "to_guest"))
    check(capture.dropped() > 100, f"{capture.dropped()} were missed")
    check(len(capture.packets) > 50, f"{len(capture.packets)} were not")
    late = sum(queues(vif)[0][way]["packets"] - after[way]["packets"]
               for way in ("from_guest", "to_guest"))
    check(moved <= len(capture.packets) + capture.dropped() <= moved + late,
          f"{len(capture.packets)} and {capture.dropped()} of {moved} frames")
    same({name: count for q in queues(vif) for way in ("from_guest", "to_guest")
          for name, count in q[way].items() if name.startswith(("drop_", "error_")) and count},
         {}, "what the guest lost")


@test(cost=3)
def vanished(host):
    """Readers that vanish, under load and at rest, leave room for the next, and nothing behind."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=2)
    load = TcpLoad(host.netns, guest.netns, "10.0.0.1")
    descriptors = host.daemon.process.descriptors()
    memory = host.daemon.process.memory()
    for number in range(20):
        def begun():
            reader = Reader(host, vif="vif1.0")
            if "error" in reader.answer:  # the one before is just being noticed
                reader.socket.close()
                return None
            return reader
        reader = until(begun, 10 * PATIENCE, "the queues to be free")
        if number % 2:
            reader.socket.recv(1 << 16)
        reader.socket.close()
    load.stop()
    until(lambda: host.daemon.process.descriptors() <= descriptors, 10 * PATIENCE, "descriptors")
    if not SANITIZED:
        until(lambda: host.daemon.process.memory() < memory + 4096, 10, "the memory to be back")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings afterwards")


@test(cost=3)
def refused(host):
    """Who may not, what is captured already, one too many; and command lines that make no sense."""
    bridge_addresses(host)
    start(host)
    vif, _ = connected(host, 1, queues=8)
    status, out, err = as_user(host, NOBODY, 0, "capture", "vif1.0", "-w", "-")
    check(status == 1 and not out and "only root" in err, f"a member of the group: {status} {err}")
    path = os.path.join(host.directory, "refused.pcapng")
    readers = [Reader(host, vif="vif1.0", queue=n) for n in range(4)]
    check(all("error" not in reader.answer for reader in readers), "four at a time")
    check("there are 4 captures" in vifctl(host, "capture", "vif1.0", "--queue", "5", "-w", path,
                                           status=1), "a fifth")
    readers.pop().finish()
    for args, words in ((["--queue", "1"], "queue 1 of vif1.0 is captured already"),
                        ([], "vif1.0 is captured already, or one of its queues"),
                        (["--queue", "8"], "vif1.0 has queues 0 to 7")):
        error = vifctl(host, "capture", "vif1.0", *args, "-w", path, status=1)
        check(words in error, f"{args}: {error}")
    check("there is no vif7.7" in vifctl(host, "capture", "vif7.7", "-w", path, status=1), "a vif")
    check(not os.path.exists(path), "a file of nothing")
    error = vifctl(host, "capture", "vif1.0", "--queue", "6", "-w", "/nowhere/at/all", status=1)
    check("/nowhere/at/all" in error, error)
    for reader in readers:
        reader.finish()
    for more, words in (({"direction": "up"}, "from-guest, to-guest or both"),
                        ({"direction": 7}, "from-guest, to-guest or both"),
                        ({"snaplen": 0}, "1 to 262144"), ({"snaplen": 262145}, "1 to 262144"),
                        ({"count": 0}, "1 or more"), ({"count": "x"}, "1 or more"),
                        ({"queue": -1}, "queues 0 to 7"), ({"queue": 0.5}, "queues 0 to 7")):
        answer = ask(host, json.dumps({"verb": "capture", "vif": "vif1.0", **more}))
        check(words in answer.get("error", ""), f"{more}: {answer}")
    for wrong in (["capture"], ["capture", "vif1.0", "more"], ["capture", "vif1.0", "-c", "0"],
                  ["capture", "vif1.0", "-c", "x"], ["capture", "vif1.0", "-s", "0"],
                  ["capture", "vif1.0", "--queue", "64"], ["capture", "vif1.0", "--queue", ""],
                  ["capture", "vif1.0", "--direction", "up"], ["capture", "vif1.0", "--json"],
                  ["capture", "vif1.0", "--seconds", "0"], ["capture", "vif1.0", "--watch", "1"],
                  ["list", "-c", "1"], ["list", "--write", "x"], ["list", "--seconds", "1"]):
        error = vifctl(host, *wrong, status=2)
        check("--help" in error and error.count("\n") == 1, f"{wrong}: {error}")


@test(cost=3)
def piped(host):
    """Into a pipe: tcpdump shows frames as they come, and who has enough ends it."""
    start(host)
    vif, _ = one_quiet_vif(host)
    command = host.command([host.program("vifctl"), "--control", host.daemon.control, "capture",
                            "vif1.0"])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ours, \
            subprocess.Popen(["tcpdump", "-nn", "-e", "-l", "-c", "3", "-r", "-"], text=True,
                             stdin=ours.stdout, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE) as theirs:
        ours.stdout.close()
        until(lambda: "capture of 1 queue begins" in host.daemon.log, 10 * PATIENCE, "it to begin")
        with Frames(host.netns, "xenbr0") as outside:
            for n in range(3):
                outside.send(frame(vif.mac, BY, unlike(n, 300)))
                line = theirs.stdout.readline()
                while vif.mac not in line and line:
                    line = theirs.stdout.readline()
                check(f"{BY} > {vif.mac}" in line and "length 314" in line, line)
            same(theirs.wait(10 * PATIENCE), 0, "tcpdump")
            until(lambda: outside.send(frame(vif.mac, BY, b"")) or ours.poll() is not None,
                  10 * PATIENCE, "it to find nobody there")
        same(ours.returncode, -signal.SIGPIPE, "how it ended")
    whole = Capturing(host, "vif1.0", "--json", "-c", "2", name="json")
    flood(host.netns, "xenbr0", vif.mac, 0.1)
    same(whole.process.wait(10 * PATIENCE), 0, whole.process.log)
    same(json.loads(whole.process.log),
         {"schema": 1, "vif": "vif1.0", "frames": 2, "missed": 0,
          "end": "it has as many frames as were asked for"}, "the summary as JSON")


@test(cost=4)
def hostile_guests(host):
    """Guests that change slots under the worker, and one that is closed for it, while captured."""
    start(host)
    for name in ("host", "g1-0"):
        quiet(host, host.namespace(name))
    vif, wild = (host.domain(domid).vif().add(bridge="xenbr0") for domid in (1, 2))
    guest = hostile(vif, f"flip-valid:{2 if SANITIZED else 1}")
    vif.wait_connected(20 * PATIENCE)
    good = Capturing(host, "vif1.0", "-c", "3000", name="good")
    check(report(guest)["alive"], "flip-valid")
    capture, _ = good.end()
    counted = {p.says["response"] for p in capture.of(True)}
    check(counted <= {"okay", "error"} and "okay" in counted, f"answers: {counted}")
    check(len(capture.of(True)) > 20, f"{len(capture.packets)} packets")
    for p in capture.of(True):
        check(len(p.data) in (0, p.len) and int(p.says["slots"]) <= 21, p.comment)
    hostile(wild, "flip:5")
    wild.wait_connected(20 * PATIENCE)
    reader = Reader(host, vif="vif2.0")
    if "error" in reader.answer:  # it was closed already
        check("no queues now" in reader.answer["error"], reader.answer)
    else:
        same(reader.rest().why(), "the queues of the vif have ended", "why it ended")


@test(cost=6, brief=True)
def churn(host):
    """Captures begin and end on vifs that come, carry traffic and go: nothing is left behind."""
    bridge_addresses(host)
    start(host)
    other, guest = connected(host, 1, queues=2)
    load = TcpLoad(host.netns, guest.netns, "10.0.0.1")
    vif = host.domain(2).vif().add(bridge="xenbr0")
    wholes = 0
    for number in range(4 if SANITIZED else 8):
        front = vif.guest(queues=2, netns=None, options=["--generate", "1000:1s"])
        vif.wait_connected(20 * PATIENCE)
        readers = [Reader(host, vif=name, snaplen=100) for name in ("vif1.0", "vif2.0")]
        if number % 2:
            front.kill()
        else:
            front.terminate(30 * PATIENCE)
        for reader in readers:
            if "error" in reader.answer:
                continue
            if number % 3 == 2:
                reader.socket.close()
                continue
            wholes += reader.finish().blocks > 0
        vif.unplug(0.2 if number % 2 else 10 * PATIENCE)  # who was killed does not close it
        vif.add(bridge="xenbr0")
    load.stop()
    check(wholes > 4, f"{wholes} captures to their end")
    until(lambda: host.daemon.log.count(": capture of ") == host.daemon.log.count("capture ends"),
          10 * PATIENCE, "every capture to end")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings afterwards")
