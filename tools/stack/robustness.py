# SPDX-License-Identifier: Apache-2.0
"""The report of `make robustness`: each row of operating (A1, A2, ...) with what was done, its figure and how it ended.

    rows = demanded(ROOT)                   {"A1": "what must hold"}
    table = Table(rows); table.add(path)    path: what pytest wrote of a run (JUnit's XML)
    table.text(), table.missing()

A test says by a property `rows` what it proves (tests/conftest.py puts it there) and by `figure` what it measured.
"""
import os
import xml.etree.ElementTree as xml
from collections import defaultdict

from stack.claims import ROW

LETTER = "A"
LEAST = 15  # checks
OF_ITSELF = {"A30": "how many checks ran", "A35": "this report"}


def demanded(root):
    """The rows, and what each demands."""
    with open(os.path.join(root, "docs", "requirements.md"), encoding="utf-8") as f:
        lines = [line for line in f if (found := ROW.match(line)) and found[1].startswith(LETTER)]
    return {cells[1]: cells[3] for cells in ([cell.strip() for cell in line.split("|")] for line in lines)}


def sentence(name):
    name, bracket, case = name.removeprefix("test_").partition("[")
    return name.replace("_", " ") + (f" ({case[:-1]})" if bracket else "")


class Check:
    def __init__(self, case):
        properties = {p.get("name"): p.get("value") for p in case.iter("property")}
        self.rows = properties.get("rows", "").split()
        self.figure = properties.get("figure")
        self.what = sentence(case.get("name"))
        bad = case.find("failure") is not None or case.find("error") is not None
        self.verdict = "FAILED" if bad else "skipped" if case.find("skipped") is not None else "ok"


class Table:
    def __init__(self, rows):
        self.rows = rows
        self.checks = defaultdict(list)
        self.count = 0

    def add(self, path):
        for case in xml.parse(path).getroot().iter("testcase"):
            check = Check(case)
            self.count += bool(check.rows)
            for row in check.rows:
                self.checks[row].append(check)

    def verdict(self, row):
        if row in OF_ITSELF:
            return "ok" if self.count >= LEAST else "FAILED"
        said = [check.verdict for check in self.checks[row]]
        return "FAILED" if "FAILED" in said else "ok" if "ok" in said else "NOT SHOWN"

    def missing(self):
        """The rows that nothing has shown."""
        return [row for row in self.rows if self.verdict(row) == "NOT SHOWN" or row in OF_ITSELF and self.count < LEAST]

    def line(self, row):
        checks = [c for c in self.checks[row] if c.verdict != "skipped"] or self.checks[row]
        done = checks[0].what if checks else OF_ITSELF.get(row, "")
        if len(checks) > 1:
            done += f", and {len(checks) - 1} more"
        figures = dict.fromkeys(c.figure for c in checks if c.figure)
        figure = "; ".join(figures) if row not in OF_ITSELF else f"{self.count} checks"
        return f"| {row} | {self.rows[row]} | {done} | {figure} | {self.verdict(row)} |"

    def text(self):
        good = sum(self.verdict(row) == "ok" for row in self.rows)
        return "\n".join(["| row | what must hold | what was done | figure | verdict |", "|---|---|---|---|---|",
                          *map(self.line, self.rows), "",
                          f"{self.count} checks, {good} of {len(self.rows)} rows hold"])
