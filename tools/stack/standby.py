# SPDX-License-Identifier: Apache-2.0
"""A streaming standby of a throw-away Postgres, to be promoted when the primary dies. Needs no slot.

    standby = Standby(primary, port, folder, link_port)     link_port: the primary's, or a proxy's before it
    standby.prepare()                                       pg_basebackup
    standby.start(); standby.wait_ready()
    end_at_once(primary)                                    kill -9 of all its processes
    standby.promote()                                       returns when it takes writes
"""
import glob
import os
import shutil
import signal
import subprocess

from stack.postgres import Postgres, as_owner, installed, owner
from stack.proc import StackError, family

WAIT_S = 60


def end_at_once(server):
    """What a power cut does: no process of it lives to finish what it had begun."""
    for pid in family(server.child.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    server.kill()


class Standby(Postgres):
    def __init__(self, primary, port, folder, link_port):
        super().__init__(port, folder, primary.password)
        self.link = f"host={primary.host} port={link_port}"
        self.bin = installed()[max(installed(), key=int)]

    def prepare(self):
        self._make_parents()
        os.mkdir(self.folder, 0o700)
        if owner():
            shutil.chown(self.folder, owner(), owner())
        link = f"{self.link} user=sokoul password={self.password} application_name=standby"
        self._run("pg_basebackup", "-d", link, "-D", self.folder, "-R", "-X", "stream", "-c", "fast")
        for lock in glob.glob(f"{self.folder}/.s.PGSQL.*.lock"):  # the primary's, whose port may be ours
            os.unlink(lock)
        self._choose_socket_dir()

    def words(self):
        return super().words() + ["-c", "wal_retrieve_retry_interval=100ms"]  # a promotion waits for one

    def promote(self):
        self._run("pg_ctl", "promote", "-w", "-D", self.folder)

    def _run(self, name, *words):
        done = subprocess.run(as_owner([f"{self.bin}/{name}", *words]), capture_output=True, text=True, check=False,
                              cwd="/", timeout=WAIT_S)
        if done.returncode != 0:
            raise StackError(f"{name}: {(done.stderr or done.stdout).strip()[-400:]}")
