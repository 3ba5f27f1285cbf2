/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: its connection is this process's presence (when it closes, the jobs are taken
 * back); several times a second it asks which jobs are still ours, at a third of the lease it renews
 * them on the database's clock, and at a third of the broker's patience it says +WPI.  Now and then it
 * compares: what the database says we run and nobody here knows of, because the commit of its claim was in
 * doubt, its end was never written, or the word that we were given it got lost, it hands back.
 */
#include "workers/runtime/internal.h"

#include "common/base/clock.h"
#include "common/job/offer.h"
#include "common/obs/health.h"
#include "common/outbox/outbox.h"

#include <stdlib.h>
#include <string.h>

enum
{
    CHECK_MS = 400, /* a cancel reaches its handler within a second */
    TEXTS_BYTES =
        8 * 1024 * 1024, /* of progress and checkpoints in one renewal; the rest goes with the next */
    FRESH_MS = 500,      /* jobs younger than this are not asked about: most end before */
    COMPARE_MS = 1000,   /* how often what the database says it runs is compared with what it knows */
    DOUBT_MS = 3000      /* of jobs that were claimed so long ago */
};
_Static_assert(GIVEN_GOOD_MS + 500 <= DOUBT_MS, "a job may be begun after it was handed back");

struct keeper
{
    struct runtime *runtime;
    struct arena *arena;
    struct db *db;
    int64_t beat_at_ms;
    int64_t compare_at_ms;
    int64_t working_at_ms;
};

/* What the database is told in one statement. */
struct round
{
    struct job_beat *beats;
    size_t n;
    size_t text_bytes;
    bool renews;     /* leases, and takes texts along */
    bool texts_left; /* some were too many for this round */
};

static size_t length(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

static void take_texts(struct keeper *keeper, struct round *round, struct job *job, struct job_beat *beat)
{
    pthread_mutex_lock(&job->lock);
    const size_t bytes = job->untold ? length(job->progress) + length(job->checkpoint) : 0;
    const bool fits = round->text_bytes + bytes <= TEXTS_BYTES;
    if (job->untold && fits)
    {
        beat->progress = arena_strdup(keeper->arena, job->progress);
        beat->checkpoint = arena_strdup(keeper->arena, job->checkpoint);
        job->untold = false;
        round->text_bytes += bytes;
    }
    pthread_mutex_unlock(&job->lock);
    round->texts_left = round->texts_left || !fits;
}

/* The held jobs as they are now, by their ids: a job may end at any moment. */
static enum err_code snapshot(struct keeper *keeper, struct round *round, struct err *err)
{
    struct runtime *runtime = keeper->runtime;
    int64_t now = clock_mono_ms();
    pthread_mutex_lock(&runtime->lock);
    round->beats = arena_array(keeper->arena, (size_t)runtime->held_count + 1, sizeof *round->beats);
    for (struct job *job = runtime->held; round->beats != NULL && job != NULL; job = job->held_next)
    {
        if (now - job->claimed_ms < FRESH_MS)
            continue;
        struct job_beat *beat = &round->beats[round->n++];
        *beat = (struct job_beat){.job_id = arena_strdup(keeper->arena, job->claim.job_id),
                                  .fence = job->claim.fence};
        if (round->renews)
            take_texts(keeper, round, job, beat);
    }
    pthread_mutex_unlock(&runtime->lock);
    return arena_failed(keeper->arena) ? fail(err, E_NO_MEMORY, "out of memory") : E_OK;
}

/* Not all was written: texts go again with the next renewal. */
static void keep_texts(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    for (struct job *job = runtime->held; job != NULL; job = job->held_next)
    {
        pthread_mutex_lock(&job->lock);
        job->untold = job->untold || job->progress != NULL || job->checkpoint != NULL;
        pthread_mutex_unlock(&job->lock);
    }
    pthread_mutex_unlock(&runtime->lock);
}

static void stop_lost(struct runtime *runtime, const struct job_beat *beats, const bool *mine, size_t n)
{
    pthread_mutex_lock(&runtime->lock);
    for (size_t i = 0; i < n; i++)
    {
        struct job *job = mine[i] ? NULL : runtime_find(runtime, beats[i].job_id, beats[i].fence);
        if (job != NULL)
            job_stop(job, E_LOST);
    }
    pthread_cond_broadcast(&runtime->stop_news);
    pthread_mutex_unlock(&runtime->lock);
}

static void stop_late(struct runtime *runtime)
{
    int64_t now = clock_mono_ms();
    bool any = false;
    pthread_mutex_lock(&runtime->lock);
    for (struct job *job = runtime->held; job != NULL; job = job->held_next)
    {
        if (job->deadline_ms == 0 || now < job->deadline_ms)
            continue;
        job_stop(job, E_DEADLINE);
        any = true;
    }
    if (any)
        pthread_cond_broadcast(&runtime->stop_news);
    pthread_mutex_unlock(&runtime->lock);
}

/* The messages that the server must hear of; most are too young.  Each is to be freed. */
static size_t old_messages(struct keeper *keeper, int64_t now, struct mq_delivery ***out)
{
    struct runtime *runtime = keeper->runtime;
    size_t n = 0;
    pthread_mutex_lock(&runtime->lock);
    struct mq_delivery **old = arena_array(keeper->arena, (size_t)runtime->held_count + 1, sizeof *old);
    for (struct job *job = runtime->held; old != NULL && job != NULL; job = job->held_next)
        if (job->delivery != NULL && now - job->claimed_ms > FRESH_MS)
        {
            mq_delivery_hold(job->delivery);
            old[n++] = job->delivery;
        }
    pthread_mutex_unlock(&runtime->lock);
    *out = old;
    return n;
}

/* Tells the server that the held messages are still worked on. Without the lock: it may not read. */
static void beat_messages(struct keeper *keeper)
{
    struct mq_delivery **old = NULL;
    int64_t now = clock_mono_ms();
    if (now < keeper->working_at_ms)
        return;
    keeper->working_at_ms = now + MQ_ACK_WAIT_MS / 3;
    const size_t n = old_messages(keeper, now, &old);
    for (size_t i = 0; i < n; i++)
    {
        mq_working(keeper->runtime->config.mq, old[i]);
        mq_delivery_free(old[i]);
    }
}

static bool are_renewed(const struct round *round)
{
    for (size_t i = 0; i < round->n; i++)
        if (!round->beats[i].renewed)
            return false;
    return true;
}

static enum err_code beat(struct keeper *keeper, struct err *err)
{
    struct runtime *runtime = keeper->runtime;
    const int64_t now = clock_mono_ms();
    struct round round = {.renews = now >= keeper->beat_at_ms};
    enum err_code code = snapshot(keeper, &round, err);
    bool *mine = arena_array(keeper->arena, round.n + 1, sizeof *mine);
    if (code == E_OK && mine == NULL)
        code = fail(err, E_NO_MEMORY, "out of memory");
    if (code == E_OK && round.n > 0)
        code = round.renews ? job_store_beat(keeper->db, keeper->arena, runtime->config.lease_ms, round.beats,
                                             round.n, mine, err)
                            : job_store_check(keeper->db, keeper->arena, round.beats, round.n, mine, err);
    if (round.renews && (code != E_OK || !are_renewed(&round)))
        keep_texts(runtime);
    if (code != E_OK)
        return code;
    if (round.renews && !round.texts_left)
        keeper->beat_at_ms = now + runtime->config.lease_ms / 3;
    stop_lost(runtime, round.beats, mine, round.n);
    return E_OK;
}

/* The ends of those that nobody here knows of. */
static size_t strangers(struct keeper *keeper, const struct job_held *held, size_t n, struct job_end *ends)
{
    struct runtime *runtime = keeper->runtime;
    size_t count = 0;
    pthread_mutex_lock(&runtime->lock);
    for (size_t i = 0; i < n; i++)
        if (runtime_find(runtime, held[i].job_id, held[i].fence) == NULL)
            ends[count++] = (struct job_end){.job_id = held[i].job_id,
                                             .fence = held[i].fence,
                                             .move = JOB_HAND_BACK,
                                             .reason = "in_doubt",
                                             .detail = "Its worker does not know of it; it is run again"};
    pthread_mutex_unlock(&runtime->lock);
    return count;
}

static enum err_code hand_back_strangers(struct keeper *keeper, int64_t min_age_ms, struct err *err)
{
    struct runtime *runtime = keeper->runtime;
    struct job_held *held = NULL;
    size_t n = 0;
    enum err_code code =
        job_store_held(keeper->db, keeper->arena, runtime->worker_id.text, min_age_ms, &held, &n, err);
    struct job_end *ends = code == E_OK ? arena_array(keeper->arena, n + 1, sizeof *ends) : NULL;
    bool *mine = arena_array(keeper->arena, n + 1, sizeof *mine);
    if (ends == NULL || mine == NULL)
        return code;
    size_t count = strangers(keeper, held, n, ends);
    if (count == 0)
        return E_OK;
    log_warn("jobs_in_doubt", "handing back %zu jobs that this worker was given and does not know of", count);
    code = job_store_settle(keeper->db, keeper->arena, ends, count, mine, err);
    outbox_wake(runtime->config.outbox);
    return code;
}

static enum err_code compare(struct keeper *keeper, struct err *err)
{
    int64_t now = clock_mono_ms();
    if (now < keeper->compare_at_ms)
        return E_OK;
    keeper->compare_at_ms = now + COMPARE_MS;
    return hand_back_strangers(keeper, DOUBT_MS, err);
}

/* Nothing can be given to this worker once its row is gone: what it has been given and did not begin is known
 * then. */
static enum err_code leave(struct keeper *keeper, struct err *err)
{
    enum err_code code = worker_store_leave(keeper->db, keeper->runtime->worker_id.text, err);
    arena_reset(keeper->arena);
    return code == E_OK ? hand_back_strangers(keeper, 0, err) : code;
}

/* What cannot be removed now the sweeper removes later. */
static enum err_code remove_notes(struct keeper *keeper, struct err *err)
{
    struct runtime *runtime = keeper->runtime;
    int64_t *notes = NULL;
    pthread_mutex_lock(&runtime->lock);
    size_t n = (size_t)runtime->done_notes_count;
    if (n > 0 && (notes = arena_array(keeper->arena, n, sizeof *notes)) != NULL)
        memcpy(notes, runtime->done_notes, n * sizeof *notes);
    runtime->done_notes_count = 0;
    pthread_mutex_unlock(&runtime->lock);
    return notes == NULL ? E_OK : job_store_forget_claims(keeper->db, keeper->arena, notes, n, err);
}

void keeper_heard_cancel(void *of, const char *subject, const char *data, size_t len)
{
    struct runtime *runtime = of;
    const char *id = strrchr(subject, '.');
    (void)data;
    (void)len;
    if (id == NULL)
        return;
    pthread_mutex_lock(&runtime->lock);
    struct job *job = runtime_find(runtime, id + 1, -1);
    if (job != NULL)
        job_stop(job, E_LOST);
    pthread_cond_broadcast(&runtime->stop_news);
    pthread_mutex_unlock(&runtime->lock);
}

static bool is_over(struct runtime *runtime)
{
    return runtime->stopped && runtime->held_count == 0;
}

static void pause_for(struct runtime *runtime, int64_t wait_ms)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;
    pthread_mutex_lock(&runtime->lock);
    for (int64_t left = wait_ms; left > 0 && !is_over(runtime); left = until_ms - clock_mono_ms())
        runtime_wait(runtime, &runtime->stop_news, left);
    pthread_mutex_unlock(&runtime->lock);
}

static void set_registered(struct runtime *runtime, bool registered)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->registered = registered;
    pthread_cond_signal(&runtime->intake_news);
    pthread_mutex_unlock(&runtime->lock);
}

static bool goes_on(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    bool on = !is_over(runtime);
    pthread_mutex_unlock(&runtime->lock);
    return on;
}

/* One life of the presence connection. A short wait that ends at once when the connection does. */
static enum err_code keep(struct keeper *keeper, struct err *err)
{
    struct runtime *runtime = keeper->runtime;
    enum err_code code = worker_store_register(keeper->db, runtime->worker_id.text, runtime->config.worker,
                                               runtime->config.node, err);
    if (code == E_OK)
        set_registered(runtime, true);
    while (code == E_OK && goes_on(runtime))
    {
        arena_reset(keeper->arena);
        stop_late(runtime);
        beat_messages(keeper);
        code = beat(keeper, err);
        if (code == E_OK)
            code = remove_notes(keeper, err);
        if (code == E_OK)
            code = compare(keeper, err);
        for (int part = 0; code == E_OK && part < 4 && goes_on(runtime); part++)
            code = db_wait(keeper->db, -1, CHECK_MS / 4, NULL, err);
    }
    set_registered(runtime, false);
    if (code == E_OK)
        code = remove_notes(keeper, err);
    if (code == E_OK)
        code = leave(keeper, err);
    return code;
}

void *keeper_run(void *of)
{
    struct runtime *runtime = of;
    struct keeper keeper = {.runtime = runtime, .arena = runtime->keeper.arena};
    int64_t backoff_ms = 50;
    while (goes_on(runtime))
    {
        struct err err = ERR_INIT;
        enum err_code code = db_get(runtime->own_pool, &keeper.db, &err);
        if (code == E_OK)
        {
            backoff_ms = 50;
            code = keep(&keeper, &err);
            db_put(keeper.db);
            keeper.db = NULL;
        }
        if (code == E_OK)
            continue;
        health_saw(runtime->config.health, HEALTH_DATABASE, code);
        if (code != E_DATABASE && code != E_TIMEOUT) /* of a database that is away, health tells */
            log_warn("presence_lost", "not registered with the database: %s", err.text);
        pause_for(runtime, backoff_ms);
        backoff_ms = backoff_ms < 1000 ? backoff_ms * 2 : 1000;
    }
    return NULL;
}
