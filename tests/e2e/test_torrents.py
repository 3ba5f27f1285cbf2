# SPDX-License-Identifier: Apache-2.0
"""What is in a .torrent or a magnet link."""
import hashlib

import psycopg2
import pytest
import rows
from client import Api

pytestmark = pytest.mark.kept

TRACKER = "udp://tracker.example.org:1337/announce"


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return b"d" + b"".join(bencode(k) + bencode(v) for k, v in sorted(value.items())) + b"e"


def torrent(files=None, name="Film", size=1536, **more):
    info = {"name": name, "piece length": 16384, "pieces": b"x" * 20}
    if files:
        info["files"] = [{"path": path, "length": n} for path, n in files]
        info["pieces"] = b"x" * 20 * max(1, -(-sum(n for _, n in files) // 16384))
    else:
        info["length"] = size
    return bencode({"announce": TRACKER, "info": info, **more}), hashlib.sha1(bencode(info)).hexdigest()


def send(user, body, kind="application/x-bittorrent"):
    return user.post("/torrents/inspect", body=body, headers={"Content-Type": kind})


def test_a_torrent_file_is_read_and_kept(sokoul, api, user):  # req: S7 S37
    body, info_hash = torrent([(["a.mkv"], 1024), (["extras", "b.srt"], 512)])
    answer = send(user, body)
    assert answer.status == 200, answer
    seen = answer.json
    assert seen["info_hash"] == info_hash and seen["name"] == "Film" and seen["size"] == 1536
    assert seen["size_text"] == "1.5 KB" and seen["trackers"] == [TRACKER]
    assert [(f["index"], f["path"].split("/", 1)[1], f["size"]) for f in seen["files"]] == \
        [(0, "a.mkv", 1024), (1, "extras/b.srt", 512)]
    stored = sokoul.sql("SELECT id::text, info_hash, metainfo FROM torrents")
    assert stored == [(seen["torrent_id"], info_hash, stored[0][2])]
    bare = bytes(stored[0][2])  # nothing but what is hashed: no trackers
    assert hashlib.sha1(bare[len(b"d4:info"):-1]).hexdigest() == info_hash and TRACKER.encode() in body
    assert send(user, body, "application/octet-stream").json["torrent_id"] == seen["torrent_id"]
    assert send(api.register("bob"), body).json["torrent_id"] == seen["torrent_id"]
    assert send(api, body).status == 401


def test_a_magnet_and_its_torrent_are_one(sokoul, user):  # part: S42
    body, info_hash = torrent()
    link = f"magnet:?xt=urn:btih:{info_hash.upper()}&dn=Film%20%3Cb%3E&tr={TRACKER}"
    answer = user.post("/torrents/inspect", {"magnet": link})
    assert answer.status == 200 and "<b>" not in answer.text, answer
    assert answer.json["info_hash"] == info_hash and answer.json["name"] == "Film <b>"
    assert answer.json["files"] == [] and answer.json["trackers"] == [TRACKER] and answer.json["size"] is None
    assert send(user, body).json["torrent_id"] == answer.json["torrent_id"]
    assert sokoul.value("SELECT metainfo IS NOT NULL AND name = 'Film' FROM torrents")


@pytest.mark.parametrize("link", ["magnet:?dn=x", "http://example.org", "magnet:?xt=urn:btih:12", 7, "", None])  # part: S42
def test_what_is_no_magnet_link_is_400(sokoul, user, link):
    assert user.post("/torrents/inspect", {"magnet": link}).status == 400
    assert sokoul.value("SELECT count(*) FROM torrents") == 0


@pytest.mark.parametrize("body", [b"", b"not bencode", b"d4:infod4:name4:Filmee", torrent(name="../etc")[0],
                                  torrent([(["..", "x"], 1)])[0], torrent()[0] + b"tail", b"d" * 5000],
                         ids=["empty", "no bencode", "no info", "hostile name", "hostile path", "tail", "deep"])
def test_broken_and_hostile_torrents_are_400(sokoul, user, body):  # req: S37
    assert send(user, body).status == 400
    assert sokoul.value("SELECT count(*) FROM torrents") == 0


def test_sizes_and_types_have_limits(user):
    """req: S168. part: S51: the upload of a .torrent; there is no other yet."""
    limit = 10 * 1024 * 1024
    body = torrent()[0]

    def of_size(size):
        whole = {"announce": TRACKER, "comment": b"", "info": {"name": "Film", "piece length": 16384, "pieces": b"x" * 20,
                                                               "length": 1536}}
        whole["comment"] = b"x" * (size - len(bencode(whole)) - 7)  # the digits of its length
        assert len(bencode(whole)) == size
        return bencode(whole)

    assert send(user, of_size(limit)).status == 200
    assert send(user, of_size(limit + 1)).status == 413
    assert send(user, body, "text/html").status == 415
    assert user.post("/torrents/inspect", {"magnet": rows.magnet() + "x" * 9000}).status == 400


def test_one_bad_part_does_not_cost_the_link(sokoul, user):  # part: S42
    bad = "&tr=313131&tr=dht://x&ws=ftp://x/&dn=100% sure #1&tr=tracker.example:80&amp;tr=udp://t.example/a b"
    answer = user.post("/torrents/inspect", {"magnet": f" {rows.magnet()}{bad}\r\n".replace("magnet:", "MAGNET:")})
    assert answer.status == 200 and answer.json["trackers"] == ["udp://t.example/a%20b"], answer
    kept = sokoul.value("SELECT link FROM torrent_claims")
    assert kept.startswith("magnet:?xt=") and "313131" not in kept and "ftp" not in kept, kept


def test_no_torrent_has_fewer_than_no_peers(sokoul, user):  # req: S42
    torrent_id = user.post("/torrents/inspect", {"magnet": rows.magnet()}).json["torrent_id"]
    with pytest.raises(psycopg2.errors.CheckViolation):
        sokoul.sql("UPDATE torrents SET peers = -1 WHERE id = %s", (torrent_id,))
    assert sokoul.value("SELECT peers FROM torrents") == 0


def test_what_is_only_inspected_does_not_pile_up(sokoul):
    api = sokoul.start("sokoul-api", {"INSPECTED_MAX_MB_PER_USER": 1})
    user = Api(api.port).register()
    kept = []
    for n in range(6):
        body, _ = torrent(name=f"Film {n}", comment="x" * 300_000)
        kept.append(send(user, body).json["torrent_id"])
    stored = [str(row[0]) for row in sokoul.sql("SELECT id FROM torrents ORDER BY created_at, id")]
    assert stored == kept[-3:]
    assert sokoul.value("SELECT sum(octet_length(metainfo)) < 1 << 20 FROM torrents")
