# SPDX-License-Identifier: Apache-2.0
"""Jobs that an idle worker is given as they are accepted (docs/adr/0012), and what becomes of them when something fails."""
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from client import Api
from job_kit import all_settled, check_each_ran_once, post, publish
from stack_under_test import SLOW, eventually

HISTORY = "SELECT reason FROM job_history WHERE job_id = %s"


def given(scout):
    """Jobs that this process has been given since its start."""
    text = Api(scout.port).get("/metrics").text
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("sokoul_worker_jobs_given_total ")))


@pytest.fixture
def scout(sokoul, api, admin):
    """One that has been given a job."""
    program = sokoul.start("sokoul-scout")

    def is_eager():
        sokoul.job_settled(post(admin))
        return given(program)
    eventually(is_eager, what="a job for the idle worker")
    return program


def test_jobs_for_an_idle_worker_are_its_own_at_once_and_wake_nobody(sokoul, admin, scout):
    with sokoul.nats.connect() as nats:
        eventually(lambda: sokoul.value("SELECT count(*) FROM outgoing") == 0, what="an empty outbox")
        before, first = nats.js("STREAM.INFO.JOBS")["state"]["last_seq"], given(scout)
        ids = []

        def ten_are_given():
            """Not each of them: the worker has to say again that it is idle."""
            ids.append(post(admin, {"echo": len(ids)}))
            sokoul.job_settled(ids[-1])
            return given(scout) - first >= 10

        eventually(ten_are_given, 60, "ten jobs for the idle worker")
        handed_off = sokoul.value("SELECT count(*) FROM jobs WHERE job_id = ANY(%s::uuid[]) AND wake = 0", (ids,))
        assert handed_off == given(scout) - first
        check_each_ran_once(sokoul, ids)
        assert nats.js("STREAM.INFO.JOBS")["state"]["last_seq"] - before == len(ids) - handed_off
    echoes = [admin.get(f"/jobs/{i}").json["result"]["echo"] for i in ids]
    assert echoes == list(range(len(ids)))
    assert sokoul.value("SELECT count(*) FROM job_history WHERE job_id = ANY(%s::uuid[])", (ids,)) == 0
    eventually(lambda: sokoul.value("SELECT count(*) FROM claims") == 0, what="no claim left")


def test_a_search_is_given_too(sokoul, admin, scout):
    before = given(scout)
    answer = admin.post("/search", {"query": "Sintel", "wait_ms": 10000})
    assert answer.status == 200 and answer.json["items"], answer
    assert given(scout) > before


def test_a_kind_with_a_limit_is_given_to_nobody(sokoul, admin, scout):
    sokoul.ctl("limit", "set", "noop", "--max", "1")
    before = given(scout)
    ids = [post(admin) for _ in range(5)]
    all_settled(sokoul, ids)
    assert given(scout) == before


def test_slow_jobs_do_not_pile_up_at_one_worker(sokoul, admin, scout):
    """It offers what it would begin at once, and no more."""
    other = sokoul.start("sokoul-scout")
    sokoul.job_settled(post(admin))
    before = given(scout) + given(other)
    ids = [post(admin, {"sleep_ms": 600000}) for _ in range(32)]
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Running'") == 32, 30, "all of them to run at once")
    assert given(scout) + given(other) > before
    assert [admin.post(f"/jobs/{job}/cancel").status for job in ids] == [202] * 32


def test_a_given_job_is_cancelled(sokoul, admin, scout):
    before = given(scout)
    job = post(admin, {"sleep_ms": 60000})
    eventually(lambda: given(scout) > before, what="the job")
    assert admin.post(f"/jobs/{job}/cancel").status == 202
    eventually(lambda: "sokoul_worker_jobs_running 0" in Api(scout.port).get("/metrics").text, 10, "a worker that has stopped it")
    assert admin.get(f"/jobs/{job}").json["reason"] == "cancelled"


def test_a_dead_workers_given_job_runs_again_within_two_seconds(sokoul, admin, scout):
    before = given(scout)
    job = post(admin, {"sleep_ms": 5000})
    eventually(lambda: given(scout) > before, what="the job")
    sokoul.start("sokoul-scout")  # the one that goes on
    killed = sokoul.value("SELECT clock_timestamp()")
    scout.kill()
    eventually(lambda: sokoul.value("SELECT attempts FROM jobs WHERE job_id = %s", (job,)) == 2, 10, "the second attempt")
    assert (sokoul.value("SELECT started_at FROM jobs WHERE job_id = %s", (job,)) - killed).total_seconds() < 2 * SLOW + 1
    assert sokoul.job_settled(job) == "Completed"
    check_each_ran_once(sokoul, [job])


def frozen_after_an_offer(sokoul, scout):
    with sokoul.nats.connect() as nats:
        assert nats.next(nats.subscribe("sokoul.ctl.idle.scout"), 5) is not None
        scout.freeze()


def test_a_worker_that_was_frozen_begins_what_is_fresh(sokoul, admin, scout):
    before = given(scout)
    frozen_after_an_offer(sokoul, scout)
    job = post(admin)
    assert sokoul.sql("SELECT status, wake FROM jobs WHERE job_id = %s", (job,)) == [("Running", 0)]
    scout.thaw()
    assert sokoul.job_settled(job) == "Completed"
    assert given(scout) == before + 1 and not sokoul.sql(HISTORY, (job,)), "its own, and not one that was handed back"


def test_a_worker_that_hears_too_late_hands_the_job_back(sokoul, admin, scout):
    """The word was on its way for longer than it is good for: the worker may have handed the job back already."""
    before = given(scout)
    frozen_after_an_offer(sokoul, scout)
    job = post(admin)
    assert sokoul.value("SELECT status FROM jobs WHERE job_id = %s", (job,)) == "Running"
    eventually(lambda: sokoul.value("SELECT now() - started_at > '5.5 s' FROM jobs WHERE job_id = %s", (job,)), what="a late word")
    scout.thaw()
    assert sokoul.job_settled(job, 12) == "Completed"
    assert given(scout) == before and "handoff_refused" in scout.log_text()
    assert sokoul.sql(HISTORY, (job,)) == [("in_doubt",)]
    assert sokoul.sql("SELECT attempts, epoch FROM jobs WHERE job_id = %s", (job,)) == [(1, 2)]
    check_each_ran_once(sokoul, [job])


def test_a_lost_word_costs_some_seconds_and_no_attempt(sokoul, admin, scout):
    """Here the worker does not take it: it made that offer too long ago. Its next offer replaces this one within a second."""
    worker = str(sokoul.value("SELECT id FROM workers"))
    offer = json.dumps({"worker_id": worker, "room": 4, "lease_ms": 40000, "stamp": 0})

    def lost():
        with sokoul.nats.connect() as nats:
            nats.publish("sokoul.ctl.idle.scout", offer)
            nats.flush()
        job = post(admin)
        assert sokoul.job_settled(job, 20) == "Completed"
        return job if sokoul.sql(HISTORY, (job,)) else None
    job = eventually(lost, 60, "a job whose word was not taken")
    assert sokoul.sql(HISTORY, (job,)) == [("in_doubt",)]
    assert sokoul.sql("SELECT attempts, epoch FROM jobs WHERE job_id = %s", (job,)) == [(1, 2)]


@pytest.mark.parametrize("words", [b"", b"{}", b"\xff\x00", b"{" * 100000,
                                   b'{"worker_id":"00000000-0000-0000-0000-000000000009","room":4,"lease_ms":40000,"stamp":1}'])
def test_strange_offers_harm_nobody(sokoul, api, admin, words):
    with sokoul.nats.connect() as nats:
        nats.publish("sokoul.ctl.idle.scout", words)
        nats.flush()
    ids = [post(admin) for _ in range(3)]
    assert sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Pending'") == 3
    sokoul.start("sokoul-scout")
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)


def test_strange_words_harm_no_worker(sokoul, admin, scout):
    worker = str(sokoul.value("SELECT id FROM workers"))
    with sokoul.nats.connect() as nats:
        for words in (b"", b"{}", b"\xff", b'{"stamp":1,"fence":1,"note":1,"job":{}}'):
            nats.publish(f"sokoul.ctl.given.{worker}", words)
        nats.flush()
    eventually(lambda: scout.log_text().count("handoff_refused") >= 4, what="complaints")
    job = post(admin)
    assert sokoul.job_settled(job) == "Completed"


def test_workers_come_and_go_under_load_and_nothing_waits_for_a_lease(sokoul, admin, scout):
    """A worker that leaves takes no job along that it was given meanwhile."""
    scouts = [scout]
    ids = []

    def pour(seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            ids.append(post(admin, {"sleep_ms": 5}))

    with ThreadPoolExecutor(1) as pool:
        poured = pool.submit(pour, 8)
        while not poured.done():
            scouts.append(sokoul.start("sokoul-scout"))
            scouts.pop(0).stop()
        poured.result()
    all_settled(sokoul, ids, 15)
    check_each_ran_once(sokoul, ids)
    assert sokoul.value("SELECT max(attempts) FROM jobs") == 1


def test_a_job_published_past_the_api_is_not_confused_with_a_given_one(sokoul, admin, scout):
    """The message of a later life of the job, or one of somebody else's making, is no wake-up that was expected."""
    job = post(admin, {"fail": True})
    eventually(lambda: sokoul.value("SELECT attempts FROM jobs WHERE job_id = %s", (job,)) >= 1, what="an attempt")
    with sokoul.nats.connect() as nats:
        publish(nats, {"v": 1, "job_id": job, "kind": "noop", "timestamp": "2026-01-01T00:00:00.000Z", "request_id": "r", "payload": {},
                       "user_id": "00000000-0000-0000-0000-000000000000"}, headers={"Nats-Msg-Id": f"{job}:2"})
    eventually(lambda: sokoul.value("SELECT status FROM jobs WHERE job_id = %s", (job,)) == "Failed", 40, "its end")
    assert sokoul.value("SELECT attempts FROM jobs WHERE job_id = %s", (job,)) == 4
