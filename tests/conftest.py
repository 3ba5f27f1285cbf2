# SPDX-License-Identifier: Apache-2.0
"""What all Python tests share: the modules of tools/ and tests/support/, T=name of `make test`, FILES=i/n: the i-th of n parts, by files, and
ROBUSTNESS=1: what `make robustness` runs. What a test claims to prove is a property of it in pytest's report."""
import inspect
import os
import sys
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), os.path.join(HERE, "support")]

from stack.claims import proven  # noqa: E402


def part_of(items, part, parts):
    """Files with about as many tests as each other part has: the largest first, to where the fewest are."""
    counts = Counter(str(i.path) for i in items)
    files = [set() for _ in range(parts)]
    loads = [0] * parts
    for path, count in sorted(counts.items(), key=lambda row: (-row[1], row[0])):
        least = loads.index(min(loads))
        files[least].add(path)
        loads[least] += count
    return files[part]


def keep_rows_of_operating(config, items):
    """`make robustness`: the tests that say of a row A1, A2, ... that they prove it."""
    out = [i for i in items if not any(row.startswith("A") for row in dict(i.user_properties)["rows"].split())]
    config.hook.pytest_deselected(items=out)
    items[:] = [i for i in items if i not in out]


def pytest_collection_modifyitems(config, items):
    """T=name: only the tests whose name contains it. FILES=i/n: tests mostly wait, so some runs go side by side."""
    for item in items:
        text = (inspect.getcomments(item.function) or "") + inspect.getsource(item.function)
        item.user_properties.append(("rows", " ".join(proven(text))))
    if os.environ.get("ROBUSTNESS") == "1":
        keep_rows_of_operating(config, items)
    wanted = os.environ.get("TEST_NAMES", "").split()
    part, _, parts = os.environ.get("FILES", "0/1").partition("/")
    files = part_of(items, int(part), int(parts))
    out = [i for i in items if str(i.path) not in files or wanted and not any(name in i.nodeid for name in wanted)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [i for i in items if i not in out]
