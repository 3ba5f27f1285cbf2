/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle.h -- how an attempt ends: the one translator from a failure to a job's fate.
 *
 * Pure.  The caller draws `random` (uniform 32 bits) and applies the verdict in one guarded
 * transaction; see common/store/jobs.h.
 */
#ifndef SOKOUL_COMMON_JOB_SETTLE_H
#define SOKOUL_COMMON_JOB_SETTLE_H

#include "common/base/err.h"
#include "common/job/job.h"

struct settle_verdict
{
    enum job_move
        move; /* JOB_FINISH, JOB_RETRY, JOB_GIVE_UP, JOB_FAIL, JOB_HAND_BACK; JOB_MOVES: write nothing */
    int64_t delay_ms;    /* of a retry, or of a hand-back that waits */
    const char *reason;  /* of JOB_GIVE_UP and JOB_FAIL, static; else NULL */
    const char *outcome; /* label of sokoul_worker_jobs_total, static */
};

/* The attempt number `attempts` (1 is the first, counted by its claim) ended with `code`;
 * `retry_after_s` is what the other side asked for, or 0.  Retries wait 2, 4, 8 s, each
 * +-10 %; a longer retry_after_s (up to an hour) replaces the wait. */
struct settle_verdict settle(enum err_code code, unsigned retry_after_s, int attempts, uint32_t random);

/* A worker died or froze with this job.  `company`: it held others too, so nobody is blamed: the
 * claim is forgiven and the job is claimed alone from now on. */
enum settle_company
{
    SETTLE_ALONE,
    SETTLE_IN_COMPANY
};
struct settle_verdict settle_dead(enum settle_company company, int attempts);

#endif
