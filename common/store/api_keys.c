/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/api_keys.h"

#include "common/store/sql.h"

#define SQL_KEY                                                                                              \
    "json_build_object('id', k.id, 'name', k.name, 'scopes', k.scopes, 'created_at', "                       \
    "rfc3339(k.created_at), 'last_used_at', rfc3339(k.last_used_at), 'expires_at', rfc3339(k.expires_at))"

/* One after the other: each sees the keys that the one before has added. */
static const struct db_stmt lock_user = {
    "api_key_lock_user",
    "SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE",
    1,
};
static const struct db_stmt add = {
    "api_key_add",
    "INSERT INTO api_keys AS k (id, user_id, name, scopes, key_hash, expires_at) "
    "SELECT $1::uuid, $2::uuid, $3, $4::text[], $5, $6::timestamptz "
    "WHERE (SELECT count(*) FROM api_keys WHERE user_id = $2) < $7::bigint RETURNING " SQL_KEY,
    7,
};
static const struct store_list list = {
    {"api_key_list",
     "SELECT " SQL_KEY ", micros(k.created_at), k.id FROM api_keys k WHERE k.user_id = $1 "
     "AND ($4::bigint IS NULL OR (k.created_at, k.id) < (at_micros($4), $5::uuid)) "
     "ORDER BY k.created_at DESC, k.id DESC LIMIT $2::bigint OFFSET $3::bigint",
     5},
    {"api_key_count", "SELECT count(*) FROM api_keys WHERE user_id = $1", 1},
};
static const struct db_stmt remove_one = {
    "api_key_remove",
    "DELETE FROM api_keys WHERE user_id = $1 AND id = $2",
    2,
};
static const struct db_stmt use_one = {
    "api_key_use",
    "WITH k AS (SELECT k.*, u.role FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.key_hash = $1 "
    "AND (k.expires_at IS NULL OR k.expires_at > now()) AND u.disabled_at IS NULL), "
    "used AS (UPDATE api_keys a SET last_used_at = now() FROM k WHERE a.id = k.id "
    "AND (a.last_used_at IS NULL OR a.last_used_at <= now() - interval '1 minute')) "
    "SELECT k.id, k.user_id, k.role, floor(extract(epoch FROM k.expires_at - now()))::bigint, "
    "'read' = ANY (k.scopes), 'write' = ANY (k.scopes), 'admin' = ANY (k.scopes) FROM k",
    1,
};

enum err_code api_key_store_add(struct db *db, struct arena *arena, const struct api_key_new *key,
                                const char **json, struct err *err)
{
    const char *owner[] = {key->user_id};
    const char *params[] = {key->id,
                            key->user_id,
                            key->name,
                            key->scopes,
                            key->key_hash,
                            key->expires_at,
                            db_param_int(arena, API_KEYS_PER_USER)};
    if (db_run(db, &lock_user, owner, NULL, err) != E_OK)
        return err->code;
    enum err_code code = store_read_one(db, arena, &(struct db_call){&add, params}, "", json, err);
    if (code == E_NOT_FOUND)
        return fail(err, E_CONFLICT, "you have %d API keys; delete one first", API_KEYS_PER_USER);
    return code;
}

enum err_code api_key_store_list(struct db *db, struct arena *arena, const char *user_id,
                                 const struct store_ask *ask, struct store_page *page, struct err *err)
{
    const char *filters[] = {user_id};
    return store_list_read(db, arena, &list, filters, ask, page, err);
}

enum err_code api_key_store_remove(struct db *db, const char *user_id, const char *id, struct err *err)
{
    const char *params[] = {user_id, id};
    struct db_rows *rows = NULL;
    if (db_run(db, &remove_one, params, &rows, err) != E_OK)
        return err->code;
    const int removed = db_affected(rows);
    db_rows_free(rows);
    return removed > 0 ? E_OK : fail(err, E_NOT_FOUND, "no such API key");
}

enum err_code api_key_store_use(struct db *db, struct arena *arena, const char *key_hash,
                                struct api_key_use *use, struct err *err)
{
    const char *params[] = {key_hash};
    struct db_rows *rows = NULL;
    if (db_run(db, &use_one, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for an API key");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "no such API key");
    *use = (struct api_key_use){
        .id = db_text(rows, 0, 0),
        .user_id = db_text(rows, 0, 1),
        .role = db_text(rows, 0, 2),
        .left_s = db_int(rows, 0, 3, -1),
        .may_read = db_bool(rows, 0, 4),
        .may_write = db_bool(rows, 0, 5),
        .may_admin = db_bool(rows, 0, 6),
    };
    return E_OK;
}
