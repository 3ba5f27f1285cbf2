# SPDX-License-Identifier: Apache-2.0
"""Accounts, tokens and one's own profile."""
import base64
import hashlib
import hmac
import json
import time

import pytest

pytestmark = pytest.mark.kept

PASSWORD = "correct horse battery"


def new_user(name="ada", **other):
    return {"username": name, "email": f"{name}@example.org", "password": PASSWORD, **other}


def fields(answer):
    assert answer.headers["Content-Type"] == "application/problem+json", answer
    return {e["field"] for e in answer.json["errors"]}


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(sokoul, claims_, header=None, secret=None):
    key_id = hashlib.sha256(b"sokoul token key " + sokoul.settings["JWT_SECRET"].encode()).hexdigest()[:16]
    head = b64(json.dumps({"alg": "HS256", "typ": "JWT", "kid": key_id, **(header or {})}).encode())
    body = b64(json.dumps(claims_).encode())
    key = (secret or sokoul.settings["JWT_SECRET"]).encode()
    return f"{head}.{body}.{b64(hmac.new(key, f'{head}.{body}'.encode(), hashlib.sha256).digest())}"


def test_register_gives_tokens_of_one_hour_and_stores_a_hash(sokoul, api):  # req: S59 S146 S151 S52
    answer = api.post("/auth/register", new_user())
    assert answer.status == 201, answer
    body = answer.json
    assert body["token_type"] == "Bearer" and body["expires_in"] == 3600 and body["refresh_token"]
    assert body["user"]["username"] == "ada" and body["user"]["role"] == "user"
    inside = claims(body["access_token"])
    assert inside["exp"] - inside["iat"] == 3600 and inside["user_id"] == body["user"]["id"]
    assert sokoul.value("SELECT password_hash FROM users WHERE username = 'ada'").startswith("$argon2id$")
    days = sokoul.value("SELECT extract(epoch FROM expires_at - created_at) FROM refresh_tokens")
    assert abs(float(days) - 7 * 86400) < 5
    assert body["refresh_token"] not in str(sokoul.sql("SELECT token_hash FROM refresh_tokens"))


@pytest.mark.parametrize("change, wrong", [  # req: S40 S152
    ({"username": "ab"}, "username"), ({"username": "a" * 33}, "username"), ({"username": "a@b"}, "username"),
    ({"password": "1234567"}, "password"), ({"password": "x" * 1025}, "password"),
    ({"email": "nowhere"}, "email"), ({"email": "a@b"}, "email"), ({"email": "a b@example.org"}, "email"),
    ({"email": "@example.org"}, "email"), ({"email": "a@@example.org"}, "email"), ({"email": 7}, "email"),
    ({"username": None}, "username")])
def test_register_refuses_bad_fields_by_name(api, change, wrong):
    answer = api.post("/auth/register", new_user(**change))
    assert answer.status == 400, answer
    assert wrong in fields(answer)


def test_every_bad_field_is_named_at_once(api, user, admin):
    bad = {"username": "a@b", "email": "nowhere", "password": "1234567"}  # two by their sense, one by its length
    answer = api.post("/auth/register", bad)
    assert answer.status == 400 and fields(answer) == {"username", "email", "password"}
    assert answer.json["detail"] == " ".join(answer.json["errors"][0][k] for k in ("field", "message"))
    assert fields(user.request("PATCH", "/user/profile", {**bad, "current_password": 7})) == \
        {"username", "email", "password", "current_password"}
    assert fields(user.post("/search", {"query": " ", "type": "song", "wait_ms": -1})) == {"query", "type", "wait_ms"}
    assert fields(admin.post("/jobs", {"kind": "no?", "count": 0, "priority": "odd"})) == {"kind", "count", "priority"}
    assert fields(api.post("/auth/login", {"email": 7, "password": "ä" * 1024})) == {"email", "password"}


def test_register_accepts_the_limits(api):  # req: S40
    for name, password in (("abc", "Kj4#mZ9q"), ("b" * 32, ("correct horse battery " * 47)[:1024]), ("Zoë-Ünï", "pässwörd")):
        body = {"username": name, "email": f"{len(name)}.{len(password)}@example.org", "password": password}
        assert api.post("/auth/register", body).status == 201
    answer = api.post("/auth/register", {"username": "", "email": "x", "password": ""})
    assert fields(answer) == {"username", "email", "password"}


def test_register_refuses_what_is_taken(api):  # req: S59 S15
    assert api.post("/auth/register", new_user()).status == 201
    assert api.post("/auth/register", new_user()).status == 409
    assert api.post("/auth/register", new_user("ADA", email="other@example.org")).status == 409
    assert api.post("/auth/register", new_user("other", email="Ada@Example.org")).status == 409


def test_login_works_by_name_and_by_address(sokoul, api, user):  # req: S60
    for who in ({"username": "ada"}, {"email": "ada@example.org"}, {"username": "ADA"}):
        answer = api.post("/auth/login", {**who, "password": PASSWORD})
        assert answer.status == 200, answer
        assert answer.json["access_token"] and answer.json["refresh_token"]
        assert answer.json["user"]["id"] == user.user["id"]
    wrong = api.post("/auth/login", {"username": "ada", "password": "wrong password"})
    nobody = api.post("/auth/login", {"username": "nobody", "password": "wrong password"})
    assert wrong.status == nobody.status == 401
    assert wrong.json["detail"] == nobody.json["detail"]
    assert api.post("/auth/login", {"password": PASSWORD}).status == 400
    assert api.post("/auth/login", {"username": "system", "password": "!"}).status == 401


def test_logins_are_in_the_audit_trail(sokoul, api, user):  # req: S11
    api.post("/auth/login", {"username": "ada", "password": PASSWORD}, headers={"X-Request-ID": "audit-1"})
    api.post("/auth/login", {"username": "ada", "password": "wrong password"}, headers={"X-Request-ID": "audit-2"})
    rows = sokoul.sql("SELECT action, user_id::text, ip, request_id FROM logs WHERE request_id LIKE 'audit-%' "
                      "ORDER BY at")
    assert rows == [("login", user.user["id"], "127.0.0.1", "audit-1"),
                    ("login_failed", user.user["id"], "127.0.0.1", "audit-2")]
    with pytest.raises(Exception, match="cannot be changed"):
        sokoul.sql("DELETE FROM logs")


def test_profile_needs_a_good_token(sokoul, api, user):  # req: S61 S62 S63 S147 S148 S149
    answer = user.get("/user/profile")
    assert answer.status == 200 and "password" not in answer.text
    assert answer.json["username"] == "ada" and answer.json["email"] == "ada@example.org"
    now = int(time.time())
    good = {**claims(user.token), "iat": now, "exp": now + 600}
    assert api.with_token(forged(sokoul, good)).get("/user/profile").status == 200
    for bad in (None, "nonsense", user.token[:-2] + ("AA" if user.token[-2:] != "AA" else "BB"),
                forged(sokoul, {**good, "exp": now - 1}),
                forged(sokoul, {k: v for k, v in good.items() if k not in ("user_id", "sub")}),
                forged(sokoul, good, secret="another secret of more than 32 bytes"),
                forged(sokoul, good, header={"alg": "none", "typ": "JWT"}),
                forged(sokoul, good, header={"alg": "HS512", "typ": "JWT"}),
                forged(sokoul, good, header={"kid": "another"}), forged(sokoul, {**good, "aud": "another"}),
                forged(sokoul, {**good, "kind": "refresh"}), forged(sokoul, {**good, "nbf": now + 60}),
                *(forged(sokoul, {k: v for k, v in good.items() if k != claim})
                  for claim in ("iss", "aud", "exp", "nbf", "sub", "jti", "kind"))):
        answer = api.with_token(bad).get("/user/profile")
        assert answer.status == 401, (bad, answer)
        assert "WWW-Authenticate" in answer.headers


def test_refresh_tokens_work_once(sokoul, api, user):  # req: S150
    first = user.refresh_token
    answer = api.post("/auth/refresh", {"refresh_token": first})
    assert answer.status == 200, answer
    second = answer.json["refresh_token"]
    assert second != first and api.with_token(answer.json["access_token"]).get("/user/profile").status == 200
    assert api.post("/auth/refresh", {"refresh_token": first}).status == 401
    assert api.post("/auth/refresh", {"refresh_token": second}).status == 401  # the family is revoked
    assert api.post("/auth/refresh", {"refresh_token": "never-seen"}).status == 401
    assert api.post("/auth/refresh", {}).status == 400


def test_logout_ends_the_session(api, user):
    assert user.post("/auth/logout", {"refresh_token": user.refresh_token}).status == 204
    assert api.post("/auth/refresh", {"refresh_token": user.refresh_token}).status == 401
    assert user.post("/auth/logout", {"refresh_token": user.refresh_token}).status == 204


def test_profile_can_be_changed(api, user):  # req: S54
    answer = user.patch("/user/profile", {"username": "lovelace"})
    assert answer.status == 200 and answer.json["username"] == "lovelace"
    assert user.get("/user/profile").json["email"] == "ada@example.org"
    assert user.patch("/user/profile", {"email": "no address"}).status == 400
    api.register("bob")
    assert user.patch("/user/profile", {"username": "BOB"}).status == 409


def test_a_new_password_needs_the_old_one(api, user):
    new = "a quite different one"
    assert "current_password" in fields(user.patch("/user/profile", {"password": new}))
    wrong = user.patch("/user/profile", {"password": new, "current_password": "wrong password"})
    assert wrong.status == 403
    assert user.patch("/user/profile", {"password": new, "current_password": PASSWORD}).status == 200
    assert api.post("/auth/login", {"username": "ada", "password": PASSWORD}).status == 401
    assert api.post("/auth/login", {"username": "ada", "password": new}).status == 200


def test_deleting_an_account_removes_all_that_is_theirs(sokoul, api, user):  # req: S55
    media = sokoul.value("INSERT INTO media (id, tmdb_id, media_type, title) VALUES (gen_random_uuid(), 1, 'movie', "
                         "'Film') RETURNING id::text")
    assert user.post("/media/favorite", {"media_id": media}).status == 201
    assert user.post("/watch-history", {"media_id": media, "position_s": 5}).status == 201
    magnet = "magnet:?xt=urn:btih:" + "ab" * 20
    assert user.post("/downloads/start", {"media_id": media, "magnet": magnet}).status == 202
    assert user.delete("/user/profile").status == 204
    for table in ("favorites", "watch_history", "downloads", "refresh_tokens"):
        assert sokoul.value(f"SELECT count(*) FROM {table}") == 0, table
    assert sokoul.value("SELECT count(*) FROM users WHERE role <> 'system'") == 0
    assert sokoul.value("SELECT count(*) FROM jobs WHERE kind = 'purge'") == 1  # the files go too
    assert sokoul.value("SELECT count(*) FROM logs WHERE action = 'user_deleted'") == 1
    assert user.get("/user/profile").status == 401
    assert api.post("/auth/login", {"username": "ada", "password": PASSWORD}).status == 401


def test_hostile_texts_are_only_texts(sokoul, api):  # req: S48 S49 S159 S164
    for name in ("<script>alert('xss')</script>"[:32], "'; DROP TABLE users; --", "Robert'); --"):
        number = sokoul.value("SELECT count(*) FROM users")
        answer = api.post("/auth/register", new_user(name, email=f"u{number}@example.org"))
        assert answer.status == 201, answer
        assert "<script" not in answer.text and answer.json["user"]["username"] == name
    assert api.post("/auth/login", {"username": "' OR 1=1 --", "password": "x"}).status == 401
    assert sokoul.value("SELECT count(*) FROM users") == 4


@pytest.mark.parametrize("body", [  # req: S50
    b'{"username":', b'{"a":1} x', b'{"a":NaN}', b'{"a":1,"a":2}', b"[]", b'"x"', b"\xff", b""])
def test_broken_json_is_refused(api, body):
    answer = api.post("/auth/login", body=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400, answer
    assert answer.json["title"] and answer.json["request_id"] == answer.headers["X-Request-ID"]


def test_deep_json_is_refused_for_its_depth(api):  # req: S50
    def nested(depth):
        return b'{"username":' + b"[" * depth + b"]" * depth + b"}"

    for depth, too_deep in ((31, False), (32, True), (100, True), (5000, True)):  # the object is one level too
        answer = api.post("/auth/login", body=nested(depth), headers={"Content-Type": "application/json"})
        assert answer.status == 400, answer
        assert ("nested too deeply" in answer.text) == too_deep, (depth, answer.text)
