/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logins.h -- wrong passwords of the last 15 minutes (table login_failures).
 *
 * They are counted for an account from a network, and for a network as a whole: an IPv4 address, or 64 bits
 * of an IPv6 address.  Whoever guesses waits, and whoever has the account gets in from elsewhere meanwhile.
 * An account is what was typed, so that names that exist are treated like those that do not. Errors: db.h's.
 * Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_LOGINS_H
#define SOKOUL_COMMON_STORE_LOGINS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

struct login_try
{
    const char *account; /* as typed; letter case does not matter */
    const char *address;
};

struct login_limits
{
    int64_t per_account; /* from one network */
    int64_t per_network;
};

/* E_TOO_MANY, with retry_after_s: too many of them were wrong. */
MUST_USE enum err_code login_store_check(struct db *db, struct arena *arena, const struct login_try *login,
                                         const struct login_limits *limits, struct err *err);
/* This one was wrong. */
MUST_USE enum err_code login_store_note(struct db *db, const struct login_try *login, struct err *err);

#endif
