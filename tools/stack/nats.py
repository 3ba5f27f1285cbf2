# SPDX-License-Identifier: Apache-2.0
"""A minimal NATS client for probes and tests: one connection, one thread, plain sockets.

    with Nats(port=4222, user="sokoul", password="...") as nats:
        nats.publish("sokoul.jobs.scout.noop", b"{}", {"Nats-Msg-Id": "a:1"})
        answer = nats.js("STREAM.INFO.JOBS")

Every call has a deadline in seconds and raises NatsError.  Not for several threads.
"""
import json
import os
import socket
import time
from collections import deque, namedtuple
from urllib.parse import unquote, urlsplit

Message = namedtuple("Message", "subject reply headers data status")


class NatsError(Exception):
    """The server refused, or did not answer in time."""


class NobodyListens(NatsError):
    """The subject is none of a stream's, and of no subscriber's."""


class Nats:
    def __init__(self, port=4222, user="", password="", host="127.0.0.1", wait_s=5.0):
        self.wait_s = wait_s
        self._buffer = b""
        self._queues = {}
        self._sid = 0
        self._pongs = 0
        try:
            self._socket = socket.create_connection((host, port), wait_s)
        except OSError as e:
            raise NatsError(f"no connection to {host}:{port}: {e}") from e
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            deadline = time.monotonic() + wait_s
            line = self._line(deadline)
            if not line.startswith(b"INFO "):
                raise NatsError(f"not a NATS server: {line[:60]!r}")
            self.info = json.loads(line[5:])
            options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True,
                       "user": user, "pass": password, "name": "stack", "lang": "python", "version": "1"}
            self._send(b"CONNECT " + json.dumps(options).encode() + b"\r\n")
            self.flush()
        except TimeoutError as e:
            self.close()
            raise NatsError(f"{host}:{port} accepts but does not answer") from e
        except BaseException:
            self.close()
            raise

    @classmethod
    def from_url(cls, url, wait_s=5.0):
        u = urlsplit(url)
        return cls(u.port or 4222, unquote(u.username or ""), unquote(u.password or ""), u.hostname, wait_s)

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- what callers use -------------------------------------------------------------------

    def publish(self, subject, data=b"", headers=None, reply=""):
        data = data.encode() if isinstance(data, str) else data
        if headers:
            head = b"NATS/1.0\r\n" + b"".join(f"{k}: {v}\r\n".encode() for k, v in headers.items()) + b"\r\n"
            self._send(f"HPUB {subject} {reply} {len(head)} {len(head) + len(data)}\r\n".encode()
                       + head + data + b"\r\n")
        else:
            self._send(f"PUB {subject} {reply} {len(data)}\r\n".encode() + data + b"\r\n")

    def subscribe(self, subject):
        """A handle for next() and unsubscribe()."""
        self._sid += 1
        self._queues[self._sid] = deque()
        self._send(f"SUB {subject} {self._sid}\r\n".encode())
        return self._sid

    def unsubscribe(self, sid):
        self._queues.pop(sid, None)
        self._send(f"UNSUB {sid}\r\n".encode())

    def next(self, sid, wait_s=None):
        """The next message of a subscription, or None at the deadline."""
        deadline = time.monotonic() + (self.wait_s if wait_s is None else wait_s)
        while not self._queues[sid]:
            try:
                self._step(deadline)
            except TimeoutError:
                return None
        return self._queues[sid].popleft()

    def request(self, subject, data=b"", headers=None, wait_s=None):
        inbox = "_INBOX." + os.urandom(11).hex()
        sid = self.subscribe(inbox)
        try:
            self.publish(subject, data, headers, inbox)
            message = self.next(sid, wait_s)
        finally:
            self.unsubscribe(sid)
        if message is None:
            raise NatsError(f"no answer from {subject}")
        if message.status == "503":
            raise NobodyListens(f"nobody listens on {subject}")
        return message

    def js(self, api, body=None, wait_s=None):
        """A JetStream API request such as "STREAM.NAMES"; the answer as a dict."""
        data = json.dumps(body).encode() if body is not None else b""
        answer = json.loads(self.request(f"$JS.API.{api}", data, wait_s=wait_s).data)
        if "error" in answer:
            error = answer["error"]
            raise NatsError(f"{api}: {error.get('description')} ({error.get('err_code')})")
        return answer

    def js_publish(self, subject, data=b"", headers=None, wait_s=None, stream_s=0):
        """Publishes and waits for the stream's confirmation, and before that for the stream: a program is ready before it has
        made its own."""
        deadline = time.monotonic() + stream_s
        while True:
            try:
                answer = json.loads(self.request(subject, data, headers, wait_s).data)
                break
            except NobodyListens:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        if "error" in answer:
            raise NatsError(f"{subject}: {answer['error'].get('description')}")
        return answer

    def flush(self, wait_s=None):
        """Returns once the server has seen everything sent before."""
        deadline = time.monotonic() + (self.wait_s if wait_s is None else wait_s)
        wanted = self._pongs + 1
        self._send(b"PING\r\n")
        while self._pongs < wanted:
            try:
                self._step(deadline)
            except TimeoutError as e:
                raise NatsError("the server does not answer a ping") from e

    # ---- the protocol -------------------------------------------------------------------------

    def _send(self, data):
        try:
            self._socket.settimeout(self.wait_s)
            self._socket.sendall(data)
        except OSError as e:
            raise NatsError(f"the connection is lost: {e}") from e

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            raise
        except OSError as e:
            raise NatsError(f"the connection is lost: {e}") from e
        if not data:
            raise NatsError("the server closed the connection")
        self._buffer += data

    def _line(self, deadline):
        while b"\r\n" not in self._buffer:
            self._fill(deadline)
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _body(self, size):
        deadline = time.monotonic() + self.wait_s
        while len(self._buffer) < size + 2:
            try:
                self._fill(deadline)
            except TimeoutError as e:
                raise NatsError("a message was cut off") from e
        body, self._buffer = self._buffer[:size], self._buffer[size + 2:]
        return body

    def _step(self, deadline):
        line = self._line(deadline)
        verb, _, rest = line.partition(b" ")
        words = rest.decode().split()
        if verb == b"PING":
            self._send(b"PONG\r\n")
        elif verb == b"PONG":
            self._pongs += 1
        elif verb == b"-ERR":
            raise NatsError(rest.decode().strip("'"))
        elif verb == b"MSG":
            self._deliver(words[0], int(words[1]), words[2] if len(words) == 4 else "", b"",
                          self._body(int(words[-1])))
        elif verb == b"HMSG":
            body = self._body(int(words[-1]))
            cut = int(words[-2])
            self._deliver(words[0], int(words[1]), words[2] if len(words) == 5 else "", body[:cut], body[cut:])

    def _deliver(self, subject, sid, reply, head, data):
        lines = head.decode("utf-8", "replace").split("\r\n")
        first = lines[0].split()
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                headers[name] = value.strip()
        message = Message(subject, reply, headers, data, first[1] if len(first) > 1 else "")
        if sid in self._queues:
            self._queues[sid].append(message)
