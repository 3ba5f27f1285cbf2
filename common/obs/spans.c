/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/spans.h"

#include "common/base/clock.h"
#include "common/obs/metrics.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct
{
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t news;
    struct span *ring;
    size_t first;
    size_t count;
    size_t enough; /* with so many spans spans_take waits no longer */
    bool hurry;
} list = {.lock = PTHREAD_MUTEX_INITIALIZER};
static atomic_bool wanted;

bool spans_wanted(void)
{
    return atomic_load_explicit(&wanted, memory_order_relaxed);
}

void span_init(struct span *span, enum span_kind kind, const char *request_id, int64_t took_us)
{
    *span = (struct span){.kind = kind, .end_us = clock_wall_us(), .took_us = took_us > 0 ? took_us : 0};
    snprintf(span->request_id, sizeof span->request_id, "%s", request_id != NULL ? request_id : "");
    span_text(span, "sokoul.request_id", request_id);
}

void span_name(struct span *span, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(span->name, sizeof span->name, fmt, args);
    va_end(args);
}

void span_text(struct span *span, const char *name, const char *text)
{
    size_t n = 0;
    if (text == NULL || text[0] == '\0')
        return;
    while (n < SPAN_ATTRIBUTES && span->attributes[n].name != NULL)
        n++;
    if (n == SPAN_ATTRIBUTES)
        return;
    span->attributes[n].name = name;
    snprintf(span->attributes[n].text, SPAN_TEXT, "%s", text);
}

void span_int(struct span *span, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    span_text(span, name, text);
}

void spans_note(const struct span *span)
{
    pthread_mutex_lock(&list.lock);
    bool full = list.ring == NULL || list.count == SPANS_MAX;
    if (!full)
        list.ring[(list.first + list.count++) % SPANS_MAX] = *span;
    if (list.count == list.enough)
        pthread_cond_signal(&list.news);
    pthread_mutex_unlock(&list.lock);
    if (full)
        metrics_add(METRIC_SPANS_DROPPED, 1);
}

enum err_code spans_open(struct err *err)
{
    pthread_condattr_t attributes;
    struct span *ring = calloc(SPANS_MAX, sizeof *ring);
    if (ring == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&list.news, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_lock(&list.lock);
    list.ring = ring;
    list.first = list.count = 0;
    list.hurry = false;
    pthread_mutex_unlock(&list.lock);
    metrics_add(METRIC_SPANS_SENT, 0);
    metrics_add(METRIC_SPANS_DROPPED, 0);
    atomic_store(&wanted, true);
    return E_OK;
}

void spans_close(void)
{
    atomic_store(&wanted, false);
    pthread_mutex_lock(&list.lock);
    struct span *ring = list.ring;
    list.ring = NULL;
    list.count = 0;
    pthread_mutex_unlock(&list.lock);
    if (ring == NULL)
        return;
    free(ring);
    pthread_cond_destroy(&list.news);
}

size_t spans_take(struct span *out, size_t max, int wait_ms)
{
    const struct timespec until = clock_mono_after_ms(wait_ms);
    int waited = 0;
    pthread_mutex_lock(&list.lock);
    list.enough = max;
    while (waited == 0 && list.count < max && !list.hurry)
        waited = pthread_cond_timedwait(&list.news, &list.lock, &until);
    size_t n = list.count < max ? list.count : max;
    for (size_t i = 0; i < n; i++)
        out[i] = list.ring[(list.first + i) % SPANS_MAX];
    list.first = (list.first + n) % SPANS_MAX;
    list.count -= n;
    pthread_mutex_unlock(&list.lock);
    return n;
}

void spans_hurry(void)
{
    pthread_mutex_lock(&list.lock);
    list.hurry = true;
    pthread_cond_signal(&list.news);
    pthread_mutex_unlock(&list.lock);
}
