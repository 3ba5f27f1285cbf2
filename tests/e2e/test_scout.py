# SPDX-License-Identifier: Apache-2.0
"""sokoul-scout against fakes of TMDB and Prowlarr: what it finds, and what it makes of bad answers."""
import json
import threading
import time
import uuid

import pytest
from client import Api
from job_kit import envelope, inject, publish, run, settled
from stack_under_test import SLOW, eventually

BACKOFF_S = (2, 4, 8)


@pytest.fixture
def scout(sokoul):
    return sokoul.start("sokoul-scout")


def film(sokoul, title="Sintel", year=2010, tmdb_id=45745, media_type="movie"):
    return sokoul.value("INSERT INTO media (id, tmdb_id, media_type, title, year) VALUES (%s, %s, %s, %s, %s) "
                        "RETURNING id::text", (str(uuid.uuid4()), tmdb_id, media_type, title, year))


def waits(sokoul, job_id):
    """Seconds from the end of each failed attempt to the time it was to be tried again."""
    rows = sokoul.sql("SELECT at, started_at FROM job_history WHERE job_id = %s ORDER BY at", (job_id,))
    starts = [row[1] for row in rows[1:]] + [sokoul.value("SELECT started_at FROM jobs WHERE job_id = %s", (job_id,))]
    return [(start - row[0]).total_seconds() for row, start in zip(rows, starts)]


# ---- titles -------------------------------------------------------------------------------------


def test_a_search_stores_titles_and_keeps_its_result(sokoul, scout, tmdb):  # req: S44
    done = run(sokoul, "search", {"query": "sequel", "page": 2, "type": "movie"})
    result = done["result"]
    assert done["status"] == "Completed" and done["attempts"] == 1
    assert (result["page"], result["limit"], result["total"], result["next"], result["cached"]) == (2, 20, 45, "3", False)
    assert [m["title"] for m in result["items"]][:2] == ["Sequel Part 21", "Sequel Part 22"]
    assert all(m["id"] and m["tmdb_id"] and m["media_type"] == "movie" for m in result["items"])
    assert sokoul.value("SELECT count(*) FROM media") == 20
    seen = [r for r in tmdb.requests if r.path == "/3/search/movie"]
    assert len(seen) == 1 and seen[0].query["page"] == "2"


def test_a_second_search_is_answered_from_the_cache_and_titles_keep_their_ids(sokoul, scout, tmdb):
    first = run(sokoul, "search", {"query": "Sintel"})["result"]
    second = run(sokoul, "search", {"query": " sintel "})["result"]
    assert second["cached"] and second["items"] == first["items"] and tmdb.count("/3/search") == 1
    assert sokoul.redis.command("FLUSHALL") == "+OK"
    third = run(sokoul, "search", {"query": "Sintel"})["result"]
    assert not third["cached"] and third["items"][0]["id"] == first["items"][0]["id"]
    metrics = eventually(lambda: Api(scout.port).get("/metrics").text)
    assert "sokoul_cache_hits_total 1\n" in metrics and "sokoul_cache_misses_total 2\n" in metrics


def test_scout_fills_the_cache_that_the_api_reads(sokoul, scout, api, user, tmdb):
    run(sokoul, "search", {"query": "Sintel", "page": 1, "type": "multi"})
    answer = user.get("/search", query={"query": "Sintel"})
    assert answer.status == 200 and answer.json["cached"] is True
    assert [m["title"] for m in answer.json["items"]] == ["Sintel"] and tmdb.count("/3/search") == 1


def test_a_stale_page_is_better_than_none(sokoul, tmdb):
    sokoul.start("sokoul-scout", {"SEARCH_CACHE_TTL_S": "0"})
    first = run(sokoul, "search", {"query": "Sintel"})["result"]
    tmdb.fail("html")
    done = run(sokoul, "search", {"query": "Sintel"})
    assert done["status"] == "Completed" and done["attempts"] == 1
    assert done["result"]["cached"] and done["result"]["items"] == first["items"]


def test_without_redis_searches_work(sokoul, scout):
    sokoul.redis.kill()
    assert run(sokoul, "search", {"query": "Sintel"})["result"]["total"] == 1


def check_senseless(sokoul, kind, payloads):
    ids = [inject(sokoul, kind, payload)[0] for payload in payloads]
    for payload, job_id in zip(payloads, ids, strict=True):
        done = settled(sokoul, job_id)
        assert (done["status"], done["reason"], done["attempts"]) == ("Failed", "invalid", 1) and done["detail"], payload
    assert sokoul.value("SELECT count(*) FROM dead_letters") == 0


def test_a_senseless_search_fails_at_once(sokoul, scout, tmdb):  # req: S139 S141
    check_senseless(sokoul, "search", [{}, {"query": ""}, {"query": "  "}, {"query": 7}, {"query": "x" * 201},
                                       {"query": "x", "page": 0}, {"query": "x", "type": "book"}])
    assert tmdb.count() == 0


def test_unknown_fields_are_ignored(sokoul, scout):  # req: S140
    assert run(sokoul, "search", {"query": "Sintel", "colour": "blue"})["status"] == "Completed"


def test_the_same_job_sent_twice_has_one_effect(sokoul, scout, tmdb):  # req: S110 S111
    body = envelope(kind="search", payload={"query": "Sintel"})
    with sokoul.nats.connect() as nats:
        for n in range(10):
            publish(nats, body, "sokoul.jobs.scout.search", {"Nats-Msg-Id": f"again-{n}"})
    assert settled(sokoul, body["job_id"])["status"] == "Completed"
    assert run(sokoul, "search", {"query": "Inception"})["status"] == "Completed"
    assert sokoul.value("SELECT count(*) FROM jobs WHERE job_id = %s", (body["job_id"],)) == 1
    assert sokoul.value("SELECT attempts FROM jobs WHERE job_id = %s", (body["job_id"],)) == 1
    assert sokoul.value("SELECT count(*) FROM job_results WHERE job_id = %s", (body["job_id"],)) == 1
    assert tmdb.count("Sintel") == 1


# ---- a provider that misbehaves --------------------------------------------------------------------


def test_errors_are_tried_again_after_2_4_and_8_seconds(sokoul, scout, tmdb):  # req: S112
    tmdb.fail("status", status=500, times=3)
    done = run(sokoul, "search", {"query": "Sintel"}, 40)
    assert done["status"] == "Completed" and done["attempts"] == 4
    for wait, wanted in zip(waits(sokoul, done["id"]), BACKOFF_S, strict=True):
        assert wanted * 0.9 <= wait <= wanted * 1.1 + 2 * SLOW


def test_the_fourth_failure_is_a_dead_letter(sokoul, scout, tmdb):  # req: S121 S137 part: S113
    tmdb.fail("status", status=500)
    done = run(sokoul, "search", {"query": "Sintel"}, 40)
    assert (done["status"], done["reason"], done["attempts"]) == ("Failed", "exhausted", 4)
    assert "TMDB" in done["detail"] and tmdb.count("/3/search") == 4
    letters = json.loads(sokoul.ctl("dlq", "ls", "--json").stdout)
    assert [(row["job_id"], row["reason"]) for row in letters] == [(done["id"], "exhausted")]
    assert sokoul.value("SELECT jsonb_array_length(errors) FROM dead_letters") == 4
    assert sokoul.value("SELECT count(*) FROM job_results WHERE job_id = %s", (done["id"],)) == 0


def test_retry_after_is_honoured(sokoul, scout, tmdb):  # req: S128
    tmdb.fail("status", status=429, headers={"Retry-After": "7"}, times=1)
    done = run(sokoul, "search", {"query": "Sintel"})
    assert done["status"] == "Completed" and done["attempts"] == 2
    first, second = [r.at for r in tmdb.requests]
    assert 7 <= second - first <= 8 + SLOW


def test_nonsense_is_a_retryable_error_and_never_a_crash(sokoul, scout, tmdb):  # req: S47 S127
    faults = ("html", "garbage", "oversize", "cut", "redirect", "json")
    for fault in faults:
        tmdb.fail(fault, times=1, match=fault)
    ids = {fault: inject(sokoul, "search", {"query": fault})[0] for fault in faults}
    for fault, job_id in ids.items():
        done = settled(sokoul, job_id)
        assert done["status"] == "Completed" and done["attempts"] == 2, fault
        detail = sokoul.value("SELECT detail FROM job_history WHERE job_id = %s", (job_id,))
        assert "TMDB" in detail and tmdb.key not in detail, fault
    assert scout.running() and scout.memory_kib() < (200 << 10) * SLOW


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_slow_answer_is_cut_and_tried_again(sokoul, tmdb, fault):  # req: S129 S135
    sokoul.start("sokoul-scout", {"HTTP_TIMEOUT_S": "3"})
    tmdb.fail(fault, times=1)
    done = run(sokoul, "search", {"query": "Sintel"})
    assert done["status"] == "Completed" and done["attempts"] == 2
    first, second = [r.at for r in tmdb.requests]
    assert 3 + 1.8 <= second - first <= 3 + 2.2 + 1.5 * SLOW


def test_the_default_deadline_is_30_seconds(sokoul, scout, tmdb):  # req: S129
    tmdb.fail("hang", times=1)
    job_id = inject(sokoul, "search", {"query": "Sintel"})[0]
    eventually(lambda: tmdb.count() == 1)
    began = time.monotonic()
    eventually(lambda: sokoul.value("SELECT count(*) FROM job_history WHERE job_id = %s AND reason IS NOT NULL",
                                    (job_id,)), 35, "the first failure")
    assert 29 <= time.monotonic() - began <= 31 + SLOW
    assert settled(sokoul, job_id)["status"] == "Completed"


def test_a_refused_key_is_for_good_and_in_plain_words(sokoul, tmdb):
    sokoul.start("sokoul-scout", {"TMDB_API_KEY": "some-other-key-of-mine"})
    done = run(sokoul, "search", {"query": "Sintel"})
    assert (done["status"], done["attempts"], done["detail"]) == ("Failed", 1, "TMDB refused the API key")
    assert tmdb.count() == 1 and sokoul.value("SELECT count(*) FROM dead_letters") == 0


def test_a_404_is_for_good(sokoul, scout, tmdb):  # req: S44
    tmdb.fail("status", status=404)
    done = run(sokoul, "search", {"query": "Sintel"})
    assert (done["status"], done["reason"], done["attempts"]) == ("Failed", "not_found", 1)


def test_nobody_there_is_tried_again(sokoul, tmdb):  # req: S134 part: S136
    sokoul.start("sokoul-scout", {"TMDB_BASE_URL": "http://no-such-name.invalid"})
    job_id = inject(sokoul, "search", {"query": "Sintel"})[0]
    eventually(lambda: sokoul.value("SELECT attempts FROM jobs WHERE job_id = %s", (job_id,)) == 2, 20)
    assert "TMDB" in sokoul.value("SELECT detail FROM job_history WHERE job_id = %s LIMIT 1", (job_id,))


# ---- releases -----------------------------------------------------------------------------------


def test_releases_are_read_scored_merged_and_kept(sokoul, scout, prowlarr):  # req: S45 S130
    media_id = film(sokoul)
    done = run(sokoul, "releases", {"media_id": media_id})
    result = done["result"]
    assert done["status"] == "Completed" and result["warning"] is None
    assert (result["found"], result["count"], result["pages"]) == (4, 3, 1)
    rows = sokoul.sql("SELECT id::text, title, indexer, seeders, size, info_hash, score, quality, reasons FROM releases "
                      "ORDER BY score DESC, seeders DESC")
    assert [row[1] for row in rows] == ["Sintel.2010.1080p.BluRay.x264-OPEN", "Sintel.2010.720p.WEB-DL.x265-OPEN",
                                        "Sintel.2010.CAM.XviD-BAD"]
    best = rows[0]
    assert best[3:6] == (120, 2 << 30, "08ada5a7a6183aae1e09d831df6748d566095a10")
    assert best[7]["resolution"] == 1080 and best[7]["source"] == "BluRay" and best[7]["group"] == "OPEN"
    assert all(row[8] and all(r["text"] for r in row[8]) for row in rows)
    assert all(row[6] == max(0, min(100, sum(r["points"] for r in row[8]))) for row in rows)
    assert rows[2][6] == 0
    assert result["best"] == {"id": best[0], "title": best[1], "score": best[6], "seeders": 120}
    assert prowlarr.count("/api/v1/search") == 1


def test_looking_again_refreshes_and_keeps_the_ids(sokoul, scout, prowlarr):
    media_id = film(sokoul)
    before = run(sokoul, "releases", {"media_id": media_id})["result"]["best"]
    prowlarr.releases[0]["seeders"] = 500
    after = run(sokoul, "releases", {"media_id": media_id})["result"]
    assert after["best"]["id"] == before["id"] and after["best"]["seeders"] == 500
    assert sokoul.value("SELECT count(*) FROM releases") == 3


def test_an_episode_is_asked_for_by_its_number(sokoul, scout, prowlarr):
    prowlarr.add("Breaking.Bad.S01E02.1080p.WEB-DL.x264-OPEN", info_hash="a" * 40, category=5000)
    media_id = film(sokoul, "Breaking Bad", 2008, 1396, "tv")
    done = run(sokoul, "releases", {"media_id": media_id, "season": 1, "episode": 2})
    assert done["result"]["count"] == 1 and done["result"]["best"]
    assert sokoul.sql("SELECT season, episode FROM releases") == [(1, 2)]
    seen = prowlarr.requests[-1].query
    assert seen["query"].endswith("S01E02") and seen["type"] == "tvsearch"


def scores_of(sokoul, prowlarr, payload, names):
    """The points of releases of these names, which are all that the indexer has."""
    prowlarr.finds_all = True
    prowlarr.releases.clear()
    for n, name in enumerate(names):
        prowlarr.add(name, info_hash=f"{n + 1:040x}", category=5000 if "season" in payload else 2000)
    assert run(sokoul, "releases", payload)["status"] == "Completed"
    told = dict(sokoul.sql("SELECT title, score FROM releases"))
    return [told[name] for name in names]


def test_a_release_fits_by_another_name_of_the_film_in_any_script(sokoul, scout, prowlarr, tmdb):
    next(item for item in tmdb.movies if item["id"] == 45745)["names"] = ["Синтел", "シンテル", "!?"]
    payload = {"media_id": film(sokoul)}
    right = ["Синтел.2010.1080p.WEB", "シンテル.2010.720p.WEB", "Синтел / Another (2010) 1080p"]
    wrong = ["Причал.2010.1080p.WEB", "！？.2010.1080p.WEB", "2010.1080p.WEB"]
    points = scores_of(sokoul, prowlarr, payload, right + wrong)
    assert all(points[:3]) and not any(points[3:]), points
    asked = [r for r in tmdb.requests if r.path == "/3/movie/45745"]
    assert len(asked) == 1 and asked[0].query["append_to_response"] == "alternative_titles"
    scores_of(sokoul, prowlarr, payload, right)
    assert tmdb.count("/3/movie/45745") == 1, "the answer is kept"


def test_an_episode_fits_by_its_day_and_by_its_number_through_all_seasons(sokoul, scout, prowlarr, tmdb):
    series = next(item for item in tmdb.shows if item["id"] == 1396)
    series["days"] = {1: ["2008-01-20", "2008-01-27", "2008-02-10"], 2: ["2009-03-08", "2009-03-15"]}
    payload = {"media_id": film(sokoul, "Breaking Bad", 2008, 1396, "tv"), "season": 2, "episode": 2}
    right = ["Breaking.Bad.2009.03.15.720p", "[Group] Breaking Bad - 05 [720p]", "Breaking.Bad.S02E02.720p"]
    wrong = ["Breaking.Bad.2009.03.08.720p", "[Group] Breaking Bad - 02 [720p]", "Breaking.Bad.S01E02.720p"]
    points = scores_of(sokoul, prowlarr, payload, right + wrong)
    assert all(points[:3]) and not any(points[3:]), points
    assert tmdb.count("/3/tv/1396") == 1


def test_without_tmdb_releases_are_compared_with_the_title_alone(sokoul, scout, prowlarr, tmdb):
    tmdb.fail("html")
    done = run(sokoul, "releases", {"media_id": film(sokoul)})
    assert done["status"] == "Completed" and done["attempts"] == 1 and done["result"]["best"]


def test_a_release_behind_a_link_is_kept_without_showing_the_key(sokoul, scout, prowlarr):
    media_id = film(sokoul, "Tears of Steel", 2012, 133701)
    assert run(sokoul, "releases", {"media_id": media_id})["result"]["count"] == 1
    url, magnet = sokoul.sql("SELECT download_url, magnet FROM releases")[0]
    assert url and magnet is None and prowlarr.key not in url


def test_pages_that_never_end_are_asked_for_50_times(sokoul, scout, prowlarr):  # req: S131 S132
    prowlarr.endless(new=True)
    done = run(sokoul, "releases", {"media_id": film(sokoul)}, 60)
    assert done["status"] == "Completed" and done["result"]["pages"] == 50 and done["result"]["warning"]
    assert done["result"]["count"] == 5000
    assert prowlarr.count("/api/v1/search") == 50
    offsets = [int(r.query["offset"]) for r in prowlarr.requests]
    assert offsets == [n * 100 for n in range(50)]


def test_pages_that_repeat_end_the_search(sokoul, scout, prowlarr):  # req: S131
    prowlarr.endless()
    done = run(sokoul, "releases", {"media_id": film(sokoul)})
    assert done["result"]["pages"] == 2 and done["result"]["count"] == 100 and prowlarr.count("/api/v1/search") == 2


def test_a_broken_page_leaves_those_before_it(sokoul, scout, prowlarr):  # req: S133
    prowlarr.endless(new=True)
    for number, fault in enumerate(("html", "status", "garbage", "cut")):
        prowlarr.heal()
        prowlarr.forget()
        prowlarr.fail(fault, match="offset=200")
        done = run(sokoul, "releases", {"media_id": film(sokoul, tmdb_id=number)})
        assert done["status"] == "Completed" and done["result"]["pages"] == 2 and done["result"]["count"] == 200, fault
        assert "page 3" in done["result"]["warning"] and prowlarr.count("/api/v1/search") == 3, fault
    assert len(scout.log(event="releases_partial")) == 4


def test_rows_that_cannot_be_used_are_counted(sokoul, scout, prowlarr):
    prowlarr.releases += [{"guid": "n", "title": "Sintel 2010 without a way to get it"},
                          {"guid": "z", "title": "Sintel \0 2010", "infoHash": "b" * 40}]
    result = run(sokoul, "releases", {"media_id": film(sokoul)})["result"]
    assert result["count"] == 3 and result["dropped"] == 2, result
    assert result["warning"] == "2 rows could not be used, 1 values could not be read"


def test_a_broken_first_page_is_tried_again(sokoul, scout, prowlarr):
    prowlarr.fail("html", times=1)
    done = run(sokoul, "releases", {"media_id": film(sokoul)})
    assert done["status"] == "Completed" and done["attempts"] == 2 and done["result"]["count"] == 3


def test_hostile_rows_do_not_spoil_the_others(sokoul, scout, prowlarr):
    prowlarr.releases[:] = prowlarr.releases[:1]
    odd = {"guid": "x" * 9000, "title": "Sintel.2010.720p.WEB-DL.x264-ODD", "downloadUrl": f"{prowlarr.url}/1/download?link=x",
           "size": -5, "seeders": "many", "publishDate": "0000-01-01T00:00:00Z", "indexer": None, "protocol": "torrent"}
    broken = [{**odd, "guid": "g1", "downloadUrl": None, "magnetUrl": "magnet:?xt=urn:btih:short"}, {"title": "x"}, 7, None, []]
    prowlarr.respond = lambda request: (200, {}, json.dumps(prowlarr.releases + [odd] + broken).encode())
    done = run(sokoul, "releases", {"media_id": film(sokoul)})
    assert done["status"] == "Completed" and done["result"]["count"] == 2, done
    assert sokoul.sql("SELECT size, seeders, indexer, published_at, length(dedupe_key) FROM releases "
                      "WHERE title LIKE '%ODD'") == [(0, 0, "", None, 71)]


def test_nothing_found_is_no_failure(sokoul, scout):
    done = run(sokoul, "releases", {"media_id": film(sokoul, "Unheard Of", 1999, 5)})
    assert done["status"] == "Completed" and done["result"]["count"] == 0 and done["result"]["best"] is None


def test_without_an_indexer_it_says_what_to_do(sokoul):
    sokoul.start("sokoul-scout", {"PROWLARR_URL": None, "PROWLARR_API_KEY": None})
    done = run(sokoul, "releases", {"media_id": film(sokoul)})
    assert (done["status"], done["attempts"]) == ("Failed", 1)
    assert done["detail"] == "No indexer is configured: set PROWLARR_URL"


def test_a_senseless_search_for_releases_fails_at_once(sokoul, scout):  # req: S139 S141
    check_senseless(sokoul, "releases", [{}, {"media_id": "x"}, {"media_id": str(uuid.uuid4()), "season": -1},
                                         {"media_id": str(uuid.uuid4()), "episode": 1}])


def test_an_unknown_title_fails_at_once(sokoul, scout, prowlarr):
    done = run(sokoul, "releases", {"media_id": str(uuid.uuid4())})
    assert (done["status"], done["reason"]) == ("Failed", "not_found") and prowlarr.count() == 0


# ---- under way ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["search", "releases"])
def test_cancelling_ends_a_call_that_hangs_within_a_second(sokoul, scout, tmdb, prowlarr, kind):
    fake = tmdb if kind == "search" else prowlarr
    fake.fail("hang")
    payload = {"query": "Sintel"} if kind == "search" else {"media_id": film(sokoul)}
    job_id = inject(sokoul, kind, payload)[0]
    eventually(lambda: fake.count() == 1)
    began = time.monotonic()
    sokoul.ctl("job", "cancel", job_id)
    eventually(lambda: scout.log(event="provider_call", job_id=job_id), 5)
    assert time.monotonic() - began <= 1.5 + SLOW * 0.5
    done = settled(sokoul, job_id)
    assert (done["status"], done["reason"]) == ("Failed", "cancelled") and done["result"] is None
    fake.heal()
    assert run(sokoul, "search", {"query": "Sintel"})["status"] == "Completed"


def slow_down(fake, wait_s):
    honest, never = fake.respond, threading.Event()

    def respond(request):
        never.wait(wait_s)
        return honest(request)

    fake.respond = respond


def test_a_hundred_searches_take_less_than_30_seconds(sokoul, scout, tmdb, user):  # req: S209
    slow_down(tmdb, 0.2)
    began = time.monotonic()
    ids = [user.post("/search", {"query": f"sequel {n}", "wait_ms": 0}).json["job_id"] for n in range(100)]
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Completed'") == 100, 30)
    assert time.monotonic() - began < 30 * SLOW and len(set(ids)) == 100
    assert tmdb.count("/3/search") == 100


def test_no_more_run_at_once_than_may(sokoul, tmdb):  # req: S124
    slow_down(tmdb, 0.2)
    sokoul.start("sokoul-scout", {"WORKER_CONCURRENCY": "3"})
    for n in range(20):
        inject(sokoul, "search", {"query": f"sequel {n}"})
    eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Completed'") == 20, 30)
    times = sorted(r.at for r in tmdb.requests)
    assert all(times[n + 3] - times[n] >= 0.19 for n in range(len(times) - 3))


def test_sigterm_hands_a_running_search_back_without_burning_an_attempt(sokoul, tmdb):
    scout = sokoul.start("sokoul-scout", {"WORKER_DRAIN_S": "1"})
    tmdb.fail("hang")
    job_id = inject(sokoul, "search", {"query": "Sintel"})[0]
    eventually(lambda: tmdb.count() == 1)
    assert scout.stop() == 0
    assert sokoul.sql("SELECT status, attempts FROM jobs WHERE job_id = %s", (job_id,)) == [("Pending", 0)]
    tmdb.heal()
    sokoul.start("sokoul-scout")
    done = settled(sokoul, job_id)
    assert done["status"] == "Completed" and done["attempts"] == 1


def test_one_request_id_leads_through_every_step(sokoul, scout, api, user):  # part: S301
    answer = user.post("/search", {"query": "Sintel", "wait_ms": 10000}, headers={"X-Request-ID": "trace-42"})
    assert answer.status == 200 and answer.headers["X-Request-ID"] == "trace-42", answer
    job_id = sokoul.value("SELECT job_id::text FROM jobs WHERE request_id = 'trace-42'")
    lines = scout.log(request_id="trace-42", job_id=job_id)
    events = [line["event"] for line in lines]
    steps = ["job_received", "provider_call", "persisted", "cached"]
    assert [e for e in events if e in steps] == steps
    assert all(line["user_id"] == user.user["id"] for line in lines)
    assert all(" ms" in line["message"] for line in lines if line["event"] in steps[1:])
    assert [line["timestamp"] for line in lines] == sorted(line["timestamp"] for line in lines)
    api_log = sokoul.programs[[p.name for p in sokoul.programs].index("sokoul-api")]
    eventually(lambda: api_log.log(request_id="trace-42"), 5)
    assert not any(word in scout.log_text() for word in (sokoul.tmdb.key, "Sintel"))
