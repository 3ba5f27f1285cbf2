# SPDX-License-Identifier: Apache-2.0
"""A worker that has just started for the first time takes its first jobs at once.

It asks JetStream for work before the streams are made, and such a question is never answered.
"""


def test_the_first_jobs_on_an_empty_jetstream_start_at_once(sokoul):
    sokoul.start("sokoul-scout")
    sokoul.ctl("job", "inject", "--kind", "noop", "--count", "50", "--wait")
    waited_s = sokoul.value("SELECT extract(epoch FROM max(started_at - created_at)) FROM jobs")
    assert waited_s < 3, f"a job waited {waited_s:.1f} s for a worker that had nothing to do"


def test_the_first_jobs_after_the_streams_were_deleted_start_soon(sokoul):
    sokoul.start("sokoul-scout")
    sokoul.ctl("job", "inject", "--kind", "noop", "--wait")
    with sokoul.nats.connect() as nats:
        nats.js("STREAM.DELETE.JOBS")
    sokoul.ctl("job", "inject", "--kind", "noop", "--count", "50", "--wait")
    waited_s = sokoul.value("SELECT extract(epoch FROM max(started_at - created_at)) FROM jobs")
    assert waited_s < 5, f"a job waited {waited_s:.1f} s after the stream had come back"
