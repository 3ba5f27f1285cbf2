# SPDX-License-Identifier: Apache-2.0
"""Favorites."""
import uuid

import pytest
import rows

pytestmark = pytest.mark.kept


def test_favorites_are_added_listed_and_removed(sokoul, api, user):  # req: S9 S67 S68 S69 S155
    films = [rows.media(sokoul, n, f"Film {n}") for n in range(1, 6)]
    answer = user.post("/media/favorite", {"media_id": films[0]})
    assert answer.status == 201 and answer.json["media_id"] == films[0], answer
    assert sokoul.value("SELECT count(*) FROM favorites") == 1
    assert user.post("/media/favorite", {"media_id": films[0]}).status == 200
    assert sokoul.value("SELECT count(*) FROM favorites") == 1
    for n, film in enumerate(films[1:4]):
        assert user.post("/media/favorite", {"tmdb_id": n + 2, "media_type": "movie"}).json["id"] == film
    bob = api.register("bob")
    assert bob.get("/media/favorites").json == {"items": [], "page": 1, "limit": 20, "total": 0, "next": None}
    assert bob.post("/media/favorite", {"media_id": films[4]}).status == 201
    listed = user.get("/media/favorites").json
    assert [i["title"] for i in listed["items"]] == ["Film 4", "Film 3", "Film 2", "Film 1"]
    assert listed["total"] == 4
    assert [i["title"] for i in bob.get("/media/favorites").json["items"]] == ["Film 5"]
    assert bob.delete(f"/media/favorite/{films[0]}").status == 404  # not among theirs
    assert user.delete(f"/media/favorite/{films[0]}").status == 204
    assert user.delete(f"/media/favorite/{films[0]}").status == 404
    assert user.delete("/media/favorite/x").status == 404
    assert user.get("/media/favorites").json["total"] == 3


def test_pages_and_cursors_of_favorites(sokoul, user):  # req: S28 S68
    for n in range(1, 26):
        assert user.post("/media/favorite", {"media_id": rows.media(sokoul, n, f"Film {n}")}).status == 201
    newest_first = [f"Film {n}" for n in range(25, 0, -1)]
    by_page = [i["title"] for p in (1, 2, 3)
               for i in user.get("/media/favorites", query={"page": p, "limit": 10}).json["items"]]
    assert by_page == newest_first
    first = user.get("/media/favorites", query={"limit": 10}).json
    sokoul.sql("DELETE FROM favorites WHERE media_id = %s", (first["items"][0]["media_id"],))  # moves pages, not cursors
    second = user.get("/media/favorites", query={"limit": 10, "cursor": first["next"]}).json
    assert [i["title"] for i in second["items"]] == newest_first[10:20] and second["total"] is None
    third = user.get("/media/favorites", query={"limit": 10, "cursor": second["next"]}).json
    assert [i["title"] for i in third["items"]] == newest_first[20:] and third["next"] is None
    for limit, status in ((0, 400), (101, 400), (100, 200), (1, 200)):
        assert user.get("/media/favorites", query={"limit": limit}).status == status


def test_what_cannot_be_a_favorite(user):  # part: S41
    assert user.post("/media/favorite", {"media_id": str(uuid.uuid4())}).status == 404
    assert user.post("/media/favorite", {"tmdb_id": 1, "media_type": "movie"}).status == 404
    for bad in ({}, {"media_id": "x"}, {"tmdb_id": -1, "media_type": "movie"}, {"tmdb_id": 1},
                {"tmdb_id": 1, "media_type": "song"}, {"tmdb_id": "1", "media_type": "movie"}, {"tmdb_id": 1.5}):
        answer = user.post("/media/favorite", bad)
        assert answer.status == 400 and answer.json["errors"], bad
