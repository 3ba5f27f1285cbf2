/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intake: asks the three consumers for as much as may be held, claims what came in one
 * statement, and deals with what is no ordinary job: bytes that do not parse (three
 * redeliveries, then a raw dead letter), envelopes that nobody accepted (adopted), and jobs
 * that are claimed alone since a crash in company.
 *
 * A message is acknowledged here only when its job could not be claimed.  With Postgres away
 * messages go back with a delay.
 */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"
#include "common/obs/health.h"
#include "common/obs/metrics.h"
#include "common/outbox/outbox.h"

#include <stdlib.h>
#include <string.h>

enum
{
    LOOK_MS = 500,
    NAK_AWAY_MS = 2000,
    NAK_POISON_MS = 500,
    POISON_DELIVERIES = 4, /* the first and three more */
    BROUGHT_LEAST = 64
};

struct intake
{
    struct runtime *runtime;
    struct arena *arena;
    struct mq_delivery *deliveries[RUNTIME_BATCH];
    const char *ids[RUNTIME_BATCH]; /* of the jobs that they wake */
    size_t count;
    size_t found; /* where the delivery of the latest claim lay: the next one is behind it */
    bool alone;   /* the batch is one lonely job */
};

/* ---- what came ------------------------------------------------------------------------------ */

static void inbox_push(struct inbox *inbox, struct inbox_item *item)
{
    item->next = NULL;
    if (inbox->tail != NULL)
        inbox->tail->next = item;
    else
        inbox->head = item;
    inbox->tail = item;
    inbox->count++;
}

static struct mq_delivery *inbox_pop(struct inbox *inbox)
{
    struct inbox_item *item = inbox->head;
    if (item == NULL)
        return NULL;
    inbox->head = item->next;
    if (inbox->head == NULL)
        inbox->tail = NULL;
    inbox->count--;
    struct mq_delivery *delivery = item->delivery;
    free(item);
    return delivery;
}

void intake_got(void *of, struct mq_delivery *take)
{
    struct lane *lane = of;
    struct runtime *runtime = lane->runtime;
    struct inbox_item *item = calloc(1, sizeof *item);
    if (item == NULL) /* the server delivers it again */
    {
        mq_delivery_free(take);
        return;
    }
    item->delivery = take;
    bool lonely = mq_delivery_header(take, "Sokoul-Alone") != NULL;
    pthread_mutex_lock(&runtime->lock);
    inbox_push(lonely ? &runtime->lonely : &runtime->inbox[lane->priority], item);
    pthread_mutex_unlock(&runtime->lock);
    pthread_cond_signal(&runtime->intake_news); /* without the lock, which the woken one wants at once */
}

/* Mostly the highest first; every fourth time normal, every sixteenth low goes first, so none starves. */
static struct mq_delivery *choose(struct runtime *runtime)
{
    static const enum job_priority orders[3][JOB_PRIORITIES] = {
        {JOB_HIGH, JOB_NORMAL, JOB_LOW}, {JOB_NORMAL, JOB_HIGH, JOB_LOW}, {JOB_LOW, JOB_HIGH, JOB_NORMAL}};
    unsigned turn = ++runtime->turn % 16;
    const enum job_priority *order = orders[turn == 0 ? 2 : turn % 4 == 0 ? 1 : 0];
    for (int i = 0; i < JOB_PRIORITIES; i++)
        if (runtime->inbox[order[i]].head != NULL)
            return inbox_pop(&runtime->inbox[order[i]]);
    return NULL;
}

static void refuse(struct runtime *runtime, struct mq_delivery *take)
{
    mq_ack(runtime->config.mq, take);
    metrics_add(METRIC_NATS_PROCESSED, 1);
    mq_delivery_free(take);
}

static void put_back(struct runtime *runtime, struct mq_delivery *take, int64_t delay_ms)
{
    mq_nak(runtime->config.mq, take, delay_ms);
    mq_delivery_free(take);
}

/* ---- who may come in now -------------------------------------------------------------------- */

static bool newcomers(const struct runtime *runtime, int64_t now_ms)
{
    for (const struct job *job = runtime->held; job != NULL; job = job->held_next)
        if (now_ms - job->claimed_ms < PROBATION_MS)
            return true;
    return false;
}

static bool on_probation(const struct runtime *runtime, int64_t now_ms)
{
    return runtime->suspect != NULL && now_ms - runtime->suspect->claimed_ms < PROBATION_MS;
}

static int room(const struct runtime *runtime)
{
    int free_places = runtime->window - runtime->held_count;
    return free_places > RUNTIME_BATCH ? RUNTIME_BATCH : free_places;
}

/* Whatever is claimed beyond the places of a worker with slow jobs would wait here while another one is idle.
 */
bool intake_is_full(const struct runtime *runtime)
{
    return runtime->window <= runtime->config.concurrency && runtime->held_count >= runtime->window;
}

/* With the lock held: fills the batch, or leaves it empty, as it does when we are draining. */
static void fill(struct intake *intake)
{
    struct runtime *runtime = intake->runtime;
    int64_t now_ms = clock_mono_ms();
    intake->count = 0;
    intake->alone = false;
    if (!runtime->registered || runtime->draining || on_probation(runtime, now_ms))
        return;
    if (runtime->lonely.head != NULL)
    {
        if (runtime->bringing || newcomers(runtime, now_ms) || room(runtime) <= 0)
            return;
        intake->alone = true;
        intake->deliveries[intake->count++] = inbox_pop(&runtime->lonely);
        return;
    }
    int places = room(runtime);
    struct mq_delivery *delivery = NULL;
    while ((int)intake->count < places && (delivery = choose(runtime)) != NULL)
        intake->deliveries[intake->count++] = delivery;
}

static bool is_waiting(const struct runtime *runtime)
{
    return runtime->inbox[JOB_HIGH].head != NULL || runtime->inbox[JOB_NORMAL].head != NULL ||
           runtime->inbox[JOB_LOW].head != NULL || runtime->lonely.head != NULL;
}

/* How many may be under way from each consumer: as many as there are free places, so that no message waits
 * here while another worker is idle; half a window more when jobs are so fast that the next must lie ready.
 */
static void ask(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    int credit = runtime->window - runtime->held_count - runtime->lonely.count;
    for (int i = 0; i < JOB_PRIORITIES; i++)
        credit -= runtime->inbox[i].count;
    if (runtime->window > runtime->config.concurrency)
        credit += runtime->window / 2;
    if (!runtime->registered || runtime->draining)
        credit = 0;
    pthread_mutex_unlock(&runtime->lock);
    for (int i = 0; i < JOB_PRIORITIES; i++)
        if (credit > 0)
            mq_pull_want(runtime->lanes[i].pull, credit);
}

/* All that waits in `from` goes to `to`. */
static void inbox_move(struct inbox *from, struct inbox *to)
{
    if (from->head == NULL)
        return;
    if (to->tail != NULL)
        to->tail->next = from->head;
    else
        to->head = from->head;
    to->tail = from->tail;
    to->count += from->count;
    *from = (struct inbox){.head = NULL};
}

/* Without the lock: the server may not read. */
static void put_back_all(struct runtime *runtime, struct inbox *unwanted)
{
    struct mq_delivery *delivery = NULL;
    while ((delivery = inbox_pop(unwanted)) != NULL)
        put_back(runtime, delivery, 1);
}

/* Given jobs have taken places that messages were asked for: those are somebody else's now. */
static void take_surplus(struct runtime *runtime, struct inbox *surplus)
{
    for (int i = 0; i < JOB_PRIORITIES && intake_is_full(runtime); i++)
        inbox_move(&runtime->inbox[i], surplus);
}

/* False: we are draining. */
static bool gather(struct intake *intake)
{
    struct runtime *runtime = intake->runtime;
    struct inbox surplus = {.head = NULL};
    ask(runtime);
    eager_offer(runtime);
    pthread_mutex_lock(&runtime->lock);
    fill(intake);
    if (intake->count == 0 && !runtime->draining)
    {
        runtime_wait(runtime, &runtime->intake_news, is_waiting(runtime) ? 20 : LOOK_MS);
        fill(intake);
    }
    take_surplus(runtime, &surplus);
    bool on = !runtime->draining;
    pthread_mutex_unlock(&runtime->lock);
    put_back_all(runtime, &surplus);
    return on;
}

/* ---- what is no ordinary job ---------------------------------------------------------------- */

static void bury(struct intake *intake, struct db *db, struct mq_delivery *take, const char *reason,
                 const char *detail)
{
    struct err err = ERR_INIT;
    const struct job_raw_letter letter = {.subject = mq_delivery_subject(take),
                                          .reason = reason,
                                          .detail = detail,
                                          .raw = mq_delivery_data(take),
                                          .raw_len = mq_delivery_len(take),
                                          .raw_size = mq_delivery_len(take),
                                          .seq = mq_delivery_seq(take),
                                          .stored_ms = mq_delivery_time_ms(take)};
    if (job_store_bury_raw(db, intake->arena, &letter, &err) != E_OK)
    {
        put_back(intake->runtime, take, NAK_AWAY_MS);
        return;
    }
    crash_point("raw_buried");
    metrics_add(METRIC_DLQ, 1);
    log_error("message_buried", "a message on %s became a dead letter (%s): %s", letter.subject, reason,
              detail);
    outbox_wake(intake->runtime->config.outbox);
    refuse(intake->runtime, take);
}

/* False: it does not parse, and was dealt with: such a message is naked, and dead after three redeliveries.
 */
static bool decode(struct intake *intake, struct db *db, struct mq_delivery *take, struct envelope *envelope)
{
    struct err err = ERR_INIT;
    enum err_code code =
        envelope_decode(intake->arena, mq_delivery_data(take), mq_delivery_len(take), envelope, &err);
    if (code == E_OK)
        return true;
    if (code != E_INVALID)
        put_back(intake->runtime, take, NAK_AWAY_MS);
    else if (mq_delivery_count(take) >= POISON_DELIVERIES)
        bury(intake, db, take, "poison", err.text);
    else
    {
        log_warn("message_refused", "a message on %s does not parse: %s", mq_delivery_subject(take),
                 err.text);
        put_back(intake->runtime, take, NAK_POISON_MS);
    }
    return false;
}

/* NULL: the message is gone.  What our relay wrote is not read any further: the job's row is the truth. */
static const char *name(struct intake *intake, struct db *db, struct mq_delivery *take)
{
    struct id id;
    struct envelope envelope;
    if (envelope_peek(mq_delivery_data(take), mq_delivery_len(take), &id))
    {
        if (eager_is_woken(intake->runtime, id.text, take))
        {
            refuse(intake->runtime, take);
            return NULL;
        }
        const char *copy = arena_strdup(intake->arena, id.text);
        if (copy == NULL)
            put_back(intake->runtime, take, NAK_AWAY_MS);
        return copy;
    }
    return decode(intake, db, take, &envelope) ? envelope.job_id : NULL;
}

static void name_all(struct intake *intake, struct db *db)
{
    size_t kept = 0;
    for (size_t i = 0; i < intake->count; i++)
    {
        struct mq_delivery *delivery = intake->deliveries[i];
        const char *id = name(intake, db, delivery);
        if (id == NULL)
            continue;
        intake->deliveries[kept] = delivery;
        intake->ids[kept++] = id;
    }
    intake->count = kept;
}

/* ---- claiming ------------------------------------------------------------------------------- */

static struct mq_delivery *take_delivery(struct intake *intake, const char *job_id)
{
    for (size_t n = 0; n < intake->count; n++)
    {
        size_t i = (intake->found + 1 + n) % intake->count;
        struct mq_delivery *delivery = intake->deliveries[i];
        if (delivery == NULL || strcmp(intake->ids[i], job_id) != 0)
            continue;
        intake->deliveries[i] = NULL;
        intake->found = i;
        return delivery;
    }
    return NULL;
}

static bool is_expired(const struct runtime *runtime, const struct envelope *envelope)
{
    return clock_wall_ms() - envelope->timestamp_ms > (int64_t)runtime->config.retention_days * 86400000;
}

/* An envelope that cannot run at once becomes an accepted job: its time has not come, or its kind has a
 * limit. E_CONFLICT: the job is there, or its unique key is taken. */
static enum err_code accept_for_later(struct intake *intake, struct db *db, const struct envelope *envelope,
                                      struct err *err)
{
    const struct job_new job = {
        .job_id = envelope->job_id,
        .kind = envelope->kind,
        .worker = intake->runtime->config.worker,
        .user_id = envelope->user_id,
        .request_id = envelope->request_id,
        .payload = envelope->payload,
        .priority = envelope->priority,
        .run_at_ms = envelope->run_at_ms == ENVELOPE_TIME_NONE ? 0 : envelope->run_at_ms,
        .deadline_at_ms = envelope->deadline_at_ms == ENVELOPE_TIME_NONE ? 0 : envelope->deadline_at_ms,
        .unique_key = envelope->unique_key,
        .parent_id = envelope->parent_id};
    enum err_code code = job_store_accept(db, intake->arena, &job, 1, err);
    if (code == E_OK)
        outbox_wake(intake->runtime->config.outbox);
    return code;
}

static enum err_code adopt_or_accept(struct intake *intake, struct db *db, const struct envelope *envelope,
                                     struct job_claim *claim, bool *adopted, struct err *err)
{
    enum err_code code =
        job_store_adopt(db, intake->arena, &intake->runtime->claimer, envelope, claim, adopted, err);
    return code == E_OK && !*adopted ? accept_for_later(intake, db, envelope, err) : code;
}

/* No row at all: a stranger published it past the API. */
static void adopt(struct intake *intake, struct db *db, size_t i)
{
    struct runtime *runtime = intake->runtime;
    struct mq_delivery *delivery = intake->deliveries[i];
    struct envelope envelope;
    struct job_claim claim = {.note = 0};
    bool adopted = false;
    struct err err = ERR_INIT;
    enum err_code code = E_OK;
    intake->deliveries[i] = NULL;
    if (!decode(intake, db, delivery, &envelope))
        return;
    if (is_expired(runtime, &envelope))
    {
        bury(intake, db, delivery, "expired", "the envelope is older than jobs are kept");
        return;
    }
    if (envelope.run_at_ms != ENVELOPE_TIME_NONE && envelope.run_at_ms > clock_wall_ms())
        code = accept_for_later(intake, db, &envelope, &err);
    else
        code = adopt_or_accept(intake, db, &envelope, &claim, &adopted, &err);
    if (code == E_OK && adopted)
    {
        struct starting starting = starting_of(runtime, claim.note);
        starting_add(&starting, &claim, delivery);
        starting_show(&starting, intake->alone);
        return;
    }
    if (code == E_NOT_FOUND)
        log_warn("message_dropped", "job %s names a user that does not exist", envelope.job_id);
    if (code == E_OK || code == E_NOT_FOUND || code == E_CONFLICT)
        refuse(runtime, delivery);
    else if (code == E_INVALID)
        bury(intake, db, delivery, "poison", err.text);
    else
        put_back(runtime, delivery, NAK_AWAY_MS);
}

static enum err_code adopt_unknown(struct intake *intake, struct db *db, struct err *err)
{
    const char *ids[RUNTIME_BATCH];
    size_t n = 0;
    for (size_t i = 0; i < intake->count; i++)
        if (intake->deliveries[i] != NULL)
            ids[n++] = intake->ids[i];
    if (n == 0)
        return E_OK;
    const char **unknown = NULL;
    size_t unknown_count = 0;
    enum err_code code = job_store_unknown(db, intake->arena, ids, n, &unknown, &unknown_count, err);
    for (size_t u = 0; code == E_OK && u < unknown_count; u++)
        for (size_t i = 0; i < intake->count; i++)
            if (intake->deliveries[i] != NULL && strcmp(intake->ids[i], unknown[u]) == 0)
            {
                adopt(intake, db, i);
                break;
            }
    return code;
}

static void start_all(struct intake *intake, const struct job_claim *claims, size_t count)
{
    if (count == 0)
        return;
    struct starting starting = starting_of(intake->runtime, claims[0].note);
    for (size_t i = 0; i < count; i++)
        starting_add(&starting, &claims[i], take_delivery(intake, claims[i].job_id));
    starting_show(&starting, intake->alone);
}

/* ---- what the relay of this process brings ---------------------------------------------------- */

/* Messages that came already go first, and so does one that must be alone.  A worker that has enough to do
 * asks for many at once: few are not worth a transaction. */
int intake_room(void *of)
{
    struct runtime *runtime = of;
    pthread_mutex_lock(&runtime->lock);
    int places = room(runtime);
    for (int i = 0; i < JOB_PRIORITIES; i++)
        places -= runtime->inbox[i].count;
    if (runtime->ready.head != NULL && places < BROUGHT_LEAST)
        places = 0;
    if (!runtime->registered || runtime->draining || runtime->lonely.head != NULL ||
        on_probation(runtime, clock_mono_ms()) || places < 0)
        places = 0;
    runtime->bringing = places > 0;
    pthread_mutex_unlock(&runtime->lock);
    return places;
}

void intake_brought(void *of, const struct job_claim *claims, size_t count)
{
    struct runtime *runtime = of;
    if (count > 0)
    {
        struct starting starting = starting_of(runtime, claims[0].note);
        for (size_t i = 0; i < count; i++)
            starting_add(&starting, &claims[i], NULL);
        starting_show(&starting, false);
    }
    pthread_mutex_lock(&runtime->lock);
    runtime->bringing = false;
    pthread_mutex_unlock(&runtime->lock);
}

static enum err_code claim_all(struct intake *intake, struct db *db, struct err *err)
{
    struct job_claim *claims = NULL;
    size_t claimed = 0;
    crash_point("received");
    enum err_code code = job_store_claim(db, intake->arena, &intake->runtime->claimer, intake->ids,
                                         intake->count, &claims, &claimed, err);
    if (code != E_OK)
        return code;
    start_all(intake, claims, claimed);
    if (claimed == intake->count)
        return E_OK;
    code = job_store_claim_limited(db, intake->arena, &intake->runtime->claimer, intake->ids, intake->count,
                                   &claims, &claimed, err);
    if (code != E_OK)
        return code;
    start_all(intake, claims, claimed);
    return adopt_unknown(intake, db, err);
}

/* What is left was not claimed: somebody has it, it is done, or not due; or the database is away. */
static void dispose(struct intake *intake, enum err_code code)
{
    for (size_t i = 0; i < intake->count; i++)
    {
        if (intake->deliveries[i] == NULL)
            continue;
        if (code == E_OK)
            refuse(intake->runtime, intake->deliveries[i]);
        else
            put_back(intake->runtime, intake->deliveries[i], NAK_AWAY_MS);
    }
}

static void process(struct intake *intake)
{
    struct db *db = NULL;
    struct err err = ERR_INIT;
    enum err_code code = db_get(intake->runtime->own_pool, &db, &err);
    if (code == E_OK)
        name_all(intake, db);
    if (code == E_OK && intake->count > 0)
        code = claim_all(intake, db, &err);
    dispose(intake, code);
    db_put(db);
    if (code == E_OK)
        return;
    health_saw(intake->runtime->config.health, HEALTH_DATABASE, code);
    log_debug("claim_failed", "%s", err.text);
    pthread_mutex_lock(&intake->runtime->lock);
    runtime_wait(intake->runtime, &intake->runtime->stop_news, 200);
    pthread_mutex_unlock(&intake->runtime->lock);
}

/* What lies here unclaimed is somebody else's now. */
void intake_close(struct runtime *runtime)
{
    for (int i = 0; i < JOB_PRIORITIES; i++)
    {
        mq_pull_close(runtime->lanes[i].pull);
        runtime->lanes[i].pull = NULL;
    }
    struct inbox unclaimed = {.head = NULL};
    pthread_mutex_lock(&runtime->lock);
    for (int i = 0; i < JOB_PRIORITIES; i++)
        inbox_move(&runtime->inbox[i], &unclaimed);
    inbox_move(&runtime->lonely, &unclaimed);
    pthread_mutex_unlock(&runtime->lock);
    put_back_all(runtime, &unclaimed);
}

void *intake_run(void *of)
{
    struct runtime *runtime = of;
    struct intake intake = {.runtime = runtime, .arena = runtime->intake.arena};
    while (gather(&intake))
    {
        if (intake.count > 0)
            process(&intake);
        arena_reset(intake.arena);
    }
    return NULL;
}
