# SPDX-License-Identifier: Apache-2.0
"""Each program with the rights that docker-compose.yml gives it at the servers: enough for it, and no more."""
import re

import psycopg2
import pytest
from client import Api
from conftest import NoFake
from least import Least, refused, text_of
from stack.nats import Nats, NatsError
from stack_under_test import ROOT, Sokoul, eventually


@pytest.fixture(scope="module")
def least(tmp_path_factory):
    folder = tmp_path_factory.mktemp("least")
    folder.chmod(0o755)
    with Least(folder) as servers:
        yield servers


@pytest.fixture(scope="module")
def migrated(least, tmp_path_factory):
    stack = Sokoul(tmp_path_factory.mktemp("migrate"), least.postgres, least.nats, least.redis, "sokoul", NoFake, NoFake)
    stack.ctl("migrate", "up", settings=least.settings("migrate"))


@pytest.fixture
def stack(least, migrated, tmp_path, tmdb, prowlarr):
    stack = Sokoul(tmp_path, least.postgres, least.nats, least.redis, "sokoul", tmdb, prowlarr)
    stack.settings.update(least.settings("api"))
    stack.database_url = least.database_url("migrator")
    yield stack
    stack.stop_all()


def start_all(stack, least):
    scout = stack.start("sokoul-scout", {**least.settings("scout"), "PASSWORD_RESET_TO_LOG": "true"})  # the first, so that it is who looks after all
    hunter = stack.start("sokoul-hunter", least.settings("hunter"))
    return scout, hunter, Api(stack.start("sokoul-api", least.settings("api")).port)


def test_the_programs_do_their_work_with_the_rights_of_their_roles(stack, least):
    scout, hunter, api = start_all(stack, least)
    eventually(lambda: scout.log(event="stream_made") or scout.log(event="consumer_made"), 20, "scout makes consumers")
    stack.ctl("job", "inject", "--kind", "noop", "--count", "200", "--wait")
    user = api.register("ada")
    assert api.post("/auth/password/forgot", {"email": "ada@example.org"}).status == 202
    eventually(lambda: scout.log(event="password_reset"), 20, "scout makes a link")
    media = user.get("/search", query={"query": "inception"}).json["items"][0]["id"]
    job = user.post(f"/media/{media}/releases/search").json["job_id"]
    assert stack.job_settled(job) == "Completed"
    assert user.post("/media/favorite", {"media_id": media}).status == 201
    assert user.post("/downloads/start", {"media_id": media, "magnet": "magnet:?xt=urn:btih:" + "a" * 40}).status == 202
    eventually(lambda: stack.value("SELECT count(*) FROM downloads WHERE node IS NOT NULL OR status <> 'Pending'"), 20,
               "the hunter takes the download")
    stack.ctl("job", "inject", "--kind", "noop", "--payload", '{"fail":"permanent"}', "--wait", check=False)
    stack.ctl("schedule", "put", "each-second", "--every", "1", "--kind", "noop")
    stack.ctl("limit", "set", "noop", "--max", "2")
    eventually(lambda: stack.value("SELECT count(*) FROM jobs WHERE request_id LIKE 'schedule%' OR kind = 'noop'") > 202,
               20, "a schedule makes jobs")
    stack.ctl("schedule", "rm", "each-second")
    stack.ctl("limit", "rm", "noop")
    assert api.get("/health/deep").json["status"] == "healthy"
    assert user.delete("/user/profile").status == 204
    assert [p.log(event="healing_failed") for p in stack.programs] == [[], [], []]
    assert least.refusals() == []


def test_a_worker_that_died_is_seen_by_another_role(stack, least):
    scout, _, _ = start_all(stack, least)
    job = stack.ctl("job", "inject", "--kind", "noop", "--payload", '{"sleep_ms":600000}').stdout.strip()
    eventually(lambda: stack.value("SELECT status FROM jobs WHERE job_id = %s", (job,)) == "Running", 20, "it runs")
    scout.kill()
    eventually(lambda: stack.value("SELECT status FROM jobs WHERE job_id = %s", (job,)) == "Pending", 10,
               "the job of a dead worker is taken back")
    stack.ctl("job", "cancel", job)
    assert least.refusals() == []


@pytest.mark.parametrize("owner", ["api", "migrator"])
def test_an_owner_keeps_his_rights_and_a_stranger_s_table_is_left_alone(stack, least, owner):
    """One role for everything may well be called sokoul_api; and a schema may hold what belongs to somebody else."""
    name = f"of_{owner}"
    least.postgres.sql(f"CREATE DATABASE {name} OWNER sokoul_{owner}")
    least.postgres.sql(f"GRANT CREATE ON SCHEMA public TO sokoul_{owner}; CREATE TABLE stranger (id bigserial);"
                       "GRANT SELECT ON stranger TO sokoul_worker", database=name)
    url = least.database_url(owner).removesuffix("sokoul") + name
    for _ in range(2):
        stack.ctl("migrate", "up", settings={"DATABASE_URL": url})
    may = least.postgres.sql(f"SELECT has_table_privilege('sokoul_{owner}', 'users', 'INSERT'), "
                             "has_table_privilege('sokoul_worker', 'jobs', 'INSERT'), "
                             "has_table_privilege('sokoul_worker', 'stranger', 'SELECT')", database=name)
    assert may == "t|t|t", may


def test_every_table_has_a_row_of_rights(stack):
    forgotten = stack.sql("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND "
                          "relnamespace = 'public'::regnamespace AND NOT has_table_privilege('sokoul_api', oid, 'SELECT')")
    assert forgotten == [], f"common/store/rights.c does not name {forgotten}"


@pytest.mark.parametrize("role,statement", [
    ("worker", "SELECT password_hash FROM users"),
    ("worker", "SELECT token_hash FROM refresh_tokens"),
    ("worker", "SELECT answer FROM idempotency_keys"),
    ("worker", "UPDATE users SET role = 'admin'"),
    ("worker", "DELETE FROM users"),
    ("worker", "INSERT INTO logs (id, action) VALUES (gen_random_uuid(), 'login')"),
    ("worker", "UPDATE logs SET action = 'nothing'"),
    ("worker", "UPDATE job_history SET status = 'Completed'"),
    ("worker", "ALTER TABLE jobs ADD COLUMN x int"),
    ("worker", "CREATE TABLE x (y int)"),
    ("worker", "CREATE TEMP TABLE x (y int)"),
    ("worker", "TRUNCATE jobs"),
    ("worker", "DROP TABLE jobs"),
    ("api", "UPDATE logs SET action = 'nothing'"),
    ("api", "TRUNCATE logs"),
    ("api", "ALTER TABLE logs DISABLE TRIGGER ALL"),
    ("api", "INSERT INTO schema_migrations VALUES (1, 'x', 'x')"),
    ("api", "DROP TABLE jobs"),
    ("api", "CREATE TABLE x (y int)"),
    ("api", "CREATE TABLE IF NOT EXISTS schema_migrations (x int)"),  # how `migrate up` begins
    ("api", "SET ROLE sokoul_migrator"),
    ("reader", "SELECT password_hash FROM users"),
    ("reader", "SELECT * FROM refresh_tokens"),
    ("reader", "SET TRANSACTION READ WRITE; DELETE FROM jobs"),
    ("migrator", "CREATE ROLE x SUPERUSER"),
    ("migrator", "COPY jobs TO PROGRAM 'cat'"),
])
def test_postgres_refuses(migrated, least, role, statement):
    connection = psycopg2.connect(least.database_url(role))
    try:
        with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement)
    finally:
        connection.close()


def test_a_reader_sees_what_is_going_on(migrated, least):
    connection = psycopg2.connect(least.database_url("reader"))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT status, count(*) FROM jobs JOIN users ON users.id = user_id GROUP BY 1")
    finally:
        connection.close()


@pytest.mark.parametrize("role", ["api", "worker", "reader", "migrator"])
def test_no_role_gets_into_another_database(least, role):
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(least.database_url(role).removesuffix("sokoul") + "postgres")


def test_each_secret_setting_goes_to_the_programs_that_use_it(least):
    names = re.findall(r"^ *X\(([A-Z_]+), \w+, SECRET,", text_of(ROOT, "common", "conf", "settings.h"), re.MULTILINE)
    text = text_of(ROOT, "tools", "compose-env")
    assert len(names) >= 5 and [name for name in names if f'"{name}": (' not in text] == []
    assert "JWT_SECRET" in least.secret("api_env") and "JWT_SECRET" not in least.secret("scout_env") + least.secret("hunter_env")


@pytest.mark.parametrize("user,subject", [
    ("api", "$JS.API.CONSUMER.MSG.NEXT.JOBS.scout"),       # only workers take jobs
    ("api", "$JS.ACK.JOBS.scout.1.1.1.1.1"),
    ("api", "$JS.API.STREAM.CREATE.OTHER"),
    ("worker", "$JS.API.STREAM.DELETE.OTHER"),
    ("worker", "$JS.API.STREAM.MSG.GET.EVENTS"),
    ("worker", "$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.x"),
    ("worker", "_INBOX.somebody"),
    ("worker", "$SYS.REQ.SERVER.PING"),
    ("operator", "$JS.API.STREAM.DELETE.JOBS"),
    ("operator", "$JS.API.STREAM.PURGE.JOBS"),
    ("operator", "$JS.API.CONSUMER.MSG.NEXT.JOBS.scout"),
    ("operator", "sokoul.ctl.cancel.x"),
    ("operator", "sokoul.events.x"),
])
def test_nats_refuses(least, user, subject):
    with least.nats.connect(user=user) as nats:
        assert refused(nats, subject)


def test_nats_lets_nobody_in_without_a_password_and_an_operator_look(stack, least):
    start_all(stack, least)
    for user, word in (("", ""), ("api", "wrong"), ("sokoul", "wrong")):
        with pytest.raises(NatsError, match="Authorization"):
            Nats(least.nats.port, user, word)
    with least.nats.connect(user="operator") as nats:
        assert nats.js("STREAM.INFO.JOBS")["config"]["retention"] == "workqueue"
        assert nats.js("CONSUMER.INFO.JOBS.scout")["config"]["ack_policy"] == "explicit"


@pytest.mark.parametrize("words", [("FLUSHALL",), ("KEYS", "*"), ("CONFIG", "GET", "*"), ("GET", "other:key"),
                                   ("SET", "other", "x"), ("SUBSCRIBE", "x"), ("ACL", "LIST"), ("SHUTDOWN",),
                                   ("EVAL", "return redis.call('GET', 'other')", "0")])
def test_redis_refuses(least, words):
    login = ("sokoul", least.settings("api")["REDIS_URL"].split(":")[2].rpartition("@")[0])
    assert least.redis.command("PING", login=login) == "+PONG"
    assert least.redis.command("SET", "sokoul:x", "1", login=login) == "+OK"
    answer = least.redis.command(*words, login=login)
    assert re.match("-(NOPERM|.*(permissions|can't access))", answer), answer
    assert least.redis.command(*words).startswith("-NOAUTH")
