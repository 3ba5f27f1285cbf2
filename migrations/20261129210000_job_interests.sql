-- SPDX-License-Identifier: Apache-2.0
-- Who else asked for a job that somebody else's request has made: they may read it, and it goes on for them.

CREATE TABLE job_interests (
    job_id  uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE, -- never the job's own user
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),   -- whoever asked first is the next owner
    PRIMARY KEY (job_id, user_id)
);
CREATE INDEX job_interests_user_id ON job_interests (user_id, job_id);
