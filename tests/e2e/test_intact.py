# SPDX-License-Identifier: Apache-2.0
"""Completed is said of what lies on the disk, whatever somebody did to it before."""
import collections
import fcntl
import hashlib
import itertools
import os
import random
import shutil
import struct
import time

import pytest
import swarm_kit as kit
from stack_under_test import SLOW, eventually
from swarm import MIB, held

FILES = {"a.bin": 700_000, "b.bin": 300_001, "empty.nfo": 0, "c.bin": 123_457}


def remove(path):
    os.unlink(path)


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


def change(path):
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def grow(path):
    with open(path, "ab") as file:
        file.write(b"more")


def replace(path):
    """By another file of its size."""
    size = os.path.getsize(path)
    os.rename(path, path + ".old")
    with open(path, "wb") as file:
        file.truncate(size)
    os.unlink(path + ".old")


def remove_folder(path):
    shutil.rmtree(os.path.dirname(path))


def remove_all(path):
    shutil.rmtree(os.path.dirname(os.path.dirname(path)))


ACTS = {"removed": remove, "cut": cut, "changed": change, "grown": grow, "replaced": replace,
        "folder removed": remove_folder, "all removed": remove_all}
GONE = "Its files are missing or changed on the disk; start it again to fetch them"


def is_whole(download, torrent):
    folder = os.path.join(download.folder, torrent.name)
    return all(os.path.exists(f"{folder}/{name}") and kit.sha256(f"{folder}/{name}") == digest
               for name, digest in torrent.digests.items())


def file_of(download, torrent, name="a.bin"):
    return os.path.join(download.folder, torrent.name, name)


def state_of(download, torrent):
    path = file_of(download, torrent)
    return kit.sha256(path) if os.path.exists(path) else None


class Shelf:
    """One torrent for each act, complete."""

    def __init__(self, user, swarm, hunting):
        self.hunting, self.media = hunting, hunting.media()
        self.torrents = {act: swarm.folder(FILES) for act in ACTS}
        for torrent in self.torrents.values():
            swarm.seed(torrent)
        self.downloads = self.fetch(user)

    def fetch(self, user):
        """Two at a time: a user has few active ones."""
        done = {}
        for some in itertools.zip_longest(*[iter(self.torrents.items())] * 2):
            begun = {act: self.hunting.download(user, self.media, magnet=torrent.magnet())
                     for act, torrent in filter(None, some)}
            done.update((act, download.completed(60)) for act, download in begun.items())
        return done

    def touch(self):
        for act, torrent in self.torrents.items():
            ACTS[act](file_of(self.downloads[act], torrent))

    def states(self):
        return {act: state_of(self.downloads[act], torrent) for act, torrent in self.torrents.items()}

    def whole(self, downloads):
        return {act for act, torrent in self.torrents.items() if is_whole(downloads[act], torrent)}


def test_what_was_touched_is_fetched_again_for_the_next_who_wants_it(api, swarm, hunting):
    """For another user, and for its owner."""
    ada, bob = api.register("ada"), api.register("bob")
    hunting.hunter()
    shelf = Shelf(ada, swarm, hunting)
    for who in (bob, ada):
        shelf.touch()
        assert shelf.whole(shelf.fetch(who)) == set(ACTS)


@pytest.mark.parametrize("act", ("removed", "changed", "all removed"))
def test_what_is_touched_on_the_way_is_fetched_again(user, swarm, hunting, act):
    torrent = swarm.folder({"a.bin": 5 * MIB, "b.bin": 1 * MIB})
    swarm.seed(torrent)
    hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=1024)
    download = hunting.download(user, magnet=torrent.magnet())
    download.half(share=0.2)
    assert download.progress < 0.9
    ACTS[act](file_of(download, torrent))
    download.completed(40)
    assert is_whole(download, torrent), act


def test_what_is_fetched_again_is_told_in_plain_words(api, swarm, hunting):
    ada, bob = api.register("ada"), api.register("bob")
    torrent = swarm.torrent(12 * MIB)
    swarm.seed(torrent)
    hunting.hunter(TORRENT_DOWN_LIMIT_KBPS=3072)
    media = hunting.media()
    download = hunting.download(ada, media, magnet=torrent.magnet()).completed(40)
    os.unlink(os.path.join(download.folder, "film.bin"))
    again = hunting.download(bob, media, magnet=torrent.magnet())
    again.shows("detail = 'Files were missing or changed on the disk: fetching them again'", 60)
    again.completed(60)
    assert kit.sha256(os.path.join(again.folder, "film.bin")) == torrent.sha256


def seen(user, download):
    return user.get(f"/downloads/{download.id}").json["detail"]


def test_what_was_touched_is_not_fetched_again_unasked(user, swarm, hunting):
    """Not by the hunter that begins again: it tells, and the next who asks has all of it."""
    other = swarm.torrent(MIB)
    swarm.seed(other)
    hunter = hunting.hunter(NODE_NAME="one")
    shelf = Shelf(user, swarm, hunting)
    kept = hunting.download(user, shelf.media, magnet=other.magnet()).completed()
    assert hunter.stop() == 0
    shelf.touch()
    before, downloads = shelf.states(), shelf.downloads.values()
    again = hunting.hunter(NODE_NAME="one")
    eventually(lambda: held(again, kept), 10, "what is whole is seeded")
    eventually(lambda: {seen(user, download) for download in downloads} == {GONE}, 15 * SLOW, "the rest is told")
    assert not any(held(again, download) for download in downloads)
    assert shelf.states() == before
    assert {download.status for download in downloads} == {"Completed"}
    assert seen(user, kept) is None
    assert shelf.whole(shelf.fetch(user)) == set(ACTS)
    assert {seen(user, download) for download in downloads} == {None}


def test_what_is_touched_while_it_is_seeded_is_told_soon(user, swarm, hunting):
    hunter = hunting.hunter()
    shelf = Shelf(user, swarm, hunting)
    shelf.touch()
    before, downloads = shelf.states(), shelf.downloads.values()
    eventually(lambda: {seen(user, download) for download in downloads} == {GONE}, 20 * SLOW, "it is told")
    assert not any(held(hunter, download) for download in downloads)
    assert shelf.states() == before


def is_proven(download, torrent):
    """Whether the resume data have the stamp of the files as they are: what the hunter last found right on the disk."""
    stamp = hashlib.sha1()
    for index, name in enumerate(torrent.digests):
        stat = os.stat(file_of(download, torrent, name))
        stamp.update(struct.pack("=5q", index, stat.st_ino, stat.st_size, *divmod(stat.st_mtime_ns, 10**9)))
    with open(resume_of(download), "rb") as resume:
        return stamp.digest() in resume.read()


def test_what_is_written_again_as_it_was_is_seeded_on(user, swarm, hunting):
    torrent = swarm.folder(FILES)
    swarm.seed(torrent)
    hunter = hunting.hunter(NODE_NAME="one")
    download = hunting.download(user, magnet=torrent.magnet()).completed()
    path = file_of(download, torrent)
    eventually(lambda: is_proven(download, torrent), 5, "what was fetched is proven")
    shutil.copyfile(path, path + ".copy")
    os.rename(path + ".copy", path)
    assert not is_proven(download, torrent)
    eventually(lambda: is_proven(download, torrent), 20 * SLOW, "it was looked at once more, and found right")
    assert held(hunter, download) and seen(user, download) is None


def test_files_that_are_gone_are_not_listed_as_there(user, swarm, hunting):
    torrent = swarm.folder(FILES)
    swarm.seed(torrent)
    hunter, media = hunting.hunter(NODE_NAME="one"), hunting.media()
    download = hunting.download(user, media, magnet=torrent.magnet()).completed()

    def listed():
        items = user.get(f"/downloads/{download.id}/files").json["items"]
        return {os.path.basename(one["path"]): round(one["progress"], 2) for one in items}

    assert listed() == dict.fromkeys(FILES, 1)
    assert hunter.stop() == 0
    remove(file_of(download, torrent, "b.bin"))
    cut(file_of(download, torrent))
    remove(file_of(download, torrent, "empty.nfo"))
    assert listed() == {"a.bin": 0.5, "b.bin": 0, "empty.nfo": 0, "c.bin": 1}
    remove_all(file_of(download, torrent))
    assert listed() == dict.fromkeys(FILES, 0)
    hunting.hunter(NODE_NAME="one")
    hunting.download(user, media, magnet=torrent.magnet()).completed()
    assert listed() == dict.fromkeys(FILES, 1)


def test_what_another_hunter_holds_is_looked_at_too(user, swarm, hunting):
    torrent = swarm.folder(FILES)
    swarm.seed(torrent)
    first, media = hunting.hunter(NODE_NAME="one"), hunting.media()
    download = hunting.download(user, media, magnet=torrent.magnet()).completed()
    assert first.stop() == 0
    with open(resume_of(download).replace(".resume", ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as if that hunter were still there
        hunting.hunter(NODE_NAME="two")
        assert is_whole(hunting.download(user, media, magnet=torrent.magnet()).completed(), torrent)
        remove(file_of(download, torrent))
        again = hunting.download(user, media, magnet=torrent.magnet())
        again.shows("detail LIKE 'Waiting for the torrent%%'", 20)
    assert is_whole(again.completed(60), torrent)


def test_what_another_hunter_holds_is_found_under_the_names_that_tell_its_files_apart(user, swarm, hunting):
    source = swarm.path / "twins"
    (source / "d").mkdir(parents=True)
    for name, text in (("a.mkv", "hello"), ("a (2).mkv", "world")):
        (source / "d" / name).write_text(text)
    info = {"name": "d", "piece length": 16384, "pieces": hashlib.sha1(b"helloworld").digest(),
            "files": [{"length": 5, "path": ["a.mkv"]}] * 2}
    torrent = swarm.torrent(10, "d", info=info, folder=source)
    swarm.seed(torrent)
    first, media = hunting.hunter(NODE_NAME="one"), hunting.media()
    download = hunting.download(user, media, magnet=torrent.magnet()).completed()
    assert first.stop() == 0
    with open(resume_of(download).replace(".resume", ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        hunting.hunter(NODE_NAME="two")
        hunting.download(user, media, magnet=torrent.magnet()).completed()


def resume_of(download):
    return os.path.join(download.sokoul.download_dir, ".state", f"{download.torrent_id}.resume")


def looked_at(download):
    """Its resume data are written between the last look at the disk and the word that it is complete."""
    return min(os.path.getmtime(resume_of(download)), float(download.sokoul.value(
        "SELECT extract(epoch FROM finished_at) FROM jobs WHERE job_id = %s", (download.job_id,))))


class Vandal:
    """Does this and that to files; .done tells what."""

    def __init__(self, seed):
        self.dice, self.done = random.Random(seed), []

    def touch(self, folder):
        act, name = self.dice.choice(list(ACTS)), self.dice.choice(list(FILES))
        path = os.path.join(folder, name)
        if not os.path.exists(path) or (act in ("cut", "changed") and os.path.getsize(path) == 0):
            return False
        ACTS[act](path)
        self.done.append(f"{act} {name}")
        return True

    def restart(self, hunting, hunter, settings, folders):
        how = self.dice.choice(("kill", "stop"))
        getattr(hunter, how)()
        self.done.append(f"hunter: {how}")
        for folder in folders:
            self.touch(folder)
        return hunting.hunter(**settings)

    def acts(self):
        return sum(not one.startswith("hunter") for one in self.done)


def finish(vandal, download, torrent):
    """Until it is complete, with something done on the way or not; whether that was after the last look."""
    on_the_way = vandal.dice.random() < 0.4
    share = vandal.dice.choice((0, 0.3, 0.7))
    if not on_the_way:
        download.completed(90)
        return False
    download.shows(f"status = 'Completed' OR (status = 'Running' AND progress >= {share})", 60)
    began = time.time()
    touched = vandal.touch(os.path.join(download.folder, torrent.name))
    download.completed(90)
    return touched and began > looked_at(download) - 0.25


def test_completed_is_never_said_with_a_byte_missing(api, swarm, hunting):
    """Files are removed, cut, changed before and while they are fetched, with restarts between.  INTACT_ACTS=1000:
    more; INTACT_SEED: others."""
    vandal, late, turns = Vandal(int(os.environ.get("INTACT_SEED", "1"))), 0, 0
    wanted = int(os.environ.get("INTACT_ACTS", "30"))
    settings = {"NODE_NAME": "one", "TORRENT_DOWN_LIMIT_KBPS": "4096"}
    users = itertools.cycle([api.register(f"user{n}") for n in range(20)])
    torrents = [swarm.folder({**FILES, "a.bin": FILES["a.bin"] + 20_000 * n}) for n in range(4)]
    for torrent in torrents:
        swarm.seed(torrent)
    hunter, media = hunting.hunter(**settings), hunting.media()
    folders, said = [], 0
    while vandal.acts() < wanted:
        before = len(vandal.done)
        for folder in folders * 2:
            vandal.touch(folder)
        if vandal.dice.random() < 0.3:
            hunter = vandal.restart(hunting, hunter, settings, folders)
        downloads = [hunting.download(next(users), media, magnet=torrent.magnet()) for torrent in torrents]
        for download, torrent in zip(downloads, torrents):
            is_late = finish(vandal, download, torrent)
            late += is_late  # what is done once it was looked at is the next one's to find
            said += 1
            assert is_late or is_whole(download, torrent), (turns, torrent.name, vandal.done[before:])
        folders = [os.path.join(d.folder, t.name) for d, t in zip(downloads, torrents)]
        turns += 1
    kinds = collections.Counter(one if one.startswith("hunter") else one.rsplit(" ", 1)[0] for one in vandal.done)
    print(f"{vandal.acts()} acts, {late} of them after the last look; Completed {said} times; {dict(kinds)}")
