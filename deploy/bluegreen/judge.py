# SPDX-License-Identifier: Apache-2.0
"""Whether the new version does well, by what its programs count themselves.

look() is called again and again; it answers what is wrong in a sentence, or None.  What the old version suffers from too, such
as a database that is away, is not held against the new one.
"""
import re
import time
from collections import deque, namedtuple

WINDOW_S = 10
FEW = 3            # so many failures may be an accident
SILENT_LOOKS = 2   # in a row
ANSWERS_TO_JUDGE = 20
PROBES = ("/metrics", "/ready", "/readyz", "/health", "/healthz", "/health/deep", "/livez", "/ws-metrics")

Limits = namedtuple("Limits", "errors slow_ms failures")
Counts = namedtuple("Counts", "answers errors buckets ended failed")
SERIES = re.compile(r"^(\w+)(?:\{(.*?)\})? ([0-9.eE+-]+)", re.M)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def series(text):
    """(name, labels, value) of each line."""
    for name, labels, value in SERIES.findall(text):
        yield name, dict(LABEL.findall(labels or "")), float(value)


def counts(texts):
    """What programs have counted since they started."""
    answers = errors = ended = failed = 0
    buckets = {}
    for name, labels, value in (row for text in texts for row in series(text)):
        if name == "sokoul_api_requests_total" and labels.get("route") not in PROBES:
            answers += value
            errors += value if labels.get("status", "").startswith("5") else 0
        elif name == "sokoul_api_request_duration_seconds_bucket":
            buckets[float(labels["le"])] = value
        elif name == "sokoul_worker_jobs_total":
            ended += value
            failed += value if labels.get("outcome") in ("failed", "retried") else 0
    return Counts(answers, errors, buckets, ended, failed)


def quantile_ms(buckets, earlier, share):
    """The bound of the bucket in which it lies."""
    grown = sorted((le, n - earlier.get(le, 0)) for le, n in buckets.items())
    whole = grown[-1][1] if grown else 0
    return next((le * 1000 for le, n in grown if whole and n >= share * whole), 0)


class Judge:
    def __init__(self, programs, old_api, limits):
        self.programs, self.old_api, self.limits = programs, old_api, limits
        self.first = None
        self.window = deque()
        self.silent = 0
        self.answers = 0  # that the new version has given since the first look
        self.errors = 0

    def look(self):
        if self.old_api and self.old_api.ask("/ready")[0] == 503:
            self.window.clear()
            self.silent = 0
            return None
        asked = [(program, program.ask("/metrics"), program.ask("/ready")) for program in self.programs]
        bad = [(program, metrics if metrics[0] != 200 else ready) for program, metrics, ready in asked
               if metrics[0] != 200 or ready[0] != 200]
        if bad:
            self.silent += 1
            program, (status, text) = bad[0]
            return f"{program} {f'answers {status}' if status else f'does not answer: {text}'}" if self.silent >= SILENT_LOOKS else None
        self.silent = 0
        return self.weigh(counts([metrics[1] for _, metrics, _ in asked]))

    def weigh(self, now):
        at = time.monotonic()
        self.first = self.first or now
        if self.window and (now.answers < self.window[-1][1].answers or now.ended < self.window[-1][1].ended):
            return "a program of the new version was started anew"
        self.window.append((at, now))
        while at - self.window[0][0] > WINDOW_S:
            self.window.popleft()
        self.answers, self.errors = int(now.answers - self.first.answers), int(now.errors - self.first.errors)
        return self.compare(self.window[0][1], now)

    def compare(self, then, now):
        answers, errors = now.answers - then.answers, now.errors - then.errors
        ended, failed = now.ended - then.ended, now.failed - then.failed
        slow_ms = quantile_ms(now.buckets, then.buckets, 0.95)
        if errors >= FEW and errors > self.limits.errors * answers:
            return f"{errors:.0f} of its last {answers:.0f} answers were 5xx"
        if answers >= ANSWERS_TO_JUDGE and slow_ms > self.limits.slow_ms:
            return f"one of its answers in twenty takes longer than {self.limits.slow_ms} ms"
        if failed >= FEW and failed > self.limits.failures * ended:
            return f"{failed:.0f} of its last {ended:.0f} attempts of jobs failed"
        return None
