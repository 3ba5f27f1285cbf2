/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side: claiming, from messages, from the outbox and from crowds, and what is known of claims.
 * Each is one statement however many jobs it moves. */
#include "common/store/jobs.h"

#include "common/job/envelope.h"
#include "common/store/jobs_internal.h"

#define CLAIM_SET                                                                                            \
    "UPDATE jobs SET status = 'Running', attempts = attempts + 1, fence = " JOB_FENCE_SQL(                   \
        "fence") ", worker_id = $2::uuid, lease_until = clock_timestamp() + $3::bigint * interval '1 ms',"   \
                 " started_at = clock_timestamp(), finished_at = NULL, place = NULL"

/* Kinds with a limit are left to jobs_limited.c: the list of them is read once per statement. */
#define CLAIMABLE                                                                                            \
    "status = 'Pending' AND run_at <= now() AND kind <> ALL (ARRAY(SELECT kind FROM job_limits))"

static const struct db_stmt claim_stmt = {
    "job_claim",
    "WITH claimed AS (" CLAIM_SET
    "   WHERE job_id = ANY($1::uuid[]) AND (NOT alone OR $4::boolean) AND " CLAIMABLE
    "   RETURNING " JOB_CLAIMED_COLUMNS ")" JOB_NOTED("$2", "AND " SQL_LAZILY),
    4 + DB_UUIDS(1)};

/* The same for wake-ups that are still in the outbox, with their removal. What cannot be claimed here stays.
 */
#define BRING_DUE "run_at <= now() - $4::bigint * interval '1 ms' AND job_id IS NOT NULL AND subject LIKE $1"
static const struct db_stmt bring_stmt = {
    "job_bring",
    "WITH high AS (SELECT id, job_id FROM outbox WHERE " BRING_DUE " AND subject LIKE '%.high'"
    "   ORDER BY run_at, id LIMIT $5::bigint FOR UPDATE SKIP LOCKED),"
    " rest AS (SELECT id, job_id FROM outbox WHERE " BRING_DUE " AND subject NOT LIKE '%.high'"
    "   AND subject NOT LIKE '%.low' ORDER BY run_at, id LIMIT $6::bigint - (SELECT count(*) FROM high)"
    "   FOR UPDATE SKIP LOCKED),"
    " due AS (SELECT id AS row_id, job_id AS woken FROM high UNION ALL SELECT id, job_id FROM rest),"
    " claimed AS (" CLAIM_SET " FROM due WHERE job_id = woken AND NOT alone AND " CLAIMABLE
    "   RETURNING " JOB_CLAIMED_COLUMNS ", row_id),"
    " gone AS (DELETE FROM outbox o USING claimed c WHERE o.id = c.row_id)" JOB_NOTED("$2",
                                                                                      "AND " SQL_LAZILY),
    6};

/* The same for crowds, whole rows of them. Those that are not claimed and still wait get rows of outbox. */
static const struct db_stmt bring_crowd_stmt = {
    "job_bring_crowd",
    "WITH crowd AS MATERIALIZED (SELECT wake AS crowd_wake, part AS crowd_part, job_ids FROM crowds"
    "   WHERE run_at <= now() - $4::bigint * interval '1 ms' AND subject LIKE $1 ORDER BY wake, part"
    "   LIMIT $5::bigint FOR UPDATE SKIP LOCKED),"
    " due AS MATERIALIZED (SELECT crowd_wake, unnest(job_ids) AS woken FROM crowd),"
    " claimed AS (" CLAIM_SET " WHERE job_id = ANY (ARRAY(SELECT woken FROM due LIMIT $6::bigint))"
    "   AND NOT alone AND " CLAIMABLE "   RETURNING " JOB_CLAIMED_COLUMNS "),"
    " gone AS (DELETE FROM crowds USING crowd WHERE wake = crowd_wake AND part = crowd_part),"
    " moved AS (UPDATE jobs SET wake = nextval('outbox_id_seq') FROM due"
    "   WHERE (SELECT count(*) FROM claimed) < (SELECT count(*) FROM due)"
    "     AND job_id = woken AND job_id NOT IN (SELECT c.job_id FROM claimed c) AND " JOB_OF_CROWD
    "   RETURNING " JOB_MOVED_COLUMNS "),"
    " woken AS (" JOB_WOKEN_BY("moved") ")" JOB_NOTED("$2", "AND " SQL_LAZILY),
    6};

static const struct db_stmt held_stmt = {
    "job_held",
    "SELECT j.job_id, j.fence FROM claims c, unnest(c.job_ids) AS t(job_id) JOIN jobs j USING (job_id)"
    " WHERE c.worker_id = $1::uuid AND c.at < clock_timestamp() - $2::bigint * interval '1 ms'"
    "   AND j.status = 'Running' AND j.worker_id = $1::uuid",
    2};

static const struct db_stmt forget_claims_stmt = {
    "job_forget_claims", "DELETE FROM claims WHERE id = ANY($1::bigint[]) AND " SQL_LAZILY, 1};

static const struct db_stmt unknown_stmt = {
    "job_unknown",
    "SELECT id FROM unnest($1::uuid[]) AS t(id) WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE job_id = t.id)",
    1};

static const struct db_stmt adopt_stmt = {
    "job_adopt",
    "WITH claimed AS (INSERT INTO jobs (job_id, kind, worker, user_id, request_id, priority, payload,"
    "   deadline_at, parent_id, status, attempts, fence, epoch, worker_id, lease_until, started_at, "
    "created_at)"
    "   SELECT $1::uuid, $2::text, $3, $4::uuid, $5, $6, $7::jsonb, $8::timestamptz, $9::uuid, 'Running', 1,"
    "   " JOB_FENCE_SQL(
        "0") ", 1, $10::uuid, clock_timestamp() + $11::bigint * interval '1 ms', clock_timestamp(), now()"
             "   WHERE NOT EXISTS (SELECT 1 FROM job_limits WHERE kind = $2)"
             "   ON CONFLICT DO NOTHING RETURNING " JOB_CLAIMED_COLUMNS ")" JOB_NOTED("$10", ""),
    11};

/* ---- running them --------------------------------------------------------------------------- */

static struct job_claim claim_of(const struct db_rows *rows, int i)
{
    struct job_claim claim = {.job_id = db_text(rows, i, 0),
                              .kind = db_text(rows, i, 1),
                              .user_id = db_text(rows, i, 2),
                              .request_id = db_text(rows, i, 3),
                              .payload = db_text(rows, i, 4),
                              .checkpoint = db_text(rows, i, 5),
                              .parent_id = db_text(rows, i, 6),
                              .fence = db_int(rows, i, 7, 0),
                              .attempts = (int)db_int(rows, i, 8, 0),
                              .deadline_at_ms = db_time(rows, i, 9, 0)};
    claim.note = db_int(rows, i, 11, 0);
    if (!job_priority_parse(db_text(rows, i, 10), &claim.priority))
        claim.priority = JOB_NORMAL;
    return claim;
}

enum err_code job_claims_of(struct arena *arena, struct db_rows *take, struct job_claim **claims,
                            size_t *count, struct err *err)
{
    struct db_rows *rows = db_rows_keep(take, arena);
    int n = db_rows(rows);
    struct job_claim *list = rows == NULL ? NULL : arena_array(arena, (size_t)n + 1, sizeof *list);
    if (list == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int i = 0; i < n; i++)
        list[i] = claim_of(rows, i);
    *claims = list;
    *count = (size_t)n;
    return E_OK;
}

static enum err_code run_claims(struct db *db, struct arena *arena, const struct db_stmt *stmt,
                                const char *const *params, struct job_claim **claims, size_t *count,
                                struct err *err)
{
    struct db_rows *rows = NULL;
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = db_run(db, stmt, params, &rows, err);
    return code == E_OK ? job_claims_of(arena, rows, claims, count, err) : code;
}

enum err_code job_store_claim(struct db *db, struct arena *arena, const struct job_claimer *claimer,
                              const char *const *ids, size_t n, struct job_claim **claims, size_t *count,
                              struct err *err)
{
    const char *params[] = {db_param_column(arena, &claim_stmt, 1, ids, n), claimer->worker_id,
                            db_param_int(arena, claimer->lease_ms), n == 1 ? "true" : "false"};
    return run_claims(db, arena, &claim_stmt, params, claims, count, err);
}

/* `first`: the statement's own limit, before that of all. */
static enum err_code run_bring(struct db *db, struct arena *arena, const struct db_stmt *stmt,
                               const struct job_claimer *claimer, const struct job_bring *ask, int64_t first,
                               struct job_claim **claims, size_t *count, struct err *err)
{
    const char *params[] = {ask->subjects,
                            claimer->worker_id,
                            db_param_int(arena, claimer->lease_ms),
                            db_param_int(arena, ask->hold_ms),
                            db_param_int(arena, first),
                            db_param_int(arena, ask->max)};
    return run_claims(db, arena, stmt, params, claims, count, err);
}

enum err_code job_store_bring(struct db *db, struct arena *arena, const struct job_claimer *claimer,
                              const struct job_bring *ask, struct job_claim **claims, size_t *count,
                              struct err *err)
{
    return run_bring(db, arena, &bring_stmt, claimer, ask, ask->max_high, claims, count, err);
}

enum err_code job_store_bring_crowd(struct db *db, struct arena *arena, const struct job_claimer *claimer,
                                    const struct job_bring *ask, struct job_claim **claims, size_t *count,
                                    struct err *err)
{
    const int64_t rows = job_crowd_rows(ask->max);
    return run_bring(db, arena, &bring_crowd_stmt, claimer, ask, rows, claims, count, err);
}

enum err_code job_store_held(struct db *db, struct arena *arena, const char *worker_id, int64_t min_age_ms,
                             struct job_held **held, size_t *count, struct err *err)
{
    const char *params[] = {worker_id, db_param_int(arena, min_age_ms)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &held_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    size_t n = rows != NULL ? (size_t)db_rows(rows) : 0;
    struct job_held *list = arena_array(arena, n + 1, sizeof *list);
    if (rows == NULL || list == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        list[i] = (struct job_held){db_text(rows, (int)i, 0), db_int(rows, (int)i, 1, 0)};
    *held = list;
    *count = n;
    return E_OK;
}

enum err_code job_store_forget_claims(struct db *db, struct arena *arena, const int64_t *notes, size_t n,
                                      struct err *err)
{
    const char **ids = arena_array(arena, n, sizeof *ids);
    for (size_t i = 0; ids != NULL && i < n; i++)
        ids[i] = db_param_int(arena, notes[i]);
    const char *params[] = {ids != NULL ? db_param_array(arena, ids, n) : NULL};
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    return db_run(db, &forget_claims_stmt, params, NULL, err);
}

enum err_code job_store_unknown(struct db *db, struct arena *arena, const char *const *ids, size_t n,
                                const char ***unknown, size_t *count, struct err *err)
{
    const char *params[] = {db_param_array(arena, ids, n)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &unknown_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    const char **list = rows == NULL ? NULL : arena_array(arena, n + 1, sizeof *list);
    if (list == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int i = 0; i < db_rows(rows); i++)
        list[i] = db_text(rows, i, 0);
    *unknown = list;
    *count = (size_t)db_rows(rows);
    return E_OK;
}

enum err_code job_store_adopt(struct db *db, struct arena *arena, const struct job_claimer *claimer,
                              const struct envelope *envelope, struct job_claim *claim, bool *adopted,
                              struct err *err)
{
    int64_t deadline_ms = envelope->deadline_at_ms;
    const char *params[] = {envelope->job_id,
                            envelope->kind,
                            claimer->worker,
                            envelope->user_id,
                            envelope->request_id,
                            job_priority_name(envelope->priority),
                            envelope->payload,
                            deadline_ms == ENVELOPE_TIME_NONE ? NULL : db_param_time(arena, deadline_ms),
                            envelope->parent_id,
                            claimer->worker_id,
                            db_param_int(arena, claimer->lease_ms)};
    struct db_rows *rows = NULL;
    *adopted = false;
    if (envelope->unique_key != NULL) /* accepting decides about keys */
        return E_OK;
    enum err_code code = db_run(db, &adopt_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    *adopted = db_rows(rows) == 1;
    if (*adopted)
        *claim = claim_of(rows, 0);
    return E_OK;
}
