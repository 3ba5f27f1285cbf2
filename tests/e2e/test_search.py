# SPDX-License-Identifier: Apache-2.0
"""Looking for titles: the provider, the cache, and the job."""
import datetime
import json
import re
import threading
import time

import pytest
import rows
from client import Api
from stack import providers
from stack.providers import json_answer
from stack_under_test import eventually


def titles(answer):
    assert answer.status == 200, answer
    return [i["title"] for i in answer.json["items"]]


def test_search_answers_titles_and_keeps_them(sokoul, user, tmdb):  # req: S64
    answer = user.get("/search", query={"query": "Inception"})
    assert "Inception" in titles(answer)
    body = answer.json
    assert body["page"] == 1 and body["limit"] == 20 and body["total"] >= 1 and body["cached"] is False
    item = next(i for i in body["items"] if i["title"] == "Inception")
    assert item["tmdb_id"] == 27205 and item["media_type"] == "movie" and item["year"] == 2010 and item["genres"]
    assert sokoul.value("SELECT id::text FROM media WHERE tmdb_id = 27205") == item["id"]
    assert user.get(f"/media/{item['id']}").json["title"] == "Inception"


def test_the_second_search_comes_from_the_cache(user, tmdb):
    first = user.get("/search", query={"query": "Matrix"})
    second = user.get("/search", query={"query": "MATRIX"})
    assert second.json["cached"] is True and second.json["items"] == first.json["items"]
    assert tmdb.count("search") == 1


def test_a_repeated_search_does_not_change_ids(sokoul, user, tmdb):
    first = user.get("/search", query={"query": "Sintel"}).json["items"]
    second = user.get("/search", query={"query": "sintel", "type": "movie"}).json["items"]
    assert [i["id"] for i in first] == [i["id"] for i in second]


@pytest.mark.parametrize("query", [  # req: S65 S27 S28
    {"query": ""}, {"query": "   "}, {}, {"query": "x", "limit": "0"}, {"query": "x", "limit": "101"},
    {"query": "x", "page": "abc"}, {"query": "x", "page": "-1"}, {"query": "x", "page": "4294967296"},
    {"query": "x", "type": "song"}, {"query": "x" * 201}, {"query": "x", "cursor": "zzz"}, {"query": "x", "odd": "1"}])
def test_what_makes_no_sense_is_400(user, tmdb, query):
    assert user.get("/search", query=query).status == 400
    assert tmdb.count("search") == 0


@pytest.mark.parametrize("query", [  # req: S66 S48 S49 S164
    "InvalidChar<script>", "'; DROP TABLE users; --", "100% & more? #1 +plus", "Amélie „Montmartre“"])
def test_odd_queries_are_only_texts(sokoul, api, user, query):
    answer = user.get("/search", query={"query": query})
    assert answer.status == 200 and "<script" not in answer.text
    assert api.get("/health").status == 200 and sokoul.value("SELECT count(*) FROM users") == 2


def test_markup_of_a_provider_is_escaped(user):  # req: S48 S159
    answer = user.get("/search", query={"query": "Amélie"})
    assert "<b>" not in answer.text and "<b>" in answer.json["items"][0]["overview"]


def test_pages_of_any_size_show_each_title_once(user):  # req: S28
    seen = []
    answer = user.get("/search", query={"query": "Sequel", "limit": 7, "type": "movie"})
    assert answer.json["total"] == 45
    while True:
        seen += titles(answer)
        if answer.json["next"] is None:
            break
        answer = user.get("/search", query={"query": "Sequel", "limit": 7, "type": "movie",
                                            "cursor": answer.json["next"]})
        assert answer.json["total"] is None
    assert len(seen) == len(set(seen)) == 45
    everything = user.get("/search", query={"query": "Sequel", "limit": 100, "type": "movie"})
    assert titles(everything) == seen and everything.json["next"] is None


def test_pages_of_the_provider_that_overlap_or_are_too_long_tell_no_title_twice(user, tmdb, monkeypatch):
    films = [m for m in tmdb.movies if m["title"].startswith("Sequel")][:35]
    pages = {1: films[:20], 2: films[10:30], 3: films[15:35] + films[:5]}  # of 60 places; the last has too many
    respond = type(tmdb).respond

    def overlapping(self, request):
        if "/search/" not in request.route:
            return respond(self, request)
        page = int(request.query["page"])
        return json_answer(200, {"page": page, "results": pages.get(page, []), "total_pages": 3, "total_results": 60})

    monkeypatch.setattr(type(tmdb), "respond", overlapping)
    by_page = []
    for page in (1, 2, 3):
        answer = user.get("/search", query={"query": "Sequel", "type": "movie", "page": page})
        assert len(answer.json["items"]) <= 20
        by_page += titles(answer)
    assert len(by_page) == len(set(by_page)) == 35
    assert titles(user.get("/search", query={"query": "Sequel", "type": "movie", "limit": 60})) == by_page
    pages[1] = films
    answer = user.get("/search", query={"query": "Sequel again", "type": "movie", "limit": 20})
    assert titles(answer) == [f["title"] for f in films[:20]]
    answer = user.get("/search", query={"query": "Sequel more", "type": "movie", "limit": 60})
    assert len(titles(answer)) == len(set(titles(answer))) <= 60


def serve_pages(monkeypatch, tmdb, pages):
    """What TMDB answers to any search: a list of pages of twenty places."""
    respond = type(tmdb).respond

    def answer(self, request):
        if "/search/" not in request.route:
            return respond(self, request)
        page = int(request.query["page"])
        return json_answer(200, {"page": page, "results": pages[page - 1] if page <= len(pages) else [],
                                 "total_pages": len(pages), "total_results": 20 * len(pages)})

    monkeypatch.setattr(type(tmdb), "respond", answer)


@pytest.mark.parametrize("limit", [20, 7, 100])
def test_a_title_that_comes_again_many_pages_later_is_not_told_again(user, tmdb, monkeypatch, limit):
    """The first titles move to the end while the pages are read."""
    films = [providers.movie(5000 + n, f"Sequel {n}", "2010-01-01") for n in range(20 * 12)]
    pages = [films[n:n + 20] for n in range(0, len(films), 20)]
    pages[9][3] = films[0]
    pages[11] = films[:19] + films[-1:]
    serve_pages(monkeypatch, tmdb, pages)
    told, query = [], {"query": "Sequel", "type": "movie", "limit": limit}
    answer = user.get("/search", query=query)
    while answer.json["next"] is not None:
        told += titles(answer)
        assert len(answer.json["items"]) <= limit
        answer = user.get("/search", query={**query, "cursor": answer.json["next"]})
    told += titles(answer)
    assert len(told) == len(set(told)) == len({f["title"] for page in pages for f in page})


def test_type_chooses_films_or_series(user):
    shows = user.get("/search", query={"query": "Breaking", "type": "tv"}).json["items"]
    assert [i["media_type"] for i in shows] == ["tv"]
    assert user.get("/search", query={"query": "Breaking", "type": "movie"}).json["items"] == []


@pytest.mark.parametrize("fault, how", [("html", {}), ("garbage", {}), ("cut", {}), ("json", {"value": [1]}),
                                        ("status", {"status": 500}), ("status", {"status": 401}),
                                        ("status", {"status": 429, "headers": {"Retry-After": "7"}})])
def test_a_broken_provider_is_503_and_nothing_breaks(api, user, tmdb, fault, how):  # req: S47 S127
    tmdb.fail(fault, **how)
    answer = user.get("/search", query={"query": "Inception"})
    assert answer.status == 503 and answer.headers["Retry-After"], answer
    assert tmdb.key not in answer.text
    tmdb.heal()
    assert "Inception" in titles(user.get("/search", query={"query": "Inception"}))


def test_what_is_stale_is_answered_at_once_and_refreshed_by_a_job(sokoul, tmdb):
    api = sokoul.start("sokoul-api", {"SEARCH_CACHE_TTL_S": "0"})
    user = Api(api.port).register()
    first = user.get("/search", query={"query": "Sintel"})
    tmdb.fail("hang")
    began = time.monotonic()
    for _ in range(3):
        answer = user.get("/search", query={"query": "Sintel"})
        assert answer.json["cached"] is True and answer.json["items"] == first.json["items"]
    assert time.monotonic() - began < 3
    jobs = sokoul.sql("SELECT payload FROM jobs WHERE kind = 'search'")
    assert jobs == [({"query": "Sintel", "page": 1, "type": "multi"},)]  # one for the three of them
    assert user.get("/jobs").json["items"] == [] and user.delete("/user/profile").status == 204
    assert sokoul.value("SELECT status FROM jobs") == "Pending"  # it is nobody's


def test_search_works_without_redis(sokoul, user, servers):
    servers.redis.kill()
    assert "Inception" in titles(user.get("/search", query={"query": "Inception"}))


def test_post_search_waits_for_its_result(sokoul, user):
    def answer_as_scout():
        job = eventually(lambda: sokoul_side.value("SELECT job_id::text FROM jobs WHERE kind = 'search'"))
        sokoul_side.sql("INSERT INTO job_results (job_id, result) VALUES (%s, %s)",
                        (job, json.dumps({"items": [{"title": "<b>"}], "total": 1})))
        rows.finish(sokoul_side, job)

    sokoul_side = type(sokoul)(sokoul.folder, sokoul.postgres, sokoul.nats, sokoul.redis, sokoul.database,
                               sokoul.tmdb, sokoul.prowlarr)
    worker = threading.Thread(target=answer_as_scout)
    worker.start()
    answer = user.post("/search", {"query": "Inception", "wait_ms": 10000})
    worker.join()
    assert answer.status == 200 and answer.json["items"] == [{"title": "<b>"}] and "<b>" not in answer.text


def test_post_search_is_answered_by_scout(sokoul, user, tmdb):
    sokoul.start("sokoul-scout")
    answer = user.post("/search", {"query": "Inception", "wait_ms": 10000})
    assert "Inception" in titles(answer) and answer.json["total"] >= 1
    assert {"items", "page", "limit", "total", "next", "cached"} <= set(answer.json)
    job = user.get(answer.headers["Location"]).json
    assert job["status"] == "Completed" and job["attempts"] == 1
    tmdb.forget()
    assert user.get("/search", query={"query": "Inception"}).json["cached"] is True  # one cache for both
    assert tmdb.count("search") == 0


def test_scout_refreshes_what_was_stale(sokoul, tmdb):
    user = Api(sokoul.start("sokoul-api", {"SEARCH_CACHE_TTL_S": "1"}).port).register()
    sokoul.start("sokoul-scout", {"SEARCH_CACHE_TTL_S": "1"})
    assert titles(user.get("/search", query={"query": "Sintel"})) == ["Sintel"]
    tmdb.movies[0]["title"] = "Sintel, newly named"

    def renamed():
        answer = user.get("/search", query={"query": "Sintel"})
        assert answer.json["cached"] is True
        return titles(answer) == ["Sintel, newly named"]

    eventually(renamed, 15, "the new name, from the cache that a job refreshed")


def test_post_search_is_202_when_nobody_answers_in_time(sokoul, user):
    began = time.monotonic()
    answer = user.post("/search", {"query": "Inception", "wait_ms": 300})
    assert answer.status == 202 and 0.2 < time.monotonic() - began < 3
    assert answer.headers["Location"] == f"/jobs/{answer.json['job_id']}" and answer.json["status"] == "Pending"
    job = user.get(answer.headers["Location"]).json
    assert job["kind"] == "search" and job["worker"] == "scout"
    assert job["payload"] == {"query": "Inception", "page": 1, "type": "multi"}
    assert user.post("/search", {"query": "x", "wait_ms": 0}).status == 202
    for bad in ({"query": ""}, {"query": "x", "wait_ms": 10001}, {"query": "x", "type": "song"}, {}):
        assert user.post("/search", bad).status == 400


def test_search_needs_a_login(api):
    assert api.get("/search", query={"query": "x"}).status == 401
    assert api.post("/search", {"query": "x"}).status == 401


def test_health_counts_known_traffic(api, user, tmdb):  # req: A44
    tmdb.stop()
    before = api.get("/health").json
    for number in range(40):
        path, status = ("/search?query=dune", 503) if number % 8 == 0 else ("/livez", 200)
        assert user.get(path).status == status
    after = api.get("/health").json
    assert after["requests"] - before["requests"] == 41  # and the first of the two looks
    assert after["errors"] - before["errors"] == 5
    assert after["error_rate"] == f"{100 * after['errors'] / after['requests']:.2f}%"
    assert (after["status"], after["database"]) == ("healthy", "up")
    assert before["uptime_seconds"] <= after["uptime_seconds"] < 600
    now = datetime.datetime.now(datetime.timezone.utc)
    for name in ("timestamp", "last_db_check"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", after[name])
        assert abs((now - datetime.datetime.fromisoformat(after[name].replace("Z", "+00:00"))).total_seconds()) < 10


def test_without_the_database_every_search_is_503_and_comes_back(own_sokoul, own_servers):
    user = Api(own_sokoul.start("sokoul-api").port).register()
    assert "Sintel" in titles(user.get("/search", query={"query": "Sintel"}))
    own_servers.postgres.kill()

    def refused():
        answers = [user.get("/search", query={"query": "Sintel"}), user.post("/search", {"query": "Sintel"})]
        assert {a.status for a in answers} <= {200, 202, 503}, answers
        return all(a.status == 503 and a.headers["Retry-After"] for a in answers)

    eventually(refused, 5, "503 with Retry-After, also for what is in the cache")
    own_servers.restart(own_servers.postgres)
    eventually(lambda: user.get("/search", query={"query": "Sintel"}).status == 200, 15, "a search that works again")
