/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/metrics.h"

#include "common/base/log.h"
#include "common/obs/process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum kind
{
    COUNTER,
    GAUGE,
    HISTOGRAM
};

enum
{
    SLOTS = METRICS_MAX_SERIES * 2, /* a power of two: half empty, so that looking up stays short */
    MAX_LABEL_BYTES = 128
};

static const double bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                0.25,   0.5,   1,      2.5,   5,    10,    30,   60};

enum
{
    BOUNDS = sizeof bounds / sizeof bounds[0]
};

struct row
{
    enum kind kind;
    const char *name;
    const char *labels;
    const char *help;
};

static const struct row rows[METRIC_COUNT] = {
#define X(id, kind, name, labels, help) [METRIC_##id] = {kind, name, labels, help},
    METRICS_TABLE(X)
#undef X
};

struct series
{
    atomic_uint_fast64_t count;
    const char *label[METRICS_MAX_LABELS]; /* behind the struct, never freed: the registry is for life */
};

/* A slot once filled never changes, so readers need no lock; `lock` guards filling them. */
struct family
{
    _Atomic(struct series *) slot[SLOTS];
    atomic_uint_fast64_t other;
    int used;
};

struct reader
{
    double (*read)(void *of);
    void *of;
};

static double read_log_dropped(void *of)
{
    (void)of;
    return (double)log_dropped();
}

static struct
{
    pthread_mutex_t lock; /* guards filling slots, and `reader` */
    atomic_uint_fast64_t count[METRIC_COUNT];
    _Atomic double gauge[METRIC_COUNT];
    atomic_bool gauge_set[METRIC_COUNT];
    atomic_uint_fast64_t bucket[METRIC_COUNT][BOUNDS];
    atomic_uint_fast64_t total_us[METRIC_COUNT];
    struct reader reader[METRIC_COUNT];
    struct family family[METRIC_COUNT];
} registry = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .reader[METRIC_LOG_DROPPED] = {read_log_dropped, NULL},
};

static int labels_of(const struct row *row)
{
    int count = row->labels[0] != '\0';
    for (const char *c = row->labels; *c != '\0'; c++)
        count += *c == ',';
    return count;
}

void metrics_add(enum metric metric, uint64_t by)
{
    atomic_fetch_add_explicit(&registry.count[metric], by, memory_order_relaxed);
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
    pthread_mutex_lock(&registry.lock);
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
    pthread_mutex_unlock(&registry.lock);
    return series;
}

void metrics_count(enum metric metric, const char *const *labels)
{
    struct family *family = &registry.family[metric];
    int count = labels_of(&rows[metric]);
    bool fits = true;
    for (int i = 0; i < count; i++)
        fits = fits && strnlen(labels[i], MAX_LABEL_BYTES) < MAX_LABEL_BYTES;
    struct series *series = fits ? find_or_make(family, labels, count) : NULL;
    atomic_fetch_add_explicit(series != NULL ? &series->count : &family->other, 1, memory_order_relaxed);
}

void metrics_set(enum metric metric, double value)
{
    atomic_store_explicit(&registry.gauge[metric], value, memory_order_relaxed);
    atomic_store_explicit(&registry.gauge_set[metric], true, memory_order_relaxed);
}

void metrics_read(enum metric metric, double (*read)(void *of), void *of)
{
    pthread_mutex_lock(&registry.lock);
    registry.reader[metric] = (struct reader){read, of};
    pthread_mutex_unlock(&registry.lock);
}

void metrics_observe(enum metric metric, double seconds)
{
    if (!(seconds >= 0)) /* also not a number */
        seconds = 0;
    size_t at = 0;
    while (at < BOUNDS && seconds > bounds[at])
        at++;
    if (at < BOUNDS)
        atomic_fetch_add_explicit(&registry.bucket[metric][at], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&registry.total_us[metric], (uint64_t)(seconds * 1e6), memory_order_relaxed);
    atomic_fetch_add_explicit(&registry.count[metric], 1, memory_order_relaxed);
}

uint64_t metrics_value(enum metric metric)
{
    uint64_t sum = atomic_load_explicit(&registry.count[metric], memory_order_relaxed);
    struct family *family = &registry.family[metric];
    for (size_t i = 0; i < SLOTS && rows[metric].labels[0] != '\0'; i++)
    {
        struct series *series = atomic_load_explicit(&family->slot[i], memory_order_acquire);
        sum += series == NULL ? 0 : atomic_load_explicit(&series->count, memory_order_relaxed);
    }
    return sum + atomic_load_explicit(&family->other, memory_order_relaxed);
}

/* ---- writing ---------------------------------------------------------------------------- */

static void put_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
    {
        if (*text == '\n')
            buf_add_text(out, "\\n");
        else if (*text == '"' || *text == '\\')
            buf_addf(out, "\\%c", *text);
        else
            buf_add_char(out, *text);
    }
}

/* `label` NULL: every label "other". */
static void put_series(struct buf *out, const struct row *row, const char *const *label, uint64_t count)
{
    buf_addf(out, "%s{", row->name);
    const char *name = row->labels;
    for (int i = 0; *name != '\0'; i++)
    {
        size_t len = strcspn(name, ",");
        buf_addf(out, "%s%.*s=\"", i > 0 ? "," : "", (int)len, name);
        put_escaped(out, label != NULL ? label[i] : "other");
        buf_add_char(out, '"');
        name += len + (name[len] == ',');
    }
    buf_addf(out, "} %llu\n", (unsigned long long)count);
}

static void put_family(struct buf *out, enum metric metric)
{
    struct family *family = &registry.family[metric];
    for (size_t i = 0; i < SLOTS; i++)
    {
        struct series *series = atomic_load_explicit(&family->slot[i], memory_order_acquire);
        if (series != NULL)
            put_series(out, &rows[metric], series->label,
                       atomic_load_explicit(&series->count, memory_order_relaxed));
    }
    uint64_t other = atomic_load_explicit(&family->other, memory_order_relaxed);
    if (other > 0)
        put_series(out, &rows[metric], NULL, other);
}

static void put_histogram(struct buf *out, enum metric metric)
{
    const char *name = rows[metric].name;
    uint64_t below = 0;
    for (size_t i = 0; i < BOUNDS; i++)
    {
        below += atomic_load_explicit(&registry.bucket[metric][i], memory_order_relaxed);
        buf_addf(out, "%s_bucket{le=\"%g\"} %llu\n", name, bounds[i], (unsigned long long)below);
    }
    uint64_t count = atomic_load_explicit(&registry.count[metric], memory_order_relaxed);
    if (count < below) /* observed meanwhile: the last bucket must not fall */
        count = below;
    buf_addf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)count);
    uint64_t total_us = atomic_load_explicit(&registry.total_us[metric], memory_order_relaxed);
    buf_addf(out, "%s_sum %.6f\n%s_count %llu\n", name, (double)total_us / 1e6, name,
             (unsigned long long)count);
}

static void put_metric(struct buf *out, enum metric metric)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const struct row *row = &rows[metric];
    struct reader reader = registry.reader[metric];
    bool set = atomic_load_explicit(&registry.gauge_set[metric], memory_order_relaxed);
    if (row->kind == GAUGE && reader.read == NULL && !set)
        return; /* nobody in this program knows it: silence, not zero */
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, types[row->kind]);
    if (row->labels[0] != '\0')
        put_family(out, metric);
    else if (row->kind == HISTOGRAM)
        put_histogram(out, metric);
    else if (reader.read != NULL)
        buf_addf(out, "%s %.15g\n", row->name, reader.read(reader.of));
    else if (row->kind == GAUGE)
        buf_addf(out, "%s %.15g\n", row->name,
                 atomic_load_explicit(&registry.gauge[metric], memory_order_relaxed));
    else
        buf_addf(out, "%s %llu\n", row->name, (unsigned long long)metrics_value(metric));
}

void metrics_write(struct buf *out, const char *service)
{
    pthread_mutex_lock(&registry.lock);
    for (int i = 0; i < METRIC_COUNT; i++)
        put_metric(out, (enum metric)i);
    pthread_mutex_unlock(&registry.lock);
    buf_addf(out, "# HELP sokoul_build_info What runs here\n# TYPE sokoul_build_info gauge\n"
                  "sokoul_build_info{version=\"" SOKOUL_VERSION "\",service=\"");
    put_escaped(out, service);
    buf_add_text(out, "\"} 1\n");
    process_write(out);
}
