# SPDX-License-Identifier: Apache-2.0
"""What docs/openapi.json says of an answer. client.Api asks check() about each one that it gets, so that no test sees a status or a
shape that is not documented. An answer may have no member that is not told of, though for clients more may come one day.
"""
import functools
import json
import os
import re

import jsonschema

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "openapi.json")
ANYWHERE = {405, 408, 413, 431, 503, 505}  # what the shell answers before it knows a route, or whatever it is


def closed(node):
    """The same schemas, for which a member that they do not name is wrong."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    copy = {k: v if k == "examples" else closed(v) for k, v in node.items()}
    if node.get("type") == "object" and "properties" in node and "additionalProperties" not in node:
        copy["additionalProperties"] = False
    return copy


@functools.cache
def document():
    with open(PATH, encoding="utf-8") as f:
        return json.load(f)


@functools.cache
def templates():
    """(pattern, path) of each path, those without parameters first."""
    rows = [(re.compile(re.sub(r"\{[a-z_]+\}", "[^/]+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))), path)
            for path in document()["paths"]]
    return sorted(rows, key=lambda row: row[1].count("{"))


def found(node):
    while "$ref" in node:
        path, node = node["$ref"].split("/")[1:], document()
        for name in path:
            node = node[name]
    return node


@functools.cache
def validator(path, method, status, kind):
    """Of the bodies of an answer; None: it is no JSON. Raises KeyError for what is not documented."""
    answer = found(document()["paths"][path][method.lower()]["responses"][str(status)])
    schema = answer["content"][kind]["schema"]
    if not kind.endswith("json"):
        return None
    return jsonschema.Draft202012Validator({**closed(schema), "components": closed(document()["components"])})


@functools.cache
def problem():
    return jsonschema.Draft202012Validator({**closed(document()["components"]["schemas"]["Problem"])})


def complaints(checker, body):
    return [f"{'/'.join(map(str, e.absolute_path)) or 'the body'}: {e.message}"[:300] for e in checker.iter_errors(json.loads(body))]


def judge(method, path, status, kind, body):
    """What is wrong with an answer, as sentences."""
    known = next((row[1] for row in templates() if row[0].fullmatch(path)), None)
    operations = document()["paths"].get(known, {})
    method = "GET" if method == "HEAD" else method
    documented = method.lower() in operations and str(status) in operations[method.lower()]["responses"]
    if not documented:
        expected = {404, 400, 429} if known is None else {405, 429} if method.lower() not in operations else set()
        if status not in expected | ANYWHERE:
            return [f"{status} is not documented"]
        return complaints(problem(), body) if body else []
    if not body:
        return []
    try:
        checker = validator(known, method, status, kind)
    except KeyError:
        return [f"{kind} is not documented for {status}"]
    return complaints(checker, body) if checker else []


def check(method, path, answer):
    """Fails the test when the answer is not one that docs/openapi.json tells of."""
    if method == "OPTIONS":
        return
    kind = (answer.headers["Content-Type"] or "").partition(";")[0].strip()
    wrong = judge(method, path.partition("?")[0], answer.status, kind, b"" if method == "HEAD" else answer.body)
    assert not wrong, f"{method} {path} {answer.status}: {'; '.join(wrong[:5])}; see docs/openapi.json\n{answer.body[:500]}"
