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
#include "common/job/settle.h"
#include "common/obs/health.h"
#include "common/obs/metrics.h"
#include "common/obs/spans.h"
#include "common/outbox/outbox.h"
#include "common/store/limits.h"

#include <stdlib.h>
#include <string.h>

enum
{
    NAK_LOST_MS = 500,
    FAST_MS = 20,     /* a job this short may be claimed well ahead */
    LINES_PER_S = 200 /* log lines about single jobs; more are counted and told in one */
};

struct settler
{
    struct runtime *runtime;
    struct job *jobs[RUNTIME_BATCH];
    struct settle_verdict verdicts[RUNTIME_BATCH];
    struct job_end ends[RUNTIME_BATCH];
    bool mine[RUNTIME_BATCH];
    size_t count;
    int64_t second; /* of the log's budget */
    int lines;
    int untold;
};

static size_t take_ended(struct runtime *runtime, struct settler *settler)
{
    pthread_mutex_lock(&runtime->lock);
    while (runtime->ended.head == NULL && !(runtime->stopped && runtime->held_count == 0))
        pthread_cond_wait(&runtime->ended_news, &runtime->lock);
    settler->count = 0;
    while (settler->count < RUNTIME_BATCH && runtime->ended.head != NULL)
        settler->jobs[settler->count++] = queue_pop(&runtime->ended);
    pthread_mutex_unlock(&runtime->lock);
    return settler->count;
}

static void judge(struct job *job, struct settle_verdict *verdict, struct job_end *end)
{
    uint32_t random = 0;
    if (job->code == E_OK && job->result != NULL && strlen(job->result) > JOB_TEXT_MAX)
        job->code = fail(&job->err, E_TOO_LARGE, "the result has more than 256 KiB");
    if (job->code != E_OK)
        random_bytes(&random, sizeof random);
    *verdict = settle(job->code, job->err.retry_after_s, job->claim.attempts, random);
    *end = (struct job_end){.job_id = job->claim.job_id,
                            .fence = job->claim.fence,
                            .move = verdict->move,
                            .delay_ms = verdict->delay_ms,
                            .reason = verdict->reason != NULL ? verdict->reason
                                      : job->code != E_OK     ? err_reason(job->code)
                                                              : NULL,
                            .detail = job->code != E_OK ? job->err.text : NULL,
                            .result = job->result,
                            .progress = job->progress,
                            .checkpoint = job->checkpoint,
                            .follow = job->follow,
                            .follows = verdict->move == JOB_FINISH ? job->follows : 0};
}

/* Settles what there is something to write for; the others were lost before. */
static enum err_code write_ends(struct settler *settler, struct db *db, struct err *err)
{
    struct job_end ends[RUNTIME_BATCH];
    size_t place[RUNTIME_BATCH];
    bool mine[RUNTIME_BATCH];
    size_t n = 0;
    for (size_t i = 0; i < settler->count; i++)
    {
        settler->mine[i] = false;
        if (settler->verdicts[i].move == JOB_MOVES)
            continue;
        place[n] = i;
        ends[n++] = settler->ends[i];
    }
    if (n == 0)
        return E_OK;
    enum err_code code = job_store_settle(db, settler->runtime->settler.arena, ends, n, mine, err);
    for (size_t i = 0; code == E_OK && i < n; i++)
        settler->mine[place[i]] = mine[i];
    return code;
}

/* The dead letter's own crash points: before it is written, and before anybody knows of it. */
static void pass_letters(const struct settler *settler, const char *point)
{
    for (size_t i = 0; i < settler->count; i++)
        if (settler->verdicts[i].move == JOB_GIVE_UP)
        {
            crash_point(point);
            return;
        }
}

static enum err_code try_settle(struct settler *settler, struct err *err)
{
    struct db *db = NULL;
    arena_reset(settler->runtime->settler.arena);
    enum err_code code = db_get(settler->runtime->own_pool, &db, err);
    if (code == E_OK)
    {
        crash_point("settle");
        pass_letters(settler, "letter_due");
        code = write_ends(settler, db, err);
    }
    db_put(db);
    return code;
}

static bool is_away(enum err_code code)
{
    return code == E_DATABASE || code == E_TIMEOUT || code == E_UNAVAILABLE;
}

/* Until the database is there, or we give up; E_OK, or what it has against these ends. */
static enum err_code settle_patiently(struct settler *settler, struct err *err)
{
    int64_t backoff_ms = 50;
    enum err_code code = try_settle(settler, err);
    for (; is_away(code) && !runtime_gives_up(settler->runtime); code = try_settle(settler, err))
    {
        health_saw(settler->runtime->config.health, HEALTH_DATABASE, code);
        log_debug("settle_waits", "%s", err->text);
        pthread_mutex_lock(&settler->runtime->lock);
        runtime_wait(settler->runtime, &settler->runtime->stop_news, backoff_ms);
        pthread_mutex_unlock(&settler->runtime->lock);
        backoff_ms = backoff_ms < 1000 ? backoff_ms * 2 : 1000;
    }
    return code;
}

/* They stay Running there, and are taken back. */
static void leave(struct settler *settler, const struct err *why)
{
    for (size_t i = 0; i < settler->count; i++)
    {
        settler->mine[i] = false;
        settler->jobs[i]->unsettled = true;
    }
    log_error("settle_failed", "%zu jobs are left to the sweeper: %s", settler->count, why->text);
}

/* The end of a job that cannot be written as it is: without what it left behind it can. Where only the memory
 * was short the job is tried again. */
static void judge_unwritable(struct settler *one, const struct err *why)
{
    struct job *job = one->jobs[0];
    enum err_code code = why->code == E_NO_MEMORY ? E_NO_MEMORY : E_INVALID;
    log_error("settle_failed", "the end of the job could not be written: %s", why->text);
    job->code = fail(&job->err, code, "its result could not be stored: %.120s", why->text);
    judge(job, &one->verdicts[0], &one->ends[0]);
    one->ends[0].progress = NULL;
    one->ends[0].checkpoint = NULL;
}

/* One bad job must not hold up the others: settle them one by one, and fail the one that cannot be written.
 */
static void settle_singly(struct settler *settler)
{
    struct settler one = {.runtime = settler->runtime, .count = 1};
    for (size_t i = 0; i < settler->count; i++)
    {
        struct err err = ERR_INIT;
        one.jobs[0] = settler->jobs[i];
        one.verdicts[0] = settler->verdicts[i];
        one.ends[0] = settler->ends[i];
        enum err_code code = runtime_gives_up(settler->runtime)
                                 ? fail(&err, E_DATABASE, "there is no time left for it")
                                 : settle_patiently(&one, &err);
        if (code != E_OK && !is_away(code))
        {
            judge_unwritable(&one, &err);
            code = settle_patiently(&one, &err);
        }
        if (code != E_OK)
            leave(&one, &err);
        settler->mine[i] = one.mine[0];
        settler->verdicts[i] = one.verdicts[0];
    }
}

/* ---- limits --------------------------------------------------------------------------------- */

static bool has_kind(const char *const *kinds, size_t n, const char *kind)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(kinds[i], kind) == 0)
            return true;
    return false;
}

/* Places that this batch has left go to those who wait. What fails here the sweeper does half a second later.
 */
static void call_waiting(struct settler *settler)
{
    const char *kinds[RUNTIME_BATCH];
    size_t n = 0;
    int64_t called = 0;
    struct db *db = NULL;
    struct err err = ERR_INIT;
    for (size_t i = 0; i < settler->count; i++)
        if (settler->jobs[i]->claim.limited && !has_kind(kinds, n, settler->jobs[i]->claim.kind))
            kinds[n++] = settler->jobs[i]->claim.kind;
    if (n == 0)
        return;
    enum err_code code = db_get(settler->runtime->own_pool, &db, &err);
    if (code == E_OK)
        code = job_limit_admit(db, settler->runtime->settler.arena, kinds, n, &called, &err);
    db_put(db);
    if (code != E_OK)
        log_debug("call_failed", "%s", err.text);
    if (called > 0)
        outbox_wake(settler->runtime->config.outbox);
}

static void settle_until_done(struct settler *settler)
{
    struct err err = ERR_INIT;
    enum err_code code = settle_patiently(settler, &err);
    if (is_away(code))
        leave(settler, &err);
    else if (code != E_OK)
        settle_singly(settler);
}

/* ---- afterwards ----------------------------------------------------------------------------- */

static void tell(struct settler *settler, const struct job *job, const struct settle_verdict *verdict,
                 bool mine)
{
    int64_t second = clock_mono_ms() / 1000;
    if (second != settler->second)
    {
        if (settler->untold > 0)
            log_info("jobs_ended", "%d more jobs ended within that second", settler->untold);
        settler->second = second;
        settler->lines = 0;
        settler->untold = 0;
    }
    bool failed = job->code != E_OK;
    if (!failed && ++settler->lines > LINES_PER_S)
    {
        settler->untold++;
        return;
    }
    log_context_set((struct log_context){
        .request_id = job->claim.request_id, .user_id = job->claim.user_id, .job_id = job->claim.job_id});
    log_event(failed && mine ? LOG_WARN : LOG_INFO, "job_ended", "%s attempt %d %s in %lld ms%s%s",
              job->claim.kind, job->claim.attempts, mine ? verdict->outcome : "lost",
              (long long)(clock_mono_ms() - job->claimed_ms), failed ? ": " : "",
              failed ? job->err.text : "");
    log_context_set((struct log_context){0});
}

static void note_span(const struct job *job, const char *outcome)
{
    struct span span;
    if (!spans_wanted())
        return;
    span_init(&span, SPAN_CONSUMER, job->claim.request_id, (clock_mono_ms() - job->claimed_ms) * 1000);
    span.id = span_of(job->claim.job_id, (uint64_t)job->claim.fence);
    span.parent = span_of_request(job->claim.request_id);
    span.failed = job->code != E_OK;
    span_name(&span, "%s", job->claim.kind);
    span_text(&span, "sokoul.job.id", job->claim.job_id);
    span_int(&span, "sokoul.job.attempt", job->claim.attempts);
    span_text(&span, "sokoul.job.outcome", outcome);
    spans_note(&span);
}

static void finish(struct settler *settler)
{
    struct runtime *runtime = settler->runtime;
    bool wake = false;
    bool fast = false;
    for (size_t i = 0; i < settler->count; i++)
    {
        struct job *job = settler->jobs[i];
        const struct settle_verdict *verdict = &settler->verdicts[i];
        bool mine = settler->mine[i];
        const char *labels[] = {runtime->config.worker, job->row != NULL ? job->row->kind : "unknown",
                                mine ? verdict->outcome : "lost"};
        metrics_count(METRIC_WORKER_JOBS, labels);
        note_span(job, labels[2]);
        if (mine && verdict->move == JOB_GIVE_UP)
            metrics_add(METRIC_DLQ, 1);
        if (verdict->move ==
            JOB_MOVES) /* stopped by a word, and nothing was written: its row may say otherwise */
            job->unsettled = true;
        wake = wake || (mine && (verdict->move != JOB_FINISH || job->follows > 0));
        fast = fast || clock_mono_ms() - job->claimed_ms < FAST_MS;
        if (job->delivery != NULL && mine)
            mq_ack(runtime->config.mq, job->delivery);
        else if (job->delivery != NULL) /* perhaps the database lost our claim: somebody looks again */
            mq_nak(runtime->config.mq, job->delivery, NAK_LOST_MS);
        tell(settler, job, verdict, mine);
    }
    crash_point("acked");
    metrics_add(METRIC_NATS_PROCESSED, settler->count);
    pthread_mutex_lock(&runtime->lock);
    bool hungry = runtime->held_count >= runtime->window;
    if (fast && hungry && runtime->window < RUNTIME_HELD_MAX)
        runtime->window = runtime->window * 2 < RUNTIME_HELD_MAX ? runtime->window * 2 : RUNTIME_HELD_MAX;
    for (size_t i = 0; i < settler->count; i++)
        runtime_release(runtime, settler->jobs[i]);
    pthread_mutex_unlock(&runtime->lock);
    pthread_cond_signal(&runtime->intake_news);
    outbox_has_room(runtime->config.outbox);
    for (size_t i = 0; i < settler->count; i++)
        job_free(settler->jobs[i]);
    if (wake)
        outbox_wake(runtime->config.outbox);
}

void *settler_run(void *of)
{
    struct runtime *runtime = of;
    struct settler settler = {.runtime = runtime};
    while (take_ended(runtime, &settler) > 0)
    {
        for (size_t i = 0; i < settler.count; i++)
            judge(settler.jobs[i], &settler.verdicts[i], &settler.ends[i]);
        settle_until_done(&settler);
        crash_point("settled");
        pass_letters(&settler, "letter_written");
        call_waiting(&settler);
        finish(&settler);
    }
    return NULL;
}
