/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side: claiming, from messages and from the outbox, and what is known of claims.
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

/* The same for wake-ups that are still in the outbox, with their rows; what is not claimed and still waits
 * stays in its row.  A row of a kind with a limit goes to the broker. */
#define LOCAL_DUE                                                                                            \
    "run_at <= now() - $4::bigint * interval '1 ms' AND job_ids IS NOT NULL AND subject LIKE $1"             \
    " AND " JOB_UNLIMITED_SQL
#define LOCAL_SINGLE "(SELECT are FROM many) AND part = 0 AND " LOCAL_DUE
static const struct db_stmt claim_local_stmt = {
    "job_claim_local",
    "WITH shared AS MATERIALIZED (SELECT id, part, job_ids FROM outgoing WHERE part > 0 AND " LOCAL_DUE
    "   ORDER BY run_at, id, part LIMIT greatest($5::bigint / " JOB_SHARED_SQL ", 1) FOR UPDATE SKIP LOCKED),"
    " many AS MATERIALIZED (SELECT EXISTS (SELECT 1 FROM shared) OR count(*) > $7::bigint AS are"
    "   FROM (SELECT 1 FROM outgoing WHERE part = 0 AND " LOCAL_DUE " AND subject NOT LIKE '%.low'"
    "     LIMIT $7::bigint + 1) AS due),"
    " high AS MATERIALIZED (SELECT id, part, job_ids FROM outgoing WHERE " LOCAL_SINGLE
    "   AND subject LIKE '%.high' ORDER BY run_at, id LIMIT $5::bigint FOR UPDATE SKIP LOCKED),"
    " first AS MATERIALIZED (SELECT id AS row_id, part AS row_part, unnest(job_ids) AS woken FROM"
    "   (SELECT * FROM high UNION ALL SELECT * FROM shared) AS r),"
    " rest AS MATERIALIZED (SELECT id AS row_id, part AS row_part, job_ids[1] AS woken FROM outgoing"
    "   WHERE " LOCAL_SINGLE " AND subject NOT LIKE '%.high' AND subject NOT LIKE '%.low' ORDER BY run_at, id"
    "   LIMIT $6::bigint - least($5::bigint, (SELECT count(*) FROM first)) FOR UPDATE SKIP LOCKED),"
    " rows AS MATERIALIZED (SELECT * FROM first UNION ALL SELECT * FROM rest),"
    " claimed AS (" CLAIM_SET " WHERE job_id = ANY (ARRAY((SELECT woken FROM first LIMIT $5::bigint)"
    "   UNION ALL SELECT woken FROM rest)) AND NOT alone AND " CLAIMABLE "   RETURNING " JOB_CLAIMED_COLUMNS
    "),"
    " kept AS MATERIALIZED (SELECT row_id, row_part, array_agg(woken) AS ids FROM rows"
    "   JOIN jobs ON job_id = woken AND wake = row_id AND status = 'Pending'"
    "   WHERE (SELECT count(*) FROM claimed) < (SELECT count(*) FROM rows)"
    "     AND woken NOT IN (SELECT job_id FROM claimed) GROUP BY row_id, row_part)," JOB_ROWS_LEFT_SQL
        JOB_NOTED("$2", "AND " SQL_LAZILY),
    7};

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
                                const char *const *params, struct job_claims *claims, struct err *err)
{
    struct db_rows *rows = NULL;
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = db_run(db, stmt, params, &rows, err);
    return code == E_OK ? job_claims_of(arena, rows, &claims->list, &claims->count, err) : code;
}

enum err_code job_store_claim(struct db *db, struct arena *arena, const struct job_claimer *claimer,
                              const char *const *ids, size_t n, struct job_claim **claims, size_t *count,
                              struct err *err)
{
    const char *params[] = {db_param_column(arena, &claim_stmt, 1, ids, n), claimer->worker_id,
                            db_param_int(arena, claimer->lease_ms), n == 1 ? "true" : "false"};
    struct job_claims claimed = {.count = 0};
    enum err_code code = run_claims(db, arena, &claim_stmt, params, &claimed, err);
    if (code != E_OK)
        return code;
    *claims = claimed.list;
    *count = claimed.count;
    return E_OK;
}

enum err_code job_store_claim_local(struct db *db, struct arena *arena, const struct job_claimer *claimer,
                                    const struct job_local *ask, struct job_claims *claims, struct err *err)
{
    const char *params[] = {ask->subjects,
                            claimer->worker_id,
                            db_param_int(arena, claimer->lease_ms),
                            db_param_int(arena, ask->age_ms),
                            db_param_int(arena, ask->max_first),
                            db_param_int(arena, ask->max),
                            db_param_int(arena, ask->least)};
    return run_claims(db, arena, &claim_local_stmt, params, claims, err);
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
