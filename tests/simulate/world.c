/* SPDX-License-Identifier: Apache-2.0 */
/* The table of steps, the invariants after each, and the end of all faults. */
#include "tests/simulate/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The ordinary is common, the faults are rare: weights of one table. */
static const struct step
{
    const char *name;
    void (*run)(struct world *world);
    int weight;
} steps[] = {
    {"accept", step_accept, 40},
    {"stranger", step_stranger, 6},
    {"publish", step_relay_publish, 80},
    {"delete", step_relay_delete, 80},
    {"receive", step_receive, 100},
    {"claim", step_claim, 100},
    {"bring", step_bring, 30},
    {"give", step_give, 20},
    {"hear", step_hear, 60},
    {"compare", step_compare, 10},
    {"settle", step_settle, 90},
    {"time", step_time, 60},
    {"sweep", step_sweep, 30},
    {"call", call_waiting, 40},
    {"cancel", step_cancel, 4},
    {"replay", step_replay, 20},
    {"false alarm", step_false_alarm, 3},
    {"kill", step_kill, 6},
    {"freeze", step_freeze, 4},
    {"redeliver", step_redeliver, 8},
    {"duplicate", step_duplicate, 8},
    {"lose store", step_lose_store, 2},
    {"copy store", step_copy_store, 3},
    {"restore store", step_restore_store, 2},
    {"forget window", step_forget_window, 3},
    {"crash database", step_crash_database, 6},
};

enum
{
    STEPS = sizeof steps / sizeof steps[0]
};

/* ---- invariants ----------------------------------------------------------------------------- */

static bool is_lawful(const struct row *row)
{
    for (int how = 0; how < JOB_MOVES; how++)
    {
        enum job_status to = JOB_NOTHING;
        if (job_move_to(row->seen, (enum job_move)how, &to) && to == row->life.status)
            return row->seen != JOB_FAILED || row->replayed;
    }
    return row->seen == row->life.status;
}

static void check_job(struct world *world, int job)
{
    const struct row *row = &world->jobs[job];
    const struct life *life = &row->life;
    bool exhausted =
        life->status == JOB_FAILED && strcmp(life->reason != NULL ? life->reason : "", "exhausted") == 0;
    if (row->results > 1)
        broke(world, "P01 at most one result");
    if ((life->status == JOB_COMPLETED) != (row->results == 1))
        broke(world, "P02 Completed if and only if there is a result");
    if (!is_lawful(row))
        broke(world, "P03 lawful moves only");
    if (row->letter != exhausted)
        broke(world, "P04 a letter if and only if exhausted");
    if (life->attempts > JOB_MAX_ATTEMPTS || life->attempts < 0)
        broke(world, "P05 attempts within the limit");
    if (life->status == JOB_PENDING && life->attempts != row->blames)
        broke(world, "P06 attempts are fair");
    if (life->place != LIFE_NO_PLACE && (life->status != JOB_PENDING || !is_limited(job)))
        broke(world, "P14 only Pending jobs of a limited kind wait");
    if (life->status == JOB_PENDING && life->place != LIFE_WAITS && !row->lost && !has_outbox(world, job) &&
        !in_stream(world, job))
        broke(world, "P08 no wake-up is forgotten");
    if (row->accepted && life->status == JOB_NOTHING)
        broke(world, "P09 what was accepted is stored");
    if (row->stranger && life->status == JOB_NOTHING && !in_stream(world, job))
        broke(world, "P12 a stranger's envelope is not dropped");
}

static void check(struct world *world)
{
    for (int job = 0; job < JOBS; job++)
        check_job(world, job);
    if (places_taken(world, -1, -1) > LIMIT)
        broke(world, "P15 no more than the limit run or are called");
}

const char *world_step(struct world *world, uint32_t choice)
{
    int sum = 0;
    for (int i = 0; i < STEPS; i++)
        sum += steps[i].weight;
    world->choice = choice;
    int at = pick(world, sum);
    int i = 0;
    for (; at >= steps[i].weight; i++)
        at -= steps[i].weight;
    for (int job = 0; job < JOBS; job++)
    {
        world->jobs[job].seen = world->jobs[job].life.status;
        world->jobs[job].replayed = false;
    }
    steps[i].run(world);
    world->happened[i]++;
    check(world);
    return world->broken;
}

/* ---- the end of all faults ------------------------------------------------------------------ */

static void drain_outbox(struct world *world)
{
    for (int i = 0; i < ROWS; i++)
    {
        struct outbox_row *row = &world->outbox[i];
        if (!row->used)
            continue;
        if (row->due_ms > world->now_ms)
            world->now_ms = row->due_ms;
        if (world->bug == WORLD_BUG_SAME_EPOCH || stream_has_room(world))
            publish(world, row->job, row->epoch);
        row->used = false;
    }
}

static void drain_stream(struct world *world)
{
    struct worker *worker = &world->workers[0];
    struct hold *hold = &worker->holds[0];
    for (int at = 0; at < MESSAGES; at++)
    {
        if (world->stream[at].state == FREE) /* what was out and forgotten is delivered again */
            continue;
        world->stream[at].state = OUT;
        *hold = (struct hold){
            .used = true, .message = at, .seq = world->stream[at].seq, .job = world->stream[at].job};
        if (world->bug == WORLD_BUG_ACK_BEFORE_CLAIM)
            ack(world, hold);
        claim_hold(world, worker, hold);
        if (!hold->used)
            continue;
        settle_hold(world, worker, hold, E_OK);
        ack(world, hold);
        hold->used = false;
    }
}

static const char *judge_end(struct world *world)
{
    for (int job = 0; job < JOBS; job++)
    {
        const struct row *row = &world->jobs[job];
        if (row->life.status != JOB_NOTHING && !job_is_over(row->life.status))
            return "E1 all are terminal";
        if (has_outbox(world, job))
            return "E2 the outbox is empty";
        if (in_stream(world, job))
            return "E3 the stream is empty";
        if (row->letter && row->blames < JOB_MAX_ATTEMPTS)
            return "E4 nobody is exhausted without four blames";
    }
    return world->broken;
}

const char *world_settle(struct world *world)
{
    for (int worker = 0; worker < WORKERS; worker++)
        kill_worker(world, worker);
    for (int round = 0; round < 6 + JOBS && world->broken == NULL; round++)
    {
        for (int job = 0; job < JOBS; job++)
            sweep_job(world, job);
        call_waiting(world);
        drain_outbox(world);
        drain_stream(world);
    }
    return judge_end(world);
}

void world_reset(struct world *world)
{
    memset(world->jobs, 0, sizeof world->jobs);
    memset(world->outbox, 0, sizeof world->outbox);
    memset(world->stream, 0, sizeof world->stream);
    memset(world->older, 0, sizeof world->older);
    memset(world->window, 0, sizeof world->window);
    memset(world->workers, 0, sizeof world->workers);
    memset(world->words, 0, sizeof world->words);
    for (int job = 0; job < JOBS; job++)
        world->jobs[job].holder = -1;
    world->window_at = 0;
    world->disk.behind = false;
    world->now_ms = 1;
    world->broken = NULL;
}

struct world *world_new(enum world_bug bug)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return NULL;
    world->bug = bug;
    world_reset(world);
    return world;
}

void world_free(struct world *world)
{
    free(world);
}

void world_print(const struct world *world)
{
    for (int i = 0; i < STEPS; i++)
        printf("  %-14s %llu\n", steps[i].name, (unsigned long long)world->happened[i]);
}
