-- SPDX-License-Identifier: Apache-2.0
-- What the end-to-end tests add to a database: each time that somebody writes a job's status, in the transaction that does it.
CREATE TABLE watched_moves (
    n      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id uuid NOT NULL,
    was    text,          -- NULL: the job is new
    became text NOT NULL
);
CREATE INDEX moves_job_id ON watched_moves (job_id);

-- By the owner's rights: the programs have none here.
CREATE FUNCTION watched_see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.watched_moves (job_id, was, became) VALUES (NEW.job_id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status);
    RETURN NULL;
END $$;
CREATE TRIGGER watched AFTER INSERT OR UPDATE OF status ON jobs FOR EACH ROW EXECUTE FUNCTION watched_see();
