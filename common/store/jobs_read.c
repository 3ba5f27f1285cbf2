/* SPDX-License-Identifier: Apache-2.0 */
/* Reading jobs as clients see them, and cancelling. */
#include "common/store/jobs.h"

#include "common/base/buf.h"
#include "common/json/write.h"

#include <string.h>

/* Of a job that somebody else has made and the viewer asked for as well, it is not told whose it is. */
#define IS_OWN(viewer) "(" viewer "::uuid IS NULL OR j.user_id = " viewer "::uuid)"
#define IS_SHARED(viewer)                                                                                    \
    "EXISTS (SELECT 1 FROM job_interests i WHERE i.job_id = j.job_id AND i.user_id = " viewer "::uuid)"
#define SEEN_COLUMNS(viewer)                                                                                 \
    "j.job_id, j.kind, j.worker, j.status, j.reason, j.detail, j.attempts, j.created_at, j.started_at,"      \
    " j.finished_at, coalesce(" viewer "::uuid, j.user_id), CASE WHEN " IS_OWN(                              \
        viewer) " THEN j.request_id"                                                                         \
                " ELSE '' END, j.priority, j.run_at, j.parent_id, j.progress"

static const struct db_stmt get_stmt = {
    "job_get",
    "SELECT " SEEN_COLUMNS("$2") ", j.payload, r.result, j.worker_id, j.deadline_at, j.epoch,"
                                 "   (SELECT coalesce(json_agg(json_build_object('id', c.job_id, 'kind', "
                                 "c.kind, 'status', c.status)"
                                 "     ORDER BY c.job_id), '[]') FROM (SELECT job_id, kind, status FROM jobs "
                                 "WHERE parent_id = j.job_id "
                                 "AND user_id = j.user_id AND " IS_OWN(
                                     "$2") "     ORDER BY job_id LIMIT 100) c) FROM jobs j"
                                           " LEFT JOIN job_results r ON r.job_id = j.job_id"
                                           " WHERE j.job_id = $1 AND (" IS_OWN("$2") " OR " IS_SHARED(
                                               "$2") ")",
    2};

static const struct db_stmt history_stmt = {"job_history",
                                            "SELECT at, status, attempt, reason, worker_id, started_at, "
                                            "detail FROM job_history WHERE job_id = $1 ORDER BY at",
                                            1};

/* Up to the root, then down; a ring that somebody made of parents ends at the depth. */
static const struct db_stmt graph_stmt = {
    "job_graph",
    "WITH RECURSIVE up AS (SELECT job_id, parent_id, user_id, 0 AS n FROM jobs WHERE job_id = $1"
    "   UNION ALL SELECT p.job_id, p.parent_id, p.user_id, up.n + 1 FROM up JOIN jobs p"
    "   ON p.job_id = up.parent_id AND p.user_id = up.user_id WHERE up.n < $2::bigint - 1),"
    " root AS (SELECT job_id FROM up ORDER BY n DESC LIMIT 1),"
    " down AS (SELECT j.*, 0 AS level, ARRAY[j.job_id] AS path FROM jobs j JOIN root USING (job_id)"
    "   UNION ALL SELECT c.*, d.level + 1, d.path || c.job_id FROM down d JOIN jobs c"
    "   ON c.parent_id = d.job_id AND c.user_id = d.user_id"
    "   WHERE d.level < $2::bigint - 1 AND c.job_id <> ALL (d.path))"
    " SELECT job_id, CASE WHEN level > 0 THEN parent_id END, kind, status, reason, created_at, finished_at, "
    "level"
    " FROM (SELECT * FROM down ORDER BY level, job_id LIMIT $3::bigint) nearest ORDER BY path",
    3};

/* One's own and those that one asked for as well, each by its index. */
#define OWN "FROM jobs j WHERE " IS_OWN("$1") FILTERED
#define SHARED "FROM job_interests s JOIN jobs j ON j.job_id = s.job_id WHERE s.user_id = $1::uuid" FILTERED
#define FILTERED " AND ($2::text IS NULL OR j.status = $2) AND ($3::text IS NULL OR j.kind = $3)"
#define NEWEST                                                                                               \
    " AND ($4::uuid IS NULL OR j.job_id < $4::uuid) ORDER BY j.job_id DESC LIMIT $5::bigint + $6::bigint"
static const struct db_stmt list_stmt = {
    "job_list",
    "SELECT " SEEN_COLUMNS("$1") " FROM ((SELECT j.* " OWN NEWEST ") UNION ALL (SELECT j.* " SHARED NEWEST
                                 ")) j"
                                 " ORDER BY j.job_id DESC LIMIT $5::bigint OFFSET $6::bigint",
    6};

static const struct db_stmt count_stmt = {
    "job_count", "SELECT count(*) FROM (SELECT 1 " OWN " UNION ALL SELECT 1 " SHARED " LIMIT 10001) t", 3};

/* Whoever cancels must see it Pending or Running; a worker that holds it is fenced out. */
static const struct db_stmt cancel_stmt = {
    "job_cancel",
    "UPDATE jobs SET status = 'Failed', reason = 'cancelled', detail = 'Cancelled on request',"
    "   finished_at = clock_timestamp(), lease_until = NULL, place = NULL"
    " WHERE job_id = $1 AND ($2::uuid IS NULL OR user_id = $2::uuid) AND status IN ('Pending', 'Running')"
    " RETURNING 1",
    2};

static const struct db_stmt status_stmt = {
    "job_status",
    "SELECT j.status FROM jobs j WHERE j.job_id = $1 AND (" IS_OWN("$2") " OR " IS_SHARED("$2") ")", 2};

enum
{
    ID,
    KIND,
    WORKER,
    STATUS,
    REASON,
    DETAIL,
    ATTEMPTS,
    CREATED,
    STARTED,
    FINISHED,
    USER_ID,
    REQUEST_ID,
    PRIORITY,
    RUN_AT,
    PARENT,
    PROGRESS,
    PAYLOAD,
    RESULT,
    WORKER_ID,
    DEADLINE,
    EPOCH,
    CHILDREN
};

enum
{
    JOB_TEXT_MAX = 1024 * 1024,
    NO_TIME = 0
};

static void put_time(struct json_writer *w, const char *name, const struct db_rows *rows, int row, int column)
{
    int64_t at = db_time(rows, row, column, NO_TIME);
    if (at == NO_TIME)
        json_put_null(w, name);
    else
        json_put_time(w, name, at);
}

static void put_seen(struct json_writer *w, const struct db_rows *rows, int row)
{
    static const struct
    {
        const char *name;
        int column;
    } texts[] = {{"id", ID},
                 {"job_id", ID},
                 {"kind", KIND},
                 {"worker", WORKER},
                 {"status", STATUS},
                 {"reason", REASON},
                 {"detail", DETAIL},
                 {"user_id", USER_ID},
                 {"request_id", REQUEST_ID},
                 {"parent_id", PARENT},
                 {"priority", PRIORITY}},
      times[] = {
          {"created_at", CREATED}, {"started_at", STARTED}, {"finished_at", FINISHED}, {"run_at", RUN_AT}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        json_put_text(w, texts[i].name, db_text(rows, row, texts[i].column));
    json_put_int(w, "attempts", db_int(rows, row, ATTEMPTS, 0));
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        put_time(w, times[i].name, rows, row, times[i].column);
    json_put_raw(w, "progress", db_text(rows, row, PROGRESS));
}

/* ---- history -------------------------------------------------------------------------------- */

struct step
{
    int64_t at_ms;
    const char *status;
    int64_t attempt;
    const char *reason;
    const char *detail;
    const char *worker;
};

static void put_step(struct json_writer *w, struct step step)
{
    if (step.at_ms == NO_TIME)
        return;
    json_begin_object(w, NULL);
    json_put_time(w, "at", step.at_ms);
    json_put_text(w, "status", step.status);
    json_put_int(w, "attempt", step.attempt);
    json_put_text(w, "reason", step.reason);
    json_put_text(w, "detail", step.detail);
    json_put_text(w, "worker", step.worker);
    json_end_object(w);
}

/* The rows of job_history tell of stays that are over; the job's own row of the latest. */
static void put_history(struct json_writer *w, const struct db_rows *job, const struct db_rows *past)
{
    json_begin_array(w, "history");
    put_step(w, (struct step){.at_ms = db_time(job, 0, CREATED, NO_TIME), .status = "Pending"});
    for (int i = 0; i < db_rows(past); i++)
    {
        const char *worker = db_text(past, i, 4);
        int64_t attempt = db_int(past, i, 2, 0);
        put_step(w, (struct step){.at_ms = db_time(past, i, 5, NO_TIME),
                                  .status = "Running",
                                  .attempt = attempt,
                                  .worker = worker});
        put_step(w, (struct step){.at_ms = db_time(past, i, 0, NO_TIME),
                                  .status = db_text(past, i, 1),
                                  .attempt = attempt,
                                  .reason = db_text(past, i, 3),
                                  .detail = db_text(past, i, 6),
                                  .worker = worker});
    }
    const char *status = db_text(job, 0, STATUS);
    const char *worker = db_text(job, 0, WORKER_ID);
    int64_t attempts = db_int(job, 0, ATTEMPTS, 0);
    int64_t started = db_time(job, 0, STARTED, NO_TIME);
    int64_t last = db_rows(past) > 0 ? db_time(past, db_rows(past) - 1, 5, NO_TIME) : NO_TIME;
    if (started != last)
        put_step(w,
                 (struct step){.at_ms = started, .status = "Running", .attempt = attempts, .worker = worker});
    put_step(w, (struct step){.at_ms = db_time(job, 0, FINISHED, NO_TIME),
                              .status = status,
                              .attempt = attempts,
                              .reason = db_text(job, 0, REASON),
                              .detail = db_text(job, 0, DETAIL),
                              .worker = worker});
    json_end_array(w);
}

static enum err_code text_of(struct arena *arena, struct buf *buf, const char **text, struct err *err)
{
    char *copy = buf_keep(buf, arena);
    if (copy == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    *text = copy;
    return E_OK;
}

static enum err_code job_text(const struct db_rows *job, const struct db_rows *past, struct arena *arena,
                              const char **json, struct err *err)
{
    struct buf buf;
    buf_init(&buf, JOB_TEXT_MAX);
    struct json_writer w = json_writer(&buf);
    json_begin_object(&w, NULL);
    put_seen(&w, job, 0);
    put_time(&w, "deadline_at", job, 0, DEADLINE);
    json_put_raw(&w, "children", db_text(job, 0, CHILDREN));
    json_put_raw(&w, "payload", db_text(job, 0, PAYLOAD));
    json_put_raw(&w, "result", db_text(job, 0, RESULT));
    put_history(&w, job, past);
    json_end_object(&w);
    return text_of(arena, &buf, json, err);
}

/* Most jobs were woken once and never moved back: they have no past, and nobody asks for it. */
static enum err_code read_pasts(struct db *db, struct db_rows *const *jobs, const struct job_look *looks,
                                size_t n, struct db_rows **pasts, struct err *err)
{
    const char *params[JOB_MAX_LOOKS][1];
    struct db_call calls[JOB_MAX_LOOKS] = {{NULL, NULL}};
    struct db_rows *rows[JOB_MAX_LOOKS] = {NULL};
    size_t place[JOB_MAX_LOOKS];
    size_t asked = 0;
    for (size_t i = 0; i < n; i++)
    {
        if (db_rows(jobs[i]) != 1 || db_int(jobs[i], 0, EPOCH, 0) <= 1)
            continue;
        params[asked][0] = looks[i].job_id;
        calls[asked] = (struct db_call){&history_stmt, params[asked]};
        place[asked++] = i;
    }
    enum err_code code = asked == 0 ? E_OK : db_run_all(db, calls, asked, rows, err);
    for (size_t i = 0; code == E_OK && i < asked; i++)
        pasts[place[i]] = rows[i];
    return code;
}

enum err_code job_store_get_many(struct db *db, struct arena *arena, const struct job_look *looks, size_t n,
                                 const char **jsons, struct err *err)
{
    const char *params[JOB_MAX_LOOKS][2];
    struct db_call calls[JOB_MAX_LOOKS] = {{NULL, NULL}};
    struct db_rows *jobs[JOB_MAX_LOOKS] = {NULL};
    struct db_rows *pasts[JOB_MAX_LOOKS] = {NULL};
    if (n > JOB_MAX_LOOKS)
        return fail(err, E_BUG, "%zu jobs at once are too many", n);
    for (size_t i = 0; i < n; i++)
    {
        params[i][0] = looks[i].job_id;
        params[i][1] = looks[i].viewer;
        calls[i] = (struct db_call){&get_stmt, params[i]};
    }
    enum err_code code = db_run_all(db, calls, n, jobs, err);
    if (code == E_OK)
        code = read_pasts(db, jobs, looks, n, pasts, err);
    for (size_t i = 0; code == E_OK && i < n; i++)
    {
        jsons[i] = NULL;
        if (db_rows(jobs[i]) == 1)
            code = job_text(jobs[i], pasts[i], arena, &jsons[i], err);
    }
    for (size_t i = 0; i < n; i++)
    {
        db_rows_free(jobs[i]);
        db_rows_free(pasts[i]);
    }
    return code;
}

enum err_code job_store_get(struct db *db, struct arena *arena, const char *job_id, const char *viewer,
                            const char **json, struct err *err)
{
    const struct job_look look = {job_id, viewer};
    const char *found = NULL;
    enum err_code code = job_store_get_many(db, arena, &look, 1, &found, err);
    if (code != E_OK)
        return code;
    if (found == NULL)
        return fail(err, E_NOT_FOUND, "there is no such job");
    *json = found;
    return E_OK;
}

/* ---- graph ---------------------------------------------------------------------------------- */

static struct job_node node_of(const struct db_rows *rows, int i)
{
    return (struct job_node){.job_id = db_text(rows, i, 0),
                             .parent_id = db_text(rows, i, 1),
                             .kind = db_text(rows, i, 2),
                             .status = db_text(rows, i, 3),
                             .reason = db_text(rows, i, 4),
                             .created_ms = db_time(rows, i, 5, NO_TIME),
                             .finished_ms = db_time(rows, i, 6, NO_TIME),
                             .level = (int)db_int(rows, i, 7, 0)};
}

enum err_code job_store_graph(struct db *db, struct arena *arena, const char *job_id,
                              const struct job_node **nodes, size_t *count, struct err *err)
{
    const char *params[] = {job_id, db_param_int(arena, JOB_GRAPH_DEPTH), db_param_int(arena, JOB_GRAPH_MAX)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &graph_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    int n = db_rows(rows);
    struct job_node *list = rows == NULL ? NULL : arena_array(arena, (size_t)n + 1, sizeof *list);
    if (list == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (n == 0)
        return fail(err, E_NOT_FOUND, "there is no such job");
    for (int i = 0; i < n; i++)
        list[i] = node_of(rows, i);
    *nodes = list;
    *count = (size_t)n;
    return E_OK;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static enum err_code count_all(struct db *db, const char *const *params, int64_t *total, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &count_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    *total = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return E_OK;
}

enum err_code job_store_list(struct db *db, struct arena *arena, const struct job_filter *filter,
                             struct job_page *page, struct err *err)
{
    const char *params[] = {filter->user_id,
                            filter->status,
                            filter->kind,
                            filter->before,
                            db_param_int(arena, filter->limit),
                            db_param_int(arena, filter->offset)};
    struct db_rows *rows = NULL;
    int64_t total = -1;
    enum err_code code = filter->before == NULL ? count_all(db, params, &total, err) : E_OK;
    if (code == E_OK)
        code = db_run(db, &list_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    struct buf buf;
    buf_init(&buf, JOB_TEXT_MAX * 4);
    struct json_writer w = json_writer(&buf);
    json_begin_array(&w, NULL);
    int n = db_rows(rows);
    for (int i = 0; i < n; i++)
    {
        json_begin_object(&w, NULL);
        put_seen(&w, rows, i);
        json_end_object(&w);
    }
    json_end_array(&w);
    page->total = total;
    page->last_id = n == filter->limit && n > 0 ? arena_strdup(arena, db_text(rows, n - 1, ID)) : NULL;
    db_rows_free(rows);
    return text_of(arena, &buf, &page->items, err);
}

/* ---- cancel --------------------------------------------------------------------------------- */

enum err_code job_store_cancel(struct db *db, struct arena *arena, const char *job_id, const char *viewer,
                               struct err *err)
{
    const char *params[] = {job_id, viewer};
    struct db_rows *rows = NULL;
    (void)arena;
    enum err_code code = db_run(db, &cancel_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    bool moved = db_rows(rows) == 1;
    db_rows_free(rows);
    if (moved)
        return E_OK;
    code = db_run(db, &status_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    code = db_rows(rows) == 0 ? fail(err, E_NOT_FOUND, "there is no such job")
                              : fail(err, E_CONFLICT, "the job is %s already", db_text(rows, 0, 0));
    db_rows_free(rows);
    return code;
}
