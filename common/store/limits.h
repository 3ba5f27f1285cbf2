/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h -- how many jobs of a kind may run at once, over all workers (table job_limits).
 *
 *   Pending --claim, no place--> waits --call--> called --claim--> held (Running)
 *                                                                     |
 *   Pending <--resumed-- paused <--handed back with reason "paused"---+
 *
 * A job of a limited kind holds a place while it runs.  One that finds none waits (jobs.place), and has no
 * wake-up until a place is free: then one that waits is called, with a wake-up of its own, and the place is
 * kept for it.  Places are shared out by user: the next one goes to the user who has the fewest, among equals
 * to the job that waits longest, so nobody waits for more than the others' turns.  A paused job has neither
 * place nor wake-up until its download is wanted again.  Whoever claims, calls or changes a limit holds the
 * lock on the limit's row, so that many workers together never go over it; kinds without a limit pay nothing.
 *
 * A limit is made or changed with the table to oneself.  All claims wait meanwhile, so it is tried for half a
 * second only: E_TIMEOUT, and nothing was changed, while a transaction that has read the table does not end.
 *
 * Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_LIMITS_H
#define SOKOUL_COMMON_STORE_LIMITS_H

#include "common/base/arena.h"
#include "common/db/db.h"

enum
{
    JOB_LIMIT_NONE = -1
};

struct job_limit
{
    const char *kind;
    int64_t max_running;
    int64_t max_per_user; /* or JOB_LIMIT_NONE */
};

/* Makes it, or changes it.  Jobs that run already count; none is stopped. */
MUST_USE enum err_code job_limit_put(struct db *db, struct arena *arena, const struct job_limit *limit,
                                     struct err *err);
/* E_NOT_FOUND: that kind has none.  What waits is called by the next job_limit_sweep. */
MUST_USE enum err_code job_limit_remove(struct db *db, const char *kind, struct err *err);
/* JSON array of all, by kind: {kind,max_running,max_per_user,running,waiting}. */
MUST_USE enum err_code job_limit_list(struct db *db, struct arena *arena, const char **json, struct err *err);

/* What a worker can do itself: so many jobs of the kind in each of its processes that live.  Beside the limit
 * above, which is an operator's; not in the list, and not removed with it.  Cheap when it stands already. */
struct job_limit_own
{
    const char *kind;
    const char *worker;
    int64_t per_process;
};
MUST_USE enum err_code job_limit_own(struct db *db, struct arena *arena, const struct job_limit_own *own,
                                     struct err *err);
/* How many more places would be taken at once, were they free; 0 for a kind that its limit has stopped. */
MUST_USE enum err_code job_limit_short(struct db *db, const char *kind, int64_t *missing, struct err *err);

/* Calls as many that wait as there are places free; counts them.  After it wake the relay. */
MUST_USE enum err_code job_limit_call(struct db *db, struct arena *arena, const char *const *kinds, size_t n,
                                      int64_t *called, struct err *err);
/* The same for all kinds, those without a limit any more included, and wakes what was paused and is resumed:
 * for who does not know what ended. */
MUST_USE enum err_code job_limit_sweep(struct db *db, struct arena *arena, int64_t *called, struct err *err);

#endif
