# SPDX-License-Identifier: Apache-2.0
"""A set of servers for tests, in a temporary folder, on free ports; nothing of it stays.

    with ThrowAway() as servers:
        servers.postgres.url("postgres"), servers.nats.url(), servers.redis.url()

The role `sokoul` of its Postgres is a superuser, so that tests can make databases; it counts statements once a database
has said CREATE EXTENSION pg_stat_statements.
"""
import os
import secrets
import shutil
import tempfile

from stack import postgres
from stack.proc import StackError, free_ports
from stack.servers import NatsServer, RedisServer

TRIES = 3  # a port may be taken between looking and binding


class ThrowAway:
    def __init__(self, kinds=("postgres", "nats", "redis")):
        self.kinds = kinds
        self.folder = None
        self.postgres = self.nats = self.redis = None

    def start(self):
        for attempt in range(TRIES):
            try:
                self._start()
                return self
            except StackError:
                tail = self.log_tail()
                self.stop()
                if attempt == TRIES - 1:
                    raise StackError(f"the servers for the tests do not start: {tail}") from None
            except BaseException:
                self.stop()
                raise
        return self

    def _start(self):
        self.folder = tempfile.mkdtemp(prefix="sokoul-test-")
        os.chmod(self.folder, 0o711)
        base = free_ports(3)
        make = {"postgres": lambda: postgres.Postgres(base, postgres.place(self.folder), secrets.token_hex(12)),
                "nats": lambda: NatsServer(base + 1, f"{self.folder}/nats", secrets.token_hex(12)),
                "redis": lambda: RedisServer(base + 2, f"{self.folder}/redis", secrets.token_hex(12))}
        for kind in self.kinds:
            server = make[kind]()
            setattr(self, kind, server)
            if kind == "postgres":
                server.more = {"shared_preload_libraries": "pg_stat_statements"}
            with open(f"{self.folder}/{kind}.log", "ab") as log:
                server.prepare()
                server.log = log
                server.start()
            server.log = None
        for server in self.servers():
            server.wait_ready()
        if self.postgres:
            self.postgres.ensure_owner(power="SUPERUSER")

    def restart(self, server):
        """Starts a server of this set again after kill() or stop()."""
        with open(f"{self.folder}/{server.name}.log", "ab") as log:
            server.log = log
            server.start()
        server.wait_ready()

    def servers(self):
        return [s for s in (self.postgres, self.nats, self.redis) if s]

    def log_tail(self):
        lines = []
        for kind in self.kinds:
            try:
                with open(f"{self.folder}/{kind}.log", encoding="utf-8", errors="replace") as f:
                    lines += f.read().splitlines()[-3:]
            except (OSError, TypeError):
                continue
        return " | ".join(lines)

    def stop(self):
        for server in self.servers():
            server.stop()
        if self.postgres and not self.postgres.folder.startswith(f"{self.folder}/"):
            shutil.rmtree(os.path.dirname(self.postgres.folder), ignore_errors=True)
            try:
                os.rmdir("/var/lib/sokoul")
            except OSError:
                pass  # somebody else's folder is in it
        self.postgres = self.nats = self.redis = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
