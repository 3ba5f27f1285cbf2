-- SPDX-License-Identifier: Apache-2.0
-- What a worker says to Postgres, word for word what Sokoul's own workers say. Written by `make docs` from
-- common/store; docs/JOBS.md tells when each is said. Run this file once per connection, then EXECUTE.

PREPARE worker_register AS
INSERT INTO workers (id, worker, node, server_start, backend_pid, backend_start) SELECT $1::uuid, $2, $3,
    pg_postmaster_start_time(), pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid() ON
    CONFLICT (id) DO UPDATE SET server_start = excluded.server_start, backend_pid = excluded.backend_pid,
    backend_start = excluded.backend_start, missing_since = NULL;

PREPARE worker_leave AS
DELETE FROM workers WHERE id = $1;

PREPARE job_accept AS
WITH input AS MATERIALIZED (SELECT t.*, nextval('outbox_id_seq') AS wake FROM unnest($1::uuid[], $2::text[],
    $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[],
    $10::text[], $11::uuid[]) AS t(job_id, kind, worker, user_id, request_id, priority, payload, run_at,
    deadline_at, unique_key, parent_id)), windows AS (INSERT INTO job_windows (kind, unique_key, job_id,
    until) SELECT kind, unique_key, job_id, clock_timestamp() FROM input WHERE unique_key IS NOT NULL ORDER BY
    kind, unique_key ON CONFLICT (kind, unique_key) DO UPDATE SET job_id = excluded.job_id, until =
    excluded.until), job AS (INSERT INTO jobs (job_id, kind, worker, user_id, request_id, priority, payload,
    run_at, deadline_at, unique_key, parent_id, epoch, wake) SELECT job_id, kind, worker, user_id, request_id,
    priority, payload::jsonb, coalesce(run_at, now()), deadline_at, unique_key, parent_id, 1, wake FROM input)
    INSERT INTO outgoing (id, job_ids, epoch, subject, run_at) SELECT wake, ARRAY[job_id], 1, 'sokoul.jobs.'
    || worker || '.' || kind || CASE priority WHEN 'normal' THEN '' ELSE '.' || priority END, coalesce(run_at,
    now()) FROM input RETURNING id, job_ids[1] AS job_id;

PREPARE job_notify AS
SELECT pg_notify('sokoul_outbox', '');

PREPARE job_claim AS
WITH claimed AS (UPDATE jobs SET status = 'Running', attempts = attempts + 1, fence = greatest(fence + 1,
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), worker_id = $2::uuid, lease_until =
    clock_timestamp() + $3::bigint * interval '1 ms', started_at = clock_timestamp(), finished_at = NULL,
    place = NULL WHERE job_id = ANY($1::uuid[]) AND (NOT alone OR $4::boolean) AND status = 'Pending' AND
    run_at <= now() AND kind <> ALL (ARRAY(SELECT kind FROM job_limits)) RETURNING job_id, kind, user_id,
    request_id, payload, checkpoint, parent_id, fence, attempts, deadline_at, priority), noted AS (INSERT INTO
    claims (worker_id, job_ids) SELECT $2::uuid, array_agg(job_id) FROM claimed HAVING count(*) > 0 AND
    set_config('synchronous_commit', 'off', true) IS NOT NULL RETURNING id) SELECT job_id, kind, user_id,
    request_id, payload, checkpoint, parent_id, fence, attempts, deadline_at, priority, (SELECT id FROM noted)
    FROM claimed;

PREPARE job_unknown AS
SELECT id FROM unnest($1::uuid[]) AS t(id) WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE job_id = t.id);

PREPARE job_adopt AS
WITH claimed AS (INSERT INTO jobs (job_id, kind, worker, user_id, request_id, priority, payload, deadline_at,
    parent_id, status, attempts, fence, epoch, worker_id, lease_until, started_at, created_at) SELECT
    $1::uuid, $2::text, $3, $4::uuid, $5, $6, $7::jsonb, $8::timestamptz, $9::uuid, 'Running', 1, greatest(0 +
    1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), 1, $10::uuid, clock_timestamp() +
    $11::bigint * interval '1 ms', clock_timestamp(), now() WHERE NOT EXISTS (SELECT 1 FROM job_limits WHERE
    kind = $2) ON CONFLICT DO NOTHING RETURNING job_id, kind, user_id, request_id, payload, checkpoint,
    parent_id, fence, attempts, deadline_at, priority), noted AS (INSERT INTO claims (worker_id, job_ids)
    SELECT $10::uuid, array_agg(job_id) FROM claimed HAVING count(*) > 0 RETURNING id) SELECT job_id, kind,
    user_id, request_id, payload, checkpoint, parent_id, fence, attempts, deadline_at, priority, (SELECT id
    FROM noted) FROM claimed;

PREPARE job_beat AS
WITH t AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::bigint[], $4::text[], $5::text[]) AS t(job_id,
    fence, progress, checkpoint)), free AS MATERIALIZED (SELECT t.* FROM t JOIN jobs j ON j.job_id = t.job_id
    AND j.status = 'Running' AND j.fence = t.fence FOR UPDATE OF j SKIP LOCKED), renewed AS (UPDATE jobs j SET
    lease_until = clock_timestamp() + $3::bigint * interval '1 ms', progress = coalesce(t.progress::jsonb,
    j.progress), checkpoint = coalesce(t.checkpoint::jsonb, j.checkpoint) FROM free t WHERE j.job_id =
    t.job_id AND j.status = 'Running' AND j.fence = t.fence RETURNING j.job_id) SELECT j.job_id, j.job_id IN
    (SELECT job_id FROM renewed) FROM t JOIN jobs j ON j.job_id = t.job_id AND j.status = 'Running' AND
    j.fence = t.fence;

PREPARE job_check AS
SELECT j.job_id FROM jobs j JOIN unnest($1::uuid[], $2::bigint[]) AS t(job_id, fence) ON j.job_id = t.job_id
    AND j.status = 'Running' AND j.fence = t.fence;

PREPARE job_finish AS
WITH t AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS t(job_id, fence, result)), done AS
    (UPDATE jobs j SET status = 'Completed', finished_at = clock_timestamp(), lease_until = NULL, detail =
    NULL, place = NULL FROM t WHERE j.job_id = t.job_id AND j.status = 'Running' AND j.fence = t.fence
    RETURNING j.job_id, t.result), kept AS (INSERT INTO job_results (job_id, result) SELECT job_id,
    result::jsonb FROM done) SELECT job_id FROM done;

PREPARE job_again AS
WITH t AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::integer[],
    $7::boolean[], $8::text[], $9::text[]) AS t(job_id, fence, delay_ms, reason, detail, forgive, alone,
    progress, checkpoint)), moved AS (UPDATE jobs j SET status = 'Pending', attempts = j.attempts - t.forgive,
    run_at = clock_timestamp() + t.delay_ms * interval '1 ms', epoch = epoch + 1, wake =
    nextval('outbox_id_seq'), lease_until = NULL, alone = j.alone OR t.alone, detail = t.detail, place = CASE
    t.reason WHEN 'paused' THEN 'paused' END, progress = coalesce(t.progress::jsonb, j.progress), checkpoint =
    coalesce(t.checkpoint::jsonb, j.checkpoint) FROM t WHERE j.job_id = t.job_id AND j.status = 'Running' AND
    j.fence = t.fence RETURNING j.job_id, j.kind, j.worker, j.priority, j.epoch, j.wake, j.run_at, j.attempts
    + t.forgive AS attempt, t.reason, t.detail, j.worker_id, j.started_at), told AS (INSERT INTO job_history
    (job_id, status, attempt, reason, detail, worker_id, started_at) SELECT job_id, 'Pending', attempt,
    reason, detail, worker_id, started_at FROM moved WHERE (reason IN ('waiting', 'paused')) IS NOT TRUE),
    woken AS (INSERT INTO outgoing (id, job_ids, epoch, subject, run_at) SELECT wake, ARRAY[job_id], epoch,
    'sokoul.jobs.' || worker || '.' || kind || CASE priority WHEN 'normal' THEN '' ELSE '.' || priority END,
    greatest(run_at, now()) FROM moved WHERE reason IS DISTINCT FROM 'paused') SELECT job_id FROM moved;

PREPARE job_fail AS
WITH t AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[]) AS t(job_id,
    fence, reason, detail, letter)), failed AS (UPDATE jobs j SET status = 'Failed', finished_at =
    clock_timestamp(), lease_until = NULL, reason = t.reason, detail = t.detail, place = NULL FROM t WHERE
    j.job_id = t.job_id AND j.status = 'Running' AND j.fence = t.fence RETURNING j.job_id, j.kind, j.worker,
    j.priority, j.user_id, j.request_id, j.payload, j.reason, j.detail, j.attempts, j.started_at, j.fence,
    t.letter), worth AS (SELECT failed.*, row_number() OVER (PARTITION BY user_id ORDER BY job_id) AS nth FROM
    failed WHERE kind <> 'notify' AND user_id <> '00000000-0000-0000-0000-000000000000' AND reason <>
    'cancelled'), lately AS (SELECT user_id, (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.user_id =
    w.user_id AND j.kind = 'notify' AND j.job_id > (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint -
    3600000), 12, '0') || '70008000000000000000')::uuid LIMIT 30) n) AS told FROM (SELECT DISTINCT user_id
    FROM worth) w), notices AS MATERIALIZED (SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) *
    1000)::bigint), 12, '0') || '7' || substr(md5(job_id || ':' || fence), 1, 3) || '8' || substr(md5(job_id
    || ':' || fence), 4, 15))::uuid AS id, nextval('outbox_id_seq') AS wake, user_id, request_id, job_id,
    jsonb_strip_nulls(jsonb_build_object('channel', 'email', 'template', 'job_failed', 'job_id', job_id,
    'kind', kind, 'reason', reason, 'detail', detail, 'title', left(payload->>'query', 200), 'last',
    nullif(told + nth = 30, false))) AS payload FROM worth JOIN lately USING (user_id) WHERE told + nth <=
    30), noticed AS (INSERT INTO jobs (job_id, kind, worker, user_id, request_id, payload, parent_id, epoch,
    wake) SELECT id, 'notify', 'scout', user_id, request_id, payload, job_id, 1, wake FROM notices), woken AS
    (INSERT INTO outgoing (id, job_ids, epoch, subject) SELECT wake, ARRAY[id], 1, 'sokoul.jobs.scout.notify'
    FROM notices), letters AS (INSERT INTO dead_letters (id, job_id, kind, subject, reason, detail, errors)
    SELECT letter, job_id, kind, 'sokoul.jobs.' || worker || '.' || kind || CASE priority WHEN 'normal' THEN
    '' ELSE '.' || priority END, reason, coalesce(detail, ''), coalesce((SELECT
    jsonb_agg(jsonb_build_object('attempt', h.attempt, 'at', h.at, 'reason', h.reason, 'detail', h.detail)
    ORDER BY h.at) FROM job_history h WHERE h.job_id = failed.job_id), '[]') ||
    jsonb_build_array(jsonb_build_object('attempt', attempts, 'at', clock_timestamp(), 'reason', reason,
    'detail', detail)) FROM failed WHERE letter IS NOT NULL), copies AS (INSERT INTO outgoing (subject,
    headers, body) SELECT 'sokoul.dlq.' || worker || '.' || kind, jsonb_build_object('X-Request-ID',
    request_id), jsonb_build_object('v', 1, 'letter_id', letter, 'job_id', job_id, 'kind', kind, 'user_id',
    user_id, 'timestamp', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    'request_id', request_id, 'reason', reason, 'detail', detail, 'attempts', attempts, 'payload',
    payload)::text FROM failed WHERE letter IS NOT NULL), told AS (INSERT INTO outgoing (subject, headers,
    body) SELECT 'sokoul.events.job.failed', jsonb_build_object('X-Request-ID', request_id),
    jsonb_build_object('event', 'job.failed', 'job_id', job_id, 'kind', kind, 'user_id', user_id, 'timestamp',
    to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'request_id', request_id,
    'reason', reason, 'detail', detail)::text FROM failed) SELECT job_id FROM failed;

PREPARE job_limited_kinds AS
SELECT DISTINCT j.kind FROM jobs j WHERE j.job_id = ANY($1::uuid[]) AND j.status = 'Pending' AND j.run_at <=
    now() AND j.kind = ANY (ARRAY(SELECT kind FROM job_limits));

PREPARE job_claim_limited AS
WITH l AS MATERIALIZED (SELECT kind, least(max_running, coalesce(per_process * (SELECT count(*) FROM workers w
    WHERE w.worker = job_limits.worker AND w.missing_since IS NULL), max_running)) AS max_running,
    max_per_user FROM job_limits WHERE kind = ANY($5::text[])), used AS MATERIALIZED (SELECT kind, user_id,
    count(*) AS n FROM jobs WHERE kind = ANY($5::text[]) AND place IN ('held', 'called') AND ((place = 'held'
    AND status = 'Running') OR (place = 'called' AND status = 'Pending' AND run_at > clock_timestamp() -
    interval '30 s')) GROUP BY kind, user_id), due AS MATERIALIZED (SELECT job_id, kind, user_id,
    coalesce((place = 'called' AND status = 'Pending' AND run_at > clock_timestamp() - interval '30 s'),
    false) AS called FROM jobs WHERE job_id = ANY($1::uuid[]) AND status = 'Pending' AND run_at <=
    clock_timestamp() AND (NOT alone OR $4::boolean) AND kind = ANY($5::text[])), ranked AS (SELECT job_id,
    kind, user_id, row_number() OVER (PARTITION BY kind, user_id ORDER BY job_id) AS nth FROM due WHERE NOT
    called), fit AS (SELECT r.job_id, r.kind, row_number() OVER (PARTITION BY r.kind ORDER BY r.nth +
    coalesce(u.n, 0), r.job_id) AS nth FROM ranked r JOIN l USING (kind) LEFT JOIN used u USING (kind,
    user_id) WHERE r.nth <= coalesce(l.max_per_user, l.max_running) - coalesce(u.n, 0)), chosen AS
    MATERIALIZED (SELECT job_id FROM due JOIN l USING (kind) WHERE called UNION ALL SELECT f.job_id FROM fit f
    JOIN l USING (kind) WHERE f.nth <= l.max_running - coalesce((SELECT sum(n) FROM used WHERE kind = f.kind),
    0)), waiting AS (UPDATE jobs SET place = 'waits', wake = 9223372036854775807, detail =
    'Waits for a free place: its kind has a limit' WHERE job_id IN (SELECT job_id FROM due EXCEPT SELECT
    job_id FROM chosen) AND status = 'Pending' AND place IS DISTINCT FROM 'waits'), claimed AS (UPDATE jobs
    SET status = 'Running', attempts = attempts + 1, fence = greatest(fence + 1, (extract(epoch FROM
    clock_timestamp()) * 1000000)::bigint), worker_id = $2::uuid, place = 'held', detail = NULL, finished_at =
    NULL, lease_until = clock_timestamp() + $3::bigint * interval '1 ms', started_at = clock_timestamp() WHERE
    job_id IN (SELECT job_id FROM chosen) AND status = 'Pending' RETURNING job_id, kind, user_id, request_id,
    payload, checkpoint, parent_id, fence, attempts, deadline_at, priority), noted AS (INSERT INTO claims
    (worker_id, job_ids) SELECT $2::uuid, array_agg(job_id) FROM claimed HAVING count(*) > 0 RETURNING id)
    SELECT job_id, kind, user_id, request_id, payload, checkpoint, parent_id, fence, attempts, deadline_at,
    priority, (SELECT id FROM noted) FROM claimed;

PREPARE job_limit_lock AS
SELECT kind FROM job_limits WHERE kind = ANY($1::text[]) ORDER BY kind FOR NO KEY UPDATE;

PREPARE job_limit_call AS
WITH RECURSIVE used AS MATERIALIZED (SELECT user_id, count(*) AS n FROM jobs WHERE kind = $1 AND place IN
    ('held', 'called') AND ((place = 'held' AND status = 'Running') OR (place = 'called' AND status =
    'Pending' AND run_at > clock_timestamp() - interval '30 s')) GROUP BY user_id), room AS MATERIALIZED
    (SELECT l.most, greatest(0, l.most - coalesce((SELECT sum(n) FROM used), 0)) AS places, l.max_per_user
    FROM (SELECT least(max_running, coalesce(per_process * (SELECT count(*) FROM workers w WHERE w.worker =
    job_limits.worker AND w.missing_since IS NULL), max_running)) AS most, max_per_user FROM job_limits WHERE
    kind = $1) l), users AS (SELECT (SELECT user_id FROM jobs WHERE kind = $1 AND place = 'waits' ORDER BY
    user_id LIMIT 1) AS user_id UNION ALL SELECT (SELECT user_id FROM jobs WHERE kind = $1 AND place = 'waits'
    AND jobs.user_id > users.user_id ORDER BY user_id LIMIT 1) FROM users WHERE users.user_id IS NOT NULL),
    chosen AS (SELECT w.job_id FROM users CROSS JOIN room LEFT JOIN used USING (user_id) CROSS JOIN LATERAL
    (SELECT job_id, run_at, row_number() OVER (ORDER BY run_at, job_id) AS nth FROM (SELECT job_id, run_at
    FROM jobs WHERE kind = $1 AND place = 'waits' AND jobs.user_id = users.user_id AND status = 'Pending'
    ORDER BY job_id LIMIT 64 + places) o ORDER BY run_at, job_id LIMIT least(places, greatest(0,
    coalesce(max_per_user, most) - coalesce(n, 0)))) w WHERE users.user_id IS NOT NULL AND places > 0 ORDER BY
    coalesce(n, 0) + w.nth, w.run_at, w.job_id LIMIT (SELECT places FROM room)), moved AS (UPDATE jobs SET
    place = 'called', run_at = clock_timestamp(), epoch = epoch + 1, wake = nextval('outbox_id_seq') FROM
    chosen WHERE jobs.job_id = chosen.job_id AND status = 'Pending' AND place = 'waits' RETURNING jobs.job_id,
    jobs.kind, jobs.worker, jobs.priority, jobs.epoch, jobs.wake, jobs.run_at) INSERT INTO outgoing (id,
    job_ids, epoch, subject, run_at) SELECT wake, ARRAY[job_id], epoch, 'sokoul.jobs.' || worker || '.' ||
    kind || CASE priority WHEN 'normal' THEN '' ELSE '.' || priority END, greatest(run_at, now()) FROM moved
    RETURNING 1;

PREPARE letter_bury_raw AS
WITH letter AS (INSERT INTO dead_letters (id, kind, subject, reason, detail, raw, raw_size, errors) VALUES
    (coalesce((lpad(to_hex($9::bigint), 12, '0') || '7' || substr(md5($8), 1, 3) || '8' || substr(md5($8), 4,
    15))::uuid, $1::uuid), NULL, $2, $3, $4, decode($5, 'hex'), $6::bigint,
    jsonb_build_array(jsonb_build_object( 'attempt', 1, 'at', clock_timestamp(), 'reason', $3::text, 'detail',
    $4::text))) ON CONFLICT (id) DO NOTHING RETURNING id, subject, reason, detail, raw_size) INSERT INTO
    outgoing (subject, headers, body) SELECT 'sokoul.dlq.raw', '{}', jsonb_build_object('v', 1, 'letter_id',
    id, 'job_id', NULL, 'user_id', '00000000-0000-0000-0000-000000000000', 'timestamp',
    to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'subject', subject,
    'reason', reason, 'detail', detail, 'raw_size', raw_size, 'raw_base64', $7::text)::text FROM letter;
