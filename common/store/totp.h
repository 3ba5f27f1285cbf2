/* SPDX-License-Identifier: Apache-2.0 */
/*
 * totp.h -- second factors (tables totp and recovery_codes).
 *
 * One is begun with a secret, and asked for from when it is confirmed by a code.  Each try counts as a wrong
 * one until totp_store_take says otherwise, so that tries at the same time cannot outrun the count. Texts
 * live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_TOTP_H
#define SOKOUL_COMMON_STORE_TOTP_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

#include <stdbool.h>

enum
{
    TOTP_TRIES = 5, /* wrong ones in any TOTP_TRIES_S */
    TOTP_TRIES_S = 300
};

enum totp_state
{
    TOTP_NONE,
    TOTP_BEGUN,
    TOTP_CONFIRMED
};
/* `recovery_codes` (may be NULL): how many are left. */
MUST_USE enum err_code totp_store_state(struct db *db, const char *user_id, enum totp_state *state,
                                        int64_t *recovery_codes, struct err *err);
/* Begins, or begins anew.  E_CONFLICT: there is one that is confirmed. */
MUST_USE enum err_code totp_store_begin(struct db *db, const char *user_id, const char *secret,
                                        struct err *err);

struct totp_try
{
    const char *secret;
    int64_t last_step;
};
/* Counts a try.  E_NOT_FOUND: there is none in this state; E_TOO_MANY, with the time to wait. */
MUST_USE enum err_code totp_store_try(struct db *db, struct arena *arena, const char *user_id,
                                      enum totp_state state, struct totp_try *tried, struct err *err);
/* The try was right.  E_NOT_FOUND: a code of that step or a later one was taken meanwhile. */
MUST_USE enum err_code totp_store_take(struct db *db, struct arena *arena, const char *user_id, int64_t step,
                                       struct err *err);
/* The same of one that was begun, with the digests of its recovery codes, an array of Postgres. */
MUST_USE enum err_code totp_store_confirm(struct db *db, struct arena *arena, const char *user_id,
                                          int64_t step, const char *code_hashes, struct err *err);
/* Uses up a recovery code.  E_NOT_FOUND: it is none of this user's. */
MUST_USE enum err_code totp_store_recover(struct db *db, const char *user_id, const char *code_hash,
                                          struct err *err);
/* E_NOT_FOUND: there was none. */
MUST_USE enum err_code totp_store_remove(struct db *db, const char *user_id, struct err *err);

#endif
