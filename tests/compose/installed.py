# SPDX-License-Identifier: Apache-2.0
"""A Sokoul of docker-compose.yml on an engine of its own: what an operator does to it, and what is seen of it.

    stack.up()                      starts all and waits until all is healthy; seconds that it took
    stack.container("sokoul-api")   its id
    stack.ledger(2000)              jobs are made meanwhile; .settled() says what became of them

The image is built from the Dockerfile; in the short form its last stage takes the programs that are built already.
"""
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from engine import call
from stack.proc import free_ports, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("BIN", os.path.join(ROOT, "build", "bin")))
RUNNING = ("sokoul-db", "sokoul-nats", "sokoul-redis", "sokoul-api", "sokoul-scout", "sokoul-hunter")
PORTS = ("API_PORT", "POSTGRES_PORT", "NATS_PORT", "NATS_MONITOR_PORT", "REDIS_PORT", "TORRENT_PORT", "PROWLARR_PORT",
         "HTTP_PORT", "HTTPS_PORT")
PROGRAMS = ("sokoul-api", "sokoul-scout", "sokoul-hunter", "sokoulctl")
HEALTHY_WAIT_S = 60


def last_stage(dockerfile):
    """The image's own stage, which takes its programs from bin/ beside it."""
    head, _, tail = dockerfile.rpartition("\nFROM ")
    argument = re.search(r"^ARG DEBIAN=.*$", head, re.MULTILINE).group(0)
    return f"{argument}\nFROM {tail}".replace("COPY --from=build /src/build/bin/", "COPY bin/")


class Ledger:
    """Jobs that a container of its own makes and waits for, whatever happens to the others."""

    def __init__(self, stack, count, rate):
        self.stack = stack
        self.count = count
        self.before = stack.jobs()
        image, network = stack.image, stack.network("back")
        secret = os.path.join(stack.folder, ".secrets", "api_env")
        self.name = stack.engine.docker(
            "run", "-d", "--network", network, "-v", f"{secret}:/run/secrets/api_env:ro", "--no-healthcheck", image,
            "sokoulctl", "--env-file", "/run/secrets/api_env", "job", "inject", "--kind", "noop", "--count", str(count),
            "--rate", str(rate), "--wait", "--json").stdout.strip()

    def begun(self, jobs=200):
        assert wait_for(lambda: self.stack.jobs() - self.before >= jobs, 30, 0.2), "no jobs are made"

    def settled(self, wait_s=180):
        """(exit status of the client, what it says)"""
        code = int(self.stack.engine.docker("wait", self.name, wait_s=wait_s).stdout)
        text = self.stack.engine.docker("logs", self.name).stdout
        self.stack.engine.docker("rm", self.name)
        return code, json.loads(text or "{}")


class Stack:
    image = "sokoul:dev"

    def __init__(self, engine, folder, version):
        self.engine = engine
        self.folder = folder
        self.words = engine.compose_words(version)
        self.port = dict(zip(PORTS, range(free_ports(len(PORTS)), 65536)))

    # ---- setting up -----------------------------------------------------------------------------------

    def check_out(self):
        """What a clone has, with everything that is not committed yet."""
        names = call(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT).stdout.splitlines()
        for name in names:
            if os.path.isfile(os.path.join(ROOT, name)):
                os.makedirs(os.path.dirname(os.path.join(self.folder, name)), exist_ok=True)
                shutil.copy2(os.path.join(ROOT, name), os.path.join(self.folder, name))

    def build_quickly(self):
        """The image with the programs that are built already."""
        place = os.path.join(self.engine.folder, "image")
        os.makedirs(f"{place}/bin")
        shutil.copytree(os.path.join(self.folder, "deploy", "compose"), f"{place}/deploy/compose")
        for name in PROGRAMS:
            call(["strip", "-o", f"{place}/bin/{name}", os.path.join(BIN, name)])
        with open(os.path.join(self.folder, "Dockerfile"), encoding="utf-8") as f, \
                open(f"{place}/Dockerfile", "w", encoding="utf-8") as out:
            out.write(last_stage(f.read()))
        self.engine.docker("build", "-q", "-t", self.image, place)

    def block(self, number):
        """The lines of a block of commands of the README, counted below the heading on containers."""
        with open(os.path.join(self.folder, "README.md"), encoding="utf-8") as f:
            section = f.read().partition("\n## Run it with docker compose\n")[2].partition("\n## ")[0]
        return re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)[number].splitlines()

    def type_in(self, line, **how):
        """A line of the README as an operator types it, with this machine's name of compose."""
        line = line.replace("docker compose", " ".join(self.words))
        return call(["bash", "-c", line], cwd=self.folder, env=self.engine.environment, **how)

    def make_env(self, line, **more):
        """The ports and settings that a test needs are what an operator adds to .env."""
        self.type_in(line)
        rows = {**self.port, "TORRENT_DHT": "false", **more}
        path = os.path.join(self.folder, ".env")
        with open(path, encoding="utf-8") as f:
            kept = [line for line in f.read().splitlines() if line.partition("=")[0] not in rows]
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(kept + [f"{name}={value}" for name, value in rows.items()]) + "\n")
        self.type_in(line)

    # ---- what an operator does ------------------------------------------------------------------------

    def compose(self, *words, **how):
        return call([*self.words, *words], cwd=self.folder, env=self.engine.environment, **how)

    def up(self, line):
        began = time.monotonic()
        self.type_in(line)
        healthy = wait_for(lambda: all(self.health(name) == "healthy" for name in RUNNING), HEALTHY_WAIT_S + 60, 0.5)
        assert healthy, {name: self.health(name) for name in RUNNING}
        return time.monotonic() - began

    # ---- what is seen of it ---------------------------------------------------------------------------

    def container(self, service):
        found = self.engine.docker("ps", "-aq", "--filter", f"label=com.docker.compose.service={service}",
                                   "--filter", "label=com.docker.compose.oneoff=False").stdout.split()
        assert len(found) == 1, f"{service}: {found}"
        return found[0]

    def state(self, service):
        return self.engine.inspect(self.container(service))["State"]

    def health(self, service):
        return self.state(service).get("Health", {}).get("Status")

    def network(self, name):
        return f"{self.engine.environment['COMPOSE_PROJECT_NAME']}_{name}"

    def status(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port['API_PORT']}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    def is_ready(self):
        return self.status("/ready") == 200 and all(self.state(name)["Running"] for name in RUNNING)

    def sql(self, statement):
        return self.engine.docker("exec", self.container("sokoul-db"), "psql", "-XqAt", "-U", "postgres", "-d", "sokoul",
                                  "-c", statement).stdout.strip()

    def jobs(self):
        return int(self.sql("SELECT count(*) FROM jobs WHERE kind = 'noop'"))

    def ledger(self, count, rate=200):
        return Ledger(self, count, rate)

    def complaints(self):
        """What a server refused somebody, from its log."""
        text = "".join(self.compose("logs", "--no-color", name).stdout for name in ("sokoul-db", "sokoul-nats"))
        return [line for line in text.splitlines() if re.search(r"permission denied|[Vv]iolation|must be owner", line)]

    def watch_ends(self):
        """A process that writes each container's end: its service and its status."""
        return subprocess.Popen(["docker", "events", "--filter", "event=die", "--format",
                                 '{{index .Actor.Attributes "com.docker.compose.service"}} {{.Actor.Attributes.exitCode}}'],
                                env=self.engine.environment, stdout=subprocess.PIPE, text=True)
