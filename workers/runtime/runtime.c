/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping the stages, and what they hold between them. */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/obs/metrics.h"
#include "common/outbox/outbox.h"
#include "common/store/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    OWN_CONNECTIONS = 3, /* intake, settler, keeper */
    HANDLER_STACK_BYTES = 512 * 1024,
    INTAKE_BYTES = 64 * 1024 * 1024, /* of their arenas, at most */
    SETTLER_BYTES = 256 * 1024 * 1024,
    KEEPER_BYTES = 64 * 1024 * 1024,
    LAST_WORDS_MS = 5000, /* for handlers that were told to stop */
    GIVEN_UP_MS = 1000    /* for those that waited for the database until then */
};

void runtime_wait(struct runtime *runtime, pthread_cond_t *cond, int64_t wait_ms)
{
    struct timespec until = clock_mono_after_ms(wait_ms);
    pthread_cond_timedwait(cond, &runtime->lock, &until);
}

void runtime_hold(struct runtime *runtime, struct job *job)
{
    job->held_prev = NULL;
    job->held_next = runtime->held;
    if (runtime->held != NULL)
        runtime->held->held_prev = job;
    runtime->held = job;
    runtime->held_count++;
}

struct job *runtime_find(struct runtime *runtime, const char *id, int64_t fence)
{
    for (struct job *job = runtime->held; job != NULL; job = job->held_next)
        if (strcmp(job->claim.job_id, id) == 0 && (fence < 0 || job->claim.fence == fence))
            return job;
    return NULL;
}

static void leave_note(struct runtime *runtime, struct job *job)
{
    struct note *note = job->note;
    job->note = NULL;
    if (note == NULL)
        return;
    note->lost = note->lost || job->unsettled;
    if (--note->left > 0)
        return;
    if (!note->lost && runtime->done_notes_count < DONE_NOTES)
        runtime->done_notes[runtime->done_notes_count++] = note->id;
    free(note);
}

void runtime_release(struct runtime *runtime, struct job *job)
{
    leave_note(runtime, job);
    if (job->held_prev != NULL)
        job->held_prev->held_next = job->held_next;
    else
        runtime->held = job->held_next;
    if (job->held_next != NULL)
        job->held_next->held_prev = job->held_prev;
    runtime->held_count--;
    if (runtime->suspect == job)
        runtime->suspect = NULL;
    if (runtime->draining)
        pthread_cond_broadcast(&runtime->stop_news);
}

int runtime_running(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    int running = runtime->running;
    pthread_mutex_unlock(&runtime->lock);
    return running;
}

static double read_running(void *of)
{
    return runtime_running(of);
}

static void offer_readings(struct runtime *runtime)
{
    runtime->pools = (struct pools){runtime->own_pool, runtime->handler_pool};
    pools_show(&runtime->pools);
    metrics_read(METRIC_WORKER_RUNNING, read_running, runtime);
}

static void end_readings(void)
{
    pools_hide();
    metrics_read(METRIC_WORKER_RUNNING, NULL, NULL);
}

/* What may become of an attempt (settle.c). */
static void expect_outcomes(const struct runtime_config *config)
{
    static const char *const outcomes[] = {"completed",   "failed",  "retried",
                                           "handed_back", "waiting", "lost"};
    for (size_t k = 0; k < config->kinds_count; k++)
        for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
            metrics_expect(METRIC_WORKER_JOBS,
                           (const char *[]){config->worker, config->kinds[k].kind, outcomes[i]});
}

bool runtime_gives_up(const struct runtime *runtime)
{
    const int64_t at_ms = atomic_load(&runtime->give_up_ms);
    return at_ms != 0 && clock_mono_ms() >= at_ms;
}

static bool gives_up(void *of)
{
    return runtime_gives_up(of);
}

static void init_sync(struct runtime *runtime)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&runtime->lock, NULL);
    pthread_cond_init(&runtime->intake_news, &attr);
    pthread_cond_init(&runtime->ready_news, &attr);
    pthread_cond_init(&runtime->ended_news, &attr);
    pthread_cond_init(&runtime->stop_news, &attr);
    pthread_condattr_destroy(&attr);
}

static enum err_code open_pools(struct runtime *runtime, struct err *err)
{
    const struct runtime_config *config = &runtime->config;
    struct db_pool_config own = {
        .url = config->database_url, .name = config->worker, .size = OWN_CONNECTIONS, .get_wait_ms = 1000};
    own.check = schema_check;
    own.statement_ms = 15000;
    own.plans = DB_PLANS_LOOKUPS;
    own.away = gives_up;
    own.away_of = runtime;
    struct db_pool_config kinds = {.url = config->database_url,
                                   .name = config->worker,
                                   .size = config->db_pool_size,
                                   .check = schema_check,
                                   .away = gives_up,
                                   .away_of = runtime};
    enum err_code code = db_pool_open(&own, &runtime->own_pool, err);
    return code == E_OK ? db_pool_open(&kinds, &runtime->handler_pool, err) : code;
}

static enum err_code open_lanes(struct runtime *runtime, struct err *err)
{
    enum err_code code = E_OK;
    for (int i = 0; code == E_OK && i < JOB_PRIORITIES; i++)
    {
        struct lane *lane = &runtime->lanes[i];
        *lane = (struct lane){.runtime = runtime, .priority = (enum job_priority)i};
        const struct mq_pull_config config = {.worker = runtime->config.worker,
                                              .priority = (enum job_priority)i,
                                              .got = intake_got,
                                              .of = lane};
        code = mq_pull_open(runtime->config.mq, &config, &lane->pull, err);
    }
    if (code == E_OK)
        code = mq_subscribe(runtime->config.mq, "sokoul.ctl.cancel.*", keeper_heard_cancel, runtime,
                            &runtime->cancels, err);
    if (code == E_OK)
    {
        char subject[64];
        snprintf(subject, sizeof subject, "sokoul.ctl.given.%s", runtime->worker_id.text);
        code = mq_subscribe(runtime->config.mq, subject, eager_heard, runtime, &runtime->given, err);
    }
    return code;
}

static bool start_handlers(struct runtime *runtime)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, HANDLER_STACK_BYTES);
    runtime->handlers = calloc((size_t)runtime->config.concurrency, sizeof *runtime->handlers);
    bool ok = runtime->handlers != NULL;
    for (int i = 0; ok && i < runtime->config.concurrency; i++)
    {
        ok = pthread_create(&runtime->handlers[i], &attr, handler_run, runtime) == 0;
        runtime->handlers_started += ok;
    }
    pthread_attr_destroy(&attr);
    return ok;
}

static bool start_stage(struct runtime *runtime, struct stage *stage, void *(*run)(void *of),
                        size_t max_bytes)
{
    stage->arena = arena_new(max_bytes);
    stage->started = stage->arena != NULL && pthread_create(&stage->thread, NULL, run, runtime) == 0;
    return stage->started;
}

static void join_stage(struct stage *stage)
{
    if (stage->started)
        pthread_join(stage->thread, NULL);
    arena_free(stage->arena);
    *stage = (struct stage){.started = false};
}

/* Handlers first: a stage exists before the one that feeds it. */
static enum err_code start_threads(struct runtime *runtime, struct err *err)
{
    if (start_handlers(runtime) && start_stage(runtime, &runtime->settler, settler_run, SETTLER_BYTES) &&
        start_stage(runtime, &runtime->keeper, keeper_run, KEEPER_BYTES) &&
        start_stage(runtime, &runtime->intake, intake_run, INTAKE_BYTES))
        return E_OK;
    return fail(err, E_NO_MEMORY, "cannot start %d handler threads", runtime->config.concurrency);
}

/* ---- stopping ------------------------------------------------------------------------------- */

/* What no handler has begun goes straight to the settler, which hands it back. */
static void unqueue_ready(struct runtime *runtime)
{
    struct job *job = NULL;
    while ((job = queue_pop(&runtime->ready)) != NULL)
    {
        job->code = fail(&job->err, E_SHUTDOWN, "the worker is shutting down; the job goes on elsewhere");
        queue_push(&runtime->ended, job);
    }
    pthread_cond_signal(&runtime->ended_news);
}

static void stop_running(struct runtime *runtime)
{
    for (struct job *job = runtime->held; job != NULL; job = job->held_next)
        job_stop(job, E_SHUTDOWN);
    pthread_cond_broadcast(&runtime->stop_news);
}

static void wait_empty(struct runtime *runtime, int64_t until_ms)
{
    for (int64_t left = until_ms - clock_mono_ms(); left > 0 && runtime->held_count > 0;
         left = until_ms - clock_mono_ms())
        runtime_wait(runtime, &runtime->stop_news, left);
}

static void drain(struct runtime *runtime)
{
    const int64_t give_up_ms = atomic_load(&runtime->give_up_ms);
    pthread_mutex_lock(&runtime->lock);
    runtime->draining = true;
    pthread_cond_signal(&runtime->intake_news);
    pthread_cond_broadcast(&runtime->stop_news);
    pthread_mutex_unlock(&runtime->lock);
    outbox_deliver_to(runtime->config.outbox, NULL);
    join_stage(&runtime->intake);
    intake_close(runtime);
    mq_unsubscribe(runtime->given); /* what is given from now on the keeper hands back */
    runtime->given = NULL;

    pthread_mutex_lock(&runtime->lock);
    unqueue_ready(runtime);
    log_info("drain", "taking no new job; %d still run", runtime->running);
    wait_empty(runtime, give_up_ms - LAST_WORDS_MS);
    if (runtime->held_count > 0)
    {
        log_warn("drain", "handing back %d jobs that did not finish in time", runtime->held_count);
        stop_running(runtime);
        wait_empty(runtime, give_up_ms);
    }
    if (runtime->held_count > 0)
        log_error("drain", "%d jobs do not end; they are taken back when this process is gone",
                  runtime->held_count);
    pthread_mutex_unlock(&runtime->lock);
}

/* What has ended and could not be written the settler lets go now; false: a handler still has a job. */
static bool let_go(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->stopped = true;
    pthread_cond_broadcast(&runtime->ready_news);
    pthread_cond_broadcast(&runtime->ended_news);
    pthread_cond_broadcast(&runtime->stop_news);
    wait_empty(runtime, clock_mono_ms() + GIVEN_UP_MS);
    const bool ended = runtime->running == 0;
    pthread_mutex_unlock(&runtime->lock);
    return ended;
}

static void join_all(struct runtime *runtime)
{
    for (int i = 0; i < runtime->handlers_started; i++)
        pthread_join(runtime->handlers[i], NULL);
    join_stage(&runtime->settler);
    join_stage(&runtime->keeper);
    job_free_spares(runtime);
    mq_unsubscribe(runtime->cancels);
    db_pool_close(runtime->handler_pool);
    db_pool_close(runtime->own_pool);
    free(runtime->handlers);
    free(runtime);
}

/* The handler that does not end may never end, and the settler and the keeper look after its job until the
 * process is gone: nobody waits for any of them any more. */
static void leave_threads(struct runtime *runtime)
{
    for (int i = 0; i < runtime->handlers_started; i++)
        pthread_detach(runtime->handlers[i]);
    pthread_detach(runtime->settler.thread);
    pthread_detach(runtime->keeper.thread);
}

static bool leave(struct runtime *runtime)
{
    end_readings();
    atomic_store(&runtime->give_up_ms, clock_mono_ms() + runtime->config.drain_ms + LAST_WORDS_MS);
    drain(runtime);
    if (!let_go(runtime))
    {
        leave_threads(runtime);
        return false;
    }
    join_all(runtime);
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static enum err_code start(struct runtime *runtime, struct err *err)
{
    enum err_code code = open_pools(runtime, err);
    if (code == E_OK)
        code = open_lanes(runtime, err);
    if (code == E_OK)
        code = start_threads(runtime, err);
    if (code != E_OK)
        return code;
    expect_outcomes(&runtime->config);
    offer_readings(runtime);
    const struct outbox_local local = {.worker = runtime->config.worker,
                                       .claimer = &runtime->claimer,
                                       .room = intake_room,
                                       .got = intake_brought,
                                       .of = runtime};
    outbox_deliver_to(runtime->config.outbox, &local);
    return E_OK;
}

enum err_code runtime_start(const struct runtime_config *config, struct runtime **out, struct err *err)
{
    struct runtime *runtime = calloc(1, sizeof *runtime);
    if (runtime == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    runtime->config = *config;
    runtime->worker_id = id_new();
    runtime->claimer = (struct job_claimer){
        .worker_id = runtime->worker_id.text, .worker = config->worker, .lease_ms = config->lease_ms};
    runtime->window = config->concurrency;
    init_sync(runtime);
    enum err_code code = start(runtime, err);
    if (code == E_OK)
        *out = runtime;
    else
        leave(runtime); /* at once: nothing is held yet */
    return code;
}

bool runtime_stop(struct runtime *runtime)
{
    return runtime == NULL || leave(runtime);
}
