/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulate/world.h"

#include "common/job/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    JOBS = 6,
    WORKERS = 3,
    HOLDS = 3,     /* jobs that one worker holds at once */
    MESSAGES = 48, /* that the stream holds */
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
    const char *broken;
    uint32_t choice; /* what is left of this step's number */
    uint64_t happened[32];
    int kinds;
};

/* A number below `limit` from what is left of the choice. */
static int pick(struct world *world, int limit)
{
    uint32_t value = world->choice % (uint32_t)limit;
    world->choice = (world->choice ^ world->choice >> 15) * 2246822519u + 1;
    world->choice ^= world->choice >> 13;
    return (int)value;
}

static void broke(struct world *world, const char *invariant)
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
static void commit_lazily(struct world *world)
{
    if (world->disk.behind)
        return;
    world->disk.behind = true;
    memcpy(world->disk.jobs, world->jobs, sizeof world->jobs);
    memcpy(world->disk.outbox, world->outbox, sizeof world->outbox);
}

static bool has_outbox(const struct world *world, int job)
{
    for (int i = 0; i < ROWS; i++)
        if (world->outbox[i].used && world->outbox[i].job == job)
            return true;
    return false;
}

static void commit(struct world *world)
{
    world->disk.behind = false;
}

static void apply(struct world *world, int job, struct life_effects effects)
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

static void put_message(struct world *world, int job, int64_t epoch)
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

static bool stream_has_room(const struct world *world)
{
    int used = 0;
    for (int i = 0; i < MESSAGES; i++)
        used += world->stream[i].state != FREE;
    return used < MESSAGES - 4;
}

static void publish(struct world *world, int job, int64_t epoch)
{
    if (in_window(world, job, epoch))
        return;
    world->window[world->window_at].job = job;
    world->window[world->window_at].epoch = epoch;
    world->window_at = (world->window_at + 1) % WINDOW;
    put_message(world, job, epoch);
}

static bool in_stream(const struct world *world, int job)
{
    for (int i = 0; i < MESSAGES; i++)
        if (world->stream[i].state != FREE && world->stream[i].job == job)
            return true;
    return false;
}

static void ack(struct world *world, struct hold *hold)
{
    struct message *message = hold->message < 0 ? NULL : &world->stream[hold->message];
    if (message != NULL && message->state != FREE && message->seq == hold->seq)
        message->state = FREE;
    hold->message = -1;
}

static void give_back(struct world *world, struct hold *hold)
{
    struct message *message = hold->message < 0 ? NULL : &world->stream[hold->message];
    if (message != NULL && message->state == OUT && message->seq == hold->seq)
        message->state = QUEUED;
    hold->message = -1;
}

/* ---- limits --------------------------------------------------------------------------------- */

static bool is_limited(int job)
{
    return job % 2 == 1;
}

/* Places of the limited kind that are taken: by who runs, and by who was called. */
static int places_taken(const struct world *world, int but, int worker)
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

static bool finds_no_place(const struct world *world, int job, int worker)
{
    bool alone = world->bug == WORLD_BUG_LIMIT_OF_EACH;
    return is_limited(job) && world->jobs[job].life.place != LIFE_CALLED &&
           places_taken(world, job, alone ? worker : -1) >= LIMIT;
}

/* Whoever looks calls the oldest, as long as there are places. */
static void call_waiting(struct world *world)
{
    for (int job = 0; job < JOBS && world->bug != WORLD_BUG_NO_CALL; job++)
        if (world->jobs[job].life.place == LIFE_WAITS && places_taken(world, job, -1) < LIMIT)
            apply(world, job, life_call(&world->jobs[job].life, world->now_ms));
}

/* ---- steps: the ordinary -------------------------------------------------------------------- */

static void step_accept(struct world *world)
{
    int job = pick(world, JOBS);
    int64_t later = pick(world, 3) == 0 ? 1000 * (int64_t)pick(world, 100) : 0;
    struct row *row = &world->jobs[job];
    struct life_effects effects = life_accept(&row->life, world->now_ms, world->now_ms + later);
    apply(world, job, effects);
    if (effects.moved)
        row->stranger = false;
    row->accepted = true;
}

static void step_stranger(struct world *world)
{
    int job = pick(world, JOBS);
    if (world->jobs[job].life.status == JOB_NOTHING && stream_has_room(world))
    {
        put_message(world, job, 0);
        world->jobs[job].stranger = true;
    }
}

static struct outbox_row *any_row(struct world *world)
{
    int from = pick(world, ROWS);
    for (int i = 0; i < ROWS; i++)
    {
        struct outbox_row *row = &world->outbox[(from + i) % ROWS];
        if (row->used && row->due_ms <= world->now_ms)
            return row;
    }
    return NULL;
}

static void step_relay_publish(struct world *world)
{
    struct outbox_row *row = any_row(world);
    if (row == NULL || !stream_has_room(world))
        return;
    if (world->bug == WORLD_BUG_DELETE_BEFORE_PUBACK && !row->published)
    {
        row->used = false; /* and here the relay may die */
        if (pick(world, 4) != 0)
            publish(world, row->job, row->epoch);
        return;
    }
    publish(world, row->job, row->epoch);
    row->published = true;
}

static void step_relay_delete(struct world *world)
{
    struct outbox_row *row = any_row(world);
    if (row == NULL || !row->published)
        return;
    commit_lazily(world);
    row->used = false;
}

static struct worker *any_worker(struct world *world)
{
    struct worker *worker = &world->workers[pick(world, WORKERS)];
    return worker->frozen ? NULL : worker;
}

static struct hold *free_hold(struct worker *worker)
{
    for (int i = 0; i < HOLDS; i++)
        if (!worker->holds[i].used)
            return &worker->holds[i];
    return NULL;
}

static void step_receive(struct world *world)
{
    struct worker *worker = any_worker(world);
    struct hold *hold = worker == NULL ? NULL : free_hold(worker);
    int from = pick(world, MESSAGES);
    for (int i = 0; hold != NULL && i < MESSAGES; i++)
    {
        int at = (from + i) % MESSAGES;
        if (world->stream[at].state != QUEUED)
            continue;
        world->stream[at].state = OUT;
        *hold = (struct hold){
            .used = true, .message = at, .seq = world->stream[at].seq, .job = world->stream[at].job};
        if (world->bug == WORLD_BUG_ACK_BEFORE_CLAIM)
            ack(world, hold);
        return;
    }
}

static int claimed_count(const struct worker *worker)
{
    int count = 0;
    for (int i = 0; i < HOLDS; i++)
        count += worker->holds[i].used && worker->holds[i].claimed;
    return count;
}

static struct hold *any_hold(struct world *world, struct worker *worker, bool claimed)
{
    int from = pick(world, HOLDS);
    for (int i = 0; worker != NULL && i < HOLDS; i++)
    {
        struct hold *hold = &worker->holds[(from + i) % HOLDS];
        if (hold->used && hold->claimed == claimed)
            return hold;
    }
    return NULL;
}

static void claim_hold(struct world *world, struct worker *worker, struct hold *hold)
{
    struct row *row = &world->jobs[hold->job];
    bool by_itself = claimed_count(worker) == 0;
    if (row->life.alone && row->life.status == JOB_PENDING && !by_itself)
        return; /* it waits until the others have ended */
    int64_t due_ms = row->life.run_at_ms;
    int64_t now_ms = world->bug == WORLD_BUG_EARLY_CLAIM ? INT64_MAX / 2 : world->now_ms;
    bool was_pending = row->life.status == JOB_PENDING;
    if (row->life.status == JOB_NOTHING && is_limited(hold->job))
    {
        apply(world, hold->job, life_accept(&row->life, now_ms, now_ms));
        row->stranger = false;
        ack(world, hold);
        hold->used = false;
        return;
    }
    if (finds_no_place(world, hold->job, (int)(worker - world->workers)))
    {
        (void)life_wait(&row->life, now_ms);
        commit(world);
        ack(world, hold);
        hold->used = false;
        return;
    }
    int64_t tick = world->bug == WORLD_BUG_FENCE_REUSED ? 0 : ++world->tick;
    commit_lazily(world);
    struct life_effects effects =
        row->life.status == JOB_NOTHING
            ? life_adopt(&row->life, tick, now_ms, LEASE_MS)
            : life_claim(&row->life, by_itself ? SETTLE_ALONE : SETTLE_IN_COMPANY, tick, now_ms, LEASE_MS);
    if (!effects.moved)
    {
        ack(world, hold);
        hold->used = false;
        return;
    }
    if (was_pending && due_ms > world->now_ms)
        broke(world, "P11 never before run_at");
    if (row->stranger || is_limited(hold->job)) /* only ordinary claims do not wait for the disk */
        commit(world);
    row->stranger = false;
    hold->claimed = true;
    hold->alone = row->life.alone;
    worker->alone_running = hold->alone;
    hold->fence = row->life.fence;
    row->holder = (int)(worker - world->workers);
}

static void step_claim(struct world *world)
{
    struct worker *worker = any_worker(world);
    struct hold *hold = any_hold(world, worker, false);
    if (hold != NULL && !worker->alone_running)
        claim_hold(world, worker, hold);
}

/* The relay claims for the worker of its own process, in the transaction that removes the row. */
static void step_bring(struct world *world)
{
    struct outbox_row *row = any_row(world);
    struct worker *worker = any_worker(world);
    struct hold *hold = worker == NULL ? NULL : free_hold(worker);
    if (row == NULL || hold == NULL || is_limited(row->job) || worker->alone_running)
        return;
    struct row *job = &world->jobs[row->job];
    commit_lazily(world);
    if (!life_claim(&job->life, SETTLE_IN_COMPANY, ++world->tick, world->now_ms, LEASE_MS).moved)
        return;
    job->holder = (int)(worker - world->workers);
    *hold = (struct hold){
        .used = true, .claimed = true, .message = -1, .job = row->job, .fence = job->life.fence};
    row->used = false;
}

static enum err_code any_outcome(struct world *world)
{
    static const enum err_code codes[] = {E_OK,       E_OK,        E_OK,       E_PROVIDER,
                                          E_TOO_MANY, E_NOT_FOUND, E_SHUTDOWN, E_LOST};
    return codes[pick(world, (int)(sizeof codes / sizeof codes[0]))];
}

/* Whether the job was still its own. */
static bool settle_hold(struct world *world, struct worker *worker, struct hold *hold, enum err_code code)
{
    struct row *row = &world->jobs[hold->job];
    int64_t fence = world->bug == WORLD_BUG_NO_FENCE ? row->life.fence : hold->fence;
    bool rightful = row->holder == (int)(worker - world->workers) && row->life.fence == hold->fence &&
                    row->life.status == JOB_RUNNING;
    if (world->bug == WORLD_BUG_NO_STATUS_GUARD && code == E_OK)
        row->results++;
    int attempts = row->life.attempts;
    struct life_effects effects =
        life_settle(&row->life, fence, code, 0, (uint32_t)pick(world, 1000) * 4000000u, world->now_ms);
    if (effects.moved && !rightful)
        broke(world, "P07 no zombie commits");
    if (world->bug == WORLD_BUG_NO_STATUS_GUARD && effects.result)
        effects.result = false;
    if (effects.moved && world->bug == WORLD_BUG_HAND_BACK_BURNS && code == E_SHUTDOWN)
        row->life.attempts = attempts;
    if (effects.moved && err_job(code) == ERR_JOB_RETRY)
        row->blames++;
    if (effects.moved && world->bug == WORLD_BUG_SAME_EPOCH && effects.wake)
        row->life.epoch--;
    apply(world, hold->job, effects);
    if (effects.moved)
        row->holder = -1;
    if (hold->alone)
        worker->alone_running = false;
    return effects.moved;
}

static void step_settle(struct world *world)
{
    struct worker *worker = any_worker(world);
    struct hold *hold = any_hold(world, worker, true);
    if (hold == NULL)
        return;
    enum err_code code = any_outcome(world);
    bool mine = settle_hold(world, worker, hold, code);
    if (pick(world, 6) == 0) /* in doubt: settled again, and "no row" is then the answer */
        mine = settle_hold(world, worker, hold, code);
    if (pick(world, 8) == 0) /* it dies before the acknowledgement */
        hold->used = false;
    else if (mine || world->bug == WORLD_BUG_ACK_LOST)
        ack(world, hold);
    else
        give_back(world, hold);
    hold->used = false;
}

static void step_cancel(struct world *world)
{
    struct row *row = &world->jobs[pick(world, JOBS)];
    if (world->bug == WORLD_BUG_CANCEL_OVERWRITES && row->life.status == JOB_COMPLETED)
        row->life.status = JOB_FAILED;
    if (!life_cancel(&row->life).moved)
        return;
    row->holder = -1;
    commit(world);
}

static void step_replay(struct world *world)
{
    int job = pick(world, JOBS);
    struct row *row = &world->jobs[job];
    struct life_effects effects = life_replay(&row->life, row->letter, world->now_ms);
    row->replayed = effects.moved;
    if (effects.moved)
        row->blames = 0;
    apply(world, job, effects);
}

static void step_time(struct world *world)
{
    world->now_ms += 100 * (int64_t)pick(world, 100);
}

/* ---- steps: the sweeper --------------------------------------------------------------------- */

static void sweep_job(struct world *world, int job)
{
    struct row *row = &world->jobs[job];
    if (row->life.status != JOB_PENDING || has_outbox(world, job) || in_stream(world, job) ||
        world->bug == WORLD_BUG_NO_SWEEP)
        return;
    if (world->bug == WORLD_BUG_SWEEP_WAITING && row->life.place == LIFE_WAITS)
        apply(world, job, life_call(&row->life, world->now_ms));
    apply(world, job, life_sweep(&row->life, world->now_ms));
}

static void step_sweep(struct world *world)
{
    sweep_job(world, pick(world, JOBS));
}

static int rightful_count(const struct world *world, int worker)
{
    int count = 0;
    for (int i = 0; i < JOBS; i++)
        count += world->jobs[i].life.status == JOB_RUNNING && world->jobs[i].holder == worker;
    return count;
}

/* All jobs of a worker that is taken for dead, rightly or not. */
static void take_back_worker(struct world *world, int worker)
{
    int count = rightful_count(world, worker);
    enum settle_company company =
        count > 1 && world->bug != WORLD_BUG_BLAMES_ALL ? SETTLE_IN_COMPANY : SETTLE_ALONE;
    for (int job = 0; job < JOBS; job++)
    {
        struct row *row = &world->jobs[job];
        if (row->life.status != JOB_RUNNING || row->holder != worker || world->bug == WORLD_BUG_NO_TAKE_BACK)
            continue;
        row->holder = -1;
        if (count == 1)
            row->blames++;
        apply(world, job, life_take_back(&row->life, company, world->now_ms));
    }
}

static void step_false_alarm(struct world *world)
{
    take_back_worker(world, pick(world, WORKERS));
}

/* ---- steps: faults -------------------------------------------------------------------------- */

static void kill_worker(struct world *world, int index)
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

static void step_kill(struct world *world)
{
    kill_worker(world, pick(world, WORKERS));
}

/* Back to what is on disk.  Whoever's claim is lost does not know; a message that somebody acknowledged
 * because of it is the broker's loss, as the walk after a restart knows. */
static void step_crash_database(struct world *world)
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

static void step_freeze(struct world *world)
{
    struct worker *worker = &world->workers[pick(world, WORKERS)];
    worker->frozen = !worker->frozen;
}

static void step_redeliver(struct world *world)
{
    int at = pick(world, MESSAGES);
    if (world->stream[at].state == OUT)
        world->stream[at].state = QUEUED;
}

static void step_duplicate(struct world *world)
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

static void step_lose_store(struct world *world)
{
    lose_all(world);
    for (int i = 0; i < MESSAGES; i++)
        if (world->stream[i].epoch != 0) /* a stranger's envelope that is lost was never ours */
            world->stream[i].state = FREE;
        else if (world->stream[i].state == OUT)
            world->stream[i].state = QUEUED;
    memset(world->window, 0, sizeof world->window);
}

static void step_copy_store(struct world *world)
{
    memcpy(world->older, world->stream, sizeof world->older);
}

static bool stranger_lives(const struct world *world, const struct message *message)
{
    return message->state != FREE && message->epoch == 0 && world->jobs[message->job].stranger;
}

static void step_restore_store(struct world *world)
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

static void step_forget_window(struct world *world)
{
    memset(world->window, 0, sizeof world->window);
}

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
