/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that uses all of include/sokoul.h, for tests/e2e/test_library.py.  KIT_WORKER names it otherwise
 * than `kit`; KIT_KIND gives its table one more kind. */
#include <sokoul.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ends as the payload's number says, on the first attempt; later ones are done. */
static enum sokoul_end end_as_told(struct sokoul_job *job)
{
    enum sokoul_end end = (enum sokoul_end)sokoul_job_int(job, "end", SOKOUL_DONE);
    unsigned wait_s = (unsigned)sokoul_job_int(job, "wait_s", 0);
    bool again = sokoul_job_attempt(job) > 1 || sokoul_job_checkpoint(job) != NULL;
    if (again || end == SOKOUL_DONE)
        return SOKOUL_DONE;
    if (end == SOKOUL_HAND_BACK)
    {
        const char *kept = sokoul_job_text(job, "keep", NULL);
        sokoul_job_set_progress(job, kept, kept != NULL ? kept : "{\"was\":\"here\"}");
        if (sokoul_job_wait(job, sokoul_job_int(job, "pause_ms", 0)) != SOKOUL_DONE)
            return SOKOUL_STOPPED;
    }
    const char *text = sokoul_job_text(job, "text", NULL);
    return text != NULL ? sokoul_job_fail(job, end, text, wait_s) : end;
}

/* Tells all it sees, and has two more jobs done. */
static enum sokoul_end tell(struct sokoul_job *job)
{
    char deep[70000];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    bool refused = !sokoul_job_follow(job, "No body", "end", NULL) &&
                   !sokoul_job_follow(job, NULL, "end", "[]") &&
                   !sokoul_job_follow(job, NULL, "end", sokoul_job_printf(job, "{\"x\":\"%065000d\"}", 0)) &&
                   !sokoul_job_follow(job, NULL, "e-n-d", NULL) && !sokoul_job_set_progress(job, "{", NULL) &&
                   !sokoul_job_set_progress(job, NULL, deep) && !sokoul_job_should_stop(job);
    bool taken = sokoul_job_follow(job, NULL, "end", NULL) &&
                 sokoul_job_follow(job, "scout", "noop", "{\"sleep_ms\":1}") &&
                 sokoul_job_set_progress(job, "{\"half\":true}", NULL);
    const char *const *context = sokoul_job_context(job);
    return sokoul_job_set_result(
        job, sokoul_job_printf(
                 job,
                 "{\"id\":%s,\"kind\":%s,\"user\":%s,\"request\":%s,\"attempt\":%d,\"payload\":%s,"
                 "\"context\":%s,\"refused\":%s,\"taken\":%s,\"text\":%s,\"other\":%lld}",
                 sokoul_job_quote(job, sokoul_job_id(job)), sokoul_job_quote(job, sokoul_job_kind(job)),
                 sokoul_job_quote(job, sokoul_job_user(job)), sokoul_job_quote(job, sokoul_job_request(job)),
                 sokoul_job_attempt(job), sokoul_job_payload(job), sokoul_job_quote(job, *context),
                 refused ? "true" : "false", taken ? "true" : "false",
                 sokoul_job_quote(job, sokoul_job_text(job, "number", "no text")),
                 (long long)sokoul_job_int(job, "text", -7)));
}

static enum sokoul_end bad_result(struct sokoul_job *job)
{
    return sokoul_job_set_result(job, sokoul_job_int(job, "null", 0) != 0 ? NULL : "{\"cut\":");
}

/* Never ends by itself. */
static enum sokoul_end linger(struct sokoul_job *job)
{
    while (sokoul_job_wait(job, 100) == SOKOUL_DONE)
        continue;
    return SOKOUL_STOPPED;
}

/* Looks at no flag: a handler as it should not be. */
static enum sokoul_end deaf(struct sokoul_job *job)
{
    while (sokoul_job_id(job) != NULL)
        pause();
    return SOKOUL_DONE;
}

/* Tells each how many they were; the payload may single one out, or have all of them try again once. */
static enum sokoul_end together(struct sokoul_job *const *jobs, size_t count)
{
    bool again = false;
    for (size_t i = 0; i < count; i++)
    {
        if (sokoul_job_int(jobs[i], "odd", 0) == 1)
            sokoul_job_fail(jobs[i], SOKOUL_GIVE_UP, "the odd one", 0);
        else
            sokoul_job_set_result(jobs[i], sokoul_job_printf(jobs[i], "{\"count\":%zu}", count));
        again = again || (sokoul_job_int(jobs[i], "again", 0) == 1 && sokoul_job_attempt(jobs[i]) == 1);
    }
    return again ? SOKOUL_RETRY : SOKOUL_DONE;
}

int main(int argc, char **argv)
{
    static const char *context = "the worker's own";
    const char *name = getenv("KIT_WORKER");
    const char *more = getenv("KIT_KIND");
    const struct sokoul_kind kinds[] = {{.kind = "end", .run = end_as_told},
                                        {.kind = "tell", .run = tell},
                                        {.kind = "bad_result", .run = bad_result},
                                        {.kind = "linger", .run = linger, .timeout_ms = 1000},
                                        {.kind = "together", .run_batch = together, .batch_max = 10},
                                        {.kind = "deaf", .run = deaf},
                                        {.kind = more, .run = linger}};
    const struct sokoul_worker worker = {.name = name != NULL ? name : "kit",
                                         .kinds = kinds,
                                         .kinds_count = more != NULL ? 7 : 6,
                                         .concurrency = 3,
                                         .context = &context};
    return sokoul_worker_main(argc, argv, &worker);
}
