/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedules.h -- periodic jobs (table schedules): by cron expression (UTC) or by interval.
 *
 * Firing is one transaction: the schedule's row is locked, the job and its wake-up are accepted,
 * and next_at moves on; so one firing happens once, however many programs heal.  Firings that were missed
 * while nothing ran are made up for by one job (missed = once) or left out (skip; later than a minute
 * counts as missed).  Errors: db.h's.  The connection's owner calls; blocks.
 */
#ifndef SOKOUL_COMMON_STORE_SCHEDULES_H
#define SOKOUL_COMMON_STORE_SCHEDULES_H

#include "common/base/arena.h"
#include "common/db/db.h"
#include "common/job/job.h"

struct schedule
{
    const char *name;
    const char *kind;
    const char *worker; /* NULL: the kind's own */
    enum job_priority priority;
    const char *payload; /* JSON object */
    const char *cron;    /* or NULL, and then */
    int64_t every_s;     /* at least 1 */
    const char *missed;  /* "once" or "skip" */
};

/* Makes the schedule, or changes the one with that name; its next time is counted from now. E_INVALID: err
 * says what is wrong. */
MUST_USE enum err_code schedule_store_put(struct db *db, struct arena *arena, const struct schedule *schedule,
                                          struct err *err);
/* E_NOT_FOUND: there is none with that name. */
MUST_USE enum err_code schedule_store_remove(struct db *db, const char *name, struct err *err);
/* JSON array of all, by name. */
MUST_USE enum err_code schedule_store_list(struct db *db, struct arena *arena, const char **json,
                                           struct err *err);
/* Fires what is due, at most 100 at a time; counts the jobs. */
MUST_USE enum err_code schedule_store_fire(struct db *db, struct arena *arena, int64_t *fired,
                                           struct err *err);

#endif
