# SPDX-License-Identifier: Apache-2.0
"""What the tests say of the requirements: rows of docs/requirements.md, claims in comments of tests, docs/procedures.txt."""
import ast
import re
import subprocess

ROW = re.compile(r"^\|\s*([A-Z]\d+)\s*\|")
IDS = r"[A-Z]\d+(?:\s*[-–]\s*[A-Z]?\d+)?"
CLAIM = re.compile(rf"\b(req|part):\s*({IDS}(?:[\s,]+{IDS})*)")
ONE = re.compile(r"([A-Z])(\d+)(?:\s*[-–]\s*[A-Z]?(\d+))?")
MET = re.compile(r"\bSAN\b|\bPLAIN\b|\bFAKETIME\b|\bbuilt\(|\bgete?uid\(|\bhas_own_mounts\(")


def expand(text):
    for letter, first, last in ONE.findall(text):
        for number in range(int(first), int(last or first) + 1):
            yield f"{letter}{number}"


def rows():
    with open("docs/requirements.md", encoding="utf-8") as file:
        return [match[1] for match in map(ROW.match, file) if match]


def is_optional_mark(mark):
    """Of a decorator, or of the value of pytestmark."""
    text = ast.unparse(mark)
    if re.search(r"\bmark\.skipif\(", text):
        return not MET.search(text)
    return re.match(r"pytest\.mark\.(long|skip)\b", text) is not None


def skips(function):
    return any(isinstance(n, ast.Call) and ast.unparse(n.func) == "pytest.skip" for n in ast.walk(function))


def optional_lines(text):
    """The numbers of the lines of tests, with the comment above each, that `make test` may leave out."""
    tree = ast.parse(text)
    lines = text.splitlines()
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    marks = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "pytestmark"]
    if any(is_optional_mark(m) for m in marks):
        return set(range(1, len(lines) + 1))
    fixtures = {f.name for f in functions if not f.name.startswith("test_") and skips(f)}
    found = set()
    for f in functions:
        uses = {a.arg for a in f.args.args}
        if not f.name.startswith("test_") or not (skips(f) or uses & fixtures or any(map(is_optional_mark, f.decorator_list))):
            continue
        first = min([f.lineno] + [d.lineno for d in f.decorator_list])
        while first > 1 and lines[first - 2].startswith("#"):
            first -= 1
        found.update(range(first, f.end_lineno + 1))
    return found


def test_at(text, place):
    """The name of the test whose comment or body has that place."""
    around = re.compile(r"^def (test_\w+)|^START_TEST\((\w+)\)|^END_TEST", re.MULTILINE)
    before = [m for m in around.finditer(text, 0, place)]
    if before and before[-1].group() != "END_TEST" and not at_margin(text, place):
        return before[-1][1] or before[-1][2]
    after = around.search(text, place)
    return after and (after[1] or after[2])


def at_margin(text, place):
    """Whether the line of that place begins where a function would: it speaks of the next one."""
    return text[text.rfind("\n", 0, place) + 1:][:1] in ("#", "/")


def claims():
    """(kind, id, path, the test's name, whether `make test` always runs it) of each claim in a source of tests/."""
    listed = subprocess.run(["git", "ls-files", "--deduplicate", "-co", "--exclude-standard", "tests"],
                            capture_output=True, text=True, check=True)
    for path in filter(lambda path: path.endswith((".c", ".h", ".py")), listed.stdout.splitlines()):
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            continue
        optional = optional_lines(text) if path.endswith(".py") else set()
        for match in CLAIM.finditer(text):
            runs = text.count("\n", 0, match.start()) + 1 not in optional and not path.startswith("tests/fuzz/")
            for name in expand(match[2]):
                yield match[1], name, path, test_at(text, match.end()), runs


def procedures():
    found = {}
    with open("docs/procedures.txt", encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                ids, what = line.strip().split(None, 1)
                found.update((name, what) for name in expand(ids))
    return found


def states(known, claimed):
    """What is known of each row: proven, procedure, part or unproven."""
    by_hand = procedures()
    counted = {(kind, name) for kind, name, _, _, runs in claimed if runs}
    return {name: "proven" if ("req", name) in counted else "procedure" if name in by_hand else "part" if ("part", name) in counted
            else "unproven" for name in known}


def proven(text):
    """The rows that a text says it proves, each once."""
    return list(dict.fromkeys(name for kind, ids in CLAIM.findall(text) if kind == "req" for name in expand(ids)))
