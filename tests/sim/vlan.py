# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that do VLANs themselves: what the kernel hands over tagged and large is cut up here.

The kernel under the test need not have 802.1Q devices: they are made here, of a tap and a packet
socket. Both speak virtio_net_hdr, so what leaves the host is tagged and large, as a NIC's GRO or
a VLAN device over the bridge leaves it. The guest's end offers no offloads, like one over Linux's
netfront.
"""
import contextlib
import fcntl
import hashlib
import os
import random
import select
import signal
import socket
import struct
import threading
import time

from kit import PATIENCE, SANITIZED, check, connected, losses, same, start, test, total
from simhost import until
from traffic import (ETH_P_ALL, PACKET_OUTGOING, checksum, inside, l4_checksum_good, mac,
                     make_socket, ping, tcp_both_ways)

SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR = 263, 8, 15
TUNSETIFF, TUNSETOFFLOAD = 0x400454ca, 0x400454d0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 2, 0x1000, 0x4000
TUN_F_CSUM_TSO4_TSO6 = 7
VNET = struct.Struct("=BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
AUXDATA = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata
NEEDS_CSUM, GSO_TCPV4 = 1, 1
VID = 5
TAG = struct.pack("!HH", 0x8100, VID)
SIZE = (1 << 21) if SANITIZED else (1 << 23)  # bytes a flow and direction


def packet_socket(netns, ifname):
    """For frames behind virtio_net_hdr, with the tag that the kernel takes off beside them."""
    sock = make_socket(netns, socket.AF_PACKET, socket.SOCK_RAW)
    sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
    sock.bind((ifname, ETH_P_ALL))
    return sock


def receive(sock):
    """(tag or 0, virtio_net_hdr and frame) of what came in; None for what went out."""
    data, control, _, where = sock.recvmsg(70000, 64, socket.MSG_DONTWAIT)
    if where[2] == PACKET_OUTGOING:
        return None
    return next((AUXDATA.unpack(c[2])[5] for c in control if c[1] == PACKET_AUXDATA), 0), data


class Vlan:
    """An 802.1Q device v5 over an interface, in user space. large: GSO frames that it tagged."""

    def __init__(self, host, netns, lower, addresses, offloads=0):
        self.large, self.errors = 0, []
        self.socket = packet_socket(netns, lower)
        with inside(netns):
            self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.tap, TUNSETIFF,
                        struct.pack("16sH22x", b"v5", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        fcntl.ioctl(self.tap, TUNSETOFFLOAD, offloads)
        lines = [f"link set dev v5 address {self.socket.getsockname()[4].hex(':')} up"]
        host.ip_batch(lines + [f"addr add {a} dev v5" + (" nodad" if ":" in a else "")
                               for a in addresses], netns)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        poll = select.poll()
        poll.register(self.tap, select.POLLIN)
        poll.register(self.socket, select.POLLIN)
        try:
            while not self.stopping.is_set():
                for fd, _ in poll.poll(50):
                    with contextlib.suppress(BlockingIOError):
                        for _ in range(64):
                            (self._send if fd == self.tap else self._receive)()
        except OSError as error:
            self.errors.append(error)

    def _send(self):
        """A frame of the tap goes out with its tag, and with offsets that have moved."""
        data = os.read(self.tap, 70000)
        flags, gso, hdr_len, size, start_at, offset = VNET.unpack_from(data)
        hdr_len += len(TAG) if hdr_len else 0
        start_at += len(TAG) if flags & NEEDS_CSUM else 0
        header = VNET.pack(flags, gso, hdr_len, size, start_at, offset)
        self.socket.send(header + data[10:22] + TAG + data[22:])
        self.large += gso != 0

    def _receive(self):
        got = receive(self.socket)
        if got and got[0] == VID:
            os.write(self.tap, got[1])

    def stop(self):
        self.stopping.set()
        self.thread.join(10)
        self.socket.close()
        os.close(self.tap)
        same(self.errors, [], "errors of the VLAN device")


@contextlib.contextmanager
def vlans(host, guest):
    """A VLAN between bridge and guest: 10.5.0.1 and fd05::1 on the host, .2 in the guest."""
    with contextlib.ExitStack() as stack:
        ours = Vlan(host, host.netns, "xenbr0", ("10.5.0.1/24", "fd05::1/64"),
                    TUN_F_CSUM_TSO4_TSO6)
        stack.callback(ours.stop)
        stack.callback(Vlan(host, guest.netns, "eth0", ("10.5.0.2/24", "fd05::2/64")).stop)
        yield ours


def streams(host, guest, vif, address):
    """TCP both ways at a sane rate; the kernel's large frames were all cut, hardly one short."""
    with vlans(host, guest) as ours:
        same(ping(guest.netns, "10.5.0.1", 1400), 3, "pings over the VLAN")
        before, begin = total(vif, "to_guest", "segmented"), time.monotonic()
        size = tcp_both_ways(host.netns, guest.netns, address, 2, SIZE, 60 * PATIENCE)
        rate = size / (time.monotonic() - begin) / 1e6
        cut = total(vif, "to_guest", "segmented") - before
        print(f"{address}: {rate:.0f} MB/s, {ours.large} tagged GSO frames, {cut} cut up")
        check(cut > 10, f"only {cut} frames were cut up, of {ours.large} that went out")
        check(cut <= ours.large, f"{cut} frames were cut up, of {ours.large} that went out")
        check(rate > 1.5 / PATIENCE, f"{rate:.1f} MB/s over a VLAN")
        same(total(vif, "to_guest", "gso_packets"), 0, "tagged GSO frames given to the guest")
        check_losses(vif, cut)


def check_losses(vif, cut):
    """VIF-7.6, VIF-8.15: a frame that finds too little room for its segments is cut short; the
    next one waits for room, 10 ms at most, which a guest on a busy machine may need longer for."""
    lost = losses(vif)
    other = {what: count for what, count in lost.items() if not what.endswith("drop_offload")}
    same(other, {}, "lost frames")
    short = sum(lost.values())
    check(short <= 2 + cut // 50, f"{short} of {cut} frames were cut short")


def _register():
    for name, address in (("tcp4", "10.5.0.1"), ("tcp6", "fd05::1")):
        @test(name, cost=3, brief=name == "tcp4", address=address)
        def tcp(host, address):
            """A VLAN of the guest's own carries TCP both ways, whole and at a sane rate."""
            start(host)
            vif, guest = connected(host, 1, address=False, queues=2)
            guest.address("10.0.1.2/16")
            streams(host, guest, vif, address)


_register()


def gso_frame(vif, seq, payload, gso_size=1448):
    """virtio_net_hdr and a tagged TCP frame whose checksum is blank."""
    addresses = socket.inet_aton("10.5.0.1") + socket.inet_aton("10.5.0.2")
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(payload), 7, 0x4000, 64, 6, 0) + addresses
    blank = 0xffff - checksum(addresses + struct.pack("!HH", 6, 20 + len(payload)))
    tcp = struct.pack("!HHIIBBHHH", 7, 7, seq, 0, 0x50, 0x19, 100, blank, 0)
    vnet = VNET.pack(NEEDS_CSUM, GSO_TCPV4, 18 + 40, gso_size, 18 + 20, 16)
    return vnet + mac(vif.mac) + mac("02:00:00:00:00:01") + TAG + b"\x08\0" + ip + tcp + payload


@test(cost=3)
def flood(host):
    """Faster than the guest takes it: segments are right, and next to no frame is cut short."""
    start(host)
    vif, guest = connected(host, 1, queues=1)
    payload = random.Random(1).randbytes(64000)
    with packet_socket(host.netns, "xenbr0") as out:
        sent, end = 0, time.monotonic() + 2
        while time.monotonic() < end:
            out.send(gso_frame(vif, 0, payload))
            sent += 1
    cut, short = (total(vif, "to_guest", name) for name in ("segmented", "drop_offload"))
    packets = total(vif, "to_guest", "packets")
    print(f"{sent} sent, {cut} cut up, {short} of them short, {packets} packets")
    check(cut > 200 / PATIENCE, f"only {cut} frames of {sent} came through")
    check(short < cut / 10 + 2, f"{short} of {cut} frames were cut short")


def gather(sock, got):
    """What has come in with the tag goes to got, whose length it gives."""
    with contextlib.suppress(BlockingIOError):
        while True:
            came = receive(sock)
            if came and came[0] == VID:
                got.append(came[1])
    return len(got)


@test(cost=2, brief=True)
def segments(host):
    """Single frames of many sizes: what comes of each is whole, in order, and adds up."""
    start(host)
    vif, guest = connected(host, 1, queues=1)
    sizes = [(1448, 1448), (1449, 1448), (30000, 1448), (65000, 1448), (65000, 8948),
             (25000, 100), (9000, 4036), (60000, 536)]
    with packet_socket(host.netns, "xenbr0") as out, \
            packet_socket(guest.netns, guest.ifname) as into:
        for n, (size, gso_size) in enumerate(sizes):
            payload, seq = random.Random(n).randbytes(size), 0xfffff000 + n
            wanted = -(-size // gso_size)
            out.send(gso_frame(vif, seq, payload, gso_size))
            got = []

            until(lambda: gather(into, got) >= wanted, 10 * PATIENCE,
                  f"{wanted} segments of {size} bytes")
            check_segments(got, payload, seq, gso_size)
    # What is no longer than a segment is not GSO to the kernel.
    same(total(vif, "to_guest", "segmented"), len(sizes) - 1, "frames cut up")
    same(losses(vif), {}, "lost frames")


@test(cost=2, brief=True)
def whole_pages(host):
    """A burst of frames whose segments are whole pages long: they take no more than their slots."""
    start(host)
    vif, guest = connected(host, 1, queues=1)
    frames, gso_size = 16, 2 * 4096 - 58  # behind headers of 58 bytes
    payload = random.Random(1).randbytes(8 * gso_size)
    got = []
    with packet_socket(host.netns, "xenbr0") as out, \
            packet_socket(guest.netns, guest.ifname) as into:
        host.daemon.process.signal(signal.SIGSTOP)  # so that all of them wait for one burst
        for _ in range(frames):
            out.send(gso_frame(vif, 0, payload, gso_size))
        host.daemon.process.signal(signal.SIGCONT)
        until(lambda: gather(into, got) >= 8 * frames, 10 * PATIENCE, "all segments")
    for n in range(frames):
        check_segments(got[8 * n:8 * n + 8], payload, 0, gso_size)
    same(losses(vif), {}, "lost frames")


def check_segments(got, payload, seq, gso_size):
    whole = b""
    for n, data in enumerate(got):
        same(data[1], 0, "GSO type of a segment")
        frame = data[10:]
        check(l4_checksum_good(frame), f"segment {n} of {len(got)}: wrong checksum")
        ident, at, flags = (struct.unpack_from(kind, frame, where)[0]
                            for kind, where in (("!H", 18), ("!I", 38), ("!B", 47)))
        same(at, (seq + len(whole)) % 2**32, f"sequence number of segment {n}")
        same((ident, flags), (7 + n, 0x19 if n + 1 == len(got) else 0x10), "id and flags")
        end = 14 + struct.unpack_from("!H", frame, 16)[0]
        whole += frame[54:end]
        check(end - 54 <= gso_size, f"{end - 54} bytes in segment {n}")
    same(hashlib.sha256(whole).digest(), hashlib.sha256(payload).digest(), "the payload's hash")
