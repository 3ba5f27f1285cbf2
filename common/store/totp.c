/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/totp.h"

#define STATE "(confirmed_at IS NOT NULL) = $2::boolean"
#define WINDOW "interval '5 minutes'"
_Static_assert(TOTP_TRIES == 5 && TOTP_TRIES_S == 300, "the statements say so, too");

static const struct db_stmt state_of = {
    "totp_state",
    "SELECT confirmed_at IS NOT NULL, (SELECT count(*) FROM recovery_codes r WHERE r.user_id = t.user_id) "
    "FROM totp t WHERE user_id = $1",
    1,
};
static const struct db_stmt begin = {
    "totp_begin",
    "INSERT INTO totp AS t (user_id, secret) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE "
    "SET secret = excluded.secret, created_at = now(), last_step = 0 WHERE t.confirmed_at IS NULL",
    2,
};
static const struct db_stmt try_one = {
    "totp_try",
    "UPDATE totp SET wrong_at = (array_prepend(now(), wrong_at))[1:5] WHERE user_id = $1 AND " STATE
    " AND (wrong_at[5] IS NULL OR wrong_at[5] <= now() - " WINDOW ") RETURNING secret, last_step",
    2,
};
static const struct db_stmt wait = {
    "totp_wait",
    "SELECT greatest(1, ceil(extract(epoch FROM wrong_at[5] + " WINDOW " - now())))::bigint FROM totp "
    "WHERE user_id = $1 AND " STATE,
    2,
};
static const struct db_stmt take = {
    "totp_take",
    "UPDATE totp SET last_step = $2::bigint, wrong_at = wrong_at[2:5] "
    "WHERE user_id = $1 AND last_step < $2::bigint AND confirmed_at IS NOT NULL",
    2,
};
static const struct db_stmt confirm = {
    "totp_confirm",
    "WITH now AS (UPDATE totp SET confirmed_at = now(), last_step = $2::bigint, wrong_at = '{}' "
    "WHERE user_id = $1 AND confirmed_at IS NULL RETURNING user_id) "
    "INSERT INTO recovery_codes (user_id, code_hash) SELECT user_id, unnest($3::text[]) FROM now",
    3,
};
static const struct db_stmt recover = {
    "totp_recover",
    "DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2",
    2,
};
static const struct db_stmt remove_one = {
    "totp_remove",
    "DELETE FROM totp WHERE user_id = $1 AND confirmed_at IS NOT NULL",
    1,
};

/* E_NOT_FOUND: no row was touched. */
static enum err_code change(struct db *db, const struct db_stmt *stmt, const char *const *params,
                            struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, stmt, params, &rows, err) != E_OK)
        return err->code;
    const int changed = db_affected(rows);
    db_rows_free(rows);
    return changed > 0 ? E_OK : fail(err, E_NOT_FOUND, "no second factor is set up");
}

enum err_code totp_store_state(struct db *db, const char *user_id, enum totp_state *state,
                               int64_t *recovery_codes, struct err *err)
{
    const char *params[] = {user_id};
    struct db_rows *rows = NULL;
    if (db_run(db, &state_of, params, &rows, err) != E_OK)
        return err->code;
    *state = db_rows(rows) == 0 ? TOTP_NONE : db_bool(rows, 0, 0) ? TOTP_CONFIRMED : TOTP_BEGUN;
    if (recovery_codes != NULL)
        *recovery_codes = db_rows(rows) == 0 ? 0 : db_int(rows, 0, 1, 0);
    db_rows_free(rows);
    return E_OK;
}

enum err_code totp_store_begin(struct db *db, const char *user_id, const char *secret, struct err *err)
{
    const char *params[] = {user_id, secret};
    enum err_code code = change(db, &begin, params, err);
    return code == E_NOT_FOUND ? fail(err, E_CONFLICT, "a second factor is set up already") : code;
}

static enum err_code refuse_try(struct db *db, const char *const *params, struct err *err)
{
    struct db_rows *rows = NULL;
    if (db_run(db, &wait, params, &rows, err) != E_OK)
        return err->code;
    const bool is_there = db_rows(rows) > 0;
    const int64_t wait_s = is_there ? db_int(rows, 0, 0, 1) : 0;
    db_rows_free(rows);
    if (!is_there)
        return fail(err, E_NOT_FOUND, "no second factor is set up");
    fail(err, E_TOO_MANY, "too many wrong codes, please wait or use a recovery code");
    err->retry_after_s = (unsigned)wait_s;
    return err->code;
}

enum err_code totp_store_try(struct db *db, struct arena *arena, const char *user_id, enum totp_state state,
                             struct totp_try *tried, struct err *err)
{
    const char *params[] = {user_id, state == TOTP_CONFIRMED ? "true" : "false"};
    struct db_rows *rows = NULL;
    if (db_run(db, &try_one, params, &rows, err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a second factor");
    if (db_rows(rows) == 0)
        return refuse_try(db, params, err);
    *tried = (struct totp_try){db_text(rows, 0, 0), db_int(rows, 0, 1, 0)};
    return E_OK;
}

enum err_code totp_store_take(struct db *db, struct arena *arena, const char *user_id, int64_t step,
                              struct err *err)
{
    const char *params[] = {user_id, db_param_int(arena, step)};
    return change(db, &take, params, err);
}

enum err_code totp_store_confirm(struct db *db, struct arena *arena, const char *user_id, int64_t step,
                                 const char *code_hashes, struct err *err)
{
    const char *params[] = {user_id, db_param_int(arena, step), code_hashes};
    return change(db, &confirm, params, err);
}

enum err_code totp_store_recover(struct db *db, const char *user_id, const char *code_hash, struct err *err)
{
    const char *params[] = {user_id, code_hash};
    return change(db, &recover, params, err);
}

enum err_code totp_store_remove(struct db *db, const char *user_id, struct err *err)
{
    const char *params[] = {user_id};
    return change(db, &remove_one, params, err);
}
