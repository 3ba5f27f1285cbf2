# SPDX-License-Identifier: Apache-2.0
"""JetStream's disk is full: 2.9.10 hangs, also when there is room again, until somebody restarts it. N7"""
import contextlib
import os
import threading
import time

import pytest
from stack.nats import NatsError
from stack.proc import free_ports
from stack.servers import NatsServer
from stack.supervise import Log, Unit
from stack_under_test import SLOW, eventually
from test_broker import backlog, refuses

STORE_SIZE = "48m"
BACK_S = 20


@contextlib.contextmanager
def supervised(server, folder):
    """The server under the supervisor of `make run`; the list of what it said."""
    def launch():
        server.log = log
        server.start()
        return server.child

    said, over = [], threading.Event()
    log = Log(os.path.join(folder, "nats.log"))
    unit = Unit(server.name, launch, said.append, pid_file=os.path.join(folder, "nats.pid"), log=log,
                end=(server.stop_signal, server.stop_wait_s), **server.watch())

    def look():
        while not over.wait(0.1):
            unit.tick()

    unit.start()
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        server.wait_ready()
        yield said
    finally:
        over.set()
        watcher.join()
        unit.ask()
        unit.finish()


@contextlib.contextmanager
def small_broker(world):
    """The world's NATS, on a small disk of its own, under the supervisor."""
    folder = os.path.join(world.folder, "small")
    os.mkdir(folder)
    with world.mount(folder, STORE_SIZE):
        server = NatsServer(free_ports(1), folder, "0123456789abcdef")
        server.prepare()
        with supervised(server, world.folder) as said:
            world.nats, world.settings["NATS_URL"] = server, server.url()
            yield folder, said
            world.stop_all()


def fill(folder, leave):
    """Takes the room but for so many bytes; the file that does."""
    there = os.statvfs(folder)
    path = os.path.join(folder, "filler")
    with open(path, "wb") as f:
        os.posix_fallocate(f.fileno(), 0, there.f_bavail * there.f_frsize - leave)
    return path


def component(world, name="nats"):
    return world.root.get("/health/deep").json["components"][name]


def hangs(server):
    try:
        with server.connect(1.0) as nats:
            nats.js("INFO")
    except NatsError:
        return True
    return False


@pytest.mark.long
@pytest.mark.skipif(os.getuid() != 0, reason="mounts a tmpfs")
def test_a_full_broker_waits_and_drains_when_there_is_room(world):
    """N7"""
    with small_broker(world) as (folder, said):
        api, scout = world.both(OUTBOX_MAX="300")
        world.done(world.post(count=10))
        scout.kill()
        filler = fill(folder, 2 << 20)
        for _ in range(5):
            world.post({"echo": "x" * 8000}, count=100)
        eventually(lambda: backlog(world) > 0 and hangs(world.nats), 40, "a server that hangs")
        world.post(count=5)
        eventually(lambda: refuses(world), 40, "503 when more waits than may")
        eventually(lambda: component(world)["status"] == "down" and component(world)["error"], 20, "a word of health")
        assert world.root.get("/ready").status == 200, "degraded, not gone"
        eventually(lambda: "the disk is full" in " ".join(said), 40, "the supervisor's word")
        os.unlink(filler)
        world.up("sokoul-scout")
        began = time.monotonic()
        eventually(lambda: backlog(world) == 0 and not unfinished(world), 60, "an empty outbox")
        took_s = time.monotonic() - began
        print(f"N7: drained {took_s:.1f} s after there was room; {said}")
        world.holds()
        assert took_s <= BACK_S * SLOW and api.running()


def unfinished(world):
    return world.value("SELECT count(*) FROM jobs WHERE status IN ('Pending', 'Running')")
