/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/inject.h"

#include <math.h>

#define OF_BATCH " FROM jobs WHERE job_id BETWEEN $1::uuid AND $2::uuid AND request_id = $3"
#define MS(until) "(extract(epoch FROM " until " - created_at) * 1000)::double precision"
#define PERCENTILES(ms) "percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY " ms ")"

static const struct db_stmt count_stmt = {"inject_count",
                                          "SELECT count(*), count(*) FILTER (WHERE status = 'Completed'),"
                                          " count(*) FILTER (WHERE status = 'Failed')" OF_BATCH,
                                          3};

/* clang-format off */
static const struct db_stmt times_stmt = {
    "inject_times",
    "SELECT seconds, l[1], l[2], l[3], p[1], p[2], p[3] FROM ("
    "SELECT extract(epoch FROM max(finished_at) - min(created_at))::double precision AS seconds,"
    " " PERCENTILES(MS("finished_at")) " AS l,"
    " " PERCENTILES(MS("started_at")) " AS p"
    OF_BATCH " AND status IN ('Completed', 'Failed')) t",
    3};
/* clang-format on */

static const struct db_stmt states_stmt = {
    "inject_states", "SELECT job_id, status, reason, detail FROM jobs WHERE job_id = ANY($1::uuid[])", 1};

enum err_code inject_store_count(struct db *db, const struct inject_batch *batch,
                                 struct inject_counts *counts, struct err *err)
{
    const char *params[] = {batch->first, batch->last, batch->request_id};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &count_stmt, params, &rows, err);
    if (code == E_OK)
        *counts = (struct inject_counts){db_int(rows, 0, 0, 0), db_int(rows, 0, 1, 0), db_int(rows, 0, 2, 0)};
    db_rows_free(rows);
    return code;
}

struct inject_times inject_times_none(void)
{
    struct inject_times times = {.seconds = 0};
    for (int i = 0; i < INJECT_PERCENTILES; i++)
        times.latency_ms[i] = times.pickup_ms[i] = (double)NAN;
    return times;
}

enum err_code inject_store_times(struct db *db, const struct inject_batch *batch, struct inject_times *times,
                                 struct err *err)
{
    const char *params[] = {batch->first, batch->last, batch->request_id};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &times_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    times->seconds = db_number(rows, 0, 0, 0);
    for (int i = 0; i < INJECT_PERCENTILES; i++)
    {
        times->latency_ms[i] = db_number(rows, 0, 1 + i, (double)NAN);
        times->pickup_ms[i] = db_number(rows, 0, 1 + INJECT_PERCENTILES + i, (double)NAN);
    }
    db_rows_free(rows);
    return E_OK;
}

enum err_code inject_store_states(struct db *db, struct arena *arena, const char *const *ids, size_t n,
                                  struct inject_state **states, size_t *count, struct err *err)
{
    struct db_rows *rows = NULL;
    const char *params[] = {db_param_array(arena, ids, n)};
    if (params[0] == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = db_run(db, &states_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    size_t found = rows != NULL ? (size_t)db_rows(rows) : 0;
    struct inject_state *list = arena_array(arena, found + 1, sizeof *list);
    if (rows == NULL || list == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int i = 0; i < (int)found; i++)
        list[i] = (struct inject_state){db_text(rows, i, 0), db_text(rows, i, 1), db_text(rows, i, 2),
                                        db_text(rows, i, 3)};
    *states = list;
    *count = found;
    return E_OK;
}
