/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side: settle, heartbeat. Each is one statement however many jobs it moves. */
#include "common/store/jobs.h"

#include "common/base/crash.h"
#include "common/base/id.h"
#include "common/base/utf8.h"
#include "common/store/jobs_internal.h"

#include <stdlib.h>
#include <string.h>

/* What is under the guard: the row is Running under the fence that our claim was given. */
#define GUARD " j.job_id = t.job_id AND j.status = 'Running' AND j.fence = t.fence "

static const struct db_stmt finish_stmt = {
    "job_finish",
    "WITH t AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS t(job_id, fence, result)),"
    " done AS (UPDATE jobs j SET status = 'Completed', finished_at = clock_timestamp(), lease_until = NULL,"
    "   detail = NULL, place = NULL FROM t WHERE" GUARD "RETURNING j.job_id, t.result),"
    " kept AS (INSERT INTO job_results (job_id, result) SELECT job_id, result::jsonb FROM done)"
    " SELECT job_id FROM done",
    3 + DB_UUIDS(1) + DB_TEXTS(3)};

/* The id of the job that tells of a failure: a UUIDv7 made here, since the parameters of job_fail are a
 * promise to workers that others write (docs/JOBS.md). Of one failure there is one. */
#define NOTICE_ID_SQL                                                                                        \
    "(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'"                  \
    " || substr(md5(job_id || ':' || fence), 1, 3) || '8' || substr(md5(job_id || ':' || fence), 4, "        \
    "15))::uuid"

/* The least UUIDv7 of an hour ago. */
#define HOUR_AGO_ID_SQL                                                                                      \
    "(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - 3600000), 12, '0') || "                       \
    "'70008000000000000000')"                                                                                \
    "::uuid"
#define HEADERS "jsonb_build_object('X-Request-ID', request_id)"
#define NOTICES_AN_HOUR "30" /* to one person; the last one says that it is */

/* Failed for good; `letter` is the id of the dead letter, or NULL when there is none. A person is told by a
 * job of its own; a failed notice is not told of. */
static const struct db_stmt fail_stmt = {
    "job_fail",
    "WITH t AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[])"
    "   AS t(job_id, fence, reason, detail, letter)),"
    " failed AS (UPDATE jobs j SET status = 'Failed', finished_at = clock_timestamp(), lease_until = NULL,"
    "   reason = t.reason, detail = t.detail, place = NULL FROM t WHERE" GUARD
    "   RETURNING j.job_id, j.kind, j.worker, j.priority, j.user_id, j.request_id, j.payload, j.reason, "
    "j.detail,"
    "   j.attempts, j.started_at, j.fence, t.letter),"
    " worth AS (SELECT failed.*, row_number() OVER (PARTITION BY user_id ORDER BY job_id) AS nth FROM failed"
    "   WHERE kind <> 'notify' AND user_id <> '" ID_SYSTEM_USER "' AND reason <> 'cancelled'),"
    " lately AS (SELECT user_id, (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.user_id = w.user_id"
    "     AND j.kind = 'notify' AND j.job_id > " HOUR_AGO_ID_SQL " LIMIT " NOTICES_AN_HOUR ") n) AS told"
    "   FROM (SELECT DISTINCT user_id FROM worth) w),"
    " notices AS MATERIALIZED (SELECT " NOTICE_ID_SQL " AS id, nextval('outbox_id_seq') AS wake, user_id,"
    "   request_id, job_id, jsonb_strip_nulls(jsonb_build_object('channel', 'email', 'template', "
    "'job_failed',"
    "     'job_id', job_id, 'kind', kind, 'reason', reason, 'detail', detail,"
    "     'title', left(payload->>'query', 200), 'last', nullif(told + nth = " NOTICES_AN_HOUR ", false)))"
    "     AS payload"
    "   FROM worth JOIN lately USING (user_id) WHERE told + nth <= " NOTICES_AN_HOUR "),"
    " noticed AS (INSERT INTO jobs (job_id, kind, worker, user_id, request_id, payload, parent_id, epoch, "
    "wake)"
    "   SELECT id, 'notify', 'scout', user_id, request_id, payload, job_id, 1, wake FROM notices),"
    " woken AS (INSERT INTO outgoing (id, job_ids, epoch, subject)"
    "   SELECT wake, ARRAY[id], 1, 'sokoul.jobs.scout.notify' FROM notices),"
    " letters AS (INSERT INTO dead_letters (id, job_id, kind, subject, reason, detail, errors)"
    "   SELECT letter, job_id, kind, " JOB_SUBJECT_SQL ", reason, coalesce(detail, ''),"
    "     coalesce((SELECT jsonb_agg(jsonb_build_object('attempt', h.attempt, 'at', h.at, 'reason', h.reason,"
    "       'detail', h.detail) ORDER BY h.at) FROM job_history h WHERE h.job_id = failed.job_id), '[]')"
    "     || jsonb_build_array(jsonb_build_object('attempt', attempts, 'at', clock_timestamp(), 'reason', "
    "reason,"
    "       'detail', detail))"
    "   FROM failed WHERE letter IS NOT NULL),"
    " copies AS (INSERT INTO outgoing (subject, headers, body)"
    "   SELECT 'sokoul.dlq.' || worker || '.' || kind, " HEADERS
    ", jsonb_build_object('v', 1, 'letter_id', letter,"
    "     'job_id', job_id, 'kind', kind, 'user_id', user_id, 'timestamp', to_char(clock_timestamp() AT TIME "
    "ZONE"
    "     'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), 'request_id', request_id, 'reason', reason, 'detail', "
    "detail,"
    "     'attempts', attempts, 'payload', payload)::text"
    "   FROM failed WHERE letter IS NOT NULL),"
    " told AS (INSERT INTO outgoing (subject, headers, body)"
    "   SELECT 'sokoul.events.job.failed', " HEADERS
    ", jsonb_build_object('event', 'job.failed', 'job_id', job_id,"
    "     'kind', kind, 'user_id', user_id, 'timestamp', to_char(clock_timestamp() AT TIME ZONE 'UTC',"
    "     'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), 'request_id', request_id, 'reason', reason, 'detail', "
    "detail)::text"
    "   FROM failed)"
    " SELECT job_id FROM failed",
    5};

/* Back to Pending, whatever the cause; a new wake-up goes with it, but for a job that is paused: who resumes
 * it has it woken (limits.h). `forgive` is what is given back of the attempts. A job that waits moves often
 * and for the same cause, so its history does not tell of it. */
#define WAITS_REASON "IN ('waiting', 'paused')"
static const struct db_stmt again_stmt = {
    "job_again",
    "WITH t AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], "
    "$6::integer[],"
    "   $7::boolean[], $8::text[], $9::text[])"
    "   AS t(job_id, fence, delay_ms, reason, detail, forgive, alone, progress, checkpoint)),"
    " moved AS (UPDATE jobs j SET status = 'Pending', attempts = j.attempts - t.forgive,"
    "   run_at = clock_timestamp() + t.delay_ms * interval '1 ms', " JOB_WAKE_SQL ","
    "   lease_until = NULL, alone = j.alone OR t.alone, detail = t.detail,"
    "   place = CASE t.reason WHEN 'paused' THEN 'paused' END, progress = coalesce(t.progress::jsonb, "
    "j.progress),"
    "   checkpoint = coalesce(t.checkpoint::jsonb, j.checkpoint)"
    "   FROM t WHERE" GUARD "   RETURNING " JOB_WOKEN_COLUMNS(
        "j") ", j.attempts + t.forgive AS attempt,"
             "   t.reason, t.detail, j.worker_id, j.started_at),"
             " told AS (INSERT INTO job_history (job_id, status, attempt, reason, detail, worker_id, "
             "started_at)"
             "   SELECT job_id, 'Pending', attempt, reason, detail, worker_id, started_at FROM moved"
             "   WHERE (reason " WAITS_REASON ") IS NOT TRUE),"
             " woken AS (" JOB_WAKE_ROWS("moved") " WHERE reason IS DISTINCT FROM 'paused')"
                                                  " SELECT job_id FROM moved",
    9};

/* A heartbeat waits for no row: the jobs of a worker end while it beats for them, in another order, and each
 * would wait for the other.  Who holds a row settles it, cancels it or takes it back: the next beat will
 * tell. */
static const struct db_stmt beat_stmt = {
    "job_beat",
    "WITH t AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::bigint[], $4::text[], $5::text[])"
    "   AS t(job_id, fence, progress, checkpoint)),"
    " free AS MATERIALIZED (SELECT t.* FROM t JOIN jobs j ON" GUARD "FOR UPDATE OF j SKIP LOCKED),"
    " renewed AS (UPDATE jobs j SET lease_until = clock_timestamp() + $3::bigint * interval '1 ms',"
    "   progress = coalesce(t.progress::jsonb, j.progress), checkpoint = coalesce(t.checkpoint::jsonb, "
    "j.checkpoint)"
    "   FROM free t WHERE" GUARD "RETURNING j.job_id)"
    " SELECT j.job_id, j.job_id IN (SELECT job_id FROM renewed) FROM t JOIN jobs j ON" GUARD,
    5};

static const struct db_stmt check_stmt = {
    "job_check",
    "SELECT j.job_id FROM jobs j JOIN unnest($1::uuid[], $2::bigint[]) AS t(job_id, fence) ON" GUARD, 2};

/* ---- settling ------------------------------------------------------------------------------- */

/* The ends of one statement, as columns of texts. */
enum
{
    SETTLE_COLUMNS = 9
};

struct columns
{
    struct arena *arena;
    const char **column[SETTLE_COLUMNS];
    size_t *end; /* which end, or beat, each row came from */
    size_t rows;
};

static bool columns_init(struct columns *columns, struct arena *arena, size_t n)
{
    columns->arena = arena;
    columns->rows = 0;
    columns->end = arena_array(arena, n, sizeof *columns->end);
    for (size_t c = 0; c < SETTLE_COLUMNS; c++)
        columns->column[c] = arena_array(arena, n, sizeof(const char *));
    return !arena_failed(arena);
}

static const char *detail_of(struct arena *arena, const struct job_end *end)
{
    if (end->detail == NULL)
        return NULL;
    return arena_strndup(arena, end->detail, utf8_cut(end->detail, strnlen(end->detail, DETAIL_MAX)));
}

static void finish_row(struct columns *columns, const struct job_end *end)
{
    columns->column[2][columns->rows] = end->result != NULL ? end->result : "{}";
}

static void fail_row(struct columns *columns, const struct job_end *end)
{
    struct id letter = id_new();
    columns->column[2][columns->rows] = end->reason;
    columns->column[3][columns->rows] = detail_of(columns->arena, end);
    columns->column[4][columns->rows] =
        end->move == JOB_GIVE_UP ? arena_strdup(columns->arena, letter.text) : NULL;
}

static void again_row(struct columns *columns, const struct job_end *end)
{
    bool back = end->move == JOB_HAND_BACK || (end->move == JOB_TAKE_BACK && end->forgive);
    bool alone = end->move == JOB_TAKE_BACK && end->forgive;
    columns->column[2][columns->rows] = db_param_int(columns->arena, end->delay_ms);
    columns->column[3][columns->rows] = end->reason;
    columns->column[4][columns->rows] = detail_of(columns->arena, end);
    columns->column[5][columns->rows] = back ? "1" : "0";
    columns->column[6][columns->rows] = alone ? "true" : "false";
    columns->column[7][columns->rows] = end->progress;
    columns->column[8][columns->rows] = end->checkpoint;
}

static const struct settle_way
{
    const struct db_stmt *stmt;
    void (*row)(struct columns *columns, const struct job_end *end);
} finish_way = {&finish_stmt, finish_row}, fail_way = {&fail_stmt, fail_row},
  again_way = {&again_stmt, again_row};

static const struct settle_way *const ways[] = {&finish_way, &fail_way, &again_way};

static const struct settle_way *way_of(enum job_move move)
{
    static const struct settle_way *const of[JOB_MOVES] = {
        [JOB_FINISH] = &finish_way, [JOB_GIVE_UP] = &fail_way,    [JOB_FAIL] = &fail_way,
        [JOB_RETRY] = &again_way,   [JOB_HAND_BACK] = &again_way, [JOB_TAKE_BACK] = &again_way};
    return move < JOB_MOVES ? of[move] : NULL;
}

struct place
{
    const char *job_id;
    size_t end;
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->job_id, ((const struct place *)b)->job_id);
}

/* Which rows came back; of those in which `column` is true, unless it is 0, that of the id. */
static enum err_code mark_rows(struct columns *columns, const struct db_rows *rows, int column, bool *marks,
                               struct err *err)
{
    struct place *places = arena_array(columns->arena, columns->rows, sizeof *places);
    if (places == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < columns->rows; i++)
        places[i] = (struct place){columns->column[0][i], columns->end[i]};
    qsort(places, columns->rows, sizeof *places, by_id);
    for (int i = 0; i < db_rows(rows); i++)
    {
        struct place key = {.job_id = db_text(rows, i, 0)};
        const struct place *found = bsearch(&key, places, columns->rows, sizeof *places, by_id);
        if (found != NULL)
            marks[found->end] = column == 0 || db_bool(rows, i, column);
    }
    return E_OK;
}

static enum err_code run_columns(struct db *db, struct columns *columns, const struct db_stmt *stmt,
                                 bool *mine, struct err *err)
{
    const char *params[SETTLE_COLUMNS];
    for (int c = 0; c < db_stmt_params(stmt); c++)
        params[c] = db_param_column(columns->arena, stmt, c + 1, columns->column[c], columns->rows);
    if (arena_failed(columns->arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, stmt, params, &rows, err);
    if (code == E_OK)
        code = mark_rows(columns, rows, 0, mine, err);
    db_rows_free(rows);
    return code;
}

static enum err_code settle_way(struct db *db, struct arena *arena, const struct settle_way *way,
                                const struct job_end *ends, size_t n, bool *mine, struct err *err)
{
    struct columns columns;
    if (!columns_init(&columns, arena, n))
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
    {
        const struct settle_way *its = way_of(ends[i].move);
        if (its == NULL || its != way)
            continue;
        columns.end[columns.rows] = i;
        columns.column[0][columns.rows] = ends[i].job_id;
        columns.column[1][columns.rows] = db_param_int(arena, ends[i].fence);
        way->row(&columns, &ends[i]);
        columns.rows++;
    }
    return columns.rows == 0 ? E_OK : run_columns(db, &columns, way->stmt, mine, err);
}

static enum err_code accept_follows(struct db *db, struct arena *arena, const struct job_end *ends, size_t n,
                                    const bool *mine, struct err *err)
{
    enum err_code code = E_OK;
    for (size_t i = 0; code == E_OK && i < n; i++)
        if (mine[i] && ends[i].follows > 0)
            code = job_store_accept(db, arena, ends[i].follow, ends[i].follows, err);
    return code;
}

/* One statement is a transaction of its own; anything more needs BEGIN. */
static bool is_one_statement(const struct job_end *ends, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ends[i].follows > 0 || way_of(ends[i].move) != way_of(ends[0].move))
            return false;
    return true;
}

static enum err_code settle_all(struct db *db, struct arena *arena, const struct job_end *ends, size_t n,
                                bool *mine, struct err *err)
{
    enum err_code code = E_OK;
    for (size_t w = 0; code == E_OK && w < sizeof ways / sizeof ways[0]; w++)
        code = settle_way(db, arena, ways[w], ends, n, mine, err);
    return code == E_OK ? accept_follows(db, arena, ends, n, mine, err) : code;
}

enum err_code job_store_settle_in(struct db *db, struct arena *arena, const struct job_end *ends, size_t n,
                                  bool *mine, struct err *err)
{
    memset(mine, 0, n * sizeof *mine);
    return settle_all(db, arena, ends, n, mine, err);
}

enum err_code job_store_settle(struct db *db, struct arena *arena, const struct job_end *ends, size_t n,
                               bool *mine, struct err *err)
{
    memset(mine, 0, n * sizeof *mine);
    if (n == 0)
        return E_OK;
    if (is_one_statement(ends, n))
        return settle_all(db, arena, ends, n, mine, err);
    enum err_code code = db_begin(db, err);
    if (code == E_OK)
        code = settle_all(db, arena, ends, n, mine, err);
    crash_point("result_written");
    if (code == E_OK)
        code = db_commit(db, err);
    if (code != E_OK)
        db_rollback(db);
    return code;
}

/* ---- heartbeat ------------------------------------------------------------------------------ */

static bool beat_columns(struct columns *columns, struct arena *arena, const struct job_beat *beats, size_t n)
{
    if (!columns_init(columns, arena, n))
        return false;
    for (size_t i = 0; i < n; i++)
    {
        columns->end[i] = i;
        columns->column[0][i] = beats[i].job_id;
        columns->column[1][i] = db_param_int(arena, beats[i].fence);
        columns->column[2][i] = beats[i].progress;
        columns->column[3][i] = beats[i].checkpoint;
    }
    columns->rows = n;
    return !arena_failed(arena);
}

/* marks[0]: which came back; marks[1], unless NULL: for which the second column is true. */
static enum err_code run_beat(struct db *db, struct columns *columns, const struct db_stmt *stmt,
                              const char *const *params, bool *const marks[2], struct err *err)
{
    struct db_rows *rows = NULL;
    if (arena_failed(columns->arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    memset(marks[0], 0, columns->rows * sizeof *marks[0]);
    enum err_code code = db_run(db, stmt, params, &rows, err);
    if (code == E_OK)
        code = mark_rows(columns, rows, 0, marks[0], err);
    if (code == E_OK && marks[1] != NULL)
        code = mark_rows(columns, rows, 1, marks[1], err);
    db_rows_free(rows);
    return code;
}

enum err_code job_store_beat(struct db *db, struct arena *arena, int64_t lease_ms, struct job_beat *beats,
                             size_t n, bool *mine, struct err *err)
{
    struct columns columns;
    if (!beat_columns(&columns, arena, beats, n))
        return fail(err, E_NO_MEMORY, "out of memory");
    const char *params[] = {db_param_array(arena, columns.column[0], n),
                            db_param_array(arena, columns.column[1], n), db_param_int(arena, lease_ms),
                            db_param_array(arena, columns.column[2], n),
                            db_param_array(arena, columns.column[3], n)};
    bool *renewed = arena_array(arena, n, sizeof *renewed);
    enum err_code code = run_beat(db, &columns, &beat_stmt, params, (bool *[]){mine, renewed}, err);
    for (size_t i = 0; code == E_OK && i < n; i++)
        beats[i].renewed = renewed[i];
    return code;
}

enum err_code job_store_check(struct db *db, struct arena *arena, const struct job_beat *beats, size_t n,
                              bool *mine, struct err *err)
{
    struct columns columns;
    if (!beat_columns(&columns, arena, beats, n))
        return fail(err, E_NO_MEMORY, "out of memory");
    const char *params[] = {db_param_array(arena, columns.column[0], n),
                            db_param_array(arena, columns.column[1], n)};
    return run_beat(db, &columns, &check_stmt, params, (bool *[]){mine, NULL}, err);
}
