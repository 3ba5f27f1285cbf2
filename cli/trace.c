/* SPDX-License-Identifier: Apache-2.0 */
/* trace: the whole way of a request, in the order of time. */
#include "cli/trace.h"
#include "cli/show.h"
#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/json/write.h"

#include <stdlib.h>
#include <string.h>

enum
{
    LIMIT_DEFAULT = 1000,
    LIMIT_MAX = 1000000,
    ID_MAX = 64
};

struct trace
{
    const char *request_id;
    int64_t limit;
    struct trace_found stored;
    struct trace_steps logged;
    const struct trace_step **steps; /* of both, in the order of time, `count` of `total` */
    size_t count;
    int64_t total;
};

/* ---- both sources --------------------------------------------------------------------------- */

/* Steps of the same time stay in the order of their source. */
static int by_time(const void *a, const void *b)
{
    const struct trace_step *one = *(const struct trace_step *const *)a;
    const struct trace_step *other = *(const struct trace_step *const *)b;
    if (one->at_us != other->at_us)
        return one->at_us < other->at_us ? -1 : 1;
    return one < other ? -1 : one > other;
}

static enum err_code merge(struct arena *arena, struct trace *trace, struct err *err)
{
    size_t stored = trace->stored.over.count;
    size_t n = stored + trace->logged.count;
    struct trace_step *all = arena_array(arena, n + 1, sizeof *all);
    trace->steps = arena_array(arena, n + 1, sizeof *trace->steps);
    if (all == NULL || trace->steps == NULL)
        return fail(err, E_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
    {
        all[i] = i < stored ? trace->stored.over.list[i] : trace->logged.list[i - stored];
        trace->steps[i] = &all[i];
    }
    qsort(trace->steps, n, sizeof *trace->steps, by_time);
    trace->count = n < (size_t)trace->limit ? n : (size_t)trace->limit;
    trace->total = trace->stored.over.total + trace->logged.total;
    return E_OK;
}

/* A request that only read something has left nothing but log lines. */
static enum err_code collect(struct session *session, struct trace *trace, struct err *err)
{
    struct db *db = NULL;
    const char *log = option_text(&session->options, OPTION_LOG, NULL);
    enum err_code code = session_db(session, &db, err);
    if (code == E_OK && log != NULL)
        code = trace_log_read(session, log, trace->request_id, &trace->logged, err);
    if (code != E_OK)
        return code;
    code = trace_store_read(db, session->arena, trace->request_id, trace->limit, &trace->stored, err);
    if (code == E_NOT_FOUND && trace->logged.count > 0)
        code = E_OK;
    if (code == E_NOT_FOUND)
        return fail(err, code, "nothing is stored of request %s", trace->request_id);
    return code == E_OK ? merge(session->arena, trace, err) : code;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put_step(struct json_writer *w, const struct trace_step *step, int64_t first_us)
{
    json_begin_object(w, NULL);
    json_put_time(w, "at", step->at_us / 1000);
    json_put_number(w, "since_ms", (double)(step->at_us - first_us) / 1e3);
    json_put_text(w, "job_id", step->job_id);
    json_put_text(w, "kind", step->kind);
    json_put_text(w, "step", step->step);
    json_put_int(w, "attempt", step->attempt);
    json_put_text(w, "worker", step->worker);
    json_put_text(w, "worker_id", step->worker_id);
    json_put_text(w, "node", step->node);
    json_put_text(w, "reason", step->reason);
    json_put_text(w, "detail", step->detail);
    json_end_object(w);
}

static void write_json(struct buf *out, const struct trace *trace, int64_t first_us)
{
    struct json_writer w = json_writer(out);
    json_begin_object(&w, NULL);
    json_put_text(&w, "request_id", trace->request_id);
    json_begin_array(&w, "steps");
    for (size_t i = 0; i < trace->count; i++)
        put_step(&w, trace->steps[i], first_us);
    json_end_array(&w);
    json_put_int(&w, "total", trace->total);
    json_begin_array(&w, "open");
    for (size_t i = 0; i < trace->stored.open.count; i++)
        put_step(&w, &trace->stored.open.list[i], first_us);
    json_end_array(&w);
    json_put_int(&w, "open_total", trace->stored.open.total);
    json_put_bool(&w, "jobs_cut", trace->stored.jobs_cut);
    json_end_object(&w);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void add_part(struct buf *out, const char *before, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    buf_add_text(out, before);
    show_clean(out, text);
}

static void add_cell(struct buf *out, const char *text, int width)
{
    struct buf cell;
    buf_init(&cell, SESSION_OUTPUT_BYTES);
    show_clean(&cell, text != NULL ? text : "-");
    buf_addf(out, "  %-*s", width, cell.len > 0 ? cell.data : "");
    buf_fini(&cell);
}

static void write_step(struct buf *out, const struct trace_step *step, int64_t first_us)
{
    char at[CLOCK_TEXT_SIZE] = "-";
    clock_format(step->at_us / 1000, at);
    buf_addf(out, "%s  %+11.3f s", at, (double)(step->at_us - first_us) / 1e6);
    add_cell(out, step->kind, 8);
    add_cell(out, step->step, 13);
    add_cell(out, step->job_id, 36);
    if (step->attempt > 0)
        buf_addf(out, "  attempt %lld", (long long)step->attempt);
    add_part(out, "  ", step->worker);
    add_part(out, " on ", step->node);
    add_part(out, " ", step->worker_id);
    add_part(out, "  ", step->reason);
    add_part(out, "  ", step->detail);
    buf_add_char(out, '\n');
}

static void write_cut(struct buf *out, const char *what, int64_t total, size_t shown)
{
    if (total > (int64_t)shown)
        buf_addf(out, "%lld more %s are not shown; --limit says how many are\n",
                 (long long)total - (long long)shown, what);
}

static void write_lines(struct buf *out, const struct trace *trace, int64_t first_us)
{
    const struct trace_found *stored = &trace->stored;
    for (size_t i = 0; i < trace->count; i++)
        write_step(out, trace->steps[i], first_us);
    write_cut(out, "steps", trace->total, trace->count);
    if (stored->jobs_cut)
        buf_addf(out, "more than %d jobs belong to it; the others were not looked at\n", TRACE_JOBS_MAX);
    buf_add_text(out, stored->open.count > 0 ? "still open:\n" : "nothing is open\n");
    for (size_t i = 0; i < stored->open.count; i++)
        write_step(out, &stored->open.list[i], first_us);
    write_cut(out, "open ones", stored->open.total, stored->open.count);
}

enum err_code verb_trace(struct session *session, struct err *err)
{
    struct trace trace = {.request_id = session->args[0], .limit = LIMIT_DEFAULT};
    struct buf out;
    size_t len = strlen(trace.request_id);
    if (len == 0 || len > ID_MAX)
        return fail(err, E_USAGE, "the id of a request has 1 to %d characters", ID_MAX);
    enum err_code code = option_number(&session->options, OPTION_LIMIT, 1, LIMIT_MAX, &trace.limit, err);
    if (code == E_OK)
        code = collect(session, &trace, err);
    if (code != E_OK)
        return code;
    int64_t first_us = trace.count > 0 ? trace.steps[0]->at_us : 0;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    if (session_json(session))
        write_json(&out, &trace, first_us);
    else
        write_lines(&out, &trace, first_us);
    code = session_print(&out, err);
    buf_fini(&out);
    return code;
}
