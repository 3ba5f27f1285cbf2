# SPDX-License-Identifier: Apache-2.0
"""What all Python tests share: the modules of tools/ and tests/support/, T=name of `make test`, FILES=folder: what runs side by side
shares the files of tests out there, and ROBUSTNESS=1: what `make robustness` runs. What a test claims to prove is a property of it in pytest's report."""
import inspect
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tools"), os.path.join(HERE, "support")]

from stack.claims import proven  # noqa: E402


FEW_BUT_LONG = ("test_run.py", "test_engine_swarm.py", "test_nats_acts.py", "test_hunter_faults.py", "test_intact.py", "test_outages.py",
                "test_disk.py", "test_metrics.py", "test_backup.py", "test_bluegreen.py", "test_schema_behind.py")


def longest_first(items):
    """The tests of each file together; a file that was begun last would be waited for by all, so the long ones come first."""
    files = {}
    for item in items:
        files.setdefault(str(item.path), []).append(item)
    return sorted(files.items(), key=lambda file: (os.path.basename(file[0]) not in FEW_BUT_LONG, -len(file[1]), file[0]))


def ours(items, folder):
    """Of the files that nobody beside us has begun one after the other, test by test: who makes its mark in the folder has it."""
    for path, tests in longest_first(items):
        try:
            os.close(os.open(os.path.join(folder, path.replace("/", "_")), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            continue
        yield from tests


def pytest_runtestloop(session):
    """As pytest's own loop, over the files that are ours: tests mostly wait, so some runs go side by side, each as fast as it can."""
    folder = os.environ.get("FILES")
    if not folder or session.testsfailed or session.config.option.collectonly:
        return None
    waiting = ours(session.items, folder)
    item = next(waiting, None)
    while item:
        following = next(waiting, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def keep_rows_of_operating(config, items):
    """`make robustness`: the tests that say of a row A1, A2, ... that they prove it."""
    out = [i for i in items if not any(row.startswith("A") for row in dict(i.user_properties)["rows"].split())]
    config.hook.pytest_deselected(items=out)
    items[:] = [i for i in items if i not in out]


def pytest_collection_modifyitems(config, items):
    """T=name: only the tests whose name contains it."""
    for item in items:
        text = (inspect.getcomments(item.function) or "") + inspect.getsource(item.function)
        item.user_properties.append(("rows", " ".join(proven(text))))
    if os.environ.get("ROBUSTNESS") == "1":
        keep_rows_of_operating(config, items)
    wanted = os.environ.get("TEST_NAMES", "").split()
    out = [i for i in items if wanted and not any(name in i.nodeid for name in wanted)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [i for i in items if i not in out]
