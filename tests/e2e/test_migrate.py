# SPDX-License-Identifier: Apache-2.0
"""sokoulctl migrate, and the schema that the migrations make."""
import itertools
import json
import os
import shutil
import subprocess
import uuid

import psycopg2
import psycopg2.errors
import pytest
from client import Api
from job_kit import inject
from stack_under_test import BIN, ROOT, SLOW

INIT = "20240101000000_init.sql"
BUILT_IN = [name[15:-4] for name in sorted(os.listdir(os.path.join(ROOT, "migrations")))]
numbers = itertools.count(1)


class Database:
    """An empty database and sokoulctl on it."""

    def __init__(self, postgres, name, folder):
        self.postgres, self.name, self.folder = postgres, name, str(folder)
        self.url = postgres.url(name)

    def start_ctl(self, *words, **settings):
        env = {k: v for k, v in os.environ.items() if k not in ("NATS_URL", "REDIS_URL")}
        env.update({"DATABASE_URL": self.url}, **settings)
        return subprocess.Popen([os.path.join(BIN, "sokoulctl"), *words], env=env, cwd=self.folder, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ctl(self, *words, code=0, **settings):
        child = self.start_ctl(*words, **settings)
        out, err = child.communicate(timeout=60 * SLOW)
        assert child.returncode == code, f"{words}: {child.returncode}\n{out}\n{err}"
        return out, err

    def sql(self, statement, parameters=None):
        connection = psycopg2.connect(self.url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def tables(self):
        return {row[0] for row in self.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}

    def dump(self):
        done = subprocess.run([f"{self.postgres.bin}/pg_dump", "--schema-only", self.url], capture_output=True,
                              text=True, check=True, timeout=60)
        # Each run of newer versions draws a new key for these two.
        return [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]

    def migrations(self, **files):
        """A copy of the first migration with more files beside it."""
        folder = os.path.join(self.folder, "migrations")
        if not os.path.isdir(folder):
            os.makedirs(folder)
            shutil.copy(os.path.join(ROOT, "migrations", INIT), folder)
        for name, text in files.items():
            with open(os.path.join(folder, f"{name[1:]}.sql"), "w", encoding="utf-8") as f:
                f.write(text)
        return folder


def drop(postgres, name):
    postgres.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def empty(session_postgres, tmp_path):
    name = f"empty_{os.getpid()}_{next(numbers)}"
    session_postgres.sql(f"CREATE DATABASE {name} OWNER sokoul")
    yield Database(session_postgres, name, tmp_path)
    drop(session_postgres, name)


@pytest.fixture(scope="module")
def schema(session_postgres, tmp_path_factory):
    """A migrated database that tests only read, or write their own rows to."""
    name = f"schema_{os.getpid()}"
    session_postgres.sql(f"CREATE DATABASE {name} OWNER sokoul")
    database = Database(session_postgres, name, tmp_path_factory.mktemp("schema"))
    database.ctl("migrate", "up")
    yield database
    drop(session_postgres, name)


# ---- up and status ------------------------------------------------------------------------------


def test_the_migrations_make_the_schema_of_an_empty_database(empty):
    """req: S16"""
    out, _ = empty.ctl("migrate", "up", "--json")
    assert [m["name"] for m in json.loads(out)["applied"]] == BUILT_IN
    assert {"users", "media", "torrents", "downloads", "favorites", "watch_history", "jobs", "logs"} <= empty.tables()


def test_a_replay_changes_nothing(empty):
    """req: S17, A24"""
    empty.ctl("migrate", "up")
    before, rows = empty.dump(), empty.sql("SELECT * FROM schema_migrations")
    out, _ = empty.ctl("migrate", "up", "--json")
    assert json.loads(out) == {"applied": []}
    assert (empty.dump(), empty.sql("SELECT * FROM schema_migrations")) == (before, rows)


def test_a_broken_migration_is_rolled_back_and_named(empty):
    """part: S18"""
    folder = empty.migrations(_20250101000000_good="CREATE TABLE good (a int);",
                              _20250102000000_bad="CREATE TABLE half (a int); CREATE TBLE other (b int);",
                              _20250103000000_later="CREATE TABLE later (a int);")
    _, err = empty.ctl("migrate", "up", "--dir", folder, code=1)
    assert "20250102000000_bad" in err
    assert "good" in empty.tables() and not {"half", "later"} & empty.tables()
    versions = [str(row[0]) for row in empty.sql("SELECT version FROM schema_migrations ORDER BY 1")]
    assert versions == ["20240101000000", "20250101000000"]


def test_a_mended_migration_goes_on_where_it_stopped(empty):
    """part: S18"""
    folder = empty.migrations(_20250102000000_bad="SELECT 1/0;")
    empty.ctl("migrate", "up", "--dir", folder, code=1)
    empty.migrations(_20250102000000_bad="CREATE TABLE mended (a int);")
    out, _ = empty.ctl("migrate", "up", "--dir", folder, "--json")
    assert [m["version"] for m in json.loads(out)["applied"]] == ["20250102000000"]
    assert "mended" in empty.tables()


def test_a_file_that_breaks_at_its_commit_is_rolled_back_too(empty):
    folder = empty.migrations(_20250102000000_late="""
        CREATE TABLE late_a (id int PRIMARY KEY);
        CREATE TABLE late_b (a int REFERENCES late_a DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO late_b VALUES (1);""")
    _, err = empty.ctl("migrate", "up", "--dir", folder, code=1)
    assert "20250102000000_late" in err and not {"late_a", "late_b"} & empty.tables()


def test_a_changed_migration_is_refused_and_named_before_anything_is_applied(empty):
    folder = empty.migrations()
    empty.ctl("migrate", "up", "--dir", folder)
    with open(os.path.join(folder, INIT), "a", encoding="utf-8") as f:
        f.write("-- a word more\n")
    empty.migrations(_20250101000000_next="CREATE TABLE next (a int);")
    _, err = empty.ctl("migrate", "up", "--dir", folder, code=1)
    assert "20240101000000_init" in err and "checksum" in err
    assert "next" not in empty.tables()
    out, _ = empty.ctl("migrate", "status", "--dir", folder, "--json", code=1)
    assert [(m["name"], m["state"]) for m in json.loads(out)] == [("init", "changed"), ("next", "pending")]


def test_many_at_once_apply_each_migration_once(empty):
    folder = empty.migrations(_20250101000000_slow="SELECT pg_sleep(0.3); CREATE TABLE slow (a int);")
    children = [empty.start_ctl("migrate", "up", "--json", "--dir", folder) for _ in range(5)]
    applied = []
    for child in children:
        out, err = child.communicate(timeout=60 * SLOW)
        assert child.returncode == 0, err
        applied += [m["name"] for m in json.loads(out)["applied"]]
    assert sorted(applied) == ["init", "slow"]


def test_status_tells_pending_applied_and_unknown(empty):
    out, _ = empty.ctl("migrate", "status", "--json")
    rows = [(m["name"], m["state"], m["applied_at"]) for m in json.loads(out)]
    assert rows == [(name, "pending", None) for name in BUILT_IN]
    assert "schema_migrations" not in empty.tables()
    empty.ctl("migrate", "up")
    empty.ctl("migrate", "up", "--dir", empty.migrations(_20990101000000_future="SELECT 1;"))
    out, _ = empty.ctl("migrate", "status", "--json")
    rows = [(m["name"], m["state"]) for m in json.loads(out)]
    assert rows == [(name, "applied") for name in BUILT_IN] + [("future", "unknown")]
    assert empty.ctl("migrate", "up")[0] == "the schema is up to date\n"


@pytest.mark.parametrize("name", ["init.sql", "x_init.sql", "2025_.sql", "-1_init.sql"])
def test_a_file_without_a_version_is_refused_and_named(empty, name):
    folder = empty.migrations()
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write("SELECT 1;")
    _, err = empty.ctl("migrate", "up", "--dir", folder, code=78)
    assert name in err and empty.tables() == set()


def test_a_folder_that_is_not_there_is_named(empty):
    _, err = empty.ctl("migrate", "up", "--dir", "/nowhere/at/all", code=78)
    assert "/nowhere/at/all" in err


def test_the_migrations_travel_inside_the_program(empty):
    """The working folder holds no migrations."""
    assert not os.listdir(empty.folder)
    empty.ctl("migrate", "up")
    assert "jobs" in empty.tables()


def test_a_database_that_is_starting_is_waited_for(own_servers, tmp_path):
    own_servers.postgres.stop()
    database = Database(own_servers.postgres, "sokoul", tmp_path)
    child = database.start_ctl("migrate", "up")
    own_servers.restart(own_servers.postgres)
    out, err = child.communicate(timeout=60 * SLOW)
    assert child.returncode == 0, err
    assert "init" in out and "jobs" in database.tables()


# ---- the schema ---------------------------------------------------------------------------------


TABLES = [  # one row per requirement S5 to S11
    pytest.param("users", {"id", "username", "email", "password_hash", "role", "created_at"}, id="S5"),
    pytest.param("media", {"id", "title", "tmdb_id", "media_type", "genres", "year"}, id="S6"),
    pytest.param("torrents", {"id", "info_hash", "status"}, id="S7"),
    pytest.param("downloads", {"id", "user_id", "media_id", "status", "progress"}, id="S8"),
    pytest.param("favorites", {"user_id", "media_id"}, id="S9-favorites"),
    pytest.param("watch_history", {"user_id", "media_id", "position_s"}, id="S9-watch_history"),
    pytest.param("jobs", {"job_id", "status", "attempts"}, id="S10"),
    pytest.param("logs", {"user_id", "action", "at"}, id="S11"),
]


@pytest.mark.parametrize("table,columns", TABLES)
def test_the_table_has_its_columns(schema, table, columns):
    """req: S5 S6 S7 S8 S9 S10 S11"""
    rows = schema.sql("SELECT column_name FROM information_schema.columns WHERE table_name = %s", (table,))
    assert columns <= {row[0] for row in rows}


@pytest.mark.parametrize("table", ["torrents", "downloads", "jobs"])
def test_a_status_is_one_of_four(schema, table):
    """req: S7 S8 S10"""
    checks = schema.sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid = "
                        "%s::regclass AND pg_get_constraintdef(oid) LIKE '%%Pending%%'", (table,))
    assert len(checks) == 1
    assert all(word in checks[0][0] for word in ("Pending", "Running", "Completed", "Failed"))


ROWS_WITH_A_STATUS = {
    "torrents": ("INSERT INTO torrents (id, info_hash_v1, status) VALUES (%s, %s, %s)",
                 lambda schema, status: (an_id(), os.urandom(20).hex(), status)),
    "downloads": ("INSERT INTO downloads (id, user_id, media_id, status) VALUES (%s, %s, %s, %s)",
                  lambda schema, status: (an_id(), a_user(schema), a_media(schema), status)),
    "jobs": ("INSERT INTO jobs (job_id, kind, worker, user_id, request_id, status) VALUES (%s, 'noop', 'scout', %s, 'r', %s)",
             lambda schema, status: (an_id(), a_user(schema), status)),
}


@pytest.mark.parametrize("table", ROWS_WITH_A_STATUS)
def test_another_status_cannot_be_written(schema, table):
    """req: S7 S8 S10"""
    insert, values = ROWS_WITH_A_STATUS[table]
    schema.sql(insert, values(schema, "Pending"))
    for bad in ("pending", "Done", "", "Cancelled", "Pending "):
        with pytest.raises(psycopg2.errors.CheckViolation):
            schema.sql(insert, values(schema, bad))
        with pytest.raises(psycopg2.errors.CheckViolation):
            schema.sql(f"UPDATE {table} SET status = %s", (bad,))


def test_audit_entries_cannot_be_changed(schema):
    """req: S11"""
    schema.sql("INSERT INTO logs (id, action) VALUES (gen_random_uuid(), 'login')")
    assert schema.sql("SELECT count(*) FROM logs WHERE action = 'login'") == [(1,)]
    with pytest.raises(psycopg2.Error):
        schema.sql("UPDATE logs SET action = 'other'")


def an_id():
    return str(uuid.uuid4())


def a_user(schema):
    user = an_id()
    schema.sql("INSERT INTO users (id, username, email, password_hash) VALUES (%s, %s, %s, '!')",
               (user, user[:30], f"{user}@example.org"))
    return user


def a_media(schema):
    media = an_id()
    schema.sql("INSERT INTO media (id, tmdb_id, media_type, title) VALUES (%s, %s, 'movie', 'Sintel')",
               (media, uuid.UUID(media).int % 10**12))
    return media


def test_favorites_and_watch_history_keep_what_is_theirs(schema):
    """req: S9"""
    user, media = a_user(schema), a_media(schema)
    schema.sql("INSERT INTO favorites (user_id, media_id) VALUES (%s, %s)", (user, media))
    schema.sql("INSERT INTO watch_history (id, user_id, media_id, position_s) VALUES (%s, %s, %s, 7)",
               (an_id(), user, media))
    assert schema.sql("SELECT media_id::text FROM favorites WHERE user_id = %s", (user,)) == [(media,)]
    assert schema.sql("SELECT position_s FROM watch_history WHERE user_id = %s", (user,)) == [(7,)]


FOREIGN = [
    ("favorites (user_id, media_id)", lambda s: (an_id(), a_media(s))),
    ("favorites (user_id, media_id)", lambda s: (a_user(s), an_id())),
    ("watch_history (id, user_id, media_id, position_s)", lambda s: (an_id(), an_id(), a_media(s), 0)),
    ("downloads (id, user_id, media_id)", lambda s: (an_id(), an_id(), a_media(s))),
    ("downloads (id, user_id, media_id)", lambda s: (an_id(), a_user(s), an_id())),
    ("jobs (job_id, kind, worker, user_id)", lambda s: (an_id(), "noop", "scout", an_id())),
]


@pytest.mark.parametrize("into,values", FOREIGN)
def test_what_refers_to_nothing_is_refused(schema, into, values):
    """req: S12"""
    row = values(schema)
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        schema.sql(f"INSERT INTO {into} VALUES ({', '.join(['%s'] * len(row))})", row)


def test_the_catalog_lists_the_foreign_keys(schema):
    """req: S12"""
    rows = schema.sql("SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint "
                      "WHERE contype = 'f' AND conparentid = 0")
    assert {("favorites", "users"), ("favorites", "media"), ("watch_history", "users"), ("watch_history", "media"),
            ("downloads", "users"), ("downloads", "media"), ("downloads", "torrents"), ("jobs", "users")} <= set(rows)


def indexed_columns(schema, table):
    """What an index begins with, or is partial by."""
    rows = schema.sql("SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND "
                      "(a.attnum = i.indkey[0] OR "
                      "pg_get_expr(i.indpred, i.indrelid) LIKE '%%(' || a.attname || ' = %%') "
                      "WHERE i.indrelid = %s::regclass", (table,))
    return {row[0] for row in rows}


@pytest.mark.parametrize("table,columns", [("favorites", {"user_id", "media_id"}),
                                           ("watch_history", {"user_id", "media_id"}),
                                           ("downloads", {"user_id", "media_id", "status"}),
                                           ("jobs", {"job_id", "user_id"}), ("logs", {"user_id"})])
def test_each_critical_column_has_an_index(schema, table, columns):
    """req: S13"""
    assert columns <= indexed_columns(schema, table)


@pytest.mark.parametrize("table,where", [
    ("downloads", "user_id = gen_random_uuid()"), ("downloads", "media_id = gen_random_uuid()"),
    ("downloads", "status = 'Running'"), ("jobs", "user_id = gen_random_uuid()"),
    ("favorites", "user_id = gen_random_uuid()"), ("watch_history", "user_id = gen_random_uuid()")])
def test_the_planner_can_use_the_index(schema, table, where):
    """req: S13"""
    where = where.replace("gen_random_uuid()", f"'{an_id()}'")
    connection = psycopg2.connect(schema.url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            cursor.execute(f"EXPLAIN SELECT * FROM {table} WHERE {where}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
    finally:
        connection.close()
    assert "Index" in plan and "Seq Scan" not in plan, plan


MANDATORY = [("users", "username"), ("users", "email"), ("users", "password_hash"), ("users", "role"),
             ("media", "title"), ("media", "tmdb_id"), ("media", "media_type"), ("torrents", "status"),
             ("downloads", "user_id"), ("downloads", "media_id"), ("downloads", "status"), ("favorites", "user_id"),
             ("watch_history", "media_id"), ("jobs", "kind"), ("jobs", "user_id"), ("jobs", "status"),
             ("logs", "action")]


@pytest.mark.parametrize("table,column", MANDATORY)
def test_a_mandatory_column_is_not_null(schema, table, column):
    """req: S14"""
    with pytest.raises(psycopg2.errors.NotNullViolation):
        schema.sql(f"INSERT INTO {table} ({column}) VALUES (NULL)")
    rows = schema.sql("SELECT is_nullable FROM information_schema.columns WHERE table_name = %s "
                      "AND column_name = %s", (table, column))
    assert rows == [("NO",)]


def test_an_address_a_name_and_a_hash_are_unique(schema):
    """req: S15"""
    add = "INSERT INTO users (id, username, email, password_hash) VALUES (%s, %s, %s, '!')"
    schema.sql(add, (an_id(), "unique-one", "one@example.org"))
    for name, email in (("Unique-ONE", "two@example.org"), ("unique-two", "One@Example.org")):
        with pytest.raises(psycopg2.errors.UniqueViolation):
            schema.sql(add, (an_id(), name, email))
    torrent = "INSERT INTO torrents (id, info_hash_v1) VALUES (%s, %s)"
    schema.sql(torrent, (an_id(), "ab" * 20))
    with pytest.raises(psycopg2.errors.UniqueViolation):
        schema.sql(torrent, (an_id(), "ab" * 20))


# ---- programs beside it -------------------------------------------------------------------------------


def test_a_failing_migration_changes_nothing_and_keeps_no_program_from_starting(sokoul, tmp_path):
    """req: S18"""
    folder = tmp_path / "migrations"
    shutil.copytree(os.path.join(ROOT, "migrations"), folder)
    (folder / "20990101000000_bad.sql").write_text("ALTER TABLE jobs ADD COLUMN half int;\nCREATE TBLE other (a int);\n")
    columns = ("SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY table_name, column_name)"
               " FROM information_schema.columns WHERE table_schema = 'public'")
    before = sokoul.value(columns)
    done = sokoul.ctl("migrate", "up", "--dir", str(folder), check=False)
    assert done.returncode == 1 and "20990101000000_bad" in done.stderr, done
    assert sokoul.value(columns) == before and "jobs.half" not in before
    sokoul.start("sokoul-scout")
    user = Api(sokoul.start("sokoul-api").port).register()
    assert user.get("/jobs").status == 200
    assert sokoul.job_settled(inject(sokoul, "noop", {})[0]) == "Completed"
