# SPDX-License-Identifier: Apache-2.0
"""The tests' own tools do not call that passed which was not tested."""
import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = os.path.abspath(os.environ.get("TESTS", os.path.join(ROOT, "build", "gcc", "tests")))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from stack_under_test import Program  # noqa: E402


def on_database():
    """The test programs that make themselves a database, by their path below tests/unit."""
    unit = os.path.join(ROOT, "tests", "unit")
    for place, _, names in os.walk(unit):
        for name in names:
            with open(os.path.join(place, name), encoding="utf-8") as file:
                if name.endswith("_test.c") and "test_db_create();" in file.read():
                    yield os.path.relpath(os.path.join(place, name[:-2]), unit)


def test_without_a_database_a_store_test_fails():
    programs = sorted(on_database())
    assert len(programs) >= 10
    bare = {k: v for k, v in os.environ.items() if k != "TEST_DATABASE_URL"}
    for program in programs:
        done = subprocess.run([os.path.join(TESTS, program)], env=bare, cwd=ROOT, capture_output=True, text=True, timeout=60,
                              check=False)
        assert (program, done.returncode) == (program, 1)
        assert "TEST_DATABASE_URL is not set" in done.stderr


SAID = [
    ("{}\n{\"event\":\"x\"}\n", None),
    ("{}\n{\"event\":\"half a li", None),
    ("{}\nplain text\n", "plain text"),
    ("{}\n\n", "''"),
    ("[1]\n", "[1]"),
    ("", None),
]


@pytest.mark.parametrize("text,plain", SAID)
def test_plain_text_in_a_log_fails_the_test(tmp_path, text, plain):
    program = Program("said", ["/usr/bin/printf", "%s", text], {}, str(tmp_path / "said.log"), 0)
    program.child.wait(10)
    if plain is None:
        assert program.stop() == 0
        assert len(program.log(event="x")) == text.count("x\"")
        return
    with pytest.raises(AssertionError, match="no JSON"):
        program.stop()
    with pytest.raises(AssertionError) as failed:
        program.log(event="x")
    assert plain in str(failed.value)


def test_one_test_is_run_by_its_name_with_what_it_says(tmp_path):
    """On servers of its own, of which nothing is left.

    req: S345, S348, S426
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TEST_", "CHAOS", "COMPOSE", "SAN"))}
    done = subprocess.run(["tools/test", "magnet__reads_what_people_paste", "test_without_a_suite_it_tells_its_usage"], cwd=ROOT,
                          env=dict(environment, TMPDIR=str(tmp_path)), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "magnet__reads_what_people_paste" in done.stdout and "PASSED" in done.stdout
    programs = [line for line in done.stdout.splitlines() if re.match(r"  ok +\S+  \d+ passed", line)]
    assert len(programs) == 1 and "common/media/magnet_test" in programs[0]
    assert re.search(r"\n(\d+) passed, 0 failed$", done.stdout.rstrip())
    assert os.listdir(tmp_path) == []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/environ", "rb") as f:
                assert f"TMPDIR={tmp_path}".encode() not in f.read().split(b"\0"), f"process {name} is left"
        except (FileNotFoundError, NotADirectoryError, PermissionError, ProcessLookupError):
            continue
