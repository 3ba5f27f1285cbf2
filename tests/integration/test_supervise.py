# SPDX-License-Identifier: Apache-2.0
"""What keeps processes running: how often it tries, for how long it waits, what it keeps of their words."""
import ctypes
import os
import signal
import subprocess
import time

import pytest
from stack import supervise
from stack.proc import StackError, frozen, spawn, wait_for
from stack.supervise import ATTEMPTS_MAX, GivenUp, Log, Steps, Unit


@pytest.fixture
def quick(monkeypatch):
    """Pauses of a thousandth."""
    monkeypatch.setattr(supervise, "PAUSE_FIRST_S", 0.001)
    monkeypatch.setattr(supervise, "PAUSE_MAX_S", 0.03)


def unit_of(folder, launch, said, **how):
    log = Log(os.path.join(folder, "log"))
    unit = Unit("it", lambda: launch(log), said.append, pid_file=os.path.join(folder, "pid"), log=log,
                end=(15, 5), **how)
    unit.start()
    return unit


def shell(text):
    return lambda log: spawn(["sh", "-c", text], stdout=log, stderr=subprocess.STDOUT)


def test_after_30_attempts_it_gives_up_with_the_reason(tmp_path, quick, record_property):
    """req: A14"""
    said, tries = [], tmp_path / "tries"
    fails = """echo x >> {0}; echo '{{"level":"error","message":"the disk is on fire"}}'; exit 1""".format(tries)
    unit = unit_of(tmp_path, shell(fails), said)
    with pytest.raises(GivenUp, match="it was started 30 times .* giving up .the disk is on fire."):
        assert wait_for(unit.tick, 60, 0.001)
    count = len(tries.read_text().splitlines())
    record_property("figure", f"{count} attempts, then given up")
    assert count == ATTEMPTS_MAX == 30 and len(said) == 2 * (ATTEMPTS_MAX - 1)
    unit.finish()


def test_what_cannot_even_be_started_is_given_up_as_well(tmp_path, quick):
    def launch(log):
        if unit is None:
            return shell("exit 1")(log)
        raise StackError("there is no such program")

    unit = None
    said = []
    unit = unit_of(tmp_path, launch, said)
    with pytest.raises(GivenUp):
        wait_for(unit.tick, 60, 0.001)
    assert len([s for s in said if "does not start (there is no such program)" in s]) == ATTEMPTS_MAX - 2
    unit.finish()


def test_each_pause_is_twice_as_long_up_to_half_a_minute(tmp_path):
    """req: A14"""
    said = []
    unit = unit_of(tmp_path, shell("exit 1"), said)
    pauses = []
    for _ in range(8):
        unit.child.wait()
        unit.tick()
        pauses.append(round(unit.again_at - time.monotonic()))
        unit.again_at = 0
        unit.tick()
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    unit.ask()
    unit.finish()


def test_who_ran_for_a_minute_starts_over(tmp_path, quick, monkeypatch):
    monkeypatch.setattr(supervise, "STEADY_S", 0.05)
    said = []
    unit = unit_of(tmp_path, shell("sleep 0.1; exit 1"), said)
    assert wait_for(lambda: unit.tick() or len(said) == 10, 10, 0.001)
    assert (unit.attempts, unit.pause_s) == (1, 2 * supervise.PAUSE_FIRST_S), said
    unit.ask()
    unit.finish()


def test_three_misses_in_a_row_are_needed(tmp_path, monkeypatch):
    """req: A15"""
    monkeypatch.setattr(supervise, "CHECK_AGAIN_S", 0.001)
    answers = iter([False, False, True, False, False, True] + [False] * 1000)
    said, notes, asked = [], [], []

    def check():
        asked.append(time.monotonic())
        return next(answers)

    unit = unit_of(tmp_path, shell("exec sleep 60"), said, check=check, check_pause_s=0.01, note=notes.append)
    assert wait_for(lambda: unit.tick() or said, 10, 0.001)
    assert len(asked) >= 9 and said[0] == "it does not answer: restarting it"
    assert [n for n in notes if "(3 in a row)" in n][0] == "check: it does not answer (3 in a row)"
    unit.ask()
    unit.finish()


def test_what_a_debugger_holds_is_left_alone_and_what_a_signal_stopped_is_not(tmp_path, monkeypatch):
    """req: A15"""
    monkeypatch.setattr(supervise, "CHECK_AGAIN_S", 0.01)
    said = []
    unit = unit_of(tmp_path, shell("exec sleep 60"), said, check=lambda: False, check_pause_s=0.01)
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    assert ptrace(16, unit.child.pid, None, None) == 0, os.strerror(ctypes.get_errno())  # PTRACE_ATTACH
    os.waitpid(unit.child.pid, os.WUNTRACED)
    assert wait_for(lambda: unit.tick() or said, 10, 0.01) and unit.running()
    assert said == ["it does not answer: a debugger holds it; leaving it alone"]
    os.kill(unit.child.pid, signal.SIGSTOP)
    assert ptrace(17, unit.child.pid, None, None) == 0  # PTRACE_DETACH
    assert wait_for(lambda: frozen(unit.child.pid), 10)
    assert wait_for(lambda: unit.tick() or len(said) > 1, 10, 0.01)
    assert said[1] == "it does not answer, since a signal has stopped it: restarting it"
    unit.ask()
    unit.finish()


def test_a_check_that_went_well_is_noted_with_its_time(tmp_path, monkeypatch):
    """req: A54"""
    monkeypatch.setattr(supervise, "CHECK_PAUSE_S", 0.05)
    notes = []
    unit = unit_of(tmp_path, shell("exec sleep 60"), [], check=lambda: True, check_pause_s=0.05,
                   note=lambda text: notes.append((time.monotonic(), text)))
    assert wait_for(lambda: len(notes) > 10, 10)
    times = [at for at, text in notes if text.startswith("check: it answers after ")]
    assert min(b - a for a, b in zip(times, times[1:])) >= 0.05
    unit.ask()
    unit.finish()


def test_logs_are_three_files_of_10_mb_beside_the_one_that_is_written(tmp_path, monkeypatch):
    """req: A23"""
    assert (supervise.LOG_BYTES_MAX, supervise.LOG_FILES_OLD) == (10 << 20, 3)
    monkeypatch.setattr(supervise, "LOG_BYTES_MAX", 100_000)
    log = Log(str(tmp_path / "it.log"))
    for number in range(100):
        os.write(log.fileno(), (f"{number:05d} " + "x" * 9993 + "\n").encode())
    log.close()
    steps = Steps(str(tmp_path / "run.log"))
    for number in range(100):
        steps.note(f"{number:05d} " + "x" * 9000)
    for name in ("it.log", "run.log"):
        files = sorted(n for n in os.listdir(tmp_path) if n.startswith(name))
        assert files == [name, f"{name}.1", f"{name}.2", f"{name}.3"]
        assert all(os.path.getsize(tmp_path / n) <= 120_000 for n in files)
        assert b"00099 " in (tmp_path / name).read_bytes()
