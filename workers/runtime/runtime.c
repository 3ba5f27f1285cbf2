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
    LAST_WORDS_MS = 5000 /* for handlers that were told to stop */
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

static double read_connections(void *of)
{
    struct runtime *runtime = of;
    return db_pool_stats(runtime->own_pool).in_use + db_pool_stats(runtime->handler_pool).in_use;
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
    struct db_pool_config kinds = {
        .url = config->database_url, .name = config->worker, .size = config->db_pool_size};
    kinds.check = schema_check;
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

/* Handlers first: a stage exists before the one that feeds it. */
static enum err_code start_threads(struct runtime *runtime, struct err *err)
{
    if (start_handlers(runtime) && pthread_create(&runtime->settler, NULL, settler_run, runtime) == 0 &&
        pthread_create(&runtime->keeper, NULL, keeper_run, runtime) == 0 &&
        pthread_create(&runtime->intake, NULL, intake_run, runtime) == 0)
        return E_OK;
    return fail(err, E_NO_MEMORY, "cannot start %d handler threads", runtime->config.concurrency);
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
    enum err_code code = open_pools(runtime, err);
    if (code == E_OK)
        code = open_lanes(runtime, err);
    if (code == E_OK)
        code = start_threads(runtime, err);
    if (code != E_OK)
        return code; /* the program ends: what was opened goes with it */
    metrics_read(METRIC_WORKER_RUNNING, read_running, runtime);
    metrics_read(METRIC_DB_CONNECTIONS, read_connections, runtime);
    const struct outbox_local local = {.worker = config->worker,
                                       .claimer = &runtime->claimer,
                                       .room = intake_room,
                                       .got = intake_brought,
                                       .of = runtime};
    outbox_deliver_to(config->outbox, &local);
    *out = runtime;
    return E_OK;
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

static void wait_empty(struct runtime *runtime, int64_t wait_ms)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    for (int64_t left = wait_ms; left > 0 && runtime->held_count > 0; left = until_ms - clock_mono_ms())
        runtime_wait(runtime, &runtime->stop_news, left);
}

static void drain(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->draining = true;
    pthread_cond_signal(&runtime->intake_news);
    pthread_cond_broadcast(&runtime->stop_news);
    pthread_mutex_unlock(&runtime->lock);
    pthread_join(runtime->intake, NULL);
    mq_unsubscribe(runtime->given); /* what is given from now on the keeper hands back */
    runtime->given = NULL;

    pthread_mutex_lock(&runtime->lock);
    unqueue_ready(runtime);
    log_info("drain", "taking no new job; %d still run", runtime->running);
    wait_empty(runtime, runtime->config.drain_ms);
    if (runtime->held_count > 0)
    {
        log_warn("drain", "handing back %d jobs that did not finish in time", runtime->held_count);
        stop_running(runtime);
        wait_empty(runtime, LAST_WORDS_MS);
    }
    if (runtime->held_count > 0)
        log_error("drain", "%d jobs do not end; they are taken back when this process is gone",
                  runtime->held_count);
    pthread_mutex_unlock(&runtime->lock);
}

static void join_all(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    bool stuck = runtime->held_count > 0;
    runtime->stopped = true;
    pthread_cond_broadcast(&runtime->ready_news);
    pthread_cond_broadcast(&runtime->ended_news);
    pthread_cond_broadcast(&runtime->stop_news);
    pthread_mutex_unlock(&runtime->lock);
    if (stuck)
        return; /* its threads may not be waited for; the process is about to end */
    for (int i = 0; i < runtime->handlers_started; i++)
        pthread_join(runtime->handlers[i], NULL);
    pthread_join(runtime->settler, NULL);
    pthread_join(runtime->keeper, NULL);
    job_free_spares(runtime);
    mq_unsubscribe(runtime->cancels);
    db_pool_close(runtime->handler_pool);
    db_pool_close(runtime->own_pool);
    free(runtime->handlers);
    free(runtime);
}

void runtime_stop(struct runtime *runtime)
{
    if (runtime == NULL)
        return;
    metrics_read(METRIC_WORKER_RUNNING, NULL, NULL);
    metrics_read(METRIC_DB_CONNECTIONS, NULL, NULL);
    outbox_deliver_to(runtime->config.outbox, NULL);
    drain(runtime);
    join_all(runtime);
}
