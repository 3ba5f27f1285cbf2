# SPDX-License-Identifier: Apache-2.0
"""What does not fit is refused by sokoulctl in plain words, as the API does, and nothing is made of it."""
import json

import pytest

NOOP = ("job", "inject", "--kind", "noop")
PUT = ("schedule", "put", "nightly", "--every", "60")


@pytest.mark.parametrize("words, said", [
    ((*NOOP, "--unique-key", "k" * 256), "--unique-key must have 1 to 255 characters"),
    ((*NOOP, "--unique-key", "é" * 256, "--raw"), "--unique-key must have 1 to 255 characters"),
    ((*NOOP, "--unique-key", ""), "--unique-key must have 1 to 255 characters"),
    ((*NOOP, "--unique-key", b"\xff"), "--unique-key must have 1 to 255 characters"),
    ((*NOOP, "--payload", json.dumps({"x": "x" * 60000})), "--payload must have at most 60000 bytes"),
    ((*NOOP, "--payload", json.dumps({"x": "<" * 20000})), "--payload must have at most 60000 bytes"),
    ((*NOOP, "--payload", json.dumps({"x": "x" * 60000}), "--raw"), "--payload must have at most 60000 bytes"),
    ((*NOOP, "--payload", "[]"), "--payload must be a JSON object"),
    ((*NOOP, "--priority", "urgent"), "--priority must be high, normal or low"),
    ((*NOOP, "--run-at", "tomorrow"), "--run-at must be a time"),
    ((*NOOP, "--deadline", "10000-01-01T00:00:00Z"), "--deadline must be a time"),
    ((*NOOP, "--worker", "w" * 33), "unknown worker"),
    (("job", "inject", "--kind", "k" * 33, "--worker", "mine"), "unknown kind"),
    (("job", "inject", "--kind", "k", "--worker", "w" * 33), "does not run"),
    (("job", "ls", "--status", "Done"), "--status must be Pending, Running, Completed or Failed"),
    ((*PUT, "--kind", "noop", "--payload", json.dumps({"x": "x" * 60000})), "--payload must have at most 60000 bytes"),
    ((*PUT, "--kind", "noop", "--worker", "mine"), "worker mine does not run noop"),
    ((*PUT, "--kind", "k" * 33, "--worker", "mine"), "does not run"),
    (("schedule", "put", "n" * 64, "--every", "60", "--kind", "noop"), "a name is 1 to 63 of"),
    (("limit", "set", "k" * 3000, "--max", "1"), "must be 1 to 32 of"),
    (("limit", "set", "A kind", "--max", "1"), "must be 1 to 32 of"),
    (("dlq", "replay", "01900000-0000-7000-8000-000000000000", "--payload", json.dumps({"x": "x" * 60000})),
     "--payload must have at most 60000 bytes"),
    (("user", "create", "u" * 33, "--email", "a@example.org", "--password-stdin"), "3 to 32 characters"),
    (("user", "create", "ada", "--email", "a@" + "b" * 250 + ".org", "--password-stdin"), "not an e-mail address")],
    ids=lambda value: str(value)[:60])
def test_what_does_not_fit_is_refused_in_plain_words(sokoul, words, said):
    done = sokoul.ctl(*words, check=False)
    assert done.returncode == 64 and said in done.stderr, done
    for table in ("jobs", "schedules", "job_limits"):
        assert sokoul.value(f"SELECT count(*) FROM {table}") == 0
    if "--raw" in words:
        with sokoul.nats.connect() as nats:
            assert nats.js("STREAM.NAMES").get("total", 0) == 0


def test_what_just_fits_runs(sokoul, admin):
    sokoul.start("sokoul-scout")
    payload = json.dumps({"x": "x" * (60000 - 9)}, separators=(",", ":"))
    for words in (("--unique-key", "é" * 255), ("--payload", payload), ("--unique-key", "k" * 255, "--raw")):
        job_id = json.loads(sokoul.ctl(*NOOP, "--json", *words).stdout)["ids"][0]
        assert sokoul.job_settled(job_id) == "Completed"
    assert admin.post("/jobs", {"kind": "noop", "payload": json.loads(payload)}).status == 202
    assert admin.post("/jobs", {"kind": "noop", "payload": {"x": "x" * 60000}}).status == 400


def test_a_payload_that_grows_past_any_message_in_the_database_runs(sokoul, admin):
    """Postgres writes exponents out, and others write rows of their own: a message only wakes."""
    scout = sokoul.start("sokoul-scout")
    body = b'{"kind":"noop","payload":{"n":[%s]}}' % b",".join([b"1e308"] * 9000)
    answer = admin.post("/jobs", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 202, answer
    row = sokoul.value(
        "WITH job AS (INSERT INTO jobs (job_id, kind, worker, user_id, payload, epoch, wake) VALUES (gen_random_uuid(), "
        "'noop', 'scout', '00000000-0000-0000-0000-000000000000', jsonb_build_object('x', repeat('x', 2000000)), 1, "
        "nextval('outbox_id_seq')) RETURNING job_id, wake), wake AS (INSERT INTO outgoing (id, job_ids, epoch, subject) "
        "SELECT wake, ARRAY[job_id], 1, 'sokoul.jobs.scout.noop' FROM job) SELECT job_id::text FROM job")
    for job_id in (answer.json["job_id"], row):
        assert sokoul.job_settled(job_id) == "Completed"
    assert scout.running() and sokoul.programs[0].running()
