# SPDX-License-Identifier: Apache-2.0
"""Programs look at where they are when they start: what is wrong is named in one line, and what can pass is waited for."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
import rows
from client import Api
from stack.proc import children_of, port_is_free
from stack_under_test import BIN, SLOW, eventually
from startup_kit import lacking, preloaded
from test_robustness import asked, best, p99

PROGRAMS = ("sokoul-api", "sokoul-scout", "sokoul-hunter")
NO_OVERRIDE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
CRASH = re.compile(r"Segmentation|core dumped|Sanitizer|Aborted|assert|terminate called|\bBUG\b", re.IGNORECASE)


def fails(sokoul, name, status, says, settings=None, program=None, front=()):
    """It ends at once with this status, and a line says what is wrong; nothing looks like a crash."""
    sokoul.env_file({"LOG_LEVEL": "info", **(settings or {})}, "failing.env")
    words = [*front, program or os.path.join(BIN, name), "--env-file", os.path.join(sokoul.folder, "failing.env")]
    done = subprocess.run(words, env=sokoul.environment(), cwd=sokoul.folder, capture_output=True, text=True,
                          timeout=30 * SLOW, check=False)
    text = done.stdout + done.stderr
    assert done.returncode == status, (done.returncode, text)
    assert len([line for line in text.splitlines() if says in line]) == 1, text
    assert not CRASH.search(text), text


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_library_that_is_missing_is_named(sokoul, tmp_path, name):
    """req: A1, A3, A28"""
    (tmp_path / "bin").mkdir()
    copy = lacking(os.path.join(BIN, name), str(tmp_path / "bin"), b"libnats.so")
    fails(sokoul, name, 127, "xibnats.so", program=copy)


def test_a_folder_that_may_not_be_entered_is_named(sokoul, tmp_path):
    """req: A1, A4, A5, A28"""
    closed = tmp_path / "closed"
    closed.mkdir(0)
    fails(sokoul, "sokoul-hunter", 78, f"DOWNLOAD_DIR: {closed} cannot be read and written by this user",
          {"DOWNLOAD_DIR": closed, "METRICS_LISTEN": "127.0.0.1:0"}, front=NO_OVERRIDE if os.getuid() == 0 else ())


@pytest.mark.parametrize("name,setting", [("sokoul-api", "API_LISTEN"), ("sokoul-scout", "METRICS_LISTEN"),
                                          ("sokoul-hunter", "METRICS_LISTEN")])
def test_a_port_that_somebody_has_is_named(sokoul, name, setting):
    """req: A1, A28, A46"""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        fails(sokoul, name, 69, address, {setting: address})


@pytest.mark.parametrize("settings,says", [
    ({"DATABASE_URL": None}, "DATABASE_URL is required"), ({"REDIS_URL": "http://nowhere"}, "REDIS_URL is not a valid URL"),
    ({"LOG_LEVEL": "loud"}, "LOG_LEVEL must be"), ({"NODE_NAME": "a\x07"}, "NODE_NAME holds a control character")])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_setting_that_is_wrong_is_named(sokoul, name, settings, says):
    """req: A1, A5, A28"""
    fails(sokoul, name, 78, says, settings)


@pytest.mark.skipif(bool(os.environ.get("SAN")), reason="sanitizers want to be loaded first")
def test_a_library_that_is_older_than_the_one_it_was_built_with_is_told(sokoul):
    """req: A7"""
    with preloaded(sokoul.folder, 'char *curl_version_info(int); char *curl_version_info(int a)'
                   '{ (void)a; static struct { int age; const char *version; unsigned n; const char *host; int features; } it ='
                   '{ 0, "7.1.0", 0, "", 4 }; return (char *)&it; }') as path:
        scout = sokoul.start("sokoul-scout", env={"LD_PRELOAD": path}, ready=False)
        told = eventually(lambda: scout.log(event="check", level="warn"), 10, "a warning about a library")
        assert "libraries: libcurl 7.1.0 is older than" in told[0]["message"]
        scout.kill()


# ---- what is looked at, in its order ------------------------------------------------------------------------------------


STEPS = ["sokoul-\\w+ \\S+ starts", "settings: .* has what it needs", "libraries: libpq \\d.*OpenSSL \\d.*libcurl \\d", "clock: "]
DOWN = ["initiating graceful shutdown", "Graceful shutdown process completed"]


@pytest.mark.parametrize("name,more", [
    ("sokoul-api", []), ("sokoul-scout", []), ("sokoul-hunter", ["folders: .* can be read and written, [\\d.]+ GiB are free"])])
def test_each_step_of_a_start_and_of_an_end_is_in_the_log(sokoul, name, more, record_property):
    """req: A1, A26, A29"""
    program = sokoul.start(name, {"LOG_LEVEL": "info"})
    services = {r["message"] for r in eventually(lambda: (lambda rows: rows if len(rows) == 3 else None)(
        program.log(event="service_up")), 10, "a line for each server")}
    assert services == {"database is there", "redis is there", "nats is there"}
    assert program.stop() == 0
    messages = [row["message"] for row in program.log()]
    for steps in (STEPS + more + DOWN, ["listening on|health and metrics on", *DOWN]):
        at = 0
        for step in steps:
            found = next((i for i, m in enumerate(messages[at:], at) if re.search(step, m)), None)
            assert found is not None, (step, messages)
            at = found + 1
    record_property("figure", f"{len(STEPS) + len(DOWN) + 4} steps in their order")


# ---- what passes is waited for ---------------------------------------------------------------------------------------------


def ready(program):
    try:
        return Api(program.port, wait_s=5).get("/ready").status
    except OSError:
        return None


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_database_that_comes_ten_seconds_late_is_waited_for(own_sokoul, own_servers, name, record_property):
    """req: A1, A2, A5, A28, A45, A47"""
    own_servers.postgres.kill()
    program = own_sokoul.start(name, {"LOG_LEVEL": "info"}, ready=False)
    began = time.monotonic()
    eventually(lambda: ready(program) == 503, 20, "a program that says it is not ready")
    told = eventually(lambda: program.log(event="service_away", level="warn"), 10, "a line that names the database")
    assert any("database cannot be used: cannot connect" in row["message"] for row in told), told
    while time.monotonic() - began < 10:
        assert program.running() and ready(program) == 503
    own_servers.restart(own_servers.postgres)
    back = time.monotonic()
    eventually(lambda: ready(program) == 200, 20, "a program that is ready")
    record_property("figure", f"Postgres 10 s late, ready {time.monotonic() - back:.1f} s after it")
    assert not CRASH.search(program.log_text())


# ---- the end, and the next start -------------------------------------------------------------------------------------------


def test_after_ctrl_c_nothing_is_left_and_the_next_start_runs(sokoul, record_property):
    """req: A27, A42, A57"""
    programs = [sokoul.start(name) for name in PROGRAMS]
    Api(programs[0].port).register()
    stuck = socket.create_connection(("127.0.0.1", programs[0].port))
    stuck.sendall(b"POST /auth/login HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
    began = time.monotonic()
    for program in programs:
        program.asked = True
        program.signal(signal.SIGINT)
    codes = [program.wait(35 * SLOW) for program in programs]
    took = time.monotonic() - began
    stuck.close()
    assert codes[1:] == [0, 0] and codes[0] in (0, 75) and took <= 30 * SLOW, (codes, took)
    record_property("figure", f"SIGINT with a stuck client, all gone after {took:.1f} s")
    left = sokoul.sql("SELECT application_name FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'sokoul%%'",
                      (sokoul.database,))
    assert left == [] and all(port_is_free(program.port) for program in programs)
    for program in programs:
        again = sokoul.start(program.name, listen=program.port)
        assert again.log(event="check") and ready(again) == 200


def test_an_api_is_one_process_and_its_loop_never_waits_for_the_database(sokoul, record_property):
    """req: A43"""
    program = sokoul.start("sokoul-api")
    user = Api(program.port, wait_s=60).register()
    assert children_of(program.pid) == []
    held = [threading.Thread(target=user.get, args=("/media/favorites",)) for _ in range(40)]
    with rows.Locked(sokoul, "favorites"):
        for one in held:
            one.start()
        eventually(lambda: sokoul.value("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'",
                                        (sokoul.database,)) >= 4, 10, "statements that wait")
        times = best(lambda: asked(program.port, "/livez", 100), p99)
    for one in held:
        one.join()
    record_property("figure", f"1 process; with 40 requests held by a lock /livez answers after {p99(times):.1f} ms (p99)")
    assert p99(times) < 100 * SLOW
