/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/avatars.h"

static const struct db_stmt lock_user = {
    "avatar_lock_user",
    "SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE",
    1,
};
static const struct db_stmt old_one = {
    "avatar_old",
    "SELECT file FROM avatars WHERE user_id = $1",
    1,
};
static const struct db_stmt put = {
    "avatar_put",
    "INSERT INTO avatars (user_id, file, type, sha256) VALUES ($1, $2, $3, $4) ON CONFLICT (user_id) DO "
    "UPDATE SET "
    "file = excluded.file, type = excluded.type, sha256 = excluded.sha256, created_at = now()",
    4,
};
static const struct db_stmt get = {
    "avatar_get",
    "SELECT file, type, sha256 FROM avatars WHERE user_id = $1",
    1,
};
static const struct db_stmt remove_one = {
    "avatar_remove",
    "DELETE FROM avatars WHERE user_id = $1 RETURNING file",
    1,
};

/* What the statement says behind the lock, when it sees what the one before has put. */
static enum err_code held_file(struct db *db, struct arena *arena, const struct db_stmt *stmt,
                               const char *user_id, const char **file, struct err *err)
{
    const char *params[] = {user_id};
    struct db_rows *rows = NULL;
    if (db_run(db, &lock_user, params, NULL, err) != E_OK || db_run(db, stmt, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a picture");
    *file = db_rows(rows) > 0 ? db_text(rows, 0, 0) : NULL;
    return E_OK;
}

enum err_code avatar_store_put(struct db *db, struct arena *arena, const char *user_id,
                               const struct avatar *avatar, const char **old, struct err *err)
{
    const char *params[] = {user_id, avatar->file, avatar->type, avatar->sha256};
    if (held_file(db, arena, &old_one, user_id, old, err) != E_OK)
        return err->code;
    return db_run(db, &put, params, NULL, err);
}

enum err_code avatar_store_remove(struct db *db, struct arena *arena, const char *user_id, const char **file,
                                  struct err *err)
{
    return held_file(db, arena, &remove_one, user_id, file, err);
}

enum err_code avatar_store_get(struct db *db, struct arena *arena, const char *user_id, struct avatar *avatar,
                               struct err *err)
{
    const char *params[] = {user_id};
    struct db_rows *rows = NULL;
    if (db_run(db, &get, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a picture");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "you have no picture");
    *avatar = (struct avatar){db_text(rows, 0, 0), db_text(rows, 0, 1), db_text(rows, 0, 2)};
    return E_OK;
}
