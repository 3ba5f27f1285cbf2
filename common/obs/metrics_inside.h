/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_inside.h -- the registry, which metrics.c fills and metrics_text.c writes out. Nobody else includes
 * it. */
#ifndef SOKOUL_COMMON_OBS_METRICS_INSIDE_H
#define SOKOUL_COMMON_OBS_METRICS_INSIDE_H

#include "common/obs/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

enum metric_kind
{
    COUNTER,
    GAUGE,
    HISTOGRAM
};

enum
{
    SLOTS = METRICS_MAX_SERIES * 2, /* a power of two: half empty, so that looking up stays short */
    BOUNDS = 19,
    REQUEST_BYTES = 65
};

struct metric_row
{
    enum metric_kind kind;
    const char *name;
    const char *labels;
    const char *help;
};

struct series
{
    atomic_uint_fast64_t count;
    _Atomic double value;                  /* of a gauge */
    const char *label[METRICS_MAX_LABELS]; /* behind the struct, never freed: the registry is for life */
};

/* A slot that was filled never changes, so readers need no lock; `lock` guards filling. */
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

struct exemplar
{
    char request_id[REQUEST_BYTES]; /* "": none */
    double value;
    int64_t at_ms; /* wall time */
};

struct metrics_registry
{
    pthread_mutex_t lock;          /* guards filling slots, and `reader` */
    pthread_mutex_t exemplar_lock; /* guards `exemplar`; a thread that observes does not wait for it */
    atomic_uint_fast64_t count[METRIC_COUNT];
    _Atomic double gauge[METRIC_COUNT];
    atomic_bool gauge_set[METRIC_COUNT];
    atomic_uint_fast64_t bucket[METRIC_COUNT][BOUNDS];
    atomic_uint_fast64_t total_us[METRIC_COUNT];
    struct reader reader[METRIC_COUNT];
    struct family family[METRIC_COUNT];
    struct exemplar exemplar[METRIC_COUNT][BOUNDS + 1];
};

extern struct metrics_registry metrics_registry;
extern const struct metric_row metrics_rows[METRIC_COUNT];
extern const double metrics_bounds[BOUNDS];

#endif
