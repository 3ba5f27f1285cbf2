/* SPDX-License-Identifier: Apache-2.0 */
/* Healing: whose worker died, which wake-up got lost, what may be forgotten. */
#include "common/store/jobs.h"

#include "common/base/crash.h"
#include "common/base/id.h"
#include "common/job/settle.h"
#include "common/store/jobs_internal.h"

#include <stdio.h>
#include <string.h>

static const struct db_stmt register_stmt = {
    "worker_register",
    "INSERT INTO workers (id, worker, node, server_start, backend_pid, backend_start)"
    " SELECT $1::uuid, $2, $3, pg_postmaster_start_time(), pid, backend_start FROM pg_stat_activity"
    "   WHERE pid = pg_backend_pid()"
    " ON CONFLICT (id) DO UPDATE SET server_start = excluded.server_start, backend_pid = "
    "excluded.backend_pid,"
    "   backend_start = excluded.backend_start, missing_since = NULL",
    3};

static const struct db_stmt leave_stmt = {"worker_leave", "DELETE FROM workers WHERE id = $1", 1};

static const struct db_stmt names_stmt = {"worker_names",
                                          "SELECT DISTINCT worker FROM workers ORDER BY worker LIMIT 100", 0};

/* A session lock that is asked for again is counted, not taken twice; hence the look into pg_locks. */
static const struct db_stmt turn_stmt = {
    "sweep_turn",
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 21843 AND objid = 1"
    "   AND pid = pg_backend_pid() AND granted) OR pg_try_advisory_lock(21843, 1)",
    0};

/* A sweeper asks twice a second. One that has long been silent is frozen, with its host or by itself, and
 * its connection keeps the lock, and perhaps rows, for ever: it is closed. */
static const struct db_stmt unseat_stmt = {
    "sweep_unseat",
    "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.classid = 21843 AND l.objid = 1 AND l.granted"
    "   AND a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.state <> 'active'"
    "   AND a.state_change < clock_timestamp() - interval '10 s'",
    0};

/* First look: whose connection is missing now, on the server where it was made? Second look: marks that are
 * old. */
static const struct db_stmt look_stmt = {"worker_look",
                                         "UPDATE workers w SET missing_since = CASE WHEN a.pid IS NULL THEN "
                                         "coalesce(w.missing_since, clock_timestamp()) END"
                                         " FROM workers v LEFT JOIN pg_stat_activity a ON a.pid = "
                                         "v.backend_pid AND a.backend_start = v.backend_start"
                                         " WHERE w.id = v.id AND w.server_start = pg_postmaster_start_time()"
                                         "   AND (a.pid IS NULL) <> (w.missing_since IS NOT NULL)",
                                         0};

/* Jobs of the dead and of the frozen, and who is to blame.  The lease counts only when this server and this
 * connection are older than one: after a restart nobody could renew. */
static const struct db_stmt victims_stmt = {
    "job_victims",
    "WITH grown AS (SELECT pg_postmaster_start_time() < clock_timestamp() - $1::bigint * interval '1 ms'"
    "   AND backend_start < clock_timestamp() - $1::bigint * interval '1 ms' AS up FROM pg_stat_activity"
    "   WHERE pid = pg_backend_pid())"
    " SELECT j.job_id, j.fence, j.attempts, j.worker_id, w.id IS NOT NULL AS dead,"
    "   w.id IS NOT NULL AND j.alone AND j.started_at > w.missing_since - interval '3 s' AS suspect"
    " FROM jobs j LEFT JOIN workers w ON w.id = j.worker_id"
    "   AND w.missing_since < clock_timestamp() - interval '700 ms'"
    " WHERE j.job_id IN (SELECT unnest(c.job_ids) FROM claims c WHERE"
    "     c.at < clock_timestamp() - $1::bigint * interval '1 ms' OR EXISTS (SELECT 1 FROM workers d"
    "       WHERE d.id = c.worker_id AND d.missing_since < clock_timestamp() - interval '700 ms'))"
    "   AND j.status = 'Running' AND (w.id IS NOT NULL"
    "     OR (j.lease_until < clock_timestamp() AND (SELECT up FROM grown)))"
    " ORDER BY j.worker_id, j.job_id LIMIT 20000 FOR UPDATE OF j SKIP LOCKED",
    1};

static const struct db_stmt bury_workers_stmt = {
    "worker_bury",
    "DELETE FROM workers w WHERE (missing_since < clock_timestamp() - interval '5 s'"
    "   OR (server_start <> pg_postmaster_start_time() AND started_at < now() - interval '1 day'))"
    " AND NOT EXISTS (SELECT 1 FROM claims WHERE worker_id = w.id)",
    0};

static const struct db_stmt tidy_claims_stmt = {
    "job_tidy_claims",
    "DELETE FROM claims c WHERE (at < clock_timestamp() - $1::bigint * interval '1 ms' OR EXISTS (SELECT 1 "
    "FROM "
    "workers d"
    "   WHERE d.id = c.worker_id AND d.missing_since < clock_timestamp() - interval '5 s'))"
    " AND NOT EXISTS (SELECT 1 FROM unnest(c.job_ids) AS t(job_id) JOIN jobs j USING (job_id)"
    "   WHERE j.status = 'Running' AND j.worker_id = c.worker_id)",
    1};

/* Jobs that wait for a limit, or are paused, are owed no wake-up. Wake-ups below a consumer's cut went out in
 * batches that it has passed. */
static const struct db_stmt sweep_stmt = {
    "job_sweep",
    "WITH consumer AS MATERIALIZED (SELECT c.worker, c.priority, coalesce((SELECT min(b.min_wake) FROM "
    "relay_batches b"
    "     WHERE b.stream = $1 AND b.max_seq > c.acked AND (b.max_seq > c.delivered"
    "       OR b.at > now() - 3 * $2::bigint * interval '1 ms')), 9223372036854775807) AS cut"
    "   FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS c(worker, priority, delivered, "
    "acked)),"
    " page AS MATERIALIZED (SELECT job_id, status, worker, priority, wake, run_at, place, worker_id, "
    "lease_until"
    "   FROM jobs WHERE job_id < $7::uuid ORDER BY job_id DESC LIMIT $8::bigint),"
    " lost AS MATERIALIZED (SELECT job_id FROM jobs WHERE job_id IN ("
    "   SELECT p.job_id FROM page p JOIN consumer c USING (worker, priority) WHERE p.status = 'Pending'"
    "     AND p.wake < c.cut AND coalesce(p.place NOT IN ('waits', 'paused'), true) AND p.run_at < now() - "
    "interval '2 s'"
    "     AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.id = p.wake)"
    "     AND NOT EXISTS (SELECT 1 FROM crowds k WHERE k.wake = p.wake AND p.job_id = ANY (k.job_ids)))"
    "   AND status = 'Pending' FOR UPDATE SKIP LOCKED),"
    " moved AS (UPDATE jobs SET epoch = epoch + 1, wake = nextval('outbox_id_seq') FROM lost"
    "   WHERE jobs.job_id = lost.job_id AND status = 'Pending'"
    "   RETURNING jobs.job_id, kind, worker, priority, epoch, wake),"
    " woken AS (INSERT INTO outbox (id, job_id, epoch, subject) SELECT wake, job_id, epoch, " JOB_SUBJECT_SQL
    "   FROM moved RETURNING 1),"
    " untold AS (INSERT INTO claims (worker_id, job_ids, at) SELECT coalesce(worker_id, $9::uuid), "
    "array_agg(job_id),"
    "     min(lease_until) - interval '1 day' FROM page p WHERE status = 'Running' AND lease_until < now() - "
    "interval '5 s'"
    "     AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.worker_id = p.worker_id AND p.job_id = ANY "
    "(c.job_ids))"
    "   GROUP BY worker_id)"
    " SELECT (SELECT count(*) FROM woken), (SELECT count(*) FROM page),"
    "   (SELECT job_id FROM page ORDER BY job_id LIMIT 1)",
    9};

static const struct db_stmt busy_stmt = {
    "job_busy",
    "SELECT DISTINCT worker, priority FROM jobs WHERE status = 'Running'"
    "   AND started_at < clock_timestamp() - $1::bigint * interval '1 ms'"
    "   AND job_id IN (SELECT unnest(job_ids) FROM claims)",
    1};

static const struct db_stmt purge_stmt = {
    "job_purge",
    "WITH old AS (SELECT job_id FROM jobs WHERE finished_at < now() - $1::bigint * interval '1 day'"
    "   AND status IN ('Completed', 'Failed') ORDER BY job_id LIMIT $2::bigint FOR UPDATE SKIP LOCKED),"
    " windows AS (DELETE FROM job_windows w WHERE until < now() - interval '1 hour' AND NOT EXISTS (SELECT 1"
    "   FROM jobs j WHERE j.job_id = w.job_id AND j.status IN ('Pending', 'Running'))),"
    " results AS (DELETE FROM job_results r USING old WHERE r.job_id = old.job_id),"
    " history AS (DELETE FROM job_history h USING old WHERE h.job_id = old.job_id)"
    " DELETE FROM jobs j USING old WHERE j.job_id = old.job_id",
    2};

static const struct db_stmt purge_keys_stmt = {
    "job_purge_keys", "DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'", 0};

static const struct db_stmt counts_stmt = {
    "job_counts",
    "SELECT (SELECT count(*) FROM jobs WHERE place = 'waits'),"
    " (SELECT count(*) FROM outbox) + " SQL_CROWDED
    ", (SELECT count(*) FROM dead_letters WHERE closed_at IS NULL),"
    " (SELECT greatest(0, ceil(extract(epoch FROM now() - least((SELECT min(run_at) FROM outbox),"
    " (SELECT min(run_at) FROM crowds))) * 1000))::bigint)",
    0};

static const struct db_stmt backlog_stmt = {
    "job_backlog",
    "WITH due AS (SELECT split_part(subject, '.', 4) AS kind, 1::bigint AS n, run_at FROM outbox"
    " WHERE run_at <= now() AND starts_with(subject, 'sokoul.jobs.')"
    " UNION ALL SELECT split_part(subject, '.', 4), cardinality(job_ids), run_at FROM crowds"
    " UNION ALL SELECT kind, 1, run_at FROM jobs WHERE place = 'waits' AND run_at <= now()),"
    " waits AS (SELECT kind, sum(n)::bigint AS n, ceil(extract(epoch FROM now() - min(run_at)) * "
    "1000)::bigint AS"
    " ms FROM due GROUP BY kind),"
    " runs AS (SELECT kind, count(*) AS n FROM jobs WHERE job_id IN (SELECT unnest(job_ids) FROM claims)"
    " AND status = 'Running' GROUP BY kind)"
    " SELECT kind, coalesce(waits.n, 0), coalesce(runs.n, 0), coalesce(ms, 0) FROM waits FULL JOIN runs "
    "USING (kind)",
    0};

enum err_code worker_store_register(struct db *db, const char *worker_id, const char *worker,
                                    const char *node, struct err *err)
{
    const char *params[] = {worker_id, worker, node};
    return db_run(db, &register_stmt, params, NULL, err);
}

enum err_code worker_store_leave(struct db *db, const char *worker_id, struct err *err)
{
    const char *params[] = {worker_id};
    return db_run(db, &leave_stmt, params, NULL, err);
}

enum err_code worker_store_names(struct db *db, struct arena *arena, const char ***names, size_t *count,
                                 struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &names_stmt, NULL, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    size_t n = rows != NULL ? (size_t)db_rows(rows) : 0;
    const char **list = rows != NULL ? arena_array(arena, n + 1, sizeof *list) : NULL;
    if (list == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        list[i] = db_text(rows, (int)i, 0);
    *names = list;
    *count = n;
    return E_OK;
}

enum err_code sweep_turn(struct db *db, bool *mine, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &turn_stmt, NULL, &rows, err);
    if (code != E_OK)
        return code;
    *mine = db_bool(rows, 0, 0);
    db_rows_free(rows);
    return E_OK;
}

enum err_code sweep_unseat(struct db *db, int *unseated, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &unseat_stmt, NULL, &rows, err);
    if (code != E_OK)
        return code;
    *unseated = db_rows(rows);
    db_rows_free(rows);
    return E_OK;
}

/* ---- take-back ------------------------------------------------------------------------------ */

static bool same_worker(const struct db_rows *rows, int a, int b)
{
    const char *one = db_text(rows, a, 3);
    const char *other = db_text(rows, b, 3);
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* Rows are ordered by worker, so company stands next door. */
/* A job that is claimed alone since a crash, and had only just begun when its worker died, did it; whoever
 * was there longer is forgiven. */
static struct job_end end_of(const struct db_rows *rows, int i)
{
    int n = db_rows(rows);
    bool company = (i > 0 && same_worker(rows, i - 1, i)) || (i + 1 < n && same_worker(rows, i, i + 1));
    bool dead = db_bool(rows, i, 4);
    if (db_bool(rows, i, 5))
        company = false;
    struct settle_verdict verdict =
        settle_dead(company ? SETTLE_IN_COMPANY : SETTLE_ALONE, (int)db_int(rows, i, 2, 0));
    return (struct job_end){.job_id = db_text(rows, i, 0),
                            .fence = db_int(rows, i, 1, 0),
                            .move = verdict.move,
                            .reason = verdict.reason != NULL ? verdict.reason : "worker_lost",
                            .detail =
                                dead ? "The worker died; another one takes over"
                                     : "The worker did not answer for a whole lease; another one takes over",
                            .forgive = company};
}

static enum err_code take_back_in(struct db *db, struct arena *arena, int64_t lease_ms, int64_t *moved,
                                  struct err *err)
{
    const char *params[] = {db_param_int(arena, lease_ms)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &look_stmt, NULL, NULL, err);
    if (code == E_OK)
        code = db_run(db, &victims_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    size_t n = (size_t)db_rows(rows);
    struct job_end *ends = arena_array(arena, n + 1, sizeof *ends);
    bool *mine = arena_array(arena, n + 1, sizeof *mine);
    if (rows == NULL || ends == NULL || mine == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        ends[i] = end_of(rows, (int)i);
    *moved = (int64_t)n;
    code = job_store_settle_in(db, arena, ends, n, mine, err);
    return code == E_OK ? db_run(db, &bury_workers_stmt, NULL, NULL, err) : code;
}

enum err_code job_store_take_back(struct db *db, struct arena *arena, int64_t lease_ms, int64_t *moved,
                                  struct err *err)
{
    int64_t count = 0;
    enum err_code code = db_begin(db, err);
    if (code == E_OK)
        code = take_back_in(db, arena, lease_ms, &count, err);
    if (count > 0)
        crash_point("taking_back");
    if (code == E_OK)
        code = db_commit(db, err);
    if (code != E_OK)
        db_rollback(db);
    else
        *moved = count;
    return code;
}

/* ---- sweep, purge, counts ------------------------------------------------------------------- */

/* The consumers as four columns. */
static bool consumer_columns(struct arena *arena, const struct job_consumer *consumers, size_t n,
                             const char *columns[4])
{
    const char **lists[4];
    for (size_t c = 0; c < 4; c++)
        if ((lists[c] = arena_array(arena, n, sizeof *lists[c])) == NULL)
            return false;
    for (size_t i = 0; i < n; i++)
    {
        lists[0][i] = consumers[i].worker;
        lists[1][i] = job_priority_name(consumers[i].priority);
        lists[2][i] = db_param_int(arena, consumers[i].delivered_seq);
        lists[3][i] = db_param_int(arena, consumers[i].acked_seq);
    }
    for (size_t c = 0; c < 4; c++)
        columns[c] = db_param_array(arena, lists[c], n);
    return !arena_failed(arena);
}

enum err_code job_store_sweep(struct db *db, struct arena *arena, const struct job_stream *stream,
                              const struct job_consumer *consumers, size_t n, struct job_walk *walk,
                              struct err *err)
{
    const char *columns[4];
    if (!consumer_columns(arena, consumers, n, columns))
        return fail(err, E_NO_MEMORY, "out of memory");
    const char *params[] = {stream->stream,
                            db_param_int(arena, stream->ack_wait_ms),
                            columns[0],
                            columns[1],
                            columns[2],
                            columns[3],
                            walk->before[0] != '\0' ? walk->before : "ffffffff-ffff-ffff-ffff-ffffffffffff",
                            db_param_int(arena, JOB_WALK_STEP),
                            ID_SYSTEM_USER};
    struct db_rows *rows = NULL;
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = db_run(db, &sweep_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    walk->woken = db_int(rows, 0, 0, 0);
    bool more = db_int(rows, 0, 1, 0) == JOB_WALK_STEP;
    snprintf(walk->before, sizeof walk->before, "%s", more ? db_text(rows, 0, 2) : "");
    db_rows_free(rows);
    return E_OK;
}

enum err_code job_store_busy(struct db *db, struct arena *arena, int64_t min_age_ms,
                             struct job_consumer **busy, size_t *count, struct err *err)
{
    const char *params[] = {db_param_int(arena, min_age_ms)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &busy_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    size_t n = rows != NULL ? (size_t)db_rows(rows) : 0;
    struct job_consumer *list = arena_array(arena, n + 1, sizeof *list);
    if (rows == NULL || list == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    *count = 0;
    *busy = list;
    for (size_t i = 0; i < n; i++)
    {
        list[*count] = (struct job_consumer){.worker = db_text(rows, (int)i, 0)};
        if (job_priority_parse(db_text(rows, (int)i, 1), &list[*count].priority))
            (*count)++;
    }
    return E_OK;
}

enum err_code job_store_tidy_claims(struct db *db, struct arena *arena, int64_t lease_ms, struct err *err)
{
    const char *params[] = {db_param_int(arena, lease_ms)};
    return db_run(db, &tidy_claims_stmt, params, NULL, err);
}

enum err_code job_store_purge(struct db *db, int days, int64_t limit, int64_t *deleted, struct err *err)
{
    char days_text[24];
    char limit_text[24];
    snprintf(days_text, sizeof days_text, "%d", days);
    snprintf(limit_text, sizeof limit_text, "%lld", (long long)limit);
    const char *params[] = {days_text, limit_text};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &purge_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    *deleted = db_affected(rows);
    db_rows_free(rows);
    return db_run(db, &purge_keys_stmt, NULL, NULL, err);
}

enum err_code job_store_counts(struct db *db, struct job_counts *counts, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &counts_stmt, NULL, &rows, err);
    if (code != E_OK)
        return code;
    *counts = (struct job_counts){.waiting = db_int(rows, 0, 0, 0),
                                  .outbox = db_int(rows, 0, 1, 0),
                                  .open_letters = db_int(rows, 0, 2, 0),
                                  .oldest_ms = db_int(rows, 0, 3, 0)};
    db_rows_free(rows);
    return E_OK;
}

enum err_code job_store_backlog(struct db *db, struct arena *arena, struct job_backlog **out, size_t *count,
                                struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &backlog_stmt, NULL, &rows, err);
    if (code != E_OK)
        return code;
    const size_t n = (size_t)db_rows(rows);
    struct job_backlog *kinds = arena_array(arena, n + 1, sizeof *kinds);
    for (size_t i = 0; kinds != NULL && i < n; i++)
        kinds[i] = (struct job_backlog){.kind = arena_strdup(arena, db_text(rows, (int)i, 0)),
                                        .waiting = db_int(rows, (int)i, 1, 0),
                                        .running = db_int(rows, (int)i, 2, 0),
                                        .oldest_ms = db_int(rows, (int)i, 3, 0)};
    db_rows_free(rows);
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    *out = kinds;
    *count = n;
    return E_OK;
}
