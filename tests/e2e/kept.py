# SPDX-License-Identifier: Apache-2.0
"""A stack that the tests of a file share, one after the other: the servers and the API of the fixture `api` run on, and what
a test has left in the database, in the streams and in Redis is gone before the next. For tests that break none of these."""
from stack.nats import NatsError
from stack_under_test import Sokoul

# Of the tables that were not empty before the first test there are copies; what programs say of themselves stays.
COPY = """
CREATE SCHEMA before;
CREATE VIEW before.tables AS SELECT c.oid::regclass::text AS name FROM pg_class c WHERE relnamespace = 'public'::regnamespace
    AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT IN ('workers', 'stream_state');
DO $$
DECLARE
  one text;
  filled boolean;
BEGIN
  FOR one IN SELECT name FROM before.tables LOOP
    EXECUTE format('SELECT EXISTS (TABLE %s)', one) INTO filled;
    IF filled THEN EXECUTE format('CREATE TABLE before.%1$s AS TABLE %1$s', one); END IF;
  END LOOP;
END $$"""
EMPTY = """
SET session_replication_role = replica;
DO $$
DECLARE one text;
BEGIN
  FOR one IN SELECT name FROM before.tables LOOP
    EXECUTE format('DELETE FROM %1$s', one);
    IF to_regclass('before.' || one) IS NOT NULL THEN
      EXECUTE format('INSERT INTO %1$s OVERRIDING SYSTEM VALUE TABLE before.%1$s', one);
    END IF;
  END LOOP;
END $$;
SET session_replication_role = DEFAULT"""


class Kept(Sokoul):
    def __init__(self, *how):
        super().__init__(*how)
        self.own_settings = dict(self.settings)
        self.sql(COPY)
        self.program = None

    def kept_api(self):
        """The port of the API that runs on; another one if a test has ended it."""
        if not self.program or not self.program.running():
            self.program = self.start("sokoul-api")
        return self.program.port

    def stop_all(self):
        """Ends what the test has started; at the end of the file end() ends the rest."""
        kept = [self.program] if self.program and self.program.running() else []
        self.programs = [p for p in self.programs if p not in kept]
        try:
            super().stop_all()
        finally:
            self.programs = kept

    def end(self):
        super().stop_all()

    def empty(self):
        self.settings = dict(self.own_settings)
        self.sql(EMPTY)
        self.redis.command("FLUSHALL")
        with self.nats.connect() as nats:
            for stream in ("JOBS", "DLQ"):
                try:
                    nats.js(f"STREAM.PURGE.{stream}", {})
                except NatsError:
                    continue  # nobody has made it yet
