/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sokoul.h -- a worker of your own for Sokoul, in C.
 *
 * A worker is a name and a table of job kinds.  sokoul_worker_main does the rest: it claims jobs,
 * runs their handlers on threads, renews leases, retries, writes results and dead letters, hands
 * back what it holds at SIGTERM, and answers /health and /metrics.  Nothing accepted is lost or
 * done twice; docs/JOBS.md tells how, and how to write a worker in another language.
 *
 *     static enum sokoul_end greet(struct sokoul_job *job)
 *     {
 *         const char *name = sokoul_job_text(job, "name", "world");
 *         return sokoul_job_set_result(job, sokoul_job_printf(job, "{\"hello\":%s}", sokoul_job_quote(job,
 * name)));
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         static const struct sokoul_kind kinds[] = {{.kind = "greet", .run = greet, .timeout_ms = 10000}};
 *         static const struct sokoul_worker worker = {.name = "demo", .kinds = kinds, .kinds_count = 1};
 *         return sokoul_worker_main(argc, argv, &worker);
 *     }
 *
 * Compile with `cc worker.c $(pkg-config --cflags --libs sokoul)`.  Its jobs are accepted by
 * `sokoulctl job inject --worker demo --kind greet`, POST /jobs and sokoul_job_follow.
 *
 * A handler may run again: after a failure it asks for, after a crash, after a shutdown.  Its
 * result and its follow-up jobs count once; what it does elsewhere should be keyed by the job's id.
 *
 * Threads: a handler runs on one thread, several handlers at once; a job belongs to its handler
 * and is gone when that returns.  Memory: every text that is handed out lives as long as the job
 * and is never freed by hand; texts handed in are copied.  No function here blocks, but
 * sokoul_job_wait and sokoul_worker_main.
 */
#ifndef SOKOUL_H
#define SOKOUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
{
#endif

    struct sokoul_job;

    /* How an attempt ends. */
    enum sokoul_end
    {
        SOKOUL_DONE,      /* Completed, with the result that was set, {} otherwise */
        SOKOUL_RETRY,     /* again after 2, 4 and 8 s; the fourth failure is Failed with a dead letter */
        SOKOUL_GIVE_UP,   /* Failed at once (`refused`): it can never work */
        SOKOUL_NOT_FOUND, /* Failed at once (`not_found`): what it is about does not exist */
        SOKOUL_INVALID,   /* Failed at once (`invalid`): the payload makes no sense */
        SOKOUL_DISK_FULL, /* Failed at once (`disk_full`) */
        SOKOUL_HAND_BACK, /* not the job's fault: another worker goes on, no attempt burned */
        SOKOUL_STOPPED    /* what sokoul_job_wait answers when the job should stop: return it */
    };

    /* ---- what a handler reads --------------------------------------------------------------------- */

    const char *sokoul_job_id(const struct sokoul_job *job);      /* a UUID; the key of effects elsewhere */
    const char *sokoul_job_kind(const struct sokoul_job *job);    /* "greet" */
    const char *sokoul_job_user(const struct sokoul_job *job);    /* a UUID; all zeros: of no person */
    const char *sokoul_job_request(const struct sokoul_job *job); /* the request id, "" if there is none */
    int sokoul_job_attempt(const struct sokoul_job *job);         /* 1 is the first */
    /* The payload as JSON text, an object. */
    const char *sokoul_job_payload(const struct sokoul_job *job);
    /* One member of it; `otherwise` (may be NULL) when it is absent or of another type. */
    const char *sokoul_job_text(struct sokoul_job *job, const char *member, const char *otherwise);
    int64_t sokoul_job_int(struct sokoul_job *job, const char *member, int64_t otherwise);
    /* What an earlier attempt saved, as JSON text; NULL when there is nothing. */
    const char *sokoul_job_checkpoint(const struct sokoul_job *job);
    /* The `context` of the worker's table. */
    void *sokoul_job_context(const struct sokoul_job *job);

    /* ---- what a handler leaves -------------------------------------------------------------------- */

    /* Both answer the end to return, so that they can stand last in a handler.
     * JSON text of at most 256 KiB; SOKOUL_DONE, or SOKOUL_INVALID when it is NULL or not JSON. */
    enum sokoul_end sokoul_job_set_result(struct sokoul_job *job, const char *json);
    /* Why it failed, in plain words for the user (at most 199 bytes); `retry_after_s` puts off a retry by up
     * to an hour, 0 leaves it to the waits above. Answers `end`. */
    enum sokoul_end sokoul_job_fail(struct sokoul_job *job, enum sokoul_end end, const char *text,
                                    unsigned retry_after_s);

    /* JSON texts of at most 256 KiB each, saved with the next heartbeat (at a third of the lease) and when
     * the attempt ends without success; NULL leaves one as it is. Progress is for people, the checkpoint for
     * the next attempt.  False: not JSON, or too long, and nothing was changed; or no memory. */
    bool sokoul_job_set_progress(struct sokoul_job *job, const char *progress, const char *checkpoint);

    /* A job that is accepted in the same transaction as this one's success, for the same user and request;
     * `worker` NULL: this one, `payload` NULL: {}.  False: more than 8, a bad name, or a payload that is no
     * JSON object or has more than 60,000 bytes. */
    bool sokoul_job_follow(struct sokoul_job *job, const char *worker, const char *kind, const char *payload);

/* Texts in the job's memory (32 MiB at most); NULL when it is full. */
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    const char *
    sokoul_job_printf(struct sokoul_job *job, const char *format, ...);
    const char *sokoul_job_quote(struct sokoul_job *job,
                                 const char *text); /* as a JSON string, quotes included */

    /* ---- stopping --------------------------------------------------------------------------------- */

    /* True: it was cancelled, taken over, is too late, or the worker is shutting down. Return soon; with
     * whatever but SOKOUL_DONE, the runtime knows the reason. */
    bool sokoul_job_should_stop(const struct sokoul_job *job);
    /* Sleeps; SOKOUL_DONE after the whole time, SOKOUL_STOPPED at once when the job should stop. */
    enum sokoul_end sokoul_job_wait(struct sokoul_job *job, int64_t wait_ms);

    /* ---- the worker ------------------------------------------------------------------------------- */

    struct sokoul_kind
    {
        const char *kind; /* 1 to 32 of a-z, 0-9 and _; none of Sokoul's own */
        enum sokoul_end (*run)(struct sokoul_job *job);
        int64_t timeout_ms; /* of one attempt, past it Failed `deadline`; 0: none */
        /* Or, instead of `run`: gets whatever waits of this kind, one job or up to batch_max (0: 256) of
         * them; nothing is waited for. The end it returns is that of all jobs but those that sokoul_job_fail
         * was called for. */
        enum sokoul_end (*run_batch)(struct sokoul_job *const *jobs, size_t count);
        int batch_max;
    };

    struct sokoul_worker
    {
        const char *name;  /* as a kind is named; none of Sokoul's own: scout, hunter, bot */
        const char *about; /* one sentence for --help, or NULL */
        const struct sokoul_kind *kinds;
        size_t kinds_count;
        int concurrency;  /* handlers at once; 0: WORKER_CONCURRENCY */
        int metrics_port; /* of 127.0.0.1, where METRICS_LISTEN says nothing; 0: any free one, which the log
                             tells */
        void *context;    /* for the handlers; yours */
    };

    /* Runs until SIGTERM or SIGINT and answers the exit status: 0, 64 usage, 69 unavailable, 78
     * configuration.  Settings as for Sokoul's own programs (docs/CONFIG.md): DATABASE_URL, NATS_URL,
     * REDIS_URL and what you like, from the environment or from --env-file.  Call it once, from main, before
     * other threads. The table must outlive it. */
    int sokoul_worker_main(int argc, char **argv, const struct sokoul_worker *worker);

#ifdef __cplusplus
}
#endif

#endif
