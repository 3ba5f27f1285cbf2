# SPDX-License-Identifier: Apache-2.0
"""Postgres dies, freezes, cuts sessions, fills up; Redis does what it wants. D1, D2, D4-D7, R1"""
import os
import random
import signal
import time

import psycopg2
import pytest
from points import at
from stack.proc import freeze, wait_for
from stack_under_test import SLOW, eventually
from world import Load, seed


def status_of(world):
    """The status of POST /jobs now; what was accepted goes into the ledger."""
    answer = world.root.post("/jobs", {"kind": "noop"})
    world.requester.judge(answer)
    if answer.status == 202:
        world.ledger.add([answer.json["job_id"]])
    return answer.status


def test_a_killed_database_is_503_and_then_all_goes_on(world):
    """D1"""
    api, scout = world.both()
    world.post({"sleep_ms": 300}, count=20)
    world.postgres.kill()
    eventually(lambda: status_of(world) == 503, 10, "503 within 5 s")
    eventually(lambda: world.root.get("/health").status == 503, 5, "health's word")
    assert world.root.get("/livez").status == 200
    world.restart_server(world.postgres)
    world.post(count=5)
    world.holds()
    assert api.running() and scout.running()


WALKED = ("SELECT coalesce(bool_and(right(swept, length(start)) = start), false) FROM stream_state,"
          " (SELECT ' on ' || extract(epoch FROM pg_postmaster_start_time()) AS start) AS server")


def walked(world):
    """The sweeper has looked at every job since the database was started."""
    eventually(lambda: world.value(WALKED), 30, "a complete walk")


def hold_the_log(world):
    """What does not wait for the disk stays in the server's memory from now on. Answers what a kill must take along."""
    writer = int(world.postgres.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"))
    freeze(writer)
    return writer


def test_a_claim_that_the_database_lost_is_made_again_and_its_end_is_nobodys(world):
    """D1: claims do not wait for the disk. The handler of the lost one still runs; by its message the job comes back."""
    api, scout = world.both()
    world.post({})  # connections and plans are made
    walked(world)  # for ten seconds the sweeper writes nothing now
    claims = len(scout.log(event="job_ended"))
    writer = hold_the_log(world)
    ids = world.post({"sleep_ms": 3000}, count=3)
    world.running(3)
    world.postgres.kill()
    os.kill(writer, signal.SIGKILL)
    world.restart_server(world.postgres)
    world.done(ids, 30)
    world.holds()
    ends = [line["message"] for line in scout.log(event="job_ended")][claims:]
    assert sum(" lost in " in end for end in ends) == 3, f"no claim was lost: {ends}"
    assert world.sql("SELECT DISTINCT attempts FROM jobs WHERE job_id = ANY(%s::uuid[])", (ids,)) == [(1,)]
    assert world.swept() == 0, "the message is enough"
    assert api.running() and scout.running()


def test_a_hand_off_outlives_the_database(world):
    """D1: its claim is in the transaction that accepted the job, and waits for the disk with it."""
    world.both()

    def handed_off():
        ids = world.post({"sleep_ms": 3000})
        world.running(1)
        if world.value("SELECT wake FROM jobs WHERE job_id = %s", (ids[0],)) == 0:
            return ids
        world.done(ids)
        return None
    ids = eventually(handed_off, 60, "a job for the idle worker")
    writer = hold_the_log(world)
    world.postgres.kill()
    os.kill(writer, signal.SIGKILL)
    world.restart_server(world.postgres)
    assert world.sql("SELECT status, (SELECT count(*) FROM claims WHERE job_id = ANY(job_ids)) FROM jobs"
                     " WHERE job_id = %s AND wake = 0", (ids[0],)) in ([("Running", 1)], [("Completed", 1)], [("Completed", 0)])
    world.done(ids, 30)
    world.holds()
    assert world.sql("SELECT attempts, epoch FROM jobs WHERE job_id = %s", (ids[0],)) == [(1, 1)]


def test_the_end_of_a_lost_claim_is_not_taken_for_that_of_the_next_one(world):
    """D1 with a frozen worker: it wakes up while another one has the job under a claim of its own."""
    world.both()
    first = world.programs[-1]
    world.post()
    walked(world)
    writer = hold_the_log(world)
    before = len(first.log(event="job_ended"))
    ids = world.post({"sleep_ms": 4000}, count=3)
    world.running(3)
    first.freeze()
    world.postgres.kill()
    os.kill(writer, signal.SIGKILL)
    world.restart_server(world.postgres)
    assert world.value("SELECT count(*) FROM jobs WHERE status = 'Pending'") == 3, "no claim was lost"
    with world.nats.connect() as nats:  # the frozen worker would sit on the messages, and on those it has asked for
        eventually(lambda: nats.js("CONSUMER.INFO.JOBS.scout")["num_waiting"] == 0, 20, "the end of its requests")
        nats.js("STREAM.PURGE.JOBS")
    second = world.up("sokoul-scout")
    world.running(3, 60)
    second.freeze()
    first.thaw()
    eventually(lambda: len(first.log(event="job_ended")) >= before + 3, 30, "the ends of the lost claims")
    assert world.value("SELECT count(*) FROM jobs WHERE job_id = ANY(%s::uuid[]) AND status = 'Completed'", (ids,)) == 0
    second.thaw()
    world.done(ids)
    world.holds()


def test_after_a_restart_of_the_database_every_job_is_looked_at(world):
    """Whose message somebody acknowledged because of a claim that is lost has no other help."""
    world.both()
    world.post()
    walked(world)
    world.postgres.kill()
    world.restart_server(world.postgres)
    assert not world.value(WALKED)
    walked(world)
    world.holds()


@pytest.mark.long
def test_a_database_that_is_killed_under_load_loses_nothing(world):
    world.both()
    with Load(world, 3):
        for _ in range(4):
            eventually(lambda n=len(world.ledger.ids): len(world.ledger.ids) > n + 40, 60, "load")
            world.postgres.kill()
            world.restart_server(world.postgres)
    world.holds()


def test_a_frozen_database_is_503_within_five_seconds(world):
    """D2: eight seconds of SIGSTOP, for all its processes."""
    world.both()
    world.post({"sleep_ms": 200}, count=10)
    frozen = [world.postgres.child.pid] + [p.pid for p in world.postgres.own_processes()]
    freeze(*frozen)
    try:
        began = time.monotonic()
        world.root.wait_s = 20
        while True:
            asked = time.monotonic()
            status = status_of(world)
            assert time.monotonic() - asked < 5.5 * SLOW, "an answer within 5 s"
            if status == 503:
                break
        assert time.monotonic() - began < 6 * SLOW
        asked = time.monotonic()
        assert world.root.get("/livez").status == 200 and time.monotonic() - asked < 1 * SLOW
        wait_for(lambda: time.monotonic() - began > 8, 20)
    finally:
        for pid in reversed(frozen):
            os.kill(pid, signal.SIGCONT)
    world.post(count=3)
    world.holds()


def test_sessions_that_are_cut_at_random_are_made_again(world):
    """D5: 57P01 at any moment; never a 500."""
    world.both()
    chance = random.Random(seed())
    with Load(world, 3) as load:
        for _ in range(40):
            count = len(world.ledger.ids)
            eventually(lambda n=count: len(world.ledger.ids) > n + 3, 60, "load")
            pids = [r[0] for r in world.sql("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                                            " AND pid <> pg_backend_pid()")]
            for pid in chance.sample(pids, min(2, len(pids))):
                world.sql("SELECT pg_terminate_backend(%s)", (pid,))
    assert load.finished()
    world.holds()


def test_a_locked_table_sheds_and_recovers(world):
    """D4: no connection comes back for a while; requests wait, then 503, never 500."""
    world.both()
    lock = psycopg2.connect(world.database_url)
    with Load(world, 8, limit=200):
        eventually(lambda: len(world.ledger.ids) > 10, 30, "load")
        with lock.cursor() as cursor:
            cursor.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
            before = len(world.ledger.ids)
            wait_for(lambda: False, 4)
            assert len(world.ledger.ids) <= before + 8
            assert world.root.get("/livez").status == 200
        lock.rollback()
        eventually(lambda: len(world.ledger.ids) > before + 8, 10, "recovery")
    lock.close()
    world.holds()


@pytest.mark.long
@pytest.mark.skipif(os.getuid() != 0, reason="mounts a tmpfs")
def test_a_full_database_disk_is_503_and_resumes_alone(world, tmp_path):
    """D6: a tablespace for jobs on a disk that fills up."""
    disk = tmp_path / "disk"
    disk.mkdir()
    os.chmod(tmp_path, 0o755)
    with world.mount(disk, "8m"):
        place = disk / "space"
        place.mkdir()
        postgres_owns(place)
        for folder in (tmp_path, *tmp_path.parents):
            os.chmod(folder, os.stat(folder).st_mode | 0o011)
        world.sql(f"CREATE TABLESPACE chaos_{os.getpid()} LOCATION '{place}'")
        world.sql(f"ALTER TABLE jobs SET TABLESPACE chaos_{os.getpid()}")
        try:
            world.both()
            world.post(count=5)
            free = os.statvfs(disk)
            filler = disk / "filler"
            filler.write_bytes(b"x" * (free.f_bavail * free.f_frsize))
            eventually(lambda: post_big(world) == 503, 40, "503 when the disk is full")
            assert world.root.get("/livez").status == 200
            filler.unlink()
            world.post(count=3)
            world.holds()
            for program in list(world.programs):
                world.stop_program(program)
        finally:
            if (disk / "filler").exists():
                (disk / "filler").unlink()
            world.sql("ALTER TABLE jobs SET TABLESPACE pg_default")
            world.sql(f"DROP TABLESPACE chaos_{os.getpid()}")


def post_big(world):
    answer = world.root.post("/jobs", {"kind": "noop", "payload": {"echo": os.urandom(3000).hex()}})
    world.requester.judge(answer)
    if answer.status == 202:
        world.ledger.add([answer.json["job_id"]])
    return answer.status


def postgres_owns(path):
    import shutil

    shutil.chown(path, "postgres", "postgres")


def test_redis_may_do_what_it_wants(world):
    """R1: killed, frozen, flushed, with wrong types; jobs do not care."""
    world.both()
    with Load(world, 2, limit=400):
        def more(count=15):
            eventually(lambda n=len(world.ledger.ids): len(world.ledger.ids) > n + count, 60, "load")

        more()
        world.redis.command("FLUSHALL")
        more()
        freeze(world.redis.child.pid)
        more()
        world.redis.child.send_signal(signal.SIGCONT)
        world.redis.kill()
        more()
        world.restart_server(world.redis)
        for name in range(50):
            world.redis.command("LPUSH", f"sokoul:{name}", "odd")
        more()
    world.holds()
    assert not world.requester_wrongs()


def test_rows_that_nobody_should_have_written_hold_up_nobody(world):
    """D7: past every check of ours, by hand."""
    world.both()
    scout = world.programs[-1]
    world.stop_program(scout)
    odd = world.post(count=2, run_at=at(600))
    world.sql("UPDATE outgoing SET subject = 'sokoul.jobs.scout.no op', run_at = now() - interval '1 h' "
              "WHERE job_ids = ARRAY[%s::uuid]", (odd[0],))
    world.sql("UPDATE outgoing SET subject = 'sokoul..', run_at = now() - interval '1 h' WHERE job_ids = ARRAY[%s::uuid]",
              (odd[1],))
    world.sql("INSERT INTO outgoing (subject, body) VALUES ('sokoul.dlq.odd', repeat('x', 2000000))")
    strange = world.post()
    world.sql("UPDATE jobs SET kind = 'odd', payload = '[1]' WHERE job_id = %s", (strange[0],))
    world.up("sokoul-scout")
    world.done(world.post(count=10) + strange, 30)
    assert world.value("SELECT reason FROM jobs WHERE job_id = %s", (strange[0],))
    eventually(lambda: world.value("SELECT count(*) FROM outgoing") == 0, 20, "an empty outbox")
    dropped = [line for p in world.programs for line in p.log(event="wake_up_dropped")]
    assert len(dropped) == 3
    world.sql("UPDATE jobs SET run_at = now() - interval '1 minute' WHERE status = 'Pending'")
    world.holds()
