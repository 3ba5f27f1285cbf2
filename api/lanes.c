/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lanes.h"

#include "common/conf/conf.h"
#include "common/obs/metrics.h"

#include <stdlib.h>
#include <unistd.h>

enum
{
    HOT_THREADS = 2,
    PASSWORD_QUEUE = 32,
    PROVIDER_THREADS = 8,
    PROVIDER_QUEUE = 128
};

enum index
{
    HOT,
    PLAIN,
    PASSWORDS,
    PROVIDER,
    COUNT
};

struct lanes
{
    struct lane *lane[COUNT];
};

static double read_queue(void *of)
{
    const struct lanes *lanes = of;
    int len = 0;
    for (int i = 0; i < COUNT; i++)
        len += lane_length(lanes->lane[i]);
    return len;
}

static void count_caches(const struct lanes *lanes, uint64_t *hits, uint64_t *misses)
{
    *hits = 0;
    *misses = 0;
    for (int i = 0; i < COUNT; i++)
        lane_cache_counts(lanes->lane[i], hits, misses);
}

static double read_hits(void *of)
{
    uint64_t hits, misses;
    count_caches(of, &hits, &misses);
    return (double)hits;
}

static double read_misses(void *of)
{
    uint64_t hits, misses;
    count_caches(of, &hits, &misses);
    return (double)misses;
}

static const struct
{
    enum metric metric;
    double (*read)(void *of);
} readings[] = {
    {METRIC_API_QUEUE, read_queue}, {METRIC_CACHE_HITS, read_hits}, {METRIC_CACHE_MISSES, read_misses}};

int lanes_batch_threads(int connections)
{
    return connections > 2 * HOT_THREADS ? HOT_THREADS : 1;
}

enum err_code lanes_start(const struct app *app, void (*done)(struct request *req), struct lanes **out,
                          struct err *err)
{
    const struct conf *conf = app->conf;
    int executors = (int)conf->db_pool_size;
    int hot = lanes_batch_threads(executors);
    int plain = executors > hot ? executors - hot : 1;
    int queue = (int)conf->api_queue_max;
    struct db_pool *batches = app->db_batches != NULL ? app->db_batches : app->db;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const struct lane_config configs[COUNT] = {
        [HOT] = {app, "batches", conf->redis_url, batches, hot, queue, done},
        [PLAIN] = {app, "executors", conf->redis_url, app->db, plain, queue, done},
        [PASSWORDS] = {app, "passwords", conf->redis_url, app->db, cores > 1 ? (int)cores : 1, PASSWORD_QUEUE,
                       done},
        [PROVIDER] = {app, "providers", conf->redis_url, app->db, PROVIDER_THREADS, PROVIDER_QUEUE, done},
    };
    struct lanes *lanes = calloc(1, sizeof *lanes);
    if (lanes == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (int i = 0; i < COUNT; i++)
    {
        if (lane_start(&configs[i], &lanes->lane[i], err) == E_OK)
            continue;
        lanes_stop(lanes);
        return err->code;
    }
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++)
        metrics_read(readings[i].metric, readings[i].read, lanes);
    *out = lanes;
    return E_OK;
}

void lanes_stop(struct lanes *lanes)
{
    if (lanes == NULL)
        return;
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++)
        metrics_read(readings[i].metric, NULL, NULL);
    for (int i = 0; i < COUNT; i++)
        lane_stop(lanes->lane[i]);
    free(lanes);
}

struct lane *lanes_of(struct lanes *lanes, const struct route *route)
{
    if (route->lane == LANE_PASSWORDS)
        return lanes->lane[PASSWORDS];
    if (route->lane == LANE_PROVIDER)
        return lanes->lane[PROVIDER];
    return lanes->lane[route->handle_batch != NULL ? HOT : PLAIN];
}

void lanes_fail_database(struct lanes *lanes, const struct err *err)
{
    for (int i = 0; i < COUNT; i++)
        lane_fail_database(lanes->lane[i], err);
}
