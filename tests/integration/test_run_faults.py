# SPDX-License-Identifier: Apache-2.0
"""tools/run where it cannot run, or not as root: one sentence, and nobody's files are taken away."""
import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess

import pytest
from stack import postgres, settings, whom
from stack.proc import wait_for
from test_run import HIDDEN, ROOT, SERVERS, Run, run  # noqa: F401 -- a fixture

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else, or mount")
SOMEBODY = next((u for u in pwd.getpwall() if u.pw_name in ("games", "news", "nobody")), None)
CAN_SHARE = os.getuid() == 0 and SOMEBODY and whom.can(SOMEBODY, ("-r", os.path.join(ROOT, "tools", "run")))
TO_SOMEBODY = pytest.mark.skipif(not CAN_SHARE, reason="another user cannot read this checkout")


def start_as(run, user, **environment):
    """As `run.start`, by another user."""
    env = {k: v for k, v in os.environ.items() if k not in HIDDEN}
    env.update(STATE_DIR=run.state_dir, PORT_BASE=str(run.base), HOME=user.pw_dir, **environment)
    with open(run.out, "wb") as out:
        run.child = subprocess.Popen(["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups",
                                      "--", os.path.join(ROOT, "tools", "run")], env=env, cwd="/", stdout=out,
                                     stderr=subprocess.STDOUT, start_new_session=True)
    return run


def refuses(run, code, words):
    """It ended with one sentence."""
    assert run.child.wait(40) == code, run.text()
    assert len(run.text().splitlines()) == 1 and re.search(words, run.text()), run.text()


def owners(run):
    return {name: os.stat(f"/proc/{run.pid(name)}").st_uid for name in SERVERS + ("sokoul-api",) if run.pid(name)}


# ---- as whom ----------------------------------------------------------------------------------------------------------


@AS_ROOT
def test_nothing_runs_as_root_and_the_database_lies_in_the_state_folder(run):
    run.start().up()
    assert len(owners(run)) >= 3 and 0 not in owners(run).values(), owners(run)
    assert os.path.exists(os.path.join(run.state_dir, "postgres", "PG_VERSION"))
    assert run.stop() == 0


@AS_ROOT
@TO_SOMEBODY
def test_with_sudo_it_runs_as_who_called_and_the_files_stay_theirs(run):
    os.mkdir(run.state_dir)
    os.chown(run.state_dir, SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    run.start(SUDO_UID=str(SOMEBODY.pw_uid), SUDO_GID=str(SOMEBODY.pw_gid)).up()
    assert set(owners(run).values()) == {SOMEBODY.pw_uid}
    env_file = os.path.join(run.state_dir, "sokoul.env")
    secret = settings.read(env_file)["JWT_SECRET"]
    assert run.stop() == 0
    assert {os.lstat(os.path.join(f, n)).st_uid for f, d, names in os.walk(run.state_dir) for n in names + d} == {SOMEBODY.pw_uid}
    start_as(run, SOMEBODY).up()
    assert settings.read(env_file)["JWT_SECRET"] == secret
    assert run.stop() == 0


@AS_ROOT
@TO_SOMEBODY
def test_what_root_left_behind_in_a_users_folder_is_told_to_the_user_and_mended_with_sudo(run):
    os.mkdir(run.state_dir)
    settings.write(os.path.join(run.state_dir, "sokoul.env"), {"LOG_LEVEL": "info"})
    os.chown(run.state_dir, SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    refuses(start_as(run, SOMEBODY), 78, r"sokoul.env is not ours, but root's: .*chown -R")
    run.start(SUDO_UID=str(SOMEBODY.pw_uid)).up()
    assert run.stop() == 0
    assert os.stat(os.path.join(run.state_dir, "sokoul.env")).st_uid == SOMEBODY.pw_uid


@AS_ROOT
def test_a_database_that_lies_elsewhere_is_told_at_each_start_and_goes_with_its_folder(run):
    os.makedirs(run.state_dir, mode=0o700)
    elsewhere = os.path.dirname(postgres.elsewhere(run.state_dir))
    try:
        for _ in range(2):
            run.start().up()
            assert f"the database lies in {elsewhere}/postgres" in run.text()
            url = settings.read(os.path.join(run.state_dir, "sokoul.env"))["DATABASE_URL"]
            assert run.stop() == 0
        shutil.rmtree(run.state_dir)
        os.makedirs(run.state_dir, mode=0o700)
        run.start().up()
        assert "is gone: moved it to" in run.text()
        assert settings.read(os.path.join(run.state_dir, "sokoul.env"))["DATABASE_URL"] != url
        assert len([n for n in os.listdir(elsewhere) if n.startswith("postgres.of-a-removed-folder")]) == 1
        assert run.stop() == 0
    finally:
        shutil.rmtree(elsewhere, ignore_errors=True)


# ---- state folders that cannot be used ----------------------------------------------------------------------------------


@contextlib.contextmanager
def a_file(run):
    with open(run.state_dir, "w", encoding="ascii"):
        pass
    yield run.start()
    os.unlink(run.state_dir)


@contextlib.contextmanager
def a_disk(run, options, fill=False):
    os.mkdir(run.state_dir)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "small", run.state_dir], check=True)
    try:
        if fill:
            with contextlib.suppress(OSError), open(os.path.join(run.state_dir, "filler"), "wb", 0) as f:
                while True:
                    f.write(b"x" * 4096)
        yield run.start()
    finally:
        subprocess.run(["umount", "-l", run.state_dir], check=True)


def read_only(run):
    return a_disk(run, "size=1m,ro")


def full(run):
    return a_disk(run, "size=1m,mode=755", fill=True)


@contextlib.contextmanager
def somebody_elses(run):
    os.mkdir(run.state_dir, 0o700)
    yield start_as(run, SOMEBODY)


@pytest.mark.parametrize("state,code,words", [
    (a_file, 78, "is in the way, since it is no folder"),
    pytest.param(read_only, 78, "read-only", marks=AS_ROOT),
    pytest.param(full, 69, "disk of .* is full", marks=AS_ROOT),
    pytest.param(somebody_elses, 78, "not ours, but root's", marks=[AS_ROOT, TO_SOMEBODY])])
def test_a_state_folder_that_cannot_be_used_is_one_sentence(run, state, code, words):
    with state(run):
        refuses(run, code, words)


# ---- settings, ports, servers ---------------------------------------------------------------------------------------------


def test_a_secret_that_is_too_short_is_refused_and_stays(run):
    os.mkdir(run.state_dir)
    path = os.path.join(run.state_dir, "sokoul.env")
    settings.write(path, {"JWT_SECRET": "short"})
    refuses(run.start(), 78, "JWT_SECRET has 5 bytes, and needs at least 32")
    assert settings.read(path) == {"JWT_SECRET": "short"}


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_busy_port_of_bittorrent_is_told(run, kind):
    if not os.access(os.path.join(ROOT, "build", "bin", "sokoul-hunter"), os.X_OK):
        pytest.skip("sokoul-hunter is not built")
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", run.base + 8))
        if kind == socket.SOCK_STREAM:
            s.listen()
        refuses(run.start(), 69, rf"port {run.base + 8}, needed for BitTorrent \(TORRENT_LISTEN\), is in use .*stop it, or")


def test_an_address_for_bittorrent_that_a_person_chose_stays(run):
    os.mkdir(run.state_dir)
    path = os.path.join(run.state_dir, "sokoul.env")
    settings.write(path, {"TORRENT_LISTEN": f"0.0.0.0:{run.base + 7000}"})
    run.start().up()
    assert settings.read(path)["TORRENT_LISTEN"] == f"0.0.0.0:{run.base + 7000}"
    assert run.stop() == 0


def test_of_a_server_that_does_not_start_the_fatal_line_is_quoted(run):
    run.start().up()
    assert run.stop() == 0
    with open(os.path.join(run.state_dir, "postgres", "pg_hba.conf"), "a", encoding="ascii") as f:
        f.write("nonsense\n")
    run.start()
    assert run.child.wait(60) == 69
    assert re.search(r"Postgres does not start: .*FATAL:  could not load .*pg_hba.conf", run.text()), run.text()
    assert "Traceback" not in run.text()


def test_it_is_not_readable_by_others(run):
    run.start().up()
    assert stat.S_IMODE(os.stat(os.path.join(run.state_dir, "sokoul.env")).st_mode) == 0o600
    run.child.send_signal(signal.SIGTERM)
    assert wait_for(lambda: run.child.poll() is not None, 60)


# ---- the build of `sudo make run` -------------------------------------------------------------------------------------------


@AS_ROOT
@TO_SOMEBODY
def test_with_sudo_the_build_is_made_by_who_called_in_a_checkout_of_theirs(run):
    folder = os.path.dirname(run.state_dir)
    built = os.path.join(folder, "build", "bin")
    os.makedirs(built)

    def whose():
        return subprocess.run([os.path.join(ROOT, "tools", "as-user"), "id", "-u"], cwd=folder, capture_output=True, text=True,
                              env={**os.environ, "SUDO_UID": str(SOMEBODY.pw_uid), "SUDO_GID": str(SOMEBODY.pw_gid)},
                              check=True).stdout.strip()

    assert whose() == "0" and os.stat(built).st_uid == 0
    os.chown(folder, SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    assert whose() == str(SOMEBODY.pw_uid) and os.stat(built).st_uid == SOMEBODY.pw_uid
