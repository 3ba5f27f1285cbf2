/* SPDX-License-Identifier: Apache-2.0 */
/* A worker of one's own: the kind `greet` of the worker `demo`.  Its payload {"name"?, "pause_ms"?, "fail"?:
 * n} says whom to greet, how long that takes, and how many attempts fail first.  Built by `make examples`. */
#include <sokoul.h>

static enum sokoul_end greet(struct sokoul_job *job)
{
    int64_t pause_ms = sokoul_job_int(job, "pause_ms", 0);
    const char *name = sokoul_job_text(job, "name", NULL);
    if (name == NULL)
        return sokoul_job_fail(job, SOKOUL_INVALID, "name is missing: whom shall I greet?", 0);
    sokoul_job_set_progress(job, "{\"stage\":\"thinking\"}", NULL);
    if (sokoul_job_wait(job, pause_ms) != SOKOUL_DONE)
        return SOKOUL_STOPPED;
    if (sokoul_job_attempt(job) <= sokoul_job_int(job, "fail", 0))
        return sokoul_job_fail(job, SOKOUL_RETRY, "the words do not come", 0);

    const char *greeting = sokoul_job_printf(job, "Hello, %s!", name);
    return sokoul_job_set_result(job,
                                 sokoul_job_printf(job, "{\"greeting\":%s,\"attempt\":%d}",
                                                   sokoul_job_quote(job, greeting), sokoul_job_attempt(job)));
}

int main(int argc, char **argv)
{
    static const struct sokoul_kind kinds[] = {{.kind = "greet", .run = greet, .timeout_ms = 60000}};
    static const struct sokoul_worker worker = {
        .name = "demo", .about = "Greets people.", .kinds = kinds, .kinds_count = 1};
    return sokoul_worker_main(argc, argv, &worker);
}
