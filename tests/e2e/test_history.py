# SPDX-License-Identifier: Apache-2.0
"""What was watched."""
import uuid

import rows


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
