# SPDX-License-Identifier: Apache-2.0
"""The very statements that the programs run, read back from the database's log, as scripts for pgbench."""
import os
import re


class Statements:
    """Makes Postgres log each statement of this scene's database; programs must be started after it."""

    def __init__(self, scene):
        self.path = os.path.join(scene.servers.folder, "postgres.log")
        self.start = os.path.getsize(self.path)
        for setting in ("log_min_duration_statement = 0", "log_error_verbosity = 'default'"):  # what was given is in the details
            scene.servers.postgres.sql(f"ALTER DATABASE {scene.database} SET {setting}")

    def find(self, name):
        """(text, {number: value or None}) of the latest run of a prepared statement."""
        with open(self.path, encoding="utf-8", errors="replace") as f:
            f.seek(self.start)
            log = f.read()
        runs = re.findall(rf"execute {name}: (.*?)\n(?:[^\n]*DETAIL:  parameters: (.*?)\n)?(?=\d{{4}}-)", log + "0000-", re.S)
        if not runs:
            return None
        text, given = runs[-1]
        values = {int(n): None if v == "NULL" else v[1:-1] for n, v in
                  re.findall(r"\$(\d+) = (NULL|'(?:[^']|'')*')", given or "")}
        return text, values


def pgbench_script(statement, replace=None):
    """The statement with its parameters written in; `replace` {number: SQL} for those that must vary."""
    text, values = statement

    def put(found):
        number = int(found[1])
        if replace and number in replace:
            return replace[number]
        value = values.get(number)
        return "NULL" if value is None else f"'{value}'"

    return re.sub(r"\$(\d+)", put, text) + ";\n"
