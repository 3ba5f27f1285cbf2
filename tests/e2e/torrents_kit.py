# SPDX-License-Identifier: Apache-2.0
"""Torrents of version 1, version 2 and both, of one file, with all the hashes that name them."""
import hashlib
import os
import pathlib
import urllib.parse

from swarm_kit import bencode

BLOCK = 16384


def merkle(leaves, empty, width):
    """The root over `width` leaves, a power of two."""
    row = leaves + [empty] * (width - len(leaves))
    while len(row) > 1:
        row = [hashlib.sha256(a + b).digest() for a, b in zip(row[::2], row[1::2])]
    return row[0]


def power_of_two(n):
    return 1 << max(0, n - 1).bit_length()


def tree_of(data, piece):
    """pieces root and the layer of piece hashes (BEP 52)."""
    zero = bytes(32)
    blocks = [hashlib.sha256(data[i:i + BLOCK]).digest() for i in range(0, len(data), BLOCK)]
    if len(data) <= piece:
        return merkle(blocks, zero, power_of_two(len(blocks))), b""
    each = piece // BLOCK
    layer = [merkle(blocks[i:i + each], zero, each) for i in range(0, len(blocks), each)]
    return merkle(layer, merkle([], zero, each), power_of_two(len(layer))), b"".join(layer)


class Versioned:
    """version: "1", "2" or "12"."""

    def __init__(self, version, size=3000, name="film.bin", piece=BLOCK, trackers=()):
        self.data, self.name, self.size, self.trackers = os.urandom(size), name, size, list(trackers)
        self.info = {"name": name, "piece length": piece}
        if "1" in version:
            self.info["length"] = size
            self.info["pieces"] = b"".join(hashlib.sha1(self.data[i:i + piece]).digest() for i in range(0, size, piece))
        layers = {}
        if "2" in version:
            root, layer = tree_of(self.data, piece)
            self.info["meta version"] = 2
            self.info["file tree"] = {name: {"": {"length": size, "pieces root": root}}}
            layers = {root: layer} if layer else {}
        raw = bencode(self.info)
        self.v1 = hashlib.sha1(raw).hexdigest() if "1" in version else None
        self.v2 = hashlib.sha256(raw).hexdigest() if "2" in version else None
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.bare = b"d4:info" + raw + b"e"
        self.layers = {"piece layers": layers} if "2" in version else {}
        self.torrent = self.file_with(*trackers[:1])
        self.info_hash = self.v1 or self.v2[:40]

    def file_with(self, *announce):
        return bencode({"info": self.info, **self.layers, **({"announce": announce[0]} if announce else {})})

    def place(self, folder, tracker):
        """As a torrent of swarm_kit, for a seeder: its file, and its data beside it."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        (self.folder / self.name).write_bytes(self.data)
        self.file = self.folder / (self.info_hash + ".torrent")
        self.file.write_bytes(self.file_with(tracker))
        return self

    def magnet(self, *trackers):
        return link(self.v1, self.v2, trackers or self.trackers)


def link(v1=None, v2=None, trackers=(), **more):
    topics = [f"xt=urn:btih:{v1}"] * bool(v1) + [f"xt=urn:btmh:1220{v2}"] * bool(v2)
    words = [f"{key}={urllib.parse.quote(str(value), safe='')}" for key, value in more.items()]
    return "magnet:?" + "&".join(topics + words + [f"tr={urllib.parse.quote(t, safe='')}" for t in trackers])
