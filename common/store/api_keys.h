/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_keys.h -- keys with which programs use the API (table api_keys).
 *
 * Only digests are stored (common/crypt/api_key.h).  A key leaves as JSON text
 * {id,name,scopes,created_at,last_used_at,expires_at}.  One that is deleted ends like a session: its id is
 * among the revocations then (revocations.h).
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_API_KEYS_H
#define SOKOUL_COMMON_STORE_API_KEYS_H

#include "common/store/page.h"

enum
{
    API_KEYS_PER_USER = 20
};

struct api_key_new
{
    const char *id;
    const char *user_id;
    const char *name;
    const char *scopes; /* an array of Postgres */
    const char *key_hash;
    const char *expires_at; /* db_param_time's, or NULL: it does not end by itself */
};
/* In a transaction, which holds the user's row from then on.  E_CONFLICT: the user has API_KEYS_PER_USER
 * already. */
MUST_USE enum err_code api_key_store_add(struct db *db, struct arena *arena, const struct api_key_new *key,
                                         const char **json, struct err *err);
/* Newest first. */
MUST_USE enum err_code api_key_store_list(struct db *db, struct arena *arena, const char *user_id,
                                          const struct store_ask *ask, struct store_page *page,
                                          struct err *err);
/* E_NOT_FOUND: this user has no such key. */
MUST_USE enum err_code api_key_store_remove(struct db *db, const char *user_id, const char *id,
                                            struct err *err);

struct api_key_use
{
    const char *id;
    const char *user_id;
    const char *role; /* of the user */
    int64_t left_s;   /* until it ends by itself; -1: never */
    bool may_read;
    bool may_write;
    bool may_admin;
};
/* Whose key it is; notes that it is used, once a minute at most.  E_NOT_FOUND: nobody's, or it has ended. */
MUST_USE enum err_code api_key_store_use(struct db *db, struct arena *arena, const char *key_hash,
                                         struct api_key_use *use, struct err *err);

#endif
