/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt.h -- what becomes of a message whose job was not claimed.
 *
 * Most are wake-ups of jobs that somebody has, or that are over.  The others were published past the API: an
 * envelope of a job that the database does not know, or bytes that are no envelope.  adopt_plan says what to
 * do next with one, from what was done last and how that went; unclaimed.c does it.
 *
 *   READ --> LOOK --> ADOPT ------> RUN      due and without a unique key: it is inserted as Running, for us
 *     |       |  |       |
 *     |       |  +-------+-> ACCEPT -> ACK   delayed, keyed, of a kind with a limit, or somebody was faster
 *     |       |              (DROP: its user does not exist)
 *     |       +--> dead letter -> ACK        older than jobs are kept
 *     +--> NAK, and at the fourth delivery dead letter -> ACK
 *
 * Pure: no I/O, no clock.
 */
#ifndef SOKOUL_WORKERS_RUNTIME_ADOPT_H
#define SOKOUL_WORKERS_RUNTIME_ADOPT_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum
{
    POISON_DELIVERIES = 4, /* the first and three more */
    /* When a message that goes back is delivered again. */
    NAK_AWAY_MS = 2000,  /* the database is away */
    NAK_POISON_MS = 500, /* the bytes do not parse */
    NAK_LOST_MS = 500,   /* its job is no longer ours: somebody looks again */
    NAK_UNWANTED_MS = 1  /* there is no slot for it here */
};

enum adopt_step
{
    ADOPT_READ,        /* decode the envelope */
    ADOPT_LOOK,        /* claim the job that it names, or find that there is no such row */
    ADOPT_ADOPT,       /* insert it as Running */
    ADOPT_ACCEPT,      /* insert it as Pending: its own wake-up comes */
    ADOPT_DEAD_LETTER, /* write a raw dead letter */
    ADOPT_STEPS,
    /* Ends. */
    ADOPT_RUN,
    ADOPT_ACK,
    ADOPT_DROP, /* acknowledge it, and say so in the log */
    ADOPT_NAK
};

struct adopt_facts
{
    enum adopt_step done; /* the latest step */
    enum err_code code;   /* how it went */
    bool adopted;         /* of ADOPT_ADOPT: a row was inserted */
    int64_t deliveries;   /* of the message; 1 the first time */
    /* Of the envelope, once it has been read. */
    int64_t age_ms;       /* since its timestamp */
    int64_t retention_ms; /* so old it may be */
    int64_t due_in_ms;    /* until its run_at; 0 or less: it may run now */
    bool keyed;           /* it has a unique key */
};

struct adopt_plan
{
    enum adopt_step step;
    int64_t delay_ms; /* of ADOPT_NAK */
    const char
        *reason; /* of ADOPT_DEAD_LETTER: "poison" or "expired"; "poison" of ADOPT_NAK too, else NULL */
};

struct adopt_plan adopt_plan(const struct adopt_facts *facts);

#endif
