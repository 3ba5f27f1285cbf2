# SPDX-License-Identifier: Apache-2.0
"""What all Python tests share: the modules of tools/, T=name of `make test`, and FILES=i/n: each n-th file of tests."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))


def pytest_collection_modifyitems(config, items):
    """T=name: only the tests whose name contains it. FILES=i/n: tests mostly wait, so some runs go side by side."""
    wanted = os.environ.get("TEST_NAMES", "").split()
    shard, _, shards = os.environ.get("FILES", "0/1").partition("/")
    files = sorted({str(i.path) for i in items})[int(shard)::int(shards)]
    out = [i for i in items if str(i.path) not in files or wanted and not any(name in i.nodeid for name in wanted)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [i for i in items if i not in out]
