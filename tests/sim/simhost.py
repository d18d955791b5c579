# SPDX-License-Identifier: GPL-2.0-or-later
"""A simulated Xen host for the suites: xenstored, xenvifd, guests and the toolstack's part.

    with SimHost() as host:
        host.daemon.start()
        vif = host.domain(1).vif()
        vif.add(bridge="xenbr0")
        guest = vif.guest(queues=2)
        vif.wait_connected()
        guest.address("10.0.0.2/24")
        host.run(["ping", "-c1", "10.0.0.2"])

All of it is real but Xen itself: Debian's xenstored and the built programs run over libxensim.so,
each domain a process of its own. Taps and bridges are in a network namespace of the host, each
guest's eth0 is in one of its own, nothing is in the machine's. Whatever was started ends with the
host: at stop(), at the exit of the test however it comes, and, after a SIGKILL, with the next host.

The toolstack's part (Vif.plug, hotplug, unplug) follows libxl in nodes, order and patience.
"""
import atexit
import ctypes
import glob
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import xswire

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
XENSIM = os.path.join(ROOT, "scripts", "xensim")
SANITIZER = re.compile(r"(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:).*")
PR_SET_PDEATHSIG = 1


def until(true, timeout=10, what="that", every=0.01):
    """Waits until true() is; returns what it returned, or raises TimeoutError."""
    end = time.monotonic() + timeout
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout} s for {what}")
        time.sleep(every)


def child_setup():
    """In each child: end with the test, and have all the descriptors that there are."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Process:
    """A program that runs on the host. Its output goes to a file, .log."""

    def __init__(self, host, name, args, domid, netns, wrap=(), env=None, shim=(), pass_fds=()):
        host.started += 1
        self.host = host
        self.name = name
        self.log_path = os.path.join(host.directory, f"log.{host.started}.{name}")
        with open(self.log_path, "wb") as log:
            self.popen = subprocess.Popen(
                [*shim, *host.command(args, domid, netns, env, wrap)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=child_setup, pass_fds=pass_fds)
        self.pid = self.popen.pid
        host.processes.append(self)

    @property
    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def running(self):
        return self.popen.poll() is None

    def wait(self, timeout=30):
        """The exit status; TimeoutError if it does not end in time."""
        try:
            status = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.name} did not end in {timeout} s") from None
        if self in self.host.processes:
            self.host.processes.remove(self)
        self.host.ended.append(self)
        return status

    def signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def kill(self):
        """SIGKILL, at any moment."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def terminate(self, timeout=30):
        """SIGTERM, and the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def complaints(self):
        """What sanitizers said."""
        return [m.group(0) for m in SANITIZER.finditer(self.log)]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def _status(self, key):
        with open(f"/proc/{self.pid}/status") as status:
            return int(re.search(rf"^{key}:\s*(\d+)", status.read(), re.M).group(1))

    def threads(self):
        return self._status("Threads")

    def memory(self):
        """Kilobytes that are its own: not the files it maps, and so not guests' pages."""
        return self._status("RssAnon")


class Daemon:
    """xenvifd: started, killed, started again."""

    def __init__(self, host):
        self.host = host
        self.process = None
        self.control = os.path.join(host.directory, "control.sock")

    def start(self, *options, wrap=()):
        """Starts it with these options, and waits until it answers on its control socket.

        wrap: a command line that prepares something and then runs the words after it.
        """
        command = [self.host.program("xenvifd"), "--control", self.control, *options]
        self.process = self.host.spawn("xenvifd", command, wrap=wrap)
        until(self._answers, 20, "xenvifd to answer")
        return self

    def _answers(self):
        if not self.process.running():
            raise RuntimeError(f"xenvifd ended with {self.process.popen.returncode}:\n{self.log}")
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(self.control)
            except OSError:
                return False
        return True

    @property
    def log(self):
        return self.process.log

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        return self.process.kill()

    def terminate(self):
        return self.process.terminate()

    def restart(self, *options):
        """SIGKILL, and a new one."""
        self.kill()
        return self.start(*options)

    def show(self, *vifs):
        """vifctl show --json, as a dictionary."""
        out = self.host.run([self.host.program("vifctl"), "--control", self.control, "show",
                             "--json", *vifs], netns=None)
        return json.loads(out)

    def vif(self, name):
        """What vifctl shows of one vif, or None."""
        found = [v for v in self.show()["vifs"] if v["name"] == name]
        return found[0] if found else None


class Guest(Process):
    """xenvif-guest: the frontend of one vif, with a network namespace for its eth0."""

    def __init__(self, vif, args, netns, ifname):
        self.vif = vif
        self.netns = netns
        self.ifname = ifname
        command = [vif.host.program("xenvif-guest"), "--domid", str(vif.domid),
                   "--devid", str(vif.devid)]
        if netns:
            command += ["--netns", netns, "--ifname", ifname]
        super().__init__(vif.host, f"guest{vif.domid}.{vif.devid}", command + args, vif.domid,
                         None)

    def address(self, address, mtu=None):
        """Gives the guest's interface an address, as "10.0.0.2/24", and brings it up."""
        until(lambda: os.path.exists(f"/run/netns/{self.netns}") and self._there(), 10, self.ifname)
        if mtu:
            self.host.ip("link", "set", "dev", self.ifname, "mtu", str(mtu), netns=self.netns)
        self.host.ip("addr", "add", address, "dev", self.ifname, netns=self.netns)
        self.host.ip("link", "set", "dev", self.ifname, "up", netns=self.netns)

    def _there(self):
        return subprocess.run(["ip", "-n", self.netns, "link", "show", "dev", self.ifname],
                              capture_output=True).returncode == 0

    def run(self, args, timeout=60):
        """Runs a program inside the guest, and returns what it printed."""
        return self.host.run(args, netns=self.netns, timeout=timeout)

    def start(self, name, args):
        """Starts a program inside the guest, such as a server."""
        return self.host.spawn(name, args, domid=None, netns=self.netns)


class Vif:
    """One vif, from the toolstack's side."""

    def __init__(self, domain, devid):
        self.host = domain.host
        self.domid = domain.domid
        self.devid = devid
        self.name = f"vif{self.domid}.{devid}"
        self.be = f"/local/domain/0/backend/vif/{self.domid}/{devid}"
        self.fe = f"/local/domain/{self.domid}/device/vif/{devid}"
        self.libxl = f"/libxl/{self.domid}/device/vif/{devid}"
        self.mac = f"00:16:3e:{self.domid >> 8 & 0x7f:02x}:{self.domid & 0xff:02x}:{devid & 0xff:02x}"
        self.bridge = self.script = self.mtu = None

    # The toolstack's steps, singly.

    def plug(self, bridge="xenbr0", script=None, mtu=None, trusted=1, **keys):
        """Writes all the nodes that libxl writes, in one transaction. keys: ip, rate, vifname..."""
        self.bridge, self.script, self.mtu = bridge, script, mtu
        both = {"handle": self.devid, "mac": self.mac}
        backend = {
            "frontend": self.fe, "frontend-id": self.domid, "online": 1, "state": 1,
            "script": script or "/etc/xen/scripts/vif-bridge", **both, **keys,
            "bridge": bridge or "", "type": "vif", "hotplug-status": ""}
        if mtu and mtu != 1500:
            backend["mtu"] = mtu
        frontend = {"backend": self.be, "backend-id": 0, "state": 1, **both, "trusted": trusted,
                    "mtu": mtu or 1500}
        nodes = {self.be: backend, self.fe: frontend,
                 self.libxl: {**backend, "backend": self.be}}
        store = self.host.store

        def change(tx):
            store.mkdir(self.fe, self.domid, 0, tx)
            store.mkdir(self.be, 0, self.domid, tx)
            store.mkdir(self.libxl, 0, 0, tx)
            store.write_many({f"{where}/{key}": value for where, values in nodes.items()
                              for key, value in values.items()}, tx)
            store.permit(f"{self.fe}/mtu", 0, self.domid, tx)

        store.atomically(change)
        self.host.vifs.append(self)
        return self

    def hotplug(self, action="online"):
        """Runs the hotplug script; without one, does the little that it must do."""
        if self.script:
            self.host.run([self.host.program("xensim"), "vif-script", self.host.directory,
                           str(self.domid), str(self.devid), action], timeout=50)
        elif action == "online":
            self.host.ip_batch(self.tap_up())
            self.host.store.write(f"{self.be}/hotplug-status", "connected")

    def tap_up(self):
        """The little, as commands of ip(8)."""
        lines = [f"link set dev {self.name} address fe:ff:ff:ff:ff:ff"]
        if self.mtu:
            lines.append(f"link set dev {self.name} mtu {self.mtu}")
        if self.bridge:
            lines.append(f"link set dev {self.name} master {self.bridge}")
        return lines + [f"link set dev {self.name} up"]

    def add(self, **keys):
        """All of it: plug, wait for the backend, run the script."""
        self.plug(**keys)
        self.wait_backend("2")
        self.hotplug()
        return self

    def unplug(self, timeout=10):
        """Asks the backend to close, waits, and removes all nodes. False: it had to be forced."""
        store = self.host.store
        store.write_all(self.be, {"online": 0, "state": 5})
        try:
            store.wait(f"{self.be}/state", lambda state: state in ("6", None), timeout)
            closed = True
        except TimeoutError:
            closed = False
        if self.script:
            self.hotplug("offline")
        self.forget()
        return closed

    def forget(self):
        for path in (self.fe, self.be, self.libxl):
            self.host.store.remove(path)
        if self in self.host.vifs:
            self.host.vifs.remove(self)

    # What the two ends say.

    def backend(self, key):
        return self.host.store.read(f"{self.be}/{key}")

    def frontend(self, key):
        return self.host.store.read(f"{self.fe}/{key}")

    def states(self):
        """(backend's, frontend's)"""
        return self.backend("state"), self.frontend("state")

    def wait_backend(self, state, timeout=10):
        return self.host.store.wait(f"{self.be}/state", state, timeout)

    def wait_frontend(self, state, timeout=10):
        return self.host.store.wait(f"{self.fe}/state", state, timeout)

    def wait_connected(self, timeout=20):
        self.wait_backend("4", timeout)
        self.wait_frontend("4", timeout)
        return self

    def error(self):
        """The backend's error node, or None: where Linux's xenbus puts it."""
        return self.host.store.read(
            f"/local/domain/0/error/backend/vif/{self.domid}/{self.devid}/error")

    def show(self):
        """What vifctl shows of it, or None."""
        return self.host.daemon.vif(self.name)

    # The other end.

    def guest(self, queues=1, combined=False, sg=True, gso4=True, gso6=True, csum4=True,
              csum6=True, rx_notify=True, netns=True, ifname="eth0", options=()):
        """Starts xenvif-guest. netns: True for one of its own, a name, or None for no interface."""
        args = ["--queues", str(queues)] + (["--combined"] if combined else [])
        features = {"sg": sg, "gso4": gso4, "gso6": gso6, "csum4": csum4, "csum6": csum6,
                    "rx-notify": rx_notify}
        args += [f"--no-{name}" for name, wanted in features.items() if not wanted]
        if netns is True:
            netns = self.host.namespace(f"g{self.domid}-{self.devid}")
        return Guest(self, args + list(options), netns, ifname)

    def parts(self, pages=2, ports=2, readonly=False, domid=0):
        """Granted pages and unbound ports of this domain, for a frontend written by hand."""
        return Parts(self.host, self.domid, pages, ports, readonly, domid)


PARTS = """
import ctypes, os, signal, sys
lib = ctypes.CDLL(os.environ["LD_PRELOAD"].split(":")[-1])
lib.xengntshr_open.restype = lib.xengntshr_share_pages.restype = ctypes.c_void_p
lib.xenevtchn_open.restype = ctypes.c_void_p
pages, ports, writable, domid = map(int, sys.argv[1:])
refs = (ctypes.c_uint32 * pages)()
at = lib.xengntshr_share_pages(ctypes.c_void_p(lib.xengntshr_open(None, 0)), domid, pages, refs,
                               writable) if pages else 1
evtchn = ctypes.c_void_p(lib.xenevtchn_open(None, 0))
bound = [lib.xenevtchn_bind_unbound_port(evtchn, domid) for _ in range(ports)]
assert at and all(port > 0 for port in bound)
for page in range(pages):  # rings as a frontend makes them: req_event = rsp_event = 1
    ctypes.memmove(at + page * 4096, bytes([0, 0, 0, 0, 1, 0, 0, 0] * 2), 16)
print(*refs, *bound, flush=True)
signal.pause()
"""


class Parts(Process):
    """What a frontend needs to connect, without one: .refs (empty rings) and .ports."""

    def __init__(self, host, domid, pages, ports, readonly, peer):
        super().__init__(host, f"parts{domid}",
                         [sys.executable, "-c", PARTS, str(pages), str(ports),
                          str(int(not readonly)), str(peer)], domid, None)
        numbers = until(self._numbers, 10, "pages and ports")
        self.refs = [int(n) for n in numbers[:pages]]
        self.ports = [int(n) for n in numbers[pages:]]

    def _numbers(self):
        if not self.running():
            raise RuntimeError(self.log.strip())
        return self.log.split() if re.fullmatch(r"[\d ]+\n", self.log) else None


class Domain:
    """A domain of the host, made when first asked for."""

    def __init__(self, host, domid):
        self.host = host
        self.domid = domid
        host.tool("create", domid)

    def vif(self, devid=0):
        return Vif(self, devid)

    def destroy(self):
        """xl destroy: the domain's processes die, then its devices are taken away, by force."""
        mine = [v for v in self.host.vifs if v.domid == self.domid]
        self.host.tool("destroy", self.domid)
        for vif in mine:
            vif.unplug()
        self.host.domains.pop(self.domid, None)


class SimHost:
    hosts = 0  # made by this process

    def __init__(self, build=None):
        SimHost.hosts += 1
        self.number = SimHost.hosts
        self.build = build or os.environ.get("XENSIM_BUILD") or os.path.join(ROOT, "build")
        self.directory = self.store = self.daemon = self.netns = None
        self.namespaces, self.processes, self.ended, self.vifs = [], [], [], []
        self.domains, self.preloads = {}, {}
        self.started = 0

    # Life.

    def start(self):
        sweep()
        self.directory = tempfile.mkdtemp(prefix=f"xensim-{os.getpid()}-", dir="/dev/shm")
        atexit.register(self.stop)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda n, frame: sys.exit(128 + n))
        self.xensim("start", self.directory)
        self.store = xswire.connect(self.directory)
        self.daemon = Daemon(self)
        self.netns = self.namespace("host")
        self.bridge("xenbr0")
        return self

    def stop(self):
        """Ends everything that was started. Safe to call again."""
        atexit.unregister(self.stop)
        if not self.directory:
            return
        for process in list(self.processes):
            process.kill()
        if self.store:
            self.store.close()
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        try:
            self.xensim("stop", self.directory)
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        if error:
            self.report()
        self.stop()

    def report(self, lines=60):
        """Prints the end of each program's output, for whoever must find out what went wrong."""
        for process in self.ended[-4:] + self.processes:
            tail = process.log.splitlines()[-lines:]
            print(f"--- {process.name} ({process.pid}):", *tail, sep="\n", file=sys.stderr)

    # Programs.

    def program(self, name):
        room = {"xenvifd": "daemon", "xenvif-guest": "guest"}.get(name, name)
        return os.path.join(self.build, "src", room, name)

    def xensim(self, *args):
        env = {**os.environ, "XENSIM_BUILD": self.build}
        done = subprocess.run([XENSIM, *map(str, args)], env=env, text=True, capture_output=True,
                              timeout=60)
        if done.returncode:
            raise RuntimeError(f"xensim {' '.join(map(str, args))}: {done.stderr.strip()}")
        return done.stdout

    def tool(self, command, *args):
        """The xensim program itself, without the script before it: quick."""
        done = subprocess.run([self.program("xensim"), command, self.directory, *map(str, args)],
                              text=True, capture_output=True, timeout=60)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def _preload(self, program):
        if program not in self.preloads:
            self.preloads[program] = self.xensim("preload", program).strip()
        return self.preloads[program]

    def command(self, args, domid=0, netns="", env=None, wrap=()):
        """The command line that runs args as a part of domain domid (None: of none), in netns."""
        words = {**(env or {}), "XENSTORED_RUNDIR": f"{self.directory}/xenstored"}
        if domid is not None:
            words |= {"XENSIM_DIR": self.directory, "XENSIM_DOMID": str(domid),
                      "LD_PRELOAD": self._preload(args[0])}
        words.setdefault("UBSAN_OPTIONS", os.environ.get(
            "UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1"))
        netns = self.netns if netns == "" else netns
        enter = ["ip", "netns", "exec", netns] if netns else []
        # XENSTORED_PATH stands for the device, too, to which libxenstore turns without a xenstored
        words = ["-u", "XENSTORED_PATH"] + [f"{k}={v}" for k, v in words.items()]
        return enter + list(wrap) + ["env"] + words + list(args)

    def spawn(self, name, args, domid=0, netns="", wrap=()):
        """Starts a program; netns "" is the host's, None the machine's own. wrap: Daemon.start."""
        return Process(self, name, args, domid, netns, wrap)

    def run(self, args, netns="", timeout=60, env=None, domid=None, check=True):
        """Runs a program to its end and returns what it printed. Raises if it fails."""
        done = subprocess.run(self.command(args, domid, netns, env), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              preexec_fn=child_setup)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(args)}: exit status {done.returncode}\n"
                               f"{done.stdout}{done.stderr}")
        return done.stdout

    def kill_xenstored(self):
        """SIGKILL. Its socket's file stays, as on a real host."""
        with open(os.path.join(self.directory, "xenstored.pid")) as file:
            os.kill(int(file.read()), signal.SIGKILL)

    def restart_xenstored(self):
        """SIGKILL, and another one: as on a real host, it knows nothing of what this one held."""
        self.xensim("restart", self.directory)
        self.store.close()
        self.store = xswire.connect(self.directory)

    # Network.

    def namespace(self, name):
        """Makes a network namespace (loopback up, no waiting for IPv6 addresses); its full name."""
        full = f"xs{os.getpid()}-{self.number}{name}"
        if full in self.namespaces:
            return full
        subprocess.run(["ip", "netns", "add", full], check=True)
        self.namespaces.append(full)
        subprocess.run(["ip", "netns", "exec", full, "sysctl", "-qw",
                        "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"],
                       check=True)
        self.ip("link", "set", "dev", "lo", "up", netns=full)
        return full

    def ip(self, *args, netns=""):
        return self.ip_batch([" ".join(args)], netns)

    def ip_batch(self, lines, netns=""):
        """Commands of ip(8), all in one process."""
        done = subprocess.run(["ip", "-n", self.netns if netns == "" else netns, "-batch", "-"],
                              input="\n".join(lines) + "\n", text=True, capture_output=True,
                              timeout=30)
        if done.returncode:
            raise RuntimeError(f"ip: {lines}: {done.stderr.strip()}")
        return done.stdout

    def bridge(self, name, address=None):
        if not os.path.exists(f"/run/netns/{self.netns}") or name not in self.links():
            self.ip_batch([f"link add {name} type bridge", f"link set dev {name} up"])
        if address:
            self.ip("addr", "add", address, "dev", name)

    def links(self, netns=""):
        """Names of the interfaces in a namespace."""
        out = subprocess.run(["ip", "-j", "-n", self.netns if netns == "" else netns, "link"],
                             text=True, capture_output=True, check=True).stdout
        return [link["ifname"] for link in json.loads(out or "[]")]

    # Domains, and what they hold.

    def domain(self, domid):
        if domid not in self.domains:
            self.domains[domid] = Domain(self, domid)
        return self.domains[domid]

    def add_vifs(self, vifs, **keys):
        """Many vifs at once, as many toolstacks would: all are plugged before any is waited for."""
        for vif in vifs:
            vif.plug(**keys)
        for vif in vifs:
            vif.wait_backend("2", 30)
        if keys.get("script"):
            for vif in vifs:
                vif.hotplug()
        else:
            self.ip_batch([line for vif in vifs for line in vif.tap_up()])
            self.store.write_many({f"{vif.be}/hotplug-status": "connected" for vif in vifs})

    def counts(self):
        """{domid: ports, granted pages and mappings}, after the dead have been cleared away."""
        return {int(k): v for k, v in json.loads(self.tool("counts", "--json")).items()}

    def held(self, domid=0):
        """What the domain's programs hold on other domains: to be the same before and after."""
        count = self.counts()[domid]
        return {key: count[key] for key in ("interdomain", "unbound", "pages", "deferred", "maps")}

    def fault(self, call, domid=0, nth=1, times=1, value=None, hang=None):
        """The nth of domid's next calls fails, and times of them; value: errno, or GNTST_*.
        With hang it does what it is to, so many seconds later."""
        more = [] if value is None else [f"value={value}"]
        more += [] if hang is None else [f"hang={hang}"]
        self.tool("fault", domid, call, f"nth={nth}", f"times={times}", *more)

    def clear_faults(self):
        self.tool("fault", "clear")

    def complaints(self):
        """What sanitizers said in any program, ended or running."""
        return [c for p in self.ended + self.processes for c in p.complaints()]


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


def sweep():
    """Clears away what a test that was killed outright could not."""
    for directory in glob.glob("/dev/shm/xensim-*-*"):
        if not alive(directory.split("-")[1]):
            subprocess.run([XENSIM, "stop", directory], capture_output=True,
                           env={**os.environ, "XENSIM_BUILD": os.environ.get("XENSIM_BUILD", "")
                                or os.path.join(ROOT, "build")})
            shutil.rmtree(directory, ignore_errors=True)
    out = subprocess.run(["ip", "netns", "list"], text=True, capture_output=True).stdout
    for name in re.findall(r"^(xs(\d+)-\S+)", out, re.M):
        if not alive(name[1]):
            subprocess.run(["ip", "netns", "del", name[0]], capture_output=True)
