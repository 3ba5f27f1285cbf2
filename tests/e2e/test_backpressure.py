# SPDX-License-Identifier: Apache-2.0
"""An outbox past its cap sheds new jobs and nothing else."""
import time
from concurrent.futures import ThreadPoolExecutor

from client import Api
from stack_under_test import SLOW, eventually


def p95_ms(call, count=200):
    times = []
    for _ in range(count):
        began = time.monotonic()
        assert call().status == 200
        times.append((time.monotonic() - began) * 1000)
    return sorted(times)[count * 95 // 100]


def test_too_many_waiting_wake_ups_shed_new_jobs_and_nothing_else(sokoul):
    """req: S240 part: S241"""
    admin = sokoul.admin(Api(sokoul.start("sokoul-api", settings={"OUTBOX_MAX": "5"}).port))
    sokoul.nats.kill()
    body = {"kind": "noop", "payload": {}}
    for _ in range(8):
        assert admin.post("/jobs", body).status == 202

    def refused():
        answer = admin.post("/jobs", body)
        return answer if answer.status == 503 else None

    answer = eventually(refused, 30, "a refusal past the cap")
    assert int(answer.headers["Retry-After"]) > 0
    assert "NATS" in answer.json["detail"]
    # The others do not feel it: idle now, and while refusals go on beside them.
    calm = p95_ms(lambda: admin.get("/jobs"))
    with ThreadPoolExecutor(2) as pool:
        shed = [pool.submit(lambda: [admin.post("/jobs", body).status for _ in range(300)]) for _ in range(2)]
        busy = p95_ms(lambda: admin.get("/jobs"))
        assert {status for one in shed for status in one.result()} == {503}
    assert busy <= max(4 * calm, 50) * SLOW, (calm, busy)

    sokoul.nats.start()
    eventually(lambda: admin.post("/jobs", body).status == 202, 30, "jobs accepted again")
