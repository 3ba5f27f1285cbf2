# SPDX-License-Identifier: Apache-2.0
"""JetStream has less room than the streams are meant to have."""
import os

import pytest
from job_kit import inject
from stack.proc import free_ports
from stack.servers import NatsServer

MIB = 1 << 20


@pytest.fixture
def small_nats(sokoul, request):
    """A server of the test's own whose store holds so many MiB; the programs use it."""
    folder = os.path.join(sokoul.folder, "small")
    os.mkdir(folder)
    server = NatsServer(free_ports(1), folder, "0123456789abcdef")
    server.prepare()
    with open(f"{folder}/nats.conf", encoding="utf-8") as f:
        text = f.read()
    assert "max_file_store: 16GB" in text
    with open(f"{folder}/nats.conf", "w", encoding="utf-8") as f:
        f.write(text.replace("max_file_store: 16GB", f"max_file_store: {request.param * MIB}"))
    server.start()
    server.wait_ready()
    sokoul.settings["NATS_URL"] = server.url()
    yield server
    server.stop()


@pytest.mark.parametrize("small_nats", [20, 512, 675, 1024, 1280], indirect=True)
def test_every_stream_finds_room_and_jobs_run(sokoul, small_nats, request):
    sokoul.start("sokoul-scout")
    job = inject(sokoul, "noop", {})[0]
    assert sokoul.job_settled(job) == "Completed"
    with small_nats.connect() as nats:
        sizes = {name: nats.js(f"STREAM.INFO.{name}")["config"]["max_bytes"] for name in ("JOBS", "DLQ", "LOGS", "EVENTS")}
    size = request.node.callspec.params["small_nats"] * MIB
    assert all(s >= MIB for s in sizes.values()) and sum(sizes.values()) <= size, sizes
    assert sizes["JOBS"] >= size // 8, sizes
