/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/inspections.h"

static const struct db_stmt add = {
    "inspection_add",
    "INSERT INTO inspections (user_id, torrent_id, bytes, at) VALUES ($1, $2, greatest($3::bigint, 16384), "
    "clock_timestamp()) ON CONFLICT (user_id, torrent_id) DO UPDATE SET bytes = excluded.bytes, at = "
    "excluded.at",
    3,
};

/* Torrents that were begun, or that somebody downloads, are not deleted here. A transaction that has locked a
 * row may be about to want the torrent; the hourly look finds the row again. */
#define GONE                                                                                                 \
    " DELETE FROM torrents WHERE id IN (SELECT t.id FROM torrents t JOIN gone USING (id) WHERE node IS NULL" \
    " AND status <> 'Completed' AND NOT EXISTS (SELECT 1 FROM downloads d WHERE d.torrent_id = t.id)"        \
    " AND NOT EXISTS (SELECT 1 FROM inspections i WHERE i.torrent_id = t.id AND (i.user_id, i.torrent_id)"   \
    "   NOT IN (SELECT user_id, id FROM gone)) FOR UPDATE OF t SKIP LOCKED)"

static const struct db_stmt trim_user = {
    "inspection_trim_user",
    "WITH kept AS (SELECT torrent_id, sum(bytes) OVER (ORDER BY at DESC, torrent_id) AS bytes FROM "
    "inspections"
    "   WHERE user_id = $1),"
    " gone AS (DELETE FROM inspections i USING kept k WHERE i.user_id = $1 AND i.torrent_id = k.torrent_id"
    "   AND k.bytes > $2::bigint RETURNING i.user_id, i.torrent_id AS id)" GONE,
    2,
};

/* The newest of each user stay before the second newest of anybody. */
static const struct db_stmt trim_all = {
    "inspection_trim_all",
    "WITH own AS (SELECT user_id, torrent_id, bytes, sum(bytes) OVER (PARTITION BY user_id ORDER BY at DESC, "
    "torrent_id) AS own_bytes FROM inspections WHERE (SELECT sum(bytes) FROM inspections) > $1::bigint),"
    " kept AS (SELECT user_id, torrent_id, sum(bytes) OVER (ORDER BY own_bytes, user_id, torrent_id) AS bytes"
    "   FROM own),"
    " gone AS (DELETE FROM inspections i USING kept k WHERE i.user_id = k.user_id"
    "   AND i.torrent_id = k.torrent_id AND k.bytes > $1::bigint RETURNING i.user_id, i.torrent_id AS "
    "id)" GONE,
    1,
};

enum err_code inspection_store_add(struct db *db, struct arena *arena, const struct inspection *inspection,
                                   struct err *err)
{
    const char *adding[] = {inspection->user_id, inspection->torrent_id,
                            db_param_int(arena, inspection->bytes)};
    const char *own[] = {inspection->user_id, db_param_int(arena, inspection->max_user_bytes)};
    const char *all[] = {db_param_int(arena, inspection->max_bytes)};
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "out of memory");
    enum err_code code = db_run(db, &add, adding, NULL, err);
    if (code == E_OK)
        code = db_run(db, &trim_user, own, NULL, err);
    return code == E_OK ? db_run(db, &trim_all, all, NULL, err) : code;
}
