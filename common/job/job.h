/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.h -- what a job is: its states, its lawful moves, its names on the wire.
 *
 *      (nothing) --accept--> Pending --claim--> Running --finish--> Completed
 *          |                 | ^ ^                | |
 *          |                 | | +- retry, hand- -+ +-- give up, cancel --> Failed
 *          |                 | |    back, take-back                        ^  |
 *          |                 +-|------------- cancel ----------------------+  |
 *          |                   +------------- replay (a dead letter only) ----+
 *          +-- claim of an envelope that nobody accepted --> Running
 *
 * Pure: no I/O, no clock, no memory of its own.  The SQL of common/store/jobs_*.c is
 * guarded by the same moves.  Any thread.
 */
#ifndef SOKOUL_COMMON_JOB_JOB_H
#define SOKOUL_COMMON_JOB_JOB_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum job_status
{
    JOB_NOTHING, /* no row yet */
    JOB_PENDING,
    JOB_RUNNING,
    JOB_COMPLETED,
    JOB_FAILED
};

enum job_move
{
    JOB_ACCEPT,
    JOB_CLAIM,
    JOB_ADOPT, /* a claim of an envelope without a row */
    JOB_FINISH,
    JOB_RETRY,
    JOB_GIVE_UP,
    JOB_FAIL, /* a permanent failure: no dead letter */
    JOB_HAND_BACK,
    JOB_TAKE_BACK,
    JOB_CANCEL,
    JOB_REPLAY,
    JOB_WAKE, /* healing's new wake-up */
    JOB_MOVES
};

enum job_priority
{
    JOB_NORMAL, /* what a struct says that nobody filled */
    JOB_HIGH,
    JOB_LOW,
    JOB_PRIORITIES
};

enum
{
    JOB_MAX_ATTEMPTS = 4,        /* one and three retries */
    JOB_RETRY_AFTER_MAX_S = 3600 /* what a provider may ask for */
};

const char *job_status_name(enum job_status status); /* "Pending"; JOB_NOTHING is "" */
bool job_status_parse(const char *name, enum job_status *status);
const char *job_priority_name(enum job_priority priority); /* "high", "normal", "low" */
bool job_priority_parse(const char *name, enum job_priority *priority);

/* False: the move is not lawful from there. */
bool job_move_to(enum job_status from, enum job_move move, enum job_status *to);
bool job_is_over(enum job_status status);

/* The kinds that the product knows, and the worker that runs each by default. */
const char *job_worker_of(const char *kind); /* NULL: unknown kind */
const char *job_kind_at(size_t index);       /* each known kind in turn, NULL at the end */
bool job_worker_known(const char *worker);   /* scout, hunter, bot */
/* Each worker of the product in turn, NULL at the end. */
const char *job_worker_at(size_t index);

/* Names on the wire: 1 to 32 of a-z, 0-9 and _. */
bool job_is_token(const char *text);
/* Whether people may ask that worker for that kind: the product's kinds run on its own workers, somebody
 * else's kinds (include/sokoul.h) on theirs, so that a slip of the pen is no job that waits for ever. */
bool job_worker_runs(const char *worker, const char *kind);

/* "sokoul.jobs.<worker>.<kind>" with ".high" or ".low"; E_INVALID if a part is not [a-z0-9_]{1,32}. */
enum
{
    JOB_KIND_SIZE = 33,
    JOB_SUBJECT_SIZE = 128
};
MUST_USE enum err_code job_subject(const char *worker, const char *kind, enum job_priority priority,
                                   char subject[JOB_SUBJECT_SIZE], struct err *err);

#endif
