# SPDX-License-Identifier: Apache-2.0
"""Torrents with odd names and layouts: by magnet and as .torrent the verdict and the files are the same.

Each layout is two torrents that differ in nothing else, one for each way, both offered by a fake peer.
"""
import hashlib
import os

import pytest
from client import Api
from fakes.peer import Peer
from stack_under_test import SLOW
from swarm_kit import bencode
from torrents_kit import link, tree_of

PIECE = 16384
OK, NO = "ok", "refused"

NAMES = {  # as they stand in a torrent
    "plain": (OK, b"film.mkv"), "blanks": (OK, b" a film .mkv"), "dots": (OK, b"..."), "dot behind": (OK, b"film."),
    "hidden": (OK, b".film"), "colon": (OK, b"a:b?*<>|\".mkv"), "device": (OK, b"CON"), "tab": (OK, b"a\tb.mkv"),
    "line": (OK, b"a\nb.mkv"), "backslash": (OK, b"a\\b.mkv"), "up with backslash": (OK, b"..\\..\\film"),
    "mark": (OK, "a\u200eb.mkv".encode()), "rtl mark": (OK, "\u200fسينما.mkv".encode()),
    "override": (OK, "a\u202egpj.exe".encode()), "embedding": (OK, "\u202bfilm\u202c.mkv".encode()),
    "isolate": (NO, "a\u2066b.mkv".encode()), "bom": (OK, "\ufefffilm.mkv".encode()), "emoji": (OK, "🎬 film.mkv".encode()),
    "composed": (OK, "été.mkv".encode()), "decomposed": (OK, "e\u0301te\u0301.mkv".encode()),
    "cyrillic": (OK, "Фильм.mkv".encode()), "cjk": (OK, "電影.mkv".encode()), "cp1251": (OK, "Фильм.mkv".encode("cp1251")),
    "latin1": (OK, b"\xe9t\xe9.mkv"), "shift jis": (OK, "映画.mkv".encode("shift_jis")), "utf-16": (NO, "film".encode("utf-16")),
    "surrogate": (OK, b"\xed\xa0\x80.mkv"), "overlong": (OK, b"\xc0\xaf.mkv"), "five bytes": (OK, b"a\xf8\x88\x80\x80\x80b"),
    "cut": (OK, "film 電".encode()[:-1]), "240": (OK, b"x" * 236 + b".mkv"), "250": (OK, b"x" * 246 + b".mkv"),
    "255": (OK, b"x" * 251 + b".mkv"), "300": (OK, b"x" * 296 + b".mkv"), "300 of two bytes": (OK, "é".encode() * 150 + b".mkv"),
    "300 without end": (OK, b"x" * 300), "nul": (NO, b"a\0b"), "delete": (NO, b"a\x7fb"), "next line": (NO, "a\u0085b".encode()),
    "slash": (NO, b"a/b"), "root": (NO, b"/etc"), "up": (NO, b".."), "here": (NO, b"."), "nothing left": (NO, b"\\"),
    "only a mark": (NO, "\u200e".encode()),
}
OF_VERSION_2 = ["plain", "tab", "backslash", "mark", "isolate", "cp1251", "five bytes", "300", "nul", "up"]

TREES = {  # path, size; "P": padding
    "one": (OK, [("a", 5)]), "two": (OK, [("a", 5), ("b", 7)]), "folders": (OK, [("a/b/c", 5), ("a/d", 6), ("e", 7)]),
    "empty first": (OK, [("a", 0), ("b", 5)]), "empty between": (OK, [("a", 5), ("b", 0), ("c", 7)]),
    "empty last": (OK, [("a", 5), ("b", 0)]), "two empty": (OK, [("a", 0), ("b", 0), ("c", 9)]),
    "whole pieces": (OK, [("a", PIECE), ("b", PIECE)]), "a name like the torrent": (OK, [("t", 5)]),
    "deep": (OK, [("/".join("d" * 30), 5)]), "told apart": (OK, [("a", 5), ("a\u200e", 6), ("A", 7)]), "folders by capitals": (OK, [("a/x", 5), ("A/y", 6)]), "sorted by bytes": (OK, [("B", 5), ("a", 6), ("é", 7)]),
}
LISTS = {  # of version 1 only
    "unsorted": (OK, [("b", 5), ("a", 6)]), "padding": (OK, [("a", 5), ("P", PIECE - 5), ("b", 6)]),
    "padding last": (OK, [("a", 5), ("P", 9)]), "only padding": (NO, [("P", 9)]), "only empty files": (NO, [("a", 0), ("b", 0)]),
    "padding first": (OK, [("P", 9), ("a", 5)]),
    "the same": (OK, [("a", 5), ("a", 6)]), "file and folder": (NO, [("a", 5), ("a/b", 6)]),
    "too deep": (NO, [("/".join("d" * 40), 5)]), "a mark apart": (OK, [("a\u200e", 5), ("a", 6)]),
    "cp1251 of one length": (OK, [("абв.mkv".encode("cp1251"), 5), ("где.mkv".encode("cp1251"), 6), ("_ (2).mkv", 7)]),
    "capitals": (OK, [("Film.mkv", 5), ("film.mkv", 6), ("FILM.MKV", 0)]), "three and padding": (
        OK, [("a.mkv", 5), ("P", PIECE - 5), ("a.mkv", 6), ("P", PIECE - 6), ("a.mkv", 7)]),
}


class Layout:
    """A torrent twice: .info and .data for each way."""

    def __init__(self, label, verdict, version, name, files):
        self.label, self.verdict = f"{label} (v{version})", verdict
        self.version, self.name = version, name
        self.files = [(path.encode() if isinstance(path, str) else path, os.urandom(size) if path != "P" else bytes(size))
                      for path, size in files]
        if "2" in version:  # whose order is that of its tree
            self.files.sort(key=lambda file: self.parts(file[0]))

    def parts(self, path):
        return path.split(b"/") if path else []

    def single(self):
        return len(self.files) == 1 and not self.files[0][0]

    def entries(self):
        """Of version 1, with padding where version 2 is beside it."""
        at = 0
        for path, data in self.files:
            gap = -at % PIECE if self.version == "12" and data else 0
            if gap:
                yield {"attr": "p", "length": gap, "path": [".pad", str(gap)]}, bytes(gap)
            entry = {"length": len(data), "path": self.parts(path)}
            yield ({**entry, "path": [".pad", "9"], "attr": "p"} if path == b"P" else entry), data
            at += gap + len(data)

    def tree(self):
        root = {}
        for path, data in self.files:
            node = root
            for part in self.parts(path) or [self.name]:
                node = node.setdefault(part, {})
            node[""] = {"length": len(data), **({"pieces root": tree_of(data, PIECE)[0]} if data else {})}
        return root

    def made(self, way):
        """The bencoded info, and what its pieces cover."""
        info = {"name": self.name, "piece length": PIECE, "source": way}
        whole = b"".join(data + bytes(-len(data) % PIECE) for _, data in self.files)
        if "1" in self.version:
            entries = list(self.entries())
            whole = b"".join(data for _, data in entries)
            info["pieces"] = b"".join(hashlib.sha1(whole[i:i + PIECE]).digest() for i in range(0, len(whole), PIECE))
            info.update({"length": len(whole)} if self.single() else {"files": [entry for entry, _ in entries]})
        if "2" in self.version:
            info.update({"meta version": 2, "file tree": self.tree()})
        return bencode(info), whole

    def content(self):
        return sorted(hashlib.sha256(data).hexdigest() for path, data in self.files if path != b"P")


def layouts():
    for name, (verdict, raw) in NAMES.items():
        yield Layout(f"name {name}", verdict, "1", raw, [(b"", 40)])
        if b"/" not in raw:
            yield Layout(f"file {name}", verdict, "1", "t", [(raw, 40), (b"z/" + raw, 50)])
    for name in OF_VERSION_2:
        verdict, raw = NAMES[name]
        if b"/" not in raw:
            yield Layout(f"name {name}", verdict, "2", raw, [(b"", 40)])
            yield Layout(f"file {name}", verdict, "12", "t", [(raw, 40)])
    for name, (verdict, files) in TREES.items():
        for version in ("1", "2", "12"):
            yield Layout(name, verdict, version, "t", files)
    for name, (verdict, files) in LISTS.items():
        yield Layout(name, verdict, "1", "t", files)


@pytest.fixture
def peer():
    made = Peer()
    yield made
    made.stop()


def on_disk(folder):
    found = {}
    for at, _, files in os.walk(os.fsencode(folder)):
        for name in files:
            path = os.path.join(at, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, os.fsencode(folder))] = hashlib.sha256(file.read()).hexdigest()
    return found


class Try:
    """Both ways of one layout under one hunter."""

    def __init__(self, layout, user, hunting, media, peer):
        self.layout, self.listed, self.downloads = layout, None, {}
        for way in ("magnet", "file"):
            info, data = layout.made(way)
            v1, v2 = hashlib.sha1(info).hexdigest(), hashlib.sha256(info).hexdigest()
            hashes = {"v1": v1 if "1" in layout.version else None, "v2": v2 if "2" in layout.version else None}
            peer.share(info, data, PIECE, bytes.fromhex(v1), bytes.fromhex(v2)[:20])
            source = {"magnet": link(**hashes, trackers=[peer.url])}
            if way == "file":
                body = bencode({"announce": peer.url})[:-1] + b"4:info" + info + b"e"
                answer = user.post("/torrents/inspect", body=body, headers={"Content-Type": "application/x-bittorrent"})
                assert answer.status in (200, 400), (layout.label, answer)
                if answer.status == 400:
                    continue
                self.listed = {file["path"]: file["size"] for file in answer.json["files"]}
                source = {"torrent_id": answer.json["torrent_id"]}
            self.downloads[way] = hunting.download(user, media, **source)

    def verdict(self, way):
        if way not in self.downloads:
            return NO, {}
        download = self.downloads[way]
        status = download.settled(90 * SLOW)
        if status != "Completed":
            end = download.job("reason, attempts")
            return NO if end == ("refused", 1) else (status, *end, download.detail), {}
        return OK, on_disk(download.folder)

    def faults(self):
        by_magnet, by_file = self.verdict("magnet"), self.verdict("file")
        if by_magnet != by_file:
            yield "not the same both ways", by_magnet, by_file
        if by_magnet[0] != self.layout.verdict:
            yield "the verdict", by_magnet
        if by_file[0] == OK and sorted(by_file[1].values()) != self.layout.content():
            yield "the content", by_file
        if by_file[0] == OK and sorted(self.listed) != sorted(os.fsdecode(path) for path in by_file[1]):
            yield "the list", by_file, self.listed


def test_odd_names_and_layouts_are_the_same_by_magnet_and_as_torrent(sokoul, peer, hunting):  # part: S37
    api = sokoul.start("sokoul-api", {"DOWNLOADS_ACTIVE_PER_USER": "1000", "RATE_LIMIT_USER_PER_MIN": "100000"})
    user = Api(api.port).register()
    hunting.hunter()
    media = hunting.media()
    tries = [Try(layout, user, hunting, media, peer) for layout in layouts()]
    faults = [(one.layout.label, *fault) for one in tries for fault in one.faults()]
    assert not faults, "\n".join(map(repr, faults))
    assert len(tries) >= 100
    assert sum(len(one.downloads) == 2 for one in tries) >= 80
