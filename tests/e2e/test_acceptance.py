# SPDX-License-Identifier: Apache-2.0
"""What the whole must do, seen from outside: settings, one id through everything, memory, kills under load."""
import json
import subprocess
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from client import Api
from stack_under_test import BIN, SLOW, eventually

PROGRAMS = {
    "sokoul-api": ("DATABASE_URL", "REDIS_URL", "NATS_URL", "JWT_SECRET", "TMDB_API_KEY"),
    "sokoul-scout": ("DATABASE_URL", "REDIS_URL", "NATS_URL", "TMDB_API_KEY"),
    "sokoul-hunter": ("DATABASE_URL", "REDIS_URL", "NATS_URL"),
}
MISSING = [(program, name) for program, names in PROGRAMS.items() for name in names]


@pytest.mark.parametrize("program,name", MISSING, ids=[f"{p}-{n}" for p, n in MISSING])
def test_a_missing_setting_ends_the_program_at_once_and_is_named(sokoul, program, name):
    """req: S19-S22, S24, S25"""
    env_file = sokoul.env_file({name: None}, "missing.env")
    began = time.monotonic()
    run = subprocess.run([f"{BIN}/{program}", "--env-file", env_file], env=sokoul.environment(), cwd=sokoul.folder,
                         capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == 78
    assert time.monotonic() - began < 2 * SLOW
    lines = run.stderr.strip().splitlines()
    assert len(lines) == 1 and name in lines[0], run.stderr


def test_one_request_id_is_found_everywhere(sokoul):
    """req: S293-S295 S297 S298 part: S296 S299 S300"""
    api = sokoul.start("sokoul-api")
    nats = sokoul.nats.connect()
    heard = nats.subscribe("sokoul.jobs.>")
    nats.flush()
    admin = sokoul.admin(Api(api.port))
    answer = admin.post("/jobs", {"kind": "noop"}, headers={"X-Request-ID": "req-12345"})
    assert answer.status == 202 and answer.headers["X-Request-ID"] == "req-12345"
    job_id = answer.json["job_id"]
    message = nats.next(heard, 10)
    assert message.headers["X-Request-ID"] == "req-12345"
    assert message.headers["Nats-Msg-Id"] == f"{job_id}:1"
    assert json.loads(message.data)["request_id"] == "req-12345"
    scout = sokoul.start("sokoul-scout")  # an idle one would have been handed the job, without a message
    sokoul.job_settled(job_id)
    assert sokoul.value("SELECT request_id FROM jobs WHERE job_id = %s", (job_id,)) == "req-12345"
    for program in (api, scout):
        eventually(lambda p=program: p.log(request_id="req-12345"), 5, f"a line of {program.name}")
    assert scout.log(request_id="req-12345", job_id=job_id)


def test_a_worker_does_not_grow_with_the_jobs_it_did(sokoul):
    """req: S123, S125, S211: 2 MiB at most from the 1,000th to the 10,000th job."""
    scout = sokoul.start("sokoul-scout", {"LOG_LEVEL": "info"})
    report = json.loads(sokoul.ctl("--json", "job", "inject", "--kind", "noop", "--count", "1000", "--wait").stdout)
    assert report["completed"] == 1000
    before = scout.memory_kib()
    report = json.loads(sokoul.ctl("--json", "job", "inject", "--kind", "noop", "--count", "9000", "--wait").stdout)
    assert report["completed"] == 9000 and report["failed"] == 0
    if SLOW == 1:  # sanitizers keep what was freed
        assert scout.memory_kib() - before <= 2048
    assert sokoul.value("SELECT count(*) FROM job_results") == 10000


class Stream:
    """Noop jobs through POST /jobs, from four clients, each with a key and tried again until it is accepted."""

    def __init__(self, token, port, count):
        self.api = Api(port, token, wait_s=40)
        self.count = count
        self.accepted = {}
        self.statuses = set()
        self.next = iter(range(count))
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while True:
            with self.lock:
                number = next(self.next, None)
            if number is None:
                return
            self.accept(number, {"Idempotency-Key": str(uuid.uuid4())})

    def accept(self, number, key):
        deadline = time.monotonic() + 60 * SLOW
        while time.monotonic() < deadline:
            try:
                answer = self.api.post("/jobs", {"kind": "noop"}, headers=key)
            except OSError:
                continue
            self.statuses.add(answer.status)
            if answer.status == 202:
                self.accepted[number] = answer.json["job_id"]
                return
            assert answer.status in (409, 503), answer

    def progress(self):
        return len(self.accepted)

    def join(self):
        for thread in self.threads:
            thread.join(120 * SLOW)


def test_whatever_is_killed_under_a_stream_nothing_is_lost_and_nothing_runs_twice(own_sokoul, own_servers):
    """req: S107, S211, S230, S245, S249 part: S210"""
    sokoul = own_sokoul
    count = 2000 // SLOW
    api = sokoul.start("sokoul-api")
    scout = sokoul.start("sokoul-scout")
    admin = sokoul.admin(Api(api.port))
    stream = Stream(admin.token, api.port, count)

    def kill_scout():
        scout.kill()
        sokoul.start("sokoul-scout", ready=False)

    def kill_api():
        api.kill()
        sokoul.start("sokoul-api", ready=False, listen=api.port)

    def restart(server):
        def kill():
            server.kill()
            server.start()
        return kill

    kills = [kill_scout, kill_api, restart(own_servers.nats), restart(own_servers.postgres), restart(own_servers.redis)]
    for i, kill in enumerate(kills):
        goal = count * (i + 1) // (len(kills) + 1)
        eventually(lambda g=goal: stream.progress() >= g, 90, f"{goal} accepted jobs")
        kill()
    stream.join()
    assert stream.progress() == count and stream.statuses <= {202, 409, 503}
    ids = list(stream.accepted.values())
    assert len(set(ids)) == count
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status IN ('Pending', 'Running')") == 0, 60,
               "the end of all jobs")
    assert sokoul.value("SELECT count(*) FROM jobs j JOIN job_results r USING (job_id)"
                        " WHERE j.status = 'Completed' AND j.job_id = ANY(%s::uuid[])", (ids,)) == count
    assert sokoul.value("SELECT count(*) FROM jobs") == count
    eventually(lambda: sokoul.value("SELECT count(*) FROM outgoing") == 0, what="an empty outbox")


def test_the_api_says_within_five_seconds_that_a_frozen_database_is_away(own_sokoul, own_servers):
    """req: S225, A50 part: S223"""
    sokoul = own_sokoul
    api = sokoul.start("sokoul-api")
    admin = sokoul.admin(Api(api.port, wait_s=40))
    own_servers.postgres.freeze()
    began = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: admin.get("/jobs"), range(20)))
    took = time.monotonic() - began
    own_servers.postgres.thaw()
    assert {a.status for a in answers} == {503} and all(int(a.headers["Retry-After"]) > 0 for a in answers)
    assert took < 5 * SLOW
    eventually(lambda: admin.get("/jobs").status == 200, 15, "the database's return")
