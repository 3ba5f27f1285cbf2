/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settler: whatever has ended goes to Postgres in one transaction, and only after its
 * COMMIT are the messages acknowledged.  With the database away it tries again until it is
 * back: a commit in doubt is settled again, and "no longer ours" is then the answer.
 */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/base/crash.h"
#include "common/base/random.h"
#include "common/obs/health.h"
#include "common/obs/metrics.h"
#include "common/obs/spans.h"
#include "common/outbox/outbox.h"
#include "common/store/limits.h"

#include <string.h>

enum
{
    LINES_PER_S = 200 /* log lines about single jobs; more are counted and reported in one */
};

struct settler
{
    struct runtime *runtime;
    struct job *jobs[RUNTIME_BATCH];
    size_t count;
    int64_t second; /* of the log's budget */
    int lines;
    int left_out;
};

static size_t take_ended(struct settler *settler)
{
    struct shared *shared = runtime_lock(settler->runtime);
    while (shared->ended.head == NULL && !shared_is_over(shared))
        pthread_cond_wait(&shared->ended_news, &shared->lock);
    settler->count = 0;
    while (settler->count < RUNTIME_BATCH && shared->ended.head != NULL)
        settler->jobs[settler->count++] = job_queue_pop(&shared->ended);
    runtime_unlock(settler->runtime);
    return settler->count;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void judge(struct job *job)
{
    uint32_t random = 0;
    if (job->code == E_OK && job->result != NULL && strlen(job->result) > JOB_TEXT_MAX)
        job->code = fail(&job->err, E_TOO_LARGE, "the result has more than 256 KiB");
    if (job->code != E_OK)
        random_bytes(&random, sizeof random);
    job->verdict = settle(job->code, job->err.retry_after_s, job->claim.attempts, random);
    job->unsettled = job->verdict.move == JOB_MOVES; /* stopped by a hint: its row may say otherwise */
}

static struct job_end end_of(const struct job *job)
{
    const struct settle_verdict *verdict = &job->verdict;
    const bool failed = job->code != E_OK;
    return (struct job_end){.job_id = job->claim.job_id,
                            .fence = job->claim.fence,
                            .move = verdict->move,
                            .delay_ms = verdict->delay_ms,
                            .reason = verdict->reason != NULL ? verdict->reason
                                      : failed                ? err_reason(job->code)
                                                              : NULL,
                            .detail = failed ? job->err.text : NULL,
                            .result = job->result,
                            .progress = job->bare ? NULL : job->progress,
                            .checkpoint = job->bare ? NULL : job->checkpoint,
                            .follow = job->follow,
                            .follows = verdict->move == JOB_FINISH ? job->follows : 0};
}

/* The dead letter's own crash points: before it is written, and before anybody knows of it. */
static void pass_dead_letters(struct job *const *jobs, size_t count, const char *point)
{
    for (size_t i = 0; i < count; i++)
        if (jobs[i]->verdict.move == JOB_GIVE_UP)
        {
            crash_point(point);
            return;
        }
}

/* One transaction.  Of a job that was lost before there is nothing to write, and the store leaves it out. */
static enum err_code write_ends(struct runtime *runtime, struct job *const *jobs, size_t count,
                                struct err *err)
{
    struct arena *arena = runtime->threads.settler.arena;
    struct job_end ends[RUNTIME_BATCH];
    bool ours[RUNTIME_BATCH] = {false};
    struct db *db = NULL;
    for (size_t i = 0; i < count; i++)
        ends[i] = end_of(jobs[i]);
    arena_reset(arena);
    enum err_code code = db_get(runtime->own_pool, &db, err);
    if (code == E_OK)
    {
        crash_point("settle");
        pass_dead_letters(jobs, count, "letter_due");
        code = job_store_settle(db, arena, ends, count, ours, err);
    }
    db_put(db);
    for (size_t i = 0; i < count; i++)
        jobs[i]->ours = code == E_OK && ours[i];
    return code;
}

static bool is_away(enum err_code code)
{
    return code == E_DATABASE || code == E_TIMEOUT || code == E_UNAVAILABLE;
}

/* Until the database is there, or we give up; E_OK, or what it has against these ends. */
static enum err_code write_patiently(struct runtime *runtime, struct job *const *jobs, size_t count,
                                     struct err *err)
{
    int64_t backoff_ms = 0;
    enum err_code code = write_ends(runtime, jobs, count, err);
    for (; is_away(code) && !runtime_gives_up(runtime); code = write_ends(runtime, jobs, count, err))
    {
        health_saw(runtime->config.health, HEALTH_DATABASE, code);
        log_debug("settle_waits", "%s", err->text);
        runtime_back_off(runtime, &backoff_ms);
    }
    return code;
}

/* They stay Running there, and are taken back. */
static void leave(struct job *const *jobs, size_t count, const struct err *why)
{
    for (size_t i = 0; i < count; i++)
        jobs[i]->unsettled = true;
    log_error("settle_failed", "%zu jobs are left to healing: %s", count, why->text);
}

/* The end of a job that cannot be written as it is: without what it left behind it can.  Where only the
 * memory was short the job is tried again. */
static void judge_unwritable(struct job *job, const struct err *why)
{
    log_error("settle_failed", "the end of the job could not be written: %s", why->text);
    job->code = fail(&job->err, why->code == E_NO_MEMORY ? E_NO_MEMORY : E_INVALID,
                     "its result could not be stored: %.120s", why->text);
    job->bare = true;
    judge(job);
}

static void settle_one(struct runtime *runtime, struct job *job)
{
    struct err err = ERR_INIT;
    enum err_code code = runtime_gives_up(runtime) ? fail(&err, E_DATABASE, "there is no time left for it")
                                                   : write_patiently(runtime, &job, 1, &err);
    if (code != E_OK && !is_away(code))
    {
        judge_unwritable(job, &err);
        code = write_patiently(runtime, &job, 1, &err);
    }
    if (code != E_OK)
        leave(&job, 1, &err);
}

/* One bad job must not hold up the others: they are settled one by one then. */
static void settle_all(const struct settler *settler)
{
    struct err err = ERR_INIT;
    enum err_code code = write_patiently(settler->runtime, settler->jobs, settler->count, &err);
    if (is_away(code))
        leave(settler->jobs, settler->count, &err);
    for (size_t i = 0; i < settler->count && code != E_OK && !is_away(code); i++)
        settle_one(settler->runtime, settler->jobs[i]);
}

/* ---- limits --------------------------------------------------------------------------------- */

static bool has_kind(const char *const *kinds, size_t n, const char *kind)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(kinds[i], kind) == 0)
            return true;
    return false;
}

/* What these jobs leave free under limits goes to jobs that are queued for it.  What fails here healing
 * does half a second later. */
static void admit_queued(const struct settler *settler)
{
    const char *kinds[RUNTIME_BATCH];
    size_t n = 0;
    int64_t admitted = 0;
    struct db *db = NULL;
    struct err err = ERR_INIT;
    for (size_t i = 0; i < settler->count; i++)
        if (settler->jobs[i]->claim.limited && !has_kind(kinds, n, settler->jobs[i]->claim.kind))
            kinds[n++] = settler->jobs[i]->claim.kind;
    if (n == 0)
        return;
    enum err_code code = db_get(settler->runtime->own_pool, &db, &err);
    if (code == E_OK)
        code = job_limit_admit(db, settler->runtime->threads.settler.arena, kinds, n, &admitted, &err);
    db_put(db);
    if (code != E_OK)
        log_debug("admit_failed", "%s", err.text);
    if (admitted > 0)
        outbox_wake(settler->runtime->config.outbox);
}

/* ---- afterwards ----------------------------------------------------------------------------- */

/* False: the second has had its lines, and this one is counted. */
static bool may_log(struct settler *settler)
{
    const int64_t second = clock_mono_ms() / 1000;
    if (second != settler->second)
    {
        if (settler->left_out > 0)
            log_info("jobs_ended", "%d more jobs ended within that second", settler->left_out);
        settler->second = second;
        settler->lines = 0;
        settler->left_out = 0;
    }
    if (++settler->lines <= LINES_PER_S)
        return true;
    settler->left_out++;
    return false;
}

static void log_end(const struct job *job, const char *outcome)
{
    const bool failed = job->code != E_OK;
    log_context_set((struct log_context){
        .request_id = job->claim.request_id, .user_id = job->claim.user_id, .job_id = job->claim.job_id});
    log_event(failed && job->ours ? LOG_WARN : LOG_INFO, "job_ended", "%s attempt %d %s in %lld ms%s%s",
              job->claim.kind, job->claim.attempts, outcome,
              (long long)(clock_mono_ms() - job->link.claimed_ms), failed ? ": " : "",
              failed ? job->err.text : "");
    log_context_set((struct log_context){0});
}

static void note_span(const struct job *job, const char *outcome)
{
    struct span span;
    if (!spans_wanted())
        return;
    span_init(&span, SPAN_CONSUMER, job->claim.request_id, (clock_mono_ms() - job->link.claimed_ms) * 1000);
    span.id = span_of(job->claim.job_id, (uint64_t)job->claim.fence);
    span.parent = span_of_request(job->claim.request_id);
    span.failed = job->code != E_OK;
    span_name(&span, "%s", job->claim.kind);
    span_text(&span, "sokoul.job.id", job->claim.job_id);
    span_int(&span, "sokoul.job.attempt", job->claim.attempts);
    span_text(&span, "sokoul.job.outcome", outcome);
    spans_note(&span);
}

static void report(struct settler *settler, const struct job *job)
{
    const char *outcome = job->ours ? job->verdict.outcome : "lost";
    const char *labels[] = {settler->runtime->config.worker, job->row != NULL ? job->row->kind : "unknown",
                            outcome};
    metrics_count(METRIC_WORKER_JOBS, labels);
    if (job->ours && job->verdict.move == JOB_GIVE_UP)
        metrics_add(METRIC_DLQ, 1);
    note_span(job, outcome);
    if (job->code != E_OK || may_log(settler))
        log_end(job, outcome);
}

/* Their slots are free. */
static void release(const struct settler *settler)
{
    struct runtime *runtime = settler->runtime;
    const int64_t now_ms = clock_mono_ms();
    struct shared *shared = runtime_lock(runtime);
    for (size_t i = 0; i < settler->count; i++)
        deliver_settled(runtime, settler->jobs[i], now_ms);
    runtime_unlock(runtime);
    pthread_cond_signal(&shared->intake_news);
    outbox_has_free_slots(runtime->config.outbox);
}

static bool left_outbox_rows(const struct job *job)
{
    return job->ours && (job->verdict.move != JOB_FINISH || job->follows > 0);
}

/* Of a job that is not ours the database may have lost our claim: somebody is to look again. */
static void acknowledge(struct settler *settler)
{
    bool wake = false;
    for (size_t i = 0; i < settler->count; i++)
    {
        struct job *job = settler->jobs[i];
        report(settler, job);
        wake = wake || left_outbox_rows(job);
        if (job->ours)
            job_ack(job);
        else
            job_nak(job, NAK_LOST_MS);
    }
    crash_point("acked");
    if (wake)
        outbox_wake(settler->runtime->config.outbox);
}

void *settler_run(void *of)
{
    struct settler settler = {.runtime = of};
    while (take_ended(&settler) > 0)
    {
        for (size_t i = 0; i < settler.count; i++)
            judge(settler.jobs[i]);
        settle_all(&settler);
        crash_point("settled");
        pass_dead_letters(settler.jobs, settler.count, "letter_written");
        admit_queued(&settler);
        release(&settler);
        acknowledge(&settler);
    }
    return NULL;
}
