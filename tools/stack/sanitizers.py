# SPDX-License-Identifier: Apache-2.0
"""Sanitizer builds in tests: their settings, and which of their reports are ours.

Libraries from Debian are not instrumented, so a report counts only when a frame of its stacks
lies in a source file of this tree.
"""
import glob
import os
import re

OURS = ("common", "api", "workers", "cli", "tests")


def environment(flavour, folder, root):
    """The variables for a build made with SAN=asan or SAN=tsan; none for a plain one."""
    support = os.path.join(root, "tests", "support")
    if flavour == "tsan":
        return {"TSAN_OPTIONS": f"log_path={folder}/tsan:exitcode=0:halt_on_error=0:second_deadlock_stack=1:"
                                f"suppressions={support}/tsan.supp"}
    if flavour == "asan":
        return {"ASAN_OPTIONS": f"log_path={folder}/asan:detect_leaks=1:detect_stack_use_after_return=1:"
                                f"abort_on_error=0:exitcode=99:suppressions={support}/asan.supp",
                "LSAN_OPTIONS": f"exitcode=0:suppressions={support}/lsan.supp:print_suppressions=0",
                "UBSAN_OPTIONS": f"log_path={folder}/ubsan:print_stacktrace=1:halt_on_error=0:"
                                 f"suppressions={support}/ubsan.supp"}
    return {}


def reports(folder, root):
    """(name, text) of each report that has a frame of ours."""
    place = re.compile(r"(?:^|[\s(])(?:%s/)?(?:%s)/[\w./-]+\.(?:c|h|cpp):\d+" % (re.escape(root), "|".join(OURS)),
                       re.MULTILINE)
    found = []
    for path in sorted(glob.glob(f"{folder}/*san.*")):
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
        for part in re.split(r"(?m)^(?==+$|=+\d+=+ERROR)", text):
            if place.search(part):
                found.append((os.path.basename(path), part.strip()))
    return found
