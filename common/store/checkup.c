/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/checkup.h"

#include "common/base/id.h"

static const struct db_stmt programs_stmt = {
    "checkup_programs",
    "SELECT replace(application_name, '" CHECKUP_SUFFIX "', ''),"
    " greatest(0, extract(epoch FROM clock_timestamp() - state_change) * 1000)::bigint FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE '%" CHECKUP_SUFFIX
    "' ORDER BY 1, 2 LIMIT 1000",
    0};
static const struct db_stmt paused_stmt = {
    "checkup_paused",
    "SELECT l.kind, n FROM job_limits l, LATERAL (SELECT count(*) AS n FROM jobs j WHERE j.kind = l.kind"
    " AND j.status = 'Pending' AND j.run_at <= now()) c WHERE l.max_running = 0 AND n > 0 ORDER BY 1 LIMIT "
    "100",
    0};
static const struct db_stmt overdue_stmt = {
    "checkup_overdue",
    "SELECT worker, count(*) FROM (SELECT worker FROM jobs j WHERE status = 'Pending'"
    " AND run_at < now() - interval '1 minute'"
    " AND NOT EXISTS (SELECT FROM job_limits l WHERE l.kind = j.kind) LIMIT 10000) o"
    " GROUP BY worker ORDER BY 1 LIMIT 100",
    0};
static const struct db_stmt rest_stmt = {
    "checkup_rest",
    "SELECT (SELECT count(*) FROM dead_letters WHERE closed_at IS NULL),"
    " (SELECT count(*) FROM outgoing WHERE run_at < now() - interval '10 s'),"
    " EXISTS (SELECT FROM jobs) OR EXISTS (SELECT FROM users WHERE id <> '" ID_SYSTEM_USER "')",
    0};

static enum err_code read_counts(struct arena *arena, const struct db_rows *rows, struct checkup_count **out,
                                 size_t *count, struct err *err)
{
    *count = (size_t)db_rows(rows);
    *out = arena_array(arena, *count + 1, sizeof **out);
    for (size_t i = 0; *out != NULL && i < *count; i++)
        (*out)[i] =
            (struct checkup_count){arena_strdup(arena, db_text(rows, (int)i, 0)), db_int(rows, (int)i, 1, 0)};
    return arena_failed(arena) ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
}

static enum err_code read_programs(struct arena *arena, const struct db_rows *rows, struct checkup *checkup,
                                   struct err *err)
{
    checkup->programs_count = (size_t)db_rows(rows);
    checkup->programs = arena_array(arena, checkup->programs_count + 1, sizeof *checkup->programs);
    for (size_t i = 0; checkup->programs != NULL && i < checkup->programs_count; i++)
        checkup->programs[i] = (struct checkup_program){arena_strdup(arena, db_text(rows, (int)i, 0)),
                                                        db_int(rows, (int)i, 1, 0)};
    return arena_failed(arena) ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
}

enum err_code checkup_get(struct db *db, struct arena *arena, struct checkup *out, struct err *err)
{
    const struct db_call calls[] = {
        {&programs_stmt, NULL}, {&paused_stmt, NULL}, {&overdue_stmt, NULL}, {&rest_stmt, NULL}};
    enum
    {
        CALLS = sizeof calls / sizeof calls[0]
    };
    struct db_rows *rows[CALLS] = {NULL};
    struct checkup checkup = {.programs = NULL};
    if (db_run_all(db, calls, CALLS, rows, err) != E_OK)
        return err->code;
    checkup.dead_letters = db_int(rows[3], 0, 0, 0);
    checkup.wake_ups = db_int(rows[3], 0, 1, 0);
    checkup.in_use = db_bool(rows[3], 0, 2);
    enum err_code code = read_programs(arena, rows[0], &checkup, err);
    if (code == E_OK)
        code = read_counts(arena, rows[1], &checkup.paused, &checkup.paused_count, err);
    if (code == E_OK)
        code = read_counts(arena, rows[2], &checkup.overdue, &checkup.overdue_count, err);
    for (size_t i = 0; i < CALLS; i++)
        db_rows_free(rows[i]);
    if (code == E_OK)
        *out = checkup;
    return code;
}
