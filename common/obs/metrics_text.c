/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics as text, for scrapers. */
#include "common/obs/metrics_text.h"
#include "common/obs/metrics_inside.h"
#include "common/obs/process.h"

#include <stdio.h>
#include <string.h>

enum metrics_format metrics_format_of(const char *accept)
{
    const bool asked = accept != NULL && strstr(accept, "application/openmetrics-text") != NULL;
    return asked ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
}

/* In OpenMetrics a counter's family is named without the _total that its series has. */
void metrics_put_head(struct buf *out, enum metrics_format format, const struct metrics_head *head)
{
    static const char suffix[] = "_total";
    const size_t suffix_len = sizeof suffix - 1;
    size_t len = strlen(head->name);
    if (format == METRICS_OPENMETRICS && strcmp(head->type, "counter") == 0 && len > suffix_len)
        len -= suffix_len;
    buf_addf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)len, head->name, head->help, (int)len, head->name,
             head->type);
}

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

/* Up to the value; `label` NULL: every label "other". */
static void put_labels(struct buf *out, const struct metric_row *row, const char *const *label)
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
    buf_add_text(out, "} ");
}

static void put_count(struct buf *out, uint64_t count)
{
    buf_addf(out, "%llu\n", (unsigned long long)count);
}

static void put_family(struct buf *out, enum metric metric)
{
    struct family *family = &metrics_registry.family[metric];
    const struct metric_row *row = &metrics_rows[metric];
    for (size_t i = 0; i < SLOTS; i++)
    {
        struct series *series = atomic_load_explicit(&family->slot[i], memory_order_acquire);
        if (series == NULL)
            continue;
        put_labels(out, row, series->label);
        if (row->kind == GAUGE)
            buf_addf(out, "%.15g\n", atomic_load_explicit(&series->value, memory_order_relaxed));
        else
            put_count(out, atomic_load_explicit(&series->count, memory_order_relaxed));
    }
    uint64_t other = atomic_load_explicit(&family->other, memory_order_relaxed);
    if (other == 0)
        return;
    put_labels(out, row, NULL);
    put_count(out, other);
}

static void put_exemplar(struct buf *out, enum metric metric, size_t bucket)
{
    pthread_mutex_lock(&metrics_registry.exemplar_lock);
    const struct exemplar exemplar = metrics_registry.exemplar[metric][bucket];
    pthread_mutex_unlock(&metrics_registry.exemplar_lock);
    if (exemplar.request_id[0] == '\0')
        return;
    buf_add_text(out, " # {request_id=\"");
    put_escaped(out, exemplar.request_id);
    buf_addf(out, "\"} %.9g %lld.%03d", exemplar.value, (long long)(exemplar.at_ms / 1000),
             (int)(exemplar.at_ms % 1000));
}

/* A bound is always written as a float: the two formats must name the same series. */
static void put_bucket(struct buf *out, enum metric metric, size_t bucket, uint64_t below,
                       enum metrics_format format)
{
    char bound[32] = "+Inf";
    if (bucket < BOUNDS)
    {
        const int len = snprintf(bound, sizeof bound - 2, "%g", metrics_bounds[bucket]);
        if (strchr(bound, '.') == NULL)
            memcpy(bound + len, ".0", sizeof ".0");
    }
    buf_addf(out, "%s_bucket{le=\"%s\"} %llu", metrics_rows[metric].name, bound, (unsigned long long)below);
    if (format == METRICS_OPENMETRICS)
        put_exemplar(out, metric, bucket);
    buf_add_char(out, '\n');
}

static void put_histogram(struct buf *out, enum metric metric, enum metrics_format format)
{
    const char *name = metrics_rows[metric].name;
    uint64_t below = 0;
    for (size_t i = 0; i < BOUNDS; i++)
    {
        below += atomic_load_explicit(&metrics_registry.bucket[metric][i], memory_order_relaxed);
        put_bucket(out, metric, i, below, format);
    }
    uint64_t count = atomic_load_explicit(&metrics_registry.count[metric], memory_order_relaxed);
    if (count < below) /* observed meanwhile: the last bucket must not fall */
        count = below;
    put_bucket(out, metric, BOUNDS, count, format);
    uint64_t total_us = atomic_load_explicit(&metrics_registry.total_us[metric], memory_order_relaxed);
    buf_addf(out, "%s_sum %.6f\n%s_count %llu\n", name, (double)total_us / 1e6, name,
             (unsigned long long)count);
}

static bool is_known(enum metric metric)
{
    const struct metric_row *row = &metrics_rows[metric];
    if (row->kind != GAUGE)
        return true;
    if (row->labels[0] != '\0')
        return metrics_registry.family[metric].used > 0;
    return metrics_registry.reader[metric].read != NULL ||
           atomic_load_explicit(&metrics_registry.gauge_set[metric], memory_order_relaxed);
}

static void put_metric(struct buf *out, enum metric metric, enum metrics_format format)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const struct metric_row *row = &metrics_rows[metric];
    const struct reader reader = metrics_registry.reader[metric];
    if (!is_known(metric))
        return; /* no code of this program sets it: it is left out, and is not 0 */
    metrics_put_head(out, format,
                     &(struct metrics_head){.name = row->name, .type = types[row->kind], .help = row->help});
    if (row->labels[0] != '\0')
        put_family(out, metric);
    else if (row->kind == HISTOGRAM)
        put_histogram(out, metric, format);
    else if (reader.read != NULL)
        buf_addf(out, "%s %.15g\n", row->name, reader.read(reader.of));
    else if (row->kind == GAUGE)
        buf_addf(out, "%s %.15g\n", row->name,
                 atomic_load_explicit(&metrics_registry.gauge[metric], memory_order_relaxed));
    else
        buf_addf(out, "%s %llu\n", row->name, (unsigned long long)metrics_value(metric));
}

void metrics_write(struct buf *out, enum metrics_format format, const char *service)
{
    pthread_mutex_lock(&metrics_registry.lock);
    for (int i = 0; i < METRIC_COUNT; i++)
        put_metric(out, (enum metric)i, format);
    pthread_mutex_unlock(&metrics_registry.lock);
    metrics_put_head(
        out, format,
        &(struct metrics_head){.name = "sokoul_build_info", .type = "gauge", .help = "What runs here"});
    buf_add_text(out, "sokoul_build_info{version=\"" SOKOUL_VERSION "\",service=\"");
    put_escaped(out, service);
    buf_add_text(out, "\"} 1\n");
    process_write(out, format);
    if (format == METRICS_OPENMETRICS)
        buf_add_text(out, "# EOF\n");
}
