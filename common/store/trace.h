/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h -- the way of a request: all that is stored about it, in the order of time.
 *
 * To a request belong the jobs with its id, their children (of the same user, whatever id they have), and
 * what is stored about these: their stays (job_history), results, dead letters, downloads, the confirmation
 * by JetStream while it is remembered, and the entries of the audit trail. No index leads from an id to its
 * jobs, since each would cost every job: the table of jobs is read once, about a second per million.
 *
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_TRACE_H
#define SOKOUL_COMMON_STORE_TRACE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

enum
{
    TRACE_JOBS_MAX = 1000 /* that are looked at, the oldest */
};

/* One thing that happened, or that is still open. What is unknown is NULL, numbers 0. */
struct trace_step
{
    int64_t at_us; /* since 1970; of an open one: since when */
    const char *job_id;
    const char *kind;
    const char *step; /* "accepted", "published", "started", "retried", ... (docs/CLI.md) */
    int64_t attempt;
    const char *worker;    /* "scout" */
    const char *worker_id; /* its process */
    const char *node;      /* where that runs; NULL once it has ended */
    const char *reason;
    const char *detail; /* plain words */
};

struct trace_steps
{
    const struct trace_step *list; /* in the order of time */
    size_t count;
    int64_t total; /* that there are; at least count */
};

struct trace_found
{
    struct trace_steps over;
    struct trace_steps open; /* jobs that are not over and dead letters that nobody has closed */
    bool jobs_cut;           /* there are more than TRACE_JOBS_MAX jobs */
};

/* At most `limit` of each.  E_NOT_FOUND: nothing is stored about the request, and *found holds no steps. */
MUST_USE enum err_code trace_store_read(struct db *db, struct arena *arena, const char *request_id,
                                        int64_t limit, struct trace_found *found, struct err *err);

#endif
