# SPDX-License-Identifier: Apache-2.0
"""Programs on a database that was not migrated, or not far enough: they say so once, wait, and go on by themselves."""
import itertools
import os
from datetime import datetime

import pytest
from client import Api
from stack_under_test import BIN, Program, Sokoul, eventually, free_ports

MEND = "sokoulctl migrate up"
LIBRARY = os.path.join(os.path.dirname(BIN), "examples", "worker")
NAMES = ("sokoul-api", "sokoul-scout", "sokoul-hunter", "worker")
numbers = itertools.count(1)


@pytest.fixture
def bare(session_postgres, servers, tmp_path, tmdb, prowlarr):
    """Like sokoul, on a database without a schema."""
    database = f"bare_{os.getpid()}_{next(numbers)}"
    session_postgres.sql(f"CREATE DATABASE {database} OWNER sokoul")
    stack = Sokoul(tmp_path, session_postgres, servers.nats, servers.redis, database, tmdb, prowlarr)
    try:
        yield stack
        stack.stop_all()
    finally:
        for program in stack.programs:
            if program.running():
                program.kill()
        session_postgres.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def start_library_worker(stack):
    port = free_ports(1)
    path = stack.env_file({"METRICS_LISTEN": f"127.0.0.1:{port}", "LOG_LEVEL": "info"}, "worker.env")
    program = Program("worker", [LIBRARY, "--env-file", path], stack.environment(),
                      os.path.join(stack.folder, "worker.log"), port)
    stack.programs.append(program)
    return program


def start(stack, name):
    if name == "worker":
        return start_library_worker(stack)
    return stack.start(name, {"LOG_LEVEL": "info"}, ready=False)


def status(program, path):
    try:
        return Api(program.port, wait_s=5).get(path).status
    except OSError:
        return None


def checked_at(program):
    at = Api(program.port).get("/health").json["last_db_check"]
    return datetime.fromisoformat(at.replace("Z", "+00:00"))


def complaints(program):
    return [line["message"] for line in program.log() if line["level"] in ("warn", "error")]


def is_told(program):
    """Not ready, unhealthy, and the reason names the mend."""
    if [status(program, path) for path in ("/livez", "/ready", "/health", "/health/deep")] != [200, 503, 503, 503]:
        return False
    return MEND in (Api(program.port).get("/health/deep").json["components"]["database"]["error"] or "")


def watch_for(program, seconds):
    """Until it has looked at its database for so long."""
    began = checked_at(program)
    eventually(lambda: (checked_at(program) - began).total_seconds() >= seconds, seconds + 15)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_without_a_schema_says_so_once_and_is_ready_when_it_is_migrated(bare, name):
    program = start(bare, name)
    eventually(lambda: status(program, "/livez") == 200)
    eventually(lambda: is_told(program))
    watch_for(program, 4)
    assert is_told(program) and program.running()
    assert [MEND in line for line in complaints(program)] == [True], complaints(program)
    bare.ctl("migrate", "up")
    program.wait_ready(10)
    assert program.log(event="service_up")


def test_requests_on_a_database_without_a_schema_are_answered_503_and_jobs_run_when_it_is_migrated(bare):
    api = Api(start(bare, "sokoul-api").port)
    scout = start(bare, "sokoul-scout")
    eventually(lambda: is_told(scout) and is_told(bare.programs[0]))
    answer = api.post("/auth/register", {"username": "ada", "email": "ada@example.org", "password": "correct horse battery"})
    assert answer.status == 503 and answer.headers.get("Retry-After"), answer
    bare.ctl("migrate", "up")
    for program in bare.programs:
        program.wait_ready(10)
    bare.ctl("job", "inject", "--kind", "noop", "--wait", wait_s=30)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_that_falls_behind_while_a_program_runs_is_told_and_one_that_is_newer_is_fine(bare, name):
    bare.ctl("migrate", "up")
    program = start(bare, name).wait_ready()
    bare.sql("INSERT INTO schema_migrations (version, name, checksum) VALUES (99990101000000, 'next', '')")
    watch_for(program, 2)
    assert status(program, "/ready") == 200
    bare.sql("CREATE TABLE kept AS SELECT * FROM schema_migrations")
    bare.sql("DELETE FROM schema_migrations WHERE version > 20240101000000 AND version < 99990101000000")
    eventually(lambda: is_told(program))
    bare.sql("INSERT INTO schema_migrations SELECT * FROM kept ON CONFLICT DO NOTHING")
    program.wait_ready(10)


def test_the_command_line_says_what_to_do_too(bare):
    done = bare.ctl("job", "ls", check=False)
    assert done.returncode == 69 and MEND in done.stderr, done.stderr
    doctor = bare.ctl("doctor", check=False)
    assert doctor.returncode == 1 and "run sokoulctl migrate up" in doctor.stdout
