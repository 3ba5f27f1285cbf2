# SPDX-License-Identifier: Apache-2.0
"""JetStream as seen from outside, and what programs do while NATS or Postgres is away."""
import os
import socket
import time
import uuid
from threading import Thread

import pytest
from client import Api
from job_kit import all_settled, check_each_ran_once, envelope, inject, post, publish, stream_info
from stack.proc import free_ports
from stack_under_test import SLOW, eventually

DAY_NS = 86400 * 10**9
TICKS = os.sysconf("SC_CLK_TCK")


def stream(sokoul, name="JOBS"):
    with sokoul.nats.connect() as nats:
        return stream_info(nats, name)


def consumer(sokoul, name):
    with sokoul.nats.connect() as nats:
        return nats.js(f"CONSUMER.INFO.JOBS.{name}")


def messages(sokoul):
    return stream(sokoul)["state"]["messages"]


def post_some(admin, count):
    return [post(admin) for _ in range(count)]


def cpu_s(program):
    with open(f"/proc/{program.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def burnt(program, seconds):
    """The share of one core that it takes in so many seconds."""
    before, until = cpu_s(program), time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= until, 2 * seconds, "the end of the look")
    return (cpu_s(program) - before) / seconds


def health(program):
    return Api(program.port).get("/health/deep").json["components"]


# ---- streams and consumers ------------------------------------------------------------------


def test_streams_and_consumers_are_made_as_they_are_meant(sokoul, api):
    """req: S99, S101, S104 part: S100"""
    assert api.get("/ready").status == 200
    sokoul.start("sokoul-scout")
    configs = {name: stream(sokoul, name)["config"] for name in ("JOBS", "DLQ", "LOGS", "EVENTS")}
    assert {c["storage"] for c in configs.values()} == {"file"}
    assert (configs["JOBS"]["retention"], configs["JOBS"]["discard"]) == ("workqueue", "new")
    assert {n: c["max_age"] / DAY_NS for n, c in configs.items()} == {"JOBS": 0, "DLQ": 30, "LOGS": 7, "EVENTS": 1 / 24}
    assert all(c["max_bytes"] > 0 for c in configs.values())
    for name in ("scout", "scout-high", "scout-low"):
        config = consumer(sokoul, name)["config"]
        assert (config["durable_name"], config["ack_policy"]) == (name, "explicit")


def test_messages_are_on_disk_wait_for_a_worker_and_leave_when_they_are_acknowledged(sokoul, admin):
    """req: S102, S103, S105, S106, S246, S247, S248"""
    ids = post_some(admin, 25)
    eventually(lambda: messages(sokoul) == 25, what="all messages in the stream")
    sokoul.nats.kill()
    sokoul.nats.start()
    sokoul.nats.wait_ready()
    assert messages(sokoul) == 25
    sokoul.start("sokoul-scout")
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)
    eventually(lambda: consumer(sokoul, "scout")["num_ack_pending"] == 0, what="no message unacknowledged")
    eventually(lambda: messages(sokoul) == 0, what="an empty stream")


def test_where_there_is_no_room_the_oldest_go_and_what_is_new_is_taken(sokoul, api):
    """req: S253 part: S250-S252"""
    inject(sokoul, "noop", {})
    eventually(lambda: sokoul.value("SELECT count(*) FROM outgoing") == 0, what="an API that has looked at its streams")
    with sokoul.nats.connect() as nats:
        config = stream_info(nats, "LOGS")["config"]
        nats.js("STREAM.UPDATE.LOGS", {**config, "max_bytes": 4000})
        for n in range(100):
            nats.publish("sokoul.logs.test", f"{n:100}")
        nats.flush()
        state = eventually(lambda: (s := nats.js("STREAM.INFO.LOGS")["state"])["last_seq"] == 100 and s, what="all of them")
    assert 1 < state["first_seq"] < 100
    assert state["bytes"] <= 4000
    assert api.get("/health").status == 200


# ---- NATS is away ---------------------------------------------------------------------------


def test_who_asks_is_answered_while_nats_is_away(sokoul, api):
    """req: S239"""
    user = api.register("eve")
    sokoul.nats.kill()
    assert api.post("/auth/login", {"username": "eve", "password": "correct horse battery"}).status == 200
    found = user.get("/search", query={"query": "Sintel"})
    assert found.status == 200 and found.json["items"], found


def test_a_worker_without_nats_says_so_rests_and_comes_back_by_itself(sokoul, admin):
    """req: S242, S243, S244"""
    scout = sokoul.start("sokoul-scout")
    all_settled(sokoul, post_some(admin, 2))
    sokoul.nats.kill()
    eventually(lambda: health(scout)["nats"].get("error"), what="health's word")
    assert burnt(scout, 3) < 0.05 * SLOW
    assert scout.running()
    ids = post_some(admin, 3)
    sokoul.nats.start()
    all_settled(sokoul, ids)
    eventually(lambda: not health(scout)["nats"].get("error"), what="health's word of the end")


def test_a_nats_that_reads_nothing_holds_up_neither_jobs_nor_the_end(sokoul, admin):
    """Frozen, and with more to be said to it than a socket holds.  part: S242"""
    api, scout = sokoul.programs[0], sokoul.start("sokoul-scout")
    ids = [str(uuid.uuid4()) for _ in range(4)]
    with sokoul.nats.connect() as nats:
        for job_id in ids:  # by JetStream, so that there is something to be said of them
            publish(nats, envelope(job_id=job_id, payload={"sleep_ms": 4000}))
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Running'") == 4, 10, "running jobs")
    sokoul.nats.freeze()
    try:
        answer = admin.post("/jobs", {"kind": "noop", "payload": {"echo": "x" * 59000}, "worker": "hunter", "count": 300})
        assert answer.status == 202, answer
        for program in (api, scout):
            eventually(lambda p=program: health(p)["nats"].get("error"), 10, f"health's word of {program.name}")
        all_settled(sokoul, ids, 15)
        began = time.monotonic()
        for program in (api, scout):
            program.ask()
        assert [p.wait(30 * SLOW) for p in (api, scout)] == [0, 0]
        assert time.monotonic() - began < 10 * SLOW
    finally:
        sokoul.nats.thaw()


# ---- Postgres is away -----------------------------------------------------------------------


def test_a_worker_without_postgres_says_so_takes_nothing_and_comes_back_by_itself(own_sokoul, own_servers):
    """req: S227, S228 part: S229"""
    sokoul = own_sokoul
    admin = sokoul.admin(Api(sokoul.start("sokoul-api").port))
    scout = sokoul.start("sokoul-scout")
    all_settled(sokoul, post_some(admin, 2))
    eventually(lambda: sokoul.value("SELECT count(*) FROM outgoing") == 0 and messages(sokoul) == 0, what="an empty stream")
    scout.freeze()
    ids = inject(sokoul, "noop", {}, 6)  # nobody is given these
    eventually(lambda: sokoul.value("SELECT count(*) FROM outgoing") == 0, what="an empty outbox")
    own_servers.postgres.kill()
    scout.thaw()
    eventually(lambda: health(scout)["database"].get("error"), what="health's word")
    eventually(lambda: consumer(sokoul, "scout")["num_waiting"] == 0, what="no request for more")
    before = consumer(sokoul, "scout")["delivered"]["consumer_seq"]
    assert burnt(scout, 3) < 0.1 * SLOW
    after = consumer(sokoul, "scout")
    assert after["num_waiting"] == 0 and after["delivered"]["consumer_seq"] - before <= 3, after
    assert messages(sokoul) == 6
    waits = [line for line in scout.log() if line["level"] in ("warn", "error")]
    assert 0 < len(waits) < 40, "it says so, and not for each try"
    own_servers.restart(own_servers.postgres)
    all_settled(sokoul, ids)
    check_each_ran_once(sokoul, ids)


# ---- something is there, and is no NATS yet ---------------------------------------------------


def hang_up(server):
    """As a proxy does whose server is not there."""
    try:
        while True:
            server.accept()[0].close()
    except OSError:
        return  # it is closed


@pytest.mark.parametrize("hangs_up", [False, True])
@pytest.mark.parametrize("name", ["sokoul-api", "sokoul-scout"])
def test_a_program_starts_beside_a_nats_that_accepts_and_says_nothing(sokoul, name, hangs_up):
    """As one does that is frozen, or that starts itself. nats.c gives up for good then, if it may."""
    sokoul.nats.kill()
    with socket.create_server(("127.0.0.1", sokoul.nats.port), backlog=64) as server:
        if hangs_up:
            Thread(target=hang_up, args=(server,), daemon=True).start()
        program = sokoul.start(name, ready=False)
        begun = time.monotonic()
        eventually(lambda: not program.running() or time.monotonic() - begun > 5, 20, "five seconds")
        assert program.running(), program.log_text()
        server.shutdown(socket.SHUT_RDWR)
    sokoul.nats.start()
    program.wait_ready()
    eventually(lambda: not health(program)["nats"].get("error"), what="NATS, by health's word")


def test_any_of_several_servers_will_do(sokoul):
    away = f"nats://127.0.0.1:{free_ports(1)}"
    program = sokoul.start("sokoul-api", {"NATS_URL": f"{away},{sokoul.nats.url()}"})
    eventually(lambda: not health(program)["nats"].get("error"), what="NATS, by health's word")
