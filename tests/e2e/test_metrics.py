# SPDX-License-Identifier: Apache-2.0
"""What an operator asks of the metrics: what waits, for how long, what providers and torrents do, in both formats."""
import re
import subprocess
import time

import pytest
import rows
from client import Api
from job_kit import inject
from stack_under_test import SLOW, eventually
from swarm import MIB

OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}
COUNTED_S = 25  # the sweeper counts every ten seconds


def series(program):
    """Each series with its value."""
    text = Api(program.port).get("/metrics").text
    return {m[1]: float(m[2]) for m in re.finditer(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.M)}


def value(program, name):
    return series(program)[name]


@pytest.fixture
def programs(sokoul):
    return [sokoul.start(name) for name in ("sokoul-api", "sokoul-scout", "sokoul-hunter")]


def test_promtool_is_silent_about_each_program_and_every_series_is_there_from_the_start(programs):
    """req: S389"""
    api, scout, hunter = programs
    wanted = {
        api: ['sokoul_api_requests_total{method="GET",route="/search",status="500"}', "sokoul_api_errors_total",
              'sokoul_provider_calls_total{provider="TMDB",outcome="timeout"}', "sokoul_db_pool_waits_total",
              'sokoul_rate_limited_total{policy="address"}',
              "sokoul_db_pool_exhausted_total"],
        scout: ['sokoul_worker_jobs_total{worker="scout",kind="search",outcome="failed"}',
                'sokoul_worker_jobs_total{worker="scout",kind="notify",outcome="retried"}',
                'sokoul_provider_calls_total{provider="Prowlarr",outcome="ok"}', "sokoul_db_pool_waits_total"],
        hunter: ['sokoul_worker_jobs_total{worker="hunter",kind="download",outcome="completed"}']}
    for program in programs:
        check = subprocess.run(["promtool", "check", "metrics"], input=Api(program.port).get("/metrics").text,
                               capture_output=True, text=True, check=False)
        assert check.returncode == 0 and not check.stderr.strip() and not check.stdout.strip(), check
        there = series(program)
        for name in wanted[program] + ["sokoul_dlq_total", "sokoul_jobs_taken_back_total", "sokoul_jobs_swept_total",
                                       "sokoul_outbox_oldest_seconds", "sokoul_dead_letters_open",
                                       'sokoul_jobs_waiting{kind="download"}',
                                       'sokoul_jobs_oldest_waiting_seconds{kind="search"}',
                                       'sokoul_nats_consumer_pending{worker="hunter",priority="high"}',
                                       'sokoul_nats_consumer_redelivered{worker="scout",priority="normal"}']:
            assert there.get(name) == 0, f"{program.name}: {name} is {there.get(name)}"
        assert there["sokoul_db_pool_size"] > 0
    torrents = eventually(lambda: (lambda s: s if 'sokoul_torrents{state="stalled"}' in s else None)(series(hunter)), 10)
    assert torrents["sokoul_disk_size_bytes"] >= torrents["sokoul_disk_free_bytes"] > 0


def test_openmetrics_for_who_asks_with_the_request_that_fell_into_a_bucket(programs):
    for program in programs:
        client = Api(program.port)
        plain, asked = client.get("/metrics"), client.get("/metrics", headers=OPENMETRICS)
        assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert asked.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert asked.text.endswith("\n# EOF\n") and "# TYPE sokoul_dlq counter\n" in asked.text
        families = re.findall(r"^# TYPE (\S+) ", asked.text, re.M)
        assert len(families) == len(set(families))
    client = Api(programs[0].port)

    def with_mine():  # another request's may stay for a second
        client.get("/user/profile", headers={"X-Request-ID": "a-bucket-of-mine"})
        text = client.get("/metrics", headers=OPENMETRICS).text
        return text if "a-bucket-of-mine" in text else None

    text = eventually(with_mine, 10, "an exemplar")
    assert re.search(r'^sokoul_api_request_duration_seconds_bucket\{le="[^"]+"\} \d+ '
                     r'# \{request_id="a-bucket-of-mine"\} [0-9.e-]+ \d+\.\d{3}$', text, re.M)


def test_what_waits_is_shown_by_kind_with_the_age_of_the_oldest(sokoul):
    """req: S333"""
    api = sokoul.start("sokoul-api")
    inject(sokoul, "noop", {}, 3)
    inject(sokoul, "search", {"query": "x"}, 2)
    now = eventually(lambda: (lambda s: s if s['sokoul_jobs_waiting{kind="noop"}'] == 3
                              and s['sokoul_jobs_waiting{kind="search"}'] == 2 else None)(series(api)), COUNTED_S)
    assert now['sokoul_jobs_waiting{kind="download"}'] == 0
    eventually(lambda: value(api, 'sokoul_jobs_oldest_waiting_seconds{kind="noop"}') >= 1, COUNTED_S, "an age")
    eventually(lambda: value(api, 'sokoul_nats_consumer_pending{worker="scout",priority="normal"}') == 5, COUNTED_S)
    before = value(api, 'sokoul_jobs_oldest_waiting_seconds{kind="noop"}')
    eventually(lambda: value(api, 'sokoul_jobs_oldest_waiting_seconds{kind="noop"}') >= before + 8, COUNTED_S, "it grows")
    sokoul.start("sokoul-scout")
    eventually(lambda: value(api, 'sokoul_jobs_waiting{kind="noop"}') == 0
               and value(api, 'sokoul_jobs_oldest_waiting_seconds{kind="noop"}') == 0, COUNTED_S, "none waits")


def test_the_outbox_tells_how_long_nats_has_been_away(sokoul, servers):
    api = sokoul.start("sokoul-api")
    servers.nats.kill()
    inject(sokoul, "noop", {}, 2)
    eventually(lambda: value(api, "sokoul_outbox_oldest_seconds") > 3 and value(api, "sokoul_outbox_pending") == 2,
               COUNTED_S, "an old row")
    assert value(api, 'sokoul_jobs_waiting{kind="noop"}') == 2
    servers.restart(servers.nats)
    eventually(lambda: value(api, "sokoul_outbox_oldest_seconds") == 0, COUNTED_S, "an empty outbox")


def test_calls_to_providers_are_counted_by_outcome(sokoul, tmdb, user):
    api = sokoul.programs[0]
    assert user.get("/search?query=Sintel").status == 200
    tmdb.fail("status", status=500, times=20)
    assert user.get("/search?query=Other").status == 503
    now = series(api)
    assert now['sokoul_provider_calls_total{provider="TMDB",outcome="ok"}'] >= 1
    assert now['sokoul_provider_calls_total{provider="TMDB",outcome="failed"}'] >= 1
    assert now["sokoul_provider_call_duration_seconds_count"] >= 2


def test_torrents_are_counted_by_what_they_do(sokoul, user, swarm, hunting):
    hunter = hunting.hunter()
    torrent = swarm.torrent(MIB)
    swarm.seed(torrent)
    started = user.post("/downloads/start", {"media_id": rows.media(sokoul, 7), "magnet": torrent.magnet()})
    assert sokoul.job_settled(started.json["job_id"]) == "Completed"
    eventually(lambda: value(hunter, 'sokoul_torrents{state="seeding"}') == 1, 20, "a torrent that seeds")


def test_a_scrape_is_fast_while_postgres_is_frozen(own_sokoul, own_servers):
    program, scout = own_sokoul.start("sokoul-api"), own_sokoul.start("sokoul-scout")
    own_servers.postgres.freeze()
    try:
        for one in (program, scout):
            for _ in range(5):
                began = time.monotonic()
                assert "sokoul_jobs_pending" in Api(one.port).get("/metrics").text
                assert time.monotonic() - began < 0.1 * SLOW
    finally:
        own_servers.postgres.thaw()
