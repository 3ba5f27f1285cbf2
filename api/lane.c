/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lane.h"

#include "api/mw/chain.h"
#include "api/mw/limits.h"
#include "api/reply.h"
#include "api/turns.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/cache/cache.h"
#include "common/db/db.h"
#include "common/http/http.h"
#include "common/obs/health.h"

#include <pthread.h>
#include <stdlib.h>

struct lane_thread
{
    struct lane *lane;
    pthread_t id;
    struct db *db;
    struct cache *cache;
    struct limiter_redis redis; /* on that cache */
    struct http_client *http;
};

struct lane
{
    pthread_mutex_t lock; /* guards turns, idle, stopping */
    pthread_cond_t work;
    struct turns *turns;
    int idle;
    bool stopping;
    struct lane_config config;
    int started;
    struct lane_thread thread[];
};

/* ---- what a thread lends to a request ------------------------------------------------------ */

enum err_code lane_thread_db(struct lane_thread *thread, struct db **db, struct err *err)
{
    if (thread->db == NULL && db_get(thread->lane->config.db, &thread->db, err) != E_OK)
    {
        thread->db = NULL;
        return err->code;
    }
    *db = thread->db;
    return E_OK;
}

void lane_thread_db_release(struct lane_thread *thread)
{
    db_put(thread->db);
    thread->db = NULL;
}

struct cache *lane_thread_cache(struct lane_thread *thread)
{
    return thread->cache;
}

struct http_client *lane_thread_http(struct lane_thread *thread)
{
    if (thread->http == NULL)
        thread->http = http_client_new();
    return thread->http;
}

/* ---- running ----------------------------------------------------------------------------- */

static void look_at_failure(struct lane_thread *thread, struct request *req, const struct err *err)
{
    if (err->code == E_DATABASE)
        health_saw(thread->lane->config.app->health, HEALTH_DATABASE, err->code);
    if (err->code == E_BUG)
        log_error("bug", "%s: %s (%s:%d)", req->route->pattern, err->text, err->file, err->line);
    if (thread->db != NULL)
        db_rollback(thread->db);
}

static void run_one(struct lane_thread *thread, struct request *req)
{
    struct err err = ERR_INIT;
    enum err_code (*const run)(struct request *, struct err *) =
        req->step.run != NULL ? req->step.run : req->route->handle;
    req->step.run = NULL;
    enum err_code code = run(req, &err);
    if (code == E_OK && req->step.run == NULL && req->reply.status == 0)
        code = fail(&err, E_BUG, "the handler answered nothing");
    if (code == E_OK)
        return;
    req->step.run = NULL;
    look_at_failure(thread, req, &err);
    reply_error(req, &err);
}

static bool is_outage(enum err_code code)
{
    return code == E_DATABASE || code == E_TIMEOUT || code == E_UNAVAILABLE;
}

static void run_batch(struct lane_thread *thread, struct request **reqs, size_t count)
{
    struct err err = ERR_INIT;
    enum err_code code = reqs[0]->route->handle_batch(reqs, count, &err);
    if (code != E_OK)
        look_at_failure(thread, reqs[0], &err);
    for (size_t i = 0; i < count; i++)
    {
        if (reqs[i]->reply.status != 0)
            continue;
        if (is_outage(code))
            reply_error(reqs[i], &err);
        else
            run_one(thread, reqs[i]);
    }
}

/* Who waited for a better answer than they have keep what they have. */
static void turn_away(struct request *req, const struct err *err)
{
    req->step.run = NULL;
    if (req->reply.status == 0 || req->only_counts)
        reply_error(req, err);
}

static void hand_back(const struct lane *lane, struct request *req)
{
    chain_finish(req);
    lane->config.done(req);
}

/* False: the request has its reply, but for what the limits say. */
static bool passes(struct request *req)
{
    struct err err = ERR_INIT;
    if (chain_run(req->only_counts ? chain_answered : chain_executor, req, &err) == E_OK)
        return !req->only_counts;
    if (!req->only_counts)
        turn_away(req, &err);
    return false;
}

/* A later step was counted and looked at with the first. */
static bool is_admitted(struct request *req)
{
    struct err err = ERR_INIT;
    if (req->step.run != NULL)
        return true;
    if (req->reply.status != 0)
        return false;
    if (chain_run(chain_admitted, req, &err) == E_OK)
        return true;
    reply_error(req, &err);
    return false;
}

/* The executor's part of the chain, and the limits; those that are refused have their reply and leave `reqs`.
 */
static size_t admit(struct lane_thread *thread, struct request **reqs, size_t count)
{
    bool passed[ROUTE_BATCH];
    size_t allowed = 0;
    for (size_t i = 0; i < count; i++)
    {
        reqs[i]->thread = thread;
        passed[i] = passes(reqs[i]);
    }
    limits_take(&thread->redis, reqs, count);
    for (size_t i = 0; i < count; i++)
        if (passed[i] && is_admitted(reqs[i]))
            reqs[allowed++] = reqs[i];
    return allowed;
}

/* It is somebody else's as soon as it is out of these hands. */
static void let_go(struct lane *lane, struct request **reqs, size_t count)
{
    pthread_mutex_lock(&lane->lock);
    for (size_t i = 0; i < count; i++)
        turns_end(lane->turns, reqs[i]);
    pthread_mutex_unlock(&lane->lock);
    for (size_t i = 0; i < count; i++)
    {
        reqs[i]->thread = NULL;
        if (reqs[i]->step.run != NULL)
            lane->config.go_on(lane->config.lanes, reqs[i]);
        else
            hand_back(lane, reqs[i]);
    }
}

static void run_round(struct lane_thread *thread, struct request **reqs, size_t count)
{
    struct request *allowed[ROUTE_BATCH];
    for (size_t i = 0; i < count; i++)
        allowed[i] = reqs[i];
    log_context_set((struct log_context){.request_id = reqs[0]->id, .span = reqs[0]->span});
    size_t left = admit(thread, allowed, count);
    if (left > 0)
        log_context_set((struct log_context){
            .request_id = allowed[0]->id, .user_id = allowed[0]->user.id.text, .span = allowed[0]->span});
    if (left > 1)
        run_batch(thread, allowed, left);
    else if (left == 1)
        run_one(thread, allowed[0]);
    lane_thread_db_release(thread);
    let_go(thread->lane, reqs, count);
    log_context_set((struct log_context){0});
}

/* Waits for work; 0: the lane stops. */
static size_t take_round(struct lane *lane, struct request **reqs)
{
    size_t count;
    pthread_mutex_lock(&lane->lock);
    lane->idle++;
    while ((count = turns_take(lane->turns, reqs)) == 0 && !lane->stopping)
        pthread_cond_wait(&lane->work, &lane->lock);
    lane->idle--;
    pthread_mutex_unlock(&lane->lock);
    return count;
}

static void *thread_main(void *of)
{
    struct lane_thread *thread = of;
    struct request *reqs[ROUTE_BATCH];
    size_t count;
    while ((count = take_round(thread->lane, reqs)) > 0)
        run_round(thread, reqs, count);
    return NULL;
}

/* ---- life ---------------------------------------------------------------------------------- */

static bool start_thread(struct lane *lane, struct lane_thread *thread)
{
    struct err err = ERR_INIT;
    thread->lane = lane;
    if (lane->config.redis_url != NULL && cache_open(lane->config.redis_url, &thread->cache, &err) != E_OK)
        log_warn("cache", "%s", err.text); /* a cache is a luxury */
    thread->redis = limiter_redis(thread->cache);
    if (pthread_create(&thread->id, NULL, thread_main, thread) == 0)
        return true;
    cache_close(thread->cache);
    return false;
}

enum err_code lane_start(const struct lane_config *config, struct lane **out, struct err *err)
{
    size_t bytes = sizeof(struct lane) + (size_t)config->threads * sizeof(struct lane_thread);
    struct lane *lane = calloc(1, bytes);
    struct turns *turns = turns_new(config->max_queue, config->max_each);
    if (lane == NULL || turns == NULL)
    {
        free(lane);
        turns_free(turns);
        return fail(err, E_NO_MEMORY, "out of memory");
    }
    lane->config = *config;
    lane->turns = turns;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->work, NULL);
    while (lane->started < config->threads)
    {
        if (!start_thread(lane, &lane->thread[lane->started]))
        {
            lane_stop(lane);
            lane_free(lane);
            return fail(err, E_NO_MEMORY, "no thread for %s", config->name);
        }
        lane->started++;
    }
    *out = lane;
    return E_OK;
}

static bool anybody(const struct request *req)
{
    (void)req;
    return true;
}

/* Answers those that wait and for which `leaves` is true, with this failure. */
static void turn_away_all(struct lane *lane, bool (*leaves)(const struct request *req), const struct err *err)
{
    pthread_mutex_lock(&lane->lock);
    struct request *req = turns_leave(lane->turns, leaves);
    pthread_mutex_unlock(&lane->lock);
    while (req != NULL)
    {
        struct request *next = req->next;
        turn_away(req, err);
        hand_back(lane, req);
        req = next;
    }
}

static void going_away(struct err *err)
{
    err_set(err, E_SHUTDOWN, __FILE__, __LINE__, "the server is going away");
}

void lane_stop(struct lane *lane)
{
    struct err err = ERR_INIT;
    if (lane == NULL)
        return;
    going_away(&err);
    pthread_mutex_lock(&lane->lock);
    lane->stopping = true;
    pthread_cond_broadcast(&lane->work);
    pthread_mutex_unlock(&lane->lock);
    turn_away_all(lane, anybody, &err);
    for (int i = 0; i < lane->started; i++)
        pthread_join(lane->thread[i].id, NULL);
}

void lane_free(struct lane *lane)
{
    if (lane == NULL)
        return;
    for (int i = 0; i < lane->started; i++)
    {
        cache_close(lane->thread[i].cache);
        http_client_free(lane->thread[i].http);
    }
    turns_free(lane->turns);
    pthread_cond_destroy(&lane->work);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}

int lane_length(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    int len = turns_waiting(lane->turns);
    pthread_mutex_unlock(&lane->lock);
    return len;
}

void lane_cache_counts(const struct lane *lane, uint64_t *hits, uint64_t *misses)
{
    for (int i = 0; i < lane->started; i++)
    {
        if (lane->thread[i].cache == NULL)
            continue;
        struct cache_stats stats = cache_stats(lane->thread[i].cache);
        *hits += stats.hits;
        *misses += stats.misses;
    }
}

void lane_push(struct lane *lane, struct request *req)
{
    struct err err = ERR_INIT;
    pthread_mutex_lock(&lane->lock);
    const bool stopping = lane->stopping;
    struct request *loser = stopping ? req : turns_push(lane->turns, req);
    const bool wake = lane->idle > 0;
    pthread_mutex_unlock(&lane->lock);
    if (wake)
        pthread_cond_signal(&lane->work);
    if (loser == NULL)
        return;
    if (stopping)
        going_away(&err);
    else
    {
        fail(&err, E_UNAVAILABLE, "too much to do at the moment, please ask again");
        err.retry_after_s = 1;
    }
    turn_away(loser, &err);
    hand_back(lane, loser);
}

/* ---- what need not wait any longer ------------------------------------------------------------ */

static bool needs_database(const struct request *req)
{
    return !req->only_counts && (req->route->flags & ROUTE_DB) != 0;
}

static bool is_late(const struct request *req)
{
    return clock_mono_ms() >= req->deadline_ms;
}

void lane_fail_database(struct lane *lane, const struct err *err)
{
    turn_away_all(lane, needs_database, err);
}

void lane_fail_late(struct lane *lane, const struct err *err)
{
    turn_away_all(lane, is_late, err);
}
