# SPDX-License-Identifier: Apache-2.0
"""Jobs and dead letters through the API; how they run is in other files."""
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
import rows
from client import Api
from stack_under_test import eventually

pytestmark = pytest.mark.kept


def noop(admin, **more):
    answer = admin.post("/jobs", {"kind": "noop", "payload": {}, **more})
    assert answer.status == 202, answer
    return answer.json


def letter(sokoul, job_id=None, kind="noop"):
    key = str(uuid.uuid4())
    sokoul.sql("INSERT INTO dead_letters (id, job_id, kind, reason, detail, raw, raw_size) VALUES "
               "(%s, %s, %s, %s, 'It <failed>', %s, 3)",
               (key, job_id, kind, "exhausted" if job_id else "poison", None if job_id else b"\xff{x"))
    return key


def test_a_job_is_created_and_looked_at(sokoul, admin):  # req: S10 S71 S109
    answer = admin.post("/jobs", {"kind": "noop", "payload": {"sleep_ms": 5, "text": "<b>"}, "priority": "high"},
                        headers={"X-Request-ID": "job-1"})
    assert answer.status == 202 and answer.headers["Location"] == f"/jobs/{answer.json['job_id']}", answer
    seen = admin.get(answer.headers["Location"])
    assert "<b>" not in seen.text
    job = seen.json
    assert job["id"] == answer.json["job_id"] and job["kind"] == "noop" and job["worker"] == "scout"
    assert job["status"] == "Pending" and job["attempts"] == 0 and job["result"] is None and job["reason"] is None
    assert job["payload"] == {"sleep_ms": 5, "text": "<b>"} and job["priority"] == "high"
    assert job["request_id"] == "job-1" and job["history"][0]["status"] == "Pending"
    assert {"detail", "created_at", "started_at", "finished_at"} <= set(job)


def test_a_job_for_another_worker_and_time(sokoul, admin):
    job = admin.get(f"/jobs/{noop(admin, worker='hunter', run_at='2099-01-02T03:04:05Z')['job_id']}").json
    assert job["worker"] == "hunter" and job["run_at"] == "2099-01-02T03:04:05.000Z"


def test_many_jobs_at_once(sokoul, admin):
    answer = admin.post("/jobs", {"kind": "noop", "count": 10000})
    assert answer.status == 202 and len(set(answer.json["job_ids"])) == 10000
    assert sokoul.value("SELECT count(*) FROM jobs") == 10000
    one = noop(admin, count=1)
    assert one["job_ids"] == [one["job_id"]]


@pytest.mark.parametrize("body, field", [
    ({}, "kind"), ({"kind": "odd"}, "kind"), ({"kind": "noop", "worker": "odd"}, "worker"),
    ({"kind": "noop", "priority": "odd"}, "priority"), ({"kind": "noop", "payload": []}, "payload"),
    ({"kind": "noop", "count": 0}, "count"), ({"kind": "noop", "count": 10001}, "count"),
    ({"kind": "noop", "run_at": "soon"}, "run_at"), ({"kind": "noop", "payload": {"x": "y" * 65000}}, "payload")])
def test_what_is_no_job_is_400(sokoul, admin, body, field):
    answer = admin.post("/jobs", body)
    assert answer.status == 400 and field in {e["field"] for e in answer.json["errors"]}, answer
    assert sokoul.value("SELECT count(*) FROM jobs") == 0


def test_only_admins_create_jobs_and_see_letters(api, user, admin):  # req: S155
    for who, status in ((api, 401), (user, 403)):
        assert who.post("/jobs", {"kind": "noop"}).status == status
        for path in ("/admin/dlq", f"/admin/dlq/{uuid.uuid4()}", "/admin/stats", "/admin/logs"):
            assert who.get(path).status == status, path
        assert who.delete("/admin/dlq").status == status
    assert admin.get("/admin/dlq").status == 200


def test_a_crowd_at_once_is_accepted_whole(sokoul, admin, user):
    """Batches hold good and bad requests, with keys and without; none spoils another."""
    def create(n):
        if n % 10 == 3:
            return admin.post("/jobs", {"kind": "odd"}).status, None
        if n % 10 == 5:
            return user.post("/jobs", {"kind": "noop"}).status, None
        key = {"Idempotency-Key": f"k{n % 4}"} if n % 10 == 7 else {}
        answer = admin.post("/jobs", {"kind": "noop"}, headers=key)
        return answer.status, answer.json["job_id"]

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(create, range(600)))
        assert [s for s, _ in answers] == [{3: 400, 5: 403}.get(n % 10, 202) for n in range(600)]
        ids = {job for _, job in answers if job}
        assert len(ids) == sokoul.value("SELECT count(*) FROM jobs") == 420 + len({n % 4 for n in range(7, 600, 10)})
        some = list(ids)[:200] + [str(uuid.uuid4()), "x"] * 10
        seen = list(pool.map(lambda job: admin.get(f"/jobs/{job}"), some))
        theirs = list(pool.map(lambda job: user.get(f"/jobs/{job}").status, some))
    assert [a.status for a in seen] == [200] * 200 + [404] * 20
    assert [a.json["id"] for a in seen[:200]] == some[:200]
    assert set(theirs) == {403}


def test_one_key_makes_one_job(sokoul, admin, user):
    key = {"Idempotency-Key": "a-key"}
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: admin.post("/jobs", {"kind": "noop"}, headers=key), range(50)))
    assert {a.status for a in answers} == {202} and len({a.body for a in answers}) == 1
    assert sokoul.value("SELECT count(*) FROM jobs") == 1
    assert admin.post("/jobs", {"kind": "noop", "priority": "low"}, headers=key).status == 422
    sokoul.sql("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
    assert admin.post("/jobs", {"kind": "noop", "priority": "low"}, headers=key).status == 202
    many = [admin.post("/jobs", {"kind": "noop", "count": 3}, headers={"Idempotency-Key": "b"}).json for _ in range(2)]
    assert many[0] == many[1]


def test_lists_have_pages_filters_and_owners(sokoul, user, admin):  # req: S155
    ids = noop(admin, count=5)["job_ids"][::-1]
    film = rows.media(sokoul)
    mine = user.post(f"/media/{film}/releases/search").json["job_id"]
    rows.finish(sokoul, ids[0])
    assert [j["id"] for j in user.get("/jobs").json["items"]] == [mine]
    listed = admin.get("/jobs", query={"kind": "noop", "limit": 2}).json
    assert [j["id"] for j in listed["items"]] == ids[:2] and listed["total"] == 5
    more = admin.get("/jobs", query={"kind": "noop", "limit": 2, "cursor": listed["next"]}).json
    assert [j["id"] for j in more["items"]] == ids[2:4] and more["total"] is None
    assert [j["id"] for j in admin.get("/jobs", query={"status": "Completed"}).json["items"]] == [ids[0]]
    for query in ({"status": "odd"}, {"cursor": "odd"}, {"limit": 0}, {"page": 0}, {"odd": 1}):
        assert admin.get("/jobs", query=query).status == 400, query


def test_cancel_only_what_lives(sokoul, user, admin):
    job = noop(admin)["job_id"]
    assert user.post(f"/jobs/{job}/cancel").status == 403
    answer = admin.post(f"/jobs/{job}/cancel")
    assert answer.status == 202 and answer.json["job_id"] == job
    seen = admin.get(f"/jobs/{job}").json
    assert (seen["status"], seen["reason"]) == ("Failed", "cancelled")
    assert admin.post(f"/jobs/{job}/cancel").status == 409
    assert admin.post(f"/jobs/{uuid.uuid4()}/cancel").status == 404
    assert admin.post("/jobs/x/cancel").status == 404


def test_dead_letters_are_shown_replayed_and_closed(sokoul, admin):
    job = noop(admin)["job_id"]
    rows.finish(sokoul, job, "Failed", "exhausted")
    mine, raw = letter(sokoul, job), letter(sokoul)
    listed = admin.get("/admin/dlq")
    assert "<failed>" not in listed.text and {i["id"] for i in listed.json["items"]} == {mine, raw}
    assert listed.json["total"] == 2
    assert admin.get("/admin/dlq", query={"kind": "search"}).json["items"] == []
    one = admin.get(f"/admin/dlq/{mine}").json
    assert one["job_id"] == job and one["reason"] == "exhausted" and one["detail"] == "It <failed>"
    replayed = admin.post(f"/admin/dlq/{mine}/replay", {"payload": {"again": 1}})
    assert replayed.status == 202 and replayed.json["job_id"] == job, replayed
    assert replayed.headers["Location"] == f"/jobs/{job}"
    assert sokoul.sql("SELECT status, attempts, payload FROM jobs WHERE job_id = %s", (job,)) == \
        [("Pending", 0, {"again": 1})]
    assert admin.post(f"/admin/dlq/{mine}/replay").status == 409
    assert admin.post(f"/admin/dlq/{raw}/replay").status == 422
    assert admin.post(f"/admin/dlq/{raw}/replay", {"payload": 1}).status == 400
    assert admin.delete(f"/admin/dlq/{raw}").status == 204
    assert admin.delete(f"/admin/dlq/{raw}").status == 404
    for missing in (str(uuid.uuid4()), "x"):
        assert admin.get(f"/admin/dlq/{missing}").status == 404
        assert admin.post(f"/admin/dlq/{missing}/replay").status == 404
    letter(sokoul), letter(sokoul)
    assert admin.delete("/admin/dlq").status == 204
    assert admin.get("/admin/dlq").json == {"items": [], "page": 1, "limit": 20, "total": 0, "next": None}


def test_what_cannot_be_written_down_is_not_done(sokoul, admin):
    job = noop(admin)["job_id"]
    rows.finish(sokoul, job, "Failed", "exhausted")
    one = letter(sokoul, job)
    sokoul.sql("ALTER TABLE logs ADD CONSTRAINT full_disk CHECK (action NOT LIKE 'dlq%') NOT VALID")
    key = {"Idempotency-Key": "replay-once"}
    assert admin.post(f"/admin/dlq/{one}/replay", headers=key).status >= 400
    assert admin.delete(f"/admin/dlq/{one}").status >= 400 and admin.delete("/admin/dlq").status >= 400
    assert admin.get("/admin/dlq").json["total"] == 1
    assert sokoul.value("SELECT status FROM jobs WHERE job_id = %s", (job,)) == "Failed"
    sokoul.sql("ALTER TABLE logs DROP CONSTRAINT full_disk")
    assert admin.post(f"/admin/dlq/{one}/replay", headers=key).json["job_id"] == job
    assert admin.delete(f"/admin/dlq/{one}").status == 404
    assert sokoul.sql("SELECT action, subject FROM logs WHERE action LIKE 'dlq%'") == [("dlq_replayed", one)]


def test_the_audit_trail_is_for_moderators(sokoul, api, user, admin):  # req: S11 S157
    sokoul.sql("UPDATE users SET role = 'moderator' WHERE username = 'ada'")
    login = api.post("/auth/login", {"username": "ada", "password": "correct horse battery"})
    moderator = api.with_token(login.json["access_token"])
    for who in (moderator, admin):
        listed = who.get("/admin/logs", query={"action": "login", "user_id": user.user["id"]}).json
        assert listed["total"] == 1 and listed["items"][0]["ip"] == "127.0.0.1"
        assert listed["items"][0]["request_id"] == login.headers["X-Request-ID"]
    assert admin.get("/admin/logs", query={"since": "2099-01-01T00:00:00Z"}).json["items"] == []
    assert len(admin.get("/admin/logs").json["items"]) >= 4
    for bad in ({"since": "yesterday"}, {"user_id": "x"}):
        assert admin.get("/admin/logs", query=bad).status == 400
    assert moderator.get("/admin/stats").status == 403 and moderator.get("/admin/dlq").status == 403


def test_statistics_count_everything(sokoul, admin, user):  # req: S156
    noop(admin, count=3)
    rows.media(sokoul)
    stats = admin.get("/admin/stats").json
    assert stats["users"] == 2 and stats["media"] == 1 and stats["dead_letters"] == 0
    assert stats["jobs"] == {"Pending": 3, "Running": 0, "Completed": 0, "Failed": 0}
    assert stats["downloads"] == {"Pending": 0, "Running": 0, "Completed": 0, "Failed": 0}


def waiting(sokoul, count=1):
    """Process ids of backends that wait for a lock in this database."""
    rows = sokoul.sql("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    return [row[0] for row in rows] if len(rows) >= count else None


def test_a_new_key_is_no_conflict_when_its_statement_is_delayed_or_cancelled(sokoul):
    admin = sokoul.admin(Api(sokoul.start("sokoul-api", {"DB_WAIT_S": "4"}).port))
    answers = []

    def post(key):
        answers.append(admin.post("/jobs", {"kind": "noop"}, headers={"Idempotency-Key": key}))
    for end in ("delayed", "cancelled"):
        with psycopg2.connect(sokoul.database_url) as lock:
            lock.cursor().execute("LOCK TABLE idempotency_keys")
            asked = threading.Thread(target=post, args=(end,))
            asked.start()
            pids = eventually(lambda: waiting(sokoul), 10, "the statement waiting")
            if end == "cancelled":
                sokoul.sql("SELECT pg_cancel_backend(%s)", (pids[0],))
            asked.join(60)
            lock.rollback()
        assert answers[-1].status == 503 and answers[-1].headers["Retry-After"], (end, answers[-1])
        post(end)
        assert answers[-1].status == 202, answers[-1]
    assert sokoul.value("SELECT count(*) FROM jobs") == 2


def test_a_key_in_flight_is_a_conflict_and_answers_the_same_when_it_is_done(sokoul, admin):
    key = {"Idempotency-Key": "slow"}
    answers = []
    with psycopg2.connect(sokoul.database_url) as lock:
        lock.cursor().execute("LOCK TABLE jobs")
        first = threading.Thread(target=lambda: answers.append(admin.post("/jobs", {"kind": "noop"}, headers=key)))
        first.start()
        eventually(lambda: waiting(sokoul), 10, "the first one at work")
        second = admin.post("/jobs", {"kind": "noop"}, headers=key)
        assert second.status == 409 and "in flight" in second.json["detail"], second
        lock.rollback()
    first.join(60)
    assert answers[0].status == 202
    assert admin.post("/jobs", {"kind": "noop"}, headers=key).json == answers[0].json
