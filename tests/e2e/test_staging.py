# SPDX-License-Identifier: Apache-2.0
"""deploy/bluegreen/staging: a whole stack beside the one that runs, of which nothing stays."""
import glob
import importlib.machinery
import importlib.util
import os
import re
import subprocess
import tempfile

import backup_kit as kit
import pytest
import rows
from job_kit import inject
from stack_under_test import BIN, ROOT, SLOW

PLAIN = BIN == os.path.join(ROOT, "build", "bin")
PROGRAM = os.path.join(ROOT, "deploy", "bluegreen", "staging")


def stage(sokoul, *words, programs=BIN):
    # What it starts finds its folder in TMPDIR; Postgres, which is another user, has to enter it.
    with tempfile.TemporaryDirectory(prefix="sokoul-") as own:
        os.chmod(own, 0o755)
        done = subprocess.run([PROGRAM, "--programs", programs, *words], env=sokoul.environment({"TMPDIR": own}), capture_output=True,
                              text=True, check=False, timeout=180 * SLOW)
        left = glob.glob(f"{own}/*")
    assert not left, left
    print(done.stdout, done.stderr)
    return done


@pytest.mark.skipif(not PLAIN, reason="budgets are for programs as they are shipped")
def test_a_stack_with_the_data_of_a_backup_is_tried_and_nothing_of_production_is_touched(sokoul, admin, tmp_path):
    """req: S355, S357, S358, S374, S375, S376, S378, S379, S380, S381, S383, S384"""
    rows.media(sokoul, 1, "Film")
    waiting = inject(sokoul, "notify", {}, 5)
    path = kit.Keeper(sokoul, str(tmp_path)).backup()
    before = sokoul.sql("SELECT count(*), max(job_id::text) FROM jobs")
    done = stage(sokoul, "--from", path, *(f"--budget={name}" for name in ("start=120", "read_p95=5000", "pickup_p95=60000", "jobs=10")))
    assert done.returncode == 0 and "fit for production" in done.stdout, done.stderr
    assert re.search(r"log in, search and a job through the API work", done.stdout)
    assert sokoul.sql("SELECT count(*), max(job_id::text) FROM jobs") == before and len(waiting) == 5


def test_what_is_over_its_budget_is_not_fit(capsys):
    loader = importlib.machinery.SourceFileLoader("staging", PROGRAM)
    staging = importlib.util.module_from_spec(importlib.util.spec_from_loader("staging", loader))
    loader.exec_module(staging)
    found = {"start": 1.0, "read_p95": 100.0, "jobs": 200.0, "pickup_p95": 1000.0, "memory": 500.0}
    assert staging.judge(found, staging.BUDGETS) == []
    assert staging.judge({**found, "jobs": 199.9, "memory": 500.1}, staging.BUDGETS) == ["jobs", "memory"]
    assert capsys.readouterr().out.count("OVER") == 2


def test_every_kind_of_ours_but_noop_is_held_back():
    """A backup's jobs would be run a second time."""
    with open(os.path.join(ROOT, "common", "job", "job.c"), encoding="utf-8") as f:
        kinds = set(re.findall(r'\{"(\w+)", "(?:scout|hunter)"\}', f.read()))
    with open(PROGRAM, encoding="utf-8") as f:
        paused = re.findall(r'"(\w+)"', re.search(r"^PAUSED = .*", f.read(), re.M).group())
    assert kinds == {*paused, "noop"} and len(kinds) > 3
