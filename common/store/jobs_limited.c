/* SPDX-License-Identifier: Apache-2.0 */
/* Claiming jobs whose kind has a limit: under the lock of the limit, those who wait first. */
#include "common/store/jobs.h"

#include "common/store/jobs_internal.h"
#include "common/store/limits_internal.h"

/* Mostly none; the lock comes only then. */
static const struct db_stmt kinds_stmt = {
    "job_limited_kinds",
    "SELECT DISTINCT j.kind FROM jobs j WHERE j.job_id = ANY($1::uuid[]) AND j.status = 'Pending' AND "
    "j.run_at <= now() AND j.kind = ANY (ARRAY(SELECT kind FROM "
    "job_limits))",
    1};

/* Who was called has its place; newcomers get what is free after that, by user as limits.h has it; the others
 * wait, with no wake-up: a number that no batch of the relay reaches.  Kinds whose limit was removed since we
 * looked wait too: healing lets them go. */
static const struct db_stmt claim_stmt = {
    "job_claim_limited",
    "WITH l AS MATERIALIZED (SELECT kind, " LIMIT_MOST_SQL " AS max_running, max_per_user FROM job_limits"
    "   WHERE kind = ANY($5::text[])),"
    " used AS MATERIALIZED (SELECT kind, user_id, count(*) AS n FROM jobs WHERE kind = ANY($5::text[])"
    "   AND " LIMIT_TAKEN_SQL " GROUP BY kind, user_id),"
    " due AS MATERIALIZED (SELECT job_id, kind, user_id, coalesce(" LIMIT_ADMITTED_SQL
    ", false) AS called FROM jobs"
    "   WHERE job_id = ANY($1::uuid[]) AND status = 'Pending' AND run_at <= clock_timestamp()"
    "   AND (NOT alone OR $4::boolean) AND kind = ANY($5::text[])),"
    " ranked AS (SELECT job_id, kind, user_id, row_number() OVER (PARTITION BY kind, user_id "
    "ORDER BY "
    "job_id)"
    "   AS nth FROM due WHERE NOT called),"
    " fit AS (SELECT r.job_id, r.kind, row_number() OVER (PARTITION BY r.kind"
    "     ORDER BY r.nth + coalesce(u.n, 0), r.job_id) AS nth"
    "   FROM ranked r JOIN l USING (kind) LEFT JOIN used u USING (kind, user_id)"
    "   WHERE r.nth <= coalesce(l.max_per_user, l.max_running) - coalesce(u.n, 0)),"
    " chosen AS MATERIALIZED (SELECT job_id FROM due JOIN l USING (kind) WHERE called UNION ALL"
    "   SELECT f.job_id FROM fit f JOIN l USING (kind)"
    "   WHERE f.nth <= l.max_running - coalesce((SELECT sum(n) FROM used WHERE kind = f.kind), "
    "0)),"
    " waiting AS (UPDATE jobs SET place = 'waits', wake = 9223372036854775807,"
    "   detail = 'Waits for a free place: its kind has a limit'"
    "   WHERE job_id IN (SELECT job_id FROM due EXCEPT SELECT job_id FROM chosen) "
    "AND status = 'Pending' AND place IS DISTINCT FROM 'waits'),"
    " claimed AS (UPDATE jobs SET status = 'Running', attempts = attempts + 1, fence = " JOB_FENCE_SQL(
        "fence") ","
                 "   worker_id = $2::uuid, place = 'held', detail = NULL, finished_at = NULL,"
                 "   lease_until = clock_timestamp() + $3::bigint * interval '1 ms',"
                 "   started_at = clock_timestamp()"
                 "   WHERE job_id IN (SELECT job_id FROM chosen) AND status = 'Pending'"
                 "   RETURNING " JOB_CLAIMED_COLUMNS ")" JOB_NOTED("$2", ""),
    5};

static enum err_code claim_in(struct db *db, const char *const *params, const struct db_rows *kinds,
                              struct arena *arena, struct db_rows **rows, struct err *err)
{
    int64_t admitted = 0;
    size_t n = (size_t)db_rows(kinds);
    const char **names = arena_array(arena, n, sizeof *names);
    if (names == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        names[i] = db_text(kinds, (int)i, 0);
    const char *all[] = {params[0], params[1], params[2], params[3], db_param_array(arena, names, n)};
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = limits_lock(db, all[4], err);
    if (code == E_OK)
        code = limits_admit_in(db, names, n, &admitted, err);
    return code == E_OK ? db_run(db, &claim_stmt, all, rows, err) : code;
}

enum err_code job_store_claim_limited(struct db *db, struct arena *arena, const struct job_claimer *claimer,
                                      const char *const *ids, size_t n, struct job_claim **claims,
                                      size_t *count, struct err *err)
{
    const char *params[] = {db_param_array(arena, ids, n), claimer->worker_id,
                            db_param_int(arena, claimer->lease_ms), n == 1 ? "true" : "false"};
    struct db_rows *kinds = NULL;
    struct db_rows *rows = NULL;
    *count = 0;
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = db_run(db, &kinds_stmt, params, &kinds, err);
    if (code != E_OK || db_rows(kinds) == 0)
    {
        db_rows_free(kinds);
        return code;
    }
    kinds = db_rows_keep(kinds, arena);
    code = db_begin(db, err);
    if (code == E_OK)
        code = kinds != NULL ? claim_in(db, params, kinds, arena, &rows, err) : E_NO_MEMORY;
    if (code == E_OK)
        code = db_commit(db, err);
    if (code != E_OK)
    {
        db_rows_free(rows);
        db_rollback(db);
        return code;
    }
    code = job_claims_of(arena, rows, claims, count, err);
    for (size_t i = 0; code == E_OK && i < *count; i++)
        (*claims)[i].limited = true;
    return code;
}
