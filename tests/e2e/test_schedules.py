# SPDX-License-Identifier: Apache-2.0
"""Periodic jobs: fired once each time, however many programs look."""
import json

from stack_under_test import eventually


def test_an_interval_fires_once_each_time_with_two_programs(sokoul):
    sokoul.start("sokoul-scout")
    sokoul.start("sokoul-api")
    sokoul.ctl("schedule", "put", "tick", "--every", "1", "--kind", "noop")
    count = "SELECT count(*) FROM jobs WHERE request_id = 'schedule-tick' AND status = 'Completed'"
    eventually(lambda: sokoul.value(count) >= 3, 15, "three firings")
    sokoul.ctl("schedule", "rm", "tick")
    # one job for each second of the grid, none twice
    assert sokoul.value("SELECT count(*) - count(DISTINCT date_trunc('second', created_at))"
                        " FROM jobs WHERE request_id = 'schedule-tick'") <= 1
    assert json.loads(sokoul.ctl("--json", "schedule", "ls").stdout) == []


def test_what_was_missed_runs_once_or_is_left_out(sokoul):
    for name, missed in (("makes-up", "once"), ("lets-go", "skip")):
        sokoul.ctl("schedule", "put", name, "--cron", "0 3 * * *", "--kind", "noop", "--missed", missed)
    sokoul.sql("UPDATE schedules SET next_at = now() - interval '3 days'")
    sokoul.start("sokoul-scout")
    eventually(lambda: sokoul.value("SELECT count(*) FROM schedules WHERE next_at > now()") == 2, 15, "both moved on")
    assert sokoul.value("SELECT count(*) FROM jobs WHERE request_id = 'schedule-makes-up'") == 1
    assert sokoul.value("SELECT count(*) FROM jobs WHERE request_id = 'schedule-lets-go'") == 0
    assert sokoul.value("SELECT extract(hour FROM next_at)::int FROM schedules LIMIT 1") == 3


def test_bad_input_is_refused_with_its_reason(sokoul):
    for words, reason in ((("--cron", "61 * * * *"), "minute"), (("--cron", "0 0 31 4 *"), "never matches"), ((), "--cron"),
                          (("--every", "0"), "--every"), (("--cron", "@daily", "--missed", "maybe"), "missed")):
        run = sokoul.ctl("schedule", "put", "x", "--kind", "noop", *words, check=False)
        assert run.returncode != 0 and reason in run.stderr, (words, run.stderr)
    run = sokoul.ctl("schedule", "rm", "x", check=False)
    assert run.returncode == 1 and "no schedule x" in run.stderr


def test_a_broken_row_stops_nothing_else(sokoul):
    sokoul.ctl("schedule", "put", "good", "--every", "1", "--kind", "noop")
    sokoul.sql("INSERT INTO schedules (name, kind, cron, next_at) VALUES ('bad', 'noop', 'nonsense', now())")
    sokoul.start("sokoul-scout")
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE request_id = 'schedule-good'") >= 1, 15, "the good one")
    assert sokoul.value("SELECT count(*) FROM schedules WHERE name = 'bad' AND next_at = 'infinity'") == 1
