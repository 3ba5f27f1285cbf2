# SPDX-License-Identifier: Apache-2.0
"""What all Python tests share: the modules of tools/, and T=name of `make test`."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))


def pytest_collection_modifyitems(config, items):
    """T=name: only the tests whose name contains it."""
    wanted = os.environ.get("TEST_NAMES", "").split()
    out = [i for i in items if wanted and not any(name in i.nodeid for name in wanted)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [i for i in items if i not in out]
