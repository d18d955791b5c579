# SPDX-License-Identifier: GPL-2.0-or-later
"""What the journal is told: fields and message ids, and plain lines where there is no journal."""
import errno
import os
import re
import signal
import socket
import threading
import time

from hostile import hostile
from kit import PATIENCE, SANITIZED, Frontend, bridge_addresses, check, connected, same, test, until
from manager import ServiceManager
from move import Netback
from simhost import ROOT
from tools import config
from traffic import ping
from verbs import vifctl


def message_ids():
    """{name: id} of src/base/message_ids.h."""
    with open(os.path.join(ROOT, "src/base/message_ids.h")) as header:
        return dict(re.findall(r'#define MESSAGE_(\w+)\s+"([0-9a-f]{32})"', header.read()))


def entry_of(datagram):
    """{field: value} of the journal's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""
    entry = {}
    while datagram:
        name, datagram = datagram.split(b"\n", 1)
        if b"=" in name:
            name, value = name.split(b"=", 1)
        else:
            size = int.from_bytes(datagram[:8], "little")
            value, datagram = datagram[8:8 + size], datagram[8 + size + 1:]
        check(name not in entry, f"field {name} is there twice")
        entry[name.decode()] = value.decode()
    return entry


class Journald:
    """A journal of the host's own: what is sent to it is in .entries."""

    def __init__(self, host):
        self.host, self.entries = host, []
        self.path = os.path.join(host.directory, "journald.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while datagram := self.socket.recv(1 << 16):
            self.entries.append(entry_of(datagram))

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        os.unlink(self.path)

    def start(self, *options, stream="$(stat -Lc %d:%i /proc/self/fd/2)", service="true", wrap=()):
        """Starts the daemon where this is the journal, and standard error too, by systemd's word.
        service: commands of the shell that becomes the daemon, for what else systemd hands on."""
        script = os.path.join(self.host.directory, "under-journald")
        with open(script, "w") as file:
            file.write("mount -t tmpfs none /run && mkdir -p /run/systemd/journal &&\n"
                       f"ln -s {self.path} /run/systemd/journal/socket &&\n"
                       f'{service} && export JOURNAL_STREAM={stream} && exec "$@"\n')
        # ip netns exec has given it mounts of its own
        return self.host.daemon.start("--max-queues", "8", *options, wrap=[*wrap, "sh", script])

    def wait(self, event, **fields):
        """The first entry with the id of this event and these fields."""
        wanted = {"MESSAGE_ID": message_ids()[event],
                  **{f"XENVIFD_{name.upper()}": str(value) for name, value in fields.items()}}
        try:
            return until(lambda: next((e for e in self.entries if wanted.items() <= e.items()), None),
                         10 * PATIENCE, event)
        except TimeoutError:
            raise AssertionError(f"no {event} with {fields} in {self.entries}") from None


def about(entry):
    return {name[8:].lower(): value for name, value in entry.items()
            if name.startswith("XENVIFD_")}


@test(cost=5, expect_dead=True)
def fields(host):
    """A line about a vif says which, and each event has its id; inside the sandbox."""
    same(len(set(message_ids().values())), len(message_ids()), "ids that differ")
    check(len(message_ids()) > 20, message_ids())
    with open(__file__) as file:
        waits = set(re.findall(r'"([A-Z_]+)"', file.read()))
    same(set(message_ids()) - waits, set(), "ids that no test here waits for")
    bridge_addresses(host)
    journal = Journald(host)
    daemon = journal.start("--log-level", "debug")
    ready = journal.wait("READY")
    check(ready["MESSAGE"].startswith("ready in domain 0"), ready)
    same((ready["PRIORITY"], ready["SYSLOG_IDENTIFIER"], about(ready)), ("6", "xenvifd", {}), "ready")
    check("CODE_FILE" not in ready, ready)
    vif, guest = connected(host, 1, 2)
    mine = {"vif": "vif1.2", "domid": "1", "devid": "2"}
    for event, words in (("VIF_CONNECTED", "vif1.2: connected"),):
        entry = journal.wait(event, vif="vif1.2")
        same((entry["MESSAGE"], entry["PRIORITY"], about(entry)), (words, "6", mine), event)
    steps = [e for e in journal.entries if e["PRIORITY"] == "7" and "VIF" in str(e.keys())]
    check(steps and all(e["MESSAGE"].startswith("vif1.2: own ") for e in steps), steps)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    vifctl(host, "carrier", "vif1.2", "auto")
    same(about(journal.wait("VIF_CARRIER")), mine, "carrier")
    vifctl(host, "drain", "vif1.2")
    same(about(journal.wait("VIF_DRAINED")), mine, "drain")
    same(about(journal.wait("VIF_CLOSED")), mine, "closed")
    check(vif.unplug(20 * PATIENCE), "it did not close")
    same(about(journal.wait("VIF_GONE")), mine, "gone")
    check("vif1.2" not in daemon.log, f"it is on standard error, too: {daemon.log}")
    refused = host.domain(2).vif().add(bridge="xenbr0")
    Frontend(refused, refused.parts()).connect(**{"tx-ring-ref": "a\nb\x1b"})
    entry = journal.wait("VIF_REFUSED", vif="vif2.0", domid=2, devid=0)
    same((entry["PRIORITY"], entry["XENVIFD_QUEUE"]), ("4", "0"), "priority and queue of a refusal")
    check("tx-ring-ref" in entry["MESSAGE"] and "\n" not in entry["MESSAGE"], entry)
    half = host.domain(4).vif().add(bridge="xenbr0")
    parts = half.parts(pages=4, ports=4)
    Frontend(half, parts, queues=2).connect(**{"queue-1/rx-ring-ref": 0x3fffff00})
    entry = journal.wait("VIF_REFUSED", vif="vif4.0", queue=1)
    check("queue 1" in entry["MESSAGE"] or "queue-1" in entry["MESSAGE"], entry)
    none = host.domain(4).vif(1).add(bridge="xenbr0")
    Frontend(none, parts).connect(**{"multi-queue-num-queues": 99})
    check("XENVIFD_QUEUE" not in journal.wait("VIF_REFUSED", vif="vif4.1"), "it is about no queue")
    rogue = host.domain(3).vif().add(bridge="xenbr0")
    hostile(rogue, "tx-prod-ahead")
    entry = journal.wait("VIF_ROGUE", vif="vif3.0")
    same(entry["XENVIFD_QUEUE"], "0", "the queue")
    daemon.terminate()
    check("Terminated" in journal.wait("STOPPING")["MESSAGE"], journal.entries[-1])


@test(cost=3)
def plain_lines(host):
    """Without a journal, and once it doesn't answer, lines are on standard error."""
    bridge_addresses(host)
    journal = Journald(host)
    daemon = journal.start(stream="1:1")  # of another file: somebody has redirected us
    until(lambda: re.search(r"^\d{4}-.*Z xenvifd info: ready", daemon.log, re.M), 5 * PATIENCE,
          "a plain line")
    same(journal.entries, [], "what the journal was told")
    daemon.terminate()
    daemon = journal.start()
    journal.wait("READY")
    connected(host, 1)
    journal.end()
    _, guest = connected(host, 2)
    until(lambda: "\n<6>vif2.0: connected\n" in daemon.log, 5 * PATIENCE, "a plain line")
    check("vif1.0: connected" not in daemon.log, daemon.log)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")


@test(cost=4)
def restart_and_trouble(host):
    """Served again after a restart, once the host has what it takes; a tap that is removed; xenstored that goes."""
    bridge_addresses(host)
    journal = Journald(host)
    journal.start()
    vif, _ = connected(host, 1)
    host.daemon.kill()
    journal.entries.clear()
    host.fault("evtchn_open", times=1000, value=errno.EMFILE)
    journal.start()
    journal.wait("VIF_SHORTAGE", vif="vif1.0")
    host.clear_faults()
    journal.wait("VIF_RESUMED", vif="vif1.0")
    host.ip("link", "add", "vif2.0", "type", "bridge")
    host.domain(2).vif().plug(bridge="xenbr0")
    journal.wait("TAP_IMPOSSIBLE", vif="vif2.0")
    host.ip("link", "del", "dev", vif.name)
    journal.wait("TAP_GONE", vif="vif1.0", queue=0)
    host.domain(3).vif().add(bridge="xenbr0")
    host.daemon.kill()
    host.domain(3).vif().forget()
    journal.start()
    check("vif3.0" in journal.wait("TAP_REMOVED")["MESSAGE"], journal.entries[-1])


@test(cost=6)
def flaps(host):
    """A vif that is refused again and again; one without pages of gntalloc; a worker that hangs."""
    bridge_addresses(host)
    journal, manager = Journald(host), ServiceManager(host)
    daemon = journal.start(service=f"export NOTIFY_SOCKET={manager.path} WATCHDOG_USEC=500000")
    host.fault("gntshr_open", value=errno.ENOENT)
    _, guest = connected(host, 2)
    same(about(journal.wait("NO_SHARED_PAGES")), {}, "of no vif")
    vif = host.domain(1).vif().add(bridge="xenbr0")
    front = Frontend(vif, vif.parts())
    for _ in range(10):
        front.connect_with({"tx-ring-ref": "x"})
        vif.wait_backend("5", 10 * PATIENCE)
        front.rewind()
    time.sleep(3.1)  # then a line may be written again
    front.connect_with({"tx-ring-ref": "x"})
    entry = journal.wait("VIF_FLAPS", vif="vif1.0", domid=1, devid=0)
    check("lines withheld" in entry["MESSAGE"] and "XENVIFD_QUEUE" not in entry, entry)
    host.fault("grant_copy", hang=20)
    ping(guest.netns, "10.0.0.1", count=1, timeout=0.1)
    same(journal.wait("WORKER_STUCK", vif="vif2.0", queue=0)["PRIORITY"], "3", "its priority")
    daemon.kill()
    journal.start()


@test(cost=3)
def settings_and_state(host):
    """Settings that are read again, and are refused; a state that was kept and is no good."""
    journal, manager = Journald(host), ServiceManager(host)
    with open(os.path.join(host.directory, "state"), "w") as file:
        file.write("{")
    daemon = journal.start(
        "--config", config(host, "[global]\nmax-queues = 1\n"),
        service=f"exec 3<>{file.name} && export NOTIFY_SOCKET={manager.path} "
                "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=state")
    same(journal.wait("STATE_LOST")["PRIORITY"], "4", "its priority")
    for text, event, priority in (("max-queues = 3", "RELOADED", "6"),
                                  ("max-queues = many", "RELOAD_REFUSED", "3")):
        config(host, f"[global]\n{text}\n")
        daemon.process.signal(signal.SIGHUP)
        same(journal.wait(event)["PRIORITY"], priority, event)


@test(cost=3)
def netback(host):
    """xen-netback is loaded, and has a vif."""
    kernel, journal = Netback(host), Journald(host)
    journal.start(wrap=kernel.wrap)
    same(about(journal.wait("NETBACK_LOADED")), {}, "of no vif")
    vif = host.domain(1).vif().plug(bridge="xenbr0")
    kernel.probe(vif)
    same(journal.wait("VIF_NETBACK", vif="vif1.0", domid=1, devid=0)["PRIORITY"], "4", "its priority")
    kernel.stop()


@test(cost=3, expect_dead=True)
def store_lost(host):
    """xenstored goes, and another comes that knows of nothing."""
    bridge_addresses(host)
    journal = Journald(host)
    daemon = journal.start(*([] if SANITIZED else ["--sandbox", "off"]))
    journal.wait("NO_SANDBOX")
    connected(host, 1)
    host.restart_xenstored()
    entry = journal.wait("STORE_LOST")
    same((entry["PRIORITY"], about(entry)), ("3", {}), "the entry")
    same(about(journal.wait("STORE_BACK")), {}, "of no vif")
    journal.wait("VIF_KEPT", vif="vif1.0")
    daemon.kill()
