# SPDX-License-Identifier: Apache-2.0
"""What the programs link, and the servers that they are tried with: one table for licences, bill of materials and audit.

Everything comes from Debian.  A release has one version of each, so the release and its updates are what pins them; which
version a build had stands in its bill of materials.
"""
import os
import re
import subprocess
from collections import namedtuple

ALLOWED = {"Apache-2.0", "BSD-3-Clause", "CC0-1.0", "LGPL-2.1-or-later", "MIT", "MPL-2.0", "PostgreSQL", "Zlib", "curl"}

Library = namedtuple("Library", "package licence header")
# The source package, its version, and that of the package itself.
Installed = namedtuple("Installed", "source version binary")

# By the name in the Makefile: pkg-config's, or that after -l.
LINKED = {
    "libmicrohttpd": Library("libmicrohttpd-dev", "LGPL-2.1-or-later", "microhttpd.h"),
    "libpq": Library("libpq-dev", "PostgreSQL", "libpq-fe.h"),
    "hiredis": Library("libhiredis-dev", "BSD-3-Clause", "hiredis/"),
    "libnats": Library("libnats-dev", "Apache-2.0", "nats/"),
    "libcjson": Library("libcjson-dev", "MIT", "cjson/"),
    "libjwt": Library("libjwt-dev", "MPL-2.0", "jwt.h"),
    "libargon2": Library("libargon2-dev", "CC0-1.0", "argon2.h"),
    "zxcvbn": Library("libzxcvbn-dev", "MIT", "zxcvbn.h"),
    "libcurl": Library("libcurl4-openssl-dev", "curl", "curl/"),
    "libcrypto": Library("libssl-dev", "Apache-2.0", "openssl/"),
    "ssl": Library("libssl-dev", "Apache-2.0", "libtorrent/"),  # libtorrent's own headers call it
    "zlib": Library("zlib1g-dev", "Zlib", "zlib.h"),
    "libtorrent-rasterbar": Library("libtorrent-rasterbar-dev", "BSD-3-Clause", "libtorrent/"),
}
SERVERS = ("postgresql-[0-9][0-9]", "nats-server", "redis-server")  # as dpkg takes them


def in_makefile():
    """The names of all that the Makefile of this folder links."""
    with open("Makefile", encoding="utf-8") as file:
        text = file.read()
    names = re.search(r"^LIBS_C := (.*)$", text, re.M).group(1).split() + re.findall(r"--libs ([a-z][a-z-]+) ", text)
    plain = re.findall(r"^(?:PKG_LIBS|LT_LIBS) .*$", text, re.M)
    return set(names) | {word for line in plain for word in re.findall(r" -l(\w+)", line)} - {"crypto"}


def wrong():
    """A sentence for each library that is in no table, or has a licence that is not allowed."""
    return [f"{name} is linked, and not in the table of tools/stack/dependencies.py" for name in sorted(in_makefile() - set(LINKED))] + [
        f"{name}: the licence {of.licence} is not allowed" for name, of in LINKED.items() if of.licence not in ALLOWED]


def unused():
    """Libraries of which no source includes anything."""
    found = set()
    for room in ("api", "cli", "common", "workers"):
        for folder, _, names in os.walk(room):
            for name in names:
                if name.endswith((".c", ".cpp", ".h")):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        found.update(re.findall(r"^#include <([^>]+)>", file.read(), re.M))
    return [name for name, of in LINKED.items() if not any(header.startswith(of.header) for header in found)]


def installed(packages):
    """Those of the packages that are installed, by their names."""
    form = "${db:Status-Status}\t${Package}\t${source:Package}\t${source:Version}\t${Version}\n"
    done = subprocess.run(["dpkg-query", "-W", "-f", form, *packages], capture_output=True, text=True, check=False)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {row[1]: Installed(*row[2:]) for row in rows if row[0] == "installed"}
