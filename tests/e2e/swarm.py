# SPDX-License-Identifier: Apache-2.0
"""Downloads of the real programs in swarms on loopback.

    swarm.torrent(size)            a torrent with its tracker
    swarm.seed(torrent)            a seeder of our own
    hunting.hunter()               a sokoul-hunter on a loopback address of its own
    hunting.download(user, ...)    POST /downloads/start; gives a Download
"""
import hashlib
import os
import threading
import time
import uuid

import swarm_kit as kit
from stack_under_test import SLOW, eventually

MIB = 1 << 20


def held(program, download):
    """Whether the process has the torrent's lock file open."""
    fds = f"/proc/{program.pid}/fd"
    return any(link.endswith(f"{download.torrent_id}.lock") for link in links_of(fds))


def links_of(fds):
    for fd in os.listdir(fds):
        try:
            yield os.readlink(os.path.join(fds, fd))
        except OSError:
            continue


class Swarm:
    """Nodes and servers of one test."""

    def __init__(self, path):
        self.path = path
        self.made = []
        self.tracker = None

    def torrent(self, size, name="film.bin", folder=None, **options):
        if self.tracker is None:
            self.tracker = kit.Tracker(self.path / "tracker")
            self.made.append(self.tracker)
        folder = folder or self.path / f"source-{uuid.uuid4().hex[:8]}"
        torrent = kit.Torrent(folder, size, name, tracker=self.tracker.url, **options)
        self.tracker.allow(torrent)
        return torrent

    def folder(self, files):
        """A torrent of several files, {name: size}; .digests has their SHA-256."""
        source = self.path / f"source-{uuid.uuid4().hex[:8]}"
        (source / "film").mkdir(parents=True)
        digests = {name: kit.random_file(source / "film" / name, size) for name, size in files.items()}
        whole = b"".join((source / "film" / name).read_bytes() for name in files)
        piece = 1 << 18
        info = {"name": "film", "piece length": piece,
                "pieces": b"".join(hashlib.sha1(whole[i:i + piece]).digest() for i in range(0, len(whole), piece)),
                "files": [{"length": size, "path": [name]} for name, size in files.items()]}
        torrent = self.torrent(len(whole), "film", info=info, folder=source)
        torrent.digests = digests
        return torrent

    def seed(self, torrent, up_kib_s=0):
        options = {"up": up_kib_s * 1024} if up_kib_s else {}
        node = kit.Node(self.path / f"seeder-{uuid.uuid4().hex[:8]}", **options)
        self.made.append(node)
        node.seed("seed", torrent)
        return node

    def transmission(self, torrent, up_kib_s=0):
        remote = kit.Transmission(self.path / f"transmission-{uuid.uuid4().hex[:8]}", [torrent], up_kib_s)
        self.made.append(remote)
        kit.wait_for(remote.seeding, 20 * SLOW, "transmission seeds")
        return remote

    def stop(self):
        for one in reversed(self.made):
            getattr(one, "kill", None) and one.kill()
            getattr(one, "down", None) and one.down()
            getattr(one, "stop", None) and one.stop()


class Field:
    """One tracker, and seeders of what is placed in it."""

    def __init__(self, swarm):
        self.swarm = swarm
        swarm.torrent(1000)
        self.url = swarm.tracker.url

    def place(self, torrent):
        torrent.place(self.swarm.path / f"source-{torrent.info_hash}", self.url)
        for info_hash in filter(None, (torrent.v1, torrent.v2)):
            self.swarm.tracker.hashes.append(info_hash[:40])
        self.swarm.tracker.allow()
        self.swarm.seed(torrent)
        return torrent


class Download:
    def __init__(self, sokoul, download_id, job_id):
        self.sokoul, self.id, self.job_id = sokoul, download_id, job_id

    def __getattr__(self, column):
        """A column of its row, as it is now."""
        if column.startswith("_"):
            raise AttributeError(column)
        return self.sokoul.value(f"SELECT {column} FROM downloads WHERE id = %s", (self.id,))

    @property
    def folder(self):
        return os.path.join(self.sokoul.download_dir, str(self.torrent_id))

    def job(self, columns):
        return self.sokoul.sql(f"SELECT {columns} FROM jobs WHERE job_id = %s", (self.job_id,))[0]

    def settled(self, wait_s=30):
        return self.sokoul.job_settled(self.job_id, wait_s)

    def completed(self, wait_s=30):
        assert self.settled(wait_s) == "Completed", self.job("status, reason, detail")
        return self

    def shows(self, condition, wait_s=10):
        """Waits until the SQL condition holds for its row."""
        sql = f"SELECT true FROM downloads WHERE id = %s AND ({condition})"
        return eventually(lambda: self.sokoul.value(sql, (self.id,)), wait_s,
                          f"{condition} (detail {self.detail!r}, progress {self.progress})")

    def half(self, wait_s=30, share=0.5):
        return self.shows(f"progress >= {share}", wait_s)


class Hunting:
    def __init__(self, sokoul):
        self.sokoul = sokoul

    def hunter(self, env=None, **settings):
        return self.sokoul.start("sokoul-hunter", {"TORRENT_LISTEN": f"{kit.address()}:0", **settings}, env)

    def media(self, title="Film"):
        return self.sokoul.value("INSERT INTO media (id, tmdb_id, media_type, title) VALUES (%s, (SELECT count(*) + 1 "
                                 "FROM media), 'movie', %s) RETURNING id::text", (str(uuid.uuid4()), title))

    def release(self, media_id, title, score, **columns):
        row = {"id": str(uuid.uuid4()), "media_id": media_id, "title": title, "score": score,
               "reasons": '[{"points": 1, "text": "a test"}]', "dedupe_key": str(uuid.uuid4()), **columns}
        return self.sokoul.value(f"INSERT INTO releases ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))}) "
                                 "RETURNING id::text", tuple(row.values()))

    def download(self, user, media_id=None, **how):
        answer = user.post("/downloads/start", {"media_id": media_id or self.media(), **how})
        assert answer.status == 202, answer
        return Download(self.sokoul, answer.json["id"], answer.json["job_id"])


class Sampler:
    """Looks at a download's progress all the time: .gaps() are the seconds between tellings while it ran."""

    def __init__(self, sokoul, download):
        self.sokoul, self.download = sokoul, download
        self.seen, self.ended = [], threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def _look(self):
        import psycopg2
        with psycopg2.connect(self.sokoul.database_url) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                while not self.ended.wait(0.1):
                    cursor.execute("SELECT status, downloaded_bytes, progress_at FROM downloads WHERE id = %s",
                                   (self.download.id,))
                    status, done, at = cursor.fetchone()
                    if status == "Running" and (not self.seen or self.seen[-1][2] != at):
                        self.seen.append((time.monotonic(), done, at))

    def gaps(self):
        return [b[0] - a[0] for a, b in zip(self.seen, self.seen[1:])]
