# SPDX-License-Identifier: Apache-2.0
"""A backup on disk: a folder that is whole from the moment it has its name.

    sokoul-20261129T091500.123Z/         mode 0700
        manifest.json                    what it is, rows of each table, size and SHA-256 of each file
        database.dump                    of pg_dump, its custom format
        downloads.tar                    resume data
        content.tar                      the downloaded files, when asked for
    sokoul-20261129T091500.123Z.secrets  mode 0600, when asked for

It is written under a name that begins with .partial-; what bears such a name was cut short.
"""
import fcntl
import hashlib
import json
import os
import re
import shutil
import time

from installation import AGAIN, REFUSED, UNAVAILABLE, Failure

FORMAT = 1
MANIFEST = "manifest.json"
NAME = re.compile(r"sokoul-\d{8}T\d{6}\.\d{3}Z")
PARTIAL = ".partial-"


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def sync(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Shelf:
    """The folder of all backups: one backup at a time is made in it."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        if not os.path.isdir(os.path.dirname(self.folder)):
            raise Failure(UNAVAILABLE, f"{os.path.dirname(self.folder)} is not there: is the disk for backups mounted?")
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self.lock = os.open(os.path.join(self.folder, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(AGAIN, f"another backup to {self.folder} is under way") from None
        for name in os.listdir(self.folder):
            if name.startswith(PARTIAL):
                self._remove(name)
        now = time.time()
        self.name = time.strftime("sokoul-%Y%m%dT%H%M%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}Z"
        self.partial = os.path.join(self.folder, PARTIAL + self.name)

    def __enter__(self):
        os.mkdir(self.partial, 0o700)
        return self

    def __exit__(self, *_):
        if os.path.isdir(self.partial):
            shutil.rmtree(self.partial)
        os.close(self.lock)

    def path(self, name):
        return os.path.join(self.partial, name)

    def describe(self, facts):
        """Writes the manifest, with what every other file is, and reads all of them again."""
        for name in os.listdir(self.partial):
            sync(self.path(name))
        files = {name: {"bytes": os.path.getsize(self.path(name)), "sha256": digest(self.path(name))}
                 for name in sorted(os.listdir(self.partial))}
        with open(self.path(MANIFEST), "w", encoding="utf-8") as f:
            json.dump({"format": FORMAT, **facts, "files": files}, f, indent=2)
            f.write("\n")
            f.flush()
            os.fsync(f.fileno())

    def keep_secrets(self, text):
        path = os.path.join(self.folder, PARTIAL + "secrets")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        os.rename(path, os.path.join(self.folder, f"{self.name}.secrets"))

    def finish(self):
        """From now on it is a backup; its path."""
        whole = os.path.join(self.folder, self.name)
        sync(self.partial)
        os.rename(self.partial, whole)
        sync(self.folder)
        return whole

    def prune(self, keep):
        """Leaves the newest `keep` backups."""
        names = sorted(name for name in os.listdir(self.folder) if NAME.fullmatch(name))
        for name in names[:-keep]:
            os.rename(os.path.join(self.folder, name), os.path.join(self.folder, PARTIAL + name))
            self._remove(PARTIAL + name)
        kept = set(names[-keep:])
        for name in os.listdir(self.folder):
            if name.endswith(".secrets") and NAME.fullmatch(name.removesuffix(".secrets")) and name[:-8] not in kept:
                self._remove(name)
        return len(names) - len(kept)

    def _remove(self, name):
        path = os.path.join(self.folder, name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


class Saved:
    """A backup that is there."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        try:
            with open(self.path(MANIFEST), encoding="utf-8") as f:
                self.manifest = json.load(f)
            self.files = self.manifest["files"]
        except FileNotFoundError:
            raise Failure(REFUSED, f"{folder} is no backup: it has no {MANIFEST}") from None
        except (ValueError, KeyError, TypeError):
            raise Failure(REFUSED, f"{folder} is damaged: its {MANIFEST} cannot be read; take another backup") from None
        if self.manifest.get("format") != FORMAT:
            raise Failure(REFUSED, f"{folder} was made by another version of these programs: restore it with that")

    def path(self, name):
        return os.path.join(self.folder, name)

    def was_cut_short(self):
        return os.path.basename(self.folder).startswith(PARTIAL)

    def check(self):
        """Compares every byte with what was written."""
        for name, known in self.files.items():
            if not os.path.isfile(self.path(name)):
                raise Failure(REFUSED, f"{self.folder} is damaged: {name} is missing; take another backup")
            if os.path.getsize(self.path(name)) != known["bytes"] or digest(self.path(name)) != known["sha256"]:
                raise Failure(REFUSED, f"{self.folder} is damaged: {name} is not what was written; take another backup")
