/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/peek.h"

static const struct db_stmt result = {
    "job_peek_result",
    "SELECT j.status, j.reason, j.detail, r.result FROM jobs j LEFT JOIN job_results r USING (job_id) "
    "WHERE j.job_id = $1",
    1,
};

enum err_code job_peek_result(struct db *db, struct arena *arena, const char *job_id, struct job_peek *peek,
                              struct err *err)
{
    const char *params[] = {job_id};
    struct db_rows *rows = NULL;
    if (db_run(db, &result, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a job");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "no such job");
    *peek = (struct job_peek){
        .status = db_text(rows, 0, 0),
        .reason = db_text(rows, 0, 1),
        .detail = db_text(rows, 0, 2),
        .result = db_text(rows, 0, 3),
    };
    return E_OK;
}
