# SPDX-License-Identifier: GPL-2.0-or-later
"""Every wrong value of every key: a reason in three places, Closing, and a second chance.

Nobody else notices: another vif is pinged all the while.
"""
import time

from kit import (PATIENCE, Frontend, bridge_addresses, check, connected, refused, same, show, start,
                 test)
from traffic import Pinger

# As a frontend may write them: not a number, not plain, too large, and not text at all.
NOT_PLAIN = {"empty": "", "negative": "-1", "tail": "1x", "space": " 1", "newline": "1\n",
             "plus": "+1", "huge": "4294967297", "20 digits": "1" * 20, "4 KiB": "1" * 3900,
             "NUL": "1\0", "binary": "\x01\x02\xff", "quote": "\"'%s%n"}
FLAGS = {**NOT_PLAIN, "two": "2", "yes": "yes", "zero-one": "01"}
NUMBERS = {**NOT_PLAIN, "hex": "0x1", "float": "1.0"}
FEATURES = ("feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6", "feature-no-csum-offload",
            "feature-ipv6-csum-offload", "feature-rx-notify")


def of_flags():
    yield from ((f"{key} {kind}", {key: value}, key)
                for key in (*FEATURES, "request-rx-copy") for kind, value in FLAGS.items())
    yield "request-rx-copy 0", {"request-rx-copy": 0}, "request-rx-copy"
    yield "request-rx-copy absent", {"request-rx-copy": None}, "request-rx-copy"


def of_numbers():
    keys = ("tx-ring-ref", "rx-ring-ref", "event-channel-tx", "event-channel-rx")
    yield from ((f"{key} {kind}", {key: value}, key)
                for key in (*keys, "multi-queue-num-queues") for kind, value in NUMBERS.items())
    yield from ((f"{key} absent", {key: None}, key) for key in keys)
    for key in ("event-channel-tx", "event-channel-rx", "multi-queue-num-queues"):
        yield f"{key} 0", {key: 0}, key
    for count in (9, 64, 65, 4294967295):
        yield f"{count} queues", {"multi-queue-num-queues": count}, "multi-queue-num-queues"
    yield ("no channel at all", {"event-channel-tx": None, "event-channel-rx": None},
           "event-channel")
    for kind, value in (*NUMBERS.items(), ("zero", 0)):
        yield (f"event-channel {kind}", {"event-channel-tx": None, "event-channel-rx": None,
                                         "event-channel": value}, "event-channel")


def of_queues(keys):
    """Wrong in a second queue, or two that share what each must have for itself."""
    for key in ("tx-ring-ref", "rx-ring-ref", "event-channel-tx", "event-channel-rx"):
        at = f"queue-1/{key}"
        yield from ((f"{at} {kind}", {at: value}, at)
                    for kind, value in (("absent", None), ("empty", ""), ("negative", "-1"),
                                        ("4 KiB", "9" * 3900), ("binary", "\1\2")))
        yield f"{at} as in queue 0", {at: keys[f"queue-0/{key}"]}, at.removesuffix("-tx")
    yield ("tx and rx ring the same", {"queue-0/rx-ring-ref": keys["queue-0/tx-ring-ref"]},
           "must be a page of its own")
    yield ("rings of two queues crossed", {"queue-1/rx-ring-ref": keys["queue-0/tx-ring-ref"]},
           "must be a page of its own")
    yield ("channels of two queues crossed",
           {"queue-1/event-channel-rx": keys["queue-0/event-channel-tx"]},
           "must be a port of its own")
    yield ("three queues, keys of two", {"multi-queue-num-queues": 3}, "queue-2/tx-ring-ref")
    yield ("one queue, keys under queue-0", {"multi-queue-num-queues": 1}, "tx-ring-ref")
    yield ("number absent, keys under queue-0", {"multi-queue-num-queues": None}, "tx-ring-ref")


def refuse_each(host, cases, queues=1):
    """Each case on a vif of its own: refused with a reason; right keys then connect it."""
    bridge_addresses(host)
    start(host)
    connected(host, 1)
    other = Pinger(host.netns, "10.0.1.2")
    domain = host.domain(2)
    parts = domain.vif(0).parts(2 * queues, 2 * queues)
    cases = list(cases(Frontend(domain.vif(0), parts, 0, queues).keys) if queues > 1 else cases())
    vifs = [domain.vif(n) for n in range(len(cases))]
    host.add_vifs(vifs, bridge="xenbr0")
    held = host.held()
    for vif, (case, changes, words) in zip(vifs, cases):
        try:
            front = Frontend(vif, parts, 0, queues)
            front.connect_with(changes)
            reason = refused(host, vif, words)
            check("must be" in reason and reason.isprintable(), f"a poor reason: {reason!r}")
            front.rewind()
            front.connect_with({key: None for key in changes if key not in front.keys})
            vif.wait_backend("4", 10 * PATIENCE)
            same(vif.error(), None, "the error node after it connected")
            same(show(vif)["reason"], None, "the reason in vifctl after it connected")
            front.close()
        except BaseException:
            print(f"with {case}:")
            raise
    other.must_be_good()
    same(host.held(), held, "what the daemon holds after all this")


test("flags", cost=6, cases=of_flags)(refuse_each)
test("numbers", cost=6, cases=of_numbers)(refuse_each)
test("queues", cost=3, cases=of_queues, queues=2)(refuse_each)


@test(cost=2)
def right(host):
    """What looks odd and is right: one channel for both rings, old keys left over, 0 as a flag."""
    start(host)
    vif = host.domain(1).vif().add(bridge="xenbr0")
    parts = vif.parts(4, 4)
    front = Frontend(vif, parts)
    same_port = {"event-channel-rx": front.keys["event-channel-tx"]}
    left_over = {"queue-0/tx-ring-ref": "4096", "queue-1/event-channel": "x", "event-channel": "y"}
    zeros = {key: 0 for key in FEATURES}
    absent = {key: None for key in (*FEATURES, "multi-queue-num-queues")}
    for changes, shown in ((same_port, {"sg": True}), (left_over, {"sg": True}),
                           (zeros, {"sg": False, "csum_ipv4": True, "rx_notify": False}),
                           (absent, {"sg": False, "gso_tcpv4": False, "csum_ipv4": True}),
                           ({"feature-sg": 0}, {"gso_tcpv4": False, "gso_tcpv6": False}),
                           ({"feature-no-csum-offload": 1}, {"csum_ipv4": False})):
        front.connect_with(changes)
        vif.wait_backend("4")
        features = vif.show()["features"]
        same({key: features[key] for key in shown}, shown, f"features with {changes}")
        front.rewind()


@test(cost=2)
def changed_while_connected(host):
    """Keys are read once a connection: what is written later does not disturb."""
    bridge_addresses(host)
    start(host)
    vif, _ = connected(host, 1, queues=2)
    pings = Pinger(host.netns, "10.0.1.2")
    before = vif.show()["features"]
    for key in ("queue-0/tx-ring-ref", "queue-1/event-channel-rx", "multi-queue-num-queues",
                "request-rx-copy", "feature-sg"):
        host.store.write(f"{vif.fe}/{key}", "garbage")
        host.store.remove(f"{vif.fe}/{key}")
    host.store.write(f"{vif.fe}/state", 4)
    time.sleep(0.2)
    pings.must_be_good()
    same(vif.show()["features"], before, "features")
    same(vif.states(), ("4", "4"), "states")
