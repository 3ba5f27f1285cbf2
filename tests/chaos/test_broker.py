# SPDX-License-Identifier: Apache-2.0
"""NATS and JetStream go away, forget, fill up, repeat themselves and carry rubbish. N1-N6, N8"""
import json
import os
import shutil
import threading
import time
import uuid

import pytest
from points import envelope
from stack.nats import NatsError
from stack_under_test import SLOW, eventually
from world import Load

STORE = "jetstream"


def wipe(world):
    """JetStream's store is lost."""
    world.nats.kill()
    shutil.rmtree(os.path.join(world.nats.folder, STORE))
    world.restart_server(world.nats)


def backlog(world):
    return world.value("SELECT count(*) FROM outgoing")


def unacknowledged(world):
    with world.nats.connect() as nats:
        return nats.js("STREAM.INFO.JOBS")["state"]["messages"]


def into_stream(world, count):
    """So many jobs, whose messages nobody takes."""
    world.post(count=count)
    eventually(lambda: backlog(world) == 0 and unacknowledged(world) == count, 20, f"{count} messages in the stream")


def nats_away(world, away, back):
    world.both()
    away()
    ids = [i for _ in range(5) for i in world.post(count=4)]
    assert backlog(world) == len(ids), "accepted, and waiting in the outbox"
    assert world.root.get("/livez").status == 200
    back()
    world.holds()
    assert world.swept() == 0, "the outbox is enough"


def test_jobs_are_accepted_while_nats_is_dead(world):  # req: S111
    nats_away(world, world.nats.kill, lambda: world.restart_server(world.nats))


def test_jobs_are_accepted_while_nats_is_frozen(world):
    nats_away(world, lambda: world.nats.child.send_signal(19), lambda: world.nats.child.send_signal(18))


def test_a_lost_store_loses_nothing(world):
    """N2: messages that were confirmed and never delivered are gone with the store."""
    api = world.up("sokoul-api")
    assert api.running()
    into_stream(world, 30)
    wipe(world)
    world.up("sokoul-scout")
    world.holds()
    assert world.swept() >= 30


@pytest.mark.long
def test_a_store_that_is_lost_five_times_under_load_loses_nothing(world):
    world.both()
    with Load(world, 3) as load:
        for nth in range(5):
            eventually(lambda n=nth: len(world.ledger.ids) > 60 * (n + 1), 60, "load")
            wipe(world)
    assert load.finished()
    world.holds()


def test_a_store_that_was_set_back_doubles_and_loses_nothing(world, tmp_path):
    """N3: old messages come again, young ones are gone."""
    world.up("sokoul-api")
    into_stream(world, 10)
    world.nats.kill()
    old = tmp_path / "old"
    shutil.copytree(os.path.join(world.nats.folder, STORE), old)
    world.restart_server(world.nats)
    scout = world.up("sokoul-scout")
    world.done(world.ledger.ids)
    world.stop_program(scout)
    into_stream(world, 15)
    world.nats.kill()
    shutil.rmtree(os.path.join(world.nats.folder, STORE))
    shutil.copytree(old, os.path.join(world.nats.folder, STORE))
    world.restart_server(world.nats)
    world.up("sokoul-scout")
    world.holds()
    assert world.value("SELECT max(attempts) FROM jobs") == 1


def test_a_full_stream_makes_the_outbox_wait(world):
    """N4: nothing that is in the stream makes room for what comes."""
    world.both(OUTBOX_MAX="40")
    world.stop_program(world.programs[-1])
    with world.nats.connect() as nats:
        config = nats.js("STREAM.INFO.JOBS")["config"]
        nats.js("STREAM.UPDATE.JOBS", {**config, "max_bytes": 20000})
    first = world.post(count=20)
    world.post({"echo": "x" * 900}, count=60)
    eventually(lambda: backlog(world) > 30, 20, "a stream that refuses")
    eventually(lambda: kept(world)["messages"] + backlog(world) == 80, 20, "each job in one of the two")
    assert kept(world)["first_seq"] == 1
    eventually(lambda: "takes no messages" in (nats_error(world) or ""), 10, "a word of health")
    eventually(lambda: refuses(world), 40, "503 when more waits than may")
    assert world.root.get("/jobs/" + first[0]).status == 200
    world.up("sokoul-scout")
    world.holds()
    eventually(lambda: not refuses(world), 40, "no 503 when nothing waits")
    world.holds()


def kept(world):
    with world.nats.connect() as nats:
        return nats.js("STREAM.INFO.JOBS")["state"]


def nats_error(world):
    return world.root.get("/health/deep").json["components"]["nats"]["error"]


def refuses(world):
    answer = world.root.post("/jobs", {"kind": "noop"})
    world.requester.judge(answer)
    if answer.status == 202:
        world.ledger.add([answer.json["job_id"]])
    return answer.status == 503 and int(answer.headers["Retry-After"]) > 0


def test_each_message_ten_times_is_one_effect(world):
    """N5: past the server's own memory of message ids."""
    world.both()
    ids = [str(uuid.uuid4()) for _ in range(30)]
    bodies = {i: envelope(i, payload={"sleep_ms": 20}) for i in ids}
    with world.nats.connect() as nats:
        for nth in range(10):
            for job_id in ids[nth:] + ids[:nth]:
                nats.publish("sokoul.jobs.scout.noop", bodies[job_id], {"Nats-Msg-Id": f"{job_id}:{nth}"})
        nats.flush()
    world.ledger.add(ids)
    world.done(ids)
    world.holds()
    assert world.value("SELECT count(*) FROM chaos_moves WHERE became = 'Running'") == 30
    assert world.value("SELECT count(*) FROM job_results") == 30


POISON = (b"", b"{", b"null", b"[]", b"\xff\xfe", b'{"v":1}', b'{"v":"1","job_id":3}', b"{" * 5000,
          json.dumps({"v": 1, "job_id": "no uuid", "kind": "noop", "timestamp": "2026-01-01T00:00:00.000Z",
                      "user_id": "00000000-0000-0000-0000-000000000000", "request_id": "x", "payload": {}}).encode(),
          b'{"v":1,"job_id":"0192f0c1-2345-7abc-8def-0123456789ab","kind":"noop","timest', # as ours begin
          b'"' + b"x" * 900 * 1024 + b'"')


def test_poison_is_buried_and_disturbs_nobody(world):  # req: S121
    """N6"""
    world.both()
    with world.nats.connect() as nats:
        for nth, bytes_ in enumerate(POISON):
            nats.js_publish("sokoul.jobs.scout.noop", bytes_, {"Nats-Msg-Id": f"poison:{nth}"})
        newer = str(uuid.uuid4())
        nats.js_publish("sokoul.jobs.scout.noop", envelope(newer, v=2, novelty={"a": [1]}))
    world.ledger.add([newer])
    began = time.monotonic()
    world.done(world.post(count=10) + [newer], 20)
    assert time.monotonic() - began < 10 * SLOW, "good messages do not wait for bad ones"
    eventually(lambda: world.value("SELECT count(*) FROM dead_letters") == len(POISON), 30, "a letter each")
    world.holds()
    sizes = world.sql("SELECT raw_size, length(raw) FROM dead_letters WHERE reason = 'poison' ORDER BY raw_size")
    assert sizes[-1] == (900 * 1024 + 2, 65536) and sizes[0][0] == 0 and len(sizes) == len(POISON)
    with world.nats.connect() as nats:
        assert nats.js("STREAM.INFO.DLQ")["state"]["messages"] == len(POISON)


def test_a_message_only_wakes(world):
    """Of a message that begins as ours do nothing but the job's id is read: the row tells the rest."""
    world.up("sokoul-api")
    ids = world.post(count=2)
    world.up("sokoul-scout")
    with world.nats.connect() as nats:
        nats.js_publish("sokoul.jobs.scout.noop", b'{"v":1,"job_id":"%s","kind":"noop","timest' % ids[0].encode())
    world.done(ids)
    with world.nats.connect() as nats:
        nats.js_publish("sokoul.jobs.scout.noop", b'{"v":1,"job_id":"%s","kind":"noop",}' % ids[1].encode())
    world.holds()
    assert world.value("SELECT count(*) FROM dead_letters") == 0


@pytest.mark.long
def test_old_and_new_envelopes_complete_side_by_side(world):
    """T2: version 1 and a version 2 that keeps the required fields, each with a crash in between."""
    world.both()
    ids = [str(uuid.uuid4()) for _ in range(20)]
    with world.nats.connect() as nats:
        for nth, job_id in enumerate(ids):
            nats.publish("sokoul.jobs.scout.noop", envelope(job_id, v=1 + nth % 2, later="x"))
        nats.flush()
    world.ledger.add(ids)
    world.programs[-1].kill()
    world.up("sokoul-scout")
    world.done(ids)
    world.holds()


def test_streams_and_consumers_that_were_removed_come_back(world):
    world.both()
    world.post(count=3)
    with world.nats.connect() as nats:
        nats.js("CONSUMER.DELETE.JOBS.scout")
        nats.js("STREAM.DELETE.JOBS")
    world.post(count=3)
    world.holds()

    def there():
        try:
            with world.nats.connect() as nats:
                return nats.js("CONSUMER.INFO.JOBS.scout")["config"]["max_deliver"] == -1
        except NatsError:
            return False

    eventually(there, 30, "the consumer")


@pytest.mark.long
def test_a_dead_broker_ends_no_program(world):
    """T1: SIGTERM while NATS is away; the load goes on."""
    api, scout = world.both()
    with Load(world, 2):
        eventually(lambda: len(world.ledger.ids) > 10, 30, "load")
        world.nats.kill()
        threads = [threading.Thread(target=p.ask) for p in (scout,)]
        for t in threads:
            t.start()
            t.join()
        assert scout.wait(70 * SLOW) == 0
        world.restart_server(world.nats)
        world.up("sokoul-scout")
    assert api.running()
    world.holds()


class Store:
    """What JetStream keeps of JOBS on the disk; the server is stopped meanwhile."""

    def __init__(self, world, kept):
        self.world = world
        self.kept = kept
        self.stream = next(os.path.join(at, "JOBS") for at, folders, _ in os.walk(world.nats.folder) if "JOBS" in folders)

    def keep(self, part, name):
        self.world.nats.stop()
        shutil.copytree(os.path.join(self.stream, part), self.kept / name)
        self.world.restart_server(self.world.nats)

    def put_back(self, part, name):
        self.world.nats.stop()
        shutil.rmtree(os.path.join(self.stream, part))
        shutil.copytree(self.kept / name, os.path.join(self.stream, part))
        self.world.restart_server(self.world.nats)


def test_messages_that_outlive_their_acknowledgement_are_removed(world, tmp_path):
    """A server that was killed remembers that they were acknowledged, and holds them all the same."""
    world.up("sokoul-api")
    into_stream(world, 10)
    store = Store(world, tmp_path)
    store.keep("msgs", "ten")
    world.up("sokoul-scout")
    world.holds()
    store.put_back("msgs", "ten")
    assert unacknowledged(world) == 10
    world.holds()
    assert world.value("SELECT max(attempts) FROM jobs") == 1


def pull(nats, count):
    """The subjects that acknowledge so many messages for scout."""
    inbox = nats.subscribe("_INBOX.chaos")
    nats.publish("$JS.API.CONSUMER.MSG.NEXT.JOBS.scout", json.dumps({"batch": count}).encode(), reply="_INBOX.chaos")
    return [nats.next(inbox).reply for _ in range(count)]


def test_a_consumer_that_waits_for_messages_that_are_gone_is_made_anew(world, tmp_path):
    """A server that was killed remembers messages as unacknowledged that it has no more. From 2.10 on a server compares its
    consumers with their stream as it starts, and mends this itself: then the messages are those that nobody delivers."""
    world.up("sokoul-api")
    into_stream(world, 15)
    store = Store(world, tmp_path)
    store.keep("msgs", "fifteen")
    with world.nats.connect() as nats:
        for reply in pull(nats, 15)[4:]:
            nats.publish(reply, b"+ACK")
        eventually(lambda: unacknowledged(world) == 4, 10, "4 messages in the stream")
    store.keep("obs", "four")
    world.up("sokoul-scout")
    world.holds()
    store.put_back("msgs", "fifteen")
    with world.nats.connect() as nats:
        nats.js("STREAM.PURGE.JOBS", {"seq": 11})
    store.put_back("obs", "four")
    with world.nats.connect() as nats:
        waiting = nats.js("CONSUMER.INFO.JOBS.scout")
        floor, pending = waiting["ack_floor"]["stream_seq"], waiting["num_ack_pending"]
        compares = [int(n) for n in nats.info["version"].split(".")[:2]] >= [2, 10]
    assert (floor, pending) == ((15, 0) if compares else (0, 4)) and unacknowledged(world) == 5
    world.holds(80 * SLOW)
    assert world.value("SELECT max(attempts) FROM jobs") == 1


def of_normal_jobs(nats):
    """Messages of JOBS for scout that are neither urgent nor low."""
    state = nats.js("STREAM.INFO.JOBS", {"subjects_filter": "sokoul.jobs.scout.noop"})["state"]
    return sum((state.get("subjects") or {}).values())


def test_a_consumer_whose_message_is_never_delivered_again_is_made_anew(world):
    """Of a server that forgot its timer; here somebody says for ever that he works on it. A consumer that a long job holds up stays."""
    api = world.up("sokoul-api")
    into_stream(world, 5)
    with world.nats.connect() as nats:
        [held] = pull(nats, 1)
        scout = world.up("sokoul-scout")
        slow = json.loads(world.inject(1, '{"sleep_ms":600000}', "--priority", "low").stdout)["ids"]
        eventually(lambda: of_normal_jobs(nats) == 1, 30, "a stream with nothing but the message that somebody holds")

        def is_delivered():
            nats.publish(held, b"+WPI")
            nats.flush()
            return of_normal_jobs(nats) == 0

        eventually(is_delivered, 90, "the message's acknowledgement by who was given it after all")

    def remade(program):
        return [line["message"] for line in program.log(event="consumer_stalled")]

    assert len(remade(api) + remade(scout)) == 1, "the stalled consumer, and no other"
    assert world.value("SELECT status FROM jobs WHERE job_id = %s", (slow[0],)) == "Running"
    world.ctl("job", "cancel", slow[0])
    world.holds()
    assert world.value("SELECT max(attempts) FROM jobs") == 1
