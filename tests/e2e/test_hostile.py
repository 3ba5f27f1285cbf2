# SPDX-License-Identifier: Apache-2.0
"""Hostile texts through every text that docs/openapi.json knows, in bodies, paths and queries: the status is one of those that it tells
of (the client looks), nothing is our fault, what is stored is shown as it was sent, and nothing in an answer could be run.

Each text comes in all fields of a body at once, where the first that is wrong may hide the others, and in one of them in turn.
"""
import uuid
from urllib.parse import quote

import contract
import hostile
import pytest
from stack_under_test import eventually
from test_openapi import bodies

pytestmark = pytest.mark.kept

UUID = str(uuid.uuid4())
ENDS_WHO_ASKS = {("delete", "/user/profile"), ("post", "/auth/logout")}
SLOW = {"/auth/register", "/auth/login"}  # each hashes a password: there some will do


def texts_of(schema):
    """The members of a body that are texts of no form of their own."""
    return [name for name, member in schema["properties"].items()
            if member["type"] == "string" and not {"enum", "format"} & member.keys()]


def check_harmless(answer):
    assert answer.status < 500, answer
    assert "<script" not in answer.text.lower() and "X-Evil" not in answer.headers and "root:x:0" not in answer.text, answer
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_in_bodies(sokoul, user, admin):
    fields = 0
    for method, path, schema, good in bodies():
        names = texts_of(schema)
        fields += len(names)
        who = admin if path.startswith(("/jobs", "/admin")) else user
        path = path.replace("{id}", UUID)
        texts = (hostile.ALL + hostile.CONTROLS)[::6 if path in SLOW else 1]
        for number, text in enumerate(texts) if names else ():
            check_harmless(who.request(method, path, json={**good, **dict.fromkeys(names, text)}))
            check_harmless(who.request(method, path, json={**good, names[number % len(names)]: text}))
    assert fields >= 15 and sokoul.value("SELECT count(*) FROM users") >= 3
    assert user.get("/livez").status == 200


def test_in_paths_and_queries(user, admin):
    asked = 0
    for path, methods in contract.document()["paths"].items():
        for method, operation in methods.items():
            if (method, path) in ENDS_WHO_ASKS:
                continue
            who = admin if path.startswith("/admin") else user
            names = [p["name"] for p in map(contract.found, operation.get("parameters", ())) if p["in"] == "query"]
            for text in hostile.ALL if "{" in path else ():
                at = path.replace("{id}", quote(text, safe="")).replace("{media_id}", quote(text, safe=""))
                answer = who.request(method.upper(), at)
                check_harmless(answer)
                assert answer.status in (400, 403, 404), (at, answer)
                asked += 1
            for name in names:
                for text in hostile.ALL if name != "query" else hostile.ALL[::7]:
                    check_harmless(who.request(method.upper(), path.replace("{id}", UUID), query={name: text}))
                    asked += 1
    assert asked > 2000 and user.get("/livez").status == 200


@pytest.mark.parametrize("text", hostile.CONTROLS)
def test_names_take_no_control_characters(api, text):
    body = {"username": text[:32], "email": "someone@example.org", "password": "correct horse battery"}
    answer = api.post("/auth/register", body)
    assert answer.status in (201, 400), answer
    if answer.status == 400:
        assert {e["field"] for e in answer.json["errors"]} == {"username"}
    else:
        assert answer.json["user"]["username"] == body["username"] and text.isprintable() is False


def test_what_is_stored_is_shown_as_it_was_sent(sokoul, user, admin):
    names = [t for t in hostile.ALL if 3 <= len(t) <= 32 and "@" not in t and t.isprintable() and t == t.strip()]
    assert len(names) > 40
    for name in names:
        answer = user.patch("/user/profile", {"username": name})
        assert answer.status == 200, (name, answer)
        assert answer.json["username"] == user.get("/user/profile").json["username"] == name
        assert sokoul.value("SELECT username FROM users WHERE id = %s", (user.user["id"],)) == name
    ids = {text: admin.post("/jobs", {"kind": "noop", "payload": {"text": text, text: 1}}).json["job_id"]
           for text in hostile.ALL + hostile.CONTROLS}
    for text, job_id in ids.items():
        shown = admin.get(f"/jobs/{job_id}")
        assert shown.json["payload"] == {"text": text, text: 1} if text != "text" else True, shown
        assert "<" not in shown.text
    eventually(lambda: admin.get("/ready").status == 200, what="readiness")
