# SPDX-License-Identifier: Apache-2.0
"""A fake mail server on a real socket (a subset of RFC 5321), with faults that a test sets.

    smtp.url                              "smtp://127.0.0.1:40001"
    smtp.mails                            what was taken: Mail(at, sender, recipients, raw, message)
    smtp.fail("reply", code=451, at="RCPT", times=1)   says that, at HELO (the greeting), MAIL, RCPT, DATA or END
    smtp.fail("silence", at="DATA")       takes the command and never answers
    smtp.fail("cut", at="END")            closes the connection there
    smtp.heal()

A mail counts as taken when its end was answered with 250.  `message` is the raw mail read by Python's own
parser.  smtp.seen lists the commands that came.
"""
import email
import email.policy
import socketserver
import threading
import time
from collections import namedtuple

Mail = namedtuple("Mail", "at sender recipients raw message")
MAX_LINE = 1000  # RFC 5321, 4.5.3.1.6
STEPS = ("HELO", "MAIL", "RCPT", "DATA", "END")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


class Session(socketserver.StreamRequestHandler):
    timeout = 60

    def handle(self):
        self.fake = self.server.fake
        self.sender, self.recipients = None, []
        try:
            if self.step("HELO", "220 fake ESMTP"):
                while self.command():
                    pass
        except (OSError, ValueError):
            pass  # a client that went away is nothing to tell

    def say(self, text):
        self.wfile.write(text.encode("ascii") + b"\r\n")

    def step(self, name, good):
        """Answers well, or as a fault wants. False: the connection is over; None: refused."""
        fault = self.fake.fault_at(name)
        if fault is None:
            self.say(good)
            return True
        kind, code = fault
        if kind == "silence":
            self.fake.ended.wait(600)
        if kind != "reply":
            return False
        self.say(f"{code} no, said the fake")
        return None

    def line(self):
        line = self.rfile.readline(MAX_LINE + 1)
        if not line.endswith(b"\r\n"):
            raise ValueError("a line without its end, or too long")
        return line

    def command(self):
        line = self.line().decode("ascii").rstrip("\r\n")
        word = line.split(" ")[0].upper()
        with self.fake.lock:
            self.fake.seen.append(line)
        handler = getattr(self, f"on_{word.lower()}", None)
        if handler is None:
            self.say("502 not known")
            return True
        return handler(line) is not False

    def on_ehlo(self, _line):
        self.say("250-fake")
        self.say("250 8BITMIME")

    def on_helo(self, _line):
        self.say("250 fake")

    def on_noop(self, _line):
        self.say("250 ok")

    def on_rset(self, _line):
        self.sender, self.recipients = None, []
        self.say("250 ok")

    def on_quit(self, _line):
        self.say("221 bye")
        return False

    def on_mail(self, line):
        self.sender = line.split("<", 1)[1].split(">", 1)[0]
        return self.step("MAIL", "250 ok")

    def on_rcpt(self, line):
        address = line.split("<", 1)[1].split(">", 1)[0]
        done = self.step("RCPT", "250 ok")
        if done:
            self.recipients.append(address)
        return done

    def on_data(self, _line):
        done = self.step("DATA", "354 go on")
        return self.read_mail() if done else done

    def read_mail(self):
        lines = []
        while (line := self.line()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        raw = b"".join(lines)
        done = self.step("END", "250 taken")
        if done:
            self.fake.take(Mail(time.monotonic(), self.sender, list(self.recipients), raw,
                                email.message_from_bytes(raw, policy=email.policy.default)))
        return done


class FakeSmtp:
    def __init__(self):
        self.lock = threading.Lock()  # guards faults, mails and seen
        self.faults = []
        self.mails = []
        self.seen = []
        self.ended = threading.Event()
        self.server = Server(("127.0.0.1", 0), Session)
        self.server.fake = self
        self.url = f"smtp://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def fail(self, kind, at="END", code=451, times=None):
        if kind not in ("reply", "silence", "cut") or at not in STEPS:
            raise ValueError(f"no fault is called {kind} at {at}")
        with self.lock:
            self.faults.append([kind, at, code, times])

    def heal(self):
        with self.lock:
            self.faults.clear()

    def fault_at(self, step):
        with self.lock:
            for fault in self.faults:
                if fault[1] == step and fault[3] != 0:
                    if fault[3]:
                        fault[3] -= 1
                    return fault[0], fault[2]
        return None

    def take(self, mail):
        with self.lock:
            self.mails.append(mail)

    def count(self, word):
        """How many commands began with that word."""
        with self.lock:
            return sum(line.upper().startswith(word) for line in self.seen)
