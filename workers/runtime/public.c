/* SPDX-License-Identifier: Apache-2.0 */
/* What include/sokoul.h promises, on top of the runtime that Sokoul's own workers use. */
#include "include/sokoul.h"

#include "common/job/envelope.h"
#include "common/json/write.h"
#include "workers/runtime/internal.h"
#include "workers/runtime/program.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    TEXT_MAX = 1024 * 1024
};

/* The runtime's job under the name that others know. */
struct sokoul_job
{
    struct job job;
};

/* What the runtime carries for us: where the table of theirs is. */
struct shelf
{
    const struct sokoul_worker *worker;
};

static const enum err_code codes[] = {[SOKOUL_DONE] = E_OK,
                                      [SOKOUL_RETRY] = E_UNAVAILABLE,
                                      [SOKOUL_GIVE_UP] = E_REFUSED,
                                      [SOKOUL_NOT_FOUND] = E_NOT_FOUND,
                                      [SOKOUL_INVALID] = E_INVALID,
                                      [SOKOUL_DISK_FULL] = E_DISK_FULL,
                                      [SOKOUL_HAND_BACK] = E_SHUTDOWN,
                                      [SOKOUL_STOPPED] = E_UNAVAILABLE};

static enum err_code code_of(enum sokoul_end end)
{
    return (size_t)end < sizeof codes / sizeof codes[0] ? codes[end] : E_BUG;
}

/* ---- reading -------------------------------------------------------------------------------- */

const char *sokoul_job_id(const struct sokoul_job *job)
{
    return job_id(&job->job);
}

const char *sokoul_job_kind(const struct sokoul_job *job)
{
    return job->job.claim.kind;
}

const char *sokoul_job_user(const struct sokoul_job *job)
{
    return job_user(&job->job);
}

const char *sokoul_job_request(const struct sokoul_job *job)
{
    return job->job.claim.request_id;
}

int sokoul_job_attempt(const struct sokoul_job *job)
{
    return job_attempt(&job->job);
}

const char *sokoul_job_payload(const struct sokoul_job *job)
{
    return job->job.claim.payload;
}

const char *sokoul_job_text(struct sokoul_job *job, const char *member, const char *otherwise)
{
    return json_text(json_get(job_payload(&job->job), member), otherwise);
}

int64_t sokoul_job_int(struct sokoul_job *job, const char *member, int64_t otherwise)
{
    return json_int(json_get(job_payload(&job->job), member), otherwise);
}

const char *sokoul_job_checkpoint(const struct sokoul_job *job)
{
    return job_checkpoint(&job->job);
}

static const struct sokoul_worker *worker_of(const struct job *job)
{
    const struct shelf *shelf = job_context(job);
    return shelf->worker;
}

void *sokoul_job_context(const struct sokoul_job *job)
{
    return worker_of(&job->job)->context;
}

/* ---- leaving -------------------------------------------------------------------------------- */

static bool is_json(struct sokoul_job *job, const char *text)
{
    const struct json *doc = NULL;
    return json_parse(job_arena(&job->job), text, strlen(text), &doc, NULL) == E_OK;
}

enum sokoul_end sokoul_job_set_result(struct sokoul_job *job, const char *json)
{
    if (json == NULL || !is_json(job, json))
        return sokoul_job_fail(job, SOKOUL_INVALID, "the handler's result is not JSON", 0);
    const char *copy = arena_strdup(job_arena(&job->job), json);
    if (copy == NULL)
        return sokoul_job_fail(job, SOKOUL_RETRY, "no memory for the result", 0);
    job_set_result(&job->job, copy);
    return SOKOUL_DONE;
}

enum sokoul_end sokoul_job_fail(struct sokoul_job *job, enum sokoul_end end, const char *text,
                                unsigned retry_after_s)
{
    enum err_code code =
        fail(&job->job.err, code_of(end), "%s", text != NULL ? text : "the handler gave no reason");
    job->job.err.retry_after_s = code != E_OK ? retry_after_s : 0;
    job_end(&job->job, &job->job.err);
    return end;
}

bool sokoul_job_set_progress(struct sokoul_job *job, const char *progress, const char *checkpoint)
{
    if ((progress != NULL && !is_json(job, progress)) || (checkpoint != NULL && !is_json(job, checkpoint)))
        return false;
    return job_set_progress(&job->job, progress, checkpoint);
}

static bool fits_a_job(struct sokoul_job *job, const char *text)
{
    const struct json *doc = NULL;
    const char *kept = NULL;
    return json_parse(job_arena(&job->job), text, strlen(text), &doc, NULL) == E_OK &&
           envelope_payload(job_arena(&job->job), doc, &kept, NULL) == E_OK;
}

bool sokoul_job_follow(struct sokoul_job *job, const char *worker, const char *kind, const char *payload)
{
    struct arena *arena = job_arena(&job->job);
    const char *to = worker != NULL ? worker : worker_of(&job->job)->name;
    struct id id = id_new();
    if (!job_is_token(to) || !job_is_token(kind) || (payload != NULL && !fits_a_job(job, payload)))
        return false;
    const struct job_new follow = {.job_id = arena_strdup(arena, id.text),
                                   .kind = arena_strdup(arena, kind),
                                   .worker = arena_strdup(arena, to),
                                   .user_id = job_user(&job->job),
                                   .request_id = job->job.claim.request_id,
                                   .payload = payload != NULL ? arena_strdup(arena, payload) : "{}",
                                   .priority = job->job.claim.priority,
                                   .parent_id = job_id(&job->job)};
    return !arena_failed(arena) && job_follow(&job->job, &follow);
}

const char *sokoul_job_printf(struct sokoul_job *job, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        return NULL;
    char *copy = arena_strdup(job_arena(&job->job), text);
    free(text);
    return copy;
}

const char *sokoul_job_quote(struct sokoul_job *job, const char *text)
{
    struct buf buf;
    buf_init(&buf, TEXT_MAX);
    struct json_writer w = json_writer(&buf);
    json_begin_array(&w, NULL);
    json_put_text(&w, NULL, text);
    json_end_array(&w);
    /* The writer writes whole documents: the brackets around the one element go again. */
    char *copy = buf.failed ? NULL : arena_strndup(job_arena(&job->job), buf.data + 1, buf.len - 2);
    buf_fini(&buf);
    return copy;
}

/* ---- stopping ------------------------------------------------------------------------------- */

bool sokoul_job_should_stop(const struct sokoul_job *job)
{
    return job_should_stop(&job->job);
}

enum sokoul_end sokoul_job_wait(struct sokoul_job *job, int64_t wait_ms)
{
    return job_wait(&job->job, wait_ms, &job->job.err) == E_OK ? SOKOUL_DONE : SOKOUL_STOPPED;
}

/* ---- the worker ----------------------------------------------------------------------------- */

static const struct sokoul_kind *kind_of(const struct sokoul_worker *worker, const char *name)
{
    for (size_t i = 0; i < worker->kinds_count; i++)
        if (strcmp(worker->kinds[i].kind, name) == 0)
            return &worker->kinds[i];
    return NULL;
}

/* Runs a handler of theirs; every row of our table leads here. */
static enum err_code run(struct job *job, struct err *err)
{
    const struct sokoul_kind *kind = kind_of(worker_of(job), job->claim.kind);
    enum err_code code = code_of(kind->run((struct sokoul_job *)job));
    return code == E_OK || err->code == code ? code : fail(err, code, "the handler gave no reason");
}

static enum err_code run_batch(struct job *const *jobs, size_t count, struct err *err)
{
    const struct sokoul_kind *kind = kind_of(worker_of(jobs[0]), jobs[0]->claim.kind);
    struct sokoul_job *theirs[RUNTIME_BATCH];
    for (size_t i = 0; i < count; i++)
        theirs[i] = (struct sokoul_job *)jobs[i];
    enum err_code code = code_of(kind->run_batch(theirs, count));
    return code == E_OK ? E_OK : fail(err, code, "the handler gave no reason");
}

/* What is wrong with the table; NULL: nothing. */
static const char *complaint(const struct sokoul_worker *worker)
{
    if (worker->name == NULL || !job_is_token(worker->name) || job_worker_known(worker->name))
        return "a worker's name must be 1 to 32 of a-z, 0-9 and _, and not scout, hunter or bot";
    if (worker->kinds_count == 0)
        return "a worker needs kinds";
    for (size_t i = 0; i < worker->kinds_count; i++)
    {
        const struct sokoul_kind *kind = &worker->kinds[i];
        if ((kind->run == NULL) == (kind->run_batch == NULL) || kind->kind == NULL ||
            !job_worker_runs(worker->name, kind->kind))
            return "a kind needs one handler and a name of 1 to 32 of a-z, 0-9 and _, none of Sokoul's own";
        if (kind_of(worker, kind->kind) != kind)
            return "a kind stands twice in the table";
    }
    return NULL;
}

int sokoul_worker_main(int argc, char **argv, const struct sokoul_worker *worker)
{
    const char *wrong = complaint(worker);
    struct shelf shelf = {worker};
    struct job_kind_row *rows = calloc(worker->kinds_count + 1, sizeof *rows);
    if (wrong != NULL || rows == NULL)
    {
        fprintf(stderr, "sokoul: %s\n", wrong != NULL ? wrong : "out of memory");
        free(rows);
        return err_exit(wrong != NULL ? E_CONFIG : E_NO_MEMORY);
    }
    for (size_t i = 0; i < worker->kinds_count; i++)
    {
        const struct sokoul_kind *kind = &worker->kinds[i];
        rows[i] = (struct job_kind_row){.kind = kind->kind,
                                        .run = kind->run != NULL ? run : NULL,
                                        .timeout_ms = kind->timeout_ms,
                                        .run_batch = kind->run_batch != NULL ? run_batch : NULL,
                                        .batch_max = kind->batch_max};
    }
    const struct program program = {.worker = worker->name,
                                    .service = worker->name,
                                    .about = worker->about != NULL ? worker->about : "Runs jobs of Sokoul.",
                                    .conf = CONF_WORKER,
                                    .metrics_port = worker->metrics_port,
                                    .concurrency = worker->concurrency,
                                    .kinds = rows,
                                    .kinds_count = worker->kinds_count,
                                    .context = &shelf};
    int status = program_main(&program, argc, argv);
    free(rows);
    return status;
}
