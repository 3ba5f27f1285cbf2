# SPDX-License-Identifier: Apache-2.0
"""BitTorrent programs of others as seeders on loopback, a class each.

    seeder = Aria2(folder)                      its command, its port, its settings
    seeder.start()                              waits until it answers
    seeder.add(torrent)                         None, or a sentence: why it cannot have it
    seeder.seeds(torrent)                       whether it has checked the content and gives it away
    seeder.peer                                 (address, port)
    seeder.stop()                               by its process id

Each has an address of its own, looks for nobody, and tells nobody of others: the bench's tracker alone brings peers
together.
"""
import base64
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import uuid

import swarm_kit as kit

READY_S = 30
HERE = os.path.dirname(os.path.abspath(__file__))


def post(port, path, body, headers=None):
    """(status, headers, text)"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


class Seeder:
    name = "?"
    versions = ("v1",)  # the swarms that it joins; a hybrid torrent has two

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        self.peer = (kit.address(), kit.free_port())
        self.rpc = kit.free_port()
        self.process = None

    @classmethod
    def missing(cls):
        """A sentence when it is not on this machine."""
        return None

    def run(self, args, **how):
        with open(self.folder / "log", "ab") as log:
            self.process = kit.start([str(a) for a in args], stderr=log, cwd=self.folder, **{"stdout": log, **how})

    def start(self):
        self.launch()
        kit.wait_for(self.is_up, READY_S, f"{self.name} answers")

    def is_up(self):
        try:
            return self.answers()
        except (OSError, http.client.HTTPException, ValueError):
            return False

    def greets(self, torrent):
        """Whether a peer that comes for the torrent gets a handshake."""
        info_hash = bytes.fromhex((torrent.v1 or torrent.v2)[:40])
        try:
            with socket.create_connection(self.peer, 2, (kit.address(), 0)) as peer:
                peer.sendall(b"\x13BitTorrent protocol" + bytes(8) + info_hash + b"-XX0001-who-is-there")
                return peer.recv(1) == b"\x13"
        except OSError:
            return False

    def stop(self):
        if self.process is not None:
            kit.stop(self.process)


class Transmission3(Seeder):
    name = "Transmission 3.00"

    @classmethod
    def command(cls):
        return ["transmission-daemon"]

    @classmethod
    def missing(cls):
        return None if shutil.which("transmission-daemon") else "transmission-daemon is not here"

    def launch(self):
        settings = {
            "bind-address-ipv4": self.peer[0], "peer-port": self.peer[1], "rpc-port": self.rpc, "rpc-enabled": True,
            "rpc-bind-address": "127.0.0.1", "rpc-whitelist-enabled": False, "dht-enabled": False, "lpd-enabled": False,
            "pex-enabled": False, "utp-enabled": False, "port-forwarding-enabled": False, "upload-slots-per-torrent": 50,
            "incomplete-dir-enabled": False, "ratio-limit-enabled": False, "idle-seeding-limit-enabled": False}
        (self.folder / "settings.json").write_text(json.dumps(settings))
        self.session = ""
        self.run([*self.command(), "-f", "-g", self.folder])

    def ask(self, method, **arguments):
        """(result, arguments); the first answer only names the session."""
        for _ in range(2):
            status, headers, text = post(self.rpc, "/transmission/rpc", json.dumps({"method": method, "arguments": arguments}),
                                         {"X-Transmission-Session-Id": self.session})
            if status != 409:
                break
            self.session = headers["X-Transmission-Session-Id"]
        answer = json.loads(text)
        return answer["result"], answer.get("arguments", {})

    def answers(self):
        return self.ask("session-get")[0] == "success"

    def add(self, torrent):
        result, _ = self.ask("torrent-add", filename=str(torrent.file), **{"download-dir": str(torrent.folder)})
        return None if result == "success" else result

    def seeds(self, torrent):
        _, found = self.ask("torrent-get", fields=["name", "percentDone", "status"])
        return any(t["name"] == torrent.name and t["percentDone"] == 1 and t["status"] == 6 for t in found["torrents"])


class Transmission4(Transmission3):
    """Debian 13's, from a root of that release: with its own loader and libraries it runs on any."""
    name = "Transmission 4"

    @classmethod
    def root(cls):
        return os.environ.get("DEBIAN13_ROOT", "")

    @classmethod
    def command(cls):
        root = cls.root()
        return [f"{root}/lib64/ld-linux-x86-64.so.2", "--library-path", f"{root}/usr/lib/x86_64-linux-gnu",
                f"{root}/usr/bin/transmission-daemon"]

    @classmethod
    def missing(cls):
        if not cls.root():
            return "DEBIAN13_ROOT names no root of Debian 13"
        return None if os.path.exists(cls.command()[-1]) else f"{cls.command()[-1]} is not there"


class Aria2(Seeder):
    name = "aria2"

    @classmethod
    def missing(cls):
        return None if shutil.which("aria2c") else "aria2c is not here"

    def launch(self):
        self.ids = {}
        self.run(["aria2c", "--no-conf", "--enable-rpc", f"--rpc-listen-port={self.rpc}", "--enable-dht=false",
                  "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false", "--seed-ratio=0.0",
                  "--check-integrity=true", "--file-allocation=none", "--max-concurrent-downloads=200",
                  f"--interface={self.peer[0]}", f"--listen-port={self.peer[1]}", "--bt-max-peers=0"])

    def ask(self, method, *params):
        text = post(self.rpc, "/jsonrpc", json.dumps({"jsonrpc": "2.0", "id": "1", "method": f"aria2.{method}",
                                                      "params": params}))[2]
        return json.loads(text)

    def answers(self):
        return "result" in self.ask("getVersion")

    def add(self, torrent):
        answer = self.ask("addTorrent", base64.b64encode(torrent.file.read_bytes()).decode(), [], {"dir": str(torrent.folder)})
        if "error" in answer:
            return answer["error"]["message"]
        self.ids[torrent.name] = answer["result"]
        info_hash = self.ask("tellStatus", answer["result"], ["infoHash"])["result"]["infoHash"]
        return None if info_hash == torrent.v1 else "it gives the torrent an info hash of its own"

    def seeds(self, torrent):
        told = self.ask("tellStatus", self.ids[torrent.name], ["status", "seeder", "completedLength", "totalLength"])["result"]
        return told.get("seeder") == "true" and told["status"] == "active"


class QBittorrent(Seeder):
    name = "qBittorrent"
    versions = ("v1", "v2")
    CONF = """[LegalNotice]
Accepted=true
[Preferences]
WebUI\\LocalHostAuth=false
WebUI\\Address=127.0.0.1
WebUI\\Port={rpc}
[BitTorrent]
Session\\Port={port}
Session\\InterfaceAddress={address}
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\QueueingSystemEnabled=false
"""

    @classmethod
    def missing(cls):
        return None if shutil.which("qbittorrent-nox") else "qbittorrent-nox is not here"

    def launch(self):
        conf = self.folder / "qBittorrent" / "config" / "qBittorrent.conf"
        conf.parent.mkdir(parents=True)
        conf.write_text(self.CONF.format(rpc=self.rpc, port=self.peer[1], address=self.peer[0]))
        self.run(["qbittorrent-nox", f"--profile={self.folder}"], env={**os.environ, "HOME": str(self.folder)})

    def answers(self):
        return post(self.rpc, "/api/v2/app/version", "")[0] == 200

    def add(self, torrent):
        edge = uuid.uuid4().hex
        fields = f'--{edge}\r\nContent-Disposition: form-data; name="savepath"\r\n\r\n{torrent.folder}\r\n'
        file = (f'--{edge}\r\nContent-Disposition: form-data; name="torrents"; filename="a.torrent"\r\n'
                "Content-Type: application/x-bittorrent\r\n\r\n")
        body = fields.encode() + file.encode() + torrent.file.read_bytes() + f"\r\n--{edge}--\r\n".encode()
        status, _, text = post(self.rpc, "/api/v2/torrents/add", body, {"Content-Type": f"multipart/form-data; boundary={edge}"})
        return None if (status, text) == (200, "Ok.") else f"qBittorrent answers {status} {text}"

    def seeds(self, torrent):
        found = json.loads(post(self.rpc, "/api/v2/torrents/info", "")[2])
        told = any(t["name"] == torrent.name and t["state"] in ("uploading", "stalledUP", "forcedUP") for t in found)
        return told and self.greets(torrent)  # it tells it some seconds before it lets peers in


class Child(Seeder):
    """A library in a Python of its own: takes "name<TAB>folder<TAB>.torrent" a line, says "seeds NAME" or "cannot NAME WHY"."""
    script = "?"

    @classmethod
    def python(cls):
        return sys.executable

    def launch(self):
        self.told = self.folder / "told"
        with open(self.told, "wb") as told:
            self.run([self.python(), os.path.join(HERE, self.script), self.peer[0], self.peer[1], self.folder],
                     stdin=subprocess.PIPE, stdout=told)

    def lines(self):
        return self.told.read_text().splitlines()

    def answers(self):
        return "ready" in self.lines()

    def add(self, torrent):
        self.process.stdin.write(f"{torrent.name}\t{torrent.folder}\t{torrent.file}\n".encode())
        self.process.stdin.flush()
        said = kit.wait_for(lambda: [line for line in self.lines() if line.split()[1:2] == [torrent.name]], 20,
                            f"{self.name} takes {torrent.name}")[0]
        return said.split(None, 2)[2] if said.startswith("cannot") else None

    def seeds(self, torrent):
        return f"seeds {torrent.name}" in self.lines()


class Plain(Child):
    name = "libtorrent"
    versions = ("v1", "v2")
    script = "seed_libtorrent.py"


class Rqbit(Child):
    """librqbit through pyrqbit, in the Python that has it."""
    name = "rqbit"
    script = "seed_rqbit.py"

    @classmethod
    def python(cls):
        return os.environ.get("RQBIT_PYTHON", sys.executable)

    @classmethod
    def missing(cls):
        done = subprocess.run([cls.python(), "-c", "import pyrqbit"], capture_output=True, check=False, timeout=30)
        return "RQBIT_PYTHON names no Python with pyrqbit" if done.returncode else None


ALL = (Transmission3, Transmission4, Aria2, QBittorrent, Rqbit, Plain)
