/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spans.h -- spans of what a program has done for a request, for a collector of traces: kept here, sent by
 * common/otlp.
 *
 * Like the metrics, the list exists once per process.  It is closed until spans_open; then noting a span is
 * one copy under a lock that is never held for longer than a copy, whatever the collector does.  The list has
 * room for SPANS_MAX; further spans are dropped and counted (sokoul_trace_spans_dropped_total).
 *
 * All spans of a request are of the trace of its id (traceparent.h).  A request with an id of ours has a span
 * whose id every program can compute, span_of(request_id, 0); the spans of other programs are its children.
 *
 * Any thread.
 */
#ifndef SOKOUL_COMMON_OBS_SPANS_H
#define SOKOUL_COMMON_OBS_SPANS_H

#include "common/base/err.h"
#include "common/base/traceparent.h"

#include <stddef.h>

enum
{
    SPANS_MAX = 4096,
    SPAN_TEXT = 72, /* bytes of a text that are kept, with its end */
    SPAN_ATTRIBUTES = 5
};

enum span_kind /* as OTLP numbers them */
{
    SPAN_SERVER = 2,
    SPAN_CLIENT = 3,
    SPAN_CONSUMER = 5
};

struct span_attribute
{
    const char *name; /* static; NULL: no more */
    char text[SPAN_TEXT];
};

struct span
{
    char request_id[SPAN_TEXT];
    uint64_t id;
    uint64_t parent; /* 0: none */
    /* Another trace that it belongs to as well: that of a caller who named its request. */
    char link_trace[TRACE_ID_SIZE]; /* "": none */
    char link_span[TRACE_SPAN_SIZE];
    enum span_kind kind;
    char name[SPAN_TEXT];
    int64_t end_us; /* since 1970 */
    int64_t took_us;
    bool failed;
    struct span_attribute attributes[SPAN_ATTRIBUTES];
};

bool spans_wanted(void);
/* A span that ends now.  Its texts are cut where they are too long. */
void span_init(struct span *span, enum span_kind kind, const char *request_id, int64_t took_us);
void span_name(struct span *span, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* `name` is static; a text that is NULL or "" is left out. */
void span_text(struct span *span, const char *name, const char *text);
void span_int(struct span *span, const char *name, int64_t value);
void spans_note(const struct span *span);

/* For common/otlp, which sends them. */
MUST_USE enum err_code spans_open(struct err *err);
void spans_close(void);
/* Waits until there are `max` of them, wait_ms have passed or spans_hurry was called; takes at most `max`. */
size_t spans_take(struct span *out, size_t max, int wait_ms);
void spans_hurry(void);

#endif
