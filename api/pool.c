/* SPDX-License-Identifier: Apache-2.0 */
#include "api/pool.h"

#include "api/reply.h"
#include "api/route.h"
#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

enum
{
    KEEP_REQUESTS = 256,
    KEEP_BUFFER_BYTES = 4096
};

struct pool
{
    const struct app *app;
    const struct budgets *budgets;
    struct request *free;
    int count;
};

struct pool *pool_new(const struct app *app, const struct budgets *budgets)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pool->app = app;
    pool->budgets = budgets;
    return pool;
}

static void request_free(struct request *req)
{
    buf_fini(&req->upload);
    buf_fini(&req->reply.body);
    arena_free(req->arena);
    free(req);
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->free != NULL)
    {
        struct request *req = pool->free;
        pool->free = req->next;
        request_free(req);
    }
    free(pool);
}

static struct request *request_new(void)
{
    struct request *req = calloc(1, sizeof *req);
    if (req == NULL)
        return NULL;
    req->arena = arena_new(REQUEST_ARENA_BYTES);
    if (req->arena == NULL)
    {
        free(req);
        return NULL;
    }
    buf_init(&req->upload, ROUTE_BODY_BYTES);
    buf_init(&req->reply.body, REPLY_MAX_BYTES);
    return req;
}

struct request *pool_get(struct pool *pool)
{
    struct request *req = pool->free;
    if (req != NULL)
    {
        pool->free = req->next;
        pool->count--;
        req->next = NULL;
    }
    else
        req = request_new();
    if (req == NULL)
        return NULL;
    req->app = pool->app;
    req->budgets = pool->budgets;
    req->method = METHOD_OTHER;
    req->body = "";
    req->started_ns = clock_mono_ns();
    req->deadline_ms = req->started_ns / 1000000 + REQUEST_DEADLINE_MS;
    return req;
}

/* Keeps the memory of a usual request and gives back that of a large one. */
static void rinse(struct buf *buf, size_t max_bytes)
{
    if (buf->cap > KEEP_BUFFER_BYTES)
    {
        buf_fini(buf);
        buf_init(buf, max_bytes);
    }
    buf_clear(buf);
    buf->max = max_bytes;
}

void pool_unload(struct request *req)
{
    rinse(&req->upload, ROUTE_BODY_BYTES);
    budget_give(&req->uploaded);
    arena_reset(req->arena);
}

void pool_put(struct pool *pool, struct request *req)
{
    budget_give(&req->uploaded);
    budget_give(&req->answered);
    if (pool->count == KEEP_REQUESTS)
    {
        request_free(req);
        return;
    }
    arena_reset(req->arena);
    struct request fresh = {.arena = req->arena, .upload = req->upload, .next = pool->free};
    fresh.reply.body = req->reply.body;
    rinse(&fresh.upload, ROUTE_BODY_BYTES);
    rinse(&fresh.reply.body, REPLY_MAX_BYTES);
    *req = fresh;
    pool->free = req;
    pool->count++;
}
