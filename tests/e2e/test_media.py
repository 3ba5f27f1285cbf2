# SPDX-License-Identifier: Apache-2.0
"""A title, its releases, and looking for more of them."""
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import rows

pytestmark = pytest.mark.kept


def test_a_title_by_its_id(sokoul, api, user):  # req: S53
    media = rows.media(sokoul, 27205, "Inception <i>")
    answer = user.get(f"/media/{media}")
    assert answer.status == 200 and "<i>" not in answer.text
    body = answer.json
    assert body["id"] == media and body["tmdb_id"] == 27205 and body["media_type"] == "movie"
    assert body["title"] == "Inception <i>" and body["genres"] == ["Drama"] and body["year"] == 2010
    assert {"original_title", "overview", "poster_url"} <= set(body)
    assert user.get(f"/media/{media.upper()}").status == 200
    assert user.get(f"/media/{uuid.uuid4()}").status == 404
    assert user.get("/media/27205").status == 404
    assert api.get(f"/media/{media}").status == 401


def test_releases_come_best_first_with_their_reasons(sokoul, user):
    media = rows.media(sokoul)
    for score, seeders in ((50, 1), (90, 5), (90, 50), (0, 900), (70, 1)):
        rows.release(sokoul, media, f"R{score}-{seeders}", score, seeders=seeders)
    rows.release(sokoul, rows.media(sokoul, 2), "another title")
    answer = user.get(f"/media/{media}/releases", query={"limit": 3})
    assert [r["title"] for r in answer.json["items"]] == ["R90-50", "R90-5", "R70-1"]
    assert answer.json["total"] == 5 and answer.json["page"] == 1 and answer.json["limit"] == 3
    rest = user.get(f"/media/{media}/releases", query={"limit": 3, "cursor": answer.json["next"]})
    assert [r["title"] for r in rest.json["items"]] == ["R50-1", "R0-900"]
    assert rest.json["next"] is None and rest.json["total"] is None
    assert [r["title"] for r in user.get(f"/media/{media}/releases", query={"limit": 3, "page": 2}).json["items"]] == \
        ["R50-1", "R0-900"]
    for release in answer.json["items"]:
        assert release["reasons"] and release["media_id"] == media and 0 <= release["score"] <= 100
        assert "download_url" not in release
    assert user.get(f"/media/{uuid.uuid4()}/releases").status == 404
    for cursor in ("x", "1.x", "1", "9" * 30 + "." + str(uuid.uuid4())):
        assert user.get(f"/media/{media}/releases", query={"cursor": cursor}).status == 400


def test_two_searches_for_releases_are_one_job(sokoul, api, user):
    media = rows.media(sokoul)
    other = api.register("bob")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda who: who.post(f"/media/{media}/releases/search"), [user, other] * 8))
    assert {a.status for a in answers} == {202}, answers
    jobs = {a.json["job_id"] for a in answers}
    assert len(jobs) == 1 and sokoul.value("SELECT count(*) FROM jobs WHERE kind = 'releases'") == 1
    job = jobs.pop()
    assert answers[0].headers["Location"] == f"/jobs/{job}"
    assert sokoul.value("SELECT payload FROM jobs") == {"media_id": media}
    season = user.post(f"/media/{media}/releases/search", {"season": 1, "episode": 2})
    assert season.json["job_id"] != job
    rows.finish(sokoul, job)
    again = user.post(f"/media/{media}/releases/search")
    assert again.status == 202 and again.json["job_id"] != job


def test_a_search_that_two_asked_for_is_each_ones_and_ends_with_the_last(sokoul, api, user):
    media = rows.media(sokoul)
    other, stranger = api.register("bob"), api.register("eve")
    job = user.post(f"/media/{media}/releases/search").json["job_id"]
    assert other.post(f"/media/{media}/releases/search").json["job_id"] == job
    for who in (user, other):
        seen = who.get(f"/jobs/{job}").json
        assert (seen["status"], seen["user_id"]) == ("Pending", who.user["id"])
        listed = who.get("/jobs").json
        assert [j["id"] for j in listed["items"]] == [job] and listed["total"] == 1
    assert stranger.get(f"/jobs/{job}").status == stranger.post(f"/jobs/{job}/cancel").status == 403
    left = user.post(f"/jobs/{job}/cancel")
    assert (left.status, left.json["status"], left.json["reason"]) == (202, "Pending", None), left
    assert user.get(f"/jobs/{job}").status == 403 and user.get("/jobs").json["items"] == []
    assert user.post(f"/media/{media}/releases/search").json["job_id"] == job  # asked for anew
    assert other.delete("/user/profile").status == 204
    assert user.get(f"/jobs/{job}").json["status"] == "Pending"
    ended = user.post(f"/jobs/{job}/cancel")
    assert (ended.status, ended.json["status"], ended.json["reason"]) == (202, "Failed", "cancelled")
    assert user.get(f"/jobs/{job}").json["reason"] == "cancelled" and user.post(f"/jobs/{job}/cancel").status == 409


def test_a_search_for_releases_of_nothing_is_404(user):
    assert user.post(f"/media/{uuid.uuid4()}/releases/search").status == 404
    assert user.post("/media/x/releases/search").status == 404
