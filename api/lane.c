/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lane.h"

#include "api/mw/chain.h"
#include "api/reply.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/cache/cache.h"
#include "common/db/db.h"
#include "common/http/http.h"
#include "common/obs/health.h"

#include <pthread.h>
#include <stdlib.h>

enum
{
    LOOK_AHEAD = 512 /* requests looked at for a batch: keeps the lock short */
};

struct lane_thread
{
    struct lane *lane;
    pthread_t id;
    struct db *db;
    struct cache *cache;
    struct http_client *http;
};

struct queue
{
    struct request *head;
    struct request *tail;
    int len;
};

struct lane
{
    pthread_mutex_t lock; /* guards queue, idle, stopping */
    pthread_cond_t work;
    struct queue queue;
    int idle;
    bool stopping;
    struct lane_config config;
    int started;
    struct lane_thread thread[];
};

static void queue_push(struct queue *queue, struct request *req)
{
    req->next = NULL;
    if (queue->tail != NULL)
        queue->tail->next = req;
    else
        queue->head = req;
    queue->tail = req;
    queue->len++;
}

/* Takes out, in order, at most `max` of this route among the first LOOK_AHEAD requests. */
static size_t queue_take(struct queue *queue, const struct route *route, struct request **out, size_t max)
{
    size_t count = 0;
    struct request *before = NULL;
    struct request *req = queue->head;
    for (int looked = 0; req != NULL && count < max && looked < LOOK_AHEAD; looked++)
    {
        struct request *next = req->next;
        if (req->route != route)
        {
            before = req;
            req = next;
            continue;
        }
        if (before != NULL)
            before->next = next;
        else
            queue->head = next;
        if (queue->tail == req)
            queue->tail = before;
        queue->len--;
        out[count++] = req;
        req = next;
    }
    return count;
}

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
    enum err_code code = req->route->handle(req, &err);
    if (code == E_OK && req->reply.status == 0)
        code = fail(&err, E_BUG, "the handler answered nothing");
    if (code == E_OK)
        return;
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

/* The executor's part of the chain; those that it refuses have their reply and leave `reqs`. */
static size_t admit(struct lane_thread *thread, struct request **reqs, size_t count)
{
    size_t allowed = 0;
    for (size_t i = 0; i < count; i++)
    {
        struct err err = ERR_INIT;
        reqs[i]->thread = thread;
        if (chain_run(chain_executor, reqs[i], &err) == E_OK)
            reqs[allowed++] = reqs[i];
        else
            reply_error(reqs[i], &err);
    }
    return allowed;
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
    for (size_t i = 0; i < count; i++)
    {
        reqs[i]->thread = NULL;
        chain_finish(reqs[i]);
        thread->lane->config.done(reqs[i]);
    }
    log_context_set((struct log_context){0});
}

/* Waits for work; 0: the lane stops. */
static size_t take_round(struct lane *lane, struct request **reqs)
{
    pthread_mutex_lock(&lane->lock);
    lane->idle++;
    while (lane->queue.head == NULL && !lane->stopping)
        pthread_cond_wait(&lane->work, &lane->lock);
    lane->idle--;
    size_t count = 0;
    if (lane->queue.head != NULL)
    {
        const struct route *route = lane->queue.head->route;
        count = queue_take(&lane->queue, route, reqs, route->handle_batch != NULL ? ROUTE_BATCH : 1);
    }
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
        log_error("cache", "%s", err.text); /* a cache is a luxury */
    if (pthread_create(&thread->id, NULL, thread_main, thread) == 0)
        return true;
    cache_close(thread->cache);
    return false;
}

enum err_code lane_start(const struct lane_config *config, struct lane **out, struct err *err)
{
    size_t bytes = sizeof(struct lane) + (size_t)config->threads * sizeof(struct lane_thread);
    struct lane *lane = calloc(1, bytes);
    if (lane == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    lane->config = *config;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->work, NULL);
    while (lane->started < config->threads)
    {
        if (!start_thread(lane, &lane->thread[lane->started]))
        {
            lane_stop(lane);
            return fail(err, E_NO_MEMORY, "no thread for %s", config->name);
        }
        lane->started++;
    }
    *out = lane;
    return E_OK;
}

static void answer_waiting(struct lane *lane)
{
    struct err err = ERR_INIT;
    err_set(&err, E_SHUTDOWN, __FILE__, __LINE__, "the server is going away");
    pthread_mutex_lock(&lane->lock);
    struct request *req = lane->queue.head;
    lane->queue = (struct queue){0};
    lane->stopping = true;
    pthread_cond_broadcast(&lane->work);
    pthread_mutex_unlock(&lane->lock);
    while (req != NULL)
    {
        struct request *next = req->next;
        reply_error(req, &err);
        chain_finish(req);
        lane->config.done(req);
        req = next;
    }
}

void lane_stop(struct lane *lane)
{
    if (lane == NULL)
        return;
    answer_waiting(lane);
    for (int i = 0; i < lane->started; i++)
    {
        pthread_join(lane->thread[i].id, NULL);
        cache_close(lane->thread[i].cache);
        http_client_free(lane->thread[i].http);
    }
    pthread_cond_destroy(&lane->work);
    pthread_mutex_destroy(&lane->lock);
    free(lane);
}

bool lane_full(struct lane *lane)
{
    return lane_length(lane) >= lane->config.max_queue;
}

int lane_length(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    int len = lane->queue.len;
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
    pthread_mutex_lock(&lane->lock);
    queue_push(&lane->queue, req);
    bool wake = lane->idle > 0;
    pthread_mutex_unlock(&lane->lock);
    if (wake)
        pthread_cond_signal(&lane->work);
}

/* ---- what need not wait any longer ------------------------------------------------------------ */

static bool needs_database(const struct request *req)
{
    return req->route->flags & ROUTE_DB;
}

static bool is_late(const struct request *req)
{
    return clock_mono_ms() >= req->deadline_ms;
}

/* Answers those that wait and for which `leaves` is true, with this failure. */
static void turn_away(struct lane *lane, bool (*leaves)(const struct request *req), const struct err *err)
{
    struct queue stay = {0};
    struct queue leave = {0};
    pthread_mutex_lock(&lane->lock);
    for (struct request *req = lane->queue.head, *next; req != NULL; req = next)
    {
        next = req->next;
        queue_push(leaves(req) ? &leave : &stay, req);
    }
    lane->queue = stay;
    pthread_mutex_unlock(&lane->lock);
    for (struct request *req = leave.head, *next; req != NULL; req = next)
    {
        next = req->next;
        reply_error(req, err);
        chain_finish(req);
        lane->config.done(req);
    }
}

void lane_fail_database(struct lane *lane, const struct err *err)
{
    turn_away(lane, needs_database, err);
}

void lane_fail_late(struct lane *lane, const struct err *err)
{
    pthread_mutex_lock(&lane->lock);
    const bool any = lane->queue.head != NULL && is_late(lane->queue.head); /* the oldest is first */
    pthread_mutex_unlock(&lane->lock);
    if (any)
        turn_away(lane, is_late, err);
}
