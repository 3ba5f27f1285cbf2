# SPDX-License-Identifier: Apache-2.0
"""The system under faults: its programs (a build with crash points), its servers, its ledger.

    world.up("sokoul-api"), world.up("sokoul-scout")       start, or start again on the same port
    world.arm("sokoul-scout", "claimed:3")                 start; it dies where it passes there the third time
    world.died(program)                                    waits until it did
    world.post(payload, count=5)                           accepted jobs, in the ledger
    world.holds(60)                                        all invariants, at the latest after so many seconds

Nothing sleeps: waiting is always for a condition.  One thread but for Requester.
"""
import contextlib
import os
import signal
import subprocess
import threading

import psycopg2
import stack_under_test
from client import Api
from ledger import Ledger, Requester, broken, summary
from stack.proc import free_ports, wait_for
from stack_under_test import SLOW, Sokoul, eventually

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HOLDS_S = 60


class NoFake:
    url = "http://127.0.0.1:1"
    key = "no-fake-is-running"


def seed():
    return int(os.environ.get("SEED", "1"))


def minutes():
    return float(os.environ.get("MINUTES", "0") or 0)


def is_long():
    return os.environ.get("CHAOS") == "1"


class World(Sokoul):
    def __init__(self, folder, postgres, nats, redis, database, restart):
        super().__init__(folder, postgres, nats, redis, database, NoFake, NoFake)
        self.restart_server = restart
        self.settings["LOG_LEVEL"] = "info"
        self.ledger = Ledger(os.path.join(self.folder, "ledger"))
        self.api_port, self.api_host = free_ports(1), "127.0.0.1"
        self.requesters = []
        self.requester = None
        self._admin = None
        self.notes = []  # what a test wants to remember of its world

    # ---- programs -------------------------------------------------------------------------------

    def up(self, name, settings=None, env=None, ready=True, log=None):
        """Starts a program; the API always on the same port. `log`: another place for its log."""
        if log:
            os.symlink(log, os.path.join(self.folder, f"{name}-{len(self.programs)}.log"))
        listen = self.api_port if name == "sokoul-api" else None
        return self.start(name, settings, env, ready, listen)

    def both(self, **settings):
        """API and scout, and a client of the API."""
        api, scout = self.up("sokoul-api", settings), self.up("sokoul-scout", settings)
        self.client()
        return api, scout

    def arm(self, name, point, ready=False, settings=None):
        return self.up(name, settings, {"SOKOUL_CRASH_AT": point}, ready)

    def died(self, program, wait_s=60):
        """Waits for the end by its own crash point."""
        eventually(lambda: not program.running(), wait_s, f"the crash of {program.name}")
        program.forget()
        code = program.child.returncode
        assert code == -signal.SIGKILL, f"{program.name} ended with {code}:\n{program.log_text()[-2000:]}"

    def stop_program(self, program):
        program.stop()

    # ---- jobs -----------------------------------------------------------------------------------

    def client(self):
        """The requester of an administrator; the API must run the first time."""
        if self._admin is None:
            self._admin = self.admin(Api(self.api_port, wait_s=30, host=self.api_host))
            self._admin.wait_s = 20
            self.requester = self.new_requester()
        return self.requester

    def new_requester(self):
        made = Requester(self._admin, self.ledger, seed() + len(self.requesters))
        self.requesters.append(made)
        return made

    def requester_wrongs(self):
        return [w for r in self.requesters for w in r.wrongs]

    @property
    def root(self):
        return self._admin

    def post(self, payload=None, **more):
        return self.client().submit(payload, **more)

    def inject(self, count, payload="{}", *words, **how):
        return self.ctl("job", "inject", "--kind", "noop", "--count", str(count), "--payload", payload, "--json",
                        *words, **how)

    def done(self, ids, wait_s=60):
        eventually(lambda: self.value("SELECT count(*) FROM jobs WHERE job_id = ANY(%s::uuid[]) AND status IN"
                                      " ('Completed', 'Failed')", (ids,)) == len(ids), wait_s,
                   f"the end of {len(ids)} jobs")

    def running(self, count=1, wait_s=30):
        eventually(lambda: self.value("SELECT count(*) FROM jobs WHERE status = 'Running'") >= count, wait_s,
                   f"{count} running jobs")

    def swept(self):
        """How many wake-ups the sweeper had to make."""
        return self.value("SELECT count(*) FROM chaos_moves WHERE was = 'Pending' AND became = 'Pending'")

    @contextlib.contextmanager
    def mount(self, folder, size):
        """A small disk; needs root."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "chaos", folder], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", folder], check=False)

    def look_again(self):
        """By a new connection to the database: another server may be the right one now."""
        if self._connection:
            self._connection.close()

    # ---- judging --------------------------------------------------------------------------------

    def holds(self, wait_s=HOLDS_S, nats=True):
        """Every invariant, at the latest so many seconds after now."""
        last = []

        def sound():
            try:
                last[:] = broken(self, nats)
            except psycopg2.Error as e:
                last[:] = [f"Postgres: {e}"]
            return not last

        if not wait_for(sound, wait_s * SLOW, 0.25):
            raise AssertionError("\n".join(last) + "\n" + summary(self))

    def moved_ms(self, became, since, worker_id):
        """How long after `since` each job that the dead worker held became Pending, or Running again."""
        rows = self.sql(
            "SELECT extract(epoch FROM min(m.at) - %s::timestamptz) * 1000 FROM chaos_moves m WHERE m.became = %s"
            " AND m.at > %s::timestamptz AND EXISTS (SELECT 1 FROM chaos_moves o WHERE o.job_id = m.job_id"
            "   AND o.worker_id = %s AND o.became = 'Running' AND o.at < %s::timestamptz) GROUP BY m.job_id",
            (since, became, since, worker_id, since))
        return sorted(float(r[0]) for r in rows)

    def clock(self):
        """Postgres's time, as text."""
        return self.value("SELECT clock_timestamp()::text")

    def close(self):
        self.ledger.close()
        for program in self.programs:
            if program.running():
                program.thaw()
                program.kill()


class Posting:
    """Posts from threads, one for each requester, until stop(); a context. `_run(requester)` is the subclass's."""

    def __init__(self, world, requesters):
        self.world = world
        self.over = threading.Event()
        self.errors = []
        self.threads = [threading.Thread(target=self._try, args=(requester,)) for requester in requesters]

    def _try(self, requester):
        try:
            self._run(requester)
        except AssertionError as e:
            self.errors.append(str(e))

    def finished(self):
        return not any(t.is_alive() for t in self.threads)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def _end(self):
        self.over.set()
        for thread in self.threads:
            thread.join(120)

    def stop(self):
        self._end()
        assert not self.errors, "\n".join(self.errors)

    def __exit__(self, kind, *_):
        self._end()
        if kind is None:
            assert not self.errors, "\n".join(self.errors)


class Load(Posting):
    """As fast as it goes, from so many threads."""

    def __init__(self, world, threads=2, payload=None, limit=100000):
        super().__init__(world, [world.new_requester() for _ in range(threads)])
        self.limit = limit
        self.sent = 0
        self.lock = threading.Lock()
        self.payload = payload or (lambda n: {"sleep_ms": n % 7})

    def _run(self, requester):
        while not self.over.is_set():
            with self.lock:
                if self.sent >= self.limit:
                    return
                self.sent += 1
                number = self.sent
            requester.submit(self.payload(number))


def use_build(folder):
    stack_under_test.BIN = folder
