/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/history.h"

#include "common/base/id.h"
#include "common/store/sql.h"

#define SQL_ENTRY                                                                                            \
    "json_build_object('id', h.id, 'media_id', h.media_id, 'position_s', h.position_s, 'duration_s', "       \
    "h.duration_s, 'watched_at', rfc3339(h.watched_at), 'media', json_build_object(" SQL_MEDIA "))"

static const struct db_stmt add = {
    "history_add",
    "WITH h AS (INSERT INTO watch_history (id, user_id, media_id, position_s, duration_s, watched_at) "
    "SELECT $1::uuid, $2::uuid, id, $4::integer, $5::integer, clock_timestamp() FROM media WHERE id = $3 "
    "RETURNING *) SELECT " SQL_ENTRY " FROM h JOIN media m ON m.id = h.media_id",
    5,
};
static const struct store_list list = {
    {"history_list",
     "SELECT " SQL_ENTRY ", micros(h.watched_at), h.id "
     "FROM watch_history h JOIN media m ON m.id = h.media_id WHERE h.user_id = $1 "
     "AND ($4::bigint IS NULL OR (h.watched_at, h.id) < (at_micros($4), $5::uuid)) "
     "ORDER BY h.watched_at DESC, h.id DESC LIMIT $2::bigint OFFSET $3::bigint",
     5},
    {"history_count", "SELECT count(*) FROM (SELECT 1 FROM watch_history WHERE user_id = $1 LIMIT 10001) c",
     1},
};

enum err_code history_store_add(struct db *db, struct arena *arena, const struct history_new *entry,
                                const char **json, struct err *err)
{
    struct id id = id_new();
    const char *params[] = {id.text, entry->user_id, entry->media_id, db_param_int(arena, entry->position_s),
                            entry->duration_s < 0 ? NULL : db_param_int(arena, entry->duration_s)};
    return store_read_one(db, arena, &(struct db_call){&add, params}, "no such title", json, err);
}

enum err_code history_store_list(struct db *db, struct arena *arena, const char *user_id,
                                 const struct store_ask *ask, struct store_page *page, struct err *err)
{
    const char *filters[] = {user_id};
    return store_list_read(db, arena, &list, filters, ask, page, err);
}
