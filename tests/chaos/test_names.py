# SPDX-License-Identifier: Apache-2.0
"""Name servers that are dead, silent, slow, or lie about where the providers are. W3"""
import threading
import time

import pytest
from fakes.tmdb import FakeTmdb
from name_server import NameServer, has_own_mounts
from stack_under_test import SLOW, eventually

pytestmark = pytest.mark.skipif(not has_own_mounts(), reason="a mount namespace with a resolv.conf of its own")
HOST = "tmdb.provider.example"
HEALTH_S = 0.5
PRIVATE = ("127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.1.1", "0.0.0.0")


@pytest.fixture(name="named")
def _named(world):
    """A world whose TMDB has a name that a name server of this test's tells; .names, .tmdb"""
    fake = FakeTmdb().start()
    with NameServer() as names:
        world.names, world.tmdb, world.front = names, fake, names.front(world.folder)
        world.settings.update(TMDB_BASE_URL=fake.url.replace("127.0.0.1", HOST), TMDB_API_KEY=fake.key)
        yield world
        world.stop_all()
    fake.stop()


def search(world, query="sintel"):
    return world.post(kind="search", payload={"query": query})[0]


def told(world, job_id):
    """Every reason and detail that the job's history gives, as one text."""
    job = world.root.get(f"/jobs/{job_id}").json
    words = [job["reason"], job["detail"]] + [h["reason"] for h in job["history"]]
    return " ".join(w for w in words if w)


def await_attempts(world, job_id, count):
    eventually(lambda: world.value("SELECT attempts >= %s AND status = 'Pending' FROM jobs WHERE job_id = %s",
                                   (count, job_id)), 30, f"{count} failed attempts")


def nothing_else_waits(world):
    """Health answers at once, other jobs are done."""
    for path in ("/health", "/livez", "/ready"):
        began = time.monotonic()
        assert world.root.get(path).status == 200
        assert time.monotonic() - began < HEALTH_S * SLOW, path
    world.done(world.post({"sleep_ms": 1}, count=10), 10)


@pytest.mark.parametrize("mode", ["silent", pytest.param("servfail", marks=pytest.mark.long),
                                  pytest.param("nxdomain", marks=pytest.mark.long)])
def test_a_dead_name_server_holds_up_only_who_asks_it(named, mode):  # req: S267
    """W3: the search is tried again, and done when the name is there."""
    named.both()
    named.names.mode = mode
    job_id = search(named)
    asking = [threading.Thread(target=named.root.get, args=("/search",), kwargs={"query": {"query": f"film {n}"}})
              for n in range(4)]
    for thread in asking:
        thread.start()
    eventually(lambda: HOST in named.names.asked, 10, "a question")
    nothing_else_waits(named)
    await_attempts(named, job_id, 1)
    print(f"W3 {mode}: {told(named, job_id)}")
    named.names.mode = "good"
    named.done([job_id], 30)
    for thread in asking:
        thread.join(30)
    named.holds()
    assert named.value("SELECT status FROM jobs WHERE job_id = %s", (job_id,)) == "Completed"


@pytest.mark.long
@pytest.mark.parametrize("mode", ["silent", "nxdomain"])
def test_a_name_that_is_never_found_ends_in_plain_words(named, mode):
    """W3: four attempts, a dead letter, and what was the matter."""
    named.both()
    named.names.mode = mode
    job_id = search(named)
    named.done([job_id], 90)
    words = told(named, job_id)
    print(f"W3 {mode}: {words}")
    assert HOST in words and "libcurl" not in words.lower()
    named.holds()
    assert named.value("SELECT reason FROM jobs WHERE job_id = %s", (job_id,)) == "exhausted"


@pytest.mark.long
def test_a_slow_name_server_is_only_slow(named):
    """W3: each answer takes a second."""
    named.both()
    named.names.delay_s = 1.0
    job_id = search(named)
    eventually(lambda: HOST in named.names.asked, 10, "a question")
    nothing_else_waits(named)
    named.done([job_id], 30)
    named.holds()
    assert named.value("SELECT attempts FROM jobs WHERE job_id = %s", (job_id,)) == 1


def test_a_name_that_turns_to_a_private_address_is_not_followed(named):
    """W3, rebinding: each address is judged when it is connected to, not when the name was looked up before."""
    named.both(ALLOW_PRIVATE_PROVIDERS="false")
    for address in PRIVATE:
        named.names.addresses = [address]
        job_id = search(named, f"to {address}")
        eventually(lambda j=job_id: named.value("SELECT attempts > 0 AND status <> 'Running' FROM jobs WHERE job_id = %s",
                                                (j,)), 20, "an attempt")
        print(f"W3 {address}: {told(named, job_id)}")
        named.root.post(f"/jobs/{job_id}/cancel")
    assert HOST in named.names.asked and not named.tmdb.requests, "nobody was spoken to"
    named.holds()
