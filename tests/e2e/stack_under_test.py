# SPDX-License-Identifier: Apache-2.0
"""The real programs on servers of their own: what the fixtures of conftest.py hand out.

    sokoul.start("sokoul-api")            waits until it answers; gives a Program
    sokoul.ctl("job", "ls", "--json")     runs sokoulctl; gives subprocess.CompletedProcess
    sokoul.sql("SELECT ...", (1,))        rows as tuples; autocommit
    sokoul.nats.connect()                 a tools/stack/nats.py client

Programs find their settings in an env file and nothing in the environment but what a test
gives.  stop_all() ends every program by SIGTERM and asserts that each ended with status 0,
but for those that a test has killed or has declared done with Program.forget(), and that each logged
nothing but JSON, and no secret (req: S31, S310).
"""
import itertools
import json
import os
import signal
import subprocess

import psycopg2
from client import PASSWORD, SECRETS, Api
from stack.proc import ask_child, await_child, free_ports, freeze, wait_for
from stack.servers import write_private

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("BIN", os.path.join(ROOT, "build", "bin")))
SLOW = 5 if os.environ.get("SAN") else 1  # sanitizer builds get more time
READY_S = 20 * SLOW
STOP_S = 70 * SLOW
KEEP = ("PATH", "HOME", "TMPDIR", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS",
        "LD_LIBRARY_PATH", "LD_PRELOAD", "FAKETIME")


def eventually(condition, wait_s=10, what="the condition"):
    """The condition's first true value; fails the test when it does not come in time."""
    value = wait_for(condition, wait_s * SLOW)
    assert value, f"{what} did not come true within {wait_s * SLOW} s"
    return value


class Program:
    logs_json = True  # of its log nothing else is expected, and stop() looks

    host = "127.0.0.1"

    def __init__(self, name, words, env, log_path, port):
        self.name = name
        self.port = port
        self.log_path = log_path
        self.asked = False
        self.expected = True  # its end is checked by stop()
        with open(log_path, "ab") as log:
            self.child = subprocess.Popen(words, env=env, cwd=os.path.dirname(log_path), stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        self.pid = self.child.pid

    def log_text(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def log(self, **fields):
        """The log's lines as dicts, those whose fields have these values."""
        rows, plain = self.log_rows()
        assert not plain or not self.logs_json, f"{self.name} logged what is no JSON: {plain[:5]}"
        return [row for row in rows if all(row.get(k) == v for k, v in fields.items())]

    def log_rows(self):
        """The whole lines that are JSON objects, and those that are not; a killed program may leave half a line."""
        rows, plain = [], []
        for line in self.log_text().split("\n")[:-1]:
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if isinstance(row, dict):
                rows.append(row)
            else:
                plain.append(line)
        return rows, plain

    def running(self):
        return self.child.poll() is None

    def wait_ready(self, wait_s=READY_S):
        api = Api(self.port, wait_s=5, host=self.host)

        def answers():
            if not self.running():
                return True
            try:
                return api.get("/ready").status == 200
            except OSError:
                return False

        ready = wait_for(answers, wait_s)
        assert ready and self.running(), f"{self.name} is not ready:\n{self.log_text()[-3000:]}"
        return self

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        """kill -9; its end is not checked."""
        self.expected = False
        self.child.kill()
        self.child.wait()

    def freeze(self):
        freeze(self.child.pid)

    def thaw(self):
        self.child.send_signal(signal.SIGCONT)

    def wait(self, wait_s=STOP_S):
        """Its exit status; fails the test when it does not end in time."""
        try:
            code = self.child.wait(wait_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {wait_s} s:\n{self.log_text()[-3000:]}") from None
        self.expected = False
        return code

    def ask(self):
        """SIGTERM, once: a second one means "at once"."""
        self.asked = True
        ask_child(self.child)

    def forget(self):
        self.expected = False

    def stop(self):
        """SIGTERM, and the exit status must be 0."""
        if not self.asked:
            self.ask()
        code = await_child(self.child, STOP_S)
        if self.expected:
            assert code == 0, f"{self.name} ended with {code}:\n{self.log_text()[-3000:]}"
        self.expected = False
        if os.path.exists(self.log_path):  # else it went with its disk
            self.log()
        return code

    def memory_kib(self):
        """Resident memory."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


class Sokoul:
    def __init__(self, folder, postgres, nats, redis, database, tmdb, prowlarr):
        self.folder = str(folder)
        self.postgres = postgres
        self.nats = nats
        self.redis = redis
        self.database = database
        self.database_url = postgres.url(database)
        self.tmdb = tmdb
        self.prowlarr = prowlarr
        self.programs = []
        self.numbers = itertools.count()
        self.download_dir = os.path.join(self.folder, "downloads")
        os.makedirs(self.download_dir, exist_ok=True)
        self.settings = {
            "DATABASE_URL": self.database_url, "NATS_URL": nats.url(), "REDIS_URL": redis.url(),
            "JWT_SECRET": "0123456789abcdef0123456789abcdef-tests", "TMDB_API_KEY": tmdb.key,
            "TMDB_BASE_URL": tmdb.url, "PROWLARR_URL": prowlarr.url, "PROWLARR_API_KEY": prowlarr.key,
            "DOWNLOAD_DIR": self.download_dir, "TORRENT_LISTEN": "127.0.0.1:0", "TORRENT_DHT": "false",
            "TORRENT_ALLOW_PRIVATE": "true", "RATE_LIMIT_ALLOW": "127.0.0.0/8,::1", "LOG_LEVEL": "debug"}
        self.first_secret = len(SECRETS)  # those of other stacks
        self._connection = None
        self.front = []  # words before each program, such as a namespace to run in

    # ---- programs -------------------------------------------------------------------------------

    def env_file(self, settings=None, name="sokoul.env"):
        """Writes the settings (None as a value leaves one out); its path."""
        rows = {**self.settings, **(settings or {})}
        path = os.path.join(self.folder, name)
        write_private(path, "".join(f"{k}={v}\n" for k, v in rows.items() if v is not None))
        return path

    def start(self, name, settings=None, env=None, ready=True, listen=None, log=None, host="127.0.0.1"):
        """Starts a program of build/bin with these settings on top; ready=False does not wait, log is another place
        for its log."""
        number = next(self.numbers)
        port = listen or free_ports(1)
        where = "API_LISTEN" if name == "sokoul-api" else "METRICS_LISTEN"
        path = self.env_file({where: f"{host}:{port}", **(settings or {})}, f"{name}-{number}.env")
        program = Program(name, self.front + [os.path.join(BIN, name), "--env-file", path], self.environment(env),
                          log or os.path.join(self.folder, f"{name}-{number}.log"), port)
        program.host = host
        self.programs.append(program)
        if ready:
            program.wait_ready()
        return program

    def environment(self, extra=None):
        return {**{k: os.environ[k] for k in KEEP if k in os.environ}, **(extra or {})}

    def ctl(self, *words, wait_s=120, check=True, settings=None, programs=BIN):
        """sokoulctl, of another folder of programs if need be; check=True asserts that it ended with status 0."""
        done = subprocess.run([os.path.join(programs, "sokoulctl"), "--env-file", self.env_file(settings, "ctl.env"), *words],
                              env=self.environment(), cwd=self.folder, capture_output=True, text=True,
                              timeout=wait_s * SLOW, check=False)
        if check:
            assert done.returncode == 0, f"sokoulctl {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def stop_all(self):
        problems = []
        for program in self.programs:
            program.ask()
        for program in self.programs:
            try:
                program.stop()
            except AssertionError as e:
                problems.append(str(e))
        if self._connection:
            self._connection.close()
            self._connection = None
        problems += self.shown_secrets()
        assert not problems, "\n".join(problems)

    def shown_secrets(self):
        """A sentence for each log that has a secret of the settings, or one that a client sent or got."""
        secrets = {PASSWORD, *itertools.islice(SECRETS, self.first_secret, None)}
        secrets |= {self.settings[k] for k in ("JWT_SECRET", "TMDB_API_KEY", "PROWLARR_API_KEY")}
        secrets |= {s.password for s in (self.postgres, self.nats, self.redis) if getattr(s, "password", None)}
        texts = [(p.name, p.log_text()) for p in self.programs if os.path.exists(p.log_path)]
        return [f"the log of {name} shows a secret that begins with {secret[:6]}"
                for name, text in texts for secret in secrets if secret and secret in text]

    # ---- the database ---------------------------------------------------------------------------

    def sql(self, statement, parameters=None):
        """Runs one statement; its rows, or [] when it has none. Reconnects after a lost connection."""
        for attempt in (1, 2):
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = psycopg2.connect(self.database_url, connect_timeout=5)
                    self._connection.autocommit = True
                with self._connection.cursor() as cursor:
                    cursor.execute(statement, parameters)
                    return cursor.fetchall() if cursor.description else []
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                if attempt == 2:
                    raise
        return []

    def value(self, statement, parameters=None):
        rows = self.sql(statement, parameters)
        return rows[0][0] if rows else None

    def admin(self, api, name="root"):
        """A client of a new account with the role admin (the role is in the token: a second login)."""
        api.register(name)
        self.sql("UPDATE users SET role = 'admin' WHERE username = %s", (name,))
        answer = api.post("/auth/login", {"username": name, "password": "correct horse battery"})
        assert answer.status == 200, answer
        admin = api.with_token(answer.json["access_token"])
        admin.user = answer.json["user"]
        return admin

    def job_settled(self, job_id, wait_s=30):
        """Waits for the job's terminal state and gives it."""
        return eventually(lambda: self.value(
            "SELECT status FROM jobs WHERE job_id = %s AND status IN ('Completed', 'Failed')", (job_id,)),
            wait_s, f"a terminal state of job {job_id}")
