# SPDX-License-Identifier: Apache-2.0
"""What backup and restore know of an installation: its settings, its sokoulctl, and how they fail.

Settings are found as the programs find them: the environment first, then the file of --env-file (else .env in the working
folder), NAME_FILE for a value that stands in a file.  A Failure is a sentence for people and an exit status, which has the
meaning that docs/CLI.md gives it.
"""
import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

REFUSED, USAGE, UNAVAILABLE, AGAIN, CONFIG = 1, 64, 69, 75, 78
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failure(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def say(text):
    print(text, file=sys.stderr, flush=True)


class Words(argparse.ArgumentParser):
    """The options that both have; what is wrong with a command line ends with the status of the other programs."""

    def __init__(self, doc):
        usage = re.search(r"^usage: (.*)\n\n", doc, re.M)
        super().__init__(usage=usage.group(1), description=doc.replace(usage.group(), ""), allow_abbrev=False,
                         formatter_class=argparse.RawDescriptionHelpFormatter)
        self.add_argument("--env-file", metavar="FILE", help="read settings from FILE; the environment comes first")
        self.add_argument("--programs", metavar="FOLDER", help="where psql, pg_dump and pg_restore are, "
                          "when not the newest fitting of /usr/lib/postgresql/*/bin")
        self.add_argument("--with", metavar="WORDS", dest="prefix", type=shlex.split, default=[],
                          help="words that go before psql, pg_dump and pg_restore, such as "
                          "'docker compose exec -T -e PGPASSWORD sokoul-db'")
        self.add_argument("--sokoulctl", metavar="WORDS", type=shlex.split, help="how sokoulctl is called")

    def error(self, message):
        self.exit(USAGE, f"{self.prog}: {message}; try --help\n")


def run(name, main):
    """Runs main() and ends the process with its status; SIGTERM ends it like Ctrl-C does, so that all is cleaned up."""
    def stop(number, _frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    os.umask(0o077)
    try:
        main()
    except Failure as e:
        say(f"{name}: {e}")
        sys.exit(e.status)
    except OSError as e:
        full = e.errno in (28, 122)
        say(f"{name}: {e.filename or 'the disk'}: {'full: make room, and try again' if full else e.strerror}")
        sys.exit(AGAIN if full else UNAVAILABLE)


# ---- settings -----------------------------------------------------------------------------------------------------------


def read_env_file(path):
    """Its values by name, as common/conf/envfile.h describes such a file."""
    rows = {}
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            text = line.strip().removeprefix("export ").strip()
            if not text or text.startswith("#"):
                continue
            name, equals, value = text.partition("=")
            if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()):
                raise Failure(CONFIG, f"line {number} of {path} is not NAME=value")
            rows[name.strip()] = unquoted(value.strip())
    return rows


def unquoted(value):
    if value[:1] == '"' and value.rfind('"') > 0:
        return re.sub(r"\\(.)", r"\1", value[1:value.rfind('"')])
    if value[:1] == "'" and value.rfind("'") > 0:
        return value[1:value.rfind("'")]
    return re.split(r"\s#", value, maxsplit=1)[0].rstrip()


class Settings:
    def __init__(self, env_file):
        self.path = env_file or (".env" if os.path.exists(".env") else None)
        try:
            self.rows = read_env_file(self.path) if self.path else {}
        except FileNotFoundError:
            raise Failure(CONFIG, f"the file of settings {self.path} is not there") from None

    def get(self, name, default=None):
        for source in (os.environ, self.rows):
            if source.get(name):
                return source[name]
            if source.get(f"{name}_FILE"):
                return value_of_file(name, source[f"{name}_FILE"])
        return default

    def need(self, name):
        value = self.get(name)
        if not value:
            raise Failure(CONFIG, f"{name} is not set: name the file of settings with --env-file, or put it into the "
                          "environment")
        return value

    def text(self):
        """All that the file says, with what stands in other files taken in."""
        rows = {}
        for name, value in self.rows.items():
            plain = name.removesuffix("_FILE")
            rows[plain] = value_of_file(plain, value) if name.endswith("_FILE") and value else value
        return "".join(f"{name}={quoted(value)}\n" for name, value in rows.items())


def quoted(value):
    if re.fullmatch(r"[A-Za-z0-9_./:@%?&=,+~-]*", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def value_of_file(name, path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read().strip()
    except OSError as e:
        raise Failure(CONFIG, f"{name}_FILE: {path}: {e.strerror}") from None


# ---- sokoulctl ----------------------------------------------------------------------------------------------------------


class Sokoulctl:
    """Knows the version and the migrations of the programs that are installed."""

    def __init__(self, words, database_url):
        built = os.path.join(ROOT, "build", "bin", "sokoulctl")
        found = built if os.access(built, os.X_OK) else shutil.which("sokoulctl")
        self.words = words or ([found] if found else None)
        self.environment = {**os.environ, "DATABASE_URL": database_url}

    def ask(self, *words):
        if not self.words:
            raise Failure(UNAVAILABLE, "sokoulctl is not installed: say with --sokoulctl how it is called")
        try:
            done = subprocess.run([*self.words, *words], env=self.environment, capture_output=True, text=True, check=False,
                                  timeout=120)
        except OSError as e:
            raise Failure(UNAVAILABLE, f"{self.words[0]}: {e.strerror}: say with --sokoulctl how sokoulctl is called") from None
        if done.returncode != 0:
            raise Failure(done.returncode, done.stderr.strip() or f"sokoulctl {' '.join(words)} failed")
        return done.stdout

    def version(self):
        """Or None, when it is not here: a backup goes on without it."""
        try:
            return self.ask("--version").split()[-1]
        except Failure:
            return None

    def migrations(self):
        """The versions that it was built with; the database must be there, whatever is in it."""
        return {row["version"] for row in json.loads(self.ask("migrate", "status", "--json")) if row["state"] != "unknown"}
