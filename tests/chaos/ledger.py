# SPDX-License-Identifier: Apache-2.0
"""What was promised, and whether it was kept.

Ledger     every id that was accepted, on disk before the next request is sent
Requester  sends POST /jobs until it is accepted, whatever dies meanwhile, and notes each answer
           that breaks the contract (I10)
broken()   the invariants of FAULTS that do not hold, as sentences; [] is what a test wants
"""
import http.client
import json
import os
import random
import threading
import time


class Ledger:
    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        self.ids = []
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, ids):
        with self.lock:
            os.write(self.file, "".join(f"{i}\n" for i in ids).encode())
            os.fsync(self.file)
            self.ids += ids

    def write_off(self, lost):
        """These were promised and are gone, which a test has declared to be lawful."""
        with self.lock:
            self.ids = [i for i in self.ids if i not in lost]

    def close(self):
        os.close(self.file)


class Requester:
    """A client of an API that may die at any moment. `port` and `token` may change while it works."""

    def __init__(self, api, ledger, seed=1):
        self.api = api
        self.ledger = ledger
        self.random = random.Random(seed)
        self.mark = f"{seed}-{os.getpid()}-{id(self)}"
        self.number = 0
        self.lock = threading.Lock()
        self.wrongs = []
        self.seen = {}

    def key(self):
        with self.lock:
            self.number += 1
            return f"chaos-{self.mark}-{self.number}"

    def judge(self, answer):
        """I10: never 500; 5xx is 503 with Retry-After; every error is problem+json."""
        with self.lock:
            self.seen[answer.status] = self.seen.get(answer.status, 0) + 1
        if answer.status < 400:
            return
        wrong = None
        if answer.status >= 500 and (answer.status != 503 or not answer.headers.get("Retry-After")):
            wrong = f"{answer.status}, Retry-After {answer.headers.get('Retry-After')}"
        elif not (answer.headers.get("Content-Type") or "").startswith("application/problem+json"):
            wrong = f"{answer.status} as {answer.headers.get('Content-Type')}"
        if wrong:
            with self.lock:
                self.wrongs.append(f"{wrong}: {answer.text[:200]}")

    def once(self, body, key=None):
        """One try: the ids that were accepted, or None."""
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = self.api.request("POST", "/jobs", body, headers=headers)
        except (OSError, http.client.HTTPException):
            with self.lock:
                self.seen["cut"] = self.seen.get("cut", 0) + 1
            return None
        self.judge(answer)
        if answer.status != 202:
            if answer.status not in (409, 429, 503):
                self.wrongs.append(f"POST /jobs: {answer.status} {answer.text[:200]}")
            return None
        ids = answer.json.get("job_ids") or [answer.json["job_id"]]
        self.ledger.add(ids)
        return ids

    def submit(self, payload=None, wait_s=90, **more):
        """With an Idempotency-Key, again and again until it is accepted; the ids."""
        key = self.key()
        body = {"kind": "noop", "payload": payload or {}, **more}
        deadline = time.monotonic() + wait_s
        pause = threading.Event()
        while time.monotonic() < deadline:
            ids = self.once(body, key)
            if ids:
                return ids
            pause.wait(0.05 + self.random.random() * 0.1)
        raise AssertionError(f"POST /jobs was not accepted within {wait_s} s; answers so far: {self.seen}")


# ---- the invariants -----------------------------------------------------------------------------

CHECKS = (
    ("I1 accepted, but not in jobs",
     "SELECT id::text FROM unnest(%(ids)s::uuid[]) AS t(id) WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE job_id = id)"),
    ("I2 not terminal",
     "SELECT job_id || ' ' || status || ' attempts ' || attempts || ' epoch ' || epoch FROM jobs"
     " WHERE status NOT IN ('Completed', 'Failed')"),
    ("I3 Completed without exactly one result",
     "SELECT job_id::text FROM jobs j WHERE status = 'Completed'"
     " AND (SELECT count(*) FROM job_results r WHERE r.job_id = j.job_id) <> 1"),
    ("I3 Failed with a result",
     "SELECT job_id::text FROM jobs j WHERE status = 'Failed'"
     " AND EXISTS (SELECT 1 FROM job_results r WHERE r.job_id = j.job_id)"),
    ("I3 Failed without a reason", "SELECT job_id::text FROM jobs WHERE status = 'Failed' AND coalesce(reason, '') = ''"),
    ("I4 more results written than one per completion",
     "SELECT job_id::text FROM chaos_results GROUP BY job_id HAVING count(*) > "
     " (SELECT count(*) FROM chaos_moves m WHERE m.job_id = chaos_results.job_id AND m.became = 'Completed')"),
    ("I4 the result is not the latest claim's",
     "SELECT job_id::text FROM jobs j JOIN job_results r USING (job_id) WHERE kind = 'noop' AND status = 'Completed'"
     " AND (r.result->>'attempt')::int <> j.attempts"),
    ("I5 an unlawful move", "SELECT job_id || ': ' || wrong FROM chaos_wrongs"),
    ("I5 ended twice without a replay",
     "SELECT job_id::text FROM chaos_moves GROUP BY job_id HAVING count(*) FILTER (WHERE became IN ('Completed', 'Failed'))"
     " > 1 + count(*) FILTER (WHERE was = 'Failed' AND became = 'Pending')"),
    ("I6 attempts beyond the limit", "SELECT job_id || ' ' || attempts FROM jobs WHERE attempts > 4"),
    ("I7 no open letter", "SELECT job_id::text FROM jobs j WHERE status = 'Failed' AND reason IN"
     " ('exhausted', 'poison', 'expired') AND NOT EXISTS"
     " (SELECT 1 FROM dead_letters d WHERE d.job_id = j.job_id AND closed_at IS NULL)"),
    ("I7 a letter too many", "SELECT d.job_id::text FROM dead_letters d JOIN jobs j USING (job_id) WHERE closed_at IS NULL"
     " AND NOT (status = 'Failed' AND j.reason IN ('exhausted', 'poison', 'expired'))"),
    ("I8 the outbox is not empty", "SELECT id || ' ' || subject FROM outgoing"),
)


def broken(world, nats=True):
    """Sentences about what does not hold now."""
    found = []
    for what, statement in CHECKS:
        rows = world.sql(statement, {"ids": list(world.ledger.ids)})
        if rows:
            found.append(f"{what}: {len(rows)} times, e.g. {rows[0][0]}")
    if nats:
        found += undrained(world.nats)
    return found + [f"I10 {w}" for w in world.requester_wrongs()]


def undrained(server):
    """I8: what JetStream still holds of JOBS."""
    try:
        with server.connect() as nats:
            state = nats.js("STREAM.INFO.JOBS")["state"]
            waiting = nats.js("CONSUMER.INFO.JOBS.scout")
    except Exception as e:  # noqa: BLE001  not there (yet) is a finding, too
        return [f"I8 JetStream: {e}"]
    if state["messages"] == 0:
        return []
    return [f"I8 JOBS holds {state['messages']} messages from {state['first_seq']} to {state['last_seq']}; of scout's "
            f"{waiting['num_ack_pending']} are unacknowledged, {waiting['num_pending']} not delivered, delivered up to "
            f"{waiting['delivered']}, acknowledged up to {waiting['ack_floor']}, "
            f"{waiting['num_redelivered']} redelivered"]


def summary(world):
    rows = world.sql("SELECT status, coalesce(reason, ''), count(*) FROM jobs GROUP BY 1, 2 ORDER BY 1, 2")
    return json.dumps({f"{s} {r}".strip(): n for s, r, n in rows})
