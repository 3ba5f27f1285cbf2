/* SPDX-License-Identifier: Apache-2.0 */
#include "api/lanes.h"

#include "api/parked.h"

#include "common/base/clock.h"
#include "common/conf/conf.h"
#include "common/obs/metrics.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum
{
    HOT_THREADS = 2,
    PASSWORD_QUEUE = 32,
    PROVIDER_THREADS = 8,
    PROVIDER_QUEUE = 128,
    TICK_MS = 250
};

enum index
{
    HOT,
    PLAIN,
    PASSWORDS,
    PROVIDER,
    REFUSALS,
    COUNT
};

/* Threads that are all held up by slow statements look at nobody: a clock answers who has waited too long. */
struct lanes
{
    struct lane *lane[COUNT];
    struct parked *parked;
    pthread_t clock;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t stop;
    bool stopping;
    bool ticks; /* the clock was started */
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

/* Waits for the next tick; false: the lanes stop. */
static bool tick(struct lanes *lanes)
{
    const struct timespec until = clock_mono_after_ms(TICK_MS);
    pthread_mutex_lock(&lanes->lock);
    while (!lanes->stopping && pthread_cond_timedwait(&lanes->stop, &lanes->lock, &until) == 0)
        ;
    const bool goes_on = !lanes->stopping;
    pthread_mutex_unlock(&lanes->lock);
    return goes_on;
}

static void *clock_run(void *of)
{
    struct lanes *lanes = of;
    struct err late = ERR_INIT;
    err_set(&late, E_DEADLINE, __FILE__, __LINE__, "the request waited too long");
    while (tick(lanes))
        for (int i = 0; i < COUNT; i++)
            lane_fail_late(lanes->lane[i], &late);
    return NULL;
}

static void init_clock(struct lanes *lanes)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&lanes->lock, NULL);
    pthread_cond_init(&lanes->stop, &attr);
    pthread_condattr_destroy(&attr);
}

static enum err_code start_clock(struct lanes *lanes, struct err *err)
{
    lanes->ticks = pthread_create(&lanes->clock, NULL, clock_run, lanes) == 0;
    return lanes->ticks ? E_OK : fail(err, E_NO_MEMORY, "no thread for the clock of the lanes");
}

static void stop_clock(struct lanes *lanes)
{
    pthread_mutex_lock(&lanes->lock);
    lanes->stopping = true;
    pthread_cond_signal(&lanes->stop);
    pthread_mutex_unlock(&lanes->lock);
    if (lanes->ticks)
        pthread_join(lanes->clock, NULL);
    pthread_cond_destroy(&lanes->stop);
    pthread_mutex_destroy(&lanes->lock);
}

static struct lane *lane_of(struct lanes *lanes, const struct request *req)
{
    const bool first = req->step.run == NULL;
    if (req->only_counts)
        return lanes->lane[REFUSALS];
    switch (first ? req->route->lane : req->step.lane)
    {
    case LANE_PASSWORDS:
        return lanes->lane[PASSWORDS];
    case LANE_PROVIDER:
        return lanes->lane[PROVIDER];
    default:
        return lanes->lane[first && req->route->handle_batch != NULL ? HOT : PLAIN];
    }
}

void lanes_push(struct lanes *lanes, struct request *req)
{
    lane_push(lane_of(lanes, req), req);
}

static void push(void *of, struct request *req)
{
    lanes_push(of, req);
}

static void go_on(struct lanes *lanes, struct request *req)
{
    if (req->step.at_ms > 0)
        parked_add(lanes->parked, req);
    else
        lanes_push(lanes, req);
}

/* Statements are short, but may have to wait: somebody's locks leave others some executors. What calls the
 * internet waits for seconds, and one owner gets half of it. */
static void set_sizes(const struct app *app, struct lane_config configs[COUNT])
{
    const int executors = (int)app->conf->db_pool_size;
    const int hot = lanes_batch_threads(executors);
    const int plain = executors > hot ? executors - hot : 1;
    const int queue = (int)app->conf->api_queue_max;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const struct
    {
        const char *name;
        int threads;
        int max_queue;
        int max_each;
    } sizes[COUNT] = {
        [HOT] = {"batches", hot, queue, INT_MAX},
        [PLAIN] = {"executors", plain, queue, plain - plain / 4},
        [PASSWORDS] = {"passwords", cores > 1 ? (int)cores : 1, PASSWORD_QUEUE, INT_MAX},
        [PROVIDER] = {"providers", PROVIDER_THREADS, PROVIDER_QUEUE, PROVIDER_THREADS / 2},
        [REFUSALS] = {"refusals", 1, queue, INT_MAX},
    };
    for (int i = 0; i < COUNT; i++)
    {
        configs[i].name = sizes[i].name;
        configs[i].threads = sizes[i].threads;
        configs[i].max_queue = sizes[i].max_queue;
        configs[i].max_each = sizes[i].max_each;
        configs[i].db = app->db;
    }
    if (app->db_batches != NULL)
        configs[HOT].db = app->db_batches;
}

static enum err_code start_all(struct lanes *lanes, const struct lane_config *configs, struct err *err)
{
    enum err_code code = parked_start(push, lanes, &lanes->parked, err);
    for (int i = 0; code == E_OK && i < COUNT; i++)
        code = lane_start(&configs[i], &lanes->lane[i], err);
    return code == E_OK ? start_clock(lanes, err) : code;
}

enum err_code lanes_start(const struct app *app, void (*done)(struct request *req), struct lanes **out,
                          struct err *err)
{
    struct lanes *lanes = calloc(1, sizeof *lanes);
    if (lanes == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    const struct lane_config usual = {
        .app = app, .redis_url = app->conf->redis_url, .done = done, .go_on = go_on, .lanes = lanes};
    struct lane_config configs[COUNT] = {usual, usual, usual, usual, usual};
    set_sizes(app, configs);
    init_clock(lanes);
    enum err_code code = start_all(lanes, configs, err);
    if (code != E_OK)
    {
        lanes_stop(lanes);
        return code;
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
    stop_clock(lanes);
    for (int i = 0; i < COUNT; i++)
        lane_stop(lanes->lane[i]);
    parked_stop(lanes->parked);
    for (int i = 0; i < COUNT; i++)
        lane_free(lanes->lane[i]);
    free(lanes);
}

void lanes_fail_database(struct lanes *lanes, const struct err *err)
{
    for (int i = 0; i < COUNT; i++)
        lane_fail_database(lanes->lane[i], err);
}
