# SPDX-License-Identifier: Apache-2.0
"""What to say when the system does not let us use a state folder: (exit status, sentence)."""
import errno
import os

from stack import whom

EXIT_UNAVAILABLE, EXIT_CONFIG = 69, 78


def refusal(error, state_dir):
    """(exit status, sentence) for what the system refuses."""
    path = error.filename if isinstance(error.filename, str) else state_dir
    other = "choose another folder with STATE_DIR"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EXIT_UNAVAILABLE, f"the disk of {path} is full: make room, or {other}"
    if error.errno == errno.EROFS:
        return EXIT_CONFIG, f"{path} lies on a file system that is read-only: {other}"
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return EXIT_CONFIG, f"{path} is in the way, since it is no folder: remove it, or {other}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return EXIT_CONFIG, f"{path} is {owner_of(path)}: give {state_dir} back with chown -R, or {other}"
    return EXIT_UNAVAILABLE, f"{path}: {error.strerror}"


def owner_of(path):
    """Whose a path is, or the nearest folder above it that can be seen."""
    while path != "/":
        try:
            number = os.stat(path).st_uid
            user = whom.by_id(number)
            return f"not ours, but {user.pw_name if user else number}'s" if number != os.geteuid() else "closed to us"
        except OSError:
            path = os.path.dirname(path)
    return "closed to us"
