# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fault suite.

    world     a stack with its own database, NATS and Redis; the programs are those of the build
              with crash points (make CRASH=1), found in CHAOS_BIN

The short form runs by default; CHAOS=1 runs all, MINUTES= makes storms longer, SEED= changes
what is drawn.  SHARD=i/n keeps each n-th test: tests mostly wait, so several runs side by side
cost little.
"""
import itertools
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "e2e"), os.path.join(ROOT, "tests", "support")]

from stack.throwaway import ThrowAway  # noqa: E402
from world import World, is_long, use_build  # noqa: E402

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
    stack = getattr(item, "funcargs", {}).get("world")
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
    """The name of a database with the schema and the watch of watch.sql, made once."""
    postgres = chaos_postgres.postgres
    postgres.sql(f"CREATE DATABASE {TEMPLATE} OWNER sokoul")
    with ThrowAway(("nats", "redis")) as servers:
        stack = World(tmp_path_factory.mktemp("migrate"), postgres, servers.nats, servers.redis, TEMPLATE, None)
        stack.ctl("migrate", "up")
        stack.close()
    with open(os.path.join(HERE, "watch.sql"), encoding="utf-8") as f:
        postgres.sql(f.read(), TEMPLATE)
    return TEMPLATE


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
