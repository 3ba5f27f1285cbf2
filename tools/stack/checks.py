# SPDX-License-Identifier: Apache-2.0
"""Runs Check programs side by side and reads their results.

Check prints `75%: Checks: 4, Failures: 1, Errors: 0` and, when it is asked to be verbose, a
line per test: `file.c:12:P:case:test_name:0: Passed`.  A program that ends without the summary,
or not in time, counts as one failure.
"""
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections import namedtuple
from queue import Empty, SimpleQueue

Result = namedtuple("Result", "name passed failed seconds output")

SUMMARY = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)
LINE = re.compile(r"^\S+:\d+:([PFES]):[^:]*:([^:]+):\d+: ", re.MULTILINE)


def find(folder):
    """The test programs below a folder, by path."""
    found = []
    for place, _, names in os.walk(folder):
        found += [os.path.join(place, n) for n in names if n.endswith("_test")]
    return sorted(p for p in found if os.access(p, os.X_OK))


def has_test(program, folder, wanted):
    """True when the program's path or one of its tests' names contains `wanted`."""
    relative = os.path.relpath(program, folder)
    if wanted in relative:
        return True
    try:
        with open(f"tests/unit/{relative}.c", encoding="utf-8") as f:
            return any(wanted in name for name in re.findall(r"START_TEST\((\w+)\)", f.read()))
    except OSError:
        return False


def read(name, wanted, code, seconds, output):
    """A program's result; with `wanted`, of those tests alone unless the program is meant."""
    summary = SUMMARY.findall(output)
    if not summary or code < 0:
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return Result(name, 0, 1, seconds, f"{output}\n{name}: {how}, no summary of its tests")
    total = sum(int(s[0]) for s in summary)
    bad = sum(int(s[1]) + int(s[2]) for s in summary)
    if wanted and wanted not in name:
        lines = [letter for letter, test in LINE.findall(output) if wanted in test]
        total, bad = len(lines), sum(letter in "FE" for letter in lines)
    elif code != 0 and bad == 0:
        bad, output = 1, f"{output}\n{name}: exit status {code} although its tests passed"
        total += 1
    return Result(name, total - bad, bad, seconds, output)


class Runner:
    def __init__(self, folder, environment, wanted="", width=2, limit_s=180):
        self.folder = folder
        self.environment = dict(environment, CK_VERBOSITY="verbose" if wanted else "normal")
        if environment.get("SAN"):  # sanitizer builds get more time
            self.environment["CK_TIMEOUT_MULTIPLIER"] = "10"
        self.wanted = wanted
        self.width = width
        self.limit_s = limit_s
        self.stopping = threading.Event()

    def run(self, programs, report):
        """Calls report(Result) on this thread for each program as it ends."""
        todo, done = SimpleQueue(), SimpleQueue()
        for path in programs:
            todo.put(path)
        threads = [threading.Thread(target=self._work, args=(todo, done)) for _ in range(self.width)]
        for thread in threads:
            thread.start()
        try:
            for _ in programs:
                report(done.get())
        finally:
            self.stopping.set()
            for thread in threads:
                thread.join()

    def _work(self, todo, done):
        while not self.stopping.is_set():
            try:
                path = todo.get_nowait()
            except Empty:
                return
            done.put(self._one(path))

    def _one(self, path):
        name = os.path.relpath(path, self.folder)
        began = time.monotonic()
        late = ""
        # A file, not a pipe: something that the test left running may keep a pipe open for ever.
        with tempfile.TemporaryFile() as out:
            child = subprocess.Popen([path], env=self.environment, stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=subprocess.STDOUT, start_new_session=True)
            while child.poll() is None:
                time.sleep(0.02)
                if self.stopping.is_set() or time.monotonic() - began > self.limit_s:
                    late = f"\n{name}: did not end within {self.limit_s} s"
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
            out.seek(0)
            text = out.read().decode("utf-8", "replace").rstrip() + late
        return read(name, self.wanted, child.returncode, time.monotonic() - began, text)
