# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest may send: the rate of a vif, all its queues together, changed while it runs."""
import json
import time

from kit import (PATIENCE, ask, bridge_addresses, check, connected, losses, queues, same, show,
                 start, test, total, until)
from tools import run
from traffic import TcpLoad, flood, ping

RATE = "62500,50000"  # 10 Mb/s, as libxl writes it
SPEED = 1250000       # bytes a second
LEAST, MOST = 0.8, 1.1


def load(host, queues_, rate, options=("--generate", "1514:60s"), domid=1):
    """A guest that sends all it can on a vif with this rate."""
    vif = host.domain(domid).vif().add(bridge="xenbr0", **({"rate": rate} if rate else {}))
    guest = vif.guest(queues=queues_, netns=None, options=options)
    vif.wait_connected(20 * PATIENCE)
    return vif, guest


def speed(vif, seconds):
    """Bytes a second that the guest gets through."""
    before, begin = total(vif, "from_guest", "bytes"), time.monotonic()
    time.sleep(seconds)
    after, end = total(vif, "from_guest", "bytes"), time.monotonic()
    return (after - before) / (end - begin)


def must_be(vif, wanted, seconds=3):
    seen = speed(vif, seconds)
    print(f"{seen / wanted:.3f} of {wanted} bytes a second")
    check(LEAST * wanted <= seen <= MOST * wanted, f"{seen:.0f} bytes a second of {wanted}")


def must_be_unlimited(vif):
    seen = speed(vif, 1)
    check(seen > 8 * SPEED / PATIENCE, f"{seen:.0f} bytes a second without a limit")


def report(guest):
    """Ends a generator, and what it counted."""
    guest.terminate(30 * PATIENCE)
    return json.loads(guest.log.strip().splitlines()[-1])


def limited(host, n_queues, options=("--generate", "1514:60s")):
    """The vif as a whole sends what its rate allows, no more, not much less; nothing is lost."""
    start(host)
    vif, guest = load(host, n_queues, RATE, options)
    time.sleep(0.3)
    must_be(vif, SPEED)
    shown = show(vif)
    same((shown["rate"], shown["rate_wrong"]), ({"bytes": 62500, "usec": 50000}, None), "rate")
    for queue in shown["queues"]:
        sent = queue["from_guest"]
        check(sent["rate_waits"] > 3, f"queue {queue['queue']} hardly waited: {sent}")
        check(sent["bytes"] > SPEED / n_queues / 4, f"queue {queue['queue']} was left out: {sent}")
        check(queue["wakeups"] < 4000 * PATIENCE, f"{queue['wakeups']} wake-ups")
    host.daemon.restart("--max-queues", "8")
    vif.wait_connected(10 * PATIENCE)
    time.sleep(0.3)
    must_be(vif, SPEED, 2)
    same(losses(vif), {}, "losses")
    seen = report(guest)
    same((seen["tx_error"], seen["tx_dropped"], seen["fault"]), (0, 0, ""), "what the guest saw")
    check(seen["tx_okay"] > 0, f"nothing was taken: {seen}")


test("one_queue", cost=8, brief=True, n_queues=1)(limited)
test("four_queues", cost=8, n_queues=4)(limited)
test("large_frames", cost=8, n_queues=2,
     options=("--generate", "65214:60s", "--gso", "1448"))(limited)


@test(cost=6)
def one_flow(host):
    """One TCP stream, which has one queue of four, reaches the whole rate."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, queues=4, add={"rate": RATE})
    stream = TcpLoad(host.netns, guest.netns, "10.0.0.1", flows=1)
    time.sleep(1)
    must_be(vif, SPEED)
    stream.stop(60 * PATIENCE)
    same(losses(vif), {}, "losses")


@test(cost=5)
def the_other_direction(host):
    """What goes to a guest that waits for credit is not limited."""
    start(host)
    vif, guest = load(host, 1, "1000,1000000")
    until(lambda: total(vif, "from_guest", "rate_waits") > 0, 10 * PATIENCE, "it to wait")
    before = total(vif, "to_guest", "packets")
    sent = flood(host.netns, "xenbr0", vif.mac, 2, rate=5000)
    check(sent > 5000 / PATIENCE, f"only {sent} frames were sent")
    until(lambda: total(vif, "to_guest", "packets") - before >= sent, 5, f"all {sent} frames")
    same(losses(vif), {}, "losses")
    check(total(vif, "from_guest", "bytes") < 300000, "it sent more than its rate allows")
    guest.kill()


@test(cost=12, brief=True)
def while_it_runs(host):
    """A node that comes, changes and goes takes effect at once, whatever the interval."""
    start(host)
    vif, guest = load(host, 4, None)
    must_be_unlimited(vif)
    same((show(vif)["rate"], total(vif, "from_guest", "rate_waits")), (None, 0), "without a rate")
    for text, wanted in ((RATE, SPEED), ("250000,100000", 2 * SPEED), ("1250,2000", SPEED / 2)):
        host.store.write(f"{vif.be}/rate", text)
        until(lambda text=text: show(vif)["rate"] and text.startswith(
            str(show(vif)["rate"]["bytes"])), 5 * PATIENCE, text)
        time.sleep(0.3)
        must_be(vif, wanted, 2)
    host.store.write(f"{vif.be}/rate", "1000,4000000000")  # an hour
    until(lambda: speed(vif, 0.3) == 0, 10 * PATIENCE, "it to stop")
    host.store.remove(f"{vif.be}/rate")
    time.sleep(0.3 * PATIENCE)
    must_be_unlimited(vif)
    lines = [line for line in host.daemon.log.splitlines() if "its guest may send" in line]
    same(len(lines), 5, f"lines in the log: {lines}")
    check("without limit" in lines[-1] and "62500 bytes each 50000 us" in lines[0], lines)
    same(losses(vif), {}, "losses")
    guest.kill()


@test(cost=6)
def vifctl(host):
    """vifctl rate sets, tells and removes it, in xl's words; wrong ones change nothing."""
    start(host)
    vif, guest = load(host, 2, None)

    def vifctl_(*args):
        return run(host, "vifctl", "--control", host.daemon.control, *args)

    same(vifctl_("rate", "vif1.0"), (0, "vif1.0: no limit\n", ""), "without a rate")
    for words, node, told in (("1MB/s@20ms", "20000,20000", "8 Mb/s (20000 bytes each 20 ms)"),
                              ("10Mb/s", RATE, "10 Mb/s (62500 bytes each 50 ms)")):
        same(vifctl_("rate", "vif1.0", words), (0, f"vif1.0: {told}\n", ""), words)
        same(vif.backend("rate"), node, f"the node after {words}")
        same(vifctl_("rate", "vif1.0"), (0, f"vif1.0: {told}\n", ""), f"after {words}")
    must_be(vif, SPEED, 2)
    out = vifctl_("show")[1]
    check(f"rate: the guest may send {told}; it had to wait " in out, out)
    for args, status, words in ((("vif1.0", "10"), 1, "such as 10Mb/s"),
                                (("vif1.0", "0Mb/s"), 1, "less than a byte"),
                                (("vif7.0", "10Mb/s"), 1, "there is no vif7.0"),
                                ((), 2, "--help"), (("vif1.0", "off", "x"), 2, "--help")):
        seen = vifctl_("rate", *args)
        check(seen[0] == status and not seen[1] and words in seen[2], f"{args}: {seen}")
    same(vif.backend("rate"), RATE, "the node after wrong words")
    check("error" in ask(host, '{"verb": "rate", "vif": "vif1.0", "value": 5}'), "a number")
    out = json.loads(vifctl_("--json", "rate", "vif1.0", "off")[1])
    same((out["vif"], out["rate"], vif.backend("rate")), ("vif1.0", None, None), "off")
    time.sleep(0.3 * PATIENCE)
    must_be_unlimited(vif)
    same(vifctl_("rate", "vif1.0", "off")[0], 0, "off again")
    guest.kill()
    vif.forget()
    until(lambda: show(vif) is None, 5 * PATIENCE, "it to go")
    same(vifctl_("rate", "vif1.0", "10Mb/s")[0], 1, "a vif that went")
    same(vif.backend("rate"), None, "its node")


@test(cost=4)
def bad_values(host):
    """A senseless node limits nothing, is no reason to refuse, and is said once, and shown."""
    bridge_addresses(host)
    start(host)
    vif, guest = connected(host, 1, add={"rate": "ten"})
    for text in ("ten", "62500", "62500,50000,1", "-1,50000", "1e6,50000", "\x01,\x7f", "9" * 100):
        host.store.write(f"{vif.be}/rate", text)
        kept = {"\x01,\x7f": "?,?", "9" * 100: "(too long)"}.get(text, text)
        until(lambda kept=kept: show(vif)["rate_wrong"] == kept, 5 * PATIENCE, repr(text))
        lines = [line for line in host.daemon.log.splitlines() if f'rate node is "{kept}"' in line]
        check(len(lines) == 1 and " warning: vif1.0:" in lines[0], f"{text!r} in the log: {lines}")
        same((show(vif)["state"], show(vif)["rate"]), ("Connected", None), f"with {text!r}")
        out = run(host, "vifctl", "--control", host.daemon.control)[1]
        check(f'rate: no limit, because its rate node is "{kept}"' in out, out)
    for text in ("0,0", "0,50000", "62500,0"):
        host.store.write(f"{vif.be}/rate", text)
        until(lambda: show(vif)["rate_wrong"] is None, 5 * PATIENCE, repr(text))
        same(show(vif)["rate"], None, f"with {text!r}")
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")


@test(cost=5)
def idle(host):
    """A limited vif without traffic sleeps; one whose guest waits closes at once."""
    bridge_addresses(host)
    start(host)
    quiet, guest = connected(host, 1, queues=2, add={"rate": RATE})
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    guest.signal(19)  # SIGSTOP: it sends nothing of its own
    until(lambda: [q["wakeups"] for q in queues(quiet)] == (
        time.sleep(1) or [q["wakeups"] for q in queues(quiet)]), 20, "a second without a wake-up")
    guest.signal(18)
    vif, waiting = load(host, 4, "1000,4000000000", domid=2)
    until(lambda: total(vif, "from_guest", "rate_waits") == 4, 10 * PATIENCE, "all queues to wait")
    host.store.write(f"{vif.fe}/state", "5")
    vif.wait_backend("5", 2 * PATIENCE)
    waiting.kill()
