/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inject.h -- how a batch of jobs is doing, in one statement (table jobs).
 *
 * A batch is the jobs that one injector accepted: ids from `first` to `last` (they rise with time, so this is
 * one range of the primary key) with its request id.  Durations are by the database's clock
 * alone.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_INJECT_H
#define SOKOUL_COMMON_STORE_INJECT_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/db/db.h"

#include <stddef.h>
#include <stdint.h>

struct inject_batch
{
    const char *first;
    const char *last;
    const char *request_id;
};

struct inject_counts
{
    int64_t total; /* rows that are there */
    int64_t completed;
    int64_t failed;
};

MUST_USE enum err_code inject_store_count(struct db *db, const struct inject_batch *batch,
                                          struct inject_counts *counts, struct err *err);

/* Of those that are over.  Percentiles are the 50th, 95th and 99th; not a number when nothing is over. */
enum
{
    INJECT_PERCENTILES = 3
};
struct inject_times
{
    double seconds;                        /* from the first accept to the last end; 0 when nothing is over */
    double latency_ms[INJECT_PERCENTILES]; /* accept to end */
    double pickup_ms[INJECT_PERCENTILES];  /* accept to the start of the latest attempt */
};

struct inject_times inject_times_none(void);
MUST_USE enum err_code inject_store_times(struct db *db, const struct inject_batch *batch,
                                          struct inject_times *times, struct err *err);

/* How single jobs are doing; those without a row are not in the answer.  Texts live in the arena. */
struct inject_state
{
    const char *job_id;
    const char *status;
    const char *reason; /* or NULL */
    const char *detail; /* or NULL */
};
MUST_USE enum err_code inject_store_states(struct db *db, struct arena *arena, const char *const *ids,
                                           size_t n, struct inject_state **states, size_t *count,
                                           struct err *err);

#endif
