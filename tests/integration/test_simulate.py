# SPDX-License-Identifier: Apache-2.0
"""The simulation of the job core: clean as it is, and able to find each planted bug."""
import os
import re
import subprocess

SIMULATE = os.path.join(os.path.dirname(os.environ.get("TESTS", "build/gcc/tests").rstrip("/")), "simulate")


def simulate(*args):
    return subprocess.run([SIMULATE, *args], capture_output=True, text=True, timeout=120)


def test_half_a_million_steps_are_clean():
    run = simulate("--seed", "20261121", "--steps", "500000")
    assert run.returncode == 0, run.stdout
    assert "clean: 500000 steps" in run.stdout


def test_every_planted_bug_is_found():
    run = simulate("--bugs", "--steps", "300000")
    assert run.returncode == 0, run.stdout
    caught, planted = re.search(r"(\d+) of (\d+) planted bugs caught", run.stdout).groups()
    assert caught == planted and int(planted) >= 10


def test_a_failure_is_printed_with_its_seed_and_shrunk():
    run = simulate("--bug", "no_take_back", "--steps", "100000")
    assert run.returncode == 1
    steps = int(re.search(r"shrunk to (\d+) steps", run.stdout).group(1))
    assert "seed of this life" in run.stdout and steps < 20
