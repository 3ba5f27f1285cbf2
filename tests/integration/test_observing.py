# SPDX-License-Identifier: Apache-2.0
"""The files that Prometheus, Alertmanager and Grafana are given: read by their own tools, and about things that exist."""
import glob
import json
import os
import re
import shutil
import subprocess

import pytest
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(ROOT, "deploy")
NINE = {"SokoulDown", "SokoulApiErrors", "SokoulJobFailures", "SokoulDatabasePoolExhausted", "SokoulDiskFull",
        "SokoulApiSlow", "SokoulJobsSlow", "SokoulMemoryHigh", "SokoulBacklog"}


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def rules(kind):
    found = []
    for path in sorted(glob.glob(f"{DEPLOY}/prometheus/rules/*.yml")):
        with open(path, encoding="utf-8") as f:
            found += [rule for group in yaml.safe_load(f)["groups"] for rule in group["rules"] if kind in rule]
    return found


def dashboards():
    for path in sorted(glob.glob(f"{DEPLOY}/grafana/dashboards/*.json")):
        with open(path, encoding="utf-8") as f:
            yield os.path.basename(path), json.load(f)


def expressions():
    yield from (rule["expr"] for rule in rules("expr"))
    for _, board in dashboards():
        yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])


def test_promtool_takes_the_configuration_and_the_rules():
    """req: S391"""
    run("promtool", "check", "config", "deploy/prometheus/prometheus.yml")
    run("promtool", "check", "rules", *glob.glob(f"{DEPLOY}/prometheus/rules/*.yml"))


def test_each_alert_calls_at_its_limit_and_is_silent_close_to_it():
    """req: S326, S327, S328, S329, S330, S331, S332, S333"""
    run("promtool", "test", "rules", *glob.glob(f"{DEPLOY}/prometheus/tests/*.yml"))
    with open(f"{DEPLOY}/prometheus/tests/alerts_test.yml", encoding="utf-8") as f:
        tried = [(t["alert_rule_test"][0]["alertname"], bool(t["alert_rule_test"][0]["exp_alerts"]))
                 for t in yaml.safe_load(f)["tests"]]
    names = {rule["alert"] for rule in rules("alert")}
    assert NINE <= names and sorted(tried) == sorted((name, calls) for name in names for calls in (True, False))


def test_each_alert_has_a_summary_and_a_section_of_the_runbook():
    with open(os.path.join(ROOT, "docs/RUNBOOK.md"), encoding="utf-8") as f:
        sections = re.findall(r"^## (\w+)$", f.read(), re.M)
    assert sections == [rule["alert"] for rule in rules("alert")]
    for rule in rules("alert"):
        notes = rule["annotations"]
        assert notes["summary"] and notes["description"] and rule["labels"]["severity"] in ("critical", "warning")
        assert notes["runbook_url"] == f"docs/RUNBOOK.md#{rule['alert'].lower()}"


def test_every_metric_of_a_rule_or_panel_exists():
    with open(os.path.join(ROOT, "common/obs/metrics.h"), encoding="utf-8") as f:
        known = set(re.findall(r'"((?:sokoul|ws|app)_[a-z0-9_]+)"', f.read()))
    known |= {"sokoul_build_info"} | {rule["record"] for rule in rules("record")}
    for expr in expressions():
        for name in re.findall(r"\b(?:sokoul[_:]|ws_|app_)[a-z0-9_:]+", re.sub(r'"[^"]*"', '""', expr)):
            assert name in known or re.sub(r"_(bucket|count|sum)$", "", name) in known, f"{name} in {expr}"


def test_dashboards_are_what_their_tables_say():
    """part: S390"""
    run("tools/dashboards", "--check")
    seen = dict(dashboards())
    assert sorted(seen) == ["downloads.json", "jobs.json", "servers.json", "users.json"]
    with open(f"{DEPLOY}/grafana/provisioning/datasources/sokoul.yml", encoding="utf-8") as f:
        source = yaml.safe_load(f)["datasources"][0]
    for name, board in seen.items():
        assert board["uid"] and board["title"] and len({p["id"] for p in board["panels"]}) == len(board["panels"]), name
        for panel in board["panels"]:
            assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]} and panel["targets"], panel["title"]


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not installed (make test-observe installs it)")
def test_amtool_takes_the_configuration_of_the_alertmanager():
    assert "SUCCESS" in run("amtool", "check-config", "deploy/alertmanager/alertmanager.yml")
