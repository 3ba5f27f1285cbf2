# SPDX-License-Identifier: Apache-2.0
"""Private servers: NATS with JetStream and Redis; Postgres is in postgres.py.

Each listens on loopback only (`host`), on the port it is given, keeps its data in the folder it is
given, and is stopped by its process id.  A server object is used like this:

    server.prepare()   once: folders, configuration; raises StackError with a sentence
    server.start()     does not wait; `log` is a file object or a pipe's end for its output
    server.ready()     True once it answers like a healthy server; never blocks for long
    server.stop()      gracefully, then by force; returns when it is gone

`child` is the running process (subprocess.Popen) or None.  One thread.
"""
import contextlib
import os
import re
import signal
import socket
import subprocess
from urllib.parse import quote

from stack.nats import Nats, NatsError, NobodyListens
from stack.proc import StackError, family, freeze, spawn, stop_child, wait_for

DISK_FREE_MIN = 16 << 20


def program(name):
    """The full path of an installed program."""
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/usr/bin", "/sbin"]:
        path = os.path.join(folder, name)
        if folder and os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise StackError(f"{name} is not installed: run tools/setup")


def write_private(path, text):
    """A file with mode 0600 that is either the old or the new one, never half of it."""
    temporary = f"{path}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    os.replace(temporary, path)


class Server:
    name = ""
    title = ""
    stop_signal = signal.SIGTERM
    stop_wait_s = 10
    host = "127.0.0.1"
    environment = None  # ours

    def __init__(self, port, folder, password):
        self.port = port
        self.folder = os.path.abspath(folder)
        self.password = password
        self.child = None
        self.log = None  # None: thrown away

    def words(self):
        raise NotImplementedError

    def prepare(self):
        os.makedirs(self.folder, mode=0o700, exist_ok=True)

    def start(self):
        self.child = spawn(self.words(), death=self.stop_signal, stdout=self.log or subprocess.DEVNULL, stderr=subprocess.STDOUT,
                           cwd=self.folder, env=self.environment)

    def stop(self):
        if self.child:
            stop_child(self.child, self.stop_wait_s, self.stop_signal)
            self.child = None

    def kill(self):
        """What a power cut does to it; for tests."""
        if self.child:
            self.child.kill()
            self.child.wait()
            self.child = None

    def freeze(self):
        """Stops all of its processes where they are; for tests."""
        freeze(*family(self.child.pid))

    def thaw(self):
        for pid in family(self.child.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def answers(self):
        """Whether it says anything at all, be it only that it is not ready yet; at most CHECK_WAIT_S of supervise.py."""
        return self.ready()

    def watch(self):
        """How a Unit of stack/supervise.py sees that it hangs."""
        return {"check": self.answers}

    def wait_ready(self, wait_s=30):
        def settled():
            return self.child.poll() is not None or self.ready()

        if not wait_for(settled, wait_s) or self.child.poll() is not None:
            state = "ended at once" if self.child.poll() is not None else f"did not answer within {wait_s} s"
            raise StackError(f"{self.title} {state}; its log says why")


class NatsServer(Server):
    name = "nats"
    title = "NATS"

    def version(self):
        text = subprocess.run([program("nats-server"), "--version"], capture_output=True, text=True,
                              check=False, timeout=10).stdout
        found = re.search(r"v(\d+)\.(\d+)\.(\d+)", text)
        return tuple(int(n) for n in found.groups()) if found else (0, 0, 0)

    def prepare(self):
        super().prepare()
        # Before 2.10 there is no such setting, and the server would refuse to start.
        sync = "  sync_interval: always\n" if self.version() >= (2, 10, 0) else ""
        write_private(
            f"{self.folder}/nats.conf",
            f'server_name: "sokoul"\nlisten: "{self.host}:{self.port}"\nmax_payload: 1MB\n'
            f'jetstream {{\n  store_dir: "{self.folder}"\n  max_memory_store: 64MB\n'
            f"  max_file_store: 16GB\n{sync}}}\n"
            f'authorization {{\n  user: "sokoul"\n  password: "{self.password}"\n}}\n')

    def words(self):
        return [program("nats-server"), "-c", f"{self.folder}/nats.conf"]

    def url(self):
        return f"nats://sokoul:{quote(self.password, safe='')}@{self.host}:{self.port}"

    def connect(self, wait_s=5.0):
        return Nats(self.port, "sokoul", self.password, self.host, wait_s)

    def ready(self, wait_s=1.0):
        try:
            with self.connect(wait_s) as nats:
                nats.js("INFO")
        except NatsError:
            return False
        return True

    def stores(self, wait_s=1.5):
        """A message through a stream on disk and back, and a word from every stream (one that hangs on a full
        disk holds up INFO, and no other stream): False when JetStream hangs or its disk is full."""
        try:
            with self.connect(wait_s) as nats:
                try:
                    nats.js_publish("sokoul.probe", b"probe")
                except NobodyListens:
                    nats.js("STREAM.CREATE.PROBE", {"name": "PROBE", "subjects": ["sokoul.probe"],
                                                    "storage": "file", "retention": "limits",
                                                    "discard": "old", "max_msgs": 1, "max_bytes": 65536})
                    nats.js_publish("sokoul.probe", b"probe")
                nats.js("INFO")
        except NatsError:
            return False
        return True

    def disk_full(self):
        """A restart does not help while there is no room; the store may have a disk of its own."""
        there = os.statvfs(self.folder)
        return "the disk is full" if there.f_bavail * there.f_frsize < DISK_FREE_MIN else None

    def watch(self):
        """JetStream may hang while the server answers."""
        return {"check": self.stores, "check_pause_s": 1.0, "excuse": self.disk_full}


class RedisServer(Server):
    name = "redis"
    title = "Redis"

    def prepare(self):
        super().prepare()
        write_private(
            f"{self.folder}/redis.conf",
            f'bind {self.host}\nport {self.port}\nprotected-mode yes\nrequirepass "{self.password}"\n'
            f'dir "{self.folder}"\nsave ""\nappendonly no\nmaxmemory 64mb\nmaxmemory-policy allkeys-lru\n'
            'daemonize no\nlogfile ""\ntcp-backlog 511\n')

    def words(self):
        return [program("redis-server"), f"{self.folder}/redis.conf"]

    def url(self):
        return f"redis://:{quote(self.password, safe='')}@{self.host}:{self.port}/0"

    def command(self, *words, wait_s=1.0):
        """One command; the first line of the answer, such as "+PONG"."""
        def encoded(*parts):
            return f"*{len(parts)}\r\n".encode() + b"".join(
                f"${len(p.encode())}\r\n{p}\r\n".encode() for p in parts)

        with socket.create_connection((self.host, self.port), wait_s) as s:
            s.sendall(encoded("AUTH", self.password) + encoded(*words))
            with s.makefile("rb") as answers:
                answers.readline()
                return answers.readline().decode().strip()

    def ready(self):
        try:
            return self.command("PING") == "+PONG"
        except OSError:
            return False

    def answers(self):
        try:
            return bool(self.command("PING", wait_s=4.0))
        except OSError:
            return False
