/* SPDX-License-Identifier: Apache-2.0 */
/* From a claim to the handlers, and what is left of the claim when its jobs have been settled. */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"

#include <stdlib.h>

static void add(struct job_queue *jobs, struct claim_record *record, struct job *take,
                const struct job_claim *claim)
{
    if (take == NULL || !job_take_claim(take, claim))
    {
        log_error("out_of_memory", "no memory for job %s; it is taken back when its lease is over",
                  claim->job_id);
        job_free(take);
        if (record != NULL)
            record->kept = true;
        return;
    }
    take->record = record;
    if (record != NULL)
        record->left++;
    crash_point("claimed");
    job_queue_push(jobs, &take->link);
}

/* All are in flight from now on, and wait in `queue`; one thread is woken for them. */
static void pass_on(struct runtime *runtime, struct job_queue *jobs, struct job_queue *queue,
                    pthread_cond_t *news)
{
    const int64_t now_ms = clock_mono_ms();
    struct shared *shared = runtime_lock(runtime);
    for (struct job_link *link = jobs->head; link != NULL; link = link->next)
        inbox_claimed(&shared->inbox, link, now_ms);
    job_queue_append(queue, jobs);
    runtime_unlock(runtime);
    pthread_cond_signal(news);
}

static struct job_queue jobs_of(struct runtime *runtime, const struct job_claim *claims,
                                struct job *const *take, size_t count)
{
    struct job_queue jobs = {.count = 0};
    struct claim_record *record = calloc(1, sizeof *record); /* NULL: healing removes the row */
    if (record != NULL)
        record->id = claims[0].note;
    for (size_t i = 0; i < count; i++)
        add(&jobs, record, take != NULL ? take[i] : job_arrived(runtime, NULL), &claims[i]);
    if (jobs.count == 0)
        free(record);
    return jobs;
}

/* The handler that is woken wakes the next if there is more than it takes. */
void deliver(struct runtime *runtime, const struct job_claim *claims, struct job *const *take, size_t count)
{
    if (count == 0)
        return;
    struct job_queue jobs = jobs_of(runtime, claims, take, count);
    pass_on(runtime, &jobs, &runtime->shared.ready, &runtime->shared.ready_news);
}

void deliver_back(struct runtime *runtime, const struct job_claim *claim, const char *why)
{
    struct job_queue jobs = jobs_of(runtime, claim, NULL, 1);
    struct job *job = job_of(jobs.head);
    if (job != NULL)
        job->code = fail(&job->err, E_SHUTDOWN, "%s; the job goes on elsewhere", why);
    pass_on(runtime, &jobs, &runtime->shared.ended, &runtime->shared.ended_news);
}

static void leave_record(struct shared *shared, struct job *job)
{
    struct claim_record *record = job->record;
    job->record = NULL;
    if (record == NULL)
        return;
    record->kept = record->kept || job->unsettled;
    if (--record->left > 0)
        return;
    if (!record->kept && shared->spent_count < SPENT_RECORDS)
        shared->spent_records[shared->spent_count++] = record->id;
    free(record);
}

void deliver_settled(struct runtime *runtime, struct job *job, int64_t now_ms)
{
    leave_record(&runtime->shared, job);
    inbox_settled(&runtime->shared.inbox, &job->link, now_ms);
    if (runtime->shared.draining)
        pthread_cond_broadcast(&runtime->shared.stop_news);
}
