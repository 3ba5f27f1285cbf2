/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/downloads.h"

#include "common/store/sql.h"

#include <stdbool.h>

/* The status of a download, from its job; a job that retention has deleted was over. */
#define SQL_STATUS                                                                                           \
    "CASE WHEN j.job_id IS NOT NULL THEN j.status WHEN d.status IN ('Completed', 'Failed') THEN d.status "   \
    "ELSE 'Failed' END"
/* While the job runs the detail is the hunter's; the job's own detail is of its end, or of an earlier
 * attempt. The files of a complete download may have been lost since. */
#define SQL_DETAIL                                                                                           \
    "CASE WHEN j.status = 'Running' THEN d.detail WHEN d.status = 'Completed' AND t.status <> 'Completed' "  \
    "THEN 'Its files are missing or changed on the disk; start it again to fetch them' "                     \
    "ELSE coalesce(j.detail, d.detail) END"
#define SQL_FROM                                                                                             \
    "FROM downloads d LEFT JOIN jobs j ON j.job_id = d.job_id LEFT JOIN torrents t ON t.id = d.torrent_id "
#define SQL_DOWNLOAD                                                                                         \
    "json_build_object('id', d.id, 'job_id', d.job_id, 'media_id', d.media_id, 'torrent_id', d.torrent_id, " \
    "'release_id', d.release_id, 'name', coalesce(t.name, (SELECT c.name FROM torrent_claims c "             \
    "WHERE c.torrent_id = d.torrent_id AND c.user_id = d.user_id)), 'status', " SQL_STATUS ", "              \
    "'reason', coalesce(j.reason, d.reason), 'detail', " SQL_DETAIL ", 'wanted', d.wanted, "                 \
    "'progress', d.progress, 'downloaded_bytes', d.downloaded_bytes, "                                       \
    "'total_bytes', coalesce(d.total_bytes, t.size), 'down_rate', d.down_rate, 'peers', d.peers, "           \
    "'eta_s', d.eta_s, 'tries', d.tries, 'season', d.season, 'episode', d.episode, 'node', d.node, "         \
    "'created_at', rfc3339(d.created_at), "                                                                  \
    "'started_at', rfc3339(coalesce(d.started_at, j.started_at)), "                                          \
    "'finished_at', rfc3339(coalesce(d.finished_at, j.finished_at)))"
#define SQL_OWNED "($2::uuid IS NULL OR d.user_id = $2::uuid)"
#define SQL_THEIRS SQL_OWNED " AND d.wanted <> 'delete'"

static const struct db_stmt lock_user = {
    "download_lock_user",
    "SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE",
    1,
};
/* A statement of its own behind the lock: its snapshot sees what the one before committed. */
static const struct db_stmt add = {
    "download_add",
    "INSERT INTO downloads (id, user_id, media_id, job_id, torrent_id, release_id, season, episode, files) "
    "SELECT $1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::uuid, $7::integer, $8::integer, "
    "$9::integer[] WHERE (SELECT count(*) FROM downloads d JOIN jobs j ON j.job_id = d.job_id "
    "WHERE d.user_id = $2::uuid AND d.wanted <> 'delete' AND j.status IN ('Pending', 'Running')) < "
    "$10::bigint",
    10,
};
static const struct db_stmt get = {
    "download_get",
    "SELECT " SQL_DOWNLOAD " " SQL_FROM "WHERE d.id = $1 AND " SQL_THEIRS,
    2,
};
#define SQL_LISTED                                                                                           \
    "d.wanted <> 'delete' AND ($1::uuid IS NULL OR d.user_id = $1::uuid) "                                   \
    "AND ($2::text IS NULL OR " SQL_STATUS " = $2::text) "
static const struct store_list list = {
    {"download_list",
     "SELECT " SQL_DOWNLOAD ", micros(d.created_at), d.id " SQL_FROM "WHERE " SQL_LISTED
     "AND ($5::bigint IS NULL OR (d.created_at, d.id) < (at_micros($5), $6::uuid)) "
     "ORDER BY d.created_at DESC, d.id DESC LIMIT $3::bigint OFFSET $4::bigint",
     6},
    {"download_count",
     "SELECT count(*) FROM (SELECT 1 FROM downloads d LEFT JOIN jobs j ON j.job_id = d.job_id "
     "WHERE " SQL_LISTED "LIMIT 10001) c",
     2},
};
static const struct db_stmt seen = {
    "download_seen",
    "SELECT coalesce(d.torrent_id::text, '') FROM downloads d WHERE d.id = $1 AND " SQL_THEIRS,
    2,
};
/* In the order of the torrent, 100 at a time. A list's key falls, so the key is the index below zero. */
static const struct store_list files = {
    {"download_files",
     "SELECT json_build_object('index', coalesce((f->>'index')::bigint, at), 'path', f->>'path', "
     "'size', (f->>'size')::bigint, 'progress', coalesce((f->>'progress')::double precision, progress), "
     "'stream_url', '/downloads/' || id || '/stream/' || coalesce((f->>'index')::bigint, at)), -at, id FROM "
     "(SELECT d.id, d.progress, f, c.part * 100 + n - 1 AS at, w.first "
     "FROM (SELECT coalesce(1 - $5::bigint, $4::bigint) AS first) w CROSS JOIN downloads d "
     "JOIN torrent_files c ON c.torrent_id = d.torrent_id AND c.part >= w.first / 100 "
     "AND c.part <= (w.first + $3::bigint) / 100 "
     "CROSS JOIN jsonb_array_elements(c.files) WITH ORDINALITY AS e(f, n) "
     "WHERE d.id = $1 AND " SQL_THEIRS " AND ($6::uuid IS NULL OR d.id = $6::uuid)) x "
     "WHERE at >= first ORDER BY at LIMIT $3::bigint",
     6},
    {"download_files_count",
     "SELECT coalesce(sum(c.count), 0) FROM downloads d JOIN torrent_files c ON c.torrent_id = d.torrent_id "
     "WHERE d.id = $1 AND " SQL_THEIRS,
     2},
};
/* A download that is over can only be deleted; its owner may repeat that. */
static const struct db_stmt want = {
    "download_want",
    "WITH was AS (SELECT d.id, d.wanted, " SQL_STATUS " AS status "
    "FROM downloads d LEFT JOIN jobs j ON j.job_id = d.job_id WHERE d.id = $1 AND " SQL_OWNED
    " AND ($3 = 'delete' OR d.wanted <> 'delete') FOR UPDATE OF d), "
    "now AS (UPDATE downloads d SET wanted = $3 FROM was WHERE d.id = was.id "
    "AND ($3 = 'delete' OR was.status IN ('Pending', 'Running')) RETURNING d.user_id, d.job_id, "
    "d.torrent_id) "
    "SELECT now.user_id, now.job_id, now.torrent_id, was.status, was.wanted = 'delete' FROM was LEFT JOIN "
    "now "
    "ON true",
    3,
};
static const struct db_stmt lock_torrent = {
    "download_lock_torrent",
    "SELECT 1 FROM torrents WHERE id = $1 FOR UPDATE",
    1,
};
static const struct db_stmt wants = {
    "download_wants",
    "SELECT EXISTS (SELECT 1 FROM downloads WHERE torrent_id = $1 AND wanted <> 'delete')",
    1,
};
static const struct db_stmt only = {
    "download_only",
    "SELECT DISTINCT d.torrent_id FROM downloads d WHERE d.user_id = $1 AND d.wanted <> 'delete' "
    "AND d.torrent_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM downloads o "
    "WHERE o.torrent_id = d.torrent_id AND o.user_id <> $1 AND o.wanted <> 'delete')",
    1,
};

enum err_code download_store_add(struct db *db, struct arena *arena, const struct download_new *download,
                                 struct err *err)
{
    const char *params[] = {
        download->id,         download->user_id,
        download->media_id,   download->job_id,
        download->torrent_id, download->release_id,
        download->season,     download->episode,
        download->files,      db_param_int(arena, download->max_active),
    };
    struct db_rows *rows = NULL;
    if (db_run(db, &lock_user, params + 1, NULL, err) != E_OK || db_run(db, &add, params, &rows, err) != E_OK)
        return err->code;
    int added = db_affected(rows);
    db_rows_free(rows);
    if (added == 0)
        return fail(err, E_TOO_MANY, "%d downloads are active already; wait for one or delete one",
                    (int)download->max_active);
    return E_OK;
}

enum err_code download_store_get(struct db *db, struct arena *arena, const char *download_id,
                                 const char *viewer, const char **json, struct err *err)
{
    const char *params[] = {download_id, viewer};
    return store_read_one(db, arena, &(struct db_call){&get, params}, "no such download", json, err);
}

enum err_code download_store_list(struct db *db, struct arena *arena, const char *viewer, const char *status,
                                  const struct store_ask *ask, struct store_page *page, struct err *err)
{
    const char *filters[] = {viewer, status};
    return store_list_read(db, arena, &list, filters, ask, page, err);
}

enum err_code download_store_files(struct db *db, struct arena *arena, const char *download_id,
                                   const char *viewer, const struct store_ask *ask,
                                   struct download_files *known, struct err *err)
{
    const char *filters[] = {download_id, viewer};
    const struct db_call call = {&seen, filters};
    if (store_read_one(db, arena, &call, "no such download", &known->torrent_id, err) != E_OK)
        return err->code;
    return store_list_read(db, arena, &files, filters, ask, &known->page, err);
}

enum err_code download_store_want(struct db *db, struct arena *arena, const struct download_wish *wish,
                                  struct download_links *links, struct err *err)
{
    const char *params[] = {wish->download_id, wish->viewer, wish->wanted};
    struct db_rows *rows = NULL;
    if (db_run(db, &want, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a download");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "no such download");
    if (db_text(rows, 0, 0) == NULL)
        return fail(err, E_CONFLICT, "the download is %s already", db_text(rows, 0, 3));
    *links = (struct download_links){
        .user_id = db_text(rows, 0, 0),
        .job_id = db_text(rows, 0, 1),
        .torrent_id = db_text(rows, 0, 2),
        .status = db_text(rows, 0, 3),
        .was_deleted = db_bool(rows, 0, 4),
    };
    return E_OK;
}

enum err_code download_store_wants(struct db *db, const char *torrent_id, bool *wanted, struct err *err)
{
    const char *params[] = {torrent_id};
    struct db_rows *rows = NULL;
    if (db_run(db, &lock_torrent, params, NULL, err) != E_OK ||
        db_run(db, &wants, params, &rows, err) != E_OK)
        return err->code;
    *wanted = db_bool(rows, 0, 0);
    db_rows_free(rows);
    return E_OK;
}

enum err_code download_store_only(struct db *db, struct arena *arena, const char *user_id,
                                  const char ***torrent_ids, size_t *count, struct err *err)
{
    const char *params[] = {user_id};
    struct db_rows *rows = NULL;
    if (db_run(db, &only, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    size_t n = rows == NULL ? 0 : (size_t)db_rows(rows);
    const char **ids = arena_array(arena, n + 1, sizeof *ids);
    if (rows == NULL || ids == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a list of torrents");
    for (size_t i = 0; i < n; i++)
        ids[i] = db_text(rows, (int)i, 0);
    *torrent_ids = ids;
    *count = n;
    return E_OK;
}
