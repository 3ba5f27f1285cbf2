# SPDX-License-Identifier: Apache-2.0
"""What a user only says of a torrent changes nothing for anybody else."""
import hashlib
import itertools
import os

import pytest
import rows
import swarm_kit as kit
from swarm import Field
from torrents_kit import Versioned, link

TRIES = 200
KEY = "http://tracker.example.org/0123456789abcdef/announce"


@pytest.fixture
def two(api):
    return api.register("mallory"), api.register("ada")


def send(user, torrent):
    answer = user.post("/torrents/inspect", body=torrent.torrent, headers={"Content-Type": "application/x-bittorrent"})
    assert answer.status == 200, answer
    return answer.json


def inspect(user, magnet):
    answer = user.post("/torrents/inspect", {"magnet": magnet})
    assert answer.status == 200, answer
    return answer.json


def info_of(metainfo):
    assert metainfo.startswith(b"d4:info") and metainfo.endswith(b"e"), metainfo[:20]
    return metainfo[7:-1].split(b"12:piece layersd")[0]


def check_rows(sokoul):
    """No row says what its metainfo do not prove."""
    rows_of = sokoul.sql("SELECT info_hash_v1, info_hash_v2, name, size, files, metainfo FROM torrents WHERE same_as IS NULL")
    assert rows_of, "there is something to look at"
    for v1, v2, name, size, files, metainfo in rows_of:
        if metainfo is None:
            assert (v1 is None) != (v2 is None) and (name, size, files) == (None, None, None), (v1, v2, name)
            continue
        info = info_of(bytes(metainfo))
        proven = hashlib.sha1(info).hexdigest(), hashlib.sha256(info).hexdigest()
        assert v1 in (None, proven[0]) and v2 in (None, proven[1]) and (v1 or v2), (v1, v2, name)
        assert (b"6:pieces" in info) == (v1 is not None) and (b"12:meta version" in info) == (v2 is not None)


# Each takes (mallory, ada's torrent, mallory's torrent) and claims that one hash is the other torrent's.
def by_its_first_hash(mallory, real, false):
    inspect(mallory, link(real.v1 or false.v1, real.v2 if real.v1 is None else false.v2, [KEY], dn=false.name, xl=7))
    send(mallory, false)


def by_a_start(mallory, real, false):
    answer = mallory.post("/downloads/start", {
        "media_id": mallory.film, "magnet": link(real.v1 or false.v1, real.v2 if real.v1 is None else false.v2, [KEY],
                                         dn=false.name)})
    assert answer.status == 202, answer
    assert mallory.delete(answer.headers["Location"]).status == 204
    send(mallory, false)


def by_its_file_first(mallory, real, false):
    send(mallory, false)
    inspect(mallory, link(false.v1 or real.v1, false.v2 or real.v2, [KEY], dn=false.name))
    inspect(mallory, link(real.v1 or false.v1, real.v2 or false.v2, [KEY], dn=false.name))


ATTACKS = [by_its_first_hash, by_a_start, by_its_file_first]
PAIRS = [("1", "2"), ("2", "1"), ("1", "12"), ("12", "1"), ("2", "12"), ("12", "2"), ("12", "12"), ("1", "1")]


def test_no_content_under_anothers_hash_in_200_tries_of_both_directions(sokoul, two):
    mallory, ada = two
    mallory.film = rows.media(sokoul)
    ways = itertools.cycle(itertools.product(ATTACKS, PAIRS, ("before", "after")))
    for n, (attack, (theirs, own), when) in zip(range(2 * TRIES), ways):
        real = Versioned(theirs, 3000 + n, f"real-{n}.mkv", trackers=["http://t.example.org/ada-key/announce"])
        false = Versioned(own, 1000 + n, f"false-{n}.mkv")
        if when == "before":
            attack(mallory, real, false)
        first = send(ada, real)
        if when == "after":
            attack(mallory, real, false)
        for seen in (first, send(ada, real)):
            assert (seen["name"], seen["size"]) == (real.name, real.size), (attack, theirs, own, when, seen)
            assert [f["size"] for f in seen["files"]] == [real.size] and seen["torrent_id"] == first["torrent_id"]
        assert [bytes(row[0]) for row in sokoul.sql("SELECT metainfo FROM torrents WHERE id = %s", (first["torrent_id"],))] \
            == [real.bare], (attack, theirs, own, when)
        for claimed in filter(None, (real.v1 and link(real.v1), real.v2 and link(v2=real.v2))):
            assert inspect(ada, claimed)["torrent_id"] == first["torrent_id"], (attack, theirs, own, when)
        assert send(mallory, false)["torrent_id"] != first["torrent_id"]
    check_rows(sokoul)
    assert sokoul.value("SELECT count(*) FROM torrents WHERE magnet IS NOT NULL OR strpos(encode(metainfo, 'escape'), "
                        "'example.org') > 0") == 0, "the keys of two people"


def test_what_is_claimed_is_shown_to_the_one_who_said_it(sokoul, two):
    mallory, ada = two
    film = rows.media(sokoul)
    real = Versioned("1", name="real.mkv")
    said = inspect(mallory, link(real.v1, None, [KEY], dn="mine <b>", xl=5))
    assert (said["name"], said["size"], said["trackers"]) == ("mine <b>", 5, [KEY])
    heard = inspect(ada, link(real.v1))
    assert heard["torrent_id"] == said["torrent_id"]
    assert (heard["name"], heard["size"], heard["trackers"]) == (None, None, [])
    shown = []
    for who in (mallory, ada):
        answer = who.post("/downloads/start", {"media_id": film, "torrent_id": said["torrent_id"]})
        shown.append(who.get(answer.headers["Location"]).json["name"])
    assert shown == ["mine <b>", None]
    send(mallory, real)
    assert [ada.get("/downloads").json["items"][0]["name"], mallory.get("/downloads").json["items"][0]["name"]] == \
        ["real.mkv"] * 2
    assert sokoul.sql("SELECT u.username FROM torrent_claims c JOIN users u ON u.id = c.user_id") == [("mallory",)]
    assert mallory.delete("/user/profile").status == 204
    assert sokoul.value("SELECT count(*) FROM torrent_claims") == 0


@pytest.mark.parametrize("first", ["v1", "v2"])
def test_two_hashes_turn_out_to_be_one_torrent_and_nobody_loses_a_download(sokoul, two, first):
    ada, bob = two
    film = rows.media(sokoul)
    both = Versioned("12")
    links = {"v1": link(both.v1, None, [KEY]), "v2": link(None, both.v2, dn="said by bob")}
    order = [first, "v2" if first == "v1" else "v1"]
    started = [who.post("/downloads/start", {"media_id": film, "magnet": links[v]}) for who, v in zip((ada, bob), order)]
    assert len(set(t for t, in sokoul.sql("SELECT torrent_id FROM downloads"))) == 2, "nobody has proven anything"
    seen = send(ada, both)
    assert [t for t, in sokoul.sql("SELECT torrent_id::text FROM downloads")] == [seen["torrent_id"]] * 2
    assert sokoul.sql("SELECT info_hash_v1, info_hash_v2 FROM torrents WHERE id = %s", (seen["torrent_id"],)) == \
        [(both.v1, both.v2)]
    for magnet in links.values():
        assert inspect(bob, magnet)["torrent_id"] == seen["torrent_id"]
    [other] = sokoul.sql("SELECT id::text FROM torrents WHERE id <> %s", (seen["torrent_id"],))
    again = bob.post("/downloads/start", {"media_id": film, "torrent_id": other[0]})
    assert bob.get(again.headers["Location"]).json["torrent_id"] == seen["torrent_id"]
    assert all(who.get(a.headers["Location"]).json["name"] == both.name for who, a in zip((ada, bob), started))
    check_rows(sokoul)


def test_a_row_with_metainfo_of_another_torrent_is_mended_by_the_right_ones(sokoul, two):
    """As a program of before may have left it."""
    _, ada = two
    real, false = Versioned("1", name="real.mkv"), Versioned("2", name="false.mkv")
    sokoul.sql("INSERT INTO torrents (id, info_hash_v1, info_hash_v2, name, size, metainfo, files, status) VALUES "
               "('00000000-0000-7000-8000-000000000001', %s, %s, 'false.mkv', 9, %s, '[]', 'Completed')",
               (real.v1, false.v2, false.torrent))
    assert send(ada, real)["name"] == "real.mkv"
    assert sokoul.sql("SELECT name, size, info_hash_v2, status, encode(metainfo, 'hex') FROM torrents") == \
        [("real.mkv", real.size, None, "Pending", real.bare.hex())]
    assert send(ada, false)["name"] == "false.mkv"
    check_rows(sokoul)


# ---- with a real hunter, in a real swarm --------------------------------------------------------------------------


@pytest.fixture
def field(swarm):
    return Field(swarm)


def content(download):
    return {kit.sha256(os.path.join(where, name)) for where, _, names in os.walk(download.folder) for name in names}


@pytest.mark.parametrize("theirs, own", [("1", "2"), ("2", "1"), ("12", "2"), ("1", "12")])
@pytest.mark.parametrize("when", ["before", "after"])
def test_the_hash_of_the_victims_file_brings_the_victims_content(sokoul, two, field, hunting, theirs, own, when):
    """req: S42"""
    mallory, ada = two
    real, false = (field.place(Versioned(v, 300000, name)) for v, name in ((theirs, "real.bin"), (own, "false.bin")))
    claim = link(real.v1 or false.v1, real.v2 if real.v1 is None else false.v2, [field.url], dn="false.bin")
    hunting.hunter()
    film = hunting.media()

    def attack():
        inspect(mallory, claim)
        torrent_id = send(mallory, false)["torrent_id"]
        inspect(mallory, false.magnet(field.url))
        return hunting.download(mallory, film, torrent_id=torrent_id)

    attacked = attack().completed(60) if when == "before" else None
    seen = send(ada, real)
    inspect(ada, real.magnet(field.url))
    attacked = attacked or attack()
    download = hunting.download(ada, film, torrent_id=seen["torrent_id"]).completed(60)
    assert content(download) == {real.sha256} and ada.get(f"/downloads/{download.id}").json["name"] == "real.bin"
    assert content(attacked.completed(60)) == {false.sha256}
    check_rows(sokoul)


@pytest.mark.parametrize("version", ["1", "2", "12"])
def test_a_file_whose_trackers_only_its_user_knows_is_downloaded(sokoul, two, field, hunting, version):
    bob, ada = two
    torrent = field.place(Versioned(version, 100000, trackers=[field.url]))
    hunting.hunter(TORRENT_STALL_S=5, TORRENT_GIVE_UP_S=10)
    film = hunting.media()
    seen = send(ada, torrent)
    theirs = hunting.download(bob, film, magnet=link(torrent.v1, None if torrent.v1 else torrent.v2))
    assert str(theirs.torrent_id) == seen["torrent_id"]
    theirs.shows("status = 'Running' AND detail IS NOT NULL", 20)
    assert theirs.settled(40) == "Failed", "nobody told bob of a tracker"
    mine = hunting.download(ada, film, torrent_id=seen["torrent_id"]).completed(60)
    assert content(mine) == {torrent.sha256}
    check_rows(sokoul)


def test_a_hybrid_that_two_hunt_by_its_two_hashes_is_one_in_the_end(sokoul, two, field, hunting):
    ada, bob = two
    both = field.place(Versioned("12", 300000))
    hunting.hunter()
    film = hunting.media()
    by_v1 = hunting.download(ada, film, magnet=link(both.v1, None, [field.url]))
    by_v2 = hunting.download(bob, film, magnet=link(None, both.v2, [field.url]))
    for download in (by_v1, by_v2):
        assert content(download.completed(90)) == {both.sha256}
    assert by_v1.torrent_id == by_v2.torrent_id
    check_rows(sokoul)
