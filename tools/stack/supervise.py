# SPDX-License-Identifier: Apache-2.0
"""Keeps processes running: starts, watches, restarts with growing pauses, stops.

    log = Log(path)         takes a process's output through a pipe, turned over by size
    steps = Steps(path)     what the supervisor itself did and saw, a line each with its time
    unit = Unit(...)        one process and what is known of it
    unit.tick()             called every tenth of a second on the main thread
    unit.ask()              the signal to end; unit.finish() waits for the end and cleans up

A unit is restarted when it ends, and when its probe misses three times in a row, be it hung or
stopped by a signal; one that a debugger holds is left alone.  A probe looks every CHECK_PAUSE_S,
and after a miss again at once: from the moment in which a process freezes it takes at most
CHECK_PAUSE_S and three times CHECK_WAIT_S, and then a few seconds to end and start it.  For as
long as one such pause after its start nothing is held against a process.

Before each restart it waits, twice as long each time.  Who has been started ATTEMPTS_MAX times
without ever running for STEADY_S is given up: tick() raises GivenUp.  Probes run on threads of
their own.
"""
import json
import os
import threading
import time

from stack.proc import (COMPLAINT, StackError, ask_child, await_child, frozen, held_by_debugger, remove, status_text,
                        stop_child, write_pid)

LOG_BYTES_MAX = 10 << 20
LOG_FILES_OLD = 3
ATTEMPTS_MAX = 30
PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 30.0
STEADY_S = 60.0  # a process that ran this long starts over with the first pause
MISSES_MAX = 3
CHECK_PAUSE_S = 30.0
CHECK_WAIT_S = 4.0
CHECK_AGAIN_S = 1.0  # after a miss
HUNG_WAIT_S = 5  # what a process that does not answer gets to end by itself


def private(path, flags):
    """For open(): a log is for its owner and the group."""
    return os.open(path, flags, 0o640)


class GivenUp(Exception):
    """A sentence: what does not run, however often it is started, and why."""


def turn(path):
    """Moves a full log out of the way, and the oldest out of the world."""
    for number in range(LOG_FILES_OLD - 1, 0, -1):
        if os.path.exists(f"{path}.{number}"):
            os.replace(f"{path}.{number}", f"{path}.{number + 1}")
    os.replace(path, f"{path}.1")


def message_of(line):
    """What a line of a log says: of one in JSON its message."""
    try:
        return str(json.loads(line)["message"])
    except (ValueError, KeyError, TypeError):
        return line


class Log:
    """The write end of a pipe whose other end a thread copies to a file."""

    def __init__(self, path):
        self.path = path
        self.last = ""   # line
        self.worst = ""  # complaint of this start
        self.out = open(path, "ab", buffering=0, opener=private)  # here, so that whoever starts it hears of a full disk
        read_end, self.write_end = os.pipe()
        self.thread = threading.Thread(target=self._copy, args=(read_end,), daemon=True)
        self.thread.start()

    def fileno(self):
        return self.write_end

    def _copy(self, read_end):
        out, size = self.out, os.path.getsize(self.path)
        with os.fdopen(read_end, "rb", buffering=0) as pipe:
            while True:
                data = pipe.read(65536)
                if not data:
                    break
                lines = data.decode("utf-8", "replace").strip().splitlines()
                self.last = lines[-1] if lines else self.last
                self.worst = next((line for line in reversed(lines) if COMPLAINT.search(line)), self.worst)
                try:
                    if size + len(data) > LOG_BYTES_MAX:
                        out.close()
                        turn(self.path)
                        out, size = open(self.path, "ab", buffering=0, opener=private), 0
                    size += out.write(data) or 0
                except OSError:
                    continue  # a full disk must not block who writes
        out.close()

    def why(self):
        """What a process said last that tells why it ended."""
        return message_of(self.worst or self.last or "no word from it")[:400]

    def close(self):
        os.close(self.write_end)
        self.thread.join(2)


class Steps:
    """The supervisor's own log.  Any thread."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()

    def note(self, text):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            with self.lock:
                if os.path.exists(self.path) and os.path.getsize(self.path) > LOG_BYTES_MAX:
                    turn(self.path)
                with open(self.path, "a", encoding="utf-8", opener=private) as f:
                    f.write(f"{stamp} {text}\n")
        except OSError:
            pass  # a full disk is told by whoever needs the room


class Probe:
    """Calls check() every pause_s on a thread, after a miss soon again; `misses` counts the failures in a row."""

    def __init__(self, name, check, pause_s, note):
        self.name = name
        self.check = check
        self.pause_s = pause_s
        self.note = note
        self.misses = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(min(CHECK_AGAIN_S, self.pause_s) if self.misses else self.pause_s):
            began = time.monotonic()
            try:
                good = self.check()
            except Exception:  # noqa: BLE001 -- whatever a probe meets is a miss
                good = False
            self.misses = 0 if good else self.misses + 1
            if self.misses:
                self.note(f"check: {self.name} does not answer ({self.misses} in a row)")
            elif self.pause_s >= CHECK_PAUSE_S:
                self.note(f"check: {self.name} answers after {(time.monotonic() - began) * 1000:.0f} ms")


class Unit:
    def __init__(self, name, launch, say, *, pid_file, log, end, check=None, check_pause_s=CHECK_PAUSE_S, excuse=None,
                 note=lambda text: None):
        self.name = name
        self.launch = launch  # () -> Popen
        self.end = end        # (the signal that ends it gracefully, how long that may take in seconds)
        self.say = say
        self.note = note      # for what need not be said
        self.pid_file = pid_file
        self.log = log
        self.excuse = excuse or (lambda: None)  # why a missed probe is no reason to restart, or None
        self.child = None
        self.pause_s = PAUSE_FIRST_S
        self.attempts = 0  # since it ran for STEADY_S
        self.started_at = 0.0
        self.again_at = None
        self.excused = None
        self.probe = Probe(name, check, check_pause_s, note) if check else None

    def start(self):
        self.log.worst = ""
        self.attempts += 1
        self.child = self.launch()
        self.started_at = time.monotonic()
        self.again_at = None
        if self.probe:
            self.probe.misses = 0
        write_pid(self.pid_file, self.child.pid)
        self.note(f"{self.name} is started (process {self.child.pid}, attempt {self.attempts} of {ATTEMPTS_MAX})")

    def running(self):
        return self.child is not None and self.child.poll() is None

    def tick(self):
        now = time.monotonic()
        if self.again_at is not None:
            if now >= self.again_at:
                self._restart()
        elif self.child is not None and self.child.poll() is not None:
            self._later(status_text(self.child.returncode), now)
        elif self.probe and self.probe.misses >= MISSES_MAX and now - self.started_at >= self.probe.pause_s:
            self._hung(now)

    def _hung(self, now):
        reason = "a debugger holds it" if held_by_debugger(self.child.pid) else self.excuse()
        if reason:
            if reason != self.excused:
                self.say(f"{self.name} does not answer: {reason}; leaving it alone")
            self.excused = reason
            self.probe.misses = 0
            return
        self.excused = None
        stopped = ", since a signal has stopped it" if frozen(self.child.pid) else ""
        self.say(f"{self.name} does not answer{stopped}: restarting it")
        stop_child(self.child, min(self.end[1], HUNG_WAIT_S), self.end[0])
        self._later(None, now)

    def _later(self, why, now):
        if now - self.started_at >= STEADY_S:
            self.pause_s = PAUSE_FIRST_S
            self.attempts = 0
        if self.attempts >= ATTEMPTS_MAX:
            raise GivenUp(f"{self.name} was started {self.attempts} times and never ran for {STEADY_S:.0f} s: giving up "
                          f"({self.log.why()})")
        self.again_at = now + self.pause_s
        if why:
            self.say(f"{self.name} {why}: restarting it in {self.pause_s:.0f} s")
        self.pause_s = min(self.pause_s * 2, PAUSE_MAX_S)

    def _restart(self):
        try:
            self.start()
            self.say(f"{self.name} runs again (process {self.child.pid})")
        except (StackError, OSError) as e:
            self._later(f"does not start ({e})", time.monotonic())

    def ask(self):
        if self.probe:
            self.probe.ended.set()
        if self.child is not None:
            ask_child(self.child, self.end[0])

    def finish(self):
        if self.child is not None:
            code = await_child(self.child, self.end[1])
            self.note(f"{self.name} {status_text(code)}")
        remove(self.pid_file)
        self.log.close()
