# SPDX-License-Identifier: Apache-2.0
"""The path of a job through the real programs, with what strangers send and with servers that die."""
import json
import os
import shutil
import threading
import time
import uuid

import pytest
from client import Api
from job_kit import (all_settled, check_each_ran_once, envelope, inject, job, publish, run, settled,
                     stamp, unsettled)
from stack.nats import NatsError
from stack_under_test import SLOW, eventually

FIELDS = ("v", "job_id", "kind", "timestamp", "user_id", "request_id", "payload")


@pytest.fixture
def scout(sokoul):
    program = sokoul.start("sokoul-scout")
    with sokoul.nats.connect() as nats:
        eventually(lambda: has_consumers(nats), 15, "the consumers of scout")
    return program


def has_consumers(nats):
    try:
        return {"scout", "scout-high", "scout-low"} <= set(nats.js("CONSUMER.NAMES.JOBS")["consumers"] or [])
    except NatsError:
        return False


def letters(sokoul):
    return sokoul.sql("SELECT job_id::text, reason, detail, raw, raw_size FROM dead_letters ORDER BY created_at")


# ---- what strangers publish -----------------------------------------------------------------------


def test_an_envelope_published_ten_times_has_one_effect(sokoul, scout):  # req: S109 S110 S111
    body = envelope(payload={"sleep_ms": 300, "echo": "once"})
    with sokoul.nats.connect() as nats:
        for n in range(10):
            publish(nats, body, headers={"Nats-Msg-Id": f"copy-{n}"})
    done = settled(sokoul, body["job_id"])
    assert done["result"]["echo"] == "once" and done["attempts"] == 1
    assert sokoul.value("SELECT epoch FROM jobs WHERE job_id = %s", (body["job_id"],)) == 1
    check_each_ran_once(sokoul, [body["job_id"]])


POISON = {
    "garbage": b"\x00\xff\xfe{not json" + bytes(range(256)),
    "text": b"hello",
    "array": b"[]",
    "wrong types": json.dumps(envelope(job_id=7, payload="x")).encode(),
    "wrong version": json.dumps(envelope(v="one")).encode(),
    "duplicate key": b'{"v":1,"v":1}',
    "900 KiB": json.dumps(envelope(payload={"x": "y" * (900 << 10)})).encode(),
    "empty": b"",
}


def test_poison_is_dead_after_three_redeliveries_and_delays_nobody(sokoul, scout):  # req: S119 S120 S121 S122
    assert run(sokoul, "noop", {})["status"] == "Completed"  # warm
    with sokoul.nats.connect() as nats:
        for body in POISON.values():
            publish(nats, body)
        began = time.monotonic()
        good = envelope()
        publish(nats, good)
        sokoul.job_settled(good["job_id"], 5)
        assert time.monotonic() - began < 1 * SLOW, "a good job waited for poison"
    eventually(lambda: len(letters(sokoul)) == len(POISON), 15, "a letter each")
    found = {bytes(raw): (job_id, reason, detail, size) for job_id, reason, detail, raw, size in letters(sokoul)}
    for name, body in POISON.items():
        job_id, reason, detail, size = found[body[:64 << 10]]
        assert (job_id, reason, size) == (None, "poison", len(body)) and detail, name
    refused = len(scout.log(event="message_refused"))
    assert refused == 3 * len(POISON) and len(scout.log(event="message_buried")) == len(POISON)
    eventually(lambda: unsettled(sokoul) == 0, 10, "nothing left")
    assert scout.running() and sokoul.value("SELECT count(*) FROM jobs WHERE status <> 'Completed'") == 0
    with sokoul.nats.connect() as nats:
        eventually(lambda: nats.js("STREAM.INFO.DLQ")["state"]["messages"] == len(POISON), 10, "copies in DLQ")


def test_an_envelope_that_lacks_a_field_is_refused_by_name(sokoul, scout):  # req: S138 S139 S141
    wanted = []
    with sokoul.nats.connect() as nats:
        for field in FIELDS:
            absent, null = envelope(**{field: None}), {**envelope(), field: None}
            for body in (absent, null):
                publish(nats, body)
                wanted.append((field, json.dumps(body).encode()))
    eventually(lambda: len(letters(sokoul)) == len(wanted), 15)
    found = {bytes(raw): (job_id, reason, detail) for job_id, reason, detail, raw, _ in letters(sokoul)}
    for field, raw in wanted:
        job_id, reason, detail = found[raw]
        assert (job_id, reason) == (None, "poison") and field in detail, field
    assert sokoul.value("SELECT count(*) FROM jobs") == 0


def test_newer_versions_and_unknown_fields_are_taken(sokoul, scout):  # req: S140 S143
    with sokoul.nats.connect() as nats:
        bodies = [envelope(v=2, colour="blue"), envelope(payload={"echo": 1, "size": [1]}), envelope(priority="high")]
        for body in bodies:
            publish(nats, body)
    for body in bodies:
        assert settled(sokoul, body["job_id"])["status"] == "Completed"
    assert not letters(sokoul)


def test_a_job_of_an_unknown_user_is_dropped(sokoul, scout):
    body = envelope(user_id=str(uuid.uuid4()))
    with sokoul.nats.connect() as nats:
        publish(nats, body)
    eventually(lambda: scout.log(event="message_dropped"), 10)
    eventually(lambda: unsettled(sokoul) == 0, 10, "nothing left")
    assert sokoul.value("SELECT count(*) FROM jobs") == 0 and not letters(sokoul)


def test_an_envelope_that_is_too_old_is_a_dead_letter(sokoul, scout):
    body = envelope(timestamp=stamp(31 * 86400))
    with sokoul.nats.connect() as nats:
        publish(nats, body)
        eventually(lambda: letters(sokoul), 10)
    assert letters(sokoul)[0][1] == "expired" and sokoul.value("SELECT count(*) FROM jobs") == 0


def test_a_kind_that_nobody_has_fails_for_good(sokoul, scout):
    body = envelope(kind="juggle")
    with sokoul.nats.connect() as nats:
        publish(nats, body, "sokoul.jobs.scout.juggle")
    done = settled(sokoul, body["job_id"])
    assert done["status"] == "Failed" and "juggle" in done["detail"] and not letters(sokoul)


def test_a_raw_letter_can_be_replayed_with_a_better_envelope(sokoul, scout):
    with sokoul.nats.connect() as nats:
        publish(nats, envelope(user_id=None))
    eventually(lambda: letters(sokoul), 15)
    letter = sokoul.value("SELECT id::text FROM dead_letters")
    refused = sokoul.ctl("dlq", "replay", letter, "--payload", "{}", check=False)
    assert refused.returncode == 1 and "still no envelope: v is required" in refused.stderr
    shown = json.loads(sokoul.ctl("dlq", "show", letter, "--json").stdout)
    assert (shown["reason"], shown["job_id"]) == ("poison", None)
    better = json.dumps(envelope())
    job_id = json.loads(sokoul.ctl("dlq", "replay", letter, "--payload", better, "--json").stdout)["job_id"]
    assert settled(sokoul, job_id)["status"] == "Completed"
    assert sokoul.value("SELECT count(*) FROM dead_letters WHERE closed_at IS NULL") == 0
    again = sokoul.ctl("dlq", "replay", letter, "--payload", better, check=False)
    assert again.returncode == 1 and "closed already" in again.stderr


def test_a_failing_job_ends_as_it_should(sokoul, scout):  # req: S112 S137 part: S113
    wanted = {"2": (3, "Completed"), "true": (4, "Failed"), '"permanent"': (1, "Failed")}
    ids = {how: inject(sokoul, "noop", {"fail": json.loads(how)})[0] for how in wanted}
    for how, job_id in ids.items():
        done = settled(sokoul, job_id, 40)
        assert (done["attempts"], done["status"]) == wanted[how], how
    assert [row[:2] for row in letters(sokoul)] == [(ids["true"], "exhausted")]
    sokoul.ctl("dlq", "replay", sokoul.value("SELECT id::text FROM dead_letters"), "--payload", "{}")
    assert settled(sokoul, ids["true"])["status"] == "Completed"
    assert sokoul.value("SELECT count(*) FROM dead_letters WHERE closed_at IS NULL") == 0


def test_a_job_waits_for_its_time(sokoul, scout):
    body = envelope(run_at=time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 3)))
    with sokoul.nats.connect() as nats:
        publish(nats, body)
    done = settled(sokoul, body["job_id"], 15)
    assert done["status"] == "Completed" and done["started_at"] >= body["run_at"]


def test_the_first_job_of_a_new_worker_is_not_late(sokoul, servers):
    scout = sokoul.start("sokoul-scout")
    run(sokoul, "noop", {})
    assert sokoul.value("SELECT started_at - created_at < interval '2 s' FROM jobs"), "it asked before anybody was there"
    sokoul.nats.kill()
    shutil.rmtree(os.path.join(sokoul.nats.folder, "jetstream"))
    servers.restart(sokoul.nats)
    eventually(lambda: len(scout.log(event="nats_connected")) >= 1, 15)
    late = run(sokoul, "noop", {})
    assert sokoul.value("SELECT started_at - created_at < interval '4 s' FROM jobs WHERE job_id = %s", (late["id"],))


# ---- what dies ----------------------------------------------------------------------------------


class Stream:
    """300 noop jobs on their way while something dies; .finish() gives their ids."""

    COUNT, RATE = 300, 60

    def __init__(self, sokoul):
        self.sokoul = sokoul
        self.failure = None
        self.ids = []
        self.thread = threading.Thread(target=self._inject)

    def start(self):
        self.thread.start()
        eventually(lambda: self._seen() >= self.COUNT // 6, 20, "the first jobs")
        return self

    def _seen(self):
        return self.sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Completed'")

    def _inject(self):
        try:
            done = self.sokoul.ctl("job", "inject", "--kind", "noop", "--payload", '{"sleep_ms":20}', "--count",
                                   str(self.COUNT), "--rate", str(self.RATE), "--json", wait_s=120)
            self.ids = json.loads(done.stdout)["ids"]
        except BaseException as e:  # pylint: disable=broad-except
            self.failure = e

    def finish(self, wait_s=60):
        self.thread.join(150 * SLOW)
        assert self.failure is None, self.failure
        assert len(self.ids) == self.COUNT
        all_settled(self.sokoul, self.ids, wait_s)
        return self.ids


def test_a_killed_worker_costs_two_seconds_and_no_attempt(sokoul):
    first = sokoul.start("sokoul-scout")
    ids = inject(sokoul, "noop", {"sleep_ms": 1500}, 10)
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Running'") == 10, 10)
    second = sokoul.start("sokoul-scout")
    first.kill()
    began = time.monotonic()
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Running' AND epoch = 1") == 0, 10)
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Running' AND epoch = 2") > 0, 10)
    assert time.monotonic() - began <= 2 + 1.5 * SLOW
    all_settled(sokoul, ids, 60)
    assert sokoul.value("SELECT max(attempts) FROM jobs") == 1 and second.running()
    check_each_ran_once(sokoul, ids)


def test_a_worker_that_was_frozen_past_its_lease_changes_nothing(sokoul):
    first = sokoul.start("sokoul-scout", {"JOBS_LEASE_S": "3"})
    ids = inject(sokoul, "noop", {"sleep_ms": 1000, "echo": "x"}, 3)
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Running'") == 3, 10)
    first.freeze()
    sokoul.start("sokoul-scout", {"JOBS_LEASE_S": "3"})
    all_settled(sokoul, ids, 45)
    ended = sokoul.sql("SELECT job_id, finished_at, epoch, attempts FROM jobs ORDER BY 1")
    first.thaw()
    first.wait_ready()
    eventually(lambda: {line["job_id"] for line in first.log(event="job_ended")} >= set(ids), 20, "what it has to say of their ends")
    assert run(sokoul, "noop", {})["status"] == "Completed"
    assert [row for row in sokoul.sql("SELECT job_id, finished_at, epoch, attempts FROM jobs ORDER BY 1")
            if str(row[0]) in ids] == ended
    check_each_ran_once(sokoul, ids)


def test_killed_workers_under_a_stream_lose_nothing(sokoul):
    sokoul.start("sokoul-scout")
    stream = Stream(sokoul).start()
    for _ in range(2):
        sokoul.programs[-1].kill()
        sokoul.start("sokoul-scout")
    check_each_ran_once(sokoul, stream.finish())


def test_nats_killed_under_a_stream_loses_nothing(sokoul, servers, scout):
    stream = Stream(sokoul).start()
    sokoul.nats.kill()
    before = sokoul.value("SELECT count(*) FROM jobs")
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs") >= before + 30, 20, "accepting without NATS")
    servers.restart(sokoul.nats)
    check_each_ran_once(sokoul, stream.finish())
    assert scout.running()


def test_a_deleted_store_of_nats_loses_nothing(sokoul, servers, scout):
    stream = Stream(sokoul).start()
    sokoul.nats.kill()
    before = sokoul.value("SELECT count(*) FROM jobs")
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs") >= before + 30, 20)
    shutil.rmtree(os.path.join(sokoul.nats.folder, "jetstream"))
    servers.restart(sokoul.nats)
    check_each_ran_once(sokoul, stream.finish(90))


def test_messages_that_vanish_are_sent_again(sokoul, scout):
    """The stream loses what the worker has not seen yet, without a restart of anything."""
    scout.stop()
    ids = inject(sokoul, "noop", {}, 50)
    helper = sokoul.start("sokoul-api")
    eventually(lambda: sokoul.value("SELECT count(*) FROM outgoing") == 0, 15)
    with sokoul.nats.connect() as nats:
        nats.js("STREAM.PURGE.JOBS")
    helper.stop()
    sokoul.start("sokoul-scout")
    all_settled(sokoul, ids, 45)
    check_each_ran_once(sokoul, ids)


def test_postgres_killed_under_a_stream_loses_nothing(own_sokoul, own_servers):
    scout = own_sokoul.start("sokoul-scout")
    stream = Stream(own_sokoul).start()
    own_servers.postgres.kill()
    own_servers.restart(own_servers.postgres)
    ids = stream.finish(120)
    assert own_sokoul.value("SELECT max(attempts) FROM jobs") == 1
    check_each_ran_once(own_sokoul, ids)
    assert scout.running()


def test_redis_killed_under_a_stream_changes_nothing(sokoul, scout):
    stream = Stream(sokoul).start()
    sokoul.redis.kill()
    check_each_ran_once(sokoul, stream.finish())
    assert scout.running()


def test_sigterm_under_load_burns_no_attempt(sokoul):
    first = sokoul.start("sokoul-scout", {"WORKER_DRAIN_S": "1"})
    ids = inject(sokoul, "noop", {"sleep_ms": 3000}, 16)
    ids += inject(sokoul, "noop", {"sleep_ms": 5}, 300)
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Running'") >= 16, 10)
    assert first.stop() == 0
    assert sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Running'") == 0
    assert sokoul.value("SELECT max(attempts) FROM jobs WHERE status = 'Pending'") == 0
    sokoul.start("sokoul-scout")
    all_settled(sokoul, ids, 60)
    assert sokoul.value("SELECT max(attempts) FROM jobs") == 1
    check_each_ran_once(sokoul, ids)


def test_a_second_sigterm_ends_a_worker_now(sokoul):
    first = sokoul.start("sokoul-scout")
    ids = inject(sokoul, "noop", {"sleep_ms": 2000}, 4)
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Running'") == 4, 10)
    first.signal(15)
    eventually(lambda: first.log(event="drain"), 5)
    first.signal(15)
    assert first.wait(5 * SLOW) == 128 + 15
    sokoul.start("sokoul-scout")
    all_settled(sokoul, ids, 60)
    check_each_ran_once(sokoul, ids)


def test_a_running_job_is_cancelled_within_a_second(sokoul, scout):
    job_id = inject(sokoul, "noop", {"sleep_ms": 60000})[0]
    eventually(lambda: sokoul.value("SELECT status FROM jobs WHERE job_id = %s", (job_id,)) == "Running", 10)
    sokoul.ctl("job", "cancel", job_id)
    began = time.monotonic()
    eventually(lambda: running_jobs(scout) == 0, 5)
    assert time.monotonic() - began <= 1.2 * SLOW
    done = job(sokoul, job_id)
    assert (done["status"], done["reason"], done["result"]) == ("Failed", "cancelled", None)
    assert sokoul.ctl("job", "cancel", job_id, check=False).returncode == 1


def running_jobs(program):
    text = Api(program.port).get("/metrics").text
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("sokoul_worker_jobs_running ")))


def test_what_ended_stays_ended(sokoul, scout):
    done = run(sokoul, "noop", {"echo": 1})
    with sokoul.nats.connect() as nats:
        publish(nats, envelope(job_id=done["id"], payload={"echo": 2}))
        publish(nats, envelope(job_id=done["id"], payload={"fail": "permanent"}), headers={"Nats-Msg-Id": "other"})
    assert run(sokoul, "noop", {})["status"] == "Completed"
    eventually(lambda: unsettled(sokoul) == 0, 10, "nothing left")
    assert job(sokoul, done["id"]) == done


@pytest.mark.parametrize("statement", [
    "UPDATE jobs SET status = 'Completed'",
    "UPDATE jobs SET status = 'Running', finished_at = NULL, lease_until = now(), worker_id = (SELECT id FROM workers LIMIT 1)",
])
def test_a_job_that_ends_or_begins_again_is_seen_by_these_tests(sokoul, scout, statement):
    """Its row, its result and its history look as before when a second end has overwritten the first."""
    ids = inject(sokoul, "noop", {})
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)
    scout.stop()
    sokoul.sql(statement)
    sokoul.sql("UPDATE jobs SET status = 'Completed', finished_at = now(), lease_until = NULL")
    with pytest.raises(AssertionError, match="moves after an end"):
        check_each_ran_once(sokoul, ids)


def test_a_relay_learns_that_the_stream_was_made_anew_behind_its_back(sokoul):
    """Else it would note its messages as of the old stream, and the sweeper would wake their jobs for ever."""
    api = Api(sokoul.start("sokoul-api").port)
    admin = sokoul.admin(api)
    is_now = "(SELECT created || '#' || rollbacks FROM stream_state)"

    def publish_one():
        admin.post("/jobs", {"kind": "noop", "payload": {}})
        eventually(lambda: sokoul.value("SELECT count(*) FROM outgoing") == 0, what="the relay")
        return sokoul.value(f"SELECT stream = {is_now} FROM relay_batches ORDER BY id DESC LIMIT 1")

    assert publish_one()
    before = sokoul.value(f"SELECT {is_now}")
    with sokoul.nats.connect() as nats:
        nats.js("STREAM.DELETE.JOBS")
    eventually(lambda: sokoul.value(f"SELECT {is_now}") != before, 30, "the sweeper")
    publish_one()
    assert publish_one()
