# SPDX-License-Identifier: Apache-2.0
"""What was watched."""
import uuid

import rows
from stack_under_test import eventually


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


def test_lists_use_their_indexes_and_one_statement_each(sokoul, user):  # req: S13 S56 S57
    sokoul.sql("INSERT INTO media (id, tmdb_id, media_type, title) SELECT gen_random_uuid(), n, 'movie', 'F' || n "
               "FROM generate_series(1, 1000) n")
    sokoul.sql("INSERT INTO users (id, username, email, password_hash) SELECT gen_random_uuid(), 'user' || n, "
               "n || '@x.example', 'x' FROM generate_series(1, 99) n")
    fill = {"favorites": "INSERT INTO favorites SELECT u.id, m.id FROM users u, media m",
            "watch_history": "INSERT INTO watch_history (id, user_id, media_id, position_s) "
                             "SELECT gen_random_uuid(), u.id, m.id, 1 FROM users u, media m",
            "downloads": "INSERT INTO downloads (id, user_id, media_id, status) "
                         "SELECT gen_random_uuid(), u.id, m.id, 'Completed' FROM users u, media m"}
    for table, statement in fill.items():
        sokoul.sql(statement)
        sokoul.sql(f"ANALYZE {table}")
        order = {"favorites": "created_at", "watch_history": "watched_at", "downloads": "created_at"}[table]
        plan = sokoul.value(f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM {table} WHERE user_id = %s "
                            f"ORDER BY {order} DESC LIMIT 20", (user.user["id"],))[0]
        assert "Seq Scan" not in str(plan) and plan["Execution Time"] < 10, (table, plan)

    def scans(kind):
        return {t: sokoul.value(f"SELECT {kind} FROM pg_stat_user_tables WHERE relname = %s", (t,)) for t in fill}

    before, used = scans("seq_scan"), scans("idx_scan")
    for path in ("/media/favorites", "/watch-history", "/downloads"):
        answer = user.get(path, query={"limit": 100})
        assert answer.status == 200 and len(answer.json["items"]) == 100 and answer.json["total"] == 1000
    eventually(lambda: all(scans("idx_scan")[t] > used[t] for t in fill), 15, "a use of each index")
    assert scans("seq_scan") == before
