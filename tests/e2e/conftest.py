# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests.

    sokoul      servers, an empty migrated database and fakes of TMDB and Prowlarr; no program runs
    api         a client of a sokoul-api that runs
    user, admin clients with a token
    tmdb, prowlarr   the fakes (see tests/e2e/fakes/faulty.py)
    smtp        a fake mail server (see tests/e2e/fakes/smtp.py)
    shared      the same for all tests of a file, with an API that runs: shared.api; each takes users of its own
    swarm, hunting   a BitTorrent swarm on loopback, and downloads from it (see swarm.py)
    own_servers a set of servers of this test's own, for tests that kill Postgres

Postgres is one per session, with a database per test, cloned from one that was migrated once.
NATS and Redis are cheap: each test has its own. Where nothing is broken, `pytestmark = pytest.mark.kept` gives the tests of
a file one stack (see kept.py), but for those that ask for servers or a fake by name.
"""
import contextlib
import itertools
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from client import Api  # noqa: E402
from fakes.prowlarr import FakeProwlarr  # noqa: E402
from fakes.smtp import FakeSmtp  # noqa: E402
from fakes.tmdb import FakeTmdb  # noqa: E402
from kept import Kept  # noqa: E402
from stack.throwaway import ThrowAway  # noqa: E402
from stack_under_test import BIN, Sokoul  # noqa: E402
from swarm import Hunting, Swarm  # noqa: E402

TEMPLATE = "sokoul_template"
OF_ONE_TEST = {"servers", "tmdb", "prowlarr"}  # fixtures that a test may break
numbers = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "kept: the tests of this file share a stack")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts the ends of the programs' logs below a failed test."""
    outcome = yield
    report = outcome.get_result()
    stack = getattr(item, "funcargs", {}).get("sokoul")
    if report.failed and stack:
        for program in stack.programs:
            report.sections.append((f"{program.name} (process {program.pid})", program.log_text()[-4000:]))


@pytest.fixture(scope="session")
def session_postgres():
    with ThrowAway(("postgres",)) as servers:
        yield servers.postgres


@pytest.fixture(scope="session")
def migrated(session_postgres, tmp_path_factory):
    """The name of a database with the schema, made once."""
    migrate(session_postgres, TEMPLATE, tmp_path_factory.mktemp("migrate"))
    return TEMPLATE


def migrate(postgres, database, folder):
    postgres.sql(f"CREATE DATABASE {database} OWNER sokoul")
    with ThrowAway(("nats", "redis")) as servers:
        stack = Sokoul(folder, postgres, servers.nats, servers.redis, database, NoFake, NoFake)
        stack.ctl("migrate", "up")
        watch(stack)
        stack.stop_all()  # nobody may be connected to what is cloned


def watch(stack):
    """From now on the database tells of each move of each job (job_kit.check_each_ran_once asks)."""
    with open(os.path.join(HERE, "moves.sql"), encoding="utf-8") as f:
        stack.sql(f.read())


class NoFake:
    url = "http://127.0.0.1:1"
    key = "no-fake-is-running"


@pytest.fixture
def tmdb():
    fake = FakeTmdb().start()
    yield fake
    fake.stop()


@pytest.fixture
def prowlarr():
    fake = FakeProwlarr().start()
    yield fake
    fake.stop()


@pytest.fixture
def smtp():
    fake = FakeSmtp().start()
    yield fake
    fake.stop()


@pytest.fixture
def servers():
    """NATS and Redis of this test; .restart(server) starts one again after .kill()."""
    with ThrowAway(("nats", "redis")) as own:
        yield own


@contextlib.contextmanager
def cloned(postgres, template):
    """The name of a new database like the template."""
    database = f"test_{os.getpid()}_{next(numbers)}"
    postgres.sql(f"CREATE DATABASE {database} OWNER sokoul TEMPLATE {template}")
    try:
        yield database
    finally:
        postgres.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


@contextlib.contextmanager
def ended(stack):
    """No program of it outlives this, whatever the test does."""
    try:
        yield stack
    finally:
        for program in stack.programs:
            if program.running():
                program.kill()


@pytest.fixture(scope="module")
def kept(session_postgres, migrated, tmp_path_factory):
    with ThrowAway(("nats", "redis")) as own, cloned(session_postgres, migrated) as database, \
            FakeTmdb().running() as tmdb, FakeProwlarr().running() as prowlarr:
        folder = tmp_path_factory.mktemp("kept")
        with ended(Kept(folder, session_postgres, own.nats, own.redis, database, tmdb, prowlarr)) as stack:
            yield stack
            stack.end()


@pytest.fixture
def sokoul(request, session_postgres, migrated, tmp_path):
    if request.node.get_closest_marker("kept") and not OF_ONE_TEST & set(request.fixturenames):
        stack = request.getfixturevalue("kept")
        stack.empty()
        yield stack
        stack.stop_all()
        return
    servers, tmdb, prowlarr = (request.getfixturevalue(name) for name in ("servers", "tmdb", "prowlarr"))
    with cloned(session_postgres, migrated) as database, \
            ended(Sokoul(tmp_path, session_postgres, servers.nats, servers.redis, database, tmdb, prowlarr)) as stack:
        yield stack
        stack.stop_all()


@pytest.fixture(scope="module")
def shared(session_postgres, migrated, tmp_path_factory):
    database = f"test_{os.getpid()}_{next(numbers)}"
    session_postgres.sql(f"CREATE DATABASE {database} OWNER sokoul TEMPLATE {migrated}")
    with ThrowAway(("nats", "redis")) as own:
        stack = Sokoul(tmp_path_factory.mktemp("shared"), session_postgres, own.nats, own.redis, database, NoFake, NoFake)
        stack.api = Api(stack.start("sokoul-api").port)
        yield stack
        stack.stop_all()
    session_postgres.sql(f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture
def swarm(tmp_path):
    made = Swarm(tmp_path / "swarm")
    yield made
    made.stop()


@pytest.fixture
def hunting(sokoul):
    return Hunting(sokoul)


@pytest.fixture
def own_servers():
    with ThrowAway() as own:
        yield own


@pytest.fixture
def own_sokoul(own_servers, tmp_path, tmdb, prowlarr):
    """Like sokoul, with a Postgres that the test may kill and start again by own_servers.restart()."""
    stack = Sokoul(tmp_path, own_servers.postgres, own_servers.nats, own_servers.redis, "sokoul", tmdb, prowlarr)
    stack.ctl("migrate", "up")
    watch(stack)
    with ended(stack):
        yield stack
        stack.stop_all()


@pytest.fixture
def api(sokoul):
    return Api(sokoul.kept_api() if isinstance(sokoul, Kept) else sokoul.start("sokoul-api").port)


@pytest.fixture
def user(api):
    return api.register()


@pytest.fixture
def admin(sokoul, api):
    return sokoul.admin(api)


def built(name):
    return os.access(os.path.join(BIN, name), os.X_OK)
