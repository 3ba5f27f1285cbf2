/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invitations.h -- codes that let somebody make an account (table invitations).
 *
 * An administrator's invitation makes one user.  A set-up code has no creator and makes the first
 * administrator; it is good while there is no account, and goes with the first.  Of a code the table has a
 * digest (common/crypt/code.h).  Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.
 * Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_INVITATIONS_H
#define SOKOUL_COMMON_STORE_INVITATIONS_H

#include "common/store/page.h"

enum invitation_kind
{
    INVITATION_USER,
    INVITATION_SETUP
};

struct invitation_new
{
    const char *id; /* a new id_new() */
    const char *code_hash;
    const char *created_by;
    int64_t valid_s;
};
/* *expires_at: RFC 3339. */
MUST_USE enum err_code invitation_store_add(struct db *db, struct arena *arena,
                                            const struct invitation_new *invitation, const char **expires_at,
                                            struct err *err);
/* Newest first: {id,created_by,created_at,expires_at,used_at,used_by}. */
MUST_USE enum err_code invitation_store_list(struct db *db, struct arena *arena, const struct store_ask *ask,
                                             struct store_page *page, struct err *err);
/* E_NOT_FOUND. */
MUST_USE enum err_code invitation_store_delete(struct db *db, const char *id, struct err *err);

/* A new set-up code, unless there is an account; *made says which. */
MUST_USE enum err_code invitation_store_set_up(struct db *db, const char *code_hash, bool *made,
                                               struct err *err);

/* Whether the code is good now; nothing changes.  E_FORBIDDEN. */
MUST_USE enum err_code invitation_store_look(struct db *db, enum invitation_kind kind, const char *code_hash,
                                             struct err *err);
/* Uses it up for the account that the caller's transaction is about to make; of two at once one wins.
 * E_FORBIDDEN. */
MUST_USE enum err_code invitation_store_use(struct db *db, enum invitation_kind kind, const char *code_hash,
                                            const char *user_id, struct err *err);

#endif
