# SPDX-License-Identifier: Apache-2.0
"""One table of wake-ups, and programs of version 0.1.0 that still run: what they prepared before the migration they say to its views
afterwards, and both versions find each other's rows."""
import datetime
import glob
import json
import os
import uuid

import psycopg2
import pytest
import stack_under_test
from job_kit import all_settled, check_each_ran_once
from stack_under_test import BIN, ROOT, eventually

OLD = os.environ.get("OLD_BIN")  # programs of version 0.1.0, if there are any
MANY = int(os.environ.get("UPGRADE_JOBS", "3000"))

STATEMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "statements_0_1_0.sql")
MOVES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "moves.sql")
MIGRATION = "20261129180000_outgoing.sql"
SYSTEM = "00000000-0000-0000-0000-000000000000"
SCOUT = "sokoul.jobs.scout.%"


def literal(value):
    if not isinstance(value, list):
        return value
    return "{" + ",".join("NULL" if item is None else '"' + str(item).replace('"', '\\"') + '"' for item in value) + "}"


class Session:
    """A connection; .run("SELECT ...") answers rows."""

    def __init__(self, url):
        self.url = url
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True

    def run(self, sql, parameters=None):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, parameters=None):
        return self.run(sql, parameters)[0][0]

    def say(self, name, *parameters):
        """EXECUTE; a list goes as the text of an array."""
        words = f" ({', '.join(['%s'] * len(parameters))})" if parameters else ""
        return self.run(f"EXECUTE {name}{words}", [literal(p) for p in parameters])


def migrations():
    return sorted(glob.glob(os.path.join(ROOT, "migrations", "*.sql")))


def text_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


@pytest.fixture
def old(sokoul):
    """A session of a program of 0.1.0 on a database of its time: all is prepared, and planned."""
    name = f"old_{uuid.uuid4().hex[:8]}"
    sokoul.postgres.sql(f"CREATE DATABASE {name}")
    session = Session(sokoul.postgres.url(name))
    for path in migrations():
        if os.path.basename(path) < MIGRATION:
            session.run(text_of(path))
    session.run("INSERT INTO users (id, username, email, password_hash, role) VALUES (%s, 'system', 's@localhost', '!', 'system')"
                " ON CONFLICT DO NOTHING", (SYSTEM,))
    session.run(text_of(STATEMENTS))
    session.worker = str(uuid.uuid4())
    session.run("INSERT INTO workers (id, worker, node, server_start, backend_pid, backend_start) SELECT %s, 'scout', 'here',"
                " pg_postmaster_start_time(), pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()", (session.worker,))
    session.new = Session(sokoul.postgres.url(name))
    yield session
    session.new.connection.close()
    session.connection.close()
    sokoul.postgres.sql(f"DROP DATABASE {name}")


def migrate(old):
    for path in migrations():
        if os.path.basename(path) >= MIGRATION:
            old.new.run(text_of(path))


def ids(count):
    return [str(uuid.uuid4()) for _ in range(count)]


def accept_one(old, **more):
    job = str(uuid.uuid4())
    row = {"priority": "normal", "run_at": None, **more}
    old.say("job_accept_one", job, "noop", "scout", SYSTEM, "r", row["priority"], "{}", row["run_at"], None, None)
    return job


def accept_crowd(old, count):
    jobs = ids(count)
    old.say("job_accept_crowd", jobs, ["{}"] * count, None, "noop", "scout", SYSTEM, "r", None)
    return jobs


def take(old, most=1000):
    return [str(row[1]) for row in old.say("outbox_take", most, most, 0, None, 0, None)]


def take_crowds(old, rows=100):
    return [str(row[1]) for row in old.say("outbox_take_crowds", rows, 0, None, 0, None)]


def bring(old, most):
    return [str(row[0]) for row in old.say("job_bring", SCOUT, old.worker, 40000, 0, most, most)]


def bring_crowd(old, rows, most):
    return [str(row[0]) for row in old.say("job_bring_crowd", SCOUT, old.worker, 40000, 0, rows, most)]


WOKEN = ("SELECT count(*) FROM jobs j WHERE status = 'Pending' AND place IS NULL AND EXISTS (SELECT 1 FROM outgoing o"
         " WHERE o.id = j.wake AND j.job_id = ANY (o.job_ids) AND o.epoch = j.epoch)")
PENDING = "SELECT count(*) FROM jobs WHERE status = 'Pending'"


def all_are_woken(old):
    return old.new.value(WOKEN) == old.new.value(PENDING)


def test_what_waits_at_the_moment_of_the_migration_is_still_woken(old):
    ones = [accept_one(old), accept_one(old, priority="high"), accept_one(old, run_at="2100-01-01")]
    crowd = accept_crowd(old, 130)
    old.run("INSERT INTO outbox (subject, headers, body) VALUES ('sokoul.events.x', '{}', '{\"a\": 1}')")
    counted = old.say("job_counts")
    migrate(old)
    assert old.new.value(PENDING) == 133 and all_are_woken(old)
    assert old.new.value("SELECT count(*) FROM outgoing") == 3 + 3 + 1
    assert old.say("job_counts")[0][:3] == counted[0][:3] == (0, 134, 0)
    assert sorted(take(old)) == sorted([ones[0], ones[1], "None"]), "the view shows them as the table did"
    assert sorted(take_crowds(old)) == sorted(crowd)
    assert old.new.run("SELECT job_ids[1]::text FROM outgoing") == [(ones[2],)]


def test_what_the_old_programs_write_the_new_ones_find(old):
    migrate(old)
    one, many, crowd = accept_one(old), ids(3), accept_crowd(old, 129)
    column = [None] * 3
    answer = old.say("job_accept", many, ["noop"] * 3, ["scout"] * 3, [SYSTEM] * 3, ["r"] * 3, ["low"] * 3, ["{}"] * 3, column, column, column,
                     column)
    assert sorted(str(row[1]) for row in answer) == sorted(many) and all(row[0] > 0 for row in answer)
    given = str(uuid.uuid4())
    assert old.say("job_accept_given", given, "noop", "scout", SYSTEM, "r", "normal", "{}", None, None, old.worker, 40000)[0][11] is not None
    assert old.new.value(PENDING) == 1 + 3 + 129 and all_are_woken(old)
    rows = old.new.run("SELECT part, subject, epoch, cardinality(job_ids) FROM outgoing ORDER BY id, part")
    assert rows[0] == (0, "sokoul.jobs.scout.noop", 1, 1)
    assert rows[1:4] == [(part, "sokoul.jobs.scout.noop", 1, size) for part, size in ((1, 64), (2, 64), (3, 1))]
    assert rows[4:7] == [(0, "sokoul.jobs.scout.noop.low", 1, 1)] * 3 and rows[7][:3] == (0, "sokoul.jobs.scout.noop", 1)
    assert bring(old, 10) == [one]
    fence = old.new.value("SELECT fence FROM jobs WHERE job_id = %s", (one,))
    assert str(old.say("job_again", [one], [fence], [0], ["shutdown"], [None], [1], [False], [None], [None])[0][0]) == one
    assert all_are_woken(old)
    assert len(crowd) == 129


def test_what_the_old_programs_take_or_claim_is_gone_and_the_rest_stays(old):
    crowd = accept_crowd(old, 130)
    migrate(old)
    assert sorted(bring_crowd(old, 1, 5)) == sorted(crowd[:5]), "the rest of the row becomes rows of one job"
    assert all_are_woken(old) and old.new.value("SELECT count(*) FROM outgoing WHERE part = 0") == 59
    assert len(bring(old, 1000)) == 59
    wake = old.new.value("SELECT DISTINCT id FROM outgoing")
    old.say("outbox_spread", [wake], [crowd[64]])
    assert old.new.value("SELECT count(*) FROM outgoing") == 65 and old.new.value(WOKEN) == 65
    assert len(take(old, 60)) == 60
    old.say("outbox_delete", [old.new.value("SELECT min(id) FROM outgoing")])
    assert old.new.value("SELECT count(*) FROM outgoing") == 4


def test_a_relay_that_rolls_back_leaves_what_it_took_and_others_pass_it_by(old):
    """FOR UPDATE SKIP LOCKED and DELETE ... RETURNING through the view."""
    migrate(old)
    first, crowd = accept_one(old), accept_crowd(old, 128)
    old.run("BEGIN")
    assert take(old, 1) == [first] and len(take_crowds(old, 1)) == 64
    other = Session(old.url)
    other.run(text_of(STATEMENTS))
    assert take(other) == [] and len(take_crowds(other)) == 64
    other.connection.close()
    old.run("ROLLBACK")
    assert take(old) == [first] and sorted(take_crowds(old)) == sorted(crowd[:64])


def test_the_old_sweep_wakes_what_is_lost_and_nothing_else(old):
    crowd = accept_crowd(old, 128)
    migrate(old)
    old.new.run("UPDATE jobs SET run_at = now() - interval '1 minute'")
    sweep = ("s#0", 5000, ["scout"], ["normal"], [0], [0], "f" * 8 + "-ffff-ffff-ffff-" + "f" * 12, 20000, SYSTEM)
    assert old.say("job_sweep", *sweep)[0][0] == 0
    old.new.run("UPDATE outgoing SET job_ids = job_ids[2:] WHERE part = 1")
    assert old.say("job_sweep", *sweep)[0][0] == 1
    old.new.run("DELETE FROM outgoing WHERE part = 2")
    assert old.say("job_sweep", *sweep)[0][0] == 64 and all_are_woken(old)
    assert len(crowd) == old.new.value("SELECT sum(cardinality(job_ids)) FROM outgoing")


def test_the_other_statements_of_the_old_programs_go_on(old):
    migrate(old)
    job = accept_one(old)
    assert bring(old, 1) == [job]
    fence = old.new.value("SELECT fence FROM jobs")
    letter = str(uuid.uuid4())
    assert len(old.say("job_fail", [job], [fence], ["exhausted"], ["x"], [letter])) == 1
    assert [r[0] for r in old.new.run("SELECT subject FROM outgoing ORDER BY subject")] == ["sokoul.dlq.scout.noop", "sokoul.events.job.failed"]
    assert len(old.say("letter_replay", job, None)) == 1 and all_are_woken(old)
    assert old.say("job_backlog")[0][:3] == ("noop", 1, 0)
    old.new.run("UPDATE jobs SET place = 'waits'; INSERT INTO job_limits (kind, max_running) VALUES ('noop', 1)")
    assert len(old.say("job_limit_call", "noop")) == 1
    assert old.new.value("SELECT count(*) FROM jobs j JOIN outgoing o ON o.id = j.wake AND j.place = 'called'") == 1
    assert old.say("checkup_rest")[0][1] == 0


@pytest.mark.skipif(not OLD, reason="OLD_BIN names no programs of version 0.1.0")
def test_programs_of_both_versions_share_the_work_across_the_migration(sokoul, monkeypatch):
    """The old ones run, with jobs at work and waiting, when the schema moves on under them; then the new ones join and the old go."""
    sokoul.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    sokoul.ctl("migrate", "up", programs=OLD)
    sokoul.sql(text_of(MOVES))

    def inject(programs, count, *words, payload='{"sleep_ms":5}'):
        done = sokoul.ctl("job", "inject", "--kind", "noop", "--payload", payload, "--count", str(count), "--json", *words, programs=programs)
        return json.loads(done.stdout)["ids"]

    with monkeypatch.context() as patch:
        patch.setattr(stack_under_test, "BIN", OLD)
        olds = [sokoul.start("sokoul-scout"), sokoul.start("sokoul-api")]
    sokoul.ctl("limit", "set", "noop", "--max", "8", programs=OLD)
    every = inject(OLD, MANY) + inject(OLD, 40, "--priority", "high") + inject(OLD, 40, "--priority", "low")
    every += inject(OLD, 300, payload='{"fail":1}')
    broken = inject(OLD, 20, payload='{"fail":"permanent"}')
    later = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
    every += inject(OLD, 200, "--run-at", later)
    cancelled = inject(OLD, 1, "--run-at", later)[0]
    sokoul.ctl("job", "cancel", cancelled, programs=OLD)
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE place = 'waits'") > 10, what="jobs that wait for a place")
    sokoul.ctl("limit", "rm", "noop", programs=OLD)
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Running'"), what="jobs at work")
    waiting = sokoul.value("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM crowds)")
    sokoul.ctl("migrate", "up")
    assert waiting > 10 and sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Pending'") > 100
    every += inject(OLD, 1000) + inject(OLD, 20)
    sokoul.start("sokoul-scout"), sokoul.start("sokoul-api")
    every += inject(OLD, 1000) + inject(BIN, 1000) + inject(BIN, 20) + inject(OLD, 20, payload='{"fail":1}')
    eventually(lambda: sokoul.value("SELECT count(DISTINCT worker_id) FROM jobs WHERE worker_id IS NOT NULL") == 2, what="both at work")
    olds[0].kill()
    olds[1].stop()
    every += inject(BIN, 500)
    all_settled(sokoul, every, 120)
    check_each_ran_once(sokoul, every)
    assert sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Failed' AND job_id = ANY(%s::uuid[])", ([*broken, cancelled],)) == 21
