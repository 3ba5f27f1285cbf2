# SPDX-License-Identifier: Apache-2.0
"""GET by primary key and durable POST, beside pgbench with the same statements."""
from kit.scene import Scene, pgbench, tool
from kit.statements import Statements, pgbench_script

ROWS = 20000
NOOP = {"kind": "noop", "payload": {}}
SYSTEM_USER = "'00000000-0000-0000-0000-000000000000'"


def load(api, request, tokens, connections, *more):
    return tool("http_load", "--port", str(api.port), "--connections", str(connections), "--request", request,
                "--tokens", tokens, *[str(m) for m in more])


def rate_of(result, what):
    if result["failed"]:
        raise ValueError(f"{result['failed']} of {result['requests']} {what} were refused")
    return result["rate"]


def spoken(servers):
    """What one GET and one POST say to the database, as scripts for pgbench."""
    with Scene(servers) as scene:
        log = Statements(scene)
        api = scene.start("sokoul-api")
        scene.admins(api)
        body = api.ask("/jobs", "POST", NOOP, scene.tokens[0])[1]
        job_id = body.split('"job_id":"')[1][:36]
        api.ask(f"/jobs/{job_id}", token=scene.tokens[0])
        get, post = log.find("job_get"), log.find("job_accept_one")
        if not get or not post:
            raise ValueError("the statements of GET and POST were not found in the database's log")
        return get, post


# Limits that nobody reaches, so that each request is counted in Redis and answered.
COUNTED = {"RATE_LIMIT_ALLOW": "", "RATE_LIMIT_USER_PER_MIN": 1000000, "RATE_LIMIT_IP_PER_MIN": 10000000}


def get_by_key(report, servers, how, get):
    seconds = how.pick(4, 2)
    with Scene(servers) as scene:
        scene.fill(ROWS)
        scene.sql.run("VACUUM ANALYZE")
        ids = scene.write("ids", scene.sql.run("SELECT job_id FROM jobs"))
        fixed = pgbench_script(get, {1: f"'{scene.sql.run('SELECT job_id FROM jobs LIMIT 1')}'"})
        raw = pgbench(scene, fixed, 10, seconds)
        api = scene.start("sokoul-api")
        tokens = scene.admins(api)
        request = scene.get_request("/jobs/@ID@")
        load(api, request, tokens, 64, "--ids", ids, "--seconds", 1)
        for connections in (64, 1000):
            result = load(api, request, tokens, connections, "--ids", ids, "--seconds", seconds)
            report.add(f"GET /jobs/{{id}}, {connections} connections", rate_of(result, "GETs"), "req/s", raw, ("≥", 0.5),
                       f"p50 {result['p50_ms']:.2f} ms, p99 {result['p99_ms']:.1f} ms; raw: pgbench, the same SELECT, "
                       "10 clients")
        free = rate_of(load(api, request, tokens, 64, "--ids", ids, "--seconds", seconds), "GETs")
        result = load(scene.start("sokoul-api", **COUNTED), request, tokens, 64, "--ids", ids, "--seconds", seconds)
        report.add("GET /jobs/{id}, 64 connections, each counted by the limits", rate_of(result, "GETs"), "req/s", free, None,
                   f"p50 {result['p50_ms']:.2f} ms, p99 {result['p99_ms']:.1f} ms; raw: from an address of RATE_LIMIT_ALLOW")


def durable_post(report, servers, how, post):
    seconds = how.pick(4, 2)
    with Scene(servers) as scene:
        raw = pgbench(scene, pgbench_script(post, {1: "gen_random_uuid()", 4: SYSTEM_USER}), 10, seconds)
    with Scene(servers) as scene:
        api = scene.start("sokoul-api")
        tokens = scene.admins(api)
        request = scene.post_request("/jobs", NOOP)
        load(api, request, tokens, 64, "--seconds", 1)
        result = load(api, request, tokens, 64, "--seconds", seconds)
        report.add("POST /jobs, 64 connections", rate_of(result, "POSTs"), "req/s", raw, ("≥", 1.5),
                   f"p50 {result['p50_ms']:.2f} ms, p99 {result['p99_ms']:.1f} ms; raw: pgbench, the same INSERT of two rows "
                   "in its own transaction, 10 clients")
        return rate_of(result, "POSTs")


def through_http(report, servers, how, post_rate):
    """Accept to done with jobs that come one by one over HTTP."""
    count = how.pick(20000, 6000)
    with Scene(servers) as scene:
        scout = scene.start("sokoul-scout")
        api = scene.start("sokoul-api")
        tokens = scene.admins(api)
        load(api, scene.post_request("/jobs", NOOP), tokens, 64, "--count", count)
        scene.wait_done(count, [scout])
        jobs, span = scene.span_s()
        report.add("accept to done through HTTP, noop", jobs / span, "jobs/s", post_rate, ("≥", 0.35),
                   "first accepted to last finished, database's clock; raw: POST alone")
