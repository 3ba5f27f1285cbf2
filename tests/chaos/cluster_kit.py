# SPDX-License-Identifier: Apache-2.0
"""Sokoul as on several machines: the servers of deploy/cluster, the programs of the fault suite, and a steady load.

    scene = ClusterWorld(folder, cluster)
    scene.up_all()                        two APIs, two scouts
    with Steady(scene, rate) as load:     posts to both APIs, so many a second in all
        ...
    load.longest_gap_s()                  between two answers 202
"""
import os
import sys
import time

from stack_under_test import ROOT, Sokoul, eventually
from world import Posting, World

sys.path.insert(0, os.path.join(ROOT, "deploy", "cluster"))

from cluster import PORTS, Cluster  # noqa: E402, F401


class ClusterWorld(World):
    def __init__(self, folder, cluster, database):
        super().__init__(folder, cluster.primary, cluster.nats, cluster.redis, database, cluster.restart)
        self.cluster = cluster
        self.started = {}
        self.settings.update(cluster.settings(), DATABASE_URL=cluster.database_url(database))
        self.database_url = self.settings["DATABASE_URL"]
        self.download_dir = cluster.downloads

    def up(self, name, settings=None, env=None, ready=True, log=None):
        """The next of its name, at an address of its own."""
        number = self.started[name] = self.started.get(name, -1) + 1
        host, port, more = self.cluster.place(name, number)
        program = Sokoul.start(self, name, {**more, **(settings or {})}, env, ready, port, log, host)
        if name == "sokoul-api" and number == 0:
            self.api_port, self.api_host = port, host
        return program

    def up_all(self):
        self.apis = [self.up("sokoul-api") for _ in range(2)]
        self.scouts = [self.up("sokoul-scout") for _ in range(2)]
        eventually(self.cluster.nats.whole, 40, "streams and consumers on every server")
        self.client()

    def waits_s(self, since=None):
        """How long each job that was posted after that moment waited from accept to done, the longest first."""
        rows = self.sql("SELECT extract(epoch FROM finished_at - created_at) FROM jobs WHERE kind = 'noop'"
                        " AND created_at >= coalesce(%s::timestamptz, '-infinity') ORDER BY 1 DESC", (since,))
        return [float(r[0]) for r in rows]

    def stories(self, count):
        """What became of the jobs that waited longest, each with its moves."""
        rows = self.sql("SELECT job_id::text, created_at::text FROM jobs WHERE kind = 'noop' ORDER BY finished_at - created_at DESC"
                        " LIMIT %s", (count,))
        return [f"{job} of {created}: " + "; ".join(f"+{seconds:.2f} s {became} epoch {epoch} {reason or ''}" for became, epoch, reason, seconds in self.sql(
            "SELECT m.became, m.epoch, m.reason, extract(epoch FROM m.at - j.created_at)::float FROM chaos_moves m"
            " JOIN jobs j USING (job_id) WHERE job_id = %s ORDER BY n", (job,))) for job, created in rows]


class Steady(Posting):
    """Posts one job at a time, so many a second in all, to the APIs in turn, from a thread for each."""

    def __init__(self, world, rate):
        super().__init__(world, [self._requester(world, api) for api in world.apis])
        self.pause_s = len(world.apis) / rate
        self.accepted = []  # when each 202 came

    @staticmethod
    def _requester(world, api):
        requester = world.new_requester()
        requester.api = world.root.at(api.host, api.port)
        return requester

    def _run(self, requester):
        due = time.monotonic()
        while not self.over.wait(max(0, due - time.monotonic())):
            due = max(due + self.pause_s, time.monotonic() - 1)  # what a fault held up is not made up for
            requester.submit({"sleep_ms": len(self.accepted) % 7})
            self.accepted.append(time.monotonic())

    def longest_gap_s(self):
        times = sorted(self.accepted)
        return max(b - a for a, b in zip(times, times[1:]))
