/* SPDX-License-Identifier: Apache-2.0 */
/* The handler threads: one job at a time each. */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"
#include "common/obs/metrics.h"

enum
{
    SLOW_MS = 100 /* a job that waited so long inside the process was claimed too early */
};

static void hand_over(struct runtime *runtime, struct job *job)
{
    runtime->running--;
    job->running = false;
    queue_push(&runtime->ended, job);
    pthread_cond_signal(&runtime->ended_news);
}

/* Hands over the one that ended, if any, and takes the next.  Who finds more than it takes wakes another: so
 * fast jobs are run by few threads and slow ones by all. */
static struct job *next_job(struct runtime *runtime, struct job *ended)
{
    pthread_mutex_lock(&runtime->lock);
    if (ended != NULL)
        hand_over(runtime, ended);
    while (runtime->ready.head == NULL && !runtime->stopped)
    {
        runtime->idle++;
        pthread_cond_wait(&runtime->ready_news, &runtime->lock);
        runtime->idle--;
    }
    struct job *job = queue_pop(&runtime->ready);
    if (runtime->ready.head != NULL && runtime->idle > 0)
        pthread_cond_signal(&runtime->ready_news);
    if (job != NULL)
    {
        job->running = true;
        job->started_ms = clock_mono_ms();
        runtime->running++;
        if (job->started_ms - job->claimed_ms > SLOW_MS && runtime->window > runtime->config.concurrency)
            runtime->window = runtime->window / 2 > runtime->config.concurrency ? runtime->window / 2
                                                                                : runtime->config.concurrency;
    }
    pthread_mutex_unlock(&runtime->lock);
    return job;
}

static enum err_code run(struct job *job)
{
    if (job_should_stop(job))
        return job_stop_reason(job, &job->err);
    if (job->row == NULL)
        return fail(&job->err, E_INVALID, "this worker has no job kind %.32s", job->claim.kind);
    enum err_code code = job->row->run(job, &job->err);
    /* Whatever it says, a job that was told to stop and did not succeed ends for that reason. */
    return code != E_OK && job_should_stop(job) ? job_stop_reason(job, &job->err) : code;
}

void *handler_run(void *of)
{
    struct runtime *runtime = of;
    struct job *job = NULL;
    while ((job = next_job(runtime, job)) != NULL)
    {
        log_context_set((struct log_context){
            .request_id = job->claim.request_id, .user_id = job->claim.user_id, .job_id = job->claim.job_id});
        job->err = (struct err)ERR_INIT;
        crash_point("job_claimed");
        job->code = run(job);
        crash_point("job_ran");
        metrics_observe(METRIC_WORKER_JOB_SECONDS, (double)(clock_mono_ms() - job->started_ms) / 1000);
        log_context_set((struct log_context){0});
    }
    return NULL;
}
