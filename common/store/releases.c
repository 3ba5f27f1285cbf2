/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/releases.h"

#include "common/base/id.h"
#include "common/json/write.h"
#include "common/store/sql.h"

enum
{
    SENT_MAX_BYTES = 64 << 20
};

#define SQL_RELEASE                                                                                          \
    "json_build_object('id', r.id, 'media_id', r.media_id, 'title', r.title, 'indexer', r.indexer, "         \
    "'size', r.size, 'seeders', CASE WHEN r.seeders_known OR r.seeders > 0 THEN r.seeders END, 'magnet', "   \
    "r.magnet, 'info_hash', r.info_hash, "                                                                   \
    "'season', r.season, 'episode', r.episode, 'quality', r.quality, 'score', r.score, "                     \
    "'reasons', r.reasons, 'published_at', rfc3339(r.published_at), "                                        \
    "'found_at', rfc3339(r.found_at))"
#define SQL_SOURCE                                                                                           \
    "SELECT id, media_id, title, magnet, download_url, info_hash, season, episode FROM releases "
/* Score first, then seeders, as one number. */
#define SQL_RANK "((r.score::bigint << 32) + r.seeders)"

static const struct db_stmt put = {
    "release_put",
    "WITH kept AS (INSERT INTO releases AS old (id, media_id, dedupe_key, title, indexer, size, seeders, "
    "seeders_known, magnet, "
    "download_url, info_hash, season, episode, quality, score, reasons, published_at) "
    "SELECT DISTINCT ON (dedupe_key) id, $1::uuid, dedupe_key, title, coalesce(indexer, ''), size, "
    "greatest(seeders, 0), seeders >= 0, magnet, download_url, info_hash, nullif(season, 0), nullif(episode, "
    "0), "
    "coalesce(quality, '{}'), least(greatest(score, 0), 100), reasons, published_at "
    "FROM ROWS FROM (jsonb_to_recordset($2::jsonb) AS (id uuid, dedupe_key text, title text, indexer text, "
    "size bigint, seeders integer, magnet text, download_url text, info_hash text, season integer, "
    "episode integer, quality jsonb, score integer, reasons jsonb, published_at timestamptz)) "
    "WITH ORDINALITY AS s(id, dedupe_key, title, indexer, size, seeders, magnet, download_url, info_hash, "
    "season, episode, quality, score, reasons, published_at, ord) ORDER BY dedupe_key, ord "
    "ON CONFLICT (media_id, dedupe_key) DO UPDATE SET title = excluded.title, indexer = excluded.indexer, "
    "size = excluded.size, seeders = excluded.seeders, "
    "seeders_known = excluded.seeders_known, magnet = coalesce(excluded.magnet, old.magnet), "
    "download_url = coalesce(excluded.download_url, old.download_url), "
    "info_hash = coalesce(excluded.info_hash, old.info_hash), season = excluded.season, "
    "episode = excluded.episode, quality = excluded.quality, score = excluded.score, "
    "reasons = excluded.reasons, published_at = coalesce(excluded.published_at, old.published_at), "
    "found_at = now() RETURNING id, dedupe_key) "
    "SELECT count(*), (SELECT id FROM kept WHERE dedupe_key = $3) FROM kept",
    3,
};
static const struct store_list list = {
    {"release_list",
     "SELECT " SQL_RELEASE ", " SQL_RANK ", r.id FROM releases r WHERE r.media_id = $1 "
     "AND ($4::bigint IS NULL OR (" SQL_RANK ", r.id) < ($4::bigint, $5::uuid)) "
     "ORDER BY r.score DESC, r.seeders DESC, r.id DESC LIMIT $2::bigint OFFSET $3::bigint",
     5},
    {"release_count", "SELECT count(*) FROM (SELECT 1 FROM releases WHERE media_id = $1 LIMIT 10001) c", 1},
};
static const struct db_stmt get_source = {
    "release_source",
    SQL_SOURCE "WHERE id = $1 AND ($2::uuid IS NULL OR media_id = $2::uuid)",
    2,
};
static const struct db_stmt get_best = {
    "release_best",
    SQL_SOURCE "WHERE media_id = $1 AND score > 0 ORDER BY score DESC, seeders DESC, id DESC LIMIT 1",
    1,
};

static void put_release(struct json_writer *w, const struct release_new *release)
{
    json_begin_object(w, NULL);
    json_put_text(w, "id", id_new().text);
    json_put_text(w, "dedupe_key", release->dedupe_key);
    json_put_text(w, "title", release->title);
    json_put_text(w, "indexer", release->indexer);
    json_put_int(w, "size", release->size_bytes > 0 ? release->size_bytes : 0);
    json_put_int(w, "seeders", release->seeders);
    json_put_text(w, "magnet", release->magnet);
    json_put_text(w, "download_url", release->download_url);
    json_put_text(w, "info_hash", release->info_hash);
    json_put_int(w, "season", release->season);
    json_put_int(w, "episode", release->episode);
    json_put_raw(w, "quality", release->quality);
    json_put_int(w, "score", release->score);
    json_put_raw(w, "reasons", release->reasons);
    if (release->published_ms != 0)
        json_put_time(w, "published_at", release->published_ms);
    json_end_object(w);
}

enum err_code release_store_put(struct db *db, const char *media_id, const struct release_new *releases,
                                size_t count, struct release_stored *stored, struct err *err)
{
    struct buf sent;
    struct db_rows *rows = NULL;
    buf_init(&sent, SENT_MAX_BYTES);
    struct json_writer w = json_writer(&sent);
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < count; i++)
        put_release(&w, &releases[i]);
    json_end_array(&w);
    const char *params[] = {media_id, sent.data, count > 0 ? releases[0].dedupe_key : NULL};
    enum err_code code = sent.failed ? fail(err, E_TOO_LARGE, "too many releases at once")
                                     : db_run(db, &put, params, &rows, err);
    if (code == E_OK)
    {
        stored->count = db_int(rows, 0, 0, 0);
        const char *first = db_text(rows, 0, 1);
        if (first == NULL || !id_parse(first, &stored->first))
            stored->first = (struct id){0};
    }
    db_rows_free(rows);
    buf_fini(&sent);
    return code;
}

enum err_code release_store_list(struct db *db, struct arena *arena, const char *media_id,
                                 const struct store_ask *ask, struct store_page *page, struct err *err)
{
    const char *filters[] = {media_id};
    return store_list_read(db, arena, &list, filters, ask, page, err);
}

static enum err_code read_source(struct db *db, struct arena *arena, const struct db_call *call,
                                 struct release_source *source, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, call->stmt, call->params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a release");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "no such release of this title");
    *source = (struct release_source){
        .id = db_text(rows, 0, 0),
        .media_id = db_text(rows, 0, 1),
        .title = db_text(rows, 0, 2),
        .magnet = db_text(rows, 0, 3),
        .download_url = db_text(rows, 0, 4),
        .info_hash = db_text(rows, 0, 5),
        .season = db_text(rows, 0, 6),
        .episode = db_text(rows, 0, 7),
    };
    return E_OK;
}

enum err_code release_store_source(struct db *db, struct arena *arena, const char *release_id,
                                   const char *media_id, struct release_source *source, struct err *err)
{
    const char *params[] = {release_id, media_id};
    return read_source(db, arena, &(struct db_call){&get_source, params}, source, err);
}

enum err_code release_store_best(struct db *db, struct arena *arena, const char *media_id,
                                 struct release_source *source, struct err *err)
{
    const char *params[] = {media_id};
    enum err_code code = read_source(db, arena, &(struct db_call){&get_best, params}, source, err);
    if (code == E_NOT_FOUND)
        return fail(err, E_NOT_FOUND, "no fit release of this title is known; search for releases first");
    return code;
}
