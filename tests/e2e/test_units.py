# SPDX-License-Identifier: Apache-2.0
"""The units of deploy/systemd under a real systemd: its watchdog has a frozen program running again."""
import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest
from client import Api
from stack.proc import free_ports, wait_for
from stack_under_test import BIN, ROOT, SLOW

MANAGER = "/usr/lib/systemd/systemd"
GROUPS = "/sys/fs/cgroup/systemd" if os.path.isdir("/sys/fs/cgroup/systemd") else "/sys/fs/cgroup"
# What a unit says about starting, watching and ending; its fences need a manager of the whole machine.
KEPT = ("Type", "NotifyAccess", "WatchdogSec", "TimeoutStartSec", "TimeoutStopSec", "Restart", "RestartSec",
        "RestartPreventExitStatus")
# A manager of its own, in a group of its own, that believes the machine was started by systemd.
START = """mkdir -p {group} && echo $$ >{group}/cgroup.procs
mount -t tmpfs none /run && mkdir -p /run/systemd/system
export XDG_RUNTIME_DIR={folder} HOME={folder} SYSTEMD_UNIT_PATH={folder}/units:/usr/lib/systemd/user
exec {manager} --user --unit=basic.target --log-target=console --log-level=info"""


def why_not():
    if os.getuid() != 0 or not os.path.exists(MANAGER) or not shutil.which("systemctl"):
        return "root and systemd are needed"
    if not os.access(GROUPS, os.W_OK) or subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        return "no control group or mount may be made here"
    return None


class Manager:
    def __init__(self, folder):
        self.folder = folder
        self.group = os.path.join(GROUPS, f"sokoul-test-{os.getpid()}")

    def start(self):
        text = START.format(group=self.group, folder=self.folder, manager=MANAGER)
        with open(os.path.join(self.folder, "manager.log"), "wb") as log:
            self.child = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", text], stdout=log,
                                          stderr=subprocess.STDOUT, start_new_session=True)
        if not wait_for(lambda: os.path.exists(f"{self.folder}/systemd/private"), 20 * SLOW):
            pytest.skip(f"systemd does not start here: {open(os.path.join(self.folder, 'manager.log'), encoding='utf-8').read()[-300:]}")

    def ctl(self, *words):
        return subprocess.run(["systemctl", "--user", *words], env=dict(os.environ, XDG_RUNTIME_DIR=str(self.folder)),
                              capture_output=True, text=True, timeout=60 * SLOW, check=False)

    def show(self, name, what):
        return self.ctl("show", name, "-p", what, "--value").stdout.strip()

    def stop(self):
        self.ctl("exit")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(30)
        self.child.kill()
        self.child.wait()
        if os.path.isdir(self.group):
            wait_for(lambda: subprocess.run(["rmdir", self.group], capture_output=True, check=False).returncode == 0, 5)


@pytest.fixture
def manager(tmp_path):
    folder = tmp_path / "manager"
    (folder / "units").mkdir(parents=True)
    made = Manager(folder)
    yield made
    if hasattr(made, "child"):
        made.stop()


def unit_of(sokoul, name, port):
    lines = []
    for path in ("sokoul-.service.d/program.conf", f"{name}.service"):
        with open(os.path.join(ROOT, "deploy", "systemd", path), encoding="utf-8") as f:
            lines += [line for line in f.read().splitlines() if line.partition("=")[0] in KEPT]
    where = "API_LISTEN" if name == "sokoul-api" else "METRICS_LISTEN"
    path = sokoul.env_file({where: f"127.0.0.1:{port}", "LOG_LEVEL": "info"}, f"{name}.env")
    assert any(line.startswith("WatchdogSec=") for line in lines)
    return "\n".join(["[Service]", f"ExecStart={BIN}/{name} --env-file {path}", f"WorkingDirectory={sokoul.folder}", *lines, ""])


def is_ready(port):
    try:
        return Api(port, wait_s=2).get("/ready").status == 200
    except OSError:
        return False


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_a_frozen_program_is_restarted_by_the_units_watchdog_within_a_minute(sokoul, manager, record_property):
    """req: A15, A49, A53"""
    names = ("sokoul-api", "sokoul-scout", "sokoul-hunter")
    ports = dict(zip(names, range(free_ports(len(names)), 65536)))
    for name in names:
        (manager.folder / "units" / f"{name}.service").write_text(unit_of(sokoul, name, ports[name]))
    manager.start()
    for name in names:
        done = manager.ctl("start", name)  # returns when the program has said that it is ready
        assert done.returncode == 0, done.stderr
        assert wait_for(lambda p=ports[name]: is_ready(p), 20 * SLOW), f"{name} is not ready"
    before = {name: int(manager.show(name, "MainPID")) for name in names}
    began, after = time.monotonic(), {}
    for pid in before.values():
        os.kill(pid, signal.SIGSTOP)

    def back():
        for name in names:
            if name not in after and manager.show(name, "NRestarts") == "1" and is_ready(ports[name]):
                after[name] = time.monotonic() - began
        return len(after) == len(names)

    assert wait_for(back, 60, 0.2), after
    record_property("figure", "by systemd's watchdog: " + ", ".join(f"{n} {s:.0f} s" for n, s in after.items()))
    os.kill(int(manager.show("sokoul-scout", "MainPID")), signal.SIGKILL)
    assert wait_for(lambda: manager.show("sokoul-scout", "NRestarts") == "2" and is_ready(ports["sokoul-scout"]), 30, 0.2)
    for name in names:
        assert manager.ctl("stop", name).returncode == 0 and manager.show(name, "Result") == "success", name
