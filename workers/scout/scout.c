/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/scout/scout.h"

#include "common/base/log.h"
#include "common/obs/metrics.h"
#include "common/otlp/otlp.h"
#include "common/provider/provider.h"

#include <pthread.h>
#include <stdlib.h>

enum
{
    MS = 1000
};

struct place
{
    struct scout_desk desk; /* first: a desk is its place */
    struct place *next;     /* of all */
    struct place *next_free;
};

struct scout
{
    struct otlp *otlp;
    const struct conf *conf;
    pthread_mutex_t lock; /* guards both lists */
    struct place *all;
    struct place *free;
};

/* ---- metrics -------------------------------------------------------------------------------- */

static struct cache_stats sum_stats(struct scout *scout)
{
    struct cache_stats sum = {0};
    pthread_mutex_lock(&scout->lock);
    for (const struct place *place = scout->all; place != NULL; place = place->next)
    {
        if (place->desk.cache == NULL)
            continue;
        const struct cache_stats one = cache_stats(place->desk.cache);
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

/* ---- desks ---------------------------------------------------------------------------------- */

static void place_free(struct place *place)
{
    http_client_free(place->desk.http);
    cache_close(place->desk.cache);
    free(place);
}

static struct place *place_new(const struct conf *conf)
{
    struct err err = ERR_INIT;
    struct place *place = calloc(1, sizeof *place);
    if (place == NULL)
        return NULL;
    place->desk.conf = conf;
    place->desk.provider_ms = (int)conf->http_timeout_s * MS;
    place->desk.http = http_client_new();
    if (place->desk.http == NULL)
    {
        place_free(place);
        return NULL;
    }
    if (cache_open(conf->redis_url, &place->desk.cache, &err) != E_OK)
        log_warn("cache", "works without a cache: %s", err.text);
    return place;
}

const struct conf *scout_conf(const struct scout *scout)
{
    return scout->conf;
}

static struct place *take_free(struct scout *scout)
{
    pthread_mutex_lock(&scout->lock);
    struct place *place = scout->free;
    if (place != NULL)
        scout->free = place->next_free;
    pthread_mutex_unlock(&scout->lock);
    return place;
}

enum err_code scout_desk_get(struct scout *scout, const struct scout_desk **desk, struct err *err)
{
    struct place *place = take_free(scout);
    if (place == NULL)
    {
        place = place_new(scout->conf);
        if (place == NULL)
            return fail(err, E_NO_MEMORY, "out of memory");
        pthread_mutex_lock(&scout->lock);
        place->next = scout->all;
        scout->all = place;
        pthread_mutex_unlock(&scout->lock);
    }
    *desk = &place->desk;
    return E_OK;
}

void scout_desk_put(struct scout *scout, const struct scout_desk *desk)
{
    pthread_mutex_lock(&scout->lock);
    for (struct place *place = desk != NULL ? scout->all : NULL; place != NULL; place = place->next)
    {
        if (&place->desk != desk)
            continue;
        place->next_free = scout->free;
        scout->free = place;
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

void scout_close(void *context)
{
    struct scout *scout = context;
    metrics_read(METRIC_CACHE_HITS, NULL, NULL);
    metrics_read(METRIC_CACHE_MISSES, NULL, NULL);
    while (scout->all != NULL)
    {
        struct place *place = scout->all;
        scout->all = place->next;
        place_free(place);
    }
    otlp_stop(scout->otlp);
    pthread_mutex_destroy(&scout->lock);
    free(scout);
    http_close();
}
