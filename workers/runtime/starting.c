/* SPDX-License-Identifier: Apache-2.0 */
/* Claims on their way to the handlers. */
#include "workers/runtime/internal.h"

#include "common/base/crash.h"

#include <stdlib.h>

struct starting starting_of(struct runtime *runtime, int64_t note)
{
    struct starting starting = {.runtime = runtime, .note = malloc(sizeof *starting.note)};
    if (starting.note != NULL)
        *starting.note = (struct note){.id = note};
    return starting;
}

void starting_add(struct starting *starting, const struct job_claim *claim, struct mq_delivery *take)
{
    struct job *job = job_new_of(starting->runtime, claim, take);
    if (job == NULL)
    {
        log_error("out_of_memory", "no memory for job %s; it is taken back when its lease is over",
                  claim->job_id);
        if (starting->note != NULL)
            starting->note->lost = true;
        return;
    }
    job->note = starting->note;
    if (job->note != NULL)
        job->note->left++;
    crash_point("claimed");
    queue_push(&starting->jobs, job);
}

/* One handler is woken; it wakes the next if there is more than it takes. */
void starting_show(struct starting *starting, bool alone)
{
    struct runtime *runtime = starting->runtime;
    struct job *job = NULL;
    if (starting->jobs.count == 0)
        free(starting->note);
    pthread_mutex_lock(&runtime->lock);
    while ((job = queue_pop(&starting->jobs)) != NULL)
    {
        runtime_hold(runtime, job);
        if (alone)
            runtime->suspect = job;
        queue_push(&runtime->ready, job);
    }
    pthread_mutex_unlock(&runtime->lock);
    pthread_cond_signal(&runtime->ready_news);
}

void starting_return(struct starting *starting, const char *why)
{
    struct runtime *runtime = starting->runtime;
    struct job *job = NULL;
    if (starting->jobs.count == 0)
        free(starting->note);
    pthread_mutex_lock(&runtime->lock);
    while ((job = queue_pop(&starting->jobs)) != NULL)
    {
        runtime_hold(runtime, job);
        job->code = fail(&job->err, E_SHUTDOWN, "%s; the job goes on elsewhere", why);
        queue_push(&runtime->ended, job);
    }
    pthread_cond_signal(&runtime->ended_news);
    pthread_mutex_unlock(&runtime->lock);
}
