/* SPDX-License-Identifier: Apache-2.0 */
/* The handler threads: one job at a time each, or a batch of a kind that takes batches. */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"
#include "common/base/traceparent.h"
#include "common/obs/metrics.h"

/* What a handler thread has in hand: one job, or some of a kind that takes batches. */
struct hand
{
    struct job *jobs[RUNTIME_BATCH];
    size_t count;
};

static void hand_over(struct shared *shared, struct hand *hand)
{
    shared->running -= (int)hand->count;
    for (size_t i = 0; i < hand->count; i++)
        job_queue_push(&shared->ended, &hand->jobs[i]->link);
    if (hand->count > 0)
        pthread_cond_signal(&shared->ended_news);
    hand->count = 0;
}

static void begin(struct shared *shared, struct hand *hand, int64_t now_ms)
{
    struct job *job = job_queue_pop(&shared->ready);
    hand->jobs[hand->count++] = job;
    job->started_ms = now_ms;
    shared->running++;
    inbox_begun(&shared->inbox, &job->link, now_ms);
}

static size_t batch_of(const struct job_kind_row *row)
{
    if (row == NULL || row->run_batch == NULL)
        return 1;
    return row->batch_max > 0 && row->batch_max < RUNTIME_BATCH ? (size_t)row->batch_max : RUNTIME_BATCH;
}

static void take_ready(struct shared *shared, struct hand *hand)
{
    const struct job *next = job_of(shared->ready.head);
    if (next == NULL)
        return;
    const int64_t now_ms = clock_mono_ms();
    const struct job_kind_row *row = next->row;
    const size_t most = batch_of(row);
    for (; hand->count < most && next != NULL && next->row == row; next = job_of(shared->ready.head))
        begin(shared, hand, now_ms);
}

/* Hands over what ended and takes the next; false: the worker stops.  Who finds more than it takes wakes
 * another: so fast jobs are run by few threads and slow ones by all. */
static bool next_jobs(struct runtime *runtime, struct hand *hand)
{
    struct shared *shared = runtime_lock(runtime);
    hand_over(shared, hand);
    while (shared->ready.head == NULL && !shared->stopped)
    {
        shared->idle++;
        pthread_cond_wait(&shared->ready_news, &shared->lock);
        shared->idle--;
    }
    take_ready(shared, hand);
    if (shared->ready.head != NULL && shared->idle > 0)
        pthread_cond_signal(&shared->ready_news);
    runtime_unlock(runtime);
    return hand->count > 0;
}

/* Whatever it says, a job that was told to stop and did not succeed ends for that reason. */
static void judge_stopped(struct job *job)
{
    if (job->code != E_OK && job_should_stop(job))
        job->code = job_stop_reason(job, &job->err);
}

static enum err_code run(struct job *job)
{
    if (job_should_stop(job))
        return job_stop_reason(job, &job->err);
    if (job->row == NULL)
        return fail(&job->err, E_INVALID, "this worker has no job kind %.32s", job->claim.kind);
    return job->row->run(job, &job->err);
}

static void run_one(struct job *job)
{
    log_context_set((struct log_context){.request_id = job->claim.request_id,
                                         .user_id = job->claim.user_id,
                                         .job_id = job->claim.job_id,
                                         .span = span_of(job->claim.job_id, (uint64_t)job->claim.fence)});
    job->code = run(job);
    judge_stopped(job);
    log_context_set((struct log_context){0});
}

/* Those that should stop before they begin do not take part. */
static void run_batch(struct hand *hand)
{
    struct job *some[RUNTIME_BATCH];
    struct err err = ERR_INIT;
    size_t n = 0;
    for (size_t i = 0; i < hand->count; i++)
    {
        struct job *job = hand->jobs[i];
        if (job_should_stop(job))
            job->code = job_stop_reason(job, &job->err);
        else
            some[n++] = job;
    }
    enum err_code code = n > 0 ? some[0]->row->run_batch(some, n, &err) : E_OK;
    for (size_t i = 0; i < n; i++)
    {
        if (!some[i]->decided)
        {
            some[i]->code = code;
            some[i]->err = err;
        }
        judge_stopped(some[i]);
    }
}

static void run_hand(struct hand *hand)
{
    crash_point("job_claimed");
    if (hand->jobs[0]->row != NULL && hand->jobs[0]->row->run_batch != NULL)
        run_batch(hand);
    else
        run_one(hand->jobs[0]);
    crash_point("job_ran");
    const double seconds = (double)(clock_mono_ms() - hand->jobs[0]->started_ms) / 1000;
    for (size_t i = 0; i < hand->count; i++)
        metrics_observe_for(METRIC_WORKER_JOB_SECONDS, seconds, hand->jobs[i]->claim.request_id);
}

void *handler_run(void *of)
{
    struct hand hand = {.count = 0};
    while (next_jobs(of, &hand))
        run_hand(&hand);
    return NULL;
}
