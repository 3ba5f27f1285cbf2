# SPDX-License-Identifier: Apache-2.0
"""What deploy/bluegreen decides, without any server: who is judged to do badly, and who may write nginx's file."""
import os
import subprocess
import sys
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "deploy", "bluegreen")
sys.path[:0] = [FOLDER, os.path.join(ROOT, "deploy", "backup")]

from installation import Failure  # noqa: E402
from installed import Place  # noqa: E402
from judge import Counts, Judge, Limits, counts, quantile_ms  # noqa: E402
from traffic import Share, Traffic  # noqa: E402

METRICS = """# TYPE sokoul_api_requests_total counter
sokoul_api_requests_total{method="GET",route="/jobs/{id}",status="200"} 90
sokoul_api_requests_total{method="POST",route="/jobs",status="503"} 4
sokoul_api_requests_total{method="GET",route="/ready",status="503"} 1000
sokoul_api_requests_total{method="GET",route="/metrics",status="200"} 1000
sokoul_api_request_duration_seconds_bucket{le="0.1"} 50
sokoul_api_request_duration_seconds_bucket{le="2.5"} 94
sokoul_api_request_duration_seconds_bucket{le="+Inf"} 94
sokoul_worker_jobs_total{worker="scout",kind="noop",outcome="completed"} 7
sokoul_worker_jobs_total{worker="scout",kind="noop",outcome="retried"} 2
sokoul_worker_jobs_total{worker="scout",kind="search",outcome="failed"} 1
"""
LIMITS = Limits(errors=0.01, slow_ms=1000, failures=0.1)
NOTHING = Counts(0, 0, {}, 0, 0)


def test_counts_are_of_requests_and_not_of_probes():
    found = counts([METRICS])
    assert (found.answers, found.errors, found.ended, found.failed) == (94, 4, 10, 3)
    assert quantile_ms(found.buckets, {}, 0.5) == 100 and quantile_ms(found.buckets, {}, 0.95) == 2500
    assert quantile_ms({}, {}, 0.95) == 0


@pytest.mark.parametrize("now,word", [
    (Counts(1000, 10, {}, 0, 0), None),
    (Counts(1000, 11, {}, 0, 0), "11 of its last 1000 answers were 5xx"),
    (Counts(3, 2, {}, 0, 0), None),
    (Counts(3, 3, {}, 0, 0), "5xx"),
    (Counts(19, 0, {2.0: 19.0}, 0, 0), None),
    (Counts(20, 0, {1.0: 18.0, 2.0: 20.0}, 0, 0), "takes longer than 1000 ms"),
    (Counts(20, 0, {1.0: 19.0, 2.0: 20.0}, 0, 0), None),
    (Counts(0, 0, {}, 30, 3), None),
    (Counts(0, 0, {}, 29, 3), "3 of its last 29 attempts of jobs failed"),
    (Counts(0, 0, {}, 2, 2), None),
])
def test_who_does_badly_is_found_and_who_does_not_is_left(now, word):
    found = Judge([], None, LIMITS).compare(NOTHING, now)
    assert (found is None) if word is None else (found and word in found), found


class Said:
    """A program that answers what the test says."""

    def __init__(self, ready=200, metrics=METRICS):
        self.ready, self.metrics = ready, metrics

    def __str__(self):
        return "it"

    def ask(self, path):
        if path == "/metrics":
            return (200, self.metrics) if self.metrics else (0, "refused")
        return self.ready, ""


def test_silence_once_is_an_accident_and_twice_is_not():
    program = Said()
    judge = Judge([program], Said(), LIMITS)
    assert judge.look() is None
    program.metrics = None
    assert judge.look() is None and "does not answer: refused" in judge.look()
    program.metrics, program.ready = METRICS, 503
    assert "answers 503" in judge.look()
    program.ready = 200
    assert judge.look() is None
    program.metrics = METRICS.replace("} 90", "} 3")
    assert "started anew" in judge.look()


def test_what_the_old_version_suffers_from_too_is_not_held_against_the_new_one():
    new, old = Said(ready=503), Said(ready=503)
    judge = Judge([new], old, LIMITS)
    assert [judge.look() for _ in range(3)] == [None] * 3
    old.ready = 200
    assert [judge.look() is None for _ in range(2)] == [True, False]
    old.ready = 0
    assert judge.look() is not None, "one that was stopped excuses nobody"


@pytest.fixture
def place(tmp_path):
    for colour, port in (("blue", 3000), ("green", 3010)):
        (tmp_path / colour).mkdir()
        (tmp_path / colour / "sokoul-api.env").write_text(f"API_LISTEN=0.0.0.0:{port}\n", encoding="utf-8")
    (tmp_path / "upstream.conf").write_text("upstream sokoul_api { server x; }\n", encoding="utf-8")
    write(tmp_path, f"UPSTREAM_FILE={tmp_path}/upstream.conf\nNGINX=true\n")
    return tmp_path


def write(folder, text):
    (folder / "bluegreen.env").write_text(text, encoding="utf-8")


def test_the_file_of_nginx_says_who_serves_and_can_be_read_again(place):
    traffic = Traffic(Place(str(place)))
    assert traffic.now() is None
    share = Share({"green": 10, "blue": 90}, "blue", 1764000000.5)
    traffic.put(share, None)
    assert traffic.now() == share and traffic.serving() == "blue"
    text = (place / "upstream.conf").read_text(encoding="utf-8")
    assert "server 127.0.0.1:3000 weight=90 " in text and "server 127.0.0.1:3010 weight=10 " in text and "http_500" in text
    traffic.put(Share({"green": 100, "blue": 0}, "blue", 1.0), share)
    assert "server 127.0.0.1:3000 backup " in (place / "upstream.conf").read_text(encoding="utf-8")
    traffic.put(Share({"green": 100}, "blue", 1.0), traffic.now())
    text = (place / "upstream.conf").read_text(encoding="utf-8")
    assert "3000" not in text and "http_500" not in text, "one alone has nobody to ask for it"


def test_who_decided_on_something_that_is_not_there_any_more_changes_nothing(place):
    traffic = Traffic(Place(str(place)))
    traffic.put(Share({"blue": 100}, None, 1.0), None)
    before = (place / "upstream.conf").read_bytes()
    with pytest.raises(Failure, match="somebody else") as said:
        traffic.put(Share({"green": 100}, "blue", 2.0), None)
    assert said.value.status == 75 and (place / "upstream.conf").read_bytes() == before


def test_a_file_that_nginx_refuses_is_put_back(place):
    before = (place / "upstream.conf").read_bytes()
    write(place, f"UPSTREAM_FILE={place}/upstream.conf\nNGINX=false\n")
    with pytest.raises(Failure, match="false -t"):
        Traffic(Place(str(place))).put(Share({"blue": 100}, None, 1.0), None)
    assert (place / "upstream.conf").read_bytes() == before


@pytest.mark.parametrize("words,status,said", [
    (["dance"], 64, "invalid choice"),
    (["switch", "red"], 64, "invalid choice"),
    (["canary", "--steps", "50,10,100"], 64, "per cents grow"),
    (["canary", "--steps", "10,50"], 64, "end with 100"),
    (["canary"], 1, "does not say which colour serves"),
    (["back"], 1, "nothing to go back to"),
    (["retire"], 1, "no colour is kept"),
    (["stop", "blue"], 1, "name a colour that has no traffic"),
    (["start", "blue"], 69, "START: /nowhere/systemctl"),
])
def test_what_cannot_be_done_is_said_in_plain_words(place, words, status, said):
    write(place, f"UPSTREAM_FILE={place}/upstream.conf\nNGINX=true\nSTART=/nowhere/systemctl start\n")
    done = subprocess.run([os.path.join(FOLDER, "bluegreen"), "--folder", str(place), *words], capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == status and said in done.stderr and "Traceback" not in done.stderr, (done.returncode, done.stderr)


def begin(place, *words):
    return subprocess.Popen([os.path.join(FOLDER, "bluegreen"), "--folder", str(place), *words], stderr=subprocess.PIPE, text=True)


def test_the_version_before_is_kept_as_long_as_it_was_to_be(place):
    """req: S365"""
    write(place, f"UPSTREAM_FILE={place}/upstream.conf\nNGINX=true\nSTOP=touch {place}/{{colour}}-stopped\n")
    traffic = Traffic(Place(str(place)))
    traffic.put(Share({"green": 100, "blue": 0}, "blue", time.time()), None)
    hour = begin(place, "retire")
    began = time.monotonic()
    done = begin(place, "retire", "--keep", "0.05")
    _, said = done.communicate(timeout=60)
    assert done.returncode == 0 and time.monotonic() - began >= 2.5 and (place / "blue-stopped").exists(), said
    assert traffic.now().weights == {"green": 100} and not (place / "green-stopped").exists()
    _, said = hour.communicate(timeout=60)  # it would wait for an hour, and sees that somebody else has decided
    assert hour.returncode == 75 and "somebody else" in said, said


@pytest.mark.parametrize("settings,said", [
    ("COLOUR=red\n", "there is no setting COLOUR"),
    ("NGINX=true\n", "has no UPSTREAM_FILE"),
    ("UPSTREAM_FILE=/nowhere/x\n", "/nowhere/x"),
])
def test_wrong_settings_are_named(place, settings, said):
    write(place, settings)
    done = subprocess.run([os.path.join(FOLDER, "bluegreen"), "--folder", str(place), "status"], capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == 78 and said in done.stderr, done.stderr


UNIT = "sokoul-api@.service"


def test_units_of_a_colour_are_made_as_the_manual_says(tmp_path):
    with open(os.path.join(ROOT, "docs", "RELEASE.md"), encoding="utf-8") as f:
        block = next(b for b in f.read().split("```\n") if "dpkg-deb -x" in b and "ExecStart" in b)
    loop = block[block.index("for unit"):block.index("systemctl daemon-reload")]
    for installed, here in (("/usr/lib/systemd/system", f"{ROOT}/deploy/systemd"), ("/etc/systemd/system", str(tmp_path))):
        assert installed in loop
        loop = loop.replace(installed, here)
    subprocess.run(["bash", "-euc", loop], check=True)
    assert sorted(os.listdir(tmp_path)) == [f"sokoul-{unit}@.service" for unit in ("api", "hunter", "scout")]
    text = (tmp_path / UNIT).read_text(encoding="utf-8")
    assert "ExecStart=/opt/sokoul/%i/usr/bin/sokoul-api --env-file /etc/sokoul/sokoul.env\n" in text
    assert "EnvironmentFile=/etc/sokoul/bluegreen/%i/sokoul-api.env\n" in text
