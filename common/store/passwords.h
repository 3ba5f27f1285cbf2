/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwords.h -- forgotten passwords (tables password_asks and password_resets).
 *
 * Asking never looks whether an account has the address, so that nobody learns it from the answer or its
 * time; the mailer looks when it sends, and makes the token then.  Of a token the table has a digest
 * (common/crypt/refresh.h).  It works once, for PASSWORD_RESET_S, and goes when the account's password or
 * address changes.  Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_PASSWORDS_H
#define SOKOUL_COMMON_STORE_PASSWORDS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

enum
{
    PASSWORD_ASKS_PER_HOUR = 5, /* of one address, whether somebody has it or not */
    PASSWORD_RESET_S = 15 * 60
};

/* *ask_id: of this address.  E_TOO_MANY, with retry_after_s. */
MUST_USE enum err_code password_store_ask(struct db *db, struct arena *arena, const char *email,
                                          const char **ask_id, struct err *err);

struct password_letter
{
    const char *email; /* as the account has it */
    const char *username;
};
/* Stores the digest of a new token for whoever has the address.  E_NOT_FOUND: nobody has, the account is
 * disabled, or the question is forgotten. */
MUST_USE enum err_code password_store_issue(struct db *db, struct arena *arena, const char *ask_id,
                                            const char *token_hash, struct password_letter *letter,
                                            struct err *err);

struct password_owner
{
    const char *user_id;
    const char *username;
    const char *email;
};
/* Whose token it is.  E_INVALID: it was used, has expired, or never was. */
MUST_USE enum err_code password_store_owner(struct db *db, struct arena *arena, const char *token_hash,
                                            struct password_owner *owner, struct err *err);
/* Sets the password of the token's account, in a transaction of the caller's; of two at once one wins.
 * E_INVALID as above. */
MUST_USE enum err_code password_store_reset(struct db *db, const char *token_hash, const char *password_hash,
                                            struct err *err);

#endif
