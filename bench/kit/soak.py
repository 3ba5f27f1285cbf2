# SPDX-License-Identifier: Apache-2.0
"""Steady load for a long time, with faults on a schedule: what grows, what was answered, and whether a job was lost.

Nobody helps: a fault is made, and a worker that was killed or a server that was stopped is started again, as a supervisor
does. The API, one scout and the hunter run from beginning to end, and their growth counts; another scout is the one that
is killed.
"""
import collections
import time

from kit.http import NOOP
from kit.jobs import share
from kit.load import Loader
from kit.scene import BenchError, Scene, pause
from kit.watch import COLUMNS, Health, Watch
from stack.proc import wait_for

POSTS, GETS = 50, 100  # a second
ROWS = 2000
FREEZE_S = 5
BACK_S = 60
CALM_S = 15  # at the end
STEADY = ("sokoul-api", "sokoul-scout", "sokoul-hunter")
Back = collections.namedtuple("Back", "fault seconds")


class Faults:
    """Each in turn; `make(name)` says how long it was until all programs were ready again."""

    NAMES = ("kill -9 of a worker", "frozen Postgres", "restart of NATS", "restart of Redis", "restart of Postgres")

    def __init__(self, scene):
        self.scene = scene
        self.servers = scene.servers
        self.victim = scene.start("sokoul-scout")

    def ready(self):
        return all(program.ready() for program in self.scene.programs)

    def make(self, name):
        begun = time.monotonic()
        getattr(self, "_" + name.replace("-9", "").replace(" ", "_").lower())()
        if not wait_for(self.ready, BACK_S, 0.1):
            raise BenchError(f"not ready {BACK_S} s after {name}")
        return Back(name, time.monotonic() - begun)

    def _kill__of_a_worker(self):
        self.victim.child.kill()
        self.victim.child.wait()
        self.scene.programs.remove(self.victim)
        self.victim = self.scene.start("sokoul-scout")

    def _frozen_postgres(self):
        self.servers.postgres.freeze()
        try:
            pause(FREEZE_S)
        finally:
            self.servers.postgres.thaw()

    def _restart_of_nats(self):
        self.scene.nats.stop()
        self.scene.nats.start()
        self.scene.nats.wait_ready()

    def _restart_of_redis(self):
        self.servers.own.redis.stop()
        self.servers.own.restart(self.servers.own.redis)

    def _restart_of_postgres(self):
        self.servers.postgres.stop()
        self.servers.own.restart(self.servers.postgres)


# ---- growth --------------------------------------------------------------------------------------


def growth(looks, of):
    """How much a straight line through the second half of the looks rises from its first to its last, by least squares."""
    half = looks[len(looks) // 2:]
    if len(half) < 10:
        raise BenchError(f"{len(half)} looks are too few to see growth")
    times, values = [s.at for s in half], [of(s) for s in half]
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    slope = sum((t - middle) * (v - mean) for t, v in zip(times, values)) / sum((t - middle) ** 2 for t in times)
    return slope * (times[-1] - times[0]), mean


def growth_rows(report, watch):
    for name in STEADY:
        looks = watch.looks[name]
        grown, mean = growth(looks, lambda s: s.rss_kib)
        report.add(f"{name}: growth of resident memory", grown / mean * 100, "%", None, ("≤", 1),
                   f"{grown:+.0f} KiB of {mean:,.0f} over the second half, by least squares")
        grown, mean = growth(looks, lambda s: s.descriptors)
        report.add(f"{name}: growth of descriptors", round(grown), "", None, ("≤", 0),
                   f"{grown:+.2f} of {mean:.1f}; first {looks[0].descriptors}, last {looks[-1].descriptors}")


# ---- the run -------------------------------------------------------------------------------------


def schedule(seconds):
    """When each fault comes, in seconds from the beginning."""
    each = min(300, max(15, seconds / 20))
    return [each * (i + 1) for i in range(int((seconds - CALM_S) / each) - 1)]


def inject(scene, seconds):
    """Makes the faults at their times, or as soon as the one before has healed; until the end."""
    faults, backs, begun = Faults(scene), [], time.monotonic()
    for i, at in enumerate(schedule(seconds)):
        left = begun + at - time.monotonic()
        if left > 0:
            pause(left)
        backs.append(faults.make(Faults.NAMES[i % len(Faults.NAMES)]))
        print(f"  {time.monotonic() - begun:6.0f} s  {backs[-1].fault}: all ready after {backs[-1].seconds:.1f} s", flush=True)
    left = begun + seconds - time.monotonic()
    if left > 0:
        pause(left)
    return backs


def soak(report, servers, seconds):
    with Scene(servers, LOG_LEVEL="warn") as scene:
        scene.fill(ROWS)
        ids = scene.write("ids", scene.sql.run("SELECT job_id FROM jobs"))
        api, _, _ = [scene.start(name) for name in STEADY]
        tokens = scene.admins(api)
        ledger = f"{scene.folder}/ledger"
        how = ("--seconds", seconds, "--rate")
        with Watch(scene, max(1, seconds / 3600)) as watch, Health(api.port, 1) as health, Health(api.port, 1, "/livez") as lives:
            loads = [Loader(api, scene.post_request("/jobs", NOOP), tokens, 32, *how, POSTS, "--times", ledger),
                     Loader(api, scene.get_request("/jobs/@ID@"), tokens, 32, *how, GETS, "--ids", ids)]
            backs = inject(scene, seconds)
            results = [one.result() for one in loads]
        growth_rows(report, watch)
        answer_rows(report, results, health, lives)
        ledger_rows(report, scene, ledger)
        for name in STEADY:
            program = next(p for p in scene.programs if p.name == name)
            report.add(f"{name}: its end", int(program.child.poll() is not None), "", None, ("≤", 0), "0: it runs as it was started")
        fault_table(report, backs)
        report.table("Beside it", COLUMNS, watch.rows())


def answer_rows(report, results, health, lives):
    asked, failed, shed, cut = (sum(r[k] for r in results) for k in ("requests", "failed", "shed", "cut"))
    report.add("requests answered", (asked - cut) / asked * 100, "%", None, ("≥", 99.9), f"{cut:,} of {asked:,} without an answer")
    report.add("requests answered as wanted", (asked - failed) / asked * 100, "%",
               note=f"{shed:,} of {asked:,} by 503 while Postgres was away, {failed - shed - cut:,} otherwise not")
    for what, one in zip(("POST /jobs", "GET /jobs/{id}"), results):
        report.add(f"{what}, p99", one["p99_ms"], "ms", note=f"{one['rate']:.0f}/s from when due, faults included: p50 {one['p50_ms']:.1f} ms, "
                   f"p95 {one['p95_ms']:.1f} ms, most {one['max_ms']:,.0f} ms")
    report.add("/livez, not 200", lives.failed / len(lives.took_ms) * 100, "%", None, ("≤", 0), f"{len(lives.took_ms):,} asked, p99 {lives.p99():.0f} ms")
    report.add("/health, p99", health.p99(), "ms", None, ("≤", 100), f"{len(health.took_ms):,} asked, "
               f"{100 - health.failed / len(health.took_ms) * 100:.2f} % 200; it is 503 while Postgres is away")


def ledger_rows(report, scene, path):
    """Every id that the API has answered 202 for."""
    with open(path, encoding="ascii") as f:
        accepted = {line.split()[0] for line in f}
    sql = scene.session()  # the first one went with the Postgres that was
    left = "SELECT count(*) FROM jobs WHERE status IN ('Pending', 'Running')"
    wait_for(lambda: sql.run(left) == "0", 120, 0.5)
    completed = set(sql.run("SELECT job_id FROM jobs JOIN job_results USING (job_id) WHERE status = 'Completed'").split())
    report.add("jobs lost", len(accepted - completed), "", None, ("≤", 0), f"of {len(accepted):,} that were accepted, without Completed and a result")
    report.add("jobs not over", int(sql.run(left)), "", None, ("≤", 0))
    report.add("dead letters", int(sql.run("SELECT count(*) FROM dead_letters")), "", None, ("≤", 0))


def fault_table(report, backs):
    rows = []
    for name in Faults.NAMES:
        took = [b.seconds for b in backs if b.fault == name]
        if took:
            rows.append([name, len(took), share(took, 0.5), max(took)])
    report.table("Faults", ("fault", "times", "all ready again after, s, median", "most, s"), rows)
