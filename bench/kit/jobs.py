# SPDX-License-Identifier: Apache-2.0
"""Jobs from accept to done in bulk, pickup latency, and each stage beside what the servers give."""
import statistics

from kit.http import load
from kit.scene import BenchError, Scene, pause, pgbench, tool

# The ids are UUIDv7, as all that the product makes: neighbours in time are neighbours in the index.
WAITING_SQL = """
WITH made AS (INSERT INTO jobs (job_id, kind, worker, user_id, run_at, epoch, wake)
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
            || right(replace(gen_random_uuid()::text, '-', ''), 19))::uuid,
        'noop', 'scout', '00000000-0000-0000-0000-000000000000', now() + interval '30 days', 1,
        nextval('outbox_id_seq') FROM generate_series(1, {n}) RETURNING job_id, wake, run_at)
INSERT INTO outgoing (id, job_ids, epoch, subject, run_at) SELECT wake, ARRAY[job_id], 1, 'sokoul.jobs.scout.noop', run_at FROM made
"""
TIMED = {"kind": "noop", "payload": {"clock": True}}
BATCH_ROWS = 100
BATCH_SCRIPT = f"""\\set k random(1, 10000000000)
INSERT INTO bench_rows (job_id, status, result) SELECT (:k::bigint * 100 + g)::text, 'succeeded', '{{"ok": true}}'
    FROM generate_series(1, {BATCH_ROWS}) g ON CONFLICT DO NOTHING;
"""


def batch_insert(servers, how):
    """Rows a second of plain batch INSERTs: 100 rows a transaction, 4 clients, a key and two texts."""
    with Scene(servers) as scene:
        scene.sql.run("CREATE TABLE bench_rows (job_id text PRIMARY KEY, status text NOT NULL, result text,"
                      " finished_at timestamptz NOT NULL DEFAULT now());"
                      "GRANT ALL ON bench_rows TO sokoul")
        return pgbench(scene, BATCH_SCRIPT, 4, how.pick(4, 2)) * BATCH_ROWS


class Bulk:
    """Bursts of jobs in one scene, from a database that `before(scene)` has prepared."""

    def __init__(self, scene, count, scouts=1, payload="{}", before=None):
        self.scene, self.count, self.payload, self.done = scene, count, payload, 2000
        if before:
            before(scene)
        self.workers = [scene.start("sokoul-scout") for _ in range(scouts)]
        scene.fill(self.done, payload=payload)  # connections, plans and caches are warm
        scene.wait_done(self.done, self.workers)

    def burst(self):
        """Jobs a second, of half a second where handlers do nothing."""
        self.scene.sql.run("DELETE FROM jobs WHERE status = 'Completed'; DELETE FROM job_results")
        self.scene.fill(self.count, payload=self.payload)
        self.done += self.count
        self.scene.wait_done(self.done, self.workers)
        jobs, span = self.scene.span_s()
        if jobs != self.count:
            raise BenchError(f"{self.count} jobs were accepted, {jobs} are there")
        return jobs / span


def bulk_rate(servers, count, scouts=1, payload="{}", bursts=1):
    with Scene(servers) as scene:
        bulk = Bulk(scene, count, scouts, payload)
        return statistics.median(bulk.burst() for _ in range(bursts))


def bulk_rates_in_turn(servers, count, before, bursts):
    """As it is after `before`, and without; burst by burst in turn, since the machine's speed varies."""
    with Scene(servers) as one, Scene(servers) as other:
        pair = Bulk(one, count, before=before), Bulk(other, count)
        rates = [[bulk.burst() for bulk in pair] for _ in range(bursts)]
    return [statistics.median(of) for of in zip(*rates)]


def hold_snapshot(scene):
    scene.session().run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM jobs")


def wait_with(waiting):
    def fill(scene):
        for _ in range(waiting // 50000):
            scene.sql.run(WAITING_SQL.format(n=50000))
        scene.sql.run("ANALYZE jobs; ANALYZE outbox; CHECKPOINT")
    return fill


def bulk(report, servers, how, raw):
    count = how.pick(20000, 8000)
    million = how.pick(1000000, 100000)
    bursts = how.pick(3, 1)
    plain = bulk_rate(servers, count, bursts=bursts)
    report.add("accept to done in bulk, noop, 1 worker", plain, "jobs/s", raw, ("≥", 0.2),
               f"{count:,} jobs, the median of {bursts}; raw: rows/s of batch INSERT, 100 a transaction, 4 clients")
    report.add("accept to done in bulk, noop, 1 worker", plain, "jobs/s", None, ("≥", 20000), "the same, absolute")
    for scouts in how.pick((2, 4), (2,)):
        many = bulk_rate(servers, count, scouts, bursts=bursts)
        report.add(f"accept to done in bulk, noop, {scouts} workers", many, "jobs/s", raw)
    for scouts in how.pick((1, 2, 4), (1,)):
        rate = bulk_rate(servers, count, scouts, '{"sleep_ms":1}')
        report.add(f"accept to done in bulk, 1 ms of work, {scouts} worker{'s' if scouts > 1 else ''}", rate, "jobs/s", raw,
                   note="16 at once in each worker")
    held, without = bulk_rates_in_turn(servers, count, hold_snapshot, bursts)
    report.add("in bulk with a held snapshot", held, "jobs/s", without,
               note="a transaction open since before the first job; raw: without it, in turn")
    beside, without = bulk_rates_in_turn(servers, count, wait_with(million), bursts)
    report.add(f"in bulk with {million:,} jobs waiting", beside, "jobs/s", without, ("≥", 0.8),
               "all delayed by 30 days, each with its outbox row; raw: without them, in turn")
    workers_of_slow_jobs(report, servers, how)


def workers_of_slow_jobs(report, servers, how):
    """A handler of 5 ms: do four workers bring four times the rate?  Enough of them that accepting is a small part."""
    count = how.pick(16000, 4000)
    one = bulk_rate(servers, count, 1, '{"sleep_ms":5}')
    four = bulk_rate(servers, count, 4, '{"sleep_ms":5}')
    report.add("5 ms of work: 4 workers beside 1", four, "jobs/s", one, ("≥", 3.5), "raw: 1 worker")


# ---- latency ------------------------------------------------------------------------------------


def share(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))]


def latency(report, servers, how):
    for rate in (50, 200):
        count = rate * how.pick(12, 5)
        with Scene(servers) as scene:
            scene.start("sokoul-scout")
            api = scene.start("sokoul-api")
            tokens = scene.admins(api)
            times = f"{scene.folder}/times"
            pause(1)
            load(api, scene.post_request("/jobs", TIMED), tokens, 16, "--rate", rate, "--count", count, "--times", times)
            pause(0.5)
            pickup_rows(report, scene, rate, times)


def pickup_rows(report, scene, rate, times):
    with open(times, encoding="ascii") as f:
        sent_us = {job: int(sent) for job, sent, _ in (line.split() for line in f)}
    rows = [line.split("|") for line in scene.sql.run(
        "SELECT job_id, result->>'began_us', ((result->>'began_us')::bigint - extract(epoch FROM jobs.created_at) * 1000000) / 1000"
        " FROM jobs JOIN job_results USING (job_id) ORDER BY job_id").splitlines()]
    if len(rows) != len(sent_us):
        raise BenchError(f"{len(sent_us)} jobs were accepted, {len(rows)} are done")
    rows = rows[len(rows) // 12:]  # the first are a warm-up
    inside = [float(row[2]) for row in rows]
    client = [(int(row[1]) - sent_us[row[0]]) / 1000 for row in rows]
    for name, part, goal in (("p50", 0.5, ("≤", 1.5)), ("p95", 0.95, None), ("p99", 0.99, ("≤", 5))):
        report.add(f"pickup at {rate} jobs/s, {name}", share(inside, part), "ms", None, goal,
                   f"insert to handler; request sent to handler: {share(client, part):.2f} ms")


# ---- stages -------------------------------------------------------------------------------------


def stages(report, servers, how):
    count = how.pick(30000, 10000)
    with Scene(servers) as scene:
        accept = scene.fill(count)["rate"]
        report.add("accept alone, in bulk", accept, "jobs/s", note="1,000 a statement, one connection")
        published = tool("stream", "--nats", scene.nats.url(), "--do", "publish", "--count", str(count))["rate"]
        pulled = tool("stream", "--nats", scene.nats.url(), "--do", "pull", "--count", str(count))["rate"]
        pause(1)  # a relay leaves what is younger to the program that wrote it
        relay = tool("relay", "--url", scene.url, "--nats", scene.nats.url(), "--count", str(count))["rate"]
        report.add("relay", relay, "msg/s", published, ("≥", 0.35),
                   "raw: asynchronous publish with Nats-Msg-Id, window 1,000")
        scout = scene.start("sokoul-scout")
        scene.wait_done(count, [scout])
        span = scene.sql.numbers("SELECT extract(epoch FROM max(finished_at) - min(started_at)) FROM jobs")[0]
        report.add("worker: claim, run, finish, acknowledge", count / span, "jobs/s", pulled, ("≥", 0.3),
                   "raw: pull, two requests of 200 outstanding, and acknowledge")
