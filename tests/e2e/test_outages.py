# SPDX-License-Identifier: Apache-2.0
"""What a client sees, and for how long it waits, while a server is away or does not answer."""
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import rows
from client import Api
from stack_under_test import SLOW, eventually

NEVER_SHOWN = ("libpq", "psql", "postgres", "SQLSTATE", "SELECT", "INSERT", "server closed", ".c:", "Traceback", "0x",
               "5432", "127.0.0.1")
BODY_NAMES = {"type", "title", "status", "detail", "request_id"}


def clean_503(answer):
    assert answer.status == 503, answer
    assert answer.headers["Content-Type"] == "application/problem+json" and int(answer.headers["Retry-After"]) > 0
    assert set(answer.json) <= BODY_NAMES and answer.json["status"] == 503 and answer.json["detail"]
    assert not [word for word in NEVER_SHOWN if word.lower() in answer.text.lower()], answer
    return answer


def test_without_a_database_every_answer_is_a_clean_503_and_health_is_unhealthy(own_sokoul, own_servers):
    """req: S223, S224, S226, A45"""
    program = own_sokoul.start("sokoul-api")
    client = Api(program.port)
    user = client.register()
    own_servers.postgres.kill()
    eventually(lambda: client.get("/ready").status == 503, 5, "the news that the database is away")
    film = "019a0000-0000-7000-8000-000000000001"
    for method, path, body in (("GET", "/search?query=sintel", None), ("GET", "/jobs", None), ("GET", f"/media/{film}", None),
                               ("POST", "/watch-history", {"media_id": film, "position_s": 1}),
                               ("POST", "/auth/login", {"username": "ada", "password": "correct horse battery"})):
        clean_503(user.request(method, path, body))
    health = client.get("/health")
    assert health.status == 503
    assert (health.json["status"], health.json["database"]) == ("unhealthy", "down")


def test_health_counts_what_was_asked_and_what_went_wrong(own_sokoul, own_servers):
    """req: A6, A44"""
    program = own_sokoul.start("sokoul-api")
    client = Api(program.port)
    user = client.register()
    own_servers.postgres.kill()
    eventually(lambda: client.get("/ready").status == 503, 5, "the news that the database is away")
    before = client.get("/health").json
    for _ in range(30):
        assert client.get("/livez").status == 200
    for _ in range(10):
        assert user.get("/jobs").status == 503
    after = client.get("/health").json
    # /health itself said 503 in between: it is counted as well.
    assert after["requests"] - before["requests"] == 41 and after["errors"] - before["errors"] == 11
    assert after["error_rate"] == f"{100 * after['errors'] / after['requests']:.2f}%"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", after["last_db_check"])
    assert after["uptime_seconds"] >= before["uptime_seconds"] >= 0


def test_the_process_is_alive_with_everything_away(own_sokoul, own_servers):
    """req: J19"""
    program = own_sokoul.start("sokoul-api")
    client = Api(program.port)
    for server in (own_servers.postgres, own_servers.nats, own_servers.redis):
        server.kill()

    def all_away():
        parts = client.get("/health/deep").json["components"]
        return {part["status"] for part in parts.values()} == {"down"}

    eventually(all_away, 10, "the news that all are away")
    alive = client.get("/livez")
    assert alive.status == 200 and alive.json["status"] == "healthy"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", alive.json["version"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", alive.json["timestamp"])


# ---- the defaults ---------------------------------------------------------------------------------


def closed_after(port, first):
    """Seconds until the server closes a connection on which `first` was sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=120 * SLOW) as s:
        if first:
            s.sendall(first)
            got = s.recv(65536)
            assert got.startswith(b"HTTP/1.1 200"), got
        began = time.monotonic()
        assert s.recv(65536) == b"", "something came before the close"
        return time.monotonic() - began


def timed(call):
    began = time.monotonic()
    answer = call()
    return answer, time.monotonic() - began


def within(seconds, wanted):
    return wanted - 1 <= seconds <= wanted + 4 * SLOW


def test_the_default_deadlines(sokoul):
    """req: S180, S232, S233, A37, A41

    All at once, since each of them takes its time: connections that are idle, queries that a lock holds up for
    longer than a query may take, and queries that a lock holds up for less.
    """
    program = sokoul.start("sokoul-api")
    client = Api(program.port, wait_s=100)
    user = client.register()
    film = rows.media(sokoul)
    with ThreadPoolExecutor(80) as pool:
        silent = pool.submit(closed_after, program.port, b"")
        kept = pool.submit(closed_after, program.port, b"GET /livez HTTP/1.1\r\nHost: t\r\n\r\n")
        lock = rows.Locked(sokoul, "favorites")
        held = [pool.submit(timed, lambda: user.get("/media/favorites")) for _ in range(40)]
        ends = sorted(h.result()[1] for h in held if clean_503(h.result()[0]))
        # Who had a connection is refused after 30 s, who waited for one too; whose turn came just then, after 60.
        assert within(ends[0], 30) and within(ends[24], 30) and within(ends[-1], 60), ends
        lock.release()
        eventually(lambda: user.get("/media/favorites").status == 200, 2, "a query after the lock")
        lock = rows.Locked(sokoul, "media")
        waiting = [pool.submit(timed, lambda: user.get(f"/media/{film}")) for _ in range(40)]
        threading.Timer(22, lock.release).start()
        for answer, seconds in [w.result() for w in waiting]:
            assert answer.status == 200 and 20 <= seconds <= 27 * SLOW, (answer, seconds)
        assert within(silent.result(), 30), silent.result()
        assert within(kept.result(), 75), kept.result()


# ---- Redis ----------------------------------------------------------------------------------------


def counted(port, name):
    text = Api(port).get("/metrics").text
    return int(next(line for line in text.splitlines() if line.startswith(name + " ")).split()[1])


def test_without_redis_the_database_answers_and_the_cache_fills_again(sokoul, servers, tmdb):
    """req: S254, S256, S258, S259"""
    program = sokoul.start("sokoul-api")
    user = Api(program.port).register()
    item = user.get("/search", query={"query": "Sintel"}).json["items"][0]
    assert user.get("/search", query={"query": "Sintel"}).json["cached"] is True
    servers.redis.kill()
    again = user.get("/search", query={"query": "Sintel"})
    assert again.status == 200 and [i["id"] for i in again.json["items"]] == [item["id"]]
    assert user.get(f"/media/{item['id']}").status == 200 and user.get("/media/favorites").status == 200
    eventually(lambda: [r for r in program.log(level="warn") if "redis" in r["message"].lower()], 5,
               "a line about the cache")
    servers.restart(servers.redis)
    eventually(lambda: Api(program.port).get("/health/deep").json["components"]["redis"]["status"] == "up", 10,
               "the news that Redis is back")
    hits, asked = counted(program.port, "sokoul_cache_hits_total"), tmdb.count("/3/search")
    first = eventually(lambda: (lambda a: a if a.status == 200 else None)(user.get("/search", query={"query": "Sintel"})))
    assert first.json["items"][0]["id"] == item["id"] and tmdb.count("/3/search") == asked + 1
    assert user.get("/search", query={"query": "Sintel"}).json["cached"] is True
    assert counted(program.port, "sokoul_cache_hits_total") > hits and tmdb.count("/3/search") == asked + 1
