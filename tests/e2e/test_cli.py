# SPDX-License-Identifier: Apache-2.0
"""sokoulctl: words and options, exit statuses, jobs, dead letters, accounts, checks."""
import base64
import http.server
import json
import os
import pty
import socket
import subprocess
import threading
import time
import uuid

import psycopg2
import pytest
from client import Api
from conftest import built
from stack_under_test import BIN, ROOT, SLOW, eventually

pytestmark = pytest.mark.kept

SYSTEM = "00000000-0000-0000-0000-000000000000"


def run(*words, env=None, stdin=None, wait_s=60):
    """sokoulctl with nothing in its environment but `env`."""
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME") or k.endswith("SAN_OPTIONS")}
    return subprocess.run([os.path.join(BIN, "sokoulctl"), *words], env={**keep, **(env or {})}, cwd="/",
                          input=stdin if stdin is not None else "", capture_output=True, text=True,
                          timeout=wait_s * SLOW, check=False)


def ctl(sokoul, *words, code=0, stdin=None):
    done = run(*words, "--env-file", sokoul.env_file(name="ctl.env"), stdin=stdin)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def ctl_json(sokoul, *words, code=0, stdin=None):
    return json.loads(ctl(sokoul, *words, "--json", code=code, stdin=stdin).stdout)


class Worker(threading.Thread):
    """Ends whatever is Pending, straight in the database, until it is stopped."""

    def __init__(self, sokoul, ends=("Completed",)):
        super().__init__(daemon=True)
        self.sokoul, self.ends, self.over = sokoul, ends, threading.Event()

    def run(self):
        turn = 0
        while not self.over.wait(0.02):
            end = self.ends[turn % len(self.ends)]
            try:
                connection = psycopg2.connect(self.sokoul.database_url)
                with connection, connection.cursor() as cursor:
                    cursor.execute(
                        "UPDATE jobs SET status = %s, started_at = clock_timestamp(), finished_at = clock_timestamp(), "
                        "reason = CASE WHEN %s = 'Failed' THEN 'exhausted' END WHERE job_id IN "
                        "(SELECT job_id FROM jobs WHERE status = 'Pending' ORDER BY job_id LIMIT %s)",
                        (end, end, 1 if len(self.ends) > 1 else 100000))
                    turn += cursor.rowcount > 0
                connection.close()
            except psycopg2.Error:
                continue

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join(10)


# ---- words, options, exit statuses --------------------------------------------------------------


@pytest.mark.parametrize("words,says", [
    ((), "a command is missing"), (("fly",), "unknown command fly"), (("job",), "job what"),
    (("job", "fly"), "unknown command job fly"), (("--fly",), "unknown option --fly"), (("-x",), "unknown option -x"),
    (("job", "ls", "--limit"), "--limit needs a value"), (("job", "ls", "--limit", "0"), "--limit must be"),
    (("job", "ls", "--limit=9", "--limit", "9"), "twice"), (("job", "ls", "--json=yes"), "takes no value"),
    (("job", "ls", "--kinds", "x"), "unknown option"), (("job", "get"), "job get needs ID"),
    (("job", "get", "nope"), "nope is not an id"), (("job", "get", SYSTEM, SYSTEM), "does not know what to do"),
    (("job", "ls", "--rate", "5"), "does not take --rate"), (("job", "ls", "--status", "Done"), "--status must be"),
    (("job", "inject"), "--kind is missing"), (("job", "inject", "--kind", "fly"), "unknown kind"),
    (("job", "inject", "--kind", "noop", "--payload", "{"), "--payload is not JSON"),
    (("job", "inject", "--kind", "noop", "--payload", "[1]"), "must be a JSON object"),
    (("job", "inject", "--kind", "noop", "--count", "-1"), "--count must be"),
    (("job", "inject", "--kind", "noop", "--worker", "fly"), "unknown worker"),
    (("job", "inject", "--kind", "noop", "--priority", "urgent"), "--priority must be"),
    (("job", "inject", "--kind", "noop", "--run-at", "tomorrow"), "--run-at must be"),
    (("job", "inject", "--kind", "noop", "--unique-key", "k", "--count", "2"), "one job only"),
    (("dlq", "purge"), "or --all"), (("user", "role", "ada"), "user role needs"),
    (("user", "role", "ada", "king"), "king is no role"), (("healthcheck", "sick"), "knows health and ready")])
def test_wrong_usage_ends_with_64_and_one_line(words, says):
    done = run(*words, env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    assert (done.returncode, done.stdout) == (64, "")
    assert says in done.stderr and done.stderr.count("\n") == 1


def test_help_of_everything_a_group_and_a_verb_ends_with_0():
    whole = run("--help")
    assert whole.returncode == 0
    for verb in ("job inject", "job get", "job ls", "job cancel", "job wait", "dlq ls", "dlq show", "dlq replay",
                 "dlq purge", "user create", "user role", "migrate up", "migrate status", "doctor", "healthcheck"):
        assert verb in whole.stdout
        one = run(*verb.split(), "--help")
        assert one.returncode == 0 and f"sokoulctl {verb}" in one.stdout and "--env-file" in one.stdout
    assert "doctor" not in run("job", "--help").stdout
    assert run("--version").stdout.startswith("sokoulctl ")


@pytest.mark.parametrize("words", [("job", "ls"), ("migrate", "up"), ("dlq", "ls"),
                                   ("job", "inject", "--kind", "noop")])
def test_a_missing_database_url_ends_with_78_and_one_line_that_names_it(words):
    """req: S19"""
    began = time.monotonic()
    done = run(*words)
    assert done.returncode == 78 and time.monotonic() - began < 2 * SLOW
    assert "DATABASE_URL" in done.stderr and done.stderr.count("\n") == 1


def test_wrong_settings_end_with_78(tmp_path):
    path = tmp_path / "wrong.env"
    path.write_text("DATABSE_URL=postgresql://a@127.0.0.1/b\n")
    done = run("job", "ls", "--env-file", str(path))
    assert done.returncode == 78 and "DATABSE_URL" in done.stderr
    assert run("job", "ls", "--env-file", str(tmp_path / "none.env")).returncode == 78
    assert run("job", "ls", env={"DATABASE_URL": "mysql://a/b"}).returncode == 78


def test_a_database_that_is_away_ends_with_69():
    done = run("job", "ls", env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    assert done.returncode == 69 and "database" in done.stderr and "nobody" not in done.stderr


def test_raw_needs_nats(sokoul):
    words = ("job", "inject", "--kind", "noop", "--raw")
    done = run(*words, env={"DATABASE_URL": sokoul.database_url})
    assert done.returncode == 78 and "NATS_URL" in done.stderr
    done = run(*words, env={"DATABASE_URL": sokoul.database_url, "NATS_URL": "nats://127.0.0.1:1"})
    assert done.returncode == 69 and "NATS" in done.stderr


def test_options_may_stand_before_or_after_the_command(sokoul):
    env_file = sokoul.env_file(name="ctl.env")
    for words in (("--env-file", env_file, "--json", "job", "ls", "--limit", "3"),
                  ("job", "--json", "ls", "--limit=3", f"--env-file={env_file}")):
        done = run(*words)
        assert (done.returncode, json.loads(done.stdout)) == (0, [])


# ---- jobs ---------------------------------------------------------------------------------------


def test_inject_answers_the_ids_of_accepted_jobs(sokoul):
    answer = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--payload", '{"sleep_ms":10}', "--count", "2500")
    assert answer["count"] == len(set(answer["ids"])) == 2500
    assert sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Pending' AND worker = 'scout' AND payload = "
                        "'{\"sleep_ms\":10}' AND job_id = ANY(%s::uuid[])", (answer["ids"],)) == 2500
    assert sokoul.value("SELECT count(*) FROM jobs j JOIN (SELECT id AS wake, unnest(job_ids) AS job_id FROM outgoing WHERE part > 0) o USING (job_id, wake)") == 2500


def test_inject_sets_what_it_is_told(sokoul):
    job_id = ctl(sokoul, "job", "inject", "--kind", "noop", "--worker", "hunter", "--priority", "high", "--run-at",
                 "2040-01-02T03:04:05Z", "--unique-key", "one").stdout.strip()
    rows = sokoul.sql("SELECT worker, priority, extract(year FROM run_at)::int, unique_key, user_id::text FROM jobs "
                      "WHERE job_id = %s", (job_id,))
    assert rows == [("hunter", "high", 2040, "one", SYSTEM)]
    refused = ctl(sokoul, "job", "inject", "--kind", "noop", "--unique-key", "one", code=1)
    assert "unique key" in refused.stderr
    assert sokoul.value("SELECT count(*) FROM jobs") == 1


def test_inject_takes_a_user_by_name_or_id_and_refuses_a_stranger(sokoul):
    user = ctl_json(sokoul, "user", "create", "ada", "--email", "ada@example.org", stdin="correct horse\n")
    for name in ("ada", "Ada@example.org", user["id"]):
        ctl(sokoul, "job", "inject", "--kind", "noop", "--user", name)
    assert sokoul.value("SELECT count(*) FROM jobs WHERE user_id = %s", (user["id"],)) == 3
    for name in ("nobody", str(uuid.uuid4())):
        assert "no user" in ctl(sokoul, "job", "inject", "--kind", "noop", "--user", name, code=1).stderr
    assert sokoul.value("SELECT count(*) FROM jobs") == 3


def test_inject_keeps_the_rate(sokoul):
    answer = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--count", "300", "--rate", "200")
    assert 1.4 <= answer["seconds"] < 3 * SLOW
    spread = sokoul.value("SELECT extract(epoch FROM max(created_at) - min(created_at))::float FROM jobs")
    batches = sokoul.value("SELECT count(DISTINCT created_at) FROM jobs")
    assert spread > 1.3 and batches > 50


def test_inject_waits_and_counts(sokoul):
    with Worker(sokoul):
        answer = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--count", "1200", "--wait")
    assert (answer["count"], answer["completed"], answer["failed"]) == (1200, 1200, 0)
    assert "ids" not in answer and answer["seconds"] > 0 and answer["rate"] > 0
    for name in ("latency_ms", "pickup_ms"):
        assert 0 < answer[name]["p50"] <= answer[name]["p95"] <= answer[name]["p99"]


def test_inject_ends_with_1_when_a_job_failed(sokoul):
    with Worker(sokoul, ("Completed", "Failed")):
        answer = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--count", "4", "--wait", code=1)
    assert (answer["completed"], answer["failed"]) == (2, 2)


def test_inject_tells_how_far_it_came_when_the_time_is_over(sokoul):
    answer = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--count", "3", "--wait", "--timeout", "1", code=75)
    assert (answer["count"], answer["completed"], answer["latency_ms"]["p50"]) == (3, 0, None)


def test_inject_outlives_a_restart_of_postgres_and_doubles_nothing(own_sokoul, own_servers):
    child = subprocess.Popen([os.path.join(BIN, "sokoulctl"), "--env-file", own_sokoul.env_file(name="ctl.env"), "job",
                              "inject", "--kind", "noop", "--count", "4000", "--rate", "2000", "--wait", "--json"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with Worker(own_sokoul):
        eventually(lambda: own_sokoul.value("SELECT count(*) FROM jobs") > 500, what="jobs under way")
        own_servers.postgres.kill()
        own_servers.restart(own_servers.postgres)
        out, err = child.communicate(timeout=90 * SLOW)
    assert child.returncode == 0, err
    answer = json.loads(out)
    assert (answer["count"], answer["completed"]) == (4000, 4000)
    assert own_sokoul.value("SELECT count(*) FROM jobs") == 4000


def test_inject_shows_progress_on_a_terminal_only(sokoul):
    quiet = ctl(sokoul, "job", "inject", "--kind", "noop", "--count", "100", "--rate", "100")
    assert quiet.stderr == ""
    master, slave = pty.openpty()
    try:
        done = subprocess.run([os.path.join(BIN, "sokoulctl"), "--env-file", sokoul.env_file(name="ctl.env"), "job",
                               "inject", "--kind", "noop", "--count", "100", "--rate", "100"], stdin=slave,
                              stdout=subprocess.PIPE, stderr=slave, timeout=60 * SLOW, check=True)
        shown = os.read(master, 65536).decode()
    finally:
        os.close(master)
        os.close(slave)
    assert "of 100 accepted" in shown and len(done.stdout.split()) == 100


def make_jobs_stream(nats):
    nats.js("STREAM.CREATE.JOBS", {"name": "JOBS", "subjects": ["sokoul.jobs.>"], "retention": "workqueue",
                                   "storage": "file", "discard": "new"})


def test_raw_publishes_envelopes_and_touches_no_table(sokoul):
    with sokoul.nats.connect() as nats:
        make_jobs_stream(nats)
        answer = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--payload", '{"sleep_ms":1}', "--priority",
                          "high", "--count", "5", "--raw")
        sequences = range(1, 6)
        messages = [nats.js("STREAM.MSG.GET.JOBS", {"seq": s})["message"] for s in sequences]
    assert sokoul.value("SELECT count(*) FROM jobs") == 0
    bodies = [json.loads(base64.b64decode(m["data"])) for m in messages]
    heads = [base64.b64decode(m["hdrs"]).decode() for m in messages]
    assert {m["subject"] for m in messages} == {"sokoul.jobs.scout.noop.high"}
    assert [b["job_id"] for b in bodies] == answer["ids"]
    for body, head in zip(bodies, heads):
        assert (body["v"], body["kind"], body["user_id"], body["payload"]) == (1, "noop", SYSTEM, {"sleep_ms": 1})
        assert f"Nats-Msg-Id: {body['job_id']}" in head and f"X-Request-ID: {body['request_id']}" in head


def test_get_shows_a_job_and_knows_what_is_not_there(sokoul):
    job_id = ctl(sokoul, "job", "inject", "--kind", "noop").stdout.strip()
    job = ctl_json(sokoul, "job", "get", job_id.upper())
    assert (job["id"], job["kind"], job["worker"], job["status"], job["attempts"]) == (job_id, "noop", "scout",
                                                                                      "Pending", 0)
    assert {"reason", "detail", "created_at", "started_at", "finished_at", "result", "history"} <= set(job)
    assert job_id in ctl(sokoul, "job", "get", job_id).stdout
    assert "no job" in ctl(sokoul, "job", "get", str(uuid.uuid4()), "--json", code=1).stderr


@pytest.mark.skipif(not built("sokoul-api"), reason="sokoul-api is not built")
def test_get_answers_what_the_api_answers_and_works_without_it(sokoul):
    program = sokoul.start("sokoul-api")
    admin = sokoul.admin(Api(program.port))
    job_id = admin.post("/jobs", {"kind": "noop", "payload": {"sleep_ms": 1}}).json["job_id"]
    answer = admin.get(f"/jobs/{job_id}").json
    assert ctl_json(sokoul, "job", "get", job_id) == answer
    program.stop()
    assert ctl_json(sokoul, "job", "get", job_id) == answer


@pytest.mark.skipif(not built("sokoul-api"), reason="sokoul-api is not built")
def test_an_account_of_the_cli_logs_in_at_the_api(sokoul):
    ctl(sokoul, "user", "create", "ada", "--email", "ada@example.org", "--role", "admin", stdin="correct horse\n")
    api = Api(sokoul.start("sokoul-api").port)
    answer = api.post("/auth/login", {"username": "ada", "password": "correct horse"})
    assert answer.status == 200 and answer.json["user"]["role"] == "admin"
    assert run("healthcheck", "ready", "--url", api.url).returncode == 0


def test_ls_lists_the_newest_first_by_status_and_kind(sokoul):
    ids = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--count", "30")["ids"]
    ctl(sokoul, "job", "inject", "--kind", "search", "--payload", '{"query":"sintel"}')
    sokoul.sql("UPDATE jobs SET status = 'Completed' WHERE job_id = %s", (ids[0],))
    assert len(ctl_json(sokoul, "job", "ls")) == 20
    noops = ctl_json(sokoul, "job", "ls", "--kind", "noop", "--limit", "100")
    assert [job["id"] for job in noops] == ids[::-1]
    assert [job["id"] for job in ctl_json(sokoul, "job", "ls", "--status", "Completed")] == [ids[0]]
    below = ctl_json(sokoul, "job", "ls", "--kind", "noop", "--limit", "2", "--before", ids[5])
    assert [job["id"] for job in below] == [ids[4], ids[3]]
    assert len(ctl(sokoul, "job", "ls", "--limit", "5").stdout.splitlines()) == 6


def test_ls_goes_on_past_one_page(sokoul):
    ids = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--count", "2300")["ids"]
    assert [job["id"] for job in ctl_json(sokoul, "job", "ls", "--limit", "2200")] == ids[:99:-1]


def test_cancel_ends_a_job_once(sokoul):
    job_id = ctl(sokoul, "job", "inject", "--kind", "noop").stdout.strip()
    assert ctl_json(sokoul, "job", "cancel", job_id) == {"cancelled": [job_id]}
    assert sokoul.sql("SELECT status, reason FROM jobs WHERE job_id = %s", (job_id,)) == [("Failed", "cancelled")]
    assert "over already" in ctl(sokoul, "job", "cancel", job_id, code=1).stderr
    assert "no job" in ctl(sokoul, "job", "cancel", str(uuid.uuid4()), code=1).stderr


def test_wait_ends_with_the_jobs(sokoul):
    ids = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--count", "3")["ids"]
    assert "not over" in ctl(sokoul, "job", "wait", *ids, "--timeout", "1", code=75).stderr
    with Worker(sokoul):
        states = ctl_json(sokoul, "job", "wait", *ids, ids[0], "--timeout", "30")
    assert {s["id"]: s["status"] for s in states} == dict.fromkeys(ids, "Completed")


def test_wait_ends_with_1_when_a_job_failed_or_is_not_there(sokoul):
    ids = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--count", "2")["ids"]
    with Worker(sokoul, ("Failed", "Completed")):
        states = ctl_json(sokoul, "job", "wait", *ids, code=1)
    assert sorted(s["status"] for s in states) == ["Completed", "Failed"]
    assert "no job" in ctl(sokoul, "job", "wait", ids[0], str(uuid.uuid4()), code=1).stderr


@pytest.mark.skipif(not built("sokoul-scout"), reason="sokoul-scout is not built")
def test_a_thousand_noops_run_through_scout(sokoul):
    sokoul.start("sokoul-scout")
    answer = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--count", "1000", "--wait", "--timeout", "60")
    assert (answer["completed"], answer["failed"]) == (1000, 0)
    raw = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--count", "50", "--raw", "--wait", "--timeout", "60")
    assert raw["completed"] == 50
    permanent = ctl_json(sokoul, "job", "inject", "--kind", "noop", "--payload", '{"fail":"permanent"}', "--wait",
                         "--timeout", "60", code=1)
    assert permanent["failed"] == 1


@pytest.mark.skipif(not built("sokoul-scout"), reason="sokoul-scout is not built")
def test_inject_outlives_restarts_of_workers_and_servers(own_sokoul, own_servers):
    lease = {"JOBS_LEASE_S": "3"}
    scout = own_sokoul.start("sokoul-scout", lease)
    child = subprocess.Popen([os.path.join(BIN, "sokoulctl"), "--env-file", own_sokoul.env_file(name="ctl.env"), "job",
                              "inject", "--kind", "noop", "--count", "3000", "--rate", "500", "--wait", "--json"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def completed(more_than):
        eventually(lambda: own_sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Completed'") > more_than, 60,
                   f"more than {more_than} jobs completed")

    completed(200)
    scout.kill()
    own_sokoul.start("sokoul-scout", lease)
    for server, more_than in ((own_servers.nats, 800), (own_servers.redis, 1400), (own_servers.postgres, 2000)):
        completed(more_than)
        server.kill()
        own_servers.restart(server)
    out, err = child.communicate(timeout=120 * SLOW)
    assert child.returncode == 0, err
    answer = json.loads(out)
    assert (answer["count"], answer["completed"], answer["failed"]) == (3000, 3000, 0)
    assert own_sokoul.sql("SELECT status, count(*) FROM jobs GROUP BY 1") == [("Completed", 3000)]


# ---- dead letters -------------------------------------------------------------------------------


def a_letter(sokoul):
    job_id = ctl(sokoul, "job", "inject", "--kind", "noop", "--payload", '{"fail":true}').stdout.strip()
    letter_id = str(uuid.uuid4())
    sokoul.sql("UPDATE jobs SET status = 'Failed', reason = 'exhausted', attempts = 4 WHERE job_id = %s", (job_id,))
    sokoul.sql("INSERT INTO dead_letters (id, job_id, kind, reason, detail) VALUES (%s, %s, 'noop', 'exhausted', "
               "'it was told to fail')", (letter_id, job_id))
    return letter_id, job_id


def test_dead_letters_are_listed_and_shown(sokoul):
    assert ctl_json(sokoul, "dlq", "ls") == []
    letter_id, job_id = a_letter(sokoul)
    raw_id = str(uuid.uuid4())
    sokoul.sql("INSERT INTO dead_letters (id, subject, reason, detail, raw, raw_size) VALUES (%s, "
               "'sokoul.jobs.scout.noop', 'poison', 'not JSON', 'garbage', 7)", (raw_id,))
    letters = {letter["id"]: letter for letter in ctl_json(sokoul, "dlq", "ls")}
    assert set(letters) == {letter_id, raw_id}
    assert (letters[letter_id]["job_id"], letters[letter_id]["kind"]) == (job_id, "noop")
    assert letters[letter_id]["reason"] == "exhausted"
    assert (letters[raw_id]["job_id"], letters[raw_id]["reason"]) == (None, "poison")
    shown = ctl_json(sokoul, "dlq", "show", raw_id)
    assert (shown["id"], shown["raw"], shown["raw_size"]) == (raw_id, "garbage", 7)
    assert letter_id in ctl(sokoul, "dlq", "ls").stdout
    assert "no dead letter" in ctl(sokoul, "dlq", "show", str(uuid.uuid4()), code=1).stderr


def test_a_replay_is_the_same_job_with_a_new_payload(sokoul):
    letter_id, job_id = a_letter(sokoul)
    assert ctl_json(sokoul, "dlq", "replay", letter_id, "--payload", '{"sleep_ms":1}') == {"job_id": job_id}
    assert sokoul.sql("SELECT status, attempts, payload FROM jobs WHERE job_id = %s",
                      (job_id,)) == [("Pending", 0, {"sleep_ms": 1})]
    assert ctl_json(sokoul, "dlq", "ls") == []
    assert ctl(sokoul, "dlq", "replay", letter_id, code=1).stderr != ""
    assert "no dead letter" in ctl(sokoul, "dlq", "replay", str(uuid.uuid4()), code=1).stderr


def test_purge_closes_one_or_all(sokoul):
    letters = [a_letter(sokoul)[0] for _ in range(3)]
    assert ctl_json(sokoul, "dlq", "purge", letters[0]) == {"closed": 1}
    assert len(ctl_json(sokoul, "dlq", "ls")) == 2
    assert "no open dead letter" in ctl(sokoul, "dlq", "purge", letters[0], code=1).stderr
    assert ctl_json(sokoul, "dlq", "purge", "--all") == {"closed": 2}
    assert ctl_json(sokoul, "dlq", "ls") == []


def test_what_cannot_be_written_down_is_not_done(sokoul):
    (replayed, job_id), (purged, _) = a_letter(sokoul), a_letter(sokoul)
    sokoul.sql("ALTER TABLE logs ADD CONSTRAINT full_disk CHECK (action NOT LIKE 'dlq%') NOT VALID")
    assert ctl(sokoul, "dlq", "replay", replayed, code=64).stderr != ""
    assert ctl(sokoul, "dlq", "purge", purged, code=64).stderr != ""
    assert ctl(sokoul, "dlq", "purge", "--all", code=64).stderr != ""
    assert {letter["id"] for letter in ctl_json(sokoul, "dlq", "ls")} == {replayed, purged}
    assert sokoul.value("SELECT status FROM jobs WHERE job_id = %s", (job_id,)) == "Failed"
    sokoul.sql("ALTER TABLE logs DROP CONSTRAINT full_disk")
    assert ctl_json(sokoul, "dlq", "replay", replayed) == {"job_id": job_id}
    assert ctl_json(sokoul, "dlq", "purge", "--all") == {"closed": 1}
    assert sokoul.sql("SELECT action, subject FROM logs ORDER BY at") == [("dlq_replayed", replayed), ("dlq_purged", "all")]


# ---- graphs -------------------------------------------------------------------------------------


def a_child(sokoul, parent, kind="notify", status="Completed"):
    job_id = inject_one(sokoul, kind)
    sokoul.sql("UPDATE jobs SET parent_id = %s, status = %s, finished_at = now() WHERE job_id = %s",
               (parent, status, job_id))
    return job_id


def inject_one(sokoul, kind="noop"):
    return ctl_json(sokoul, "job", "inject", "--kind", kind)["ids"][0]


def test_a_graph_shows_what_belongs_together(sokoul):
    root = inject_one(sokoul, "releases")
    download = a_child(sokoul, root, "download")
    notice = a_child(sokoul, download)
    other = a_child(sokoul, root)
    for asked in (root, download, notice, other):
        whole = ctl_json(sokoul, "job", "get", asked, "--graph")
        assert (whole["id"], whole["kind"], whole["status"], whole["finished_at"]) == (root, "releases", "Pending", None)
        assert [c["id"] for c in whole["children"]] == [download, other]
        assert [c["id"] for c in whole["children"][0]["children"]] == [notice]
        assert whole["children"][0]["children"][0]["children"] == [] and whole["children"][1]["children"] == []
        assert set(whole) == {"id", "kind", "status", "reason", "created_at", "finished_at", "children"}
    lines = ctl(sokoul, "job", "get", notice, "--graph").stdout.splitlines()
    assert [line.split("  ")[-3:][1] for line in lines] == [root, download, notice, other]
    assert [len(line) - len(line.lstrip()) for line in lines] == [0, 2, 4, 2]
    assert "no job" in ctl(sokoul, "job", "get", str(uuid.uuid4()), "--graph", code=1).stderr


def test_a_deep_graph_is_cut_and_stays_json(sokoul):
    leaf = root = inject_one(sokoul)
    for _ in range(40):
        leaf = a_child(sokoul, leaf)
    node, depth = ctl_json(sokoul, "job", "get", root, "--graph"), 1
    while node["children"]:
        node, depth = node["children"][0], depth + 1
    assert depth == 32


# ---- accounts -----------------------------------------------------------------------------------


def test_an_account_is_made_with_a_password_from_standard_input(sokoul):
    user = ctl_json(sokoul, "user", "create", "--username", "root", "--email", "root@example.org", "--role", "admin",
                    "--password-stdin", stdin="correct horse battery\n")
    assert (user["username"], user["email"], user["role"]) == ("root", "root@example.org", "admin")
    stored = sokoul.value("SELECT password_hash FROM users WHERE id = %s", (user["id"],))
    assert stored.startswith("$argon2id$") and "password" not in json.dumps(user)
    again = ctl(sokoul, "user", "create", "ROOT", "--email", "other@example.org", stdin="correct horse\n", code=1)
    assert "taken" in again.stderr


@pytest.mark.parametrize("second,code", [("correct horse battery", 0), ("another horse", 64)])
def test_a_password_is_asked_for_twice_and_never_shown(sokoul, second, code):
    master, slave = pty.openpty()
    child = subprocess.Popen([os.path.join(BIN, "sokoulctl"), "--env-file", sokoul.env_file(name="ctl.env"), "user",
                              "create", "ada", "--email", "ada@example.org"], stdin=slave, stdout=subprocess.DEVNULL,
                             stderr=slave)
    os.close(slave)
    shown = ""
    try:
        for question, answer in (("Password: ", "correct horse battery"), ("Once more: ", second)):
            while question not in shown:
                shown += os.read(master, 4096).decode()
            os.write(master, f"{answer}\n".encode())
        assert child.wait(30 * SLOW) == code
    finally:
        child.kill()
        child.wait()
        os.close(master)
    assert "horse" not in shown
    assert sokoul.value("SELECT count(*) FROM users WHERE username = 'ada'") == (1 if code == 0 else 0)


@pytest.mark.parametrize("words,password,code", [
    (("ada", "--email", "ada@example.org"), "short\n", 64), (("ada", "--email", "ada@example.org"), "", 64),
    (("ada", "--email", "ada@example.org"), "x" * 1025 + "\n", 64), (("ada", "--email", "ada@example.org"), "password1\n", 64),
    (("ada", "--email", "nowhere"), "long enough\n", 64), (("ada", "--email", "ada@mail.invalid"), "long enough\n", 64),
    (("ada", "--email", ".ada@example.org"), "long enough\n", 64), (("ada", "--email", "a,b@example.org"), "long enough\n", 64),
    (("ada", "--email", "ada@-example.org"), "long enough\n", 64), (("ada", "--email", b"\xff@example.org"), "long enough\n", 64),
    (("a b", "--email", "ada@example.org"), "long enough\n", 64), (("ada",), "long enough\n", 64),
    (("ada", "--email", "ada@example.org", "--role", "king"), "long enough\n", 64)])
def test_an_account_that_is_not_right_is_refused(sokoul, words, password, code):
    assert ctl(sokoul, "user", "create", *words, "--password-stdin", stdin=password, code=code).stderr.count("\n") == 1
    assert sokoul.value("SELECT count(*) FROM users") == 1


def test_a_role_is_given_by_name_or_address(sokoul):
    ctl(sokoul, "user", "create", "ada", "--email", "ada@example.org", stdin="correct horse\n")
    assert ctl_json(sokoul, "user", "role", "ada", "moderator")["role"] == "moderator"
    assert ctl_json(sokoul, "user", "role", "ADA@example.org", "--role", "admin")["role"] == "admin"
    assert "no user" in ctl(sokoul, "user", "role", "bob", "admin", code=1).stderr
    told = sokoul.sql("SELECT action, detail->>'role', detail->>'by' FROM logs WHERE subject = "
                      "(SELECT id::text FROM users WHERE username = 'ada') ORDER BY at")
    assert told == [("user_created", "user", "sokoulctl"), ("role_changed", "moderator", "sokoulctl"),
                    ("role_changed", "admin", "sokoulctl")]
    assert ctl(sokoul, "user", "role", "system", "user", code=1).stderr != ""


# ---- doctor and healthcheck ---------------------------------------------------------------------


def findings(answer, name):
    return [check for check in answer["checks"] if check["name"] == name]


def test_doctor_is_content_with_what_runs(sokoul):
    answer = ctl_json(sokoul, "doctor")
    assert answer["ok"] and {"settings", "database", "schema", "nats", "redis", "folders", "tmdb", "prowlarr"} <= {
        check["name"] for check in answer["checks"]}
    assert "bad " not in ctl(sokoul, "doctor").stdout


def test_doctor_names_what_is_away_and_what_to_do(sokoul, servers):
    sokoul.nats.kill()
    sokoul.redis.kill()
    answer = ctl_json(sokoul, "doctor", code=1)
    assert not answer["ok"]
    for name in ("nats", "redis"):
        assert [(c["status"], bool(c["advice"])) for c in findings(answer, name)] == [("bad", True)]
    assert findings(answer, "database")[0]["status"] == "ok"


def test_doctor_says_that_migrations_are_pending(sokoul):
    sokoul.sql("DELETE FROM schema_migrations")
    schema = findings(ctl_json(sokoul, "doctor", code=1), "schema")
    assert schema[0]["status"] == "bad" and "migrate up" in schema[0]["advice"]


def test_doctor_without_settings_says_which_is_missing():
    done = run("doctor")
    assert done.returncode == 1 and "DATABASE_URL" in done.stdout


class Scripted:
    """An HTTP server that answers one status after another; the last one for ever."""

    def __init__(self, *statuses):
        self.paths = []
        left = list(statuses)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(handler):
                self.paths.append(handler.path)
                handler.send_response(left.pop(0) if len(left) > 1 else left[0])
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_healthcheck_asks_health_or_ready_and_ends_with_0_or_1():
    """req: A19 A20"""
    with Scripted(200) as good, Scripted(503) as bad:
        assert run("healthcheck", "--url", good.url).returncode == 0
        assert run("healthcheck", "ready", "--url", good.url + "/").returncode == 0
        assert run("healthcheck", "health", "--url", bad.url).returncode == 1
        assert good.paths == ["/health", "/ready"] and set(bad.paths) == {"/health"}


def test_healthcheck_finds_the_api_by_its_settings():
    """req: A20"""
    with Scripted(200) as good:
        env = {"API_LISTEN": good.url.removeprefix("http://"), "DATABASE_URL": "postgresql://a@127.0.0.1:1/b"}
        assert run("healthcheck", env=env).returncode == 0
        assert good.paths == ["/health"]


def test_healthcheck_tries_twice():
    """req: A17"""
    with Scripted(503, 200) as server:
        assert run("healthcheck", "--url", server.url).returncode == 0
        assert len(server.paths) == 2
    with Scripted(503) as server:
        assert run("healthcheck", "--url", server.url).returncode == 1
        assert len(server.paths) == 2


def test_healthcheck_gives_up_a_hanging_server_within_10_seconds():
    """req: A18"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        done = run("healthcheck", "--url", f"http://127.0.0.1:{silent.getsockname()[1]}")
        took = time.monotonic() - began
    assert done.returncode == 1 and 5 < took < 10


def test_the_manual_names_every_command():
    with open(os.path.join(ROOT, "docs", "CLI.md"), encoding="utf-8") as f:
        manual = f.read()
    commands = run("--help").stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    names = [line.split("  ")[1].split(" ID")[0].split(" NAME")[0].split(" [")[0] for line in commands]
    assert len(names) >= 18 and [name for name in names if f"`{name}" not in manual] == []
