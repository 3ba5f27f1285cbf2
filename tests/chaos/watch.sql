-- SPDX-License-Identifier: Apache-2.0
-- What the fault suite adds to a database that it watches: every move of every job is written
-- down, and each is judged inside the transaction that made it.

CREATE TABLE chaos_moves (
    n         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id    uuid NOT NULL,
    was       text,
    became    text NOT NULL,
    fence     bigint NOT NULL,
    attempts  integer NOT NULL,
    epoch     integer NOT NULL,
    worker_id uuid,
    reason    text,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX chaos_moves_job_id ON chaos_moves (job_id, n);

CREATE TABLE chaos_wrongs (job_id uuid, wrong text NOT NULL);
CREATE TABLE chaos_results (job_id uuid NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());

CREATE FUNCTION chaos_see_job() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END;
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.status, OLD.fence, OLD.epoch) = (NEW.status, NEW.fence, NEW.epoch) THEN
        RETURN NULL;
    END IF;
    INSERT INTO chaos_moves (job_id, was, became, fence, attempts, epoch, worker_id, reason)
    VALUES (NEW.job_id, was, NEW.status, NEW.fence, NEW.attempts, NEW.epoch, NEW.worker_id, NEW.reason);
    IF TG_OP = 'INSERT' THEN
        RETURN NULL;
    END IF;
    -- I5: only lawful moves; a terminal state is left by replay alone.
    IF (was, NEW.status) NOT IN (('Pending', 'Running'), ('Pending', 'Failed'), ('Pending', 'Pending'),
            ('Running', 'Completed'), ('Running', 'Failed'), ('Running', 'Pending'), ('Failed', 'Pending')) THEN
        INSERT INTO chaos_wrongs VALUES (NEW.job_id, was || ' became ' || NEW.status);
    END IF;
    IF (NEW.status = 'Running') <> (NEW.fence > OLD.fence) OR NEW.fence < OLD.fence THEN
        INSERT INTO chaos_wrongs VALUES (NEW.job_id, format('fence %s became %s by %s -> %s', OLD.fence, NEW.fence,
            was, NEW.status));
    END IF;
    IF NEW.epoch <> OLD.epoch + (NEW.status = 'Pending')::int THEN
        INSERT INTO chaos_wrongs VALUES (NEW.job_id, format('epoch %s became %s by %s -> %s', OLD.epoch, NEW.epoch,
            was, NEW.status));
    END IF;
    IF NEW.status = 'Running' AND NEW.run_at > clock_timestamp() THEN
        INSERT INTO chaos_wrongs VALUES (NEW.job_id, 'claimed before its time');
    END IF;
    IF NEW.attempts > 4 THEN
        INSERT INTO chaos_wrongs VALUES (NEW.job_id, 'more than four attempts');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_sees_jobs AFTER INSERT OR UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION chaos_see_job();

-- At COMMIT: what became claimable has its wake-up, a result belongs to a job that is Completed.
CREATE FUNCTION chaos_see_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM outgoing WHERE id = NEW.wake AND NEW.job_id = ANY (job_ids)) THEN
        INSERT INTO chaos_wrongs VALUES (NEW.job_id, 'became Pending without a wake-up');
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER chaos_sees_commits AFTER INSERT OR UPDATE OF wake ON jobs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'Pending') EXECUTE FUNCTION chaos_see_commit();

CREATE FUNCTION chaos_see_result() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos_results (job_id) VALUES (NEW.job_id);
    IF NOT EXISTS (SELECT 1 FROM jobs WHERE job_id = NEW.job_id AND status = 'Completed') THEN
        INSERT INTO chaos_wrongs VALUES (NEW.job_id, 'a result of a job that is not Completed');
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER chaos_sees_results AFTER INSERT OR UPDATE ON job_results
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chaos_see_result();
