# SPDX-License-Identifier: Apache-2.0
"""The numbers of docs/JOBS.md, by which others write workers, are those of the programs."""
import os
import re
import uuid

import pytest
from stack.nats import NatsError
from stack_under_test import ROOT, eventually

SECOND_NS = 10**9


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return re.sub(r"\s+", " ", file.read())


PAGE = text_of("docs/JOBS.md")


def on_page(pattern):
    found = re.search(pattern, PAGE)
    assert found, f"docs/JOBS.md does not say {pattern}"
    return tuple(int(n.replace(",", "").replace("−", "-")) if re.fullmatch(r"−?[\d,]+", n) else n for n in found.groups())


def consumer_of_the_page():
    """The settings of a consumer as the page lists them, as JetStream names them."""
    ack, wait_s, deliver, pending, policy = on_page(
        r"`ack_policy` (\w+), `ack_wait` (\d+) s, `max_deliver` (−?\d+), `max_ack_pending` (\d+), `deliver_policy` (\w+)")
    return {"ack_policy": ack, "ack_wait": wait_s * SECOND_NS, "max_deliver": deliver, "max_ack_pending": pending,
            "deliver_policy": policy}


def consumers(nats):
    """Their names; none while the stream is being made."""
    try:
        return set(nats.js("CONSUMER.NAMES.JOBS")["consumers"] or [])
    except NatsError:
        return set()


def register(sokoul, worker):
    sokoul.sql("INSERT INTO workers (id, worker, node, server_start, backend_pid, backend_start) SELECT %s, %s, 'here', "
               "pg_postmaster_start_time(), pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()",
               (str(uuid.uuid4()), worker))


def test_the_page_says_what_streams_and_consumers_are(sokoul):
    sokoul.start("sokoul-scout")
    meant = consumer_of_the_page()
    with sokoul.nats.connect() as nats:
        ours = {"scout", "scout-high", "scout-low"}
        eventually(lambda: ours <= consumers(nats), 25, "the consumers of scout")
        for name in ours:
            config = nats.js(f"CONSUMER.INFO.JOBS.{name}")["config"]
            assert {k: config.get(k) for k in meant} == meant
        jobs = nats.js("STREAM.INFO.JOBS")["config"]
    minutes, = on_page(r"file storage, work-queue retention, discard new, duplicate window (\d+) min")
    assert (jobs["storage"], jobs["retention"], jobs["discard"]) == ("file", "workqueue", "new")
    assert jobs["duplicate_window"] == minutes * 60 * SECOND_NS


def test_a_consumer_made_as_the_page_says_is_left_as_it_is(sokoul):
    """The sweeper makes the two that its worker did not make, and does not make the third anew."""
    sokoul.start("sokoul-scout")
    with sokoul.nats.connect() as nats:
        eventually(lambda: "scout" in consumers(nats), 25, "the stream and its first consumer")
        config = {**consumer_of_the_page(), "durable_name": "guest", "filter_subject": "sokoul.jobs.guest.*"}
        made = nats.js("CONSUMER.DURABLE.CREATE.JOBS.guest", {"stream_name": "JOBS", "config": config})["created"]
        register(sokoul, "guest")
        eventually(lambda: {"guest-high", "guest-low"} <= consumers(nats), 25, "the consumers of the guest")
        assert nats.js("CONSUMER.INFO.JOBS.guest")["created"] == made


# What the page says; where the source says it; what one of the page's numbers is in units of the source's.
NUMBERS = [
    (r"object of at most ([\d,]+) bytes", "common/job/envelope.h", r"ENVELOPE_MAX_BYTES = (\d+)", 1),
    (r"no U\+0000, depth at most (\d+)", "common/json/json.h", r"JSON_MAX_DEPTH = (\d+)", 1),
    (r"`<kind>` are 1 to (\d+) of", "common/job/job.c", r"len > 0 && len <= (\d+)", 1),
    (r"ours: `JOBS_LEASE_S`, (\d+) s", "common/conf/settings.h", r'JOBS_LEASE_S, jobs_lease_s, U32, "(\d+)"', 1),
    (r"`job_again` after (\d), \d, \d s", "common/job/settle.c", r"waits_ms\[\] = \{(\d+), \d+, \d+\}", 1000),
    (r"`job_again` after \d, (\d), \d s", "common/job/settle.c", r"waits_ms\[\] = \{\d+, (\d+), \d+\}", 1000),
    (r"`job_again` after \d, \d, (\d) s", "common/job/settle.c", r"waits_ms\[\] = \{\d+, \d+, (\d+)\}", 1000),
    (r"… and it was the (\d)th", "common/job/job.h", r"JOB_MAX_ATTEMPTS = (\d+)", 1),
    (r'`-NAK \{"delay":(\d+)\}`', "workers/runtime/adopt.h", r"NAK_POISON_MS = (\d+)", 1e-6),
    (r"first (\d+) KiB as hex", "common/store/letters.c", r"RAW_KEPT_BYTES = (\d+)", 1024),
    (r"claimed nothing for (\d) s", "workers/runtime/inbox.h", r"INBOX_QUARANTINE_MS = (\d+)", 1000),
    (r"at two looks 0\.(\d) s apart", "common/store/jobs_heal.c", r"missing_since < clock_timestamp\(\) - interval '(\d+) ms'", 100),
]


@pytest.mark.parametrize("says,path,pattern,unit", NUMBERS)
def test_a_number_of_the_page_is_the_codes(says, path, pattern, unit):
    found = re.search(pattern, text_of(path))
    assert found, f"{path} does not say {pattern}"
    assert on_page(says)[0] * unit == int(found[1])
