# SPDX-License-Identifier: Apache-2.0
"""HTTP as it arrives on the wire: raw sockets against the real sokoul-api."""
import collections
import concurrent.futures
import json
import re
import select
import selectors
import signal
import socket
import subprocess
import threading
import time

import pytest
from client import Api
from stack_under_test import SLOW, eventually

pytestmark = pytest.mark.kept

LOCAL = "127.0.0.1"
PROBLEM = "application/problem+json"
HOST = "Host: t\r\n"
CLOSE = "Connection: close\r\n"


class Raw:
    """One connection; .answers() reads until the other side closes."""

    def __init__(self, port, wait_s=20):
        self.socket = socket.create_connection((LOCAL, port), timeout=wait_s)

    def say(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())
        return self

    def hear(self):
        data = b""
        try:
            while part := self.socket.recv(65536):
                data += part
        except ConnectionResetError:
            pass
        self.socket.close()
        return data.decode("utf-8", "replace")

    def drip(self, text, pace_s=0.2, limit_s=40):
        """A byte at a time until the server has had enough; how long that took."""
        began = time.monotonic()
        self.socket.settimeout(pace_s)
        for byte in text:
            try:
                self.socket.sendall(byte.encode())
                if self.socket.recv(65536) == b"":
                    break
            except TimeoutError:
                pass
            except OSError:
                break
            if time.monotonic() - began > limit_s:
                break
        self.socket.close()
        return time.monotonic() - began


def ask(port, text):
    return Raw(port).say(text).hear()


def status(answer):
    found = re.match(r"HTTP/1\.[01] (\d{3})", answer)
    return int(found[1]) if found else 0


def problem(answer):
    head, body = answer.split("\r\n\r\n", 1)
    assert f"content-type: {PROBLEM}" in head.lower(), answer
    found = json.loads(body)
    assert {"type", "title", "status", "detail", "request_id"} <= found.keys(), found
    assert f"x-request-id: {found['request_id']}".lower() in head.lower()
    return found


@pytest.fixture
def port(api):
    return api.port


# ---- refusals ---------------------------------------------------------------------------------

SMUGGLED = {
    "length and encoding": f"POST /auth/login HTTP/1.1\r\n{HOST}Content-Length: 5\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "encoding and length": f"POST /auth/login HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n"
                           "Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": f"POST /auth/login HTTP/1.1\r\n{HOST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}",
    "two equal lengths": f"POST /auth/login HTTP/1.1\r\n{HOST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}",
    "two hosts": f"GET /livez HTTP/1.1\r\n{HOST}Host: u\r\n\r\n",
    "no host": "GET /livez HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "a folded line": f"GET /livez HTTP/1.1\r\n{HOST}X-A: b\r\n  c\r\n\r\n",
    "a folded line after nothing": f"GET /livez HTTP/1.1\r\n{HOST}X-A:\r\n\tb\r\n\r\n",
    "a folded length": f"POST /auth/login HTTP/1.1\r\n{HOST}Content-Length:\r\n 2\r\n\r\n{{}}",
    "a blank before the colon": f"GET /livez HTTP/1.1\r\n{HOST}X-A : b\r\n\r\n",
    "a blank in a length's name": f"POST /auth/login HTTP/1.1\r\n{HOST}Content-Length : 2\r\n\r\n{{}}",
    "another encoding": f"POST /auth/login HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "an encoding twice": f"POST /auth/login HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a zero byte": f"GET /livez%00.html HTTP/1.1\r\n{HOST}\r\n",
    "a zero byte in the query": f"GET /livez?a=%00 HTTP/1.1\r\n{HOST}\r\n",
    "a length with a sign": f"POST /auth/login HTTP/1.1\r\n{HOST}Content-Length: +2\r\n\r\n{{}}",
    "encoding in HTTP/1.0": f"POST /auth/login HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


def test_what_smugglers_need_is_refused_and_the_connection_ends(port):
    hidden = f"GET /healthz HTTP/1.1\r\n{HOST}{CLOSE}\r\n"
    for name, text in SMUGGLED.items():
        answer = ask(port, text + hidden)
        assert status(answer) == 400, f"{name}: {answer}"
        assert "listeners_count" not in answer, f"{name}: a second request was read: {answer}"


def test_a_long_head_is_431(port):
    answer = ask(port, f"GET /livez HTTP/1.1\r\n{HOST}X-Long: {'a' * 8300}\r\n\r\n")
    assert status(answer) == 431 and problem(answer)["status"] == 431
    assert status(ask(port, f"GET /livez HTTP/1.1\r\n{HOST}X-Long: {'a' * 30000}\r\n\r\n")) == 431
    answer = ask(port, f"GET /livez HTTP/1.1\r\n{HOST}{CLOSE}X-Long: {'a' * 7000}\r\n\r\n")
    assert status(answer) == 200


def test_a_head_has_one_short_line_and_64_more(port):
    def line(length):
        return "GET /livez?" + "a" * (length - len("GET /livez? HTTP/1.1")) + " HTTP/1.1\r\n"

    assert status(ask(port, f"{line(4096)}{HOST}{CLOSE}\r\n")) == 400  # of its query
    answer = ask(port, f"{line(4097)}{HOST}\r\n")
    assert status(answer) == 431 and problem(answer)["status"] == 431
    for more, code in ((62, 200), (63, 431)):
        lines = "X-A: b\r\n" * more
        answer = ask(port, f"GET /livez HTTP/1.1\r\n{HOST}{CLOSE}{lines}\r\n")
        assert status(answer) == code, answer


@pytest.mark.parametrize("request_line, code", [
    (f"GET /livez?{'a' * 9000} HTTP/1.1", 431), (f"GET /{'a' * 40000} HTTP/1.1", 431), ("GET /livez HTTP/9.9", 505),
    ("GET /livez HTTP/2.0", 505), ("GET /livez HTTP/1.2", 505), ("GET /livez HTTP/0.9", 505), ("GET /livez HTXP/1.1", 400),
    (f"{'A' * 40000} /livez HTTP/1.1", 431)])
def test_what_the_library_refuses_is_a_problem_too(port, request_line, code):
    answer = ask(port, f"{request_line}\r\n{HOST}{CLOSE}\r\n")
    if answer == "" and request_line.startswith("AAA"):
        return  # libmicrohttpd 1.0 has no request yet where the method does not end, and closes
    assert problem(answer)["status"] == status(answer), answer
    assert status(answer) == code, answer


def test_bytes_that_are_no_http_get_no_secret_and_no_crash(port):
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 64, b"GET\r\n\r\n", b"\r\n\r\n\r\n", b"GET /livez\r\n\r\n",
                 b"GET /livez HTTP/9.9\r\nHost: t\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                 b"GET /\xff\xfe HTTP/1.1\r\nHost: t\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"):
        raw = Raw(port).say(junk)
        raw.socket.shutdown(socket.SHUT_WR)
        assert status(raw.hear()) in (0, 400, 404, 505), junk
    assert Api(port).get("/livez").status == 200


# ---- paths, methods, bodies ----------------------------------------------------------------------


def test_paths_and_methods(api, port):
    for path in ("/", "/nothing", "/health/", "//health", "/Health", "/%2Fhealth", "/%2fhealth", "/health%", "/%6", "/%gghealth", "/health/../livez",
                 "/health/%2e%2e/livez"):
        answer = ask(port, f"GET {path} HTTP/1.1\r\n{HOST}{CLOSE}\r\n")
        assert status(answer) == 404 and problem(answer)["title"] == "Not found", path
    answer = api.post("/health", {})
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert api.request("BREW", "/health").status == 405
    assert api.delete("/auth/login").headers["Allow"] == "POST, OPTIONS"


def test_an_unreserved_character_may_be_spelt_with_a_percent_sign(port, user):  # RFC 3986, 6.2.2.2
    for path in ("/%68ealth", "/healt%68", "/%6C%69%76%65%7a"):
        assert status(ask(port, f"GET {path} HTTP/1.1\r\n{HOST}{CLOSE}\r\n")) == 200, path
    answer = ask(port, f"GET /user/%70rofile HTTP/1.1\r\n{HOST}{CLOSE}Authorization: Bearer {user.token}\r\n\r\n")
    assert status(answer) == 200, answer
    assert status(ask(port, f"GET /user/%70rofile HTTP/1.1\r\n{HOST}{CLOSE}\r\n")) == 401
    assert status(ask(port, f"POST /%68ealth HTTP/1.1\r\n{HOST}{CLOSE}\r\n")) == 405


def test_head_is_get_without_a_body(port):
    answer = ask(port, f"HEAD /livez HTTP/1.1\r\n{HOST}{CLOSE}\r\n")
    head, body = answer.split("\r\n\r\n", 1)
    assert status(answer) == 200 and body == ""
    assert int(re.search(r"Content-Length: (\d+)", head)[1]) > 0


def test_options_and_cors(sokoul):
    program = sokoul.start("sokoul-api", {"CORS_ORIGINS": "https://a.example,https://b.example"})
    client = Api(program.port)
    answer = client.request("OPTIONS", "/auth/login", headers={
        "Origin": "https://b.example", "Access-Control-Request-Method": "POST"})
    assert answer.status == 204 and answer.headers["Allow"] == "POST, OPTIONS"
    assert answer.headers["Access-Control-Allow-Origin"] == "https://b.example"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert client.get("/livez", headers={"Origin": "https://a.example"}).headers["Access-Control-Allow-Origin"]
    answer = client.get("/livez", headers={"Origin": "https://evil.example"})
    assert answer.status == 200 and "Access-Control-Allow-Origin" not in answer.headers


def test_no_cors_by_default(api):
    answer = api.get("/livez", headers={"Origin": "https://a.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_queries_are_read_strictly(api):
    for query in ("x=1", "%zz=1", "a=%ff", "a=%0a", "a=%C2%9b", "a=1&a=2"):
        answer = api.get(f"/health?{query}")
        assert answer.status == 400 and answer.headers["Content-Type"] == PROBLEM, query
    assert api.get("/health?").status == 200


WRONG_TEXTS = ("a\n", "\x01a", "a\x7fb", "a\x85b", "\x9b31m", "a" * 20000)


@pytest.mark.parametrize("path, right, fields", [
    ("/auth/register", {"username": "bob", "email": "bob@example.org", "password": "correct horse battery"},
     ("username", "email", "password")),
    ("/auth/login", {"username": "ada", "email": "ada@example.org", "password": "x"}, ("username", "email")),
    ("/auth/refresh", {}, ("refresh_token",)), ("/auth/logout", {}, ("refresh_token",)),
    ("/search", {"query": "x", "wait_ms": 0}, ("query", "type")),
    ("/media/favorite", {"tmdb_id": 1}, ("media_type", "media_id")),
    ("/jobs", {"kind": "noop"}, ("kind", "worker", "priority", "run_at"))])
def test_a_text_has_a_greatest_length_and_no_control_characters(admin, path, right, fields):
    for field in fields:
        for text in WRONG_TEXTS:
            answer = admin.post(path, {**right, field: text})
            assert answer.status in (400, 413), (field, text[:10], answer)
            assert answer.status == 413 or field in [e["field"] for e in answer.json["errors"]], answer
    for field in ("username", "email", "password"):
        patch = {"current_password": "correct horse battery", field: "a\x85 long text"}
        assert admin.patch("/user/profile", patch).status == 400


def test_who_has_said_all_and_closes_their_half_is_answered(user, port):
    mine = f"{HOST}Authorization: Bearer {user.token}\r\n"
    login = '{"username":"ada","password":"correct horse battery"}'
    search = '{"query":"Nobody answers","wait_ms":500}'
    kind = "Content-Type: application/json\r\n"
    texts = {f"GET /livez HTTP/1.1\r\n{HOST}\r\n": ["200"], f"GET /user/profile HTTP/1.1\r\n{mine}\r\n": ["200"],
             "GET /livez HTTP/1.0\r\n\r\n": ["200"], f"GET /metrics HTTP/1.1\r\n{HOST}\r\n": ["200"],
             f"GET /livez HTTP/1.1\r\n{HOST}\r\nGET /user/profile HTTP/1.1\r\n{mine}\r\n": ["200", "200"],
             f"POST /auth/login HTTP/1.1\r\n{HOST}{kind}Content-Length: {len(login)}\r\n\r\n{login}": ["200"],
             f"POST /auth/login HTTP/1.1\r\n{HOST}{kind}Transfer-Encoding: chunked\r\n\r\n"
             f"{len(login):x}\r\n{login}\r\n0\r\n\r\n": ["200"],
             f"POST /search HTTP/1.1\r\n{mine}{kind}Content-Length: {len(search)}\r\n\r\n{search}": ["202"],
             f"GET /search?query=Sintel HTTP/1.1\r\n{mine}\r\n": ["200"],
             f"POST /nothing HTTP/1.1\r\n{HOST}Content-Length: 2\r\n\r\n{{}}": ["404"], "GET /livez HTTP/9.9\r\n\r\n": ["505"]}
    for pause_s in (0, 0, 0, 0.02):
        talks = [(text, Raw(port).say(text)) for text in texts]
        for _, raw in talks:
            select.select([], [], [], pause_s)
            raw.socket.shutdown(socket.SHUT_WR)
        for text, raw in talks:  # and the other half is closed, too: hear() waits for it
            assert re.findall(r"HTTP/1\.\d (\d{3}) ", raw.hear()) == texts[text], text


# req: S181
def test_a_megabyte_is_a_body_and_one_byte_more_is_not(user, port):
    limit = 1 << 20
    json_type = {"Content-Type": "application/json"}
    padded = b'{"media_id":"no id"' + b" " * limit
    assert user.request("POST", "/downloads/start", body=padded[:limit - 1] + b"}", headers=json_type).status == 400
    assert user.request("POST", "/downloads/start", body=padded[:limit] + b"}", headers=json_type).status == 413
    lines = f"POST /downloads/start HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nAuthorization: Bearer {user.token}\r\n"
    answer = ask(port, f"{lines}Content-Length: {limit + 1}\r\n\r\n")
    assert status(answer) == 413 and problem(answer)["status"] == 413  # not a byte of the body was sent
    chunk = f"{65536:x}\r\n{' ' * 65536}\r\n"
    assert status(ask(port, f"{lines}Transfer-Encoding: chunked\r\n\r\n{chunk * 17}0\r\n\r\n")) == 413


def test_bodies_have_to_be_json(api):
    answer = api.request("POST", "/auth/login", body=b"a=1", headers={"Content-Type": "text/plain"})
    assert answer.status == 415
    assert api.request("POST", "/auth/login", body=b"a=1").status == 415
    for body in (b"{", b"", b"{}x", b"[]", b'{"a":1,"a":2}', b"\xff", b"nul", b"{'a':1}"):
        answer = api.request("POST", "/auth/login", body=body, headers={"Content-Type": "application/json"})
        assert answer.status == 400 and answer.headers["Content-Type"] == PROBLEM, body


def test_a_token_is_needed_before_a_body_is_looked_at(api):
    answer = api.request("POST", "/jobs", body=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
    assert api.with_token("no.such.token").get("/user/profile").status == 401


# req: S293 S297
def test_every_answer_has_a_request_id(api):
    assert api.get("/livez", headers={"X-Request-ID": "req-12345"}).headers["X-Request-ID"] == "req-12345"
    answer = api.get("/nothing", headers={"X-Request-ID": "a.b_c-D9"})
    assert answer.headers["X-Request-ID"] == answer.json["request_id"] == "a.b_c-D9"
    for bad in ("", "a" * 65, "two words", "semi;colon", "<b>"):
        found = api.get("/livez", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert found != bad and re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", found)


def test_requests_may_be_sent_ahead(port):
    one = f"GET /livez HTTP/1.1\r\n{HOST}\r\n"
    answer = ask(port, one * 20 + f"GET /nothing HTTP/1.1\r\n{HOST}{CLOSE}\r\n")
    assert answer.count("HTTP/1.1 200") == 20 and answer.count("HTTP/1.1 404") == 1


def test_requests_answered_together_each_get_their_own(sokoul, user):
    """GET /media/{id} is worked off in batches: a good one, a missing one and nonsense side by side."""
    ids = [f"01890000-0000-7000-8000-{i:012d}" for i in range(40)]
    for number, media_id in enumerate(ids[:20]):
        sokoul.sql("INSERT INTO media (id, tmdb_id, media_type, title) VALUES (%s, %s, 'movie', %s)",
                   (media_id, number + 1, f"Title {number}"))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = dict(pool.map(lambda i: (i, user.get(f"/media/{i}")), [*ids, "no-id"] * 5))
    for number, media_id in enumerate(ids):
        answer = answers[media_id]
        assert answer.status == (200 if number < 20 else 404), answer
        if number < 20:
            assert (answer.json["id"], answer.json["title"]) == (media_id, f"Title {number}")
    assert answers["no-id"].status == 404


# ---- slow clients ----------------------------------------------------------------------------------


# req: S178 S179 part: S180 A41
def test_slow_clients_are_cut_by_phase(sokoul):
    program = sokoul.start("sokoul-api", {"API_IDLE_TIMEOUT_S": "3", "API_KEEPALIVE_S": "4"})
    port = program.port
    post = f"POST /auth/login HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nContent-Length: 900\r\n\r\n"
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        line = pool.submit(lambda: Raw(port).drip(f"GET /{'a' * 900} HTTP/1.1\r\n"))
        head = pool.submit(lambda: Raw(port).say("GET /livez HTTP/1.1\r\n").drip(f"X-A: {'b' * 900}"))
        body = pool.submit(lambda: Raw(port).say(post).drip(" " * 900))
        silent = pool.submit(lambda: (time.monotonic(), Raw(port).hear(), time.monotonic()))
        kept = pool.submit(lambda: (time.monotonic(), Raw(port).say(f"GET /livez HTTP/1.1\r\n{HOST}\r\n").hear(),
                                    time.monotonic()))
        again = pool.submit(lambda: Raw(port).say(f"GET /livez HTTP/1.1\r\n{HOST}\r\n").drip("GET /" + "a" * 900))
        assert 4.5 <= line.result() <= 7.5 * SLOW
        assert 4.5 <= head.result() <= 7.5 * SLOW
        assert 9.5 <= body.result() <= 12.5 * SLOW
        began, answer, ended = silent.result()
        assert answer == "" and 2.5 <= ended - began <= 5 * SLOW
        began, answer, ended = kept.result()
        assert status(answer) == 200 and 3.5 <= ended - began <= 6 * SLOW
        assert again.result() <= 9 * SLOW


def test_a_crowd_of_slow_clients_hurts_nobody(sokoul):
    """1,000 sockets drip while others are served."""
    program = sokoul.start("sokoul-api")
    crowd = [socket.create_connection((LOCAL, program.port), timeout=10) for _ in range(1000)]
    stop = threading.Event()

    def drip():
        while not stop.wait(0.5):
            for member in crowd:
                try:
                    member.send(b"a")
                except OSError:
                    pass

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        client, times = Api(program.port), []
        for _ in range(200):
            began = time.monotonic()
            assert client.get("/livez").status == 200
            times.append(time.monotonic() - began)
        assert sorted(times)[197] < 0.25 * SLOW

        def all_cut():
            for member in crowd:
                member.setblocking(False)
                try:
                    if member.recv(1) != b"":
                        return False
                except BlockingIOError:
                    return False
                except OSError:
                    pass
            return True

        eventually(all_cut, 12, "the end of the crowd")
    finally:
        stop.set()
        dripping.join()
        for member in crowd:
            member.close()


def test_one_address_may_not_hold_all_connections(sokoul):
    program = sokoul.start("sokoul-api", {"API_CONNECTIONS_PER_ADDRESS": "5", "RATE_LIMIT_ALLOW": ""})
    held = []

    def hold():
        """True once one is refused; what was left of earlier connections may still count at first."""
        try:
            one = Raw(program.port).say(f"GET /livez HTTP/1.1\r\n{HOST}\r\n")
            if one.socket.recv(12) == b"HTTP/1.1 200":
                held.append(one)
                return False
        except OSError:
            pass
        return len(held) == 5

    eventually(hold, 5, "a refusal of the sixth")
    assert len(held) == 5
    held.pop().socket.close()

    def welcome():
        try:
            return Api(program.port, wait_s=5).get("/livez").status == 200
        except OSError:
            return False

    eventually(welcome, 5, "room for another connection")
    for one in held:
        one.socket.close()


# req: S199
def test_a_hundred_at_once_are_all_answered(sokoul):
    program = sokoul.start("sokoul-api")
    user = Api(program.port, wait_s=30).register()
    run = subprocess.run(["wrk", "-t", "2", "-c", "100", "-d", "3s", "--timeout", "10s", "-H", f"Authorization: Bearer {user.token}",
                          f"http://127.0.0.1:{program.port}/user/profile"],
                         capture_output=True, text=True, timeout=60, check=True)
    assert "Socket errors" not in run.stdout and "Non-2xx" not in run.stdout, run.stdout
    assert int(re.search(r"(\d+) requests in", run.stdout)[1]) >= 100 * 3
    assert user.get("/user/profile").status == 200


# ---- who is asking --------------------------------------------------------------------------------


def test_metrics_are_not_for_everybody(sokoul):
    program = sokoul.start("sokoul-api", {"METRICS_ALLOW": "10.1.2.3/32", "TRUSTED_PROXIES": "127.0.0.1/32"})
    client = Api(program.port)
    for path in ("/metrics", "/health/deep"):
        assert client.get(path).status == 403
        assert client.get(path, headers={"X-Forwarded-For": "10.1.2.3"}).status == 200
        assert client.get(path, headers={"X-Forwarded-For": "10.1.2.3, 6.6.6.6"}).status == 403


# ---- health, metrics, log --------------------------------------------------------------------------


# req: S322 S323 P1 part: A44 J19
def test_health_in_all_its_shapes(api):
    health = api.get("/health").json
    assert health["status"] == "healthy" and health["database"] == "up"
    assert {"timestamp", "version", "uptime_seconds", "requests", "errors", "error_rate", "last_db_check"} <= health.keys()
    assert re.fullmatch(r"\d+\.\d\d%", health["error_rate"])
    brief = api.get("/healthz").json
    assert brief["status"] == "ok" and {"version", "listeners_count", "redis", "uptime_s"} <= brief.keys()
    deep = api.get("/health/deep").json
    assert deep["status"] == "healthy" and set(deep["components"]) == {"database", "redis", "nats"}
    assert all(c["status"] == "up" and c["error"] is None for c in deep["components"].values())
    for path in ("/ready", "/readyz"):
        ready = api.get(path).json
        assert ready["ready"] is True and ready["services"]["database"] is True
    assert api.get("/livez").status == 200


# req: S314 S315 part: S318
def test_metrics_move_with_requests(api):
    def value(name):
        found = re.search(rf"^{re.escape(name)} (\d+)", api.get("/metrics").text, re.M)
        return int(found[1]) if found else 0

    series = 'sokoul_api_requests_total{method="GET",route="/livez",status="200"}'
    before = value(series)
    count = value("sokoul_api_request_duration_seconds_count")
    for _ in range(3):
        api.get("/livez")
    assert value(series) == before + 3
    assert value("sokoul_api_request_duration_seconds_count") >= count + 3
    text = api.get("/metrics").text
    assert "sokoul_db_connections_active " in text and 'service="sokoul-api"' in text


# req: S312
def test_the_log_has_a_line_per_request_and_never_a_query(sokoul):
    program = sokoul.start("sokoul-api")
    Api(program.port).get("/health?token=very-secret-value", headers={"X-Request-ID": "req-of-the-log"})
    lines = eventually(lambda: program.log(event="request", request_id="req-of-the-log"), 5, "the line")
    assert len(lines) == 1 and re.match(r"GET /health 400 \d", lines[0]["message"])
    assert {"timestamp", "level", "service", "user_id", "message"} <= lines[0].keys()
    assert "very-secret-value" not in program.log_text()


# ---- servers away ------------------------------------------------------------------------------------


# req: S323
def test_redis_and_nats_away_only_degrade(sokoul, servers):
    program = sokoul.start("sokoul-api")
    client = Api(program.port)
    servers.redis.kill()
    servers.nats.kill()

    def degraded():
        parts = client.get("/health/deep").json["components"]
        return parts["redis"]["status"] == parts["nats"]["status"] == "down"

    eventually(degraded, 10, "the news that Redis and NATS are away")
    assert client.get("/health/deep").json["status"] == "degraded"
    ready = client.get("/ready")
    assert ready.status == 200 and ready.json["services"] == {"database": True, "redis": False, "nats": False}


# req: S224 S226
def test_postgres_away_is_503_within_five_seconds_and_heals(own_sokoul, own_servers):
    program = own_sokoul.start("sokoul-api")
    client = Api(program.port)
    user = client.register()
    own_servers.postgres.kill()
    began = time.monotonic()

    def away():
        answer = user.get("/user/profile")
        assert answer.status in (200, 503), answer  # a server process may outlive its parent by a moment
        return answer if answer.status == 503 else None

    refusal = eventually(away, 5, "a refusal")
    assert refusal.headers["Retry-After"] and time.monotonic() - began < 5 * SLOW
    assert set(refusal.json) == {"type", "title", "status", "detail", "request_id"}
    assert not re.search(r"libpq|server closed|SELECT|\.c:\d|[Tt]race|0x[0-9a-f]{6}|127\.0\.0\.1", refusal.text), refusal.text
    eventually(lambda: client.get("/ready").status == 503, 5, "readiness to be false")
    assert client.get("/livez").status == 200
    health = client.get("/health")
    assert (health.status, health.json["status"], health.json["database"]) == (503, "unhealthy", "down")
    own_servers.restart(own_servers.postgres)
    eventually(lambda: user.get("/user/profile").status == 200, 15, "the recovery")


# ---- leaving --------------------------------------------------------------------------------------------


# req: S289 S292 C1 C2 C4 C8 C19 C26 part: C16 J1 J19
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_leaving_is_graceful_and_told_step_by_step(sokoul, number):
    program = sokoul.start("sokoul-api")
    client = Api(program.port, wait_s=5)
    began = time.monotonic()
    program.signal(number)
    assert eventually(lambda: client.get("/ready").status == 503, 5, "readiness to be false")
    answer = client.get("/nothing")
    assert answer.status == 503 and answer.headers["Retry-After"] and answer.headers["Connection"] == "close"
    assert client.get("/livez").status == 200
    assert program.wait(10 * SLOW) == 0
    assert time.monotonic() - began < 10 * SLOW
    said = [row["message"] for row in program.log()]
    steps = [f"Received signal {int(number)}, initiating graceful shutdown...",
             "Starting graceful shutdown process...",
             "[SHUTDOWN] graceful stop begins",
             "[SHUTDOWN] drain mode on, new connections refused",
             "[SHUTDOWN] services stopped",
             "Graceful shutdown process completed"]
    assert [line for line in said if line in steps] == steps
    assert said[-1] == steps[-1]
    assert any(line.startswith("app_shutdown_duration_seconds ") for line in said)


# req: S291 part: J14
def test_no_request_is_cut_when_leaving_under_load(sokoul):
    program = sokoul.start("sokoul-api")
    begun, stop = threading.Barrier(9), threading.Event()

    def load():
        seen = []
        begun.wait()
        while not stop.is_set():
            try:
                raw = Raw(program.port, 10)
            except ConnectionRefusedError:
                return seen
            except ConnectionResetError:
                continue
            try:
                answer = raw.say(f"GET /user/profile HTTP/1.1\r\n{HOST}{CLOSE}\r\n").hear()
            except OSError as e:
                answer = f"cut: {e}"
            seen.append(status(answer) or answer or "nothing")
        return seen

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        loads = [pool.submit(load) for _ in range(8)]
        begun.wait()
        program.signal(signal.SIGTERM)
        code = program.wait(15 * SLOW)
        stop.set()
        seen = [one for future in loads for one in future.result()]
    assert code == 0
    assert 503 in seen and set(seen) <= {401, 503}, {one: seen.count(one) for one in set(map(str, seen))}


# req: S291
def test_whoever_the_kernel_let_in_while_leaving_is_answered(sokoul):
    """Faster than they are answered, so that there are always some in the queue of the listener."""
    program = sokoul.start("sokoul-api")
    waiting, heard = {}, []
    selector = selectors.DefaultSelector()

    def collect(wait_s):
        for key, _ in selector.select(wait_s):
            selector.unregister(key.fileobj)
            heard.append(waiting.pop(key.fileobj).hear())

    def knock():
        raw = Raw(program.port, 20)
        waiting[raw.socket] = raw
        selector.register(raw.socket, selectors.EVENT_READ)
        raw.say(f"GET /user/profile HTTP/1.1\r\n{HOST}{CLOSE}\r\n")

    program.signal(signal.SIGTERM)
    deadline = time.monotonic() + 30 * SLOW
    try:
        while time.monotonic() < deadline:
            knock()
            if len(waiting) > 300:
                collect(5)
    except ConnectionRefusedError:
        pass
    while waiting and time.monotonic() < deadline:
        collect(1)
    assert program.wait(15 * SLOW) == 0
    seen = collections.Counter(status(answer) for answer in heard)
    assert seen[503] > 0 and set(seen) <= {401, 503} and not waiting, (seen, len(waiting))


# req: S291
def test_who_came_before_the_door_closes_and_speaks_late_or_never_is_answered(sokoul):
    program = sokoul.start("sokoul-api")
    came, mute = collections.deque(), []
    heard = []
    program.signal(signal.SIGTERM)
    try:
        while True:
            came.append((time.monotonic(), Raw(program.port, 10)))
            mute.append(Raw(program.port, 10))
            next_ = time.monotonic() + 0.02
            while (now := time.monotonic()) < next_:
                while came and now - came[0][0] > 0.4:
                    heard.append(came.popleft()[1].say(f"GET /user/profile HTTP/1.1\r\n{HOST}{CLOSE}\r\n").hear())
                select.select([], [], [], 0.002)
    except ConnectionRefusedError:
        pass
    heard += [raw.say(f"GET /user/profile HTTP/1.1\r\n{HOST}{CLOSE}\r\n").hear() for _, raw in came]
    told = [status(raw.hear()) for raw in mute]
    assert program.wait(15 * SLOW) == 0
    assert {status(answer) for answer in heard} <= {401, 503} and len(heard) > 10, [a[:40] for a in heard]
    assert set(told) == {503}, told


# req: C9
@pytest.mark.parametrize("head_ends", ["before", "after"])
def test_a_stuck_client_does_not_keep_it(sokoul, head_ends):
    program = sokoul.start("sokoul-api", {"API_DRAIN_S": "3", "API_BODY_TIMEOUT_S": "60"})
    raw = Raw(program.port).say(f"POST /auth/login HTTP/1.1\r\n{HOST}")
    rest = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    if head_ends == "before":
        raw.say(rest)
    eventually(lambda: "sokoul_api_requests_total" in Api(program.port).get("/metrics").text)
    began = time.monotonic()
    program.signal(signal.SIGTERM)
    if head_ends == "after":
        eventually(lambda: program.log(message="[SHUTDOWN] drain mode on, new connections refused"), 5, "draining")
        raw.say(rest)
    assert program.wait(10 * SLOW) == 0
    assert time.monotonic() - began < 3.5 * SLOW
    raw.socket.close()


def test_a_second_signal_ends_it_now(sokoul):
    program = sokoul.start("sokoul-api", {"API_DRAIN_S": "30", "API_BODY_TIMEOUT_S": "60"})
    raw = Raw(program.port).say(f"POST /auth/login HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n"
                                "Content-Length: 100\r\n\r\n{")
    program.signal(signal.SIGTERM)
    eventually(lambda: program.log(message="Starting graceful shutdown process..."), 5, "the first step")
    began = time.monotonic()
    program.signal(signal.SIGTERM)
    assert program.wait(10) != 0
    assert time.monotonic() - began < 2 * SLOW
    raw.socket.close()


def test_a_taken_port_is_said_in_one_line(sokoul):
    first = sokoul.start("sokoul-api")
    second = sokoul.start("sokoul-api", ready=False, listen=first.port)
    assert second.wait(10 * SLOW) == 69
    assert "already in use" in second.log_text()
