/* SPDX-License-Identifier: Apache-2.0 */
#include "api/handlers/health.h"

#include "api/reply.h"
#include "common/obs/metrics.h"
#include "common/obs/report.h"

static struct report report_of(const struct request *req)
{
    return (struct report){
        .health = req->app->health,
        .started_ms = req->app->started_ms,
        .requests = metrics_value(METRIC_API_REQUESTS),
        .errors = metrics_value(METRIC_API_ERRORS),
        .listeners = 1,
    };
}

static enum err_code answer(struct request *req,
                            enum report_verdict (*write)(const struct report *report, struct buf *out),
                            struct err *err)
{
    struct report report = report_of(req);
    struct json_writer w = reply_begin(req);
    if (write(&report, w.buf) == REPORT_GOOD)
        return reply_json(req, REPLY_OK, err);
    reply_header(req, "Retry-After", "5");
    return reply_json_unavailable(req, err);
}

enum err_code health_get(struct request *req, struct err *err)
{
    return answer(req, report_health, err);
}

enum err_code health_get_brief(struct request *req, struct err *err)
{
    return answer(req, report_brief, err);
}

enum err_code health_get_live(struct request *req, struct err *err)
{
    return answer(req, report_live, err);
}

enum err_code health_get_deep(struct request *req, struct err *err)
{
    return answer(req, report_deep, err);
}

enum err_code health_get_ready(struct request *req, struct err *err)
{
    return answer(req, report_ready, err);
}

enum err_code health_get_metrics(struct request *req, struct err *err)
{
    const enum metrics_format format = metrics_format_of(req->header[HEADER_ACCEPT]);
    struct json_writer w = reply_begin(req);
    metrics_write(w.buf, format, "sokoul-api");
    return reply_text(req, REPLY_OK,
                      format == METRICS_OPENMETRICS ? METRICS_OPENMETRICS_TYPE : METRICS_PROMETHEUS_TYPE,
                      err);
}
