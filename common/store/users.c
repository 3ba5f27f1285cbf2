/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/users.h"

#include "common/store/interests.h"
#include "common/store/page.h"
#include "common/store/sql.h"

static const struct db_stmt add = {
    "user_add",
    "INSERT INTO users AS u (id, username, email, password_hash, role) VALUES ($1, $2, $3, $4, coalesce($5, "
    "'user')) "
    "ON CONFLICT DO NOTHING RETURNING " SQL_USER,
    5,
};
static const struct db_stmt get = {
    "user_get",
    "SELECT " SQL_USER " FROM users u WHERE u.id = $1 AND role <> 'system'",
    1,
};
static const struct db_stmt find = {
    "user_find",
    "SELECT u.id, u.role, u.password_hash, " SQL_USER ", u.username, u.email FROM users u "
    "WHERE (lower(email) = lower($1) OR lower(username) = lower($1)) AND role <> 'system' "
    "AND disabled_at IS NULL ORDER BY lower(email) = lower($1) DESC LIMIT 1",
    1,
};
static const struct db_stmt find_id = {
    "user_find_id",
    "SELECT u.id, u.role, u.password_hash, " SQL_USER
    ", u.username, u.email FROM users u WHERE u.id = $1 AND role <> 'system' "
    "AND disabled_at IS NULL",
    1,
};
static const struct db_stmt email = {
    "user_email",
    "SELECT email FROM users WHERE id = $1 AND role <> 'system'",
    1,
};
static const struct db_stmt hold = {
    "user_hold",
    "SELECT FROM users WHERE id = $1 AND password_hash = $2 AND role <> 'system' "
    "AND disabled_at IS NULL FOR NO KEY UPDATE",
    2,
};
static const struct db_stmt update = {
    "user_update",
    "UPDATE users u SET username = coalesce($2, username), email = coalesce($3, email), "
    "password_hash = coalesce($4, password_hash), updated_at = now() "
    "WHERE id = $1 AND role <> 'system' RETURNING " SQL_USER,
    4,
};
static const struct db_stmt set_role = {
    "user_role",
    "UPDATE users u SET role = $2, updated_at = now() WHERE role <> 'system' AND id = "
    "(SELECT id FROM users WHERE lower(email) = lower($1) OR lower(username) = lower($1) "
    "ORDER BY lower(email) = lower($1) DESC LIMIT 1) AND $2 <> 'system' RETURNING " SQL_USER,
    2,
};
/* Rows without a foreign key to the user are deleted here; the others go by ON DELETE CASCADE. */
static const struct db_stmt delete_all = {
    "user_delete",
    "WITH mine AS (SELECT job_id FROM jobs WHERE user_id = $1), "
    "r AS (DELETE FROM job_results WHERE job_id IN (SELECT job_id FROM mine)), "
    "h AS (DELETE FROM job_history WHERE job_id IN (SELECT job_id FROM mine)), "
    "p AS (DELETE FROM password_asks WHERE email = (SELECT lower(email) FROM users WHERE id = $1 AND role <> "
    "'system')), "
    "o AS (DELETE FROM outgoing WHERE job_ids && ARRAY(SELECT job_id FROM mine)) "
    "DELETE FROM users WHERE id = $1 AND role <> 'system'",
    1,
};

#define SQL_ACCOUNT                                                                                          \
    "json_build_object(" SQL_USER_MEMBERS ", 'disabled', u.disabled_at IS NOT NULL, 'disabled_at', "         \
    "rfc3339(u.disabled_at))"
#define SQL_MATCHES                                                                                          \
    "u.role <> 'system' AND ($1::text IS NULL OR u.role = $1::text) "                                        \
    "AND ($2::boolean IS NULL OR (u.disabled_at IS NOT NULL) = $2::boolean) "                                \
    "AND ($3::text IS NULL OR position(lower($3::text) IN lower(u.username)) > 0 "                           \
    "OR position(lower($3::text) IN lower(u.email)) > 0) "
static const struct store_list list = {
    {"user_list",
     "SELECT " SQL_ACCOUNT ", micros(u.created_at), u.id FROM users u WHERE " SQL_MATCHES
     "AND ($6::bigint IS NULL OR (u.created_at, u.id) < (at_micros($6), $7::uuid)) "
     "ORDER BY u.created_at DESC, u.id DESC LIMIT $4::bigint OFFSET $5::bigint",
     7},
    {"user_count", "SELECT count(*) FROM (SELECT 1 FROM users u WHERE " SQL_MATCHES "LIMIT 10001) c", 3},
};
/* In this order always: of two administrators who end one another the second finds itself the last. */
static const struct db_stmt hold_admins = {
    "user_hold_admins",
    "SELECT FROM users WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id FOR NO KEY UPDATE",
    0,
};
static const struct db_stmt manage = {
    "user_manage",
    "UPDATE users u SET role = coalesce($2, role), disabled_at = CASE $3::boolean WHEN true THEN "
    "coalesce(disabled_at, now()) WHEN false THEN NULL ELSE disabled_at END, updated_at = now() "
    "WHERE id = $1 AND role <> 'system' RETURNING " SQL_ACCOUNT,
    3,
};
static const struct db_stmt count_admins = {
    "user_count_admins",
    "SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL",
    0,
};

enum err_code user_store_add(struct db *db, struct arena *arena, const struct user_new *user,
                             const char **json, struct err *err)
{
    const char *params[] = {user->id, user->username, user->email, user->password_hash, user->role};
    enum err_code code = store_read_one(db, arena, &(struct db_call){&add, params}, "", json, err);
    if (code == E_NOT_FOUND)
        return fail(err, E_CONFLICT, "this username or e-mail address is taken");
    return code;
}

enum err_code user_store_get(struct db *db, struct arena *arena, const char *user_id, const char **json,
                             struct err *err)
{
    const char *params[] = {user_id};
    return store_read_one(db, arena, &(struct db_call){&get, params}, "no such user", json, err);
}

static enum err_code read_login(struct db *db, struct arena *arena, const struct db_call *call,
                                struct user_login *login, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, call->stmt, call->params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for an account");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "no such user");
    *login = (struct user_login){
        .id = db_text(rows, 0, 0),
        .role = db_text(rows, 0, 1),
        .password_hash = db_text(rows, 0, 2),
        .json = db_text(rows, 0, 3),
        .username = db_text(rows, 0, 4),
        .email = db_text(rows, 0, 5),
    };
    return E_OK;
}

enum err_code user_store_find(struct db *db, struct arena *arena, const char *name, struct user_login *login,
                              struct err *err)
{
    const char *params[] = {name};
    return read_login(db, arena, &(struct db_call){&find, params}, login, err);
}

enum err_code user_store_find_id(struct db *db, struct arena *arena, const char *user_id,
                                 struct user_login *login, struct err *err)
{
    const char *params[] = {user_id};
    return read_login(db, arena, &(struct db_call){&find_id, params}, login, err);
}

enum err_code user_store_lock(struct db *db, const char *user_id, const char *password_hash, struct err *err)
{
    const char *params[] = {user_id, password_hash};
    struct db_rows *rows = NULL;
    if (db_run(db, &hold, params, &rows, err) != E_OK)
        return err->code;
    const int held = db_rows(rows);
    db_rows_free(rows);
    return held > 0 ? E_OK : fail(err, E_CONFLICT, "the password was changed at this moment");
}

enum err_code user_store_email(struct db *db, struct arena *arena, const char *user_id, const char **address,
                               struct err *err)
{
    const char *params[] = {user_id};
    return store_read_one(db, arena, &(struct db_call){&email, params}, "no such user", address, err);
}

enum err_code user_store_update(struct db *db, struct arena *arena, const char *user_id,
                                const struct user_patch *patch, const char **json, struct err *err)
{
    const char *params[] = {user_id, patch->username, patch->email, patch->password_hash};
    enum err_code code =
        store_read_one(db, arena, &(struct db_call){&update, params}, "no such user", json, err);
    if (code == E_CONFLICT)
        return fail(err, E_CONFLICT, "this username or e-mail address is taken");
    return code;
}

enum err_code user_store_role(struct db *db, struct arena *arena, const char *name, const char *role,
                              const char **json, struct err *err)
{
    const char *params[] = {name, role};
    return store_read_one(db, arena, &(struct db_call){&set_role, params}, "no such user", json, err);
}

enum err_code user_store_delete(struct db *db, const char *user_id, struct err *err)
{
    const char *params[] = {user_id};
    struct db_rows *rows = NULL;
    if (job_interest_bequeath(db, user_id, err) != E_OK)
        return err->code;
    if (db_run(db, &delete_all, params, &rows, err) != E_OK)
        return err->code;
    int deleted = db_affected(rows);
    db_rows_free(rows);
    if (deleted == 0)
        return fail(err, E_NOT_FOUND, "no such user");
    return E_OK;
}

enum err_code user_store_list(struct db *db, struct arena *arena, const struct user_filter *filter,
                              const struct store_ask *ask, struct store_page *page, struct err *err)
{
    const char *filters[] = {filter->role, filter->disabled, filter->query};
    return store_list_read(db, arena, &list, filters, ask, page, err);
}

static enum err_code some_admin(struct db *db, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, &count_admins, NULL, &rows, err) != E_OK)
        return err->code;
    const int64_t left = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return left > 0 ? E_OK : fail(err, E_CONFLICT, "this is the last administrator: make another one first");
}

enum err_code user_store_manage(struct db *db, struct arena *arena, const char *user_id,
                                const struct user_change *change, const char **json, struct err *err)
{
    const char *params[] = {user_id, change->role, change->disabled};
    if (db_run(db, &hold_admins, NULL, NULL, err) != E_OK ||
        store_read_one(db, arena, &(struct db_call){&manage, params}, "no such user", json, err) != E_OK)
        return err->code;
    return some_admin(db, err);
}
