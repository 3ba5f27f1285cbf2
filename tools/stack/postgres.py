# SPDX-License-Identifier: Apache-2.0
"""A private Postgres: made, started, checked and stopped by its process id.

As root it runs as the user postgres, which must be able to enter its folder; place() decides
where that is.  The folder is made under another name and renamed when it is whole, so a first
start that was cut short leaves nothing that looks like a database.  The socket lies inside the
data folder (mode 0700), which is why local connections need no password.
"""
import glob
import hashlib
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from urllib.parse import quote

from stack.proc import Pid, StackError, all_pids, alive, link_of, name_of, spawn, telling, wait_for
from stack.servers import Server

SOCKET_PATH_MAX = 107  # what the kernel takes, without the final zero
ORPHAN_WAIT_S = 60


def owner():
    """The user that Postgres must run as, or None when it is ours."""
    if os.getuid() != 0:
        return None
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        raise StackError("the user postgres is missing: run tools/setup") from None
    return "postgres"


def as_owner(words):
    user = owner()
    if not user:
        return words
    return ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--"] + words


def place(state_dir):
    """Where the database's folder of a state folder lies."""
    state_dir = os.path.realpath(state_dir)
    if not owner() or subprocess.run(as_owner(["test", "-x", state_dir]), check=False).returncode == 0:
        return os.path.join(state_dir, "postgres")
    return elsewhere(state_dir)


def elsewhere(state_dir):
    """Where it lies when root runs all and the user postgres cannot enter the state folder."""
    mark = hashlib.sha256(os.path.realpath(state_dir).encode()).hexdigest()[:12]
    return os.path.join("/var/lib/sokoul", mark, "postgres")


def fetch(state_dir, say):
    """Brings a database that lies elsewhere home, before the state folder is given to a user who can enter it."""
    away, home = elsewhere(state_dir), os.path.join(os.path.realpath(state_dir), "postgres")
    if not os.path.isdir(away) or os.path.exists(home):
        return
    Postgres(0, away, "", say).end_orphans()
    shutil.move(away, home)
    say(f"moved the database from {away} to {home}")


def set_aside(folder, say):
    """What a state folder that is gone has left elsewhere: a new one starts anew."""
    if not os.path.isdir(folder):
        return
    aside = f"{folder}.of-a-removed-folder-{time.strftime('%Y%m%d-%H%M%S')}"
    os.rename(folder, aside)
    say(f"the folder that the database in {folder} belonged to is gone: moved it to {aside} and starting with a new "
        "one; delete it if nobody needs it")


def installed():
    """The installed major versions and their folders of programs."""
    found = {}
    for path in glob.glob("/usr/lib/postgresql/*/bin/postgres"):
        found[path.split("/")[4]] = os.path.dirname(path)
    if not found:
        raise StackError("PostgreSQL is not installed: run tools/setup")
    return found


class Postgres(Server):
    name = "postgres"
    title = "Postgres"
    stop_signal = signal.SIGINT  # the fast shutdown: sessions are cut, data are safe
    stop_wait_s = 60

    def __init__(self, port, folder, password, say=print):
        super().__init__(port, folder, password)
        self.say = say
        self.socket_dir = None
        self.more = {}  # settings on top of those that every Postgres of ours has

    # ---- the folder -----------------------------------------------------------------------------

    def prepare(self):
        self._make_parents()
        self._look_at_what_is_there()
        if not os.path.exists(f"{self.folder}/PG_VERSION"):
            self._make()
        with open(f"{self.folder}/PG_VERSION", encoding="ascii") as f:
            version = f.read().strip()
        if version not in installed():
            raise StackError(
                f"the database in {self.folder} was made by PostgreSQL {version}, but only "
                f"{', '.join(sorted(installed()))} is installed: move it with pg_upgrade, or move the folder away")
        self.bin = installed()[version]
        self._choose_socket_dir()

    def _make_parents(self):
        parent = os.path.dirname(self.folder)
        if not os.path.isdir(parent):
            os.makedirs(parent, mode=0o755)
            os.chmod(parent, 0o755)
        if owner() and os.path.dirname(os.path.dirname(parent)) == "/var/lib":
            os.chmod(os.path.dirname(parent), 0o755)

    def _look_at_what_is_there(self):
        unfinished = f"{self.folder}.new"
        if os.path.exists(unfinished):
            self.say(f"an earlier first start was cut short: removing its unfinished {unfinished}")
            shutil.rmtree(unfinished)
        if not os.path.isdir(self.folder) or not os.listdir(self.folder):
            return
        wanted = ("PG_VERSION", "global/pg_control", "postgresql.conf", "base")
        missing = [name for name in wanted if not os.path.exists(f"{self.folder}/{name}")]
        if missing:
            aside = f"{self.folder}.broken-{time.strftime('%Y%m%d-%H%M%S')}"
            os.rename(self.folder, aside)
            self.say(f"{self.folder} is not a whole database folder ({missing[0]} is missing): "
                     f"moved it to {aside} and starting with a new one")

    def _make(self):
        unfinished = f"{self.folder}.new"
        os.mkdir(unfinished, 0o700)
        user = owner()
        if user:
            shutil.chown(unfinished, user, user)
        newest = installed()[max(installed(), key=int)]
        made = subprocess.run(
            as_owner([f"{newest}/initdb", "-D", unfinished, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                      "--auth-local=trust", "--auth-host=scram-sha-256"]),
            capture_output=True, text=True, check=False, cwd="/", timeout=120)
        if made.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise StackError(f"initdb failed: {telling(made.stderr or made.stdout)}")
        if os.path.isdir(self.folder):
            os.rmdir(self.folder)
        os.rename(unfinished, self.folder)

    def _choose_socket_dir(self):
        self.socket_dir = self.folder
        if len(f"{self.folder}/.s.PGSQL.{self.port}") > SOCKET_PATH_MAX:
            self.socket_dir = tempfile.mkdtemp(prefix="sokoul-pg-")
            if owner():
                shutil.chown(self.socket_dir, owner(), owner())

    # ---- the process ----------------------------------------------------------------------------

    def words(self):
        settings = {"port": self.port, "listen_addresses": self.host, "max_connections": 200, "fsync": "on",
                    "unix_socket_directories": self.socket_dir, "unix_socket_permissions": "0700",
                    "shared_buffers": "64MB", "logging_collector": "off", "log_timezone": "UTC",
                    "timezone": "UTC", "cluster_name": "sokoul", "log_line_prefix": "%m [%p] ",
                    # what stands in rows (an address that is taken) and in statements stays out of the log
                    "log_error_verbosity": "terse", "log_min_error_statement": "panic", **self.more}
        words = [f"{self.bin}/postgres", "-D", self.folder]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        return words

    def start(self):
        self.end_orphans()
        self._forget_stale_pid()
        self.child = spawn(self.words(), user=owner(), death=self.stop_signal, stdout=self.log or subprocess.DEVNULL,
                           stderr=subprocess.STDOUT, cwd="/")

    def own_processes(self):
        """The processes that work in this data folder: each of Postgres has it as working folder."""
        real = os.path.realpath(self.folder)
        child = self.child.pid if self.child and self.child.poll() is None else None
        return [Pid(pid) for pid in all_pids()
                if link_of(pid, "cwd") == real and os.path.basename(link_of(pid, "exe")) == "postgres"
                and pid != child and alive(pid)]

    def end_orphans(self):
        """Ends what a killed server left behind; Postgres refuses to start beside it."""
        deadline = time.monotonic() + ORPHAN_WAIT_S
        orphans = self.own_processes()
        if orphans:
            self.say(f"{len(orphans)} processes of an earlier Postgres still live in {self.folder}: ending them")
        main = self._recorded()
        if main:
            main.stop(20, signal.SIGINT)
        while time.monotonic() < deadline:
            orphans = self.own_processes()
            if not orphans:
                return
            for process in orphans:
                process.send(signal.SIGTERM)
            if not wait_for(lambda: not self.own_processes(), 3):
                for process in self.own_processes():
                    process.send(signal.SIGQUIT)
                wait_for(lambda: not self.own_processes(), 3)
        raise StackError(f"an earlier Postgres in {self.folder} does not end: "
                         f"processes {', '.join(str(p.pid) for p in self.own_processes())}")

    def _recorded(self):
        """The server that postmaster.pid names, if it is one of this folder."""
        try:
            with open(f"{self.folder}/postmaster.pid", encoding="ascii", errors="replace") as f:
                pid = int(f.readline())
        except (OSError, ValueError):
            return None
        return next((p for p in self.own_processes() if p.pid == pid), None)

    def _forget_stale_pid(self):
        """Removes a pid file that names a process which is not this server."""
        path = f"{self.folder}/postmaster.pid"
        if not os.path.exists(path) or self.own_processes():
            return
        with open(path, encoding="ascii", errors="replace") as f:
            text = f.readline().strip()
        who = f"process {text}, which is {name_of(int(text))}" if text.isdigit() else "nothing"
        self.say(f"removing a stale pid file of Postgres (it names {who})")
        os.unlink(path)

    def stop(self):
        super().stop()
        for process in self.own_processes():
            process.stop(5, signal.SIGQUIT)
        if self.socket_dir and self.socket_dir != self.folder:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _greet(self, wait_s):
        """What it says to a client who comes in; b"" when it says nothing."""
        body = struct.pack("!i", 196608) + b"user\0postgres\0database\0postgres\0\0"
        try:
            with socket.create_connection((self.host, self.port), wait_s) as s:
                s.settimeout(wait_s)
                s.sendall(struct.pack("!i", len(body) + 4) + body)
                return s.recv(512)
        except OSError:
            return b""

    def ready(self):
        """Anything but "not yet" means that it serves."""
        answer = self._greet(1)
        return answer[:1] == b"R" or (answer[:1] == b"E" and b"57P03" not in answer)

    def answers(self):
        return bool(self._greet(4))

    # ---- what is in it --------------------------------------------------------------------------

    def sql(self, text, database="postgres"):
        """Runs statements as the superuser through the private socket."""
        done = subprocess.run(
            as_owner([f"{self.bin}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.socket_dir,
                      "-p", str(self.port), "-U", "postgres", "-d", database, "-f", "-"]),
            input=text, capture_output=True, text=True, check=False, cwd="/", timeout=60)
        if done.returncode != 0:
            raise StackError(f"Postgres refused a setup step: {done.stderr.strip()[-300:]}")
        return done.stdout.strip()

    def ensure_owner(self, role="sokoul", database="sokoul", power="NOSUPERUSER"):
        """The role, with the current password, and its database; nothing changes when they are there."""
        if not re.fullmatch(r"[a-z_]+", role + database):
            raise ValueError("a role or database name needs no quoting here")
        literal = self.password.replace("'", "''")
        self.sql(f"""
            DO $$ BEGIN
              IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role}; END IF;
            END $$;
            ALTER ROLE {role} LOGIN {power} PASSWORD '{literal}';""")
        if not self.sql(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"):
            self.sql(f"CREATE DATABASE {database} OWNER {role}")

    def url(self, database="sokoul", role="sokoul"):
        return f"postgresql://{role}:{quote(self.password, safe='')}@{self.host}:{self.port}/{database}"
