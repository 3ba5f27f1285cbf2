/* SPDX-License-Identifier: Apache-2.0 */
/* A job as its handler sees it, from claim to settling. */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/obs/metrics.h"

#include <stdlib.h>
#include <string.h>

static const struct job_kind_row *row_of(const struct runtime *runtime, const char *kind)
{
    for (size_t i = 0; i < runtime->config.kinds_count; i++)
        if (strcmp(runtime->config.kinds[i].kind, kind) == 0)
            return &runtime->config.kinds[i];
    return NULL;
}

struct job *job_arrived(struct runtime *runtime, struct mq_delivery *take)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
    {
        mq_delivery_free(take);
        return NULL;
    }
    job->runtime = runtime;
    job->message = take;
    job->err = (struct err)ERR_INIT;
    return job;
}

/* The deadline of the attempt: the kind's own, or the job's, whichever comes first. */
static int64_t deadline_of(const struct job *job, int64_t now_ms)
{
    int64_t at = job->row != NULL && job->row->timeout_ms > 0 ? now_ms + job->row->timeout_ms : 0;
    if (job->claim.deadline_at_ms == 0)
        return at;
    int64_t left = job->claim.deadline_at_ms - clock_wall_ms();
    int64_t until = now_ms + (left > 0 ? left : 1);
    return at == 0 || until < at ? until : at;
}

bool job_take_claim(struct job *job, const struct job_claim *claim)
{
    struct arena *arena = arena_new_sized(JOB_FIRST_BYTES, JOB_ARENA_BYTES);
    if (arena == NULL)
        return false;
    job->arena = arena;
    job->claim = *claim;
    job->claim.job_id = arena_strdup(arena, claim->job_id);
    job->claim.kind = arena_strdup(arena, claim->kind);
    job->claim.user_id = arena_strdup(arena, claim->user_id);
    job->claim.request_id = arena_strdup(arena, claim->request_id);
    job->claim.payload = arena_strdup(arena, claim->payload);
    job->claim.checkpoint = arena_strdup(arena, claim->checkpoint);
    job->claim.parent_id = arena_strdup(arena, claim->parent_id);
    job->row = row_of(job->runtime, claim->kind);
    job->deadline_ms = deadline_of(job, clock_mono_ms());
    return !arena_failed(arena);
}

void job_free(struct job *job)
{
    if (job == NULL)
        return;
    mq_delivery_free(job->message);
    arena_free(job->arena);
    free(job->progress);
    free(job->checkpoint);
    free(job);
}

void job_ack(struct job *take)
{
    if (take->message != NULL)
        mq_ack(take->runtime->config.mq, take->message);
    metrics_add(METRIC_NATS_PROCESSED, 1);
    job_free(take);
}

void job_nak(struct job *take, int64_t delay_ms)
{
    if (take->message != NULL)
        mq_nak(take->runtime->config.mq, take->message, delay_ms);
    job_free(take);
}

/* ---- what a handler sees -------------------------------------------------------------------- */

const char *job_id(const struct job *job)
{
    return job->claim.job_id;
}

const char *job_user(const struct job *job)
{
    return job->claim.user_id;
}

int job_attempt(const struct job *job)
{
    return job->claim.attempts;
}

int64_t job_fence(const struct job *job)
{
    return job->claim.fence;
}

struct arena *job_arena(struct job *job)
{
    return job->arena;
}

const struct json *job_payload(struct job *job)
{
    struct err err = ERR_INIT;
    if (job->payload == NULL &&
        json_parse(job->arena, job->claim.payload, strlen(job->claim.payload), &job->payload, &err) != E_OK)
        return NULL;
    return job->payload;
}

const char *job_checkpoint(const struct job *job)
{
    return job->claim.checkpoint;
}

void *job_context(const struct job *job)
{
    return job->runtime->config.context;
}

enum err_code job_db(struct job *job, struct db **db, struct err *err)
{
    return db_get(job->runtime->handler_pool, db, err);
}

void job_set_result(struct job *job, const char *json)
{
    job->result = json;
}

enum err_code job_take_result(struct job *job, struct buf *take, struct err *err)
{
    const char *result = buf_keep(take, job_arena(job));
    if (result == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    job_set_result(job, result);
    return E_OK;
}

static bool is_short(const char *text)
{
    return text == NULL || strlen(text) <= JOB_TEXT_MAX;
}

/* What there is of the new goes there, and the old one comes back. */
static void swap(char **kept, char **text)
{
    char *old = *kept;
    if (*text == NULL)
        return;
    *kept = *text;
    *text = old;
}

bool job_set_progress(struct job *job, const char *progress, const char *checkpoint)
{
    if (!is_short(progress) || !is_short(checkpoint))
        return false;
    char *texts[] = {progress != NULL ? strdup(progress) : NULL,
                     checkpoint != NULL ? strdup(checkpoint) : NULL};
    const bool copied = (progress == NULL || texts[0] != NULL) && (checkpoint == NULL || texts[1] != NULL);
    if (copied && (progress != NULL || checkpoint != NULL))
    {
        runtime_lock(job->runtime);
        swap(&job->progress, &texts[0]);
        swap(&job->checkpoint, &texts[1]);
        job->unsaved = true;
        runtime_unlock(job->runtime);
    }
    free(texts[0]);
    free(texts[1]);
    return copied;
}

bool job_follow(struct job *job, const struct job_new *follow)
{
    if (job->follow == NULL)
        job->follow = arena_array(job->arena, JOB_FOLLOWS, sizeof *job->follow);
    if (job->follow == NULL || job->follows == JOB_FOLLOWS)
        return false;
    struct job_new *mine = &job->follow[job->follows++];
    *mine = *follow;
    if (mine->parent_id == NULL)
        mine->parent_id = job->claim.job_id;
    if (mine->request_id == NULL)
        mine->request_id = job->claim.request_id;
    if (mine->user_id == NULL)
        mine->user_id = job->claim.user_id;
    return true;
}

void job_end(struct job *job, const struct err *why)
{
    job->decided = true;
    job->code = why->code;
    job->err = *why;
}

void job_stop(struct job *job, enum err_code why)
{
    int none = E_OK;
    atomic_compare_exchange_strong(&job->stop_code, &none, (int)why);
    atomic_store(&job->stop, true);
}

bool job_should_stop(const struct job *job)
{
    return atomic_load(&job->stop);
}

const atomic_bool *job_stop_flag(const struct job *job)
{
    return &job->stop;
}

enum err_code job_stop_reason(const struct job *job, struct err *err)
{
    enum err_code code = (enum err_code)atomic_load(&job->stop_code);
    if (code == E_DEADLINE)
        return fail(err, code, "the job took longer than it may");
    if (code == E_SHUTDOWN)
        return fail(err, code, "the worker is shutting down; the job goes on elsewhere");
    return code == E_OK ? E_OK : fail(err, code, "the job is no longer ours");
}

enum err_code job_wait(struct job *job, int64_t wait_ms, struct err *err)
{
    struct runtime *runtime = job->runtime;
    int64_t until_ms = clock_mono_ms() + wait_ms;
    struct shared *shared = runtime_lock(runtime);
    for (int64_t left = wait_ms; left > 0 && !job_should_stop(job); left = until_ms - clock_mono_ms())
        runtime_wait(runtime, &shared->stop_news, left);
    runtime_unlock(runtime);
    return job_stop_reason(job, err);
}
