# SPDX-License-Identifier: Apache-2.0
"""What Sokoul depends on: in one table, with allowed licences, in the bill of materials, and audited."""
import hashlib
import json
import os
import re
import subprocess
import sys

import pytest
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from stack.dependencies import LINKED, installed  # noqa: E402

POLICY = """#!/bin/sh
echo "$2:
  Installed: whatever
  Candidate: 99:1-1
  Version table:
     99:1-1 500
        500 http://deb.example.org/{archive}
     0.1 100
        100 /var/lib/dpkg/status"
"""


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def call(*words, folder=ROOT, path=None):
    environment = dict(os.environ, PATH=f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"])
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def apt_that_knows(folder, archive):
    """A folder whose apt-cache has a newer version of everything."""
    folder.mkdir()
    (folder / "apt-cache").write_text(POLICY.format(archive=archive), encoding="utf-8")
    (folder / "apt-cache").chmod(0o755)
    return str(folder)


def tracker(folder, **releases):
    """A file of the tracker with one fault of openssl's."""
    path = folder / "tracker.json"
    path.write_text(json.dumps({installed(["libssl-dev"])["libssl-dev"].source: {"CVE-2099-0001": {"releases": releases}}}), encoding="utf-8")
    return str(path)


def suite():
    return re.search(r"VERSION_CODENAME=\"?(\w+)", text_of("/etc/os-release"))[1]


# ---- the list -------------------------------------------------------------------------------------------


def test_everybody_names_the_same_libraries():
    """Of the table, of what tools/setup installs, of what the package and the image are built with."""
    table = {of.package for of in LINKED.values()}
    setup = re.search(r"\[compile\]=\"([^\"]*)\"", text_of("tools/setup").partition("declare -A packages")[2])[1]
    control = re.search(r"^Build-Depends: (.*)$", text_of("debian/control"), re.MULTILINE)[1]
    image = text_of("Dockerfile").partition("AS build")[2].partition("\nFROM")[0]
    for text in (setup, control, image):
        assert set(re.findall(r"\b(?:lib[\w.-]+|zlib1g)-dev\b", text)) == table


def test_a_library_that_is_not_in_the_table_stops_the_release(tmp_path):
    """req: S35"""
    (tmp_path / "Makefile").write_text(text_of("Makefile").replace("-lssl", "-lssl -lgpl"), encoding="utf-8")
    done = call(f"{ROOT}/tools/dist", str(tmp_path / "out"), folder=tmp_path)
    assert done.returncode == 1 and "gpl is linked, and not in the table" in done.stderr and not os.listdir(tmp_path / "out")
    assert call("/usr/bin/python3", "-B", "-c", "import sys; sys.path.insert(0, 'tools')\nfrom stack import dependencies as d\n"
                "d.ALLOWED.discard('MIT'); print(d.wrong())").stdout.count("the licence MIT is not allowed") == \
        sum(of.licence == "MIT" for of in LINKED.values())


def test_the_bill_of_materials_has_the_versions_that_are_linked(tmp_path):
    for folder in ("one", "two"):
        done = call("tools/dist", str(tmp_path / folder))
        if "not a git repository" in done.stderr:
            pytest.skip("this tree is no git repository")
        assert done.returncode == 0, done.stderr
    names = sorted(os.listdir(tmp_path / "one"))
    assert len(names) == 3 and all((tmp_path / "one" / n).read_bytes() == (tmp_path / "two" / n).read_bytes() for n in names)
    bill = json.loads((tmp_path / "one" / next(n for n in names if n.endswith(".cdx.json"))).read_text(encoding="utf-8"))
    here = installed(of.package for of in LINKED.values())
    assert {(c["name"], c["version"]) for c in bill["components"]} == {(of.source, of.version) for of in here.values()}
    assert all(c["purl"].startswith(f"pkg:deb/debian/{c['name']}@") for c in bill["components"])
    sums = dict(reversed(line.split()) for line in (tmp_path / "one" / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    assert sums == {n: hashlib.sha256((tmp_path / "one" / n).read_bytes()).hexdigest() for n in names if n != "SHA256SUMS"}


# ---- the audit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("archive,word,status", [("debian bookworm/main amd64 Packages", "outdated", 0),
                                                 ("debian-security bookworm-security/main amd64 Packages", "SECURITY", 1)])
def test_what_is_outdated_is_named_and_a_security_update_is_a_failure(tmp_path, archive, word, status):
    """req: S34"""
    done = call("tools/audit", "--offline", path=apt_that_knows(tmp_path / "bin", archive))
    assert done.returncode == status, done.stdout
    rows = [line for line in done.stdout.splitlines() if "99:1-1" in line]
    assert len(rows) >= len({of.package for of in LINKED.values()}) and all(row.endswith(word) for row in rows)
    assert "known faults: NOT ASKED" in done.stdout


@pytest.mark.parametrize("state,says,status", [
    ({"status": "resolved", "fixed_version": "99:1-1"}, "to be mended by an update: 1", 1),
    ({"status": "resolved", "fixed_version": "0.1"}, "to be mended by an update: 0", 0),
    ({"status": "resolved", "fixed_version": "0"}, "to be mended by an update: 0", 0),
    ({"status": "open", "urgency": "low"}, "CVE-2099-0001, low", 0),
])
def test_a_fault_is_a_failure_where_there_is_a_fix(tmp_path, state, says, status):
    """part: S33, S349"""
    path = apt_that_knows(tmp_path / "bin", "debian bookworm/main amd64 Packages")
    done = call("tools/audit", "--tracker", tracker(tmp_path, **{suite(): state}), path=path)
    assert (done.returncode, says in done.stdout) == (status, True), done.stdout


def test_a_tracker_that_cannot_be_asked_is_no_clean_bill(tmp_path):
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    path = apt_that_knows(tmp_path / "bin", "debian bookworm/main amd64 Packages")
    for where in (str(tmp_path / "none"), str(tmp_path / "broken.json"), "http://127.0.0.1:1/"):
        done = call("tools/audit", "--tracker", where, path=path)
        assert f"known faults: NOT ASKED, {where}" in done.stdout, done.stdout + done.stderr


def test_what_is_linked_for_nothing_is_named(tmp_path):
    say = "import sys; sys.path.insert(0, {0!r})\nfrom stack import dependencies as d\nprint(d.unused())".format(f"{ROOT}/tools")
    for room in ("api", "cli", "common", "workers"):
        (tmp_path / room).mkdir()
    (tmp_path / "api" / "x.c").write_text("#include <zlib.h>\n#include <openssl/evp.h>\n", encoding="utf-8")
    found = call("/usr/bin/python3", "-B", "-c", say, folder=tmp_path).stdout
    assert "'hiredis'" in found and "'zlib'" not in found and "'libcrypto'" not in found


# ---- what runs it all ----------------------------------------------------------------------------------


def workflows():
    for name in sorted(os.listdir(f"{ROOT}/.github/workflows")):
        yield name, yaml.safe_load(text_of(f".github/workflows/{name}"))


def test_each_line_of_the_workflows_is_a_target_of_the_makefile():
    targets = set(re.findall(r"^([a-z0-9-]+):", text_of("Makefile"), re.MULTILINE))
    lines = "".join(text_of(f".github/workflows/{name}") for name, _ in workflows()).splitlines()
    text = "\n".join(line for line in lines if "apt-get" not in line)
    called = set(re.findall(r"\bmake (?:[A-Z_]+=\S+ )*([a-z][a-z-]+)", text))
    assert called and called <= targets, called - targets
    assert {"test", "lint", "build", "chaos", "fuzz", "coverage", "audit", "dist", "deb"} <= called
    assert {"bookworm", "trixie"} <= set(re.findall(r"\w+", text)) and "uses:" not in text


def test_a_release_is_made_of_a_tag_that_says_its_version():
    """The job refuses another tag; it alone may write."""
    jobs = {name: job for _, flow in workflows() for name, job in flow["jobs"].items()}
    release = jobs["release"]
    assert "refs/tags/v" in release["if"] and release["permissions"] == {"contents": "write", "packages": "write"}
    assert set(release["needs"]) >= {"try", "containers"}
    check = next(step["run"] for step in release["steps"] if step["name"] == "version")
    for tag, status in (("v" + text_of("VERSION").strip(), 0), ("v99.0.0", 1)):
        done = subprocess.run(["bash", "-e", "-c", check], cwd=ROOT, env=dict(os.environ, GITHUB_REF_NAME=tag), check=False,
                              capture_output=True)
        assert done.returncode == status, tag
    for _, flow in workflows():
        assert flow["permissions"] == {"contents": "read"}
