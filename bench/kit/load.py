# SPDX-License-Identifier: Apache-2.0
"""The API under many connections, under more than it has places for, under a jump of the rate; and a thousand downloads."""
import json
import pathlib
import resource
import subprocess
import time

import swarm_kit
from kit.http import NOOP
from kit.jobs import share
from kit.scene import TOOLS, BenchError, Scene, pause
from kit.tracker import Tracker
from kit.watch import COLUMNS, Health, Watch
from stack.proc import wait_for

DESCRIPTORS = 16384  # as the unit gives a program
ADDRESSES = 20  # API_CONNECTIONS_PER_ADDRESS is for each
ROWS = 2000
TORRENTS = 100
TORRENT_BYTES = 32 << 10


def take_descriptors():
    """What is started afterwards may have as many as the unit gives it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        raise BenchError(f"{DESCRIPTORS} descriptors are needed, {hard} may be had: raise the hard limit")
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))


class Loader:
    """http_load beside this process; .result() waits for its end."""

    def __init__(self, api, request, tokens, connections, *more):
        words = [f"{TOOLS}/http_load", "--port", api.port, "--connections", connections, "--request", request, "--tokens", tokens,
                 "--tolerant", *more]
        self.child = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self, wait_s=120):
        try:
            out, told = self.child.communicate(timeout=wait_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise BenchError(f"http_load did not end within {wait_s} s") from None
        if self.child.returncode != 0:
            raise BenchError(f"http_load: {told.strip()[-300:]}")
        return json.loads(out)


def place_of(scene):
    """An API with jobs to ask for; (api, tokens, request, ids)"""
    scene.fill(ROWS)
    api = scene.start("sokoul-api")
    tokens = scene.admins(api)
    return api, tokens, scene.get_request("/jobs/@ID@"), scene.write("ids", scene.sql.run("SELECT job_id FROM jobs"))


def told(result):
    return (f"p50 {result['p50_ms']:.1f} ms, p95 {result['p95_ms']:.1f} ms, p99 {result['p99_ms']:.1f} ms; {result['failed']:,} of "
            f"{result['requests']:,} failed, {result['shed']:,} by 503, {result['cut']:,} without an answer")


def health_rows(report, what, api, health):
    report.add(f"{what}: /health, p99", health.p99(), "ms", None, ("≤", 100), f"most {health.most():.0f} ms, {len(health.took_ms)} asked")
    report.add(f"{what}: /health, not 200", health.failed, "", None, ("≤", 0))
    report.add(f"{what}: API's end", int(api.child.poll() is not None), "", None, ("≤", 0), "0: it still runs")


def connections(report, servers, how):
    """As many as ask at once; 10,000 of which each asks now and then, and who ask as fast as they are answered."""
    for count, rate in ((100, 0), (1000, 0), (10000, 1000), (10000, 0)):
        what = f"{count:,} connections" + (f", {rate:,} req/s" if rate else "")
        pace = ("--rate", rate) if rate else ()
        with Scene(servers) as scene:
            api, tokens, request, ids = place_of(scene)
            with Watch(scene) as watch, Health(api.port) as health:
                result = Loader(api, request, tokens, count, "--ids", ids, "--seconds", how.pick(20, 5), "--addresses", ADDRESSES,
                                *pace).result()
            report.add(f"{what}: GET /jobs/{{id}}", result["rate"], "req/s", note=told(result))
            sheds = count == 10000  # then 503 at once is what is wanted
            report.add(f"{what}: errors", result["failed"] - (result["shed"] if sheds else 0), "", None, ("≤", 0),
                       "beside 503" if sheds else "")
            health_rows(report, what, api, health)
            report.table(f"Beside {what}", COLUMNS, watch.rows())


def fullness(report, servers, how, places=9000, count=10000):
    """More who want to come than there are places: the rest is told 503, and health checks are answered."""
    what = f"{count:,} connections, {places:,} places"
    with Scene(servers, API_CONNECTIONS_MAX=places) as scene:
        api, tokens, request, ids = place_of(scene)
        with Watch(scene) as watch, Health(api.port) as health:
            result = Loader(api, request, tokens, count, "--ids", ids, "--rate", 2000, "--seconds", how.pick(20, 5), "--addresses",
                            ADDRESSES).result()
        report.add(f"{what}: GET /jobs/{{id}}", result["rate"], "req/s", note=told(result))
        report.add(f"{what}: told 503 and closed", result["closed"], "", None, ("≥", count - places))
        report.add(f"{what}: errors but 503", result["failed"] - result["shed"], "", None, ("≤", 0))
        health_rows(report, what, api, health)
        report.table(f"Beside {what}", COLUMNS, watch.rows())


# ---- the jump ------------------------------------------------------------------------------------


def times_of(path):
    with open(path, encoding="ascii") as f:
        return [(int(due), (int(end) - int(due)) / 1000) for _, due, end in (line.split() for line in f)]


def jump(report, servers, how, low=50, high=500):
    """Open loop: requests are due at their times, however late the answers are."""
    span = how.pick(20, 5)
    with Scene(servers) as scene:
        scene.start("sokoul-scout")
        api = scene.start("sokoul-api")
        tokens = scene.admins(api)
        request = scene.post_request("/jobs", NOOP)
        paths = [f"{scene.folder}/times-{name}" for name in ("low", "more")]
        Loader(api, request, tokens, 16, "--rate", low, "--seconds", 3).result()
        with Watch(scene) as watch:
            begun = time.time()
            base = Loader(api, request, tokens, 16, "--rate", low, "--seconds", 3 * span, "--times", paths[0])
            pause(span)
            more = Loader(api, request, tokens, 64, "--rate", high - low, "--seconds", span, "--times", paths[1])
            results = [more.result(), base.result()]
        failed, asked = sum(r["failed"] for r in results), sum(r["requests"] for r in results)
        before, during, after = phases(times_of(paths[0]) + times_of(paths[1]), begun, span)
        for name, times, rate in (("before", before, low), ("during", during, high), ("after", after, low)):
            report.add(f"a jump from {low} to {high} req/s and back: POST /jobs {name}, p50", share(times, 0.5), "ms",
                       note=f"at {rate}/s from when due: p95 {share(times, 0.95):.1f} ms, p99 {share(times, 0.99):.1f} ms, {len(times):,} answers")
        report.add("the jump: errors", failed / asked * 100, "%", None, ("≤", 10), f"{failed:,} of {asked:,}")
        report.add("the jump: p95 after it", share(after, 0.95), "ms", share(before, 0.95), ("≤", 1.1), "raw: p95 before it")
        report.table("Beside the jump", COLUMNS, watch.rows())


def phases(times, begun, span):
    """Three lists of ms: before, during and after; half a second around a border belongs to none."""
    def part(first, last):
        return [ms for due, ms in times if first + 0.5 <= due / 1e6 - begun < last - 0.5]
    return part(0, span), part(span, 2 * span), part(2 * span, 3 * span)


# ---- downloads -----------------------------------------------------------------------------------


def downloads(report, servers, how):
    """Each of ten users asks for each of a hundred torrents."""
    torrents = how.pick(TORRENTS, TORRENTS // 10)
    tracker, seeder = Tracker(), None
    try:
        with Scene(servers, TORRENT_ALLOW_PRIVATE="true", TORRENT_DHT="false", DOWNLOADS_ACTIVE_PER_USER=torrents) as scene:
            folder = pathlib.Path(scene.folder)
            seeder = swarm_kit.Node(folder / "seeder")
            made = [swarm_kit.Torrent(folder / "source" / str(i), TORRENT_BYTES, f"film{i}.bin") for i in range(torrents)]
            for i, torrent in enumerate(made):
                seeder.seed(str(i), torrent)
            page = tracker.url({bytes.fromhex(t.info_hash): [(seeder.host, seeder.port)] for t in made})
            download_all(report, scene, [t.magnet(page) for t in made])
    finally:
        tracker.stop()
        if seeder:
            seeder.kill()


def download_all(report, scene, links):
    api = scene.start("sokoul-api")
    scene.start("sokoul-hunter", TORRENT_LISTEN=f"{swarm_kit.address()}:0")
    scene.admins(api)
    media = scene.sql.run("INSERT INTO media (id, tmdb_id, media_type, title) VALUES (gen_random_uuid(), 1, 'movie', 'Film') RETURNING id")
    count = len(links) * len(scene.tokens)
    took = []
    left = "SELECT count(*) FROM jobs WHERE kind = 'download' AND status IN ('Pending', 'Running')"
    with Watch(scene) as watch, Health(api.port) as health:
        for link in links:
            for token in scene.tokens:
                begun = time.monotonic()
                status, body = api.ask("/downloads/start", "POST", {"media_id": media, "magnet": link}, token)
                took.append((time.monotonic() - begun) * 1000)
                if status != 202:
                    raise BenchError(f"/downloads/start answers {status}: {body[:200]}")
        if not wait_for(lambda: scene.sql.run(left) == "0", 240, 0.2):
            raise BenchError(f"{scene.sql.run(left)} of {count} downloads were not over in time")
    completed, attempts, span = scene.sql.numbers(
        "SELECT count(*) FILTER (WHERE status = 'Completed'), max(attempts), extract(epoch FROM max(finished_at) - min(created_at))"
        " FROM jobs WHERE kind = 'download'")
    what = f"{count:,} download jobs"
    report.add(f"{what}: first accepted to last finished", span, "s", note=f"{len(links)} torrents of {TORRENT_BYTES >> 10} KiB, "
               f"each for {len(scene.tokens)} users")
    report.add(f"{what}: not Completed", count - completed, "", None, ("≤", 0), f"at most {attempts:.0f} attempt each")
    report.add(f"{what}: POST /downloads/start, p95", share(took, 0.95), "ms", None, ("≤", 200), f"p50 {share(took, 0.5):.1f} ms")
    with scene.nats.connect() as nats:
        again = nats.js("CONSUMER.INFO.JOBS.hunter")["num_redelivered"]
    report.add(f"{what}: redelivered messages", again, "", None, ("≤", 0))
    health_rows(report, what, api, health)
    report.table(f"Beside {what}", COLUMNS, watch.rows())
