/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h -- how many jobs of a kind may run at once, over all workers (table job_limits).
 *
 *   Pending --claim, no place--> waits --call--> called --claim--> held (Running)
 *
 * A job of a limited kind holds a place while it runs.  One that finds none waits (jobs.place), and has no
 * wake-up until a place is free: then the oldest that waits is called, with a wake-up of its own, and the
 * place is kept for it.  Whoever claims, calls or changes a limit holds the lock on the limit's row, so that
 * many workers together never go over it; kinds without a limit pay nothing.
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

/* Calls the oldest that wait, as many as there are places free; counts them.  After it wake the relay. */
MUST_USE enum err_code job_limit_call(struct db *db, struct arena *arena, const char *const *kinds, size_t n,
                                      int64_t *called, struct err *err);
/* The same for all kinds, those without a limit any more included: for who does not know what ended. */
MUST_USE enum err_code job_limit_sweep(struct db *db, struct arena *arena, int64_t *called, struct err *err);

#endif
