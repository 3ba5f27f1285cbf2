# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.json: served as it stands, its examples fit its schemas, and what it says of a body is what the API takes. That it has
every route is a unit test of the route table; that answers are as it says is asked of each answer that any test gets (contract.py)."""
import base64
import copy
import hashlib
import json
import os
import re
import subprocess
import uuid

import contract
import jsonschema
import pytest
from stack_under_test import ROOT

pytestmark = pytest.mark.kept

DOCS = os.path.join(ROOT, "docs")


def text_of(name):
    with open(os.path.join(DOCS, name), encoding="utf-8") as f:
        return f.read()


def test_the_description_and_its_page_are_served_as_they_stand_and_need_nothing_from_elsewhere(api):
    answer = api.get("/openapi.json")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    assert answer.text == text_of("openapi.json") and answer.json["openapi"] == "3.1.0"
    page = api.get("/docs")
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8" and page.text == text_of("openapi.html")
    styles = re.findall(r"<style>(.*?)</style>", page.text, re.S)
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    assert len(styles) == 1 and page.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    assert not re.search(r"<script|<img|<iframe|<link|\sstyle=|\son[a-z]+=|src=|url\(", page.text)
    assert set(re.findall(r'href="([^#][^"]*)"', page.text)) == {"/openapi.json"}


def test_the_page_is_made_of_the_description(tmp_path):
    subprocess.run([os.path.join(ROOT, "tools", "openapi"), str(tmp_path)], check=True, timeout=60)
    for name in ("openapi.json", "openapi.html"):
        assert (tmp_path / name).read_text(encoding="utf-8") == text_of(name), f"run make docs: docs/{name} is out of date"


def nodes(node, path=""):
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield from nodes(child, f"{path}/{name}")


def test_every_example_fits_its_schema_and_every_reference_names_something():
    document = contract.document()
    schemas = document["components"]["schemas"]
    seen = 0
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        checker = jsonschema.Draft202012Validator({**contract.closed(schema), "components": contract.closed(document["components"])},
                                                  format_checker=jsonschema.FormatChecker())
        for example in schema.get("examples", ()):
            seen += 1
            assert not list(checker.iter_errors(example)), name
            broken = {**example, next(iter(example)): 7.5}
            assert list(checker.iter_errors(broken)), f"{name} takes anything"
    assert seen >= 30 and {n for n in schemas if "examples" not in schemas[n]} <= \
        {n for n in schemas if n.endswith("Page")} | {"Quality", "Reason", "TorrentFile", "JobStep"}
    references = [node["$ref"] for _, node in nodes(document) if isinstance(node, dict) and "$ref" in node]
    assert len(references) > 200 and all(contract.found({"$ref": one}) for one in references)
    names = [o["operationId"] for methods in document["paths"].values() for o in methods.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("status, kind, body, wrong", [
    (200, "application/json", {"id": 7}, "is not of type 'string'"), (200, "application/json", {"more": 1}, "'more' was unexpected"),
    (200, "text/plain", {}, "text/plain is not documented"), (418, "application/json", {}, "418 is not documented"),
    (404, "application/problem+json", {"title": 1}, "404 is not documented")])
def test_an_answer_that_is_not_as_described_fails_its_test(status, kind, body, wrong):
    good = contract.document()["components"]["schemas"]["User"]["examples"][0]
    assert contract.judge("GET", "/user/profile", 200, "application/json", json.dumps(good).encode()) == []
    said = contract.judge("GET", "/user/profile", status, kind, json.dumps({**good, **body}).encode())
    assert len(said) == 1 and wrong in said[0]


# ---- what a body may hold ------------------------------------------------------------------------------------------------

def bodies():
    """(method, path, schema, a good body) of every operation that takes JSON."""
    for path, methods in contract.document()["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                schema = contract.found(content["application/json"]["schema"])
                good = schema["examples"][0]
                yield method.upper(), path, schema, {**good, "wait_ms": 0} if "wait_ms" in good else good


def outside(member):
    """Values of a member that its schema forbids, and the API therefore must not take."""
    kind = member["type"]
    yield {} if kind != "object" else "text"
    if "maxLength" in member:
        yield "x" * (member["maxLength"] + 1)
    if member.get("minLength"):
        yield "x" * (member["minLength"] - 1)
    if "maximum" in member:
        yield member["maximum"] + 1
    if "minimum" in member:
        yield member["minimum"] - 1
    if "enum" in member:
        yield "nothing of the kind"
    if member.get("format") in ("uuid", "date-time"):
        yield "no such thing"
    if "maxItems" in member:
        yield [0] * (member["maxItems"] + 1)
    if member.get("minItems"):
        yield [0] * (member["minItems"] - 1)


def named(answer):
    return {e["field"] for e in answer.json.get("errors", ())}


def test_what_the_description_forbids_in_a_body_is_refused_by_name_and_what_it_allows_is_not(user, admin):
    tried = 0
    for method, path, schema, good in bodies():
        who = admin if path.startswith(("/jobs", "/admin")) else user
        path = re.sub(r"\{[a-z_]+\}", str(uuid.uuid4()), path)
        answer = who.request(method, path, json=good)
        assert answer.status != 400 or path == "/auth/password/reset", (method, path, answer)  # nobody was sent this token
        for name, member in schema["properties"].items():
            for value in outside(member):
                answer = who.request(method, path, json={**copy.deepcopy(good), name: value})
                assert answer.status == 400 and name in named(answer), (method, path, name, str(value)[:80], answer)
                tried += 1
        for name in schema.get("required", ()):
            answer = who.request(method, path, json={k: v for k, v in good.items() if k != name})
            assert answer.status == 400 and name in named(answer), (method, path, name, answer)
            tried += 1
    assert tried > 100


def limits(member):
    """Values at the ends of what a member's schema allows."""
    for key in ("maxLength", "minLength"):
        if key in member:
            yield "x" * member[key]
    for key in ("maximum", "minimum"):
        if key in member:
            yield member[key]
    yield from member.get("enum", ())


READ = {"email", "password", "token", "magnet", "worker", "kind", "wait_ms"}  # a text of a length alone is none of them, and what is waited for takes its time


def test_the_ends_of_what_a_body_may_hold_are_taken(user, admin):
    tried = 0
    for method, path, schema, good in bodies():
        who = admin if path.startswith(("/jobs", "/admin")) else user
        path = re.sub(r"\{[a-z_]+\}", str(uuid.uuid4()), path)
        for name, member in schema["properties"].items():
            for value in () if name in READ else limits(member):
                answer = who.request(method, path, json={**copy.deepcopy(good), name: value})
                assert answer.status != 400 or name not in named(answer), (method, path, name, str(value)[:80], answer)
                tried += 1
    assert tried > 40
