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
    BACKOFF_MS = 50,
    BACKOFF_MAX_MS = 1000,
    LAST_WORDS_MS = 5000, /* for handlers that were told to stop */
    GIVEN_UP_MS = 1000    /* for those that waited for the database until then */
};

struct shared *runtime_lock(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->shared.lock);
    return &runtime->shared;
}

void runtime_unlock(struct runtime *runtime)
{
    pthread_mutex_unlock(&runtime->shared.lock);
}

void runtime_wait(struct runtime *runtime, pthread_cond_t *cond, int64_t wait_ms)
{
    struct timespec until = clock_mono_after_ms(wait_ms);
    pthread_cond_timedwait(cond, &runtime->shared.lock, &until);
}

void runtime_back_off(struct runtime *runtime, int64_t *backoff_ms)
{
    const int64_t twice_ms = *backoff_ms > 0 ? 2 * *backoff_ms : BACKOFF_MS;
    *backoff_ms = twice_ms < BACKOFF_MAX_MS ? twice_ms : BACKOFF_MAX_MS;
    struct shared *shared = runtime_lock(runtime);
    if (!shared_is_over(shared))
        runtime_wait(runtime, &shared->stop_news, *backoff_ms);
    runtime_unlock(runtime);
}

struct job *runtime_next(struct runtime *runtime, const struct job *job)
{
    return job_of(job != NULL ? job->link.older : runtime->shared.inbox.newest);
}

struct job *runtime_find(struct runtime *runtime, const char *id, int64_t fence)
{
    for (struct job *job = runtime_next(runtime, NULL); job != NULL; job = runtime_next(runtime, job))
        if (strcmp(job->claim.job_id, id) == 0 && (fence < 0 || job->claim.fence == fence))
            return job;
    return NULL;
}

static int running_jobs(struct runtime *runtime)
{
    const int running = runtime_lock(runtime)->running;
    runtime_unlock(runtime);
    return running;
}

static double read_running(void *of)
{
    return running_jobs(of);
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

bool runtime_gives_up(void *of)
{
    const struct runtime *runtime = of;
    const int64_t at_ms = atomic_load(&runtime->give_up_ms);
    return at_ms != 0 && clock_mono_ms() >= at_ms;
}

static void init_shared(struct shared *shared, int slots)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&shared->lock, NULL);
    pthread_cond_init(&shared->intake_news, &attr);
    pthread_cond_init(&shared->ready_news, &attr);
    pthread_cond_init(&shared->ended_news, &attr);
    pthread_cond_init(&shared->stop_news, &attr);
    pthread_condattr_destroy(&attr);
    inbox_init(&shared->inbox, slots);
}

static enum err_code open_pools(struct runtime *runtime, struct err *err)
{
    const struct runtime_config *config = &runtime->config;
    struct db_pool_config own = {
        .url = config->database_url, .name = config->worker, .size = OWN_CONNECTIONS, .get_wait_ms = 1000};
    own.check = schema_check;
    own.statement_ms = 15000;
    own.plans = DB_PLANS_LOOKUPS;
    own.away = runtime_gives_up;
    own.away_of = runtime;
    struct db_pool_config kinds = {.url = config->database_url,
                                   .name = config->worker,
                                   .size = config->db_pool_size,
                                   .check = schema_check,
                                   .away = runtime_gives_up,
                                   .away_of = runtime};
    enum err_code code = db_pool_open(&own, &runtime->own_pool, err);
    return code == E_OK ? db_pool_open(&kinds, &runtime->handler_pool, err) : code;
}

static enum err_code open_sources(struct runtime *runtime, struct err *err)
{
    struct mq *mq = runtime->config.mq;
    enum err_code code = E_OK;
    char subject[64];
    snprintf(subject, sizeof subject, "sokoul.ctl.given.%s", runtime->worker_id.text);
    for (int i = 0; code == E_OK && i < JOB_PRIORITIES; i++)
    {
        struct source *source = &runtime->sources[i];
        *source = (struct source){.runtime = runtime, .priority = (enum job_priority)i};
        const struct mq_pull_config config = {.worker = runtime->config.worker,
                                              .priority = source->priority,
                                              .got = intake_on_message,
                                              .of = source};
        code = mq_pull_open(mq, &config, &source->pull, err);
    }
    if (code == E_OK)
        code = mq_subscribe(mq, "sokoul.ctl.cancel.*", keeper_on_cancel, runtime, &runtime->cancels, err);
    return code == E_OK ? mq_subscribe(mq, subject, handoff_on_job, runtime, &runtime->given, err) : code;
}

static bool start_handlers(struct runtime *runtime)
{
    struct threads *threads = &runtime->threads;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, HANDLER_STACK_BYTES);
    threads->handlers = calloc((size_t)runtime->config.concurrency, sizeof *threads->handlers);
    bool ok = threads->handlers != NULL;
    for (int i = 0; ok && i < runtime->config.concurrency; i++)
    {
        ok = pthread_create(&threads->handlers[i], &attr, handler_run, runtime) == 0;
        threads->handlers_started += ok;
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
    struct threads *threads = &runtime->threads;
    if (start_handlers(runtime) && start_stage(runtime, &threads->settler, settler_run, SETTLER_BYTES) &&
        start_stage(runtime, &threads->keeper, keeper_run, KEEPER_BYTES) &&
        start_stage(runtime, &threads->intake, intake_run, INTAKE_BYTES))
        return E_OK;
    return fail(err, E_NO_MEMORY, "cannot start %d handler threads", runtime->config.concurrency);
}

/* ---- stopping ------------------------------------------------------------------------------- */

/* What no handler has begun goes straight to the settler, which hands it back. */
static void unqueue_ready(struct shared *shared)
{
    struct job *job = NULL;
    while ((job = job_queue_pop(&shared->ready)) != NULL)
    {
        job->code = fail(&job->err, E_SHUTDOWN, "the worker is shutting down; the job goes on elsewhere");
        job_queue_push(&shared->ended, &job->link);
    }
    pthread_cond_signal(&shared->ended_news);
}

/* How many are in flight at the end; lock not held. */
static int wait_empty(struct runtime *runtime, int64_t until_ms)
{
    struct shared *shared = runtime_lock(runtime);
    for (int64_t left = until_ms - clock_mono_ms(); left > 0 && shared->inbox.in_flight > 0;
         left = until_ms - clock_mono_ms())
        runtime_wait(runtime, &shared->stop_news, left);
    const int in_flight = shared->inbox.in_flight;
    runtime_unlock(runtime);
    return in_flight;
}

static void stop_claiming(struct runtime *runtime)
{
    struct shared *shared = runtime_lock(runtime);
    shared->draining = true;
    shared->inbox.open = false;
    pthread_cond_signal(&shared->intake_news);
    pthread_cond_broadcast(&shared->stop_news);
    runtime_unlock(runtime);
    outbox_deliver_to(runtime->config.outbox, NULL);
    join_stage(&runtime->threads.intake);
    intake_close(runtime);
    mq_unsubscribe(runtime->given); /* what is given from now on the keeper hands back */
    runtime->given = NULL;
    unqueue_ready(runtime_lock(runtime));
    runtime_unlock(runtime);
}

static void stop_handlers(struct runtime *runtime)
{
    struct shared *shared = runtime_lock(runtime);
    for (struct job *job = runtime_next(runtime, NULL); job != NULL; job = runtime_next(runtime, job))
        job_stop(job, E_SHUTDOWN);
    pthread_cond_broadcast(&shared->stop_news);
    runtime_unlock(runtime);
}

static void drain(struct runtime *runtime)
{
    const int64_t give_up_ms = atomic_load(&runtime->give_up_ms);
    stop_claiming(runtime);
    log_info("drain", "taking no new job; %d still run", running_jobs(runtime));
    int left = wait_empty(runtime, give_up_ms - LAST_WORDS_MS);
    if (left > 0)
    {
        log_warn("drain", "handing back %d jobs that did not finish in time", left);
        stop_handlers(runtime);
        left = wait_empty(runtime, give_up_ms);
    }
    if (left > 0)
        log_error("drain", "%d jobs do not end; they are taken back when this process is gone", left);
}

/* What has ended and could not be written the settler lets go now; false: a handler still has a job. */
static bool let_go(struct runtime *runtime)
{
    struct shared *shared = runtime_lock(runtime);
    shared->stopped = true;
    pthread_cond_broadcast(&shared->ready_news);
    pthread_cond_broadcast(&shared->ended_news);
    pthread_cond_broadcast(&shared->stop_news);
    runtime_unlock(runtime);
    wait_empty(runtime, clock_mono_ms() + GIVEN_UP_MS);
    return running_jobs(runtime) == 0;
}

static void join_all(struct runtime *runtime)
{
    for (int i = 0; i < runtime->threads.handlers_started; i++)
        pthread_join(runtime->threads.handlers[i], NULL);
    join_stage(&runtime->threads.settler);
    join_stage(&runtime->threads.keeper);
    mq_unsubscribe(runtime->cancels);
    db_pool_close(runtime->handler_pool);
    db_pool_close(runtime->own_pool);
    free(runtime->threads.handlers);
    free(runtime);
}

/* The handler that does not end may never end, and the settler and the keeper look after its job until the
 * process is gone: nobody waits for any of them any more. */
static void leave_threads(struct threads *threads)
{
    for (int i = 0; i < threads->handlers_started; i++)
        pthread_detach(threads->handlers[i]);
    pthread_detach(threads->settler.thread);
    pthread_detach(threads->keeper.thread);
}

static bool leave(struct runtime *runtime)
{
    end_readings();
    atomic_store(&runtime->give_up_ms, clock_mono_ms() + runtime->config.drain_ms + LAST_WORDS_MS);
    drain(runtime);
    if (!let_go(runtime))
    {
        leave_threads(&runtime->threads);
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
        code = open_sources(runtime, err);
    if (code == E_OK)
        code = start_threads(runtime, err);
    if (code != E_OK)
        return code;
    expect_outcomes(&runtime->config);
    offer_readings(runtime);
    const struct outbox_local local = {.worker = runtime->config.worker,
                                       .claimer = &runtime->claimer,
                                       .free_slots = intake_free_slots,
                                       .deliver = intake_on_local_claims,
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
    init_shared(&runtime->shared, config->concurrency);
    enum err_code code = start(runtime, err);
    if (code == E_OK)
        *out = runtime;
    else
        leave(runtime); /* at once: nothing is in flight yet */
    return code;
}

bool runtime_stop(struct runtime *runtime)
{
    return runtime == NULL || leave(runtime);
}
