# SPDX-License-Identifier: Apache-2.0
"""sokoulctl doctor on a whole Sokoul in which one thing is wrong: one line says which, with its mend, and none when it
is mended. Each state is planted for real, in servers, programs and files."""
import contextlib
import os
import shutil
import subprocess
import uuid

import pytest
from client import Api
from stack_under_test import BIN, eventually
from startup_kit import FAKETIME, lacking, preloaded
from swarm_kit import free_port
from whole import full_database, running, small_disk

PGBOUNCER = shutil.which("pgbouncer", path=os.defpath + ":/usr/sbin:/usr/local/sbin")
TOLD_S = 10  # the longest that anything may stay unseen
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")


@pytest.fixture(scope="module", name="whole")
def _whole(tmp_path_factory):
    with running(tmp_path_factory.mktemp("whole")) as whole:
        yield whole


# ---- what can be wrong: each a context in which it is ---------------------------------------------------------------


@contextlib.contextmanager
def setting(whole, **changes):
    whole.changes = changes
    try:
        yield
    finally:
        whole.changes = {}


def with_setting(**changes):
    return lambda whole: setting(whole, **{k: v(whole) if callable(v) else v for k, v in changes.items()})


@contextlib.contextmanager
def readable_by_all(whole):
    whole.mode = 0o644
    try:
        yield
    finally:
        whole.mode = 0o600


def with_sql(plant, mend, database="sokoul"):
    @contextlib.contextmanager
    def state(whole):
        whole.postgres.sql(plant, database)
        try:
            yield
        finally:
            whole.postgres.sql(mend, database)
    return state


def killed(server):
    @contextlib.contextmanager
    def state(whole):
        getattr(whole, server).kill()
        try:
            yield
        finally:
            whole.servers.restart(getattr(whole, server))
    return state


def frozen_server(server):
    @contextlib.contextmanager
    def state(whole):
        getattr(whole, server).freeze()
        try:
            yield
        finally:
            getattr(whole, server).thaw()
    return state


def with_redis(*plant, mend):
    @contextlib.contextmanager
    def state(whole):
        for words in plant:
            assert whole.redis.command(*words).startswith("+OK")
        try:
            yield
        finally:
            for words in mend:
                assert whole.redis.command(*words).startswith("+OK")
    return state


def frozen(name):
    @contextlib.contextmanager
    def state(whole):
        whole.program(name).freeze()
        try:
            yield
        finally:
            whole.program(name).thaw()
    return state


def gone(name):
    @contextlib.contextmanager
    def state(whole):
        whole.program(name).kill()
        try:
            yield
        finally:
            whole.restart(name)
    return state


@contextlib.contextmanager
def paused_kind(whole):
    whole.ctl("limit", "set", "noop", "--max", "0")
    whole.ctl("job", "inject", "--kind", "noop")
    try:
        yield
    finally:
        whole.ctl("limit", "rm", "noop")


@contextlib.contextmanager
def open_letter(whole):
    whole.sql("INSERT INTO dead_letters (id, kind, reason, detail) VALUES (%s, 'noop', 'poison', 'a test')",
              (str(uuid.uuid4()),))
    try:
        yield
    finally:
        whole.ctl("dlq", "purge", "--yes", check=False)
        whole.sql("UPDATE dead_letters SET closed_at = now()")


@contextlib.contextmanager
def full_downloads(whole):
    with small_disk(whole.download_dir, "8m"):
        yield


@contextlib.contextmanager
def downloads_are_a_file(whole):
    path = os.path.join(whole.folder, "a-file")
    with open(path, "w", encoding="ascii"):
        pass
    with setting(whole, DOWNLOAD_DIR=path):
        yield


@contextlib.contextmanager
def closed_downloads(whole):
    """Nobody may enter, and root is nobody special without CAP_DAC_OVERRIDE."""
    path = os.path.join(whole.folder, "closed")
    os.mkdir(path, 0)
    whole.before = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"] if os.getuid() == 0 else []
    try:
        with setting(whole, DOWNLOAD_DIR=path):
            yield
    finally:
        whole.before = []
        os.rmdir(path)


@contextlib.contextmanager
def an_older_library(whole):
    with preloaded(whole.folder, "int PQlibVersion(void); int PQlibVersion(void) { return 90600; }") as path:
        whole.extra = {"LD_PRELOAD": path}
        try:
            yield
        finally:
            whole.extra = {}


@contextlib.contextmanager
def a_missing_library(whole):
    folder = os.path.join(whole.folder, "bin")
    os.makedirs(folder)
    shutil.copy2(os.path.join(BIN, "sokoulctl"), folder)
    lacking(os.path.join(BIN, "sokoul-hunter"), folder, b"libtorrent-rasterbar.so")
    whole.bin = folder
    try:
        yield
    finally:
        whole.bin = BIN
        shutil.rmtree(folder)


@contextlib.contextmanager
def another_clock(whole):
    whole.extra = {"LD_PRELOAD": FAKETIME, "FAKETIME": "+90", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    try:
        yield
    finally:
        whole.extra = {}


def wrong_password(name):
    return lambda whole: whole.settings[name].replace(getattr(whole, SERVERS[name]).password, "wrong-password")


SERVERS = {"DATABASE_URL": "postgres", "NATS_URL": "nats", "REDIS_URL": "redis"}
LAST = "(SELECT max(version) FROM schema_migrations)"

# name: (the context, what the line says, what its mend says)
STATES = {
    "an env file that all can read": (readable_by_all, "can be read by every user", "chmod"),
    "a secret that is missing": (with_setting(JWT_SECRET=None), "JWT_SECRET", "set it"),
    "a name that nobody knows": (with_setting(JWT_SECRETS="x"), "JWT_SECRETS", "set it"),
    "postgres is dead": (killed("postgres"), "cannot connect", "start PostgreSQL"),
    "postgres is frozen": (frozen_server("postgres"), "took too long", "start PostgreSQL"),
    "a wrong password of postgres": (with_setting(DATABASE_URL=wrong_password("DATABASE_URL")), "refuses the password",
                                     "mend DATABASE_URL"),
    "a database that is not there": (with_setting(DATABASE_URL=lambda w: w.settings["DATABASE_URL"] + "x"),
                                     "no such database", "mend DATABASE_URL"),
    "a role that may not log in": (with_sql("ALTER ROLE sokoul NOLOGIN", "ALTER ROLE sokoul LOGIN"),
                                   "does not let this role in", "pg_hba.conf"),
    "no connection is left": (with_sql("ALTER ROLE sokoul CONNECTION LIMIT 1", "ALTER ROLE sokoul CONNECTION LIMIT -1"),
                              "no more connections", "raise max_connections"),
    "a schema that is behind": (with_sql(f"CREATE TABLE kept AS SELECT * FROM schema_migrations WHERE version = {LAST};"
                                         f"DELETE FROM schema_migrations WHERE version = {LAST}",
                                         "INSERT INTO schema_migrations SELECT * FROM kept; DROP TABLE kept"),
                                "not applied", "sokoulctl migrate up"),
    "a database that is read-only": (with_sql("ALTER DATABASE sokoul SET default_transaction_read_only = on",
                                              "ALTER DATABASE sokoul RESET default_transaction_read_only", "postgres"),
                                     "takes no writes", "name the primary"),
    "nats is dead": (killed("nats"), "NATS", "start nats-server"),
    "redis is dead": (killed("redis"), "Redis is away", "start Redis"),
    "redis is frozen": (frozen_server("redis"), "Redis is away", "start Redis"),
    "a wrong password of redis": (with_setting(REDIS_URL=wrong_password("REDIS_URL")), "refuses the password",
                                  "mend REDIS_URL"),
    "redis is full": (with_redis(("CONFIG", "SET", "maxmemory-policy", "noeviction"), ("CONFIG", "SET", "maxmemory", "1"),
                                 mend=(("CONFIG", "SET", "maxmemory", "64mb"),
                                       ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"))),
                      "full and evicts nothing", "maxmemory-policy"),
    "redis is a replica": (with_redis(("REPLICAOF", "127.0.0.1", "1"), mend=(("REPLICAOF", "NO", "ONE"),)),
                           "Redis", "name the primary"),
    "scout is frozen": (frozen("sokoul-scout"), "sokoul-scout has given no sign of life", "restart it"),
    "the hunter is away": (gone("sokoul-hunter"), "sokoul-hunter does not run", "start it"),
    "the api is away": (gone("sokoul-api"), "sokoul-api does not run", "start it"),
    "a kind is paused": (paused_kind, "noop is paused", "limit rm"),
    "a dead letter is open": (open_letter, "dead letters", "dlq ls"),
    "downloads go to a file": (downloads_are_a_file, "is no folder", "DOWNLOAD_DIR"),
    "prowlarr is dead": (with_setting(PROWLARR_URL="http://127.0.0.1:1"), "prowlarr", "start Prowlarr"),
    "downloads may not be entered": (closed_downloads, "cannot be read and written by this user", "give it to the user"),
    "postgres is too old": (with_sql(
        "CREATE SCHEMA old; CREATE FUNCTION old.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT CASE $1 WHEN "
        "'server_version_num' THEN '120004' WHEN 'server_version' THEN '12.4' ELSE pg_catalog.current_setting($1) END $$;"
        "GRANT USAGE ON SCHEMA old TO PUBLIC; ALTER DATABASE sokoul SET search_path = old, public, pg_catalog",
        "ALTER DATABASE sokoul RESET search_path; DROP SCHEMA old CASCADE"), "PostgreSQL 12.4 is too old", "pg_upgrade"),
    "postgres does not wait for its disk": (with_sql("ALTER ROLE sokoul SET synchronous_commit = off",
                                                     "ALTER ROLE sokoul RESET synchronous_commit"),
                                            "a power cut loses jobs", "synchronous_commit"),
    "a wrong key of tmdb": (with_setting(TMDB_API_KEY="wrong"), "tmdb", "TMDB_API_KEY"),
}
ON_SMALL_DISKS = {
    "the disk of the database is full": (full_database, "disk of the database is full", "make room"),
    "the disk of downloads is full": (full_downloads, "GiB are free", "make room"),
}


ON_THE_MACHINE = {
    "a library that is older than the one it was built with": (an_older_library, "libpq 9.600 is older than", "build Sokoul anew"),
    "a library that is missing": (a_missing_library, "sokoul-hunter cannot start, xibtorrent-rasterbar.so", "make setup"),
    "a clock that is wrong": (another_clock, "s ahead of the database's", "NTP"),
}


def look(whole, state, says, mend):
    def told():
        code, lines = whole.doctor()
        return code == 1 and [line for line in lines if line.startswith("bad") and says in line and mend in line]

    with state(whole):
        assert len(eventually(told, TOLD_S, f"a line with {says!r} and {mend!r} in {whole.doctor()}")) == 1
    eventually(whole.is_well, 30, "a doctor that finds nothing again")


@pytest.mark.parametrize("name", STATES)
def test_doctor_names_what_is_wrong_and_its_mend(whole, name, record_property):
    """req: A4, A5, A9, A10, A33, A38"""
    look(whole, *STATES[name])
    record_property("figure", f"{len(STATES) + len(ON_THE_MACHINE) + len(ON_SMALL_DISKS)} planted states, each named with its mend")


@pytest.mark.skipif(bool(os.environ.get("SAN")), reason="sanitizers want to be loaded first")
@pytest.mark.parametrize("name", ON_THE_MACHINE)
def test_doctor_names_what_is_wrong_with_this_machine(whole, name):
    """req: A3, A7, A8, A11"""
    look(whole, *ON_THE_MACHINE[name])


@ROOT_ONLY
@pytest.mark.parametrize("name", ON_SMALL_DISKS)
def test_doctor_names_a_full_disk(whole, name):
    """req: A32"""
    look(whole, *ON_SMALL_DISKS[name])


@ROOT_ONLY
def test_health_tells_a_full_disk_of_the_database_and_what_only_reads_goes_on(whole):
    """req: A32"""
    api = Api(whole.program("sokoul-api").port)

    def database():
        deep = api.get("/health/deep")
        return deep.status, deep.json["status"], deep.json["components"]["database"]["error"]

    with full_database(whole):
        eventually(lambda: database() == (200, "degraded", "the disk of the database is full: make room"), TOLD_S)
        assert api.get("/ready").status == 200
        assert whole.program("sokoul-api").log(event="service_impaired")
    eventually(lambda: database() == (200, "healthy", None), TOLD_S)


@contextlib.contextmanager
def pooler(whole, folder, mode):
    """pgbouncer before the database; its address."""
    port = free_port()
    (folder / "users.txt").write_text(f'"sokoul" "{whole.postgres.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\nsokoul = host=127.0.0.1 port={whole.postgres.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {folder}/users.txt\n"
        f"pool_mode = {mode}\n")
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    with subprocess.Popen([PGBOUNCER, *user, str(folder / "pgbouncer.ini")], stderr=subprocess.DEVNULL) as process:
        try:
            yield whole.postgres.url().replace(f":{whole.postgres.port}/", f":{port}/")
        finally:
            process.kill()


@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")
def test_doctor_names_a_pooler_that_shares_sessions(whole, tmp_path):
    def lines(address):
        with setting(whole, DATABASE_URL=address):
            return whole.doctor()[1]

    for mode, finds in (("transaction", True), ("session", False)):
        folder = tmp_path / mode
        folder.mkdir()
        with pooler(whole, folder, mode) as address:
            eventually(lambda: any("cannot connect" not in line and line.split()[1:2] == ["database"]
                                   for line in lines(address)), TOLD_S, "a pooler that answers")
            for _ in range(3):
                told = [line for line in lines(address) if line.startswith("bad")]
                assert [("pooler" in line and "pool_mode" in line) for line in told] == ([True] if finds else []), told


# ---- what nobody has started ------------------------------------------------------------------------------------------


def test_on_a_database_that_was_never_used_programs_that_do_not_run_are_a_note(sokoul):
    done = sokoul.ctl("doctor")
    assert [line.startswith("note") for line in done.stdout.splitlines() if "does not run" in line] == [True] * 3
