# SPDX-License-Identifier: Apache-2.0
"""The settings file of `make run`: STATE_DIR/sokoul.env, mode 0600, NAME=value lines.

What this program generates (addresses, secrets) is written anew at each start, with the
secrets of the file that is there; every other line that a person has added stays.  A setting
in PASSED that stands in the environment is taken over into the file.
"""
import os
import re
import secrets
from urllib.parse import unquote, urlsplit

from stack.proc import StackError
from stack.servers import write_private

OWN = ("DATABASE_URL", "REDIS_URL", "NATS_URL", "API_LISTEN")  # never taken from the environment
PASSED = ("JWT_SECRET", "JWT_SECRET_PREVIOUS", "DOWNLOAD_DIR", "TMDB_API_KEY", "TMDB_BASE_URL", "PROWLARR_URL",
          "PROWLARR_API_KEY", "PROWLARR_REDIRECT_HOSTS", "TELEGRAM_BOT_TOKEN", "TELEGRAM_API_URL", "SMTP_URL", "OLLAMA_URL", "LOG_LEVEL",
          "TORRENT_LISTEN", "TORRENT_ALLOW_PRIVATE", "TORRENT_DHT", "RATE_LIMIT_ALLOW")
SECRET_BYTES = 32
DEMO = "demo-"  # keys that begin so are the demo provider's


class SettingError(StackError):
    """A setting that a person has to mend."""


def read(path):
    """The file's values by name; {} when there is none."""
    try:
        with open(path, encoding="utf-8") as f:
            lines = f.read().splitlines()
    except FileNotFoundError:
        return {}
    rows = {}
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()):
            raise SettingError(f"line {number} of {path} is not NAME=value: correct it, or remove the file")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        rows[name.strip()] = value
    return rows


def password_in(url):
    """The password of a URL, or a new one."""
    found = unquote(urlsplit(url).password or "") if url else ""
    return found or secrets.token_urlsafe(24)


def write(path, rows):
    head = "# Written by `make run`, which keeps lines that you add. Secrets: do not share this file.\n"
    write_private(path, head + "".join(f"{name}={quoted(value)}\n" for name, value in rows.items()))


def quoted(value):
    if re.fullmatch(r"[A-Za-z0-9_./:@%?&=,+~-]*", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def torrent_listen(old):
    """What an earlier start chose, which goes with its PORT_BASE; anything else is a person's."""
    port = old.get("API_LISTEN", "").rpartition(":")[2]
    return f"0.0.0.0:{int(port) + 8}" if port.isdigit() else None


def choose(old, environment, state_dir, base):
    """(rows of the new file without the servers' URLs, whether the demo provider is wanted for TMDB, Prowlarr)."""
    rows = {name: value for name, value in old.items() if name not in OWN}
    rows.update({name: environment[name] for name in PASSED if environment.get(name)})
    demo_port = base + 7
    demo_url = f"http://127.0.0.1:{demo_port}"
    for key_name, url_name in (("TMDB_API_KEY", "TMDB_BASE_URL"), ("PROWLARR_API_KEY", "PROWLARR_URL")):
        if rows.get(key_name, "").startswith(DEMO):  # from an earlier start: chosen anew below
            del rows[key_name]
            if not environment.get(url_name):
                rows.pop(url_name, None)
    demo_tmdb = not rows.get("TMDB_API_KEY")
    demo_prowlarr = demo_tmdb and not rows.get("PROWLARR_URL")
    key = DEMO + secrets.token_hex(12)
    if demo_tmdb:
        rows.update(TMDB_API_KEY=key, TMDB_BASE_URL=demo_url)
    if demo_prowlarr:
        rows.update(PROWLARR_API_KEY=key, PROWLARR_URL=demo_url)
    size = len(rows.get("JWT_SECRET", "").encode())
    if 0 < size < SECRET_BYTES:
        raise SettingError(f"JWT_SECRET has {size} bytes, and needs at least {SECRET_BYTES}: mend it, or take the line "
                           f"out of {os.path.join(state_dir, 'sokoul.env')} for a new one")
    if size == 0:
        rows["JWT_SECRET"] = secrets.token_urlsafe(48)
    rows.setdefault("DOWNLOAD_DIR", os.path.join(state_dir, "downloads"))
    if not environment.get("TORRENT_LISTEN") and rows.get("TORRENT_LISTEN") in (None, "", torrent_listen(old)):
        rows["TORRENT_LISTEN"] = f"0.0.0.0:{base + 8}"
    return rows, demo_tmdb, demo_prowlarr
