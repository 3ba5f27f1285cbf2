# SPDX-License-Identifier: Apache-2.0
"""tools/fresh-debian where it cannot run, and what a minimal machine lacks. The whole of it is `make test-debian`."""
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "tools", "fresh-debian")


def call(*words, front=(), path=None):
    env = dict(os.environ, PATH=path or os.environ["PATH"])
    return subprocess.run([*front, *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


def bin_of(folder, *names):
    """A folder with these programs of /usr/bin and nothing else."""
    for name in names:
        os.symlink(f"/usr/bin/{name}", folder / name)
    return str(folder)


@pytest.mark.parametrize("words", [(), ("",), ("../x",), ("--help",)])
def test_without_a_suite_it_tells_its_usage(words):
    done = call(TOOL, *words)
    assert done.returncode == 64 and "usage: tools/fresh-debian SUITE" in done.stderr and done.stdout == ""


def test_it_says_that_it_needs_root():
    front = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if os.getuid() == 0 else ()
    done = call(TOOL, "trixie", front=front)
    assert done.returncode == 69 and "needs root" in done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="root is asked for first")
def test_it_says_that_it_needs_mmdebstrap(tmp_path):
    done = call("/bin/bash", TOOL, "trixie", path=bin_of(tmp_path, "dirname", "id", "sed"))
    assert done.returncode == 69 and "apt-get install -y --no-install-recommends mmdebstrap" in done.stderr


def test_make_help_needs_only_what_every_debian_has(tmp_path):
    """make itself, and essential packages."""
    done = call("/usr/bin/make", "help", path=bin_of(tmp_path, "bash", "sed", "expand", "cat", "nproc", "git", "env"))
    assert done.returncode == 0 and "not found" not in done.stderr
    targets = [line.split()[0] for line in done.stdout.splitlines()]
    assert {"run", "test", "lint", "test-debian"} <= set(targets)
