# SPDX-License-Identifier: Apache-2.0
"""Programs speak to the service manager that started them: ready, alive, stopping."""
import os
import signal
import socket
import time

import pytest
from stack_under_test import SLOW

WATCHDOG_S = 2


class Manager:
    """The service manager's end of NOTIFY_SOCKET."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.env = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000)}

    def hears(self, word, wait_s=20):
        deadline = time.monotonic() + wait_s * SLOW
        heard = []
        while word not in heard:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                heard.append(self.socket.recv(4096).decode())
            except TimeoutError:
                pytest.fail(f"{word} was not said, but {heard}")
        return heard

    def hears_nothing_for(self, wait_s):
        self.socket.settimeout(wait_s)
        try:
            return self.socket.recv(4096) is None
        except TimeoutError:
            return True

    def forget(self):
        self.socket.setblocking(False)
        try:
            while self.socket.recv(4096):
                pass
        except BlockingIOError:
            pass


@pytest.fixture
def manager(tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


@pytest.mark.parametrize("name", ["sokoul-api", "sokoul-scout", "sokoul-hunter"])
def test_a_program_says_that_it_is_ready_alive_and_stopping(sokoul, manager, name):
    program = sokoul.start(name, env=manager.env)
    assert manager.hears("READY=1") == ["READY=1"]
    for _ in range(4):
        manager.hears("WATCHDOG=1")
    program.ask()
    manager.hears("STOPPING=1")
    assert program.wait(20 * SLOW) == 0


@pytest.mark.parametrize("name", ["sokoul-api", "sokoul-scout"])
def test_a_frozen_program_misses_its_watchdog_and_one_that_thaws_goes_on(sokoul, manager, name):
    program = sokoul.start(name, env=manager.env)
    manager.hears("WATCHDOG=1")
    os.kill(program.child.pid, signal.SIGSTOP)
    try:
        manager.forget()
        assert manager.hears_nothing_for(WATCHDOG_S * 2)
    finally:
        os.kill(program.child.pid, signal.SIGCONT)
    manager.hears("WATCHDOG=1")


def test_a_program_that_nobody_listens_to_runs_all_the_same(sokoul, tmp_path):
    gone = {"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "400000"}
    assert sokoul.start("sokoul-scout", env=gone).child.poll() is None
