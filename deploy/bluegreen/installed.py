# SPDX-License-Identifier: Apache-2.0
"""Two versions side by side: what a folder says of them, and how their programs are started, stopped and asked.

    bluegreen.env            settings, the table below
    blue/sokoul-api.env      one file for each program that a colour has, with what it has alone: its address
    green/sokoul-api.env     (API_LISTEN for the API, METRICS_LISTEN for a worker)

How a program is started, stopped and asked for its log are words of the settings, so it may be a unit, a process or a
container.  In words {colour}, {program} and {since} (seconds since 1970) are filled in; a program that is started finds what
its file says in its environment.
"""
import json
import os
import shlex
import subprocess
import time
import urllib.error
import urllib.request

from installation import CONFIG, REFUSED, UNAVAILABLE, Failure, read_env_file, value_of_file

COLOURS = ("blue", "green")
ANSWER_S = 3
STEP_S = 0.2
WORDS_S = 120  # systemctl waits for a worker that finishes what it holds

# name: default; None: it has to be named
SETTINGS = {
    "START": "systemctl start {program}@{colour}",
    "STOP": "systemctl stop {program}@{colour}",
    "LOG": "journalctl -o cat --no-pager -u {program}@{colour} --since @{since}",
    "SOKOULCTL": "/opt/sokoul/{colour}/usr/bin/sokoulctl --env-file /etc/sokoul/sokoul.env",
    "NGINX": "nginx",
    "UPSTREAM_FILE": None,
    "BLUE_UPSTREAM": "",   # the API's address as nginx sees it, when it is another one
    "GREEN_UPSTREAM": "",
    "EDGE_URL": "",        # where nginx answers clients, to see that a switch has arrived there
    "NOTICE_URL": "",      # a webhook that takes {"text": …}
    "SMOKE_USER": "",      # an account with the role admin, for the smoke test through the API
    "SMOKE_PASSWORD_FILE": "",
}


def until(condition, wait_s):
    """The condition's first true value, or the last false one at the deadline."""
    deadline = time.monotonic() + wait_s
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(STEP_S)
    return value


def text_of(data):
    return data.decode("utf-8", "replace")


class Program:
    def __init__(self, place, colour, name, rows):
        listen = rows.get("API_LISTEN" if name == "sokoul-api" else "METRICS_LISTEN")
        if not listen:
            raise Failure(CONFIG, f"{colour}/{name}.env of {place.folder} does not say where the program listens")
        self.place, self.colour, self.name, self.rows = place, colour, name, rows
        self.address = listen.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")

    def __str__(self):
        return f"{self.name} ({self.colour}, {self.address})"

    def begin(self, setting, **more):
        """Runs the words of a setting, and waits for nothing."""
        words = self.place.words(setting, colour=self.colour, program=self.name, **more)
        try:
            return subprocess.Popen(words, env={**os.environ, **self.rows}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)
        except OSError as e:
            raise Failure(UNAVAILABLE, f"{setting}: {words[0]}: {e.strerror}") from None

    def ask(self, path):
        """(status, text); (0, why) without an answer in time."""
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=ANSWER_S) as answer:
                return answer.status, text_of(answer.read())
        except urllib.error.HTTPError as e:
            return e.code, text_of(e.read())
        except (OSError, ValueError) as e:
            return 0, str(getattr(e, "reason", e))

    def is_ready(self):
        return self.ask("/ready")[0] == 200

    def version(self):
        status, text = self.ask("/healthz")
        return json.loads(text)["version"] if status == 200 else None

    def trouble(self):
        """Why it is not ready, in the program's own words."""
        status, text = self.ask("/health/deep")
        try:
            parts = json.loads(text)["components"].items()
            return next(f"{name}: {part['error']}" for name, part in parts if isinstance(part, dict) and part.get("error"))
        except (ValueError, KeyError, AttributeError, StopIteration):
            return f"it answers {status}" if status else text

    def errors(self, since):
        """The lines of its log with the level error."""
        child = self.begin("LOG", since=int(since))
        out, err = child.communicate(timeout=WORDS_S)
        if child.returncode != 0:
            raise Failure(UNAVAILABLE, f"LOG: {text_of(err).strip() or 'failed'}")
        return [line for line in text_of(out).splitlines() if '"level":"error"' in line]


class Place:
    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        path = os.path.join(self.folder, "bluegreen.env")
        try:
            rows = read_env_file(path)
        except OSError as e:
            raise Failure(CONFIG, f"{path}: {e.strerror}") from None
        unknown = sorted(set(rows) - set(SETTINGS))
        if unknown:
            raise Failure(CONFIG, f"{path}: there is no setting {unknown[0]}")
        self.settings = {**SETTINGS, **rows}
        self.programs = {colour: self.find(colour) for colour in COLOURS}

    def find(self, colour):
        folder = os.path.join(self.folder, colour)
        names = sorted(n.removesuffix(".env") for n in os.listdir(folder) if n.endswith(".env")) if os.path.isdir(folder) else []
        return [Program(self, colour, name, read_env_file(os.path.join(folder, f"{name}.env"))) for name in names]

    def need(self, name):
        if not self.settings[name]:
            raise Failure(CONFIG, f"bluegreen.env of {self.folder} has no {name}")
        return self.settings[name]

    def words(self, setting, **fields):
        try:
            return [word.format(**fields) for word in shlex.split(self.need(setting))]
        except (KeyError, IndexError, ValueError):
            raise Failure(CONFIG, f"{setting} of bluegreen.env: what stands in braces is not known, or a quote is open") from None

    def of(self, colour):
        if not self.programs[colour]:
            raise Failure(CONFIG, f"the folder {self.folder}/{colour} names no program")
        return self.programs[colour]

    def api(self, colour):
        for program in self.of(colour):
            if program.name == "sokoul-api":
                return program
        raise Failure(CONFIG, f"the folder {self.folder}/{colour} has no sokoul-api.env")

    def workers(self, colour):
        return [program for program in self.of(colour) if program.name != "sokoul-api"]

    def upstream(self, colour):
        return self.settings[f"{colour.upper()}_UPSTREAM"] or self.api(colour).address

    def password(self):
        return value_of_file("SMOKE_PASSWORD", self.need("SMOKE_PASSWORD_FILE"))

    # ---- all programs of a colour -------------------------------------------------------------------

    def start(self, colour, wait_s):
        """Returns when all are ready; what does not get ready is a Failure, and goes on running."""
        self.run(colour, "START")
        late = until(lambda: all(p.is_ready() for p in self.of(colour)), wait_s)
        if not late:
            program = next((p for p in self.of(colour) if not p.is_ready()), self.of(colour)[0])
            raise Failure(REFUSED, f"{program} is not ready after {wait_s} s: {program.trouble()}")

    def stop(self, colour):
        self.run(colour, "STOP")

    def run(self, colour, setting):
        """At once for all, since each may take its time; the first that failed is told when all are through."""
        children = [(program, program.begin(setting)) for program in self.of(colour)]
        failed = []
        for program, child in children:
            try:
                out, err = child.communicate(timeout=WORDS_S)
            except subprocess.TimeoutExpired:
                child.kill()
                out, err = b"", f"took more than {WORDS_S} s".encode()
            if child.returncode != 0:
                failed.append(f"{setting} of {program}: {text_of(err or out).strip() or 'failed'}")
        if failed:
            raise Failure(UNAVAILABLE, failed[0])
