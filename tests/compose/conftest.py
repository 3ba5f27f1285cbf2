# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the container tests: an engine, and what docker-compose.yml starts on it.

COMPOSE=1 (`make test-compose`) is the whole of it, with the image built as anybody builds it and every drill.  All tests have
a short form of it, some two minutes, where an engine can be started and the stand-ins' file systems were made before.
"""
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from engine import Engine, why_not  # noqa: E402
from installed import ROOT, Stack  # noqa: E402
from stack.proc import StackError, spawn, stop_child  # noqa: E402

WHOLE = os.environ.get("COMPOSE") == "1"
KEY = "demo-key-of-the-container-tests"
DEMO_ADDRESS = "172.17.0.1"  # of the engine's first bridge, which containers of the others reach too
DEMO_PORT = 18099


def pytest_configure(config):
    config.addinivalue_line("markers", "whole: only in `make test-compose`")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("whole") and not WHOLE:
            item.add_marker(pytest.mark.skip(reason="a part of make test-compose"))


def started(folder):
    """An engine with its images.  In the short form what is missing for that is no failure."""
    engine = Engine(folder, os.path.join(ROOT, "build", "compose"))
    try:
        reason = why_not() or (None if WHOLE or engine.has_roots() else "the images are not made yet")
        if reason:
            raise StackError(reason)
        engine.start()
        engine.make_stand_ins()
        return engine
    except BaseException as e:
        engine.stop()
        if WHOLE or not isinstance(e, StackError):
            raise
        pytest.skip(f"no containers were tried here: {e}. All of it: make test-compose")


@pytest.fixture(scope="session")
def engine():
    folder = tempfile.mkdtemp(prefix="sokoul-compose-", dir="/var/tmp")
    try:
        engine = started(folder)
        yield engine
        engine.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def demo(engine):
    words = [os.path.join(ROOT, "tools", "demo_provider"), str(DEMO_PORT), KEY, DEMO_ADDRESS]
    child = spawn(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"http://{DEMO_ADDRESS}:{DEMO_PORT}"
    stop_child(child, 10)


@pytest.fixture(scope="session")
def stack(engine, demo, tmp_path_factory):
    stack = Stack(engine, str(tmp_path_factory.mktemp("clone")), 2 if WHOLE else 1)
    stack.check_out()
    make_env, build, up = stack.block(0)
    stack.make_env(make_env, TMDB_API_KEY=KEY, TMDB_BASE_URL=demo, PROWLARR_URL=demo, PROWLARR_API_KEY=KEY)
    if WHOLE:
        stack.type_in(build, wait_s=1800)
    else:
        stack.build_quickly()
    stack.seconds = stack.up(up)
    yield stack
    stack.compose("down", "-v", "--remove-orphans", check=False)
