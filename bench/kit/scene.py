# SPDX-License-Identifier: Apache-2.0
"""Servers for a whole run, and scenes on them: a new database, a new JetStream, the programs that it wants.

    with Servers() as servers:
        with Scene(servers) as scene:
            scout = scene.start("sokoul-scout")
            scene.fill(20000)
            scene.wait_done(20000, [scout])

Whatever a scene started is stopped when it ends; programs by SIGTERM, as in real life.
"""
import http.client
import json
import os
import re
import secrets
import shutil
import subprocess
import time

from stack.proc import free_ports, spawn, stop_child, wait_for
from stack.servers import NatsServer, write_private
from stack.throwaway import ThrowAway

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("BIN", os.path.join(ROOT, "build", "bin")))
TOOLS = os.path.abspath(os.environ.get("TOOLS", os.path.join(ROOT, "build", "gcc", "bench")))
READY_S = 30
USERS = 10


class BenchError(Exception):
    """A sentence: what could not be measured."""


class How:
    def __init__(self, quick):
        self.quick = quick

    def pick(self, full, quick):
        return quick if self.quick else full


class Psql:
    """One session of the database's superuser, kept open: a statement costs a round trip, not a process."""

    def __init__(self, postgres, database):
        from stack.postgres import as_owner
        self.child = subprocess.Popen(
            as_owner([f"{postgres.bin}/psql", "-X", "-q", "-A", "-t", "-h", postgres.socket_dir, "-p", str(postgres.port),
                      "-U", "postgres", "-d", database]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")

    def run(self, statement):
        self.child.stdin.write(f"{statement}\n;\n\\echo end-of-answer\n")
        self.child.stdin.flush()
        lines = []
        for line in self.child.stdout:
            if line == "end-of-answer\n":
                return "\n".join(lines)
            lines.append(line.rstrip("\n"))
        raise BenchError(f"psql has ended: {' '.join(lines)[-300:]}")

    def numbers(self, statement):
        answer = self.run(statement)
        try:
            return [float(word) for word in answer.split("|")]
        except ValueError:
            raise BenchError(f"no numbers from {statement[:80]!r}: {answer[-300:]}") from None

    def close(self):
        self.child.stdin.close()
        self.child.wait(10)
        self.child.stdout.close()


class Servers:
    def __init__(self):
        self.own = ThrowAway(("postgres", "redis"))
        self.scenes = 0

    def __enter__(self):
        self.own.start()
        self.postgres = self.own.postgres
        self.folder = self.own.folder
        self.postgres.sql("CREATE DATABASE template_sokoul OWNER sokoul")
        ctl(self.folder, self.postgres.url("template_sokoul"), "migrate", "up")
        self._spread_wal()
        return self

    def _spread_wal(self):
        """A server that has been up for a while reuses its log segments; a new one has to make them."""
        self.postgres.sql("CREATE TABLE spread AS SELECT g, repeat('x', 900) FROM generate_series(1, 120000) g;"
                          "DROP TABLE spread; CHECKPOINT")

    def __exit__(self, *_):
        self.own.stop()


def ctl(folder, database_url, *words):
    path = os.path.join(folder, "ctl.env")
    write_private(path, f"DATABASE_URL={database_url}\n")
    done = subprocess.run([f"{BIN}/sokoulctl", "--env-file", path, *words], capture_output=True, text=True, check=False,
                          timeout=120)
    if done.returncode != 0:
        raise BenchError(f"sokoulctl {' '.join(words)}: {done.stderr.strip()[-300:]}")
    return done.stdout


class Program:
    def __init__(self, name, child, port, log_path):
        self.name = name
        self.child = child
        self.port = port
        self.log_path = log_path
        self.pid = child.pid

    def ask(self, path, method="GET", body=None, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ready(self):
        try:
            return self.ask("/ready")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def done(self):
        """Jobs that this worker has ended, by its own count."""
        text = self.ask("/metrics")[1]
        return int(sum(float(v) for v in re.findall(r"^sokoul_worker_jobs_total\{.*\} (\S+)$", text, re.M)))

    def stop(self):
        return stop_child(self.child, 70)


class Scene:
    """`settings` go to every program of it, on top of the shipped defaults."""

    def __init__(self, servers, **settings):
        self.servers = servers
        self.settings = settings
        self.secret = secrets.token_hex(32)
        self.programs = []
        self.sessions = []

    def __enter__(self):
        servers = self.servers
        servers.scenes += 1
        self.database = f"scene_{servers.scenes}"
        self.folder = os.path.join(servers.folder, self.database)
        os.mkdir(self.folder)
        servers.postgres.sql(f"CREATE DATABASE {self.database} OWNER sokoul TEMPLATE template_sokoul")
        self.url = servers.postgres.url(self.database)
        self.nats = NatsServer(free_ports(1), os.path.join(self.folder, "nats"), secrets.token_hex(12))
        self.nats.prepare()
        self.nats.start()
        self.nats.wait_ready()
        self.sql = self.session()
        return self

    def __exit__(self, *_):
        for program in self.programs:
            program.child.terminate()
        for program in self.programs:
            program.stop()
        for session in self.sessions:
            session.close()
        self.nats.stop()
        self.servers.postgres.sql(f"DROP DATABASE {self.database} WITH (FORCE)")
        shutil.rmtree(self.folder, ignore_errors=True)

    def session(self):
        session = Psql(self.servers.postgres, self.database)
        self.sessions.append(session)
        return session

    # ---- programs ---------------------------------------------------------------------------------

    def start(self, name, **settings):
        port = free_ports(1)
        rows = {"DATABASE_URL": self.url, "NATS_URL": self.nats.url(), "REDIS_URL": self.servers.own.redis.url(),
                "JWT_SECRET": self.secret, "TMDB_API_KEY": "unused", "DOWNLOAD_DIR": self.folder, "RATE_LIMIT_ALLOW": "127.0.0.0/8",
                "API_LISTEN" if name == "sokoul-api" else "METRICS_LISTEN": f"127.0.0.1:{port}",
                **self.settings, **settings}
        stem = os.path.join(self.folder, f"{name}-{len(self.programs)}")
        write_private(f"{stem}.env", "".join(f"{k}={v}\n" for k, v in rows.items()))
        with open(f"{stem}.log", "ab") as log:
            child = spawn([f"{BIN}/{name}", "--env-file", f"{stem}.env"], stdout=log, stderr=log, cwd=self.folder,
                          env={"PATH": os.environ["PATH"]})
        program = Program(name, child, port, f"{stem}.log")
        self.programs.append(program)
        if not wait_for(program.ready, READY_S):
            with open(f"{stem}.log", encoding="utf-8", errors="replace") as log:
                raise BenchError(f"{name} does not get ready: {log.read()[-500:]}")
        return program

    def admins(self, api):
        """A file of tokens of administrators: one user alone would meet the limit that can be set."""
        tokens = []
        for i in range(USERS):
            account = {"username": f"bench{i}", "email": f"bench{i}@example.org", "password": "correct horse battery"}
            status, body = api.ask("/auth/register", "POST", account)
            if status != 201:
                raise BenchError(f"register answers {status}: {body[:200]}")
        self.sql.run("UPDATE users SET role = 'admin' WHERE username LIKE 'bench%'")
        for i in range(USERS):
            login = {"username": f"bench{i}", "password": "correct horse battery"}
            tokens.append(json.loads(api.ask("/auth/login", "POST", login)[1])["access_token"])
        self.tokens = tokens
        return self.write("tokens", "\n".join(tokens))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write(text)
        return path

    def get_request(self, path):
        return self.write("get.http", f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer @TOKEN@\r\n\r\n")

    def post_request(self, path, body):
        text = json.dumps(body)
        return self.write("post.http", f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer @TOKEN@\r\n"
                          f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}")

    # ---- work -------------------------------------------------------------------------------------

    def fill(self, count, **options):
        words = [w for k, v in options.items() for w in (f"--{k}", str(v))]
        return tool("fill", "--url", self.url, "--count", str(count), *words)

    def wait_done(self, count, scouts, wait_s=90):
        """Waits until the workers have ended so many jobs in all; a look is one small HTTP request."""
        ended = wait_for(lambda: sum(s.done() for s in scouts) >= count, wait_s, 0.05)
        if not ended:
            states = self.sql.run("SELECT status, count(*) FROM jobs GROUP BY 1")
            raise BenchError(f"{count} jobs were not done in {wait_s} s: {states}")

    def span_s(self, where="kind = 'noop' AND run_at <= now()"):
        """(jobs, seconds from the first accepted to the last finished, by the database's clock); all must have
        completed, each with its result."""
        jobs, completed, results, span = self.sql.numbers(
            "SELECT count(*), count(*) FILTER (WHERE status = 'Completed'), count(r.job_id),"
            " extract(epoch FROM max(finished_at) - min(j.created_at))"
            f" FROM jobs j LEFT JOIN job_results r USING (job_id) WHERE {where}")
        if not jobs == completed == results:
            raise BenchError(f"of {jobs:.0f} jobs {completed:.0f} completed, with {results:.0f} results")
        return int(jobs), span


def tool(name, *words, wait_s=120):
    """One of the bench's programs; what it printed."""
    done = subprocess.run([f"{TOOLS}/{name}", *words], capture_output=True, text=True, check=False, timeout=wait_s)
    if done.returncode != 0:
        raise BenchError(f"{name}: {done.stderr.strip()[-400:]}")
    if done.stderr:
        raise BenchError(f"{name}: {done.stderr.strip()[:400]}")
    return json.loads(done.stdout)


def pgbench(scene, script, clients, seconds):
    """Transactions a second of a script, prepared, over TCP like the programs."""
    path = scene.write("pgbench.sql", script)
    os.chmod(scene.folder, 0o755)
    done = subprocess.run([f"{scene.servers.postgres.bin}/pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1",
                           "-T", str(seconds), "-f", path, scene.url], capture_output=True, text=True, check=False,
                          timeout=seconds + 30)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if not found:
        raise BenchError(f"pgbench: {' '.join(done.stderr.split())[-300:]}")
    return float(found[1])


def pause(seconds):
    """Lets what was just started come to rest before it is looked at."""
    time.sleep(seconds)
