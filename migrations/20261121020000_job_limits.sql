-- SPDX-License-Identifier: Apache-2.0
-- Limits on how many jobs of a kind run at once, over all workers; and unique keys that outlive their job.

-- A kind without a row here is not limited. Who claims jobs of a limited kind holds the row's lock meanwhile.
CREATE TABLE job_limits (
    kind         text PRIMARY KEY,
    max_running  integer NOT NULL CHECK (max_running >= 0),
    max_per_user integer CHECK (max_per_user >= 0),   -- NULL: as many as the kind may
    created_at   timestamptz NOT NULL DEFAULT now()
);

-- Only jobs of limited kinds have a place: Pending ones wait for one (no wake-up is under way, and none is
-- owed), or were called to one that is kept free for them (from run_at on, for a while); Running ones hold it.
ALTER TABLE jobs ADD COLUMN place text CONSTRAINT jobs_place_check CHECK (place IN ('waits', 'called', 'held'));
CREATE INDEX jobs_place ON jobs (kind, place, user_id, job_id) WHERE place IS NOT NULL;

-- The last job that was accepted with a unique key, and until when another one is refused even though that
-- one is over. The primary key decides between two at once; the trigger refuses as an index would.
CREATE TABLE job_windows (
    kind       text NOT NULL,
    unique_key text NOT NULL,
    job_id     uuid NOT NULL,
    until      timestamptz NOT NULL,
    PRIMARY KEY (kind, unique_key)
);
CREATE INDEX job_windows_until ON job_windows (until);

CREATE FUNCTION job_windows_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE unique_violation USING MESSAGE = 'a job with this unique key was accepted a short while ago';
END $$;
CREATE TRIGGER job_windows_keep BEFORE UPDATE ON job_windows
    FOR EACH ROW WHEN (OLD.until > clock_timestamp()) EXECUTE FUNCTION job_windows_refuse();
