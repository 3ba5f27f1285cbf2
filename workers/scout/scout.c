/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/scout/scout.h"

#include "common/base/log.h"
#include "common/obs/metrics.h"
#include "common/otlp/otlp.h"
#include "common/provider/provider.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum
{
    MS = 1000
};

struct pooled
{
    struct scout_clients clients;
    struct pooled *next; /* of all */
    struct pooled *next_free;
};

struct scout
{
    struct otlp *otlp;
    const struct conf *_Atomic conf; /* the newest */
    pthread_mutex_t lock;            /* guards both lists */
    struct pooled *all;
    struct pooled *free;
};

/* ---- metrics -------------------------------------------------------------------------------- */

static struct cache_stats sum_stats(struct scout *scout)
{
    struct cache_stats sum = {0};
    pthread_mutex_lock(&scout->lock);
    for (const struct pooled *pooled = scout->all; pooled != NULL; pooled = pooled->next)
    {
        if (pooled->clients.cache == NULL)
            continue;
        const struct cache_stats one = cache_stats(pooled->clients.cache);
        sum.hits += one.hits;
        sum.misses += one.misses;
    }
    pthread_mutex_unlock(&scout->lock);
    return sum;
}

static double read_hits(void *scout)
{
    return (double)sum_stats(scout).hits;
}

static double read_misses(void *scout)
{
    return (double)sum_stats(scout).misses;
}

/* ---- the pool ------------------------------------------------------------------------------- */

static void pooled_free(struct pooled *pooled)
{
    http_client_free(pooled->clients.http);
    cache_close(pooled->clients.cache);
    free(pooled);
}

static struct pooled *pooled_new(const struct conf *conf)
{
    struct err err = ERR_INIT;
    struct pooled *pooled = calloc(1, sizeof *pooled);
    if (pooled == NULL)
        return NULL;
    pooled->clients.http = http_client_new();
    if (pooled->clients.http == NULL)
    {
        pooled_free(pooled);
        return NULL;
    }
    if (cache_open(conf->redis_url, &pooled->clients.cache, &err) != E_OK)
        log_warn("cache", "works without a cache: %s", err.text);
    return pooled;
}

const struct conf *scout_conf(const struct scout *scout)
{
    return scout->conf;
}

static struct pooled *take_free(struct scout *scout)
{
    pthread_mutex_lock(&scout->lock);
    struct pooled *pooled = scout->free;
    if (pooled != NULL)
        scout->free = pooled->next_free;
    pthread_mutex_unlock(&scout->lock);
    return pooled;
}

enum err_code scout_clients_get(struct scout *scout, const struct scout_clients **clients, struct err *err)
{
    struct pooled *pooled = take_free(scout);
    if (pooled == NULL)
    {
        pooled = pooled_new(scout->conf);
        if (pooled == NULL)
            return fail(err, E_NO_MEMORY, "out of memory");
        pthread_mutex_lock(&scout->lock);
        pooled->next = scout->all;
        scout->all = pooled;
        pthread_mutex_unlock(&scout->lock);
    }
    pooled->clients.conf = scout->conf;
    pooled->clients.provider_ms = (int)pooled->clients.conf->http_timeout_s * MS;
    *clients = &pooled->clients;
    return E_OK;
}

void scout_clients_put(struct scout *scout, const struct scout_clients *clients)
{
    pthread_mutex_lock(&scout->lock);
    for (struct pooled *pooled = clients != NULL ? scout->all : NULL; pooled != NULL; pooled = pooled->next)
    {
        if (&pooled->clients != clients)
            continue;
        pooled->next_free = scout->free;
        scout->free = pooled;
        break;
    }
    pthread_mutex_unlock(&scout->lock);
}

/* ---- the program's own ------------------------------------------------------------------------ */

enum err_code scout_open(const struct program_doors *doors, void **context, struct err *err)
{
    if (http_open(err) != E_OK)
        return err->code;
    struct scout *scout = calloc(1, sizeof *scout);
    if (scout == NULL)
    {
        http_close();
        return fail(err, E_NO_MEMORY, "out of memory");
    }
    scout->conf = doors->conf;
    pthread_mutex_init(&scout->lock, NULL);
    provider_expect_calls();
    metrics_read(METRIC_CACHE_HITS, read_hits, scout);
    metrics_read(METRIC_CACHE_MISSES, read_misses, scout);
    *context = scout; /* closed by the program, also after a failure */
    return otlp_start(scout->conf->otel_exporter_otlp_endpoint, "sokoul-scout", &scout->otlp, err);
}

void scout_take(void *context, const struct conf *now)
{
    struct scout *scout = context;
    atomic_store(&scout->conf, now);
}

void scout_close(void *context)
{
    struct scout *scout = context;
    metrics_read(METRIC_CACHE_HITS, NULL, NULL);
    metrics_read(METRIC_CACHE_MISSES, NULL, NULL);
    while (scout->all != NULL)
    {
        struct pooled *pooled = scout->all;
        scout->all = pooled->next;
        pooled_free(pooled);
    }
    otlp_stop(scout->otlp);
    pthread_mutex_destroy(&scout->lock);
    free(scout);
    http_close();
}
