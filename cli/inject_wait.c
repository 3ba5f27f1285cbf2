/* SPDX-License-Identifier: Apache-2.0 */
/* job inject: waiting, progress, report. */
#include "cli/inject.h"
#include "common/base/clock.h"
#include "common/json/write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum
{
    LOOK_MIN_MS = 10,
    LOOK_MAX_MS = 1000,
    LOOK_SHARE = 20, /* at most one part in so many of the time is spent on looking */
    PROGRESS_MS = 200
};

void inject_progress(const struct inject *inject)
{
    static int64_t shown_ms;
    if (isatty(STDERR_FILENO) == 0 || clock_mono_ms() - shown_ms < PROGRESS_MS)
        return;
    shown_ms = clock_mono_ms();
    fprintf(stderr, "\r\033[K%zu of %zu accepted", inject->sent, inject->count);
    if (inject_is_waiting(inject))
        fprintf(stderr, ", %" PRId64 " completed, %" PRId64 " failed", inject->counts.completed,
                inject->counts.failed);
}

void inject_progress_end(void)
{
    if (isatty(STDERR_FILENO) != 0)
        fputs("\r\033[K", stderr);
}

static enum err_code look(struct inject *inject, struct err *err)
{
    struct db *db = NULL;
    struct inject_batch batch = inject_batch(inject, 0, inject->count);
    enum err_code code = session_db(inject->session, &db, err);
    if (code == E_OK)
        code = inject_store_count(db, &batch, &inject->counts, err);
    return code;
}

static bool is_over(const struct inject *inject)
{
    const struct inject_counts *counts = &inject->counts;
    int64_t over = counts->completed + counts->failed;
    if (over >= (int64_t)inject->count)
        return true;
    /* An accepted job without a row was deleted with its user. */
    return !inject_is_raw(inject) && counts->total == over;
}

static void sleep_ms(int64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* One look; during an outage it is repeated. */
static enum err_code look_patiently(struct inject *inject, int64_t until_ms, struct err *err)
{
    int64_t outage_ms = clock_mono_ms() + INJECT_OUTAGE_MS;
    int wait_ms = 0;
    enum err_code code = look(inject, err);
    while (session_may_pass(code))
    {
        session_db_drop(inject->session);
        if (!session_back_off(&wait_ms, outage_ms < until_ms ? outage_ms : until_ms))
            break;
        code = look(inject, err);
    }
    return code;
}

enum err_code inject_wait(struct inject *inject, struct err *err)
{
    const int64_t until_ms = inject->wait_s > 0 ? clock_mono_ms() + inject->wait_s * 1000 : INT64_MAX;
    for (;;)
    {
        int64_t before_ms = clock_mono_ms();
        enum err_code code = look_patiently(inject, until_ms, err);
        if (code != E_OK || is_over(inject))
            return code;
        inject_progress(inject);
        int64_t now_ms = clock_mono_ms();
        int64_t over = inject->counts.completed + inject->counts.failed;
        if (now_ms >= until_ms)
            return fail(err, E_STALLED, "%" PRId64 " of %zu jobs are not over after %" PRId64 " s",
                        (int64_t)inject->count - over, inject->count, inject->wait_s);
        int64_t pause_ms = (now_ms - before_ms) * LOOK_SHARE;
        pause_ms = pause_ms < LOOK_MIN_MS ? LOOK_MIN_MS : pause_ms > LOOK_MAX_MS ? LOOK_MAX_MS : pause_ms;
        sleep_ms(pause_ms < until_ms - now_ms ? pause_ms : until_ms - now_ms);
    }
}

/* ---- report ----------------------------------------------------------------------------------- */

static double round_to_us(double ms)
{
    return round(ms * 1000) / 1000;
}

/* The writer makes null of a number that is not finite: nothing was measured. */
static void put_percentiles(struct json_writer *w, const char *name, const double ms[INJECT_PERCENTILES])
{
    static const char *const names[] = {"p50", "p95", "p99"};
    json_begin_object(w, name);
    for (size_t i = 0; i < INJECT_PERCENTILES; i++)
        json_put_number(w, names[i], round_to_us(ms[i]));
    json_end_object(w);
}

static double rate_of(double count, double seconds)
{
    return seconds > 0 ? round_to_us(count / seconds) : 0;
}

static void put_ids(struct json_writer *w, const struct inject *inject)
{
    json_begin_array(w, "ids");
    for (size_t i = 0; i < inject->count; i++)
        json_put_text(w, NULL, inject->ids[i].text);
    json_end_array(w);
}

static void write_json(const struct inject *inject, const struct inject_times *times, struct buf *out)
{
    struct json_writer w = json_writer(out);
    bool waited = inject_is_waiting(inject);
    double over = waited ? (double)(inject->counts.completed + inject->counts.failed) : (double)inject->count;
    double seconds = waited ? times->seconds : inject->sending_s;
    json_begin_object(&w, NULL);
    json_put_int(&w, "count", (int64_t)inject->count);
    json_put_int(&w, "completed", inject->counts.completed);
    json_put_int(&w, "failed", inject->counts.failed);
    json_put_number(&w, "seconds", round_to_us(seconds));
    json_put_number(&w, "rate", rate_of(over, seconds));
    put_percentiles(&w, "latency_ms", times->latency_ms);
    put_percentiles(&w, "pickup_ms", times->pickup_ms);
    if (!waited)
        put_ids(&w, inject);
    json_end_object(&w);
}

static void say_percentiles(struct buf *out, const char *what, const double ms[INJECT_PERCENTILES])
{
    if (isfinite(ms[0]))
        buf_addf(out, "%-15s  p50 %.1f ms, p95 %.1f ms, p99 %.1f ms\n", what, ms[0], ms[1], ms[2]);
}

static void write_words(const struct inject *inject, const struct inject_times *times, struct buf *out)
{
    if (!inject_is_waiting(inject))
    {
        for (size_t i = 0; i < inject->count; i++)
            buf_addf(out, "%s\n", inject->ids[i].text);
        return;
    }
    double over = (double)(inject->counts.completed + inject->counts.failed);
    buf_addf(out, "%zu jobs: %" PRId64 " completed, %" PRId64 " failed in %.3f s, %.1f per second\n",
             inject->count, inject->counts.completed, inject->counts.failed, times->seconds,
             rate_of(over, times->seconds));
    say_percentiles(out, "accept to end", times->latency_ms);
    say_percentiles(out, "accept to start", times->pickup_ms);
}

static enum err_code read_times(struct inject *inject, struct inject_times *times, struct err *err)
{
    const int64_t until_ms = clock_mono_ms() + INJECT_OUTAGE_MS;
    struct inject_batch batch = inject_batch(inject, 0, inject->count);
    int wait_ms = 0;
    enum err_code code = E_OK;
    do
    {
        struct db *db = NULL;
        code = session_db(inject->session, &db, err);
        if (code == E_OK)
            code = inject_store_times(db, &batch, times, err);
        if (!session_may_pass(code))
            break;
        session_db_drop(inject->session);
    } while (session_back_off(&wait_ms, until_ms));
    return code;
}

enum err_code inject_report(struct inject *inject, struct err *err)
{
    struct inject_times times = inject_times_none();
    struct buf out;
    enum err_code code = inject_is_waiting(inject) ? read_times(inject, &times, err) : E_OK;
    if (code != E_OK)
        return code;
    if (inject_is_waiting(inject) && inject->counts.completed != (int64_t)inject->count)
        inject->session->verdict = VERDICT_BAD;
    buf_init(&out, SESSION_OUTPUT_BYTES);
    if (session_json(inject->session))
        write_json(inject, &times, &out);
    else
        write_words(inject, &times, &out);
    code = session_print(&out, err);
    buf_fini(&out);
    return code;
}
