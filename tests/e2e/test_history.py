# SPDX-License-Identifier: Apache-2.0
"""What was watched."""
import collections
import os
import re
import uuid

import pytest
import rows
from client import Api
from stack_under_test import SLOW

pytestmark = pytest.mark.kept


def test_history_is_newest_first_and_private(sokoul, api, user):  # req: S9 S70 S155
    film, show = rows.media(sokoul, 1, "Film"), rows.media(sokoul, 2, "Show", "tv")
    for media, position in ((film, 10), (show, 20), (film, 30)):
        answer = user.post("/watch-history", {"media_id": media, "position_s": position, "duration_s": 100})
        assert answer.status == 201 and answer.json["position_s"] == position, answer
    listed = user.get("/watch-history").json
    assert [(i["media_id"], i["position_s"]) for i in listed["items"]] == [(film, 30), (show, 20), (film, 10)]
    times = [i["watched_at"] for i in listed["items"]]
    assert times == sorted(times, reverse=True) and times[0].endswith("Z") and listed["total"] == 3
    assert listed["items"][0]["media"]["title"] == "Film"
    assert api.register("bob").get("/watch-history").json["items"] == []
    one = user.get("/watch-history", query={"limit": 1}).json
    two = user.get("/watch-history", query={"limit": 1, "cursor": one["next"]}).json
    assert two["items"][0]["position_s"] == 20


def test_what_cannot_be_watched(sokoul, api, user):
    film = rows.media(sokoul)
    assert user.post("/watch-history", {"media_id": str(uuid.uuid4()), "position_s": 1}).status == 404
    for bad in ({"media_id": film}, {"media_id": film, "position_s": -1}, {"position_s": 1},
                {"media_id": film, "position_s": "1"}, {"media_id": film, "position_s": 2**31},
                {"media_id": film, "position_s": 1, "duration_s": -1}):
        assert user.post("/watch-history", bad).status == 400, bad
    assert user.post("/watch-history", {"media_id": film, "position_s": 0}).json["duration_s"] is None
    assert api.get("/watch-history").status == 401


LISTS = {"favorites": "/media/favorites", "watch_history": "/watch-history", "downloads": "/downloads"}
FILL = {"favorites": "INSERT INTO favorites SELECT u.id, m.id, now() - m.tmdb_id * interval '1 s' FROM users u, media m "
                     "WHERE u.role = 'user'",
        "watch_history": "INSERT INTO watch_history (id, user_id, media_id, position_s, watched_at) "
                         "SELECT gen_random_uuid(), u.id, m.id, 1, now() - m.tmdb_id * interval '1 s' FROM users u, media m WHERE u.role = 'user'",
        "downloads": "INSERT INTO downloads (id, user_id, media_id, status, created_at) "
                     "SELECT gen_random_uuid(), u.id, m.id, 'Completed', now() - m.tmdb_id * interval '1 s' FROM users u, media m WHERE u.role = 'user'"}


@pytest.fixture
def counted(own_sokoul):
    """A stack whose Postgres counts the statements that it runs, and tells in its log how it runs each."""
    own_sokoul.sql("CREATE EXTENSION pg_stat_statements")
    own_sokoul.sql("LOAD 'auto_explain'")  # or its setting would not be known
    own_sokoul.sql("ALTER SYSTEM SET auto_explain.log_min_duration = 0")
    own_sokoul.sql("ALTER SYSTEM SET session_preload_libraries = 'auto_explain'")
    own_sokoul.sql("SELECT pg_reload_conf()")
    return own_sokoul


def statements(sokoul, what, begins="SELECT"):
    """(calls, fastest in ms, text) of each statement that the programs ran and that names the table."""
    return sokoul.sql("SELECT calls, min_exec_time, query FROM pg_stat_statements WHERE query ~ %s AND query !~ 'pg_stat|generate_series'"
                      " AND query ~* %s", (rf"\m{what}\M", rf"^\s*(WITH|{begins})"))


def plans(log, from_byte):
    """{statement: [how it was run each time]}, of what was written to Postgres's log from there on."""
    taken = collections.defaultdict(list)
    with open(log, encoding="utf-8") as f:
        f.seek(from_byte)
        for statement, plan in re.findall(r"\tQuery Text: (.*)\n((?:\t.*\n)+)", f.read()):
            taken[statement].append(plan)
    return taken


def test_lists_use_their_indexes_and_cost_the_same_statements_whatever_their_length(counted, own_servers):
    """req: S13, S56, S57"""
    sokoul = counted
    user = Api(sokoul.start("sokoul-api").port, wait_s=60).register()
    sokoul.sql("INSERT INTO media (id, tmdb_id, media_type, title) SELECT gen_random_uuid(), n, 'movie', 'F' || n "
               "FROM generate_series(1, 1000) n")
    sokoul.sql("INSERT INTO users (id, username, email, password_hash) SELECT gen_random_uuid(), 'user' || n, "
               "n || '@x.example', 'x' FROM generate_series(1, 99) n")
    for table, fill in FILL.items():
        sokoul.sql(fill)
        sokoul.sql(f"ANALYZE {table}")
        assert sokoul.value(f"SELECT count(*) FROM {table}") == 100_000

    log = f"{own_servers.folder}/postgres.log"
    began = os.path.getsize(log)
    for table, path in LISTS.items():
        costs = []
        for limit in (1, 100):
            sokoul.sql("SELECT pg_stat_statements_reset()")
            for _ in range(10):
                answer = user.get(path, query={"limit": limit})
                assert answer.status == 200 and len(answer.json["items"]) == limit and answer.json["total"] == 1000
            rows_of = statements(sokoul, table)
            # Ten requests call each of theirs ten times or more; what the program does by the clock comes less often.
            costs.append(sum(calls for calls, _, _ in rows_of if calls >= 10))
            pages = [row for row in rows_of if "count(*)" not in row[2]]
            assert pages and (limit == 100 or all(fastest < SLOW for _, fastest, _ in pages)), pages
        assert 10 <= costs[0] == costs[1] <= 20, (table, costs)
        assert sum(c for c, _, _ in statements(sokoul, "media")) <= 20, "a title each is asked for"
    # What the program does by the clock may read a whole table, now and then.
    asked = {statement: how for statement, how in plans(log, began).items() if len(how) >= 10 and statement.startswith(("SELECT", "WITH"))}
    for table in LISTS:
        of_table = [plan for statement, how in asked.items() if re.search(rf"\b{table}\b", statement) for plan in how]
        assert len(of_table) >= 20, asked.keys()
        assert not [plan for plan in of_table if f"Seq Scan on {table}" in plan]
