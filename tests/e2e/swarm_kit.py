# SPDX-License-Identifier: Apache-2.0
"""Swarms on loopback for tests and bench: torrents, a tracker, Transmission seeders, and our engine as a process.

Everything that is started is stopped by its own process id. Loopback addresses come from the process id, because
Transmission chokes an address that it has once seen complete.
"""
import atexit
import hashlib
import itertools
import json
import os
import pathlib
import shutil
import re
import signal
import urllib.request
import socket
import subprocess
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = pathlib.Path(os.environ.get("TESTS", "build/gcc/tests"))
NODE = (ROOT / TESTS if not TESTS.is_absolute() else TESTS) / "workers/hunter/engine/node_test"
_serial = itertools.count(1)
_started = []


def address():
    """A loopback address that nobody else has."""
    n = next(_serial)
    return f"127.{64 + os.getpid() // 250 % 128}.{os.getpid() % 250 + 1}.{n % 250 + 1}"


def free_port(host="127.0.0.1"):
    with socket.socket() as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def wait_for(condition, timeout_s, what):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s} s: {what}")


def start(args, **kw):
    process = subprocess.Popen(args, **kw)
    _started.append(process)
    return process


def stop(process, sig=signal.SIGTERM, timeout_s=5):
    if process.poll() is None:
        process.send_signal(sig)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process in _started:
        _started.remove(process)


@atexit.register
def stop_all():
    for process in list(_started):
        stop(process, timeout_s=2)


# ---- torrents ------------------------------------------------------------------------------------------------


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    keys = sorted(value, key=lambda k: k.encode() if isinstance(k, str) else k)
    return b"d" + b"".join(bencode(k) + bencode(value[k]) for k in keys) + b"e"


def random_file(path, size):
    digest = hashlib.sha256()
    with open(path, "wb") as out:
        left = size
        while left:
            chunk = os.urandom(min(left, 1 << 20))
            digest.update(chunk)
            out.write(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


class Torrent:
    """One file with random content, its .torrent and its magnet link."""

    def __init__(self, folder, size, name="film.bin", piece=256 << 10, tracker=None, info=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.size, self.name, self.tracker = size, name, tracker
        if info is None:
            self.sha256 = random_file(self.folder / name, size)
            pieces = b""
            with open(self.folder / name, "rb") as f:
                while chunk := f.read(piece):
                    pieces += hashlib.sha1(chunk).digest()
            info = {"name": name, "length": size, "piece length": piece, "pieces": pieces}
        self.info_hash = hashlib.sha1(bencode(info)).hexdigest()
        whole = {"info": info}
        if tracker:
            whole["announce"] = tracker
        self.file = self.folder / (self.info_hash + ".torrent")
        self.file.write_bytes(bencode(whole))

    def magnet(self, *trackers):
        links = trackers or ((self.tracker,) if self.tracker else ())
        return f"magnet:?xt=urn:btih:{self.info_hash}" + "".join("&tr=" + urllib.parse.quote(t, safe="") for t in links)


# ---- the independent programs -------------------------------------------------------------------------------


def quoted(info_hash):
    return urllib.parse.quote(bytes.fromhex(info_hash), safe="")


class Tracker:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/announce"
        self.process = None
        self.hashes = []

    def allow(self, *torrents):
        """Debian's opentracker answers for listed torrents only, and reads the list when it starts or on SIGHUP.

        It does so in a thread of its own: whoever announces earlier is refused, and asks again much later.
        """
        self.hashes += [t.info_hash for t in torrents]
        (self.folder / "whitelist").write_text("".join(h + "\n" for h in self.hashes))
        if self.process is None:
            self.up()
        else:
            self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: all(self.serves(h) for h in self.hashes), 30, "opentracker has read its list")

    def up(self):
        self.process = start(
            ["opentracker", "-i", "127.0.0.1", "-p", str(self.port), "-P", str(self.port), "-d", str(self.folder),
             "-w", "whitelist" if os.geteuid() == 0 else str(self.folder / "whitelist")],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers, 30, "opentracker answers")

    def seeds(self, torrent):
        """How many complete peers have announced themselves."""
        found = re.search(rb"8:completei(\d+)e", self.ask(f"scrape?info_hash={quoted(torrent.info_hash)}"))
        return int(found[1]) if found else 0

    def serves(self, info_hash):
        """Asks as a peer that comes and leaves, so that nobody is sent to it."""
        peer = f"{quoted(info_hash)}&peer_id=-XX0000-000000000000&port=1&left=1&uploaded=0&downloaded=0&compact=1"
        said = self.ask(f"announce?info_hash={peer}&event=started")
        self.ask(f"announce?info_hash={peer}&event=stopped")
        return b"failure reason" not in said

    def answers(self):
        """A port that only listens is too early: a SIGHUP would end a tracker that does not wait for it yet."""
        try:
            return self.ask(f"scrape?info_hash={quoted('00' * 20)}")
        except OSError:
            return False

    def ask(self, what):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{what}", timeout=5) as answer:
            return answer.read()

    def down(self):
        if self.process is not None:
            stop(self.process)
            self.process = None


class Transmission:
    """transmission-daemon, seeding what lies in `folder`."""

    def __init__(self, folder, torrents, up_kib_s=0):
        self.config = pathlib.Path(folder)
        self.config.mkdir(parents=True, exist_ok=True)
        self.address = address()
        self.port, self.rpc = free_port(), free_port()
        settings = {
            "bind-address-ipv4": self.address, "peer-port": self.port, "rpc-port": self.rpc, "rpc-bind-address": "127.0.0.1",
            "rpc-whitelist-enabled": False, "dht-enabled": False, "lpd-enabled": False, "pex-enabled": True,
            "utp-enabled": False, "port-forwarding-enabled": False, "download-dir": str(torrents[0].folder),
            "incomplete-dir-enabled": False, "speed-limit-up-enabled": up_kib_s > 0, "speed-limit-up": up_kib_s,
            "upload-slots-per-torrent": 50, "ratio-limit-enabled": False, "idle-seeding-limit-enabled": False}
        (self.config / "settings.json").write_text(json.dumps(settings))
        self.process = start(["transmission-daemon", "-f", "-g", str(self.config)], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        wait_for(lambda: self.remote("-si").returncode == 0, 10, "transmission answers")
        for torrent in torrents:
            self.remote("-a", str(torrent.file), "-w", str(torrent.folder))
        self.torrents = torrents

    def remote(self, *args):
        return subprocess.run(["transmission-remote", f"127.0.0.1:{self.rpc}", *args], capture_output=True, text=True)

    def seeding(self):
        lines = self.remote("-l").stdout.splitlines()[1:-1]
        return len(lines) == len(self.torrents) and all("100%" in line for line in lines)

    def stop(self):
        stop(self.process)


# ---- our engine ------------------------------------------------------------------------------------------------


class Node:
    """The engine as a process; see tests/support/engine_node.h for its language."""

    def __init__(self, root, host=None, prefix=(), **options):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.host = host or address()
        self.lines, self.changed = [], threading.Condition()
        args = [*prefix, str(NODE), "node", f"root={self.root}", f"listen={self.host}:0"]
        self.process = start(args + [f"{k}={v}" for k, v in options.items()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True, bufsize=1)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.port = int(self.wait("OPEN", 15)["port"])

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append((time.monotonic(), line.rstrip("\n")))
                self.changed.notify_all()

    @staticmethod
    def parse(line):
        head, _, text = line.partition(" text=")
        words = head.split()
        event = {"kind": words[0], "id": words[1] if len(words) > 1 and "=" not in words[1] else ""}
        event.update(w.split("=", 1) for w in words if "=" in w)
        event["text"], _, event["cause"] = text.partition(" | ")
        return event

    def events(self, kind, since=0, id=None):
        found = []
        for when, line in self.lines[since:]:
            if line.split(" ", 1)[0] == kind:
                event = self.parse(line)
                event["at"] = when
                if id is None or event["id"] == id:
                    found.append(event)
        return found

    def wait(self, kind, timeout_s, since=0, id=None, where=lambda e: True):
        end = time.monotonic() + timeout_s
        with self.changed:
            while True:
                for event in self.events(kind, since, id):
                    if where(event):
                        return event
                if not self.changed.wait(max(0, end - time.monotonic())):
                    last = "\n".join(line for _, line in self.lines[-8:])
                    raise AssertionError(f"no {kind} of {id} within {timeout_s} s; last:\n{last}")

    def mark(self):
        return len(self.lines)

    def tell(self, command, timeout_s=10):
        mark = self.mark()
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.wait("ANSWER", timeout_s, mark)

    def add(self, id, torrent, *trackers):
        return self.tell(f"add {id} magnet {torrent.magnet(*trackers)}")

    def seed(self, id, torrent):
        """Puts a torrent whose data are already under root/id into the session."""
        shutil.copytree(torrent.folder, self.root / id, dirs_exist_ok=True)
        assert self.tell(f"add {id} file {torrent.file}")["code"] == "ok"
        self.wait("FINISHED", 30, id=id)

    def rss_mib(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0

    def kill(self):
        stop(self.process, signal.SIGKILL)

    def close(self, deadline_ms=5000):
        if self.process.poll() is None:
            self.process.stdin.write(f"close {deadline_ms}\n")
            self.process.stdin.flush()
            self.process.wait(deadline_ms / 1000 + 10)
        stop(self.process)
        return self.process.returncode
