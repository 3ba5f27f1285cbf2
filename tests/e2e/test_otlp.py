# SPDX-License-Identifier: Apache-2.0
"""Traces for a collector (OTLP over HTTP): what is sent, and that no request ever waits for it."""
import http.server
import json
import socket
import threading
import time

import pytest
from client import Api
from job_kit import inject
from stack.proc import free_ports
from stack_under_test import SLOW, eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


class Collector:
    """Takes what comes; with a status it answers that, with hang=True it never answers."""

    def __init__(self, status=200, hang=False):
        self.bodies, self.paths, self.status, self.ended = [], [], status, threading.Event()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.paths.append((self.path, self.headers["Content-Type"]))
                collector.bodies.append(json.loads(body))
                if hang:
                    collector.ended.wait(60)
                self.send_response(collector.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()

    def spans(self, **wanted):
        """Each with its service and its attributes as a dict."""
        found = []
        for body in list(self.bodies):
            for resource in body["resourceSpans"]:
                service = resource["resource"]["attributes"][0]["value"]["stringValue"]
                for span in resource["scopeSpans"][0]["spans"]:
                    known = {a["key"]: a["value"]["stringValue"] for a in span["attributes"]}
                    found.append({**span, "service": service, "known": known})
        return [s for s in found if all(s.get(k) == v for k, v in wanted.items())]

    def one(self, **wanted):
        return eventually(lambda: self.spans(**wanted), 15, f"a span {wanted}")[0]


def series(program, name):
    text = Api(program.port).get("/metrics").text
    return next((float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} ")), None)


def test_request_attempts_and_calls_are_one_trace(sokoul, tmdb):
    with Collector() as collector:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{collector.url}/"}
        program, scout = sokoul.start("sokoul-api", settings), sokoul.start("sokoul-scout", settings)
        user = Api(program.port, wait_s=60).register()
        tmdb.fail("status", times=1, status=500)
        parent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        answer = user.post("/search", {"query": "Sintel", "wait_ms": 0}, headers=parent)
        sokoul.job_settled(answer.json["job_id"])
        asked = collector.one(name="POST /search", traceId=TRACE)
        assert (asked["service"], asked["kind"], asked["parentSpanId"], asked["status"]) == ("sokoul-api", 2, CALLER, {})
        assert asked["known"]["http.response.status_code"] == "202" and asked["known"]["http.route"] == "/search"
        attempts = eventually(lambda: (lambda s: s if len(s) == 2 else None)(collector.spans(name="search", traceId=TRACE)), 15)
        assert [(a["known"]["sokoul.job.attempt"], a["known"]["sokoul.job.outcome"], a["status"]) for a in attempts] == [
            ("1", "retried", {"code": 2}), ("2", "completed", {})]
        calls = collector.spans(name="TMDB", traceId=TRACE)
        assert [(c["parentSpanId"], c["kind"], c["status"]) for c in calls] == [
            (attempts[0]["spanId"], 3, {"code": 2}), (attempts[1]["spanId"], 3, {})]
        assert all(int(a["startTimeUnixNano"]) <= int(c["startTimeUnixNano"]) + 10**7 for a, c in zip(attempts, calls))
        assert all(0 < int(s["startTimeUnixNano"]) <= int(s["endTimeUnixNano"]) for s in collector.spans())
        ids = [s["spanId"] for s in collector.spans()]
        assert len(ids) == len(set(ids)) and set(collector.paths) == {("/v1/traces", "application/json")}
        # Without a word of the caller the attempt stands below the request; a caller who names it is linked to.
        made = user.post("/search", {"query": "Sequel", "wait_ms": 0}).headers["X-Request-ID"]
        mine = collector.one(name="POST /search", traceId=made.replace("-", ""))
        assert "parentSpanId" not in mine
        assert collector.one(name="search", traceId=made.replace("-", ""))["parentSpanId"] == mine["spanId"]
        user.get("/media/favorites", headers={**parent, "X-Request-ID": "named"})
        named = eventually(lambda: [s for s in collector.spans(name="GET /media/favorites") if "links" in s], 15)[0]
        assert named["links"] == [{"traceId": TRACE, "spanId": CALLER}] and named["known"]["sokoul.request_id"] == "named"
        assert "Sintel" not in json.dumps(collector.bodies) and sokoul.tmdb.key not in json.dumps(collector.bodies)
        sent = series(scout, "sokoul_trace_spans_sent_total")
        assert sent >= 4 and series(scout, "sokoul_trace_spans_dropped_total") == 0
        user.get("/downloads")
        program.stop()
        assert collector.spans(name="GET /downloads"), "what is left when it stops is sent"


def test_without_a_collector_nothing_is_kept(sokoul, user):
    program = sokoul.programs[0]
    user.get("/downloads")
    assert not series(program, "sokoul_trace_spans_dropped_total") and not series(program, "sokoul_trace_spans_sent_total")


def test_a_collector_that_fails_is_told_of_once_and_once_when_it_is_back(sokoul):
    with Collector(status=500) as collector:
        program = sokoul.start("sokoul-api", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
        api = Api(program.port)
        for _ in range(2):
            api.get("/livez")
            before = len(collector.bodies)
            eventually(lambda b=before: len(collector.bodies) > b, 15, "another batch")
        eventually(lambda: series(program, "sokoul_trace_spans_dropped_total") >= 2, 10)
        assert len(program.log(event="traces_lost")) == 1 and not program.log(event="traces_back")
        collector.status = 200
        api.get("/livez")
        eventually(lambda: program.log(event="traces_back"), 15)
        assert len(program.log(event="traces_lost")) == len(program.log(event="traces_back")) == 1


def times(api, count):
    took = []
    for _ in range(count):
        began = time.monotonic()
        assert api.get("/livez").status == 200
        took.append((time.monotonic() - began) * 1000)
    return sorted(took)


@pytest.mark.parametrize("how", ["takes", "hangs", "refuses", "dead"])
def test_no_request_waits_for_the_collector(sokoul, how):
    """The same load on two APIs, in turns, one with a collector: p99 as without, up to what the machine does to both."""
    with Collector(status=500 if how == "refuses" else 200, hang=how == "hangs") as collector:
        url = collector.url if how != "dead" else f"http://127.0.0.1:{free_ports(1)}"
        plain = Api(sokoul.start("sokoul-api").port)
        program = sokoul.start("sokoul-api", {"OTEL_EXPORTER_OTLP_ENDPOINT": url})
        traced, without, beside = Api(program.port), [], []
        for _ in range(10):
            without += times(plain, 100)
            beside += times(traced, 100)
        p99 = [sorted(took)[989] for took in (without, beside)]
        print(f"\n{how}: p99 of 1,000 requests {p99[0]:.2f} ms without, {p99[1]:.2f} ms with a collector")
        assert p99[1] <= 2 * p99[0] + 5 * SLOW, p99
        lost = "sokoul_trace_spans_dropped_total" if how != "takes" else "sokoul_trace_spans_sent_total"
        eventually(lambda: series(program, lost) > 0, 20, "spans that were sent or lost")
        began = time.monotonic()
        program.stop()
        assert time.monotonic() - began < 3 * SLOW, "a collector held up the end"


def test_more_than_it_can_hold_is_dropped_and_counted(sokoul):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never reads
        scout = sokoul.start("sokoul-scout", {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
                                              "LOG_LEVEL": "warn"})
        before = scout.memory_kib()
        ids = inject(sokoul, "noop", {}, 10000)
        eventually(lambda: sokoul.value("SELECT count(*) FROM jobs WHERE status = 'Completed'") == len(ids), 60)
        assert series(scout, "sokoul_trace_spans_dropped_total") >= 10000 - 4096 - 2 * 512
        if SLOW == 1:
            assert scout.memory_kib() - before < 32 * 1024
