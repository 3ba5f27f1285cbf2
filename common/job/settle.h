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

#include <stdbool.h>

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

/* Whether a worker had one job in flight or several: of one that died or froze with several nobody knows
 * which it was.  Then none is blamed: the attempt is forgiven, and each is claimed isolated from now on. */
enum settle_isolation
{
    SETTLE_ISOLATED,
    SETTLE_SHARED
};
struct settle_verdict settle_dead(enum settle_isolation isolation, int attempts);

/* A job that is taken back. */
struct settle_loss
{
    int attempts;
    bool shared;      /* its worker had others in flight, which are taken back with it */
    bool quarantined; /* since a crash it is claimed isolated, and it began just before its worker died */
};
/* SETTLE_ISOLATED: it is blamed.  A job in quarantine is, whatever else its worker had in flight: the others
 * had been there for longer. */
enum settle_isolation settle_blames(const struct settle_loss *loss);
/* settle_dead by that. */
struct settle_verdict settle_lost(const struct settle_loss *loss);

#endif
