# SPDX-License-Identifier: Apache-2.0
"""What operators are given: the compose file, the set-up of a machine, the guide, and the report of `make robustness`."""
import os
import re
import subprocess
import xml.etree.ElementTree as xml

import pytest
import yaml
from name_server import has_own_mounts
from stack import robustness
from stack.claims import proven

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("BIN", os.path.join(ROOT, "build", "bin")))
PROGRAMS = ("sokoul-api", "sokoul-scout", "sokoul-hunter")


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(text_of("docker-compose.yml"))


# ---- containers -------------------------------------------------------------------------------------------------------


def test_every_container_is_asked_each_half_minute_and_three_times(compose, record_property):
    """req: A21, A54"""
    asked = {name: s["healthcheck"] for name, s in compose["services"].items() if "interval" in s.get("healthcheck", {})}
    assert {*PROGRAMS, "sokoul-db", "sokoul-nats", "sokoul-redis"} <= set(asked)
    for name, check in asked.items():
        assert (check["interval"], check["timeout"], check["retries"]) == ("30s", "5s", 3), name
    record_property("figure", f"{len(asked)} containers: every 30 s, 5 s, 3 retries")


def test_the_front_end_waits_for_an_api_that_is_healthy(compose):
    """req: A22"""
    assert compose["services"]["nginx"]["depends_on"]["sokoul-api"]["condition"] == "service_healthy"


def test_the_schema_is_a_step_of_its_own_before_every_program(compose):
    """req: A24"""
    for name in PROGRAMS:
        assert compose["services"][name]["depends_on"]["sokoul-migrate"]["condition"] == "service_completed_successfully"
    assert compose["services"]["sokoul-migrate"]["command"][-2:] == ["migrate", "up"]


def test_logs_are_limited_and_the_subnet_is_a_fixed_one(compose):
    """req: A23, A25"""
    for name, service in compose["services"].items():
        assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}, name
    assert compose["networks"]["back"]["ipam"]["config"] == [{"subnet": "10.89.0.0/24"}]


def test_every_unit_has_a_watchdog_that_starts_a_frozen_program_within_a_minute():
    """req: A15, A49"""
    shared = text_of("deploy", "systemd", "sokoul-.service.d", "program.conf")
    for name in PROGRAMS:
        text = shared + text_of("deploy", "systemd", f"{name}.service")
        unit = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
        assert (unit["Type"], unit["Restart"], unit["RestartSec"]) == ("notify", "always", "2s")
        assert int(unit["WatchdogSec"].rstrip("s")) + 2 < 60, name


def test_what_is_next_of_operating_is_there():
    """req: A58"""
    assert os.access(os.path.join(ROOT, "deploy", "backup", "backup"), os.X_OK)
    assert "scrape_configs" in yaml.safe_load(text_of("deploy", "prometheus", "prometheus.yml"))
    assert "make test" in text_of(".github", "workflows", "ci.yml")
    assert "proxy_next_upstream error http_503 non_idempotent" in text_of("deploy", "nginx", "upstream.conf")
    for path in ("/livez", "/readyz"):
        assert f'"{path}"' in text_of("api", "routes.c") and f'"{path}"' in text_of("workers", "runtime", "program.c")


# ---- a machine -----------------------------------------------------------------------------------------------------------


STUBS = {
    "dpkg-query": """shift 2; format=$1; shift
for one in "$@"; do
    grep -qx "$one" "$HERE/missing" && ! grep -qx "$one" "$HERE/installed" && continue
    case $format in *Package*) echo "installed $one" ;; *) printf installed ;; esac
done""",
    "apt-get": """echo "$*" >>"$HERE/calls"
for one in "$@"; do echo "$one" >>"$HERE/installed"; done""",
}


@pytest.mark.skipif(not has_own_mounts(), reason="a mount namespace; and who is not root is told what to install")
def test_a_package_that_is_missing_is_installed_by_the_start_script(tmp_path):
    """req: A8, A48"""
    for name, body in STUBS.items():
        (tmp_path / name).write_text(f"#!/bin/bash\nHERE={tmp_path}\n{body}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "missing").write_text("jq\n")
    (tmp_path / "installed").write_text("")
    # Of the machine itself nothing is touched: where it would write lies a folder of its own.
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                           f"mount -t tmpfs none /usr/sbin && exec {ROOT}/tools/setup run"],
                          env=dict(os.environ, PATH=f"{tmp_path}:/usr/bin:/bin"), capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "installing Python for the scripts, curl and jq for the tour: jq" in done.stdout
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[-1].endswith("install --no-install-recommends jq"), calls


# ---- the guide --------------------------------------------------------------------------------------------------------------


def test_every_command_and_link_of_the_guide_works(record_property):
    """req: A36"""
    text = text_of("docs", "RELIABILITY.md")
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", text_of("Makefile"), re.MULTILINE))
    makes = set(re.findall(r"\bmake ([a-z][a-z-]*)", text))
    assert makes and makes <= targets, makes - targets
    verbs = set(re.findall(r"sokoulctl ((?:[a-z]+ ?){1,2})", text))
    for words in (v.split() for v in verbs):
        helps = [subprocess.run([os.path.join(BIN, "sokoulctl"), *words[:n], "--help"], capture_output=True, check=False).returncode
                 for n in (1, 2)]
        assert 0 in helps, words
    links = [path.split("#")[0] for path in re.findall(r"\]\(([^)#]+)", text) if "://" not in path]
    missing = [path for path in links if not os.path.exists(os.path.join(ROOT, "docs", path))]
    assert links and missing == []
    tests = re.findall(r"`(test_\w+|\w+_test)`", text)
    known = subprocess.run(["git", "grep", "--untracked", "-hoE", r"(test_\w+|\w+_test\b)", "--", "tests"], cwd=ROOT, capture_output=True,
                           text=True, check=True).stdout.split() + [n for _, _, names in os.walk(os.path.join(ROOT, "tests"))
                                                                     for n in (name.split(".")[0] for name in names)]
    assert [name for name in tests if name not in known] == []
    for heading in ("## Diagnosis", "## Before it goes live", "## Settings that matter"):
        assert heading in text
    record_property("figure", f"{len(makes)} targets, {len(verbs)} verbs, {len(links)} links, {len(tests)} tests")


# ---- the report of make robustness -----------------------------------------------------------------------------------------------


def written(path, cases):
    suite = xml.Element("testsuite")
    for name, rows, figure, end in cases:
        case = xml.SubElement(suite, "testcase", name=name)
        properties = xml.SubElement(case, "properties")
        xml.SubElement(properties, "property", name="rows", value=rows)
        if figure:
            xml.SubElement(properties, "property", name="figure", value=figure)
        if end:
            xml.SubElement(case, end)
    xml.ElementTree(suite).write(path)
    return str(path)


def test_the_report_has_a_line_for_each_row_with_its_figure_and_verdict(tmp_path):
    """req: A30, A35"""
    rows = robustness.demanded(ROOT)
    assert list(rows) == [f"A{n}" for n in range(1, 59)]
    table = robustness.Table(rows)
    cases = [(f"test_row_{row}", row, f"{row} s", None) for row in rows if row not in robustness.OF_ITSELF]
    cases[0] = ("test_it_holds[here]", "A1 A2", "7 s", None)
    cases[3] = ("test_it_does_not", "A4", None, "failure")
    cases[4] = ("test_nobody_ran_it", "A5", None, "skipped")
    table.add(written(tmp_path / "one.xml", cases))
    lines = table.text().splitlines()
    assert lines[2] == f"| A1 | {rows['A1']} | it holds (here) | 7 s | ok |"
    assert lines[3].startswith(f"| A2 | {rows['A2']} | it holds (here), and 1 more | 7 s; A2 s | ok")
    assert lines[5].endswith("| FAILED |") and lines[6].endswith("| NOT SHOWN |")
    assert table.missing() == ["A5"] and f"| A30 | {rows['A30']} | how many checks ran | {len(cases)} checks | ok |" in lines
    assert lines[-1] == f"{len(cases)} checks, {len(rows) - 2} of {len(rows)} rows hold"


def test_few_checks_are_not_enough(tmp_path):
    """req: A30"""
    table = robustness.Table(robustness.demanded(ROOT))
    table.add(written(tmp_path / "one.xml", [("test_all", " ".join(f"A{n}" for n in range(1, 59)), None, None)]))
    assert table.missing() == ["A30", "A35"]


def test_what_a_test_proves_is_read_from_it():
    word, fragment = "req" + ":", "part" + ":"  # apart, since these lines claim nothing
    assert proven(f"{word} A1, A2 {fragment} A3") == ["A1", "A2"] and proven(f"{fragment} A9") == []
    assert proven(f"{word} S1-S3 A4") == ["S1", "S2", "S3", "A4"]
