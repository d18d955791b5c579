# SPDX-License-Identifier: GPL-2.0-or-later
"""Command lines, the configuration file, the control socket, and ends that are no accident."""
import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time

from kit import (PATIENCE, Background, ask, bridge_addresses, check, connected, names_in_stats, same,
                 show, start, test, until)
from traffic import Pinger, ping


def run(host, program, *args, domid=0, timeout=30):
    """(exit status, what it printed, what it complained)"""
    done = subprocess.run(host.command([host.program(program), *args], domid, host.netns),
                          text=True, capture_output=True, timeout=timeout,
                          stdin=subprocess.DEVNULL)
    check("Sanitizer" not in done.stderr, done.stderr)
    return done.returncode, done.stdout, done.stderr


def config(host, text):
    path = os.path.join(host.directory, "xenvifd.conf")
    with open(path, "w") as file:
        file.write(text)
    return path


@test(cost=2)
def command_lines(host):
    """Every option of each program; wrong ones end with 2 and say what is right."""
    for program in ("xenvifd", "vifctl"):
        status, out, err = run(host, program, "--help")
        check(status == 0 and out.startswith(f"Usage: {program}") and not err, f"--help: {out}{err}")
        status, out, err = run(host, program, "--version")
        check(status == 0 and re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", out), f"{out}{err}")
        for wrong in (["--no-such-option"], ["extra"], ["--control"], ["-x"]):
            status, out, err = run(host, program, *wrong)
            same((status, out), (2, ""), f"{program} {wrong}")
            check(program in err and "--help" in err, f"{program} {wrong}: {err!r}")
    for option in ("config", "check-config", "max-queues", "control", "log-level"):
        check(f"--{option}" in run(host, "xenvifd", "--help")[1], f"--{option} is not in --help")
    for wrong, right in (("--max-queues=0", "1 to 64"), ("--max-queues=65", "1 to 64"),
                         ("--max-queues=x", "1 to 64"), ("--max-queues=", "1 to 64"),
                         ("--max-queues=-1", "1 to 64"), ("--max-queues=2x", "1 to 64"),
                         ("--log-level=loud", "error, warning, info or debug"),
                         ("--control=relative", "an absolute path"),
                         ("--control=/" + "x" * 200, "shorter than 108")):
        status, out, err = run(host, "xenvifd", wrong)
        check(status == 2 and right in err and err.count("\n") == 1, f"{wrong}: {status} {err!r}")
    status, out, err = run(host, "vifctl", "--control", "/nowhere/sock")
    check(status == 1 and "/nowhere/sock" in err and "is xenvifd running" in err, err)
    status, _, err = run(host, "vifctl", "--control", "/" + "x" * 200)
    check(status == 1 and "longer than" in err, err)


@test()
def own_domain(host):
    """xenvif-guest without --domid is the frontend of the domain that it runs in."""
    host.store.write("/local/domain/0/domid", "0")
    status, _, err = run(host, "xenvif-guest", "--sink")
    check(status == 1 and "/local/domain/0/device/vif/0/backend: No such file" in err, err)


@test(cost=2)
def configuration(host):
    """The file: every setting, unknown ones named with their line, wrong ones refused."""
    good = config(host, "# a comment\n[global]\nmax-queues = 3\nstall-timeout-ms=500\n"
                        f"log-level = debug\ncontrol = {host.daemon.control}\n")
    status, out, err = run(host, "xenvifd", "--config", good, "--check-config")
    same((status, out, err), (0, "The configuration is good.\n", ""), "a good one")
    host.daemon.start("--config", good)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    same(vif.backend("multi-queue-max-queues"), "3", "max-queues from the file")
    check(" debug: " in host.daemon.log, "no debug line in the log")
    same(host.daemon.terminate(), 0, "exit status")
    host.daemon.start("--config", good, "--max-queues", "5", "--log-level", "error")
    other = host.domain(1).vif(1).add(bridge="xenbr0")
    same(other.backend("multi-queue-max-queues"), "5", "the option stands above the file")
    same(host.daemon.log, "", "the log at level error")
    for text, words in (("[global]\nmax-queue = 1\n", (":2: ", '"max-queue"')),
                        ("[claim]\ncolour = red\n", (":2: ", '"colour"')),
                        ("[global]\n\n[other]\nx=1\n", (":4: ", '"other"'))):
        path = config(host, text)
        status, _, err = run(host, "xenvifd", "--config", path, "--check-config")
        check(status == 0 and all(w in err for w in (path, "warning", *words)), f"{text!r}: {err!r}")
    for text, words in (("[global]\nmax-queues = 0\n", (":2: ", "1 to 64")),
                        ("[global]\nmax-queues = 100\n", (":2: ", "1 to 64")),
                        ("[global]\nstall-timeout-ms = 1\n", (":2: ", "10 to 3600000")),
                        ("[global]\nlog-level = LOUD\n", (":2: ", "error, warning")),
                        ("[global]\ncontrol = sock\n", (":2: ", "absolute")),
                        ("[claim]\nmac =\n", (":2: ", "a pattern")),
                        ("[claim]\n" + "bridge = b\n" * 65, (":66: ", "64 rules")),
                        ("[global]\ngarbage\n", (":2: ", "name = value"))):
        path = config(host, text)
        for more in (["--check-config"], []):
            status, out, err = run(host, "xenvifd", "--config", path, *more)
            check(status == 2 and all(w in err for w in (path, "error", *words)),
                  f"{text!r}: {status} {err!r}")
    status, _, err = run(host, "xenvifd", "--config", "/nowhere", "--check-config")
    check(status == 2 and "/nowhere" in err, err)


@test(cost=2)
def second_daemon(host):
    """A second daemon on the same socket is refused, and the first doesn't mind."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1)
    before = vif.show()
    status, _, err = run(host, "xenvifd", "--control", host.daemon.control)
    check(status == 1 and "another xenvifd" in err, f"{status} {err!r}")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    same((vif.show()["state"], vif.states()), (before["state"], ("4", "4")), "its vif")
    host.daemon.kill()
    check(os.path.exists(host.daemon.control), "a killed daemon's socket is there")
    start(host)  # and is no obstacle


@test(cost=3)
def vifctl(host):
    """What vifctl prints, for people and for programs, is whole and true."""
    bridge_addresses(host)
    start(host)
    out = run(host, "vifctl", "--control", host.daemon.control)[1]
    check(out.startswith("No vifs."), out)
    vif, guest = connected(host, 1, queues=2)
    waiting = host.domain(2).vif().plug(bridge="xenbr0")
    waiting.wait_backend("2")
    same(ping(guest.netns, "10.0.0.1", count=5), 5, "pings")
    answer = host.daemon.show()
    same(set(answer), {"schema", "version", "vifs"}, "names of the answer")
    shown = vif.show()
    same((shown["name"], shown["domid"], shown["devid"], shown["state"], shown["peer_state"],
          shown["mac"], shown["tap"]["name"], shown["reason"], shown["online"], shown["hotplug"]),
         ("vif1.0", 1, 0, "Connected", "Connected", vif.mac, "vif1.0", None, True, "connected"),
         "the vif")
    names = names_in_stats()
    check(len(names["from_guest"]) > 10 and len(names["to_guest"]) > 10, f"stats.h: {names}")
    for queue in shown["queues"]:
        same(list(queue["from_guest"]), names["from_guest"], "counters from the guest")
        same(list(queue["to_guest"]), names["to_guest"], "counters to the guest")
        same(set(queue), {"queue", "from_guest", "to_guest", "histograms", *names["queue"]},
             "counters")
        for way in ("from_guest", "to_guest"):
            same(list(queue["histograms"][way]), names[f"{way}_histograms"], "histograms")
    same([v["name"] for v in host.daemon.show("vif2.0")["vifs"]], ["vif2.0"], "one that is named")
    reason = waiting.show()["reason"]
    check("waiting for the guest" in reason, reason)
    control = ["--control", host.daemon.control]
    for args in ([], ["show"], ["show", "vif1.0"]):
        status, out, err = run(host, "vifctl", *control, *args)
        check(status == 0 and not err, err)
        for word in ("vif1.0: Connected, 2 queues", f"MAC {vif.mac}", "tap vif1.0", "from guest",
                     "to guest", "the guest takes: sg gso_tcpv4"):
            check(word in out, f"vifctl {args} does not say {word!r}: {out}")
        check(("vif2.0: InitWait" in out and reason in out) == (len(args) < 2), out)
        check(max(map(len, out.splitlines())) < 120, "lines are too long")
    status, out, err = run(host, "vifctl", *control, "show", "vif7.7")
    check(status == 1 and "there is no vif7.7" in err and not out, f"{status} {err!r}")
    text = run(host, "vifctl", *control, "show", "--json", "vif2.0")[1]
    same(json.loads(text)["vifs"][0]["reason"], reason, "JSON")


@test(cost=3)
def bad_clients(host):
    """Clients that never read, talk rubbish, or are too many: the daemon and vifctl go on."""
    bridge_addresses(host)
    start(host)
    vif, _ = connected(host, 1, queues=2)
    pings = Pinger(host.netns, "10.0.1.2")
    before = host.daemon.process.descriptors()
    memory = host.daemon.process.memory()

    def client(text=b""):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(host.daemon.control)
        sock.settimeout(10)
        with contextlib.suppress(OSError):
            sock.sendall(text)
        return sock

    for rubbish in (b"\n", b"{}\n", b"[]\n", b"null\n", b"{\"verb\": 1}\n", b"\0\0\n",
                    b"{\"verb\": \"dance\"}\n", b"\xff\xfe\n", b"{\"verb\": \"show\"\n",
                    b"x" * 5000, b"[" * 4000 + b"\n", b"{\"verb\": \"show\"} trailing\n"):
        with client(rubbish) as sock:
            text = b""
            with contextlib.suppress(ConnectionResetError):  # it has not read all of the longest
                while data := sock.recv(4096):
                    text += data
            answer = json.loads(text)
            same(answer["schema"], 1, "schema")
            check("error" in answer, f"{rubbish[:20]}: {answer}")
    idle = [client() for _ in range(5)]
    deaf = [client(b"{\"verb\": \"show\"}\n") for _ in range(5)]
    for _ in range(100):
        client(b"{\"verb\": \"show\"}\n").close()
    crowd = [client() for _ in range(100)]
    same(show(vif)["state"], "Connected", "what vifctl is told meanwhile")
    for sock in (*idle, *deaf, *crowd):
        sock.close()
    until(lambda: host.daemon.process.descriptors() <= before, 5, "clients to be forgotten")
    check(host.daemon.process.memory() - memory < 4096 * PATIENCE ** 4, "its memory grew")
    pings.must_be_good()


@test(cost=2)
def client_gone(host):
    """A request whose client has hung up before it was read is not carried out; a half-close is one
    that wants its answer."""
    start(host)
    set_level = b'{"verb": "log", "value": "%s"}\n'

    def connect(level):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(10 * PATIENCE)
        sock.connect(host.daemon.control)
        sock.sendall(set_level % level)
        return sock

    for _ in range(5):
        host.daemon.process.signal(signal.SIGSTOP)  # as one that waits for something
        connect(b"error").close()
        host.daemon.process.signal(signal.SIGCONT)
        same(ask(host, '{"verb": "log"}')["level"], "info", "the level after a client that has gone")
    with connect(b"warning") as sock:
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while data := sock.recv(4096):
            answer += data
    same(json.loads(answer)["level"], "warning", "the answer to a client that only listens")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@test(cost=4)
def no_descriptors(host):
    """Without a descriptor for one more client the daemon waits, and serves on; later it answers."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=2)
    pid = host.daemon.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20 * PATIENCE)
        sock.connect(host.daemon.control)
        sock.sendall(b'{"verb": "log"}\n')
        before = cpu_seconds(pid)
        same(ping(guest.netns, "10.0.0.1"), 3, "pings meanwhile")
        time.sleep(2.5)
        used = cpu_seconds(pid) - before
        check(used < 0.5 * PATIENCE, f"it took {used} s of CPU time to wait")
        check("can't take one more client" in host.daemon.log, host.daemon.log)
        same(host.daemon.log.count("Too many open files"), 1, "words in the log")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        same(json.loads(sock.recv(4096))["level"], "info", "the answer, later")
    same(show(vif)["state"], "Connected", "and the next client's")


@test(cost=3, brief=True)
def stats_during_churn(host):
    """vifctl is asked all the time while vifs connect and go."""
    start(host)
    asking = Background(lambda: ask(host), 0.001)
    also = Background(lambda: ask(host), 0.001)
    for _ in range(4):
        vif, guest = connected(host, 1, queues=4, address=False)
        guest.terminate(20 * PATIENCE)
        check(vif.unplug(10 * PATIENCE), "it did not close")
    asking.stop()
    also.stop()


@test(cost=4, expect_dead=True)
def without_xenstored(host):
    """xenstored dies: the daemon says so; and ends, in good order, when it is told to."""
    bridge_addresses(host)
    start(host)
    _, guest = connected(host, 1, queues=2)
    host.kill_xenstored()
    until(lambda: "xenstored" in host.daemon.log, 10 * PATIENCE, "a line about it")
    line = next(line for line in host.daemon.log.splitlines() if "xenstored" in line)
    check(" error: " in line or " warning: " in line, line)
    time.sleep(0.3)
    process = host.daemon.process
    if process.running():  # it serves on those whom it serves already
        same(ping(guest.netns, "10.0.0.1"), 3, "pings without xenstored")
        status = process.terminate(20 * PATIENCE)
    else:
        status = process.wait(20 * PATIENCE)
    check(status in (0, 1), f"exit status {status}")
    guest.kill()


def with_xenbus(host):
    """What a daemon is wrapped in to find a /dev/xen/xenbus, as in dom0, that never answers."""
    dev = os.path.join(host.directory, "dev")
    for folder in ("net", "shm", "xen"):
        os.makedirs(os.path.join(dev, folder))
    silent = socket.socket(socket.AF_UNIX)  # libxenstore takes a device or a socket
    silent.bind(os.path.join(dev, "xen/xenbus"))
    silent.listen()
    script = os.path.join(host.directory, "with-xenbus")
    with open(script, "w") as file:
        file.write("for name in null urandom net/tun; do\n"
                   f"touch {dev}/$name && mount --bind /dev/$name {dev}/$name || exit 1\n"
                   "done\n"
                   f"mount --bind /dev/shm {dev}/shm && mount --rbind {dev} /dev && exec \"$@\"\n")
    return silent, ["sh", script]  # ip netns exec has given it mounts of its own


@test(cost=6, expect_dead=True)
def without_xenstored_in_dom0(host):
    """xenstored dies where there is a /dev/xen/xenbus: nobody waits for an answer from there."""
    bridge_addresses(host)
    silent, wrap = with_xenbus(host)
    host.daemon.start(wrap=wrap)
    vif, guest = connected(host, 1, queues=2)
    host.kill_xenstored()
    until(lambda: "xenstored is gone" in host.daemon.log, 10 * PATIENCE, "a line about it")
    for file_is in ("there", "gone"):
        time.sleep(2.5)  # it looks for xenstored each second
        same(show(vif)["state"], "Connected", f"what it answers while the socket's file is {file_is}")
        same(ping(guest.netns, "10.0.0.1"), 3, f"pings while the socket's file is {file_is}")
        if file_is == "there":
            os.rename(f"{host.directory}/xenstored/socket", f"{host.directory}/xenstored/away")
    os.rename(f"{host.directory}/xenstored/away", f"{host.directory}/xenstored/socket")
    host.daemon.kill()
    again = host.spawn("xenvifd", [host.program("xenvifd"), "--control", host.daemon.control],
                       wrap=wrap)
    same(again.wait(10 * PATIENCE), 1, "exit status of one that is started without xenstored")
    check("can't use xenstore" in again.log and "Connection refused" in again.log, again.log)
    silent.close()


@test()
def no_host(host):
    """Started where there is no xenstored: a plain word, and exit status 1."""
    nowhere = ["env", "XENSTORED_PATH=/nowhere/socket", "XENSTORED_RUNDIR=/nowhere"]
    daemon = [host.program("xenvifd"), "--control", host.daemon.control]
    command = host.command(daemon, 0, host.netns)
    done = subprocess.run(command[:-len(daemon)] + nowhere + daemon, text=True,
                          capture_output=True, timeout=60)
    same(done.returncode, 1, f"exit status ({done.stderr})")
    check("can't use xenstore" in done.stderr, done.stderr)
