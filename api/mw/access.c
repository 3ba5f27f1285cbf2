/* SPDX-License-Identifier: Apache-2.0 */
/* The log line and the metrics of a request that has its reply.  Paths are logged as their pattern. */
#include "api/mw/links.h"

#include "api/route.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/obs/metrics.h"
#include "common/obs/spans.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    LINES_PER_S = 200, /* about requests that simply succeeded; more are counted, and logged in one line */
    TOO_MANY = 429
};

/* Under load a line per request would cost as much as the request.  A request that failed, took long,
 * or has an id that its client chose is always logged; but who floods us does not fill the disk. */
static bool is_logged(const struct request *req, double seconds)
{
    static atomic_llong second;
    static atomic_int lines;
    const bool failed = req->reply.status >= 400 && req->reply.status != TOO_MANY;
    if (failed || seconds > 1 || (req->header[HEADER_REQUEST_ID] != NULL && req->reply.status != TOO_MANY))
        return true;
    long long now = clock_mono_ms() / 1000;
    long long before = atomic_load(&second);
    if (before != now && atomic_compare_exchange_strong(&second, &before, now))
    {
        int left_out = atomic_exchange(&lines, 0) - LINES_PER_S;
        if (left_out > 0)
            log_info("requests", "%d more requests were answered within that second", left_out);
    }
    return atomic_fetch_add(&lines, 1) < LINES_PER_S;
}

/* The caller's span is above ours, or beside it when the caller has named the request. */
static void set_caller(struct span *span, const struct request *req)
{
    char trace[TRACE_ID_SIZE];
    char theirs[TRACE_SPAN_SIZE];
    if (!traceparent_read(req->header[HEADER_TRACEPARENT], trace, theirs))
        return;
    if (strcmp(trace, req->id) == 0)
        span->parent = strtoull(theirs, NULL, 16);
    else
    {
        memcpy(span->link_trace, trace, sizeof trace);
        memcpy(span->link_span, theirs, sizeof theirs);
    }
}

static void note_span(const struct request *req, const char *method, const char *route, double seconds)
{
    struct span span;
    if (!spans_wanted())
        return;
    span_init(&span, SPAN_SERVER, req->id, (int64_t)(seconds * 1e6));
    span.id = req->span;
    span.failed = req->reply.status >= 500;
    set_caller(&span, req);
    span_name(&span, "%s %s", method, route);
    span_text(&span, "http.request.method", method);
    span_text(&span, "http.route", route);
    span_int(&span, "http.response.status_code", req->reply.status);
    spans_note(&span);
}

void access_note(struct request *req)
{
    if (req->logged)
        return;
    req->logged = true;
    double seconds = (double)(clock_mono_ns() - req->started_ns) / 1e9;
    const char *route = req->route != NULL ? req->route->pattern : "none";
    char status[12];
    snprintf(status, sizeof status, "%d", req->reply.status);
    const char *labels[] = {method_name(req->method), route, status};
    metrics_count(METRIC_API_REQUESTS, labels);
    if (req->reply.status >= 500)
        metrics_add(METRIC_API_ERRORS, 1);
    metrics_observe_for(METRIC_API_REQUEST_SECONDS, seconds, req->id);
    note_span(req, labels[0], route, seconds);
    if (!is_logged(req, seconds))
        return;
    struct log_context before =
        log_context_set((struct log_context){.request_id = req->id, .user_id = req->user.id.text});
    log_info("request", "%s %s %s %.1f ms", labels[0], route, status, seconds * 1e3);
    log_context_set(before);
}

void access_expect(void)
{
    for (size_t i = 0; i < routes.count; i++)
        metrics_expect(METRIC_API_REQUESTS,
                       (const char *[]){method_name(routes.rows[i].method), routes.rows[i].pattern, "500"});
}
