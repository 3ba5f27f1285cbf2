/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/report.h"

#include "common/base/clock.h"
#include "common/json/write.h"

#include <stdio.h>

static const char *word_of(const struct health_state *state)
{
    if (!state->watched)
        return "unknown";
    return state->impaired ? "degraded" : state->up ? "up" : "down";
}

static bool is_there(const struct report *report, enum health_service service)
{
    struct health_state state = health_state(report->health, service);
    return state.up || !state.watched;
}

/* Postgres is the truth: a program without it, or one that leaves, should get no requests. */
static bool is_fit(const struct report *report)
{
    return !health_draining(report->health) && is_there(report, HEALTH_DATABASE);
}

static int64_t uptime_s(const struct report *report)
{
    return (clock_mono_ms() - report->started_ms) / 1000;
}

enum report_verdict report_health(const struct report *report, struct buf *out)
{
    struct health_state database = health_state(report->health, HEALTH_DATABASE);
    bool fit = is_fit(report);
    char rate[32];
    double share = report->requests > 0 ? 100.0 * (double)report->errors / (double)report->requests : 0;
    snprintf(rate, sizeof rate, "%.2f%%", share);
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_text(&w, "status", fit ? "healthy" : "unhealthy");
    json_put_time(&w, "timestamp", clock_wall_ms());
    json_put_text(&w, "version", SOKOUL_VERSION);
    json_put_int(&w, "uptime_seconds", uptime_s(report));
    json_put_int(&w, "requests", (int64_t)report->requests);
    json_put_int(&w, "errors", (int64_t)report->errors);
    json_put_text(&w, "error_rate", rate);
    json_put_text(&w, "database", word_of(&database));
    if (database.checked_ms > 0)
        json_put_time(&w, "last_db_check", database.checked_ms);
    else
        json_put_null(&w, "last_db_check");
    json_put_bool(&w, "draining", health_draining(report->health));
    json_end_object(&w);
    return fit ? REPORT_GOOD : REPORT_BAD;
}

enum report_verdict report_brief(const struct report *report, struct buf *out)
{
    struct health_state redis = health_state(report->health, HEALTH_REDIS);
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_text(&w, "status", "ok");
    json_put_text(&w, "version", SOKOUL_VERSION);
    json_put_int(&w, "listeners_count", report->listeners);
    json_put_text(&w, "redis", word_of(&redis));
    json_put_int(&w, "uptime_s", uptime_s(report));
    json_end_object(&w);
    return REPORT_GOOD;
}

static void put_component(struct json_writer *w, enum health_service service,
                          const struct health_state *state)
{
    json_begin_object(w, health_service_name(service));
    json_put_text(w, "status", word_of(state));
    if (state->up)
        json_put_int(w, "latency_ms", state->latency_ms);
    else
        json_put_null(w, "latency_ms");
    json_put_text(w, "error",
                  (state->up && !state->impaired) || state->error[0] == '\0' ? NULL : state->error);
    json_end_object(w);
}

enum report_verdict report_deep(const struct report *report, struct buf *out)
{
    struct health_state states[HEALTH_SERVICES];
    bool all = true;
    for (int i = 0; i < HEALTH_SERVICES; i++)
    {
        states[i] = health_state(report->health, (enum health_service)i);
        all = all && ((states[i].up && !states[i].impaired) || !states[i].watched);
    }
    bool fit = is_fit(report);
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_text(&w, "status", !fit ? "unhealthy" : all ? "healthy" : "degraded");
    json_begin_object(&w, "components");
    for (int i = 0; i < HEALTH_SERVICES; i++)
        put_component(&w, (enum health_service)i, &states[i]);
    json_end_object(&w);
    json_end_object(&w);
    return fit ? REPORT_GOOD : REPORT_BAD;
}

enum report_verdict report_ready(const struct report *report, struct buf *out)
{
    bool fit = is_fit(report);
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_bool(&w, "ready", fit);
    json_put_bool(&w, "draining", health_draining(report->health));
    json_begin_object(&w, "services");
    for (int i = 0; i < HEALTH_SERVICES; i++)
    {
        struct health_state state = health_state(report->health, (enum health_service)i);
        if (state.watched)
            json_put_bool(&w, health_service_name((enum health_service)i), state.up);
    }
    json_end_object(&w);
    json_end_object(&w);
    return fit ? REPORT_GOOD : REPORT_BAD;
}

enum report_verdict report_live(const struct report *report, struct buf *out)
{
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_text(&w, "status",
                  "healthy"); /* of the process itself; /health/deep and /ready are about its servers */
    json_put_time(&w, "timestamp", clock_wall_ms());
    json_put_text(&w, "version", SOKOUL_VERSION);
    json_put_int(&w, "uptime_seconds", uptime_s(report));
    json_end_object(&w);
    return REPORT_GOOD;
}
