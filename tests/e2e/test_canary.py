# SPDX-License-Identifier: Apache-2.0
"""Canaries in every secret setting and in hostile requests: nothing that a program leaves behind shows one."""
import glob
import os
import re
import secrets
import socket
import subprocess

from client import Api
from stack_under_test import ROOT, eventually

with open(os.path.join(ROOT, "common", "conf", "settings.h"), encoding="utf-8") as settings_h:
    SECRET_ROWS = re.findall(r"^    X\((\w+), \w+, SECRET,", settings_h.read(), re.M)

# What stands around a canary in requests: texts that try to leave their line, their string or their field.
HOSTILE = ("%s", "%s\\n%s%n%n", '","level":"error","x":"', "\\u0000\x01\x02\x1b[2J", "\u2028\u2029\u202e\u200b", "\ud7ff\uffff", "{}[]<>&\"'`\\",
           "password=", "token=", "Bearer ")


def canary():
    return "canary" + secrets.token_hex(16)


def raw(port, data):
    """Sends bytes as they are, and reads what comes until the end, or for a second."""
    with socket.create_connection(("127.0.0.1", port), 1) as s:
        s.sendall(data)
        try:
            while s.recv(65536):
                pass
        except OSError:
            pass


def attack(port, birds):
    """Requests with a canary in each place where a client puts a secret."""
    api = Api(port)

    def bird():
        birds.add(word := canary())
        return word

    for around in HOSTILE:
        api.post("/auth/login", {"username": "ada", "password": around + bird()})
        api.post("/auth/login", {"username": around[:20] + "x", "password": bird() + around})
        api.post("/auth/register", {"username": "ada" + around, "email": "nobody", "password": bird() + around})
        api.post("/auth/refresh", {"refresh_token": bird() + around})
        api.post("/auth/password/reset", {"token": bird(), "password": bird() + around})
        api.post("/auth/logout", {"refresh_token": around + bird()})
        api.get("/search", query={"query": around, "token": bird(), "apikey": bird()})
    for number in range(0x20):
        odd = bytes([number])
        raw(port, b"GET /user/profile HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + bird().encode() + odd + b"\r\nConnection: close\r\n\r\n")
    for head in (b"Authorization: Basic ", b"Cookie: sokoul_refresh=", b"X-Api-Key: sk_", b"Proxy-Authorization: Bearer ", b"Authorization: "):
        raw(port, b"GET /jobs HTTP/1.1\r\nHost: x\r\n" + head + bird().encode() + b"\r\nX-Request-ID: \xff\xfe\r\nConnection: close\r\n\r\n")
    raw(port, b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{\"password\":\"" + bird().encode() + b"\"\xff\xfe")
    raw(port, b"GET /search?token=" + bird().encode() + b"&query=%ff%00%0a%0d HTTP/1.1\r\nHost: x\r\nUser-Agent: \x1b]0;x\x07" + b"u" * 5000
        + b"\r\nConnection: close\r\n\r\n")
    raw(port, bytes(range(256)) * 8)


def test_no_canary_shows_and_every_line_is_one_object(sokoul, tmp_path):  # req: S31 S310 S313
    birds = {canary() for _ in SECRET_ROWS}
    settings = dict(zip(SECRET_ROWS, sorted(birds)))
    settings.update(SMTP_URL=f"smtp://mail:{(mail := canary())}@127.0.0.1:1", LOG_LEVEL="trace")
    birds.add(mail)
    programs = [sokoul.start(name, settings) for name in ("sokoul-api", "sokoul-scout", "sokoul-hunter")]
    api = programs[0]
    user = Api(api.port).register("ada")
    birds |= {user.token, "correct horse battery"}
    attack(api.port, birds)
    user.get("/search", query={"query": "matrix"})
    user.post("/search", {"query": "matrix", "wait_ms": 0})
    passwords = {s.password for s in (sokoul.postgres, sokoul.nats, sokoul.redis) if getattr(s, "password", None)}
    eventually(lambda: api.log(event="request"), what="lines of requests")
    shown = {}
    for program in programs:
        shown[f"the log of {program.name}"] = program.log_text()
        shown[f"the metrics of {program.name}"] = Api(program.port).get("/metrics").text
        with open(f"/proc/{program.pid}/cmdline", "rb") as f:
            shown[f"the command line of {program.name}"] = f.read().decode()
        with open(f"/proc/{program.pid}/limits", encoding="ascii") as f:
            assert re.search(r"Max core file size +0 +0 ", f.read()), f"{program.name} may leave a core file"
        rows, plain = program.log_rows()
        assert not plain, (program.name, plain[:3])
        need = {"timestamp", "level", "service", "request_id", "user_id", "job_id", "event", "message"}
        assert not [row for row in rows if set(row) != need]
    assert {where for where, text in shown.items() for word in birds | passwords if word in text} == set()
    # Tools read it: lines are grouped by their level, as jq -s 'group_by(.level)' does.
    counted = subprocess.run(["jq", "-r", "-s", "group_by(.level)[] | \"\\(.[0].level) \\(length)\"", api.log_path], capture_output=True,
                             text=True, check=True).stdout.split("\n")
    assert {line.split()[0] for line in counted if line} >= {"debug", "info", "trace"}
    assert glob.glob(f"{tmp_path}/**/core*", recursive=True) == []


def test_the_log_of_postgres_shows_nothing_of_rows_and_statements(own_servers):  # part: S31
    postgres = own_servers.postgres
    postgres.sql("CREATE TABLE people (email text UNIQUE)")
    postgres.sql("INSERT INTO people VALUES ('canary@example.org')")
    for statement in ("INSERT INTO people VALUES ('canary@example.org')", "SELECT 'canary@example.org' FROM nowhere"):
        try:
            postgres.sql(statement)
        except Exception as e:  # whatever the client's library makes of it
            assert "canary" in str(e) or "nowhere" in str(e)
    with open(f"{own_servers.folder}/postgres.log", encoding="utf-8") as f:
        log = f.read()
    assert "duplicate key" in log and "nowhere" in log and "canary" not in log
