# SPDX-License-Identifier: Apache-2.0
"""Odd rows among the good ones of a provider's answer: the good are always found, and what is lost is counted."""
import base64
import json
import uuid

import pytest
from fakes.faulty import JSON
from job_kit import run

HASH = "0123456789abcdef0123456789abcdef{:08x}"
KEPT, LOST, USENET = "kept", "lost", "left out without a word"


def as_json(text):
    return json.dumps(text).encode()


def base32(number):
    return base64.b32encode(bytes.fromhex(HASH.format(number))).decode()


def magnet(number, more=""):
    return f"magnet:?xt=urn:btih:{HASH.format(number)}{more}"


class Odd:
    """A row of raw JSON: a good one with these members instead; None leaves one out.  A member's value is raw, too, or a
    function of the row's number.  `values`: so many of them are unreadable."""

    def __init__(self, label, fate=KEPT, values=0, row=None, **members):
        self.label, self.fate, self.values, self.row, self.members = label, fate, values, row, members

    def text(self, number):
        if self.row is not None:
            return self.row
        whole = {"guid": as_json(f"odd-{number}"), "title": as_json(f"Sintel.2010.720p.WEB.x264-ODD{number}"),
                 "infoHash": as_json(HASH.format(number)), "protocol": b'"torrent"', "indexer": b'"Odd"', "seeders": b"3",
                 **{name: value(number) if callable(value) else value for name, value in self.members.items()}}
        return b"{" + b",".join(b'"%s":%s' % (name.rstrip("_").encode("latin-1"), value)
                                for name, value in whole.items() if value is not None) + b"}"


def only(way, value):
    """No hash, and this one way."""
    return {"infoHash": None, way: value}


ROWS = [
    # texts
    Odd("a title with NUL", LOST, 1, title=b'"Sintel\\u0000 2010"'),
    Odd("a title with half a surrogate", LOST, 1, title=b'"Sintel \\ud83d 2010"'),
    Odd("a title in Latin-1", LOST, 1, title=b'"Sintel Am\xe9lie 2010"'),
    Odd("a title over two lines", LOST, 1, title=b'"Sintel\n2010"'),
    Odd("a title with an escape that is none", LOST, 1, title=b'"Sintel \\q 2010"'),
    Odd("an empty title", LOST, title=b'""'),
    Odd("a title of blanks", LOST, title=b'" \\t\\u00a0 "'),
    Odd("a null title", LOST, title=b"null"),
    Odd("no title", LOST, title=None),
    Odd("a number for a title", LOST, title=b"2010"),
    Odd("a list for a title", LOST, title=b'["Sintel"]'),
    Odd("a title without end", title=lambda n: as_json("Sintel 2010 " + "x" * 100_000)),
    Odd("line ends in a title", title=b'"Sintel\\r\\n\\t2010"'),
    Odd("smileys in a title", title=b'"Sintel \\ud83d\\ude00 2010"'),
    Odd("marks that turn the title around", title=b'"\\u202eSintel\\u202c 2010"'),
    Odd("markup in a title", title=b'"Sintel <b>2010</b> &amp; \'; DROP TABLE releases; --"'),
    Odd("a title twice", values=1, title=b'"Sintel 2010"', title_=b'"\\u0041nother"'),
    Odd("an indexer with NUL", values=1, indexer=b'"In\\u0000dexer"'),
    Odd("a null indexer", indexer=b"null"),
    Odd("a member's name in Latin-1", values=1, **{"gr\u00fc\u00df": b"7"}),
    # numbers
    Odd("a size that no double holds", values=1, size=b"1e400"),
    Odd("a size that no 64 bits hold", size=b"99999999999999999999999"),
    Odd("a size of 2,000 digits", values=1, size=b"9" * 2000),
    Odd("a size below nothing", size=b"-5"),
    Odd("a size in words", size=b'"2 GB"'),
    Odd("a null size", size=b"null"),
    Odd("a broken size", size=b"1.5"),
    Odd("a size that is no number", values=1, size=b"NaN"),
    Odd("a size with a leading zero", values=1, size=b"007"),
    Odd("more seeders than people", seeders=b"1e30"),
    Odd("seeders below nothing", seeders=b"-1"),
    Odd("seeders in words", seeders=b'"many"'),
    Odd("no seeders told", seeders=None),
    Odd("seeders past 32 bits", seeders=b"4294967297"),
    # nesting
    Odd("nested as deep as may be", extra=b"[" * 29 + b"]" * 29),
    Odd("nested too deeply", values=1, extra=b"[" * 40 + b"]" * 40),
    Odd("nested without end", values=1, extra=b"[" * 10_000 + b"]" * 10_000),
    Odd("objects within objects", values=1, extra=b'{"a":' * 100 + b"1" + b"}" * 100),
    Odd("a list for a row", LOST, row=b'[[["Sintel"]]]'),
    Odd("null for a row", LOST, row=b"null"),
    Odd("a number for a row", LOST, row=b"7"),
    Odd("a text for a row", LOST, row=b'"Sintel"'),
    Odd("an empty row", LOST, row=b"{}"),
    Odd("a broken number for a row", LOST, 1, row=b"1e999"),
    Odd("a row of repeated keys", LOST, 1999, row=b'{"a":0' + b',"a":1' * 1999 + b"}"),
    # what names it
    Odd("no guid", guid=None),
    Odd("a null guid", guid=b"null"),
    Odd("a number for a guid", guid=b"7"),
    Odd("the same number for a guid", guid=b"7"),
    Odd("an object for a guid", guid=b'{"id":7}'),
    Odd("a guid with a blank", guid=b'"a guid"'),
    Odd("a guid with half a surrogate", values=1, guid=b'"\\udc00"'),
    Odd("a guid without end", guid=as_json("x" * 9000)),
    Odd("the guid of a good one", guid=b'"good-1"'),
    Odd("one guid for all", guid=b'"https://indexer.example/"'),
    Odd("one guid for all, again", guid=b'"https://indexer.example/"'),
    Odd("a magnet link for a guid", infoHash=None, guid=lambda n: as_json(magnet(n))),
    # hashes
    Odd("base32", infoHash=lambda n: as_json(base32(n))),
    Odd("base32 in small letters", infoHash=lambda n: as_json(base32(n).lower())),
    Odd("a hash in capitals", infoHash=lambda n: as_json(HASH.format(n).upper())),
    Odd("blanks around a hash", infoHash=lambda n: as_json(f" {HASH.format(n)}\r\n")),
    Odd("a broken hash beside a magnet link", infoHash=b'"zz"', magnetUrl=lambda n: as_json(magnet(n))),
    Odd("another hash beside a magnet link", infoHash=as_json("f" * 40), magnetUrl=lambda n: as_json(magnet(n))),
    Odd("a broken hash alone", LOST, infoHash=b'"zz"'),
    Odd("a number for a hash", LOST, infoHash=b"7"),
    # ways to get it
    Odd("no way to get it", LOST, infoHash=None),
    Odd("a broken magnet link alone", LOST, **only("magnetUrl", b'"magnet:?xt=urn:btih:short"')),
    Odd("a magnet link with odd parts",
        **only("magnetUrl", lambda n: as_json(magnet(n, "&dn=100% sure #1&amp;tr=udp://t.example:80&tr=x&ws=ftp://x")))),
    Odd("blanks around a magnet link", **only("magnetUrl", lambda n: as_json(f" {magnet(n)} \n"))),
    Odd("a magnet link in capitals",
        **only("magnetUrl", lambda n: as_json(magnet(n).replace("magnet:?xt=urn:btih", "MAGNET:?XT=URN:BTIH")))),
    Odd("a magnet link as download", **only("downloadUrl", lambda n: as_json(magnet(n)))),
    Odd("a file as download", LOST, **only("downloadUrl", b'"file:///etc/passwd"')),
    Odd("a null download", LOST, **only("downloadUrl", b"null")),
    # protocols
    Odd("Torrent", protocol=b'"Torrent"'),
    Odd("TORRENT", protocol=b'"TORRENT"'),
    Odd("no protocol", protocol=None),
    Odd("a null protocol", protocol=b"null"),
    Odd("a number for a protocol", protocol=b"1"),
    Odd("usenet", USENET, protocol=b'"usenet"'),
    Odd("Usenet", USENET, protocol=b'"Usenet"'),
    # days and kinds
    Odd("a day in words", publishDate=b'"yesterday"'),
    Odd("a day that never was", publishDate=b'"2024-02-30T25:61:61Z"'),
    Odd("the day zero", publishDate=b'"0000-00-00T00:00:00Z"'),
    Odd("the year 99999", publishDate=b'"99999-01-01T00:00:00Z"'),
    Odd("a day as a number", publishDate=b"1704067200"),
    Odd("a day without its time", publishDate=b'"2024-01-01"'),
    Odd("small letters in a day", publishDate=b'"2024-01-01t10:00:00z"'),
    Odd("a text for categories", categories=b'"Movies"'),
    Odd("odd categories", categories=b'[null,{},{"id":"x"},[],1e20,-1]'),
]


def numbered():
    """Each with a number of its own, which its hash has."""
    return list(enumerate(ROWS, 0x100))


def page(odd, good):
    """Odd rows, a good one before and behind each."""
    rows = []
    for one, honest in zip(odd, good):
        rows += [honest, one]
    return b"\xef\xbb\xbf\r\n[" + b",".join([*rows, good[-1]]) + b"]"


def good_row(number):
    return as_json({"guid": f"good-{number}", "title": f"Sintel.2010.1080p.WEB-DL.x264-GOOD{number}", "protocol": "torrent",
                    "infoHash": HASH.format(number), "indexer": "Good", "seeders": 9, "size": 1 << 30})


def test_good_rows_are_found_among_odd_ones(sokoul, prowlarr):
    """As many good ones as odd ones and one more, on a page that begins with a byte order mark."""
    sokoul.start("sokoul-scout")
    good = {n: HASH.format(n) for n in range(len(ROWS) + 1)}
    first = page([odd.text(n) for n, odd in numbered()], [good_row(n) for n in good])
    prowlarr.respond = lambda request: (200, JSON, first if request.query["offset"] == "0" else b"[]")
    media = sokoul.value("INSERT INTO media (id, tmdb_id, media_type, title, year) VALUES (%s, 45745, 'movie', 'Sintel', 2010) "
                         "RETURNING id::text", (str(uuid.uuid4()),))
    done = run(sokoul, "releases", {"media_id": media})
    assert done["status"] == "Completed" and done["attempts"] == 1, done
    found = {row[0] for row in sokoul.sql("SELECT info_hash FROM releases")}
    assert set(good.values()) <= found
    wrong = [odd.label for n, odd in numbered() if (HASH.format(n) in found) != (odd.fate == KEPT)]
    assert not wrong and len(found) == len(good) + sum(odd.fate == KEPT for odd in ROWS), wrong
    lost, values = sum(odd.fate == LOST for odd in ROWS), sum(odd.values for odd in ROWS)
    result = done["result"]
    assert (result["dropped"], result["count"]) == (lost, len(found)), result
    assert result["warning"] == f"{lost} rows could not be used, {values} values could not be read"
    assert result["best"]["title"].startswith("Sintel.2010.1080p")
    print(f"{len(good)} good and {len(ROWS)} odd rows; {lost} of these could not be used")


def test_rows_that_only_have_a_link_are_told_apart_though_they_share_a_number(sokoul, prowlarr):
    sokoul.start("sokoul-scout")
    rows = [{"guid": 7, "title": f"Sintel.2010.1080p.WEB.x264-{indexer}{n}", "indexer": indexer,
             "downloadUrl": f"{prowlarr.url}/1/download?link={indexer}{n}"} for indexer in "AB" for n in range(2)]
    prowlarr.respond = lambda request: (200, JSON, as_json(rows + rows[:1]))
    media = sokoul.value("INSERT INTO media (id, tmdb_id, media_type, title, year) VALUES (%s, 45745, 'movie', 'Sintel', 2010) "
                         "RETURNING id::text", (str(uuid.uuid4()),))
    assert run(sokoul, "releases", {"media_id": media})["result"]["count"] == 4
    assert run(sokoul, "releases", {"media_id": media})["result"]["count"] == 4
    assert sokoul.value("SELECT count(*) FROM releases") == 4


# ---- titles -------------------------------------------------------------------------------------


def title(number, **members):
    """A film as TMDB sends it, with raw members instead."""
    whole = {"id": b"%d" % number, "media_type": b'"movie"', "title": as_json(f"Odd {number}"), "release_date": b'"2010-07-18"',
             "overview": b'"A film."', "genre_ids": b"[16]", "vote_average": b"7.5", **members}
    return b"{" + b",".join(b'"%s":%s' % (k.encode(), v) for k, v in whole.items() if v is not None) + b"}"


TITLES = [  # label, whether it is found, how many values are unreadable, its members
    ("NUL in a title", False, 1, {"title": b'"Odd\\u0000"'}), ("half a surrogate", False, 1, {"title": b'"\\ud800"'}),
    ("Latin-1", False, 1, {"title": b'"Am\xe9lie"'}), ("no title", False, 0, {"title": None}),
    ("a null title", False, 0, {"title": b"null"}), ("no id", False, 0, {"id": None}),
    ("an id below nothing", False, 0, {"id": b"-1"}), ("an id in words", False, 0, {"id": b'"7"'}),
    ("an id that no double holds", False, 1, {"id": b"1e400"}), ("a broken id", False, 0, {"id": b"1.5"}),
    ("a null overview", True, 0, {"overview": b"null"}), ("NUL in the overview", True, 1, {"overview": b'"a\\u0000"'}),
    ("an overview without end", True, 0, {"overview": as_json("é" * 50_000)}),
    ("a day in words", True, 0, {"release_date": b'"soon"'}), ("a day that never was", True, 0, {"release_date": b'"2010-99-99"'}),
    ("an empty day", True, 0, {"release_date": b'""'}), ("genres in words", True, 0, {"genre_ids": b'["Drama",null]'}),
    ("a genre of 400 digits", True, 1, {"genre_ids": b"[" + b"9" * 400 + b"]"}),
    ("a vote that no double holds", True, 1, {"vote_average": b"1e400"}), ("a vote of thousands", True, 0, {"vote_average": b"1e5"}),
    ("a poster elsewhere", True, 0, {"poster_path": b'"http://x.example/a.jpg"'}),
    ("nested too deeply", True, 1, {"more": b"[" * 99 + b"]" * 99}), ("a title twice", True, 1, {"overview": b'"A","overview":"B"'})]


@pytest.mark.parametrize("through", ["api", "scout"])
def test_good_titles_are_found_among_odd_ones(sokoul, user, tmdb, through):
    """Pages of TMDB have twenty places; a page with odd rows has ten good ones."""
    sokoul.start("sokoul-scout")
    for first in range(0, len(TITLES), 10):
        some = TITLES[first:first + 10]
        rows, good = [], [f"Good {first + n}" for n in range(10)]
        for n, name in enumerate(good):
            rows.append(title(5000 + first + n, title=as_json(name)))
            rows += [title(9000 + first + n, **some[n][3])] if n < len(some) else []
        body = b'{"page":1,"total_pages":1,"total_results":20,"results":[' + b",".join(rows) + b"]}"
        tmdb.respond = lambda request, body=body: (200, JSON, body)
        words = {"query": f"{through} {first}"}
        if through == "api":
            answer = user.get("/search", query=words)
            assert answer.status == 200, answer
            items = answer.json["items"]
        else:
            result = run(sokoul, "search", words)["result"]
            lost, values = sum(not kept for _, kept, _, _ in some), sum(count for _, _, count, _ in some)
            words_of = [f"{lost} rows could not be used"] * bool(lost) + [f"{values} values could not be read"] * bool(values)
            assert result["warning"] == ", ".join(words_of), (first, result["warning"])
            items = result["items"]
        found = {item["tmdb_id"] for item in items}
        assert set(good) <= {item["title"] for item in items}
        wrong = [one[0] for n, one in enumerate(some) if (9000 + first + n in found) != one[1]]
        assert not wrong, wrong
