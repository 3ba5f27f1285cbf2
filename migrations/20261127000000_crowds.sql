-- SPDX-License-Identifier: Apache-2.0
-- Wake-ups of a crowd: jobs of one kind that were accepted together and are due at once share rows of up to 64,
-- where each would have a row of its own in outbox. A worker takes such a row as it is; what it can not take, and
-- what JetStream does not confirm, becomes rows of outbox. All jobs of one statement have the same wake.
CREATE TABLE crowds (
    wake    bigint NOT NULL,
    part    integer NOT NULL,
    subject text NOT NULL,
    run_at  timestamptz NOT NULL DEFAULT now(),
    job_ids uuid[] NOT NULL,
    PRIMARY KEY (wake, part)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- A claim of 256 jobs is 4 KiB, written and deleted within a moment: not worth compressing, nor a place elsewhere.
ALTER TABLE claims ALTER COLUMN job_ids SET STORAGE MAIN;
ALTER TABLE claims SET (toast_tuple_target = 8160);
