# SPDX-License-Identifier: Apache-2.0
"""What an operator, or fate, does to NATS: each act heals by itself, or is told in plain words, within ten seconds.

Of an act that lasts health and metrics of both programs, `sokoulctl doctor` and the log tell, and jobs run within ten
seconds of its end.  One stack for all acts, one after another: each finds it whole and leaves it whole.
"""
import json
import os
import re
import shutil
import signal
from collections import namedtuple

import pytest
from client import Api
from conftest import NoFake
from job_kit import envelope, publish
from stack.nats import NatsError
from stack.proc import wait_for
from stack.servers import write_private
from stack.throwaway import ThrowAway
from stack_under_test import SLOW, Sokoul, eventually

TELLS_S = 10
HEALS_S = 10 + 5  # what only a sweep sees waits 10 s for it, and then has a busy machine

MEANT = {"subjects": ["sokoul.jobs.>"], "retention": "workqueue", "discard": "new", "storage": "file", "max_msgs": -1,
         "max_msg_size": -1, "sealed": False, "deny_purge": False, "deny_delete": False, "no_ack": False, "mirror": None}

Act = namedtuple("Act", "do undo told", defaults=(None, None))


class Broker:
    """A stack, and hands on its NATS."""

    def __init__(self, sokoul, servers):
        self.sokoul = sokoul
        self.nats = sokoul.nats
        self.servers = servers
        self.config = self.nats.folder + "/nats.conf"
        with open(self.config, encoding="utf-8") as f:
            self.good = f.read()
        self.api = sokoul.start("sokoul-api")
        self.scout = sokoul.start("sokoul-scout")
        self.admin = sokoul.admin(Api(self.api.port))
        self.password = self.nats.password

    def js(self, api, body=None):
        with self.nats.connect() as nats:
            return nats.js(api, body)

    def stream(self, name="JOBS"):
        return self.js(f"STREAM.INFO.{name}")

    def edit(self, name="JOBS", **changes):
        self.js(f"STREAM.UPDATE.{name}", {**self.stream(name)["config"], **changes})

    def replace(self, name="JOBS", without=(), **changes):
        """Deletes a stream and makes another of its name; again when a program was faster to make it anew."""
        config = {k: v for k, v in {**self.stream(name)["config"], **changes}.items() if k not in without}

        def replaced():
            with self.nats.connect() as nats:
                nats.js(f"STREAM.DELETE.{name}")
                try:
                    return nats.js(f"STREAM.CREATE.{name}", config)
                except NatsError as e:
                    assert "10058" in str(e), e
                    return None

        eventually(replaced, 10, "a stream of the operator's making")

    def configure(self, text):
        write_private(self.config, text)

    def reload(self, text):
        self.configure(text)
        self.nats.child.send_signal(signal.SIGHUP)

    def start_with(self, text):
        self.nats.stop()
        self.configure(text)
        self.nats.log = None
        self.nats.start()

    def start(self):
        self.servers.restart(self.nats)

    # ---- what is seen -------------------------------------------------------------------------

    def words_of(self, program):
        return Api(program.port).get("/health/deep").json["components"]["nats"]["error"] or ""

    def is_up(self, program):
        """As its metrics say."""
        return "\nsokoul_nats_up 1\n" in Api(program.port).get("/metrics").text

    def doctor(self):
        found = json.loads(self.sokoul.ctl("doctor", "--json", check=False).stdout)["checks"]
        return " ".join(c["detail"] for c in found if c["name"] == "nats" and c["status"] == "bad")

    def tells(self, pattern):
        eventually(lambda: all(re.search(pattern, self.words_of(p)) for p in (self.api, self.scout)), TELLS_S,
                   f"{pattern} in health: {self.words_of(self.api)!r}, {self.words_of(self.scout)!r}")
        eventually(lambda: re.search(pattern, self.doctor()), TELLS_S, f"{pattern} by doctor: {self.doctor()!r}")
        assert not self.is_up(self.api) and not self.is_up(self.scout)
        log = self.api.log_text() + self.scout.log_text()
        assert re.search(pattern, log), "the log does not tell"

    def waiting(self):
        """Jobs of a worker that does not run: their messages stay in JOBS."""
        return self.sokoul.value("SELECT count(*) FROM jobs WHERE worker = 'hunter' AND status = 'Pending'")

    def post(self, **more):
        answer = self.admin.post("/jobs", {"kind": "noop", "payload": {}, "worker": "hunter", **more})
        assert answer.status == 202, answer

    def wrongs(self):
        """What is not yet as it must be."""
        try:
            return [what for what, right in self.looks() if not right]
        except (NatsError, OSError) as e:
            return [str(e)]

    def looks(self):
        jobs = self.stream()
        config = jobs["config"]
        for key, value in MEANT.items():
            yield f"{key} of JOBS is {config.get(key)}", config.get(key, value) == value
        consumer = self.js("CONSUMER.INFO.JOBS.scout-high")["config"]
        yield "the consumer", consumer["filter_subject"] == "sokoul.jobs.scout.*.high" and not consumer.get("headers_only")
        rows, messages, waiting = self.sokoul.value("SELECT count(*) FROM outgoing"), jobs["state"]["messages"], self.waiting()
        yield f"{rows} rows in the outbox", rows == 0
        yield f"{messages} messages for {waiting} jobs", messages >= waiting
        for program in (self.api, self.scout):
            yield f"{program.name}: {self.words_of(program)}", not self.words_of(program) and self.is_up(program)

    def heals(self):
        """Messages go both ways: from the API's outbox into JOBS, and from JOBS to the worker."""
        self.post()
        if not wait_for(lambda: not self.wrongs(), HEALS_S * SLOW):
            raise AssertionError("; ".join(self.wrongs()))
        letter = envelope()
        with self.nats.connect() as nats:
            publish(nats, letter)
        eventually(lambda: self.sokoul.value("SELECT status FROM jobs WHERE job_id = %s", (letter["job_id"],))
                   == "Completed", HEALS_S, "a job that came by JOBS")


@pytest.fixture(scope="module")
def broker(session_postgres, migrated, tmp_path_factory):
    database = f"test_{os.getpid()}_acts"
    session_postgres.sql(f"CREATE DATABASE {database} OWNER sokoul TEMPLATE {migrated}")
    with ThrowAway(("nats", "redis")) as servers:
        stack = Sokoul(tmp_path_factory.mktemp("acts"), session_postgres, servers.nats, servers.redis, database, NoFake,
                       NoFake)
        try:
            made = Broker(stack, servers)
            made.heals()
            yield made
            stack.stop_all()
        finally:
            for program in stack.programs:
                if program.running():
                    program.kill()
            session_postgres.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


# ---- the acts ---------------------------------------------------------------------------------


def take_subjects(b):
    """Against programs that make their streams anew at once."""
    def taken():
        for name in b.js("STREAM.NAMES")["streams"] or ():
            b.js(f"STREAM.DELETE.{name}")
        try:
            return b.js("STREAM.CREATE.OTHER", {"name": "OTHER", "subjects": ["sokoul.>"], "storage": "file"})
        except NatsError:
            return None

    eventually(taken, 10, "a stream that takes all subjects")
    b.post()


def give_subjects_back(b):
    taken = b.js("STREAM.INFO.OTHER", {"subjects_filter": "sokoul.jobs.>"})["state"].get("subjects")
    assert not taken, f"another stream took messages of ours: {taken}"
    b.js("STREAM.DELETE.OTHER")


def lose_store(b):
    b.nats.kill()
    shutil.rmtree(os.path.join(b.nats.folder, "jetstream"))
    b.start()


def with_user(b, more):
    """The configuration with rules for our user."""
    return re.sub(r"authorization \{.*\}", "authorization { users = [ { user: sokoul, password: \"%s\", %s } ] }"
                  % (b.password, more), b.good, flags=re.S)


FORBIDS = 'permissions: { publish: { deny: ["$JS.API.STREAM.CREATE.>", "$JS.API.STREAM.UPDATE.>"] } }'
ACCOUNTS = """
accounts { plain { users = [ { user: sokoul, password: "%s" } ] }
           rich { jetstream: enabled, users = [ { user: rich, password: rich } ] } }
"""


def forbid_streams(b):
    b.js("STREAM.DELETE.JOBS")
    b.start_with(with_user(b, FORBIDS))


def restore(b):
    b.start_with(b.good)
    b.nats.wait_ready()


def flood(b):
    """Frozen, and with more to be said to it than a socket holds."""
    b.nats.freeze()
    b.post(payload={"echo": "x" * 59000}, count=300)


def keep_one(b):
    """The server removes all others; the one that is left was sent alone."""
    b.post()
    eventually(lambda: b.sokoul.value("SELECT count(*) FROM outgoing") == 0, 10, "an empty outbox")
    b.edit(max_msgs=1)


def leave_dlq(b):
    """A stream of copies that cannot be changed in place, with something in it."""
    b.replace("DLQ", retention="workqueue")
    with b.nats.connect() as nats:
        nats.js_publish("sokoul.dlq.scout.noop", b"{}")


def empty_dlq(b):
    assert b.stream("DLQ")["state"]["messages"] == 1, "what was in it must not go"
    b.js("STREAM.DELETE.DLQ")


ACTS = {
    "a stream is deleted": Act(lambda b: b.js("STREAM.DELETE.JOBS")),
    "a consumer is deleted": Act(lambda b: b.js("CONSUMER.DELETE.JOBS.scout-high")),
    "the stream is purged": Act(lambda b: b.js("STREAM.PURGE.JOBS")),
    "the stream is sealed": Act(lambda b: b.edit(sealed=True)),
    "messages may not be deleted": Act(lambda b: b.replace(deny_purge=True, deny_delete=True)),
    "only small messages are taken": Act(lambda b: b.edit(max_msg_size=10)),
    "only few messages are taken": Act(keep_one),
    "the stream has other subjects": Act(lambda b: b.edit(subjects=["sokoul.jobs.scout.>", "sokoul.jobs.bot.>"])),
    "nothing is confirmed": Act(lambda b: b.edit(no_ack=True)),
    "the stream is in memory": Act(lambda b: b.replace(storage="memory", max_bytes=1 << 20)),
    "the stream is a mirror": Act(lambda b: b.replace(without=("subjects",), retention="limits",
                                                      mirror={"name": "EVENTS"})),
    "a consumer is another": Act(lambda b: (
        b.js("CONSUMER.DELETE.JOBS.scout-high"),
        b.js("CONSUMER.DURABLE.CREATE.JOBS.scout-high", {"stream_name": "JOBS", "config": {
            "durable_name": "scout-high", "filter_subject": "sokoul.jobs.scout.*.high", "ack_policy": "explicit",
            "headers_only": True}}))),
    "the store is lost": Act(lose_store),
    "another stream takes the subjects": Act(take_subjects, give_subjects_back, "OTHER takes subjects of JOBS"),
    "the server is killed": Act(lambda b: b.nats.kill(), lambda b: b.start(), "nothing listens at NATS_URL"),
    "the server is frozen": Act(flood, lambda b: b.nats.thaw(), "NATS (did not answer|accepts the connection and)"),
    "the password is another": Act(lambda b: b.reload(b.good.replace(b.password, "another")),
                                   lambda b: b.reload(b.good), "refuses the user or the password"),
    "streams may not be made": Act(forbid_streams, restore, "forbids what is needed: .*STREAM.CREATE"),
    "the account has no JetStream": Act(
        lambda b: b.start_with(re.sub(r"authorization \{.*\}", "", b.good, flags=re.S) + ACCOUNTS % b.password), restore,
        "JetStream is not enabled"),
    "the server has no JetStream": Act(lambda b: b.start_with(re.sub(r"jetstream \{.*?\}\n", "", b.good, flags=re.S)),
                                       restore, "JetStream"),
    "only tiny messages are taken": Act(lambda b: (b.start_with(b.good.replace("1MB", "1000")), b.post()), restore,
                                        "max_payload"),
    "copies lie in a stream that cannot be mended": Act(leave_dlq, empty_dlq, "DLQ is (wrongly set and not empty|missing or wrongly set)|DLQ is not set"),
}


@pytest.mark.parametrize("name", ACTS)
def test_an_act_on_nats_heals_or_is_told(broker, name):
    act = ACTS[name]
    act.do(broker)
    if act.told:
        broker.tells(act.told)
        act.undo(broker)
    broker.heals()
