# SPDX-License-Identifier: Apache-2.0
"""The contract of a third party's worker: examples/worker.c, on the library, and examples/worker.py, which has only
docs/JOBS.md, do the same under the same faults.  sokoul-scout runs beside them: it relays and sweeps."""
import base64
import json
import os
import re
import subprocess
import time
import uuid

import jsonschema
import pytest
from stack.proc import free_ports
from stack_under_test import BIN, ROOT, Program, eventually

EXAMPLES = os.path.join(os.path.dirname(BIN), "examples")
TESTS = os.path.abspath(os.environ.get("TESTS", os.path.join(ROOT, "build", "gcc", "tests")))
KIT = os.path.join(os.path.dirname(TESTS), "helpers", "kit_worker")
SYSTEM = "00000000-0000-0000-0000-000000000000"
SUBJECT = "sokoul.jobs.demo.greet"
IMPLEMENTATIONS = ("c", "python")


def start(sokoul, language):
    """One more process of the worker `demo`."""
    number = len(sokoul.programs)
    log = os.path.join(sokoul.folder, f"demo-{language}-{number}.log")
    if language == "python":
        words, port = ["/usr/bin/python3", "-B", os.path.join(ROOT, "examples", "worker.py")], 0
        env = {"DATABASE_URL": sokoul.database_url, "NATS_URL": sokoul.nats.url()}
    else:
        port = free_ports(1)
        path = sokoul.env_file({"METRICS_LISTEN": f"127.0.0.1:{port}", "WORKER_CONCURRENCY": "4"}, f"demo-{number}.env")
        words, env = [os.path.join(EXAMPLES, "worker"), "--env-file", path], {}
    before = workers(sokoul)
    program = Program(f"demo ({language})", words, sokoul.environment(env), log, port)
    program.logs_json = language == "c"
    sokoul.programs.append(program)
    eventually(lambda: workers(sokoul) > before or not program.running(), 20, "its row in workers")
    assert program.running(), program.log_text()[-3000:]
    return program


def workers(sokoul):
    return sokoul.value("SELECT count(*) FROM workers WHERE worker = 'demo'")


@pytest.fixture(params=IMPLEMENTATIONS)
def language(request):
    return request.param


@pytest.fixture
def demo(sokoul, language):
    """One process that has done a job, so that its consumers are there."""
    sokoul.start("sokoul-scout")
    program = start(sokoul, language)
    assert sokoul.job_settled(greet(sokoul, name="Warm")) == "Completed"
    return program


def greet(sokoul, **payload):
    done = sokoul.ctl("job", "inject", "--worker", "demo", "--kind", "greet", "--payload", json.dumps(payload), "--json")
    return json.loads(done.stdout)["ids"][0]


def row(sokoul, job_id):
    """(status, reason, attempts, result, number of results)"""
    return sokoul.sql("SELECT status, reason, attempts, (SELECT result FROM job_results r WHERE r.job_id = j.job_id), "
                      "(SELECT count(*) FROM job_results r WHERE r.job_id = j.job_id) FROM jobs j WHERE job_id = %s",
                      (job_id,))[0]


def envelope(**more):
    return {"v": 1, "job_id": str(uuid.uuid4()), "kind": "greet", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "user_id": SYSTEM, "request_id": "by-hand", "payload": {"name": "Ada"}, **more}


def publish(sokoul, *bodies):
    with sokoul.nats.connect() as nats:
        for body in bodies:
            nats.js_publish(SUBJECT, body if isinstance(body, bytes) else json.dumps(body).encode(), stream_s=10)


def stream_is_empty(sokoul):
    with sokoul.nats.connect() as nats:
        return nats.js("STREAM.INFO.JOBS")["state"]["messages"] == 0


def test_a_job_completes(sokoul, demo):
    job = greet(sokoul, name='Ada "é" <b>\\')
    assert sokoul.job_settled(job) == "Completed"
    assert row(sokoul, job) == ("Completed", None, 1, {"greeting": 'Hello, Ada "é" <b>\\!', "attempt": 1}, 1)
    eventually(lambda: stream_is_empty(sokoul), what="the acknowledgement")


def test_a_failure_is_tried_again_and_a_hopeless_job_is_not(sokoul, demo):  # part: S108
    again, hopeless, bad = greet(sokoul, name="Ada", fail=1), greet(sokoul, name="Ada", fail=9), greet(sokoul)
    assert sokoul.job_settled(again) == "Completed"
    assert row(sokoul, again)[2:] == (2, {"greeting": "Hello, Ada!", "attempt": 2}, 1)
    assert row(sokoul, bad)[:3] == ("Failed", "invalid", 1)
    sokoul.job_settled(hopeless, 40)
    assert row(sokoul, hopeless) == ("Failed", "exhausted", 4, None, 0)
    letters = sokoul.sql("SELECT job_id::text, reason, jsonb_array_length(errors) FROM dead_letters")
    assert letters == [(hopeless, "exhausted", 4)]


def test_a_job_of_a_killed_worker_is_taken_back_and_done_once(sokoul, demo, language):
    job = greet(sokoul, name="Ada", pause_ms=3000)
    eventually(lambda: row(sokoul, job)[0] == "Running", what="the claim")
    demo.kill()
    killed = time.monotonic()
    start(sokoul, language)
    eventually(lambda: sokoul.sql("SELECT status, epoch FROM jobs WHERE job_id = %s", (job,)) == [("Running", 2)],
               what="the second claim")
    took_s = time.monotonic() - killed
    assert sokoul.job_settled(job) == "Completed"
    assert row(sokoul, job)[2:] == (2, {"greeting": "Hello, Ada!", "attempt": 2}, 1)
    assert sokoul.value("SELECT reason FROM job_history WHERE job_id = %s", (job,)) == "worker_lost"
    assert took_s < 10


def test_the_same_envelope_ten_times_has_one_effect(sokoul, demo):
    one = envelope()
    publish(sokoul, *[one] * 10)
    assert sokoul.job_settled(one["job_id"]) == "Completed"
    eventually(lambda: stream_is_empty(sokoul), what="the acknowledgements")
    assert row(sokoul, one["job_id"]) == ("Completed", None, 1, {"greeting": "Hello, Ada!", "attempt": 1}, 1)
    assert sokoul.value("SELECT epoch FROM jobs WHERE job_id = %s", (one["job_id"],)) == 1


def test_poison_becomes_a_dead_letter_and_delays_nobody(sokoul, demo):  # req: S119, S139, S141
    poison = [b"\xff{garbage", b'{"v":"one"}', json.dumps({**envelope(), "payload": []}).encode()]
    publish(sokoul, *poison)
    job = greet(sokoul, name="Ada")
    assert sokoul.job_settled(job, 3) == "Completed"
    eventually(lambda: sokoul.value("SELECT count(*) FROM dead_letters") == 3, 20, "three dead letters")
    letters = sokoul.sql("SELECT encode(raw, 'base64'), reason, subject, detail <> '', raw_size FROM dead_letters")
    assert sorted(base64.b64decode(x[0]) for x in letters) == sorted(poison)
    assert {x[1:4] for x in letters} == {("poison", SUBJECT, True)}
    assert sorted(x[4] for x in letters) == sorted(map(len, poison))
    one, mended = sokoul.value("SELECT id::text FROM dead_letters LIMIT 1"), envelope()
    sokoul.ctl("dlq", "replay", one, "--payload", json.dumps(mended))
    assert sokoul.job_settled(mended["job_id"]) == "Completed", "it goes to the worker of its subject"
    eventually(lambda: stream_is_empty(sokoul), what="the acknowledgements")


def test_an_envelope_of_nobody_is_dropped(sokoul, demo):
    stranger = envelope(user_id=str(uuid.uuid4()))
    publish(sokoul, stranger)
    eventually(lambda: stream_is_empty(sokoul), what="the acknowledgement")
    assert not sokoul.value("SELECT count(*) FROM jobs WHERE job_id = %s", (stranger["job_id"],))
    assert sokoul.value("SELECT count(*) FROM dead_letters") == 0


def test_a_cancelled_job_stops(sokoul, demo):
    job = greet(sokoul, name="Ada", pause_ms=20000)
    eventually(lambda: row(sokoul, job)[0] == "Running", what="the claim")
    sokoul.ctl("job", "cancel", job)
    next_one = greet(sokoul, name="Bob")
    assert sokoul.job_settled(next_one, 5) == "Completed"
    assert row(sokoul, job) == ("Failed", "cancelled", 1, None, 0)


def test_every_priority_is_served(sokoul, demo):
    publish_to = {p: envelope(priority=p) for p in ("high", "low")}
    with sokoul.nats.connect() as nats:
        for priority, body in publish_to.items():
            nats.js_publish(f"{SUBJECT}.{priority}", json.dumps(body).encode(), stream_s=10)
    for body in publish_to.values():
        assert sokoul.job_settled(body["job_id"]) == "Completed"


def test_every_message_is_an_envelope(sokoul):  # req: S138
    """What the relay publishes for jobs of every origin is what the schema says, with its headers."""
    with open(os.path.join(ROOT, "docs", "schema", "envelope.schema.json"), encoding="utf-8") as f:
        schema = jsonschema.Draft202012Validator(json.load(f))
    sokoul.start("sokoul-scout")
    start(sokoul, "c")
    with sokoul.nats.connect() as nats:
        heard = nats.subscribe("sokoul.jobs.>")
        nats.flush()
        retried = greet(sokoul, name="Ada", fail=1)
        sokoul.ctl("job", "inject", "--kind", "noop", "--count", "5", "--priority", "high", "--wait")
        assert sokoul.job_settled(retried) == "Completed"
        messages = [nats.next(heard, 10) for _ in range(7)]
    for message in messages:
        body = json.loads(message.data)
        schema.validate(body)
        assert {"job_id", "timestamp", "user_id"} <= set(body)
        assert re.fullmatch(f"{body['job_id']}:[0-9]+", message.headers["Nats-Msg-Id"])
        trace = body["request_id"].replace("-", "") if re.fullmatch("[0-9a-f-]{36}", body["request_id"]) else "[0-9a-f]{32}"
        assert re.fullmatch(f"00-{trace}-[0-9a-f]{{16}}-01", message.headers["traceparent"])
        assert message.headers.get("X-Request-ID", "") == body["request_id"]
    assert sorted(m.subject for m in messages) == [SUBJECT] * 2 + ["sokoul.jobs.scout.noop.high"] * 5


def test_two_versions_side_by_side_share_one_stream(sokoul):  # req: S138, S140, S143 part: S142, S144
    """Old and new worker, old and new messages: each of both, from both, done once."""
    sokoul.start("sokoul-scout")
    for language in IMPLEMENTATIONS:
        start(sokoul, language)
    later = {"v": 2, "trace": {"deep": [1, {"x": None}]}, "tenant": "new", "payload": {"name": "Ada", "colour": "new"}}
    bodies = [envelope(**(later if i % 2 else {})) for i in range(60)]
    for body in bodies:
        body["payload"] = {**body["payload"], "pause_ms": 200}
    publish(sokoul, *bodies)
    ids = [b["job_id"] for b in bodies]
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Completed'") == 60, 30, "all of them")
    assert sokoul.value("SELECT count(*) FROM job_results WHERE job_id = ANY(%s::uuid[])", (ids,)) == 60
    assert sokoul.sql("SELECT DISTINCT epoch, attempts FROM jobs") == [(1, 1)]
    assert sokoul.value("SELECT count(DISTINCT worker_id) FROM jobs") == 2, "one of them did nothing"


def test_a_job_of_a_worker_that_is_told_to_end_goes_on_elsewhere(sokoul):
    """Python hands back at once (C drains): the attempt is not burned."""
    sokoul.start("sokoul-scout")
    worker = start(sokoul, "python")
    job = greet(sokoul, name="Ada", pause_ms=2000)
    eventually(lambda: row(sokoul, job)[0] == "Running", 25, "the claim")  # the sweeper makes its consumers within 10 s
    assert worker.stop() == 0
    assert row(sokoul, job)[:3] == ("Pending", None, 0) and workers(sokoul) == 0
    start(sokoul, "c")
    assert sokoul.job_settled(job) == "Completed"
    assert row(sokoul, job)[2] == 1


def test_the_c_worker_stands_alone(sokoul):
    """With no other program: it relays, sweeps, makes its consumers, hands back at SIGTERM and exits 0."""
    worker = start(sokoul, "c")
    worker.wait_ready()
    job = greet(sokoul, name="Ada")
    assert sokoul.job_settled(job) == "Completed"
    with sokoul.nats.connect() as nats:
        names = set(nats.js("CONSUMER.NAMES.JOBS")["consumers"])
    assert {"demo", "demo-high", "demo-low"} <= names
    long = greet(sokoul, name="Bob", pause_ms=3000)
    eventually(lambda: row(sokoul, long)[0] == "Running", what="the claim")
    assert worker.stop() == 0, "it finishes what it holds"
    assert row(sokoul, long) == ("Completed", None, 1, {"greeting": "Hello, Bob!", "attempt": 1}, 1)


def test_the_sweeper_gives_a_strangers_worker_its_consumers(sokoul):
    """They are made from its row in workers, and made again when they go."""
    sokoul.start("sokoul-scout")
    sokoul.sql("INSERT INTO workers (id, worker, node, server_start, backend_pid, backend_start) SELECT %s, 'guest', "
               "'here', pg_postmaster_start_time(), pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()",
               (str(uuid.uuid4()),))
    with sokoul.nats.connect() as nats:
        def there():
            return {"guest", "guest-high", "guest-low"} <= set(nats.js("CONSUMER.NAMES.JOBS")["consumers"] or [])
        eventually(there, 25, "the consumers")
        nats.js("CONSUMER.DELETE.JOBS.guest")
        eventually(there, 25, "the consumers again")


def test_a_slip_of_the_pen_is_no_job(sokoul):
    for words in (("--kind", "greet"), ("--kind", "greet", "--worker", "scout"), ("--kind", "noop", "--worker", "demo"),
                  ("--kind", "greet", "--worker", "De mo")):
        done = sokoul.ctl("job", "inject", *words, check=False)
        assert done.returncode == 64, (words, done)
    assert sokoul.value("SELECT count(*) FROM jobs") == 0


# ---- the C header ------------------------------------------------------------------------------------


def start_kit(sokoul, settings=None):
    """A worker that uses all of the header; its lease is short, so that heartbeats come every second."""
    port = free_ports(1)
    path = sokoul.env_file({"METRICS_LISTEN": f"127.0.0.1:{port}", "JOBS_LEASE_S": "3", **(settings or {})}, "kit.env")
    program = Program("kit", [KIT, "--env-file", path], sokoul.environment(), os.path.join(sokoul.folder, "kit.log"), port)
    sokoul.programs.append(program)
    return program.wait_ready()


@pytest.fixture
def kit(sokoul):
    return start_kit(sokoul)


def kit_job(sokoul, kind, **payload):
    done = sokoul.ctl("job", "inject", "--worker", "kit", "--kind", kind, "--payload", json.dumps(payload), "--json")
    return json.loads(done.stdout)["ids"][0]


@pytest.mark.parametrize("end, status, reason, detail", [
    (2, "Failed", "refused", "Never."), (3, "Failed", "not_found", "Never."), (4, "Failed", "invalid", "Never."),
    (5, "Failed", "disk_full", "Never."), (2, "Failed", "refused", None), (0, "Completed", None, None)])
def test_each_end_is_what_the_header_says(sokoul, kit, end, status, reason, detail):
    job = kit_job(sokoul, "end", end=end, **({"text": detail} if detail else {}))
    sokoul.job_settled(job)
    assert row(sokoul, job)[:3] == (status, reason, 1)
    told = sokoul.value("SELECT detail FROM jobs WHERE job_id = %s", (job,))
    assert told == (detail or (None if status == "Completed" else "the handler gave no reason"))
    assert sokoul.value("SELECT count(*) FROM dead_letters") == 0


def test_a_retry_waits_as_long_as_it_is_asked_to(sokoul, kit):
    job = kit_job(sokoul, "end", end=1, text="Later.", wait_s=4)
    sokoul.job_settled(job)
    assert row(sokoul, job)[:3] == ("Completed", None, 2)
    waited = sokoul.value("SELECT extract(epoch FROM j.started_at - h.at) FROM jobs j JOIN job_history h USING (job_id) "
                          "WHERE job_id = %s", (job,))
    assert 4 <= waited < 8


@pytest.mark.parametrize("pause_ms", [0, 2500])  # before a heartbeat, and after several
def test_what_is_handed_back_burns_no_attempt_and_keeps_its_checkpoint(sokoul, kit, pause_ms):
    job = kit_job(sokoul, "end", end=6, pause_ms=pause_ms, text="Not here.")
    sokoul.job_settled(job)
    assert row(sokoul, job)[:3] == ("Completed", None, 1)
    assert sokoul.sql("SELECT epoch, checkpoint FROM jobs WHERE job_id = %s", (job,)) == [(2, {"was": "here"})]


def test_a_handler_may_take_what_waits_together(sokoul, kit):
    done = sokoul.ctl("job", "inject", "--worker", "kit", "--kind", "together", "--count", "40", "--json")
    ids = json.loads(done.stdout)["ids"]
    odd = kit_job(sokoul, "together", odd=1)
    again = kit_job(sokoul, "together", again=1)
    for job in (*ids, odd, again):
        sokoul.job_settled(job)
    counts = [count for count, in sokoul.sql("SELECT (result->>'count')::int FROM job_results WHERE job_id = ANY(%s::uuid[])",
                                             (ids,))]
    assert len(counts) == 40 and 1 < max(counts) <= 10
    assert row(sokoul, odd)[:3] == ("Failed", "refused", 1)
    assert row(sokoul, again)[:3] == ("Completed", None, 2)


def test_a_handler_sees_its_job_and_has_others_done(sokoul, kit):
    sokoul.start("sokoul-scout")
    job = kit_job(sokoul, "tell", number=7, text="<é>")
    sokoul.job_settled(job)
    result = row(sokoul, job)[3]
    request = sokoul.value("SELECT request_id FROM jobs WHERE job_id = %s", (job,))
    assert result == {"id": job, "kind": "tell", "user": SYSTEM, "request": request, "attempt": 1, "other": -7,
                      "payload": {"number": 7, "text": "<é>"}, "context": "the worker's own", "refused": True,
                      "taken": True, "text": "no text"}
    eventually(lambda: sokoul.sql("SELECT worker, kind, status, request_id FROM jobs WHERE parent_id = %s ORDER BY kind",
                                  (job,)) == [("kit", "end", "Completed", request), ("scout", "noop", "Completed", request)],
               what="both follow-up jobs")


def test_what_a_handler_does_wrong_is_told(sokoul, kit):
    for payload in ({}, {"null": 1}):
        job = kit_job(sokoul, "bad_result", **payload)
        sokoul.job_settled(job)
        assert row(sokoul, job)[:3] == ("Failed", "invalid", 1)
    late = kit_job(sokoul, "linger")
    sokoul.job_settled(late)
    assert row(sokoul, late)[:3] == ("Failed", "deadline", 1)
    stranger = kit_job(sokoul, "nothing_like_it")
    sokoul.job_settled(stranger)
    assert row(sokoul, stranger)[:3] == ("Failed", "invalid", 1)


@pytest.mark.parametrize("env", [{"KIT_WORKER": "scout"}, {"KIT_WORKER": "Kit"}, {"KIT_WORKER": ""}, {"KIT_WORKER": "a" * 33},
                                 {"KIT_KIND": "noop"}, {"KIT_KIND": "end"}, {"KIT_KIND": "a.b"}])
def test_a_table_that_makes_no_sense_is_refused_at_once(sokoul, env):
    done = subprocess.run([KIT, "--env-file", sokoul.env_file()], env=sokoul.environment(env), capture_output=True,
                          text=True, timeout=20, check=False)
    assert done.returncode == 78 and done.stderr.startswith("sokoul: a ")


# ---- what is shipped --------------------------------------------------------------------------------


def test_the_examples_are_as_small_as_they_say():
    with open(os.path.join(ROOT, "examples", "worker.c"), encoding="utf-8") as f:
        assert len(f.readlines()) <= 40
    with open(os.path.join(ROOT, "examples", "worker.py"), encoding="utf-8") as f:
        code = [line for line in f if line.strip() and not line.lstrip().startswith(("#", '"""'))]
    assert len(code) <= 60 and max(map(len, code)) <= 121


def test_the_statements_in_the_documentation_are_those_of_the_code():
    """Stale: run make docs."""
    written = subprocess.run([os.path.join(ROOT, "tools", "job-statements")], capture_output=True, text=True, check=True)
    with open(os.path.join(ROOT, "docs", "jobs.sql"), encoding="utf-8") as f:
        assert f.read() == written.stdout
    names = re.findall(r"^PREPARE (\w+) AS$", written.stdout, re.M)
    with open(os.path.join(ROOT, "docs", "JOBS.md"), encoding="utf-8") as f:
        text = f.read()
    assert len(names) == 17 and all(f"`{name}`" in text for name in names)


@pytest.mark.skipif(bool(os.environ.get("SAN")), reason="who installs, installs the plain build")
def test_an_installed_library_builds_a_worker(tmp_path):
    """make install, then a strangers' compiler with pkg-config; nothing but sokoul_ names can be seen."""
    done = subprocess.run(["make", "-s", "-C", ROOT, "install", f"PREFIX={tmp_path}/prefix"], capture_output=True,
                          text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    env = {**os.environ, "PKG_CONFIG_PATH": f"{tmp_path}/prefix/lib/pkgconfig"}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "sokoul"], env=env, capture_output=True, text=True, check=True)
    source = f"{tmp_path}/prefix/share/sokoul/examples/worker.c"
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-o", f"{tmp_path}/worker", source, *flags.stdout.split()],
                   check=True, timeout=120)
    helped = subprocess.run([f"{tmp_path}/worker", "--help"], capture_output=True, text=True, timeout=30, check=True)
    assert "Greets people." in helped.stdout
    seen = subprocess.run(["nm", "-g", "--defined-only", f"{tmp_path}/prefix/lib/libsokoul.a"], capture_output=True,
                          text=True, check=True)
    names = [line.split()[2] for line in seen.stdout.splitlines() if len(line.split()) == 3]
    assert names and all(name.startswith("sokoul_") for name in names)
    for part in ("bin/sokoulctl", "include/sokoul.h", "share/man/man3/libsokoul.3", "share/sokoul/docs/JOBS.md"):
        assert os.path.exists(f"{tmp_path}/prefix/{part}"), part
