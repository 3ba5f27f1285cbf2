# SPDX-License-Identifier: Apache-2.0
"""The primary is gone and its standby takes over. D3"""
import time

import pytest
from stack.proc import wait_for
from stack_under_test import SLOW, eventually
from stack.standby import end_at_once
from test_broker import backlog, unacknowledged
from world import Load, is_long

LEASE = {"JOBS_LEASE_S": "5"}
BACK_S = 10
JOBS = 3000 if is_long() else 150


def make_synchronous(world):
    """Each commit waits for the standby."""
    world.postgres.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    world.postgres.sql("SELECT pg_reload_conf()")
    eventually(lambda: world.postgres.sql("SELECT sync_state FROM pg_stat_replication") == "sync", 20,
               "a synchronous standby")


def fail_over(world):
    """The primary dies, the standby is promoted; the moment of the death."""
    end_at_once(world.postgres)
    died = time.monotonic()
    world.standby.promote()
    return died


def await_acceptance(world, died):
    """The first 202 after the primary's death must come in time."""
    accepted = wait_for(lambda: world.new_requester().once({"kind": "noop"}), BACK_S * SLOW)
    back_s = time.monotonic() - died
    assert accepted and back_s <= BACK_S * SLOW, f"back after {back_s:.1f} s"
    print(f"D3: accepted again {back_s:.2f} s after the primary's death")


def missing(world):
    return {r[0] for r in world.sql("SELECT id::text FROM unnest(%s::uuid[]) AS t(id) WHERE NOT EXISTS"
                                    " (SELECT 1 FROM jobs WHERE job_id = id)", (list(world.ledger.ids),))}


def test_a_synchronous_standby_takes_over_and_nothing_is_lost(pair):
    """D3: under load; 503 meanwhile, all of the ledger there afterwards."""
    make_synchronous(pair)
    api, scout = pair.both(**LEASE)
    with Load(pair, 3, limit=JOBS) as load:
        eventually(lambda: len(pair.ledger.ids) > JOBS // 3, 60, "load")
        await_acceptance(pair, fail_over(pair))
        eventually(load.finished, 120, "the load's end")
    pair.holds()
    assert not missing(pair) and api.running() and scout.running()


def test_an_asynchronous_standby_loses_the_tail_and_says_which(pair):
    """D3: what the standby never heard of. A message that outlived its row brings the job back (rule 4)."""
    _, scout = pair.both(**LEASE)
    pair.done(pair.post({"sleep_ms": 2}, count=30))
    pair.holds()
    copied = set(pair.ledger.ids)
    await_copy(pair)
    pair.link.hold("down")
    ended = pair.post(count=7)
    pair.done(ended)
    eventually(lambda: unacknowledged(pair) == 0, 20, "their acknowledgements")
    scout.kill()
    waiting = pair.post(count=5)
    eventually(lambda: backlog(pair) == 0 and unacknowledged(pair) == 5, 20, "five messages in the stream")
    died = fail_over(pair)
    pair.link.cut()
    await_acceptance(pair, died)
    lost = missing(pair)
    assert lost == set(ended) | set(waiting) and not lost & copied, "the tail, and nothing but the tail"
    pair.up("sokoul-scout", LEASE)
    pair.done(waiting)
    assert missing(pair) == set(ended), "five were brought back by their messages"
    print(f"D3: {len(ended)} of {len(pair.ledger.ids)} accepted jobs lost with the tail, {len(waiting)} adopted")
    pair.ledger.write_off(set(ended))
    pair.holds()


def await_copy(world):
    eventually(lambda: world.postgres.sql("SELECT pg_current_wal_lsn() <= replay_lsn FROM pg_stat_replication") == "t",
               20, "a standby that has all")


def test_a_primary_that_was_demoted_is_left(pair):
    """D3: it lives on and takes no writes; nobody asks it any more."""
    pair.both(**LEASE)
    pair.done(pair.post(count=10))
    await_copy(pair)
    pair.postgres.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    pair.postgres.sql("SELECT pg_reload_conf()")
    demoted = time.monotonic()
    pair.standby.promote()
    await_acceptance(pair, demoted)
    pair.look_again()
    pair.done(pair.post({"sleep_ms": 2}, count=30))
    pair.holds()
    for job_id in list(pair.ledger.ids)[-30:]:
        assert pair.root.get(f"/jobs/{job_id}").json["status"] == "Completed", "read where it was written"


@pytest.mark.long
def test_a_failover_while_jobs_run_burns_no_attempt(pair):
    make_synchronous(pair)
    pair.both(**LEASE)
    ids = pair.post({"sleep_ms": 3000}, count=6)
    pair.running(6)
    await_acceptance(pair, fail_over(pair))
    pair.done(ids, 60)
    pair.holds()
