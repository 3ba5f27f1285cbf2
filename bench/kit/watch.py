# SPDX-License-Identifier: Apache-2.0
"""What programs and servers take while something is measured, and whether the API answers health checks meanwhile.

    with Watch(scene) as watch, Health(api.port) as health:
        ...
    watch.rows(), health.p99(), health.failed

Everything comes from /proc. The network is that of the loopback interface: the kernel counts no bytes for each process.
"""
import collections
import http.client
import os
import threading
import time

from kit.machine import pss_mib, rss_kib
from stack.proc import children_of

COLUMNS = ("program", "CPU, % of a core", "PSS, MiB", "descriptors", "read, MiB", "written, MiB")
TICKS = os.sysconf("SC_CLK_TCK")
PROBE_WAIT_S = 10
Look = collections.namedtuple("Look", "at cpu_s pss_mib rss_kib descriptors read written")


def _cpu_s(pid):
    """With what its children have taken that it has waited for."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return sum(int(n) for n in fields[11:15]) / TICKS


def _io(pid):
    """(bytes read, bytes written), of the disk."""
    with open(f"/proc/{pid}/io", encoding="ascii") as f:
        rows = dict(line.split(": ") for line in f.read().splitlines())
    return int(rows["read_bytes"]), int(rows["write_bytes"])


def _descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def _each(measure, pids):
    found = []
    for pid in pids:
        try:
            found.append(measure(pid))
        except OSError:
            continue  # it ended meanwhile, as Postgres's sessions do
    return found


def look(pids):
    """All of the processes as one; memory and descriptors as they are, the rest since they began."""
    io = _each(_io, pids)
    return Look(time.monotonic(), sum(_each(_cpu_s, pids)), pss_mib(pids), sum(_each(rss_kib, pids)), sum(_each(_descriptors, pids)),
                sum(r for r, _ in io), sum(w for _, w in io))


def loopback_bytes():
    with open("/proc/net/dev", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.strip().startswith("lo:"))


class Watch:
    """Looks each second at the programs and servers of a scene; a program that is started later is not seen."""

    def __init__(self, scene, each_s=1.0):
        names = collections.Counter(p.name for p in scene.programs)
        seen = collections.Counter()
        self.roots = {}
        for program in scene.programs:
            seen[program.name] += 1
            number = f" {seen[program.name]}" if names[program.name] > 1 else ""
            self.roots[program.name + number] = program.child
        for server in (scene.servers.postgres, scene.nats, scene.servers.own.redis):
            self.roots[server.name] = server
        self.each_s = each_s
        self.looks = {name: [] for name in self.roots}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _pids(self, name):
        """A server may be another process than it was."""
        root = self.roots[name]
        root = getattr(root, "child", root)
        if root is None or root.poll() is not None:
            return []
        return [root.pid] + (children_of(root.pid) if name == "postgres" else [])

    def _look(self):
        for name, looks in self.looks.items():
            pids = self._pids(name)
            if pids:
                looks.append(look(pids))

    def _watch(self):
        while not self.over.wait(self.each_s):
            self._look()

    def __enter__(self):
        self._look()
        self.lo = loopback_bytes()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self._look()
        self.lo = loopback_bytes() - self.lo

    def seconds(self, name):
        return self.looks[name][-1].at - self.looks[name][0].at

    def cpu_percent(self, name):
        looks = self.looks[name]
        return max(0, looks[-1].cpu_s - looks[0].cpu_s) / self.seconds(name) * 100

    def rows(self):
        """For report.table(COLUMNS): a row for each, memory and descriptors at their most."""
        made = []
        for name, looks in self.looks.items():
            if len(looks) > 1:
                made.append([name, self.cpu_percent(name), max(s.pss_mib for s in looks), max(s.descriptors for s in looks),
                             max(0, looks[-1].read - looks[0].read) / (1 << 20), max(0, looks[-1].written - looks[0].written) / (1 << 20)])
        whole = max(self.seconds(name) for name in self.looks if len(self.looks[name]) > 1)
        made.append([f"network, loopback as a whole: {self.lo / (1 << 20) / whole:.1f} MiB/s"] + [""] * (len(COLUMNS) - 1))
        return made


class Health:
    """Asks /health as a supervisor does, by a connection of its own each time."""

    def __init__(self, port, each_s=0.05, path="/health"):
        self.port, self.each_s, self.path = port, each_s, path
        self.took_ms = []
        self.status = collections.Counter()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._probe, daemon=True)

    def _ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PROBE_WAIT_S)
        try:
            connection.request("GET", self.path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def _probe(self):
        while not self.over.wait(self.each_s):
            begun = time.monotonic()
            self.status[self._ask()] += 1
            self.took_ms.append((time.monotonic() - begun) * 1000)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def p99(self):
        return sorted(self.took_ms)[len(self.took_ms) * 99 // 100]

    def most(self):
        return max(self.took_ms)

    @property
    def failed(self):
        return sum(self.status.values()) - self.status[200]
