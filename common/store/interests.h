/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interests.h -- jobs that several users asked for (table job_interests).
 *
 * A job has one owner, jobs.user_id; whoever asks for the same one while it lives is noted beside it.  All of
 * them may read it (jobs.h).  Who cancels, or deletes their account, only leaves: an owner's place is taken
 * by the one who asked next.  The job ends with the last of them.
 *
 *     join     locks the job's row against leaving, and notes who joins
 *     leave    locks the row, then looks who is noted
 *
 * Errors: db.h's.  Texts live in the arena.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_INTERESTS_H
#define SOKOUL_COMMON_STORE_INTERESTS_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

struct job_interest
{
    const char *kind;
    const char *unique_key;
    const char *user_id; /* whose */
};

/* In the caller's transaction: the living job of that kind with that unique key.  E_NOT_FOUND: it is over by
 * now. */
MUST_USE enum err_code job_interest_join(struct db *db, struct arena *arena,
                                         const struct job_interest *interest, const char **job_id,
                                         struct err *err);

/* Cancels the job for this user.  *status is what the job is then: "Failed", or what it was, when others
 * asked for it as well.  E_NOT_FOUND: not there, or not theirs; E_CONFLICT: it is over already. */
MUST_USE enum err_code job_interest_cancel(struct db *db, struct arena *arena, const char *job_id,
                                           const char *user_id, const char **status, struct err *err);

/* In the caller's transaction, before the user is deleted: others who asked for their jobs get these. */
MUST_USE enum err_code job_interest_bequeath(struct db *db, const char *user_id, struct err *err);

#endif
