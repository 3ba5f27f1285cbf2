# SPDX-License-Identifier: Apache-2.0
"""Sokoul's servers as on several machines, each of which is a loopback address here.

    with Cluster(folder, port) as cluster:
        cluster.settings()                  what every program is told
        cluster.place("sokoul-api", 1)      (address, its settings on top): where the second API listens
        cluster.nats.leader()               the NatsNode that leads the stream JOBS; None: nobody does
        cluster.nats.nodes[0].kill(), cluster.start(server)
        cluster.fail_over()                 the primary dies, the standby takes over

Every address has the same ports, from `port` on. Started are servers only; `run` starts the programs, too. One thread.
"""
import os
import re
import secrets
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from stack import postgres  # noqa: E402
from stack.nats import NatsError  # noqa: E402
from stack.proc import StackError, wait_for  # noqa: E402
from stack.servers import NatsServer, RedisServer, write_private  # noqa: E402
from stack.standby import Standby, end_at_once  # noqa: E402

NODES = 3
NATS, ROUTE, POSTGRES, REDIS, API, METRICS, TORRENT = range(7)  # ports, counted from the first
PORTS = 7
ADDRESSES = {"nats": 11, "primary": 21, "standby": 22, "redis": 26, "sokoul-api": 31, "sokoul-scout": 41, "sokoul-hunter": 51}
HEARD_NS = 5_000_000_000
STREAMS = ("JOBS", "DLQ", "LOGS", "EVENTS")
DATABASE = "sokoul"


def address(what, number=0):
    return f"127.0.0.{ADDRESSES[what] + number}"


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return f.read()


class NatsNode(NatsServer):
    """One of the cluster, by the configuration beside this file."""

    def __init__(self, number, port, folder, words):
        self.name = f"nats-{number + 1}"
        super().__init__(port + NATS, folder, words["NATS_PASSWORD"])
        self.host = address("nats", number)
        self.store = f"{self.folder}/store"
        self.environment = {**os.environ, **words, "NATS_NAME": self.name, "NATS_HOST": self.host, "NATS_PORT": str(self.port),
                            "NATS_ROUTE_PORT": str(port + ROUTE), "NATS_STORE": self.store}

    def prepare(self):
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        text = read("nats.conf")
        if self.version() < (2, 10, 0):  # which would not start with it
            text = re.sub(r"^ *sync_interval:.*$", "", text, flags=re.MULTILINE)
        write_private(f"{self.folder}/nats.conf", text)

    def running(self):
        return self.child is not None and self.child.poll() is None

    def lose_store(self):
        """What a new disk does."""
        self.kill()
        shutil.rmtree(self.store)


def follows(replica, is_stream):
    """After a restart a server of 2.9 is said to lag behind a consumer until that is used again: its word is enough."""
    heard = not replica.get("offline") and replica["active"] < HEARD_NS
    return heard and (replica["current"] or not is_stream)


class NatsCluster:
    def __init__(self, nodes):
        self.nodes = nodes
        self.password = nodes[0].password

    def url(self):
        return ",".join(n.url() for n in self.nodes)

    def connect(self, wait_s=5.0):
        """To any that answers."""
        for node in self.nodes:
            if node.running():
                try:
                    return node.connect(wait_s)
                except NatsError:
                    continue
        raise NatsError("none of the nats-servers answers")

    def groups(self, wait_s=1.0):
        """{name: its {leader, replicas}} of each stream and each consumer; those without a leader are missing."""
        found = {}
        with self.connect(wait_s) as nats:
            for stream in STREAMS:
                try:
                    found[stream] = nats.js(f"STREAM.INFO.{stream}", wait_s=wait_s).get("cluster", {})
                except NatsError:
                    continue
            for consumer in nats.js("CONSUMER.LIST.JOBS", wait_s=wait_s)["consumers"] if "JOBS" in found else ():
                found[f"JOBS {consumer['name']}"] = consumer.get("cluster", {})
        return found

    def leader(self, stream="JOBS"):
        try:
            with self.connect(1.0) as nats:
                name = nats.js(f"STREAM.INFO.{stream}", wait_s=1.0).get("cluster", {}).get("leader")
        except NatsError:
            return None
        return next((n for n in self.nodes if n.name == name and n.running()), None)

    def whole(self, replicas=NODES):
        """Every stream and consumer has a leader and so many servers that have all of it."""
        try:
            groups = self.groups()
        except NatsError:
            return False
        return set(STREAMS) < set(groups) and all(
            group.get("leader") and len(group.get("replicas") or []) == replicas - 1
            and all(follows(r, name in STREAMS) for r in group.get("replicas") or []) for name, group in groups.items())


class Cluster:
    def __init__(self, folder, port, replicas=NODES):
        self.folder, self.port, self.replicas = os.path.abspath(folder), port, replicas
        password, route = (f"p{secrets.token_hex(12)}" for _ in range(2))
        routes = {f"NATS_ROUTE_{n + 1}": f"nats://route:{route}@{address('nats', n)}:{port + ROUTE}" for n in range(NODES)}
        words = {**routes, "NATS_PASSWORD": password, "NATS_ROUTE_PASSWORD": route}
        self.nats = NatsCluster([NatsNode(n, port, f"{self.folder}/nats-{n + 1}", words) for n in range(NODES)])
        self.redis = RedisServer(port + REDIS, f"{self.folder}/redis", secrets.token_hex(12))
        self.redis.host = address("redis")
        self.primary = self._postgres("primary", lambda where: postgres.Postgres(port + POSTGRES, where, password))
        self.primary.more.update(re.findall(r"^(\w+) = '?([^'#\n]*?)'? *(?:#.*)?$", read("postgresql.conf"), re.MULTILINE))
        self.standby = self._postgres("standby", lambda where: Standby(self.primary, port + POSTGRES, where, port + POSTGRES))
        self.downloads = f"{self.folder}/downloads"
        self.jwt_secret = secrets.token_hex(32)

    def _postgres(self, name, make):
        for folder in (self.folder, f"{self.folder}/{name}"):
            os.makedirs(folder, exist_ok=True)
            os.chmod(folder, 0o711)  # the user postgres must get through
        server = make(postgres.place(f"{self.folder}/{name}"))
        server.name, server.host = name, address(name)
        return server

    # ---- servers --------------------------------------------------------------------------------------------------

    def servers(self):
        return [*self.nats.nodes, self.redis, self.primary, self.standby]

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self):
        os.makedirs(self.downloads, exist_ok=True)
        others = [*self.nats.nodes, self.redis]
        for server in [*others, self.primary]:
            server.prepare()
            self.start(server, wait=False)
        self.primary.wait_ready()
        self.primary.ensure_owner(power="SUPERUSER", database=DATABASE)
        self.standby.prepare()
        self.start(self.standby)
        self._commit_on_both()
        for server in others:
            server.wait_ready()

    def _commit_on_both(self):
        """From now on what is committed is on both disks: a failover loses nothing."""
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        self.primary.sql("SELECT pg_reload_conf()")
        if not wait_for(lambda: self.primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync", 30):
            raise StackError("the standby does not follow the primary")

    def start(self, server, wait=True):
        """Also again, after a kill."""
        with open(f"{self.folder}/{server.name}.log", "ab") as log:
            server.log = log
            server.start()
        server.log = None
        if wait:
            server.wait_ready()

    def restart(self, server):
        self.start(server)

    def fail_over(self):
        """The primary ends as by a power cut, and the standby takes over."""
        end_at_once(self.primary)
        self.standby.promote()

    def stop(self):
        for server in self.servers():
            server.stop()
        for server in (self.primary, self.standby):
            if not server.folder.startswith(f"{self.folder}/"):
                shutil.rmtree(os.path.dirname(server.folder), ignore_errors=True)

    def __exit__(self, *_):
        self.stop()

    # ---- programs -------------------------------------------------------------------------------------------------

    def database_url(self, database=DATABASE):
        """Whichever of the two takes writes."""
        one, other = (f"{address(name)}:{self.port + POSTGRES}" for name in ("primary", "standby"))
        return self.primary.url(database).replace(one, f"{one},{other}") + "?target_session_attrs=read-write"

    def settings(self):
        return {"DATABASE_URL": self.database_url(), "NATS_URL": self.nats.url(), "NATS_REPLICAS": self.replicas,
                "REDIS_URL": self.redis.url(), "DOWNLOAD_DIR": self.downloads, "JWT_SECRET": self.jwt_secret,
                "TMDB_API_KEY": os.environ.get("TMDB_API_KEY", "none-yet")}

    def place(self, program, number):
        """Where the program of that number listens, and what only this one is told."""
        host = address(program, number)
        if program == "sokoul-api":
            return host, self.port + API, {}
        return host, self.port + METRICS, {"NODE_NAME": f"machine-{number + 1}", "TORRENT_LISTEN": f"{host}:{self.port + TORRENT}"}


__all__ = ["Cluster", "NatsCluster", "NatsNode", "StackError", "address", "PORTS", "NODES"]
