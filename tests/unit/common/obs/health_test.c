/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/health.h"

#include "common/base/clock.h"
#include "common/obs/report.h"
#include "tests/support/suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static atomic_bool there = true;
static atomic_bool full;
static atomic_int calls;
static struct
{
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool hangs;
} door = {.lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER};

static enum err_code probe(void *of, struct err *err)
{
    (void)of;
    atomic_fetch_add(&calls, 1);
    pthread_mutex_lock(&door.lock);
    while (door.hangs)
        pthread_cond_wait(&door.opened, &door.lock);
    pthread_mutex_unlock(&door.lock);
    if (atomic_load(&full))
        return err_set(err, E_DISK_FULL, __FILE__, __LINE__, "it is full");
    return atomic_load(&there) ? E_OK : err_set(err, E_DATABASE, __FILE__, __LINE__, "it is gone");
}

static void hang(bool hangs)
{
    pthread_mutex_lock(&door.lock);
    door.hangs = hangs;
    pthread_cond_broadcast(&door.opened);
    pthread_mutex_unlock(&door.lock);
}

static struct health *make(void)
{
    struct health *health = health_new();
    health_watch(health, HEALTH_DATABASE, probe, NULL);
    ck_assert(!health_up(health, HEALTH_DATABASE));
    health_start(health);
    health_await(health, 5000);
    return health;
}

/* How long it took until the database counted as `up`; fails after 10 s. */
static int64_t await_up(struct health *health, bool up)
{
    int64_t began_ms = clock_mono_ms();
    while (health_state(health, HEALTH_DATABASE).up != up)
        ck_assert_int_lt(clock_mono_ms() - began_ms, 10000);
    return clock_mono_ms() - began_ms;
}

/* req: S323 */
START_TEST(health__needs_two_misses_and_one_hit)
{
    struct health *health = make();
    ck_assert(health_up(health, HEALTH_DATABASE));
    ck_assert_int_gt(health_state(health, HEALTH_DATABASE).checked_ms, 0);
    atomic_store(&there, false);
    int64_t took_ms = await_up(health, false);
    ck_assert_int_ge(took_ms, 500);
    ck_assert_int_lt(took_ms, 4000);
    ck_assert_str_eq(health_state(health, HEALTH_DATABASE).error, "it is gone");
    atomic_store(&there, true);
    ck_assert_int_lt(await_up(health, true), 2500);
    ck_assert_str_eq(health_state(health, HEALTH_DATABASE).error, "");
    health_stop(health);
    health_free(health);
}
END_TEST

START_TEST(health__asks_at_once_when_somebody_saw_a_miss)
{
    struct health *health = make();
    atomic_store(&there, false);
    health_saw(health, HEALTH_DATABASE, E_DATABASE);
    ck_assert_int_lt(await_up(health, false), 900);
    health_stop(health);
    health_free(health);
}
END_TEST

START_TEST(health__does_not_take_one_cut_connection_for_an_outage)
{
    struct health *health = make();
    for (int i = 0; i < 10; i++)
        health_saw(health, HEALTH_DATABASE, E_DATABASE);
    int before = atomic_load(&calls);
    int64_t until_ms = clock_mono_ms() + 10000;
    while (atomic_load(&calls) < before + 2)
    {
        ck_assert(health_state(health, HEALTH_DATABASE).up);
        ck_assert_int_lt(clock_mono_ms(), until_ms);
    }
    health_stop(health);
    health_free(health);
}
END_TEST

/* A frozen server answers nothing at all: within 5 s it counts as away. */
START_TEST(health__counts_a_probe_that_hangs_as_missed)
{
    struct health *health = make();
    hang(true);
    ck_assert_int_lt(await_up(health, false), 5000);
    hang(false);
    await_up(health, true);
    health_stop(health);
    health_free(health);
}
END_TEST

START_TEST(health__stops_though_a_probe_hangs)
{
    static struct health *health; /* still held at the end, as its thread may be: no leak */
    health = make();
    int before = atomic_load(&calls);
    hang(true);
    while (atomic_load(&calls) == before)
        health_state(health, HEALTH_DATABASE);
    int64_t began_ms = clock_mono_ms();
    health_stop(health);
    ck_assert_int_lt(clock_mono_ms() - began_ms, 4500);
    health_free(health); /* keeps what the thread that was left behind still looks at */
    hang(false);
}
END_TEST

START_TEST(report__calls_what_is_full_degraded_and_fit_for_work)
{
    struct health *health = make();
    struct report report = {.health = health, .started_ms = clock_mono_ms()};
    struct buf out;
    buf_init(&out, 65536);
    atomic_store(&full, true);
    for (int64_t began_ms = clock_mono_ms(); !health_state(health, HEALTH_DATABASE).impaired;)
        ck_assert_int_lt(clock_mono_ms() - began_ms, 10000);
    ck_assert(health_state(health, HEALTH_DATABASE).up);
    ck_assert_int_eq(report_ready(&report, &out), REPORT_GOOD);
    buf_clear(&out);
    ck_assert_int_eq(report_deep(&report, &out), REPORT_GOOD);
    ck_assert_ptr_nonnull(strstr(out.data, "{\"status\":\"degraded\""));
    ck_assert_ptr_nonnull(strstr(out.data, "\"error\":\"it is full\""));
    atomic_store(&full, false);
    for (int64_t began_ms = clock_mono_ms(); health_state(health, HEALTH_DATABASE).impaired;)
        ck_assert_int_lt(clock_mono_ms() - began_ms, 10000);
    ck_assert_str_eq(health_state(health, HEALTH_DATABASE).error, "");
    buf_fini(&out);
    health_stop(health);
    health_free(health);
}
END_TEST

/* req: S289 S322 part: A44 J19 */
START_TEST(report__tells_up_down_and_draining)
{
    struct health *health = make();
    struct report report = {.health = health, .started_ms = clock_mono_ms(), .requests = 1000, .errors = 4};
    struct buf out;
    buf_init(&out, 65536);
    ck_assert_int_eq(report_health(&report, &out), REPORT_GOOD);
    ck_assert_ptr_nonnull(strstr(out.data, "{\"status\":\"healthy\",\"timestamp\":\"20"));
    ck_assert_ptr_nonnull(
        strstr(out.data, "\"requests\":1000,\"errors\":4,\"error_rate\":\"0.40%\",\"database\":\"up\""));
    buf_clear(&out);
    ck_assert_int_eq(report_ready(&report, &out), REPORT_GOOD);
    ck_assert_str_eq(out.data, "{\"ready\":true,\"draining\":false,\"services\":{\"database\":true}}");
    buf_clear(&out);
    ck_assert_int_eq(report_deep(&report, &out), REPORT_GOOD);
    ck_assert_ptr_nonnull(
        strstr(out.data, "\"redis\":{\"status\":\"unknown\",\"latency_ms\":null,\"error\":null}"));

    atomic_store(&there, false);
    await_up(health, false);
    buf_clear(&out);
    ck_assert_int_eq(report_health(&report, &out), REPORT_BAD);
    ck_assert_ptr_nonnull(strstr(out.data, "\"status\":\"unhealthy\""));
    buf_clear(&out);
    ck_assert_int_eq(report_deep(&report, &out), REPORT_BAD);
    ck_assert_ptr_nonnull(strstr(out.data, "\"error\":\"it is gone\""));
    atomic_store(&there, true);
    await_up(health, true);

    health_drain(health);
    ck_assert(health_draining(health));
    buf_clear(&out);
    ck_assert_int_eq(report_health(&report, &out), REPORT_BAD);
    ck_assert_int_eq(report_ready(&report, &out), REPORT_BAD);
    buf_clear(&out);
    ck_assert_int_eq(report_live(&report, &out), REPORT_GOOD);
    buf_fini(&out);
    health_stop(health);
    health_free(health);
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {health__needs_two_misses_and_one_hit, 1},
        {health__asks_at_once_when_somebody_saw_a_miss, 1},
        {health__does_not_take_one_cut_connection_for_an_outage, 1},
        {health__counts_a_probe_that_hangs_as_missed, 1},
        {health__stops_though_a_probe_hangs, 1},
        {report__calls_what_is_full_degraded_and_fit_for_work, 1},
        {report__tells_up_down_and_draining, 1},
    };
    return suite_run("health", cases, sizeof cases / sizeof cases[0]);
}
