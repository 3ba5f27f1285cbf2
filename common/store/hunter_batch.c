/* SPDX-License-Identifier: Apache-2.0 */
/* Many at once: the progress of all that run, and the torrents that are seeded. */
#include "common/store/hunter.h"

#include "common/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Never waits: the progress of a row that is locked is written a moment later. */
static const struct db_stmt progress = {
    "hunter_progress",
    "WITH t AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::double precision[], "
    "$5::bigint[], $6::bigint[], $7::bigint[], $8::integer[], $9::bigint[], $10::text[]) "
    "AS t(job_id, fence, id, progress, done, total, rate, peers, eta, detail)), "
    "mine AS (SELECT d.id FROM t JOIN jobs j ON j.job_id = t.job_id AND j.status = 'Running' "
    "AND j.fence = t.fence JOIN downloads d ON d.id = t.id AND d.job_id = t.job_id "
    "FOR SHARE OF j SKIP LOCKED FOR NO KEY UPDATE OF d SKIP LOCKED) "
    "UPDATE downloads d SET progress = t.progress, downloaded_bytes = t.done, "
    "total_bytes = coalesce(t.total, d.total_bytes), down_rate = t.rate, peers = t.peers, eta_s = t.eta, "
    "detail = t.detail, progress_at = now() FROM t JOIN mine USING (id) WHERE d.id = mine.id RETURNING d.id",
    10,
};
#define WANTED "d.wanted <> 'delete' AND d.status = 'Completed'"
static const struct db_stmt seeds_of = {
    "hunter_seeds",
    "SELECT t.id, CASE WHEN bool_or(d.files IS NULL) THEN NULL ELSE string_agg(array_to_string(d.files, "
    "','), "
    "',') END, (SELECT string_agg(c.link, E'\\n') FROM torrent_claims c WHERE c.torrent_id = t.id AND EXISTS "
    "(SELECT 1 FROM downloads d WHERE d.torrent_id = t.id AND d.user_id = c.user_id AND " WANTED ")) "
    "FROM torrents t JOIN downloads d ON d.torrent_id = t.id WHERE t.node = $1 "
    "AND t.status = 'Completed' AND t.metainfo IS NOT NULL AND " WANTED
    " GROUP BY t.id HAVING max(d.finished_at) > now() - $2::bigint * interval '1 hour' "
    "ORDER BY max(d.finished_at) DESC LIMIT 2000",
    2,
};
static const struct db_stmt unwanted_of = {
    "hunter_unwanted",
    "SELECT id FROM unnest($1::uuid[]) AS t(id) WHERE NOT EXISTS (SELECT 1 FROM downloads d "
    "WHERE d.torrent_id = t.id AND d.wanted <> 'delete' AND d.status <> 'Failed')",
    1,
};
static const struct db_stmt forget = {
    "hunter_forget",
    "UPDATE torrents SET status = 'Pending', node = NULL WHERE id = $1",
    1,
};
static const struct db_stmt lose = {
    "hunter_lose",
    "UPDATE torrents SET status = 'Pending', node = NULL WHERE id = $1 AND node = $2 AND status = "
    "'Completed'",
    2,
};

static const struct db_stmt promises_of = {
    "hunter_promises",
    "SELECT torrent_id, max(total_bytes - downloaded_bytes) FROM downloads WHERE status IN ('Pending', "
    "'Running') AND wanted <> 'delete' AND torrent_id IS NOT NULL AND total_bytes > downloaded_bytes "
    "GROUP BY torrent_id LIMIT 10000",
    0,
};
#define TAKEN                                                                                                \
    "SELECT coalesce(sum(bytes), 0) FROM (SELECT max(coalesce(d.total_bytes, t.size)) AS bytes "             \
    "FROM downloads d LEFT JOIN torrents t ON t.id = d.torrent_id WHERE d.wanted <> 'delete' "               \
    "AND d.status <> 'Failed' AND d.torrent_id IS NOT NULL "
static const struct db_stmt room_of = {
    "hunter_room",
    "SELECT (" TAKEN
    "AND d.user_id = (SELECT user_id FROM downloads WHERE id = $1) GROUP BY d.torrent_id) u), "
    "(" TAKEN "GROUP BY d.torrent_id) a)",
    1,
};

enum
{
    COLUMNS = 10
};

static const char *number(struct arena *arena, int64_t value, int64_t unknown_below)
{
    return value < unknown_below ? NULL : db_param_int(arena, value);
}

static void put_line(struct arena *arena, const struct hunter_progress *line, const char **column[], size_t i)
{
    column[0][i] = line->guard.job_id;
    column[1][i] = db_param_int(arena, line->guard.fence);
    column[2][i] = line->guard.download_id;
    column[3][i] = arena_printf(arena, "%.6f", line->progress);
    column[4][i] = db_param_int(arena, line->done_bytes);
    column[5][i] = number(arena, line->total_bytes, 1);
    column[6][i] = db_param_int(arena, line->down_bytes_s);
    column[7][i] = db_param_int(arena, line->peers);
    column[8][i] = number(arena, line->eta_s, 0);
    column[9][i] = line->detail;
}

static void mark_written(const struct hunter_progress *lines, size_t n, const struct db_rows *rows,
                         bool *written)
{
    for (size_t i = 0; i < n; i++)
    {
        written[i] = false;
        for (int r = 0; r < db_rows(rows) && !written[i]; r++)
            written[i] = strcmp(db_text(rows, r, 0), lines[i].guard.download_id) == 0;
    }
}

static enum err_code write_lines(struct db *db, struct arena *arena, const struct hunter_progress *lines,
                                 size_t n, bool *written, struct err *err)
{
    const char **column[COLUMNS];
    const char *params[COLUMNS];
    struct db_rows *rows = NULL;
    for (size_t c = 0; c < COLUMNS; c++)
        column[c] = arena_array(arena, n + 1, sizeof(const char *));
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory for the progress");
    for (size_t i = 0; i < n; i++)
        put_line(arena, &lines[i], column, i);
    for (size_t c = 0; c < COLUMNS; c++)
        params[c] = db_param_array(arena, column[c], n);
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory for the progress");
    enum err_code code = db_run(db, &progress, params, &rows, err);
    if (code == E_OK)
        mark_written(lines, n, rows, written);
    db_rows_free(rows);
    return code;
}

/* The error is about the lines, and not about the connection. */
static bool is_about_lines(enum err_code code)
{
    return code == E_INVALID || code == E_CONFLICT || code == E_NOT_FOUND || code == E_BUG;
}

enum err_code hunter_store_progress(struct db *db, struct arena *arena, const struct hunter_progress *lines,
                                    size_t n, bool *written, struct err *err)
{
    enum err_code code = write_lines(db, arena, lines, n, written, err);
    if (!is_about_lines(code))
        return code;
    for (size_t i = 0; i < n; i++)
    {
        written[i] = false;
        code = write_lines(db, arena, lines + i, 1, written + i, err);
        if (code != E_OK && !is_about_lines(code))
            return code;
        if (code != E_OK)
            log_error("progress_refused", "the progress of download %s cannot be written: %s",
                      lines[i].guard.download_id, err->text);
        written[i] = written[i] || code != E_OK;
    }
    return E_OK;
}

enum err_code hunter_store_seeds(struct db *db, struct arena *arena, const char *node, int64_t hours,
                                 struct hunter_seed **seeds, size_t *count, struct err *err)
{
    const char *params[] = {node, db_param_int(arena, hours)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &seeds_of, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    size_t n = rows == NULL ? 0 : (size_t)db_rows(rows);
    struct hunter_seed *list = arena_array(arena, n + 1, sizeof *list);
    if (rows == NULL || list == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the seeds");
    for (size_t i = 0; i < n; i++)
        list[i] = (struct hunter_seed){db_text(rows, (int)i, 0), db_text(rows, (int)i, 1),
                                       db_text(rows, (int)i, 2)};
    *seeds = list;
    *count = n;
    return E_OK;
}

enum err_code hunter_store_unwanted(struct db *db, struct arena *arena, const char *const *torrent_ids,
                                    size_t n, const char ***unwanted, size_t *count, struct err *err)
{
    const char *params[] = {db_param_array(arena, torrent_ids, n)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &unwanted_of, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    const char **list = arena_array(arena, n + 1, sizeof *list);
    if (rows == NULL || list == NULL)
        return fail(err, E_NO_MEMORY, "no memory for the seeds");
    *count = (size_t)db_rows(rows);
    for (size_t i = 0; i < *count; i++)
        list[i] = db_text(rows, (int)i, 0);
    *unwanted = list;
    return E_OK;
}

enum err_code hunter_store_forget(struct db *db, const char *torrent_id, struct err *err)
{
    const char *params[] = {torrent_id};
    return db_run(db, &forget, params, NULL, err);
}

enum err_code hunter_store_lose(struct db *db, const char *torrent_id, const char *node, struct err *err)
{
    const char *params[] = {torrent_id, node};
    return db_run(db, &lose, params, NULL, err);
}

enum err_code hunter_store_promises(struct db *db, struct arena *arena, struct hunter_promise **promises,
                                    size_t *count, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &promises_of, NULL, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    size_t n = rows == NULL ? 0 : (size_t)db_rows(rows);
    struct hunter_promise *list = arena_array(arena, n + 1, sizeof *list);
    if (rows == NULL || list == NULL)
        return fail(err, E_NO_MEMORY, "no memory for what is promised");
    for (size_t i = 0; i < n; i++)
        list[i] = (struct hunter_promise){db_text(rows, (int)i, 0), db_int(rows, (int)i, 1, 0)};
    *promises = list;
    *count = n;
    return E_OK;
}

enum err_code hunter_store_room(struct db *db, const char *download_id, struct hunter_room *room,
                                struct err *err)
{
    const char *params[] = {download_id};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &room_of, params, &rows, err);
    if (code != E_OK)
        return code;
    *room = (struct hunter_room){db_int(rows, 0, 0, 0), db_int(rows, 0, 1, 0)};
    db_rows_free(rows);
    return E_OK;
}
