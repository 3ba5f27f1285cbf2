-- SPDX-License-Identifier: Apache-2.0
-- Places of a kind can be so many per process of its worker, which that worker says itself; and a job that its owner
-- has paused is Pending without a place and without a wake-up until it is resumed.

-- The limit is then the least of max_running and per_process for each process of that worker. Programs of the version
-- before see max_running alone.
ALTER TABLE job_limits
    ADD COLUMN worker      text,
    ADD COLUMN per_process integer CHECK (per_process >= 0);

-- Every row that was lawful before is lawful now, so the old ones need no look.
ALTER TABLE jobs DROP CONSTRAINT jobs_place_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_place_check
    CHECK (place IN ('waits', 'called', 'held', 'paused')) NOT VALID;
