/* SPDX-License-Identifier: Apache-2.0 */
/* Spans as the JSON of OTLP: ids in hex, 64-bit numbers as texts. */
#include "common/json/write.h"
#include "common/otlp/otlp.h"

#include <stdio.h>

enum
{
    STATUS_ERROR = 2
};

static void put_attribute(struct json_writer *w, const char *name, const char *text)
{
    json_begin_object(w, NULL);
    json_put_text(w, "key", name);
    json_begin_object(w, "value");
    json_put_text(w, "stringValue", text);
    json_end_object(w);
    json_end_object(w);
}

static void put_number(struct json_writer *w, const char *name, const char *fmt, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, fmt[0] == 'x' ? "%016llx" : "%llu", (unsigned long long)value);
    json_put_text(w, name, text);
}

static void put_link(struct json_writer *w, const struct span *span)
{
    json_begin_array(w, "links");
    json_begin_object(w, NULL);
    json_put_text(w, "traceId", span->link_trace);
    json_put_text(w, "spanId", span->link_span);
    json_end_object(w);
    json_end_array(w);
}

static void put_span(struct json_writer *w, const struct span *span)
{
    char trace[TRACE_ID_SIZE];
    trace_of_request(span->request_id, trace);
    json_begin_object(w, NULL);
    json_put_text(w, "traceId", trace);
    put_number(w, "spanId", "x", span->id);
    if (span->parent != 0)
        put_number(w, "parentSpanId", "x", span->parent);
    json_put_text(w, "name", span->name);
    json_put_int(w, "kind", span->kind);
    put_number(w, "startTimeUnixNano", "d", (uint64_t)(span->end_us - span->took_us) * 1000);
    put_number(w, "endTimeUnixNano", "d", (uint64_t)span->end_us * 1000);
    json_begin_array(w, "attributes");
    for (size_t i = 0; i < SPAN_ATTRIBUTES && span->attributes[i].name != NULL; i++)
        put_attribute(w, span->attributes[i].name, span->attributes[i].text);
    json_end_array(w);
    if (span->link_trace[0] != '\0')
        put_link(w, span);
    json_begin_object(w, "status");
    if (span->failed)
        json_put_int(w, "code", STATUS_ERROR);
    json_end_object(w);
    json_end_object(w);
}

void otlp_write(const struct span *spans, size_t count, const char *service, struct buf *out)
{
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "resourceSpans");
    json_begin_object(&w, NULL);
    json_begin_object(&w, "resource");
    json_begin_array(&w, "attributes");
    put_attribute(&w, "service.name", service);
    put_attribute(&w, "service.version", SOKOUL_VERSION);
    json_end_array(&w);
    json_end_object(&w);
    json_begin_array(&w, "scopeSpans");
    json_begin_object(&w, NULL);
    json_begin_object(&w, "scope");
    json_put_text(&w, "name", "sokoul");
    json_end_object(&w);
    json_begin_array(&w, "spans");
    for (size_t i = 0; i < count; i++)
        put_span(&w, &spans[i]);
    json_end_array(&w);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
}
