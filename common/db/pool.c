/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: its connections, and waiting for one. */
#include "common/db/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <stdlib.h>
#include <string.h>

struct db_pool
{
    pthread_mutex_t lock; /* guards idle, open, in_use, waits, exhausted */
    pthread_cond_t freed;
    struct db *idle; /* stack */
    int in_use;
    int open; /* all structs that exist: idle and in use */
    uint64_t waits;
    uint64_t exhausted;

    struct db_settings settings; /* constant after open */
    int size;
    int get_wait_ms;
};

static int or_default(int value, int otherwise)
{
    return value > 0 ? value : otherwise;
}

enum err_code db_pool_open(const struct db_pool_config *config, struct db_pool **out, struct err *err)
{
    struct db_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    pool->settings.url = strdup(config->url);
    pool->settings.name = strdup(config->name != NULL ? config->name : "sokoul");
    pool->settings.statement_ms = or_default(config->statement_ms, 30000);
    pool->settings.connect_ms = or_default(config->connect_ms, 5000);
    pool->settings.plans = config->plans;
    pool->settings.check = config->check;
    pool->settings.away = config->away;
    pool->settings.away_of = config->away_of;
    pool->size = or_default(config->size, 1);
    pool->get_wait_ms = or_default(config->get_wait_ms, 30000);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->freed, &attr);
    pthread_condattr_destroy(&attr);
    if (pool->settings.url == NULL || pool->settings.name == NULL)
    {
        db_pool_close(pool);
        return fail(err, E_NO_MEMORY, "out of memory");
    }
    *out = pool;
    return E_OK;
}

void db_pool_close(struct db_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->idle != NULL)
    {
        struct db *db = pool->idle;
        pool->idle = db->next;
        connection_free(db);
    }
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->settings.url);
    free(pool->settings.name);
    free(pool);
}

/* Waits until a connection is free; false when the time is over. Called with the lock held. */
static bool wait_for_free(struct db_pool *pool)
{
    if (pool->in_use < pool->size)
        return true;
    pool->waits++;
    struct timespec until = clock_mono_after_ms(pool->get_wait_ms);
    while (pool->in_use >= pool->size)
        if (pthread_cond_timedwait(&pool->freed, &pool->lock, &until) != 0)
            return pool->in_use < pool->size;
    return true;
}

static struct db *take_idle(struct db_pool *pool)
{
    struct db *db = pool->idle;
    if (db != NULL)
        pool->idle = db->next;
    return db;
}

enum err_code db_get(struct db_pool *pool, struct db **out, struct err *err)
{
    pthread_mutex_lock(&pool->lock);
    if (!wait_for_free(pool))
    {
        pool->exhausted++;
        pthread_mutex_unlock(&pool->lock);
        return fail(err, E_UNAVAILABLE, "all %d database connections are busy", pool->size);
    }
    pool->in_use++;
    struct db *db = take_idle(pool);
    if (db == NULL)
        pool->open++;
    pthread_mutex_unlock(&pool->lock);

    enum err_code code = E_OK;
    if (db == NULL)
        db = connection_new(pool, &pool->settings);
    if (db == NULL)
        code = fail(err, E_NO_MEMORY, "out of memory");
    else
        code = connection_ready(db, err);
    if (code == E_OK)
    {
        *out = db;
        return E_OK;
    }
    pool_give_back(pool, db);
    return code;
}

void pool_give_back(struct db_pool *pool, struct db *db)
{
    pthread_mutex_lock(&pool->lock);
    pool->in_use--;
    if (db != NULL)
    {
        db->next = pool->idle;
        pool->idle = db;
    }
    else
        pool->open--;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->lock);
}

struct db_pool_stats db_pool_stats(struct db_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct db_pool_stats stats = {.size = pool->size,
                                  .open = pool->open,
                                  .in_use = pool->in_use,
                                  .waits = pool->waits,
                                  .exhausted = pool->exhausted};
    pthread_mutex_unlock(&pool->lock);
    return stats;
}
