/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/hunter.h"

#include "common/store/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    DESCRIBE_TRIES = 5
};

/* The guard as a first step, $1 and $2: it locks the job's row. Another transaction that moves the job waits
 * for this one, or this one waits for that and sees the result. */
#define MINE                                                                                                 \
    "mine AS (SELECT job_id, user_id FROM jobs WHERE job_id = $1::uuid AND status = 'Running' "              \
    "AND fence = $2::bigint FOR SHARE) "

static const struct db_stmt take = {
    "hunter_take",
    "WITH " MINE "UPDATE downloads d SET node = $4, job_id = mine.job_id, status = 'Running', reason = NULL, "
    "detail = NULL, "
    "finished_at = NULL, progress_at = now() FROM mine WHERE d.id = $3::uuid "
    "AND (d.user_id = mine.user_id OR mine.user_id = '00000000-0000-0000-0000-000000000000') "
    "AND (d.job_id IS NULL OR d.job_id = mine.job_id OR NOT EXISTS (SELECT 1 FROM jobs o "
    "WHERE o.job_id = d.job_id AND o.status IN ('Pending', 'Running'))) "
    "RETURNING d.id, d.media_id, d.torrent_id, d.release_id, d.wanted, array_to_string(d.files, ','), "
    "d.user_id",
    4,
};
static const struct db_stmt make = {
    "hunter_make",
    "WITH " MINE "INSERT INTO downloads (id, user_id, media_id, job_id) "
    "SELECT $3::uuid, user_id, $4::uuid, job_id FROM mine ON CONFLICT DO NOTHING",
    4,
};
static const struct db_stmt bind = {
    "hunter_bind",
    "WITH " MINE ", bound AS (UPDATE downloads d SET torrent_id = $4::uuid FROM mine WHERE d.id = $3::uuid "
    "AND d.job_id = mine.job_id RETURNING d.id) "
    "UPDATE torrents SET node = CASE WHEN status = 'Completed' THEN node ELSE $5 END, status = CASE WHEN "
    "status = 'Completed' THEN status ELSE 'Running' END "
    "FROM bound WHERE torrents.id = $4::uuid RETURNING 1",
    5,
};
static const struct db_stmt wanted_of = {
    "hunter_wanted",
    "SELECT d.wanted FROM unnest($1::uuid[]) WITH ORDINALITY AS t(id, n) LEFT JOIN downloads d USING (id) "
    "ORDER BY n",
    1,
};
static const struct db_stmt guard_only = {
    "hunter_guard",
    "WITH " MINE "SELECT 1 FROM mine",
    2,
};
static const struct db_stmt next_release = {
    "hunter_next",
    "SELECT r.id, r.media_id, r.title, r.magnet, r.download_url, r.info_hash, r.season, r.episode "
    "FROM downloads d JOIN releases r ON r.media_id = d.media_id LEFT JOIN torrents t ON t.id = d.torrent_id "
    "WHERE d.id = $1 AND r.score > 0 AND r.id <> d.release_id "
    "AND r.season IS NOT DISTINCT FROM d.season AND r.episode IS NOT DISTINCT FROM d.episode "
    "AND (r.magnet IS NOT NULL OR r.info_hash IS NOT NULL OR r.download_url IS NOT NULL) "
    "AND r.info_hash IS DISTINCT FROM coalesce(t.info_hash, '') "
    "AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(d.tries) e WHERE e->>'release_id' = r.id::text) "
    "ORDER BY r.score DESC, r.seeders DESC, r.id LIMIT 1",
    1,
};
#define TRY                                                                                                  \
    "tries = d.tries || jsonb_build_array(jsonb_build_object('release_id', d.release_id, "                   \
    "'torrent_id', d.torrent_id, 'title', coalesce((SELECT title FROM releases WHERE id = d.release_id), "   \
    "(SELECT name FROM torrents WHERE id = d.torrent_id), "                                                  \
    "(SELECT name FROM torrent_claims WHERE torrent_id = d.torrent_id AND user_id = d.user_id)), 'reason', " \
    "$4::text, 'detail', $5::text, "                                                                         \
    "'at', now())) "
static const struct db_stmt tried = {
    "hunter_tried",
    "WITH " MINE "UPDATE downloads d SET " TRY
    "FROM mine WHERE d.id = $3::uuid AND d.job_id = mine.job_id RETURNING 1",
    5,
};
static const struct db_stmt move_on = {
    "hunter_move_on",
    "WITH " MINE "UPDATE downloads d SET release_id = $6::uuid, torrent_id = NULL, progress = 0, "
    "downloaded_bytes = 0, total_bytes = NULL, eta_s = NULL, " TRY
    "FROM mine WHERE d.id = $3::uuid AND d.job_id = mine.job_id RETURNING 1",
    6,
};
/* 200 paths of at most 1,024 bytes are always within a result's 256 KiB. */
static const struct db_stmt share = {
    "hunter_share",
    "WITH " MINE ", t AS (SELECT t.* FROM torrents t JOIN downloads o ON o.torrent_id = t.id "
    "WHERE t.id = (SELECT torrent_id FROM downloads WHERE id = $3::uuid AND files IS NULL) "
    "AND t.status = 'Completed' AND o.status = 'Completed' AND o.files IS NULL AND o.wanted <> 'delete' "
    "LIMIT 1) "
    "UPDATE downloads d SET progress = 1, downloaded_bytes = t.size, total_bytes = t.size, eta_s = 0, "
    "node = t.node, progress_at = now() FROM mine, t WHERE d.id = $3::uuid AND d.job_id = mine.job_id "
    "RETURNING json_build_object('torrent_id', t.id, 'name', t.name, 'bytes', t.size, 'seconds', 0, "
    "'files_total', jsonb_array_length(t.files), 'files', (SELECT json_agg(f) FROM (SELECT f FROM "
    "jsonb_array_elements(t.files) f LIMIT 200) x))",
    3,
};
static const struct db_stmt is_kept = {
    "hunter_is_kept",
    "SELECT EXISTS (SELECT 1 FROM downloads WHERE torrent_id = $1 AND id <> $2::uuid AND status = "
    "'Completed' "
    "AND wanted <> 'delete')",
    2,
};

/* ---- what all of them share ------------------------------------------------------------------ */

static enum err_code lost(struct err *err)
{
    return fail(err, E_LOST, "the download is no longer ours");
}

static const char *fence_of(struct arena *arena, const struct hunter_guard *guard)
{
    return db_param_int(arena, guard->fence);
}

/* Runs one statement; it answers a row if the guard held. */
static enum err_code run_guarded(struct db *db, const struct db_stmt *stmt, const char *const *params,
                                 struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, stmt, params, &rows, err);
    if (code != E_OK)
        return code;
    int n = db_rows(rows);
    db_rows_free(rows);
    return n > 0 ? E_OK : lost(err);
}

/* ---- taking and binding ---------------------------------------------------------------------- */

static enum err_code try_take(struct db *db, struct arena *arena, const char *const *params,
                              struct hunter_download *download, bool *taken, struct err *err)
{
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &take, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a download");
    *taken = db_rows(rows) > 0;
    if (*taken)
        *download = (struct hunter_download){.id = db_text(rows, 0, 0),
                                             .media_id = db_text(rows, 0, 1),
                                             .torrent_id = db_text(rows, 0, 2),
                                             .release_id = db_text(rows, 0, 3),
                                             .wanted = db_text(rows, 0, 4),
                                             .files = db_text(rows, 0, 5),
                                             .user_id = db_text(rows, 0, 6)};
    return E_OK;
}

enum err_code hunter_store_take(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                const char *media_id, const char *node, struct hunter_download *download,
                                struct err *err)
{
    const char *fence = fence_of(arena, guard);
    const char *taking[] = {guard->job_id, fence, guard->download_id, node};
    const char *making[] = {guard->job_id, fence, guard->download_id, media_id};
    bool taken = false;
    enum err_code code = try_take(db, arena, taking, download, &taken, err);
    if (code != E_OK || taken)
        return code;
    if (media_id == NULL)
        return fail(err, E_NOT_FOUND, "no such download");
    code = db_run(db, &make, making, NULL, err);
    if (code == E_NOT_FOUND)
        return fail(err, E_NOT_FOUND, "no such title");
    if (code == E_OK)
        code = try_take(db, arena, taking, download, &taken, err);
    if (code == E_OK && !taken)
        return fail(err, E_CONFLICT, "another job is at this download");
    return code;
}

enum err_code hunter_store_bind(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                const char *torrent_id, const char *node, struct err *err)
{
    const char *params[] = {guard->job_id, fence_of(arena, guard), guard->download_id, torrent_id, node};
    return run_guarded(db, &bind, params, err);
}

enum err_code hunter_store_wanted(struct db *db, struct arena *arena, const char *const *download_ids,
                                  size_t n, const char **wanted, struct err *err)
{
    const char *params[] = {db_param_array(arena, download_ids, n)};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &wanted_of, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL || (size_t)db_rows(rows) != n)
        return fail(err, E_NO_MEMORY, "no memory for what is wanted");
    for (size_t i = 0; i < n; i++)
        wanted[i] = db_text(rows, (int)i, 0);
    return E_OK;
}

/* ---- the next release ------------------------------------------------------------------------ */

static enum err_code find_next(struct db *db, struct arena *arena, const char *download_id,
                               struct release_source **next, struct err *err)
{
    const char *params[] = {download_id};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &next_release, params, &rows, err);
    if (code != E_OK)
        return code;
    rows = db_rows_keep(rows, arena);
    struct release_source *found = arena_alloc(arena, sizeof *found);
    if (rows == NULL || found == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a release");
    *next = NULL;
    if (db_rows(rows) == 0)
        return E_OK;
    *found = (struct release_source){.id = db_text(rows, 0, 0),
                                     .media_id = db_text(rows, 0, 1),
                                     .title = db_text(rows, 0, 2),
                                     .magnet = db_text(rows, 0, 3),
                                     .download_url = db_text(rows, 0, 4),
                                     .info_hash = db_text(rows, 0, 5),
                                     .season = db_text(rows, 0, 6),
                                     .episode = db_text(rows, 0, 7)};
    *next = found;
    return E_OK;
}

enum err_code hunter_store_next(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                const char *reason, const char *detail, struct release_source **next,
                                struct err *err)
{
    struct release_source *found = NULL;
    enum err_code code = find_next(db, arena, guard->download_id, &found, err);
    if (code == E_OK && found != NULL)
    {
        const char *params[] = {guard->job_id, fence_of(arena, guard), guard->download_id, reason, detail,
                                found->id};
        code = run_guarded(db, &move_on, params, err);
    }
    if (code == E_OK)
        *next = found;
    return code;
}

enum err_code hunter_store_tried(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                 const char *reason, const char *detail, struct err *err)
{
    const char *params[] = {guard->job_id, fence_of(arena, guard), guard->download_id, reason, detail};
    return run_guarded(db, &tried, params, err);
}

/* ---- what it is, and that it is done --------------------------------------------------------- */

static const struct db_stmt name_torrent = {
    "hunter_name",
    "UPDATE torrents SET name = coalesce($2, name), size = coalesce($3::bigint, size), "
    "files = coalesce($4::jsonb, files), node = $5, "
    "status = CASE WHEN $6::boolean THEN 'Completed' ELSE status END WHERE id = $1",
    6,
};
static const struct db_stmt done = {
    "hunter_done",
    "UPDATE downloads SET progress = CASE WHEN $4::boolean THEN 1 ELSE progress END, "
    "downloaded_bytes = greatest($2::bigint, downloaded_bytes), total_bytes = $3::bigint, "
    "eta_s = CASE WHEN $4::boolean THEN 0 ELSE eta_s END, progress_at = now() WHERE id = $1",
    4,
};

static enum err_code write_torrent(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                   const struct hunter_torrent *torrent, const char **known_as,
                                   struct err *err)
{
    const char *complete = torrent->done_bytes >= 0 ? "true" : "false";
    const char *name[] = {
        torrent->torrent_id,  torrent->known.name, db_param_int(arena, torrent->known.size_bytes),
        torrent->known.files, torrent->node,       complete};
    const char *end[] = {guard->download_id, db_param_int(arena, torrent->done_bytes),
                         db_param_int(arena, torrent->wanted_bytes), complete};
    const char *hold[] = {guard->job_id, fence_of(arena, guard)};
    enum err_code code = run_guarded(db, &guard_only, hold, err);
    if (code == E_OK)
        code = torrent_store_prove(db, arena, &torrent->known, known_as, err);
    if (code != E_OK || strcmp(*known_as, torrent->torrent_id) != 0)
        return code;
    code = db_run(db, &name_torrent, name, NULL, err);
    return code == E_OK ? db_run(db, &done, end, NULL, err) : code;
}

static enum err_code try_describe(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                  const struct hunter_torrent *torrent, const char **known_as,
                                  struct err *err)
{
    enum err_code code = db_begin(db, err);
    if (code != E_OK)
        return code;
    code = write_torrent(db, arena, guard, torrent, known_as, err);
    if (code == E_OK)
        return db_commit(db, err);
    db_rollback(db);
    return code;
}

enum err_code hunter_store_describe(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                    const struct hunter_torrent *torrent, const char **known_as,
                                    struct err *err)
{
    enum err_code code = try_describe(db, arena, guard, torrent, known_as, err);
    for (int i = 1; i < DESCRIBE_TRIES && code == E_CONFLICT; i++)
        code = try_describe(db, arena, guard, torrent, known_as, err);
    return code == E_CONFLICT ? fail(err, E_DATABASE, "another one writes to the torrent's row") : code;
}

enum err_code hunter_store_share(struct db *db, struct arena *arena, const struct hunter_guard *guard,
                                 const char **result, struct err *err)
{
    const char *params[] = {guard->job_id, fence_of(arena, guard), guard->download_id};
    *result = NULL;
    enum err_code code = store_read_one(db, arena, &(struct db_call){&share, params}, "", result, err);
    return code == E_NOT_FOUND ? E_OK : code;
}

enum err_code hunter_store_is_kept(struct db *db, const char *torrent_id, const char *download_id, bool *kept,
                                   struct err *err)
{
    const char *params[] = {torrent_id, download_id};
    struct db_rows *rows = NULL;
    enum err_code code = db_run(db, &is_kept, params, &rows, err);
    if (code == E_OK)
        *kept = db_bool(rows, 0, 0);
    db_rows_free(rows);
    return code;
}
