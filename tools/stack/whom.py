# SPDX-License-Identifier: Apache-2.0
"""As whom it all runs: not as root when another user can be had.

    user = whom.pick(root, state_dir)   as root only, before the folder is made; None: nobody can
    whom.can(user, ("-x", path))        whether they pass such tests of test(1)
    whom.hand_over(state_dir, user)     makes all of a state folder theirs
    whom.become(user)                   from here on this process and its children are that user

Who called sudo is asked first, then the owner of the state folder, then the owner of the checkout, then the user
postgres, whom Postgres needs anyway.
"""
import os
import pwd
import subprocess

LAST_RESORT = "postgres"


def by_id(number):
    try:
        return pwd.getpwuid(int(number))
    except (KeyError, ValueError, TypeError):
        return None


def candidates(root, state_dir):
    numbers = [os.environ.get("SUDO_UID")]
    numbers += [os.stat(path).st_uid for path in (state_dir, root) if os.path.exists(path)]
    found = [user for user in map(by_id, numbers) if user and user.pw_uid != 0]
    try:
        found.append(pwd.getpwnam(LAST_RESORT))
    except KeyError:
        pass  # tools/setup was not run
    return found


def can(user, *tests):
    """Whether a user passes tests of test(1), such as ("-x", path)."""
    front = ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--init-groups", "--", "test"]
    return all(subprocess.run(front + [flag, path], check=False, capture_output=True, cwd="/").returncode == 0
               for flag, path in tests)


def pick(root, state_dir):
    """The first that can enter the folders above the state folder, and read the checkout."""
    tests = [("-x", os.path.dirname(state_dir)), ("-r", os.path.join(root, "tools", "run"))]
    for user in candidates(root, state_dir):
        # A folder that root has closed on purpose is not opened for somebody else.
        closed = user.pw_name == LAST_RESORT and os.path.isdir(state_dir) and os.stat(state_dir).st_uid == 0
        if can(user, *tests, *([("-x", state_dir)] if closed else [])):
            return user
    return None


def hand_over(state_dir, user):
    for folder, _, files in os.walk(state_dir):
        for path in [folder] + [os.path.join(folder, name) for name in files]:
            if os.lstat(path).st_uid != user.pw_uid:
                os.lchown(path, user.pw_uid, user.pw_gid)


def become(user):
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
