# SPDX-License-Identifier: Apache-2.0
"""The crash points of FAULTS, and what makes a program pass them.

Each row: id, program, name of the point in the code, and a function that keeps the system busy
so that the program comes by; it is called again until the program is dead.
"""
import json
import time
import uuid
from collections import namedtuple

Point = namedtuple("Point", "id program at busy")


def usual(world):
    """Jobs that succeed and jobs that fail once, ending together."""
    world.new_requester().once({"kind": "noop", "payload": {"echo": 1}, "count": 5}, str(uuid.uuid4()))


def mixed(world):
    """Ends of both sorts in one batch: the settler needs a transaction."""
    for payload in ({"sleep_ms": 40}, {"sleep_ms": 40, "fail": 1}):
        world.new_requester().once({"kind": "noop", "payload": payload, "count": 20}, str(uuid.uuid4()))


def last_attempts(world):
    """Jobs whose next failure is the last."""
    ids = world.new_requester().once(
        {"kind": "noop", "payload": {"fail": True}, "count": 3, "run_at": at(1)}, str(uuid.uuid4()))
    if ids:
        world.sql("UPDATE jobs SET attempts = 3 WHERE job_id = ANY(%s::uuid[]) AND status = 'Pending'", (ids,))


def poison(world):
    """One message that is no envelope, once."""
    if not world.notes:
        world.notes.append("poisoned")
        with world.nats.connect() as nats:
            nats.js_publish("sokoul.jobs.scout.noop", b"{this is no envelope")


def wait_for_death(world):
    """Jobs of a worker that dies, for the sweeper to take back."""
    if world.value("SELECT count(*) FROM jobs WHERE status = 'Running'"):
        return
    usual(world)


def at(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 1 + seconds))


POINTS = (
    Point("K1", "sokoul-api", "accept:3", usual),
    Point("K2", "sokoul-api", "accepted:3", usual),
    Point("K3", "sokoul-api", "relay_taken:2", usual),
    Point("K4", "sokoul-api", "relay_confirmed:2", usual),
    Point("K5", "sokoul-scout", "received:2", usual),
    Point("K6", "sokoul-scout", "claimed:8", usual),
    Point("K6b", "sokoul-scout", "job_claimed:8", usual),
    Point("K7", "sokoul-scout", "job_ran:8", usual),
    Point("K8", "sokoul-scout", "result_written:1", mixed),
    Point("K9", "sokoul-scout", "settled:2", usual),
    Point("K10", "sokoul-scout", "acked:2", usual),
    Point("K11", "sokoul-api", "taking_back:1", wait_for_death),
    Point("K12", "sokoul-scout", "letter_due:1", last_attempts),
    Point("K12b", "sokoul-scout", "letter_written:1", last_attempts),
    Point("K12c", "sokoul-scout", "raw_buried:1", poison),
)
BY_ID = {p.id: p for p in POINTS}


def envelope(job_id=None, v=1, **more):
    """The bytes of an envelope that nobody accepted."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
    return json.dumps({"v": v, "job_id": job_id or str(uuid.uuid4()), "kind": "noop", "timestamp": stamp,
                       "user_id": "00000000-0000-0000-0000-000000000000", "request_id": "chaos", "payload": {},
                       **more}).encode()
