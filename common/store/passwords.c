/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/passwords.h"

#include "common/base/id.h"
#include "common/store/page.h"

#define SQL_RECENT(alias)                                                                                    \
    "ARRAY(SELECT at FROM unnest(" alias ".asked) at WHERE at > now() - interval '1 hour' ORDER BY at)"

static const struct db_stmt ask = {
    "password_ask",
    "INSERT INTO password_asks AS a (email, id, asked) VALUES (lower($1), $2, ARRAY[now()]) "
    "ON CONFLICT (email) DO UPDATE SET asked = " SQL_RECENT("a") " || now() "
                                                                 "WHERE cardinality(" SQL_RECENT(
                                                                     "a") ") < $3::integer RETURNING a.id",
    3,
};
static const struct db_stmt ask_again_in = {
    "password_ask_again_in",
    "SELECT ceil(extract(epoch FROM (" SQL_RECENT("a") ")[1] + interval '1 hour' - now()))::bigint "
                                                       "FROM password_asks a WHERE email = lower($1)",
    1,
};
static const struct db_stmt issue = {
    "password_issue",
    "WITH who AS (SELECT u.id, u.email, u.username FROM password_asks a JOIN users u ON lower(u.email) = "
    "a.email "
    "WHERE a.id = $1 AND u.role <> 'system' AND u.disabled_at IS NULL), "
    "made AS (INSERT INTO password_resets (token_hash, user_id, expires_at) "
    "SELECT $2, id, now() + $3::bigint * interval '1 second' FROM who) "
    "SELECT email, username FROM who",
    3,
};
static const struct db_stmt owner_of = {
    "password_owner",
    "SELECT u.id, u.username, u.email FROM password_resets r JOIN users u ON u.id = r.user_id "
    "WHERE r.token_hash = $1 AND r.expires_at > now() AND u.disabled_at IS NULL",
    1,
};
static const struct db_stmt hold = {
    "password_hold",
    "SELECT FROM users WHERE id = (SELECT user_id FROM password_resets WHERE token_hash = $1) "
    "FOR NO KEY UPDATE",
    1,
};
/* A trigger deletes all tokens of the account with it. */
static const struct db_stmt reset = {
    "password_reset",
    "UPDATE users u SET password_hash = $2, updated_at = now() FROM password_resets r "
    "WHERE r.token_hash = $1 AND r.expires_at > now() AND u.id = r.user_id AND u.disabled_at IS NULL",
    2,
};

static enum err_code no_token(struct err *err)
{
    return fail(err, E_INVALID, "the token was used, has expired or never was; ask for a new one");
}

static enum err_code refuse_ask(struct db *db, const char *email, struct err *err)
{
    const char *params[] = {email};
    struct db_rows *rows = NULL;
    if (db_run(db, &ask_again_in, params, &rows, err) != E_OK)
        return err->code;
    const int64_t wait_s = db_int(rows, 0, 0, 1);
    db_rows_free(rows);
    fail(err, E_TOO_MANY, "this address was asked for %d times within an hour", PASSWORD_ASKS_PER_HOUR);
    err->retry_after_s = wait_s > 0 ? (unsigned)wait_s : 1;
    return err->code;
}

enum err_code password_store_ask(struct db *db, struct arena *arena, const char *email, const char **ask_id,
                                 struct err *err)
{
    struct id id = id_new();
    const char *params[] = {email, id.text, db_param_int(arena, PASSWORD_ASKS_PER_HOUR)};
    enum err_code code = store_read_one(db, arena, &(struct db_call){&ask, params}, "", ask_id, err);
    return code == E_NOT_FOUND ? refuse_ask(db, email, err) : code;
}

enum err_code password_store_issue(struct db *db, struct arena *arena, const char *ask_id,
                                   const char *token_hash, struct password_letter *letter, struct err *err)
{
    const char *params[] = {ask_id, token_hash, db_param_int(arena, PASSWORD_RESET_S)};
    struct db_rows *rows = NULL;
    if (db_run(db, &issue, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (db_rows(rows) == 0)
        return fail(err, E_NOT_FOUND, "nobody has this address");
    *letter = (struct password_letter){db_text(rows, 0, 0), db_text(rows, 0, 1)};
    return E_OK;
}

enum err_code password_store_owner(struct db *db, struct arena *arena, const char *token_hash,
                                   struct password_owner *owner, struct err *err)
{
    const char *params[] = {token_hash};
    struct db_rows *rows = NULL;
    if (db_run(db, &owner_of, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (db_rows(rows) == 0)
        return no_token(err);
    *owner = (struct password_owner){db_text(rows, 0, 0), db_text(rows, 0, 1), db_text(rows, 0, 2)};
    return E_OK;
}

enum err_code password_store_reset(struct db *db, const char *token_hash, const char *password_hash,
                                   struct err *err)
{
    const char *params[] = {token_hash, password_hash};
    const struct db_call calls[] = {{&hold, params}, {&reset, params}};
    struct db_rows *rows[2] = {NULL, NULL};
    if (db_run_all(db, calls, 2, rows, err) != E_OK)
        return err->code;
    const int changed = db_affected(rows[1]);
    db_rows_free(rows[0]);
    db_rows_free(rows[1]);
    return changed > 0 ? E_OK : no_token(err);
}
