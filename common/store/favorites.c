/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/favorites.h"

#include "common/store/sql.h"

/* Of the title m, favorited at `at.at`. */
#define SQL_FAVORITE "json_build_object(" SQL_MEDIA ", 'media_id', m.id, 'favorited_at', rfc3339(at.at))"

static const struct db_stmt add = {
    "favorite_add",
    "WITH m AS (SELECT * FROM media WHERE id = $2::uuid "
    "OR ($2::uuid IS NULL AND tmdb_id = $3::bigint AND media_type = $4)), "
    "f AS (INSERT INTO favorites (user_id, media_id) SELECT $1::uuid, id FROM m ON CONFLICT DO NOTHING "
    "RETURNING created_at), "
    "at AS (SELECT coalesce((SELECT created_at FROM f), (SELECT created_at FROM favorites "
    "WHERE user_id = $1 AND media_id = (SELECT id FROM m)), now()) AS at) "
    "SELECT " SQL_FAVORITE ", EXISTS (SELECT 1 FROM f) FROM m, at",
    4,
};
static const struct store_list list = {
    {"favorite_list",
     "SELECT " SQL_FAVORITE ", micros(f.created_at), f.media_id "
     "FROM favorites f JOIN media m ON m.id = f.media_id, LATERAL (SELECT f.created_at AS at) at WHERE "
     "f.user_id = $1 "
     "AND ($4::bigint IS NULL OR (f.created_at, f.media_id) < (at_micros($4), $5::uuid)) "
     "ORDER BY f.created_at DESC, f.media_id DESC LIMIT $2::bigint OFFSET "
     "$3::bigint",
     5},
    {"favorite_count", "SELECT count(*) FROM (SELECT 1 FROM favorites WHERE user_id = $1 LIMIT 10001) c", 1},
};
static const struct db_stmt remove_one = {
    "favorite_remove",
    "DELETE FROM favorites WHERE user_id = $1 AND media_id = $2",
    2,
};

enum err_code favorite_store_add(struct db *db, struct arena *arena, const struct favorite_new *favorite,
                                 bool *added, const char **json, struct err *err)
{
    const char *params[] = {favorite->user_id, favorite->media_id, db_param_int(arena, favorite->tmdb_id),
                            favorite->media_type};
    struct db_rows *rows = NULL;
    if (db_run(db, &add, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a favorite");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "no such title");
    *json = db_text(rows, 0, 0);
    *added = db_bool(rows, 0, 1);
    return E_OK;
}

enum err_code favorite_store_list(struct db *db, struct arena *arena, const char *user_id,
                                  const struct store_ask *ask, struct store_page *page, struct err *err)
{
    const char *filters[] = {user_id};
    return store_list_read(db, arena, &list, filters, ask, page, err);
}

enum err_code favorite_store_remove(struct db *db, const char *user_id, const char *media_id, struct err *err)
{
    const char *params[] = {user_id, media_id};
    struct db_rows *rows = NULL;
    if (db_run(db, &remove_one, params, &rows, err) != E_OK)
        return err->code;
    int removed = db_affected(rows);
    db_rows_free(rows);
    return removed > 0 ? E_OK : fail(err, E_NOT_FOUND, "this title is not among your favorites");
}
