/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/torrents.h"

#include "common/base/id.h"
#include "common/store/page.h"

#include <string.h>

/* bytea travels as hexadecimal text: "\x0123". */
static const struct db_stmt insert = {
    "torrent_insert",
    "INSERT INTO torrents (id, info_hash_v1, info_hash_v2, name, size, magnet, metainfo, files) "
    "VALUES ($1, $2, $3, $4, $5::bigint, $6, $7::bytea, $8::jsonb) ON CONFLICT DO NOTHING RETURNING id",
    8,
};
/* The row that has one of the hashes learns what it did not know.  Should a hybrid's two hashes be two rows
 * already, the one of version 1 is it, and the other hash stays where it is. */
static const struct db_stmt merge = {
    "torrent_merge",
    "UPDATE torrents t SET info_hash_v2 = coalesce(t.info_hash_v2, "
    "CASE WHEN EXISTS (SELECT 1 FROM torrents o WHERE o.info_hash_v2 = $2) THEN NULL ELSE $2 END), "
    "name = coalesce(t.name, $3), size = coalesce(t.size, $4::bigint), magnet = coalesce(t.magnet, $5), "
    "metainfo = coalesce(t.metainfo, $6::bytea), files = coalesce(t.files, $7::jsonb) "
    "WHERE t.id = (SELECT id FROM torrents WHERE info_hash_v1 = $1 OR info_hash_v2 = $2 "
    "ORDER BY info_hash_v1 = $1 DESC NULLS LAST LIMIT 1) RETURNING t.id",
    7,
};
static const struct db_stmt get_source = {
    "torrent_source",
    "SELECT id, info_hash_v1, info_hash_v2, name, magnet, encode(metainfo, 'hex') FROM torrents WHERE id = "
    "$1",
    1,
};

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static const char *param_bytes(struct arena *arena, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    char *text = bytes == NULL ? NULL : arena_alloc(arena, 2 * len + sizeof "\\x");
    if (text == NULL)
        return NULL;
    text[0] = '\\';
    text[1] = 'x';
    for (size_t i = 0; i < len; i++)
    {
        text[2 + 2 * i] = digits[from[i] >> 4];
        text[3 + 2 * i] = digits[from[i] & 15];
    }
    return text;
}

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static const void *bytes_of_hex(struct arena *arena, const char *hex, size_t len)
{
    unsigned char *bytes = arena_alloc(arena, len / 2 + 1);
    for (size_t i = 0; bytes != NULL && i < len / 2; i++)
        bytes[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return bytes;
}

enum err_code torrent_store_put(struct db *db, struct arena *arena, const struct torrent_new *torrent,
                                const char **torrent_id, struct err *err)
{
    struct id id = id_new();
    const char *params[] = {
        id.text,
        text_or_null(torrent->info_hash_v1),
        text_or_null(torrent->info_hash_v2),
        text_or_null(torrent->name),
        torrent->size_bytes > 0 ? db_param_int(arena, torrent->size_bytes) : NULL,
        torrent->magnet,
        param_bytes(arena, torrent->metainfo, torrent->metainfo_len),
        torrent->files,
    };
    if (arena_failed(arena))
        return fail(err, E_NO_MEMORY, "no memory for a torrent");
    enum err_code code = store_read_one(db, arena, &(struct db_call){&insert, params}, "", torrent_id, err);
    if (code != E_NOT_FOUND)
        return code;
    return store_read_one(db, arena, &(struct db_call){&merge, params + 1}, "the torrent went away",
                          torrent_id, err);
}

enum err_code torrent_store_source(struct db *db, struct arena *arena, const char *torrent_id,
                                   struct torrent_source *source, struct err *err)
{
    const char *params[] = {torrent_id};
    struct db_rows *rows;
    if (db_run(db, &get_source, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a torrent");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "no such torrent");
    const char *hex = db_text(rows, 0, 5);
    size_t hex_len = hex == NULL ? 0 : strlen(hex);
    *source = (struct torrent_source){
        .id = db_text(rows, 0, 0),
        .info_hash_v1 = db_text(rows, 0, 1),
        .info_hash_v2 = db_text(rows, 0, 2),
        .name = db_text(rows, 0, 3),
        .magnet = db_text(rows, 0, 4),
        .metainfo = hex == NULL ? NULL : bytes_of_hex(arena, hex, hex_len),
        .metainfo_len = hex_len / 2,
    };
    return arena_failed(arena) ? fail(err, E_NO_MEMORY, "no memory for a torrent") : E_OK;
}
