-- SPDX-License-Identifier: Apache-2.0
-- How many notices a person got within the hour.

CREATE INDEX jobs_notices ON jobs (user_id, job_id) WHERE kind = 'notify';
