# SPDX-License-Identifier: Apache-2.0
"""Keeps processes running: starts, watches, restarts with growing pauses, stops.

    log = Log(path)         takes a process's output through a pipe, turned over by size
    unit = Unit(...)        one process and what is known of it
    unit.tick()             called every tenth of a second on the main thread
    unit.ask()              the signal to end; unit.finish() waits for the end and cleans up

A unit is restarted when it ends, and when its probe misses three times in a row, unless
somebody has stopped the process on purpose (SIGSTOP).  Probes run on a thread of their own.
"""
import os
import threading
import time

from stack.proc import COMPLAINT, StackError, ask_child, await_child, frozen, remove, status_text, stop_child, write_pid

LOG_BYTES_MAX = 10 << 20
LOG_FILES_OLD = 3
PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 30.0
STEADY_S = 60.0  # a process that ran this long starts over with the first pause
MISSES_MAX = 3
HUNG_WAIT_S = 5  # what a process that does not answer gets to end by itself


class Log:
    """The write end of a pipe whose other end a thread copies to a file."""

    def __init__(self, path):
        self.path = path
        self.last = ""   # line
        self.worst = ""  # complaint of this start
        self.out = open(path, "ab", buffering=0)  # here, so that whoever starts it hears of a full disk
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
                        self._turn()
                        out, size = open(self.path, "ab", buffering=0), 0
                    size += out.write(data) or 0
                except OSError:
                    continue  # a full disk must not block who writes
        out.close()

    def _turn(self):
        for number in range(LOG_FILES_OLD - 1, 0, -1):
            if os.path.exists(f"{self.path}.{number}"):
                os.replace(f"{self.path}.{number}", f"{self.path}.{number + 1}")
        os.replace(self.path, f"{self.path}.1")

    def why(self):
        """The line that says why a process ended."""
        return (self.worst or self.last or "no word from it")[:400]

    def close(self):
        os.close(self.write_end)
        self.thread.join(2)


class Probe:
    """Calls check() every pause_s on a thread; `misses` counts the failures in a row."""

    def __init__(self, check, pause_s):
        self.check = check
        self.pause_s = pause_s
        self.misses = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(self.pause_s):
            try:
                good = self.check()
            except Exception:  # noqa: BLE001 -- whatever a probe meets is a miss
                good = False
            self.misses = 0 if good else self.misses + 1


class Unit:
    def __init__(self, name, launch, say, *, pid_file, log, end, check=None, check_pause_s=3.0, excuse=None):
        self.name = name
        self.launch = launch  # () -> Popen
        self.end = end        # (the signal that ends it gracefully, how long that may take in seconds)
        self.say = say
        self.pid_file = pid_file
        self.log = log
        self.excuse = excuse or (lambda: None)  # why a missed probe is no reason to restart, or None
        self.child = None
        self.pause_s = PAUSE_FIRST_S
        self.started_at = 0.0
        self.again_at = None
        self.excused = None
        self.probe = Probe(check, check_pause_s) if check else None

    def start(self):
        self.log.worst = ""
        self.child = self.launch()
        self.started_at = time.monotonic()
        self.again_at = None
        if self.probe:
            self.probe.misses = 0
        write_pid(self.pid_file, self.child.pid)

    def running(self):
        return self.child is not None and self.child.poll() is None

    def tick(self):
        now = time.monotonic()
        if self.again_at is not None:
            if now >= self.again_at:
                self._restart()
        elif self.child is not None and self.child.poll() is not None:
            self._later(f"{status_text(self.child.returncode)}", now)
        elif self.probe and self.probe.misses >= MISSES_MAX:
            self._hung(now)

    def _hung(self, now):
        reason = "it is stopped by a signal" if frozen(self.child.pid) else self.excuse()
        if reason:
            if reason != self.excused:
                self.say(f"{self.name} does not answer: {reason}; leaving it alone")
            self.excused = reason
            self.probe.misses = 0
            return
        self.excused = None
        self.say(f"{self.name} does not answer: restarting it")
        stop_child(self.child, min(self.end[1], HUNG_WAIT_S), self.end[0])
        self._later(None, now)

    def _later(self, why, now):
        if now - self.started_at >= STEADY_S:
            self.pause_s = PAUSE_FIRST_S
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
            await_child(self.child, self.end[1])
        remove(self.pid_file)
        self.log.close()
