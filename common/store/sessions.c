/* SPDX-License-Identifier: Apache-2.0 */
#include "common/store/sessions.h"

#include "common/base/log.h"
#include "common/store/sql.h"

/* The newest token of a session that lives. */
#define SQL_LIVE "t.used_at IS NULL AND t.revoked_at IS NULL AND t.expires_at > now()"

static const struct db_stmt open_one = {
    "session_open",
    "INSERT INTO refresh_tokens (id, user_id, family, token_hash, expires_at, began_at, user_agent, address) "
    "VALUES ($1, $2, $3, $4, now() + $5::bigint * interval '1 second', now(), $6, $7)",
    7,
};
/* A transaction that opens, rotates or ends a session locks its user's row first, and reads tokens in a later
 * statement: so it sees the successor that a rotation has just stored, and no rotation runs beside it. */
static const struct db_stmt lock_user = {
    "session_lock_user",
    "SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE",
    1,
};
static const struct db_stmt lock_owner = {
    "session_hold_owner",
    "SELECT FROM users WHERE id = (SELECT user_id FROM refresh_tokens WHERE token_hash = $1) FOR NO KEY "
    "UPDATE",
    1,
};
/* Of two at once the second finds the token used. */
static const struct db_stmt rotate = {
    "session_rotate",
    "WITH old AS (UPDATE refresh_tokens SET used_at = now() WHERE token_hash = $1 AND used_at IS NULL "
    "AND revoked_at IS NULL AND expires_at > now() RETURNING user_id, family, coalesce(began_at, created_at) "
    "AS began_at), "
    "next AS (INSERT INTO refresh_tokens (id, user_id, family, token_hash, expires_at, began_at, user_agent, "
    "address) SELECT $2, user_id, family, $3, now() + $4::bigint * interval '1 second', began_at, $5, $6 "
    "FROM old RETURNING user_id) "
    "SELECT u.id, u.role, old.family, " SQL_USER " FROM old JOIN users u ON u.id = old.user_id",
    6,
};
static const struct db_stmt revoke_reused = {
    "session_revoke_reused",
    "UPDATE refresh_tokens SET revoked_at = now() WHERE used_at IS NULL AND revoked_at IS NULL AND family = "
    "(SELECT family FROM refresh_tokens WHERE token_hash = $1 AND used_at IS NOT NULL)",
    1,
};
static const struct db_stmt close_one = {
    "session_close",
    "UPDATE refresh_tokens SET revoked_at = now() WHERE used_at IS NULL AND revoked_at IS NULL AND family = "
    "(SELECT family FROM refresh_tokens WHERE token_hash = $2 AND user_id = $1)",
    2,
};
static const struct db_stmt close_all = {
    "session_close_all",
    "UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = $1 AND used_at IS NULL AND revoked_at IS "
    "NULL "
    "AND ($2::uuid IS NULL OR family <> $2::uuid)",
    2,
};
/* How many tokens the session has at all: 0 says that it is not this user's. */
static const struct db_stmt close_family = {
    "session_close_family",
    "WITH ended AS (UPDATE refresh_tokens SET revoked_at = now() WHERE user_id = $1 AND family = $2 "
    "AND used_at IS NULL AND revoked_at IS NULL) "
    "SELECT count(*) FROM refresh_tokens WHERE user_id = $1 AND family = $2",
    2,
};
/* $2, the session that asks, selects nothing. */
static const struct store_list list = {
    {"session_list",
     "SELECT json_build_object('id', t.family, 'created_at', rfc3339(coalesce(t.began_at, t.created_at)), "
     "'last_used_at', rfc3339(t.created_at), 'expires_at', rfc3339(t.expires_at), "
     "'user_agent', t.user_agent, 'ip', t.address, 'current', coalesce(t.family = $2::uuid, false)), "
     "micros(t.created_at), t.family FROM refresh_tokens t WHERE t.user_id = $1 AND " SQL_LIVE
     " AND ($5::bigint IS NULL OR (t.created_at, t.family) < (at_micros($5), $6::uuid)) "
     "ORDER BY t.created_at DESC, t.family DESC LIMIT $3::bigint OFFSET $4::bigint",
     6},
    {"session_count",
     "SELECT count(*) FROM (SELECT 1 FROM refresh_tokens t WHERE t.user_id = $1 "
     "AND ($2::uuid IS NULL OR true) AND " SQL_LIVE " LIMIT 10001) c",
     2},
};

/* In one transaction, at the cost of one round trip; the rows of `then`. */
static enum err_code run_locked(struct db *db, const struct db_call *lock, const struct db_call *then,
                                struct db_rows **out, struct err *err)
{
    const struct db_call calls[] = {*lock, *then};
    struct db_rows *rows[2];
    if (db_run_all(db, calls, 2, rows, err) != E_OK)
        return err->code;
    db_rows_free(rows[0]);
    *out = rows[1];
    return E_OK;
}

static enum err_code revoke(struct db *db, const struct db_call *lock, const struct db_call *then,
                            int *revoked, struct err *err)
{
    struct db_rows *rows = NULL;
    if (run_locked(db, lock, then, &rows, err) != E_OK)
        return err->code;
    if (revoked != NULL)
        *revoked = db_affected(rows);
    db_rows_free(rows);
    return E_OK;
}

enum err_code session_store_open(struct db *db, struct arena *arena, const struct session_new *session,
                                 struct err *err)
{
    const char *params[] = {session->id,
                            session->user_id,
                            session->family,
                            session->token_hash,
                            db_param_int(arena, session->valid_s),
                            session->user_agent,
                            session->address};
    return db_run(db, &open_one, params, NULL, err);
}

static enum err_code refuse(struct db *db, const char *token_hash, struct err *err)
{
    const char *params[] = {token_hash};
    int revoked = 0;
    if (revoke(db, &(struct db_call){&lock_owner, params}, &(struct db_call){&revoke_reused, params},
               &revoked, err) != E_OK)
        return err->code;
    if (revoked > 0)
        log_error("session_revoked", "a refresh token came a second time: its session was revoked");
    return fail(err, E_UNAUTHENTICATED, "the refresh token is not valid");
}

enum err_code session_store_rotate(struct db *db, struct arena *arena, const char *token_hash,
                                   const struct session_new *next, struct session_owner *owner,
                                   struct err *err)
{
    const char *params[] = {token_hash,       next->id,
                            next->token_hash, db_param_int(arena, next->valid_s),
                            next->user_agent, next->address};
    struct db_rows *rows = NULL;
    if (run_locked(db, &(struct db_call){&lock_owner, params}, &(struct db_call){&rotate, params}, &rows,
                   err) != E_OK)
        return err->code;
    rows = db_rows_keep(rows, arena);
    if (rows == NULL)
        return fail(err, E_NO_MEMORY, "no memory for a session");
    if (db_rows(rows) == 0)
        return refuse(db, token_hash, err);
    *owner = (struct session_owner){
        .user_id = db_text(rows, 0, 0),
        .role = db_text(rows, 0, 1),
        .family = db_text(rows, 0, 2),
        .user_json = db_text(rows, 0, 3),
    };
    return E_OK;
}

enum err_code session_store_close(struct db *db, const char *user_id, const char *token_hash, struct err *err)
{
    const char *params[] = {user_id, token_hash};
    return revoke(db, &(struct db_call){&lock_user, params}, &(struct db_call){&close_one, params}, NULL,
                  err);
}

enum err_code session_store_close_all(struct db *db, const char *user_id, const char *keep, struct err *err)
{
    const char *params[] = {user_id, keep};
    return revoke(db, &(struct db_call){&lock_user, params}, &(struct db_call){&close_all, params}, NULL,
                  err);
}

enum err_code session_store_end(struct db *db, const char *user_id, const char *session_id, struct err *err)
{
    const char *params[] = {user_id, session_id};
    struct db_rows *rows = NULL;
    if (run_locked(db, &(struct db_call){&lock_user, params}, &(struct db_call){&close_family, params}, &rows,
                   err) != E_OK)
        return err->code;
    const int64_t tokens = db_int(rows, 0, 0, 0);
    db_rows_free(rows);
    return tokens > 0 ? E_OK : fail(err, E_NOT_FOUND, "there is no such session");
}

enum err_code session_store_list(struct db *db, struct arena *arena, const struct session_filter *filter,
                                 const struct store_ask *ask, struct store_page *page, struct err *err)
{
    const char *filters[] = {filter->user_id, filter->current};
    return store_list_read(db, arena, &list, filters, ask, page, err);
}
