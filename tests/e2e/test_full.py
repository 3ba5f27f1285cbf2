# SPDX-License-Identifier: Apache-2.0
"""An API whose places are all taken: health checks are answered, everybody else hears 503 at once."""
import contextlib
import socket
import time

import pytest
from client import Api
from stack_under_test import SLOW, eventually

PLACES = 20
SPARE = 64
HELLO = b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"


def connect(port, text=b""):
    sock = socket.create_connection(("127.0.0.1", port), 10 * SLOW)
    sock.sendall(text)
    return sock


def hear(sock):
    """All that comes until the end."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(4096):
            got += part
    return got


@pytest.fixture
def held():
    """Connections that are closed at the end."""
    with contextlib.ExitStack() as stack:
        yield stack.enter_context


def fill(program, held, count=PLACES):
    taken = [held(connect(program.port, HELLO)) for _ in range(count)]
    for sock in taken:
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    return taken


def answers_health(program):
    began = time.monotonic()
    for path in ("/livez", "/health", "/ready"):
        answer = Api(program.port, wait_s=10).get(path)
        assert (answer.status, answer.headers["Connection"]) == (200, "close"), answer
    return time.monotonic() - began


def test_a_full_api_answers_health_checks_and_tells_others_503(sokoul, held):
    """part: S201"""
    program = sokoul.start("sokoul-api", {"API_CONNECTIONS_MAX": str(PLACES)})
    user = Api(program.port, wait_s=10).register()
    taken = fill(program, held)
    assert answers_health(program) < 3 * SLOW
    for answer in (user.get("/user/profile"), user.post("/auth/login", {"username": "ada", "password": "x" * 70000})):
        assert (answer.status, answer.headers["Connection"]) == (503, "close"), answer
        assert int(answer.headers["Retry-After"]) > 0 and "every place" in answer.json["detail"], answer
    taken[0].sendall(HELLO)
    assert taken[0].recv(4096).startswith(b"HTTP/1.1 200 "), "who has a place keeps it"
    taken.pop().close()
    eventually(lambda: user.get("/user/profile").status == 200, 10, "an answer to who takes a place that is free again")


def test_those_who_wait_in_silence_before_a_full_api_keep_no_health_check_out(sokoul, held):
    """part: S201"""
    program = sokoul.start("sokoul-api", {"API_CONNECTIONS_MAX": str(PLACES)})
    fill(program, held)
    silent = [held(connect(program.port)) for _ in range(5 * SPARE)]
    assert answers_health(program) < 3 * SLOW
    told = [hear(sock) for sock in silent[:SPARE]]
    assert {t.split(b"\r\n")[0] for t in told} == {b"HTTP/1.1 503 Service Unavailable"}, told[:3]
    head, _, body = told[0].partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head and b"every place is taken" in body


def test_an_api_without_descriptors_for_all_places_has_fewer_and_says_so(sokoul, held):
    """part: S201"""
    sokoul.front = ["prlimit", "--nofile=500:600"]
    program = sokoul.start("sokoul-api")
    text = Api(program.port).get("/metrics").text
    assert "process_max_fds 600" in text, "the soft limit is raised to the hard one"
    warned = program.log(event="descriptors")
    assert warned and warned[0]["level"] == "warn", program.log_text()[:3000]
    some = [held(connect(program.port, HELLO)) for _ in range(700)]
    assert answers_health(program) < 3 * SLOW
    assert len([s for s in some if hear_first(s)]) >= 100


def hear_first(sock):
    with contextlib.suppress(ConnectionResetError):
        return sock.recv(4096).startswith(b"HTTP/1.1 200 ")
    return False
