/* SPDX-License-Identifier: Apache-2.0 */
/* The database, the broker and the limits of the world. */
#include "tests/simulate/internal.h"

#include <string.h>

/* A number below `limit` from what is left of the choice. */
int pick(struct world *world, int limit)
{
    uint32_t value = world->choice % (uint32_t)limit;
    world->choice = (world->choice ^ world->choice >> 15) * 2246822519u + 1;
    world->choice ^= world->choice >> 13;
    return (int)value;
}

void broke(struct world *world, const char *invariant)
{
    if (world->broken == NULL)
        world->broken = invariant;
}

/* ---- the database --------------------------------------------------------------------------- */

static void insert_outbox(struct world *world, int job)
{
    for (int i = 0; i < ROWS; i++)
    {
        struct outbox_row *row = &world->outbox[i];
        if (row->used)
            continue;
        *row = (struct outbox_row){.used = true,
                                   .job = job,
                                   .epoch = world->jobs[job].life.epoch,
                                   .due_ms = world->jobs[job].life.run_at_ms};
        return;
    }
    broke(world, "the outbox grows without bound");
}

/* Before a commit that does not wait for the disk: what a crash would leave. */
void commit_lazily(struct world *world)
{
    if (world->disk.behind)
        return;
    world->disk.behind = true;
    memcpy(world->disk.jobs, world->jobs, sizeof world->jobs);
    memcpy(world->disk.outbox, world->outbox, sizeof world->outbox);
}

bool has_outbox(const struct world *world, int job)
{
    for (int i = 0; i < ROWS; i++)
        if (world->outbox[i].used && world->outbox[i].job == job)
            return true;
    return false;
}

void commit(struct world *world)
{
    world->disk.behind = false;
}

void apply(struct world *world, int job, struct life_effects effects)
{
    struct row *row = &world->jobs[job];
    if (effects.moved)
        commit(world);
    if (effects.wake)
    {
        insert_outbox(world, job);
        row->lost = false;
    }
    row->results += effects.result;
    if (effects.letter && row->letter)
        broke(world, "one open letter per job");
    row->letter = (row->letter || effects.letter) && !effects.closed;
}

/* ---- the broker ----------------------------------------------------------------------------- */

static bool in_window(const struct world *world, int job, int64_t epoch)
{
    for (int i = 0; i < WINDOW; i++)
        if (world->window[i].epoch == epoch && world->window[i].job == job)
            return true;
    return false;
}

void put_message(struct world *world, int job, int64_t epoch)
{
    for (int i = 0; i < MESSAGES; i++)
    {
        if (world->stream[i].state != FREE)
            continue;
        world->stream[i] = (struct message){QUEUED, job, epoch, ++world->last_seq};
        return;
    }
    /* full: the broker refuses, and the outbox keeps the row; here the world simply drops a duplicate */
}

bool stream_has_room(const struct world *world)
{
    int used = 0;
    for (int i = 0; i < MESSAGES; i++)
        used += world->stream[i].state != FREE;
    return used < MESSAGES - 4;
}

void publish(struct world *world, int job, int64_t epoch)
{
    if (in_window(world, job, epoch))
        return;
    world->window[world->window_at].job = job;
    world->window[world->window_at].epoch = epoch;
    world->window_at = (world->window_at + 1) % WINDOW;
    put_message(world, job, epoch);
}

bool in_stream(const struct world *world, int job)
{
    for (int i = 0; i < MESSAGES; i++)
        if (world->stream[i].state != FREE && world->stream[i].job == job)
            return true;
    return false;
}

void ack(struct world *world, struct hold *hold)
{
    struct message *message = hold->message < 0 ? NULL : &world->stream[hold->message];
    if (message != NULL && message->state != FREE && message->seq == hold->seq)
        message->state = FREE;
    hold->message = -1;
}

void give_back(struct world *world, struct hold *hold)
{
    struct message *message = hold->message < 0 ? NULL : &world->stream[hold->message];
    if (message != NULL && message->state == OUT && message->seq == hold->seq)
        message->state = QUEUED;
    hold->message = -1;
}

/* ---- limits --------------------------------------------------------------------------------- */

bool is_limited(int job)
{
    return job % 2 == 1;
}

/* Places of the limited kind that are taken: by who runs, and by who was called. */
int places_taken(const struct world *world, int but, int worker)
{
    int taken = 0;
    for (int job = 0; job < JOBS; job++)
    {
        const struct row *row = &world->jobs[job];
        bool runs = row->life.status == JOB_RUNNING && (worker < 0 || row->holder == worker);
        taken += is_limited(job) && job != but && (runs || row->life.place == LIFE_CALLED);
    }
    return taken;
}

bool finds_no_place(const struct world *world, int job, int worker)
{
    bool alone = world->bug == WORLD_BUG_LIMIT_OF_EACH;
    return is_limited(job) && world->jobs[job].life.place != LIFE_CALLED &&
           places_taken(world, job, alone ? worker : -1) >= LIMIT;
}

/* Whoever looks calls the oldest, as long as there are places. */
void call_waiting(struct world *world)
{
    for (int job = 0; job < JOBS && world->bug != WORLD_BUG_NO_CALL; job++)
        if (world->jobs[job].life.place == LIFE_WAITS && places_taken(world, job, -1) < LIMIT)
            apply(world, job, life_call(&world->jobs[job].life, world->now_ms));
}
