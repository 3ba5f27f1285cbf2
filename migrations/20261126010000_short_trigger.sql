-- SPDX-License-Identifier: Apache-2.0
-- Postgres reads a trigger's WHEN from its catalogue in every statement that updates jobs, for whatever kind; a short one
-- is a tenth of what a claim of one job costs. The rest of the question is asked of downloads alone.

CREATE OR REPLACE FUNCTION downloads_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, OLD.reason, OLD.detail, OLD.finished_at)
        IS NOT DISTINCT FROM (NEW.status, NEW.reason, NEW.detail, NEW.finished_at) THEN
        RETURN NULL;
    END IF;
    UPDATE downloads SET status = NEW.status, reason = NEW.reason,
        detail = CASE WHEN NEW.status = 'Running' THEN NULL ELSE NEW.detail END,
        started_at = coalesce(started_at, NEW.started_at), finished_at = NEW.finished_at,
        down_rate = CASE WHEN NEW.status = 'Running' THEN down_rate ELSE 0 END
    WHERE job_id = NEW.job_id;
    RETURN NULL;
END $$;
DROP TRIGGER downloads_follow_job ON jobs;
CREATE TRIGGER downloads_follow_job AFTER UPDATE ON jobs
    FOR EACH ROW WHEN (NEW.kind = 'download') EXECUTE FUNCTION downloads_follow();
