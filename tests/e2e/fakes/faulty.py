# SPDX-License-Identifier: Apache-2.0
"""A fake provider on a real socket, with faults that a test sets while it runs, and a ledger.

    fake.fail("status", status=429, headers={"Retry-After": "2"}, times=1)
    fake.fail("html")        a page instead of JSON          fake.fail("garbage")    random bytes
    fake.fail("oversize", size=1 << 30)   a body past any limit, sent as fast as it is read
    fake.fail("drip")        a byte a second                 fake.fail("hang")       no answer at all
    fake.fail("cut")         half a body, then a reset       fake.fail("redirect", to="http://...")
    fake.fail("json", value={...})        something of another shape
    fake.heal()

`times` says how many requests a fault hits (all, unless given), `match` is a text that the
request's path and query must contain.  fake.requests lists what came: (at, method, path,
query, headers).  Faults are tried in the order in which they were set.
"""
import contextlib
import json
import os
import sys
import threading
import time
from collections import namedtuple

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "tools"))

from stack.serve import Serve, cut, send  # noqa: E402

Seen = namedtuple("Seen", "at method path query headers")

PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
JSON = {"Content-Type": "application/json"}


class Fault:
    def __init__(self, kind, times, match, how):
        self.kind = kind
        self.left = times
        self.match = match
        self.how = how


class Faulty:
    """Base of the fakes: `respond(request)` gives the honest (status, headers, body)."""

    def __init__(self):
        self.lock = threading.Lock()  # guards faults and requests
        self.faults = []
        self.requests = []
        self.ended = threading.Event()
        self.server = Serve(self._handle)
        self.url = self.server.url

    def start(self):
        self.server.start()
        return self

    def stop(self):
        self.ended.set()
        self.server.stop()

    @contextlib.contextmanager
    def running(self):
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def fail(self, kind, times=None, match="", **how):
        if not hasattr(self, f"_{kind}"):
            raise ValueError(f"no fault is called {kind}")
        with self.lock:
            self.faults.append(Fault(kind, times, match, how))

    def heal(self):
        with self.lock:
            self.faults.clear()

    def forget(self):
        with self.lock:
            self.requests.clear()

    def count(self, text=""):
        """How many requests with `text` in their path or query came so far."""
        with self.lock:
            return sum(text in f"{r.path}?{r.query}" for r in self.requests)

    def _handle(self, request):
        with self.lock:
            self.requests.append(Seen(time.monotonic(), request.command, request.route, request.query, request.names))
            fault = next((f for f in self.faults if f.left != 0 and f.match in request.path), None)
            if fault and fault.left:
                fault.left -= 1
        if fault:
            getattr(self, f"_{fault.kind}")(request, **fault.how)
        else:
            send(request, *self.respond(request))

    # ---- the faults -----------------------------------------------------------------------------

    def _status(self, request, status=500, headers=None, body=b'{"status_message":"fault"}'):
        send(request, status, {**JSON, **(headers or {})}, body)

    def _html(self, request, status=200):
        send(request, status, {"Content-Type": "text/html"}, PAGE)

    def _garbage(self, request, size=4096):
        send(request, 200, JSON, os.urandom(size))

    def _json(self, request, value=None):
        send(request, 200, JSON, json.dumps(value).encode())

    def _redirect(self, request, to="http://127.0.0.1:1/", status=302):
        send(request, status, {"Location": to}, b"")

    def _head(self, request, size):
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(size))
        request.end_headers()

    def _oversize(self, request, size=1 << 30):
        self._head(request, size)
        block = b" " * 65536
        for _ in range(size // len(block)):
            if self.ended.is_set():
                break
            request.wfile.write(block)

    def _drip(self, request, size=600, pause_s=1.0):
        self._head(request, size)
        for _ in range(size):
            request.wfile.write(b" ")
            if self.ended.wait(pause_s):
                break
        cut(request)

    def _hang(self, request):
        self.ended.wait(600)
        cut(request)

    def _cut(self, request):
        body = self.respond(request)[2]
        self._head(request, len(body))
        request.wfile.write(body[:len(body) // 2])
        request.wfile.flush()
        cut(request)
