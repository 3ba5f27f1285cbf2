# SPDX-License-Identifier: Apache-2.0
"""sokoulctl trace: the way of a request out of what is stored, with real servers and real workers."""
import json
import socket
import subprocess
import uuid

import pytest
import rows
from job_kit import inject, post
from stack_under_test import BIN, eventually
from swarm import MIB


def trace(sokoul, request_id, *more):
    return json.loads(sokoul.ctl("trace", request_id, "--json", *more).stdout)


def names(found, job_id=None):
    """The steps in their order; whether a wake-up went by JetStream is a matter of who was faster."""
    return [s["step"] for s in found["steps"] if s["step"] != "published" and job_id in (None, s["job_id"])]


def step(found, name, **fields):
    return next(s for s in found["steps"] if s["step"] == name and all(s[k] == v for k, v in fields.items()))


def with_logs(sokoul, request_id, programs, prefix=""):
    lines = "".join(prefix + line + "\n" for program in programs for line in program.log_text().splitlines())
    done = subprocess.run([f"{BIN}/sokoulctl", "--env-file", sokoul.env_file(name="ctl.env"), "trace", request_id, "--json",
                           "--log", "-"], env=sokoul.environment(), input=lines, capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ascends(values):
    return all(a <= b for a, b in zip(values, values[1:]))


def test_a_search_that_fails_twice_and_then_succeeds(sokoul, tmdb, user):
    sokoul.start("sokoul-scout")
    tmdb.fail("status", times=2, status=500)
    answer = user.post("/search", {"query": "Sintel", "wait_ms": 0}, headers={"X-Request-ID": "way.of_a-search"})
    job_id = answer.json["job_id"]
    assert sokoul.job_settled(job_id) == "Completed"
    found = trace(sokoul, "way.of_a-search")
    assert names(found) == ["accepted", "started", "retried", "started", "retried", "started", "completed"]
    assert {s["job_id"] for s in found["steps"]} == {job_id} and {s["kind"] for s in found["steps"]} == {"search"}
    assert [s["attempt"] for s in found["steps"] if s["step"] == "started"] == [1, 2, 3]
    retried = [s for s in found["steps"] if s["step"] == "retried"]
    assert all(s["reason"] == "provider" and s["detail"] for s in retried), retried
    since = [s["since_ms"] for s in found["steps"]]
    assert since[0] == 0 and ascends(since) and since[-1] >= 5000, since  # 2 s and 4 s, ten per cent less
    size = sokoul.value("SELECT octet_length(result::text) FROM job_results WHERE job_id = %s", (job_id,))
    assert step(found, "completed")["detail"] == f"result of {size} bytes"
    assert step(found, "accepted")["detail"] == f"for {user.user['username']}"
    assert {(s["worker"], s["node"]) for s in found["steps"] if s["step"] == "started"} == {("scout", socket.gethostname())}
    assert (found["open"], found["open_total"], found["jobs_cut"], found["total"]) == ([], 0, False, len(found["steps"]))
    lines = sokoul.ctl("trace", "way.of_a-search").stdout.splitlines()
    assert len(lines) == len(found["steps"]) + 1 and lines[-1] == "nothing is open"
    assert "+0.000 s" in lines[0] and "accepted" in lines[0] and job_id in lines[0]
    assert [line.split()[4] for line in lines[:-1]] == [s["step"] for s in found["steps"]]


def test_with_the_logs_every_step_is_told_in_order(sokoul, tmdb, user):
    """req: S301"""
    scout = sokoul.start("sokoul-scout")
    tmdb.fail("status", times=1, status=500)  # a wake-up by JetStream is certain for a second attempt
    answer = user.post("/search", {"query": "Sintel", "wait_ms": 10000}, headers={"X-Request-ID": "seven-steps"})
    assert answer.status == 200, answer
    api = sokoul.programs[0]
    eventually(lambda: api.log(request_id="seven-steps", event="request"), 5, "the line of the answer")
    for prefix in ("", "sokoul-scout_1  | "):  # as it is, and as docker compose shows it
        found = with_logs(sokoul, "seven-steps", (api, scout), prefix)
        assert ascends([s["since_ms"] for s in found["steps"]])
        told = [s["step"] for s in found["steps"]]
        second = told[told.index("retried"):]
        wanted = ["published", "job_received", "provider_call", "persisted", "cached", "completed", "request"]
        assert told[0] == "accepted" and [s for s in second if s in wanted] == wanted, told
        assert step(found, "request")["worker"] == "sokoul-api" and "200" in step(found, "request")["detail"]
    lines = sokoul.ctl("trace", "seven-steps", "--log", scout.log_path).stdout
    assert "provider_call" in lines and "sokoul-api" not in lines


def test_a_request_that_made_no_job_is_told_by_audit_and_logs(sokoul, api, user):
    api.post("/auth/register", {"username": "grace", "email": "grace@example.org", "password": "correct horse battery"},
             headers={"X-Request-ID": "newcomer"})
    found = trace(sokoul, "newcomer")
    assert [(s["step"], s["reason"], s["job_id"]) for s in found["steps"]] == [("audit", "register", None)]
    assert "grace" in found["steps"][0]["detail"] and found["open"] == []
    made = user.get("/media/favorites").headers["X-Request-ID"]  # an id of ours
    refused = sokoul.ctl("trace", made, check=False)
    assert refused.returncode == 1 and f"nothing is stored of request {made}" in refused.stderr
    program = sokoul.programs[0]
    eventually(lambda: program.log(request_id=made), 5, "the line of the answer")
    assert names(with_logs(sokoul, made, (program,)))[-1] == "request"


def test_a_download_is_told_with_all_that_follows_from_it(sokoul, user, swarm, hunting):
    torrent = swarm.torrent(MIB)
    swarm.seed(torrent)
    hunting.hunter()
    answer = user.post("/downloads/start", {"media_id": rows.media(sokoul, 7), "magnet": torrent.magnet()},
                       headers={"X-Request-ID": "the-film"})
    job_id = answer.json["job_id"]
    assert sokoul.job_settled(job_id, 60) == "Completed"
    notices = eventually(lambda: sokoul.sql("SELECT job_id::text FROM jobs WHERE parent_id = %s", (job_id,)))
    found = trace(sokoul, "the-film")
    assert names(found)[:3] == ["accepted", "download", "started"] and step(found, "completed", job_id=job_id)
    assert answer.json["id"] in step(found, "download")["detail"] and "Film" in step(found, "download")["detail"]
    assert {s["job_id"] for s in found["open"]} == {n[0] for n in notices}  # no scout runs
    assert all((s["kind"], s["step"], s["worker"]) == ("notify", "pending", "scout") for s in found["open"])
    assert step(found, "accepted", job_id=notices[0][0])["detail"].endswith(f"follows {job_id}")
    # What stems from it belongs to it whatever id it carries; another user's does not.
    sokoul.sql("UPDATE jobs SET request_id = 'other' WHERE job_id = %s", (notices[0][0],))
    assert step(trace(sokoul, "the-film"), "accepted", job_id=notices[0][0])
    stranger = inject(sokoul, "noop", {})[0]
    sokoul.sql("UPDATE jobs SET parent_id = %s WHERE job_id = %s", (job_id, stranger))
    assert stranger not in {s["job_id"] for s in trace(sokoul, "the-film")["steps"]}
    # Deleting it is a request of its own: a line of the audit trail and the job that removes the files.
    gone = user.delete(f"/downloads/{answer.json['id']}", query={"files": "true"}, headers={"X-Request-ID": "the-end"})
    assert gone.status == 204, gone
    ended = trace(sokoul, "the-end")
    assert step(ended, "audit")["reason"] == "download_deleted" and step(ended, "accepted")["kind"] == "purge"


def test_a_killed_worker_is_told_with_who_took_over(sokoul, admin):
    first = sokoul.start("sokoul-scout")
    answer = admin.post("/jobs", {"kind": "noop", "payload": {"sleep_ms": 2000}}, headers={"X-Request-ID": "survivor"})
    job_id = answer.json["job_id"]
    eventually(lambda: sokoul.value("SELECT status FROM jobs WHERE job_id = %s", (job_id,)) == "Running")
    running = trace(sokoul, "survivor")
    assert names(running) == ["accepted", "started"]
    assert [(s["step"], s["attempt"], s["worker"]) for s in running["open"]] == [("running", 1, "scout")]
    assert "lease until" in running["open"][0]["detail"] and running["open"][0]["node"] == socket.gethostname()
    assert "still open:" in sokoul.ctl("trace", "survivor").stdout
    sokoul.start("sokoul-scout")
    first.kill()
    assert sokoul.job_settled(job_id) == "Completed"
    found = trace(sokoul, "survivor")
    assert names(found) == ["accepted", "started", "taken_back", "started", "completed"]
    lost = step(found, "taken_back")
    assert lost["reason"] == "worker_lost" and "died" in lost["detail"]
    began = [s["worker_id"] for s in found["steps"] if s["step"] == "started"]
    assert began == [lost["worker_id"], step(found, "completed")["worker_id"]] and began[0] != began[1]


def test_a_dead_letter_is_open_until_somebody_closes_it(sokoul, admin):
    sokoul.start("sokoul-scout")
    job_id = post(admin, {"fail": 4})
    request_id = sokoul.value("SELECT request_id FROM jobs WHERE job_id = %s", (job_id,))
    uuid.UUID(request_id)  # nobody sent one, so it is ours
    assert sokoul.job_settled(job_id, 40) == "Failed"
    found = trace(sokoul, request_id)
    told = names(found, job_id)  # the letter has the time at which the transaction of the end began
    assert told[:8] == ["accepted"] + ["started", "retried"] * 3 + ["started"] and set(told[8:]) == {"failed", "dead_letter"}
    assert step(found, "accepted", kind="notify")["detail"].endswith(f"follows {job_id}")
    letter = sokoul.value("SELECT id::text FROM dead_letters")
    assert letter in step(found, "dead_letter")["detail"] and step(found, "failed")["reason"] == "exhausted"
    assert ("dead_letter", "exhausted") in [(s["step"], s["reason"]) for s in found["open"]]
    sokoul.ctl("dlq", "replay", letter, "--payload", "{}")
    assert sokoul.job_settled(job_id) == "Completed"
    found = trace(sokoul, request_id)
    assert names(found, job_id)[7:] == ["started", "dead_letter", "letter_closed", "replayed", "started", "completed"]
    assert job_id not in {s["job_id"] for s in found["open"]}


def test_what_waits_says_for_what(sokoul):
    sokoul.nats.kill()
    later, now = inject(sokoul, "noop", {}, 1, "--run-at", "2099-01-01T00:00:00Z")[0], inject(sokoul, "noop", {})[0]
    for job_id, words in ((later, "due at 2099-01-01"), (now, "waits for the relay")):
        request_id = sokoul.value("SELECT request_id FROM jobs WHERE job_id = %s", (job_id,))
        (found,) = trace(sokoul, request_id)["open"]
        assert found["step"] == "pending" and words in found["detail"], found


def test_a_crowd_is_cut_and_says_so(sokoul):
    ids = inject(sokoul, "noop", {}, 1100)
    request_id = sokoul.value("SELECT request_id FROM jobs LIMIT 1")
    found = trace(sokoul, request_id)
    assert found["jobs_cut"] and len(found["steps"]) == found["total"] == len(found["open"]) == 1000
    assert {s["job_id"] for s in found["steps"]} == set(sorted(ids)[:1000])
    few = trace(sokoul, request_id, "--limit", "7")
    assert (len(few["steps"]), few["total"], len(few["open"]), few["open_total"]) == (7, 1000, 7, 1000)
    assert few["steps"] == found["steps"][:7]
    text = sokoul.ctl("trace", request_id, "--limit", "7").stdout
    assert "993 more steps are not shown" in text and "more than 1000 jobs" in text and "993 more open ones" in text


@pytest.mark.parametrize("words,code,says", [
    ((), 64, "trace needs REQUEST_ID"), (("x" * 65,), 64, "1 to 64 characters"), (("",), 64, "1 to 64 characters"),
    (("a", "b"), 64, "does not know what to do with b"), (("a", "--limit", "0"), 64, "--limit"),
    (("nobody-asked",), 1, "nothing is stored of request nobody-asked"),
    (("a", "--log", "/no/such/file"), 69, "cannot open /no/such/file")])
def test_what_cannot_be_traced(sokoul, words, code, says):
    done = sokoul.ctl("trace", *words, check=False)
    assert done.returncode == code and says in done.stderr and done.stdout == "", done


# ---- the trace of a caller --------------------------------------------------------------------------

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_a_callers_trace_goes_through_jetstream_to_the_provider(sokoul, tmdb, user):
    sokoul.start("sokoul-scout")
    tmdb.fail("status", times=1, status=500)  # the second attempt is woken by a message
    with sokoul.nats.connect() as nats:
        heard = nats.subscribe("sokoul.jobs.>")
        nats.flush()
        answer = user.post("/search", {"query": "Sintel", "wait_ms": 0}, headers={"traceparent": PARENT})
        assert answer.headers["X-Request-ID"] == TRACE and "traceparent" not in answer.headers
        job_id = answer.json["job_id"]
        assert sokoul.job_settled(job_id) == "Completed"
        message = eventually(lambda: next((m for m in [nats.next(heard, 10)] if m.headers["Nats-Msg-Id"] == f"{job_id}:2"), None))
    version, trace_id, span, flags = message.headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", TRACE, "01") and span not in ("0" * 16, "00f067aa0ba902b7")
    asked = [r.headers["traceparent"] for r in tmdb.requests if "traceparent" in r.headers]
    assert len(asked) == 2 and all(a.startswith(f"00-{TRACE}-") for a in asked) and len(set(asked)) == 2
    assert names(trace(sokoul, TRACE))[-1] == "completed"


@pytest.mark.parametrize("theirs", ["", PARENT.upper(), PARENT[:-1], f"{PARENT}-x", f"ff{PARENT[2:]}", f"00-{'0' * 32}-{'1' * 16}-01"])
def test_a_trace_that_is_none_is_not_taken(sokoul, user, theirs):
    answer = user.get("/user/profile", headers={"traceparent": theirs})
    assert answer.status == 200
    uuid.UUID(answer.headers["X-Request-ID"])
    assert answer.headers["X-Request-ID"] != TRACE


def test_an_id_that_the_caller_names_stays_its_id(sokoul, user):
    answer = user.get("/user/profile", headers={"traceparent": PARENT, "X-Request-ID": "named"})
    assert answer.headers["X-Request-ID"] == "named"
