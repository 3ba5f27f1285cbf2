/* SPDX-License-Identifier: Apache-2.0 */
/* Healing: whose worker died, which wake-up got lost, what may be forgotten.  A statement stands above the
 * function that runs it. */
#include "common/store/jobs.h"

#include "common/base/crash.h"
#include "common/base/id.h"
#include "common/job/settle.h"
#include "common/store/jobs_internal.h"
#include "common/store/limits_internal.h"

#include <stdio.h>
#include <string.h>

/* The number in the only row. */
static enum err_code run_number(struct db *db, const struct db_stmt *stmt, const char *const *params,
                                int64_t *number, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, stmt, params, &rows, err);
    if (code == E_OK)
        *number = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return code;
}

/* The rows, in the arena. */
static enum err_code run_kept(struct db *db, const struct db_stmt *stmt, const char *const *params,
                              struct arena *arena, struct db_rows **kept, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    *kept = db_rows_keep(rows, arena);
    return *kept != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

/* ---- workers -------------------------------------------------------------------------------- */

static const struct db_stmt register_stmt = {
    "worker_register",
    "INSERT INTO workers (id, worker, node, server_start, backend_pid, backend_start)"
    " SELECT $1::uuid, $2, $3, pg_postmaster_start_time(), pid, backend_start FROM pg_stat_activity"
    "   WHERE pid = pg_backend_pid()"
    " ON CONFLICT (id) DO UPDATE SET server_start = excluded.server_start,"
    "   backend_pid = excluded.backend_pid, backend_start = excluded.backend_start, missing_since = NULL",
    3};

enum err_code worker_store_register(struct db *db, const char *worker_id, const char *worker,
                                    const char *node, struct err *err)
{
    const char *params[] = {worker_id, worker, node};
    return db_run(db, &register_stmt, params, NULL, err);
}

static const struct db_stmt leave_stmt = {"worker_leave", "DELETE FROM workers WHERE id = $1", 1};

enum err_code worker_store_leave(struct db *db, const char *worker_id, struct err *err)
{
    return db_run(db, &leave_stmt, &worker_id, NULL, err);
}

static const struct db_stmt names_stmt = {"worker_names",
                                          "SELECT DISTINCT worker FROM workers ORDER BY worker LIMIT 100", 0};

enum err_code worker_store_names(struct db *db, struct arena *arena, const char ***names, size_t *count,
                                 struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = run_kept(db, &names_stmt, NULL, arena, &rows, err);
    if (code != E_OK)
        return code;
    *count = (size_t)db_rows(rows);
    *names = arena_array(arena, *count + 1, sizeof **names);
    for (size_t i = 0; *names != NULL && i < *count; i++)
        (*names)[i] = db_text(rows, (int)i, 0);
    return *names != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

/* ---- the turn ------------------------------------------------------------------------------- */

#define TURN_HELD_SQL "locktype = 'advisory' AND classid = 21843 AND objid = 1 AND granted"

/* A session lock that is asked for again is counted, not taken twice; hence the look into pg_locks. */
static const struct db_stmt turn_stmt = {"healing_turn",
                                         "SELECT (EXISTS (SELECT 1 FROM pg_locks WHERE " TURN_HELD_SQL
                                         " AND pid = pg_backend_pid())"
                                         "   OR pg_try_advisory_lock(21843, 1))::int",
                                         0};

enum err_code healing_store_turn(struct db *db, bool *mine, struct err *err)
{
    int64_t is_mine = 0;
    enum err_code code = run_number(db, &turn_stmt, NULL, &is_mine, err);
    if (code == E_OK)
        *mine = is_mine == 1;
    return code;
}

/* Whoever has the turn asks twice a second.  A connection that has long been silent belongs to a process that
 * is frozen, with its host or by itself; it keeps the lock, and perhaps rows, for ever: it is closed. */
static const struct db_stmt unseat_stmt = {
    "healing_unseat",
    "SELECT count(pg_terminate_backend(l.pid)) FROM (SELECT pid FROM pg_locks WHERE " TURN_HELD_SQL ") l"
    "   JOIN pg_stat_activity a USING (pid)"
    " WHERE a.datname = current_database() AND pid <> pg_backend_pid() AND a.state <> 'active'"
    "   AND a.state_change < clock_timestamp() - interval '10 s'",
    0};

enum err_code healing_store_unseat(struct db *db, int64_t *unseated, struct err *err)
{
    return run_number(db, &unseat_stmt, NULL, unseated, err);
}

/* ---- take-back ------------------------------------------------------------------------------ */

/* The first look finds whose connection is missing now, on the server where it was made; the second finds
 * marks that are old. */
static const struct db_stmt look_stmt = {
    "worker_look",
    "UPDATE workers w SET missing_since ="
    "   CASE WHEN a.pid IS NULL THEN coalesce(w.missing_since, clock_timestamp()) END"
    " FROM workers v LEFT JOIN pg_stat_activity a ON a.pid = v.backend_pid"
    "   AND a.backend_start = v.backend_start"
    " WHERE w.id = v.id AND w.server_start = pg_postmaster_start_time()"
    "   AND (a.pid IS NULL) <> (w.missing_since IS NOT NULL)",
    0};

#define IS_DEAD_SQL "missing_since < clock_timestamp() - interval '700 ms'"
#define LEASE_AGO_SQL "clock_timestamp() - $1::bigint * interval '1 ms'"

/* Jobs of the dead and of the frozen.  A lease that is over counts only when this server and this connection
 * are older than one: after a restart nobody could renew. */
static const struct db_stmt victims_stmt = {
    "job_victims",
    "WITH grown AS (SELECT pg_postmaster_start_time() < " LEASE_AGO_SQL
    "   AND backend_start < " LEASE_AGO_SQL " AS up FROM pg_stat_activity WHERE pid = pg_backend_pid())"
    " SELECT j.job_id, j.fence, j.attempts, j.worker_id, w.id IS NOT NULL,"
    "   w.id IS NOT NULL AND j.alone AND j.started_at > w.missing_since - interval '3 s'"
    " FROM jobs j LEFT JOIN workers w ON w.id = j.worker_id AND w." IS_DEAD_SQL
    " WHERE j.job_id IN (SELECT unnest(c.job_ids) FROM claims c WHERE c.at < " LEASE_AGO_SQL
    "     OR EXISTS (SELECT 1 FROM workers d WHERE d.id = c.worker_id AND d." IS_DEAD_SQL "))"
    "   AND j.status = 'Running' AND (w.id IS NOT NULL"
    "     OR (j.lease_until < clock_timestamp() AND (SELECT up FROM grown)))"
    " ORDER BY j.worker_id, j.job_id LIMIT 20000 FOR UPDATE OF j SKIP LOCKED",
    1};

static const struct db_stmt forget_workers_stmt = {
    "worker_forget",
    "DELETE FROM workers w WHERE (missing_since < clock_timestamp() - interval '5 s'"
    "   OR (server_start <> pg_postmaster_start_time() AND started_at < now() - interval '1 day'))"
    " AND NOT EXISTS (SELECT 1 FROM claims WHERE worker_id = w.id)",
    0};

/* Rows are ordered by worker. */
static bool same_worker(const struct db_rows *rows, int a, int b)
{
    const char *one = a >= 0 ? db_text(rows, a, 3) : NULL;
    const char *other = b < db_rows(rows) ? db_text(rows, b, 3) : NULL;
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

static struct job_end end_of(const struct db_rows *rows, int i)
{
    const struct settle_loss loss = {.attempts = (int)db_int(rows, i, 2, 0),
                                     .shared = same_worker(rows, i - 1, i) || same_worker(rows, i, i + 1),
                                     .quarantined = db_bool(rows, i, 5)};
    const struct settle_verdict verdict = settle_lost(&loss);
    return (struct job_end){
        .job_id = db_text(rows, i, 0),
        .fence = db_int(rows, i, 1, 0),
        .move = verdict.move,
        .reason = verdict.reason != NULL ? verdict.reason : "worker_lost",
        .detail = db_bool(rows, i, 4) ? "The worker died; another one takes over"
                                      : "The worker did not answer for a whole lease; another one takes over",
        .forgive = settle_blames(&loss) == SETTLE_SHARED};
}

static enum err_code take_back_in(struct db *db, struct arena *arena, int64_t lease_ms, int64_t *moved,
                                  struct err *err)
{
    const char *params[] = {db_param_int(arena, lease_ms)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &look_stmt, NULL, NULL, err);
    if (code == E_OK)
        code = run_kept(db, &victims_stmt, params, arena, &rows, err);
    if (code != E_OK)
        return code;
    const size_t n = (size_t)db_rows(rows);
    struct job_end *ends = arena_array(arena, n + 1, sizeof *ends);
    bool *mine = arena_array(arena, n + 1, sizeof *mine);
    if (ends == NULL || mine == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        ends[i] = end_of(rows, (int)i);
    *moved = (int64_t)n;
    code = job_store_settle_in(db, arena, ends, n, mine, err);
    return code == E_OK ? db_run(db, &forget_workers_stmt, NULL, NULL, err) : code;
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

static const struct db_stmt tidy_claims_stmt = {
    "job_tidy_claims",
    "DELETE FROM claims c WHERE (at < " LEASE_AGO_SQL " OR EXISTS (SELECT 1 FROM workers d"
    "   WHERE d.id = c.worker_id AND d.missing_since < clock_timestamp() - interval '5 s'))"
    " AND NOT EXISTS (SELECT 1 FROM unnest(c.job_ids) AS t(job_id) JOIN jobs j USING (job_id)"
    "   WHERE j.status = 'Running' AND j.worker_id = c.worker_id)",
    1};

enum err_code job_store_tidy_claims(struct db *db, struct arena *arena, int64_t lease_ms, struct err *err)
{
    const char *params[] = {db_param_int(arena, lease_ms)};
    return db_run(db, &tidy_claims_stmt, params, NULL, err);
}

/* ---- the scan ------------------------------------------------------------------------------- */

/* Queued and paused jobs are owed no wake-up.  Wake-ups below a consumer's cut went out in batches that it is
 * past.  A running job whose lease is over and that no claim record names gets one, by which it is taken
 * back. */
static const struct db_stmt scan_stmt = {
    "job_scan",
    "WITH consumer AS MATERIALIZED (SELECT c.worker, c.priority, coalesce((SELECT min(b.min_wake)"
    "     FROM relay_batches b WHERE b.stream = $1 AND b.max_seq > c.acked AND (b.max_seq > c.delivered"
    "       OR b.at > now() - 3 * $2::bigint * interval '1 ms')), 9223372036854775807) AS cut"
    "   FROM unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[])"
    "     AS c(worker, priority, delivered, acked)),"
    " page AS MATERIALIZED (SELECT job_id, status, worker, priority, wake, run_at, place, worker_id,"
    "   lease_until FROM jobs WHERE job_id < $7::uuid ORDER BY job_id DESC LIMIT $8::bigint),"
    " lost AS MATERIALIZED (SELECT job_id FROM jobs WHERE job_id IN ("
    "   SELECT p.job_id FROM page p JOIN consumer c USING (worker, priority) WHERE p.status = 'Pending'"
    "     AND p.wake < c.cut AND coalesce(p.place NOT IN (" PLACE_QUEUED ", " PLACE_PAUSED "), true)"
    "     AND p.run_at < now() - interval '2 s' AND NOT EXISTS (SELECT 1 FROM outgoing o"
    "       WHERE o.id = p.wake AND p.job_id = ANY (o.job_ids)))"
    "   AND status = 'Pending' FOR UPDATE SKIP LOCKED),"
    " moved AS (UPDATE jobs SET " JOB_WAKE_SQL " FROM lost"
    "   WHERE jobs.job_id = lost.job_id AND status = 'Pending'"
    "   RETURNING " JOB_WOKEN_COLUMNS(
        "jobs") "),"
                " woken AS (" JOB_WAKE_ROWS(
                    "moved") " RETURNING 1),"
                             " unclaimed AS (INSERT INTO claims (worker_id, job_ids, at) SELECT "
                             "coalesce(worker_id, $9::uuid),"
                             "     array_agg(job_id), min(lease_until) - interval '1 day' FROM page p WHERE "
                             "status = 'Running'"
                             "     AND lease_until < now() - interval '5 s' AND NOT EXISTS (SELECT 1 FROM "
                             "claims c"
                             "       WHERE c.worker_id = p.worker_id AND p.job_id = ANY (c.job_ids)) GROUP "
                             "BY worker_id)"
                             " SELECT (SELECT count(*) FROM woken), (SELECT count(*) FROM page),"
                             "   (SELECT job_id FROM page ORDER BY job_id LIMIT 1)",
    9};

/* The consumers as four columns. */
static bool consumer_columns(struct arena *arena, const struct job_stream *stream, const char *columns[4])
{
    const char **lists[4];
    for (size_t c = 0; c < 4; c++)
        if ((lists[c] = arena_array(arena, stream->count, sizeof *lists[c])) == NULL)
            return false;
    for (size_t i = 0; i < stream->count; i++)
    {
        lists[0][i] = stream->consumers[i].worker;
        lists[1][i] = job_priority_name(stream->consumers[i].priority);
        lists[2][i] = db_param_int(arena, stream->consumers[i].delivered_seq);
        lists[3][i] = db_param_int(arena, stream->consumers[i].acked_seq);
    }
    for (size_t c = 0; c < 4; c++)
        columns[c] = db_param_array(arena, lists[c], stream->count);
    return !arena_failed(arena);
}

enum err_code job_store_scan(struct db *db, struct arena *arena, const struct job_stream *stream,
                             struct job_scan *scan, struct err *err)
{
    const char *columns[4];
    struct db_rows *rows = NULL;
    if (!consumer_columns(arena, stream, columns))
        return fail(err, E_NO_MEMORY, "out of memory");
    const char *params[] = {stream->stream,
                            db_param_int(arena, stream->ack_wait_ms),
                            columns[0],
                            columns[1],
                            columns[2],
                            columns[3],
                            scan->before[0] != '\0' ? scan->before : "ffffffff-ffff-ffff-ffff-ffffffffffff",
                            db_param_int(arena, JOB_SCAN_STEP),
                            ID_SYSTEM_USER};
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = db_run(db, &scan_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    scan->woken = db_int(rows, 0, 0, 0);
    const bool more = db_int(rows, 0, 1, 0) == JOB_SCAN_STEP;
    snprintf(scan->before, sizeof scan->before, "%s", more ? db_text(rows, 0, 2) : "");
    db_rows_free(rows);
    return E_OK;
}

static const struct db_stmt busy_stmt = {"job_busy",
                                         "SELECT DISTINCT worker, priority FROM jobs WHERE status = 'Running'"
                                         "   AND started_at < " LEASE_AGO_SQL
                                         " AND job_id IN (SELECT unnest(job_ids) FROM claims)",
                                         1};

enum err_code job_store_busy(struct db *db, struct arena *arena, int64_t min_age_ms,
                             struct job_consumer **busy, size_t *count, struct err *err)
{
    const char *params[] = {db_param_int(arena, min_age_ms)};
    struct db_rows *rows = NULL;
    enum err_code code = run_kept(db, &busy_stmt, params, arena, &rows, err);
    if (code != E_OK)
        return code;
    *count = (size_t)db_rows(rows);
    *busy = arena_array(arena, *count + 1, sizeof **busy);
    for (size_t i = 0; *busy != NULL && i < *count; i++)
    {
        (*busy)[i].worker = db_text(rows, (int)i, 0);
        (void)job_priority_parse(db_text(rows, (int)i, 1), &(*busy)[i].priority);
    }
    return *busy != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

/* ---- counts --------------------------------------------------------------------------------- */

static const struct db_stmt counts_stmt = {"job_counts",
                                           "SELECT (SELECT count(*) FROM jobs WHERE place = " PLACE_QUEUED
                                           "),"
                                           " " SQL_OUTGOING ","
                                           " (SELECT count(*) FROM dead_letters WHERE closed_at IS NULL),"
                                           " (SELECT greatest(0, ceil(extract(epoch FROM now() - least("
                                           "   (SELECT min(run_at) FROM outgoing WHERE part = 0), (SELECT "
                                           "min(run_at) FROM outgoing WHERE part > 0)))"
                                           "   * 1000))::bigint)",
                                           0};

enum err_code job_store_counts(struct db *db, struct job_counts *counts, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &counts_stmt, NULL, &rows, err);
    if (code != E_OK)
        return code;
    *counts = (struct job_counts){.queued = db_int(rows, 0, 0, 0),
                                  .outbox = db_int(rows, 0, 1, 0),
                                  .open_letters = db_int(rows, 0, 2, 0),
                                  .oldest_ms = db_int(rows, 0, 3, 0)};
    db_rows_free(rows);
    return E_OK;
}

static const struct db_stmt backlog_stmt = {
    "job_backlog",
    "WITH due AS (SELECT split_part(subject, '.', 4) AS kind, cardinality(job_ids)::bigint AS n, run_at"
    "   FROM outgoing WHERE run_at <= now() AND starts_with(subject, 'sokoul.jobs.')"
    "   UNION ALL SELECT kind, 1, run_at FROM jobs WHERE place = " PLACE_QUEUED " AND run_at <= now()),"
    " waiting AS (SELECT kind, sum(n)::bigint AS n,"
    "   ceil(extract(epoch FROM now() - min(run_at)) * 1000)::bigint AS ms FROM due GROUP BY kind),"
    " running AS (SELECT kind, count(*) AS n FROM jobs WHERE status = 'Running'"
    "   AND job_id IN (SELECT unnest(job_ids) FROM claims) GROUP BY kind)"
    " SELECT kind, coalesce(waiting.n, 0), coalesce(running.n, 0), coalesce(ms, 0)"
    " FROM waiting FULL JOIN running USING (kind)",
    0};

enum err_code job_store_backlog(struct db *db, struct arena *arena, struct job_backlog **kinds, size_t *count,
                                struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = run_kept(db, &backlog_stmt, NULL, arena, &rows, err);
    if (code != E_OK)
        return code;
    *count = (size_t)db_rows(rows);
    *kinds = arena_array(arena, *count + 1, sizeof **kinds);
    for (size_t i = 0; *kinds != NULL && i < *count; i++)
        (*kinds)[i] = (struct job_backlog){.kind = db_text(rows, (int)i, 0),
                                           .waiting = db_int(rows, (int)i, 1, 0),
                                           .running = db_int(rows, (int)i, 2, 0),
                                           .oldest_ms = db_int(rows, (int)i, 3, 0)};
    return *kinds != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}
