/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intake: asks the three consumers for as many messages as there are free slots, and claims the jobs that
 * came in one statement.  A message is acknowledged here only when its job could not be claimed; with
 * Postgres away messages go back with a delay.
 */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"
#include "common/obs/health.h"
#include "common/outbox/outbox.h"

#include <string.h>

enum
{
    LOOK_MS = 500,
    LOOK_AGAIN_MS = 20 /* something waits, for a slot or for a quarantine to end */
};

struct intake
{
    struct unclaimed with;
    struct job *jobs[RUNTIME_BATCH]; /* to be claimed; NULL: taken */
    struct id names[RUNTIME_BATCH];  /* theirs */
    const char *ids[RUNTIME_BATCH];  /* the same as the store wants it; those that are taken stay */
    size_t count;
    size_t found; /* where the latest claim's job lay: the next one is behind it */
    int64_t backoff_ms;
};

/* ---- what came ------------------------------------------------------------------------------ */

void intake_on_message(void *of, struct mq_delivery *take)
{
    const struct source *source = of;
    struct job *job = job_arrived(source->runtime, take);
    if (job == NULL) /* the server delivers it again */
        return;
    job->link.priority = source->priority;
    job->link.isolated = mq_delivery_header(take, "Sokoul-Alone") != NULL;
    struct shared *shared = runtime_lock(source->runtime);
    inbox_add(&shared->inbox, &job->link);
    runtime_unlock(source->runtime);
    pthread_cond_signal(&shared->intake_news); /* without the lock, which the woken one wants at once */
}

static void ask(struct runtime *runtime)
{
    const struct shared *shared = runtime_lock(runtime);
    const int credit = inbox_credit(&shared->inbox);
    runtime_unlock(runtime);
    for (int i = 0; i < JOB_PRIORITIES && credit > 0; i++)
        mq_pull_want(runtime->sources[i].pull, credit);
}

static void put_back(struct job_queue *unwanted)
{
    struct job *job = NULL;
    while ((job = job_queue_pop(unwanted)) != NULL)
        job_nak(job, NAK_UNWANTED_MS);
}

/* False: we are draining. */
static bool gather(struct intake *intake)
{
    struct runtime *runtime = intake->with.runtime;
    struct job_queue chosen = {.count = 0};
    struct job_queue unwanted = {.count = 0};
    struct job *job = NULL;
    ask(runtime);
    handoff_announce(runtime);
    struct shared *shared = runtime_lock(runtime);
    inbox_choose(&shared->inbox, clock_mono_ms(), &chosen);
    if (chosen.count == 0 && !shared->draining)
    {
        runtime_wait(runtime, &shared->intake_news,
                     inbox_count(&shared->inbox) > 0 ? LOOK_AGAIN_MS : LOOK_MS);
        inbox_choose(&shared->inbox, clock_mono_ms(), &chosen);
    }
    if (inbox_is_full(&shared->inbox)) /* handed-off jobs took the slots that messages were asked for */
        inbox_give_up(&shared->inbox, &unwanted);
    const bool on = !shared->draining;
    runtime_unlock(runtime);
    put_back(&unwanted);
    for (intake->count = 0; (job = job_queue_pop(&chosen)) != NULL;)
        intake->jobs[intake->count++] = job;
    return on;
}

/* ---- claiming ------------------------------------------------------------------------------- */

/* What our relay wrote is not read past its id: the job's row is the truth.  False: it has been dealt with.
 */
static bool name(struct intake *intake, struct job *take, struct id *id)
{
    const struct mq_delivery *message = take->message;
    return envelope_peek(mq_delivery_data(message), mq_delivery_len(message), id) ||
           unclaimed_read(&intake->with, take, id);
}

static void name_all(struct intake *intake)
{
    size_t kept = 0;
    for (size_t i = 0; i < intake->count; i++)
    {
        struct job *job = intake->jobs[i];
        if (!name(intake, job, &intake->names[kept]))
            continue;
        intake->ids[kept] = intake->names[kept].text;
        intake->jobs[kept++] = job;
    }
    intake->count = kept;
}

static struct job *take_job(struct intake *intake, const char *job_id)
{
    for (size_t n = 1; n <= intake->count; n++)
    {
        const size_t i = (intake->found + n) % intake->count;
        struct job *job = intake->jobs[i];
        if (job == NULL || strcmp(intake->ids[i], job_id) != 0)
            continue;
        intake->jobs[i] = NULL;
        intake->found = i;
        return job;
    }
    return NULL;
}

static void start(struct intake *intake, const struct job_claim *claims, size_t count)
{
    struct job *jobs[RUNTIME_BATCH];
    for (size_t i = 0; i < count; i++)
        jobs[i] = take_job(intake, claims[i].job_id);
    deliver(intake->with.runtime, claims, jobs, count);
}

/* Those that were not claimed and have no row: they were published past the API. */
static enum err_code adopt_unknown(struct intake *intake, struct err *err)
{
    const char *ids[RUNTIME_BATCH];
    const char **unknown = NULL;
    size_t n = 0;
    size_t count = 0;
    for (size_t i = 0; i < intake->count; i++)
        if (intake->jobs[i] != NULL)
            ids[n++] = intake->ids[i];
    if (n == 0)
        return E_OK;
    enum err_code code =
        job_store_unknown(intake->with.db, intake->with.arena, ids, n, &unknown, &count, err);
    for (size_t i = 0; code == E_OK && i < count; i++)
    {
        struct job *job = take_job(intake, unknown[i]);
        if (job != NULL)
            unclaimed_adopt(&intake->with, job);
    }
    return code;
}

static enum err_code claim_all(struct intake *intake, struct err *err)
{
    struct db *db = intake->with.db;
    const struct job_claimer *claimer = &intake->with.runtime->claimer;
    struct job_claim *claims = NULL;
    size_t claimed = 0;
    if (intake->count == 0)
        return E_OK;
    crash_point("received");
    enum err_code code =
        job_store_claim(db, intake->with.arena, claimer, intake->ids, intake->count, &claims, &claimed, err);
    if (code != E_OK)
        return code;
    start(intake, claims, claimed);
    if (claimed == intake->count)
        return E_OK;
    code = job_store_claim_limited(db, intake->with.arena, claimer, intake->ids, intake->count, &claims,
                                   &claimed, err);
    if (code != E_OK)
        return code;
    start(intake, claims, claimed);
    return adopt_unknown(intake, err);
}

/* What is left was not claimed: somebody has it, it is done, or not due; or the database is away. */
static void dispose(struct intake *intake, enum err_code code)
{
    for (size_t i = 0; i < intake->count; i++)
    {
        struct job *job = intake->jobs[i];
        if (job != NULL && code == E_OK)
            job_ack(job);
        else if (job != NULL)
            job_nak(job, NAK_AWAY_MS);
    }
}

static void process(struct intake *intake)
{
    struct runtime *runtime = intake->with.runtime;
    struct err err = ERR_INIT;
    enum err_code code = db_get(runtime->own_pool, &intake->with.db, &err);
    if (code == E_OK)
    {
        name_all(intake);
        code = claim_all(intake, &err);
        db_put(intake->with.db);
    }
    dispose(intake, code);
    if (code == E_OK)
    {
        intake->backoff_ms = 0;
        return;
    }
    health_saw(runtime->config.health, HEALTH_DATABASE, code);
    log_debug("claim_failed", "%s", err.text);
    runtime_back_off(runtime, &intake->backoff_ms);
}

void *intake_run(void *of)
{
    struct runtime *runtime = of;
    struct intake intake = {.with = {.runtime = runtime, .arena = runtime->threads.intake.arena}};
    while (gather(&intake))
    {
        if (intake.count > 0)
            process(&intake);
        arena_reset(intake.with.arena);
    }
    return NULL;
}

/* What lies here unclaimed is somebody else's now. */
void intake_close(struct runtime *runtime)
{
    struct job_queue unclaimed = {.count = 0};
    for (int i = 0; i < JOB_PRIORITIES; i++)
    {
        mq_pull_close(runtime->sources[i].pull);
        runtime->sources[i].pull = NULL;
    }
    struct shared *shared = runtime_lock(runtime);
    inbox_empty(&shared->inbox, &unclaimed);
    runtime_unlock(runtime);
    put_back(&unclaimed);
}

/* ---- what the relay of this process claims ----------------------------------------------------- */

int intake_free_slots(void *of)
{
    struct runtime *runtime = of;
    struct shared *shared = runtime_lock(runtime);
    const int slots = inbox_claim_locally(&shared->inbox, shared->ready.count, clock_mono_ms());
    runtime_unlock(runtime);
    return slots;
}

void intake_on_local_claims(void *of, const struct job_claim *claims, size_t count)
{
    struct runtime *runtime = of;
    deliver(runtime, claims, NULL, count);
    struct shared *shared = runtime_lock(runtime);
    shared->inbox.claiming_locally = false;
    runtime_unlock(runtime);
}
