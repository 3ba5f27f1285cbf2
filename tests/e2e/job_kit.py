# SPDX-License-Identifier: Apache-2.0
"""What the tests of jobs share: making them, waiting for them, and what must hold afterwards."""
import json
import time
import uuid

from stack.nats import NatsError
from stack_under_test import eventually

SYSTEM = "00000000-0000-0000-0000-000000000000"


def inject(sokoul, kind, payload, count=1, *options):
    """The ids of accepted jobs."""
    done = sokoul.ctl("job", "inject", "--kind", kind, "--payload", json.dumps(payload), "--count", str(count), "--json",
                      *options)
    return json.loads(done.stdout)["ids"]


def post(admin, payload=None, **more):
    answer = admin.post("/jobs", {"kind": "noop", "payload": payload or {}, **more})
    assert answer.status == 202, answer
    return answer.json["job_id"]


def job(sokoul, job_id):
    """As GET /jobs/{id} shows it."""
    return json.loads(sokoul.ctl("job", "get", job_id, "--json").stdout)


def settled(sokoul, job_id, wait_s=30):
    sokoul.job_settled(job_id, wait_s)
    return job(sokoul, job_id)


def run(sokoul, kind, payload, wait_s=30):
    return settled(sokoul, inject(sokoul, kind, payload)[0], wait_s)


def stamp(ago_s=0):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - ago_s))


def envelope(**fields):
    """A good one of a noop, with these fields instead; None leaves one out."""
    whole = {"v": 1, "job_id": str(uuid.uuid4()), "kind": "noop", "timestamp": stamp(), "user_id": SYSTEM,
             "request_id": "req-test", "payload": {}, **fields}
    return {k: v for k, v in whole.items() if v is not None}


def publish(nats, body, subject="sokoul.jobs.scout.noop", headers=None):
    """Straight into JetStream; waits for its confirmation."""
    return nats.js_publish(subject, body if isinstance(body, bytes) else json.dumps(body).encode(), headers,
                           stream_s=10)


def done_count(sokoul, ids):
    return sokoul.value("SELECT count(*) FROM jobs WHERE job_id = ANY(%s::uuid[]) AND status IN ('Completed', 'Failed')",
                        (ids,))


def all_settled(sokoul, ids, wait_s=60):
    eventually(lambda: done_count(sokoul, ids) == len(ids), wait_s, f"the end of {len(ids)} jobs")


def check_each_ran_once(sokoul, ids):
    """Each became Completed once and left it never, and began again only what had been handed or taken back; one result each, no
    letter, nothing left under way."""
    assert len(set(ids)) == len(ids)
    rows = sokoul.sql("SELECT j.status, count(DISTINCT j.job_id), count(r.job_id) FROM jobs j LEFT JOIN job_results r "
                      "USING (job_id) WHERE j.job_id = ANY(%s::uuid[]) GROUP BY 1", (ids,))
    assert rows == [("Completed", len(ids), len(ids))]
    moves = sokoul.sql(
        "SELECT job_id::text, count(*) FILTER (WHERE became = 'Completed'), count(*) FILTER (WHERE was IN ('Completed', 'Failed')),"
        " count(*) FILTER (WHERE became = 'Running') - count(*) FILTER (WHERE was = 'Running' AND became = 'Pending')"
        " FROM watched_moves WHERE job_id = ANY(%s::uuid[]) GROUP BY 1", (ids,))
    assert {row[0] for row in moves} == set(ids)
    wrong = [row for row in moves if row[1:] != (1, 0, 1)]
    assert not wrong, f"(job, ends, moves after an end, beginnings that were not undone): {wrong[:5]}"
    assert sokoul.value("SELECT count(*) FROM dead_letters") == 0
    left = "SELECT count(*) FROM outgoing"
    eventually(lambda: sokoul.value(left) == 0, 10, "an empty outbox")
    eventually(lambda: unsettled(sokoul) == 0, 45, "consumers with nothing left")  # what a dead worker held comes again after ack_wait


def stream_info(nats, name="JOBS"):
    """What JetStream says of a stream; a program that starts makes it within moments."""
    eventually(lambda: name in (nats.js("STREAM.NAMES")["streams"] or ()), what=f"the stream {name}")
    return nats.js(f"STREAM.INFO.{name}")


def unsettled(sokoul):
    """Messages of JOBS that a consumer has still to deliver, or to hear of; None while one of them is being made anew."""
    try:
        with sokoul.nats.connect() as nats:
            names = nats.js("CONSUMER.NAMES.JOBS")["consumers"]
            found = [nats.js(f"CONSUMER.INFO.JOBS.{name}") for name in names or ()]
    except NatsError:
        return None
    return sum(c["num_pending"] + c["num_ack_pending"] for c in found)
