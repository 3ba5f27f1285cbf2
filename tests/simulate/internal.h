/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h -- what the parts of the world share. Nobody else includes it. */
#ifndef SOKOUL_TESTS_SIMULATE_INTERNAL_H
#define SOKOUL_TESTS_SIMULATE_INTERNAL_H

#include "common/job/life.h"
#include "tests/simulate/world.h"

enum
{
    JOBS = 6,
    WORKERS = 3,
    HOLDS = 3,     /* jobs that one worker holds at once */
    MESSAGES = 48, /* that the stream holds */
    WORDS = 4,     /* under way to workers; a newer one makes the older one lost */
    ROWS = 48,     /* of the outbox */
    WINDOW = 64,   /* message ids that the broker remembers */
    LEASE_MS = 40000,
    LIMIT = 2 /* of the limited kind that run at once: every other job is of that kind */
};

struct row
{
    struct life life;
    bool letter;
    int results;
    int blames;           /* failures and crashes that rightly count since accept or replay */
    bool stranger;        /* an envelope published past the API, and not stored yet */
    bool accepted;        /* the client has its answer */
    bool lost;            /* the broker owes a wake-up: only it may lose one */
    int holder;           /* worker that rightfully runs it, -1: none */
    enum job_status seen; /* before the step, to check the move */
    bool replayed;        /* in this step */
};

struct outbox_row
{
    bool used;
    bool published; /* in the relay's hands: published, not yet deleted */
    int job;
    int64_t epoch;
    int64_t due_ms;
};

enum message_state
{
    FREE,
    QUEUED,
    OUT
};

struct message
{
    enum message_state state;
    int job;
    int64_t epoch; /* 0: a stranger's envelope */
    int64_t seq;
};

struct hold
{
    bool used;
    bool claimed;
    bool alone;
    int message; /* -1: acknowledged or lost */
    int64_t seq; /* of that message: an ack names it, not the place */
    int job;
    int64_t fence;
};

/* To a worker: a job was claimed for it. */
struct word
{
    bool used;
    int worker;
    int job;
    int64_t fence;
};

/* What the database has on disk: commits that wait for it bring all before them along. */
struct disk
{
    bool behind; /* something was committed that is not there yet */
    struct row jobs[JOBS];
    struct outbox_row outbox[ROWS];
};

struct worker
{
    bool frozen;
    bool alone_running;
    struct hold holds[HOLDS];
};

struct world
{
    enum world_bug bug;
    int64_t now_ms;
    int64_t tick;
    struct row jobs[JOBS];
    struct outbox_row outbox[ROWS];
    struct disk disk;
    struct message stream[MESSAGES];
    struct message older[MESSAGES]; /* a copy of the store that may come back */
    struct
    {
        int job;
        int64_t epoch;
    } window[WINDOW];
    int window_at;
    int64_t last_seq;
    struct worker workers[WORKERS];
    struct word words[WORDS];
    const char *broken;
    uint32_t choice; /* what is left of this step's number */
    uint64_t happened[32];
    int kinds;
};

/* servers.c */
/* A number below `limit` from what is left of the choice. */
int pick(struct world *world, int limit);
void broke(struct world *world, const char *invariant);
void commit_lazily(struct world *world);
bool has_outbox(const struct world *world, int job);
void commit(struct world *world);
void apply(struct world *world, int job, struct life_effects effects);
void put_message(struct world *world, int job, int64_t epoch);
bool stream_has_room(const struct world *world);
void publish(struct world *world, int job, int64_t epoch);
bool in_stream(const struct world *world, int job);
void ack(struct world *world, struct hold *hold);
void give_back(struct world *world, struct hold *hold);
bool is_limited(int job);
int places_taken(const struct world *world, int but, int worker);
bool finds_no_place(const struct world *world, int job, int worker);
void call_waiting(struct world *world);

/* steps.c */
void step_accept(struct world *world);
void step_stranger(struct world *world);
void step_relay_publish(struct world *world);
void step_relay_delete(struct world *world);
void step_receive(struct world *world);
void claim_hold(struct world *world, struct worker *worker, struct hold *hold);
void step_claim(struct world *world);
void step_bring(struct world *world);
void step_give(struct world *world);
void step_hear(struct world *world);
void step_compare(struct world *world);
bool settle_hold(struct world *world, struct worker *worker, struct hold *hold, enum err_code code);
void step_settle(struct world *world);
void step_cancel(struct world *world);
void step_replay(struct world *world);
void step_time(struct world *world);
void sweep_job(struct world *world, int job);
void step_sweep(struct world *world);
void take_back_worker(struct world *world, int worker);
void step_false_alarm(struct world *world);

/* faults.c */
void kill_worker(struct world *world, int index);
void step_kill(struct world *world);
void step_crash_database(struct world *world);
void step_freeze(struct world *world);
void step_redeliver(struct world *world);
void step_duplicate(struct world *world);
void step_lose_store(struct world *world);
void step_copy_store(struct world *world);
void step_restore_store(struct world *world);
void step_forget_window(struct world *world);

#endif
