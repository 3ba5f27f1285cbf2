/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkup.h -- what an operator should know of an installation, for `sokoulctl doctor`.
 *
 * A running program sends its database a statement each second, over a connection that is named after the
 * service (`sokoul-scout health`).  Postgres knows when the last one came: that is the program's sign of
 * life.  A frozen program keeps its connection.
 *
 * Texts live in the arena.  Errors: db.h's.  Threads: the connection's owner.  Blocks.
 */
#ifndef SOKOUL_COMMON_STORE_CHECKUP_H
#define SOKOUL_COMMON_STORE_CHECKUP_H

#include "common/base/arena.h"
#include "common/db/db.h"

#define CHECKUP_SUFFIX " health" /* of the name of the connection that gives signs of life */

struct checkup_program
{
    const char *service;
    int64_t silent_ms; /* since its last sign of life */
};

struct checkup_count
{
    const char *what; /* a kind or a worker */
    int64_t count;
};

struct checkup
{
    struct checkup_program *programs; /* one for each process, by service */
    size_t programs_count;
    struct checkup_count *paused; /* kinds whose limit is 0, with jobs that are due */
    size_t paused_count;
    struct checkup_count
        *overdue; /* workers with jobs that have been due for a minute and may run; up to 10,000 */
    size_t overdue_count;
    int64_t dead_letters; /* open dead letters */
    int64_t wake_ups;     /* wake-ups that have been due for 10 s */
    bool in_use;          /* there are jobs or people */
};

MUST_USE enum err_code checkup_get(struct db *db, struct arena *arena, struct checkup *checkup,
                                   struct err *err);

#endif
