/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when nothing is wrong, and what the sweeper does about what was. */
#include "tests/simulate/internal.h"

/* ---- steps: the ordinary -------------------------------------------------------------------- */

void step_accept(struct world *world)
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

void step_stranger(struct world *world)
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

void step_relay_publish(struct world *world)
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

void step_relay_delete(struct world *world)
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

void step_receive(struct world *world)
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

void claim_hold(struct world *world, struct worker *worker, struct hold *hold)
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
            : life_claim(&row->life, by_itself ? SETTLE_ISOLATED : SETTLE_SHARED, tick, now_ms, LEASE_MS);
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

void step_claim(struct world *world)
{
    struct worker *worker = any_worker(world);
    struct hold *hold = any_hold(world, worker, false);
    if (hold != NULL && !worker->alone_running)
        claim_hold(world, worker, hold);
}

/* The relay claims for the worker of its own process, in the transaction that removes the row. */
void step_bring(struct world *world)
{
    struct outbox_row *row = any_row(world);
    struct worker *worker = any_worker(world);
    struct hold *hold = worker == NULL ? NULL : free_hold(worker);
    if (row == NULL || hold == NULL || is_limited(row->job) || worker->alone_running)
        return;
    struct row *job = &world->jobs[row->job];
    commit_lazily(world);
    if (!life_claim(&job->life, SETTLE_SHARED, ++world->tick, world->now_ms, LEASE_MS).moved)
        return;
    job->holder = (int)(worker - world->workers);
    *hold = (struct hold){
        .used = true, .claimed = true, .message = -1, .job = row->job, .fence = job->life.fence};
    row->used = false;
}

/* ---- steps: eager starts (docs/adr/0012) ------------------------------------------------------ */

/* Accepted and claimed in one transaction for a worker that may be frozen by now; the word may get lost. */
void step_give(struct world *world)
{
    const int job = pick(world, JOBS);
    const int worker = pick(world, WORKERS);
    struct row *row = &world->jobs[job];
    struct word *word = &world->words[pick(world, WORDS)];
    row->accepted = true;
    if (is_limited(job)) /* it waits like any other */
    {
        apply(world, job, life_accept(&row->life, world->now_ms, world->now_ms));
        return;
    }
    if (!life_hand_off(&row->life, ++world->tick, world->now_ms, LEASE_MS).moved)
        return;
    commit(world);
    row->seen = JOB_PENDING; /* two moves, and no wake-up */
    row->stranger = false;
    row->holder = worker;
    *word = (struct word){.used = true, .worker = worker, .job = job, .fence = row->life.fence};
}

/* It may come late: when the worker has handed the job back, and somebody else runs it. */
void step_hear(struct world *world)
{
    struct word *word = &world->words[pick(world, WORDS)];
    struct worker *worker = &world->workers[word->worker];
    struct hold *hold = word->used && !worker->frozen ? free_hold(worker) : NULL;
    if (hold == NULL)
        return;
    *hold =
        (struct hold){.used = true, .claimed = true, .message = -1, .job = word->job, .fence = word->fence};
    word->used = false;
}

static bool knows(const struct worker *worker, int job, int64_t fence)
{
    for (int i = 0; i < HOLDS; i++)
        if (worker->holds[i].used && worker->holds[i].claimed && worker->holds[i].job == job &&
            worker->holds[i].fence == fence)
            return true;
    return false;
}

/* A worker hands back what the database says it runs and it does not know of. */
void step_compare(struct world *world)
{
    const int index = pick(world, WORKERS);
    for (int job = 0; job < JOBS && !world->workers[index].frozen; job++)
    {
        struct row *row = &world->jobs[job];
        struct life *life = &row->life;
        if (life->status != JOB_RUNNING || row->holder != index ||
            knows(&world->workers[index], job, life->fence))
            continue;
        struct life_effects effects = world->bug == WORLD_BUG_LOST_WORD_BURNS
                                          ? life_take_back(life, SETTLE_ISOLATED, world->now_ms)
                                          : life_settle(life, life->fence, E_SHUTDOWN, 0, 0, world->now_ms);
        row->holder = -1;
        apply(world, job, effects);
    }
}

static enum err_code any_outcome(struct world *world)
{
    static const enum err_code codes[] = {E_OK,       E_OK,        E_OK,       E_PROVIDER,
                                          E_TOO_MANY, E_NOT_FOUND, E_SHUTDOWN, E_LOST};
    return codes[pick(world, (int)(sizeof codes / sizeof codes[0]))];
}

/* Whether the job was still its own. */
bool settle_hold(struct world *world, struct worker *worker, struct hold *hold, enum err_code code)
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

void step_settle(struct world *world)
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

void step_cancel(struct world *world)
{
    struct row *row = &world->jobs[pick(world, JOBS)];
    if (world->bug == WORLD_BUG_CANCEL_OVERWRITES && row->life.status == JOB_COMPLETED)
        row->life.status = JOB_FAILED;
    if (!life_cancel(&row->life).moved)
        return;
    row->holder = -1;
    commit(world);
}

void step_replay(struct world *world)
{
    int job = pick(world, JOBS);
    struct row *row = &world->jobs[job];
    struct life_effects effects = life_replay(&row->life, row->letter, world->now_ms);
    row->replayed = effects.moved;
    if (effects.moved)
        row->blames = 0;
    apply(world, job, effects);
}

void step_time(struct world *world)
{
    world->now_ms += 100 * (int64_t)pick(world, 100);
}

/* ---- steps: the sweeper --------------------------------------------------------------------- */

void sweep_job(struct world *world, int job)
{
    struct row *row = &world->jobs[job];
    if (row->life.status != JOB_PENDING || has_outbox(world, job) || in_stream(world, job) ||
        world->bug == WORLD_BUG_NO_SWEEP)
        return;
    if (world->bug == WORLD_BUG_SWEEP_WAITING && row->life.place == LIFE_WAITS)
        apply(world, job, life_call(&row->life, world->now_ms));
    apply(world, job, life_sweep(&row->life, world->now_ms));
}

void step_sweep(struct world *world)
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
void take_back_worker(struct world *world, int worker)
{
    int count = rightful_count(world, worker);
    enum settle_isolation isolation =
        count > 1 && world->bug != WORLD_BUG_BLAMES_ALL ? SETTLE_SHARED : SETTLE_ISOLATED;
    for (int job = 0; job < JOBS; job++)
    {
        struct row *row = &world->jobs[job];
        if (row->life.status != JOB_RUNNING || row->holder != worker || world->bug == WORLD_BUG_NO_TAKE_BACK)
            continue;
        row->holder = -1;
        if (count == 1)
            row->blames++;
        apply(world, job, life_take_back(&row->life, isolation, world->now_ms));
    }
}

void step_false_alarm(struct world *world)
{
    take_back_worker(world, pick(world, WORKERS));
}
