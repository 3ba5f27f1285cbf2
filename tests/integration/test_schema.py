# SPDX-License-Identifier: Apache-2.0
"""docs/schema/envelope.schema.json is the source of the cases, and must agree on each with the real decoder, which
tests/schema/envelope_check.c asks.  What a schema cannot say (bytes, not values) is asked of the decoder alone."""
import copy
import json
import os
import subprocess

import jsonschema
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = os.path.abspath(os.environ.get("TESTS", os.path.join(ROOT, "build", "gcc", "tests")))
CHECK = os.path.join(os.path.dirname(TESTS), "helpers", "envelope_check")
with open(os.path.join(ROOT, "docs", "schema", "envelope.schema.json"), encoding="utf-8") as file:
    SCHEMA = json.load(file)
REQUIRED, MEMBERS = SCHEMA["required"], SCHEMA["properties"]
ANY = [None, True, False, 0, 1, -1, 1.5, 1e300, "", "x", "1", [], ["x"], {}, {"x": 1}]
IDS = ["0192F0C1-2345-7ABC-8DEF-0123456789AB", "0192f0c1-2345-7abc-8def-0123456789a", "0192f0c1-2345-7abc-8def-0123456789abc",
       "0192f0c123457abc8def0123456789ab", "{0192f0c1-2345-7abc-8def-0123456789ab}", "0192f0c1-2345-7abc-8def-0123456789ab\n",
       " 0192f0c1-2345-7abc-8def-0123456789ab", "0192g0c1-2345-7abc-8def-0123456789ab"]
TIMES = ["2026-02-15T15:28:37Z", "2026-02-15T15:28:37.1Z", "2026-02-15T15:28:37.123456789Z", "2026-02-15T15:28:37.1234567890Z",
         "2026-02-15T15:28:37.Z", "2026-02-15T15:28:37+05:30", "2026-02-15T15:28:37-23:59", "2026-02-15T15:28:37+24:00",
         "2026-02-15T15:28:37", "2026-02-15 15:28:37Z", "2026-02-15t15:28:37z", "2026-02-30T00:00:00Z", "2024-02-29T00:00:00Z",
         "2026-04-31T00:00:00Z", "2026-12-31T23:59:60Z", "2026-12-31t23:59:60.5z", "2026-12-31T23:59:60+00:00", "2026-12-31T23:59:60+01:00", "2026-12-31T22:59:60Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
         "2026-01-01T24:00:00Z", "2026-01-01T23:60:00Z", "26-01-01T00:00:00Z", "2026-02-15T15:28:37Z\n", "tomorrow"]
TOKENS = ["a", "a_9", "a" * 32, "a" * 33, "A", "a-b", "a.b", "a b", "é", "search\n", "*", ">"]


def fixture(name):
    with open(os.path.join(ROOT, "tests", "fixtures", "envelope", name), encoding="utf-8") as f:
        return json.load(f)


V1, V2 = fixture("v1.json"), fixture("v2.json")
FULL = {**V1, "priority": "low", "run_at": "2026-02-15T15:28:37Z", "deadline_at": "2026-02-16T15:28:37Z",
        "unique_key": "media-7", "parent_id": "0192f0c1-2345-7abc-8def-0123456789aa"}


def resolved(rule):
    """The rule with its references followed."""
    if "$ref" in rule:
        return resolved(SCHEMA["$defs"][rule["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in rule:
        return {k: v for part in rule["anyOf"] for k, v in resolved(part).items()}
    return rule


def values(rule):
    """What this rule of the schema makes one try: every type, its bounds, its patterns, its words."""
    yield from ANY
    yield from rule.get("enum", [])
    for bound, step in (("minimum", -1), ("maximum", 1)):
        if bound in rule:
            yield from (rule[bound], rule[bound] + step, float(rule[bound]))
    for bound, step in (("minLength", -1), ("maxLength", 1)):
        if bound in rule:
            yield from (letter * (rule[bound] + more) for more in (0, step) for letter in ("a", "é", "\U0001f600"))
    if "pattern" in rule:
        yield from IDS + TIMES + TOKENS


def cases():
    """(name, document)"""
    for name, base in (("v1", V1), ("v2", V2), ("full", FULL)):
        yield name, base
        for missing in MEMBERS:
            yield f"{name} without {missing}", {k: v for k, v in base.items() if k != missing}
        for member, rule in MEMBERS.items():
            for value in values(resolved(rule)):
                yield f"{name} {member}={value!r:.40}", {**base, member: value}
        for value in ANY:
            yield f"{name} unknown={value!r}", {**base, "unknown": value, "V": value, "job_Id": value}
    for value in ANY:
        yield f"no object {value!r}", value


def ask(texts):
    """The decoder's answers: (True, what the encoder makes of it) or (False, why)."""
    lines = [t if isinstance(t, bytes) else t.encode() for t in texts]
    done = subprocess.run([CHECK], input=b"".join(line + b"\n" for line in lines), capture_output=True, timeout=120, check=True)
    answers = done.stdout.decode().splitlines()
    assert len(answers) == len(lines)
    return [(a.startswith("ok "), a[3:]) for a in answers]


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


def test_schema_and_decoder_agree(validator):  # req: S139, S141
    rows = list(cases())
    answers = ask([json.dumps(document) for _, document in rows])
    wrong = [f"{name}: the schema says {validator.is_valid(document)}, the decoder {told}"
             for (name, document), (good, told) in zip(rows, answers) if validator.is_valid(document) != good]
    assert not wrong, "\n".join(wrong)
    verdicts = [good for good, _ in answers]
    assert len(rows) > 500 and verdicts.count(True) > 100 and verdicts.count(False) > 300


def test_each_required_member_is_missed(validator):  # req: S141
    for version in (V1, V2):
        without = [{k: v for k, v in version.items() if k != name} for name in REQUIRED]
        for name, document, (good, told) in zip(REQUIRED, without, ask([json.dumps(d) for d in without])):
            assert not good and name in told and not validator.is_valid(document)


def test_what_was_decoded_is_encoded_as_the_schema_says(validator):  # req: S138, S139
    for document, (good, text) in zip((V1, V2, FULL), ask([json.dumps(d) for d in (V1, V2, FULL)])):
        again = json.loads(text)
        assert good and validator.is_valid(again)
        assert {k: again[k] for k in REQUIRED if k != "timestamp"} == {k: document[k] for k in REQUIRED if k != "timestamp"}
        assert again["v"] == document["v"] and ask([text])[0] == (True, text)


def test_a_reader_of_version_1_takes_version_2(validator):  # req: S140, S143
    assert V2["v"] == 2 and set(V2) - set(MEMBERS) == {"attempts_max", "labels", "tenant"}
    assert validator.is_valid(V2) and ask([json.dumps(V2)])[0][0]


def test_a_reader_of_version_2_takes_version_1():  # part: S142
    """Version 2 may add optional members, and nothing else: then it takes what version 1 wrote."""
    later = copy.deepcopy(SCHEMA)
    later["properties"].update(attempts_max={"type": "integer", "minimum": 1}, labels={"type": "object"},
                               tenant={"type": ["string", "null"]})
    for document in (V1, V2, FULL):
        jsonschema.Draft202012Validator(later).validate(document)
    later["properties"]["attempts_max"]["minimum"] = 8
    assert not jsonschema.Draft202012Validator(later).is_valid(V2), "the later schema looks at what it knows"


def test_what_is_wrong_with_the_bytes_is_the_decoders_affair():  # req: S119, S139
    text = json.dumps(V1)
    bad = [b"", b"{", b"\xff" + text.encode(), (text + "x").encode(), (text[:-1] + ',"v":1}').encode(),
           text.replace("Sintel", "Sint\\u0000el").encode(), text.replace("Sintel", "Sint\\ud800el").encode(),
           text.replace('"Sintel"', "[" * 40 + "]" * 40).encode(), text.replace('"Sintel"', "007").encode(),
           text.replace('"Sintel"', "1e999").encode(), text.replace('"Sintel"', "NaN").encode(),
           text.replace("Sintel", "x" * 65536).encode(), text.replace("Sintel", "a\tb").encode()]
    for line, (good, told) in zip(bad, ask(bad)):
        assert not good and told, line[:80]
    largest = text.replace("Sintel", "x" * (65536 - len(text) + len("Sintel")))
    assert len(largest) == 65536 and ask([largest])[0][0] and not ask([largest + " "])[0][0]
