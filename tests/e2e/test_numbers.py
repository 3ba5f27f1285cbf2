# SPDX-License-Identifier: Apache-2.0
"""Numbers pass unchanged, digit by digit, whichever way they come in, and out again."""
import json

import pytest
from job_kit import envelope, publish
from stack_under_test import eventually
from test_library import start_kit

# As it is sent, and as Postgres writes the same number.
NUMBERS = [("1152921504606846977", "1152921504606846977"), ("-9007199254740993", "-9007199254740993"),
           ("123456789012345678901234567890", "123456789012345678901234567890"),
           ("0.123456789012345678901234567891", "0.123456789012345678901234567891"), ("2.50", "2.50"), ("7", "7"),
           ("1" + "0" * 100, "1" + "0" * 100), ("1e100", "1" + "0" * 100), ("1.5E-7", "0.00000015"), ("-0", "-0")]
SENT = '{"n":[' + ",".join(sent for sent, _ in NUMBERS) + '],"text":"1e5 \\" -7"}'
KEPT = [kept for _, kept in NUMBERS]


def numbers(text):
    """What a JSON text has under "n", each number as it is written."""
    whole = json.loads(text, parse_int=str, parse_float=str)
    return whole["n"]


def kept(sokoul, job_id, what="payload"):
    """As the job's row has them, but that a zero has no sign in Postgres."""
    found = numbers(sokoul.value(f"SELECT {what}::text FROM jobs WHERE job_id = %s", (job_id,)))
    return ["-0" if n == "0" else n for n in found]


def by_api(sokoul, admin):
    answer = admin.post("/jobs", body=('{"kind":"noop","payload":%s}' % SENT).encode(),
                        headers={"Content-Type": "application/json"})
    assert answer.status == 202, answer
    return answer.json["job_id"]


def by_api_with_a_key(sokoul, admin):
    answer = admin.post("/jobs", body=('{"kind":"noop","payload":%s}' % SENT).encode(),
                        headers={"Content-Type": "application/json", "Idempotency-Key": "one"})
    assert answer.status == 202, answer
    return answer.json["job_id"]


def by_ctl(sokoul, admin):
    done = sokoul.ctl("job", "inject", "--kind", "noop", "--payload", SENT, "--json")
    return json.loads(done.stdout)["ids"][0]


def by_ctl_raw(sokoul, admin):
    done = sokoul.ctl("job", "inject", "--kind", "noop", "--payload", SENT, "--json", "--raw")
    return json.loads(done.stdout)["ids"][0]


def by_message(sokoul, admin):
    body = envelope(payload="HERE")
    with sokoul.nats.connect() as nats:
        publish(nats, json.dumps(body).replace('"HERE"', SENT).encode())
    return body["job_id"]


def by_replay(sokoul, admin):
    job_id = json.loads(sokoul.ctl("job", "inject", "--kind", "noop", "--payload", '{"fail":true}', "--json").stdout)["ids"][0]
    sokoul.job_settled(job_id, 60)
    letter = sokoul.value("SELECT id::text FROM dead_letters WHERE job_id = %s", (job_id,))
    answer = admin.post(f"/admin/dlq/{letter}/replay", body=('{"payload":%s}' % SENT).encode(),
                        headers={"Content-Type": "application/json"})
    assert answer.status == 202, answer
    return job_id


@pytest.mark.parametrize("way", [by_api, by_api_with_a_key, by_ctl, by_ctl_raw, by_message, by_replay])
def test_a_payload_has_its_numbers_as_they_were_sent(sokoul, admin, way):
    sokoul.start("sokoul-scout")
    job_id = way(sokoul, admin)
    assert sokoul.job_settled(job_id) == "Completed"
    assert kept(sokoul, job_id) == KEPT


def test_a_result_has_its_numbers_as_they_were_sent(sokoul, admin):
    sokoul.start("sokoul-scout")
    echo = '{"echo":%s}' % SENT
    for job_id in (json.loads(sokoul.ctl("job", "inject", "--kind", "noop", "--payload", echo, "--json").stdout)["ids"][0],
                   admin.post("/jobs", body=('{"kind":"noop","payload":%s}' % echo).encode(),
                              headers={"Content-Type": "application/json"}).json["job_id"]):
        assert sokoul.job_settled(job_id) == "Completed"
        shown = admin.get(f"/jobs/{job_id}").text
        found = json.loads(shown, parse_int=str, parse_float=str)["result"]["echo"]["n"]
        assert ["-0" if n == "0" else n for n in found] == KEPT
        for n in KEPT[:-1]:  # also for people
            assert n in sokoul.ctl("job", "get", job_id).stdout


def test_a_worker_on_the_library_is_given_and_gives_whole_numbers(sokoul):
    sokoul.start("sokoul-scout")
    start_kit(sokoul)
    payload = '{"text":1152921504606846977,"n":[%s]}' % ",".join(sent for sent, _ in NUMBERS)
    job_id = json.loads(sokoul.ctl("job", "inject", "--worker", "kit", "--kind", "tell", "--payload", payload,
                                   "--json").stdout)["ids"][0]
    assert sokoul.job_settled(job_id) == "Completed"
    text = sokoul.value("SELECT result::text FROM job_results WHERE job_id = %s", (job_id,))
    result = json.loads(text, parse_int=str, parse_float=str)
    assert result["other"] == "1152921504606846977"  # sokoul_job_int
    assert ["-0" if n == "0" else n for n in result["payload"]["n"]] == KEPT


def test_progress_and_checkpoint_have_their_numbers_as_they_were_told(sokoul):
    sokoul.start("sokoul-scout")
    start_kit(sokoul)
    payload = json.dumps({"end": 6, "pause_ms": 0, "text": "Not here.", "keep": SENT})  # 6: handed back
    job_id = json.loads(sokoul.ctl("job", "inject", "--worker", "kit", "--kind", "end", "--payload", payload,
                                   "--json").stdout)["ids"][0]
    assert sokoul.job_settled(job_id) == "Completed"
    assert kept(sokoul, job_id, "checkpoint") == KEPT
    assert kept(sokoul, job_id, "progress") == KEPT


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e-1000", "0e99999", pytest.param("9" * 1001, id="long")])
def test_a_number_that_nothing_can_keep_is_refused_everywhere(sokoul, admin, number):
    sokoul.start("sokoul-scout")
    body = ('{"kind":"noop","payload":{"n":%s}}' % number).encode()
    answer = admin.post("/jobs", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400 and "number" in answer.json["detail"], answer
    done = sokoul.ctl("job", "inject", "--kind", "noop", "--payload", '{"n":%s}' % number, check=False)
    assert done.returncode == 64 and "number" in done.stderr, done
    with sokoul.nats.connect() as nats:
        publish(nats, json.dumps(envelope(payload={"n": "HERE"})).replace('"HERE"', number).encode())
    eventually(lambda: sokoul.value("SELECT count(*) FROM dead_letters WHERE job_id IS NULL") == 1, 30, "a raw letter")
    assert sokoul.value("SELECT count(*) FROM jobs") == 0
