# SPDX-License-Identifier: Apache-2.0
"""deploy/nginx in front of two API processes: a real nginx, with this machine's addresses in the very files."""
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess

import pytest
from client import Api
from stack.proc import free_ports, spawn, stop_child, wait_for
from stack.servers import program
from stack_under_test import ROOT, eventually

FOLDER = os.path.join(ROOT, "deploy", "nginx")


class Edge:
    def __init__(self, folder, ports):
        self.folder = str(folder)
        self.http = free_ports(2)
        self.https = self.http + 1
        subprocess.run([os.path.join(ROOT, "tools", "compose-env"), self.folder], check=True, capture_output=True)
        changes = {"/tmp/": f"{self.folder}/",
                   "listen 8080": f"listen 127.0.0.1:{self.http}", "listen 8443": f"listen 127.0.0.1:{self.https}",
                   "sokoul-api:3000": f"127.0.0.1:{ports[0]}", "sokoul-api-2:3000": f"127.0.0.1:{ports[1]}",
                   "/run/secrets/": f"{self.folder}/.secrets/",
                   "/dev/stdout": f"{self.folder}/access.log", "/dev/stderr": f"{self.folder}/error.log",
                   "worker_processes auto": "worker_processes 1"}
        with open(os.path.join(FOLDER, "nginx.conf"), encoding="utf-8") as f:
            text = f.read()
        for old, new in changes.items():
            assert old in text, f"deploy/nginx/nginx.conf has no {old}"
            text = text.replace(old, new)
        with open(f"{self.folder}/nginx.conf", "w", encoding="utf-8") as f:
            f.write(text)
        shutil.copy(os.path.join(FOLDER, "proxy.conf"), self.folder)
        self.words = [program("nginx"), "-e", f"{self.folder}/error.log", "-c", f"{self.folder}/nginx.conf"]
        self.context = ssl.create_default_context(cafile=f"{self.folder}/.secrets/tls_certificate")
        self.child = None

    def start(self):
        self.child = spawn([*self.words, "-g", "daemon off;"], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        assert wait_for(lambda: self.child.poll() is None and self.ask("GET", "/readyz")[0] == 200, 15), self.errors()
        return self

    def stop(self):
        if self.child:
            stop_child(self.child, 10)

    def errors(self):
        with open(f"{self.folder}/error.log", encoding="utf-8") as f:
            return f.read()

    def access(self):
        with open(f"{self.folder}/access.log", encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, text); (0, {}, why) without an answer."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.https, timeout=20, context=self.context)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        except OSError as e:
            return 0, {}, str(e)
        finally:
            connection.close()

    def says(self, data):
        """The first line that comes back for these very bytes."""
        with socket.create_connection(("127.0.0.1", self.https), 10) as plain, \
                self.context.wrap_socket(plain, server_hostname="127.0.0.1") as s:
            s.sendall(data)
            return s.recv(4096).split(b"\r\n")[0].decode()


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
