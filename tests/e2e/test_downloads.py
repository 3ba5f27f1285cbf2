# SPDX-License-Identifier: Apache-2.0
"""Starting, looking at and deleting downloads; the hunter's part is in other files."""
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import rows
from client import Api
from stack_under_test import SLOW

pytestmark = pytest.mark.kept


@pytest.fixture
def film(sokoul):
    return rows.media(sokoul)


def start(user, film, number=1, **more):
    answer = user.post("/downloads/start", {"media_id": film, "magnet": rows.magnet(number), **more})
    assert answer.status == 202, answer
    return answer.json


def job_payload(sokoul, job_id):
    return sokoul.value("SELECT payload FROM jobs WHERE job_id = %s", (job_id,))


def test_start_is_accepted_with_its_rows(sokoul, user, film):  # req: S8 S71 S114
    began = time.monotonic()
    answer = user.post("/downloads/start", {"media_id": film, "magnet": rows.magnet()}, headers={"X-Request-ID": "dl-1"})
    assert answer.status == 202 and time.monotonic() - began < 0.2 * 5, answer
    body = answer.json
    assert body["status"] == "Pending" and answer.headers["Location"] == f"/downloads/{body['id']}"
    assert sokoul.sql("SELECT kind, worker, status, request_id FROM jobs WHERE job_id = %s", (body["job_id"],)) == \
        [("download", "hunter", "Pending", "dl-1")]
    payload = job_payload(sokoul, body["job_id"])
    assert payload == {"download_id": body["id"], "media_id": film, "magnet": rows.magnet()}
    assert sokoul.value("SELECT info_hash FROM torrents") == f"{1:040x}"


def test_nineteen_of_twenty_starts_are_answered_within_200_ms(sokoul, film):  # req: S193
    user = Api(sokoul.start("sokoul-api", {"DOWNLOADS_ACTIVE_PER_USER": "1000"}).port).register()
    times = []
    for number in range(100):
        began = time.monotonic()
        start(user, film, number)
        times.append(time.monotonic() - began)
    assert sorted(times)[94] < 0.2 * SLOW, sorted(times)[90:]


def test_a_download_is_shown_to_its_owner_only(sokoul, api, user, admin, film):  # req: S72 S155 S158
    mine = start(user, film)
    seen = user.get(f"/downloads/{mine['id']}")
    assert seen.status == 200
    wanted = {"id", "job_id", "media_id", "status", "reason", "detail", "progress", "downloaded_bytes", "total_bytes",
              "down_rate", "peers", "eta_s", "tries"}
    assert wanted <= set(seen.json) and seen.json["status"] == "Pending" and seen.json["tries"] == []
    bob = api.register("bob")
    for path in (mine["id"], str(uuid.uuid4()), "x"):
        for answer in (bob.get(f"/downloads/{path}"), bob.get(f"/downloads/{path}/files"),
                       bob.delete(f"/downloads/{path}"), bob.post(f"/downloads/{path}/pause"),
                       bob.post(f"/downloads/{path}/resume"), bob.get(f"/jobs/{path}")):
            assert answer.status == 403, (path, answer)
    assert bob.get(f"/jobs/{mine['job_id']}").status == 403
    assert bob.post(f"/jobs/{mine['job_id']}/cancel").status == 403
    assert bob.get("/downloads").json["items"] == []
    assert admin.get(f"/downloads/{mine['id']}").status == 200
    assert admin.get(f"/downloads/{uuid.uuid4()}").status == 404
    assert [d["id"] for d in admin.get("/downloads").json["items"]] == [mine["id"]]
    assert api.get(f"/downloads/{mine['id']}").status == 401


def test_status_follows_the_job(sokoul, user, film):  # req: S72 S43
    mine = start(user, film)
    for status, reason in (("Running", None), ("Failed", "disk_full"), ("Completed", None)):
        sokoul.sql("UPDATE jobs SET status = %s, reason = %s WHERE job_id = %s", (status, reason, mine["job_id"]))
        seen = user.get(f"/downloads/{mine['id']}").json
        assert (seen["status"], seen["reason"]) == (status, reason)
        assert [d["id"] for d in user.get("/downloads", query={"status": status}).json["items"]] == [mine["id"]]
        assert user.get("/downloads", query={"status": "Pending"}).json["total"] == 0
    assert user.get("/downloads", query={"status": "odd"}).status == 400


def test_every_source_reaches_the_job(sokoul, user, film):
    with_magnet = rows.release(sokoul, film, "M", 60, magnet=rows.magnet(5))
    with_hash = rows.release(sokoul, film, "H", 95, info_hash=f"{6:040x}", season=1, episode=2)
    with_url = rows.release(sokoul, film, "U", 10, download_url="http://prowlarr/1")
    rows.release(sokoul, film, "unfit", 0, magnet=rows.magnet(9))

    def payload(**body):
        answer = user.post("/downloads/start", {"media_id": film, **body})
        assert answer.status == 202, answer
        seen = user.get(answer.headers["Location"]).json
        user.delete(answer.headers["Location"])
        return job_payload(sokoul, answer.json["job_id"]), seen

    job, seen = payload(release_id=with_magnet)
    assert job["magnet"] == rows.magnet(5) and seen["release_id"] == with_magnet
    job, seen = payload()  # the best one
    assert job["magnet"] == f"magnet:?xt=urn:btih:{6:040x}" and seen["release_id"] == with_hash
    assert (seen["season"], seen["episode"]) == (1, 2)
    job, seen = payload(release_id=with_url)
    assert "magnet" not in job and job["release_id"] == with_url and seen["torrent_id"] is None
    torrent = user.post("/torrents/inspect", {"magnet": rows.magnet(7)}).json["torrent_id"]
    job, seen = payload(torrent_id=torrent)
    assert job["torrent_id"] == torrent == seen["torrent_id"]
    assert sokoul.value("SELECT count(*) FROM torrents") == 3  # one row per hash


def test_what_cannot_be_started(sokoul, user, film):
    other = rows.release(sokoul, rows.media(sokoul, 2), magnet=rows.magnet(3))
    for body, status in (
            ({}, 400), ({"media_id": "x"}, 400), ({"media_id": film, "magnet": "http://x"}, 400),
            ({"media_id": film, "magnet": rows.magnet(), "torrent_id": str(uuid.uuid4())}, 400),
            ({"media_id": film, "magnet": rows.magnet(), "files": []}, 400),
            ({"media_id": film, "magnet": rows.magnet(), "files": [-1]}, 400),
            ({"media_id": film, "magnet": rows.magnet(), "files": ["1"]}, 400),
            ({"media_id": film}, 404), ({"media_id": film, "release_id": other}, 404),
            ({"media_id": film, "torrent_id": str(uuid.uuid4())}, 404),
            ({"media_id": str(uuid.uuid4()), "magnet": rows.magnet()}, 404)):
        answer = user.post("/downloads/start", body)
        assert answer.status == status, (body, answer)
    for table in ("downloads", "jobs", "outbox", "torrents"):
        assert sokoul.value(f"SELECT count(*) FROM {table}") == 0, table


def test_five_at_once_and_no_more(sokoul, api, user, film):  # req: S174
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: user.post("/downloads/start", {"media_id": film, "magnet": rows.magnet(n)}),
                                range(1, 13)))
    assert sorted(a.status for a in answers) == [202] * 5 + [429] * 7
    refused = next(a for a in answers if a.status == 429)
    assert refused.headers["Retry-After"] and refused.headers["Content-Type"] == "application/problem+json"
    assert sokoul.value("SELECT count(*) FROM downloads") == sokoul.value("SELECT count(*) FROM jobs") == 5
    start(api.register("bob"), film)
    done = next(a for a in answers if a.status == 202).json
    rows.finish(sokoul, done["job_id"])
    start(user, film, 20)
    assert user.post("/downloads/start", {"media_id": film, "magnet": rows.magnet(21)}).status == 429


def test_one_key_makes_one_download(sokoul, user, film):
    body = {"media_id": film, "magnet": rows.magnet()}
    key = {"Idempotency-Key": "key-1"}
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda _: user.post("/downloads/start", body, headers=key), range(50)))
    assert {a.status for a in answers} == {202}, answers
    assert len({a.body for a in answers}) == 1 and len({a.headers["Location"] for a in answers}) == 1
    assert sokoul.value("SELECT count(*) FROM jobs") == sokoul.value("SELECT count(*) FROM downloads") == 1
    assert user.post("/downloads/start", {**body, "files": [0]}, headers=key).status == 422
    assert user.post("/downloads/start", body, headers={"Idempotency-Key": "key-2"}).json != answers[0].json
    assert user.post("/downloads/start", body, headers={"Idempotency-Key": "é" * 3}).status == 400


def test_a_refused_start_does_not_spend_its_key(sokoul, user, film):
    key = {"Idempotency-Key": "key-3"}
    assert user.post("/downloads/start", {"media_id": film}, headers=key).status == 404
    rows.release(sokoul, film, magnet=rows.magnet())
    assert user.post("/downloads/start", {"media_id": film}, headers=key).status == 202


def test_delete_ends_it_and_purges_what_nobody_wants(sokoul, api, user, film):
    bob = api.register("bob")
    mine, theirs = start(user, film), start(bob, film)  # the same torrent

    def purges():
        return sokoul.value("SELECT count(*) FROM jobs WHERE kind = 'purge'")

    assert user.delete(f"/downloads/{mine['id']}", query={"files": "odd"}).status == 400
    assert user.delete(f"/downloads/{mine['id']}", query={"files": "true"}).status == 204
    assert purges() == 0  # bob still wants it
    assert sokoul.value("SELECT reason FROM jobs WHERE job_id = %s", (mine["job_id"],)) == "cancelled"
    assert sokoul.value("SELECT wanted FROM downloads WHERE id = %s", (mine["id"],)) == "delete"
    assert user.get(f"/downloads/{mine['id']}").status == 403
    assert user.delete(f"/downloads/{mine['id']}").status == 204  # once more is no fault
    assert bob.delete(f"/downloads/{mine['id']}").status == 403
    assert user.post(f"/downloads/{mine['id']}/resume").status == 403
    assert sokoul.value("SELECT wanted FROM downloads WHERE id = %s", (mine["id"],)) == "delete"
    assert user.get("/downloads").json["total"] == 0
    rows.finish(sokoul, theirs["job_id"])  # a finished one can be deleted, too
    assert bob.delete(f"/downloads/{theirs['id']}", query={"files": "true"}).status == 204
    assert purges() == 1
    torrent = sokoul.value("SELECT id::text FROM torrents")
    assert sokoul.sql("SELECT payload, worker FROM jobs WHERE kind = 'purge'") == [({"torrent_id": torrent}, "hunter")]
    again = start(user, film)
    assert user.delete(f"/downloads/{again['id']}").status == 204 and purges() == 1  # files stay
    assert sokoul.value("SELECT count(*) FROM logs WHERE action = 'download_deleted'") == 3


def test_pause_and_resume_say_what_is_wanted(sokoul, user, film):
    mine = start(user, film)
    for verb, wanted in (("pause", "pause"), ("resume", "run")):
        answer = user.post(f"/downloads/{mine['id']}/{verb}")
        assert answer.status == 202 and answer.json["wanted"] == wanted
        assert sokoul.value("SELECT wanted FROM downloads") == wanted


@pytest.mark.parametrize("status", ["Completed", "Failed"])
def test_what_is_over_is_neither_paused_nor_resumed(sokoul, user, film, status):
    mine = start(user, film)
    sokoul.sql("UPDATE jobs SET status = %s, reason = CASE %s WHEN 'Failed' THEN 'stalled' END WHERE job_id = %s",
               (status, status, mine["job_id"]))
    for verb in ("pause", "resume"):
        answer = user.post(f"/downloads/{mine['id']}/{verb}")
        assert answer.status == 409 and status in answer.json["detail"], answer
    assert sokoul.value("SELECT wanted FROM downloads") == "run"
    assert user.delete(f"/downloads/{mine['id']}").status == 204


def test_files_are_listed_once_they_are_known(sokoul, user, film):
    mine = start(user, film)
    path = f"/downloads/{mine['id']}/files"
    assert user.get(path).json["items"] == []
    files = [{"index": 0, "path": "Film/a.mkv", "size": 1024}, {"index": 2, "path": "Film/<b>.srt", "size": 5}]
    sokoul.sql("UPDATE torrents SET files = %s", (json.dumps(files),))
    sokoul.sql("UPDATE downloads SET progress = 0.5")
    answer = user.get(path)
    assert "<b>" not in answer.text
    first, second = answer.json["items"]
    assert first == {"index": 0, "path": "Film/a.mkv", "size": 1024, "progress": 0.5,
                     "stream_url": f"/downloads/{mine['id']}/stream/0"}
    assert second["index"] == 2 and second["path"] == "Film/<b>.srt"
