/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/trace.h"

static const struct db_stmt jobs_stmt = {
    "trace_jobs",
    "WITH RECURSIVE named AS MATERIALIZED (SELECT job_id, user_id FROM jobs WHERE request_id = $1"
    "   ORDER BY job_id LIMIT $2::bigint),"
    " tree AS (SELECT job_id, user_id FROM named UNION SELECT c.job_id, c.user_id FROM tree t"
    "   JOIN jobs c ON c.parent_id = t.job_id AND c.user_id = t.user_id)"
    " SELECT job_id FROM tree LIMIT $2::bigint",
    2};

#define MINE "WITH mine AS MATERIALIZED (SELECT j.* FROM jobs j WHERE j.job_id = ANY ($1::uuid[]))"

/* Of the job j. `rank` orders what happened at once; `worker_id` is a process of that worker. */
#define STEP(at, rank, step, attempt, worker, worker_id, reason, detail)                                     \
    "SELECT " at ", " rank ", j.job_id, j.kind, " step "::text, " attempt "::bigint, "                       \
    "" worker "::text, " worker_id "::uuid, " reason "::text, " detail "::text "

#define ACCEPTED                                                                                             \
    STEP("j.created_at", "0", "'accepted'", "NULL", "NULL", "NULL", "NULL",                                  \
         "concat_ws(', ', 'for ' || (SELECT username FROM users WHERE id = j.user_id),"                      \
         " 'follows ' || j.parent_id, nullif(j.priority, 'normal') || ' priority')")                         \
    "FROM mine j"

/* A batch names its first and its last wake-up id: whether one in between was published is not certain. The
 * row is written when JetStream has confirmed the batch, and a worker may have the message by then. */
#define PUBLISHED                                                                                            \
    STEP("least(b.at, CASE WHEN j.status <> 'Pending' THEN j.started_at END)", "2", "'published'", "NULL",   \
         "NULL", "NULL", "NULL", "'JetStream confirmed wake-up ' || j.epoch")                                \
    "FROM mine j JOIN relay_batches b ON j.wake IN (b.min_wake, b.max_wake) AND b.min_wake <= b.max_wake"

/* As in a job's history: its rows are of stays that are over, the job's own row is of the latest. */
#define STARTED_BEFORE                                                                                       \
    STEP("h.started_at", "3", "'started'", "h.attempt", "j.worker", "h.worker_id", "NULL", "NULL")           \
    "FROM mine j JOIN job_history h ON h.job_id = j.job_id WHERE h.started_at IS NOT NULL"
#define STARTED                                                                                              \
    STEP("j.started_at", "3", "'started'", "j.attempts", "j.worker", "j.worker_id", "NULL", "NULL")          \
    "FROM mine j WHERE j.started_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM job_history h"                 \
    "   WHERE h.job_id = j.job_id AND h.started_at = j.started_at)"

/* That a job had failed before its replay is read from its dead letter, which has the time. */
#define AGAIN                                                                                                \
    STEP("h.at", "4",                                                                                        \
         "CASE WHEN h.reason = 'replayed' THEN 'replayed' WHEN h.reason = 'worker_lost' THEN 'taken_back'"   \
         " WHEN h.reason IN ('shutdown', 'database', 'in_doubt') THEN 'handed_back' ELSE 'retried' END",     \
         "h.attempt", "j.worker", "h.worker_id", "h.reason", "h.detail")                                     \
    "FROM mine j JOIN job_history h ON h.job_id = j.job_id WHERE h.status = 'Pending'"

#define ENDED                                                                                                \
    STEP("j.finished_at", "5", "lower(j.status)", "j.attempts", "j.worker", "j.worker_id", "j.reason",       \
         "coalesce(j.detail, (SELECT 'result of ' || octet_length(r.result::text) || ' bytes' FROM "         \
         "job_results r WHERE r.job_id = j.job_id))")                                                        \
    "FROM mine j WHERE j.finished_at IS NOT NULL"

#define LETTERS "FROM mine j JOIN dead_letters l ON l.job_id = j.job_id "
#define LETTER                                                                                               \
    STEP("l.created_at", "6", "'dead_letter'", "NULL", "NULL", "NULL", "l.reason",                           \
         "concat_ws(': ', l.id, l.detail)")                                                                  \
    LETTERS
#define LETTER_CLOSED                                                                                        \
    STEP("l.closed_at", "3", "'letter_closed'", "NULL", "NULL", "NULL", "NULL", "l.id")                      \
    LETTERS "WHERE l.closed_at IS NOT NULL"

#define DOWNLOADS "FROM mine j JOIN downloads d ON d.job_id = j.job_id "
#define DOWNLOAD                                                                                             \
    STEP("d.created_at", "1", "'download'", "NULL", "NULL", "NULL", "NULL",                                  \
         "concat_ws(': ', d.id, (SELECT title FROM media WHERE id = d.media_id))")                           \
    DOWNLOADS
#define RELEASE_LEFT                                                                                         \
    STEP("(t->>'at')::timestamptz", "4", "'release_left'", "NULL", "NULL", "NULL", "t->>'reason'",           \
         "concat_ws(': ', t->>'title', t->>'detail')")                                                       \
    DOWNLOADS "CROSS JOIN jsonb_array_elements(d.tries) t"

#define AUDIT                                                                                                \
    STEP("l.at", "0", "'audit'", "NULL", "NULL", "NULL", "l.action",                                         \
         "concat_ws(', ', l.subject, 'from ' || l.ip,"                                                       \
         " 'by ' || coalesce((SELECT username FROM users WHERE id = l.user_id), l.user_id::text))")          \
    "FROM logs l LEFT JOIN mine j ON false WHERE l.request_id = $3"

#define OPEN_JOB                                                                                             \
    STEP("CASE j.status WHEN 'Running' THEN j.started_at ELSE j.run_at END", "0", "lower(j.status)",         \
         "j.attempts", "j.worker", "CASE j.status WHEN 'Running' THEN j.worker_id END", "j.place",           \
         "CASE WHEN j.status = 'Running' THEN concat_ws(', ', 'lease until ' || rfc3339(j.lease_until),"     \
         "     'progress ' || left(j.progress::text, 200))"                                                  \
         "   WHEN j.place = 'paused' THEN 'its download is paused'"                                          \
         "   WHEN j.place = 'waits' THEN 'waits for a place under the limit of its kind'"                    \
         "   WHEN j.run_at > clock_timestamp() THEN 'due at ' || rfc3339(j.run_at)"                          \
         "   WHEN EXISTS (SELECT 1 FROM outgoing o WHERE o.id = j.wake) THEN 'waits for the relay'"          \
         "   ELSE 'waits for a ' || j.worker END")                                                           \
    "FROM mine j WHERE j.status IN ('Pending', 'Running')"
#define OPEN_LETTER                                                                                          \
    STEP("l.created_at", "1", "'dead_letter'", "NULL", "NULL", "NULL", "l.reason",                           \
         "l.id || ' waits for dlq replay or dlq purge'")                                                     \
    LETTERS "WHERE l.closed_at IS NULL"

#define AND_ALSO " UNION ALL "

/* The number of all is counted before the list is cut. */
#define IN_ORDER(steps)                                                                                      \
    MINE ", steps(at, rank, job_id, kind, step, attempt, worker, worker_id, reason, detail) AS (" steps ")," \
         " counted AS (SELECT *, row_number() OVER (ORDER BY at, rank, job_id) AS nth, count(*) OVER () AS " \
         "total"                                                                                             \
         "   FROM steps)"                                                                                    \
         " SELECT micros(c.at), c.job_id, c.kind, c.step, c.attempt, c.worker, c.worker_id, w.node, "        \
         "c.reason, "                                                                                        \
         "c.detail, c.total"                                                                                 \
         " FROM counted c LEFT JOIN workers w ON w.id = c.worker_id AND w.missing_since IS NULL"             \
         " WHERE c.nth <= $2::bigint ORDER BY c.nth"

static const struct db_stmt steps_stmt = {
    "trace_steps",
    IN_ORDER(
        ACCEPTED AND_ALSO PUBLISHED AND_ALSO STARTED_BEFORE AND_ALSO STARTED AND_ALSO AGAIN AND_ALSO ENDED
            AND_ALSO LETTER AND_ALSO LETTER_CLOSED AND_ALSO DOWNLOAD AND_ALSO RELEASE_LEFT AND_ALSO AUDIT),
    3};

static const struct db_stmt open_stmt = {"trace_open", IN_ORDER(OPEN_JOB AND_ALSO OPEN_LETTER), 2};

enum
{
    AT,
    JOB_ID,
    KIND,
    NAME,
    ATTEMPT,
    WORKER,
    WORKER_ID,
    NODE,
    REASON,
    DETAIL,
    TOTAL
};

static struct trace_step step_of(const struct db_rows *rows, int i)
{
    return (struct trace_step){.at_us = db_int(rows, i, AT, 0),
                               .job_id = db_text(rows, i, JOB_ID),
                               .kind = db_text(rows, i, KIND),
                               .step = db_text(rows, i, NAME),
                               .attempt = db_int(rows, i, ATTEMPT, 0),
                               .worker = db_text(rows, i, WORKER),
                               .worker_id = db_text(rows, i, WORKER_ID),
                               .node = db_text(rows, i, NODE),
                               .reason = db_text(rows, i, REASON),
                               .detail = db_text(rows, i, DETAIL)};
}

static enum err_code steps_in(struct arena *arena, struct db_rows *take, struct trace_steps *out,
                              struct err *err)
{
    const struct db_rows *rows = db_rows_keep(take, arena);
    int n = db_rows(rows);
    struct trace_step *steps = rows == NULL ? NULL : arena_array(arena, (size_t)n + 1, sizeof *steps);
    if (steps == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int i = 0; i < n; i++)
        steps[i] = step_of(rows, i);
    *out = (struct trace_steps){steps, (size_t)n, n > 0 ? db_int(rows, 0, TOTAL, 0) : 0};
    return E_OK;
}

/* Reads one more than the limit, to learn whether there are more. */
static enum err_code find_jobs(struct db *db, struct arena *arena, const char *request_id, const char **ids,
                               bool *cut, struct err *err)
{
    const char *params[] = {request_id, db_param_int(arena, TRACE_JOBS_MAX + 1)};
    const char *list[TRACE_JOBS_MAX];
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &jobs_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    int n = db_rows(rows);
    *cut = n > TRACE_JOBS_MAX;
    for (int i = 0; i < n && i < TRACE_JOBS_MAX; i++)
        list[i] = db_text(rows, i, 0);
    *ids = db_param_array(arena, list, *cut ? TRACE_JOBS_MAX : (size_t)n);
    db_rows_free(rows);
    return *ids != NULL ? E_OK : fail(err, E_NO_MEMORY, "out of memory");
}

enum err_code trace_store_read(struct db *db, struct arena *arena, const char *request_id, int64_t limit,
                               struct trace_found *found, struct err *err)
{
    const char *ids = NULL;
    struct db_rows *rows[2] = {NULL, NULL};
    enum err_code code = find_jobs(db, arena, request_id, &ids, &found->jobs_cut, err);
    const char *params[] = {ids, db_param_int(arena, limit), request_id};
    const struct db_call calls[] = {{&steps_stmt, params}, {&open_stmt, params}};
    if (code == E_OK)
        code = db_run_all(db, calls, 2, rows, err);
    if (code != E_OK)
        return code;
    code = steps_in(arena, rows[0], &found->over, err);
    if (code != E_OK)
        db_rows_free(rows[1]);
    else
        code = steps_in(arena, rows[1], &found->open, err);
    if (code == E_OK && found->over.count == 0)
        return fail(err, E_NOT_FOUND, "nothing is stored of that request");
    return code;
}
