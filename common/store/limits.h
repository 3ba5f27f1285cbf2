/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h -- how many jobs of a kind may run at once, over all workers (table job_limits).
 *
 *   Pending --claim, no place free--> queued --admit--> admitted --claim--> Running
 *                                                                              |
 *   Pending <--resumed-- paused <--handed back with reason "paused"-----------+
 *
 * A job of a limited kind has a place while it runs.  A job that finds no place free is queued, and has no
 * wake-up until one is: then a queued job is admitted, with a wake-up, and the place is kept for it.  Column
 * jobs.place has "waits" for queued, "called" for admitted, "held" for running, "paused".  Places are shared
 * out by user: the next one goes to the user who has the fewest, among equals to the job that has been queued
 * longest.  A paused job has neither place nor wake-up until its download is wanted again.  A transaction
 * that claims, admits or changes a limit has the lock on the limit's row, so that many workers together never
 * exceed it; kinds without a limit pay nothing.
 *
 * To make or change a limit locks the whole table.  All claims wait meanwhile, so the lock is tried for half
 * a second only.  E_TIMEOUT: a transaction that has read the table goes on; nothing was changed.
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
/* E_NOT_FOUND: that kind has none.  Its queued jobs are admitted by the next job_limit_admit_all. */
MUST_USE enum err_code job_limit_remove(struct db *db, const char *kind, struct err *err);
/* JSON array of all, by kind: {kind,max_running,max_per_user,running,waiting}. */
MUST_USE enum err_code job_limit_list(struct db *db, struct arena *arena, const char **json, struct err *err);

/* A worker's own limit: so many jobs of the kind in each of its living processes.  It holds beside the limit
 * above, which is an operator's; it is not in the list, and not removed with that.  Cheap when it is set
 * already. */
struct job_limit_own
{
    const char *kind;
    const char *worker;
    int64_t per_process;
};
MUST_USE enum err_code job_limit_own(struct db *db, struct arena *arena, const struct job_limit_own *own,
                                     struct err *err);
/* How many more jobs would run at once if there were places; 0 for a kind whose limit is 0. */
MUST_USE enum err_code job_limit_short(struct db *db, const char *kind, int64_t *missing, struct err *err);

/* Admits as many queued jobs as there are free places; *admitted counts them.  Wake the relay after it. */
MUST_USE enum err_code job_limit_admit(struct db *db, struct arena *arena, const char *const *kinds, size_t n,
                                       int64_t *admitted, struct err *err);
/* The same for all kinds, those included that have no limit any more; also wakes paused jobs that were
 * resumed. For healing, which does not know which jobs have ended. */
MUST_USE enum err_code job_limit_admit_all(struct db *db, struct arena *arena, int64_t *admitted,
                                           struct err *err);

#endif
