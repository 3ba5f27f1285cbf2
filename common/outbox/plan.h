/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h -- what the relay does next, as a pure function of what it knows.
 *
 *     facts = what is so now;  plan = relay_plan(&facts);  outcome = what came of it;
 *     state = relay_after(&facts, &plan, &outcome);
 *
 * A look is what lies between two waits:
 *
 *     wait -> (in doubt about the broker: claim locally until nothing is due or no slot is free)
 *          -> verify streams, if the connection is new
 *          -> send what was just committed, from memory, a batch
 *          -> the table, if there is a reason: claim locally, while more is due than a few
 *                                              take rows and publish them, until nothing is due
 *          -> wait
 *
 * No I/O, no clock, no memory of its own; any thread.
 */
#ifndef SOKOUL_COMMON_OUTBOX_PLAN_H
#define SOKOUL_COMMON_OUTBOX_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum
{
    RELAY_BATCH = 1000,    /* jobs and messages of one transaction */
    RELAY_CLAIM_MAX = 256, /* jobs of one local claim */
    RELAY_FEW = 32,        /* so few go over NATS, which whoever listens there relies on */
    RELAY_LOOK_MS = 400,   /* how often the table is looked at; what others left is found within a second */
    RELAY_AGE_MS = 500,    /* their own relay, or a worker that needs no NATS, has had its chance by then */
    RELAY_LOCAL_AGE_MS = 200, /* the same for what the worker of this process can take */
    RELAY_SLOT_MS = 200,      /* how soon a full local worker is asked again */
    RELAY_PATIENCE_MS =
        200, /* a local worker that was full for so long gets its jobs over NATS, as others might */
    RELAY_AWAY_MS = 250,
    RELAY_DOUBT_MS = 15000,    /* after JetStream was away, or silent */
    RELAY_DOUBT_AGE_MS = 3000, /* workers that ask a silent JetStream look at the table every other second */
    RELAY_NEVER_MS = 86400000,
    RELAY_NO_WORKER = -1,
    RELAY_UNASKED = -1
};

/* A cluster that has lost a server takes messages before it delivers them again. */
enum relay_broker
{
    BROKER_AWAY,
    BROKER_UNVERIFIED, /* a new connection: are the streams there, and are they what they were? */
    BROKER_SILENT,
    BROKER_WELL
};

/* For how long rows must have been due, in ms, to be ours. */
struct relay_ages
{
    int64_t local; /* of subjects of the worker in this process */
    int64_t others;
};

/* What the relay remembers; relay_after alone makes a new one. */
struct relay_state
{
    struct relay_ages ages; /* of this look */
    bool reads;             /* this look goes to the table */
    bool sent;              /* a batch went out from memory since the table had its turn */
    bool over;              /* nothing more is due that we may take */
    bool more;              /* the latest batch was full, and so may the next be */
    bool failed;            /* the broker refused in this look */
    bool leaving;           /* this is the last look */
    bool proven;            /* the broker has been well since we started */
    int64_t claimed;        /* by the latest local claim of this look, or RELAY_UNASKED */
    unsigned turn;          /* every fourth time urgent rows and those of several jobs do not go first */
    int64_t read_ms;        /* monotonic, as all below; when the table was read last */
    int64_t past_ms;        /* when rows for the broker had their turn although the local worker is served */
    int64_t full_since_ms;  /* 0: the local worker has a free slot, or there is none */
    int64_t doubt_until_ms;
};

struct relay_facts
{
    struct relay_state state;
    int64_t now_ms; /* monotonic */
    enum relay_broker broker;
    int free_slots;      /* of the worker in this process, or RELAY_NO_WORKER */
    bool just_committed; /* rows that this process committed lie in memory */
};

enum relay_step
{
    RELAY_WAIT,
    RELAY_VERIFY,
    RELAY_SEND,  /* rows from memory, a batch */
    RELAY_CLAIM, /* due rows of the local worker, for it */
    RELAY_TAKE   /* due rows, and publishes them */
};

struct relay_plan
{
    enum relay_step step;
    bool forgets; /* first: what lies in memory is left to the table */
    /* RELAY_WAIT */
    int64_t deaf_ms; /* so long nothing wakes it */
    int64_t wait_ms; /* and then so long for news */
    /* RELAY_CLAIM, RELAY_TAKE */
    struct relay_ages ages;
    int64_t max;           /* jobs */
    int64_t max_first;     /* of them, rows that go first */
    int64_t least;         /* of RELAY_CLAIM: it claims nothing unless more jobs than that are due */
    bool spares_local;     /* of RELAY_TAKE: not what the local worker will have a slot for in a moment */
    int64_t shared_age_ms; /* of RELAY_TAKE: of what several jobs share and the local worker could claim */
    bool is_look_past;     /* of RELAY_TAKE: afterwards the local worker is served again */
};

struct relay_outcome
{
    bool refused;  /* the broker did, or was not there */
    int64_t count; /* jobs claimed; jobs and messages taken */
    /* Of RELAY_WAIT: why it ended. */
    bool own;      /* this process committed rows */
    bool notified; /* another process said that it did */
    bool woken;    /* by whomever; false: the time is over */
    bool leaving;
    int64_t now_ms; /* when it ended */
};

struct relay_state relay_state_new(void);
struct relay_plan relay_plan(const struct relay_facts *facts);
struct relay_state relay_after(const struct relay_facts *facts, const struct relay_plan *plan,
                               const struct relay_outcome *outcome);

#endif
