# SPDX-License-Identifier: Apache-2.0
"""What a relay does when it finds many due rows and a worker in its own process (docs/adr/0009)."""
import socket
import time
from contextlib import ExitStack

import pytest
from job_kit import all_settled, check_each_ran_once, inject, stream_info
from stack_under_test import eventually

RUNNING = "SELECT count(*) FROM jobs WHERE status = 'Running'"
WAKE_UPS = "SELECT coalesce(sum(coalesce(cardinality(job_ids), 1)), 0) FROM outgoing"


def published(sokoul):
    """Messages that JOBS has ever taken."""
    with sokoul.nats.connect() as nats:
        return stream_info(nats)["state"]["last_seq"]


def test_a_crowd_is_claimed_without_nats_and_each_job_runs_once(sokoul):
    sokoul.start("sokoul-scout")
    before = published(sokoul)
    ids = inject(sokoul, "noop", {}, 3000)
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)
    assert published(sokoul) - before < 3000


def once(measure, good, tries=8):
    """A rule of the program slows every try down, a busy machine only some of them."""
    seen = []
    while len(seen) < tries and not (seen and good(seen[-1])):
        seen.append(measure())
    assert good(seen[-1]), seen


def test_a_worker_with_room_again_gets_the_next_at_once(sokoul):
    """What is young, and was this worker's to take when it had no room, is so when it has. It had to be 200 ms old."""
    sokoul.start("sokoul-scout")
    all_settled(sokoul, inject(sokoul, "noop", {}))

    def longest_pause_ms():
        ids = inject(sokoul, "noop", {"sleep_ms": 30}, 64)  # of 16 at once
        all_settled(sokoul, ids)
        return sokoul.value("SELECT extract(epoch FROM max(pause)) * 1000 FROM (SELECT started_at - lag(started_at)"
                            " OVER (ORDER BY started_at) AS pause FROM jobs WHERE job_id = ANY(%s::uuid[])) s", (ids,))
    once(longest_pause_ms, lambda pause_ms: pause_ms < 150)


def test_a_look_past_a_crowd_is_no_end_of_it(sokoul):
    """It goes on for longer than the 400 ms from one such look to the next, and paused for as long after some of them. A
    pause of another length is the disk's."""
    def took_and_pauses():
        ids = inject(sokoul, "noop", {}, 60000)
        scout = sokoul.start("sokoul-scout")
        all_settled(sokoul, ids)
        scout.stop()
        return sokoul.sql(
            "SELECT extract(epoch FROM max(at) - min(at)) * 1000, count(*) FILTER (WHERE pause BETWEEN '390 ms' AND '450 ms') FROM"
            " (SELECT started_at AS at, started_at - lag(started_at) OVER (ORDER BY started_at) AS pause FROM jobs"
            " WHERE job_id = ANY(%s::uuid[])) s", (ids,))[0]
    once(took_and_pauses, lambda row: row[0] > 600 and row[1] == 0, 4)


def test_few_jobs_go_over_nats(sokoul):
    sokoul.start("sokoul-scout")
    before = published(sokoul)
    ids = inject(sokoul, "noop", {}, 20)
    all_settled(sokoul, ids)
    assert published(sokoul) - before == 20


def test_what_a_busy_worker_has_no_room_for_another_one_takes(sokoul):
    sokoul.start("sokoul-scout")
    sokoul.start("sokoul-scout")
    ids = inject(sokoul, "noop", {"sleep_ms": 500}, 100)
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)
    assert len(sokoul.sql("SELECT DISTINCT worker_id FROM jobs WHERE job_id = ANY(%s::uuid[])", (ids,))) == 2


def test_urgent_jobs_pass_a_crowd(sokoul):
    sokoul.start("sokoul-scout")
    crowd = inject(sokoul, "noop", {"sleep_ms": 50}, 2000)
    eventually(lambda: sokoul.value(RUNNING) > 0, what="the first to run")
    urgent = inject(sokoul, "noop", {}, 5, "--priority", "high")
    all_settled(sokoul, crowd + urgent)
    last = "SELECT max(started_at) FROM jobs WHERE job_id = ANY(%s::uuid[])"
    behind = sokoul.value(f"SELECT count(*) FROM jobs WHERE job_id = ANY(%s::uuid[]) AND started_at > ({last})", (crowd, urgent))
    assert behind > 100


def test_busy_workers_share_a_crowd(sokoul):
    """Each has little room at a time and takes the rows of the crowd apart."""
    sokoul.start("sokoul-scout")
    sokoul.start("sokoul-scout")
    ids = inject(sokoul, "noop", {"sleep_ms": 100}, 400)
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)
    shares = sokoul.sql("SELECT count(*) FROM jobs WHERE job_id = ANY(%s::uuid[]) GROUP BY worker_id", (ids,))
    assert len(shares) == 2 and min(shares)[0] > 16, "more than there is room for at once"


def test_a_crowd_keeps_the_limit_of_its_kind(sokoul):
    sokoul.start("sokoul-scout")
    sokoul.ctl("limit", "set", "noop", "--max", "5")
    ids = inject(sokoul, "noop", {"sleep_ms": 10}, 200)
    eventually(lambda: sokoul.value(RUNNING) == 5, what="as many as may run")
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)


def test_a_crowd_that_no_worker_fetches_goes_to_the_stream(sokoul):
    """As for a worker that others wrote, which listens to NATS alone."""
    sokoul.start("sokoul-api")
    before = published(sokoul)
    ids = inject(sokoul, "noop", {}, 300)
    eventually(lambda: sokoul.value(WAKE_UPS) == 0, what="messages")
    assert published(sokoul) - before == 300
    sokoul.start("sokoul-scout")
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)


def test_what_jetstream_refuses_of_a_crowd_waits(sokoul):
    sokoul.start("sokoul-api")
    ids = inject(sokoul, "noop", {})
    eventually(lambda: sokoul.value(WAKE_UPS) == 0, what="an API that has looked at its streams")
    with sokoul.nats.connect() as nats:
        config = stream_info(nats)["config"]
        nats.js("STREAM.UPDATE.JOBS", {**config, "max_bytes": 30000})
        ids += inject(sokoul, "noop", {}, 300)

        def stored():
            return nats.js("STREAM.INFO.JOBS")["state"]["messages"]
        eventually(lambda: stored() > 1 and sokoul.value(WAKE_UPS) == 301 - stored(), what="a first try")
        assert stored() < 301
        nats.js("STREAM.UPDATE.JOBS", config)
    eventually(lambda: sokoul.value(WAKE_UPS) == 0, what="messages")
    with sokoul.nats.connect() as nats:
        assert nats.js("STREAM.INFO.JOBS")["state"]["messages"] == 301
    sokoul.start("sokoul-scout")
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)


def test_a_crowd_goes_on_while_jetstream_refuses(sokoul):
    """What must go over NATS waits, and holds up nobody: it is older than all of the crowd."""
    sokoul.start("sokoul-scout")
    assert sokoul.job_settled(inject(sokoul, "noop", {})[0]) == "Completed"
    with sokoul.nats.connect() as nats:
        config = nats.js("STREAM.INFO.JOBS")["config"]
        nats.js("STREAM.UPDATE.JOBS", {**config, "max_bytes": 1})
        low = inject(sokoul, "noop", {}, 5, "--priority", "low")
        crowd = inject(sokoul, "noop", {}, 1000)
        done = "SELECT count(*) FROM jobs WHERE status = 'Completed' AND job_id = ANY(%s::uuid[])"
        eventually(lambda: sokoul.value(done, (crowd,)) == 1000, 15, "the end of the crowd")
        assert sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Pending'") == 5
        nats.js("STREAM.UPDATE.JOBS", config)
    all_settled(sokoul, low)
    check_each_ran_once(sokoul, crowd + low)


def test_a_crowd_that_was_brought_to_a_dead_worker_is_taken_back(sokoul):
    scout = sokoul.start("sokoul-scout")
    ids = inject(sokoul, "noop", {"sleep_ms": 10}, 2000)
    eventually(lambda: sokoul.value(RUNNING) > 16, what="a claim of many")
    scout.kill()
    sokoul.start("sokoul-scout")
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)
    eventually(lambda: sokoul.value("SELECT count(*) FROM claims") == 0, 60, "no claim left")


def test_what_the_database_says_a_worker_runs_and_it_does_not_know_of_is_handed_back(sokoul):
    """As after a claim whose commit was in doubt: long before the lease of 40 s is over."""
    sokoul.start("sokoul-scout")
    worker = eventually(lambda: sokoul.value("SELECT id FROM workers"), what="the worker's row")
    job = inject(sokoul, "noop", {}, 1, "--run-at", "2100-01-01T00:00:00Z")[0]
    sokoul.sql("DELETE FROM outgoing")
    sokoul.sql("WITH c AS (UPDATE jobs SET status = 'Running', attempts = 1, fence = 1, worker_id = %s, started_at = now(), run_at = now(),"
               " lease_until = now() + interval '40 s' RETURNING worker_id, job_id)"
               " INSERT INTO claims (worker_id, job_ids) SELECT worker_id, ARRAY[job_id] FROM c", (worker,))
    assert sokoul.job_settled(job, 20) == "Completed"
    assert sokoul.sql("SELECT attempts, epoch FROM jobs") == [(1, 2)]
    assert sokoul.value("SELECT reason FROM job_history") == "in_doubt"


def test_a_worker_that_leaves_hands_back_what_it_was_brought(sokoul):
    scout = sokoul.start("sokoul-scout")
    ids = inject(sokoul, "noop", {"sleep_ms": 10}, 2000)
    eventually(lambda: sokoul.value(RUNNING) > 16, what="a claim of many")
    scout.stop()
    assert sokoul.value(RUNNING) == 0
    assert sokoul.value("SELECT max(attempts) FROM jobs WHERE status = 'Pending'") == 0
    assert sokoul.value("SELECT count(*) FROM claims") == 0
    sokoul.start("sokoul-scout")
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)


def test_wake_ups_of_many_requests_go_out_together(sokoul, api, admin):
    """Each round of a relay costs much the same: where rows come fast it makes one in ten milliseconds, not one for each few."""
    body = b'{"kind":"noop","payload":{}}'
    request = (f"POST /jobs HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {admin.token}\r\n"
               f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body
    with ExitStack() as open_until_the_end:
        sockets = [open_until_the_end.enter_context(socket.create_connection(("127.0.0.1", api.port), 30)) for _ in range(64)]
        begun = time.monotonic()
        for _ in range(30):
            for s in sockets:
                s.sendall(request)
            for s in sockets:
                answer = b""
                while not answer.endswith(b"}"):
                    answer += s.recv(4096) or pytest.fail(f"a connection was closed: {answer}")
                assert answer.startswith(b"HTTP/1.1 202 ")
        took_ms = (time.monotonic() - begun) * 1000
    eventually(lambda: sokoul.value("SELECT count(*) FROM outgoing") == 0, what="an empty outbox")
    assert published(sokoul) == 30 * 64
    rounds = sokoul.value("SELECT count(*) FROM relay_batches")
    assert rounds < took_ms / 10 + 5, (rounds, took_ms)
