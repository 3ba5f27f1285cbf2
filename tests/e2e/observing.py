# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus and Alertmanager on loopback with the files of deploy/, and the webhook that they call.

The files are taken as they are, but for the addresses and for how long things take: windows of minutes become half a
minute, a `for:` becomes a moment, or each alert would take a quarter of an hour.
"""
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request

from stack.proc import await_child, free_ports
from stack_under_test import eventually

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(ROOT, "deploy")
WINDOW = "30s"


class Webhook:
    """Keeps what it is told of: (alertname, status) in order."""

    def __init__(self):
        self.calls = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.calls += [(self.path, a["labels"]["alertname"], a["status"], a["annotations"]) for a in body["alerts"]]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def heard(self, name, status):
        return [call for call in self.calls if call[1] == name and call[2] == status]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def hasten(text):
    text = re.sub(r"\[(?:5m|15m|1h)\]", f"[{WINDOW}]", text)
    return re.sub(r"(?m)^(\s+for:) .*$", r"\1 0s", text)


class Observers:
    def __init__(self, folder, targets):
        """`targets`: host:port of each job of deploy/prometheus/prometheus.yml."""
        self.folder = str(folder)
        self.hook = Webhook()
        self.port, self.alert_port = free_ports(2), free_ports(2)
        self.children = []
        self.write(targets)
        self.run("prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--enable-feature=exemplar-storage")
        self.run("prometheus-alertmanager", f"--config.file={self.folder}/alertmanager.yml",
                 f"--storage.path={self.folder}/alerts", f"--web.listen-address=127.0.0.1:{self.alert_port}",
                 "--cluster.listen-address=")

    def write(self, targets):
        with open(f"{DEPLOY}/prometheus/prometheus.yml", encoding="utf-8") as f:
            text = f.read()
        for was, now in {**targets, "alertmanager:9093": f"127.0.0.1:{self.alert_port}",
                         "127.0.0.1:9090": f"127.0.0.1:{self.port}"}.items():
            assert was in text, was
            text = text.replace(was, now)
        text = re.sub(r"(scrape_interval|evaluation_interval): 15s", r"\1: 1s", text).replace("timeout: 5s", "timeout: 1s")
        self.put("prometheus.yml", text)
        os.makedirs(f"{self.folder}/rules")
        for name in os.listdir(f"{DEPLOY}/prometheus/rules"):
            with open(f"{DEPLOY}/prometheus/rules/{name}", encoding="utf-8") as f:
                self.put(f"rules/{name}", hasten(f.read()))
        with open(f"{DEPLOY}/alertmanager/alertmanager.yml", encoding="utf-8") as f:
            text = f.read().replace("127.0.0.1:9094", f"127.0.0.1:{self.hook.port}")
        self.put("alertmanager.yml", re.sub(r"(group_wait|group_interval): \w+", r"\1: 1s", text))

    def put(self, name, text):
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, program, *words):
        with open(f"{self.folder}/{program}.log", "ab") as log:
            self.children.append(subprocess.Popen([shutil.which(program), *words], stdout=log, stderr=log,
                                                  cwd=self.folder, start_new_session=True))

    def ask(self, path, **query):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}",
                                    timeout=5) as answer:
            return json.load(answer)["data"]

    def up(self):
        try:
            return {t["labels"]["job"]: t["health"] for t in self.ask("targets")["activeTargets"]}
        except OSError:
            return {}

    def value_of(self, expr):
        """The series of an expression, at this moment."""
        return self.ask("query", query=hasten(expr))["result"]

    def calls(self, name):
        eventually(lambda: self.hook.heard(name, "firing"), 90, f"a call for {name}")

    def resolves(self, name):
        eventually(lambda: self.hook.heard(name, "resolved"), 120, f"the end of {name}")

    def stop(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            await_child(child, 20)
        self.hook.stop()
