/* SPDX-License-Identifier: Apache-2.0 */
#include "common/obs/metrics.h"

#include "tests/support/suite.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct buf text;

static bool says_as(enum metrics_format format, const char *what)
{
    buf_init(&text, 4 << 20);
    metrics_write(&text, format, "sokoul-test");
    bool there = !text.failed && strstr(text.data, what) != NULL;
    buf_fini(&text);
    return there;
}

static bool says(const char *what)
{
    return says_as(METRICS_PROMETHEUS, what);
}

/* req: S314 part: S316 */
START_TEST(metrics__count_by_labels)
{
    const char *get[] = {"GET", "/jobs/{id}", "200"};
    const char *post[] = {"POST", "/jobs", "202"};
    metrics_count(METRIC_API_REQUESTS, get);
    metrics_count(METRIC_API_REQUESTS, get);
    metrics_count(METRIC_API_REQUESTS, post);
    ck_assert(says("# TYPE sokoul_api_requests_total counter\n"));
    ck_assert(says("sokoul_api_requests_total{method=\"GET\",route=\"/jobs/{id}\",status=\"200\"} 2\n"));
    ck_assert(says("sokoul_api_requests_total{method=\"POST\",route=\"/jobs\",status=\"202\"} 1\n"));
    ck_assert_uint_eq(metrics_value(METRIC_API_REQUESTS), 3);
}
END_TEST

START_TEST(metrics__escape_what_a_label_holds)
{
    const char *labels[] = {"a\"b", "c\\d", "e\nf"};
    metrics_count(METRIC_WORKER_JOBS, labels);
    ck_assert(says("{worker=\"a\\\"b\",kind=\"c\\\\d\",outcome=\"e\\nf\"} 1\n"));
}
END_TEST

START_TEST(metrics__do_not_grow_with_hostile_labels)
{
    for (int i = 0; i < METRICS_MAX_SERIES + 100; i++)
    {
        char route[32];
        snprintf(route, sizeof route, "/%d", i);
        const char *labels[] = {"GET", route, "200"};
        metrics_count(METRIC_API_REQUESTS, labels);
    }
    ck_assert(says("{method=\"other\",route=\"other\",status=\"other\"} 100\n"));
    ck_assert(!says("route=\"/600\""));
    ck_assert_uint_eq(metrics_value(METRIC_API_REQUESTS), METRICS_MAX_SERIES + 100);
    char huge[4096];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    const char *labels[] = {huge, "a", "b"};
    metrics_count(METRIC_WORKER_JOBS, labels);
    ck_assert(says("sokoul_worker_jobs_total{worker=\"other\",kind=\"other\",outcome=\"other\"} 1\n"));
}
END_TEST

/* req: S315 C24 part: C25 */
START_TEST(metrics__sort_times_into_buckets)
{
    metrics_observe(METRIC_SHUTDOWN_SECONDS, 0.75);
    metrics_observe(METRIC_SHUTDOWN_SECONDS, 100);
    metrics_observe(METRIC_SHUTDOWN_SECONDS, -1);
    ck_assert(says("# TYPE app_shutdown_duration_seconds histogram\n"));
    ck_assert(says("app_shutdown_duration_seconds_bucket{le=\"0.5\"} 1\n"));
    ck_assert(says("app_shutdown_duration_seconds_bucket{le=\"1.0\"} 2\n"));
    ck_assert(says("app_shutdown_duration_seconds_bucket{le=\"60.0\"} 2\n"));
    ck_assert(says("app_shutdown_duration_seconds_bucket{le=\"+Inf\"} 3\n"));
    ck_assert(says("app_shutdown_duration_seconds_sum 100.750000\napp_shutdown_duration_seconds_count 3\n"));
}
END_TEST

static double seven(void *of)
{
    (void)of;
    return 7;
}

/* part: S318 */
START_TEST(metrics__read_what_others_know)
{
    ck_assert(!says("sokoul_db_connections_active"));
    metrics_read(METRIC_DB_CONNECTIONS, seven, NULL);
    metrics_read(METRIC_DB_WAITS, seven, NULL);
    ck_assert(says("sokoul_db_connections_active 7\n"));
    ck_assert(says("sokoul_db_pool_waits_total 7\n"));
    metrics_read(METRIC_DB_CONNECTIONS, NULL, NULL);
    ck_assert(!says("sokoul_db_connections_active"));
    metrics_set(METRIC_JOBS_PENDING, 2.5);
    ck_assert(says("sokoul_jobs_pending 2.5\n"));
    metrics_add(METRIC_DLQ, 3);
    ck_assert(says("sokoul_dlq_total 3\n"));
}
END_TEST

START_TEST(metrics__tell_of_the_process)
{
    ck_assert(says("sokoul_build_info{version=\"" SOKOUL_VERSION "\",service=\"sokoul-test\"} 1\n"));
    ck_assert(says("process_resident_memory_bytes "));
    ck_assert(says("process_cpu_seconds_total "));
    ck_assert(says("process_start_time_seconds "));
    ck_assert(says("process_open_fds "));
}
END_TEST

static void *count_many(void *of)
{
    (void)of;
    for (int i = 0; i < 10000; i++)
    {
        char route[32];
        snprintf(route, sizeof route, "/%d", i % 50);
        const char *labels[] = {"GET", route, "200"};
        metrics_count(METRIC_API_REQUESTS, labels);
    }
    return NULL;
}

START_TEST(metrics__lose_nothing_between_threads)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert(says("sokoul_api_requests_total{method=\"GET\",route=\"/7\",status=\"200\"} 800\n"));
    ck_assert_uint_eq(metrics_value(METRIC_API_REQUESTS), 40000);
}
END_TEST

START_TEST(metrics__keep_gauges_by_label)
{
    ck_assert(!says("sokoul_torrents"));
    metrics_set_of(METRIC_TORRENTS, (const char *[]){"seeding"}, 7);
    metrics_set_of(METRIC_TORRENTS, (const char *[]){"stalled"}, 2.5);
    metrics_set_of(METRIC_TORRENTS, (const char *[]){"seeding"}, 3);
    ck_assert(says("# TYPE sokoul_torrents gauge\n"));
    ck_assert(says("sokoul_torrents{state=\"seeding\"} 3\n"));
    ck_assert(says("sokoul_torrents{state=\"stalled\"} 2.5\n"));
}
END_TEST

/* A rate needs two points, the first of them before anything has happened. */
START_TEST(metrics__show_at_nought_what_is_expected)
{
    const char *labels[] = {"TMDB", "timeout"};
    ck_assert(!says("sokoul_provider_calls_total{"));
    metrics_expect(METRIC_PROVIDER_CALLS, labels);
    ck_assert(says("sokoul_provider_calls_total{provider=\"TMDB\",outcome=\"timeout\"} 0\n"));
    metrics_count(METRIC_PROVIDER_CALLS, labels);
    metrics_expect(METRIC_PROVIDER_CALLS, labels);
    ck_assert(says("sokoul_provider_calls_total{provider=\"TMDB\",outcome=\"timeout\"} 1\n"));
}
END_TEST

START_TEST(metrics__are_openmetrics_for_who_asks)
{
    ck_assert_int_eq(metrics_format_of(NULL), METRICS_PROMETHEUS);
    ck_assert_int_eq(metrics_format_of("text/plain;version=0.0.4, */*"), METRICS_PROMETHEUS);
    ck_assert_int_eq(metrics_format_of("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
                     METRICS_OPENMETRICS);
    metrics_add(METRIC_DLQ, 3);
    ck_assert(says_as(METRICS_OPENMETRICS, "# TYPE sokoul_dlq counter\nsokoul_dlq_total 3\n"));
    ck_assert(says_as(METRICS_OPENMETRICS, "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total "));
    ck_assert(says_as(METRICS_OPENMETRICS, "\n# EOF\n"));
    ck_assert(!says("# EOF"));
}
END_TEST

START_TEST(metrics__name_a_request_for_a_bucket)
{
    metrics_observe_for(METRIC_API_REQUEST_SECONDS, 3, "req-\"slow");
    metrics_observe_for(METRIC_API_REQUEST_SECONDS, 4, "too soon after the first");
    metrics_observe_for(METRIC_API_REQUEST_SECONDS, 9000, "req-last");
    metrics_observe_for(METRIC_API_REQUEST_SECONDS, 0.2, NULL);
    metrics_observe_for(METRIC_API_REQUEST_SECONDS, 0.2, "");
    ck_assert(says_as(METRICS_OPENMETRICS, "le=\"5.0\"} 4 # {request_id=\"req-\\\"slow\"} 3 "));
    ck_assert(says_as(METRICS_OPENMETRICS, "le=\"+Inf\"} 5 # {request_id=\"req-last\"} 9000 "));
    ck_assert(says_as(METRICS_OPENMETRICS, "le=\"0.25\"} 2\n"));
    ck_assert(!says("req-last"));
}
END_TEST

int main(void)
{
    const struct suite_case cases[] = {
        {metrics__count_by_labels, 1},
        {metrics__escape_what_a_label_holds, 1},
        {metrics__do_not_grow_with_hostile_labels, 1},
        {metrics__sort_times_into_buckets, 1},
        {metrics__read_what_others_know, 1},
        {metrics__tell_of_the_process, 1},
        {metrics__lose_nothing_between_threads, 1},
        {metrics__keep_gauges_by_label, 1},
        {metrics__show_at_nought_what_is_expected, 1},
        {metrics__are_openmetrics_for_who_asks, 1},
        {metrics__name_a_request_for_a_bucket, 1},
    };
    return suite_run("metrics", cases, sizeof cases / sizeof cases[0]);
}
