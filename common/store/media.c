/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/media.h"

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/json/write.h"
#include "common/store/page.h"
#include "common/store/sql.h"

#include <string.h>

enum
{
    SENT_MAX_BYTES = 4 << 20,
    YEAR_MIN = 1870,
    YEAR_MAX = 2200
};

/* In the order of the unique index, so that two at once cannot wait for each other in a circle. */
static const struct db_stmt upsert = {
    "media_upsert",
    "WITH sent AS (SELECT DISTINCT ON (tmdb_id, media_type) * FROM ROWS FROM (jsonb_to_recordset($1::jsonb) "
    "AS (id uuid, tmdb_id bigint, media_type text, title text, original_title text, overview text, "
    "year integer, release_date date, genres text[], poster_url text, backdrop_url text, "
    "vote double precision)) WITH ORDINALITY AS s(id, tmdb_id, media_type, title, original_title, overview, "
    "year, release_date, genres, poster_url, backdrop_url, vote, ord) ORDER BY tmdb_id, media_type, ord), "
    "m AS (INSERT INTO media AS old (id, tmdb_id, media_type, title, original_title, overview, year, "
    "release_date, genres, poster_url, backdrop_url, vote) "
    "SELECT id, tmdb_id, media_type, title, original_title, overview, year, release_date, genres, "
    "poster_url, "
    "backdrop_url, vote FROM sent ORDER BY tmdb_id, media_type "
    "ON CONFLICT (tmdb_id, media_type) DO UPDATE SET title = excluded.title, "
    "original_title = coalesce(excluded.original_title, old.original_title), "
    "overview = coalesce(excluded.overview, old.overview), year = coalesce(excluded.year, old.year), "
    "release_date = coalesce(excluded.release_date, old.release_date), "
    "genres = CASE WHEN excluded.genres = '{}' THEN old.genres ELSE excluded.genres END, "
    "poster_url = coalesce(excluded.poster_url, old.poster_url), "
    "backdrop_url = coalesce(excluded.backdrop_url, old.backdrop_url), vote = excluded.vote, "
    "updated_at = now() RETURNING *) "
    "SELECT coalesce(json_agg(json_build_object(" SQL_MEDIA ") ORDER BY sent.ord), '[]') "
    "FROM m JOIN sent USING (tmdb_id, media_type)",
    1,
};
static const struct db_stmt get = {
    "media_get",
    "SELECT json_build_object(" SQL_MEDIA ") FROM media m WHERE m.id = $1",
    1,
};
static const struct db_stmt get_title = {
    "media_title",
    "SELECT tmdb_id, media_type, title, original_title, year FROM media WHERE id = $1",
    1,
};

bool media_is_valid(const struct media_new *media)
{
    if (media->title == NULL || media->title[0] == '\0' || media->tmdb_id < 0 || media->media_type == NULL)
        return false;
    if (strcmp(media->media_type, "movie") != 0 && strcmp(media->media_type, "tv") != 0)
        return false;
    for (size_t i = 0; i < media->genre_count; i++)
    {
        if (media->genres[i] == NULL || media->genres[i][0] == '\0')
            return false;
    }
    return true;
}

static const char *date_or_null(struct arena *arena, const char *date)
{
    int64_t ms;
    const char *time = date == NULL ? NULL : arena_printf(arena, "%sT00:00:00Z", date);
    return time != NULL && strlen(date) == strlen("2010-07-15") && clock_parse(time, &ms) ? date : NULL;
}

static void put_media(struct json_writer *w, struct arena *arena, const struct media_new *media)
{
    json_begin_object(w, NULL);
    json_put_text(w, "id", id_new().text);
    json_put_int(w, "tmdb_id", media->tmdb_id);
    json_put_text(w, "media_type", media->media_type);
    json_put_text(w, "title", media->title);
    json_put_text(w, "original_title", media->original_title);
    json_put_text(w, "overview", media->overview);
    if (media->year >= YEAR_MIN && media->year <= YEAR_MAX)
        json_put_int(w, "year", media->year);
    json_put_text(w, "release_date", date_or_null(arena, media->release_date));
    json_begin_array(w, "genres");
    for (size_t i = 0; i < media->genre_count; i++)
        json_put_text(w, NULL, media->genres[i]);
    json_end_array(w);
    json_put_text(w, "poster_url", media->poster_url);
    json_put_text(w, "backdrop_url", media->backdrop_url);
    json_put_number(w, "vote", media->vote);
    json_end_object(w);
}

enum err_code media_store_upsert(struct db *db, struct arena *arena, const struct media_new *media,
                                 size_t count, const char **items, struct err *err)
{
    struct buf sent;
    buf_init(&sent, SENT_MAX_BYTES);
    struct json_writer w = json_writer(&sent);
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < count; i++)
    {
        if (media_is_valid(&media[i]))
            put_media(&w, arena, &media[i]);
    }
    json_end_array(&w);
    const char *params[] = {sent.data};
    enum err_code code = sent.failed
                             ? fail(err, E_TOO_LARGE, "too many titles at once")
                             : store_read_one(db, arena, &(struct db_call){&upsert, params}, "", items, err);
    buf_fini(&sent);
    return code;
}

enum err_code media_store_get(struct db *db, struct arena *arena, const char *media_id, const char **json,
                              struct err *err)
{
    const char *params[] = {media_id};
    return store_read_one(db, arena, &(struct db_call){&get, params}, "no such title", json, err);
}

enum err_code media_store_get_many(struct db *db, struct arena *arena, const char *const *media_ids, size_t n,
                                   const char **jsons, struct err *err)
{
    struct db_call calls[DB_MAX_CALLS] = {{NULL, NULL}};
    struct db_rows *rows[DB_MAX_CALLS] = {NULL};
    if (n > DB_MAX_CALLS)
        return fail(err, E_BUG, "%zu titles at once are too many", n);
    for (size_t i = 0; i < n; i++)
        calls[i] = (struct db_call){&get, &media_ids[i]};
    if (db_run_all(db, calls, n, rows, err) != E_OK)
        return err->code;
    enum err_code code = E_OK;
    for (size_t i = 0; i < n; i++)
    {
        bool found = db_rows(rows[i]) > 0;
        jsons[i] = found ? arena_strdup(arena, db_text(rows[i], 0, 0)) : NULL;
        if (found && jsons[i] == NULL)
            code = fail(err, E_NO_MEMORY, "no memory for an answer");
        db_rows_free(rows[i]);
    }
    return code;
}

enum err_code media_store_title(struct db *db, struct arena *arena, const char *media_id,
                                struct media_title *title, struct err *err)
{
    const char *params[] = {media_id};
    struct db_rows *rows = NULL;
    if (db_run(db, &get_title, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a title");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "no such title");
    *title = (struct media_title){
        .tmdb_id = db_int(rows, 0, 0, 0),
        .media_type = db_text(rows, 0, 1),
        .title = db_text(rows, 0, 2),
        .original_title = db_text(rows, 0, 3),
        .year = (int)db_int(rows, 0, 4, 0),
    };
    return E_OK;
}
