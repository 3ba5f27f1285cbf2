# SPDX-License-Identifier: Apache-2.0
"""A DNS server of one's own, as bad as it is told to be, and programs that ask it.

    with NameServer() as names:
        names.addresses = ["10.0.0.1"]      what every A question is answered with
        names.mode = "good"                 or "silent", "nxdomain", "servfail"
        names.delay_s = 1.5                 each answer comes so late
        names.asked                         the names that were asked for, in order
        words = names.front(folder) + ["program"]    runs it with a resolv.conf of its own; needs root

It listens on port 53 of a loopback address of its own (root only).  One thread; the attributes
may be changed at any time.
"""
import os
import random
import socket
import struct
import subprocess
import threading

PORT = 53
TYPE_A = 1
RCODES = {"good": 0, "servfail": 2, "nxdomain": 3}
SCRIPT = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
TRIES = 20


def has_own_mounts():
    """Only root may have a resolv.conf of its own, and not in a chroot whose root is no mount point."""
    return os.getuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


class NameServer:
    def __init__(self):
        self.mode = "good"
        self.addresses = ["127.0.0.1"]
        self.delay_s = 0.0
        self.asked = []
        self.over = threading.Event()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.host = self._bind()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def _bind(self):
        for _ in range(TRIES):
            host = f"127.{random.randint(64, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
            try:
                self.socket.bind((host, PORT))
                return host
            except OSError as e:
                last = e
        raise last

    def __enter__(self):
        self.socket.settimeout(0.05)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(5)
        self.socket.close()

    def front(self, folder):
        path = os.path.join(folder, "resolv.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"nameserver {self.host}\noptions timeout:2 attempts:1\n")
        return ["unshare", "-m", "sh", "-c", SCRIPT, path]

    def _serve(self):
        while not self.over.is_set():
            try:
                question, who = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            answer = self._answer(question)
            if answer and not self.over.wait(self.delay_s):
                self.socket.sendto(answer, who)

    def _answer(self, question):
        """The bytes of the answer, None for silence."""
        end = question.index(b"\0", 12) + 5
        kind = struct.unpack("!H", question[end - 4:end - 2])[0]
        self.asked.append(name_in(question))
        mode = self.mode
        if mode == "silent":
            return None
        found = self.addresses if mode == "good" and kind == TYPE_A else []
        head = question[:2] + struct.pack("!HHHHH", 0x8180 | RCODES[mode], 1, len(found), 0, 0)
        rows = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", TYPE_A, 1, 0, 4) + socket.inet_aton(a) for a in found)
        return head + question[12:end] + rows


def name_in(question):
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode("ascii", "replace"))
        at += 1 + question[at]
    return ".".join(labels)
