# SPDX-License-Identifier: Apache-2.0
"""Machines on which something is amiss: a library that is older, or not there, or a clock that is wrong."""
import contextlib
import os
import stat
import subprocess

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


@contextlib.contextmanager
def preloaded(folder, source):
    """A library to be preloaded, made of C."""
    text, path = os.path.join(folder, "stand_in.c"), os.path.join(folder, "stand_in.so")
    with open(text, "w", encoding="ascii") as f:
        f.write(source)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, text], check=True)
    yield path


def lacking(program, folder, library):
    """A copy of a program that names a library which no machine has; its path."""
    with open(program, "rb") as f:
        image = f.read()
    assert image.count(b"\0" + library) >= 1, f"{program} does not name {library}"
    path = os.path.join(folder, os.path.basename(program))
    with open(path, "wb") as f:
        f.write(image.replace(b"\0" + library, b"\0x" + library[1:]))
    os.chmod(path, os.stat(program).st_mode | stat.S_IXUSR)
    return path
