# SPDX-License-Identifier: Apache-2.0
"""A container engine of one's own, and stand-ins of official images from Debian packages.

    engine = Engine(folder, cache)
    engine.start()
    engine.make_stand_ins()
    engine.docker("ps")
    engine.stop()               # also after a start that failed

The engine has its own data, socket and containerd; where another one runs, none is started.  When it is stopped, its
bridges are gone and the packet filter is as it was found.

Stand-ins behave like the official images in what docker-compose.yml uses of them: names of users, entrypoints, the first
start of Postgres with its scripts.  Their file systems are kept in `cache` and made once (mmdebstrap, some minutes).
"""
import json
import os
import shutil
import signal
import subprocess

from stack.proc import StackError, spawn, stop_child, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
SUITES = {"bookworm": "ca-certificates", "trixie": "postgresql,nats-server,redis-server,nginx-light,wget,docker-compose"}
# What nobody needs here, of which Postgres's compiler of queries is the largest.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/lib/*/libLLVM*", "/usr/lib/postgresql/*/llvmjit.so")
# Tag of each official image that docker-compose.yml names, and the folder of its stand-in.
STAND_INS = {"postgres:16-alpine": "postgres", "nats:2.10-alpine": "nats", "redis:7-alpine": "redis",
             "nginx:1.27-alpine": "nginx"}
NEEDED = ("dockerd", "docker", "docker-compose", "mmdebstrap", "iptables-save", "iptables-restore")
PLUGIN = "usr/libexec/docker/cli-plugins/docker-compose"
CALL_WAIT_S = 300
# The tables that an engine writes to, as they are where nobody has touched them.
EMPTY = {"filter": "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n",
         "nat": "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n"}


def why_not():
    """Why no engine can be started here, as a sentence; None: it can."""
    if os.geteuid() != 0:
        return "an engine of its own needs root"
    missing = [name for name in NEEDED if not shutil.which(name, path=PATH)]
    if missing:
        return f"{', '.join(missing)} not installed: apt-get install docker.io docker-compose mmdebstrap iptables"
    if call(["pgrep", "-x", "dockerd"], check=False).returncode == 0:
        return "an engine runs on this machine already, and two would share its bridge and packet filter"
    if subprocess.run(["unshare", "--mount", "--net", "true"], check=False, capture_output=True).returncode:
        return "no namespaces may be made here"
    return None


# Debian's own before others of the name.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")


def call(words, *, check=True, wait_s=CALL_WAIT_S, **how):
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=wait_s, **how)
    if check and done.returncode != 0:
        raise StackError(f"{' '.join(words)[:200]}: status {done.returncode}: {(done.stderr or done.stdout)[-1500:]}")
    return done


def make_root(suite, include, tar):
    """A root file system of Debian as a tar file, from the mirror that apt uses here."""
    mirror = call(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"]).stdout.split()
    urls = [url for url in mirror if url.rstrip("/").endswith("/debian")] or ["http://deb.debian.org/debian"]
    wanted = ("::Proxy ", "::Check-Date ", "::Check-Valid-Until ")
    options = [f"--aptopt={line}" for line in call(["apt-config", "dump"]).stdout.splitlines()
               if line.startswith("Acquire::") and any(w in line for w in wanted) and '"";' not in line]
    options += [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    call(["mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io", *options, f"--include={include}",
          suite, f"{tar}.new.tar", f"deb {urls[0]} {suite} main"])
    os.replace(f"{tar}.new.tar", tar)


class Engine:
    def __init__(self, folder, cache):
        self.folder = folder
        self.cache = cache
        self.child = self.filter = self.forward = None
        self.environment = dict(os.environ, PATH=PATH, DOCKER_HOST=f"unix://{folder}/docker.sock",
                                DOCKER_CONFIG=f"{folder}/config", DOCKER_BUILDKIT="0", COMPOSE_PROJECT_NAME="sokoul-test")

    # ---- the engine itself --------------------------------------------------------------------------

    def start(self):
        self.filter = {name: call(["iptables-save", "-t", name]).stdout for name in EMPTY
                       if f"*{name}\n" in call(["iptables-save"]).stdout}
        with open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as f:
            self.forward = f.read()
        self.bridges = set(os.listdir("/sys/class/net"))
        with open(f"{self.folder}/dockerd.log", "ab") as log:
            self.child = spawn(["dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec",
                                "--pidfile", f"{self.folder}/dockerd.pid", "-H", f"unix://{self.folder}/docker.sock"],
                               env=self.environment, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)
        if not wait_for(lambda: self.child.poll() is not None or self.answers(), 60, 0.2) or self.child.poll() is not None:
            raise StackError(f"dockerd does not start: {self.log_tail()}")

    def answers(self):
        return self.docker("version", check=False).returncode == 0

    def log_tail(self):
        with open(f"{self.folder}/dockerd.log", encoding="utf-8", errors="replace") as f:
            return " | ".join(f.read().splitlines()[-4:])

    def stop(self):
        if self.child and self.child.poll() is None:
            names = self.docker("ps", "-aq", check=False).stdout.split()
            if names:
                self.docker("rm", "-f", *names, check=False)
        if self.child:
            stop_child(self.child, 60, signal.SIGTERM)
            self.child = None
            self.put_back()

    def put_back(self):
        """Bridges, packet filter and forwarding as they were found."""
        for name in set(os.listdir("/sys/class/net")) - self.bridges:
            if name == "docker0" or name.startswith("br-"):
                call(["ip", "link", "delete", name], check=False)
        call(["iptables-restore"], input="".join(self.filter.get(name, empty) for name, empty in EMPTY.items()))
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as f:
            f.write(self.forward)

    # ---- asking it ------------------------------------------------------------------------------------

    def docker(self, *words, **how):
        return call(["docker", *words], env=self.environment, **how)

    def compose_words(self, version):
        """docker-compose 1.29, or compose v2 as a plugin of docker."""
        if version == 1:
            return ["docker-compose"]
        place = f"{self.folder}/config/cli-plugins"
        os.makedirs(place, exist_ok=True)
        if not os.path.exists(f"{place}/docker-compose"):
            call(["tar", "-xf", self.tar("trixie"), "-C", place, "--strip-components=5", f"./{PLUGIN}"])
        return ["docker", "compose"]

    def inspect(self, name):
        return json.loads(self.docker("inspect", name).stdout)[0]

    # ---- images ---------------------------------------------------------------------------------------

    def tar(self, suite):
        os.makedirs(self.cache, exist_ok=True)
        path = os.path.join(self.cache, f"{suite}.tar")
        if not os.path.exists(path):
            make_root(suite, SUITES[suite], path)
        return path

    def has_roots(self):
        return all(os.path.exists(os.path.join(self.cache, f"{suite}.tar")) for suite in SUITES)

    def make_stand_ins(self):
        self.docker("import", self.tar("bookworm"), "debian:bookworm-slim")
        self.docker("import", self.tar("trixie"), "stand-in:trixie")
        for tag, folder in STAND_INS.items():
            self.docker("build", "-q", "-t", tag, os.path.join(HERE, "images", folder))
