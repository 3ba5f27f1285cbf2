/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/metrics.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/obs/metrics_inside.h"

#include <stdlib.h>
#include <string.h>

enum
{
    MAX_LABEL_BYTES = 128,
    EXEMPLAR_MS = 1000 /* how long an exemplar stays before another replaces it */
};

const double metrics_bounds[BOUNDS] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                       1,      2,     2.5,    5,     10,   30,    60,   300, 1800};

const struct metric_row metrics_rows[METRIC_COUNT] = {
#define X(id, kind, name, labels, help) [METRIC_##id] = {kind, name, labels, help},
    METRICS_TABLE(X)
#undef X
};

static double read_log_dropped(void *of)
{
    (void)of;
    return (double)log_dropped();
}

struct metrics_registry metrics_registry = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .exemplar_lock = PTHREAD_MUTEX_INITIALIZER,
    .reader[METRIC_LOG_DROPPED] = {read_log_dropped, NULL},
};

static int labels_of(const struct metric_row *row)
{
    int count = row->labels[0] != '\0';
    for (const char *c = row->labels; *c != '\0'; c++)
        count += *c == ',';
    return count;
}

void metrics_add(enum metric metric, uint64_t by)
{
    atomic_fetch_add_explicit(&metrics_registry.count[metric], by, memory_order_relaxed);
}

static uint64_t hash_of(const char *const *labels, int count)
{
    uint64_t hash = 14695981039346656037u;
    for (int i = 0; i < count; i++)
    {
        for (const char *c = labels[i]; *c != '\0'; c++)
            hash = (hash ^ (unsigned char)*c) * 1099511628211u;
        hash = (hash ^ 0xffu) * 1099511628211u;
    }
    return hash ^ (hash >> 29);
}

static bool same(const struct series *series, const char *const *labels, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(series->label[i], labels[i]) != 0)
            return false;
    return true;
}

static struct series *series_new(const char *const *labels, int count)
{
    size_t bytes = sizeof(struct series);
    for (int i = 0; i < count; i++)
        bytes += strlen(labels[i]) + 1;
    struct series *series = calloc(1, bytes);
    if (series == NULL)
        return NULL;
    char *at = (char *)(series + 1);
    for (int i = 0; i < count; i++)
    {
        size_t len = strlen(labels[i]) + 1;
        memcpy(at, labels[i], len);
        series->label[i] = at;
        at += len;
    }
    return series;
}

/* The series of these labels, or the slot where it would be. */
static struct series *find(struct family *family, const char *const *labels, int count, size_t *at)
{
    *at = hash_of(labels, count) & (SLOTS - 1);
    for (;;)
    {
        struct series *series = atomic_load_explicit(&family->slot[*at], memory_order_acquire);
        if (series == NULL || same(series, labels, count))
            return series;
        *at = (*at + 1) & (SLOTS - 1);
    }
}

static struct series *find_or_make(struct family *family, const char *const *labels, int count)
{
    size_t at;
    struct series *series = find(family, labels, count, &at);
    if (series != NULL)
        return series;
    pthread_mutex_lock(&metrics_registry.lock);
    series = find(family, labels, count, &at);
    if (series == NULL && family->used < METRICS_MAX_SERIES)
    {
        series = series_new(labels, count);
        if (series != NULL)
        {
            family->used++;
            atomic_store_explicit(&family->slot[at], series, memory_order_release);
        }
    }
    pthread_mutex_unlock(&metrics_registry.lock);
    return series;
}

/* NULL: a label is too long, or there are too many series. */
static struct series *series_of(enum metric metric, const char *const *labels)
{
    int count = labels_of(&metrics_rows[metric]);
    for (int i = 0; i < count; i++)
        if (strnlen(labels[i], MAX_LABEL_BYTES) == MAX_LABEL_BYTES)
            return NULL;
    return find_or_make(&metrics_registry.family[metric], labels, count);
}

void metrics_count(enum metric metric, const char *const *labels)
{
    struct series *series = series_of(metric, labels);
    atomic_fetch_add_explicit(series != NULL ? &series->count : &metrics_registry.family[metric].other, 1,
                              memory_order_relaxed);
}

void metrics_expect(enum metric metric, const char *const *labels)
{
    (void)series_of(metric, labels);
}

void metrics_set_of(enum metric metric, const char *const *labels, double value)
{
    struct series *series = series_of(metric, labels);
    if (series != NULL)
        atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

void metrics_set(enum metric metric, double value)
{
    atomic_store_explicit(&metrics_registry.gauge[metric], value, memory_order_relaxed);
    atomic_store_explicit(&metrics_registry.gauge_set[metric], true, memory_order_relaxed);
}

void metrics_read(enum metric metric, double (*read)(void *of), void *of)
{
    pthread_mutex_lock(&metrics_registry.lock);
    metrics_registry.reader[metric] = (struct reader){read, of};
    pthread_mutex_unlock(&metrics_registry.lock);
}

/* A thread that comes while another one writes leaves no exemplar. */
static void keep_exemplar(struct exemplar *exemplar, double seconds, const char *request_id)
{
    size_t len = strnlen(request_id, REQUEST_BYTES);
    if (len == 0 || len == REQUEST_BYTES || pthread_mutex_trylock(&metrics_registry.exemplar_lock) != 0)
        return;
    int64_t now_ms = clock_wall_ms();
    if (exemplar->request_id[0] == '\0' || now_ms - exemplar->at_ms >= EXEMPLAR_MS)
    {
        memcpy(exemplar->request_id, request_id, len + 1);
        exemplar->value = seconds;
        exemplar->at_ms = now_ms;
    }
    pthread_mutex_unlock(&metrics_registry.exemplar_lock);
}

void metrics_observe_for(enum metric metric, double seconds, const char *request_id)
{
    if (!(seconds >= 0)) /* also not a number */
        seconds = 0;
    size_t at = 0;
    while (at < BOUNDS && seconds > metrics_bounds[at])
        at++;
    if (at < BOUNDS)
        atomic_fetch_add_explicit(&metrics_registry.bucket[metric][at], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics_registry.total_us[metric], (uint64_t)(seconds * 1e6),
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&metrics_registry.count[metric], 1, memory_order_relaxed);
    if (request_id != NULL)
        keep_exemplar(&metrics_registry.exemplar[metric][at], seconds, request_id);
}

void metrics_observe(enum metric metric, double seconds)
{
    metrics_observe_for(metric, seconds, NULL);
}

uint64_t metrics_value(enum metric metric)
{
    uint64_t sum = atomic_load_explicit(&metrics_registry.count[metric], memory_order_relaxed);
    struct family *family = &metrics_registry.family[metric];
    for (size_t i = 0; i < SLOTS && metrics_rows[metric].labels[0] != '\0'; i++)
    {
        struct series *series = atomic_load_explicit(&family->slot[i], memory_order_acquire);
        sum += series == NULL ? 0 : atomic_load_explicit(&series->count, memory_order_relaxed);
    }
    return sum + atomic_load_explicit(&family->other, memory_order_relaxed);
}
