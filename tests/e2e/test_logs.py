# SPDX-License-Identifier: Apache-2.0
"""deploy/logs: the lines of one request out of the logs of all programs, and how long they are kept."""
import configparser
import gzip
import json
import os
import subprocess

import pytest
import yaml
from stack_under_test import eventually

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOGS = os.path.join(ROOT, "deploy", "logs")
NGINX = {"timestamp": "2026-11-29T09:00:00+00:00", "service": "nginx", "status": 200}


def by_request(*words, text="", path=None):
    environment = dict(os.environ, PATH=f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"])
    return subprocess.run([f"{LOGS}/by-request", *words], input=text, env=environment, capture_output=True, text=True, timeout=60,
                          check=False)


def line(at, request_id="one", **more):
    return json.dumps({"timestamp": at, "level": "info", "service": "sokoul-api", "request_id": request_id, **more})


def program(folder, name, *texts):
    """A program that writes its words into NAME.words and says the texts, one per call."""
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"{name}.{number}").write_text(text, encoding="utf-8")
    script = '#!/bin/sh\nn=$(cat "$0.words" 2>/dev/null | wc -l)\necho "$*" >>"$0.words"\ncat "$0.$n"\n'
    (folder / name).write_text(script, encoding="utf-8")
    (folder / name).chmod(0o755)
    return str(folder)


def test_a_request_is_found_in_the_logs_of_all_programs(sokoul, tmdb, user, tmp_path):
    """req: S394"""
    scout = sokoul.start("sokoul-scout")
    api = sokoul.programs[0]
    answer = user.post("/search", {"query": "Sintel", "wait_ms": 10000}, headers={"X-Request-ID": "over-all-logs"})
    assert answer.status == 200, answer
    other = user.get("/media/favorites").headers["X-Request-ID"]
    eventually(lambda: api.log(request_id="over-all-logs", event="request") and api.log(request_id=other), 5, "the answers' lines")
    rotated = tmp_path / "scout.log.1.gz"
    with gzip.open(rotated, "wt", encoding="utf-8") as f:
        f.write(scout.log_text())
    wanted = api.log(request_id="over-all-logs") + scout.log(request_id="over-all-logs")
    for files in ((api.log_path, scout.log_path), (str(rotated), api.log_path)):
        done = by_request("over-all-logs", *files)
        assert done.returncode == 0, done.stderr
        found = [json.loads(text) for text in done.stdout.splitlines()]
        assert [f["timestamp"] for f in found] == sorted(f["timestamp"] for f in wanted)
        assert {f["service"] for f in found} == {"sokoul-api", "sokoul-scout"} and len(found) == len(wanted) >= 4
    lines = "".join(f"sokoul-scout_1  | {text}\n" for p in (scout, api) for text in p.log_text().splitlines())
    assert by_request("over-all-logs", "-", text=lines).stdout == done.stdout
    assert {json.loads(text)["request_id"] for text in by_request(other, api.log_path).stdout.splitlines()} == {other}


def test_lines_are_put_in_the_order_of_their_time_whatever_zone_they_are_told_in():
    edge = json.dumps({**NGINX, "timestamp": "2026-11-29T10:00:01+01:00", "request_id": "one"})
    first, last = line("2026-11-29T09:00:00.999Z"), line("2026-11-29T09:00:01.001Z")
    done = by_request("one", "-", text="\n".join([last, edge, first, line("2026-11-29T09:00:00.000Z", "two", message="one")]))
    assert done.stdout.splitlines() == [first, edge, last]


def test_what_is_no_line_of_ours_is_left_out():
    text = "\n".join(['one {"request_id":', '{"request_id":"one"}', '["one"]', '{"request_id":"one","timestamp":7}', "one"])
    done = by_request("one", "-", text=text)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "no line has the request id one\n")


def test_journald_is_asked_for_units_and_containers(tmp_path):
    unit, container = line("2026-11-29T09:00:02.000Z"), line("2026-11-29T09:00:01.000Z")
    place = program(tmp_path / "bin", "journalctl", unit + "\n" + line("2026-11-29T09:00:00.000Z", "two") + "\n", container + "\n")
    done = by_request("one", "--since", "2026-11-29 09:00", path=place)
    assert done.stdout.splitlines() == [container, unit], done.stderr
    asked = (tmp_path / "bin" / "journalctl.words").read_text(encoding="utf-8").splitlines()
    common = "--quiet --no-pager --output=cat --since=2026-11-29 09:00"
    assert asked == [f"{common} --unit=sokoul-*", f"{common} --identifier=sokoul"]


@pytest.mark.parametrize("name,words", [("docker", "compose logs --no-color"), ("docker-compose", "logs --no-color")])
def test_compose_is_asked_for_its_containers(tmp_path, name, words):
    """The plugin, or the program of its own where there is no plugin."""
    text = line("2026-11-29T09:00:02.000Z")
    place = program(tmp_path / "bin", name, *([""] if name == "docker" else []), f"sokoul-api-1  | {text}\n")
    if name == "docker-compose":
        program(tmp_path / "bin", "docker")  # knows no `compose`, and ends with 1
    done = by_request("one", "--compose", path=place)
    assert done.stdout.splitlines() == [text], done.stderr
    assert (tmp_path / "bin" / f"{name}.words").read_text(encoding="utf-8").splitlines()[-1] == words


@pytest.mark.parametrize("words,status,says", [((), 64, "usage"), (("one", "--wrong"), 64, "usage"), (("",), 64, "usage"),
                                               (("one", "/nonexistent/log"), 69, "No such file"),
                                               (("one", "/etc/passwd.gz"), 69, "No such file")])
def test_what_cannot_be_asked_is_said(words, status, says):
    done = by_request(*words)
    assert done.returncode == status and says in done.stderr and "Traceback" not in done.stderr


def test_a_source_that_fails_is_no_empty_answer(tmp_path):
    place = program(tmp_path / "bin", "journalctl")  # it has nothing to say, and ends with 1
    done = by_request("one", path=place)
    assert done.returncode == 69 and "journalctl" in done.stderr


def test_logs_are_kept_for_thirty_days():
    """part: S395"""
    journal = configparser.ConfigParser()
    journal.optionxform = str
    journal.read(f"{LOGS}/journald.conf")
    kept = dict(journal["Journal"])
    assert (kept["Storage"], kept["MaxRetentionSec"], kept["MaxFileSec"]) == ("persistent", "30day", "1day")
    assert kept["RateLimitIntervalSec"] == "0"
    with open(f"{LOGS}/compose.yml", encoding="utf-8") as f:
        override = yaml.safe_load(f)["services"]
    with open(f"{ROOT}/docker-compose.yml", encoding="utf-8") as f:
        assert set(override) == set(yaml.safe_load(f)["services"])
    assert all(s == {"logging": {"driver": "journald", "options": {"tag": "sokoul"}}} for s in override.values())
