/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h -- everything that is decided about a job's life, as pure functions over its row.
 *
 * Each function is one transaction of docs/model: it looks at the row, and either moves it and
 * says what goes with the move (a wake-up, a result, a dead letter), or refuses and changes
 * nothing.  No I/O, no clock, no randomness of its own: `now_ms` is the database's, `random` is
 * drawn by the caller.  The statements of common/store/jobs_*.c do the same to many rows at
 * once; tests/unit/common/store/life_test.c drives both side by side, and tests/simulate drives
 * this one through millions of steps.
 *
 * Any thread; nothing is allocated.
 */
#ifndef SOKOUL_COMMON_JOB_LIFE_H
#define SOKOUL_COMMON_JOB_LIFE_H

#include "common/base/err.h"
#include "common/job/job.h"
#include "common/job/settle.h"

/* Where a Pending job of a limited kind stands (common/store/limits.h). */
enum life_place
{
    LIFE_NO_PLACE,
    LIFE_WAITS, /* no wake-up is under way, and none is owed until a place is free */
    LIFE_CALLED /* a place is kept for it, and its wake-up is under way */
};

/* The columns of a job's row that its life depends on. */
struct life
{
    enum job_status status;
    const char *reason; /* static; NULL unless Failed */
    int attempts;       /* claims neither handed back nor forgiven */
    int64_t fence;      /* number of the latest claim; never goes down, never given twice */
    int64_t epoch;      /* number of the latest wake-up; never goes down */
    bool alone;         /* claimed by itself since a crash in company */
    enum life_place place;
    int64_t run_at_ms;
    int64_t lease_until_ms;
};

/* What is written in the same transaction. All false: the row was not moved. */
struct life_effects
{
    bool moved;
    bool wake;   /* an outbox row with the row's epoch, due at its run_at */
    bool result; /* one row in job_results */
    bool letter; /* one open dead letter */
    bool closed; /* the open dead letter was closed */
};

/* The unique index decides: a row that is there is left as it is. */
struct life_effects life_accept(struct life *life, int64_t now_ms, int64_t run_at_ms);
/* Accepted and claimed in one transaction, for a worker that announced itself idle: nobody else is to be
 * woken, but the number of its first wake-up counts as used. */
struct life_effects life_hand_off(struct life *life, int64_t tick, int64_t now_ms, int64_t lease_ms);
/* Pending and due; a job marked alone only when `isolation` says that it is claimed by itself. `tick` is a
 * clock that two claims never read alike: a claim may be lost in a crash of the database, and whoever made it
 * must not be taken for the next one. */
struct life_effects life_claim(struct life *life, enum settle_isolation isolation, int64_t tick,
                               int64_t now_ms, int64_t lease_ms);
/* What a claim does when no place of the kind's limit is free: the message is no longer needed. */
struct life_effects life_wait(struct life *life, int64_t now_ms);
/* A place is free for one that waits. */
struct life_effects life_call(struct life *life, int64_t now_ms);
/* An envelope without a row. */
struct life_effects life_adopt(struct life *life, int64_t tick, int64_t now_ms, int64_t lease_ms);
/* The end of an attempt by the worker whose claim had this fence; hand-backs included. */
struct life_effects life_settle(struct life *life, int64_t fence, enum err_code code, unsigned retry_after_s,
                                uint32_t random, int64_t now_ms);
struct life_effects life_beat(struct life *life, int64_t fence, int64_t now_ms, int64_t lease_ms);
/* The worker is dead, or the lease is over: whoever calls has made sure of one of the two. */
struct life_effects life_take_back(struct life *life, enum settle_isolation isolation, int64_t now_ms);
struct life_effects life_cancel(struct life *life);
/* Only with an open dead letter. */
struct life_effects life_replay(struct life *life, bool letter_open, int64_t now_ms);
/* Pending, due, not waiting for a place, no outbox row, and the stream does not hold its message any more. */
struct life_effects life_sweep(struct life *life, int64_t now_ms);

#endif
