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

/* All are held from now on, and wait in `queue`, each with `why` it is not begun, or NULL. */
static void pass_on(struct starting *starting, struct job_queue *queue, bool alone, const char *why)
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
        if (why != NULL)
            job->code = fail(&job->err, E_SHUTDOWN, "%s; the job goes on elsewhere", why);
        queue_push(queue, job);
    }
    pthread_mutex_unlock(&runtime->lock);
}

/* One handler is woken; it wakes the next if there is more than it takes. */
void starting_show(struct starting *starting, bool alone)
{
    pass_on(starting, &starting->runtime->ready, alone, NULL);
    pthread_cond_signal(&starting->runtime->ready_news);
}

void starting_return(struct starting *starting, const char *why)
{
    pass_on(starting, &starting->runtime->ended, false, why);
    pthread_cond_signal(&starting->runtime->ended_news);
}
