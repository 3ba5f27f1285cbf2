# SPDX-License-Identifier: Apache-2.0
"""deploy/nginx in front of two API processes: a real nginx, with this machine's addresses in the very files."""
import http.client
import subprocess

import pytest
from client import Api
from edge_kit import Edge
from stack_under_test import eventually

@pytest.fixture
def edge(sokoul, tmp_path):
    settings = {"TRUSTED_PROXIES": "127.0.0.1/32"}
    apis = [sokoul.start("sokoul-api", settings) for _ in range(2)]
    (tmp_path / "edge").mkdir()
    edge = Edge(tmp_path / "edge", [api.port for api in apis])
    edge.apis = apis
    try:
        yield edge.start()
    finally:
        edge.stop()


def test_nginx_finds_nothing_wrong_with_its_files(tmp_path):
    edge = Edge(tmp_path, (3000, 3001))
    done = subprocess.run([*edge.words, "-t"], check=False, capture_output=True, text=True)
    assert done.returncode == 0 and "test is successful" in done.stderr and "[warn]" not in done.stderr, done.stderr


def test_an_api_that_goes_is_not_noticed_behind_nginx(sokoul, edge):
    admin = sokoul.admin(Api(edge.apis[0].port))
    headers = {"Authorization": f"Bearer {admin.token}"}
    seen = []
    for number in range(120):
        if number == 40:
            edge.apis[0].ask()
        body = {"kind": "noop", "payload": {}}
        seen.append(edge.ask("POST", "/jobs", body, {**headers, "Idempotency-Key": f"edge-{number}"})[0])
    assert seen == [202] * 120, seen
    assert sokoul.value("SELECT count(*) FROM jobs WHERE kind = 'noop'") == 120
    assert edge.apis[0].wait(15) == 0
    assert "prematurely closed" not in edge.errors()


def test_what_is_for_operators_does_not_leave_and_http_becomes_https(edge):
    assert [edge.ask("GET", path)[0] for path in ("/metrics", "/ws-metrics", "/health/deep", "/health")] == [404, 404, 404, 200]
    connection = http.client.HTTPConnection("127.0.0.1", edge.http, timeout=10)
    connection.request("GET", "/health?x=1", headers={"Host": "films.example"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location")) == (308, "https://films.example/health?x=1")
    connection.close()


def test_a_client_cannot_choose_its_address_and_logs_hold_no_query(sokoul, edge):
    edge.ask("POST", "/auth/login", {"username": "nobody", "password": "wrong horse battery"}, {"X-Forwarded-For": "192.0.2.1"})
    assert eventually(lambda: sokoul.value("SELECT ip FROM logs WHERE action = 'login_failed'")) == "127.0.0.1"
    edge.ask("GET", "/search?query=private")
    assert eventually(lambda: [row for row in edge.access() if row["path"] == "/search"])
    with open(f"{edge.folder}/access.log", encoding="utf-8") as f:
        assert "private" not in f.read()


def test_who_tries_passwords_is_slowed_down(edge):
    # req: J21
    wrong = {"username": "nobody", "password": "wrong horse battery"}
    seen = [edge.ask("POST", "/auth/refresh", {"refresh_token": "x" + wrong["username"]})[0] for _ in range(30)]
    assert seen[:20] == [401] * 20 and 429 in seen[20:], seen
    assert "limiting requests" in edge.errors()


@pytest.mark.parametrize("head", [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
])
def test_there_are_never_two_opinions_on_where_a_request_ends(edge, head):
    said = edge.says(b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + head + b"\r\n0\r\n\r\n")
    assert " 400 " in said or " 501 " in said, said
