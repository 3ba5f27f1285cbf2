/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sessions.h -- logins (table refresh_tokens).
 *
 * A session is a family of refresh tokens, of which the latest is unused; each works once.  Only
 * digests are stored (common/crypt/refresh.h).  Times are the database's.  Texts live in the arena.
 * Rotating and ending lock the user's row: a session that has ended stays ended, also when it is refreshed at
 * that moment.  A session that ends takes its access tokens with it (revocations.h).
 * Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_SESSIONS_H
#define SOKOUL_COMMON_STORE_SESSIONS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"
#include "common/store/page.h"

struct session_new
{
    const char *id;      /* of the token's row */
    const char *user_id; /* not read by session_store_rotate */
    const char *family;  /* likewise */
    const char *token_hash;
    int64_t valid_s;
    const char *user_agent; /* what asked for it, and from where; NULL: not known */
    const char *address;
};

/* In a transaction that has locked the user by user_store_lock, so that the password is still the one that
 * was checked. */
MUST_USE enum err_code session_store_open(struct db *db, struct arena *arena,
                                          const struct session_new *session, struct err *err);

struct session_owner
{
    const char *user_id;
    const char *role;
    const char *family;
    const char *user_json;
};
/* Marks the old token used and stores its successor.  E_UNAUTHENTICATED: unknown, expired,
 * revoked, or used before; the last is theft or a copy, and its whole family is revoked (when called outside
 * of a transaction). */
MUST_USE enum err_code session_store_rotate(struct db *db, struct arena *arena, const char *token_hash,
                                            const struct session_new *next, struct session_owner *owner,
                                            struct err *err);
/* Revokes the family of this user's token; E_OK also when there is none. */
MUST_USE enum err_code session_store_close(struct db *db, const char *user_id, const char *token_hash,
                                           struct err *err);
/* Revokes all of a user's families but `keep` (NULL: all). */
MUST_USE enum err_code session_store_close_all(struct db *db, const char *user_id, const char *keep,
                                               struct err *err);
/* Revokes this session of this user; E_OK also when it has ended before.  E_NOT_FOUND: the user has none. */
MUST_USE enum err_code session_store_end(struct db *db, const char *user_id, const char *session_id,
                                         struct err *err);

struct session_filter
{
    const char *user_id;
    const char *current; /* the session that asks, or NULL */
};
/* The sessions that live, the latest used first: {id,created_at,last_used_at,expires_at,user_agent,ip,
 * current}.  It was used last when its tokens were renewed last. */
MUST_USE enum err_code session_store_list(struct db *db, struct arena *arena,
                                          const struct session_filter *filter, const struct store_ask *ask,
                                          struct store_page *page, struct err *err);

#endif
