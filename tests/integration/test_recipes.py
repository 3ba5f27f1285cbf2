# SPDX-License-Identifier: Apache-2.0
"""The recipes of CONTRIBUTING.md, carried out word for word in a copy of the tree, give what they promise."""
import os
import re
import shutil
import subprocess
from collections import namedtuple

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("BIN", os.path.join(ROOT, "build", "bin")))
PLAIN = BIN == os.path.join(ROOT, "build", "bin")
UNIT = ("common/store/titles_test", "common/job/job_test", "api/openapi_test")
PROGRAMS = ("sokoul-api", "sokoul-scout", "sokoulctl")
ROUTE, KIND = "## Recipe: add a route", "## Recipe: add a job kind"

Block = namedtuple("Block", "path where anchor text")
BLOCK = re.compile(r"^ *`(?P<path>[\w./-]+)`, (?:a new file|(?P<where>above|below) `(?P<anchor>[^`]+)`):\n\n"
                   r"(?P<fence> *```)\w+\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)


def blocks(page):
    return [Block(m["path"], m["where"], m["anchor"], re.sub(f"^{' ' * m['fence'].index('`')}", "", m["text"], flags=re.M))
            for m in BLOCK.finditer(page)]


def apply(folder, block):
    path = os.path.join(folder, block.path)
    if block.where is None:
        assert not os.path.exists(path), f"{block.path} is not new"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(block.text)
        return
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    at = [n for n, line in enumerate(lines) if line.strip() == block.anchor]
    assert len(at) == 1, f"{block.path} has {len(at)} lines {block.anchor!r}"
    place = at[0] if block.where == "above" else at[0] + 1
    lines[place:place] = block.text.removesuffix("\n").split("\n")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


@pytest.fixture(name="page", scope="module")
def _page():
    with open(os.path.join(ROOT, "CONTRIBUTING.md"), encoding="utf-8") as file:
        return file.read()


def tree(folder):
    """The sources with their times, and what was built of them, so that only what the recipes touch is built again."""
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--deduplicate", "-co", "--exclude-standard"],
                            cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for path in filter(None, listed.split("\0")):
        if os.path.isfile(os.path.join(ROOT, path)):
            os.makedirs(os.path.join(folder, os.path.dirname(path)), exist_ok=True)
            shutil.copy2(os.path.join(ROOT, path), os.path.join(folder, path))
    built = os.path.join(ROOT, "build", "gcc")
    unwanted = shutil.ignore_patterns("bench", "simulate", "helpers", "*_test")
    shutil.copytree(built, os.path.join(folder, "build", "gcc"), ignore=unwanted)


def call(folder, *words, env=None, wait_s=600):
    done = subprocess.run(words, cwd=folder, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=wait_s, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-6000:]}"
    return done.stdout


@pytest.mark.skipif(not PLAIN, reason="the recipes are built as the plain build is")
def test_both_recipes_can_be_followed(page, tmp_path):
    steps = blocks(page)
    assert page.count("```c\n") + page.count("```sql\n") + page.count("```python\n") + page.count("```json\n") == len(steps), "a block has no place"
    folder = tmp_path / "tree"
    tree(folder)
    for step in steps:
        apply(folder, step)
    changed = sorted({step.path for step in steps})
    call(folder, "git", "init", "-q")
    call(folder, "tools/format", *(path for path in changed if path.endswith((".c", ".h"))))
    call(folder, "tools/lint", "--quick", *changed)
    targets = [f"build/bin/{p}" for p in PROGRAMS] + [f"build/gcc/tests/{t}" for t in UNIT]
    call(folder, "make", "-j2", "CC=gcc", *targets)
    for test in UNIT:
        call(folder, f"build/gcc/tests/{test}")
    mine = {"BIN": str(folder / "build" / "bin"), "TESTS": str(folder / "build" / "gcc" / "tests"), "TEST_NAMES": "", "FILES": ""}
    said = call(folder, "/usr/bin/python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "e2e"),
                *(path for path in changed if path.startswith("tests/e2e/")), env=mine)
    passed = re.search(r"^(\d+) passed in", said, re.MULTILINE)
    assert passed and int(passed[1]) >= 4, said


def test_both_recipes_are_there_and_whole(page):
    """The parts that a reader looks for: without one of them the recipe would be silent about it."""
    route = {b.path for b in blocks(page[page.index(ROUTE):page.index(KIND)])}
    kind = {b.path for b in blocks(page[page.index(KIND):])}
    assert {"common/store/media.c", "common/store/media.h", "tests/unit/common/store/titles_test.c", "api/handlers/media.c",
            "api/handlers/media.h", "api/routes.c", "docs/openapi.json"} < route
    assert any(path.startswith("migrations/") for path in route) and any(path.startswith("tests/e2e/") for path in route)
    assert {"workers/scout/main.c", "workers/scout/notice.c", "common/job/job.c", "tests/unit/common/job/job_test.c"} < kind
    assert any(path.startswith("tests/e2e/") for path in kind)


WRONG = [
    ("`x.c`, above `no such line`:\n\n```c\nint y;\n```\n", "0 lines"),
    ("`x.c`, below `int a;`:\n\n```c\nint y;\n```\n", "2 lines"),
    ("`x.c`, a new file:\n\n```c\nint y;\n```\n", "is not new"),
]


@pytest.mark.parametrize("text,why", WRONG)
def test_a_step_that_does_not_fit_is_an_error(tmp_path, text, why):
    (tmp_path / "x.c").write_text("int a;\nint b;\nint a;\n", encoding="utf-8")
    step, = blocks(text)
    with pytest.raises(AssertionError, match=why):
        apply(tmp_path, step)


def test_a_step_puts_its_lines_where_it_says(tmp_path):
    (tmp_path / "x.c").write_text("int a;\n    int b;\n", encoding="utf-8")
    page = "`x.c`, above `int b;`:\n\n   ```c\n       int y;\n   ```\n\n   `x.c`, below `int b;`:\n\n   ```c\n   int z;\n   ```\n"
    for step in blocks(page):
        apply(tmp_path, step)
    assert (tmp_path / "x.c").read_text(encoding="utf-8") == "int a;\n    int y;\n    int b;\nint z;\n"
