/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: its connection is this process's presence (when it closes, the jobs are taken back).  Several
 * times a second it asks which jobs in flight are still ours, at a third of the lease it renews them on the
 * database's clock, and at a third of the broker's patience it says +WPI.  Now and then it hands back unknown
 * claims: jobs that the database says we run and that are not in flight here, because the commit of the claim
 * was in doubt, the end was never written, or the message that gave us the job got lost.
 */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/job/handoff.h"
#include "common/obs/health.h"
#include "common/outbox/outbox.h"

#include <string.h>

enum
{
    CHECK_MS = 400, /* a cancel reaches its handler within a second */
    TEXTS_BYTES =
        8 * 1024 * 1024, /* of progress and checkpoints in one renewal; the rest goes with the next */
    YOUNG_MS = 500,      /* jobs younger than this are not asked about: most end before */
    COMPARE_MS = 1000,   /* how often what the database says we run is compared with what is in flight */
    DOUBT_MS = 3000      /* of jobs that were claimed so long ago */
};
_Static_assert(HANDOFF_GOOD_MS + 500 <= DOUBT_MS, "a job may be begun after it was handed back");

struct keeper
{
    struct runtime *runtime;
    struct arena *arena;
    struct db *db;
    int64_t renew_at_ms;
    int64_t compare_at_ms;
    int64_t working_at_ms;
};

/* What one look at the jobs in flight finds; what is said about them is said without the lock. */
struct round
{
    int64_t now_ms;
    bool renews; /* leases, and takes texts along */
    struct job_beat *beats;
    size_t n;
    size_t text_bytes;
    bool texts_left;               /* some were too many for this round */
    struct mq_delivery **messages; /* shared with us, for +WPI; NULL: it is not time for it */
    size_t messages_count;
};

/* ---- looking, with the lock held ------------------------------------------------------------ */

static size_t length(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

static void take_texts(struct keeper *keeper, struct round *round, struct job *job, struct job_beat *beat)
{
    const size_t bytes = round->text_bytes + length(job->progress) + length(job->checkpoint);
    if (!round->renews || !job->unsaved)
        return;
    if (bytes > TEXTS_BYTES)
    {
        round->texts_left = true;
        return;
    }
    beat->progress = arena_strdup(keeper->arena, job->progress);
    beat->checkpoint = arena_strdup(keeper->arena, job->checkpoint);
    job->unsaved = false;
    round->text_bytes = bytes;
}

static void look_at(struct keeper *keeper, struct round *round, struct job *job)
{
    if (round->now_ms - job->link.claimed_ms < YOUNG_MS)
        return;
    struct job_beat *beat = &round->beats[round->n++];
    *beat = (struct job_beat){.job_id = arena_strdup(keeper->arena, job->claim.job_id),
                              .fence = job->claim.fence};
    take_texts(keeper, round, job, beat);
    if (round->messages == NULL || job->message == NULL)
        return;
    mq_delivery_hold(job->message);
    round->messages[round->messages_count++] = job->message;
}

static bool stop_if_late(struct job *job, int64_t now_ms)
{
    if (job->deadline_ms == 0 || now_ms < job->deadline_ms)
        return false;
    job_stop(job, E_DEADLINE);
    return true;
}

/* The jobs are known by their ids from here on: one may end at any moment. */
static enum err_code look(struct keeper *keeper, struct round *round, struct err *err)
{
    struct runtime *runtime = keeper->runtime;
    bool any_late = false;
    struct shared *shared = runtime_lock(runtime);
    const size_t n = (size_t)shared->inbox.in_flight + 1;
    round->beats = arena_array(keeper->arena, n, sizeof *round->beats);
    if (round->now_ms >= keeper->working_at_ms)
        round->messages = arena_array(keeper->arena, n, sizeof(struct mq_delivery *));
    for (struct job *job = runtime_next(runtime, NULL); job != NULL; job = runtime_next(runtime, job))
    {
        any_late = stop_if_late(job, round->now_ms) || any_late;
        if (round->beats != NULL)
            look_at(keeper, round, job);
    }
    if (any_late)
        pthread_cond_broadcast(&shared->stop_news);
    runtime_unlock(runtime);
    return arena_failed(keeper->arena) ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
}

/* ---- saying and asking ---------------------------------------------------------------------- */

/* The messages are still worked on. */
static void tell_broker(struct keeper *keeper, const struct round *round)
{
    if (round->messages != NULL)
        keeper->working_at_ms = round->now_ms + MQ_ACK_WAIT_MS / 3;
    for (size_t i = 0; i < round->messages_count; i++)
    {
        mq_working(keeper->runtime->config.mq, round->messages[i]);
        mq_delivery_free(round->messages[i]);
    }
}

/* Not all was written: texts go again with the next renewal. */
static void keep_texts(struct runtime *runtime)
{
    runtime_lock(runtime);
    for (struct job *job = runtime_next(runtime, NULL); job != NULL; job = runtime_next(runtime, job))
        job->unsaved = job->progress != NULL || job->checkpoint != NULL;
    runtime_unlock(runtime);
}

/* True: all leases were renewed. */
static bool take_answer(struct runtime *runtime, const struct round *round, const bool *ours)
{
    bool renewed = true;
    struct shared *shared = runtime_lock(runtime);
    for (size_t i = 0; i < round->n; i++)
    {
        struct job *job =
            ours[i] ? NULL : runtime_find(runtime, round->beats[i].job_id, round->beats[i].fence);
        if (job != NULL)
            job_stop(job, E_LOST);
        renewed = renewed && round->beats[i].renewed;
    }
    pthread_cond_broadcast(&shared->stop_news);
    runtime_unlock(runtime);
    return renewed;
}

static enum err_code ask_database(struct keeper *keeper, const struct round *round, bool *ours,
                                  struct err *err)
{
    if (ours == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    if (round->n == 0)
        return E_OK;
    return round->renews ? job_store_beat(keeper->db, keeper->arena, keeper->runtime->config.lease_ms,
                                          round->beats, round->n, ours, err)
                         : job_store_check(keeper->db, keeper->arena, round->beats, round->n, ours, err);
}

static enum err_code beat(struct keeper *keeper, struct err *err)
{
    struct round round = {.now_ms = clock_mono_ms()};
    round.renews = round.now_ms >= keeper->renew_at_ms;
    enum err_code code = look(keeper, &round, err);
    tell_broker(keeper, &round);
    bool *ours = arena_array(keeper->arena, round.n + 1, sizeof *ours);
    if (code == E_OK)
        code = ask_database(keeper, &round, ours, err);
    const bool renewed = code == E_OK && take_answer(keeper->runtime, &round, ours);
    if (round.renews && !renewed)
        keep_texts(keeper->runtime);
    if (round.renews && code == E_OK && !round.texts_left)
        keeper->renew_at_ms = round.now_ms + keeper->runtime->config.lease_ms / 3;
    return code;
}

/* ---- unknown claims ------------------------------------------------------------------------- */

static size_t unknown(struct runtime *runtime, const struct job_held *claims, size_t n, struct job_end *ends)
{
    size_t count = 0;
    runtime_lock(runtime);
    for (size_t i = 0; i < n; i++)
        if (runtime_find(runtime, claims[i].job_id, claims[i].fence) == NULL)
            ends[count++] = (struct job_end){.job_id = claims[i].job_id,
                                             .fence = claims[i].fence,
                                             .move = JOB_HAND_BACK,
                                             .reason = "in_doubt",
                                             .detail = "Its worker does not know of it; it is run again"};
    runtime_unlock(runtime);
    return count;
}

static enum err_code hand_back_unknown(struct keeper *keeper, int64_t min_age_ms, struct err *err)
{
    struct runtime *runtime = keeper->runtime;
    struct job_held *claims = NULL;
    size_t n = 0;
    enum err_code code =
        job_store_held(keeper->db, keeper->arena, runtime->worker_id.text, min_age_ms, &claims, &n, err);
    struct job_end *ends = code == E_OK ? arena_array(keeper->arena, n + 1, sizeof *ends) : NULL;
    bool *ours = arena_array(keeper->arena, n + 1, sizeof *ours);
    if (ends == NULL || ours == NULL)
        return code;
    size_t count = unknown(runtime, claims, n, ends);
    if (count == 0)
        return E_OK;
    log_warn("jobs_in_doubt", "handing back %zu jobs that this worker holds and does not know of", count);
    code = job_store_settle(keeper->db, keeper->arena, ends, count, ours, err);
    outbox_wake(runtime->config.outbox);
    return code;
}

static enum err_code compare(struct keeper *keeper, struct err *err)
{
    const int64_t now_ms = clock_mono_ms();
    if (now_ms < keeper->compare_at_ms)
        return E_OK;
    keeper->compare_at_ms = now_ms + COMPARE_MS;
    return hand_back_unknown(keeper, DOUBT_MS, err);
}

/* ---- being there ---------------------------------------------------------------------------- */

/* What cannot be removed now, healing removes later. */
static enum err_code remove_records(struct keeper *keeper, struct err *err)
{
    struct shared *shared = runtime_lock(keeper->runtime);
    const size_t n = shared->spent_count;
    int64_t *ids = n > 0 ? arena_array(keeper->arena, n, sizeof *ids) : NULL;
    if (ids != NULL)
        memcpy(ids, shared->spent_records, n * sizeof *ids);
    shared->spent_count = 0;
    runtime_unlock(keeper->runtime);
    return ids == NULL ? E_OK : job_store_forget_claims(keeper->db, keeper->arena, ids, n, err);
}

void keeper_on_cancel(void *of, const char *subject, const char *data, size_t len)
{
    struct runtime *runtime = of;
    const char *dot = strrchr(subject, '.');
    (void)data;
    (void)len;
    struct shared *shared = runtime_lock(runtime);
    struct job *job = dot != NULL ? runtime_find(runtime, dot + 1, -1) : NULL;
    if (job != NULL)
    {
        job_stop(job, E_LOST);
        pthread_cond_broadcast(&shared->stop_news);
    }
    runtime_unlock(runtime);
}

static bool goes_on(struct runtime *runtime)
{
    const bool on = !shared_is_over(runtime_lock(runtime));
    runtime_unlock(runtime);
    return on;
}

/* Nothing is claimed while our row in `workers` names no connection that lives. */
static void open_inbox(struct runtime *runtime)
{
    struct shared *shared = runtime_lock(runtime);
    shared->inbox.open = !shared->draining;
    runtime_unlock(runtime);
    pthread_cond_signal(&shared->intake_news);
}

static void close_inbox(struct runtime *runtime)
{
    runtime_lock(runtime)->inbox.open = false;
    runtime_unlock(runtime);
}

/* Nothing can be given to this worker once its row is gone: what it has been given and did not begin is known
 * then. */
static enum err_code leave(struct keeper *keeper, struct err *err)
{
    enum err_code code = remove_records(keeper, err);
    if (code == E_OK)
        code = worker_store_leave(keeper->db, keeper->runtime->worker_id.text, err);
    arena_reset(keeper->arena);
    return code == E_OK ? hand_back_unknown(keeper, 0, err) : code;
}

/* The next connection is registered before the old one closes: a worker without any loses its jobs. */
static enum err_code move(struct keeper *keeper, struct err *err)
{
    struct runtime *runtime = keeper->runtime;
    struct db *next = NULL;
    if (db_get(runtime->own_pool, &next, err) != E_OK)
        return err->code;
    enum err_code code = worker_store_register(next, runtime->worker_id.text, runtime->config.worker,
                                               runtime->config.node, err);
    struct db *old = keeper->db;
    keeper->db = next;
    db_put(old);
    return code;
}

/* One life of the presence connection. A short wait that ends at once when the connection does. */
static enum err_code keep(struct keeper *keeper, struct err *err)
{
    struct runtime *runtime = keeper->runtime;
    enum err_code code = worker_store_register(keeper->db, runtime->worker_id.text, runtime->config.worker,
                                               runtime->config.node, err);
    if (code == E_OK)
        open_inbox(runtime);
    while (code == E_OK && goes_on(runtime))
    {
        arena_reset(keeper->arena);
        if (db_has_moved(keeper->db))
            code = move(keeper, err);
        if (code == E_OK)
            code = beat(keeper, err);
        if (code == E_OK)
            code = remove_records(keeper, err);
        if (code == E_OK)
            code = compare(keeper, err);
        for (int part = 0; code == E_OK && part < 4 && goes_on(runtime) && !db_has_moved(keeper->db); part++)
            code = db_wait(keeper->db, -1, CHECK_MS / 4, NULL, err);
    }
    close_inbox(runtime);
    return code == E_OK ? leave(keeper, err) : code;
}

void *keeper_run(void *of)
{
    struct runtime *runtime = of;
    struct keeper keeper = {.runtime = runtime, .arena = runtime->threads.keeper.arena};
    int64_t backoff_ms = 0;
    while (goes_on(runtime))
    {
        struct err err = ERR_INIT;
        enum err_code code = db_get(runtime->own_pool, &keeper.db, &err);
        if (code == E_OK)
        {
            backoff_ms = 0;
            code = keep(&keeper, &err);
            db_put(keeper.db);
        }
        if (code == E_OK)
            continue;
        health_saw(runtime->config.health, HEALTH_DATABASE, code);
        if (code != E_DATABASE && code != E_TIMEOUT) /* of a database that is away, health tells */
            log_warn("presence_lost", "not registered with the database: %s", err.text);
        runtime_back_off(runtime, &backoff_ms);
    }
    return NULL;
}
