# SPDX-License-Identifier: Apache-2.0
"""A database through Postgres's own programs: psql, pg_dump, pg_restore.

They may run elsewhere (--with), so archives go through their standard input and output, and of the environment only
PGPASSWORD matters.  No command line has a password.
"""
import glob
import json
import os
import re
import subprocess
import tempfile
from urllib.parse import parse_qsl, unquote, urlencode

from installation import AGAIN, CONFIG, REFUSED, UNAVAILABLE, Failure

DONE = "-- done --"

# What `sokoulctl migrate up` holds while it works (common/store/migrate.c).  Without it a migration would wait for tables that
# a backup reads, and everybody else behind it.
NO_MIGRATION = "SET lock_timeout = '60s'; SELECT pg_advisory_lock_shared(7361637215) IS NULL AS it \\gset\n"

# Tables that hold rows, and do not belong to an extension.
TABLES = """FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE c.relkind = 'r'
  AND s.nspname !~ '^pg_' AND s.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"""

COUNTABLE = f"SELECT coalesce(json_agg(format('%I.%I', s.nspname, c.relname) ORDER BY 1), '[]') {TABLES}"

FACTS = f"""SELECT json_build_object(
  'snapshot', pg_export_snapshot(), 'server', current_setting('server_version'),
  'taken_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'migrations', (SELECT json_agg(version::text ORDER BY version) FROM schema_migrations),
  'schemas', (SELECT json_agg(DISTINCT s.nspname) {TABLES}),
  'roles', (SELECT coalesce(json_agg(DISTINCT r.rolname), '[]') FROM pg_roles r JOIN (
      SELECT relacl FROM pg_class WHERE oid >= 16384 UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid >= 16384
      UNION ALL SELECT proacl FROM pg_proc WHERE oid >= 16384 UNION ALL SELECT defaclacl FROM pg_default_acl
    ) given (acl) ON true JOIN LATERAL aclexplode(given.acl) a ON a.grantee = r.oid))"""

PLACE = f"""SELECT json_build_object('server', current_setting('server_version'),
  'roles', (SELECT json_agg(rolname) FROM pg_roles),
  'schemas', (SELECT json_agg(nspname) FROM pg_namespace),
  'here', (SELECT coalesce(json_agg(format('%I.%I', s.nspname, c.relname) ORDER BY 1), '[]') {TABLES}),
  'busy', (SELECT coalesce(json_agg(DISTINCT application_name), '[]') FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'sokoul%'))"""

ABSENT = """SELECT coalesce(json_agg(DISTINCT torrent_id::text), '[]') FROM downloads
  WHERE status = 'Completed' AND torrent_id IS NOT NULL"""


def major(version):
    return int(re.match(r"\d+", version).group())


def without_password(url):
    """(the URL without its password, the password or None)"""
    if not url.startswith(("postgresql://", "postgres://")):
        raise Failure(CONFIG, "DATABASE_URL is no postgresql:// URL")
    scheme, rest = url.split("://", 1)
    place, mark, query = rest.partition("?")
    authority, slash, path = place.partition("/")
    user, at, hosts = authority.rpartition("@")
    name, _, secret = user.partition(":")
    asked = parse_qsl(query, keep_blank_values=True)
    secret = unquote(secret) or next((value for key, value in asked if key == "password"), None)
    query = urlencode([(key, value) for key, value in asked if key != "password"])
    return f"{scheme}://{name}{at}{hosts}{slash}{path}{mark and query and '?' + query}", secret


def last_line(text):
    lines = [line for line in text.strip().splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"error|fatal", line, re.I)]
    return (errors or lines or ["it ended without a word"])[0]


class Database:
    """`url` goes on command lines, `environment` to the programs."""

    def __init__(self, url, prefix, programs):
        self.url, password = without_password(url)
        self.prefix = prefix
        self.environment = {**os.environ, "PGCONNECT_TIMEOUT": "10"}
        if password:
            self.environment["PGPASSWORD"] = password
        self.folders = [programs] if programs else sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=self._number)
        if prefix or not self.folders:
            self.folders = [None]  # whatever the path leads to

    @staticmethod
    def _number(folder):
        found = re.search(r"/(\d+)/bin$", folder)
        return int(found.group(1)) if found else 0

    def words(self, name, folder=None):
        return [*self.prefix, os.path.join(folder, name) if folder else name]

    def version(self, name, folder):
        try:
            done = subprocess.run([*self.words(name, folder), "--version"], env=self.environment, capture_output=True,
                                  text=True, check=False, timeout=60)
            return re.search(r"(\d+)[.\d]*", done.stdout).group()
        except (OSError, AttributeError):
            return None

    def choose(self, name, least, best):
        """(words, version) of the program: that of `best`, a major version, else the next above; none below `least`."""
        there = [(self.version(name, folder), folder) for folder in self.folders]
        there = [(version, folder) for version, folder in there if version]
        if not there:
            raise Failure(UNAVAILABLE, f"{name} is not installed: install postgresql-client, or say with --with where it is")
        fit = [(major(v) != best, major(v), v, folder) for v, folder in there if major(v) >= least]
        if not fit:
            raise Failure(UNAVAILABLE, f"{name} here is of PostgreSQL {there[-1][0]}, and {least} or newer is needed: install "
                          f"postgresql-client-{least}, or run it beside the server (--with 'docker compose exec -T -e PGPASSWORD "
                          "sokoul-db')")
        _, _, version, folder = min(fit)
        return self.words(name, folder), version

    # ---- psql ---------------------------------------------------------------------------------------------------------

    def psql(self):
        return [*self.words("psql", self.folders[-1]), "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-d", self.url]

    def ask(self, statement):
        """The JSON that one statement answers."""
        with Session(self) as session:
            return session.ask(statement)

    def counts(self, session=None):
        """Rows of each table, by name."""
        if session is None:
            with Session(self) as own:
                return self.counts(own)
        tables = session.ask(COUNTABLE)
        each = " UNION ALL ".join("SELECT '{}' AS t, count(*) AS n FROM {}".format(t.replace("'", "''"), t) for t in tables)
        return session.ask(f"SELECT json_object_agg(t, n ORDER BY t) FROM ({each}) c") if tables else {}

    # ---- archives -----------------------------------------------------------------------------------------------------

    def pipe(self, words, status, **files):
        """Runs a program to its end."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
            with subprocess.Popen(words, env=self.environment, stderr=complaints, **files) as child:
                try:
                    code = child.wait()
                except BaseException:
                    child.terminate()
                    raise
            complaints.seek(0)
            if code != 0:
                raise Failure(status, last_line(complaints.read()))


class Session:
    """One connection of psql, in one transaction that only reads and sees one snapshot; `first` goes before it."""

    def __init__(self, database, first=""):
        self.complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        try:
            self.child = subprocess.Popen(database.psql(), env=database.environment, stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, stderr=self.complaints, text=True, encoding="utf-8")
        except OSError as e:
            raise Failure(UNAVAILABLE, f"psql: {e.strerror}: install postgresql-client, or say with --with where it is") from None
        self._send("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;\n"
                   f"{first}BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n")

    def _send(self, text):
        try:
            self.child.stdin.write(text)
            self.child.stdin.flush()
        except BrokenPipeError:
            pass  # what it complained of is read with its answer

    def ask(self, statement):
        self._send(f"{statement};\n\\echo '{DONE}'\n")
        lines = []
        for line in self.child.stdout:
            if line.strip() == DONE:
                return json.loads("".join(lines))
            lines.append(line)
        raise self.failure()

    def failure(self):
        self.child.wait()
        self.complaints.seek(0)
        text = last_line(self.complaints.read())
        if "schema_migrations" in text:
            return Failure(REFUSED, "the database has no tables of Sokoul: is DATABASE_URL the right one?")
        if "lock timeout" in text:
            return Failure(AGAIN, "sokoulctl migrate up is at work in the database: try again when it is done")
        if re.search(r'database ".*" does not exist', text):
            return Failure(UNAVAILABLE, f"{text}: make it first, empty (createdb --owner=ROLE NAME)")
        return Failure(UNAVAILABLE, f"Postgres: {text}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.child.stdin.close()
        except BrokenPipeError:
            pass
        self.child.stdout.close()
        self.child.terminate()
        self.child.wait()
        self.complaints.close()
