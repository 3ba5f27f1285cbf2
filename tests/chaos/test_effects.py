# SPDX-License-Identifier: Apache-2.0
"""Effects outside the database, as a provider counts them: one per key, and under kills one per attempt at most. I4"""
from collections import Counter

import pytest
from fakes.tmdb import FakeTmdb
from stack_under_test import eventually
from world import is_long

JOBS, KILLS = (400, 20) if is_long() else (30, 3)
ATTEMPTS = 4


@pytest.fixture(name="counted")
def _counted(world):
    """A world whose provider is a fake that remembers each request."""
    fake = FakeTmdb().start()
    world.tmdb = fake
    world.settings.update(TMDB_BASE_URL=fake.url, TMDB_API_KEY=fake.key)
    yield world
    fake.stop()


def search_each(world, count):
    """A search of its own for each job; the queries."""
    first = len(world.ledger.ids)
    queries = [f"effect {first + n} of {world.database}" for n in range(count)]
    for query in queries:
        world.post(kind="search", payload={"query": query})
    return queries


def effects(world):
    return Counter(r.query.get("query") for r in world.tmdb.requests)


def completions(world):
    return world.value("SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM chaos_moves"
                       " WHERE became = 'Completed' GROUP BY job_id) AS t")


def test_without_a_fault_each_effect_happens_once(counted):
    """I4"""
    counted.both()
    queries = search_each(counted, JOBS)
    counted.done(counted.ledger.ids)
    counted.holds()
    assert effects(counted) == Counter(queries) and completions(counted) == 1


def test_under_kills_an_effect_happens_at_most_once_per_attempt(counted):
    """I4: a worker dies after it has asked the provider, again and again; a claim that died is no more than one more."""
    counted.both()
    scout = counted.programs[-1]
    counted.tmdb.fail("drip", times=KILLS, size=1)
    queries = []
    for nth in range(KILLS):
        queries += search_each(counted, JOBS // KILLS)
        eventually(lambda n=nth: len(counted.tmdb.requests) > n, 30, "a request")
        scout.kill()
        scout = counted.up("sokoul-scout")
    counted.done(counted.ledger.ids, 120)
    counted.holds()
    claims = dict(counted.sql("SELECT payload->>'query', epoch FROM jobs WHERE kind = 'search'"))
    seen = effects(counted)
    assert all(1 <= seen[q] <= claims[q] for q in claims), (seen, claims)
    assert completions(counted) == 1 and max(seen.values()) <= ATTEMPTS
    print(f"I4: {sum(seen.values())} effects of {len(claims)} jobs under {KILLS} kills, at most {max(seen.values())} of one")
