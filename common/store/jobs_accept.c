/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting: jobs, their wake-ups and the Idempotency-Key, in one transaction. */
#include "common/store/jobs.h"

#include "common/store/jobs_internal.h"
#include "common/store/outbox.h"

#include <string.h>

/* A unique key is entered among the windows by every job that has one, so that their primary key decides; a
 * trigger refuses while the job that is there lives. The same key twice in one statement is refused as well.
 * Keys are entered in their order, so that two statements with the same ones do not wait for each other. */
#define INTO_WINDOWS                                                                                         \
    " windows AS (INSERT INTO job_windows (kind, unique_key, job_id, until) SELECT kind, unique_key, "       \
    "job_id,"
#define KEY_TAKEN                                                                                            \
    " ORDER BY kind, unique_key ON CONFLICT (kind, unique_key) DO UPDATE SET job_id = excluded.job_id, "     \
    "until = excluded.until),"

/* The wake-up's id is drawn first, so that the job's row knows it without being written twice. */
#define ACCEPT_SQL(param, column, until)                                                                     \
    "WITH input AS MATERIALIZED (SELECT t.*, nextval('outbox_id_seq') AS wake FROM unnest($1::uuid[],"       \
    "   $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],"          \
    "   $9::timestamptz[], $10::text[], $11::uuid[]" param ") AS t(job_id, kind, worker, user_id,"           \
    "   request_id, priority, payload, run_at, deadline_at, unique_key, parent_id" column "))," INTO_WINDOWS \
    "   " until " FROM input WHERE unique_key IS NOT NULL" KEY_TAKEN                                         \
    " job AS (INSERT INTO jobs (job_id, kind, worker, user_id, request_id, priority, payload, run_at,"       \
    "   deadline_at, unique_key, parent_id, epoch, wake)"                                                    \
    "   SELECT job_id, kind, worker, user_id, request_id, priority, payload::jsonb, coalesce(run_at, "       \
    "now()), deadline_at, unique_key, parent_id, 1, wake FROM input)"                                        \
    " INSERT INTO outgoing (id, job_ids, epoch, subject, run_at)"                                            \
    "   SELECT wake, ARRAY[job_id], 1, " JOB_SUBJECT_SQL                                                     \
    ", coalesce(run_at, now()) FROM input RETURNING id, job_ids[1] AS job_id"

/* kind, worker, request_id, priority, payload, unique_key */
#define ACCEPT_BINARY                                                                                        \
    (DB_UUIDS(1) + DB_TEXTS(2) + DB_TEXTS(3) + DB_UUIDS(4) + DB_TEXTS(5) + DB_TEXTS(6) + DB_TEXTS(7) +       \
     DB_TEXTS(10))

/* Two, because the first is a promise to workers that others write (docs/JOBS.md). */
static const struct db_stmt accept_stmt = {"job_accept", ACCEPT_SQL("", "", "clock_timestamp()"),
                                           11 + ACCEPT_BINARY};
static const struct db_stmt accept_windows_stmt = {
    "job_accept_windows",
    ACCEPT_SQL(", $12::bigint[]", ", unique_s", "clock_timestamp() + coalesce(unique_s, 0) * interval '1 s'"),
    12 + ACCEPT_BINARY};

/* Many, alike but for payloads and unique keys ($3 is NULL where none has one): one wake-up for as many as a
 * row holds. */
static const struct db_stmt accept_alike_stmt = {
    "job_accept_alike",
    "WITH one AS MATERIALIZED (SELECT $4::text AS kind, $5::text AS worker, 'normal' AS priority,"
    "   ARRAY(SELECT nextval('outbox_id_seq') FROM generate_series(1, "
    "cardinality($1::uuid[]), " JOB_SHARED_SQL ")) AS wakes)," INTO_WINDOWS " clock_timestamp()"
    "   FROM one, unnest($1::uuid[], $3::text[]) AS t(job_id, unique_key)"
    "   WHERE $3 IS NOT NULL AND unique_key IS NOT NULL" KEY_TAKEN
    " job AS (INSERT INTO jobs (job_id, kind, worker, user_id, request_id, deadline_at, payload, unique_key,"
    "   epoch, wake)"
    "   SELECT job_id, $4, $5, $6::uuid, $7::text, $8::timestamptz, payload::jsonb, unique_key, 1,"
    "     (SELECT wakes FROM one)[(nth::integer - 1) / " JOB_SHARED_SQL " + 1]"
    "   FROM unnest($1, $2::text[], $3) WITH ORDINALITY AS t(job_id, payload, unique_key, nth))"
    " INSERT INTO outgoing (id, part, job_ids, epoch, subject)"
    "   SELECT wake, 1, $1[(nth - 1) * " JOB_SHARED_SQL " + 1 : nth * " JOB_SHARED_SQL
    "], 1, " JOB_SUBJECT_SQL "   FROM one, unnest(wakes) WITH ORDINALITY AS t(wake, nth)",
    8 + DB_UUIDS(1) + DB_TEXTS(2) + DB_TEXTS(3)};

/* One job without a unique key, which costs a fifth less when little else is going on and all is cold.  For a
 * worker that announced itself idle ($11; NULL: there is none) it is accepted and claimed at once, with no
 * wake-up, which would wake nobody: whoever takes the job back or hands it back writes one, as for every
 * other claim.  The number of its first wake-up counts as used: a worker of version 0.1.0 takes `<job>:1` for
 * one that it need not look at.  That worker's row is locked, so that it cannot leave before it is known what
 * it holds; without the row, or with a limit, the job waits like any other. */
static const struct db_stmt accept_one_stmt = {
    "job_accept_one",
    "WITH recipient AS MATERIALIZED (SELECT id, clock_timestamp() AS at FROM workers WHERE id = $11::uuid"
    "   AND missing_since IS NULL AND NOT EXISTS (SELECT 1 FROM job_limits WHERE kind = $2) FOR KEY SHARE),"
    " claimed AS (INSERT INTO jobs (job_id, kind, worker, user_id, request_id, priority, payload, run_at,"
    "   deadline_at, parent_id, epoch, wake, status, attempts, fence, worker_id, lease_until, started_at)"
    "   SELECT $1::uuid, $2::text, $3::text, $4::uuid, $5, $6::text, $7::jsonb,"
    "     coalesce($8::timestamptz, now()), $9::timestamptz, $10::uuid, 1,"
    "     CASE WHEN id IS NULL THEN nextval('outbox_id_seq') ELSE 0 END,"
    "     CASE WHEN id IS NULL THEN 'Pending' ELSE 'Running' END,"
    "     CASE WHEN id IS NULL THEN 0 ELSE 1 END, CASE WHEN id IS NULL THEN 0 ELSE " JOB_FENCE_SQL(
        "0") " END,"
             "     id, at + $12::bigint * interval '1 ms', at"
             "   FROM (VALUES (1)) AS one LEFT JOIN recipient ON true"
             "   RETURNING " JOB_CLAIMED_COLUMNS ", worker, epoch, wake, run_at, worker_id),"
             " noted AS (INSERT INTO claims (worker_id, job_ids) SELECT worker_id, ARRAY[job_id] FROM claimed"
             "   WHERE worker_id IS NOT NULL RETURNING id),"
             " woken AS (" JOB_WAKE_ROWS("claimed") " WHERE worker_id IS NULL)"
                                                    " SELECT " JOB_CLAIMED_COLUMNS
                                                    ", (SELECT id FROM noted), wake FROM claimed",
    12};

static const struct db_stmt notify_stmt = {"job_notify", "SELECT pg_notify('sokoul_outbox', '')", 0};

static const struct db_stmt key_insert_stmt = {
    "job_key_insert",
    "INSERT INTO idempotency_keys (user_id, route, key, body_hash, answer) VALUES ($1, $2, $3, $4, 'null')"
    " ON CONFLICT (user_id, route, key) DO UPDATE SET body_hash = excluded.body_hash, answer = 'null',"
    "   created_at = now() WHERE idempotency_keys.created_at < now() - interval '24 hours'"
    " RETURNING 1",
    4};

static const struct db_stmt key_find_stmt = {
    "job_key_find",
    "SELECT body_hash, answer FROM idempotency_keys WHERE user_id = $1 AND route = $2 AND key = $3", 3};

static const struct db_stmt key_answer_stmt = {
    "job_key_answer",
    "UPDATE idempotency_keys SET answer = $4::jsonb WHERE user_id = $1 AND route = $2 AND key = $3", 4};

/* Whoever works for a key holds this lock of nothing else, so that waiting for it in vain means one thing
 * only. */
#define KEY_LOCK_SQL "hashtextextended($1::text || ' ' || $2::text || ' ' || $3::text, 0)"
static const struct db_stmt key_try_stmt = {"job_key_try",
                                            "SELECT pg_try_advisory_xact_lock(" KEY_LOCK_SQL ")", 3};
static const struct db_stmt key_patience_stmt = {"job_key_patience", "SET LOCAL lock_timeout = 2000", 0};
static const struct db_stmt key_wait_stmt = {"job_key_wait", "SELECT pg_advisory_xact_lock(" KEY_LOCK_SQL ")",
                                             3};
static const struct db_stmt key_rest_stmt = {"job_key_rest", "SET LOCAL lock_timeout TO DEFAULT", 0};

enum
{
    ONE_CLAIM = 11, /* columns of what accept_one answers */
    ONE_WAKE = 12,
    ACCEPT_COLUMNS = 12,
    ALIKE_LEAST = 2 * JOB_ROW_MAX
};

static const char *time_or_null(struct arena *arena, int64_t wall_ms)
{
    return wall_ms == 0 ? NULL : db_param_time(arena, wall_ms);
}

/* One job as a row of texts, in the order of the statement's arrays. */
static enum err_code job_row(struct arena *arena, const struct job_new *job, const char *row[ACCEPT_COLUMNS],
                             struct err *err)
{
    const char *worker = job->worker != NULL ? job->worker : job_worker_of(job->kind);
    char subject[JOB_SUBJECT_SIZE];
    if (worker == NULL)
        return fail(err, E_INVALID, "there is no job kind %.32s; one of your own needs its worker",
                    job->kind);
    enum err_code code = job_subject(worker, job->kind, job->priority, subject, err);
    if (code != E_OK)
        return code;
    row[0] = job->job_id;
    row[1] = job->kind;
    row[2] = worker;
    row[3] = job->user_id;
    row[4] = job->request_id != NULL ? job->request_id : "";
    row[5] = job_priority_name(job->priority);
    row[6] = job->payload != NULL ? job->payload : "{}";
    row[7] = time_or_null(arena, job->run_at_ms);
    row[8] = time_or_null(arena, job->deadline_at_ms);
    row[9] = job->unique_key;
    row[10] = job->parent_id;
    row[11] = job->unique_s > 0 ? db_param_int(arena, job->unique_s) : NULL;
    return E_OK;
}

static enum err_code one_params(struct arena *arena, const struct job_new *job,
                                const char *params[ACCEPT_COLUMNS], struct err *err)
{
    const char *row[ACCEPT_COLUMNS] = {NULL};
    enum err_code code = job_row(arena, job, row, err);
    if (code != E_OK)
        return code;
    memcpy(params, row, 9 * sizeof row[0]);
    params[9] = row[10]; /* there is no unique key */
    params[10] = NULL;   /* nor a recipient */
    params[11] = NULL;
    return arena_failed(arena) ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
}

/* *stmt is the one to run, with `params`. */
static enum err_code accept_params(struct arena *arena, const struct job_new *jobs, size_t count,
                                   const char *params[ACCEPT_COLUMNS], const struct db_stmt **stmt,
                                   struct err *err)
{
    const char **columns[ACCEPT_COLUMNS];
    if (count == 1 && jobs->unique_key == NULL)
    {
        *stmt = &accept_one_stmt;
        return one_params(arena, jobs, params, err);
    }
    for (size_t c = 0; c < ACCEPT_COLUMNS; c++)
        if ((columns[c] = arena_array(arena, count, sizeof *columns[c])) == NULL)
            return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
    {
        const char *row[ACCEPT_COLUMNS];
        enum err_code code = job_row(arena, &jobs[i], row, err);
        if (code != E_OK)
            return code;
        for (size_t c = 0; c < ACCEPT_COLUMNS; c++)
            columns[c][i] = row[c];
    }
    bool windows = false;
    for (size_t i = 0; i < count && !windows; i++)
        windows = jobs[i].unique_s > 0;
    *stmt = windows ? &accept_windows_stmt : &accept_stmt;
    for (int c = 0; c < db_stmt_params(*stmt); c++)
        params[c] = db_param_column(arena, *stmt, c + 1, columns[c], count);
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    return E_OK;
}

enum err_code job_store_accept(struct db *db, struct arena *arena, const struct job_new *jobs, size_t count,
                               struct err *err)
{
    const char *params[ACCEPT_COLUMNS];
    const struct db_stmt *stmt = NULL;
    enum err_code code = accept_params(arena, jobs, count, params, &stmt, err);
    return code == E_OK ? db_run(db, stmt, params, NULL, err) : code;
}

static const struct job_new *job_named(const struct job_new *jobs, size_t count, const char *id, size_t *at)
{
    for (size_t n = 0; n < count; n++)
    {
        size_t i = (*at + n) % count; /* rows come in the order of the jobs */
        if (strcmp(jobs[i].job_id, id) != 0)
            continue;
        *at = i + 1;
        return &jobs[i];
    }
    return NULL;
}

/* One that is due, of no unique key, and not of low priority: that one waits for all others. */
bool job_may_be_handed_off(const struct job_new *jobs, size_t count)
{
    return count == 1 && strcmp(jobs->kind, "download") != 0 && jobs->unique_key == NULL &&
           jobs->run_at_ms == 0 && jobs->priority != JOB_LOW;
}

enum err_code job_store_hand_off(struct db *db, struct arena *arena, const struct job_new *job,
                                 const struct job_recipient *recipient, struct just_committed *committed,
                                 struct err *err)
{
    const char *params[ACCEPT_COLUMNS];
    struct db_rows *rows = NULL;
    struct job_claim *claims = NULL;
    size_t count = 0;
    enum err_code code = one_params(arena, job, params, err);
    if (code != E_OK)
        return code;
    params[10] = recipient->worker_id.text;
    params[11] = db_param_int(arena, recipient->lease_ms);
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    code = db_run(db, &accept_one_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    *committed = (struct just_committed){.rows = arena_array(arena, 1, sizeof *committed->rows),
                                         .recipient = *recipient};
    const int64_t wake = db_int(rows, 0, ONE_WAKE, 0);
    const bool handed_off = db_text(rows, 0, ONE_CLAIM) != NULL;
    code = job_claims_of(arena, rows, &claims, &count, err);
    if (code != E_OK || committed->rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    committed->handed_off = handed_off ? claims : NULL;
    committed->count = outbox_row_of(arena, job, wake, &committed->rows[0]) ? 1 : 0;
    return E_OK;
}

enum err_code job_store_accept_rows(struct db *db, struct arena *arena, const struct job_new *jobs,
                                    size_t count, struct just_committed *committed, struct err *err)
{
    const char *params[ACCEPT_COLUMNS];
    const struct db_stmt *stmt = NULL;
    struct db_rows *rows = NULL;
    size_t at = 0;
    enum err_code code = accept_params(arena, jobs, count, params, &stmt, err);
    if (code == E_OK)
        code = db_run(db, stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    const bool one = stmt == &accept_one_stmt;
    *committed = (struct just_committed){.rows = arena_array(arena, count, sizeof *committed->rows)};
    for (int i = 0; committed->rows != NULL && i < db_rows(rows); i++)
    {
        const struct job_new *job = job_named(jobs, count, db_text(rows, i, one ? 0 : 1), &at);
        if (job != NULL && job->run_at_ms == 0 &&
            outbox_row_of(arena, job, db_int(rows, i, one ? ONE_WAKE : 0, 0),
                          &committed->rows[committed->count]))
            committed->count++;
    }
    db_rows_free(rows);
    return E_OK;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Many, all due now, that differ in payload and unique key at most. */
static bool are_alike(const struct job_new *jobs, size_t count)
{
    bool same = count >= ALIKE_LEAST;
    for (size_t i = 0; same && i < count; i++)
        same = jobs[i].run_at_ms == 0 && jobs[i].unique_s == 0 && jobs[i].parent_id == NULL &&
               jobs[i].priority == JOB_NORMAL && jobs[i].deadline_at_ms == jobs[0].deadline_at_ms &&
               same_text(jobs[i].kind, jobs[0].kind) && same_text(jobs[i].worker, jobs[0].worker) &&
               same_text(jobs[i].user_id, jobs[0].user_id) &&
               same_text(jobs[i].request_id, jobs[0].request_id);
    return same;
}

static enum err_code alike_params(struct arena *arena, const struct job_new *jobs, size_t count,
                                  const char *params[ACCEPT_COLUMNS], const struct db_stmt **stmt,
                                  struct err *err)
{
    const char *row[ACCEPT_COLUMNS] = {NULL};
    const char **ids = arena_array(arena, count, sizeof *ids);
    const char **payloads = arena_array(arena, count, sizeof *payloads);
    const char **keys = arena_array(arena, count, sizeof *keys);
    bool keyed = false;
    enum err_code code = job_row(arena, &jobs[0], row, err);
    if (code != E_OK)
        return code;
    for (size_t i = 0; !arena_failed(arena) && i < count; i++)
    {
        ids[i] = jobs[i].job_id;
        payloads[i] = jobs[i].payload != NULL ? jobs[i].payload : "{}";
        keys[i] = jobs[i].unique_key;
        keyed = keyed || keys[i] != NULL;
    }
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    *stmt = &accept_alike_stmt;
    params[0] = db_param_column(arena, *stmt, 1, ids, count);
    params[1] = db_param_column(arena, *stmt, 2, payloads, count);
    params[2] = keyed ? db_param_column(arena, *stmt, 3, keys, count) : NULL;
    memcpy(&params[3], &row[1], 4 * sizeof row[0]);
    params[7] = row[8];
    return arena_failed(arena) ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
}

enum err_code job_store_accept_telling(struct db *db, struct arena *arena, const struct job_new *jobs,
                                       size_t count, struct err *err)
{
    const char *params[ACCEPT_COLUMNS];
    const struct db_stmt *stmt = NULL;
    struct db_rows *rows[2] = {NULL, NULL};
    enum err_code code = are_alike(jobs, count) ? alike_params(arena, jobs, count, params, &stmt, err)
                                                : accept_params(arena, jobs, count, params, &stmt, err);
    if (code != E_OK)
        return code;
    const struct db_call calls[] = {{stmt, params}, {&notify_stmt, NULL}};
    code = db_run_all(db, calls, 2, rows, err);
    db_rows_free(rows[0]);
    db_rows_free(rows[1]);
    return code;
}

enum err_code job_store_notify(struct db *db, struct err *err)
{
    return db_run(db, &notify_stmt, NULL, NULL, err);
}

static enum err_code key_compare(struct arena *arena, const struct job_key *key, struct db_rows *rows,
                                 const char **answer, struct err *err)
{
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (db_rows(rows) == 0)
        return fail(err, E_DATABASE, "the answer to this Idempotency-Key has just gone");
    if (strcmp(db_text(rows, 0, 0), key->body_hash) != 0)
        return fail(err, E_UNPROCESSABLE, "this Idempotency-Key was used with another body");
    *answer = db_text(rows, 0, 1);
    return E_OK;
}

/* Somebody works for this key: waits a while for their answer. */
static enum err_code key_wait(struct db *db, const char *const *params, struct err *err)
{
    enum err_code code = db_run(db, &key_patience_stmt, NULL, NULL, err);
    if (code == E_OK)
        code = db_run(db, &key_wait_stmt, params, NULL, err);
    if (code == E_TIMEOUT)
        return fail(err, E_CONFLICT, "a request with this Idempotency-Key is in flight");
    return code == E_OK ? db_run(db, &key_rest_stmt, NULL, NULL, err) : code;
}

/* Until the transaction ends. */
static enum err_code key_hold(struct db *db, const char *const *params, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, &key_try_stmt, params, &rows, err) != E_OK)
        return err->code;
    const bool held = db_bool(rows, 0, 0);
    db_rows_free(rows);
    return held ? E_OK : key_wait(db, params, err);
}

enum err_code job_store_key_begin(struct db *db, struct arena *arena, const struct job_key *key,
                                  const char **answer, struct err *err)
{
    const char *params[] = {key->user_id, key->route, key->key, key->body_hash};
    struct db_rows *rows = NULL;
    if (key_hold(db, params, err) != E_OK || db_run(db, &key_insert_stmt, params, &rows, err) != E_OK)
        return err->code;
    bool is_new = db_rows(rows) == 1;
    db_rows_free(rows);
    *answer = NULL;
    if (is_new)
        return E_OK;
    enum err_code code = db_run(db, &key_find_stmt, params, &rows, err);
    return code == E_OK ? key_compare(arena, key, rows, answer, err) : code;
}

enum err_code job_store_key_answer(struct db *db, const struct job_key *key, const char *answer,
                                   struct err *err)
{
    const char *params[] = {key->user_id, key->route, key->key, answer};
    return db_run(db, &key_answer_stmt, params, NULL, err);
}
