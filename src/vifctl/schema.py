#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the JSON Schema of "vifctl --json", and its man page, of one source.

Usage: schema.py schema|man VIFCTL.SCHEMA.JSON STATS.H

vifctl.schema.json says all but the counters, which come from include/stats.h: as counts (the
definitions counters_from_guest, counters_to_guest and, as members of a queue, those of the queue)
and as what is added a second (rates_...); and which histograms there are (histograms_...). Every
member that is named is always there. A consumer must pass over members that it does not know, so
the schema allows them; the tests do not.
"""
import json
import re
import sys


def counters(header):
    """{"from_guest": {name: help}, "from_guest_histograms": ..., ...} of the lists in stats.h."""
    with open(header, encoding="utf-8") as file:
        text = file.read()
    lists = re.findall(r"#define STATS_(\w+)\(X\)((?:.*\\\n)+.*\n)", text)
    found = {way.lower(): {name: "".join(re.findall('"([^"]*)"', words)) for name, words in
                           re.findall(r'\bX\(\s*(\w+),(?: [A-Z]+,)?((?:[\s\\]*"[^"]*")+)', body)}
             for way, body in lists}
    if not all(found.get(way) for way in ("from_guest", "to_guest", "queue",
                                          "from_guest_histograms", "to_guest_histograms")):
        sys.exit(f"schema.py: {header}: its lists of counters are not found")
    return found


def require_all(schema):
    """Members that are named are there: writes "required" at each object."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema["required"] = list(schema["properties"])
        for value in schema.values():
            require_all(value)
    elif isinstance(schema, list):
        for value in schema:
            require_all(value)


def whole_schema(source, header):
    with open(source, encoding="utf-8") as file:
        schema = json.load(file)
    defs = schema["$defs"]
    ways = counters(header)
    for kind, type_, what in (("counters", "integer", "Counters of frames {}"),
                              ("rates", "number", "What was added, a second, to counters of frames "
                                                  "{}")):
        for way in ("from_guest", "to_guest"):
            words = what.format(way.replace("_guest", " the guest")) + "; see COUNTERS in vifctl(8)."
            defs[f"{kind}_{way}"] = {
                "type": "object", "description": words,
                "properties": {name: {"type": type_, "minimum": 0, "description": help_}
                               for name, help_ in ways[way].items()}}
    for way in ("from_guest", "to_guest"):
        defs[f"histograms_{way}"] = {
            "type": "object", "description": f"Histograms of frames {way.replace('_guest', ' the guest')}; "
                                             "see HISTOGRAMS in vifctl(8).",
            "properties": {name: {"$ref": "#/$defs/histogram", "description": help_}
                           for name, help_ in ways[f"{way}_histograms"].items()}}
    defs["queue"]["properties"] |= {name: {"type": "integer", "minimum": 0, "description": help_}
                                    for name, help_ in ways["queue"].items()}
    require_all(schema)
    return schema


# The man page.

def roff(text):
    """Text as roff takes it."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def kind_of(schema, shared):
    """What a value is, in words, with the names of shared objects in italics."""
    if "enum" in schema:
        return roff(", ".join(schema["enum"]))
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        shared.add(name)
        return f"\\fI{roff(name)}\\fR"
    if "anyOf" in schema:
        return " or ".join(kind_of(each, shared) for each in schema["anyOf"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "array" in kinds:
        inner = kind_of(schema["items"], shared)
        plural = inner + ("s" if re.fullmatch("object|string|integer|array", inner) else "")
        return "array of " + plural
    return " or ".join(kinds)


def members(schema, shared):
    """The lines for the members of an object, or of the objects of an array, at any depth."""
    while schema.get("type") == "array":
        schema = schema["items"]
    lines = []
    for name, member in schema.get("properties", {}).items():
        if "const" in member:
            continue  # "schema", of which the page speaks at its beginning
        lines += [".TP", f".BR {roff(name)} \" ({kind_of(member, shared)})\"",
                  roff(member.get("description", "").strip()) or "each:"]
        inner = members(member, shared)
        if inner:
            lines += [".RS", *inner, ".RE"]
    return lines


def section(name, schema, shared):
    text = schema["description"]
    if "enum" in schema:
        text += " One of: " + ", ".join(schema["enum"]) + "."
    return [f".SS {roff(name)}", roff(text), *members(schema, shared)]


def page(schema):
    """vifctl-json(5): verbs first, then what they refer to, in the order of the schema."""
    defs, shared = schema["$defs"], set()
    referred = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(schema)))
    verbs = [line for name, each in defs.items() if name not in referred
             for line in section(name, each, shared)]
    rest = [line for name, each in defs.items() if name in referred
            for line in section(name, each, shared)]
    return [
        ".\\\" SPDX-License-Identifier: GPL-2.0-or-later",
        ".TH VIFCTL\\-JSON 5 \"\" xenvifd \"File formats\"", ".SH NAME",
        "vifctl\\-json \\- what vifctl \\-\\-json prints", ".SH DESCRIPTION",
        "With", ".B \\-\\-json", ".BR vifctl (8)",
        "prints one JSON object, or, with", ".BR \\-w ,", "one a line. It is described here, and by",
        ".IR /usr/share/xenvifd/vifctl\\-1.schema.json ,",
        "a JSON Schema (2020\\-12) whose definition", ".I #/$defs/VERB", "is what that verb prints.",
        ".PP", "Every object has the number", ".BR schema ,",
        "which is raised when something that is there changes its meaning or goes. Members that are",
        "named here are always there. New ones may come at any time: pass over those that you do not",
        "know.", ".PP",
        "Texts that are \\(lqfor people\\(rq may change their words at any time.", ".PP",
        "The daemon's control socket takes requests, a JSON object on a line such as",
        '.BR "{\\(dqverb\\(dq: \\(dqrings\\(dq, \\(dqvif\\(dq: \\(dqvif1.0\\(dq}" ,',
        "and answers with one object on a line:", ".BR show ,", ".BR rings ,", ".BR explain ,",
        "and so on as here, or", ".BR error .", ".SH VERBS", *verbs, ".SH WHAT THEY REFER TO",
        *rest, ".SH FILES", ".TP", ".I /usr/share/xenvifd/vifctl\\-1.schema.json",
        "The JSON Schema of version 1.", ".SH EXAMPLES", ".TP",
        ".B vifctl \\-\\-json show | jq \\-r \\(aq.vifs[] | select(.reason) | .name + \\(dq: \\(dq + "
        ".reason\\(aq", "Which vifs are not connected, and why.", ".SH SEE ALSO",
        ".BR vifctl (8),", ".BR xenvifd (8)"]


def main(words):
    if len(words) != 3 or words[0] not in ("schema", "man"):
        sys.exit(__doc__)
    schema = whole_schema(words[1], words[2])
    if words[0] == "schema":
        print(json.dumps(schema, indent=2, ensure_ascii=False))
    else:
        print("\n".join(page(schema)))


if __name__ == "__main__":
    main(sys.argv[1:])
