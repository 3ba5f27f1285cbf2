# SPDX-License-Identifier: Apache-2.0
"""What an operator can see from outside: metrics that move, one id through all logs, levels, and how programs leave."""
import datetime
import json
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
from job_kit import inject, post, settled
from stack.nats import Nats
from stack.proc import port_is_free
from stack_under_test import SLOW, eventually
from swarm import MIB


def metrics(program):
    return Api(program.port).get("/metrics").text


def value(program, series):
    """Of one series as it is written; 0 where there is none yet."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", metrics(program), re.M)
    return float(found[1]) if found else 0.0


def moment(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00"))


# ---- metrics --------------------------------------------------------------------------------------


def test_a_workers_jobs_are_counted_by_what_became_of_them(sokoul):
    """req: S316"""
    scout = sokoul.start("sokoul-scout")
    series = 'sokoul_worker_jobs_total{worker="scout",kind="noop",outcome="%s"}'
    before = value(scout, series % "completed"), value(scout, series % "failed")
    good = inject(sokoul, "noop", {}, 3)
    bad = inject(sokoul, "noop", {"fail": "permanent"}, 2)
    for job_id in good + bad:
        sokoul.job_settled(job_id)
    text = eventually(lambda: (lambda t: t if series % "failed" in t else None)(metrics(scout)), 5, "a failed job")
    assert value(scout, series % "completed") == before[0] + 3 and value(scout, series % "failed") == before[1] + 2
    assert "# TYPE sokoul_worker_jobs_total counter" in text and "# HELP sokoul_worker_jobs_total " in text
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert check.returncode == 0 and not check.stderr.strip(), check.stderr


def test_connections_in_use_are_shown_while_they_are(sokoul):
    """req: S318"""
    program, scout = sokoul.start("sokoul-api"), sokoul.start("sokoul-scout")
    user = Api(program.port, wait_s=60).register()
    name = "sokoul_db_connections_active"
    eventually(lambda: value(program, name) == 0, 10, "an idle API")
    with rows.Locked(sokoul, "favorites"):
        threads = [threading.Thread(target=user.get, args=("/media/favorites",)) for _ in range(3)]
        for thread in threads:
            thread.start()
        eventually(lambda: value(program, name) == 3, 10, "three connections that wait for the lock")
    for thread in threads:
        thread.join()
    eventually(lambda: value(program, name) == 0, 10, "an idle API again")
    idle = 1  # the connection by which a worker's death is seen
    eventually(lambda: value(scout, name) == idle, 10, "an idle worker")
    with rows.Locked(sokoul, "job_results"):
        job_id = inject(sokoul, "noop", {})[0]
        eventually(lambda: value(scout, name) == idle + 1, 10, "a worker that waits for the lock")
    sokoul.job_settled(job_id)
    eventually(lambda: value(scout, name) == idle, 10, "an idle worker again")
    assert f"# TYPE {name} gauge" in metrics(scout)


def test_the_time_of_stopping_is_a_series_from_the_start(sokoul):
    """req: C25"""
    for program in (sokoul.start("sokoul-api"), sokoul.start("sokoul-scout")):
        text = metrics(program)
        assert "# TYPE app_shutdown_duration_seconds histogram" in text
        assert re.search(r"^app_shutdown_duration_seconds_count 0$", text, re.M)


# ---- one id ---------------------------------------------------------------------------------------


def test_one_id_is_in_the_log_of_every_process_and_in_every_row(sokoul, tmdb, user, swarm, hunting):
    """req: S296, S299, S300"""
    api = sokoul.programs[0]
    scout, hunter = sokoul.start("sokoul-scout"), hunting.hunter()
    torrent = swarm.torrent(MIB)
    swarm.seed(torrent)
    tmdb.fail("status", status=500)
    ids = {"X-Request-ID": "way-of-one"}
    with sokoul.nats.connect() as nats:
        heard = nats.subscribe("sokoul.jobs.>")
        nats.flush()
        lost = user.post("/search", {"query": "Sintel", "wait_ms": 0}, headers=ids).json["job_id"]
        started = user.post("/downloads/start", {"media_id": rows.media(sokoul, 7), "magnet": torrent.magnet()}, headers=ids)
        download = started.json["job_id"]
        assert sokoul.job_settled(download) == "Completed" and sokoul.job_settled(lost, 60) == "Failed"
        message = nats.next(heard, 10)
        while json.loads(message.data)["job_id"] != download:  # none at all within 10 s ends the test
            message = nats.next(heard, 10)
        assert message.headers.get("X-Request-ID") == "way-of-one"
    for program, job_id in ((api, None), (scout, lost), (hunter, download)):
        lines = eventually(lambda p=program: p.log(request_id="way-of-one"), 5, f"a line of {program.name}")
        assert job_id is None or job_id in {line["job_id"] for line in lines}
    # What a worker writes for it carries the id on: the notices of a failed search and of a download that is there.
    told = sokoul.sql("SELECT parent_id::text FROM jobs WHERE kind = 'notify' AND request_id = 'way-of-one'")
    assert {row[0] for row in told} >= {lost, download}
    # The way in time: committed, received, ended.
    created, ended = sokoul.sql("SELECT created_at, finished_at FROM jobs WHERE job_id = %s", (lost,))[0]
    received = [moment(line["timestamp"]) for line in scout.log(job_id=lost, event="job_received")]
    slack = datetime.timedelta(milliseconds=5)  # of the clocks' rounding
    assert len(received) == 4 and created - slack <= received[0] and received[-1] <= ended + slack


# ---- levels ---------------------------------------------------------------------------------------


def test_levels_hide_what_is_below_them(sokoul):
    """req: S304, S306"""
    def events(level):
        scout = sokoul.start("sokoul-scout", {"LOG_LEVEL": level})
        sokoul.job_settled(inject(sokoul, "noop", {})[0])
        scout.stop()
        return {(line["level"], line["event"]) for line in scout.log()}

    usual, all_calls = events(None), events("trace")
    assert ("info", "start") in usual and {level for level, _ in usual} <= {"info", "warn", "error"}
    assert {"db_call", "mq_publish", "cache_call"} & {event for level, event in all_calls if level == "trace"} >= {"db_call"}
    assert ("info", "start") in all_calls and ("info", "job_ended") in usual & all_calls


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")
def test_a_full_disk_of_the_log_stops_nothing_and_logging_resumes(sokoul, tmp_path):
    """req: S271, S272, S274"""
    disk = tmp_path / "log"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", str(disk)], check=True)
    try:
        filler = disk / "filler"
        filler.write_bytes(b"x" * 65536)
        program = sokoul.start("sokoul-api", log=disk / "api.log")
        client = Api(program.port)
        user = client.register()
        slowest = 0.0
        for _ in range(300):
            began = time.monotonic()
            assert user.get("/media/favorites").status == 200
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 1 * SLOW
        assert value(program, "sokoul_log_dropped_total") > 0 and program.log() == []
        filler.unlink()

        def told():
            client.get("/livez", headers={"X-Request-ID": "after-the-flood"})
            return program.log(request_id="after-the-flood")

        eventually(told, 10, "a line after there was space again")
        program.stop()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


# ---- leaving --------------------------------------------------------------------------------------


def test_a_signal_is_answered_within_a_tenth_of_a_second(sokoul):
    """req: C16"""
    for name in ("sokoul-api", "sokoul-scout"):
        program = sokoul.start(name)
        asked = datetime.datetime.now(datetime.timezone.utc)
        program.signal(signal.SIGTERM)
        assert program.wait() == 0
        line = next(row for row in program.log() if row["message"].startswith("Received signal 15"))
        took = moment(line["timestamp"]) - asked
        assert took < datetime.timedelta(milliseconds=100 * SLOW), f"{name}: {took}"


def test_a_request_that_does_not_end_does_not_hold_the_api_past_its_ten_seconds(sokoul):
    """req: C27, A27"""
    program = sokoul.start("sokoul-api")
    user = Api(program.port, wait_s=60).register()
    with rows.Locked(sokoul, "favorites"):
        threading.Thread(target=lambda: pytest.raises(OSError, user.get, "/media/favorites"), daemon=True).start()
        eventually(lambda: value(program, "sokoul_db_connections_active") > 0, 10, "a request that waits")
        began = time.monotonic()
        program.signal(signal.SIGTERM)
        assert program.wait(20 * SLOW) == 75
        assert 9 <= time.monotonic() - began <= 11.5 * SLOW
    said = [row["message"] for row in program.log()]
    assert "Shutdown timeout (10s) reached, forcing exit" in said


def sockets_of(port):
    """States of the TCP sockets that have this port as their own, but for those that only wait to be forgotten."""
    time_wait = "06"
    states = []
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(name, encoding="ascii") as f:
            fields = [line.split() for line in f.readlines()[1:]]
        states += [row[3] for row in fields if int(row[1].rsplit(":", 1)[1], 16) == port and row[3] != time_wait]
    return states


def test_nothing_stays_open_behind_a_program_that_left(sokoul):
    """req: J14"""
    program = sokoul.start("sokoul-api")
    held = [socket.create_connection(("127.0.0.1", program.port)) for _ in range(20)]
    for number, one in enumerate(held):
        if number % 2:
            one.sendall(b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n")
            assert one.recv(4096).startswith(b"HTTP/1.1 200")
    program.stop()
    for number, one in enumerate(held):
        one.settimeout(5)
        with one.makefile("rb") as said:
            last = said.read()
        assert last == b"" or (number % 2 == 0 and last.startswith(b"HTTP/1.1 503")), "a connection outlived the program"
        one.close()
    eventually(lambda: sockets_of(program.port) == [] and port_is_free(program.port), 5, "a free port")


# ---- the dead-letter stream, and what a broker still holds ---------------------------------------------------


def test_a_copy_of_a_dead_letter_is_in_its_stream_with_its_headers(sokoul):
    """req: S108"""
    sokoul.start("sokoul-scout")
    api = Api(sokoul.start("sokoul-api").port)
    job_id = sokoul.admin(api).post("/jobs", {"kind": "noop", "payload": {"fail": True}},
                                    headers={"X-Request-ID": "req-of-the-dead"}).json["job_id"]
    assert settled(sokoul, job_id, 40)["reason"] == "exhausted"
    with sokoul.nats.connect() as nats:
        eventually(lambda: nats.js("STREAM.INFO.DLQ")["state"]["messages"] == 1, 10, "the copy")
        copy = nats.js("STREAM.MSG.GET.DLQ", {"seq": 1})["message"]
    assert copy["subject"].startswith("sokoul.dlq.")
    headers, body = rows.headers_of(copy), json.loads(rows.decoded(copy["data"]))
    assert headers["X-Request-ID"] == "req-of-the-dead" and headers["Nats-Msg-Id"]
    assert body["job_id"] == job_id and body["reason"] == "exhausted"


def test_a_drained_workers_messages_are_acknowledged(sokoul):
    """req: S282"""
    scout = sokoul.start("sokoul-scout")
    api = Api(sokoul.start("sokoul-api").port)
    job_id = post(sokoul.admin(api), {"sleep_ms": 1500}, run_at=None)
    # An idle worker's job counts as Running before the worker has heard of it.
    eventually(lambda: value(scout, "sokoul_worker_jobs_running") == 1, 10, "a running job")
    with Nats.from_url(sokoul.nats.url()) as nats:
        # Its message follows a little later, and a worker that drains takes none any more.
        eventually(lambda: nats.js("CONSUMER.INFO.JOBS.scout")["delivered"]["stream_seq"] == 1, 10, "its message is there")
        scout.stop()
        assert sokoul.value("SELECT status FROM jobs WHERE job_id = %s", (job_id,)) == "Completed"
        for name in nats.js("CONSUMER.NAMES.JOBS")["consumers"]:
            info = nats.js(f"CONSUMER.INFO.JOBS.{name}")
            assert info["num_ack_pending"] == 0 and info["num_redelivered"] == 0, info
        eventually(lambda: nats.js("STREAM.INFO.JOBS")["state"]["messages"] == 0, 10, "an empty stream")
    again = sokoul.start("sokoul-scout")
    sokoul.job_settled(inject(sokoul, "noop", {})[0])
    assert again.log(job_id=job_id) == []
    assert sokoul.value("SELECT attempts FROM jobs WHERE job_id = %s", (job_id,)) == 1
