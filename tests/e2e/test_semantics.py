# SPDX-License-Identifier: Apache-2.0
"""What jobs can ask for beside being run: limits, unique keys, deadlines, graphs, audited letters."""
import json
import os
import subprocess

import psycopg2
from job_kit import all_settled, check_each_ran_once, envelope, inject, job, publish, settled
from stack_under_test import BIN, SLOW, eventually

RUNNING = "SELECT count(*) FROM jobs WHERE status = 'Running'"


def most_running(sokoul, ids, wait_s=60):
    """The most that were ever Running at once, by the database's own times of start and end."""
    all_settled(sokoul, ids, wait_s)
    return sokoul.value(
        "WITH edges AS (SELECT started_at AS at, 1 AS step FROM jobs WHERE job_id = ANY(%s::uuid[]) UNION ALL"
        " SELECT finished_at, -1 FROM jobs WHERE job_id = ANY(%s::uuid[]))"
        " SELECT max(n) FROM (SELECT sum(step) OVER (ORDER BY at, step) AS n FROM edges) t", (ids, ids))


# ---- limits ---------------------------------------------------------------------------------


def test_a_limit_holds_over_two_workers_and_everything_runs(sokoul):
    sokoul.ctl("limit", "set", "noop", "--max", "3")
    sokoul.start("sokoul-scout")
    sokoul.start("sokoul-scout")
    ids = inject(sokoul, "noop", {"sleep_ms": 30}, 120)
    assert most_running(sokoul, ids) == 3
    check_each_ran_once(sokoul, ids)
    assert sokoul.value("SELECT max(attempts) FROM jobs") == 1
    # P13: one wake-up at the start, one call, and no more
    assert sokoul.value("SELECT max(epoch) FROM jobs WHERE job_id = ANY(%s::uuid[])", (ids,)) <= 2


def test_a_place_that_is_free_is_taken_within_a_second_on_any_worker(sokoul):
    sokoul.ctl("limit", "set", "noop", "--max", "1")
    sokoul.start("sokoul-scout")
    long = inject(sokoul, "noop", {"sleep_ms": 60000})[0]
    eventually(lambda: sokoul.value(RUNNING) == 1, 10, "the long one")
    waiting = inject(sokoul, "noop", {})[0]
    eventually(lambda: sokoul.value("SELECT place FROM jobs WHERE job_id = %s", (waiting,)) == "waits", 10, "the other waits")
    shown = job(sokoul, waiting)
    assert shown["status"] == "Pending" and shown["attempts"] == 0 and "limit" in shown["detail"]
    assert json.loads(sokoul.ctl("--json", "limit", "ls").stdout) == [
        {"kind": "noop", "max_running": 1, "max_per_user": None, "running": 1, "waiting": 1}]
    sokoul.start("sokoul-scout")
    sokoul.ctl("job", "cancel", long)
    settled(sokoul, waiting)
    assert sokoul.value("SELECT extract(epoch FROM w.started_at - l.finished_at) FROM jobs w, jobs l"
                        " WHERE w.job_id = %s AND l.job_id = %s", (waiting, long)) <= 1


def test_a_limit_per_user_lets_others_pass(sokoul, api):
    ada, bob = (api.register(name).user["id"] for name in ("ada", "bob"))
    sokoul.ctl("limit", "set", "noop", "--max", "3", "--per-user", "1")
    sokoul.start("sokoul-scout")
    hers = inject(sokoul, "noop", {"sleep_ms": 300}, 6, "--user", ada)
    his = inject(sokoul, "noop", {"sleep_ms": 300}, 6, "--user", bob)
    assert most_running(sokoul, hers + his) == 2
    assert most_running(sokoul, hers) == 1 and most_running(sokoul, his) == 1


def test_a_kind_can_be_paused_and_a_removed_limit_lets_all_go(sokoul):
    sokoul.ctl("limit", "set", "noop", "--max", "0")
    scout = sokoul.start("sokoul-scout")
    ids = inject(sokoul, "noop", {}, 20)
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE place = 'waits'") == 20, 15, "all wait")
    scout.kill()
    sokoul.start("sokoul-scout")
    sokoul.ctl("limit", "rm", "noop")
    all_settled(sokoul, ids, 15)
    check_each_ran_once(sokoul, ids)
    run = sokoul.ctl("limit", "rm", "noop", check=False)
    assert run.returncode == 1 and "no limit" in run.stderr


def test_an_envelope_of_a_stranger_waits_for_the_limit_too(sokoul):
    sokoul.ctl("limit", "set", "noop", "--max", "1")
    sokoul.start("sokoul-scout")
    bodies = [envelope(payload={"sleep_ms": 100}) for _ in range(8)]
    with sokoul.nats.connect() as nats:
        for body in bodies:
            publish(nats, body)
    ids = [body["job_id"] for body in bodies]
    assert most_running(sokoul, ids) == 1
    check_each_ran_once(sokoul, ids)


def test_places_of_a_killed_worker_are_given_to_others(sokoul):
    sokoul.ctl("limit", "set", "noop", "--max", "2")
    first = sokoul.start("sokoul-scout")
    ids = inject(sokoul, "noop", {"sleep_ms": 1500}, 6)
    eventually(lambda: sokoul.value(RUNNING) == 2, 10, "two run")
    sokoul.start("sokoul-scout")
    first.kill()
    all_settled(sokoul, ids, 40)
    check_each_ran_once(sokoul, ids)


def test_a_limit_that_is_set_during_a_backup_holds_up_no_job(sokoul):
    """A backup has read every table until it ends, and a limit is changed with its table to oneself."""
    sokoul.start("sokoul-scout")
    with psycopg2.connect(sokoul.database_url) as long, long.cursor() as reader:
        reader.execute("LOCK TABLE job_limits IN ACCESS SHARE MODE")
        path = sokoul.env_file(name="limit.env")
        setter = subprocess.Popen([os.path.join(BIN, "sokoulctl"), "--env-file", path, "limit", "set", "search", "--max", "1"],
                                  env=sokoul.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        waits = "SELECT count(*) FROM pg_locks WHERE relation = 'job_limits'::regclass AND NOT granted"
        eventually(lambda: sokoul.value(waits), 20, "somebody who waits for the table")
        for _ in range(5):
            sokoul.job_settled(inject(sokoul, "noop", {})[0], 5)
        assert setter.poll() is None
    long.close()
    assert setter.wait(20 * SLOW) == 0, setter.stdout.read()
    assert sokoul.value("SELECT max_running FROM job_limits WHERE kind = 'search'") == 1


def test_retries_of_a_limited_kind_are_counted_as_always(sokoul):
    sokoul.ctl("limit", "set", "noop", "--max", "1")
    sokoul.start("sokoul-scout")
    ids = inject(sokoul, "noop", {"fail": 1}, 3)
    all_settled(sokoul, ids, 40)
    assert {job(sokoul, i)["attempts"] for i in ids} == {2}


# ---- unique keys ----------------------------------------------------------------------------


def test_a_unique_key_with_a_window_outlives_its_job(sokoul):
    sokoul.start("sokoul-scout")
    key = ("--unique-key", "nightly", "--unique-s", "4")
    first = inject(sokoul, "noop", {}, 1, *key)[0]
    settled(sokoul, first)
    run = sokoul.ctl("job", "inject", "--kind", "noop", *key, check=False)
    assert run.returncode == 1 and sokoul.value("SELECT count(*) FROM jobs") == 1
    eventually(lambda: sokoul.ctl("job", "inject", "--kind", "noop", *key, check=False).returncode == 0, 15, "the window's end")
    assert sokoul.value("SELECT extract(epoch FROM max(created_at) - min(created_at)) FROM jobs") >= 4
    run = sokoul.ctl("job", "inject", "--kind", "noop", "--unique-s", "4", check=False)
    assert run.returncode == 64 and "--unique-key" in run.stderr


# ---- deadlines, graphs, dead letters --------------------------------------------------------


def test_a_job_past_its_deadline_fails_for_that_reason(sokoul):
    sokoul.start("sokoul-scout")
    soon = sokoul.value("SELECT to_char((now() + interval '2 s') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
    late = inject(sokoul, "noop", {"sleep_ms": 60000}, 1, "--deadline", soon)[0]
    ended = settled(sokoul, late, 15)
    assert (ended["status"], ended["reason"]) == ("Failed", "deadline")


def test_a_job_shows_its_parent_and_its_children(sokoul):
    sokoul.start("sokoul-scout")
    parent = inject(sokoul, "noop", {})[0]
    bodies = [envelope(parent_id=parent) for _ in range(2)]
    with sokoul.nats.connect() as nats:
        for body in bodies:
            publish(nats, body)
    ids = sorted(body["job_id"] for body in bodies)
    all_settled(sokoul, ids)
    assert job(sokoul, parent)["children"] == [{"id": i, "kind": "noop", "status": "Completed"} for i in ids]
    assert job(sokoul, ids[0])["parent_id"] == parent and job(sokoul, ids[0])["children"] == []


def test_what_is_done_to_dead_letters_by_command_is_audited(sokoul):
    with sokoul.nats.connect() as nats:
        sokoul.start("sokoul-scout")
        for _ in range(2):
            publish(nats, b"no envelope at all")
    eventually(lambda: sokoul.value("SELECT count(*) FROM dead_letters") == 2, 30, "two letters")
    first, second = (row[0] for row in sokoul.sql("SELECT id::text FROM dead_letters ORDER BY id"))
    sokoul.ctl("dlq", "replay", first, "--payload", json.dumps(envelope()))
    sokoul.ctl("dlq", "purge", second)
    sokoul.ctl("dlq", "purge", "--all")
    assert sokoul.sql("SELECT action, subject, detail->>'by' FROM logs WHERE action LIKE 'dlq%' ORDER BY at") == [
        ("dlq_replayed", first, "sokoulctl"), ("dlq_purged", second, "sokoulctl"), ("dlq_purged", "all", "sokoulctl")]
