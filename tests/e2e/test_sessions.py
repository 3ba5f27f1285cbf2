# SPDX-License-Identifier: Apache-2.0
"""Sessions end when they are ended: whoever refreshes at that moment, in every process, within a second."""
import hashlib
import http.client
import json
import os
import threading
import time
import uuid

import psycopg2
import pytest
from client import Api
from stack_under_test import SLOW, eventually
from test_auth import PASSWORD, b64, claims, fields, forged

pytestmark = pytest.mark.kept

THIEVES = 25  # at once, in each round


class Thief(threading.Thread):
    """Has a session's refresh token and uses it as fast as it can, until it is refused."""

    def __init__(self, port, token):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.token = token
        self.turns = 0
        self.over = threading.Event()
        self.survived = False

    def refresh(self):
        self.connection.request("POST", "/auth/refresh", json.dumps({"refresh_token": self.token}),
                                {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status == 200:
            self.token = json.loads(body)["refresh_token"]
            self.turns += 1
        else:
            assert answer.status == 401, (answer.status, body)
        return answer.status == 200

    def run(self):
        try:
            while self.refresh():
                if self.over.is_set():  # asked after the answer: this session outlived its end
                    self.survived = self.refresh()
                    return
        finally:
            self.connection.close()


def new_sessions(sokoul, user_ids):
    """A session of each user by SQL, to spare the passwords: (family, refresh token) of each."""
    made = []
    for user_id in user_ids:
        token = b64(os.urandom(32))
        family = sokoul.value(
            "INSERT INTO refresh_tokens (id, user_id, family, token_hash, expires_at) VALUES (gen_random_uuid(), "
            "%s, gen_random_uuid(), %s, now() + interval '1 day') RETURNING family::text",
            (user_id, hashlib.sha256(token.encode()).hexdigest()))
        made.append((family, token))
    return made


def access_token(sokoul, user_id, family, role="user"):
    now = int(time.time())
    return forged(sokoul, {"iss": "sokoul", "aud": "sokoul-api", "kind": "access", "jti": str(uuid.uuid4()), "sub": user_id,
                           "user_id": user_id, "sid": family, "role": role, "iat": now, "nbf": now, "exp": now + 600})


def survivors(ports, sessions, end):
    """How many of these sessions live on when end() has ended them all, though each was refreshed meanwhile."""
    thieves = [Thief(ports[i % len(ports)], token) for i, (_, token) in enumerate(sessions)]
    for thief in thieves:
        thief.start()
    eventually(lambda: all(thief.turns > 1 for thief in thieves), 30, "every thief at work")
    end()
    for thief in thieves:
        thief.over.set()
    for thief in thieves:
        thief.join(60)
        assert not thief.is_alive()
    return sum(thief.survived for thief in thieves)


@pytest.fixture
def two(sokoul):
    """Clients of two processes of the API."""
    return [Api(sokoul.start("sokoul-api", {"DB_POOL_SIZE": "8"}).port) for _ in range(2)]


def test_none_of_500_sessions_that_refresh_outlives_a_new_password(sokoul, two):
    owner = two[0].register()
    old, lived = PASSWORD, 0
    for number in range(500 // THIEVES):
        def change():
            new = f"password number {number}"
            answer = owner.patch("/user/profile", {"password": new, "current_password": old})
            assert answer.status == 200, answer
        sessions = new_sessions(sokoul, [owner.user["id"]] * THIEVES)
        lived += survivors([api.port for api in two], sessions, change)
        old = f"password number {number}"
    assert lived == 0, f"{lived} of 500 sessions outlived a new password"


def test_none_of_500_sessions_that_refresh_outlives_its_logout(sokoul, two):
    owners = [row[0] for row in sokoul.sql(
        "INSERT INTO users (id, username, email, password_hash) SELECT gen_random_uuid(), 'user' || n, "
        "'user' || n || '@example.org', '!' FROM generate_series(1, %s) n RETURNING id::text", (THIEVES,))]
    lived = 0
    for _ in range(500 // THIEVES):
        sessions = new_sessions(sokoul, owners)

        def log_out():
            for at, (user_id, (family, token)) in enumerate(zip(owners, sessions)):
                client = two[(at + 1) % 2].with_token(access_token(sokoul, user_id, family))
                assert client.post("/auth/logout", {"refresh_token": token}).status == 204
        lived += survivors([api.port for api in two], sessions, log_out)
    assert lived == 0, f"{lived} of 500 sessions outlived their logout"


def logged_in(api, name="ada", password=PASSWORD):
    answer = api.post("/auth/login", {"username": name, "password": password})
    assert answer.status == 200, answer
    client = api.with_token(answer.json["access_token"])
    client.refresh_token = answer.json["refresh_token"]
    return client


def round_trip_s(api):
    began = time.monotonic()
    assert api.get("/livez").status == 200
    return time.monotonic() - began


def by_logout(sokoul, client):
    assert client.post("/auth/logout", {"refresh_token": client.refresh_token}).status == 204


def by_new_password(sokoul, client):
    other = logged_in(client.with_token(None))
    change = {"password": "a quite different one", "current_password": PASSWORD}
    assert other.patch("/user/profile", change).status == 200
    assert other.get("/user/profile").status == 200  # who changes it stays


def by_a_token_used_twice(sokoul, client):
    for status in (200, 401):
        assert client.post("/auth/refresh", {"refresh_token": client.refresh_token}).status == status


def by_demotion(sokoul, client):
    sokoul.ctl("user", "role", "ada", "user")


def by_demotion_in_sql(sokoul, client):
    sokoul.sql("UPDATE users SET role = 'moderator' WHERE username = 'ada'")


def by_deletion(sokoul, client):
    assert client.delete("/user/profile").status == 204


def by_deletion_in_sql(sokoul, client):
    sokoul.sql("DELETE FROM users WHERE username = 'ada'")


@pytest.mark.parametrize("end", [by_logout, by_new_password, by_a_token_used_twice, by_demotion,
                                 by_demotion_in_sql, by_deletion, by_deletion_in_sql])
def test_an_access_token_ends_within_a_second_in_every_process(sokoul, two, end):
    two[0].register()
    sokoul.sql("UPDATE users SET role = 'admin' WHERE username = 'ada'")
    client = logged_in(two[0])
    seen = [api.with_token(client.token) for api in two]
    for api in seen:
        eventually(lambda api=api: api.get("/admin/stats").status == 200, 2, "the role is known")
    end(sokoul, client)
    ended = time.monotonic()
    for api in seen:
        eventually(lambda api=api: api.get("/jobs").status == 401, 5, "the token is refused")
    took = time.monotonic() - ended
    assert took < 1 * SLOW + 20 * round_trip_s(two[0]), took  # a machine that is busy answers late
    late = Api(sokoul.start("sokoul-api").port, client.token)
    assert late.get("/jobs").status == 401  # a process that starts later knows it at once


def test_a_demoted_user_goes_on_with_what_is_left(sokoul, two):
    first = two[0].register()
    sokoul.sql("UPDATE users SET role = 'admin' WHERE username = 'ada'")
    assert first.get("/user/profile").status == 200  # a token of less than one has stays good
    admin = two[0].post("/auth/refresh", {"refresh_token": first.refresh_token}).json
    assert claims(admin["access_token"])["role"] == "admin"
    sokoul.ctl("user", "role", "ada", "user")
    old = two[1].with_token(admin["access_token"])
    eventually(lambda: old.get("/admin/stats").status == 401, 5, "the admin's token is refused")
    left = two[1].post("/auth/refresh", {"refresh_token": admin["refresh_token"]}).json
    assert claims(left["access_token"])["role"] == "user"
    for api in two:
        assert api.with_token(left["access_token"]).get("/user/profile").status == 200
        assert api.with_token(left["access_token"]).get("/admin/stats").status == 403


def test_nobody_is_let_in_while_it_cannot_be_read_who_was_thrown_out(sokoul, two, user):
    client = two[0].with_token(user.token)
    assert client.get("/livez").status == 200
    with psycopg2.connect(sokoul.database_url) as lock:
        lock.cursor().execute("LOCK TABLE revocations")
        answer = eventually(lambda: (lambda a: a if a.status != 200 else None)(client.get("/user/profile")), 15,
                            "the API saying that it does not know")
        assert answer.status == 503 and answer.headers["Retry-After"], answer
        lock.rollback()
    eventually(lambda: client.get("/user/profile").status == 200, 10, "the API knowing again")


def test_what_ends_while_a_process_cannot_reach_the_database_is_ended_there(own_servers, own_sokoul):
    api = Api(own_sokoul.start("sokoul-api").port)
    user = api.register()
    own_servers.postgres.kill()
    eventually(lambda: user.get("/user/profile").status == 503, 15, "the database away")
    own_servers.restart(own_servers.postgres)
    family = claims(user.token)["sid"]
    own_sokoul.sql("UPDATE refresh_tokens SET revoked_at = now() WHERE family = %s", (family,))
    answer = eventually(lambda: (lambda a: a if a.status != 503 else None)(user.get("/user/profile")), 30,
                        "the database back")
    assert answer.status == 401, answer


def test_a_login_with_the_old_password_does_not_outlive_the_new_one(sokoul, two):
    """The thief logs in while the password changes: verified with the old one, let in after the new one."""
    owner = two[0].register()
    ended = threading.Event()
    tokens = []

    def log_in():
        while not ended.is_set():
            answer = two[1].post("/auth/login", {"username": "ada", "password": old})
            if answer.status == 200:
                tokens.append(answer.json["refresh_token"])
    old = PASSWORD
    for number in range(10):
        ended.clear()
        thieves = [threading.Thread(target=log_in) for _ in range(3)]
        for thief in thieves:
            thief.start()
        eventually(lambda: tokens, 30, "a login with the old password")
        new = f"password number {number}"
        assert owner.patch("/user/profile", {"password": new, "current_password": old}).status == 200
        ended.set()
        for thief in thieves:
            thief.join(60)
        assert {two[0].post("/auth/refresh", {"refresh_token": token}).status for token in tokens} == {401}
        tokens.clear()
        old = new


def test_an_old_password_cannot_change_a_newer_one(sokoul, two, user):
    """Of two who change the same password at once, one is told that it was the wrong moment."""
    statuses = []

    def change(api, password):
        answer = api.with_token(user.token).patch("/user/profile", {"password": password, "current_password": PASSWORD})
        statuses.append(answer.status)
    with psycopg2.connect(sokoul.database_url) as lock:
        lock.cursor().execute("SELECT FROM users FOR UPDATE")
        both = [threading.Thread(target=change, args=(api, f"a password of {api.port}")) for api in two]
        for one in both:
            one.start()
        eventually(lambda: sokoul.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                        "AND datname = current_database()") == 2, 30, "both waiting for the account")
        lock.rollback()
    for one in both:
        one.join(60)
    assert sorted(statuses) == [200, 409]


def test_a_new_address_needs_the_password(api, user):
    assert fields(user.patch("/user/profile", {"email": "new@example.org"})) == {"current_password"}
    wrong = user.patch("/user/profile", {"email": "new@example.org", "current_password": "wrong password"})
    assert wrong.status == 403
    assert user.get("/user/profile").json["email"] == "ada@example.org"
    right = user.patch("/user/profile", {"email": "new@example.org", "current_password": PASSWORD})
    assert right.status == 200 and right.json["email"] == "new@example.org"
