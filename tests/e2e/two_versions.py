# SPDX-License-Identifier: Apache-2.0
"""Two versions of Sokoul behind a real nginx, moved by deploy/bluegreen, and the clients that must not notice.

next_build   fixture of test_bluegreen.py: programs of another version, which need a migration of their own
Field        folder, nginx, both colours as processes; .run("switch") calls deploy/bluegreen/bluegreen
Crowd        200 requests a second, whatever comes back; jobs among them
"""
import http.client
import http.server
import itertools
import json
import os
import queue
import shutil
import subprocess
import threading
import time

from client import Api
from edge_kit import Edge
from stack.proc import Adoption, Pid, free_ports
from stack.servers import write_private
from stack_under_test import BIN, ROOT, SLOW, eventually

PROGRAM = os.path.join(ROOT, "deploy", "bluegreen", "bluegreen")
OLD = os.path.abspath(os.environ.get("OLD_BIN", BIN))  # programs of an earlier release, if there are any
PROGRAMS = ("sokoul-api", "sokoul-scout", "sokoulctl")
NEXT_VERSION = "99.0.0"
NEXT_MIGRATION = """-- Only expands, as every migration.
ALTER TABLE jobs ADD COLUMN next_note text NOT NULL DEFAULT '';
CREATE TABLE next_things (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE, note text NOT NULL);
CREATE INDEX next_things_of ON next_things (user_id);
"""
READS = ("/media/favorites", "/media/favorites", "/jobs?limit=5", "/health", "/user/profile", "/search?query=sintel")
SOURCES = ("common", "api", "workers", "cli")


def build_next(folder):
    """The tree as it stands, with another version and one more migration; what does not differ is not compiled again.  The
    folder of its programs."""
    objects, programs = os.path.join(folder, "objects"), os.path.join(folder, "bin")
    shutil.copytree(os.path.join(ROOT, "build", "gcc"), objects, ignore=shutil.ignore_patterns("tests", "bench", "simulate", "helpers"))
    said = subprocess.run(["grep", "-rl", "--include=*.c", "SOKOUL_VERSION", *SOURCES], cwd=ROOT, capture_output=True, text=True, check=True)
    for source in said.stdout.split():
        os.unlink(os.path.join(objects, source[:-2] + ".o"))
    own = os.path.join(folder, "20991231000000_next.sql")
    with open(own, "w", encoding="utf-8") as f:
        f.write(NEXT_MIGRATION)
    names = sorted(os.path.join(ROOT, "migrations", n) for n in os.listdir(os.path.join(ROOT, "migrations")) if n.endswith(".sql"))
    for name, options in (("migrations", []), ("schema", ["--versions"])):
        with open(f"{objects}/gen/{name}.c", "wb") as f:
            subprocess.run([os.path.join(ROOT, "tools", "embed-migrations"), *options, *names, own], stdout=f, check=True)
        os.unlink(f"{objects}/gen/{name}.o")
    done = subprocess.run(["make", "-j2", "CC=gcc", f"O={objects}", f"BIN={programs}", f"VERSION={NEXT_VERSION}",
                           *(f"{programs}/{name}" for name in PROGRAMS)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return programs


class Hook:
    """A webhook, and what it was told."""

    def __init__(self):
        self.texts = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                hook.texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Field:
    """`rows` of a colour are settings that its programs have in their environment, over those of both."""

    def __init__(self, sokoul, folder, green_bin, rows=None):
        self.sokoul, self.folder = sokoul, str(folder)
        base = free_ports(4)
        self.ports = {"blue": (base, base + 1), "green": (base + 2, base + 3)}
        self.hook = Hook()
        self.adoption = Adoption(self.make("run")).__enter__()
        self.edge = Edge(self.make("edge"), (self.ports["blue"][0], self.ports["green"][0]))
        for colour, programs in (("blue", OLD), ("green", green_bin)):
            os.symlink(programs, os.path.join(self.make("versions"), colour))
            for name, where, port in (("sokoul-api", "API_LISTEN", 0), ("sokoul-scout", "METRICS_LISTEN", 1)):
                settings = {where: f"127.0.0.1:{self.ports[colour][port]}", **((rows or {}).get(colour) or {})}
                self.write(f"{self.make(colour)}/{name}.env", settings)
        self.common = sokoul.env_file({"TRUSTED_PROXIES": "127.0.0.1/32", "LOG_LEVEL": "info"}, "common.env")
        self.write(f"{self.folder}/bluegreen.env", {**self.as_processes(), "SMOKE_USER": "root",
                                                    "SMOKE_PASSWORD_FILE": f"{self.folder}/password", "NOTICE_URL": self.hook.url,
                                                    "EDGE_URL": f"https://127.0.0.1:{self.edge.https}", "NGINX": " ".join(self.edge.words),
                                                    "UPSTREAM_FILE": f"{self.edge.folder}/upstream.conf"})
        write_private(f"{self.folder}/password", "correct horse battery\n")
        self.admin = None

    def make(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    @staticmethod
    def write(path, settings):
        write_private(path, "".join(f"{name}={value}\n" for name, value in settings.items()))

    def as_processes(self):
        """As docs/RELEASE.md says it for processes without systemd."""
        pid = f"--pidfile {self.make('run')}/{{colour}}-{{program}}.pid"
        log = f"{self.make('log')}/{{colour}}-{{program}}.log"
        program = f"{self.folder}/versions/{{colour}}/{{program}}"
        return {"START": f"start-stop-daemon --start --oknodo --background --make-pidfile {pid} --output {log} "
                         f"--startas {program} -- --env-file {self.common}",
                "STOP": f"start-stop-daemon --stop --oknodo --remove-pidfile --retry TERM/75/KILL/5 {pid}",
                "LOG": f"cat {log}",
                "SOKOULCTL": f"{self.folder}/versions/{{colour}}/sokoulctl --env-file {self.common}"}

    def begin(self, *words):
        return subprocess.Popen([PROGRAM, "--folder", self.folder, *words], env=self.sokoul.environment(), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def end(self, child, wait_s=120):
        said, _ = child.communicate(timeout=wait_s * SLOW)
        print(said, end="")
        return child.returncode, said

    def run(self, *words, status=0):
        """What it said."""
        code, said = self.end(self.begin(*words))
        assert code == status, (words, code, said)
        return said

    def serve_blue(self):
        """The version before runs, alone, and nginx leads to it."""
        self.run("start", "blue")
        self.admin = self.sokoul.admin(self.api("blue"))
        self.edge.start()
        self.run("switch", "blue")
        return self

    def api(self, colour):
        return Api(self.ports[colour][0])

    def pid(self, colour, program):
        with open(f"{self.folder}/run/{colour}-{program}.pid", encoding="ascii") as f:
            return int(f.read())

    def running(self, colour):
        found = []
        for name in ("sokoul-api", "sokoul-scout"):
            try:
                found += [name] if Pid(self.pid(colour, name)).alive() else []
            except OSError:
                continue
        return found

    def stop(self):
        self.edge.stop()
        self.hook.stop()
        for colour in self.ports:
            for name in self.running(colour):
                Pid(self.pid(colour, name)).stop(75)
        self.adoption.__exit__()

    def shares(self, since=0):
        """How many requests each colour has answered last, of those in nginx's log from that line on, and how many two have."""
        rows = [row["upstream"].split(", ") for row in self.edge.access()[since:] if row["upstream"]]
        whose = {f"127.0.0.1:{api}": colour for colour, (api, _) in self.ports.items()}
        return {colour: sum(whose.get(row[-1]) == colour for row in rows) for colour in self.ports}, sum(len(r) > 1 for r in rows)

    def log_of_nginx_is_clean(self):
        wrong = [line for line in self.edge.errors().splitlines() if "prematurely" in line or "no live upstreams" in line]
        assert not wrong, wrong[:5]


class Crowd:
    """Sends 200 requests a second from 40 addresses from entering to leaving, each on a connection of its own, without waiting
    for what came back; afterwards .jobs are the ids accepted, .failed what did not go well, as sentences."""
    RATE = 200
    ADDRESSES = 40

    def __init__(self, field):
        self.field = field
        self.headers = {"Authorization": f"Bearer {field.admin.token}", "Content-Type": "application/json", "Connection": "close"}
        self.jobs, self.failed, self.took_ms = [], [], []
        self.sent, self.began, self.seconds = 0, 0.0, 0.0
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.due = queue.Queue()
        self.threads = [threading.Thread(target=self.send_all, args=(n,), daemon=True) for n in range(self.ADDRESSES)]
        self.clock = threading.Thread(target=self.tick, daemon=True)

    def __enter__(self):
        self.began = time.monotonic()
        for thread in (*self.threads, self.clock):
            thread.start()
        eventually(lambda: len(self.jobs) > 20, 30, "jobs that are accepted")
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.seconds = time.monotonic() - self.began
        self.clock.join()
        for _ in self.threads:
            self.due.put(None)
        for thread in self.threads:
            thread.join()

    def tick(self):
        began = time.monotonic()
        for number in itertools.count():
            if self.ended.wait(max(0, began + number / self.RATE - time.monotonic())):
                return
            self.due.put((number, began + number / self.RATE))

    def what(self, number):
        """(method, path, body, the status that is right): one in ten makes a job, of which some take a while."""
        turn = number % 10
        if turn == 0 or not self.jobs:
            return "POST", "/jobs", {"kind": "noop", "payload": {"sleep_ms": (5, 50, 300)[number // 10 % 3]}}, 202
        if turn < 4:
            return "GET", f"/jobs/{self.jobs[number % len(self.jobs)]}", None, 200
        return "GET", READS[turn - 4], None, 200

    def send_all(self, number):
        while (due := self.due.get()) is not None:
            if not self.ended.is_set():  # what a slow machine has not sent by then is not sent
                self.send(f"127.0.1.{number + 1}", *due)

    def send(self, address, number, due):
        method, path, body, right = self.what(number)
        connection = http.client.HTTPSConnection("127.0.0.1", self.field.edge.https, timeout=30, context=self.field.edge.context,
                                                 source_address=(address, 0))
        key = {"Idempotency-Key": f"crowd-{number}"} if body else {}
        try:
            connection.request(method, path, json.dumps(body) if body else None, {**self.headers, **key})
            answer = connection.getresponse()
            status, text = answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as e:
            status, text = 0, repr(e)
        finally:
            connection.close()
        with self.lock:
            self.sent += 1
            self.took_ms.append((time.monotonic() - due) * 1000)
            if status != right:
                self.failed.append(f"{method} {path}: {status} {text[:200]}")
            elif body:
                self.jobs.append(json.loads(text)["job_id"])

    def report(self):
        took = sorted(self.took_ms)
        return (f"{self.sent} requests, {self.sent / self.seconds:.0f}/s, {len(self.failed)} failed, {len(self.jobs)} jobs accepted, p50 {took[len(took) // 2]:.0f} ms, "
                f"p99 {took[len(took) * 99 // 100]:.0f} ms, slowest {took[-1]:.0f} ms")
