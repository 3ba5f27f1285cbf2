# SPDX-License-Identifier: Apache-2.0
"""An outbox past its cap sheds new jobs and nothing else."""
from client import Api
from stack_under_test import eventually


def test_too_many_waiting_wake_ups_shed_new_jobs_and_nothing_else(sokoul):
    """req: S240, S241"""
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
    assert admin.get("/jobs").status == 200

    sokoul.nats.start()
    eventually(lambda: admin.post("/jobs", body).status == 202, 30, "jobs accepted again")
