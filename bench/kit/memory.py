# SPDX-License-Identifier: Apache-2.0
"""What the programs weigh: idle, with connections, with jobs queued, and whether a worker grows."""
import subprocess

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
        wait_for(lambda: scene.sql.run("SELECT count(*) FROM outbox") == "0", 30, 0.2)
        pause(1)
        report.add("sokoul-api, 10,000 jobs queued", pss_mib([api.pid]), "MiB", note="PSS, after relaying them")
        status, body = api.ask("/metrics")
        if status != 200 or "sokoul_jobs_pending" not in body:
            raise BenchError("the API does not answer with jobs queued")
        scout = scene.start("sokoul-scout")
        scene.wait_done(10000, [scout])
        report.add("sokoul-scout, after 10,000 jobs", pss_mib([scout.pid]), "MiB", note="PSS")


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


