# SPDX-License-Identifier: Apache-2.0
"""Recovery to a moment, from a base backup and the archived log, as docs/BACKUP.md says."""
import os
import secrets
import shutil
import subprocess
import tempfile

import backup_kit
import pytest
from stack import postgres
from stack.proc import free_ports
from stack_under_test import BIN, eventually


class Cluster(postgres.Postgres):
    """A Postgres that archives its log; all of it lies in a folder that its user may enter."""

    def __init__(self, folder):
        super().__init__(free_ports(1), postgres.place(folder), secrets.token_hex(12))
        self.wal, self.base = f"{self.folder}.wal", f"{self.folder}.base"
        self.script = f"{self.folder}.archive-wal"

    def begin(self):
        self._make_parents()
        os.mkdir(self.wal)
        shutil.copy(os.path.join(backup_kit.FOLDER, "archive-wal"), self.script)
        if postgres.owner():
            shutil.chown(self.wal, postgres.owner())
        self.more = {"archive_mode": "on", "archive_command": f"{self.script} %p %f {self.wal}"}
        self.prepare()
        self.start()
        self.wait_ready()
        self.ensure_owner()

    def copy(self):
        """A base backup; the folder is made here, since the parent is not that user's."""
        os.mkdir(self.base, 0o700)
        if postgres.owner():
            shutil.chown(self.base, postgres.owner(), postgres.owner())
        subprocess.run(postgres.as_owner([f"{self.bin}/pg_basebackup", "-D", self.base, "-h", self.socket_dir, "-p", str(self.port),
                                          "-U", "postgres", "--checkpoint=fast", "--wal-method=none", "--no-sync"]),
                       check=True, cwd="/", timeout=60, capture_output=True)

    def archived(self):
        """Waits until all that was written so far is in the archive."""
        name = self.sql("SELECT pg_walfile_name(pg_switch_wal())")
        eventually(lambda: os.path.exists(f"{self.wal}/{name}"), 20, f"{name} in the archive")

    def recover(self, moment):
        self.stop()
        shutil.rmtree(self.folder)
        os.rename(self.base, self.folder)
        open(f"{self.folder}/recovery.signal", "w", encoding="ascii").close()
        self.more.update(restore_command=f"cp {self.wal}/%f %p", recovery_target_time=moment, recovery_target_action="promote")
        self.prepare()
        self.start()
        self.wait_ready()
        eventually(lambda: self.sql("SELECT pg_is_in_recovery()") == "f", 20, "the end of the recovery")


@pytest.fixture
def cluster():
    folder = tempfile.mkdtemp(prefix="sokoul-test-")
    os.chmod(folder, 0o711)
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.stop()
        if not made.folder.startswith(f"{folder}/"):
            shutil.rmtree(os.path.dirname(made.folder), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def favour(cluster, title):
    cluster.sql(f"INSERT INTO media (id, tmdb_id, media_type, title) SELECT gen_random_uuid(), count(*), 'movie', '{title}' FROM media",
                "sokoul")


def titles(cluster):
    return cluster.sql("SELECT title FROM media ORDER BY tmdb_id", "sokoul").split()


def test_a_cluster_goes_back_to_the_moment_before_an_accident(cluster):
    cluster.begin()
    subprocess.run([os.path.join(BIN, "sokoulctl"), "migrate", "up"], check=True, capture_output=True, cwd="/",
                   env={"PATH": os.environ["PATH"], "DATABASE_URL": cluster.url()})
    favour(cluster, "before")
    cluster.copy()
    favour(cluster, "between")
    moment = cluster.sql("SELECT clock_timestamp()")
    favour(cluster, "after")
    cluster.sql("DELETE FROM media", "sokoul")
    cluster.archived()
    cluster.recover(moment)
    assert titles(cluster) == ["before", "between"]
    favour(cluster, "again")
    assert titles(cluster) == ["before", "between", "again"]


def archive(folder, data):
    (folder / "from").write_bytes(data)
    words = [os.path.join(backup_kit.FOLDER, "archive-wal"), str(folder / "from"), "000000010000000000000001", str(folder / "wal")]
    return subprocess.run(words, capture_output=True, text=True, check=False).returncode


def test_an_archived_file_is_never_replaced(tmp_path):
    assert archive(tmp_path, b"log") != 0, "there is no folder yet"
    (tmp_path / "wal").mkdir()
    assert [archive(tmp_path, data) for data in (b"log", b"log", b"another")] == [0, 0, 1]
    assert [(f.name, f.read_bytes()) for f in (tmp_path / "wal").iterdir()] == [("000000010000000000000001", b"log")]
