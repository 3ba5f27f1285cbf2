-- SPDX-License-Identifier: Apache-2.0
-- A job's row is written three times and read by its key. No index may know what the moves change, or every move
-- makes new entries in all of them; then a move is a new version on the same page (HOT), about half the work.
-- What the indexes were for is told elsewhere: claims say who may run, job_windows which unique keys live, and
-- the sweeper walks the table by its primary key.

DROP INDEX jobs_pending;
DROP INDEX jobs_running;
DROP INDEX jobs_unique_key;
ALTER TABLE jobs SET (fillfactor = 45); -- room for the versions of claim and finish

-- One row per claim, however many jobs it took: where to look for the jobs of a worker that died or froze. The
-- worker removes it when they have ended; what is older than a lease and names no running job the sweeper does.
CREATE TABLE claims (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker_id uuid NOT NULL,
    job_ids   uuid[] NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
INSERT INTO claims (worker_id, job_ids) SELECT worker_id, array_agg(job_id) FROM jobs
    WHERE status = 'Running' AND worker_id IS NOT NULL GROUP BY worker_id;

-- A unique key is taken while its window is open, and while its job lives.
CREATE OR REPLACE FUNCTION job_windows_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.until > clock_timestamp()
        OR EXISTS (SELECT 1 FROM jobs WHERE job_id = OLD.job_id AND status IN ('Pending', 'Running')) THEN
        RAISE unique_violation USING MESSAGE = 'a job with this unique key lives, or was accepted a short while ago';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER job_windows_keep ON job_windows;
CREATE TRIGGER job_windows_keep BEFORE UPDATE ON job_windows
    FOR EACH ROW WHEN (OLD.job_id <> NEW.job_id) EXECUTE FUNCTION job_windows_refuse();
INSERT INTO job_windows (kind, unique_key, job_id, until) SELECT kind, unique_key, job_id, now() FROM jobs
    WHERE unique_key IS NOT NULL AND status IN ('Pending', 'Running') ON CONFLICT (kind, unique_key) DO UPDATE
    SET job_id = excluded.job_id WHERE job_windows.until <= now();
DROP INDEX job_windows_until; -- once an hour the table is read from end to end

-- For which incarnation of the stream the sweeper has walked the whole table.
ALTER TABLE stream_state ADD COLUMN swept text;

-- Urgent wake-ups go first.
CREATE INDEX outbox_high ON outbox (run_at, id) WHERE subject LIKE '%.high';
