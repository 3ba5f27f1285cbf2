/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/outbox.h"

#include "common/base/clock.h"
#include "common/job/envelope.h"
#include "common/job/job.h"
#include "common/store/jobs.h"
#include "common/store/jobs_internal.h"
#include "common/store/sql.h"

#include <string.h>

/* $3 minimum age of rows LIKE $6, $5 of others; $4 is left out. */
#define DUE                                                                                                  \
    "run_at <= now() - $3::bigint * interval '1 ms' AND ($4::text IS NULL OR subject NOT LIKE $4::text)"     \
    "   AND (run_at <= now() - $5::bigint * interval '1 ms' OR subject LIKE $6::text)"
/* Those that the local worker can claim may have to be older, $7. */
#define SHARED_DUE                                                                                           \
    DUE " AND (run_at <= now() - $7::bigint * interval '1 ms' OR (subject LIKE $6::text) IS NOT TRUE"        \
        "   OR NOT " JOB_UNLIMITED_SQL ")"

/* What a message is made of, from the job's row where it has no body. */
#define JOB_COLUMNS                                                                                          \
    " j.kind, j.created_at, j.user_id, coalesce(j.request_id, t.headers->>'X-Request-ID'), j.payload,"       \
    " j.priority, j.run_at, j.deadline_at, j.unique_key, j.parent_id, j.alone, j.status"

/* Rows of several jobs come last and have a turn when urgent ones have none. */
static const struct db_stmt take_stmt = {
    "outbox_take",
    "WITH high AS (SELECT id, part FROM outgoing WHERE part = 0 AND " DUE " AND subject LIKE '%.high'"
    "   ORDER BY run_at, id LIMIT $2::bigint FOR UPDATE SKIP LOCKED),"
    " rest AS (SELECT id, part FROM outgoing WHERE part = 0 AND " DUE " AND subject NOT LIKE '%.high'"
    "   ORDER BY run_at, id LIMIT $1::bigint - (SELECT count(*) FROM high) FOR UPDATE SKIP LOCKED),"
    " shared AS (SELECT id, part FROM outgoing WHERE part > 0 AND " SHARED_DUE
    "   ORDER BY run_at, id, part LIMIT greatest(($2 = 0)::int, ($1 - (SELECT count(*) FROM high)"
    "     - (SELECT count(*) FROM rest) + " JOB_SHARED_SQL " - 1) / " JOB_SHARED_SQL
    ") FOR UPDATE SKIP LOCKED),"
    " due AS (SELECT * FROM high UNION ALL SELECT * FROM rest UNION ALL SELECT * FROM shared),"
    " taken AS (DELETE FROM outgoing o USING due WHERE o.id = due.id AND o.part = due.part"
    "   RETURNING o.id, o.part, o.job_ids, o.epoch, o.subject, o.body, o.headers),"
    " each AS (SELECT t.id, t.part, u.job_id, t.epoch, t.subject, t.body, t.headers FROM taken t"
    "   LEFT JOIN LATERAL unnest(t.job_ids) AS u(job_id) ON true)"
    " SELECT t.id, t.part, t.job_id, t.epoch, t.subject, t.body," JOB_COLUMNS
    " FROM each t LEFT JOIN jobs j ON j.job_id = t.job_id ORDER BY t.subject NOT LIKE '%.high', t.id",
    7};

/* $1, $2 name the rows, $3 what leaves them; a message that wakes nobody is all of its row. */
static const struct db_stmt confirm_stmt = {
    "outbox_confirm",
    "WITH sent AS MATERIALIZED (SELECT row_id, row_part, array_agg(job_id) AS ids"
    "   FROM unnest($1::bigint[], $2::integer[], $3::uuid[]) AS t(row_id, row_part, job_id)"
    "   GROUP BY row_id, row_part),"
    " rows AS MATERIALIZED (SELECT row_id, row_part, ids, job_ids"
    "   FROM outgoing o JOIN sent ON o.id = row_id AND o.part = row_part FOR UPDATE OF o SKIP LOCKED),"
    " kept AS MATERIALIZED (SELECT row_id, row_part, array_agg(u) AS ids FROM rows, unnest(job_ids) AS u"
    "   WHERE u <> ALL (rows.ids) GROUP BY row_id, row_part)," JOB_ROWS_LEFT_SQL " SELECT count(*) FROM rows",
    3};

static const struct db_stmt delete_stmt = {
    "outbox_delete", "DELETE FROM outgoing WHERE id = ANY($1::bigint[]) AND part = 0", 1};

/* If the removal that goes with it is lost, the rows are published again, and that is only a duplicate. */
static const struct db_stmt note_stmt = {
    "outbox_note",
    "INSERT INTO relay_batches (stream, min_wake, max_wake, max_seq) VALUES ($1, $2, $3, $4)"
    " RETURNING stream = (SELECT created || '#' || rollbacks FROM stream_state WHERE name = 'JOBS'),"
    "   " SQL_LAZILY,
    4};

/* A scan counts for the server that it was done on: a crash may take back what did not wait for the disk. */
#define SERVER_SQL "' on ' || extract(epoch FROM pg_postmaster_start_time())"

static const struct db_stmt incarnation_stmt = {
    "outbox_incarnation",
    "WITH now_is AS (INSERT INTO stream_state (name, created) VALUES ('JOBS', $1)"
    "   ON CONFLICT (name) DO UPDATE SET created = excluded.created, rollbacks = CASE"
    "     WHEN stream_state.created <> excluded.created THEN 0"
    "     WHEN $2::bigint < $3::bigint THEN stream_state.rollbacks + 1"
    "     ELSE stream_state.rollbacks END"
    "   RETURNING created || '#' || rollbacks AS incarnation, swept)"
    " SELECT incarnation, coalesce(swept = incarnation || " SERVER_SQL ", false) FROM now_is",
    3};

static const struct db_stmt known_seq_stmt = {
    "outbox_known_seq",
    "SELECT max(max_seq) FROM relay_batches WHERE stream ="
    " (SELECT created || '#' || rollbacks FROM stream_state WHERE name = 'JOBS' AND created = $1)",
    1};

static const struct db_stmt swept_stmt = {
    "outbox_swept", "UPDATE stream_state SET swept = $1 || " SERVER_SQL " WHERE name = 'JOBS'", 1};

static const struct db_stmt forget_stmt = {"outbox_forget",
                                           "DELETE FROM relay_batches WHERE at < now() - interval '5 "
                                           "minutes' AND (stream <> $1 OR max_seq <= $2::bigint)",
                                           2};

enum
{
    ID,
    PART,
    JOB_ID,
    EPOCH,
    SUBJECT,
    BODY,
    KIND,
    CREATED,
    USER_ID,
    REQUEST_ID,
    PAYLOAD,
    PRIORITY,
    RUN_AT,
    DEADLINE,
    UNIQUE_KEY,
    PARENT,
    ALONE,
    STATUS
};

/* NULL: the envelope is larger than any message, or does not fit in memory. */
static const char *encode(struct arena *arena, const struct envelope *envelope)
{
    struct buf buf;
    buf_init(&buf, ENVELOPE_MAX_BYTES * 4);
    envelope_encode(envelope, &buf);
    return buf_keep(&buf, arena);
}

static const char *body_of(struct arena *arena, const struct db_rows *rows, int i)
{
    struct envelope envelope = {.v = 1,
                                .job_id = db_text(rows, i, JOB_ID),
                                .kind = db_text(rows, i, KIND),
                                .timestamp_ms = db_time(rows, i, CREATED, 0),
                                .user_id = db_text(rows, i, USER_ID),
                                .request_id = db_text(rows, i, REQUEST_ID),
                                .payload = db_text(rows, i, PAYLOAD),
                                .run_at_ms = ENVELOPE_TIME_NONE,
                                .deadline_at_ms = db_time(rows, i, DEADLINE, ENVELOPE_TIME_NONE),
                                .unique_key = db_text(rows, i, UNIQUE_KEY),
                                .parent_id = db_text(rows, i, PARENT)};
    if (!job_priority_parse(db_text(rows, i, PRIORITY), &envelope.priority))
        envelope.priority = JOB_NORMAL;
    const char *body = encode(arena, &envelope);
    if (body != NULL || arena_failed(arena))
        return body;
    envelope.payload = "{}"; /* the message only wakes: whoever claims the job reads the row */
    return encode(arena, &envelope);
}

bool outbox_row_of(struct arena *arena, const struct job_new *job, int64_t wake, struct outbox_row *row)
{
    char subject[JOB_SUBJECT_SIZE];
    const char *worker = job->worker != NULL ? job->worker : job_worker_of(job->kind);
    const struct envelope envelope = {.v = 1,
                                      .job_id = job->job_id,
                                      .kind = job->kind,
                                      .timestamp_ms = clock_wall_ms(),
                                      .user_id = job->user_id,
                                      .request_id = job->request_id != NULL ? job->request_id : "",
                                      .payload = job->payload != NULL ? job->payload : "{}",
                                      .priority = job->priority,
                                      .run_at_ms = ENVELOPE_TIME_NONE,
                                      .deadline_at_ms =
                                          job->deadline_at_ms != 0 ? job->deadline_at_ms : ENVELOPE_TIME_NONE,
                                      .unique_key = job->unique_key,
                                      .parent_id = job->parent_id};
    if (worker == NULL || job_subject(worker, job->kind, job->priority, subject, NULL) != E_OK)
        return false;
    *row = (struct outbox_row){.id = wake,
                               .job_id = arena_strdup(arena, job->job_id),
                               .epoch = 1,
                               .subject = arena_strdup(arena, subject),
                               .request_id = arena_strdup(arena, envelope.request_id),
                               .body = encode(arena, &envelope)};
    return row->body != NULL && !arena_failed(arena);
}

static enum err_code rows_read(struct arena *arena, struct db_rows *take, struct outbox_taken *taken,
                               struct err *err)
{
    struct db_rows *rows = db_rows_keep(take, arena);
    int n = db_rows(rows);
    struct outbox_row *list = arena_array(arena, (size_t)n, sizeof *list);
    size_t kept = 0;
    for (int i = 0; rows != NULL && list != NULL && i < n; i++)
    {
        const char *body = db_text(rows, i, BODY);
        bool gone = db_text(rows, i, STATUS) == NULL && body == NULL;
        if (gone)
            continue;
        const char *request_id = db_text(rows, i, REQUEST_ID);
        list[kept++] = (struct outbox_row){.id = db_int(rows, i, ID, 0),
                                           .part = db_int(rows, i, PART, 0),
                                           .job_id = db_text(rows, i, JOB_ID),
                                           .epoch = db_int(rows, i, EPOCH, 0),
                                           .subject = db_text(rows, i, SUBJECT),
                                           .request_id = request_id != NULL ? request_id : "",
                                           .body = body != NULL ? body : body_of(arena, rows, i),
                                           .alone = db_bool(rows, i, ALONE)};
    }
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    *taken = (struct outbox_taken){.rows = list, .count = kept, .jobs = n};
    return E_OK;
}

enum err_code outbox_store_take(struct db *db, struct arena *arena, const struct outbox_ask *ask,
                                struct outbox_taken *taken, struct err *err)
{
    const char *params[] = {db_param_int(arena, ask->max),          db_param_int(arena, ask->max_high),
                            db_param_int(arena, ask->local_age_ms), ask->except,
                            db_param_int(arena, ask->age_ms),       ask->local,
                            db_param_int(arena, ask->shared_age_ms)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &take_stmt, params, &rows, err);
    return code == E_OK ? rows_read(arena, rows, taken, err) : code;
}

static const char *ids_param(struct arena *arena, const int64_t *ids, size_t count)
{
    const char **items = arena_array(arena, count, sizeof *items);
    for (size_t i = 0; items != NULL && i < count; i++)
        items[i] = db_param_int(arena, ids[i]);
    return items != NULL ? db_param_array(arena, items, count) : NULL;
}

enum err_code outbox_store_confirm(struct db *db, struct arena *arena, const struct outbox_row *const *rows,
                                   size_t count, struct err *err)
{
    const char **columns[3];
    for (size_t c = 0; c < 3; c++)
        columns[c] = arena_array(arena, count, sizeof *columns[c]);
    for (size_t i = 0; !arena_failed(arena) && i < count; i++)
    {
        columns[0][i] = db_param_int(arena, rows[i]->id);
        columns[1][i] = db_param_int(arena, rows[i]->part);
        columns[2][i] = rows[i]->job_id;
    }
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    const char *params[] = {db_param_array(arena, columns[0], count),
                            db_param_array(arena, columns[1], count),
                            db_param_array(arena, columns[2], count)};
    return arena_failed(arena) ? fail(err, E_NO_MEMORY, "out of memory")
                               : db_run(db, &confirm_stmt, params, NULL, err);
}

enum err_code outbox_store_note(struct db *db, struct arena *arena, const struct outbox_batch *batch,
                                bool *current, struct err *err)
{
    const char *params[] = {batch->stream, db_param_int(arena, batch->min_wake),
                            db_param_int(arena, batch->max_wake), db_param_int(arena, batch->max_seq)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &note_stmt, params, &rows, err);
    *current = code == E_OK && db_bool(rows, 0, 0);
    db_rows_free(rows);
    return code;
}

enum err_code outbox_store_known_seq(struct db *db, const char *created, int64_t *seq, struct err *err)
{
    const char *params[] = {created};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &known_seq_stmt, params, &rows, err);
    if (code == E_OK)
        *seq = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return code;
}

enum err_code outbox_store_sent(struct db *db, struct arena *arena, const int64_t *ids, size_t count,
                                const struct outbox_batch *batch, bool *current, struct err *err)
{
    const char *gone[] = {ids_param(arena, ids, count)};
    const char *noted[] = {batch->stream, db_param_int(arena, batch->min_wake),
                           db_param_int(arena, batch->max_wake), db_param_int(arena, batch->max_seq)};
    const struct db_call calls[] = {{&delete_stmt, gone}, {&note_stmt, noted}};
    struct db_rows *rows[2] = {NULL, NULL};
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = db_run_all(db, calls, 2, rows, err);
    *current = code == E_OK && db_bool(rows[1], 0, 0);
    db_rows_free(rows[0]);
    db_rows_free(rows[1]);
    return code;
}

enum err_code outbox_store_incarnation(struct db *db, struct arena *arena, const char *created,
                                       int64_t last_seq, int64_t known_seq, struct outbox_stream *stream,
                                       struct err *err)
{
    const char *params[] = {created, db_param_int(arena, last_seq), db_param_int(arena, known_seq)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &incarnation_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    *stream = (struct outbox_stream){db_text(rows, 0, 0), db_bool(rows, 0, 1)};
    return E_OK;
}

enum err_code outbox_store_swept(struct db *db, const char *incarnation, struct err *err)
{
    const char *params[] = {incarnation};
    return db_run(db, &swept_stmt, params, NULL, err);
}

enum err_code outbox_store_forget(struct db *db, struct arena *arena, const char *stream, int64_t passed_seq,
                                  struct err *err)
{
    const char *params[] = {stream, db_param_int(arena, passed_seq)};
    return db_run(db, &forget_stmt, params, NULL, err);
}
