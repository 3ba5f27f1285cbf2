/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/interests.h"

#include "common/store/jobs.h"
#include "common/store/page.h"

#include <string.h>

static const struct db_stmt join_stmt = {
    "job_interest_join",
    "WITH live AS (SELECT j.job_id, j.user_id FROM job_windows w JOIN jobs j USING (job_id)"
    "   WHERE w.kind = $1 AND w.unique_key = $2 AND (w.until > now() OR j.status IN ('Pending', 'Running'))"
    "   FOR SHARE OF j),"
    " noted AS (INSERT INTO job_interests (job_id, user_id) SELECT job_id, $3::uuid FROM live"
    "   WHERE user_id <> $3::uuid ON CONFLICT DO NOTHING)"
    " SELECT job_id FROM live",
    3};

static const struct db_stmt lock_stmt = {
    "job_interest_lock", "SELECT status, user_id = $2::uuid FROM jobs WHERE job_id = $1 FOR NO KEY UPDATE",
    2};

/* The next owner of each of these jobs, if there is one. */
#define BEQUEATH(which)                                                                                      \
    "WITH heirs AS (SELECT DISTINCT ON (i.job_id) i.job_id AS left_id, i.user_id AS heir FROM "              \
    "job_interests i"                                                                                        \
    "   JOIN jobs j USING (job_id) WHERE j.user_id = $1::uuid" which                                         \
    "   ORDER BY i.job_id, i.at, i.user_id),"                                                                \
    " gone AS (DELETE FROM job_interests USING heirs WHERE job_id = left_id AND user_id = heir)"             \
    " UPDATE jobs SET user_id = heir FROM heirs WHERE job_id = left_id"

static const struct db_stmt bequeath_one_stmt = {"job_interest_bequeath_one",
                                                 BEQUEATH(" AND j.job_id = $2::uuid"), 2};
static const struct db_stmt bequeath_stmt = {"job_interest_bequeath", BEQUEATH(""), 1};

/* Only jobs with a unique key can be joined. */
static const struct db_stmt lock_all_stmt = {
    "job_interest_lock_all",
    "SELECT FROM jobs WHERE user_id = $1 AND unique_key IS NOT NULL ORDER BY job_id FOR NO KEY UPDATE", 1};

static const struct db_stmt leave_stmt = {"job_interest_leave",
                                          "DELETE FROM job_interests WHERE job_id = $2 AND user_id = $1", 2};

enum err_code job_interest_join(struct db *db, struct arena *arena, const struct job_interest *interest,
                                const char **job_id, struct err *err)
{
    const char *params[] = {interest->kind, interest->unique_key, interest->user_id};
    return store_read_one(db, arena, &(struct db_call){&join_stmt, params}, "the job is over", job_id, err);
}

static enum err_code count_rows(struct db *db, const struct db_stmt *stmt, const char *const *params,
                                int *count, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, stmt, params, &rows, err) != E_OK)
        return err->code;
    *count = db_affected(rows);
    db_rows_free(rows);
    return E_OK;
}

/* The job as it stands, which cannot be joined nor moved until the transaction ends. */
struct held
{
    const char *status;
    bool is_mine;
};

static enum err_code hold(struct db *db, struct arena *arena, const char *const *params, struct held *held,
                          struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, &lock_stmt, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "there is no such job");
    *held = (struct held){db_text(rows, 0, 0), db_bool(rows, 0, 1)};
    return E_OK;
}

static enum err_code leave(struct db *db, struct arena *arena, const char *job_id, const char *user_id,
                           const char **status, struct err *err)
{
    const char *by_job[] = {job_id, user_id};
    const char *by_user[] = {user_id, job_id};
    struct held held = {0};
    int left = 0;
    if (hold(db, arena, by_job, &held, err) != E_OK)
        return err->code;
    *status = held.status;
    const bool lives = strcmp(held.status, "Pending") == 0 || strcmp(held.status, "Running") == 0;
    if (lives && count_rows(db, held.is_mine ? &bequeath_one_stmt : &leave_stmt, by_user, &left, err) != E_OK)
        return err->code;
    if (left > 0)
        return E_OK;
    *status = "Failed";
    return job_store_cancel(db, arena, job_id, user_id, err);
}

enum err_code job_interest_cancel(struct db *db, struct arena *arena, const char *job_id, const char *user_id,
                                  const char **status, struct err *err)
{
    const char *is = NULL;
    if (db_begin(db, err) != E_OK)
        return err->code;
    enum err_code code = leave(db, arena, job_id, user_id, &is, err);
    if (code == E_OK)
        code = db_commit(db, err);
    else
        db_rollback(db);
    if (code == E_OK)
        *status = is;
    return code;
}

enum err_code job_interest_bequeath(struct db *db, const char *user_id, struct err *err)
{
    const char *params[] = {user_id};
    int ignored = 0;
    if (count_rows(db, &lock_all_stmt, params, &ignored, err) != E_OK)
        return err->code;
    return count_rows(db, &bequeath_stmt, params, &ignored, err);
}
