# SPDX-License-Identifier: Apache-2.0
"""Settings that are read again while the programs run: what takes effect, and that nobody notices."""
import http.client
import json
import os
import re
import signal
import threading
import time

from client import Api
from fakes.tmdb import FakeTmdb
from job_kit import run
from stack.servers import write_private
from stack_under_test import ROOT, eventually

RATE = 200
THREADS = 10


class Files:
    """Secrets in files of their own, as an operator keeps them, and an env file that names them."""

    def __init__(self, sokoul, **secrets):
        self.folder = sokoul.folder
        self.settings = {}
        for name, value in secrets.items():
            self.put(name, value)
            self.settings.update({name: None, f"{name}_FILE": self.path(name)})

    def path(self, name):
        return os.path.join(self.folder, f"secret-{name}")

    def put(self, name, value):
        write_private(self.path(name), value + "\n")


def edit(program, **changes):
    """Changes the env file of a program; None takes a row out."""
    path = program.child.args[-1]
    with open(path, encoding="utf-8") as f:
        kept = [line for line in f if line.split("=")[0] not in changes]
    write_private(path, "".join(kept) + "".join(f"{k}={v}\n" for k, v in changes.items() if v is not None))


def reload(program, **changes):
    """Edits, sends SIGHUP, and waits until the program says that it has read them."""
    edit(program, **changes)
    seen = len(told(program))
    program.signal(signal.SIGHUP)
    eventually(lambda: len(told(program)) > seen, what="a word about the settings")
    return told(program)[-1]


def told(program):
    return [row for row in program.log() if row["event"] in ("conf_reloaded", "conf_reload_failed")]


class Load:
    """RATE requests a second, on connections that are kept; what was not 200, and how many were."""

    def __init__(self, port, headers):
        self.port, self.headers = port, headers
        self.bad, self.good = [], 0
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(n,)) for n in range(THREADS)]

    def ask(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        at = time.monotonic() + number / RATE
        while not self.over.is_set():
            self.over.wait(max(0, at - time.monotonic()))  # the pace
            at = max(at + THREADS / RATE, time.monotonic() - 1)
            path = ("/user/profile", "/media/favorites", "/jobs")[self.good % 3]
            try:
                connection.request("GET", path, headers=self.headers(number))
                answer = connection.getresponse()
                body = answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException) as e:
                body, status = repr(e), 0
                connection.close()
            with self.lock:
                self.good += status == 200
                if status != 200:
                    self.bad.append((path, status, body[:300]))
        connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def more(self, count):
        """Waits for so many more good answers."""
        goal = self.good + count
        eventually(lambda: self.good >= goal or self.bad, 60, f"{count} more answers")


def test_secrets_are_rotated_under_load_and_no_request_fails(sokoul):  # req: S186 S185
    owner = sokoul.value("SELECT current_user")
    sokoul.sql("DROP ROLE IF EXISTS rotated")
    sokoul.sql(f"CREATE ROLE rotated LOGIN PASSWORD 'first-password' IN ROLE {owner}")
    where = sokoul.database_url.split("@")[1]
    files = Files(sokoul, DATABASE_URL=f"postgresql://rotated:first-password@{where}",
                  JWT_SECRET="the-first-secret-of-32-bytes-or-more", JWT_SECRET_PREVIOUS="")
    api, scout = (sokoul.start(name, files.settings) for name in ("sokoul-api", "sokoul-scout"))
    old = Api(api.port).register("before").token
    tokens = [old]
    with Load(api.port, lambda n: {"Authorization": f"Bearer {tokens[n % len(tokens)]}"}) as load:
        load.more(RATE // 2)
        files.put("JWT_SECRET_PREVIOUS", "the-first-secret-of-32-bytes-or-more")
        files.put("JWT_SECRET", "the-second-secret-of-32-bytes-or-more")
        assert "JWT_SECRET" in reload(api)["message"]
        tokens.append(Api(api.port).register("after").token)
        load.more(RATE)
        files.put("DATABASE_URL", f"postgresql://rotated:second-password@{where}")
        for program in (api, scout):
            assert "DATABASE_URL" in reload(program)["message"]
        load.more(RATE)  # the role has its old password still
        sokoul.sql("ALTER ROLE rotated PASSWORD 'second-password'")
        for program in (api, scout):
            reload(program)
        load.more(RATE)
        assert not load.bad, (len(load.bad), load.bad[:3])
    sokoul.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'")
    eventually(lambda: Api(api.port, old).get("/user/profile").status == 200, what="connections with the second password")
    assert run(sokoul, "noop", {})["status"] == "Completed"
    files.put("JWT_SECRET_PREVIOUS", "")
    eventually(lambda: Api(api.port, old).get("/user/profile").status == 401, what="the end of what the first secret signed")
    assert Api(api.port, tokens[1]).get("/user/profile").status == 200
    for program in (api, scout):
        for secret in ("first-password", "second-password", "the-first-secret", "the-second-secret"):
            assert secret not in program.log_text()
    sokoul.stop_all()
    sokoul.sql("DROP ROLE rotated")


def test_a_changed_file_is_seen_without_a_signal(sokoul):  # part: S186
    files = Files(sokoul, JWT_SECRET="the-first-secret-of-32-bytes-or-more")
    api = sokoul.start("sokoul-api", files.settings)
    user = Api(api.port).register("ada")
    files.put("JWT_SECRET", "short")
    failed = eventually(lambda: told(api), what="a complaint")
    assert failed[0]["level"] == "error" and "JWT_SECRET" in failed[0]["message"]
    assert user.get("/user/profile").status == 200
    files.put("JWT_SECRET", "the-second-secret-of-32-bytes-or-more")
    eventually(lambda: user.get("/user/profile").status == 401, what="the end of what the first secret signed")
    assert len(told(api)) == 2


def test_what_the_api_takes_while_it_runs(sokoul):  # part: S185 S186
    api = sokoul.start("sokoul-api")
    ask = Api(api.port)
    ask.register("ada")
    assert ask.get("/metrics").status == 200
    said = reload(api, METRICS_ALLOW="10.0.0.0/8", ACCESS_TOKEN_TTL_S="77", CORS_ORIGINS="https://page.example", LOG_LEVEL="warn",
                  DB_POOL_SIZE="11")
    assert said["message"].endswith("ACCESS_TOKEN_TTL_S, CORS_ORIGINS, LOG_LEVEL, METRICS_ALLOW")
    assert ask.get("/metrics").status == 403
    login = ask.post("/auth/login", {"username": "ada", "password": "correct horse battery"})
    assert login.json["expires_in"] == 77, login
    page = ask.get("/livez", headers={"Origin": "https://page.example"})
    assert page.headers["Access-Control-Allow-Origin"] == "https://page.example"
    assert [row["message"] for row in api.log(event="conf_fixed")] == ["DB_POOL_SIZE has changed; that needs a restart"]
    told_so_far = len(told(api))
    edit(api, METRICS_ALLOW="everyone")
    api.signal(signal.SIGHUP)
    eventually(lambda: len(told(api)) > told_so_far, what="a complaint")
    assert told(api)[-1]["level"] == "error" and "METRICS_ALLOW" in told(api)[-1]["message"]
    assert ask.get("/metrics").status == 403 and api.running()


def may_ask(worker):
    try:
        return Api(worker.port).get("/metrics").status == 200
    except ConnectionError:  # a worker hangs up
        return False


def test_what_the_workers_take_while_they_run(sokoul):  # part: S185
    scout, hunter = sokoul.start("sokoul-scout"), sokoul.start("sokoul-hunter")
    other = FakeTmdb().start()
    other.key = "another-key-of-tmdb-0123"
    try:
        reload(scout, TMDB_BASE_URL=other.url, TMDB_API_KEY=other.key, METRICS_ALLOW="10.0.0.0/8")
        done = run(sokoul, "search", {"query": "matrix", "page": 1, "type": "movie"})
        assert done["status"] == "Completed" and other.count("/3/search") == 1, done
    finally:
        other.stop()
    assert not may_ask(scout) and may_ask(hunter)
    reload(hunter, METRICS_ALLOW="10.0.0.0/8")
    assert not may_ask(hunter)


def test_redis_gets_another_password(sokoul):  # part: S186
    api = sokoul.start("sokoul-api")
    user = Api(api.port).register("ada")
    first = sokoul.redis.password
    try:
        reload(api, REDIS_URL=sokoul.redis.url().replace(sokoul.redis.url().split(":")[2].split("@")[0], "second-password"))
        assert user.get("/search", query={"query": "matrix"}).status == 200
        assert sokoul.redis.command("CONFIG", "SET", "requirepass", "second-password") == "+OK"
        sokoul.redis.password = "second-password"
        sokoul.redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        eventually(lambda: (a := user.get("/search", query={"query": "matrix"})).status == 200 and a.json["cached"] and a, what="the cache")
        assert not api.log(event="cache_lost")
    finally:
        sokoul.redis.command("CONFIG", "SET", "requirepass", first)
        sokoul.redis.password = first


# ---- the table ------------------------------------------------------------------------------------

SETTINGS = os.path.join(ROOT, "common", "conf", "settings.h")
ROW = re.compile(r"^    X\((\w+), (\w+), \w+, .*, (RELOAD|FIXED), \"", re.M)
# Where a setting is read once, at the start: what is read there is FIXED, or is handed on when it changes.
STARTS = ("api/main.c", "api/lanes.c", "api/budget.c", "common/probe/probes.c", "workers/runtime/program.c",
          "workers/hunter/hunter.c", "workers/hunter/places.c", "common/healing/healing.c")
HANDED_ON = {"database_url": "moved.h", "redis_url": "moved.h", "nats_url": "moved.h", "jwt_secret": "token_keys_change",
             "jwt_secret_previous": "token_keys_change", "log_level": "renew.c", "api_drain_s": "read when it stops",
             "metrics_allow": "read at each request"}


def product():
    for folder in ("api", "workers", "common"):
        for where, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                path = os.path.relpath(os.path.join(where, name), ROOT)
                if name.endswith(".c") and not path.startswith("common/conf/"):
                    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                        yield path, f.read()


def test_each_setting_that_can_be_changed_is_read_anew_at_each_use():  # part: S185 S186
    with open(SETTINGS, encoding="utf-8") as f:
        table = f.read().split("#define CONF_LATER ")[0]
    settings = {member: kind for _, member, kind in ROW.findall(table)}
    assert len(settings) > 50
    wrong = []
    for path, text in product():
        for member in re.findall(r"conf->(\w+)", text) if path in STARTS else []:
            if settings.get(member) == "RELOAD" and member not in HANDED_ON:
                wrong.append(f"{path} reads {member} at the start")
        for holder in re.findall(r"^ +(?:static )?const struct conf \*(\w+);", text, re.M):
            wrong.append(f"{path} keeps settings in {holder}, which no renewal changes")
    assert not wrong, wrong
