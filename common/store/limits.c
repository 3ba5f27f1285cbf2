/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/limits.h"

#include "common/store/jobs_internal.h"
#include "common/store/limits_internal.h"
#include "common/store/page.h"

/* Claims read the table, so this lock waits for claims that are under way, and new ones wait for this
 * transaction: no claim can miss the limit.  A backup reads the table, too, until its end, and claims must
 * not wait for that. */
static const struct db_stmt patience_stmt = {"job_limit_patience", "SET LOCAL lock_timeout = 500", 0};
static const struct db_stmt alone_stmt = {"job_limit_alone", "LOCK TABLE job_limits IN ACCESS EXCLUSIVE MODE",
                                          0};
static const struct db_stmt rest_stmt = {"job_limit_rest", "SET LOCAL lock_timeout TO DEFAULT", 0};

static const struct db_stmt put_stmt = {
    "job_limit_put",
    "INSERT INTO job_limits (kind, max_running, max_per_user) VALUES ($1, $2::integer, $3::integer)"
    " ON CONFLICT (kind) DO UPDATE SET max_running = excluded.max_running, max_per_user = "
    "excluded.max_per_user",
    3};

/* Places that were kept under the old limit are given up: an admitted job is claimed like any other. */
static const struct db_stmt count_in_stmt = {
    "job_limit_count_in",
    "UPDATE jobs SET place = CASE status WHEN 'Running' THEN " PLACE_RUNNING " END WHERE kind = $1"
    " AND (status = 'Running' OR (status = 'Pending' AND place = " PLACE_ADMITTED "))",
    1};

/* A worker's own limit stays. */
static const struct db_stmt remove_stmt = {
    "job_limit_remove",
    "WITH eased AS (UPDATE job_limits SET max_running = " LIMIT_UNSET_SQL ", max_per_user = NULL"
    "   WHERE kind = $1 AND per_process IS NOT NULL AND " LIMIT_SET_SQL " RETURNING kind),"
    " gone AS (DELETE FROM job_limits WHERE kind = $1 AND per_process IS NULL RETURNING kind)"
    " SELECT kind FROM eased UNION ALL SELECT kind FROM gone",
    1};

static const struct db_stmt is_owned_stmt = {
    "job_limit_is_owned",
    "SELECT 1 FROM job_limits WHERE kind = $1 AND worker = $2 AND per_process = $3::integer", 3};

static const struct db_stmt own_stmt = {
    "job_limit_own",
    "INSERT INTO job_limits (kind, worker, per_process, max_running) VALUES ($1, $2, $3::integer,"
    " " LIMIT_UNSET_SQL ") ON CONFLICT (kind) DO UPDATE SET worker = excluded.worker,"
    " per_process = excluded.per_process",
    3};

static const struct db_stmt list_stmt = {
    "job_limit_list",
    "SELECT coalesce(json_agg(json_build_object('kind', l.kind, 'max_running', l.max_running, 'max_per_user',"
    "   l.max_per_user, 'running', (SELECT count(*) FROM jobs j WHERE j.kind = l.kind AND j.place "
    "= " PLACE_RUNNING ""
    "     AND j.status = 'Running'), 'waiting', (SELECT count(*) FROM jobs j WHERE j.kind = l.kind"
    "     AND j.place = " PLACE_QUEUED ")) ORDER BY l.kind), '[]') FROM job_limits l"
    " WHERE " LIMIT_SET_SQL,
    0};

static const struct db_stmt lock_stmt = {
    "job_limit_lock",
    "SELECT kind FROM job_limits WHERE kind = ANY($1::text[]) ORDER BY kind FOR NO KEY UPDATE", 1};

/* Of the kind $1: how many places each user has, how many are free, and the users of queued jobs, which are
 * read one by one along the index. */
#define LIMIT_ROOM_SQL                                                                                       \
    "WITH RECURSIVE used AS MATERIALIZED (SELECT user_id, count(*) AS n FROM jobs"                           \
    "   WHERE kind = $1 AND " LIMIT_TAKEN_SQL " GROUP BY user_id),"                                          \
    " room AS MATERIALIZED (SELECT l.most, greatest(0, l.most - coalesce((SELECT sum(n) FROM used), 0)) AS " \
    "places, l.max_per_user FROM (SELECT " LIMIT_MOST_SQL " AS most, max_per_user FROM job_limits"           \
    "   WHERE kind = $1) l),"                                                                                \
    " users AS (SELECT (SELECT user_id FROM jobs WHERE kind = $1 AND place = " PLACE_QUEUED                  \
    " ORDER BY user_id"                                                                                      \
    "     LIMIT 1) AS user_id"                                                                               \
    "   UNION ALL SELECT (SELECT user_id FROM jobs WHERE kind = $1 AND place = " PLACE_QUEUED ""             \
    "     AND jobs.user_id > users.user_id ORDER BY user_id LIMIT 1) FROM users WHERE users.user_id IS NOT " \
    "NULL)"

/* A free place goes to the user who has the fewest; among equals to the job that has been queued longest. Of
 * each user's jobs as many are read as may get a place, and 64 more: a job that was handed back must not
 * overtake one that was queued in the meantime. */
static const struct db_stmt admit_stmt = {
    "job_limit_call",
    LIMIT_ROOM_SQL
    ", chosen AS (SELECT w.job_id FROM users CROSS JOIN room LEFT JOIN used USING (user_id) CROSS JOIN "
    "LATERAL"
    "   (SELECT job_id, run_at, row_number() OVER (ORDER BY run_at, job_id) AS nth FROM"
    "     (SELECT job_id, run_at FROM jobs WHERE kind = $1 AND place = " PLACE_QUEUED ""
    "       AND jobs.user_id = users.user_id AND status = 'Pending' ORDER BY job_id LIMIT 64 + places) o"
    "     ORDER BY run_at, job_id"
    "     LIMIT least(places, greatest(0, coalesce(max_per_user, most) - coalesce(n, 0)))) w"
    "   WHERE users.user_id IS NOT NULL AND places > 0"
    "   ORDER BY coalesce(n, 0) + w.nth, w.run_at, w.job_id LIMIT (SELECT places FROM room)),"
    " moved AS (UPDATE jobs SET place = " PLACE_ADMITTED ", run_at = clock_timestamp(), " JOB_WAKE_SQL
    "   FROM chosen WHERE jobs.job_id = chosen.job_id AND status = 'Pending'"
    "   AND place = " PLACE_QUEUED
    " RETURNING " JOB_WOKEN_COLUMNS("jobs") ") " JOB_WAKE_ROWS("moved") " RETURNING 1",
    1};

static const struct db_stmt short_stmt = {
    "job_limit_short",
    LIMIT_ROOM_SQL
    " SELECT greatest(0, coalesce(sum(least(greatest(0, coalesce(max_per_user - coalesce(n, 0), 100)),"
    "   (SELECT count(*) FROM (SELECT 1 FROM jobs WHERE kind = $1 AND place = " PLACE_QUEUED ""
    "     AND jobs.user_id = users.user_id LIMIT 100) w))), 0) - coalesce((SELECT places FROM room), 0))"
    " FROM users CROSS JOIN room LEFT JOIN used USING (user_id)"
    " WHERE users.user_id IS NOT NULL AND most > 0",
    1};

/* Kinds with queued jobs; the second column: the kind has a limit. */
#define LIMIT_KINDS_SQL                                                                                      \
    "WITH RECURSIVE kinds AS (SELECT (SELECT kind FROM jobs WHERE place IS NOT NULL ORDER BY kind LIMIT 1) " \
    "AS kind"                                                                                                \
    "   UNION ALL SELECT (SELECT kind FROM jobs WHERE place IS NOT NULL AND jobs.kind > kinds.kind"          \
    "     ORDER BY kind LIMIT 1) FROM kinds WHERE kinds.kind IS NOT NULL)"
static const struct db_stmt kinds_stmt = {
    "job_limit_kinds",
    LIMIT_KINDS_SQL " SELECT k.kind, EXISTS (SELECT 1 FROM job_limits l WHERE l.kind = k.kind) FROM kinds k"
                    " WHERE EXISTS (SELECT 1 FROM jobs j WHERE j.kind = k.kind AND j.place = " PLACE_QUEUED
                    ") LIMIT 1000",
    0};

/* Paused jobs whose download is no longer paused, or that never had one. The owner may resume between the
 * hunter's look and the hand-back; this look comes after both. */
static const struct db_stmt resume_stmt = {
    "job_resume",
    LIMIT_KINDS_SQL
    ", resumed AS (SELECT j.job_id FROM jobs j WHERE kind IN (SELECT kind FROM kinds) AND place "
    "= " PLACE_PAUSED ""
    "   AND status = 'Pending' AND NOT EXISTS (SELECT 1 FROM downloads d WHERE d.job_id = j.job_id"
    "     AND d.wanted = 'pause') LIMIT 1000 FOR UPDATE SKIP LOCKED),"
    " moved AS (UPDATE jobs SET place = NULL, run_at = clock_timestamp(), " JOB_WAKE_SQL
    "   FROM resumed WHERE jobs.job_id = resumed.job_id"
    "   RETURNING " JOB_WOKEN_COLUMNS("jobs") ") " JOB_WAKE_ROWS("moved") " RETURNING 1",
    0};

/* The limit was removed. If it is made again meanwhile, these jobs are claimed under it like new ones. */
static const struct db_stmt release_stmt = {
    "job_limit_release",
    "WITH freed AS (SELECT job_id FROM jobs WHERE kind = $1 AND place = " PLACE_QUEUED
    " AND status = 'Pending'"
    "   ORDER BY job_id LIMIT 5000 FOR UPDATE SKIP LOCKED),"
    " moved AS (UPDATE jobs SET place = NULL, " JOB_WAKE_SQL " FROM freed WHERE jobs.job_id = freed.job_id"
    "   RETURNING " JOB_WOKEN_COLUMNS("jobs") ") " JOB_WAKE_ROWS("moved") " RETURNING 1",
    1};

/* ---- the table ------------------------------------------------------------------------------ */

static enum err_code stand_alone(struct db *db, struct err *err)
{
    enum err_code code = db_run(db, &patience_stmt, NULL, NULL, err);
    if (code == E_OK)
        code = db_run(db, &alone_stmt, NULL, NULL, err);
    if (code == E_TIMEOUT)
        return fail(err, code,
                    "somebody reads the limits for long, such as a backup: try again when it is over");
    return code == E_OK ? db_run(db, &rest_stmt, NULL, NULL, err) : code;
}

static enum err_code put_in(struct db *db, struct arena *arena, const struct job_limit *limit,
                            struct err *err)
{
    const char *params[] = {limit->kind, db_param_int(arena, limit->max_running),
                            limit->max_per_user == JOB_LIMIT_NONE ? NULL
                                                                  : db_param_int(arena, limit->max_per_user)};
    enum err_code code = stand_alone(db, err);
    if (code == E_OK)
        code = db_run(db, &put_stmt, params, NULL, err);
    return code == E_OK ? db_run(db, &count_in_stmt, params, NULL, err) : code;
}

enum err_code job_limit_put(struct db *db, struct arena *arena, const struct job_limit *limit,
                            struct err *err)
{
    char subject[JOB_SUBJECT_SIZE];
    if (limit->max_running < 0 || limit->max_per_user < JOB_LIMIT_NONE)
        return fail(err, E_INVALID, "a limit is 0 or more");
    enum err_code code = job_subject("scout", limit->kind, JOB_NORMAL, subject, err);
    if (code == E_OK)
        code = db_begin(db, err);
    if (code != E_OK)
        return code;
    code = put_in(db, arena, limit, err);
    if (code == E_OK)
        code = db_commit(db, err);
    if (code != E_OK)
        db_rollback(db);
    return code;
}

static enum err_code own_in(struct db *db, const char *const *params, struct err *err)
{
    enum err_code code = stand_alone(db, err);
    if (code == E_OK)
        code = db_run(db, &own_stmt, params, NULL, err);
    return code == E_OK ? db_run(db, &count_in_stmt, params, NULL, err) : code;
}

enum err_code job_limit_own(struct db *db, struct arena *arena, const struct job_limit_own *own,
                            struct err *err)
{
    const char *params[] = {own->kind, own->worker, db_param_int(arena, own->per_process)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &is_owned_stmt, params, &rows, err);
    bool owned = code == E_OK && db_rows(rows) == 1;
    db_rows_free(rows);
    if (code != E_OK || owned)
        return code;
    code = db_begin(db, err);
    if (code == E_OK)
        code = own_in(db, params, err);
    if (code == E_OK)
        code = db_commit(db, err);
    if (code != E_OK)
        db_rollback(db);
    return code;
}

enum err_code job_limit_short(struct db *db, const char *kind, int64_t *missing, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &short_stmt, &kind, &rows, err);
    if (code != E_OK)
        return code;
    *missing = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return E_OK;
}

enum err_code job_limit_remove(struct db *db, const char *kind, struct err *err)
{
    const char *params[] = {kind};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &remove_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    bool removed = db_rows(rows) == 1;
    db_rows_free(rows);
    return removed ? E_OK : fail(err, E_NOT_FOUND, "kind %.32s has no limit", kind);
}

enum err_code job_limit_list(struct db *db, struct arena *arena, const char **json, struct err *err)
{
    return store_read_one(db, arena, &(struct db_call){&list_stmt, NULL}, "no limits", json, err);
}

/* ---- admitting ------------------------------------------------------------------------------ */

enum err_code limits_lock(struct db *db, const char *kinds, struct err *err)
{
    return db_run(db, &lock_stmt, &kinds, NULL, err);
}

static enum err_code run_counted(struct db *db, const struct db_stmt *stmt, const char *kind, int64_t *moved,
                                 struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, stmt, &kind, &rows, err);
    if (code != E_OK)
        return code;
    *moved += db_rows(rows);
    db_rows_free(rows);
    return E_OK;
}

enum err_code limits_admit_in(struct db *db, const char *const *kinds, size_t n, int64_t *admitted,
                              struct err *err)
{
    enum err_code code = E_OK;
    for (size_t i = 0; code == E_OK && i < n; i++)
        code = run_counted(db, &admit_stmt, kinds[i], admitted, err);
    return code;
}

enum err_code job_limit_admit(struct db *db, struct arena *arena, const char *const *kinds, size_t n,
                              int64_t *admitted, struct err *err)
{
    const char *array = db_param_array(arena, kinds, n);
    int64_t count = 0;
    if (array == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = db_begin(db, err);
    if (code == E_OK)
        code = limits_lock(db, array, err);
    if (code == E_OK)
        code = limits_admit_in(db, kinds, n, &count, err);
    if (code == E_OK)
        code = db_commit(db, err);
    if (code != E_OK)
        db_rollback(db);
    else
        *admitted = count;
    return code;
}

enum err_code job_limit_admit_all(struct db *db, struct arena *arena, int64_t *admitted, struct err *err)
{
    struct db_rows *rows = NULL;
    *admitted = 0;
    enum err_code code = run_counted(db, &resume_stmt, NULL, admitted, err);
    if (code == E_OK)
        code = db_run(db, &kinds_stmt, NULL, &rows, err);
    if (code != E_OK || db_rows(rows) == 0)
    {
        db_rows_free(rows);
        return code;
    }
    rows = db_rows_keep(rows, arena);
    const char **limited = arena_array(arena, (size_t)db_rows(rows) + 1, sizeof *limited);
    size_t n = 0;
    if (rows == NULL || limited == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int i = 0; i < db_rows(rows); i++)
        if (db_bool(rows, i, 1))
            limited[n++] = db_text(rows, i, 0);
    int64_t more = 0;
    if (n > 0)
        code = job_limit_admit(db, arena, limited, n, &more, err);
    *admitted += more;
    for (int i = 0; code == E_OK && i < db_rows(rows); i++)
        if (!db_bool(rows, i, 1))
            code = run_counted(db, &release_stmt, db_text(rows, i, 0), admitted, err);
    return code;
}
