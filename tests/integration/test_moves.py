# SPDX-License-Identifier: Apache-2.0
"""Every statement that writes a job's status or makes it claimable stands in the table of
tests/unit/common/store/moves_test.c, which compares what it does with the table of lawful moves."""
import glob
import importlib.machinery
import importlib.util
import os
import re

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WRITES = re.compile(r"\bINSERT INTO jobs\b|\bUPDATE jobs\b(?: j)? SET (?P<columns>.*?)(?: FROM | WHERE | RETURNING )", re.S)
MOVES = re.compile(r"\b(status|epoch) = ")
STATEMENT = re.compile(r'\{\s*"(\w+)",\s*((?:"(?:\\.|[^"\\])*"\s*)+)[,}]')


def tool():
    """tools/job-statements, as a module."""
    loader = importlib.machinery.SourceFileLoader("job_statements", os.path.join(ROOT, "tools", "job-statements"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("job_statements", loader))
    loader.exec_module(module)
    return module


def moves_a_job(sql):
    return any(found["columns"] is None or MOVES.search(found["columns"]) for found in WRITES.finditer(sql))


def movers(sources):
    """The names of the statements in these C sources that move a job."""
    return {name for sql_of in sources for name, sql in sql_of.items() if moves_a_job(sql)}


def in_the_table():
    with open(os.path.join(ROOT, "tests/unit/common/store/moves_test.c"), encoding="utf-8") as source:
        return set(re.findall(r'^    \{"(\w+)", \{JOB_', source.read(), re.M))


@pytest.fixture(name="statements", scope="module")
def _statements():
    """{name: SQL} of each file of common/store, macros expanded."""
    module = tool()
    module.STATEMENT = STATEMENT
    os.chdir(ROOT)
    return [module.statements(path) for path in sorted(glob.glob("common/store/*.c"))]


def test_every_statement_that_moves_a_job_is_compared_with_the_lawful_moves(statements):
    found = movers(statements)
    assert len(found) > 15, "the statements are not found any more"
    assert found == in_the_table()


@pytest.mark.parametrize("sql,moves", [
    ("UPDATE jobs SET status = 'Failed' WHERE job_id = $1", True),
    ("WITH a AS (UPDATE jobs j SET attempts = 1, status = 'Pending' FROM t WHERE true) SELECT 1", True),
    ("UPDATE jobs SET epoch = epoch + 1 WHERE status = 'Pending'", True),
    ("INSERT INTO jobs (job_id) VALUES ($1)", True),
    ("UPDATE jobs SET wake = 1 WHERE status = 'Pending' AND place = 'waits'", False),
    ("SELECT 1 FROM jobs WHERE status = 'Running'", False),
    ("INSERT INTO job_history (job_id, status) SELECT 1, 'Failed'", False),
    ("UPDATE downloads SET status = 'Failed' WHERE id = $1", False),
])
def test_a_statement_that_moves_a_job_is_known_by_what_it_writes(sql, moves):
    assert moves_a_job(sql) == moves
