# SPDX-License-Identifier: Apache-2.0
"""docs/EVENTS.md is the table of what is logged as an error or a warning: each event has one row for each of its levels."""
import collections
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KINDS = {"error": {"failure", "loss", "security"}, "warn": {"retry", "degraded", "settings"}}
TWICE = {"drain", "watchdog"}  # a warning first, an error when it does not help
CALL = re.compile(r'\blog_(trace|debug|info|warn|error)\(\s*"([^"]*)"')
ODD = re.compile(r'\blog_(?:trace|debug|info|warn|error)\(\s*[^")\s]')


def sources():
    for folder in ("api", "workers", "cli", "common"):
        for where, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith((".c", ".cpp", ".hpp")) or (name.endswith(".h") and name != "log.h"):
                    with open(os.path.join(where, name), encoding="utf-8") as f:
                        yield os.path.relpath(os.path.join(where, name), ROOT), f.read()


def listed():
    with open(os.path.join(ROOT, "docs", "EVENTS.md"), encoding="utf-8") as f:
        return re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| .+ \|$", f.read(), re.M)


def test_errors_and_warnings_are_named_and_of_a_kind_that_belongs_to_their_level():  # req: S302 S303
    calls = collections.defaultdict(set)
    for path, text in sources():
        assert not ODD.search(text), f"{path}: an event without a fixed name"
        for level, event in CALL.findall(text):
            assert re.fullmatch(r"[a-z][a-z0-9_]*", event), f"{path}: {event!r} is no name of an event"
            calls[event].add(level)
    rows = listed()
    found = sorted((event, level) for event, levels in calls.items() for level in levels if level in KINDS)
    assert found == sorted((event, level) for event, level, _ in rows)
    assert [row for row in rows if row[2] not in KINDS[row[1]]] == []
    assert {event for event, levels in calls.items() if {"error", "warn"} <= levels} == TWICE
