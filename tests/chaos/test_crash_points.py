# SPDX-License-Identifier: Apache-2.0
"""A program dies at each point where a promise could be broken, and everything holds. K1-K12"""
import random
import uuid

import pytest
from points import BY_ID, POINTS, envelope
from stack.proc import wait_for
from stack_under_test import SLOW
from world import seed

PAIRS = ("nats", "postgres", "sigterm", "redis")
SHORT_POINTS = ("K1", "K2", "K3", "K4", "K8")


def setup_point(world, point):
    """Both programs up, one of them armed; the armed one and the other."""
    if point.id == "K11":
        return setup_sweeper(world, point)
    world.up("sokoul-api")
    world.client()
    if point.program == "sokoul-api":
        world.stop_program(world.programs[-1])
    other = world.up("sokoul-scout") if point.program == "sokoul-api" else world.programs[-1]
    return world.arm(point.program, point.at), other


def setup_sweeper(world, point):
    """The armed API holds the sweeper's lock; a scout dies with jobs at work."""
    plain = world.up("sokoul-api")
    world.client()
    world.stop_program(plain)
    armed = world.arm(point.program, point.at, ready=True)
    assert wait_for(lambda: world.value("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                                        " WHERE locktype = 'advisory' AND a.application_name LIKE '%api%'"), 20 * SLOW)
    scout = world.up("sokoul-scout")
    world.post({"sleep_ms": 3000}, count=3)
    world.running(3)
    scout.kill()
    return armed, scout


def provoke(world, point, armed):
    """Keeps the system busy until the armed program is dead."""
    def dead():
        if not armed.running():
            return True
        point.busy(world)
        return wait_for(lambda: not armed.running(), 0.3)

    assert wait_for(dead, 60 * SLOW, 0.05), f"{armed.name} never came by {point.at}"
    world.died(armed)


def after(world, point):
    """What this point asks for beyond the invariants."""
    if point.id in ("K3", "K4", "K5", "K6", "K7", "K9", "K10"):
        assert world.swept() == 0, "the transport can do this without the sweeper"
    if point.id == "K12c":
        assert world.value("SELECT count(*) FROM dead_letters WHERE job_id IS NULL") == 1


@pytest.mark.parametrize("name", [pytest.param(p.id, marks=() if p.id in SHORT_POINTS else pytest.mark.long)
                                  for p in POINTS])
def test_a_crash_there_loses_nothing_and_doubles_nothing(world, name):
    point = BY_ID[name]
    armed, other = setup_point(world, point)
    provoke(world, point, armed)
    if not other.running():
        world.up(other.name)
    world.up(point.program)
    world.post(count=3)
    world.holds()
    after(world, point)


def test_an_answer_in_doubt_is_the_same_when_asked_again(world):
    """K1, K2: the same key, before and after COMMIT."""
    plain = world.up("sokoul-api")
    requester = world.client()
    world.stop_program(plain)
    for nth, point in enumerate(("accept:1", "accepted:1")):
        armed = world.arm("sokoul-api", point, ready=True)
        key = f"doubt-{nth}"
        assert requester.once({"kind": "noop"}, key) is None
        world.died(armed)
        assert world.value("SELECT count(*) FROM jobs") == 2 * nth
        plain = world.up("sokoul-api")
        first = requester.once({"kind": "noop"}, key)
        assert first and requester.once({"kind": "noop"}, key) == first
        assert world.value("SELECT count(*) FROM jobs") == nth + 1
        world.stop_program(plain)
    world.both()
    world.holds()


def handed_off_jobs(world):
    return world.value("SELECT count(*) FROM jobs WHERE wake = 0 AND status = 'Running'")


def hear_of_an_idle_worker(world):
    """An API that has just started knows of none until it announces itself again."""
    with world.nats.connect() as nats:
        heard = nats.subscribe("sokoul.ctl.idle.scout")
        nats.flush()
        assert nats.next(heard, 10 * SLOW), "no worker says that it is idle"


def test_a_hand_off_that_its_worker_never_hears_of_runs_once(world):
    """K2: the API dies between COMMIT and the word. The worker finds the job among its own; no attempt is burnt."""
    plain = world.up("sokoul-api")
    requester = world.client()
    world.up("sokoul-scout")
    for nth in range(20):
        world.stop_program(plain)
        armed = world.arm("sokoul-api", "accepted:1", ready=True)
        hear_of_an_idle_worker(world)
        assert requester.once({"kind": "noop"}, f"hand-off-{nth}") is None
        world.died(armed)
        found = handed_off_jobs(world)
        plain = world.up("sokoul-api")
        if found:
            break
    assert found == 1, "no job was handed off"
    world.ledger.add(requester.once({"kind": "noop"}, f"hand-off-{nth}"))
    world.holds()
    assert world.sql("SELECT attempts, epoch FROM jobs WHERE wake > 0 AND epoch = 2") == [(1, 2)]
    assert world.swept() == 0


def test_a_stranger_s_envelope_survives_a_crash_before_the_claim(world):
    """K5 for what no row knows of: the message alone holds it."""
    api = world.up("sokoul-api")
    world.client()
    armed = world.arm("sokoul-scout", "received:1", ready=True)
    ids = [str(uuid.uuid4()) for _ in range(5)]
    with world.nats.connect() as nats:
        for job_id in ids:
            nats.publish("sokoul.jobs.scout.noop", envelope(job_id), {"Nats-Msg-Id": f"{job_id}:1"})
        nats.flush()
    world.died(armed)
    world.ledger.add(ids)
    world.up("sokoul-scout")
    world.holds()
    assert api.running()


# ---- the 48 pairs -------------------------------------------------------------------------------

def disturb(world, what, other):
    """Begins the second fault; gives the function that ends it."""
    if what == "nats":
        world.nats.kill()
        return lambda: world.restart_server(world.nats)
    if what == "postgres":
        world.postgres.kill()
        return lambda: world.restart_server(world.postgres)
    if what == "sigterm":
        if other.running():
            world.stop_program(other)
        return lambda: None
    world.redis.command("FLUSHALL")
    return lambda: None


def draw(count):
    """A sample of the pairs that differs by seed."""
    every = [(p.id, what) for p in POINTS if not p.id.endswith(("b", "c")) for what in PAIRS]
    assert len(every) == 48
    return every, set(random.Random(seed()).sample(every, count))


EVERY, SAMPLE = draw(4)


@pytest.mark.parametrize("name,what", [pytest.param(n, w, marks=() if (n, w) in SAMPLE else pytest.mark.long)
                                       for n, w in EVERY])
def test_a_crash_with_another_fault(world, name, what):
    point = BY_ID[name]
    armed, other = setup_point(world, point)
    provoke(world, point, armed)
    heal = disturb(world, what, other)
    world.up(point.program, ready=False)
    heal()
    if not other.running():
        world.up(other.name)
    world.programs[-1].wait_ready()
    assert world.post(count=3)
    world.holds()
