/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocations.h -- access tokens that have ended before their time (table revocations).
 *
 * Rows are written by triggers: where a session is revoked, a user's role changes, an account goes.  A reader
 * keeps a bookmark and asks for what was committed since.  The bookmark is the xmin of the snapshot of the
 * look before: every transaction below it had ended by then. So no row is ever missed, and rows of
 * transactions that ran at that moment may come twice.
 *
 * Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_REVOCATIONS_H
#define SOKOUL_COMMON_STORE_REVOCATIONS_H

#include "common/base/err.h"
#include "common/db/db.h"

#define REVOCATION_CHANNEL "sokoul_revoked"

/* All zero: from the start.  A bookmark is of one connection: another server may number transactions anew. */
struct revocation_bookmark
{
    char xid[24];
};

struct revocation
{
    const char *subject; /* a session or a user */
    const char *role;    /* the most that tokens of the subject may claim; NULL: nothing */
    int64_t left_s;      /* until the last of its tokens has ended by itself */
};

/* Shows each row to `take` and moves the bookmark; a failure of `take` ends it and is answered. */
MUST_USE enum err_code revocation_store_read(struct db *db, struct revocation_bookmark *bookmark,
                                             enum err_code (*take)(void *of, const struct revocation *row,
                                                                   struct err *err),
                                             void *of, struct err *err);

#endif
