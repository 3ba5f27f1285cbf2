/* SPDX-License-Identifier: Apache-2.0 */
/* What may go wrong between any two steps. */
#include "tests/simulate/internal.h"

#include <string.h>

void kill_worker(struct world *world, int index)
{
    struct worker *worker = &world->workers[index];
    for (int i = 0; i < HOLDS; i++)
    {
        struct hold *hold = &worker->holds[i];
        if (hold->used && hold->message >= 0 && world->stream[hold->message].state == OUT &&
            world->stream[hold->message].seq == hold->seq)
            world->stream[hold->message].state = QUEUED; /* delivered again when its ack wait is over */
        hold->used = false;
    }
    worker->alone_running = false;
    worker->frozen = false;
    take_back_worker(world, index);
}

void step_kill(struct world *world)
{
    kill_worker(world, pick(world, WORKERS));
}

/* Back to what is on disk.  Whoever's claim is lost does not know; a message that somebody acknowledged
 * because of it is the broker's loss, as the walk after a restart knows. */
void step_crash_database(struct world *world)
{
    if (!world->disk.behind)
        return;
    for (int job = 0; job < JOBS; job++)
    {
        struct row *row = &world->jobs[job];
        bool lost = row->life.fence != world->disk.jobs[job].life.fence && !in_stream(world, job);
        row->life = world->disk.jobs[job].life;
        row->holder = world->disk.jobs[job].holder;
        row->lost = row->lost || lost;
    }
    memcpy(world->outbox, world->disk.outbox, sizeof world->outbox);
    for (int i = 0; i < ROWS; i++)
        world->outbox[i].published = false;
    world->disk.behind = false;
}

void step_freeze(struct world *world)
{
    struct worker *worker = &world->workers[pick(world, WORKERS)];
    worker->frozen = !worker->frozen;
}

void step_redeliver(struct world *world)
{
    int at = pick(world, MESSAGES);
    if (world->stream[at].state == OUT)
        world->stream[at].state = QUEUED;
}

void step_duplicate(struct world *world)
{
    int at = pick(world, MESSAGES);
    if (world->stream[at].state != FREE && stream_has_room(world))
        put_message(world, world->stream[at].job, world->stream[at].epoch);
}

static void lose_all(struct world *world)
{
    for (int job = 0; job < JOBS; job++)
        world->jobs[job].lost = true;
}

void step_lose_store(struct world *world)
{
    lose_all(world);
    for (int i = 0; i < MESSAGES; i++)
        if (world->stream[i].epoch != 0) /* a stranger's envelope that is lost was never ours */
            world->stream[i].state = FREE;
        else if (world->stream[i].state == OUT)
            world->stream[i].state = QUEUED;
    memset(world->window, 0, sizeof world->window);
}

void step_copy_store(struct world *world)
{
    memcpy(world->older, world->stream, sizeof world->older);
}

static bool stranger_lives(const struct world *world, const struct message *message)
{
    return message->state != FREE && message->epoch == 0 && world->jobs[message->job].stranger;
}

void step_restore_store(struct world *world)
{
    lose_all(world);
    struct message kept[MESSAGES];
    int n = 0;
    for (int i = 0; i < MESSAGES; i++)
        if (stranger_lives(world, &world->stream[i]) && n < 4)
            kept[n++] = world->stream[i];
    memcpy(world->stream, world->older, sizeof world->stream);
    memset(world->window, 0, sizeof world->window);
    for (int i = 0; i < MESSAGES; i++)
        if (world->stream[i].state == OUT)
            world->stream[i].state = QUEUED;
    for (int i = 0; i < n; i++)
        put_message(world, kept[i].job, 0);
}

void step_forget_window(struct world *world)
{
    memset(world->window, 0, sizeof world->window);
}
