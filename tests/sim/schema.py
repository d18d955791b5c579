# SPDX-License-Identifier: GPL-2.0-or-later
"""What vifctl --json prints is what its schema says: no member more, none less, of every verb."""
import copy
import json
import os
import subprocess

import jsonschema

from kit import PATIENCE, Frontend, ask, bridge_addresses, check, connected, same, show, test, until
from tools import run
from traffic import ping
from verbs import vifctl

NOT_VERBS = {"stats-watch", "error"}  # definitions that no verb refers to, and are none


def load(host):
    with open(os.path.join(host.build, "src/vifctl/vifctl-1.schema.json")) as file:
        return json.load(file)


def objects_of(schema, path="#"):
    """(where, each part of the schema that has members)"""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield path, schema
        for key, value in schema.items():
            yield from objects_of(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from objects_of(value, f"{path}/{index}")


class Strict:
    """The schema, allowing nothing that it does not name."""

    def __init__(self, host):
        self.schema = load(host)
        jsonschema.Draft202012Validator.check_schema(self.schema)
        for _, each in objects_of(self.schema):
            each["additionalProperties"] = False
        self.used = {}

    def validator(self, name):
        if name not in self.used:
            self.used[name] = jsonschema.Draft202012Validator(
                {"$defs": self.schema["$defs"], "$ref": f"#/$defs/{name}"})
        return self.used[name]

    def faults(self, name, document):
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}"
                for e in self.validator(name).iter_errors(document)]

    def check(self, name, document):
        same(self.faults(name, document), [], f"what is not as the schema says of {name}")
        return document


@test()
def described(host):
    """The schema is one, each member is described and required, and each verb is in it."""
    schema = load(host)
    jsonschema.Draft202012Validator.check_schema(schema)
    for where, each in objects_of(schema):
        same(each["required"], list(each["properties"]), f"what is required at {where}")
        for name, member in each["properties"].items():
            check(member.get("description") or member.get("type") == "array", f"{where}: {name}")
    commands = json.loads(vifctl(host, "list-commands", "--json"))["commands"]
    referred = json.dumps(schema)
    unreferred = {name for name in schema["$defs"] if f'"#/$defs/{name}"' not in referred}
    same(unreferred, {c["name"] for c in commands} | NOT_VERBS, "verbs")
    page = os.path.join(host.build, "src/vifctl/vifctl-json.5")
    text = subprocess.run(["groff", "-man", "-Tascii", "-P-cbou", page], check=True,
                          capture_output=True, text=True).stdout
    for where, each in objects_of(schema):
        for name in each["properties"]:
            check(f" {name} (" in text or name == "schema", f"vifctl-json(5) has no {name} of {where}")


def first_of_each_shape(items):
    """[(index, item)]: of items with the same members, null or not, the first."""
    shapes = {}
    for index, item in enumerate(items):
        shape = (str({key: type(value) for key, value in item.items()}) if isinstance(item, dict)
                 else type(item))
        shapes.setdefault(shape, (index, item))
    return shapes.values()


def mutants(document, path=""):
    """(what was done, the document with one member less, one more, or one of another kind)"""
    def at(change):
        other = copy.deepcopy(document)
        change(other)
        return other

    if isinstance(document, dict):
        yield f"{path}: one more", at(lambda d: d.update(another=1))
        for key in document:
            yield f"{path}/{key}: left out", at(lambda d, k=key: d.pop(k))
            yield f"{path}/{key}: another kind", at(lambda d, k=key: d.update({k: {"x": {}}}))
    children = document.items() if isinstance(document, dict) else (
        first_of_each_shape(document) if isinstance(document, list) else ())
    for key, child in children:
        for what, mutant in mutants(child, f"{path}/{key}"):
            yield what, at(lambda d, k=key, m=mutant: d.__setitem__(k, m))


def watched(host):
    """The first line of stats -w."""
    command = host.command([host.program("vifctl"), "--control", host.daemon.control, "stats", "-w",
                            "0.2", "--json"], 0, host.netns)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        line = watching.stdout.readline()
        watching.kill()
    return json.loads(line)


def settle(host):
    """vifs of every kind: connected and limited, waiting, refused, of a senseless rate, without tap."""
    bridge_addresses(host)
    vif, guest = connected(host, 1, queues=2)
    same(ping(guest.netns, "10.0.0.1"), 3, "pings")
    vifctl(host, "rate", "vif1.0", "10Mb/s")
    until(lambda: show(vif)["rate"], 5 * PATIENCE, "the rate")
    host.domain(2).vif(0).plug(bridge="xenbr0", rate="fast").wait_backend("2")
    refused = host.domain(2).vif(1).add(bridge="xenbr0")
    Frontend(refused, refused.parts()).connect(**{"tx-ring-ref": "none"})
    refused.wait_backend("5", 10 * PATIENCE)
    host.ip("link", "add", "vif3.0", "type", "bridge")
    tapless = host.domain(3).vif().plug(bridge="xenbr0")
    until(lambda: (show(tapless) or {}).get("reason"), 5 * PATIENCE, "the tap to be impossible")
    kinds = {v["name"]: (v["rate"] is None, v["rate_wrong"] is None, v["tap"] is None,
                         v["features"] is None) for v in ask(host)["vifs"]}
    same(kinds, {"vif1.0": (False, True, False, False), "vif2.0": (True, False, False, True),
                 "vif2.1": (True, True, False, True), "vif3.0": (True, True, True, True)}, "vifs")


@test(cost=8)
def answers(host):
    """Every verb's JSON, of vifs of every kind, is strictly as the schema says; mutants are not."""
    strict = Strict(host)
    path = os.path.join(host.directory, "conf")
    with open(path, "w") as file:
        file.write("[global]\nmax-queues = 8\n")
    host.daemon.start("--config", path)
    reading = ("show", "list", "stats", "queues", "rings", "dump", "metrics", "log", "owners",
               "list-commands")
    for verb in reading:
        strict.check(verb, json.loads(vifctl(host, verb, "--json")))  # without vifs
    settle(host)
    found = [(verb, json.loads(vifctl(host, verb, "--json"))) for verb in reading]
    found += [("explain", json.loads(vifctl(host, "explain", f"vif{n}", "--json")))
              for n in ("1.0", "2.0", "2.1", "3.0")]
    found.append(("stats-watch", watched(host)))
    with open(path, "w") as file:
        file.write("[global]\nmax-queues = 4\nunknown = 1\n")
    for words in (["kick", "vif1.0"], ["carrier", "vif1.0", "off"], ["rate", "vif1.0"],
                  ["rate", "vif2.0"], ["log", "debug"], ["reload"], ["takeover", "--all"],
                  ["capture", "vif1.0", "--seconds", "0.1", "-w", f"{path}.pcapng"],
                  ["drain", "vif1.0"]):
        found.append((words[0], json.loads(vifctl(host, *words, "--json"))))
    # xen-netback is not here: nothing can go there, and that is the document.
    found.append(("giveback", json.loads(run(host, "vifctl", "--control", host.daemon.control,
                                             "giveback", "--all", "--json")[1])))
    found += [("error", ask(host, request)) for request in
              ('{"verb": "dance"}', "rubbish", '{"verb": "kick", "vif": "vif9.9"}')]
    for name, document in found:
        strict.check(name, document)
    same(set(strict.used), {c["name"] for c in ask_commands(host)} | NOT_VERBS, "what was looked at")
    for name, document in found:
        for what, mutant in mutants(document):
            check(not strict.validator(name).is_valid(mutant), f"the schema takes {name} with {what}")


def ask_commands(host):
    return json.loads(vifctl(host, "list-commands", "--json"))["commands"]
