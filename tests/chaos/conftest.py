# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fault suite.

    world     a stack with its own database, NATS and Redis; the programs are those of the build
              with crash points (make CRASH=1), found in CHAOS_BIN
    pair      the same with a Postgres of its own that has a standby
    clustered a world on the servers of deploy/cluster: three nats-servers, Postgres with a standby

The short form runs by default; CHAOS=1 runs all, MINUTES= makes storms longer, SEED= changes
what is drawn.  SHARD=i/n keeps each n-th test: tests mostly wait, so several runs side by side
cost little.
"""
import contextlib
import itertools
import os
import shutil
import sys
import tempfile

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "e2e")]

from stack.throwaway import ThrowAway  # noqa: E402
from cluster_kit import PORTS, Cluster, ClusterWorld  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402
from stack.proc import free_ports  # noqa: E402
from stack.standby import Standby  # noqa: E402
from world import World, is_long, seed, use_build  # noqa: E402

TEMPLATE = "chaos_template"
FLAVOUR = "gcc-" + (os.environ["SAN"] + "-" if os.environ.get("SAN") else "") + "crash"
BUILD = os.path.abspath(os.environ.get("CHAOS_BIN", os.path.join(ROOT, "build", FLAVOUR, "bin")))
numbers = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with CHAOS=1")
    use_build(BUILD)


def pytest_collection_modifyitems(config, items):
    mine = [i for i in items if os.path.dirname(str(i.path)) == HERE]
    shard, _, shards = os.environ.get("SHARD", "").partition("/")
    all_of_them = is_long() or os.environ.get("TEST_NAMES")
    kept = [i for i in mine if all_of_them or not i.get_closest_marker("long")]
    if shards:
        kept = kept[int(shard)::int(shards)]
    out = [i for i in mine if i not in kept]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [i for i in items if i not in out]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts the ends of the programs' logs below a failed test."""
    outcome = yield
    report = outcome.get_result()
    worlds = getattr(item, "funcargs", {})
    stack = worlds.get("world") or worlds.get("pair") or worlds.get("clustered")
    if report.failed and stack:
        for program in stack.programs:
            report.sections.append((f"{program.name} (process {program.pid})", program.log_text()[-3000:]))


@pytest.fixture(scope="session", name="chaos_postgres")
def _chaos_postgres():
    if not os.access(os.path.join(BUILD, "sokoul-api"), os.X_OK):
        pytest.fail(f"{BUILD} holds no programs: run make CRASH=1 build")
    with ThrowAway(("postgres",)) as servers:
        yield servers


@pytest.fixture(scope="session", name="watched")
def _watched(chaos_postgres, tmp_path_factory):
    """The name of a database with the schema and the watch, made once."""
    with ThrowAway(("nats", "redis")) as servers:
        make_watched(chaos_postgres.postgres, servers, TEMPLATE, tmp_path_factory.mktemp("migrate"))
    return TEMPLATE


def make_watched(postgres, servers, database, folder):
    """A database with the schema and the watch of watch.sql."""
    postgres.sql(f"CREATE DATABASE {database} OWNER sokoul")
    stack = World(folder, postgres, servers.nats, servers.redis, database, None)
    stack.ctl("migrate", "up")
    stack.close()
    with open(os.path.join(HERE, "watch.sql"), encoding="utf-8") as f:
        postgres.sql(f.read(), database)


@pytest.fixture(name="pair")
def _pair(tmp_path):
    """A world whose Postgres has a streaming standby; .standby, and .link, the proxy between the two."""
    with ThrowAway() as servers:
        primary = servers.postgres
        make_watched(primary, servers, TEMPLATE, tmp_path)
        with FaultProxy(("127.0.0.1", primary.port), seed()) as link, \
                following(Standby(primary, free_ports(1), standby_place(primary), link.port)) as standby:
            stack = World(tmp_path, primary, servers.nats, servers.redis, TEMPLATE, servers.restart)
            stack.standby, stack.link = standby, link
            stack.database_url = stack.settings["DATABASE_URL"] = either(primary, standby)
            try:
                yield stack
                stack.stop_all()
            finally:
                stack.close()


@pytest.fixture(name="clustered")
def _clustered(tmp_path):
    folder = tempfile.mkdtemp(prefix="sokoul-test-")
    os.chmod(folder, 0o711)
    try:
        with Cluster(f"{folder}/cluster", free_ports(PORTS)) as cluster:
            make_watched(cluster.primary, cluster, TEMPLATE, tmp_path)
            stack = ClusterWorld(tmp_path, cluster, TEMPLATE)
            try:
                yield stack
                stack.stop_all()
            finally:
                stack.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def standby_place(primary):
    return os.path.join(os.path.dirname(primary.folder), "standby")


def either(primary, standby):
    """The URL of whichever of the two takes writes."""
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    return primary.url(TEMPLATE).replace(f"127.0.0.1:{primary.port}", hosts) + "?target_session_attrs=read-write"


@contextlib.contextmanager
def following(standby):
    standby.prepare()
    try:
        standby.start()
        standby.wait_ready()
        yield standby
    finally:
        standby.stop()


@pytest.fixture(name="world")
def _world(chaos_postgres, watched, tmp_path):
    database = f"chaos_{os.getpid()}_{next(numbers)}"
    postgres = chaos_postgres.postgres
    postgres.sql(f"CREATE DATABASE {database} OWNER sokoul TEMPLATE {watched}")
    with ThrowAway(("nats", "redis")) as servers:
        def restart(server):
            (chaos_postgres if server is postgres else servers).restart(server)

        stack = World(tmp_path, postgres, servers.nats, servers.redis, database, restart)
        try:
            yield stack
            stack.stop_all()
        finally:
            stack.close()
            if postgres.child is None or postgres.child.poll() is not None:
                restart(postgres)
            if stack._connection:
                stack._connection.close()
            postgres.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
