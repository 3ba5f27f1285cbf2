# SPDX-License-Identifier: Apache-2.0
"""Keys for programs: X-Api-Key instead of a login."""
import hashlib
import itertools
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone

import pytest
import rows
from client import Api
from stack_under_test import eventually

numbers = itertools.count(1)


@pytest.fixture
def sokoul(shared):
    return shared


@pytest.fixture
def api(shared):
    return shared.api


@pytest.fixture
def user(api):
    return api.register(f"ada{next(numbers)}")


@pytest.fixture
def admin(sokoul, api):
    return sokoul.admin(api, f"root{next(numbers)}")


@pytest.fixture(scope="module")
def film(shared):
    return rows.media(shared)


def with_key(api, key):
    return Api(api.port, headers={"X-Api-Key": key})


def new_key(client, **fields):
    answer = client.post("/user/api-keys", {"name": "a program", **fields})
    assert answer.status == 201, answer
    return answer.json


def soon(**delta):
    return (datetime.now(timezone.utc) + timedelta(**delta)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_key_is_shown_once_and_stored_as_a_hash(sokoul, user):
    made = new_key(user, name="Kodi in the kitchen")
    key = made["key"]
    assert key.startswith("sk_") and len(key) == 46
    assert made["name"] == "Kodi in the kitchen" and made["scopes"] == ["read", "write"]
    assert made["last_used_at"] is None and made["expires_at"] is None and made["created_at"]
    stored = sokoul.sql("SELECT id::text, key_hash, api_keys::text FROM api_keys WHERE user_id = %s", (user.user["id"],))
    assert [row[:2] for row in stored] == [(made["id"], hashlib.sha256(key.encode()).hexdigest())]
    assert key not in stored[0][2] and key[3:] not in stored[0][2]
    shown = user.get("/user/api-keys")
    assert key[3:] not in shown.text and [k["id"] for k in shown.json["items"]] == [made["id"]]
    assert sokoul.sql("SELECT action, user_id::text FROM logs WHERE subject = %s", (made["id"],)) == \
        [("api_key_created", user.user["id"])]


def test_a_key_works_where_a_token_does_and_old_and_new_beside_each_other(api, user, film):  # req: S187
    old, new = (new_key(user, name=name) for name in ("old", "new"))
    for made in (old, new):
        client = with_key(api, made["key"])
        assert client.get("/user/profile").json["id"] == user.user["id"]
        assert client.post("/media/favorite", {"media_id": film}).status in (200, 201)
    assert user.delete(f"/user/api-keys/{old['id']}").status == 204
    eventually(lambda: with_key(api, old["key"]).get("/user/profile").status == 401, 5, "the end of the old key")
    assert with_key(api, new["key"]).get("/user/profile").status == 200
    assert user.delete(f"/user/api-keys/{old['id']}").status == 403  # gone, or another's: the same


def test_a_deleted_key_ends_within_a_second_in_every_process(sokoul, api, user):
    other = Api(sokoul.start("sokoul-api").port)
    made = new_key(user)
    clients = [with_key(api, made["key"]), with_key(other, made["key"])]
    assert [c.get("/user/profile").status for c in clients] == [200, 200]  # both know it now
    assert user.delete(f"/user/api-keys/{made['id']}").status == 204
    deleted = time.monotonic()
    eventually(lambda: [c.get("/user/profile").status for c in clients] == [401, 401], 5, "the end of the key")
    assert time.monotonic() - deleted < 1, "the API promises a second"


def test_a_key_may_what_its_scopes_say(api, admin, film):
    for scopes, get, post, admin_get in ((["read"], 200, 403, 403), (["write"], 403, 201, 403),
                                         (["read", "write"], 200, 200, 403), (["read", "admin"], 200, 403, 200)):
        client = with_key(api, new_key(admin, scopes=scopes)["key"])
        assert client.get("/user/profile").status == get, scopes
        assert client.post("/media/favorite", {"media_id": film}).status == post, scopes
        assert client.get("/admin/stats").status == admin_get, scopes


def test_the_scope_admin_is_for_admins_and_ends_with_the_role(sokoul, api, user, admin):
    refused = user.post("/user/api-keys", {"name": "x", "scopes": ["read", "admin"]})
    assert refused.status == 403, refused
    client = with_key(api, new_key(admin, scopes=["read", "admin"])["key"])
    assert client.get("/admin/stats").status == 200
    sokoul.sql("UPDATE users SET role = 'user' WHERE id = %s", (admin.user["id"],))
    eventually(lambda: client.get("/admin/stats").status == 403, 5, "the end of the role")
    assert client.get("/user/profile").status == 200


def test_a_key_without_the_scope_admin_sees_its_owners_things_alone(api, user, admin, film):
    magnet = "magnet:?xt=urn:btih:" + "ab" * 20
    download = user.post("/downloads/start", {"media_id": film, "magnet": magnet}).json["id"]
    assert admin.get(f"/downloads/{download}").status == 200
    assert with_key(api, new_key(admin)["key"]).get(f"/downloads/{download}").status == 403


def test_a_key_that_expires_ends(api, user):
    client = with_key(api, new_key(user, expires_at=soon(seconds=2))["key"])
    assert client.get("/user/profile").status == 200
    eventually(lambda: client.get("/user/profile").status == 401, 10, "the end of the key")


def test_what_is_no_key_is_refused_by_name(user):
    for fields in ({"name": ""}, {"name": "x" * 65}, {"name": None}, {"scopes": []}, {"scopes": ["root"]},
                   {"scopes": "read"}, {"scopes": [7]}, {"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "soon"}):
        answer = user.post("/user/api-keys", {"name": "x", **fields})
        assert answer.status == 400 and {e["field"] for e in answer.json["errors"]} == set(fields), answer


def test_what_was_never_given_out_is_401(api):
    for key in ("", "sk_", "sk_" + "A" * 43, "sk_" + "A" * 42, "A" * 43, "sk_" + "'" * 43, "x" * 4000):
        client = with_key(api, key)
        assert [client.get(path).status for path in ("/user/profile", "/jobs")] == [401, 401], key
        assert client.post("/search", {"query": "x"}).status == 401, key
        assert client.post("/auth/login", {"username": "x", "password": "x" * 9}).status == 401, key


def test_one_has_twenty_keys_at_most_also_when_they_are_made_at_once(sokoul, user):
    statuses = []
    makers = [threading.Thread(target=lambda: statuses.append(user.post("/user/api-keys", {"name": "x"}).status))
              for _ in range(24)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert sorted(statuses) == [201] * 20 + [409] * 4
    assert sokoul.value("SELECT count(*) FROM api_keys WHERE user_id = %s", (user.user["id"],)) == 20


def test_the_last_use_is_noted_and_the_database_is_not_asked_each_time(sokoul, api, user):
    client = with_key(api, new_key(user)["key"])
    assert client.get("/jobs").status == 200
    assert user.get("/user/api-keys").json["items"][0]["last_used_at"]
    long_ago = sokoul.value("UPDATE api_keys SET last_used_at = now() - interval '1 hour' WHERE user_id = %s "
                            "RETURNING last_used_at", (user.user["id"],))
    assert [client.get("/jobs").status for _ in range(30)] == [200] * 30
    now = sokoul.value("SELECT last_used_at FROM api_keys WHERE user_id = %s", (user.user["id"],))
    assert now == long_ago, "what is known for less than a minute is asked for again"


def test_keys_go_with_their_owner(sokoul, api, user):
    client = with_key(api, new_key(user)["key"])
    assert client.get("/user/profile").status == 200
    assert user.delete("/user/profile").status == 204
    eventually(lambda: client.get("/user/profile").status == 401, 5, "the end of the key")
    assert sokoul.value("SELECT count(*) FROM api_keys WHERE user_id = %s", (user.user["id"],)) == 0


def test_a_key_never_stands_in_a_log(sokoul, api, user):  # req: S308
    key = new_key(user)["key"]
    client = with_key(api, key)
    assert client.get(f"/jobs/{uuid.uuid4()}").status == 403
    assert client.get(f"/nothing/{key}").status == 404
    assert client.get("/search", query={"query": key}).status == 503
    assert key[3:] not in "".join(program.log_text() for program in sokoul.programs)
