-- SPDX-License-Identifier: Apache-2.0
-- One table for all that goes out: a row wakes one job, or up to 64 that were accepted together, or it is a message
-- with a body. `crowds` goes into it.  A row that was claimed or confirmed in part keeps the jobs that still wait.
--
-- Programs of version 0.1.0, and statements of workers that others wrote, find `outbox` and `crowds` as views: what
-- they prepared is analysed again, since the names mean something else now.  The views go a release later.
LOCK TABLE outbox, crowds IN ACCESS EXCLUSIVE MODE;

ALTER TABLE outbox RENAME TO outgoing;
ALTER TABLE outgoing
    ADD COLUMN part    integer NOT NULL DEFAULT 0, -- 0: one job, or a message; else several, which may share an id
    ADD COLUMN job_ids uuid[];                     -- NULL: a message
UPDATE outgoing SET job_ids = ARRAY[job_id] WHERE job_id IS NOT NULL;
ALTER TABLE outgoing DROP CONSTRAINT outbox_pkey;
DROP INDEX outbox_run_at;
DROP INDEX outbox_high;
INSERT INTO outgoing (id, part, job_ids, epoch, subject, run_at)
    SELECT wake, part + 1, job_ids, 1, subject, run_at FROM crowds;
DROP TABLE crowds;
ALTER TABLE outgoing DROP COLUMN job_id;
ALTER TABLE outgoing
    ADD PRIMARY KEY (id, part),
    ADD CHECK (part = 0 OR (cardinality(job_ids) > 0 AND body IS NULL)),
    SET (autovacuum_vacuum_threshold = 1000);
CREATE INDEX outgoing_single ON outgoing (run_at, id) WHERE part = 0;
CREATE INDEX outgoing_shared ON outgoing (run_at, id, part) WHERE part > 0;
CREATE INDEX outgoing_high ON outgoing (run_at, id) WHERE part = 0 AND subject LIKE '%.high'; -- they go first

CREATE VIEW outbox AS
    SELECT id, job_ids[1] AS job_id, epoch, subject, headers, body, run_at FROM outgoing WHERE part = 0;
ALTER VIEW outbox ALTER COLUMN id SET DEFAULT nextval('outbox_id_seq');
ALTER VIEW outbox ALTER COLUMN epoch SET DEFAULT 0;
ALTER VIEW outbox ALTER COLUMN headers SET DEFAULT '{}';
ALTER VIEW outbox ALTER COLUMN run_at SET DEFAULT now();
CREATE FUNCTION outbox_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outgoing (id, job_ids, epoch, subject, headers, body, run_at)
        VALUES (NEW.id, CASE WHEN NEW.job_id IS NOT NULL THEN ARRAY[NEW.job_id] END, NEW.epoch, NEW.subject, NEW.headers,
                NEW.body, NEW.run_at);
    RETURN NEW;
END $$;
CREATE TRIGGER outbox_insert INSTEAD OF INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION outbox_insert();

CREATE VIEW crowds AS SELECT id AS wake, part, subject, run_at, job_ids FROM outgoing WHERE part > 0;
ALTER VIEW crowds ALTER COLUMN run_at SET DEFAULT now();
CREATE FUNCTION crowds_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outgoing (id, part, job_ids, epoch, subject, run_at)
        VALUES (NEW.wake, NEW.part + 1, NEW.job_ids, 1, NEW.subject, NEW.run_at);
    RETURN NEW;
END $$;
CREATE TRIGGER crowds_insert INSTEAD OF INSERT ON crowds FOR EACH ROW EXECUTE FUNCTION crowds_insert();
