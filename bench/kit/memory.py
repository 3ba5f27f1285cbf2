# SPDX-License-Identifier: Apache-2.0
"""What the programs weigh: idle, with connections, with jobs queued or waiting, and whether a worker grows; and whether
whoever asks the API feels that jobs are slow."""
import subprocess

from kit.http import NOOP, load
from kit.jobs import wait_with
from kit.machine import pss_mib, rss_kib
from kit.scene import TOOLS, BenchError, Scene, pause
from stack.proc import wait_for


def idle(report, servers):
    with Scene(servers) as scene:
        started = [scene.start(name) for name in ("sokoul-api", "sokoul-scout")]
        pause(3)
        for program in started:
            report.add(f"{program.name}, idle", pss_mib([program.pid]), "MiB", note="PSS")
        connections(report, scene, started[0])


def connections(report, scene, api, count=1000):
    tokens = scene.admins(api)
    pause(0.5)
    before = pss_mib([api.pid])
    words = [f"{TOOLS}/http_load", "--port", str(api.port), "--connections", str(count), "--hold", "--tokens", tokens,
             "--request", scene.get_request("/livez")]
    client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if client.stdout.readline() != "READY\n":
            raise BenchError("the connections could not be opened")
        pause(0.5)
        after = pss_mib([api.pid])
    finally:
        client.stdin.close()
        client.stdout.read()
        client.wait(10)
    report.add(f"sokoul-api, {count:,} connections", after, "MiB", note="PSS")
    report.add("each idle connection", (after - before) * 1024 / count, "KiB", None, ("≤", 20))


def queued(report, servers):
    """10,000 jobs wait for a worker that is not there; then it comes and does them."""
    with Scene(servers) as scene:
        api = scene.start("sokoul-api")
        scene.fill(10000)
        wait_for(lambda: scene.sql.run("SELECT count(*) FROM outgoing") == "0", 30, 0.2)
        pause(1)
        report.add("sokoul-api, 10,000 jobs queued", pss_mib([api.pid]), "MiB", note="PSS, after relaying them")
        status, body = api.ask("/metrics")
        if status != 200 or "sokoul_jobs_pending" not in body:
            raise BenchError("the API does not answer with jobs queued")
        scout = scene.start("sokoul-scout")
        scene.wait_done(10000, [scout])
        report.add("sokoul-scout, after 10,000 jobs", pss_mib([scout.pid]), "MiB", note="PSS")


def waiting(report, servers, count=1000000):
    """Delayed jobs are the database's; a sweep has passed over them."""
    with Scene(servers) as scene:
        started = [scene.start(name) for name in ("sokoul-api", "sokoul-scout")]
        pause(2)
        before = [pss_mib([p.pid]) for p in started]
        wait_with(count)(scene)
        pause(12)
        for program, first in zip(started, before):
            report.add(f"{program.name}'s growth, {count:,} jobs waiting", pss_mib([program.pid]) - first, "MiB", None, ("≤", 1), "PSS")


def slow(report, servers, count=10000, rate=200, seconds=5):
    """Requests at a steady pace: to an idle system, and while a worker has far more slow jobs than it can do."""
    with Scene(servers) as scene:
        api, scout = scene.start("sokoul-api"), scene.start("sokoul-scout")
        tokens = scene.admins(api)
        ask = (api, scene.post_request("/jobs", NOOP), tokens, 16, "--rate", rate, "--count", rate * seconds)
        load(*ask)
        idle_p99 = load(*ask)["p99_ms"]
        scene.fill(count, payload='{"sleep_ms":100}')
        load(*ask)
        before = [pss_mib([p.pid]) for p in (api, scout)]
        busy = load(*ask)
        after = [pss_mib([p.pid]) for p in (api, scout)]
        left = int(scene.sql.run("SELECT count(*) FROM jobs WHERE payload ? 'sleep_ms' AND status IN ('Pending', 'Running')"))
        if left < count / 2 or busy["failed"]:
            raise BenchError(f"{left} slow jobs were left, {busy['failed']} requests failed")
        report.add(f"POST /jobs beside {count:,} slow jobs, p99", busy["p99_ms"], "ms", idle_p99, ("≤", 1.5), f"at {rate}/s; raw: idle")
        for name, first, last in zip(("sokoul-api", "sokoul-scout"), before, after):
            report.add(f"{name}'s growth beside {count:,} slow jobs", last - first, "MiB", None, ("≤", 1), f"PSS, within {seconds} s")


def growth(report, servers):
    with Scene(servers) as scene:
        scout = scene.start("sokoul-scout")
        scene.fill(1000)
        scene.wait_done(1000, [scout])
        first = rss_kib(scout.pid)
        scene.fill(9000)
        scene.wait_done(10000, [scout])
        report.add("scout's growth, 1,000th to 10,000th job", (rss_kib(scout.pid) - first) / 1024, "MiB", None, ("≤", 2),
                   "resident memory")


