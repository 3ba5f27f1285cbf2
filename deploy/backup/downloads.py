# SPDX-License-Identifier: Apache-2.0
"""What hunters keep in DOWNLOAD_DIR: resume data in .state/, and the content, a folder for each torrent.

What is in a torrent, and who wants it, is in the database.  Resume data add how much was up- and downloaded, and which
pieces are there.  The latter is true of the moment, so in a backup they are marked as of an unclean end on another machine:
the hunter then hashes what it finds, whether the content is restored with them, comes from an older copy, or is gone.
"""
import io
import os
import subprocess
import tarfile

from installation import AGAIN, CONFIG, REFUSED, Failure

STATE = ".state"
MAX_RESUME_BYTES = 64 << 20
NEUTRAL = {b"sokoul-boot": b"0:", b"sokoul-clean": b"i0e"}


def end_of(data, at):
    """Where the bencoded value that begins at `at` ends."""
    depth = 0
    while True:
        kind = data[at:at + 1]
        if kind in (b"d", b"l"):
            depth, at = depth + 1, at + 1
        elif kind == b"e" and depth:
            depth, at = depth - 1, at + 1
        elif kind == b"i":
            at = data.index(b"e", at) + 1
        else:
            colon = data.index(b":", at)
            at = colon + 1 + int(data[at:colon])
        if depth == 0:
            return at


def neutral(data):
    """Resume data that promise nothing; ValueError: they are none."""
    if data[:1] != b"d" or end_of(data, 0) != len(data):
        raise ValueError("no dictionary")
    at, parts = 1, [b"d"]
    while data[at:at + 1] != b"e":
        key = end_of(data, at)
        value = end_of(data, key)
        name = data[data.index(b":", at) + 1:key]
        parts += [data[at:key], NEUTRAL.get(name, data[key:value])]
        at = value
    return b"".join(parts) + b"e"


def failure_of_tar(complaint):
    return Failure(AGAIN if "No space left" in complaint else REFUSED, complaint.strip().splitlines()[0])


class Downloads:
    def __init__(self, folder):
        self.folder = os.path.abspath(folder)

    def need(self):
        if not os.path.isdir(self.folder):
            raise Failure(CONFIG, f"DOWNLOAD_DIR, {self.folder}, is not here: set it to where the downloads are on this machine, "
                          "or leave them out with --no-downloads")

    def save_state(self, path):
        """How many resume data went into the archive."""
        count = 0
        state = os.path.join(self.folder, STATE)
        with tarfile.open(path, "w") as archive:
            folder = tarfile.TarInfo(STATE)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
            for name in sorted(os.listdir(state)) if os.path.isdir(state) else ():
                data = self._resume(os.path.join(state, name)) if name.endswith(".resume") else None
                if data:
                    row = tarfile.TarInfo(f"{STATE}/{name}")
                    row.size, row.mode = len(data), 0o644
                    archive.addfile(row, io.BytesIO(data))
                    count += 1
        return count

    @staticmethod
    def _resume(path):
        """None: it has gone meanwhile, or nobody could read it."""
        try:
            with open(path, "rb") as f:
                return neutral(f.read(MAX_RESUME_BYTES))
        except (FileNotFoundError, ValueError):
            return None

    def save_content(self, path):
        """Everything but the state, holes as holes.  What changes meanwhile is hashed after a restore."""
        names = "".join(f"./{name}\0" for name in sorted(os.listdir(self.folder)) if name != STATE)
        with open(path, "wb") as f:
            done = subprocess.run(["tar", "--create", "--sparse", "-C", self.folder, "--null", "--files-from=-"], input=names.encode(),
                                  stdout=f, stderr=subprocess.PIPE, check=False)
        if done.returncode not in (0, 1):  # 1: a file changed while it was read
            raise failure_of_tar(done.stderr.decode(errors="replace"))

    def restore(self, archives):
        """Lays down what is not there yet, and nothing over what is there, as the owner of the folder."""
        if not os.path.isdir(self.folder):
            os.mkdir(self.folder, 0o755)
        there = os.stat(self.folder)
        whom = {"user": there.st_uid, "group": there.st_gid, "extra_groups": []} if os.getuid() == 0 else {}
        for path in archives:
            with open(path, "rb") as f:
                done = subprocess.run(["tar", "--extract", "--skip-old-files", "--preserve-permissions", "--no-same-owner"],
                                      cwd=self.folder, stdin=f, stderr=subprocess.PIPE, text=True, check=False, **whom)
            if done.returncode != 0:
                raise failure_of_tar(done.stderr)

    def lacks(self, torrent_ids):
        """Those of them whose content is not here."""
        return [i for i in torrent_ids if not os.path.isdir(os.path.join(self.folder, i))]
