# SPDX-License-Identifier: Apache-2.0
"""make run as people call it: SIGTERM to make alone ends everything."""
import os
import signal
import subprocess
import tempfile

import pytest
from client import Api
from stack import settings
from stack.proc import all_pids, alive, free_ports, link_of, wait_for
from stack_under_test import BIN, ROOT, SLOW

PLAIN = BIN == os.path.join(ROOT, "build", "bin")  # make run builds and runs the plain programs


def left_of(state_dir):
    found = []
    for pid in all_pids():
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().decode("utf-8", "replace")
        except OSError:
            continue
        if alive(pid) and (state_dir in words or link_of(pid, "cwd").startswith(state_dir)):
            found.append(words)
    return found


@pytest.fixture
def make_run():
    """(make's process, state folder, port, the file that its output goes to)"""
    with tempfile.TemporaryDirectory(prefix="sokoul-make-") as folder:
        os.chmod(folder, 0o755)
        state_dir, base = os.path.join(folder, "state"), free_ports(9)
        hidden = settings.OWN + settings.PASSED + ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")
        env = {k: v for k, v in os.environ.items() if k not in hidden}
        env.update(STATE_DIR=state_dir, PORT_BASE=str(base))
        out = os.path.join(folder, "out")
        with open(out, "wb") as f:
            make = subprocess.Popen(["make", "run"], cwd=ROOT, env=env, stdout=f, stderr=subprocess.STDOUT,
                                    start_new_session=True)
        yield make, state_dir, base, out
        if make.poll() is None:
            make.kill()
            make.wait()
        assert wait_for(lambda: not left_of(state_dir), 60), left_of(state_dir)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


@pytest.mark.skipif(not PLAIN, reason="make run starts the plain build")
def test_it_gets_ready_serves_and_ends_by_sigterm_to_make_alone(make_run):
    make, state_dir, base, out = make_run
    ready = f"ready: http://127.0.0.1:{base}\n"
    assert wait_for(lambda: ready in read(out) or make.poll() is not None, 120 * SLOW) and ready in read(out), read(out)
    assert len([line for line in read(out).partition(ready)[2].splitlines() if line.startswith("  ")]) == 5
    assert Api(base).get("/health").status == 200
    make.send_signal(signal.SIGTERM)
    make.wait(90)
    assert left_of(state_dir) == []
    assert "stopped" in read(out)


@pytest.mark.skipif(not PLAIN, reason="make run starts the plain build")
def test_it_ends_by_sigint_to_make_alone(make_run):
    """make tells nobody of it, and waits."""
    make, state_dir, _, out = make_run
    assert wait_for(lambda: "ready: " in read(out) or make.poll() is not None, 120 * SLOW) and make.poll() is None
    make.send_signal(signal.SIGINT)
    make.wait(90)
    assert left_of(state_dir) == []
    assert "stopped" in read(out)


@pytest.mark.skipif(not PLAIN, reason="make run starts the plain build")
def test_when_make_is_killed_everything_ends_by_itself(make_run):
    make, state_dir, base, out = make_run
    assert wait_for(lambda: "ready: " in read(out) or make.poll() is not None, 120 * SLOW) and make.poll() is None
    make.kill()
    make.wait()
    assert wait_for(lambda: not left_of(state_dir), 60)
