# SPDX-License-Identifier: Apache-2.0
"""What an operator may do to Redis and Postgres while Sokoul runs: within 10 s it heals, or it is told in plain words by
health, doctor or the log; and when it is undone, within 10 s all is as before and jobs run."""
import contextlib
import os
import socket

import pytest
from client import Api
from stack_under_test import eventually
from whole import PROGRAMS, full_database, running

TOLD_S = 10
HEALS = None  # instead of words: nothing needs to be told, since it heals under the act


@pytest.fixture(scope="module", name="whole")
def _whole(tmp_path_factory):
    with running(tmp_path_factory.mktemp("whole")) as whole:
        yield whole


def deep(whole):
    try:
        return Api(whole.program("sokoul-api").port, wait_s=5).get("/health/deep").json
    except OSError:
        return {"status": "no answer", "components": {}}


def is_whole(whole):
    """Healthy, ready, and a job goes through."""
    def ready(name):
        try:
            return Api(whole.program(name).port, wait_s=5).get("/ready").status == 200
        except OSError:
            return False

    return deep(whole)["status"] == "healthy" and all(ready(name) for name in PROGRAMS) \
        and whole.ctl("job", "inject", "--kind", "noop", "--wait", "--timeout", "5", check=False, wait_s=20).returncode == 0


def is_told(whole, words):
    errors = [c.get("error") or "" for c in deep(whole)["components"].values()]
    return any(words in line for line in errors) or any(words in line for line in whole.doctor()[1])


def looks(whole):
    """When each program last looked at its database."""
    return [Api(whole.program(name).port, wait_s=5).get("/health").json["last_db_check"] for name in PROGRAMS]


def has_looked(whole, before):
    try:
        return all(now > then for now, then in zip(looks(whole), before, strict=True))
    except (OSError, KeyError, TypeError):
        return False


def see(whole):
    """Until each program has looked at all its servers: once could be a round that had begun before the act."""
    for _ in range(2):
        before = looks(whole)
        eventually(lambda: has_looked(whole, before), TOLD_S, "programs that saw what was done")  # noqa: B023


def hold(whole, act, words):
    with act(whole):
        if words is HEALS:
            see(whole)
            eventually(lambda: is_whole(whole), TOLD_S, "healing")
        else:
            eventually(lambda: is_told(whole, words), TOLD_S, f"{words!r} in {deep(whole)} or {whole.doctor()}")
    eventually(lambda: is_whole(whole), TOLD_S, f"recovery: {deep(whole)}")


# ---- Redis --------------------------------------------------------------------------------------------------------------

KILL = ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


class Admin:
    """A connection that was let in before, and stays: it may undo what would keep newcomers out."""

    def __init__(self, server):
        self.server = server
        self.socket = None
        self("PING")

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.server.port), 5)
        self.answers = self.socket.makefile("rb")
        self.say("AUTH", self.server.password)

    def say(self, *words):
        parts = [w.encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        line = self.answers.readline().decode()
        if not line:
            raise OSError("Redis has closed the connection")
        return line

    def __call__(self, *words):
        try:
            if self.socket is None:
                self.connect()
            answer = self.say(*words)
        except OSError:  # it was idle for too long
            self.connect()
            answer = self.say(*words)
        assert answer[0] in "+:", (words, answer)


def redis(*acts, undo=()):
    """Commands, then others that undo them."""
    @contextlib.contextmanager
    def act(whole):
        admin = Admin(whole.redis)
        for words in acts:
            admin(*words)
        try:
            yield
        finally:
            for words in undo:
                admin(*words)
            admin.socket.close()
    return act


def server(name, do, undo):
    """A server that goes away, for long enough that the API misses it."""
    @contextlib.contextmanager
    def act(whole):
        do(getattr(whole, name))
        try:
            eventually(lambda: deep(whole)["status"] != "healthy", TOLD_S, "an API that misses its server")
            yield
        finally:
            undo(whole, getattr(whole, name))
    return act


def start_again(whole, what):
    whole.servers.restart(what)


@contextlib.contextmanager
def another_password(whole):
    """Who is connected stays so: the others are cut."""
    with redis(("CONFIG", "SET", "requirepass", "another"), KILL,
               undo=(("CONFIG", "SET", "requirepass", whole.redis.password),))(whole):
        yield


@contextlib.contextmanager
def password_there_and_back(whole):
    with another_password(whole):
        pass
    yield


def visitors(whole):
    """The numbers of all connections that Redis has."""
    return {line.split()[0] for line in whole.redis.command("CLIENT", "LIST").splitlines() if line.startswith("id=")}


def losses(whole):
    return [line for name in PROGRAMS for line in whole.program(name).log() if line["event"] == "cache_lost"]


@contextlib.contextmanager
def idle_are_dropped(whole):
    """Whoever was connected before was idle for long enough to be dropped; nobody takes that for a Redis that is away."""
    lost = losses(whole)
    before = visitors(whole)
    with redis(("CONFIG", "SET", "timeout", "1"), undo=(("CONFIG", "SET", "timeout", "0"),))(whole):
        eventually(lambda: not before & visitors(whole), TOLD_S, "idle clients that were dropped")
        yield
        assert losses(whole) == lost


@contextlib.contextmanager
def busy_script(whole):
    admin = Admin(whole.redis)
    with contextlib.suppress(OSError):
        whole.redis.command("EVAL", "while true do end", "0", wait_s=0.1)
    try:
        yield
    finally:
        eventually(lambda: admin.say("SCRIPT", "KILL").startswith("+"))


@contextlib.contextmanager
def renamed_command(whole):
    path = os.path.join(whole.redis.folder, "redis.conf")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    whole.redis.stop()
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text + 'rename-command SET ""\n')
        whole.servers.restart(whole.redis)
        yield
    finally:
        whole.redis.stop()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        whole.servers.restart(whole.redis)


WRONG_TYPES = ("EVAL", "for _, k in ipairs(redis.call('KEYS', '*')) do redis.call('DEL', k) redis.call('LPUSH', k, 'x') end "
               "redis.call('DEL', 'sokoul:probe') redis.call('LPUSH', 'sokoul:probe', 'x') return 1", "0")

REDIS = {
    "everything is flushed": (redis(("FLUSHALL",)), HEALS),
    "it is killed": (server("redis", lambda s: s.kill(), start_again), "Redis is away"),
    "it is frozen": (server("redis", lambda s: s.freeze(), lambda _, s: s.thaw()), "Redis is away (no answer in time)"),
    "it is shut down": (server("redis", lambda s: s.stop(), start_again), "Redis is away"),
    "its clients are killed": (redis(KILL), HEALS),
    "its password is changed": (another_password, "refuses the password"),
    "its password is changed and changed back": (password_there_and_back, HEALS),
    "it is full and evicts nothing": (redis(("CONFIG", "SET", "maxmemory-policy", "noeviction"),
                                            ("CONFIG", "SET", "maxmemory", "1"),
                                            undo=(("CONFIG", "SET", "maxmemory", "64mb"),
                                                  ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"))),
                                      "full and evicts nothing: raise maxmemory"),
    "it is made a replica": (redis(("REPLICAOF", "127.0.0.1", "1"), undo=(("REPLICAOF", "NO", "ONE"),)),
                             "name the primary"),
    "its keys get other types": (redis(WRONG_TYPES), HEALS),
    "it takes no more clients": (redis(("CONFIG", "SET", "maxclients", "1"), KILL,
                                       undo=(("CONFIG", "SET", "maxclients", "10000"),)), "Redis takes no more connections"),
    "SET is forbidden": (redis(("ACL", "SETUSER", "default", "-set"), undo=(("ACL", "SETUSER", "default", "+set"),)),
                         "does not allow its user"),
    "its keys are forbidden": (redis(("ACL", "SETUSER", "default", "resetkeys"),
                                     undo=(("ACL", "SETUSER", "default", "allkeys"),)), "does not allow its user"),
    "SET is renamed": (renamed_command, "lacks a command"),
    "its clients are paused": (redis(("CLIENT", "PAUSE", "7000", "ALL")),  # which holds up its undoing, too
                               "Redis is away (no answer in time)"),
    "a script never ends": (busy_script, "Redis"),
    "idle clients are dropped": (idle_are_dropped, HEALS),
    "it wants replicas": (redis(("CONFIG", "SET", "min-replicas-to-write", "1"),
                                undo=(("CONFIG", "SET", "min-replicas-to-write", "0"),)), "it lacks replicas"),
}


@pytest.mark.parametrize("name", REDIS)
def test_what_is_done_to_redis_heals_or_is_told(whole, name):
    hold(whole, *REDIS[name])


# ---- Postgres -----------------------------------------------------------------------------------------------------------

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sokoul'"


def sql(*acts, undo=(), database="postgres"):
    """As the superuser, with every session of Sokoul cut, so that the act holds for all."""
    @contextlib.contextmanager
    def act(whole):
        for statement in (*acts, CUT):
            whole.postgres.sql(statement, database)
        try:
            yield
        finally:
            for statement in undo:
                whole.postgres.sql(statement, database)
    return act


@contextlib.contextmanager
def refused_by_pg_hba(whole):
    path = os.path.join(whole.postgres.folder, "pg_hba.conf")
    with open(path, encoding="utf-8") as f:
        text = f.read()

    def write(words):
        with open(path, "w", encoding="utf-8") as f:
            f.write(words)
        whole.postgres.sql("SELECT pg_reload_conf()")

    write("host all sokoul 127.0.0.1/32 reject\n" + text)
    try:
        whole.postgres.sql(CUT)
        yield
    finally:
        write(text)


@contextlib.contextmanager
def another_password_of_postgres(whole):
    literal = whole.postgres.password
    with sql("ALTER ROLE sokoul PASSWORD 'another'", undo=(f"ALTER ROLE sokoul PASSWORD '{literal}'",))(whole):
        yield


@contextlib.contextmanager
def locked_table(whole):
    """A session that holds the table of jobs and does nothing."""
    import psycopg2
    holder = psycopg2.connect(whole.database_url)
    try:
        holder.cursor().execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        holder.close()


LAST = "(SELECT max(version) FROM schema_migrations)"

POSTGRES = {
    "it is killed": (server("postgres", lambda s: s.kill(), start_again), "cannot connect"),
    "it is frozen": (server("postgres", lambda s: s.freeze(), lambda _, s: s.thaw()), "took too long"),
    "it is restarted": (server("postgres", lambda s: s.stop(), start_again), "cannot connect"),
    "its sessions are ended": (sql(), HEALS),
    "it is read-only": (sql("ALTER DATABASE sokoul SET default_transaction_read_only = on",
                            undo=("ALTER DATABASE sokoul RESET default_transaction_read_only", CUT)), "takes no writes"),
    "no connection is left": (sql("ALTER ROLE sokoul CONNECTION LIMIT 1",
                                  undo=("ALTER ROLE sokoul CONNECTION LIMIT -1",)), "takes no more connections"),
    "the password is changed": (another_password_of_postgres, "refuses the password"),
    "the role may not log in": (sql("ALTER ROLE sokoul NOLOGIN", undo=("ALTER ROLE sokoul LOGIN",)), "let this role in"),
    "statements have a millisecond": (sql("ALTER ROLE sokoul SET statement_timeout = '1ms'",
                                          undo=("ALTER ROLE sokoul RESET statement_timeout",)), HEALS),
    "pg_hba.conf refuses": (refused_by_pg_hba, "pg_hba.conf"),
    "the database takes no connections": (sql("ALTER DATABASE sokoul ALLOW_CONNECTIONS false",
                                              undo=("ALTER DATABASE sokoul ALLOW_CONNECTIONS true",)), "ALLOW_CONNECTIONS"),
    "the role loses its rights": (sql("ALTER TABLE jobs OWNER TO postgres", "REVOKE ALL ON jobs FROM sokoul",
                                      undo=("ALTER TABLE jobs OWNER TO sokoul",), database="sokoul"), "does not allow this role"),
    "a table is gone": (sql("ALTER TABLE outgoing RENAME TO gone", undo=("ALTER TABLE gone RENAME TO outgoing",),
                            database="sokoul"), "lacks a table or column"),
    "a table is locked": (locked_table, "took too long"),
    "the schema falls behind": (sql("CREATE TABLE kept AS SELECT * FROM schema_migrations",
                                    f"DELETE FROM schema_migrations WHERE version = {LAST}",
                                    undo=("INSERT INTO schema_migrations SELECT * FROM kept ON CONFLICT DO NOTHING",
                                          "DROP TABLE kept"), database="sokoul"), "sokoulctl migrate up"),
    "the schema is newer": (sql("INSERT INTO schema_migrations (version, name, checksum) VALUES (99990101000000, 'x', '')",
                                undo=("DELETE FROM schema_migrations WHERE version = 99990101000000",), database="sokoul"),
                            HEALS),
}


@pytest.mark.parametrize("name", POSTGRES)
def test_what_is_done_to_postgres_heals_or_is_told(whole, name):
    hold(whole, *POSTGRES[name])


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")
def test_a_full_disk_of_postgres_is_told(whole):
    hold(whole, full_database, "the disk of the database is full")
