# SPDX-License-Identifier: Apache-2.0
"""The programs of deploy/backup in tests, and what backups are made of."""
import json
import os
import shutil
import signal
import subprocess
import threading
import time

from stack_under_test import BIN, ROOT, SLOW

FOLDER = os.path.join(ROOT, "deploy", "backup")


class Keeper:
    """Makes and restores backups of a stack; .said is what the last program said."""

    def __init__(self, sokoul, folder):
        self.sokoul = sokoul
        self.shelf = os.path.join(folder, "backups")
        self.said = ""

    def begin(self, program, *words, settings=None, env=None):
        path = self.sokoul.env_file(settings, "backup.env")
        return subprocess.Popen([os.path.join(FOLDER, program), "--env-file", path, "--sokoulctl", os.path.join(BIN, "sokoulctl"),
                                 *words], env=self.sokoul.environment(env), cwd=self.sokoul.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self, program, *words, **how):
        child = self.begin(program, *words, **how)
        out, self.said = child.communicate(timeout=120 * SLOW)
        return child.returncode, out.strip()

    def backup(self, *words, **how):
        """The path of a new one."""
        code, path = self.run("backup", "--to", self.shelf, *words, **how)
        assert code == 0 and os.path.isdir(path), (code, self.said)
        return path

    def restore(self, path, *words, **how):
        code, _ = self.run("restore", *words, path, **how)
        assert code == 0, self.said

    def refused(self, program, *words, status=1, **how):
        """Its sentence."""
        code, _ = self.run(program, *words, **how)
        assert code == status, (code, self.said)
        return self.said

    def manifest(self, path):
        with open(os.path.join(path, "manifest.json"), encoding="utf-8") as f:
            return json.load(f)


def counts(sokoul):
    """Rows of each table, asked for one by one."""
    tables = sokoul.sql("SELECT relid::regclass::text FROM pg_stat_user_tables WHERE schemaname = 'public' "
                        "AND relid NOT IN (SELECT inhparent FROM pg_inherits)")
    return {f"public.{t}": sokoul.value(f"SELECT count(*) FROM {t}") for (t,) in tables}


def empty_database(sokoul, role):
    """Drops the stack's database, and gives it a new one, which belongs to a role that may do nothing else."""
    if sokoul._connection:
        sokoul._connection.close()
        sokoul._connection = None
    literal = sokoul.postgres.password
    sokoul.postgres.sql(f"DROP DATABASE {sokoul.database} WITH (FORCE)")
    sokoul.postgres.sql(f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN "
                        f"CREATE ROLE {role} LOGIN PASSWORD '{literal}'; END IF; END $$")
    sokoul.postgres.sql(f"CREATE DATABASE {sokoul.database} OWNER {role}")
    sokoul.database_url = sokoul.settings["DATABASE_URL"] = sokoul.postgres.url(sokoul.database, role)


def empty_nats(sokoul, servers):
    sokoul.nats.kill()
    shutil.rmtree(os.path.join(sokoul.nats.folder, "jetstream"))
    servers.restart(sokoul.nats)


def kill_all(sokoul):
    for program in sokoul.programs:
        if program.running():
            program.signal(signal.SIGKILL)
    for program in sokoul.programs:
        program.kill()


class Load:
    """Posts jobs all the time, from entering to leaving; .accepted are [(when, id)]."""

    def __init__(self, admin):
        self.admin = admin
        self.accepted = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._post, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def _post(self):
        while not self.ended.wait(0.005):
            answer = self.admin.post("/jobs", {"kind": "noop", "payload": {"sleep_ms": 20}})
            if answer.status == 202:
                self.accepted.append((time.monotonic(), answer.json["job_id"]))

    def between(self, begin, end):
        return [i for at, i in self.accepted if begin <= at <= end]
