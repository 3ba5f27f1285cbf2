/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters: list, show, replay, purge. */
#include "common/store/jobs.h"

#include "common/base/buf.h"
#include "common/base/id.h"
#include "common/job/envelope.h"
#include "common/json/write.h"
#include "common/store/jobs_internal.h"

#include <stdlib.h>
#include <string.h>

enum
{
    RAW_KEPT_BYTES = 65536,
    LETTER_TEXT_MAX = 1024 * 1024
};

/* The dead letter's id: a UUIDv7 made of the message's own time and sequence number, so that a second attempt
 * finds it there. */
#define LETTER_ID_SQL                                                                                        \
    "coalesce((lpad(to_hex($9::bigint), 12, '0') || '7' || substr(md5($8), 1, 3) || '8' || substr(md5($8), " \
    "4, "                                                                                                    \
    "15))::uuid, $1::uuid)"

static const struct db_stmt bury_raw_stmt = {
    "letter_bury_raw",
    "WITH letter AS (INSERT INTO dead_letters (id, kind, subject, reason, detail, raw, raw_size, errors)"
    "   VALUES (" LETTER_ID_SQL
    ", NULL, $2, $3, $4, decode($5, 'hex'), $6::bigint, jsonb_build_array(jsonb_build_object("
    "     'attempt', 1, 'at', clock_timestamp(), 'reason', $3::text, 'detail', $4::text)))"
    "   ON CONFLICT (id) DO NOTHING"
    "   RETURNING id, subject, reason, detail, raw_size)"
    " INSERT INTO outgoing (subject, headers, body) SELECT 'sokoul.dlq.raw', '{}', jsonb_build_object('v', 1,"
    "   'letter_id', id, 'job_id', NULL, 'user_id', '" ID_SYSTEM_USER
    "', 'timestamp', to_char(clock_timestamp()"
    "   AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), 'subject', subject, 'reason', reason,"
    "   'detail', detail, 'raw_size', raw_size, 'raw_base64', $7::text)::text FROM letter",
    9};

#define LETTER_COLUMNS "l.id, l.job_id, l.kind, l.subject, l.reason, l.detail, l.created_at, l.closed_at"

static const struct db_stmt list_stmt = {
    "letter_list",
    "SELECT " LETTER_COLUMNS
    " FROM dead_letters l WHERE closed_at IS NULL AND ($1::text IS NULL OR kind = $1)"
    " AND ($2::uuid IS NULL OR id < $2::uuid) ORDER BY id DESC LIMIT $3::bigint OFFSET $4::bigint",
    4};

static const struct db_stmt count_stmt = {"letter_count",
                                          "SELECT count(*) FROM (SELECT 1 FROM dead_letters WHERE closed_at "
                                          "IS NULL AND ($1::text IS NULL OR kind = $1)"
                                          " LIMIT 10001) t",
                                          1};

static const struct db_stmt get_stmt = {
    "letter_get",
    "SELECT " LETTER_COLUMNS
    ", l.errors, l.raw_size, encode(l.raw, 'base64'), encode(l.raw, 'escape'), j.payload"
    " FROM dead_letters l LEFT JOIN jobs j ON j.job_id = l.job_id WHERE l.id = $1",
    1};

/* Closing comes first: of two replays of the same dead letter, one finds it closed. */
static const struct db_stmt close_stmt = {
    "letter_close",
    "UPDATE dead_letters SET closed_at = now(), closed_by = $2::uuid WHERE id = $1 AND closed_at IS NULL"
    " RETURNING job_id, encode(raw, 'hex'), raw_size, subject",
    2};

static const struct db_stmt replay_stmt = {
    "letter_replay",
    "WITH old AS (SELECT job_id, attempts, reason, detail, worker_id, started_at FROM jobs WHERE job_id = $1"
    "   AND status = 'Failed' FOR UPDATE),"
    " moved AS (UPDATE jobs j SET status = 'Pending', attempts = 0, reason = NULL, detail = NULL, "
    "finished_at = NULL,"
    "   run_at = now(), " JOB_WAKE_SQL ", alone = false,"
    "   payload = coalesce($2::jsonb, payload) FROM old WHERE j.job_id = old.job_id"
    "   RETURNING " JOB_WOKEN_COLUMNS(
        "j") ", j.unique_key),"
             " windows AS (INSERT INTO job_windows (kind, unique_key, job_id, until)"
             "   SELECT kind, unique_key, job_id, now() FROM moved WHERE unique_key IS NOT NULL"
             "   ON CONFLICT (kind, unique_key) DO UPDATE SET job_id = excluded.job_id,"
             "   until = greatest(job_windows.until, excluded.until)),"
             " told AS (INSERT INTO job_history (job_id, status, attempt, reason, detail, worker_id, "
             "started_at)"
             "   SELECT job_id, 'Failed', attempts, reason, detail, worker_id, started_at FROM old UNION ALL"
             "   SELECT job_id, 'Pending', 0, 'replayed', 'Replayed from its dead letter', NULL, NULL FROM "
             "old),"
             " woken AS (" JOB_WAKE_ROWS("moved") ")"
                                                  " SELECT job_id FROM moved",
    2};

static const struct db_stmt exists_stmt = {"letter_exists", "SELECT 1 FROM dead_letters WHERE id = $1", 1};

static const struct db_stmt purge_stmt = {
    "letter_purge",
    "UPDATE dead_letters SET closed_at = now(), closed_by = $2::uuid WHERE closed_at IS NULL"
    " AND ($1::uuid IS NULL OR id = $1::uuid)",
    2};

/* ---- raw dead letters ---------------------------------------------------------------------------- */

static char *hex_of(struct arena *arena, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, len * 2 + 1);
    for (size_t i = 0; text != NULL && i < len; i++)
    {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return text;
}

static char *base64_of(struct arena *arena, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = arena_alloc(arena, (len + 2) / 3 * 4 + 1);
    char *at = text;
    for (size_t i = 0; text != NULL && i < len; i += 3)
    {
        unsigned group = (unsigned)bytes[i] << 16 | (i + 1 < len ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (i + 2 < len ? bytes[i + 2] : 0);
        *at++ = digits[group >> 18];
        *at++ = digits[group >> 12 & 63];
        *at++ = i + 1 < len ? digits[group >> 6 & 63] : '=';
        *at++ = i + 2 < len ? digits[group & 63] : '=';
    }
    return text;
}

enum err_code job_store_bury_raw(struct db *db, struct arena *arena, const struct job_raw_letter *letter,
                                 struct err *err)
{
    size_t len = letter->raw_len < RAW_KEPT_BYTES ? letter->raw_len : RAW_KEPT_BYTES;
    size_t copied = len < 4096 ? len : 4096; /* the copy in the stream is for people, the row keeps more */
    struct id id = id_new();
    const char *origin = letter->seq == 0 ? NULL
                                          : arena_printf(arena, "%lld:%lld", (long long)letter->seq,
                                                         (long long)letter->stored_ms);
    const char *params[] = {id.text,
                            letter->subject,
                            letter->reason,
                            letter->detail,
                            hex_of(arena, letter->raw, len),
                            db_param_int(arena, (int64_t)letter->raw_size),
                            base64_of(arena, letter->raw, copied),
                            origin,
                            db_param_int(arena, letter->stored_ms)};
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    return db_run(db, &bury_raw_stmt, params, NULL, err);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void put_letter(struct json_writer *w, const struct db_rows *rows, int i)
{
    static const char *const names[] = {"id", "job_id", "kind", "subject", "reason", "detail"};
    for (int c = 0; c < 6; c++)
        json_put_text(w, names[c], db_text(rows, i, c));
    json_put_time(w, "created_at", db_time(rows, i, 6, 0));
    if (db_text(rows, i, 7) != NULL)
        json_put_time(w, "closed_at", db_time(rows, i, 7, 0));
}

static enum err_code text_of(struct arena *arena, struct buf *buf, const char **text, struct err *err)
{
    char *copy = buf_keep(buf, arena);
    if (copy == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    *text = copy;
    return E_OK;
}

enum err_code letter_store_list(struct db *db, struct arena *arena, const struct letter_filter *filter,
                                struct job_page *page, struct err *err)
{
    const char *params[] = {filter->kind, filter->before, db_param_int(arena, filter->limit),
                            db_param_int(arena, filter->offset)};
    const struct db_call calls[] = {{&list_stmt, params}, {&count_stmt, params}};
    struct db_rows *rows[2] = {NULL, NULL};
    enum err_code code = db_run_all(db, calls, 2, rows, err);
    if (code != E_OK)
        return code;
    struct buf buf;
    buf_init(&buf, LETTER_TEXT_MAX);
    struct json_writer w = json_writer(&buf);
    int n = db_rows(rows[0]);
    json_begin_array(&w, NULL);
    for (int i = 0; i < n; i++)
    {
        json_begin_object(&w, NULL);
        put_letter(&w, rows[0], i);
        json_end_object(&w);
    }
    json_end_array(&w);
    page->total = filter->before == NULL ? db_int(rows[1], 0, 0, 0) : -1;
    page->last_id = n == filter->limit && n > 0 ? arena_strdup(arena, db_text(rows[0], n - 1, 0)) : NULL;
    db_rows_free(rows[0]);
    db_rows_free(rows[1]);
    return text_of(arena, &buf, &page->items, err);
}

/* Postgres breaks base64 into lines. */
static char *one_line(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    char *to = copy;
    for (const char *from = copy; from != NULL && *from != '\0'; from++)
        if (*from != '\n')
            *to++ = *from;
    if (to != NULL)
        *to = '\0';
    return copy;
}

enum err_code letter_store_get(struct db *db, struct arena *arena, const char *letter_id, const char **json,
                               struct err *err)
{
    const char *params[] = {letter_id};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &get_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "there is no such dead letter");
    struct buf buf;
    buf_init(&buf, LETTER_TEXT_MAX);
    struct json_writer w = json_writer(&buf);
    json_begin_object(&w, NULL);
    put_letter(&w, rows, 0);
    json_put_raw(&w, "errors", db_text(rows, 0, 8));
    json_put_raw(&w, "raw_size", db_text(rows, 0, 9));
    json_put_text(&w, "raw", db_text(rows, 0, 11));
    json_put_text(&w, "raw_base64", one_line(arena, db_text(rows, 0, 10)));
    json_put_raw(&w, "payload", db_text(rows, 0, 12));
    json_end_object(&w);
    return text_of(arena, &buf, json, err);
}

/* ---- replay --------------------------------------------------------------------------------- */

static size_t unhex(char *out, const char *hex)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++)
    {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (char)strtol(two, NULL, 16);
    }
    return len;
}

/* "demo" of "sokoul.jobs.demo.greet": whose a kind is that the product does not know. NULL: no such subject.
 */
static const char *worker_in(struct arena *arena, const char *subject)
{
    static const char prefix[] = "sokoul.jobs.";
    const size_t skip = sizeof prefix - 1;
    if (subject == NULL || strncmp(subject, prefix, skip) != 0)
        return NULL;
    return arena_strndup(arena, subject + skip, strcspn(subject + skip, "."));
}

/* Raw bytes become a new job when they, or the payload given instead of them, are an envelope. */
static enum err_code replay_raw(struct db *db, struct arena *arena, const struct db_rows *rows,
                                const char *payload, const char **job_id, struct err *err)
{
    const char *hex = db_text(rows, 0, 1);
    char *raw = arena_alloc(arena, hex == NULL ? 1 : strlen(hex) / 2 + 1);
    if (raw == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    size_t len = hex == NULL ? 0 : unhex(raw, hex);
    const char *text = payload != NULL ? payload : raw;
    size_t text_len = payload != NULL ? strlen(payload) : len;
    struct envelope envelope;
    struct err why = ERR_INIT;
    if (envelope_decode(arena, text, text_len, &envelope, &why) != E_OK)
        return fail(err, E_UNPROCESSABLE, "it is still no envelope: %.150s", why.text);
    const char *own = job_worker_of(envelope.kind);
    const struct job_new job = {.job_id = envelope.job_id,
                                .kind = envelope.kind,
                                .worker = own != NULL ? own : worker_in(arena, db_text(rows, 0, 3)),
                                .user_id = envelope.user_id,
                                .request_id = envelope.request_id,
                                .payload = envelope.payload,
                                .priority = envelope.priority,
                                .unique_key = envelope.unique_key,
                                .parent_id = envelope.parent_id};
    enum err_code code = job_store_accept(db, arena, &job, 1, err);
    if (code == E_OK)
        *job_id = envelope.job_id;
    return code;
}

static enum err_code replay_job(struct db *db, struct arena *arena, const char *id, const char *payload,
                                const char **job_id, struct err *err)
{
    const char *params[] = {id, payload};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &replay_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    bool moved = db_rows(rows) == 1;
    db_rows_free(rows);
    if (!moved)
        return fail(err, E_CONFLICT, "the job is not Failed any more");
    *job_id = arena_strdup(arena, id);
    return *job_id == NULL ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
}

static enum err_code not_open(struct db *db, const char *letter_id, struct err *err)
{
    const char *params[] = {letter_id};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &exists_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    bool there = db_rows(rows) == 1;
    db_rows_free(rows);
    return there ? fail(err, E_CONFLICT, "the dead letter is closed already")
                 : fail(err, E_NOT_FOUND, "there is no such dead letter");
}

enum err_code letter_store_replay(struct db *db, struct arena *arena, const char *letter_id,
                                  const char *closed_by, const char *payload, const char **job_id,
                                  struct err *err)
{
    const char *params[] = {letter_id, closed_by};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &close_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (db_rows(rows) == 0)
        return not_open(db, params[0], err);
    const char *id = db_text(rows, 0, 0);
    return id != NULL ? replay_job(db, arena, id, payload, job_id, err)
                      : replay_raw(db, arena, rows, payload, job_id, err);
}

enum err_code letter_store_purge(struct db *db, const char *letter_id, const char *closed_by, int64_t *closed,
                                 struct err *err)
{
    const char *params[] = {letter_id, closed_by};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &purge_stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    *closed = db_affected(rows);
    db_rows_free(rows);
    return E_OK;
}
