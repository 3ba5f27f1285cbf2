# SPDX-License-Identifier: Apache-2.0
"""Bad links between the programs and Postgres or NATS, and ten times the load. W1, W2, N8, O1"""
import pytest
from fault_proxy import FaultProxy
from stack_under_test import SLOW, eventually
from world import Load, seed


@pytest.fixture(name="links")
def _links(world):
    """API and scout reach Postgres and NATS by proxies."""
    with FaultProxy(("127.0.0.1", world.postgres.port), seed()) as database, \
            FaultProxy(("127.0.0.1", world.nats.port), seed() + 1) as broker:
        settings = {
            "DATABASE_URL": world.database_url.replace(f":{world.postgres.port}/", f":{database.port}/"),
            "NATS_URL": world.nats.url().replace(f":{world.nats.port}", f":{broker.port}")}
        world.both(**settings)
        world.link_settings = settings
        yield database, broker
        database.heal()
        broker.heal()
        for program in list(world.programs):
            program.ask()
        for program in list(world.programs):
            world.stop_program(program)


@pytest.mark.long
def test_half_a_second_of_latency_is_only_slow(world, links):
    """W1"""
    for link in links:
        link.delay_s = 0.25
    ids = world.post({"sleep_ms": 5}, count=20)
    world.done(ids, 60)
    for link in links:
        link.heal()
    world.holds()
    assert world.value("SELECT max(attempts) FROM jobs") == 1


def test_single_bytes_are_put_together(world, links):
    """W1"""
    for link in links:
        link.piece_bytes = 1
    ids = world.post({"echo": "x" * 300}, count=30)
    world.done(ids, 60)
    world.holds()


def test_connections_that_are_reset_midway_lose_nothing(world, links):
    """W1: each connection lives for about 20 KB."""
    with Load(world, 3, limit=150) as load:
        eventually(lambda: len(world.ledger.ids) > 5, 30, "load")
        for link in links:
            link.reset_every_bytes = 20000
            link.cut()
        eventually(load.finished, 120, "the load's end")
    for link in links:
        link.heal()
    assert sum(link.resets for link in links) >= 2
    world.holds()


@pytest.mark.parametrize("way", ["both", pytest.param("up", marks=pytest.mark.long),
                                 pytest.param("down", marks=pytest.mark.long)])
@pytest.mark.parametrize("which", [0, 1], ids=["postgres", "nats"])
def test_a_partition_is_healed_within_thirty_seconds(world, links, which, way):
    """W2: silence, not an error."""
    link = links[which]
    world.post({"sleep_ms": 100}, count=10)
    link.hold(way)
    if which == 0:
        eventually(lambda: refused(world), 15, "503 without a database")
    else:
        world.post(count=5)
    link.release()
    link.cut()
    ids = world.post(count=3)
    world.done(ids, 30)
    world.holds()


def refused(world):
    try:
        answer = world.root.post("/jobs", {"kind": "noop"})
    except OSError:
        return False
    world.requester.judge(answer)
    if answer.status == 202:
        world.ledger.add([answer.json["job_id"]])
    return answer.status == 503


@pytest.mark.long
def test_messages_that_are_held_and_come_late_do_no_harm(world, links):
    """N8: what the scout is sent lies in the network while others do the work."""
    broker = links[1]
    ids = world.post({"sleep_ms": 10}, count=5)
    world.done(ids)
    broker.hold("down")
    late = world.post({"sleep_ms": 10}, count=20)
    world.up("sokoul-scout")
    world.done(late, 60)
    broker.release()
    world.holds()


@pytest.mark.long
def test_ten_times_the_load_is_shed_or_done(world):
    """O1: 10,000 jobs from 40 clients; memory stays bounded."""
    api, scout = world.both()
    world.done(world.post(count=500), 60)
    before = {p: p.memory_kib() for p in (api, scout)}
    with Load(world, 40, lambda n: {}, limit=10000) as load:
        eventually(load.finished, 300, "10,000 jobs accepted")
    world.holds(60)
    for program, kib in before.items():
        assert program.memory_kib() < kib + 131072 * SLOW, f"{program.name}: {kib} KiB became {program.memory_kib()}"
