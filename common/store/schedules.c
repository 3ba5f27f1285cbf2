/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/schedules.h"

#include "common/base/buf.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/job/firing.h"
#include "common/json/write.h"
#include "common/store/jobs.h"

#include <string.h>

enum
{
    LIST_MAX_BYTES = 1024 * 1024
};

static const struct db_stmt put_stmt = {
    "schedule_put",
    "INSERT INTO schedules (name, kind, worker, priority, payload, cron, every_s, missed, next_at)"
    " VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7::integer, $8, $9::timestamptz)"
    " ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, worker = excluded.worker, priority = "
    "excluded.priority,"
    "   payload = excluded.payload, cron = excluded.cron, every_s = excluded.every_s, missed = "
    "excluded.missed,"
    "   next_at = excluded.next_at",
    9};

static const struct db_stmt now_stmt = {"schedule_now", "SELECT now()", 0};
static const struct db_stmt remove_stmt = {"schedule_remove", "DELETE FROM schedules WHERE name = $1", 1};

static const struct db_stmt list_stmt = {
    "schedule_list",
    "SELECT name, kind, worker, priority, payload, cron, every_s, missed, next_at, last_at, last_job_id"
    " FROM schedules ORDER BY name LIMIT 1000",
    0};

static const struct db_stmt due_stmt = {
    "schedule_due",
    "SELECT name, kind, worker, priority, payload, cron, every_s, missed, next_at, now() FROM schedules"
    " WHERE next_at <= now() ORDER BY next_at LIMIT 100 FOR UPDATE SKIP LOCKED",
    0};

static const struct db_stmt move_stmt = {
    "schedule_move",
    "UPDATE schedules SET last_at = next_at, next_at = coalesce($2::timestamptz, 'infinity'), last_job_id = "
    "coalesce($3::uuid, last_job_id)"
    " WHERE name = $1",
    3};

enum
{
    NAME,
    KIND,
    WORKER,
    PRIORITY,
    PAYLOAD,
    CRON,
    EVERY,
    MISSED,
    NEXT,
    LAST_OR_NOW,
    LAST_JOB
};

static enum err_code now_of(struct db *db, int64_t *now_ms, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &now_stmt, NULL, &rows, err);
    if (code != E_OK)
        return code;
    *now_ms = db_time(rows, 0, 0, 0);
    db_rows_free(rows);
    return E_OK;
}

static enum err_code check(const struct schedule *schedule, struct err *err)
{
    char subject[JOB_SUBJECT_SIZE];
    const char *worker = schedule->worker != NULL ? schedule->worker : job_worker_of(schedule->kind);
    if (worker == NULL)
        return fail(err, E_INVALID, "there is no job kind %.32s", schedule->kind);
    if (!job_worker_runs(worker, schedule->kind))
        return fail(err, E_INVALID, "worker %.32s does not run %.32s", worker, schedule->kind);
    if ((schedule->cron == NULL) == (schedule->every_s < 1))
        return fail(err, E_INVALID, "a schedule has either a cron expression or an interval of at least 1 s");
    return job_subject(worker, schedule->kind, schedule->priority, subject, err);
}

enum err_code schedule_store_put(struct db *db, struct arena *arena, const struct schedule *schedule,
                                 struct err *err)
{
    int64_t now_ms = 0;
    int64_t next_ms = 0;
    enum err_code code = check(schedule, err);
    if (code == E_OK)
        code = now_of(db, &now_ms, err);
    if (code == E_OK)
    {
        const struct firing_facts facts = {
            .cron = schedule->cron, .every_s = schedule->every_s, .meant_ms = now_ms, .now_ms = now_ms};
        code = firing_next(&facts, &next_ms, err);
    }
    if (code != E_OK)
        return code;
    const char *params[] = {schedule->name,
                            schedule->kind,
                            schedule->worker,
                            job_priority_name(schedule->priority),
                            schedule->payload != NULL ? schedule->payload : "{}",
                            schedule->cron,
                            schedule->cron != NULL ? NULL : db_param_int(arena, schedule->every_s),
                            schedule->missed != NULL ? schedule->missed : "once",
                            db_param_time(arena, next_ms)};
    code = db_run(db, &put_stmt, params, NULL, err);
    return code == E_INVALID
               ? fail(err, code, "a name is 1 to 63 of a-z, 0-9, _ . and -; missed is once or skip")
               : code;
}

enum err_code schedule_store_remove(struct db *db, const char *name, struct err *err)
{
    const char *params[] = {name};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &remove_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    int gone = db_affected(rows);
    db_rows_free(rows);
    return gone == 1 ? E_OK : fail(err, E_NOT_FOUND, "there is no schedule %.63s", name);
}

static void put_time(struct json_writer *w, const char *name, const struct db_rows *rows, int i, int column)
{
    if (db_text(rows, i, column) == NULL)
        json_put_null(w, name);
    else
        json_put_time(w, name, db_time(rows, i, column, 0));
}

enum err_code schedule_store_list(struct db *db, struct arena *arena, const char **json, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &list_stmt, NULL, &rows, err);
    if (code != E_OK)
        return code;
    struct buf buf;
    buf_init(&buf, LIST_MAX_BYTES);
    struct json_writer w = json_writer(&buf);
    json_begin_array(&w, NULL);
    for (int i = 0; i < db_rows(rows); i++)
    {
        json_begin_object(&w, NULL);
        json_put_text(&w, "name", db_text(rows, i, NAME));
        json_put_text(&w, "kind", db_text(rows, i, KIND));
        json_put_text(&w, "worker", db_text(rows, i, WORKER));
        json_put_text(&w, "priority", db_text(rows, i, PRIORITY));
        json_put_raw(&w, "payload", db_text(rows, i, PAYLOAD));
        json_put_text(&w, "cron", db_text(rows, i, CRON));
        json_put_raw(&w, "every_s", db_text(rows, i, EVERY));
        json_put_text(&w, "missed", db_text(rows, i, MISSED));
        put_time(&w, "next_at", rows, i, NEXT);
        put_time(&w, "last_at", rows, i, LAST_OR_NOW);
        json_put_text(&w, "last_job_id", db_text(rows, i, LAST_JOB));
        json_end_object(&w);
    }
    json_end_array(&w);
    db_rows_free(rows);
    *json = buf_keep(&buf, arena);
    return *json == NULL ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
}

/* ---- firing --------------------------------------------------------------------------------- */

static enum err_code fire(struct db *db, struct arena *arena, const struct db_rows *rows, int i,
                          const char **job_id, struct err *err)
{
    struct id id = id_new();
    struct job_new job = {.job_id = arena_strdup(arena, id.text),
                          .kind = db_text(rows, i, KIND),
                          .worker = db_text(rows, i, WORKER),
                          .user_id = ID_SYSTEM_USER,
                          .request_id = arena_printf(arena, "schedule-%.50s", db_text(rows, i, NAME)),
                          .payload = db_text(rows, i, PAYLOAD)};
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    if (!job_priority_parse(db_text(rows, i, PRIORITY), &job.priority))
        job.priority = JOB_NORMAL;
    *job_id = job.job_id;
    return job_store_accept(db, arena, &job, 1, err);
}

static enum err_code fire_row(struct db *db, struct arena *arena, const struct db_rows *rows, int i,
                              int64_t *fired, struct err *err)
{
    const struct firing_facts facts = {.cron = db_text(rows, i, CRON),
                                       .every_s = db_int(rows, i, EVERY, 0),
                                       .missed = strcmp(db_text(rows, i, MISSED), "skip") == 0 ? FIRING_SKIP
                                                                                               : FIRING_ONCE,
                                       .meant_ms = db_time(rows, i, NEXT, 0),
                                       .now_ms = db_time(rows, i, LAST_OR_NOW, 0)};
    const char *params[] = {db_text(rows, i, NAME), NULL, NULL};
    int64_t next_ms = 0;
    struct err why = ERR_INIT;
    enum err_code code = E_OK;
    if (firing_next(&facts, &next_ms, &why) == E_OK)
        params[1] = db_param_time(arena, next_ms);
    else /* a row that makes no sense is never due again */
        log_error("schedule_broken", "schedule %s is left out from now on: %s", params[0], why.text);
    if (params[1] != NULL && firing_is_due(&facts))
        code = fire(db, arena, rows, i, &params[2], err);
    if (code != E_OK)
        return code;
    *fired += params[2] != NULL;
    return db_run(db, &move_stmt, params, NULL, err);
}

static enum err_code fire_due(struct db *db, struct arena *arena, int64_t *fired, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &due_stmt, NULL, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int i = 0; code == E_OK && i < db_rows(rows); i++)
        code = fire_row(db, arena, rows, i, fired, err);
    return code;
}

enum err_code schedule_store_fire(struct db *db, struct arena *arena, int64_t *fired, struct err *err)
{
    int64_t count = 0;
    enum err_code code = db_begin(db, err);
    if (code == E_OK)
        code = fire_due(db, arena, &count, err);
    if (code == E_OK)
        code = db_commit(db, err);
    if (code != E_OK)
        db_rollback(db);
    else
        *fired = count;
    return code;
}
