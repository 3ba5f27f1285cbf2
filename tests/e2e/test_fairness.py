# SPDX-License-Identifier: Apache-2.0
"""Who asks for much waits for it; the others do not."""
import concurrent.futures
import http.client
import json
import time

import pytest
from client import Api
from stack_under_test import SLOW, eventually

PASSWORD = "correct horse battery"
NEIGHBOUR = "127.0.0.2"  # another address, of the same machine


@pytest.fixture
def crowd():
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        yield pool


def took_s(ask):
    began = time.monotonic()
    answer = ask()
    return answer, time.monotonic() - began


def login_from(port, address, name):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(address, 0))
    try:
        connection.request("POST", "/auth/login", json.dumps({"username": name, "password": PASSWORD}),
                           {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_what_is_in_the_cache_waits_for_nobody_and_what_is_not_takes_turns(api, user, tmdb, crowd):
    other = api.register("bob")
    assert other.get("/search", query={"query": "Inception"}).json["cached"] is False
    tmdb.fail("hang", match="Missing")
    flood = [crowd.submit(user.get, "/search", query={"query": f"Missing {n}"}) for n in range(40)]
    eventually(lambda: tmdb.count("Missing") >= 4, what="the flood's first questions")
    for one in (other, user):  # also the flood's own
        hit, hit_s = took_s(lambda who=one: who.get("/search", query={"query": "inception"}))
        assert hit.json["cached"] is True and hit_s < 1 * SLOW, hit_s
    miss, miss_s = took_s(lambda: other.get("/search", query={"query": "Sintel"}))
    assert miss.status == 200 and miss.json["cached"] is False and miss_s < 2 * SLOW, (miss, miss_s)
    assert sum(f.done() for f in flood) < 40 and tmdb.count("Missing") <= 8
    tmdb.stop()
    assert {f.result().status for f in flood} == {503}


def test_who_waits_for_a_job_keeps_nobody(api, user, tmdb, crowd):
    other = api.register("bob")
    waits = [crowd.submit(user.post, "/search", {"query": f"Nobody answers {n}", "wait_ms": 4000}) for n in range(40)]
    eventually(lambda: user.get("/jobs", query={"kind": "search"}).json["total"] == 40, what="forty jobs")
    for ask in (lambda: other.get("/search", query={"query": "Sintel"}), lambda: other.get("/user/profile"),
                lambda: user.get("/search", query={"query": "Inception"}),
                lambda: other.post("/search", {"query": "x", "wait_ms": 0})):
        answer, time_s = took_s(ask)
        assert answer.status in (200, 202) and time_s < 1 * SLOW, (answer, time_s)
    assert not any(f.done() for f in waits)
    assert {f.result().status for f in waits} == {202}


def test_waiting_ends_when_the_program_leaves(sokoul, tmdb, crowd):
    program = sokoul.start("sokoul-api")
    user = Api(program.port).register()
    wait = crowd.submit(lambda: took_s(lambda: user.post("/search", {"query": "Nobody answers", "wait_ms": 10000})))
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs") == 1, what="the job")
    program.stop()
    answer, time_s = wait.result()
    assert answer.status == 202 and answer.headers["Location"] and time_s < 5 * SLOW


def test_a_crowd_at_the_login_shuts_it_for_nobody_else(api, user, crowd):
    other = api.register("bob")
    doors = [crowd.submit(login_from, api.port, NEIGHBOUR, "ada") for _ in range(60)]
    eventually(lambda: any(f.done() for f in doors), what="the first of the crowd")
    for ask, limit_s in ((lambda: api.post("/auth/login", {"username": "bob", "password": PASSWORD}), 2),
                         (lambda: other.patch("/user/profile", {"username": "bobby"}), 1),
                         (lambda: other.patch("/user/profile", {"current_password": PASSWORD, "email": "b@example.org"}), 2)):
        answer, time_s = took_s(ask)
        assert answer.status == 200 and time_s < limit_s * SLOW, (answer, time_s)
    assert not all(f.done() for f in doors)
    assert {f.result() for f in doors} <= {200, 503}
