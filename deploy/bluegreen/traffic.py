# SPDX-License-Identifier: Apache-2.0
"""Who gets how much of the traffic: the upstream file of nginx, which is the only place where that stands.

While two versions are in the file, nginx asks the other one when one is away, drains (503) or fails (500); a request that was
not answered well by the new version is answered by the old one, and the client sees nothing.  The versions share a database, so
this is as safe as it is for two processes of one version: clients that send an Idempotency-Key are safe in any case.
"""
import fcntl
import json
import os
import re
import ssl
import subprocess
import time
import urllib.request
from collections import namedtuple

from installation import AGAIN, CONFIG, REFUSED, UNAVAILABLE, Failure
from installed import until

ARRIVED_S = 60
SAME_ANSWERS = 5  # in a row, each on a connection of its own

# weights: colour to percent; before: who had it all, and gets it back; at: since when, in seconds since 1970
Share = namedtuple("Share", "weights before at")


def other(colour):
    return "green" if colour == "blue" else "blue"


class Traffic:
    def __init__(self, place):
        self.place = place
        self.path = os.path.abspath(place.need("UPSTREAM_FILE"))

    def now(self):
        """None for a file that was not written here."""
        try:
            with open(self.path, encoding="utf-8") as f:
                found = re.search(r"^# (\{.*\})$", f.read(), re.M)
        except OSError as e:
            raise Failure(CONFIG, f"UPSTREAM_FILE: {self.path}: {e.strerror}") from None
        return Share(**json.loads(found.group(1))) if found else None

    def serving(self):
        """The colour that has most of it."""
        now = self.now()
        if now is None:
            raise Failure(REFUSED, f"{self.path} does not say which colour serves: say it with `switch blue` or `switch green`")
        return max(now.weights, key=now.weights.get)

    def put(self, share, seen):
        """Writes it and has nginx take it.  `seen` is what was there when the caller decided: another one means that somebody
        else has decided since, and nothing is changed."""
        with open(f"{self.path}.lock", "a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.now() != seen:
                raise Failure(AGAIN, f"somebody else has changed {self.path} meanwhile: nothing was changed; see `status`")
            with open(self.path, encoding="utf-8") as f:
                before = f.read()
            self.write(self.text(share))
            try:
                self.nginx("-t")
            except Failure:
                self.write(before)
                raise
            self.nginx("-s", "reload")

    def text(self, share):
        servers, shared = [], len(share.weights) > 1
        for colour, weight in sorted(share.weights.items()):
            rank = "backup" if weight == 0 else f"weight={weight}"
            servers.append(f"    server {self.place.upstream(colour)} {rank} max_fails=3 fail_timeout=5s; # {colour}\n")
        return ("# Written by deploy/bluegreen, which reads the next line.\n"
                f"# {json.dumps(share._asdict())}\n"
                "upstream sokoul_api {\n" + "".join(servers) +
                "    keepalive 64;\n    keepalive_timeout 60s;\n}\n"
                f"proxy_next_upstream error {'http_500 ' if shared else ''}http_503 non_idempotent;\n")

    def write(self, text):
        """Whole or not at all; nginx may be reading it."""
        with open(f"{self.path}.new", "w", encoding="utf-8") as f:
            os.fchmod(f.fileno(), 0o644)
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        os.replace(f"{self.path}.new", self.path)

    def nginx(self, *options):
        words = [*self.place.words("NGINX"), *options]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise Failure(UNAVAILABLE, f"{words[0]}: {e}") from None
        if done.returncode != 0:
            raise Failure(UNAVAILABLE, f"{' '.join(words)}: {done.stderr.strip()[-500:]}")

    # ---- as clients see it --------------------------------------------------------------------------

    def await_arrival(self, colour):
        """Until whoever asks nginx is answered by this version; a sentence on what was seen."""
        url, version = self.place.settings["EDGE_URL"], self.place.api(colour).version()
        if not url:
            return "EDGE_URL is not set, so nobody has looked whether it arrived"
        began = time.monotonic()
        if not until(lambda: all(self.edge_version(url) == version for _ in range(SAME_ANSWERS)), ARRIVED_S):
            raise Failure(REFUSED, f"{url} is answered by {self.edge_version(url)} after {ARRIVED_S} s, and not by {version}")
        return f"{url} is answered by {version}, seen after {time.monotonic() - began:.1f} s"

    @staticmethod
    def edge_version(url):
        trusting = ssl.create_default_context()  # it is this machine's own nginx, under whatever name its certificate has
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        try:
            with urllib.request.urlopen(f"{url.rstrip('/')}/healthz", timeout=5, context=trusting) as answer:
                return json.loads(answer.read())["version"]
        except (OSError, ValueError, KeyError):
            return None
