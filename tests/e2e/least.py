# SPDX-License-Identifier: Apache-2.0
"""Servers as docker-compose.yml sets them up, without containers: its roles, users, subjects and commands.

The very files of deploy/compose are used, with this machine's addresses in them, and the secrets that tools/compose-env
writes.  `Least.settings(program)` are those that tell a program where they are and who it is there.
"""
import os
import re
import shutil
import socket
import subprocess

from stack.nats import Nats, NatsError
from stack.postgres import Postgres, place
from stack.proc import free_ports
from stack.servers import NatsServer, RedisServer, write_private
from stack_under_test import ROOT

DEPLOY = os.path.join(ROOT, "deploy", "compose")


def text_of(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


class LeastNats(NatsServer):
    """The configuration includes its passwords by a path relative to its own: the folder stands for the container's root."""

    def prepare(self):
        os.makedirs(f"{self.folder}/etc/sokoul", exist_ok=True)
        text = text_of(DEPLOY, "nats.conf").replace("0.0.0.0:4222", f"127.0.0.1:{self.port}")
        text = re.sub(r"^http: .*$", "", text, flags=re.MULTILINE).replace('"/data"', f'"{self.folder}/data"')
        if self.version() < (2, 10, 0):
            text = re.sub(r"^ *sync_interval:.*$", "", text, flags=re.MULTILINE)
        write_private(f"{self.folder}/etc/sokoul/nats.conf", text)

    def words(self):
        return [super().words()[0], "-c", f"{self.folder}/etc/sokoul/nats.conf"]

    def connect(self, wait_s=5.0, user="api"):
        word = re.search(rf'NATS_{user.upper()}: "(.*)"', text_of(self.folder, "run/secrets/nats_passwords"))
        return Nats(self.port, user, word.group(1), wait_s=wait_s)


class LeastRedis(RedisServer):
    def prepare(self):
        super().prepare()
        text = text_of(DEPLOY, "redis.conf").replace("bind 0.0.0.0", "bind 127.0.0.1").replace("6379", str(self.port))
        text = text.replace("/run/secrets", self.folder).replace("dir /data", f"dir {self.folder}")
        write_private(f"{self.folder}/redis.conf", text)

    def command(self, *words, wait_s=1.0, login=None):
        """The first line of its answer; login is (user, password)."""
        with socket.create_connection(("127.0.0.1", self.port), wait_s) as s, s.makefile("rwb") as wire:
            for parts in ([["AUTH", *login]] if login else []) + [words]:
                wire.write(f"*{len(parts)}\r\n".encode() + b"".join(f"${len(p)}\r\n{p}\r\n".encode() for p in parts))
                wire.flush()
                line = wire.readline().decode().strip()
            return line

    def ready(self):
        try:
            return self.command("PING").startswith("-NOAUTH")
        except OSError:
            return False


class Least:
    def __init__(self, folder):
        self.folder = str(folder)
        subprocess.run([os.path.join(ROOT, "tools", "compose-env"), self.folder], check=True, capture_output=True)
        os.makedirs(f"{self.folder}/nats/run")
        shutil.copytree(f"{self.folder}/.secrets", f"{self.folder}/nats/run/secrets")
        port = free_ports(3)
        self.postgres = Postgres(port, place(self.folder), "not-used-by-anybody")
        self.nats = LeastNats(port + 1, f"{self.folder}/nats", self.secret("nats_passwords"))
        self.redis = LeastRedis(port + 2, f"{self.folder}/redis", self.secret("redis_users"))
        self.logs = []

    def secret(self, name):
        return text_of(self.folder, ".secrets", name)

    def __enter__(self):
        os.makedirs(f"{self.folder}/redis", exist_ok=True)
        shutil.copy(f"{self.folder}/.secrets/redis_users", f"{self.folder}/redis")
        for server in (self.postgres, self.nats, self.redis):
            server.prepare()
            server.log = open(self.log_path(server), "ab")
            self.logs.append(server.log)
            server.start()
        for server in (self.postgres, self.nats, self.redis):
            server.wait_ready()
        self.make_roles()
        return self

    def make_roles(self):
        environment = dict(os.environ, PATH=f"{self.postgres.bin}:{os.environ['PATH']}", POSTGRES_USER="postgres",
                           PGHOST=self.postgres.socket_dir, PGPORT=str(self.postgres.port),
                           SECRETS=f"{self.folder}/.secrets")
        subprocess.run([os.path.join(DEPLOY, "roles.sh")], env=environment, check=True, capture_output=True)

    def __exit__(self, *_):
        for server in (self.redis, self.nats, self.postgres):
            server.stop()
        for log in self.logs:
            log.close()

    def log_path(self, server):
        return f"{self.folder}/{server.name}.log"

    def database_url(self, role):
        return f"postgresql://sokoul_{role}:{self.secret(f'{role}_password')}@127.0.0.1:{self.postgres.port}/sokoul"

    def settings(self, program):
        """What .secrets says of its servers, with the addresses that they have here."""
        rows = dict(line.partition("=")[::2] for line in self.secret(f"{program}_env").splitlines())
        where = {"sokoul-db:5432": self.postgres.port, "sokoul-nats:4222": self.nats.port,
                 "sokoul-redis:6379": self.redis.port}
        found = {name: rows[name] for name in ("DATABASE_URL", "NATS_URL", "REDIS_URL") if name in rows}
        for name, url in found.items():
            for host, port in where.items():
                url = url.replace(host, f"127.0.0.1:{port}")
            found[name] = url
        return found

    def refusals(self):
        """What a server did not let somebody do, from their logs; Redis keeps none."""
        text = text_of(self.log_path(self.postgres)) + text_of(self.log_path(self.nats))
        return [line for line in text.splitlines() if re.search(r"permission denied|[Vv]iolation|must be owner", line)]


def refused(nats, subject, data=b"x"):
    """Whether this user may not publish there; a forbidden message closes nothing, it is answered with an error."""
    try:
        nats.publish(subject, data)
        nats.flush()
    except NatsError as e:
        return "Permissions Violation" in str(e)
    return False
