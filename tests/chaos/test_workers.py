# SPDX-License-Identifier: Apache-2.0
"""Workers that freeze, die, are asked to end, lose the clock, or have no room for their log. P1, T1, C1, F1, I11"""
import os
import signal

import pytest
from client import Api
from stack_under_test import SLOW, eventually
from world import Load

LEASE = {"JOBS_LEASE_S": "3"}
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def history(world, job_id):
    return world.sql("SELECT became, epoch, attempts FROM chaos_moves WHERE job_id = %s ORDER BY n", (job_id,))


def test_a_thawed_worker_changes_nothing(world):
    """P1: its lease is over, another one has the job; its own end is nobody's."""
    world.both(**LEASE)
    frozen = world.programs[-1]
    ids = world.post({"sleep_ms": 1500}, count=4)
    world.running(4)
    frozen.freeze()
    world.up("sokoul-scout", LEASE)
    eventually(lambda: world.value("SELECT count(*) FROM jobs WHERE epoch >= 2 AND status = 'Running'") > 0, 40,
               "another claim")
    frozen.thaw()
    world.done(ids)
    world.holds()
    assert frozen.running()


def test_a_thawed_worker_ends_nothing_that_another_one_runs(world):
    """P1 to the letter: the first claim's handler ends while the second claim is Running."""
    world.both(**LEASE)
    first = world.programs[-1]
    ids = world.post({"sleep_ms": 6000}, count=3)
    world.running(3)
    first.freeze()
    second = world.up("sokoul-scout", LEASE)
    eventually(lambda: world.value("SELECT count(*) FROM jobs WHERE epoch >= 2 AND status = 'Running'") == 3, 60,
               "other claims")
    second.freeze()
    first.thaw()
    eventually(lambda: len(first.log(event="job_ended")) >= 3, 20, "the ends of the first claims")
    ended = world.value("SELECT count(*) FROM chaos_moves WHERE became = 'Completed' AND epoch = 2 AND worker_id ="
                        " (SELECT worker_id FROM chaos_moves WHERE became = 'Running' AND epoch = 2 LIMIT 1)")
    assert ended == 0, "an end was written under a claim that was not its own"
    second.thaw()
    world.done(ids)
    world.holds()


def test_a_cancelled_job_stays_cancelled(world):
    """The worker's end comes after the cancel that it has not heard of."""
    world.both()
    scout = world.programs[-1]
    ids = world.post({"sleep_ms": 1200}, count=4)
    world.running(4)
    scout.freeze()
    started = world.value("SELECT max(started_at) FROM jobs")
    for job_id in ids:
        assert world.root.post(f"/jobs/{job_id}/cancel").status == 202
    eventually(lambda: world.value("SELECT clock_timestamp() > %s + interval '2 s'", (started,)), 20, "the ends' time")
    scout.thaw()
    eventually(lambda: len(scout.log(event="job_ended")) >= len(ids), 20, "their ends")
    assert world.sql("SELECT DISTINCT status, reason FROM jobs") == [("Failed", "cancelled")]
    assert world.value("SELECT count(*) FROM job_results") == 0
    world.holds()


def test_a_finished_job_cannot_be_cancelled(world):
    world.both()
    done = world.post()
    failed = world.post({"fail": "permanent"})
    world.done(done + failed)
    for job_id in done + failed:
        assert world.root.post(f"/jobs/{job_id}/cancel").status == 409
    assert sorted(world.sql("SELECT status, coalesce(reason, '') FROM jobs WHERE kind = 'noop'")) == \
        [("Completed", ""), ("Failed", "refused")]
    world.holds()


def test_retries_wait_in_the_database(world):
    """Two failures, then success: each retry is a row with its time, and the broker may forget it."""
    world.both()
    ids = world.post({"fail": 1}, count=3)
    eventually(lambda: world.value("SELECT count(*) FROM jobs WHERE status = 'Pending' AND attempts = 1"
                                   " AND run_at > now() AND wake IN (SELECT id FROM outgoing)") == 3, 20, "three retries")
    world.done(ids)
    world.holds()
    assert world.swept() == 0
    assert [h[0] for h in history(world, ids[0])] == ["Pending", "Running", "Pending", "Running", "Completed"]


def test_what_has_failed_four_times_is_one_dead_letter(world):
    world.both()
    ids = world.post({"fail": True}, count=3)
    world.done(ids, 60)
    world.holds()
    assert world.sql("SELECT DISTINCT status, reason, attempts FROM jobs WHERE kind = 'noop'") == \
        [("Failed", "exhausted", 4)]
    assert world.value("SELECT count(*) FROM dead_letters") == 3
    letter = world.value("SELECT id FROM dead_letters LIMIT 1")
    assert world.root.post(f"/admin/dlq/{letter}/replay", {"payload": {}}).status == 202
    eventually(lambda: world.value("SELECT count(*) FROM jobs WHERE kind = 'noop' AND status = 'Completed'") == 1, 30,
               "the replay")
    world.holds()


def killed_with(world, count, **more):
    """A worker dies by -9 with so many jobs at work; the time of the kill and the worker's id."""
    victim = world.programs[-1]
    world.post({"sleep_ms": 4000}, count=count, **more)
    world.running(count)
    holder = world.value("SELECT worker_id FROM jobs WHERE status = 'Running' LIMIT 1")
    world.up("sokoul-scout")
    since = world.clock()
    victim.kill()
    return since, holder


def test_an_orphan_of_a_killed_worker_runs_again_within_two_seconds(world):
    """kill -9: its connection closes with it. A job that it was given as it was accepted, and one that its message woke."""
    world.both()
    for priority in ("normal", "low"):
        since, holder = killed_with(world, 1, priority=priority)
        world.done(world.ledger.ids, 60)
        waits = world.moved_ms("Running", since, holder)
        assert len(waits) == 1 and waits[0] <= 2000 * SLOW, waits
    world.holds()


@pytest.mark.long
def test_orphans_in_company_are_taken_back_within_two_seconds(world):
    """And then run one by one, so that a poison job among them blames itself only."""
    world.both()
    since, holder = killed_with(world, 5)
    world.done(world.ledger.ids, 60)
    back, again = world.moved_ms("Pending", since, holder), world.moved_ms("Running", since, holder)
    assert len(back) == len(again) == 5 and back[-1] <= 2000 * SLOW and again[0] <= 2000 * SLOW, (back, again)
    world.holds()
    assert world.value("SELECT max(attempts) FROM jobs") == 1, "nobody is blamed"


@pytest.mark.long
def test_orphans_of_a_frozen_host_run_again_within_forty_five_seconds(world):
    """P1 with the lease as it comes: nobody closes the connections of a frozen host."""
    world.both()
    victim = world.programs[-1]
    world.post({"sleep_ms": 4000}, count=3)
    world.running(3)
    holder = world.value("SELECT worker_id FROM jobs WHERE status = 'Running' LIMIT 1")
    world.up("sokoul-scout")
    since = world.clock()
    victim.freeze()
    world.done(world.ledger.ids, 90)
    waits = world.moved_ms("Pending", since, holder)
    print(f"P1: taken back {waits} ms after the freeze")
    assert len(waits) == 3 and waits[-1] <= 45000 * SLOW, waits
    victim.thaw()
    world.holds()


def test_sigterm_hands_back_what_is_not_done(world):
    """T1: no attempt is burnt, and another worker goes on."""
    world.both(WORKER_DRAIN_S="1")
    first = world.programs[-1]
    ids = world.post({"sleep_ms": 4000}, count=3)
    world.running(3)
    first.ask()
    assert first.wait() == 0
    assert world.sql("SELECT DISTINCT status, attempts FROM jobs") == [("Pending", 0)]
    world.up("sokoul-scout")
    world.done(ids)
    world.holds()
    assert world.value("SELECT max(attempts) FROM jobs") == 1


@pytest.mark.long
def test_a_second_sigterm_ends_a_worker_now(world):
    world.both()
    first = world.programs[-1]
    world.post({"sleep_ms": 30000})
    world.running(1)
    first.forget()
    first.ask()
    eventually(lambda: first.log(event="shutdown"), 10, "the first one's echo")
    first.signal(signal.SIGTERM)
    assert first.wait(10 * SLOW) == 128 + signal.SIGTERM
    world.root.post(f"/jobs/{world.ledger.ids[0]}/cancel")
    world.up("sokoul-scout")
    world.holds()


@pytest.mark.parametrize("offset", ["+3600s", pytest.param("-3600s", marks=pytest.mark.long),
                                    pytest.param("+10y", marks=pytest.mark.long),
                                    pytest.param("-10y", marks=pytest.mark.long)])
@pytest.mark.skipif(not os.path.exists(FAKETIME) or bool(os.environ.get("SAN")), reason="needs libfaketime, plain build")
def test_a_worker_with_a_wrong_clock_does_its_work(world, offset):
    """C1: leases are told by Postgres's clock."""
    world.up("sokoul-api", LEASE)
    env = {"LD_PRELOAD": FAKETIME, "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    wrong = world.up("sokoul-scout", LEASE, env)
    ids = world.post({"sleep_ms": 3500}, count=2) + world.post({"fail": 1}, count=2) + world.post(count=20)
    world.done(ids, 60)
    world.holds()
    assert world.value("SELECT max(attempts) FROM jobs") == 2, "nothing was taken back from it"
    assert wrong.running()
    assert world.value("SELECT max(abs(extract(epoch FROM now() - finished_at))) FROM jobs") < 600


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a tmpfs")
def test_a_full_log_disk_stops_nothing(world, tmp_path):
    """F1: the log goes to a file on a disk that is full."""
    disk = tmp_path / "logs"
    disk.mkdir()
    with world.mount(disk, "64k"):
        (disk / "filler").write_bytes(b"x" * 61440)
        api, scout = world.both()
        scout.ask()
        scout.wait()
        scout = world.up("sokoul-scout", {"LOG_LEVEL": "debug"}, ready=False, log=disk / "scout.log")
        scout.logs_json = False  # a line of which the disk took a part
        scout.wait_ready()
        ids = world.post(count=200)
        world.done(ids)
        world.holds()
        dropped = next(l for l in Api(scout.port).get("/metrics").text.splitlines()
                       if l.startswith("sokoul_log_dropped_total"))
        assert float(dropped.split()[-1]) > 0
        world.stop_program(scout)
    assert api.running()


@pytest.mark.long
def test_nothing_leaks_over_many_jobs_and_faults(world):
    """I11: descriptors, threads, connections and memory are back."""
    api, scout = world.both()
    world.done(world.post(count=500), 60)

    def measure():
        world.holds()
        found = {}
        for p in (api, scout):
            found[f"{p.name} descriptors"] = len(os.listdir(f"/proc/{p.pid}/fd"))
            found[f"{p.name} threads"] = len(os.listdir(f"/proc/{p.pid}/task"))
        return found

    before = measure()
    for _ in range(3):
        world.nats.kill()
        world.restart_server(world.nats)
        world.redis.command("FLUSHALL")
        with Load(world, 2, limit=100) as load:
            eventually(load.finished, 60, "the load's end")
    after = measure()
    for name, count in before.items():
        assert abs(after[name] - count) <= max(3, count // 20), (name, count, after[name])


def test_all_programs_end_with_grace_under_load(world):
    """T1 for both at once, again and again."""
    world.both()
    with Load(world, 2):
        for _ in range(2):
            eventually(lambda n=len(world.ledger.ids): len(world.ledger.ids) > n + 20, 60, "load")
            for program in list(world.programs):
                world.stop_program(program)
            world.up("sokoul-api")
            world.up("sokoul-scout")
    world.holds()
