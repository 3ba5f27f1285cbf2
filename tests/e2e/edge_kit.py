# SPDX-License-Identifier: Apache-2.0
"""A real nginx with the files of deploy/nginx, and this machine's addresses in them."""
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess

from stack.proc import free_ports, spawn, stop_child, wait_for
from stack.servers import program
from stack_under_test import ROOT

FOLDER = os.path.join(ROOT, "deploy", "nginx")


class Edge:
    def __init__(self, folder, ports):
        self.folder = str(folder)
        self.http = free_ports(2)
        self.https = self.http + 1
        subprocess.run([os.path.join(ROOT, "tools", "compose-env"), self.folder], check=True, capture_output=True)
        changes = {"/tmp/": f"{self.folder}/",
                   "listen 8080": f"listen 127.0.0.1:{self.http}", "listen 8443": f"listen 127.0.0.1:{self.https}",
                   "/run/secrets/": f"{self.folder}/.secrets/",
                   "/dev/stdout": f"{self.folder}/access.log", "/dev/stderr": f"{self.folder}/error.log",
                   "worker_processes auto": "worker_processes 1"}
        self.put("nginx.conf", changes)
        self.put("upstream.conf", {"sokoul-api:3000": f"127.0.0.1:{ports[0]}", "sokoul-api-2:3000": f"127.0.0.1:{ports[1]}"})
        shutil.copy(os.path.join(FOLDER, "proxy.conf"), self.folder)
        self.words = [program("nginx"), "-e", f"{self.folder}/error.log", "-c", f"{self.folder}/nginx.conf"]
        self.context = ssl.create_default_context(cafile=f"{self.folder}/.secrets/tls_certificate")
        self.child = None

    def put(self, name, changes):
        with open(os.path.join(FOLDER, name), encoding="utf-8") as f:
            text = f.read()
        for old, new in changes.items():
            assert old in text, f"deploy/nginx/{name} has no {old}"
            text = text.replace(old, new)
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    def start(self):
        self.child = spawn([*self.words, "-g", "daemon off;"], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        assert wait_for(lambda: self.child.poll() is None and self.ask("GET", "/readyz")[0] == 200, 15), self.errors()
        return self

    def stop(self):
        if self.child:
            stop_child(self.child, 10)

    def errors(self):
        with open(f"{self.folder}/error.log", encoding="utf-8") as f:
            return f.read()

    def access(self):
        with open(f"{self.folder}/access.log", encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, text); (0, {}, why) without an answer."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.https, timeout=20, context=self.context)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        except OSError as e:
            return 0, {}, str(e)
        finally:
            connection.close()

    def says(self, data):
        """The first line that comes back for these very bytes."""
        with socket.create_connection(("127.0.0.1", self.https), 10) as plain, \
                self.context.wrap_socket(plain, server_hostname="127.0.0.1") as s:
            s.sendall(data)
            return s.recv(4096).split(b"\r\n")[0].decode()
