# SPDX-License-Identifier: Apache-2.0
"""Torrents of every version, and the two who fetch: Sokoul, over its API, and a plain libtorrent as it comes.

A leecher's `fetch(torrent, form, wait_s)` gives a Fetched: what became of it, how long it took, and where the files are.
Every one of them has an address that no seeder has seen: Transmission chokes those that it has seen complete.
"""
import collections
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time
import uuid

import libtorrent as lt
import swarm_kit as kit
from client import Api
from stack.proc import wait_for
from torrents_kit import link

LOOK_S = 0.01
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "leech_libtorrent.py")
FLAGS = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}
Fetched = collections.namedtuple("Fetched", "verdict seconds folder download", defaults=(None,))


class Torrent:
    """Random content under `folder`, {path: size}, and its .torrent; the first part of a path is the torrent's name."""

    def __init__(self, folder, name, sizes, version):
        self.folder, self.name, self.version = pathlib.Path(folder), name, version
        self.digests = {}
        for path, size in sizes.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            self.digests[path] = kit.random_file(self.folder / path, size)
        self.size = sum(sizes.values())
        self.raw = self._made() if self.size else self._empty(next(iter(sizes)))
        self.file = self.folder / f"{name}.torrent"
        self.file.write_bytes(lt.bencode(self.raw))
        info = lt.bencode(self.raw[b"info"])
        self.v1 = hashlib.sha1(info).hexdigest() if version != "v2" else None
        self.v2 = hashlib.sha256(info).hexdigest() if version != "v1" else None

    def _made(self):
        piece = max(16384, min(1 << 20, 1 << (self.size // 64).bit_length()))
        storage = lt.file_storage()
        lt.add_files(storage, str(self.folder / self.name))
        made = lt.create_torrent(storage, piece, FLAGS[self.version])
        lt.set_piece_hashes(made, str(self.folder))
        return made.generate()

    def _empty(self, name):
        """libtorrent makes none of these."""
        info = {b"name": name.encode(), b"piece length": 16384}
        if self.version != "v2":
            info.update({b"length": 0, b"pieces": b""})
        if self.version != "v1":
            info.update({b"meta version": 2, b"file tree": {name.encode(): {b"": {b"length": 0}}}})
        return {b"info": info, **({b"piece layers": {}} if self.version != "v1" else {})}

    def swarms(self, v1, v2):
        """The peers of each of its hashes, as a tracker keeps them; version 2's is cut there."""
        return {bytes.fromhex(digest[:40]): peers for digest, peers in ((self.v1, v1), (self.v2, v2)) if digest}

    def magnet(self, tracker):
        return link(self.v1, self.v2, [tracker])

    def metainfo(self, tracker):
        return lt.bencode({**self.raw, b"announce": tracker.encode()})

    def is_equal(self, folder):
        paths = {path: pathlib.Path(folder) / path for path in self.digests}
        return all(p.is_file() and kit.sha256(p) == self.digests[name] for name, p in paths.items())


class Plain:
    """libtorrent with its defaults, a process for each torrent."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def fetch(self, torrent, form, seen, wait_s):
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir(parents=True)
        wanted = {"folder": str(folder), "peers": [host for host, _ in seen.peers], "address": kit.address(), "wait_s": wait_s}
        if form == "magnet":
            wanted["magnet"] = torrent.magnet(seen.tracker)
        else:
            wanted["metainfo"] = str(folder) + ".torrent"
            pathlib.Path(wanted["metainfo"]).write_bytes(torrent.metainfo(seen.tracker))
        process = kit.start([sys.executable, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            process.stdout.readline()
            out, _ = process.communicate(json.dumps(wanted) + "\n", timeout=wait_s + 30)
        finally:
            kit.stop(process)
        told = json.loads(out.splitlines()[0])
        return Fetched(told["verdict"], told["seconds"], folder)


Seen = collections.namedtuple("Seen", "tracker peers")  # by whoever fetches


class Sokoul:
    """The API and a hunter of `scene`; a download is asked for and looked at as any client does."""

    def __init__(self, scene):
        self.scene = scene
        self.api = Api(scene.start("sokoul-api").port).register()
        self.hunter = scene.start("sokoul-hunter", TORRENT_LISTEN=f"{kit.address()}:0")
        self.media = str(uuid.uuid4())
        scene.sql.run("INSERT INTO media (id, tmdb_id, media_type, title) VALUES "
                      f"('{self.media}', 1, 'movie', 'Film')")

    def ask(self, torrent, form, tracker):
        """(the download's id, None) or (None, why not)"""
        wanted = {"magnet": torrent.magnet(tracker)}
        if form == ".torrent":
            sent = self.api.post("/torrents/inspect", body=torrent.metainfo(tracker),
                                 headers={"Content-Type": "application/x-bittorrent"})
            if sent.status != 200:
                return None, f"refused: {sent.json.get('detail')}"
            wanted = {"torrent_id": sent.json["torrent_id"]}
        answer = self.api.post("/downloads/start", {"media_id": self.media, **wanted})
        if answer.status != 202:
            return None, f"refused: {answer.json.get('detail')}"
        return answer.json["id"], None

    def fetch(self, torrent, form, seen, wait_s):
        begun = time.monotonic()
        download, refused = self.ask(torrent, form, seen.tracker)
        if refused:
            return Fetched(refused, time.monotonic() - begun, None)
        shown = {}

        def over():
            shown.update(self.api.get(f"/downloads/{download}").json)
            return shown["status"] in ("Completed", "Failed")

        done = wait_for(over, wait_s, LOOK_S)
        seconds = time.monotonic() - begun
        if not done:
            return Fetched(f"not in time: {shown['detail']}", seconds, None, download)
        row = self.scene.sql.run(f"SELECT torrent_id FROM downloads WHERE id = '{download}'")
        verdict = shown["status"] if shown["status"] == "Completed" else f"refused: {shown['detail']}"
        return Fetched(verdict, seconds, pathlib.Path(self.scene.folder) / row, download)

    def forget(self, fetched):
        """Its files are gone when this returns."""
        if fetched.download:
            self.api.delete(f"/downloads/{fetched.download}?files=true")
        if fetched.folder:
            wait_for(lambda: not fetched.folder.exists(), 15)
