# SPDX-License-Identifier: Apache-2.0
"""Programs end within their deadline, whatever the servers and their own threads do."""
import time

from client import Api
from stack_under_test import SLOW, eventually
from swarm import MIB, Hunting
from test_library import kit_job, start_kit

DRAIN_S = 1
CLOSE_S = 9  # what a worker is given beyond that


def ends_within(program, wait_s, statuses):
    began = time.monotonic()
    program.ask()
    code = program.wait((wait_s + 10) * SLOW)
    took = time.monotonic() - began
    assert code in statuses, f"{program.name} ended with {code}:\n{program.log_text()[-3000:]}"
    assert took < wait_s + 2 * SLOW, f"{program.name} took {took:.1f} s:\n{program.log_text()[-3000:]}"
    assert "Sanitizer" not in program.log_text(), program.log_text()[-6000:]


def test_a_hunter_ends_in_time_while_postgres_is_frozen(own_sokoul, own_servers, swarm):
    hunting = Hunting(own_sokoul)
    user = Api(own_sokoul.start("sokoul-api").port).register()
    torrent = swarm.torrent(16 * MIB)
    swarm.seed(torrent)
    hunter = hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=1024, WORKER_DRAIN_S=DRAIN_S)
    download = hunting.download(user, magnet=torrent.magnet())
    download.shows("progress > 0.1")
    own_servers.postgres.freeze()
    try:
        ends_within(hunter, DRAIN_S + CLOSE_S, (0,))
    finally:
        own_servers.postgres.thaw()
    hunting.hunter()
    download.completed(60)
    assert download.job("attempts")[0] <= 2


def test_an_api_ends_in_time_while_postgres_is_frozen(own_sokoul, own_servers):
    api = own_sokoul.start("sokoul-api", {"API_DRAIN_S": "4"})
    Api(api.port).register()
    own_servers.postgres.freeze()
    try:
        ends_within(api, 5, (0, 75))
    finally:
        own_servers.postgres.thaw()


def test_a_worker_with_a_deaf_handler_ends_without_closing_anything(sokoul):
    kit = start_kit(sokoul, {"WORKER_DRAIN_S": str(DRAIN_S)})
    job_id = kit_job(sokoul, "deaf")
    eventually(lambda: sokoul.value("SELECT status FROM jobs WHERE job_id = %s", (job_id,)) == "Running")
    ends_within(kit, DRAIN_S + CLOSE_S, (75,))
    assert kit.log(message="Handlers do not end, forcing exit")
