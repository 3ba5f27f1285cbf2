# SPDX-License-Identifier: Apache-2.0
"""The commands of README.md, run as they are written there.

The only change: the default port and state folder in the tour become this test's own.
"""
import os
import re
import subprocess
import textwrap

import pytest
from client import Api
from stack.proc import wait_for
from stack_under_test import ROOT, SLOW
from test_make_run import PLAIN, left_of, make_run, read  # noqa: F401 -- a fixture


def blocks():
    """The README's commands, a list of lines per block."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        return [b.strip().splitlines() for b in re.findall(r"^```\w*\n(.*?)^```$", f.read(), re.DOTALL | re.MULTILINE)]


def tour():
    return next(b for b in blocks() if len(b) == 5)


def test_two_commands_are_the_way_and_the_first_line_gets_make():
    single = [b[0] for b in blocks() if len(b) == 1]
    assert single[0].startswith("apt-get install ") and {"make", "git", "ca-certificates"} <= set(single[0].split())
    assert [line for line in single if line.startswith("make ")] == ["make run", "make test"]


@pytest.mark.parametrize("command", ["make run", "make test", "make help"])
def test_make_knows_each_command(command):
    done = subprocess.run([*command.split(), "-n"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0 and done.stdout, done.stderr


@pytest.mark.skipif(not PLAIN, reason="make run starts the plain build")
def test_the_tour_works_as_pasted(make_run):  # noqa: F811
    make, state_dir, base, out = make_run
    ready = f"ready: http://127.0.0.1:{base}\n"
    assert wait_for(lambda: ready in read(out) or make.poll() is not None, 120 * SLOW) and ready in read(out), read(out)

    def ours(text):
        return text.replace("http://127.0.0.1:3000", f"http://127.0.0.1:{base}").replace(".sokoul/", f"{state_dir}/")

    printed = textwrap.dedent(read(out).partition(ready)[2]).strip().splitlines()
    assert printed[:5] == [ours(line) for line in tour()]
    script = "set -eu -o pipefail\n" + ours("\n".join(tour()))
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False,
                          timeout=120 * SLOW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1000 completed, 0 failed" in done.stdout
    assert re.search(r"^\d+ Sintel", done.stdout, re.MULTILINE), done.stdout
    assert Api(base).get("/health").status == 200
    make.terminate()
    make.wait(90)
    assert left_of(state_dir) == []
