# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic between network namespaces, from within the test: TCP with hashes, UDP, ping, frames.

A socket belongs to the network namespace in which it was made, whoever uses it later. So sockets
are made here by a thread that visits the namespace, and no program has to be started.
"""
import contextlib
import ctypes
import hashlib
import os
import random
import socket
import struct
import threading
import time

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
PACKET_OUTGOING = 4
ETHERTYPE = 0x88b5  # for local experiments; that of xenvif-guest's misdeeds
LIBC = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(netns):
    """This thread is in the namespace for a while."""
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{netns}", os.O_RDONLY)
    try:
        if LIBC.setns(there, CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), f"setns {netns}")
        yield
    finally:
        LIBC.setns(back, CLONE_NEWNET)
        os.close(back)
        os.close(there)


def make_socket(netns, family, kind, protocol=0):
    with inside(netns):
        return socket.socket(family, kind, protocol)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


# TCP: what is sent one way is hashed at both ends.

def _stream(seed, size, write=64):
    """size bytes as pieces, none like another."""
    base = random.Random(seed).randbytes(int(write * 1024))
    sent = 0
    while sent < size:
        piece = struct.pack("=QQ", seed, sent) + base[16:]
        yield piece[:size - sent]
        sent += len(piece)


def _send(sock, seed, size, results, key, write):
    digest = hashlib.sha256()
    for piece in _stream(seed, size, write):
        digest.update(piece)
        sock.sendall(piece)
    sock.shutdown(socket.SHUT_WR)
    results[key] = digest.hexdigest()


def _receive(sock, results, key):
    digest, size = hashlib.sha256(), 0
    while data := sock.recv(1 << 18):
        digest.update(data)
        size += len(data)
    results[key] = (size, digest.hexdigest())


def _guarded(function, errors, *args):
    def run():
        try:
            function(*args)
        except OSError as error:
            errors.append(error)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def tcp_pairs(server_ns, client_ns, address, flows, timeout=30):
    """[(socket of the client's end, socket of the server's end)], connected."""
    listener = make_socket(server_ns, family_of(address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.settimeout(timeout)
    listener.bind((address, 0))
    listener.listen(flows)
    pairs = []
    with listener:
        for _ in range(flows):
            client = make_socket(client_ns, family_of(address), socket.SOCK_STREAM)
            client.settimeout(timeout)
            client.connect((address, listener.getsockname()[1]))
            server, _ = listener.accept()
            server.settimeout(timeout)
            pairs.append((client, server))
    return pairs


def tcp_both_ways(server_ns, client_ns, address, flows=8, size=1 << 19, timeout=60, write=64):
    """Sends size bytes each way on each flow, all at once; raises unless all arrive as sent.

    write: KiB a call. Returns the bytes that were compared.
    """
    results, errors, threads = {}, [], []
    pairs = tcp_pairs(server_ns, client_ns, address, flows, timeout)
    for n, (client, server) in enumerate(pairs):
        for way, (here, there) in enumerate([(client, server), (server, client)]):
            seed = 2 * n + way + 1
            threads.append(_guarded(_send, errors, here, seed, size, results, ("sent", seed),
                                    write))
            threads.append(_guarded(_receive, errors, there, results, ("got", seed)))
    for thread in threads:
        thread.join(timeout + 5)
    for pair in pairs:
        for sock in pair:
            sock.close()
    if errors:
        raise AssertionError(f"TCP to {address}: {errors[0]!r}")
    for seed in range(1, 2 * flows + 1):
        sent = (size, results.get(("sent", seed)))
        if results.get(("got", seed)) != sent:
            raise AssertionError(f"TCP to {address}: sent {sent}, got {results.get(('got', seed))}")
    return 2 * flows * size


class TcpLoad:
    """TCP both ways that goes on until stop(), which compares the hashes of all that was sent."""

    def __init__(self, server_ns, client_ns, address, flows=2, timeout=60, chunk=65536):
        self.stopping = threading.Event()
        self.errors, self.threads, self.flows = [], [], []
        self.chunk, self.address = random.Random(7).randbytes(chunk), address
        self.pairs = tcp_pairs(server_ns, client_ns, address, flows, timeout)
        for client, server in self.pairs:
            for here, there in ((client, server), (server, client)):
                flow = {"sent": hashlib.sha256(), "got": hashlib.sha256(), "bytes": 0, "in": 0}
                self.flows.append(flow)
                self.threads.append(_guarded(self._send, self.errors, here, flow))
                self.threads.append(_guarded(self._receive, self.errors, there, flow))

    def _send(self, sock, flow):
        while not self.stopping.is_set():
            piece = struct.pack("=Q", flow["bytes"]) + self.chunk
            sock.sendall(piece)
            flow["sent"].update(piece)
            flow["bytes"] += len(piece)
        sock.shutdown(socket.SHUT_WR)

    def _receive(self, sock, flow):
        while data := sock.recv(1 << 18):
            flow["got"].update(data)
            flow["in"] += len(data)

    def received(self):
        return [flow["in"] for flow in self.flows]

    def wait_progress(self, timeout=20, least=1 << 16):
        """Until every stream has moved on."""
        before = self.received()
        end = time.monotonic() + timeout
        while any(now - was < least for now, was in zip(self.received(), before)):
            if time.monotonic() > end or self.errors:
                raise AssertionError(f"TCP to {self.address} stands still: from {before} to "
                                     f"{self.received()}, {self.errors}")
            time.sleep(0.01)

    def stop(self, timeout=60):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout)
        for pair in self.pairs:
            for sock in pair:
                sock.close()
        if self.errors:
            raise AssertionError(f"TCP to {self.address}: {self.errors[0]!r}")
        for flow in self.flows:
            if (flow["bytes"], flow["sent"].digest()) != (flow["in"], flow["got"].digest()):
                raise AssertionError(f"TCP to {self.address}: {flow['bytes']} bytes were sent, "
                                     f"{flow['in']} came, and not the same")
        return sum(self.received())

    def abandon(self):
        """Lets go of all sockets, whatever they hold."""
        self.stopping.set()
        for pair in self.pairs:
            for sock in pair:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
                sock.close()


# UDP and ping.

def udp_echo(server_ns, client_ns, address, ports=128, size=200, timeout=5):
    """A datagram from each of many ports and back. Returns how many came back as they were."""
    server = make_socket(server_ns, family_of(address), socket.SOCK_DGRAM)
    server.bind((address, 0))
    server.settimeout(timeout)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    good = 0
    with server, contextlib.ExitStack() as stack:
        clients = []
        for n in range(ports):
            client = stack.enter_context(make_socket(client_ns, family_of(address),
                                                     socket.SOCK_DGRAM))
            client.settimeout(timeout)
            client.connect((address, server.getsockname()[1]))
            client.send(struct.pack("=I", n) * (size // 4))
            clients.append(client)
        try:
            for _ in range(ports):
                data, peer = server.recvfrom(65536)
                server.sendto(data, peer)
            for n, client in enumerate(clients):
                good += client.recv(65536) == struct.pack("=I", n) * (size // 4)
        except TimeoutError:
            pass
    return good


def _ping_once(sock, address, number, ident, payload, timeout):
    """Sends an echo request, and waits for the very same bytes to come back."""
    v6 = ":" in address
    head = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, ident, number)
    if not v6:  # the kernel does it for ICMPv6
        head = struct.pack("!BBHHH", 8, 0, checksum(head + payload), ident, number)
    wanted = struct.pack("!HH", ident, number) + payload
    sock.sendto(head + payload, (address, 0))
    end = time.monotonic() + timeout
    while (left := end - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            data = sock.recv(1 << 17)
        except TimeoutError:
            return False
        data = data if v6 else data[20:]
        if data[0] == (129 if v6 else 0) and data[4:] == wanted:
            return True
    return False


def ping(netns, address, size=56, count=3, timeout=5):
    """How many of count pings were answered, byte for byte.

    ping(8) would give up after two round trips, which on a busy machine is too early.
    """
    family = family_of(address)
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    with make_socket(netns, family, socket.SOCK_RAW, protocol) as sock:
        ident = random.randrange(1, 1 << 16)
        return sum(_ping_once(sock, address, n, ident, random.Random(n).randbytes(size), timeout)
                   for n in range(count))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


class Pinger:
    """Pings an address all the time from a thread: is anything lost, how slow is the slowest?"""

    def __init__(self, netns, address, every=0.005, timeout=2.0):
        self.socket = make_socket(netns, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.address, self.every, self.timeout = address, every, timeout
        self.sent = self.lost = 0
        self.slowest = 0.0
        self.ident = random.randrange(1, 1 << 16)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            self._one()
            time.sleep(self.every)

    def _one(self):
        begin = time.monotonic()
        self.sent += 1
        try:
            good = _ping_once(self.socket, self.address, self.sent & 0xffff, self.ident, b"",
                              self.timeout)
        except OSError:
            good = False
        if good:
            self.slowest = max(self.slowest, time.monotonic() - begin)
        else:
            self.lost += 1

    def stop(self):
        self.stopping.set()
        self.thread.join(10)
        self.socket.close()
        return self

    def must_be_good(self, slowest=None):
        self.stop()
        if self.sent < 3 or self.lost:
            raise AssertionError(f"of {self.sent} pings of {self.address}, {self.lost} were lost")
        if slowest is not None and self.slowest > slowest:
            raise AssertionError(f"a ping of {self.address} took {self.slowest:.3f} s, more than "
                                 f"{slowest}")
        return self


class UdpStream:
    """Numbered datagrams one way, all the time: which were lost, which came twice?"""

    def __init__(self, from_ns, to_ns, address, every=0.002, size=64):
        self.receiver = make_socket(to_ns, family_of(address), socket.SOCK_DGRAM)
        self.receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.receiver.bind((address, 0))
        self.receiver.settimeout(0.5)
        self.sender = make_socket(from_ns, family_of(address), socket.SOCK_DGRAM)
        self.sender.connect((address, self.receiver.getsockname()[1]))
        self.every, self.size = every, size
        self.sent, self.got = 0, []
        self.stopping = threading.Event()
        self.done = threading.Event()
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self._send, self._get)]
        for thread in self.threads:
            thread.start()

    def _send(self):
        while not self.stopping.is_set():
            with contextlib.suppress(OSError):
                self.sender.send(struct.pack("=I", self.sent) * (self.size // 4))
                self.sent += 1
            time.sleep(self.every)
        time.sleep(0.3)
        self.done.set()

    def _get(self):
        while True:
            try:
                data = self.receiver.recv(65536)
            except TimeoutError:
                if self.done.is_set():
                    return
                continue
            number = struct.unpack_from("=I", data)[0]
            if data != struct.pack("=I", number) * (self.size // 4):
                number = -1  # never sent so
            self.got.append(number)

    def wait_progress(self, count=5, timeout=20):
        """Until count more datagrams have come."""
        goal, end = len(self.got) + count, time.monotonic() + timeout
        while len(self.got) < goal:
            if time.monotonic() > end:
                raise AssertionError(f"of {self.sent} datagrams {len(self.got)} came, and no more")
            time.sleep(0.01)

    def stop(self):
        """(sent, lost, duplicated, corrupted)"""
        self.stopping.set()
        for thread in self.threads:
            thread.join(20)
        self.sender.close()
        self.receiver.close()
        seen = set(self.got) - {-1}
        corrupted = self.got.count(-1)
        return (self.sent, self.sent - len(seen), len(self.got) - corrupted - len(seen),
                corrupted)


# Frames.

class Frames:
    """A packet socket on an interface (or on all of a namespace)."""

    def __init__(self, netns, ifname=None, ethertype=ETH_P_ALL):
        self.socket = make_socket(netns, socket.AF_PACKET, socket.SOCK_RAW,
                                  socket.htons(ethertype))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        if ifname:
            with inside(netns):
                self.socket.bind((ifname, ethertype))

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.socket.close()

    def send(self, frame, ifname=None):
        if ifname:
            self.socket.sendto(frame, (ifname, 0))
        else:
            self.socket.send(frame)

    def received(self, timeout=0.0):
        """[(interface, frame)] that came in (not what went out), until there was none for so long."""
        frames = []
        self.socket.settimeout(timeout or 0.000001)
        end = time.monotonic() + timeout + 5
        while True:
            if time.monotonic() > end:
                return frames
            try:
                frame, where = self.socket.recvfrom(1 << 17)
            except (TimeoutError, BlockingIOError):
                return frames
            if where[2] != PACKET_OUTGOING:
                frames.append((where[0], frame))


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def frame(to, by, payload=b"", size=60, ethertype=ETHERTYPE):
    return (mac(to) + mac(by) + struct.pack("!H", ethertype) + payload).ljust(size, b"\0")


def flood(netns, ifname, to, seconds, size=1400, rate=20000):
    """UDP-like frames into an interface, unpaid for. Returns how many were taken."""
    with Frames(netns, ifname) as out:
        data = frame(to, "02:00:00:00:00:01", size=size)
        out.socket.setblocking(False)
        sent, begin = 0, time.monotonic()
        while (now := time.monotonic()) < begin + seconds:
            if sent > (now - begin) * rate:
                time.sleep(0.0005)
                continue
            try:
                out.send(data)
                sent += 1
            except BlockingIOError:
                time.sleep(0.0005)
            except OSError:
                time.sleep(0.0005)
    return sent


def l4_checksum_good(data):
    """True or False for a whole TCP or UDP packet (an Ethernet frame); None for anything else."""
    kind = struct.unpack_from("!H", data, 12)[0]
    if kind == 0x0800:
        size, fragment = struct.unpack_from("!HxxH", data, 16)
        protocol, start = data[23], 14 + (data[14] & 15) * 4
        end, pseudo = 14 + size, data[26:34]
        if fragment & 0x3fff:
            return None
    elif kind == 0x86dd:
        size, protocol, start = struct.unpack_from("!H", data, 18)[0], data[20], 54
        end, pseudo = 54 + size, data[22:54]
    else:
        return None
    if protocol not in (6, 17) or len(data) < end:
        return None
    segment = data[start:end]
    if protocol == 17 and segment[6:8] == b"\0\0" and kind == 0x0800:
        return None
    return checksum(pseudo + struct.pack("!HH", protocol, len(segment)) + segment) == 0
