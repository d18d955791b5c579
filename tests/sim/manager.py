# SPDX-License-Identifier: GPL-2.0-or-later
"""A service manager for the daemon, as systemd is one: it listens to what sd_notify(3) says, keeps
descriptors over restarts and hands them to the next process, and can bark when it hears nothing."""
import array
import os
import socket
import sys
import threading

from kit import PATIENCE
from simhost import Process, until

# Puts the descriptors where sd_listen_fds(3) looks for them, and becomes the program.
SHIM = """
import os, sys
fds = [os.dup(int(fd)) for fd in sys.argv[1].split(",") if fd]
high = [os.dup2(fd, 1000 + i) for i, fd in enumerate(fds)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
os.closerange(3 + len(high), 3000)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execvp(sys.argv[2], sys.argv[2:])
"""


class ServiceManager:
    """Starts host.daemon in its keeping."""

    def __init__(self, host):
        self.host = host
        self.path = os.path.join(host.directory, "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        self.kept = []  # (name, descriptor), in the order of their coming
        self.said = []  # each assignment of each message
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            data, ancillary, _, _ = self.socket.recvmsg(4096, 4096)
            fds = array.array("i")
            for level, kind, content in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(content[:len(content) // fds.itemsize * fds.itemsize])
            self._take(data.decode().splitlines(), list(fds))

    def _take(self, lines, fds):
        name = next((line[7:] for line in lines if line.startswith("FDNAME=")), "stored")
        if "FDSTORE=1" in lines:
            self.kept += [(name, fd) for fd in fds]
        else:
            for fd in fds:
                os.close(fd)
        if "FDSTOREREMOVE=1" in lines:
            for entry in [entry for entry in self.kept if entry[0] == name]:
                self.kept.remove(entry)
                os.close(entry[1])
        self.said += lines

    def names(self):
        return sorted(name for name, _ in self.kept)

    def fd(self, name):
        return next(fd for kept, fd in self.kept if kept == name)

    def start(self, *options, watchdog=None):
        """Starts the daemon with what is kept, and waits until it says that it is ready."""
        daemon, kept = self.host.daemon, list(self.kept)
        env = {"NOTIFY_SOCKET": self.path}
        if kept:
            env |= {"LISTEN_FDS": str(len(kept)), "LISTEN_FDNAMES": ":".join(n for n, _ in kept)}
        if watchdog:
            env["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self.said.clear()
        shim = [sys.executable, "-c", SHIM, ",".join(str(fd) for _, fd in kept)]
        command = [self.host.program("xenvifd"), "--control", daemon.control, *options]
        daemon.process = Process(self.host, "xenvifd", command, 0, "", env=env, shim=shim,
                                 pass_fds=[fd for _, fd in kept])
        until(lambda: "READY=1" in self.said or not daemon.process.running(), 20 * PATIENCE,
              "READY=1")
        if not daemon.process.running():
            raise RuntimeError(f"xenvifd ended:\n{daemon.log}")
        return daemon
