# SPDX-License-Identifier: Apache-2.0
"""A whole Sokoul, all programs on servers of their own, for tests of what operators do to it and are told.

    with running(folder) as whole:      servers, fakes and programs; all is well
        whole.doctor()                  (exit status, lines)
        whole.is_well()                 doctor finds nothing, and nothing is bad

Its role in Postgres is none of a superuser, so that limits and rights hold for it.
"""
import contextlib
import os
import subprocess

from fakes.prowlarr import FakeProwlarr
from fakes.tmdb import FakeTmdb
from stack.throwaway import ThrowAway
from stack_under_test import BIN, Sokoul, eventually

PROGRAMS = ("sokoul-api", "sokoul-scout", "sokoul-hunter")


class Whole(Sokoul):
    """All programs on servers of their own, and what plants the states."""

    def __init__(self, servers, folder, tmdb, prowlarr):
        super().__init__(folder, servers.postgres, servers.nats, servers.redis, "sokoul", tmdb, prowlarr)
        self.servers = servers
        self.changes = {}
        self.mode = 0o600
        self.bin = BIN
        self.extra = {}  # of doctor's environment
        self.before = []  # words before doctor's own
        self.ctl("migrate", "up")
        self.postgres.sql("ALTER ROLE sokoul NOSUPERUSER")
        for name in PROGRAMS:
            self.start(name)

    def program(self, name):
        return [p for p in self.programs if p.name == name][-1]

    def doctor(self):
        """(its exit status, its lines)"""
        path = self.env_file(self.changes, "doctor.env")
        os.chmod(path, self.mode)
        words = [*self.before, os.path.join(self.bin, "sokoulctl"), "--env-file", path, "doctor"]
        done = subprocess.run(words, env=self.environment(self.extra),
                              cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout.splitlines()

    def is_well(self):
        code, lines = self.doctor()
        return code == 0 and not [line for line in lines if line.startswith("bad")]

    def restart(self, name):
        old = self.program(name)
        self.start(name, listen=old.port)


@contextlib.contextmanager
def running(folder):
    with ThrowAway() as servers:
        tmdb, prowlarr = FakeTmdb().start(), FakeProwlarr().start()
        stack = Whole(servers, folder, tmdb, prowlarr)
        try:
            eventually(stack.is_well, 30, "a doctor that finds nothing")
            yield stack
            stack.stop_all()
        finally:
            for program in stack.programs:
                if program.running():
                    program.kill()
            tmdb.stop()
            prowlarr.stop()


# ---- a database on a full disk ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder, size):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "small", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


@contextlib.contextmanager
def full_database(whole):
    """Its own disk is a tablespace that is filled."""
    folder = os.path.join(whole.servers.folder, "disk")
    os.makedirs(folder, exist_ok=True)
    with small_disk(folder, "64m"):
        place = os.path.join(folder, "space")
        os.mkdir(place)
        subprocess.run(["chown", "postgres:postgres", place], check=True)
        move_database(whole, f"CREATE TABLESPACE small LOCATION '{place}'", "small")
        try:
            free = os.statvfs(folder)
            with open(os.path.join(folder, "filler"), "wb") as f:
                f.write(b"x" * (free.f_bavail * free.f_frsize))
            yield
        finally:
            os.unlink(os.path.join(folder, "filler"))
            move_database(whole, "SELECT 1", "pg_default")
            whole.postgres.sql("DROP TABLESPACE small")


def move_database(whole, before, where):
    """Nobody may be connected meanwhile."""
    if whole._connection:
        whole._connection.close()
        whole._connection = None
    whole.postgres.sql(before)
    whole.postgres.sql("ALTER DATABASE sokoul ALLOW_CONNECTIONS false")
    whole.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'sokoul'")
    eventually(lambda: whole.postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'sokoul'") == "0")
    whole.postgres.sql(f"ALTER DATABASE sokoul SET TABLESPACE {where}")
    whole.postgres.sql("ALTER DATABASE sokoul ALLOW_CONNECTIONS true")
